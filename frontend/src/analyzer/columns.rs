//! Names to columns (`transformColumnRef`), and PostgreSQL's hints when there is none.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind, FunctionRef, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::ColumnRef;
use types::oids;
use types::{PgError, Result, SqlState};

use super::coerce::plain;
use super::raw;
use super::state::{Analyzer, Clause, ColumnMention, Location, NamespaceItem, at, error};
use crate::catalog::dependency::classes;
use crate::catalog::{ObjectRef, RelationKind};

impl Analyzer<'_> {
    /// Resolves a column reference.
    pub(super) fn column_ref(&mut self, reference: &ColumnRef) -> Result<Expr> {
        let location = at(reference.location);
        if self.level().clause == super::state::Clause::Default {
            let message = "cannot use column reference in DEFAULT expression";
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
        }
        let star =
            matches!(reference.fields.last().and_then(|field| field.node.as_ref()), Some(NodeEnum::AStar(_)));
        let names = raw::strings(&reference.fields);
        if star {
            return match names.as_slice() {
                [relation] => self.whole_row(None, relation, location),
                [schema, relation] => self.whole_row(Some(schema), relation, location),
                _ => Err(error(
                    SqlState::SYNTAX_ERROR,
                    "row expansion via \"*\" is not supported here",
                    location,
                )),
            };
        }
        match names.as_slice() {
            [column] => {
                if let Some(found) = self.find_column(column, location)? {
                    return Ok(found);
                }
                if let Some(found) = self.find_system_column(column, location)? {
                    return Ok(found);
                }
                if self.find_item(None, column, location)?.is_some() {
                    return self.whole_row(None, column, location);
                }
                Err(self.missing_column(None, column).at(location))
            }
            [relation, column] => self.qualified(None, relation, column, location),
            [schema, relation, column] => self.qualified(Some(schema), relation, column, location),
            [_, schema, relation, column] => self.qualified(Some(schema), relation, column, location),
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", names.join("."));
                Err(error(SqlState::SYNTAX_ERROR, message, location))
            }
        }
    }

    /// Finds an unqualified column, innermost level first.
    pub(super) fn find_column(&mut self, name: &str, location: Location) -> Result<Option<Expr>> {
        for depth in (0..self.levels.len()).rev() {
            let level = &self.levels[depth];
            let mut found: Option<&Expr> = None;
            let items = level.items.iter().enumerate();
            for (position, item) in
                items.filter(|(_, item)| item.columns_visible && visible(item, level.lateral_active))
            {
                for column in item.columns.iter().filter(|column| column.name == name) {
                    if found.is_some() {
                        let message = format!("column reference \"{name}\" is ambiguous");
                        return Err(error(SqlState::AMBIGUOUS_COLUMN, message, location));
                    }
                    if item.lateral_only && position < level.changed_items {
                        return Err(changed_from(item.alias.as_deref().unwrap_or_default()).at(location));
                    }
                    found = Some(&column.expr);
                }
            }
            if let Some(expr) = found.cloned() {
                self.mention(&expr, location);
                return self.in_place(expr).map(Some);
            }
        }
        Ok(None)
    }

    /// Returns (level, item) of a relation name.
    fn find_item(
        &self,
        schema: Option<&str>,
        name: &str,
        location: Location,
    ) -> Result<Option<(usize, usize)>> {
        let schema = schema.map(|schema| self.context.catalog.schema_oid(schema).unwrap_or(0));
        for depth in (0..self.levels.len()).rev() {
            let level = &self.levels[depth];
            let mut found = None;
            for (position, item) in level.items.iter().enumerate() {
                let named = item.table_visible && item.alias.as_deref() == Some(name);
                if !named || schema.is_some_and(|schema| item.schema != Some(schema)) {
                    continue;
                }
                if !visible(item, level.lateral_active) {
                    return Err(self.missing_from(name).at(location));
                }
                if item.lateral_only && position < level.changed_items {
                    return Err(changed_from(name).at(location));
                }
                if found.is_some() {
                    let message = format!("table reference \"{name}\" is ambiguous");
                    return Err(error(SqlState::AMBIGUOUS_ALIAS, message, location));
                }
                found = Some((depth, position));
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Returns the item that `schema.name.*` names.
    pub(super) fn item_named(
        &self,
        schema: Option<&str>,
        name: &str,
        location: Location,
    ) -> Result<NamespaceItem> {
        match self.find_item(schema, name, location)? {
            Some((depth, position)) => Ok(self.levels[depth].items[position].clone()),
            None => Err(self.missing_from(name).at(location)),
        }
    }

    fn qualified(
        &mut self,
        schema: Option<&str>,
        relation: &str,
        column: &str,
        location: Location,
    ) -> Result<Expr> {
        let Some((depth, position)) = self.find_item(schema, relation, location)? else {
            return Err(self.missing_from(relation).at(location));
        };
        let item = &self.levels[depth].items[position];
        let mut named = item.columns.iter().filter(|known| known.name == column);
        if let Some(found) = named.next() {
            if named.next().is_some() {
                let message = format!("column reference \"{column}\" is ambiguous");
                return Err(error(SqlState::AMBIGUOUS_COLUMN, message, location));
            }
            let expr = found.expr.clone();
            self.mention(&expr, location);
            return self.in_place(expr);
        }
        if is_system_column(column) {
            let item = item.clone();
            if let Some(found) = self.system_column(&item, column, location)? {
                return Ok(found);
            }
        }
        Err(self.missing_column(Some(relation), column).at(location))
    }

    /// Builds the whole row of a relation.
    fn whole_row(&mut self, schema: Option<&str>, name: &str, location: Location) -> Result<Expr> {
        let item = self.item_named(schema, name, location)?;
        if item.scalar_function
            && let Some(column) = item.columns.first()
        {
            self.mention(&column.expr, location);
            return Ok(column.expr.clone());
        }
        let mut fields: Vec<Expr> = Vec::with_capacity(item.columns.len());
        for column in &item.columns {
            fields.push(self.in_place(column.expr.clone())?);
        }
        let names = item.columns.iter().map(|column| column.name.clone()).collect();
        fields.iter().for_each(|field| self.mention(field, location));
        let row = Expr { kind: ExprKind::Row(fields, names), ty: plain(oids::RECORD) };
        // OLD and NEW are NULL as a whole where there is no such row.
        let Some(xmax) = item.system.filter(|system| system.nullable).and_then(|system| system.xmax) else {
            return Ok(row);
        };
        let xmax = Expr::column(xmax, plain(oids::XID));
        let absent = ExprKind::IsNull { arg: Box::new(xmax), negated: false };
        let absent = Expr { kind: absent, ty: plain(oids::BOOL) };
        let null = Expr::constant(types::Datum::Null, row.ty);
        let ty = row.ty;
        Ok(Expr {
            kind: ExprKind::Case { operand: None, arms: vec![(absent, null)], otherwise: Box::new(row) },
            ty,
        })
    }

    /// Finds an unqualified system column, innermost level first.
    fn find_system_column(&mut self, name: &str, location: Location) -> Result<Option<Expr>> {
        if !is_system_column(name) {
            return Ok(None);
        }
        self.refuse_system_column(name, location)?;
        for depth in (0..self.levels.len()).rev() {
            let level = &self.levels[depth];
            let items: Vec<NamespaceItem> = level
                .items
                .iter()
                .filter(|item| {
                    item.columns_visible && item.relation.is_some() && visible(item, level.lateral_active)
                })
                .cloned()
                .collect();
            let mut found = None;
            for item in &items {
                if let Some(expr) = self.system_column(item, name, location)? {
                    if found.is_some() {
                        let message = format!("column reference \"{name}\" is ambiguous");
                        return Err(error(SqlState::AMBIGUOUS_COLUMN, message, location));
                    }
                    found = Some(expr);
                }
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Refuses system columns in what is kept with a table.
    fn refuse_system_column(&self, name: &str, location: Location) -> Result<()> {
        let clause = self.levels.last().map(|level| level.clause);
        let invalid = |message| Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, location));
        match clause {
            Some(Clause::Check) if name != "tableoid" => {
                invalid(format!("system column \"{name}\" reference in check constraint is invalid"))
            }
            Some(Clause::Generated) if name != "tableoid" => {
                invalid(format!("cannot use system column \"{name}\" in column generation expression"))
            }
            Some(Clause::Index | Clause::IndexPredicate) => Err(PgError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "index creation on system columns is not supported",
            )),
            Some(Clause::Statistics) => Err(PgError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "statistics creation on system columns is not supported",
            )),
            _ => Ok(()),
        }
    }

    /// Returns a system column of a table.
    fn system_column(
        &mut self,
        item: &NamespaceItem,
        name: &str,
        location: Location,
    ) -> Result<Option<Expr>> {
        let Some(relation) = item.relation else { return Ok(None) };
        if name == "tableoid" {
            let value = types::Datum::I64(i64::from(relation));
            return Ok(Some(Expr::constant(value, plain(oids::OID))));
        }
        let kind = self.context.catalog.relation(relation).map(|relation| &relation.kind);
        let system = match (kind, item.system) {
            (Some(RelationKind::View { .. }), _) => return Ok(None),
            (Some(RelationKind::System), None)
                if crate::catalog::builtin::relations::is_system_table(relation) =>
            {
                return Ok(Some(catalog_column(name)));
            }
            (_, None) => return Ok(None),
            (_, Some(system)) => system,
        };
        let row_id = Expr::column(system.row_id, plain(oids::INT8));
        self.mention(&row_id, location);
        let table = Expr::constant(types::Datum::I64(i64::from(relation)), plain(oids::OID));
        let (prosrc, args, ty) = match name {
            "ctid" => ("surus_ctid", vec![row_id], oids::TID),
            "xmin" => ("surus_xmin", vec![table, row_id], oids::XID),
            "xmax" => ("surus_xmax", vec![table, row_id], oids::XID),
            // Both are one field of a row.
            _ => ("surus_command", vec![table, row_id], oids::CID),
        };
        let volatility = if args.len() == 1 { Volatility::Immutable } else { Volatility::Stable };
        Ok(Some(system_call(prosrc, name, args, volatility, ty)))
    }

    /// Records where columns are used.
    pub(super) fn mention(&mut self, expr: &Expr, location: Location) {
        let mut found = Vec::new();
        super::walk::columns(expr, &[], &mut found);
        for id in found {
            let source = self.sources.get(&id);
            if let Some((oid, column)) = source.and_then(|source| source.origin)
                && self.view_depth == 0
            {
                self.notes.uses.insert(ObjectRef { class: classes::RELATION, oid, column });
            }
            let level = source.map(|source| source.level);
            if let Some(level) = level.and_then(|level| self.levels.get_mut(level)) {
                level.mentions.push(ColumnMention { id, location, aggregated: false });
            }
        }
    }

    /// Makes the `42703` error, with the column that was perhaps meant.
    pub(super) fn missing_column(&self, relation: Option<&str>, column: &str) -> PgError {
        let message = match relation {
            None => format!("column \"{column}\" does not exist"),
            Some(relation) => format!("column {relation}.{column} does not exist"),
        };
        let missing = PgError::new(SqlState::UNDEFINED_COLUMN, message);
        let entries = self.levels.iter().rev().flat_map(|level| &level.range_table);
        let mut best = FuzzyMatch::default();
        for (alias, columns) in entries {
            let penalty = relation.map_or(0, |relation| levenshtein(relation, alias));
            for known in columns {
                if known == column && penalty == 0 {
                    return missing.with_detail(format!(
                        "There is a column named \"{column}\" in table \"{alias}\", but it cannot be referenced from this part of the query."
                    ));
                }
                best.consider(penalty, known, column, alias);
            }
        }
        match best.matches.as_slice() {
            [(alias, name)] => missing.with_hint(format!("Perhaps you meant to reference the column \"{alias}.{name}\".")),
            [(alias, name), (other, second)] => missing.with_hint(format!(
                "Perhaps you meant to reference the column \"{alias}.{name}\" or the column \"{other}.{second}\"."
            )),
            _ => missing,
        }
    }

    /// Makes the `42P01` error for a relation name that FROM does not have.
    pub(super) fn missing_from(&self, name: &str) -> PgError {
        let lateral = self
            .levels
            .iter()
            .flat_map(|level| level.items.iter().skip(level.changed_items))
            .any(|item| item.lateral_only && item.table_visible && item.alias.as_deref() == Some(name));
        let hidden =
            self.levels.iter().rev().flat_map(|level| &level.range_table).any(|(alias, _)| alias == name);
        if hidden {
            let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
            let missing = PgError::new(SqlState::UNDEFINED_TABLE, message).with_detail(format!(
                "There is an entry for table \"{name}\", but it cannot be referenced from this part of the query."
            ));
            if lateral {
                return missing
                    .with_hint("To reference that table, you must mark this subquery with LATERAL.");
            }
            return missing;
        }
        for item in self.levels.iter().rev().flat_map(|level| &level.items) {
            let real = item.relation.and_then(|oid| self.context.catalog.relation(oid));
            if let (Some(relation), Some(alias)) = (real, &item.alias)
                && relation.name == name
                && alias != name
            {
                let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
                return PgError::new(SqlState::UNDEFINED_TABLE, message)
                    .with_hint(format!("Perhaps you meant to reference the table alias \"{alias}\"."));
            }
        }
        PgError::new(SqlState::UNDEFINED_TABLE, format!("missing FROM-clause entry for table \"{name}\""))
    }
}

/// LATERAL that refers to the table which the statement changes (`check_lateral_ref_ok`).
fn changed_from(name: &str) -> PgError {
    let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
    let hint = format!(
        "There is an entry for table \"{name}\", but it cannot be referenced from this part of the query."
    );
    PgError::new(SqlState::INVALID_COLUMN_REFERENCE, message).with_hint(hint)
}

/// Returns a system column of a table of the catalog, whose rows have no places.
fn catalog_column(name: &str) -> Expr {
    let constant = |value, ty| Expr::constant(types::Datum::I64(value), plain(ty));
    match name {
        "xmin" => system_call("surus_catalog_xmin", name, Vec::new(), Volatility::Stable, oids::XID),
        "xmax" => constant(0, oids::XID),
        "ctid" => constant(0, oids::TID),
        _ => constant(0, oids::CID),
    }
}

/// Returns the `xmin` of a row of a table.
pub fn origin_of(table: types::Oid, row_id: ColumnId) -> Expr {
    let table = Expr::constant(types::Datum::I64(i64::from(table)), plain(oids::OID));
    let args = vec![table, Expr::column(row_id, plain(oids::INT8))];
    system_call("surus_xmin", "xmin", args, Volatility::Stable, oids::XID)
}

fn system_call(prosrc: &str, name: &str, args: Vec<Expr>, volatility: Volatility, ty: types::Oid) -> Expr {
    let function = FunctionRef { oid: 0, prosrc: prosrc.into(), name: name.into(), strict: true, volatility };
    Expr { kind: ExprKind::Call { function, args, input_collation: 0 }, ty: plain(ty) }
}

fn is_system_column(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid")
}

fn visible(item: &NamespaceItem, lateral_active: bool) -> bool {
    !item.lateral_only || lateral_active
}

/// The nearest names so far, as `updateFuzzyAttrMatchState` keeps them.
struct FuzzyMatch<'a> {
    distance: usize,
    matches: Vec<(&'a EcoString, &'a EcoString)>,
}

/// Names farther away are not offered.
const FUZZY_DISTANCE_MAX: usize = 3;

impl Default for FuzzyMatch<'_> {
    fn default() -> Self {
        Self { distance: FUZZY_DISTANCE_MAX + 1, matches: Vec::new() }
    }
}

impl<'a> FuzzyMatch<'a> {
    fn consider(&mut self, penalty: usize, known: &'a EcoString, wanted: &str, alias: &'a EcoString) {
        if penalty > self.distance {
            return;
        }
        let distance = levenshtein(known, wanted);
        if distance > wanted.len() / 2 {
            return;
        }
        let distance = distance + penalty;
        if distance < self.distance {
            self.distance = distance;
            self.matches = vec![(alias, known)];
        } else if distance == self.distance {
            if self.matches.len() >= 2 {
                self.matches.clear();
                self.distance = distance.saturating_sub(1);
            } else if !self.matches.is_empty() {
                self.matches.push((alias, known));
            }
        }
    }
}

/// Returns the edit distance.
fn levenshtein(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, character) in left.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (position, other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(character != *other);
            diagonal = row[position + 1];
            row[position + 1] = substituted.min(diagonal + 1).min(row[position] + 1);
        }
    }
    row[right.len()]
}
