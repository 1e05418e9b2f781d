//! Columns of changed views that hold subqueries: a name stands for its place here, and each use of it gets subqueries of
//! its own on the level where it is.

use std::sync::Arc;

use executor::expr::{ColumnId, Expr, ExprKind, SubqueryUse};
use types::errors::views::ViewChange;
use types::{PgError, Result, TypeRef};

use super::view::{VIEW_DEPTH_MAX, VIEW_NUMBERINGS, has_subquery, over, query_over};
use crate::analyzer::state::Analyzer;
use crate::catalog::Relation;

/// Subqueries from here on are places of columns.
const PLACES: u32 = 1 << 31;

/// A column of a view, over the columns of the table below.
#[derive(Debug, Clone)]
pub(in crate::analyzer) struct ViewColumnPlace {
    view: Arc<Relation>,
    change: ViewChange,
    column: usize,
    ids: Vec<ColumnId>,
}

impl Analyzer<'_> {
    /// Returns a view's column over `ids`; one that holds a subquery as a place, see [`Self::in_place`].
    pub(super) fn view_column(
        &mut self,
        (view, change): (&Arc<Relation>, ViewChange),
        column: usize,
        value: &Expr,
        ids: &[ColumnId],
    ) -> Expr {
        if !has_subquery(value) {
            return over(value, ids);
        }
        let place = ViewColumnPlace { view: Arc::clone(view), change, column, ids: ids.to_vec() };
        self.view_columns.push(place);
        place_of(self.view_columns.len() - 1, value.ty)
    }

    /// Returns what the name of a column stands for where it is used.
    pub(in crate::analyzer) fn in_place(&mut self, expr: Expr) -> Result<Expr> {
        let ExprKind::Subquery { index, .. } = &expr.kind else { return Ok(expr) };
        let Some(place) =
            index.checked_sub(PLACES).and_then(|at| self.view_columns.get(at as usize)).cloned()
        else {
            return Ok(expr);
        };
        // Each use is a look at the view of its own, so that no two have the same ids.
        let number = self.view_uses.get() + 2;
        self.view_uses.set(number - 1);
        if number >= VIEW_NUMBERINGS {
            return Err(PgError::not_supported("so many uses of a view's subqueries in a statement"));
        }
        let (_, layer) = self.view_layer(&place.view, place.change, number * VIEW_DEPTH_MAX)?;
        let column =
            layer.columns.get(place.column).ok_or_else(|| PgError::internal("a view without its column"))?;
        let mut value = over(&column.value, &place.ids);
        let known = self.level().subqueries.len();
        let mut used = Vec::new();
        renumber(&mut value, known, &mut used);
        for index in used {
            let query = layer.column_subqueries.get(index as usize);
            let query = query.ok_or_else(|| PgError::internal("a view without its subquery"))?;
            let query = query_over(query, &place.ids);
            self.level().subqueries.push(query);
        }
        Ok(value)
    }
}

fn place_of(at: usize, ty: TypeRef) -> Expr {
    let index = PLACES + u32::try_from(at).unwrap_or(0);
    Expr { kind: ExprKind::Subquery { index, usage: SubqueryUse::Exists, outer: Vec::new() }, ty }
}

/// Gives the subqueries of an expression the numbers from `known` on; `used` says which they were.
fn renumber(expr: &mut Expr, known: usize, used: &mut Vec<u32>) {
    if let ExprKind::Subquery { index, .. } = &mut expr.kind {
        let at = used.iter().position(|other| other == index).unwrap_or_else(|| {
            used.push(*index);
            used.len() - 1
        });
        *index = u32::try_from(known + at).unwrap_or(u32::MAX);
    }
    expr.for_each_child_mut(&mut |child| renumber(child, known, used));
}
