//! INTERSECT and EXCEPT: counts the rows of the right side, then walks the left side.

use std::collections::HashMap;

use types::Result;

use super::recursive::row_key;
use super::{RowSet, Stage, collect_rows, produce_rowset};
use crate::convert::rows_of;
use crate::execute::{FallbackReason, Run};
use crate::plan::{PlanNode, SetOperation};

/// Pushes the rows of `left` that the operation keeps.
pub(super) fn produce(
    run: &Run<'_>,
    node: &PlanNode,
    operation: SetOperation,
    all: bool,
    (left, right): (&PlanNode, &PlanNode),
    stage: &dyn Stage,
) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let left_rows = collect_rows(run, left)?;
    let mut counts: HashMap<Vec<u8>, u64> = HashMap::new();
    for batch in &collect_rows(run, right)?.batches {
        run.context.cancel.check()?;
        for row in rows_of(batch, &right.output)? {
            *counts.entry(row_key(&row, &right.output)).or_default() += 1;
        }
    }
    let mut kept = Vec::new();
    let mut emitted = std::collections::HashSet::new();
    for batch in &left_rows.batches {
        run.context.cancel.check()?;
        for row in rows_of(batch, &left.output)? {
            let key = row_key(&row, &left.output);
            let count = counts.get_mut(&key);
            let keep = match (operation, all) {
                (SetOperation::Intersect, true) => count.is_some_and(take_one),
                (SetOperation::Except, true) => !count.is_some_and(take_one),
                (SetOperation::Intersect, false) => count.is_some() && emitted.insert(key),
                (SetOperation::Except, false) => count.is_none() && emitted.insert(key),
            };
            if keep {
                kept.push(row);
            }
        }
    }
    produce_rowset(run, &RowSet::from_rows(&kept, &node.output)?, stage)
}

fn take_one(count: &mut u64) -> bool {
    let some = *count > 0;
    *count -= u64::from(some);
    some
}
