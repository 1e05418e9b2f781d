//! Functions in FROM, side by side.

use types::{Datum, PgError, Result, TypeRef};

use super::{RowSet, Stage, produce_rowset};
use crate::execute::{FallbackReason, Run};
use crate::expr::{Expr, FunctionRef};
use crate::functions::{self, CallContext, FunctionBody};
use crate::plan::{PlanNode, TableFunction};
use crate::rows::{RowEvaluator, missing};

/// Pushes the functions' rows.
pub(super) fn produce(
    run: &Run<'_>,
    node: &PlanNode,
    calls: &[TableFunction],
    ordinality: bool,
    stage: &dyn Stage,
) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let mut results = Vec::with_capacity(calls.len());
    for call in calls {
        let result = call.columns.first().copied().unwrap_or(TypeRef::plain(types::oids::RECORD));
        let rows = call_set(run, &call.function, &call.args, call.input_collation, result, &[])?;
        results.push((rows, call.columns.len()));
    }
    let len = results.iter().map(|(rows, _)| rows.len()).max().unwrap_or(0);
    let mut rows = Vec::with_capacity(len);
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
    }
    let rows = if node.output.is_empty() {
        RowSet { batches: vec![crate::batch::Batch::new(Vec::new(), len)] }
    } else {
        RowSet::from_rows(&rows, &node.output)?
    };
    produce_rowset(run, &rows, stage)
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
            Ok(rows)
        }
        Some(FunctionBody::Row(_)) => {
            Ok(vec![vec![evaluator.call(function, &values, &arg_types, collation, result)?]])
        }
        None => Err::<_, PgError>(missing(function)),
    }
}
