//! Predicates as such: normal form, what ORs have in common, what they imply, and whether they reject NULLs.

use executor::expr::{BoolTest, Expr, ExprKind};

use super::expressions::{self, columns_of, conjunction, conjuncts, disjunction};
use super::functions;
use super::logical::ColumnSet;

/// Returns the conjuncts of a predicate: NOT pushed to the leaves where that is exact, common conjuncts taken out of
/// ORs, and what an OR implies for the columns of single alternatives' tables is left to [`implied`].
pub fn normalized(expr: Expr) -> Vec<Expr> {
    conjuncts(without_not(expr))
        .into_iter()
        .flat_map(factored)
        .filter(|expr| !expressions::is_true(expr))
        .collect()
}

/// Pushes NOT through AND, OR and comparisons that have a negator (all exact in three-valued logic).
fn without_not(expr: Expr) -> Expr {
    let ExprKind::Not(arg) = expr.kind else { return expr };
    match arg.kind {
        ExprKind::Not(inner) => without_not(*inner),
        ExprKind::And(items) => {
            disjunction(items.into_iter().map(|item| without_not(expressions::negation(item))).collect())
        }
        ExprKind::Or(items) => {
            conjunction(items.into_iter().map(|item| without_not(expressions::negation(item))).collect())
        }
        ExprKind::IsNull { arg, negated } => {
            Expr { kind: ExprKind::IsNull { arg, negated: !negated }, ty: expr.ty }
        }
        ExprKind::Call { function, args, input_collation } => {
            let negator = functions::operator(function.oid)
                .filter(|facts| facts.btree.is_some() || facts.symbol == "<>")
                .and_then(|facts| functions::function(facts.negator));
            match negator {
                Some(negator) => {
                    Expr { kind: ExprKind::Call { function: negator, args, input_collation }, ty: expr.ty }
                }
                None => {
                    let call = Expr { kind: ExprKind::Call { function, args, input_collation }, ty: expr.ty };
                    expressions::negation(call)
                }
            }
        }
        kind => expressions::negation(Expr { kind, ty: expr.ty }),
    }
}

/// Takes the conjuncts that every alternative of an OR has in front of it.
fn factored(expr: Expr) -> Vec<Expr> {
    let ExprKind::Or(items) = expr.kind else { return vec![expr] };
    let mut alternatives: Vec<Vec<Expr>> = Vec::new();
    for item in items {
        match item.kind {
            ExprKind::Or(inner) => alternatives.extend(inner.into_iter().map(conjuncts)),
            kind => alternatives.push(conjuncts(Expr { kind, ty: item.ty })),
        }
    }
    let Some(first) = alternatives.first() else { return vec![Expr::bool(false)] };
    let common: Vec<Expr> = first
        .iter()
        .filter(|part| {
            !expressions::has_subquery(part) && alternatives.iter().all(|other| other.contains(part))
        })
        .cloned()
        .collect();
    for alternative in &mut alternatives {
        alternative.retain(|part| !common.contains(part));
    }
    let mut result = common;
    if alternatives.iter().all(|alternative| !alternative.is_empty()) {
        result.push(disjunction(alternatives.into_iter().map(conjunction).collect()));
    }
    result
}

/// Returns the strongest predicate over `columns` alone that an OR over more columns implies, if there is any.
pub fn implied(expr: &Expr, columns: &ColumnSet) -> Option<Expr> {
    let ExprKind::Or(items) = &expr.kind else { return None };
    let mut alternatives = Vec::new();
    for item in items {
        let own: Vec<Expr> = conjuncts(item.clone())
            .into_iter()
            .filter(|part| {
                let used = columns_of(part);
                !expressions::has_subquery(part) && !used.is_empty() && used.is_subset(columns)
            })
            .collect();
        if own.is_empty() {
            return None;
        }
        let own = conjunction(own);
        if !alternatives.contains(&own) {
            alternatives.push(own);
        }
    }
    Some(disjunction(alternatives))
}

/// Returns whether a filter with `expr` drops every row in which all of `columns` are NULL.
pub fn rejects_nulls(expr: &Expr, columns: &ColumnSet) -> bool {
    match &expr.kind {
        ExprKind::And(items) => items.iter().any(|item| rejects_nulls(item, columns)),
        ExprKind::Or(items) => items.iter().all(|item| rejects_nulls(item, columns)),
        ExprKind::IsNull { arg, negated: true } => null_of_null(arg, columns),
        ExprKind::BoolTest { arg, test: BoolTest::True } => rejects_nulls(arg, columns),
        ExprKind::BoolTest { arg, test: BoolTest::False | BoolTest::NotUnknown } => {
            null_of_null(arg, columns)
        }
        _ => null_of_null(expr, columns),
    }
}

/// Returns whether `expr` is NULL whenever all of `columns` are.
fn null_of_null(expr: &Expr, columns: &ColumnSet) -> bool {
    match &expr.kind {
        ExprKind::Column(id) => columns.contains(id),
        ExprKind::Call { function, args, .. } => {
            function.strict && args.iter().any(|arg| null_of_null(arg, columns))
        }
        ExprKind::Not(arg) | ExprKind::Relabel(arg) | ExprKind::Collate(arg) | ExprKind::CoerceViaIo(arg) => {
            null_of_null(arg, columns)
        }
        ExprKind::And(items) | ExprKind::Or(items) => items.iter().all(|item| null_of_null(item, columns)),
        ExprKind::ScalarArray { function, scalar, array, all, .. } => {
            let filled = matches!(&array.kind, ExprKind::Array { elements, .. } if !elements.is_empty());
            function.strict && !all && filled && null_of_null(scalar, columns)
        }
        _ => false,
    }
}
