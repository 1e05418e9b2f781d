//! Holding the rows of a node in memory, in morsel order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use types::Result;

use super::{Flow, RowSet, Stage, Worker, produce};
use crate::batch::Batch;
use crate::context::QueryContext;
use crate::execute::Run;
use crate::plan::PlanNode;

/// A stage that keeps all rows.
pub(crate) struct Collector {
    context: Arc<QueryContext>,
    state: Mutex<State>,
    rows: AtomicUsize,
    limit: usize,
}

#[derive(Default)]
struct State {
    parts: Vec<(usize, Vec<Batch>)>,
    base: usize,
    next: usize,
}

impl Collector {
    /// Returns an empty collector that stops after about `limit` rows (0 rows may follow the limit's batch).
    pub(crate) fn new(context: &Arc<QueryContext>, limit: usize) -> Self {
        Self { context: Arc::clone(context), state: Mutex::default(), rows: AtomicUsize::new(0), limit }
    }
    /// Returns the rows.
    pub(crate) fn into_rows(self) -> RowSet {
        let mut parts = self.state.into_inner().parts;
        parts.sort_by_key(|(morsel, _)| *morsel);
        RowSet { batches: parts.into_iter().flat_map(|(_, batches)| batches).collect() }
    }
}

/// Returns all rows of `node`.
pub(crate) fn collect_rows(run: &Run<'_>, node: &PlanNode) -> Result<RowSet> {
    collect_rows_limited(run, node, usize::MAX)
}

/// Returns rows of `node`, at least `limit` of them if there are as many.
pub(crate) fn collect_rows_limited(run: &Run<'_>, node: &PlanNode, limit: usize) -> Result<RowSet> {
    let collector = Collector::new(run.context, limit);
    produce(run, node, &collector)?;
    Ok(collector.into_rows())
}

/// Returns an estimate of the bytes of a batch's lanes.
pub(crate) fn batch_bytes(batch: &Batch) -> u64 {
    use kernels::vector::{Values, VectorData};
    let lane = |values: &Values| match values {
        Values::Bool(_) => 1,
        Values::I16(_) => 2,
        Values::I32(_) | Values::F32(_) => 4,
        Values::I64(_) | Values::F64(_) | Values::Fixed64 { .. } => 8,
        Values::Fixed128 { .. } | Values::Wide(_) => 16,
        Values::Views(views) => {
            let long: usize = views.buffers.iter().map(|buffer| buffer.len()).sum();
            16 + (long / views.len().max(1)).min(1 << 20)
        }
    };
    batch
        .columns
        .iter()
        .map(|column| match &column.data {
            VectorData::Flat(values) => lane(values) * batch.len,
            VectorData::Constant(_) => 32,
            VectorData::Dictionary { .. } => 2 * batch.len,
        })
        .sum::<usize>() as u64
}

struct CollectWorker<'a> {
    collector: &'a Collector,
    morsel: usize,
    held: Vec<Batch>,
}

impl CollectWorker<'_> {
    fn complete(&mut self) {
        if !self.held.is_empty() {
            self.collector.state.lock().parts.push((self.morsel, std::mem::take(&mut self.held)));
        }
    }
}

impl Stage for Collector {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(CollectWorker { collector: self, morsel: 0, held: Vec::new() }))
    }
    fn begin_round(&self, morsels: usize) {
        let mut state = self.state.lock();
        state.base = state.next;
        state.next += morsels;
    }
    fn serial(&self) -> bool {
        self.limit != usize::MAX
    }
}

impl Worker for CollectWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.complete();
        self.morsel = self.collector.state.lock().base + index;
        Ok(())
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let batch = batch.compact();
        if batch.len == 0 {
            return Ok(Flow::Continue);
        }
        self.collector.context.memory.grow(batch_bytes(&batch))?;
        let rows = self.collector.rows.fetch_add(batch.len, Ordering::Relaxed) + batch.len;
        self.held.push(batch);
        Ok(if rows >= self.collector.limit { Flow::Stop } else { Flow::Continue })
    }
    fn finish(&mut self) -> Result<()> {
        self.complete();
        Ok(())
    }
}
