//! INSERT, UPDATE, DELETE and MERGE.
//!
//! A statement becomes a source query, whose rows say what to change, and expressions over the *wide row* (old, new and
//! current version; see [`executor::plan::Modify`]). Names of the changed table mean columns of the source's scan while
//! rows are found, and columns of the wide row afterwards.

mod assign;
mod conflict;
pub(super) mod copy;
mod exclusion;
mod insert;
mod merge;
mod returning;
mod target;
mod touched;
mod update;
pub(super) mod view;
pub(super) mod view_columns;

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{InputShape, ModifyKind};
use pg_query::NodeEnum;
use pg_query::protobuf::RangeVar;
use types::errors::views::ViewChange;
use types::{Oid, PgError, Result, SqlState, TypeRef, oids};

use super::coerce::plain;
use super::state::{Analyzer, NamespaceItem, SystemIds, at, error};
use super::walk;
use crate::catalog::dependency::{classes, whole};
use crate::catalog::{Relation, RelationKind};
use crate::query::{Distinct, FromItem, Modify, OutputColumn, Query, QueryBody, Returning, Select, WideRow};
use touched::Touches;
use view::ViewLayer;

/// The table that a statement changes.
pub(super) struct Changed<'a> {
    pub(super) relation: Arc<Relation>,
    pub(super) range: &'a RangeVar,
    /// Alias or name.
    pub(super) name: EcoString,
    pub(super) row: WideRow,
    /// The view that the statement names in place of the table.
    pub(super) view: Option<ViewLayer>,
}

/// The changed table as an item of FROM.
pub(super) struct PlacedTable {
    item: FromItem,
    namespace: Vec<NamespaceItem>,
    columns: Vec<ColumnId>,
    row_id: ColumnId,
    filters: Vec<Expr>,
    /// Subqueries that `filters` name by index.
    subqueries: Vec<Query>,
}

/// The parts of a statement that all kinds have.
struct Parts {
    kind: ModifyKind,
    /// The columns that UPDATE gives new values.
    assigned: Option<Vec<usize>>,
    source: Query,
    input: Vec<Expr>,
    shape: InputShape,
    returning: Option<Returning>,
}

impl Analyzer<'_> {
    /// Analyzes a statement that changes a table; `None` when it is another kind of statement.
    pub(super) fn modify(&mut self, node: &NodeEnum) -> Result<Option<Modify>> {
        let modify = match node {
            NodeEnum::InsertStmt(insert) => self.on_new_level(|analyzer| analyzer.insert(insert)),
            NodeEnum::UpdateStmt(update) => self.on_new_level(|analyzer| analyzer.update(update)),
            NodeEnum::DeleteStmt(delete) => self.on_new_level(|analyzer| analyzer.delete(delete)),
            NodeEnum::MergeStmt(merge) => self.on_new_level(|analyzer| analyzer.merge(merge)),
            _ => return Ok(None),
        };
        modify.map(Some)
    }

    /// Wraps a statement of WITH as a query over its RETURNING.
    pub(super) fn changing_query(&mut self, node: &NodeEnum) -> Result<Option<Query>> {
        let Some(modify) = self.modify(node)? else { return Ok(None) };
        let output = modify.output();
        Ok(Some(query(QueryBody::Modify(Box::new(modify)), output)))
    }

    /// Finds the table that a statement changes and gives the wide row its ids.
    fn changed_table<'r>(&mut self, range: &'r RangeVar, change: ViewChange) -> Result<Changed<'r>> {
        let is_cte = |level: &super::state::Level| level.ctes.iter().any(|cte| cte.name == range.relname);
        if range.schemaname.is_empty() && self.levels.iter().any(is_cte) {
            let message =
                format!("relation \"{}\" cannot be the target of a modifying statement", range.relname);
            return Err(error(SqlState::SYNTAX_ERROR, message, at(range.location)));
        }
        let named = self.find_relation(range)?;
        refuse_kind(&named)?;
        let alias = range.alias.as_ref();
        let name = alias.map_or(named.name.clone(), |alias| alias.aliasname.as_str().into());
        let (relation, view) = match named.kind {
            RelationKind::View { .. } => {
                self.notes.uses.insert(whole(classes::RELATION, named.oid));
                let (relation, mut view) = self.view_layer(&named, change, 0)?;
                if view.checks_with_subqueries() {
                    // The conditions are looked at twice, so their subqueries need ids twice.
                    let (_, again) = self.view_layer(&named, change, view::VIEW_DEPTH_MAX)?;
                    (view.checks, view.check_subqueries) = (again.checks, again.subqueries);
                }
                (relation, Some(view))
            }
            _ => (named, None),
        };
        let action = self.new_id();
        let row = WideRow {
            old: self.row_ids(&relation),
            new: self.row_ids(&relation),
            current: self.row_ids(&relation),
            action: Some(action),
            extra: Vec::new(),
        };
        Ok(Changed { relation, range, name, row, view })
    }

    fn row_ids(&mut self, relation: &Relation) -> Vec<(ColumnId, TypeRef)> {
        let columns = relation.columns.iter().map(|column| column.ty);
        let types: Vec<TypeRef> = columns.chain([plain(oids::INT8), plain(oids::XID)]).collect();
        let depth = self.depth();
        types
            .into_iter()
            .map(|ty| {
                let id = self.new_id();
                self.add_computed(id, depth);
                (id, ty)
            })
            .collect()
    }

    /// Returns the namespace item of one version of the changed row.
    fn row_item(
        &mut self,
        table: &Changed<'_>,
        name: &EcoString,
        row: &[(ColumnId, TypeRef)],
        version: bool,
    ) -> Result<NamespaceItem> {
        let width = table.relation.columns.len();
        let ids: Vec<ColumnId> = row.iter().take(width + 1).map(|(id, _)| *id).collect();
        let mut item = self.changed_item(table, name, &ids)?;
        item.schema = item.schema.filter(|_| !version);
        item.columns_visible = !version;
        if let (Some((row_id, _)), Some((xmax, _))) = (row.get(width), row.get(width + 1)) {
            item.system = Some(SystemIds { row_id: *row_id, xmax: Some(*xmax), nullable: version });
        }
        Ok(item)
    }

    /// Returns the namespace item of the changed table (or of the view over it) over ids of the table's columns, after
    /// which that of the row id may come.
    pub(super) fn changed_item(
        &mut self,
        table: &Changed<'_>,
        name: &EcoString,
        ids: &[ColumnId],
    ) -> Result<NamespaceItem> {
        let alias = table.range.alias.as_ref();
        if let Some(view) = &table.view {
            let mut columns = Vec::with_capacity(view.columns.len());
            for ((at, column), number) in view.columns.iter().enumerate().zip(1_i16..) {
                let shown = (&view.relation, view.change);
                let value = self.view_column(shown, at, &column.value, ids);
                columns.push((column.name.clone(), value, Some((view.relation.oid, number))));
            }
            let mut item = self.item_over(name, columns, alias)?;
            item.relation = Some(view.relation.oid);
            item.schema = alias.is_none().then_some(view.relation.schema);
            return Ok(item);
        }
        let relation = &table.relation;
        let columns: Vec<(EcoString, Expr, Option<(Oid, i16)>)> = relation
            .columns
            .iter()
            .zip(ids)
            .zip(1_i16..)
            .map(|((column, id), number)| {
                (column.name.clone(), Expr::column(*id, column.ty), Some((relation.oid, number)))
            })
            .collect();
        let mut item = self.item_over(name, columns, alias)?;
        item.relation = Some(relation.oid);
        item.schema = alias.is_none().then_some(relation.schema);
        self.virtual_columns(relation, ids, &mut item)?;
        Ok(item)
    }

    /// Places the changed table in FROM, under the names of the view if there is one. Returns what it is and makes
    /// visible, the ids of the table's columns and row id, and which rows the view shows.
    fn place_changed(&mut self, table: &Changed<'_>) -> Result<PlacedTable> {
        let (item, mut namespace) = self.place_table(Arc::clone(&table.relation), table.range)?;
        let FromItem::Table { columns, row_id: Some(row_id), .. } = &item else {
            return Err(PgError::internal("a table without row ids"));
        };
        let (columns, row_id) = (columns.clone(), *row_id);
        let (mut filters, mut subqueries) = (Vec::new(), Vec::new());
        if let Some(view) = &table.view {
            let ids: Vec<ColumnId> = columns.iter().copied().chain([row_id]).collect();
            namespace = vec![self.changed_item(table, &table.name, &ids)?];
            filters.extend(view.filters.iter().map(|(_, filter)| view::over(filter, &ids)));
            subqueries.extend(view.subqueries.iter().map(|query| view::query_over(query, &ids)));
        }
        Ok(PlacedTable { item, namespace, columns, row_id, filters, subqueries })
    }

    /// Puts the parts together. Columns of the source that actions and RETURNING use become further input columns.
    fn finish_modify(&mut self, mut table: Changed<'_>, parts: Parts) -> Result<Modify> {
        let Parts { kind, assigned, mut source, mut input, mut shape, returning } = parts;
        let level = self.level();
        let mut subqueries = std::mem::take(&mut level.subqueries);
        let update = level.conflict.as_ref().and_then(|conflict| conflict.update.as_ref());
        let touches = Touches::new(kind, assigned, update, &level.arms, &table);
        let (targets, foreign_keys) = self.targets_of(&table.relation, touches.happens, touches.columns())?;
        let check_options = check_options(&table, &mut subqueries);
        let mut modify = Modify {
            kind,
            ctes: self.finish_ctes(),
            source: query(QueryBody::Values { columns: Vec::new(), rows: Vec::new() }, Vec::new()),
            input: Vec::new(),
            shape,
            targets,
            foreign_keys,
            row: WideRow::default(),
            conflict: None,
            arms: Vec::new(),
            check_options,
            returning,
            subqueries,
            count: self.new_id(),
        };
        self.take_actions(&mut modify);
        let mut used = Vec::new();
        let returned = modify.returning.as_ref().map(|returning| returning.exprs.as_slice());
        let mut note = |expr: &Expr| walk::columns(expr, &modify.subqueries, &mut used);
        let conflict = modify.conflict.as_ref();
        executor::plan::wide_exprs(conflict, &modify.arms, &modify.check_options, returned, &mut note);
        shape.extra = input.len();
        let made: Vec<ColumnId> = table.row.made().into_iter().map(|(id, _)| id).collect();
        let types = source_columns(&source);
        for id in used {
            if made.contains(&id) || table.row.extra.iter().any(|(known, _)| *known == id) {
                continue;
            }
            let Some((_, ty)) = types.iter().find(|(known, _)| *known == id) else { continue };
            table.row.extra.push((id, *ty));
            input.push(Expr::column(id, *ty));
            if source.output.iter().all(|column| column.id != id) {
                source.output.push(OutputColumn { id, name: EcoString::new(), ty: *ty, origin: None });
            }
        }
        modify.source = source;
        modify.input = input;
        modify.shape = shape;
        modify.row = table.row;
        Ok(modify)
    }

    fn take_actions(&mut self, modify: &mut Modify) {
        let level = self.level();
        modify.conflict = level.conflict.take();
        modify.arms = std::mem::take(&mut level.arms);
    }

    /// Builds the SELECT that finds the rows to change.
    fn modify_source(
        &mut self,
        from: Vec<FromItem>,
        filter: Option<Expr>,
        names: Vec<EcoString>,
        exprs: Vec<Expr>,
    ) -> Query {
        let mut targets = Vec::new();
        let mut output = Vec::with_capacity(exprs.len());
        for (name, expr) in names.into_iter().zip(exprs) {
            let ty = expr.ty;
            let id = match expr.kind {
                ExprKind::Column(id) => id,
                _ => {
                    let id = self.new_id();
                    targets.push((id, expr));
                    id
                }
            };
            output.push(OutputColumn { id, name, ty, origin: None });
        }
        let select = Select {
            from,
            filter,
            grouping: None,
            having: None,
            windows: Vec::new(),
            targets,
            distinct: Distinct::No,
        };
        let mut source = query(QueryBody::Select(Box::new(select)), output);
        source.subqueries = std::mem::take(&mut self.level().subqueries);
        source
    }
}

/// Returns the conditions of WITH CHECK OPTION over the new row; their subqueries follow those that are there.
fn check_options(table: &Changed<'_>, subqueries: &mut Vec<Query>) -> Vec<(EcoString, Expr)> {
    let Some(view) = &table.view else { return Vec::new() };
    let ids: Vec<ColumnId> = table.row.new.iter().map(|(id, _)| *id).collect();
    let known = subqueries.len();
    let conditions = view.checks.iter().map(|(name, condition)| {
        let mut condition = view::over(condition, &ids);
        view::shift_subqueries(&mut condition, known);
        (name.clone(), condition)
    });
    let conditions = conditions.collect();
    subqueries.extend(view.check_subqueries.iter().map(|query| view::query_over(query, &ids)));
    conditions
}

/// Refuses to change what is not a table (`CheckValidResultRel`).
fn refuse_kind(relation: &Relation) -> Result<()> {
    let name = &relation.name;
    match relation.kind {
        RelationKind::Table | RelationKind::View { .. } => Ok(()),
        RelationKind::System => {
            let message = format!("permission denied for table {name}");
            Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message))
        }
        RelationKind::Materialized { .. } | RelationKind::Sequence(_) => {
            let message = format!("cannot change {} \"{name}\"", relation.kind.noun());
            Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
        }
        RelationKind::Composite => {
            let message = format!("cannot open relation \"{name}\"");
            Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
                .with_detail("This operation is not supported for composite types."))
        }
    }
}

/// Returns a query that is nothing but its body.
pub(super) fn query(body: QueryBody, output: Vec<OutputColumn>) -> Query {
    Query {
        ctes: Vec::new(),
        body,
        output,
        order_by: Vec::new(),
        limit: None,
        with_ties: false,
        offset: None,
        subqueries: Vec::new(),
        locking: false,
        row_marks: Vec::new(),
    }
}

/// Returns all columns that the FROM items of a source make.
fn source_columns(source: &Query) -> Vec<(ColumnId, TypeRef)> {
    let mut columns: Vec<(ColumnId, TypeRef)> =
        source.output.iter().map(|column| (column.id, column.ty)).collect();
    if let QueryBody::Select(select) = &source.body {
        select.from.iter().for_each(|item| from_columns(item, &mut columns));
    }
    columns
}

fn from_columns(item: &FromItem, columns: &mut Vec<(ColumnId, TypeRef)>) {
    match item {
        FromItem::Table { relation, columns: ids, row_id, .. } => {
            columns.extend(ids.iter().zip(&relation.columns).map(|(id, column)| (*id, column.ty)));
            columns.extend(row_id.map(|id| (id, plain(oids::INT8))));
        }
        FromItem::Subquery { query, .. } => {
            columns.extend(query.output.iter().map(|column| (column.id, column.ty)));
        }
        FromItem::Cte { columns: ids, .. } => columns.extend(ids.iter().map(|(id, _, ty)| (*id, *ty))),
        FromItem::Functions { functions, ordinality, .. } => {
            columns.extend(functions.iter().flat_map(|function| function.columns.iter().copied()));
            columns.extend(ordinality.map(|id| (id, plain(oids::INT8))));
        }
        FromItem::Join(join) => {
            from_columns(&join.left, columns);
            from_columns(&join.right, columns);
        }
    }
}
