//! Reading parts of WITH, and subplans that several nodes share.
//!
//! A part is run to its end when it is first read, and its rows are kept. But one that changes or locks rows is, as in
//! PostgreSQL, run no further than its rows are taken, when its only reader takes them one by one: then each row goes on as
//! it is made, and is kept for those who read the part again. A part that changes rows runs to its end in any case.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use types::{PgError, Result};

use super::collect::batch_bytes;
use super::{Flow, RowSet, Stage, Worker, produce as produce_part, produce_rowset};
use crate::batch::Batch;
use crate::execute::Run;
use crate::plan::{NodeKind, Plan, PlanNode};

/// Parts that change or lock rows.
#[derive(Default)]
pub(crate) struct ActiveParts {
    /// How many nodes read them.
    readers: HashMap<u32, usize>,
    /// The rows so far of those that run.
    rows: Mutex<HashMap<u32, RowSet>>,
}

impl ActiveParts {
    /// Returns those of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        if plan.shared.is_empty() {
            return Self::default();
        }
        // A part reads those before it only.
        let mut readers = HashMap::new();
        for (index, part) in (0..).zip(&plan.shared) {
            if is_active(part, &readers) {
                readers.insert(index, 0);
            }
        }
        for root in [&plan.root].into_iter().chain(&plan.shared).chain(&plan.subplans) {
            root.walk(&mut |node| {
                if let NodeKind::SharedScan { index, .. } = &node.kind
                    && let Some(count) = readers.get_mut(index)
                {
                    *count += 1;
                }
            });
        }
        Self { readers, rows: Mutex::default() }
    }

    /// Returns the rows so far of a part that runs.
    pub(crate) fn rows_so_far(&self, index: u32) -> Option<RowSet> {
        if self.readers.is_empty() { None } else { self.rows.lock().get(&index).cloned() }
    }

    /// Returns whether a node, or one that gives rows to it, changes or locks rows.
    pub(crate) fn are_below(&self, node: &PlanNode) -> bool {
        is_active(node, &self.readers)
    }
}

fn is_active(node: &PlanNode, active: &HashMap<u32, usize>) -> bool {
    let mut found = false;
    node.walk(&mut |node| {
        found |= match &node.kind {
            NodeKind::Modify(_) | NodeKind::LockRows(_) => true,
            NodeKind::SharedScan { index, .. } => active.contains_key(index),
            _ => false,
        };
    });
    found
}

/// Pushes the rows of a part.
pub(super) fn produce(run: &Run<'_>, index: u32, columns: &[usize], stage: &dyn Stage) -> Result<()> {
    let parts = &run.state.parts;
    if stage.singly()
        && run.only_rows.is_none()
        && parts.readers.get(&index) == Some(&1)
        && !run.has_shared(index)
    {
        return produce_directly(run, index, columns, stage);
    }
    let rows = run.shared(index)?;
    produce_rowset(run, &rows.select(columns), stage)
}

/// Runs a part and pushes its rows as they are made.
fn produce_directly(run: &Run<'_>, index: u32, columns: &[usize], stage: &dyn Stage) -> Result<()> {
    let node = run.plan.shared.get(index as usize);
    let node = node.ok_or_else(|| PgError::internal("a shared scan without its plan"))?;
    let rows = &run.state.parts.rows;
    rows.lock().insert(index, RowSet::default());
    let goes_on = run.plan.changing.contains(&index);
    let tee = Tee { run, index, columns, goes_on, stopped: Mutex::new(false), next: stage };
    produce_part(run, node, &tee)?;
    let made = rows.lock().remove(&index).unwrap_or_default();
    // Who reads on runs it again, where it has not come to its end.
    if goes_on || !*tee.stopped.lock() {
        run.keep_shared(index, Arc::new(made));
    }
    Ok(())
}

struct Tee<'a> {
    run: &'a Run<'a>,
    index: u32,
    columns: &'a [usize],
    /// Whether the part runs on when nobody takes its rows any more.
    goes_on: bool,
    stopped: Mutex<bool>,
    next: &'a dyn Stage,
}

struct TeeWorker<'a> {
    tee: &'a Tee<'a>,
    next: Box<dyn Worker + 'a>,
}

impl Stage for Tee<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(TeeWorker { tee: self, next: self.next.worker()? }))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        true
    }
    fn singly(&self) -> bool {
        true
    }
}

impl Worker for TeeWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let tee = self.tee;
        let batch = batch.compact();
        tee.run.context.memory.grow(batch_bytes(&batch))?;
        let chosen = RowSet { batches: vec![batch.clone()] }.select(tee.columns);
        if let Some(rows) = tee.run.state.parts.rows.lock().get_mut(&tee.index) {
            rows.batches.push(batch);
        }
        if *tee.stopped.lock() {
            return Ok(Flow::Continue);
        }
        for batch in chosen.batches {
            if self.next.push(batch)? == Flow::Stop {
                *tee.stopped.lock() = true;
                return Ok(if tee.goes_on { Flow::Continue } else { Flow::Stop });
            }
        }
        Ok(Flow::Continue)
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}
