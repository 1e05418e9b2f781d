//! Functions in FROM, side by side.

use kernels::vector::{VECTOR_LANES, Values, Vector};
use types::{Datum, PgError, Result, TypeRef};

use super::{Flow, RowSet, Stage, produce_rowset, run_morsels};
use crate::batch::Batch;
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, FunctionRef};
use crate::functions::sets::Series;
use crate::functions::{self, CallContext, FunctionBody};
use crate::plan::{PlanNode, TableFunction};
use crate::rows::{RowEvaluator, missing};

/// A tuning constant: batches of a series in a morsel.
const SERIES_BATCHES: u64 = 32;

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
    let len = results.iter().map(|(rows, _)| rows.len()).max().unwrap_or(0);
    if node.output.is_empty() {
        let lens = (0..len).step_by(VECTOR_LANES).map(|start| VECTOR_LANES.min(len - start));
        let batches = lens.map(|len| Batch::new(Vec::new(), len)).collect();
        return produce_rowset(run, &RowSet { batches }, stage);
    }
    let mut rows = Vec::new();
    let mut batches = Vec::with_capacity(len.div_ceil(VECTOR_LANES));
    for index in 0..len {
        let mut row = Vec::with_capacity(node.output.len());
        for (result, width) in &results {
            match result.get(index) {
                // A composite result is spread over its columns.
                Some(values) => match values.as_slice() {
                    [Datum::Record(record)] if *width != 1 => row.extend(record.fields.iter().cloned()),
                    values => row.extend(values.iter().cloned()),
                },
                None => row.extend((0..*width).map(|_| Datum::Null)),
            }
        }
        if ordinality {
            row.push(Datum::I64(index as i64 + 1));
        }
        rows.push(row);
        if rows.len() == VECTOR_LANES || index + 1 == len {
            run.context.cancel.check()?;
            batches.push(crate::convert::batch_of(&rows, &node.output)?);
            rows.clear();
        }
    }
    drop(results);
    produce_rowset(run, &RowSet { batches }, stage)
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
) -> Result<Vec<Vec<Datum>>> {
    let evaluator = RowEvaluator::new(run);
    let values = args.iter().map(|arg| evaluator.evaluate(arg, row)).collect::<Result<Vec<_>>>()?;
    let arg_types: Vec<TypeRef> = args.iter().map(|arg| arg.ty).collect();
    match functions::find(&function.prosrc).map(|entry| &entry.body) {
        Some(FunctionBody::Set(_)) if function.strict && values.iter().any(Datum::is_null) => Ok(Vec::new()),
        Some(FunctionBody::Set(body)) => {
            let call = CallContext { query: run.context, arg_types: &arg_types, result, collation };
            let rows = body(&values, &call)?;
            let bytes = rows.len() as u64 * 64;
            run.context.memory.grow(bytes)?;
            run.context.memory.shrink(bytes);
            Ok(rows)
        }
        Some(FunctionBody::Row(_)) => {
            Ok(vec![vec![evaluator.call(function, &values, &arg_types, collation, result)?]])
        }
        None => Err::<_, PgError>(missing(function)),
    }
}
