//! Functions in FROM, side by side.

use std::sync::atomic::{AtomicBool, Ordering};

use kernels::vector::{VECTOR_LANES, Values, Vector};
use types::{Datum, PgError, Result, TypeRef};

use super::{Flow, Stage, run_morsels};
use crate::batch::Batch;
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, FunctionRef};
use crate::functions::sets::Series;
use crate::functions::{self, CallContext, FunctionBody, RowStream};
use crate::plan::{PlanNode, TableFunction};
use crate::rows::{RowEvaluator, missing};

/// A tuning constant: batches of a series in a morsel.
const SERIES_BATCHES: u64 = 32;

/// A tuning constant: batches of a morsel.
const MORSEL_BATCHES: usize = 16;
/// A tuning constant: batches that are made before they are pushed, once it is clear that there are many.
const ROUND_BATCHES: usize = 64;

/// Pushes the functions' rows.
pub(super) fn produce(
    run: &Run<'_>,
    node: &PlanNode,
    calls: &[TableFunction],
    ordinality: bool,
    stage: &dyn Stage,
) -> Result<()> {
    if let [call] = calls
        && let Some(series) = series_of(run, call)?
    {
        return produce_series(run, node, &series, ordinality, stage);
    }
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        let result = call.columns.first().copied().unwrap_or(TypeRef::plain(types::oids::RECORD));
        let rows = call_set(run, &call.function, &call.args, call.input_collation, result, &[])?;
        results.push((rows, call.columns.len()));
    }
    let mut rows = SideBySide { results, ordinality, count: 0 };
    let stopped = AtomicBool::new(false);
    let mut batches_max = 1;
    loop {
        let mut batches = Vec::with_capacity(batches_max);
        while batches.len() < batches_max {
            run.context.cancel.check()?;
            let some = rows.by_ref().take(VECTOR_LANES).collect::<Result<Vec<_>>>()?;
            if some.is_empty() {
                break;
            }
            batches.push(match node.output.is_empty() {
                true => Batch::new(Vec::new(), some.len()),
                false => crate::convert::batch_of(&some, &node.output)?,
            });
        }
        if batches.is_empty() && batches_max > 1 {
            return Ok(());
        }
        let morsels = batches.len().div_ceil(MORSEL_BATCHES);
        run_morsels(run.context, run.threads, morsels, stage, &|morsel, worker| {
            for batch in batches.iter().skip(morsel * MORSEL_BATCHES).take(MORSEL_BATCHES) {
                run.context.cancel.check()?;
                if worker.push(batch.clone())? == Flow::Stop {
                    stopped.store(true, Ordering::Relaxed);
                    return Ok(Flow::Stop);
                }
            }
            Ok(Flow::Continue)
        })?;
        if stopped.load(Ordering::Relaxed) || batches.len() < batches_max {
            return Ok(());
        }
        batches_max = (batches_max * 2).min(ROUND_BATCHES);
    }
}

/// Rows of several functions beside each other; those of the shorter ones are filled up with NULLs.
struct SideBySide {
    results: Vec<(RowStream, usize)>,
    ordinality: bool,
    count: i64,
}

impl Iterator for SideBySide {
    type Item = Result<Vec<Datum>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut row = Vec::new();
        let mut any = false;
        for (rows, width) in &mut self.results {
            match rows.next() {
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(values)) => {
                    any = true;
                    match values.as_slice() {
                        // A composite result is spread over its columns.
                        [Datum::Record(record)] if *width != 1 => row.extend(record.fields.iter().cloned()),
                        _ => row.extend(values),
                    }
                }
                None => {
                    // A stream that has ended is not asked again.
                    *rows = Box::new(std::iter::empty());
                    row.extend((0..*width).map(|_| Datum::Null));
                }
            }
        }
        if !any {
            return None;
        }
        self.count += 1;
        if self.ordinality {
            row.push(Datum::I64(self.count));
        }
        Some(Ok(row))
    }
}

/// Returns the integer series that a call stands for, if it does.
fn series_of(run: &Run<'_>, call: &TableFunction) -> Result<Option<Series>> {
    let function = &call.function;
    if !function.prosrc.starts_with("generate_series") {
        return Ok(None);
    }
    let evaluator = RowEvaluator::new(run);
    let values = call.args.iter().map(|arg| evaluator.evaluate(arg, &[])).collect::<Result<Vec<_>>>()?;
    if values.iter().any(Datum::is_null) { Ok(None) } else { Series::of(&function.prosrc, &values) }
}

/// Pushes an integer series, which is made as it is needed.
fn produce_series(
    run: &Run<'_>,
    node: &PlanNode,
    series: &Series,
    ordinality: bool,
    stage: &dyn Stage,
) -> Result<()> {
    let lanes = VECTOR_LANES as u64;
    let morsels = series.count.div_ceil(lanes * SERIES_BATCHES);
    run_morsels(run.context, run.threads, morsels as usize, stage, &|morsel, worker| {
        for batch in 0..SERIES_BATCHES {
            let start = (morsel as u64 * SERIES_BATCHES + batch) * lanes;
            let end = series.count.min(start + lanes);
            if start >= end {
                break;
            }
            run.context.cancel.check()?;
            let values = if series.narrow {
                Values::I32((start..end).map(|index| series.at(index) as i32).collect())
            } else {
                Values::I64((start..end).map(|index| series.at(index)).collect())
            };
            let numbers =
                ordinality.then(|| Values::I64((start..end).map(|index| index as i64 + 1).collect()));
            let columns = std::iter::once(values).chain(numbers).map(|values| Vector::flat(values, None));
            let columns = columns.take(node.output.len()).collect();
            if worker.push(Batch::new(columns, (end - start) as usize))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    })
}

/// Returns the rows of a call: those of a set-returning function, or the one of a plain function.
pub(super) fn call_set(
    run: &Run<'_>,
    function: &FunctionRef,
    args: &[Expr],
    collation: u32,
    result: TypeRef,
    row: &[Datum],
) -> Result<RowStream> {
    let evaluator = RowEvaluator::new(run);
    let values = args.iter().map(|arg| evaluator.evaluate(arg, row)).collect::<Result<Vec<_>>>()?;
    let arg_types: Vec<TypeRef> = args.iter().map(|arg| arg.ty).collect();
    let call = CallContext { query: run.context, arg_types: &arg_types, result, collation };
    match functions::find(&function.prosrc).map(|entry| &entry.body) {
        Some(FunctionBody::Set(_) | FunctionBody::Stream(_))
            if function.strict && values.iter().any(Datum::is_null) =>
        {
            Ok(Box::new(std::iter::empty()))
        }
        Some(FunctionBody::Set(body)) => Ok(Box::new(body(&values, &call)?.into_iter().map(Ok))),
        Some(FunctionBody::Stream(body)) => body(&values, &call),
        Some(FunctionBody::Row(_)) => {
            let value = evaluator.call(function, &values, &arg_types, collation, result)?;
            Ok(Box::new(std::iter::once(Ok(vec![value]))))
        }
        None => Err::<_, PgError>(missing(function)),
    }
}
