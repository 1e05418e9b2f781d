//! FROM: tables, views, WITH queries, subqueries, functions (`transformFromClauseItem`).

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{Alias, Node, RangeFunction, RangeSubselect, RangeVar};
use types::oids;
use types::{Datum, Oid, PgError, RecordValue, Result, SqlState, TypeRef};

use super::coerce::plain;
use super::raw;
use super::state::{
    Analyzer, Clause, ColumnSource, Location, NamespaceColumn, NamespaceItem, SystemIds, at, error,
    unsupported,
};
use crate::catalog::builtin::builtin;
use crate::catalog::dependency::{classes, whole};
use crate::catalog::{ColumnInfo, Generated, Relation, RelationKind};
use crate::query::{FromFunction, FromItem};

/// A FROM item and what it makes visible.
pub(super) type Placed = (FromItem, Vec<NamespaceItem>);

/// Views inside views, at most.
const VIEW_DEPTH_MAX: u32 = 100;

impl Analyzer<'_> {
    /// Analyzes FROM; its items become visible on this level.
    pub(super) fn from_clause(&mut self, clause: &[Node]) -> Result<Vec<FromItem>> {
        let mut items = Vec::with_capacity(clause.len());
        for node in clause.iter().filter_map(|node| node.node.as_ref()) {
            let (item, namespace) = self.from_item(node)?;
            self.check_unique(&namespace, &[])?;
            let level = self.level();
            level
                .items
                .extend(namespace.into_iter().map(|item| NamespaceItem { lateral_only: true, ..item }));
            items.push(item);
        }
        self.level().items.iter_mut().for_each(|item| item.lateral_only = false);
        Ok(items)
    }

    /// Refuses a table name that is already there.
    pub(super) fn check_unique(&self, added: &[NamespaceItem], with: &[NamespaceItem]) -> Result<()> {
        let known = self.levels.last().map_or(&[][..], |level| &level.items);
        for item in added.iter().filter(|item| item.table_visible) {
            let clash = |other: &&NamespaceItem| {
                other.table_visible
                    && other.alias == item.alias
                    && (item.schema.is_none() || other.schema.is_none() || item.schema == other.schema)
            };
            if let Some(alias) = &item.alias
                && known.iter().chain(with).any(|other| clash(&other))
            {
                let message = format!("table name \"{alias}\" specified more than once");
                return Err(PgError::new(SqlState::DUPLICATE_ALIAS, message));
            }
        }
        Ok(())
    }

    /// Analyzes one item of FROM.
    pub(super) fn from_item(&mut self, node: &NodeEnum) -> Result<Placed> {
        match node {
            NodeEnum::RangeVar(range) => self.range_var(range),
            NodeEnum::RangeSubselect(subselect) => self.range_subselect(subselect),
            NodeEnum::RangeFunction(function) => self.range_function(function),
            NodeEnum::JoinExpr(join) => self.join(join),
            NodeEnum::RangeTableSample(sample) => Err(unsupported("TABLESAMPLE", at(sample.location))),
            NodeEnum::RangeTableFunc(function) => Err(unsupported("XMLTABLE", at(function.location))),
            _ => Err(PgError::not_supported("this kind of FROM item")),
        }
    }

    fn range_var(&mut self, range: &RangeVar) -> Result<Placed> {
        if range.schemaname.is_empty()
            && let Some(placed) = self.cte_reference(range)?
        {
            return Ok(placed);
        }
        let relation = self.find_relation(range)?;
        if self.view_depth == 0 {
            self.notes.uses.insert(whole(classes::RELATION, relation.oid));
            if let Some(location) = at(range.location) {
                let has_alias = range.alias.is_some();
                self.notes.ranges.push(super::RangeNote { location, relation: relation.oid, has_alias });
            }
        }
        match &relation.kind {
            RelationKind::Table
            | RelationKind::System
            | RelationKind::Materialized { populated: true, .. }
            | RelationKind::Sequence(_) => self.place_table(relation, range),
            RelationKind::Materialized { .. } => {
                let message = format!("materialized view \"{}\" has not been populated", relation.name);
                Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
                    .with_hint("Use the REFRESH MATERIALIZED VIEW command."))
            }
            RelationKind::Composite => {
                let message = format!("cannot open relation \"{}\"", relation.name);
                Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
                    .at(at(range.location))
                    .with_detail("This operation is not supported for composite types."))
            }
            RelationKind::View { definition, .. } => self.view(&relation, definition, range),
        }
    }

    /// Finds the relation that a name in a statement means.
    pub(super) fn find_relation(&self, range: &RangeVar) -> Result<Arc<Relation>> {
        let location = at(range.location);
        let catalog = self.context.catalog;
        if !range.catalogname.is_empty() && range.catalogname != crate::session::DATABASE {
            let message = format!(
                "cross-database references are not implemented: \"{}.{}.{}\"",
                range.catalogname, range.schemaname, range.relname
            );
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
        }
        let (found, shown) = if range.schemaname.is_empty() {
            (catalog.find_relation(self.context.search_path, &range.relname), range.relname.clone())
        } else {
            let temporary = self.context.search_path.iter().find(|name| name.starts_with("pg_temp_"));
            let schema = match temporary {
                Some(name) if range.schemaname == "pg_temp" => catalog.schema_oid(name),
                Some(_) | None => catalog.schema_oid(&range.schemaname),
            };
            let found = schema.and_then(|schema| catalog.relation_in(schema, &range.relname));
            (found, format!("{}.{}", range.schemaname, range.relname))
        };
        let message = || format!("relation \"{shown}\" does not exist");
        let missing = || {
            let missing = error(SqlState::UNDEFINED_TABLE, message(), location);
            let later =
                self.levels.iter().any(|level| level.later_ctes.iter().any(|name| *name == range.relname));
            if later && range.schemaname.is_empty() {
                return missing
                    .with_detail(format!(
                        "There is a WITH item named \"{}\", but it cannot be referenced from this part of the query.",
                        range.relname
                    ))
                    .with_hint("Use WITH RECURSIVE, or re-order the WITH items to remove forward references.");
            }
            missing
        };
        found.cloned().ok_or_else(missing)
    }

    /// Makes a table visible.
    pub(super) fn place_table(&mut self, relation: Arc<Relation>, range: &RangeVar) -> Result<Placed> {
        let alias = range.alias.as_ref();
        let name: EcoString = alias.map_or(relation.name.clone(), |alias| alias.aliasname.as_str().into());
        let listed: Vec<(EcoString, TypeRef, Option<(Oid, i16)>)> = relation
            .columns
            .iter()
            .enumerate()
            .map(|(position, column)| {
                (column.name.clone(), column.ty, Some((relation.oid, relation.attnum(position))))
            })
            .collect();
        let (ids, mut item) = self.new_item(&name, listed, alias)?;
        item.relation = Some(relation.oid);
        item.schema = if alias.is_none() { Some(relation.schema) } else { None };
        let row_id = if relation.kind.is_stored() { Some(self.row_id(&name)) } else { None };
        self.virtual_columns(&relation, &ids, &mut item)?;
        item.system = row_id.map(|row_id| SystemIds { row_id, xmax: None, nullable: false });
        Ok((FromItem::Table { relation, alias: name, columns: ids, row_id }, vec![item]))
    }

    /// Puts the expressions of virtual generated columns in their places.
    pub(super) fn virtual_columns(
        &mut self,
        relation: &Relation,
        ids: &[ColumnId],
        item: &mut NamespaceItem,
    ) -> Result<()> {
        let is_virtual = |column: &ColumnInfo| column.generated == Some(Generated::Virtual);
        if !relation.columns.iter().any(is_virtual) {
            return Ok(());
        }
        for (position, expr) in self.computed_columns(relation, ids)? {
            if relation.columns.get(position).is_some_and(is_virtual)
                && let Some(column) = item.columns.get_mut(position)
            {
                column.expr = expr;
            }
        }
        Ok(())
    }

    /// Returns the id of a row id column, known as the table's `ctid`.
    fn row_id(&mut self, name: &EcoString) -> ColumnId {
        let id = self.new_id();
        let (level, entry) = (self.depth(), self.new_entry());
        let qualified = EcoString::from(format!("{name}.ctid"));
        self.sources.insert(id, ColumnSource { level, qualified, origin: None, entry, from: true });
        id
    }

    /// Gives columns ids and names; column aliases replace the first names.
    pub(super) fn new_item(
        &mut self,
        name: &EcoString,
        listed: Vec<(EcoString, TypeRef, Option<(Oid, i16)>)>,
        alias: Option<&Alias>,
    ) -> Result<(Vec<ColumnId>, NamespaceItem)> {
        let ids: Vec<ColumnId> = listed.iter().map(|_| self.new_id()).collect();
        let columns = listed.into_iter().zip(&ids);
        let columns = columns.map(|((name, ty, origin), id)| (name, Expr::column(*id, ty), origin)).collect();
        let item = self.item_over(name, columns, alias)?;
        Ok((ids, item))
    }

    /// Builds a namespace item over existing expressions and registers where the columns come from.
    pub(super) fn item_over(
        &mut self,
        name: &EcoString,
        columns: Vec<(EcoString, Expr, Option<(Oid, i16)>)>,
        alias: Option<&Alias>,
    ) -> Result<NamespaceItem> {
        let aliases = alias.map_or_else(Vec::new, |alias| raw::strings(&alias.colnames));
        if aliases.len() > columns.len() {
            let message = format!(
                "table \"{name}\" has {} columns available but {} columns specified",
                columns.len(),
                aliases.len()
            );
            return Err(PgError::new(SqlState::INVALID_COLUMN_REFERENCE, message));
        }
        let entry = self.new_entry();
        let level = self.depth();
        let mut placed = Vec::with_capacity(columns.len());
        for (position, (column, expr, origin)) in columns.into_iter().enumerate() {
            let column: EcoString = aliases.get(position).map_or(column, |alias| (*alias).into());
            if let ExprKind::Column(id) = expr.kind {
                let qualified = EcoString::from(format!("{name}.{column}"));
                self.sources.insert(id, ColumnSource { level, qualified, origin, entry, from: true });
            }
            placed.push(NamespaceColumn { name: column, expr, origin });
        }
        let names = placed.iter().map(|column| column.name.clone()).collect();
        self.level().range_table.push((name.clone(), names));
        Ok(NamespaceItem {
            alias: Some(name.clone()),
            schema: None,
            relation: None,
            columns: placed,
            table_visible: true,
            columns_visible: true,
            lateral_only: false,
            scalar_function: false,
            system: None,
        })
    }

    /// Expands a view: its text is analyzed as a statement of its own.
    fn view(&mut self, relation: &Arc<Relation>, definition: &str, range: &RangeVar) -> Result<Placed> {
        if self.view_depth >= VIEW_DEPTH_MAX {
            let message = format!("infinite recursion detected in rules for relation \"{}\"", relation.name);
            return Err(PgError::new(SqlState::INVALID_OBJECT_DEFINITION, message));
        }
        let parsed = crate::parser::parse(definition)?;
        let Some(NodeEnum::SelectStmt(select)) = parsed.statements.first().map(|statement| &statement.node)
        else {
            return Err(PgError::internal("a view that is not a SELECT"));
        };
        let outer = std::mem::take(&mut self.levels);
        self.view_depth += 1;
        // Levels keep their numbers, so that ids of the view do not look like ids of the statement.
        self.levels.extend(outer.iter().map(|_| super::state::Level::new()));
        let query = self.nested_query(select, false);
        self.view_depth -= 1;
        self.levels = outer;
        let mut query = query.map_err(|mut error| {
            error.fields_mut().location = None;
            error
        })?;
        for (output, column) in query.output.iter_mut().zip(&relation.columns) {
            output.name = column.name.clone();
        }
        let alias = range.alias.as_ref();
        let name: EcoString = alias.map_or(relation.name.clone(), |alias| alias.aliasname.as_str().into());
        let listed = query
            .output
            .iter()
            .zip(1_i16..)
            .map(|(column, number)| {
                (column.name.clone(), Expr::column(column.id, column.ty), Some((relation.oid, number)))
            })
            .collect();
        let mut item = self.item_over(&name, listed, alias)?;
        item.relation = Some(relation.oid);
        item.schema = if alias.is_none() { Some(relation.schema) } else { None };
        Ok((
            FromItem::Subquery {
                query: Box::new(query),
                lateral: false,
                view: Some(relation.oid),
                names: Vec::new(),
                alias: name,
            },
            vec![item],
        ))
    }

    /// Remembers the fields of the records among a subquery's columns.
    fn note_records(&mut self, query: &crate::query::Query) {
        let crate::query::QueryBody::Select(select) = &query.body else { return };
        for column in query.output.iter().filter(|column| column.ty.oid == oids::RECORD) {
            let target = select.targets.iter().find(|(id, _)| *id == column.id);
            if let Some(columns) = target.and_then(|(_, expr)| self.row_columns(expr)) {
                self.records.insert(column.id, columns);
            }
        }
    }

    fn range_subselect(&mut self, subselect: &RangeSubselect) -> Result<Placed> {
        let Some(NodeEnum::SelectStmt(select)) = raw::inner(&subselect.subquery) else {
            return Err(PgError::not_supported("this statement in FROM"));
        };
        let before = std::mem::replace(&mut self.level().lateral_active, subselect.lateral);
        let query = self.nested_query(select, false);
        self.level().lateral_active = before;
        let query = query?;
        self.note_records(&query);
        let alias = subselect.alias.as_ref();
        let name: EcoString =
            alias.map_or("unnamed_subquery".into(), |alias| alias.aliasname.as_str().into());
        let listed = query
            .output
            .iter()
            .map(|column| (column.name.clone(), Expr::column(column.id, column.ty), column.origin))
            .collect();
        let mut item = self.item_over(&name, listed, alias)?;
        if alias.is_none() {
            item.alias = None;
            item.table_visible = false;
        }
        Ok((
            FromItem::Subquery {
                query: Box::new(query),
                lateral: subselect.lateral,
                view: None,
                names: alias.map_or_else(Vec::new, |alias| {
                    raw::strings(&alias.colnames).into_iter().map(EcoString::from).collect()
                }),
                alias: name,
            },
            vec![item],
        ))
    }

    fn range_function(&mut self, range: &RangeFunction) -> Result<Placed> {
        let alias = range.alias.as_ref();
        let mut functions = Vec::new();
        let mut listed: Vec<(EcoString, TypeRef, Option<(Oid, i16)>)> = Vec::new();
        let mut scalar = true;
        let mut name: Option<EcoString> = None;
        let calls: Vec<(NodeEnum, &[Node])> = range.functions.iter().flat_map(calls_of).collect();
        for (call, definitions) in &calls {
            let mut definitions: &[Node] = definitions;
            if definitions.is_empty() && calls.len() == 1 {
                definitions = &range.coldeflist;
            }
            let before = std::mem::replace(&mut self.level().lateral_active, true);
            let expr = self.within(Clause::FromFunction, |analyzer| analyzer.expr(call));
            self.level().lateral_active = before;
            let expr = expr?;
            let location = raw::location(call);
            let written = EcoString::from(raw::column_name(call));
            name.get_or_insert_with(|| written.clone());
            let shown = match (alias, calls.len()) {
                (Some(alias), 1) => alias.aliasname.as_str().into(),
                _ => written,
            };
            let (mut function, columns) = self.from_function(expr, shown, definitions, location)?;
            scalar &= columns.len() == 1 && calls.len() == 1 && !is_record(&function);
            function.columns = columns.iter().map(|(_, ty)| (self.new_id(), *ty)).collect();
            listed.extend(columns.into_iter().map(|(name, ty)| (name, ty, None)));
            functions.push(function);
        }
        let mut ids: Vec<(ColumnId, TypeRef)> =
            functions.iter().flat_map(|function: &FromFunction| function.columns.iter().copied()).collect();
        let mut ordinality = None;
        if range.ordinality {
            let id = self.new_id();
            let ty = plain(oids::INT8);
            listed.push(("ordinality".into(), ty, None));
            ids.push((id, ty));
            ordinality = Some(id);
            scalar = false;
        }
        let name = alias.map_or(name.unwrap_or_default(), |alias| alias.aliasname.as_str().into());
        let columns = listed
            .into_iter()
            .zip(ids)
            .map(|((name, ty, origin), (id, _))| (name, Expr::column(id, ty), origin));
        let mut item = self.item_over(&name, columns.collect(), alias)?;
        item.scalar_function = scalar;
        let names = item.columns.iter().map(|column| column.name.clone()).collect();
        Ok((FromItem::Functions { functions, ordinality, names, alias: name }, vec![item]))
    }

    /// Takes a call apart and finds the names and types of its columns.
    fn from_function(
        &mut self,
        expr: Expr,
        shown: EcoString,
        definitions: &[Node],
        location: Location,
    ) -> Result<(FromFunction, Vec<(EcoString, TypeRef)>)> {
        let ty = expr.ty;
        let (function, mut args, input_collation, returns_set) = match expr.kind {
            ExprKind::Call { function, args, input_collation } => (function, args, input_collation, false),
            ExprKind::SetCall { function, args, input_collation } => (function, args, input_collation, true),
            _ => return Err(unsupported("this expression as a function in FROM", location)),
        };
        let outputs = builtin().function(function.oid).map(crate::catalog::builtin::Function::output_columns);
        let outputs = outputs.unwrap_or_default();
        let columns = if !definitions.is_empty() {
            if ty.oid != oids::RECORD || outputs.len() > 1 {
                let message = "a column definition list is only allowed for functions returning \"record\"";
                return Err(error(SqlState::SYNTAX_ERROR, message, location));
            }
            let columns = self.column_definitions(definitions)?;
            // Bodies learn what to return from an argument that has the columns.
            let template = RecordValue {
                row_type: oids::RECORD,
                columns: columns.iter().cloned().collect(),
                fields: vec![Datum::Null; columns.len()],
            };
            args.push(Expr::constant(Datum::Record(template.into()), plain(oids::RECORD)));
            columns
        } else if outputs.len() > 1 {
            outputs.into_iter().map(|(name, oid)| (name, plain(oid))).collect()
        } else if let [(name, _)] = outputs.as_slice() {
            vec![(name.clone(), ty)]
        } else if ty.oid == oids::RECORD {
            let message = "a column definition list is required for functions returning \"record\"";
            return Err(error(SqlState::SYNTAX_ERROR, message, location));
        } else if let Some(relation) =
            builtin().type_by_oid(ty.oid).and_then(|ty| builtin().relation(ty.relation))
        {
            relation.columns.iter().map(|column| (column.name.clone(), column.ty)).collect()
        } else {
            vec![(shown, ty)]
        };
        Ok((FromFunction { function, returns_set, args, columns: Vec::new(), input_collation }, columns))
    }

    fn column_definitions(&mut self, definitions: &[Node]) -> Result<Vec<(EcoString, TypeRef)>> {
        let mut columns = Vec::with_capacity(definitions.len());
        for node in definitions {
            if let Some(NodeEnum::ColumnDef(definition)) = &node.node
                && let Some(name) = &definition.type_name
            {
                columns.push((
                    definition.colname.as_str().into(),
                    super::typename::resolve(self.context, name)?,
                ));
            }
        }
        Ok(columns)
    }
}

fn is_record(function: &FromFunction) -> bool {
    builtin().function(function.function.oid).is_some_and(|function| function.result == oids::RECORD)
}

/// Returns the calls that an item of ROWS FROM means, each with its column definitions: `unnest` of several arrays is
/// several calls (`transformRangeFunction`).
fn calls_of(node: &Node) -> Vec<(NodeEnum, &[Node])> {
    let Some(NodeEnum::List(pair)) = &node.node else { return Vec::new() };
    let Some(call) = pair.items.first().and_then(|item| item.node.as_ref()) else { return Vec::new() };
    let definitions: &[Node] = match pair.items.get(1).and_then(|item| item.node.as_ref()) {
        Some(NodeEnum::List(list)) => &list.items,
        _ => &[],
    };
    match call {
        NodeEnum::FuncCall(several)
            if several.args.len() > 1
                && raw::strings(&several.funcname) == ["unnest"]
                && definitions.is_empty()
                && !several.func_variadic =>
        {
            let one = |arg: &Node| {
                let mut call = several.clone();
                call.args = vec![arg.clone()];
                (NodeEnum::FuncCall(call), definitions)
            };
            several.args.iter().map(one).collect()
        }
        call => vec![(call.clone(), definitions)],
    }
}
