//! WITH RECURSIVE.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use types::{Result, TypeRef};

use super::{RowSet, Stage, collect_rows, produce_rowset};
use crate::convert::rows_of;
use crate::execute::{FallbackReason, Run};
use crate::plan::PlanNode;
use crate::values;

/// The parts of a RecursiveUnion node.
pub(super) struct Recursion<'p> {
    pub(super) initial: &'p PlanNode,
    pub(super) step: &'p PlanNode,
    pub(super) all: bool,
    pub(super) working: u32,
}

/// Pushes the rows of all rounds.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Recursion<'_>, stage: &dyn Stage) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let mut seen = HashSet::new();
    let mut all = RowSet::default();
    let mut round = collect_rows(run, plan.initial)?;
    loop {
        if !plan.all {
            round = new_rows(&round, &node.output, &mut seen)?;
        }
        if round.len() == 0 {
            break;
        }
        run.context.cancel.check()?;
        all.batches.extend(round.batches.iter().cloned());
        if stage.serial() && plan.all {
            // A LIMIT above may end an endless recursion, so its rows are passed on round by round.
            if push_round(&round, stage)? == super::Flow::Stop {
                return Ok(());
            }
        }
        let mut working: HashMap<u32, Arc<RowSet>> = (*run.working).clone();
        working.insert(plan.working, Arc::new(round));
        let inner = run.with_working(working);
        round = collect_rows(&inner, plan.step)?;
    }
    if stage.serial() && plan.all { Ok(()) } else { produce_rowset(run, &all, stage) }
}

fn push_round(rows: &RowSet, stage: &dyn Stage) -> Result<super::Flow> {
    let mut round = super::SerialRound::new(stage)?;
    let mut flow = super::Flow::Continue;
    for batch in &rows.batches {
        flow = round.push(batch.clone())?;
        if flow == super::Flow::Stop {
            break;
        }
    }
    round.finish()?;
    Ok(flow)
}

/// Returns the rows that were not seen before.
fn new_rows(rows: &RowSet, types: &[TypeRef], seen: &mut HashSet<Vec<u8>>) -> Result<RowSet> {
    let mut new = Vec::new();
    for batch in &rows.batches {
        for row in rows_of(batch, types)? {
            if seen.insert(row_key(&row, types)) {
                new.push(row);
            }
        }
    }
    RowSet::from_rows(&new, types)
}

/// Returns bytes that rows share when they are not distinct.
pub(super) fn row_key(row: &[types::Datum], types: &[TypeRef]) -> Vec<u8> {
    let mut key = Vec::new();
    for (value, ty) in row.iter().zip(types) {
        key.push(u8::from(value.is_null()));
        let start = key.len();
        values::canonical(value, *ty, &mut key);
        let len = (key.len() - start) as u32;
        key.extend(len.to_le_bytes());
    }
    key
}
