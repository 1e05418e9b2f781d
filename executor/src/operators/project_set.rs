//! Set-returning calls in a target list: as many rows as the longest gives, the others padded with NULLs.

use types::{Datum, RecordValue, Result};

use super::function_scan::call_set;
use super::{Flow, RowSet, SerialRound, Stage, collect_rows};
use crate::convert::rows_of;
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, ExprKind};
use crate::plan::PlanNode;
use crate::rows::RowEvaluator;

/// Pushes the rows.
pub(super) fn produce(
    run: &Run<'_>,
    node: &PlanNode,
    input: &PlanNode,
    exprs: &[Expr],
    stage: &dyn Stage,
) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let rows = collect_rows(run, input)?;
    let mut round = SerialRound::new(stage)?;
    for batch in &rows.batches {
        let mut out = Vec::new();
        for row in rows_of(batch, &input.output)? {
            run.context.cancel.check()?;
            expand(run, exprs, &row, &mut out)?;
        }
        for batch in RowSet::from_rows(&out, &node.output)?.batches {
            if round.push(batch)? == Flow::Stop {
                return round.finish();
            }
        }
    }
    round.finish()
}

fn expand(run: &Run<'_>, exprs: &[Expr], row: &[Datum], out: &mut Vec<Vec<Datum>>) -> Result<()> {
    let mut sets = Vec::with_capacity(exprs.len());
    for expr in exprs {
        sets.push(match &expr.kind {
            ExprKind::SetCall { function, args, input_collation } => {
                let rows = call_set(run, function, args, *input_collation, expr.ty, row)?;
                // Several columns make one composite value.
                let values = rows.into_iter().map(|mut columns| match columns.len() {
                    1 => columns.swap_remove(0),
                    _ => Datum::Record(RecordValue::untyped(columns).into()),
                });
                Err(values.collect::<Vec<_>>())
            }
            _ => Ok(RowEvaluator::new(run).evaluate(expr, row)?),
        });
    }
    let len = sets.iter().filter_map(|set| set.as_ref().err().map(Vec::len)).max().unwrap_or(1);
    for index in 0..len {
        out.push(
            sets.iter()
                .map(|set| match set {
                    Ok(value) => value.clone(),
                    Err(values) => values.get(index).cloned().unwrap_or_default(),
                })
                .collect(),
        );
    }
    Ok(())
}
