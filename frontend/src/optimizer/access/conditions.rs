//! Matching conjuncts with the columns of an index.

use executor::expr::{BoolTest, Expr, ExprKind, Volatility};
use executor::plan::{IndexBound, IndexKey};
use types::{Datum, TypeRef, oids};

use super::super::Planner;
use super::super::functions::{self, Comparison, strategy};
use super::super::logical::Get;
use super::{IndexedColumn, patterns, plain};

/// What conjuncts say of the first columns of an index.
#[derive(Default)]
pub(super) struct Bound {
    pub(super) keys: Vec<IndexKey>,
    pub(super) conditions: Vec<Expr>,
    /// Conjuncts that the keys decide, and those that keys come from.
    pub(super) decided: Vec<usize>,
    pub(super) used: Vec<usize>,
    pub(super) ranges: f64,
}

/// What a conjunct says of one column.
enum Clause {
    Equals(Expr),
    Any(Expr, f64),
    IsNull,
    NotNull,
    Low(IndexBound),
    High(IndexBound),
}

/// A clause of a conjunct.
struct Match {
    conjunct: usize,
    clause: Clause,
    shown: Expr,
    exact: bool,
}

/// Ranges that a list of unknown length is taken to have.
const LIST_RANGES: f64 = 10.0;

/// Binds the columns of an index one after another.
pub(super) fn of(
    planner: &Planner<'_>,
    get: &Get,
    columns: &[IndexedColumn],
    conjuncts: &[Expr],
    ordered: bool,
) -> Bound {
    let mut bound = Bound { ranges: 1.0, ..Bound::default() };
    for column in columns {
        let mut matches = Vec::new();
        for (at, conjunct) in conjuncts.iter().enumerate() {
            if !bound.used.contains(&at) {
                matcher(planner, get, column, ordered).add(at, conjunct, &mut matches);
            }
        }
        if !bind(&mut bound, matches, ordered) {
            break;
        }
    }
    bound
}

/// Binds one column; returns whether the next one can be bound, too.
fn bind(bound: &mut Bound, mut matches: Vec<Match>, ordered: bool) -> bool {
    let rank = |found: &Match| match found.clause {
        Clause::Equals(_) => 0,
        Clause::Any(..) => 1,
        Clause::IsNull => 2,
        Clause::Low(_) | Clause::High(_) | Clause::NotNull => 3,
    };
    matches.sort_by_key(rank);
    let point = matches.first().is_some_and(|first| rank(first) < 3);
    if point {
        matches.truncate(1);
    } else if !ordered {
        matches.clear();
    }
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let any = !matches.is_empty();
    for found in matches {
        if found.exact {
            bound.decided.push(found.conjunct);
        }
        bound.used.push(found.conjunct);
        bound.conditions.push(found.shown);
        match found.clause {
            Clause::Equals(value) => bound.keys.push(IndexKey::Equals(value)),
            Clause::Any(array, len) => {
                bound.keys.push(IndexKey::Any(array));
                bound.ranges *= len;
            }
            Clause::IsNull => bound.keys.push(IndexKey::IsNull),
            Clause::NotNull => {}
            Clause::Low(end) => low.push(end),
            Clause::High(end) => high.push(end),
        }
    }
    if any && !point {
        bound.keys.push(IndexKey::Range { low, high });
    }
    bound.used.dedup();
    point
}

struct Matcher<'a> {
    planner: &'a Planner<'a>,
    get: &'a Get,
    column: &'a IndexedColumn,
    ordered: bool,
}

fn matcher<'a>(
    planner: &'a Planner<'a>,
    get: &'a Get,
    column: &'a IndexedColumn,
    ordered: bool,
) -> Matcher<'a> {
    Matcher { planner, get, column, ordered }
}

/// Collations whose order is that of bytes.
pub(super) fn is_bytewise(collation: u32) -> bool {
    const POSIX: u32 = 951;
    const BUILTIN_C_UTF8: u32 = 811;
    const UCS_BASIC: u32 = 962;
    matches!(collation, 0 | oids::DEFAULT_COLLATION | oids::C_COLLATION | POSIX | BUILTIN_C_UTF8 | UCS_BASIC)
}

impl Matcher<'_> {
    fn is_column(&self, expr: &Expr) -> bool {
        plain(expr) == plain(&self.column.expr)
    }

    /// Whether an expression has one value for the whole scan.
    fn is_value(&self, expr: &Expr) -> bool {
        let columns = self.planner.expr_columns(expr);
        !columns.iter().any(|id| self.get.columns.contains(id) || self.get.row_id == Some(*id))
            && self.planner.volatility(expr) != Volatility::Volatile
    }

    fn add(&self, conjunct: usize, expr: &Expr, found: &mut Vec<Match>) {
        let mut push = |clause, shown: Expr, exact| found.push(Match { conjunct, clause, shown, exact });
        match &expr.kind {
            ExprKind::Call { .. } => {
                if let Some(comparison) = functions::comparison(expr) {
                    if let Some(clause) = self.comparison(&comparison) {
                        push(clause, expr.clone(), true);
                    }
                } else if self.ordered && is_bytewise(self.column.collation) {
                    self.pattern(expr, &mut push);
                }
            }
            ExprKind::ScalarArray { function, scalar, array, all: false, input_collation } => {
                let call = functions::boolean_call(
                    function.clone(),
                    (**scalar).clone(),
                    element(array),
                    *input_collation,
                );
                if let Some(comparison) = functions::equality(&call)
                    && self.is_column(comparison.left)
                    && self.fits(&comparison, comparison.right.ty)
                    && self.is_value(array)
                {
                    push(Clause::Any((**array).clone(), list_len(array)), expr.clone(), true);
                }
            }
            ExprKind::Or(items) => {
                if let Some((array, len)) = self.alternatives(items) {
                    push(Clause::Any(array, len), expr.clone(), true);
                }
            }
            ExprKind::IsNull { arg, negated } if self.ordered && self.is_column(arg) => {
                let record = arg.ty.oid == oids::RECORD;
                let clause = if *negated { Clause::NotNull } else { Clause::IsNull };
                if !record {
                    push(clause, expr.clone(), true);
                }
            }
            ExprKind::Column(_) if expr.ty.oid == oids::BOOL && self.is_column(expr) => {
                push(Clause::Equals(Expr::bool(true)), expr.clone(), true);
            }
            ExprKind::Not(arg) if arg.ty.oid == oids::BOOL && self.is_column(arg) => {
                push(Clause::Equals(Expr::bool(false)), expr.clone(), true);
            }
            ExprKind::BoolTest { arg, test: test @ (BoolTest::True | BoolTest::False) }
                if self.is_column(arg) =>
            {
                push(Clause::Equals(Expr::bool(*test == BoolTest::True)), expr.clone(), true);
            }
            ExprKind::RowCompare { pairs, .. } if self.ordered => {
                // The first pair bounds the first column; the comparison itself stays a filter.
                let Some(pair) = pairs.first() else { return };
                let call = functions::boolean_call(
                    pair.order.clone(),
                    pair.left.clone(),
                    pair.right.clone(),
                    pair.input_collation,
                );
                let clause = functions::comparison(&call).and_then(|comparison| self.comparison(&comparison));
                match clause {
                    Some(Clause::Low(end)) => push(Clause::Low(inclusive(end)), expr.clone(), false),
                    Some(Clause::High(end)) => push(Clause::High(inclusive(end)), expr.clone(), false),
                    Some(_) | None => {}
                }
            }
            _ => {}
        }
    }

    /// Returns what a comparison says of the column.
    fn comparison(&self, comparison: &Comparison<'_>) -> Option<Clause> {
        let (value, number) = if self.is_column(comparison.left) {
            (comparison.right, comparison.strategy)
        } else if self.is_column(comparison.right) {
            (comparison.left, commuted(comparison.strategy))
        } else {
            return None;
        };
        if !self.is_value(value) || !self.fits(comparison, value.ty) {
            return None;
        }
        let end = |inclusive| IndexBound { value: value.clone(), inclusive };
        Some(match number {
            strategy::EQUAL => Clause::Equals(value.clone()),
            _ if !self.ordered => return None,
            strategy::LESS => Clause::High(end(false)),
            strategy::LESS_EQUAL => Clause::High(end(true)),
            strategy::GREATER_EQUAL => Clause::Low(end(true)),
            strategy::GREATER => Clause::Low(end(false)),
            _ => return None,
        })
    }

    /// Whether the index's order is that of a comparison, and its keys can be made of the values.
    fn fits(&self, comparison: &Comparison<'_>, value: TypeRef) -> bool {
        let equality = comparison.strategy == strategy::EQUAL;
        if comparison.input_collation != self.column.collation
            || !equality && !is_bytewise(self.column.collation)
        {
            return false;
        }
        if !equality && !functions::is_hashable(self.column.expr.ty.oid) {
            return false;
        }
        // Hash classes and pattern classes share the equality of the ordinary ones.
        let family = comparison.family == self.column.family || equality;
        let integer = |ty| matches!(ty, oids::INT2 | oids::INT4 | oids::INT8);
        let text = |ty| matches!(ty, oids::TEXT | oids::VARCHAR | oids::NAME);
        let (own, other) = (self.column.expr.ty.oid, value.oid);
        family && (own == other || integer(own) && integer(other) || text(own) && text(other))
    }

    /// Returns `column = a OR column = b ...` as a list.
    fn alternatives(&self, items: &[Expr]) -> Option<(Expr, f64)> {
        let mut elements = Vec::with_capacity(items.len());
        for item in items {
            let comparison = functions::equality(item)?;
            let Some(Clause::Equals(value)) = self.comparison(&comparison) else { return None };
            elements.push(value);
        }
        let ty = elements.first()?.ty;
        if !elements.iter().all(|element| element.ty.oid == ty.oid) {
            return None;
        }
        let array = crate::catalog::builtin::builtin().type_by_oid(ty.oid)?.array;
        let len = elements.len() as f64;
        let kind = ExprKind::Array { elements, element_type: ty.oid };
        Some((Expr { kind, ty: TypeRef { oid: array, ..ty } }, len))
    }

    /// Adds the range of the strings that a pattern can match.
    fn pattern(&self, expr: &Expr, push: &mut dyn FnMut(Clause, Expr, bool)) {
        let Some((arg, prefix)) = patterns::prefix_of(expr) else { return };
        if !self.is_column(arg) || !matches!(self.column.expr.ty.oid, oids::TEXT | oids::VARCHAR) {
            return;
        }
        let text = |value: &str| Expr::constant(Datum::text(value), arg.ty);
        let shown = |symbol: &str, value: &str| patterns::comparison(symbol, arg, text(value));
        match prefix {
            patterns::Prefix::Exact(value) => {
                if let Some(shown) = shown("=", &value) {
                    push(Clause::Equals(text(&value)), shown, false);
                }
            }
            patterns::Prefix::Start(value) => {
                if let Some(shown) = shown(">=", &value) {
                    push(Clause::Low(IndexBound { value: text(&value), inclusive: true }), shown, false);
                }
                if let Some(end) = patterns::next(&value)
                    && let Some(shown) = shown("<", &end)
                {
                    push(Clause::High(IndexBound { value: text(&end), inclusive: false }), shown, false);
                }
            }
        }
    }
}

fn inclusive(end: IndexBound) -> IndexBound {
    IndexBound { inclusive: true, ..end }
}

fn commuted(number: u8) -> u8 {
    match number {
        strategy::LESS => strategy::GREATER,
        strategy::LESS_EQUAL => strategy::GREATER_EQUAL,
        strategy::GREATER_EQUAL => strategy::LESS_EQUAL,
        strategy::GREATER => strategy::LESS,
        other => other,
    }
}

/// Returns a stand-in for an element of an array.
fn element(array: &Expr) -> Expr {
    let oid = types::element_type(array.ty.oid).unwrap_or(array.ty.oid);
    Expr::constant(Datum::Null, TypeRef { oid, ..array.ty })
}

fn list_len(array: &Expr) -> f64 {
    match &array.kind {
        ExprKind::Array { elements, .. } => elements.len() as f64,
        ExprKind::Const(Datum::Array(array)) => array.elements.len() as f64,
        ExprKind::Relabel(inner) => list_len(inner),
        _ => LIST_RANGES,
    }
}
