//! Target lists: expansion of `*`, result names, and the rules by which ORDER BY, GROUP BY and DISTINCT ON find their
//! columns (`findTargetlistEntrySQL92`, `findTargetlistEntrySQL99`).

use ecow::EcoString;
use executor::expr::{Expr, ExprKind};
use executor::plan::SortKey;
use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnRef, Node, SortBy, SortByDir, SortByNulls};
use types::{Oid, Result, SqlState};

use super::raw;
use super::select::{Target, TargetSort};
use super::state::{Analyzer, Clause, Location, NamespaceColumn, at, error, unsupported};
use crate::session::settings::quote_identifier;

impl Analyzer<'_> {
    /// Analyzes a target list.
    pub(super) fn targets(&mut self, list: &[Node]) -> Result<Vec<Target>> {
        let mut targets = Vec::with_capacity(list.len());
        for node in list {
            let Some(NodeEnum::ResTarget(target)) = &node.node else { continue };
            let Some(value) = raw::inner(&target.val) else { continue };
            if let NodeEnum::ColumnRef(reference) = value
                && let Some(NodeEnum::AStar(_)) =
                    reference.fields.last().and_then(|field| field.node.as_ref())
            {
                let location = at(reference.location);
                for (name, expr, origin) in self.expand_star(reference)? {
                    targets.push(Target { name, expr, location, junk: false, origin });
                }
                continue;
            }
            if let NodeEnum::AIndirection(indirection) = value
                && let Some(NodeEnum::AStar(_)) =
                    indirection.indirection.last().and_then(|step| step.node.as_ref())
            {
                let location = raw::location(value);
                for (name, expr) in self.expand_value(indirection)? {
                    targets.push(Target { name, expr, location, junk: false, origin: None });
                }
                continue;
            }
            let expr = self.expr(value)?;
            let name = match target.name.as_str() {
                "" => EcoString::from(raw::column_name(value)),
                name => name.into(),
            };
            let origin = self.origin(&expr);
            targets.push(Target { name, expr, location: raw::location(value), junk: false, origin });
        }
        Ok(targets)
    }

    /// Returns the table column behind an expression.
    pub(super) fn origin(&self, expr: &Expr) -> Option<(Oid, i16)> {
        match expr.kind {
            ExprKind::Column(id) => self.sources.get(&id).and_then(|source| source.origin),
            _ => None,
        }
    }

    /// Expands `*` or `relation.*`.
    pub(super) fn expand_star(
        &mut self,
        reference: &ColumnRef,
    ) -> Result<Vec<(EcoString, Expr, Option<(Oid, i16)>)>> {
        let location = at(reference.location);
        let names = raw::strings(&reference.fields);
        let items = match names.as_slice() {
            [] => {
                let items = self.level().items.clone();
                if items.iter().all(|item| !item.columns_visible) {
                    let message = "SELECT * with no tables specified is not valid";
                    return Err(error(SqlState::SYNTAX_ERROR, message, location));
                }
                items.into_iter().filter(|item| item.columns_visible).collect()
            }
            [relation] => vec![self.item_named(None, relation, location)?],
            [schema, relation] | [_, schema, relation] => {
                vec![self.item_named(Some(schema), relation, location)?]
            }
            _ => {
                let message = format!("improper qualified name (too many dotted names): {}", names.join("."));
                return Err(error(SqlState::SYNTAX_ERROR, message, location));
            }
        };
        let mut expanded = Vec::new();
        let mut texts = Vec::new();
        for column in items.into_iter().flat_map(|item| item.columns) {
            texts.push(self.qualified_text(&column));
            self.mention(&column.expr, location);
            expanded.push((column.name, self.in_place(column.expr)?, column.origin));
        }
        if let Some(location) = location.filter(|_| self.view_depth == 0) {
            self.notes.stars.push((location, texts));
        }
        Ok(expanded)
    }

    /// Returns a column as SQL, with the name of what it belongs to.
    fn qualified_text(&mut self, column: &NamespaceColumn) -> String {
        let name = quote_identifier(&column.name);
        let same = |known: &NamespaceColumn| known.name == column.name && known.expr.kind == column.expr.kind;
        let owner = self
            .level()
            .items
            .iter()
            .find(|item| item.alias.is_some() && item.table_visible && item.columns.iter().any(same));
        match (owner.and_then(|item| item.alias.as_ref()), &column.expr.kind) {
            (Some(owner), ExprKind::Column(_)) => format!("{}.{name}", quote_identifier(owner)),
            (_, _) => name,
        }
    }

    /// Analyzes ORDER BY; expressions that are not targets yet are added as junk.
    pub(super) fn order_by(&mut self, clause: &[Node], targets: &mut Vec<Target>) -> Result<Vec<TargetSort>> {
        let mut sort: Vec<TargetSort> = Vec::with_capacity(clause.len());
        for node in clause {
            let Some(NodeEnum::SortBy(by)) = &node.node else { continue };
            let Some(value) = raw::inner(&by.node) else { continue };
            let target = self.find_target_sql92(value, targets, Clause::OrderBy)?;
            let location = raw::location(value);
            let expr = std::mem::replace(&mut targets[target].expr, Expr::bool(false));
            targets[target].expr = self.resolved(expr, targets[target].location)?;
            let key = self.sort_key(targets[target].expr.clone(), by, location)?;
            if sort.iter().all(|known| known.target != target) {
                sort.push(TargetSort { target, descending: key.descending, nulls_first: key.nulls_first });
            }
        }
        Ok(sort)
    }

    /// Builds a sort key with the direction that was written.
    pub(super) fn sort_key(&self, expr: Expr, by: &SortBy, location: Location) -> Result<SortKey> {
        let mut descending = by.sortby_dir == SortByDir::SortbyDesc as i32;
        if by.sortby_dir == SortByDir::SortbyUsing as i32 {
            match raw::strings(&by.use_op).last() {
                Some(&"<") => {}
                Some(&">") => descending = true,
                _ => return Err(unsupported("ORDER BY USING with this operator", at(by.location))),
            }
        }
        self.require_order(expr.ty.oid, location)?;
        let nulls_first = match SortByNulls::try_from(by.sortby_nulls) {
            Ok(SortByNulls::SortbyNullsFirst) => true,
            Ok(SortByNulls::SortbyNullsLast) => false,
            Ok(SortByNulls::SortbyNullsDefault | SortByNulls::Undefined) | Err(_) => descending,
        };
        Ok(SortKey { expr, descending, nulls_first })
    }

    /// Finds a target by output name, position, or else as an expression.
    pub(super) fn find_target_sql92(
        &mut self,
        node: &NodeEnum,
        targets: &mut Vec<Target>,
        clause: Clause,
    ) -> Result<usize> {
        let location = raw::location(node);
        if let NodeEnum::ColumnRef(reference) = node
            && let [field] = reference.fields.as_slice()
            && let Some(name) = raw::string(field)
        {
            // GROUP BY prefers a column of FROM to an output name.
            let shadowed = clause == Clause::GroupBy && self.find_local_column(name, location)?;
            if !shadowed && let Some(found) = by_name(name, targets, clause, location)? {
                return Ok(found);
            }
        }
        if let NodeEnum::AConst(constant) = node
            && !constant.isnull
        {
            let Some(position) = raw::integer(node) else {
                let message = format!("non-integer constant in {}", clause.name());
                return Err(error(SqlState::SYNTAX_ERROR, message, location));
            };
            let shown: Vec<usize> = (0..targets.len()).filter(|index| !targets[*index].junk).collect();
            let found = usize::try_from(position).ok().and_then(|number| shown.get(number.checked_sub(1)?));
            let message = || format!("{} position {position} is not in select list", clause.name());
            return found
                .copied()
                .ok_or_else(|| error(SqlState::INVALID_COLUMN_REFERENCE, message(), location));
        }
        self.find_target_sql99(node, targets, clause)
    }

    /// Whether this level's FROM has a column of this name.
    fn find_local_column(&mut self, name: &str, location: Location) -> Result<bool> {
        let level = self.level();
        let columns = level.items.iter().filter(|item| item.columns_visible).flat_map(|item| &item.columns);
        match columns.filter(|column| column.name == name).count() {
            0 => Ok(false),
            1 => Ok(true),
            _ => {
                let message = format!("column reference \"{name}\" is ambiguous");
                Err(error(SqlState::AMBIGUOUS_COLUMN, message, location))
            }
        }
    }

    /// Analyzes an expression and finds the target that is equal to it, or adds one.
    pub(super) fn find_target_sql99(
        &mut self,
        node: &NodeEnum,
        targets: &mut Vec<Target>,
        clause: Clause,
    ) -> Result<usize> {
        let location = raw::location(node);
        let expr = self.within(clause, |analyzer| analyzer.expr(node))?;
        if let Some(found) = targets.iter().position(|target| target.expr == expr) {
            return Ok(found);
        }
        let expr = self.resolved(expr, location)?;
        targets.push(Target { name: EcoString::new(), expr, location, junk: true, origin: None });
        Ok(targets.len() - 1)
    }
}

fn by_name(name: &str, targets: &[Target], clause: Clause, location: Location) -> Result<Option<usize>> {
    let mut found: Option<usize> = None;
    for (position, target) in
        targets.iter().enumerate().filter(|(_, target)| !target.junk && target.name == name)
    {
        match found {
            Some(first) if targets[first].expr != target.expr => {
                let message = format!("{} \"{name}\" is ambiguous", clause.name());
                return Err(error(SqlState::AMBIGUOUS_COLUMN, message, location));
            }
            Some(_) => {}
            None => found = Some(position),
        }
    }
    Ok(found)
}
