//! Sources of rows that are not stored: VALUES and the session's system relations.

use std::sync::Arc;

use types::{Oid, Result};

use super::{RowSet, Stage, produce_rowset};
use crate::batch::Batch;
use crate::execute::{FallbackReason, Run};
use crate::expr::Expr;
use crate::plan::PlanNode;
use crate::rows::RowEvaluator;

/// Pushes rows of expressions.
pub(super) fn produce_values(
    run: &Run<'_>,
    node: &PlanNode,
    rows: &[Vec<Expr>],
    stage: &dyn Stage,
) -> Result<()> {
    let rows = if node.output.is_empty() {
        RowSet { batches: vec![Batch::new(Vec::new(), rows.len())] }
    } else {
        let evaluator = RowEvaluator::new(run);
        let rows = rows
            .iter()
            .map(|row| row.iter().map(|expr| evaluator.evaluate(expr, &[])).collect::<Result<Vec<_>>>())
            .collect::<Result<Vec<_>>>()?;
        RowSet::from_rows(&rows, &node.output)?
    };
    produce_rowset(run, &rows, stage)
}

/// Pushes the rows of a system relation.
pub(super) fn produce_virtual(
    run: &Run<'_>,
    node: &PlanNode,
    relation: Oid,
    columns: &[usize],
    stage: &dyn Stage,
) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let repeats = !run.outer.is_empty();
    if repeats {
        let kept = run.state.system_rows.lock().get(&node.id).map(Arc::clone);
        if let Some(rows) = kept {
            return produce_rowset(run, &rows, stage);
        }
    }
    let rows = run.context.session.virtual_rows(relation, columns)?;
    let rows = if columns.is_empty() {
        RowSet { batches: vec![Batch::new(Vec::new(), rows.len())] }
    } else {
        RowSet::from_rows(&rows, &node.output)?
    };
    let rows = Arc::new(rows);
    if repeats {
        run.state.system_rows.lock().insert(node.id, Arc::clone(&rows));
    }
    produce_rowset(run, &rows, stage)
}
