//! Whether conjuncts imply the predicate of a partial index (as `predicate_implied_by`, for common forms).

use executor::expr::{Expr, ExprKind};
use types::{Datum, oids};

use super::super::functions::{self, Comparison, strategy};
use super::super::predicates;
use super::plain;

/// Returns whether every row for which all of `conjuncts` are true satisfies `predicate`.
pub fn implies(conjuncts: &[Expr], predicate: &Expr) -> bool {
    match &predicate.kind {
        ExprKind::Const(Datum::Bool(true)) => true,
        ExprKind::And(items) => items.iter().all(|item| implies(conjuncts, item)),
        ExprKind::Or(items) => {
            items.iter().any(|item| implies(conjuncts, item)) || one_implies(conjuncts, predicate)
        }
        _ => one_implies(conjuncts, predicate),
    }
}

fn one_implies(conjuncts: &[Expr], predicate: &Expr) -> bool {
    conjuncts.iter().any(|conjunct| {
        conjunct == predicate
            || implies_not_null(conjunct, predicate)
            || implies_comparison(conjunct, predicate)
            || match &conjunct.kind {
                ExprKind::And(items) => implies(items, predicate),
                ExprKind::Or(items) => {
                    items.iter().all(|item| implies(std::slice::from_ref(item), predicate))
                }
                _ => false,
            }
    })
}

/// `x IS NOT NULL` follows from whatever is not true where x is NULL.
fn implies_not_null(conjunct: &Expr, predicate: &Expr) -> bool {
    let ExprKind::IsNull { arg, negated: true } = &predicate.kind else { return false };
    match plain(arg).kind {
        ExprKind::Column(id) => predicates::rejects_nulls(conjunct, &[id].into_iter().collect()),
        _ => false,
    }
}

/// A comparison with a constant follows from one of the same value with another constant.
fn implies_comparison(conjunct: &Expr, predicate: &Expr) -> bool {
    let (Some(known), Some(wanted)) = (as_bound(conjunct), as_bound(predicate)) else { return false };
    let (known, known_strategy, have) = known;
    let (wanted, wanted_strategy, want) = wanted;
    if known.family != wanted.family || known.input_collation != wanted.input_collation {
        return false;
    }
    let (Some(left), Some(right)) = (subject(&known), subject(&wanted)) else { return false };
    if plain(left) != plain(right) {
        return false;
    }
    let integer = |expr: &Expr| matches!(expr.ty.oid, oids::INT2 | oids::INT4 | oids::INT8);
    if have.ty.oid != want.ty.oid && !(integer(have) && integer(want)) {
        return false;
    }
    let (ExprKind::Const(have), ExprKind::Const(want)) = (&have.kind, &want.kind) else { return false };
    let Some(order) = compare(have, want) else { return false };
    use std::cmp::Ordering::{Equal, Greater, Less};
    matches!(
        (known_strategy, order, wanted_strategy),
        (strategy::EQUAL, Equal, strategy::EQUAL | strategy::LESS_EQUAL | strategy::GREATER_EQUAL)
            | (strategy::EQUAL, Less, strategy::LESS | strategy::LESS_EQUAL)
            | (strategy::EQUAL, Greater, strategy::GREATER | strategy::GREATER_EQUAL)
            | (strategy::LESS, Less | Equal, strategy::LESS | strategy::LESS_EQUAL)
            | (strategy::LESS_EQUAL, Less, strategy::LESS)
            | (strategy::LESS_EQUAL, Less | Equal, strategy::LESS_EQUAL)
            | (strategy::GREATER, Greater | Equal, strategy::GREATER | strategy::GREATER_EQUAL)
            | (strategy::GREATER_EQUAL, Greater, strategy::GREATER)
            | (strategy::GREATER_EQUAL, Greater | Equal, strategy::GREATER_EQUAL)
    )
}

fn subject<'a>(comparison: &Comparison<'a>) -> Option<&'a Expr> {
    match (&comparison.left.kind, &comparison.right.kind) {
        (_, ExprKind::Const(_)) => Some(comparison.left),
        (ExprKind::Const(_), _) => Some(comparison.right),
        _ => None,
    }
}

/// Returns a comparison with a constant, its strategy with the constant on the right, and the constant.
fn as_bound(expr: &Expr) -> Option<(Comparison<'_>, u8, &Expr)> {
    let comparison = functions::comparison(expr)?;
    match (&comparison.left.kind, &comparison.right.kind) {
        (_, ExprKind::Const(_)) => Some((comparison, comparison.strategy, comparison.right)),
        (ExprKind::Const(_), _) => {
            let number = match comparison.strategy {
                strategy::LESS => strategy::GREATER,
                strategy::LESS_EQUAL => strategy::GREATER_EQUAL,
                strategy::GREATER_EQUAL => strategy::LESS_EQUAL,
                strategy::GREATER => strategy::LESS,
                other => other,
            };
            Some((comparison, number, comparison.left))
        }
        _ => None,
    }
}

/// Compares constants whose order does not depend on their type.
fn compare(left: &Datum, right: &Datum) -> Option<std::cmp::Ordering> {
    let integer = |value: &Datum| match value {
        Datum::I16(number) => Some(i64::from(*number)),
        Datum::I32(number) => Some(i64::from(*number)),
        Datum::I64(number) => Some(*number),
        _ => None,
    };
    match (left, right) {
        (Datum::Text(left), Datum::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Datum::Bool(left), Datum::Bool(right)) => Some(left.cmp(right)),
        (Datum::Numeric(left), Datum::Numeric(right)) if left == right => Some(std::cmp::Ordering::Equal),
        _ => Some(integer(left)?.cmp(&integer(right)?)),
    }
}
