//! Set-returning calls in a target list: as many rows as the longest gives, the others padded with NULLs.

use kernels::vector::VECTOR_LANES;
use types::{Datum, RecordValue, Result, TypeRef};

use super::function_scan::call_set;
use super::{Flow, SerialRound, Stage, collect_rows};
use crate::convert::{batch_of, rows_of};
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, ExprKind};
use crate::functions::sets::Series;
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
    let mut out = Out { round: SerialRound::new(stage)?, types: &node.output, rows: Vec::new() };
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
}

impl Out<'_> {
    fn push(&mut self, row: Vec<Datum>) -> Result<Flow> {
        self.rows.push(row);
        if self.rows.len() < VECTOR_LANES { Ok(Flow::Continue) } else { self.flush() }
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
enum Item {
    /// The same for each row of the output.
    Single(Datum),
    /// One for each row.
    Many(Vec<Datum>),
    /// One for each row, made as it is needed.
    Series(Series),
}

fn expand(run: &Run<'_>, exprs: &[Expr], row: &[Datum], out: &mut Out<'_>) -> Result<Flow> {
    let mut items = Vec::with_capacity(exprs.len());
    for expr in exprs {
        items.push(match &expr.kind {
            ExprKind::SetCall { function, args, input_collation } => {
                match series(run, &function.prosrc, args, row)? {
                    Some(series) => Item::Series(series),
                    None => {
                        let rows = call_set(run, function, args, *input_collation, expr.ty, row)?;
                        // Several columns make one composite value.
                        let values = rows.into_iter().map(|mut columns| match columns.len() {
                            1 => columns.swap_remove(0),
                            _ => Datum::Record(RecordValue::untyped(columns).into()),
                        });
                        Item::Many(values.collect())
                    }
                }
            }
            _ => Item::Single(RowEvaluator::new(run).evaluate(expr, row)?),
        });
    }
    let lens = items.iter().filter_map(|item| match item {
        Item::Single(_) => None,
        Item::Many(values) => Some(values.len() as u64),
        Item::Series(series) => Some(series.count),
    });
    for index in 0..lens.max().unwrap_or(1) {
        let values = items.iter().map(|item| match item {
            Item::Single(value) => value.clone(),
            Item::Many(values) => values.get(index as usize).cloned().unwrap_or_default(),
            Item::Series(series) => series.datum(index),
        });
        if out.push(values.collect())? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

fn series(run: &Run<'_>, prosrc: &str, args: &[Expr], row: &[Datum]) -> Result<Option<Series>> {
    if !prosrc.starts_with("generate_series") {
        return Ok(None);
    }
    let evaluator = RowEvaluator::new(run);
    let values = args.iter().map(|arg| evaluator.evaluate(arg, row)).collect::<Result<Vec<_>>>()?;
    if values.iter().any(Datum::is_null) { Ok(None) } else { Series::of(prosrc, &values) }
}
