//! What the optimizer asks of expressions: the columns they use, their conjuncts, substitution, volatility.

use std::collections::BTreeMap;

use executor::expr::{ColumnId, Expr, ExprKind, Volatility};
use types::{Datum, oids};

use super::logical::ColumnSet;

/// Calls `change` on `expr` and everything below it, children first.
pub fn rewrite(expr: &mut Expr, change: &mut dyn FnMut(&mut Expr)) {
    expr.for_each_child_mut(&mut |child| rewrite(child, change));
    change(expr);
}

/// Adds the columns that `expr` itself names (not those of its subqueries).
pub fn add_columns(expr: &Expr, columns: &mut ColumnSet) {
    expr.walk(&mut |part| {
        if let ExprKind::Column(id) = part.kind {
            columns.insert(id);
        }
    });
}

/// Returns the columns that `expr` itself names.
pub fn columns_of(expr: &Expr) -> ColumnSet {
    let mut columns = ColumnSet::new();
    add_columns(expr, &mut columns);
    columns
}

/// Replaces columns by expressions.
pub fn substitute(expr: &mut Expr, by: &BTreeMap<ColumnId, Expr>) {
    rewrite(expr, &mut |part| {
        if let ExprKind::Column(id) = part.kind
            && let Some(replacement) = by.get(&id)
        {
            *part = replacement.clone();
        }
    });
}

/// Splits at top-level ANDs.
pub fn conjuncts(expr: Expr) -> Vec<Expr> {
    match expr.kind {
        ExprKind::And(items) => items.into_iter().flat_map(conjuncts).collect(),
        _ => vec![expr],
    }
}

/// Joins conjuncts with AND; true when there are none.
pub fn conjunction(mut items: Vec<Expr>) -> Expr {
    match items.len() {
        0 => Expr::bool(true),
        1 => items.remove(0),
        _ => Expr { kind: ExprKind::And(items), ty: Expr::bool(true).ty },
    }
}

/// Joins alternatives with OR; false when there are none.
pub fn disjunction(mut items: Vec<Expr>) -> Expr {
    match items.len() {
        0 => Expr::bool(false),
        1 => items.remove(0),
        _ => Expr { kind: ExprKind::Or(items), ty: Expr::bool(true).ty },
    }
}

/// Returns NOT `expr`.
pub fn negation(expr: Expr) -> Expr {
    Expr { ty: expr.ty, kind: ExprKind::Not(Box::new(expr)) }
}

/// Returns whether the expression is the constant true.
pub fn is_true(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Const(Datum::Bool(true)))
}

/// Returns whether a filter with this conjunct lets no row pass.
pub fn is_false_or_null(expr: &Expr) -> bool {
    expr.ty.oid == oids::BOOL && matches!(expr.kind, ExprKind::Const(Datum::Bool(false) | Datum::Null))
}

/// Returns the highest volatility of the calls in `expr`; subqueries count as `subquery` says.
pub fn volatility(expr: &Expr, subquery: &dyn Fn(u32) -> Volatility) -> Volatility {
    let mut highest = Volatility::Immutable;
    expr.walk(&mut |part| {
        let mut raise = |to: Volatility| highest = highest.max(to);
        match &part.kind {
            ExprKind::Call { function, .. }
            | ExprKind::SetCall { function, .. }
            | ExprKind::ScalarArray { function, .. } => raise(function.volatility),
            ExprKind::IsDistinct { equal, .. } => raise(equal.volatility),
            ExprKind::RowCompare { pairs, .. } => {
                for pair in pairs {
                    raise(pair.equal.volatility.max(pair.order.volatility));
                }
            }
            ExprKind::CoerceViaIo(_) | ExprKind::ArrayCoerce { .. } => raise(Volatility::Stable),
            ExprKind::Param(_) | ExprKind::Outer(_) => raise(Volatility::Stable),
            ExprKind::Subquery { index, .. } => raise(subquery(*index).max(Volatility::Stable)),
            ExprKind::Column(_)
            | ExprKind::Const(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Not(_)
            | ExprKind::IsNull { .. }
            | ExprKind::BoolTest { .. }
            | ExprKind::NullIf { .. }
            | ExprKind::Case { .. }
            | ExprKind::CaseOperand(_)
            | ExprKind::Coalesce(_)
            | ExprKind::MinMax { .. }
            | ExprKind::Array { .. }
            | ExprKind::Subscript { .. }
            | ExprKind::Row(..)
            | ExprKind::Field { .. }
            | ExprKind::Relabel(_)
            | ExprKind::Collate(_)
            | ExprKind::SubqueryColumn(_) => {}
        }
    });
    highest
}

/// Returns whether `expr` holds a subquery.
pub fn has_subquery(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, ExprKind::Subquery { .. }));
    found
}

/// Returns whether `expr` holds a set-returning call.
pub fn has_set_call(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, ExprKind::SetCall { .. }));
    found
}
