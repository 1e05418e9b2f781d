//! Constant folding: immutable expressions without columns become constants.
//!
//! An expression whose evaluation raises an error is left as it is: the error belongs to run time, to the row that
//! gets there, if any does.

use executor::expr::{Expr, ExprKind, Volatility};
use types::{Oid, oids};

use super::Planner;
use super::expressions;
use super::logical::Logical;

impl Planner<'_> {
    /// Folds the constants of a plan.
    pub(super) fn fold(&self, mut plan: Logical) -> Logical {
        plan.for_each_expr_mut(&mut |expr| self.fold_expr(expr));
        plan.map_inputs(&mut |input| self.fold(input))
    }

    fn fold_expr(&self, expr: &mut Expr) {
        expressions::rewrite(expr, &mut |part| {
            if is_computation(part)
                && is_closed(part)
                && let Some(value) = (self.context.evaluate)(part)
            {
                *part = Expr::constant(value, part.ty);
            }
        });
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
    expr.walk(&mut |part| match &part.kind {
        ExprKind::Column(_)
        | ExprKind::Param(_)
        | ExprKind::Outer(_)
        | ExprKind::CaseOperand(_)
        | ExprKind::Subquery { .. }
        | ExprKind::SubqueryColumn(_)
        | ExprKind::SetCall { .. }
        | ExprKind::ArrayCoerce { .. } => closed = false,
        ExprKind::CoerceViaIo(arg) => {
            closed &= has_immutable_text(arg.ty.oid) && has_immutable_text(part.ty.oid)
        }
        ExprKind::Call { function, .. } | ExprKind::ScalarArray { function, .. } => {
            closed &= function.volatility == Volatility::Immutable;
        }
        _ => {}
    });
    closed
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
