//! Walks over the expressions of query trees.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{wide_exprs, wide_exprs_mut};

use crate::query::{FromItem, Join, Query, QueryBody};

/// Calls `visit` on every expression of a query, its subqueries and FROM items included (parents only; the visitor goes
/// into children itself).
pub(super) fn for_each_expr<'a>(query: &'a Query, visit: &mut dyn FnMut(&'a Expr)) {
    for cte in &query.ctes {
        for_each_expr(&cte.query, visit);
        if let Some(recursion) = &cte.recursive {
            for_each_expr(&recursion.step, visit);
        }
    }
    query.subqueries.iter().for_each(|subquery| for_each_expr(subquery, visit));
    query.order_by.iter().for_each(|key| visit(&key.expr));
    query.limit.iter().chain(&query.offset).for_each(&mut *visit);
    match &query.body {
        QueryBody::Modify(modify) => {
            for_each_expr(&modify.source, visit);
            modify.input.iter().for_each(&mut *visit);
            let returned = modify.returning.as_ref().map(|returning| returning.exprs.as_slice());
            wide_exprs(modify.conflict.as_ref(), &modify.arms, &modify.check_options, returned, visit);
        }
        QueryBody::Values { rows, .. } => rows.iter().flatten().for_each(visit),
        QueryBody::SetOperation(operation) => {
            for_each_expr(&operation.left, visit);
            for_each_expr(&operation.right, visit);
            operation.left_exprs.iter().chain(&operation.right_exprs).for_each(visit);
        }
        QueryBody::Select(select) => {
            select.from.iter().for_each(|item| for_each_from(item, visit));
            select.filter.iter().chain(&select.having).for_each(&mut *visit);
            if let Some(grouping) = &select.grouping {
                grouping.keys.iter().for_each(|(_, key)| visit(key));
                for (_, call) in &grouping.calls {
                    call.args.iter().chain(&call.direct_args).chain(&call.filter).for_each(&mut *visit);
                    call.order_by.iter().for_each(|key| visit(&key.expr));
                }
            }
            for window in &select.windows {
                window.partition_by.iter().for_each(&mut *visit);
                window.order_by.iter().for_each(|key| visit(&key.expr));
                for (_, call) in &window.calls {
                    call.args.iter().chain(&call.filter).for_each(&mut *visit);
                }
            }
            select.targets.iter().for_each(|(_, target)| visit(target));
        }
    }
}

fn for_each_from<'a>(item: &'a FromItem, visit: &mut dyn FnMut(&'a Expr)) {
    match item {
        FromItem::Table { .. } | FromItem::Cte { .. } => {}
        FromItem::Subquery { query, .. } => for_each_expr(query, visit),
        FromItem::Functions { functions, .. } => functions.iter().flat_map(|call| &call.args).for_each(visit),
        FromItem::Join(join) => {
            for_each_from(&join.left, visit);
            for_each_from(&join.right, visit);
            join.condition.iter().for_each(visit);
        }
    }
}

/// As [`for_each_expr`], to change.
pub(super) fn for_each_expr_mut(query: &mut Query, visit: &mut dyn FnMut(&mut Expr)) {
    for cte in &mut query.ctes {
        for_each_expr_mut(&mut cte.query, visit);
        if let Some(recursion) = &mut cte.recursive {
            for_each_expr_mut(&mut recursion.step, visit);
        }
    }
    query.subqueries.iter_mut().for_each(|subquery| for_each_expr_mut(subquery, visit));
    query.order_by.iter_mut().for_each(|key| visit(&mut key.expr));
    query.limit.iter_mut().chain(&mut query.offset).for_each(&mut *visit);
    match &mut query.body {
        QueryBody::Modify(modify) => {
            for_each_expr_mut(&mut modify.source, visit);
            modify.input.iter_mut().for_each(&mut *visit);
            let returned = modify.returning.as_mut().map(|returning| returning.exprs.as_mut_slice());
            wide_exprs_mut(
                modify.conflict.as_mut(),
                &mut modify.arms,
                &mut modify.check_options,
                returned,
                visit,
            );
        }
        QueryBody::Values { rows, .. } => rows.iter_mut().flatten().for_each(visit),
        QueryBody::SetOperation(operation) => {
            for_each_expr_mut(&mut operation.left, visit);
            for_each_expr_mut(&mut operation.right, visit);
            operation.left_exprs.iter_mut().chain(&mut operation.right_exprs).for_each(visit);
        }
        QueryBody::Select(select) => {
            select.from.iter_mut().for_each(|item| for_each_from_mut(item, visit));
            select.filter.iter_mut().chain(&mut select.having).for_each(&mut *visit);
            if let Some(grouping) = &mut select.grouping {
                grouping.keys.iter_mut().for_each(|(_, key)| visit(key));
                for (_, call) in &mut grouping.calls {
                    call.args
                        .iter_mut()
                        .chain(&mut call.direct_args)
                        .chain(&mut call.filter)
                        .for_each(&mut *visit);
                    call.order_by.iter_mut().for_each(|key| visit(&mut key.expr));
                }
            }
            for window in &mut select.windows {
                window.partition_by.iter_mut().for_each(&mut *visit);
                window.order_by.iter_mut().for_each(|key| visit(&mut key.expr));
                for (_, call) in &mut window.calls {
                    call.args.iter_mut().chain(&mut call.filter).for_each(&mut *visit);
                }
            }
            select.targets.iter_mut().for_each(|(_, target)| visit(target));
        }
    }
}

fn for_each_from_mut(item: &mut FromItem, visit: &mut dyn FnMut(&mut Expr)) {
    match item {
        FromItem::Table { .. } | FromItem::Cte { .. } => {}
        FromItem::Subquery { query, .. } => for_each_expr_mut(query, visit),
        FromItem::Functions { functions, .. } => {
            functions.iter_mut().flat_map(|call| &mut call.args).for_each(visit)
        }
        FromItem::Join(join) => {
            let Join { left, right, condition, .. } = join.as_mut();
            for_each_from_mut(left, visit);
            for_each_from_mut(right, visit);
            condition.iter_mut().for_each(visit);
        }
    }
}

/// Collects the columns that an expression uses, those of its subqueries (by index in `subqueries`) included.
pub(super) fn columns(expr: &Expr, subqueries: &[Query], found: &mut Vec<ColumnId>) {
    expr.walk(&mut |part| match &part.kind {
        ExprKind::Column(id) => found.push(*id),
        ExprKind::Subquery { index, .. } => {
            if let Some(query) = subqueries.get(*index as usize) {
                query_columns(query, found);
            }
        }
        _ => {}
    });
}

fn query_columns(query: &Query, found: &mut Vec<ColumnId>) {
    for_each_expr(query, &mut |expr| {
        expr.walk(&mut |part| {
            if let ExprKind::Column(id) = &part.kind {
                found.push(*id);
            }
        });
    });
}
