//! Set-returning calls in a target list: as many rows as the longest gives, the others padded with NULLs.

use kernels::vector::VECTOR_LANES;
use types::{Datum, RecordValue, Result, TypeRef};

use super::function_scan::call_set;
use super::{Flow, SerialRound, Stage, collect_rows};
use crate::convert::{batch_of, rows_of};
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, ExprKind};
use crate::functions::RowStream;
use crate::on_demand::is_volatile_call;
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
    let rows_max = if stage.singly() { 1 } else { VECTOR_LANES };
    let mut out = Out { round: SerialRound::new(stage)?, types: &node.output, rows: Vec::new(), rows_max };
    for batch in &rows.batches {
        for row in rows_of(batch, &input.output)? {
            if expand(run, exprs, &row, &mut out)? == Flow::Stop {
                return out.round.finish();
            }
        }
    }
    if out.flush()? == Flow::Stop {
        return out.round.finish();
    }
    out.round.finish()
}

/// Rows on their way to the consumer.
struct Out<'a> {
    round: SerialRound<'a>,
    types: &'a [TypeRef],
    rows: Vec<Vec<Datum>>,
    /// Rows of a batch.
    rows_max: usize,
}

impl Out<'_> {
    fn push(&mut self, row: Vec<Datum>) -> Result<Flow> {
        self.rows.push(row);
        if self.rows.len() < self.rows_max { Ok(Flow::Continue) } else { self.flush() }
    }
    fn flush(&mut self) -> Result<Flow> {
        types::interrupt::check()?;
        if self.rows.is_empty() {
            return Ok(Flow::Continue);
        }
        let batch = batch_of(&self.rows, self.types)?;
        self.rows.clear();
        self.round.push(batch)
    }
}

/// What an item of the target list gives for one row of the input.
enum Item<'a> {
    /// One that is computed for each row of the output.
    Each(&'a Expr),
    /// The same for each row of the output.
    Single(Datum),
    /// One for each row.
    Many(RowStream),
}

impl Item<'_> {
    /// Returns the value of the next row, and whether it is one of a set.
    fn next(&mut self, run: &Run<'_>, row: &[Datum]) -> Result<(Datum, bool)> {
        let rows = match self {
            Self::Each(expr) => return Ok((RowEvaluator::new(run).evaluate(expr, row)?, false)),
            Self::Single(value) => return Ok((value.clone(), false)),
            Self::Many(rows) => rows,
        };
        let Some(columns) = rows.next() else {
            // A stream that has ended is not asked again.
            *rows = Box::new(std::iter::empty());
            return Ok((Datum::Null, false));
        };
        let mut columns = columns?;
        // Several columns make one composite value.
        Ok(match columns.len() {
            1 => (columns.swap_remove(0), true),
            _ => (Datum::Record(RecordValue::untyped(columns).into()), true),
        })
    }
}

fn expand(run: &Run<'_>, exprs: &[Expr], row: &[Datum], out: &mut Out<'_>) -> Result<Flow> {
    let mut items = Vec::with_capacity(exprs.len());
    let mut sets = false;
    for expr in exprs {
        items.push(match &expr.kind {
            ExprKind::SetCall { function, args, input_collation } => {
                sets = true;
                Item::Many(call_set(run, function, args, *input_collation, expr.ty, row)?)
            }
            _ if is_volatile_call(expr) => Item::Each(expr),
            _ => Item::Single(RowEvaluator::new(run).evaluate(expr, row)?),
        });
    }
    loop {
        let mut values = Vec::with_capacity(items.len());
        let mut any = false;
        for item in &mut items {
            let (value, of_set) = item.next(run, row)?;
            any |= of_set;
            values.push(value);
        }
        if sets && !any {
            return Ok(Flow::Continue);
        }
        if out.push(values)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
        if !sets {
            return Ok(Flow::Continue);
        }
    }
}
