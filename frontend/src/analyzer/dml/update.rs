//! UPDATE and DELETE.

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use executor::plan::{InputShape, ModifyKind};
use pg_query::protobuf::{DeleteStmt, Node, UpdateStmt};
use types::errors::views::ViewChange;
use types::{PgError, Result, oids};

use super::{Changed, Parts};
use crate::analyzer::coerce::plain;
use crate::analyzer::raw;
use crate::analyzer::state::{Analyzer, Clause, NamespaceItem};
use crate::optimizer::expressions::conjunction;
use crate::query::{FromItem, Modify};

/// The changed table in FROM, and what stands beside it.
pub(super) struct Found {
    pub(super) from: Vec<FromItem>,
    /// Ids of the table's columns in the scan.
    pub(super) columns: Vec<ColumnId>,
    /// Id of its row id.
    pub(super) row_id: ColumnId,
    /// Which rows a view shows.
    pub(super) filters: Vec<Expr>,
    /// Namespace of the further items.
    pub(super) items: Vec<NamespaceItem>,
}

impl Analyzer<'_> {
    /// Analyzes UPDATE on the innermost level.
    pub(super) fn update(&mut self, update: &UpdateStmt) -> Result<Modify> {
        if let Some(with) = &update.with_clause {
            self.with_clause(with)?;
        }
        let range = update.relation.as_ref().ok_or_else(|| PgError::internal("UPDATE without a table"))?;
        let table = self.changed_table(range, ViewChange::Update)?;
        let found = self.modified_from(&table, &update.from_clause)?;
        let filter = match raw::inner(&update.where_clause) {
            Some(node) => Some(self.condition(node, Clause::Where)?),
            None => None,
        };
        let old = columns_of(&table, &found);
        let values = self.set_list(&update.target_list, &table, &old)?;
        let assigned =
            values.iter().enumerate().filter(|(_, value)| value.is_some()).map(|(at, _)| at).collect();
        let new = values.into_iter().zip(&old).map(|(value, old)| value.unwrap_or_else(|| old.clone()));
        let mut exprs: Vec<Expr> = new.collect();
        let width = exprs.len();
        exprs.push(Expr::column(found.row_id, plain(oids::INT8)));
        exprs.extend(old);
        let shape =
            InputShape { new: Some(0), row_id: Some(width), old: Some(width + 1), ..InputShape::default() };
        let (source, input) = self.found_source(found.from, with_filters(found.filters, filter), exprs);
        let returning = self.returning(update.returning_clause.as_ref(), &table, found.items)?;
        self.finish_modify(
            table,
            Parts { kind: ModifyKind::Update, assigned: Some(assigned), source, input, shape, returning },
        )
    }

    /// Analyzes DELETE on the innermost level.
    pub(super) fn delete(&mut self, delete: &DeleteStmt) -> Result<Modify> {
        if let Some(with) = &delete.with_clause {
            self.with_clause(with)?;
        }
        let range = delete.relation.as_ref().ok_or_else(|| PgError::internal("DELETE without a table"))?;
        let table = self.changed_table(range, ViewChange::Delete)?;
        let found = self.modified_from(&table, &delete.using_clause)?;
        let filter = match raw::inner(&delete.where_clause) {
            Some(node) => Some(self.condition(node, Clause::Where)?),
            None => None,
        };
        let mut exprs = vec![Expr::column(found.row_id, plain(oids::INT8))];
        exprs.extend(columns_of(&table, &found));
        let shape = InputShape { row_id: Some(0), old: Some(1), ..InputShape::default() };
        let (source, input) = self.found_source(found.from, with_filters(found.filters, filter), exprs);
        let returning = self.returning(delete.returning_clause.as_ref(), &table, found.items)?;
        self.finish_modify(
            table,
            Parts { kind: ModifyKind::Delete, assigned: None, source, input, shape, returning },
        )
    }

    /// Returns the source of UPDATE or DELETE and its columns as input.
    fn found_source(
        &mut self,
        from: Vec<FromItem>,
        filter: Option<Expr>,
        exprs: Vec<Expr>,
    ) -> (crate::query::Query, Vec<Expr>) {
        let names = exprs.iter().map(|_| EcoString::new()).collect();
        let source = self.modify_source(from, filter, names, exprs);
        let input = source.output.iter().map(|column| Expr::column(column.id, column.ty)).collect();
        (source, input)
    }

    /// Places the changed table and the further FROM items.
    pub(super) fn modified_from(&mut self, table: &Changed<'_>, further: &[Node]) -> Result<Found> {
        let mut placed = self.place_changed(table)?;
        let known = self.level().subqueries.len();
        placed.filters.iter_mut().for_each(|filter| super::view::shift_subqueries(filter, known));
        self.level().subqueries.append(&mut placed.subqueries);
        let mut from = vec![placed.item];
        self.level().items = placed.namespace;
        let own = self.level().items.len();
        self.level().items.iter_mut().for_each(|item| item.lateral_only = true);
        self.level().changed_items = own;
        from.extend(self.from_clause(further)?);
        self.level().changed_items = 0;
        let items = self.level().items.iter().skip(own).cloned().collect();
        Ok(Found { from, columns: placed.columns, row_id: placed.row_id, filters: placed.filters, items })
    }
}

/// Joins conditions with AND.
pub(super) fn with_filters(mut filters: Vec<Expr>, further: Option<Expr>) -> Option<Expr> {
    filters.extend(further);
    match filters.len() {
        0 => None,
        _ => Some(conjunction(filters)),
    }
}

/// Returns the scanned columns of the changed table.
pub(super) fn columns_of(table: &Changed<'_>, found: &Found) -> Vec<Expr> {
    let columns = found.columns.iter().zip(&table.relation.columns);
    columns.map(|(id, column)| Expr::column(*id, column.ty)).collect()
}
