//! Constant folding: immutable expressions without columns become constants.
//!
//! An error of such an expression is the statement's, as in PostgreSQL: `SELECT 1/0 FROM empty` fails although no row
//! gets there. What a constant decides before is not looked at: the arms of CASE behind a true condition, the arguments of
//! AND, OR and COALESCE behind the one that settles it.

use executor::expr::{Expr, ExprKind, Volatility};
use types::{Datum, Oid, oids};

use super::Planner;
use super::logical::Logical;

/// A tuning constant: larger values are made anew by each run.
const CONSTANT_BYTES_MAX: usize = 4 << 20;

fn is_large(value: &Datum) -> bool {
    match value {
        Datum::Text(text) => text.len() > CONSTANT_BYTES_MAX,
        Datum::Bytes(bytes) => bytes.len() > CONSTANT_BYTES_MAX,
        Datum::Array(array) => array.elements.len() * size_of::<Datum>() > CONSTANT_BYTES_MAX,
        Datum::Null
        | Datum::Bool(_)
        | Datum::I16(_)
        | Datum::I32(_)
        | Datum::I64(_)
        | Datum::F32(_)
        | Datum::F64(_)
        | Datum::Numeric(_)
        | Datum::Interval(_)
        | Datum::Uuid(_)
        | Datum::TimeTz(..)
        | Datum::Record(_)
        | Datum::Json(_)
        | Datum::Range(_)
        | Datum::Multirange(_) => false,
    }
}

/// Returns the name of the function that the expression calls, if PostgreSQL's is written in SQL: its key in the registry
/// then ends in its oid.
fn sql_function(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Call { function, .. } => {
            let oid = function.oid.to_string();
            function.prosrc.strip_suffix(oid.as_str())?.strip_suffix('_')
        }
        _ => None,
    }
}

impl Planner<'_> {
    /// Folds the constants of a plan; the first error is kept in `fold_error`.
    pub(super) fn fold(&self, mut plan: Logical) -> Logical {
        plan.for_each_expr_mut(&mut |expr| self.fold_expr(expr));
        plan.map_inputs(&mut |input| self.fold(input))
    }

    fn fold_expr(&self, expr: &mut Expr) {
        if let ExprKind::Param(number) = &expr.kind
            && let Some(value) = self.context.params.get((*number as usize).wrapping_sub(1))
        {
            *expr = Expr::constant(value.clone(), expr.ty);
            return;
        }
        match &mut expr.kind {
            ExprKind::And(items) => self.fold_until(items, &Datum::Bool(false)),
            ExprKind::Or(items) => self.fold_until(items, &Datum::Bool(true)),
            ExprKind::Coalesce(items) => self.fold_coalesce(items),
            ExprKind::Case { .. } => self.fold_case(expr),
            _ => expr.for_each_child_mut(&mut |child| self.fold_expr(child)),
        }
        if is_computation(expr) && is_closed(expr) {
            self.replace(expr);
        }
    }

    /// Puts the value in the place of a closed expression.
    fn replace(&self, expr: &mut Expr) {
        match (self.context.evaluate)(expr) {
            // A plan may be kept for long, and must not keep megabytes.
            Ok(value) if is_large(&value) => {}
            Ok(value) => *expr = Expr::constant(value, expr.ty),
            // What is not there yet is missed when a row gets there.
            Err(error) if error.is_unsupported() => {}
            Err(error) => {
                let error = match sql_function(expr) {
                    Some(name) => error.with_context(format!("SQL function \"{name}\" statement 1")),
                    None => error,
                };
                self.fold_error.borrow_mut().get_or_insert(error);
            }
        }
    }

    /// Folds items in order and drops those behind a constant that settles the result.
    fn fold_until(&self, items: &mut Vec<Expr>, settling: &Datum) {
        for index in 0..items.len() {
            self.fold_expr(&mut items[index]);
            if constant(&items[index]) == Some(settling) {
                // AND and OR have two items at least.
                let settled = items[index].clone();
                *items = vec![settled.clone(), settled];
                return;
            }
        }
    }

    fn fold_coalesce(&self, items: &mut Vec<Expr>) {
        for index in 0..items.len() {
            self.fold_expr(&mut items[index]);
            if constant(&items[index]).is_some_and(|value| *value != Datum::Null) {
                items.truncate(index + 1);
                return;
            }
        }
    }

    fn fold_case(&self, expr: &mut Expr) {
        let ExprKind::Case { operand, arms, otherwise } = &mut expr.kind else { return };
        if let Some(operand) = operand {
            self.fold_expr(operand);
        }
        let mut kept = Vec::new();
        let mut settled = false;
        for (mut condition, mut result) in std::mem::take(arms) {
            self.fold_expr(&mut condition);
            let decided = match (operand.as_deref(), constant(&condition)) {
                (_, Some(value)) => Some(value.clone()),
                (Some(operand), None) if constant(operand).is_some() => self.decide(operand, &condition),
                (Some(_) | None, None) => None,
            };
            match decided {
                Some(Datum::Bool(true)) => {
                    self.fold_expr(&mut result);
                    **otherwise = result;
                    settled = true;
                    break;
                }
                Some(_) => {}
                None => {
                    self.fold_expr(&mut result);
                    kept.push((condition, result));
                }
            }
        }
        if !settled {
            self.fold_expr(otherwise);
        }
        if kept.is_empty() {
            *expr = Expr { kind: otherwise.kind.clone(), ty: expr.ty };
        } else {
            *arms = kept;
        }
    }

    /// Returns whether the condition of a CASE with a constant operand holds, when that is constant too.
    fn decide(&self, operand: &Expr, condition: &Expr) -> Option<Datum> {
        let mut others_closed = true;
        condition.walk(&mut |part| {
            if !matches!(part.kind, ExprKind::CaseOperand(_)) && !part_is_closed(part) {
                others_closed = false;
            }
        });
        if !others_closed {
            return None;
        }
        let truth = |value| Expr::bool(value);
        let asked = Expr {
            kind: ExprKind::Case {
                operand: Some(Box::new(operand.clone())),
                arms: vec![(condition.clone(), truth(true))],
                otherwise: Box::new(truth(false)),
            },
            ty: truth(true).ty,
        };
        match (self.context.evaluate)(&asked) {
            Ok(value) => Some(value),
            Err(error) if error.is_unsupported() => None,
            Err(error) => {
                self.fold_error.borrow_mut().get_or_insert(error);
                None
            }
        }
    }
}

fn constant(expr: &Expr) -> Option<&Datum> {
    match &expr.kind {
        ExprKind::Const(value) => Some(value),
        _ => None,
    }
}

/// Returns whether folding saves work (array and row constructors are kept: operators look into them).
fn is_computation(expr: &Expr) -> bool {
    !matches!(
        expr.kind,
        ExprKind::Const(_) | ExprKind::Array { .. } | ExprKind::Row(..) | ExprKind::SetCall { .. }
    )
}

/// Returns whether the expression is immutable and uses nothing but constants.
fn is_closed(expr: &Expr) -> bool {
    let mut closed = true;
    expr.walk(&mut |part| closed &= part_is_closed(part) && !matches!(part.kind, ExprKind::CaseOperand(_)));
    closed
}

/// Returns whether a node itself, not what is below it, is immutable and no column.
fn part_is_closed(part: &Expr) -> bool {
    match &part.kind {
        ExprKind::Column(_)
        | ExprKind::Param(_)
        | ExprKind::Outer(_)
        | ExprKind::Subquery { .. }
        | ExprKind::SubqueryColumn(_)
        | ExprKind::SetCall { .. }
        | ExprKind::ArrayCoerce { .. } => false,
        ExprKind::CoerceViaIo(arg) => has_immutable_text(arg.ty.oid) && has_immutable_text(part.ty.oid),
        ExprKind::Call { function, .. } | ExprKind::ScalarArray { function, .. } => {
            function.volatility == Volatility::Immutable
        }
        _ => true,
    }
}

/// Returns whether input and output of the type do not depend on settings.
fn has_immutable_text(ty: Oid) -> bool {
    matches!(
        ty,
        oids::BOOL
            | oids::INT2
            | oids::INT4
            | oids::INT8
            | oids::NUMERIC
            | oids::TEXT
            | oids::VARCHAR
            | oids::BPCHAR
            | oids::UNKNOWN
            | oids::UUID
    )
}
