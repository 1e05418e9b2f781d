//! Apply: runs the inner plan once for each outer row, with values of that row bound (LATERAL).

use types::{Datum, Result};

use super::{Flow, RowSet, Stage, collect_rows};
use crate::convert::rows_of;
use crate::execute::{FallbackReason, Run};
use crate::expr::Expr;
use crate::plan::PlanNode;
use crate::rows::RowEvaluator;

/// The parts of an Apply node.
pub(super) struct Apply<'p> {
    pub(super) outer: &'p PlanNode,
    pub(super) inner: &'p PlanNode,
    pub(super) bindings: &'p [(u32, Expr)],
    pub(super) left: bool,
    pub(super) condition: &'p Option<Expr>,
}

/// Pushes outer rows beside the rows that the inner plan gives for them.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Apply<'_>, stage: &dyn Stage) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let outer_rows = collect_rows(run, plan.outer)?;
    let evaluator = RowEvaluator::new(run);
    let mut serial = super::SerialRound::new(stage)?;
    for batch in &outer_rows.batches {
        for row in rows_of(batch, &plan.outer.output)? {
            run.context.cancel.check()?;
            let mut values = (*run.outer).clone();
            for (slot, expr) in plan.bindings {
                let slot = *slot as usize;
                if values.len() <= slot {
                    values.resize(slot + 1, Datum::Null);
                }
                values[slot] = evaluator.evaluate(expr, &row)?;
            }
            let inner = run.with_outer(values);
            let mut out = Vec::new();
            for inner_row in collect_rows(&inner, plan.inner)?.rows(&plan.inner.output)? {
                let mut joined = row.clone();
                joined.extend(inner_row);
                let passes = match plan.condition {
                    Some(condition) => RowEvaluator::new(&inner).is_true(condition, &joined)?,
                    None => true,
                };
                if passes {
                    out.push(joined);
                }
            }
            if out.is_empty() && plan.left {
                let mut joined = row;
                joined.resize(joined.len() + plan.inner.output.len(), Datum::Null);
                out.push(joined);
            }
            for batch in RowSet::from_rows(&out, &node.output)?.batches {
                if serial.push(batch)? == Flow::Stop {
                    return serial.finish();
                }
            }
        }
    }
    serial.finish()
}
