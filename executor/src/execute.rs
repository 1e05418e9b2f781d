//! The entry point: runs a plan and reports what each node did.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use storage::{RowId, TableId, TableScan};
use types::{Datum, PgError, Result};

use crate::batch::Batch;
use crate::context::QueryContext;
use crate::operators::{ActiveParts, Flow, RowSet, Stage, Worker, collect_rows, produce};
use crate::output::{Order, Output};
use crate::plan::{Plan, PlanNode};

/// Takes the rows of the result, in order.
pub trait ResultSink: Send {
    /// Takes a batch (without selection); `Break` ends the statement early.
    ///
    /// # Errors
    /// When the rows cannot be delivered.
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>>;
}

/// How a node ran.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RunForm {
    /// As a vector operator.
    #[default]
    Vector,
    /// Row by row.
    Row(FallbackReason),
}

/// Why a node ran row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FallbackReason {
    /// `surus.execution = row`.
    Forced,
    /// A function without a vector form.
    NoKernel,
    /// A volatile function, which must see the rows in order.
    Volatile,
    /// A correlated subquery.
    Subquery,
    /// The operator works on rows.
    RowOperator,
}

/// What one node did.
#[derive(Debug, Clone, Default)]
pub struct NodeReport {
    /// Rows it returned, all loops together.
    pub rows: u64,
    /// How often it was run.
    pub loops: u64,
    /// From its start to its end, its inputs included, all loops together.
    pub time: Duration,
    /// Vector or row.
    pub form: RunForm,
}

/// What the nodes of a plan did, by [`crate::plan::PlanNode::id`].
#[derive(Debug, Clone, Default)]
pub struct ExecutionReport {
    /// The nodes that ran.
    pub nodes: HashMap<u32, NodeReport>,
}

/// A running statement, as its operators see it.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) context: &'a Arc<QueryContext>,
    /// Workers of a pipeline; 1 below a correlated subplan.
    pub(crate) threads: usize,
    /// Values of [`crate::expr::ExprKind::Outer`].
    pub(crate) outer: Arc<Vec<Datum>>,
    /// Rows of the enclosing recursions by number.
    pub(crate) working: Arc<HashMap<u32, Arc<RowSet>>>,
    pub(crate) state: &'a RunState,
    /// Row versions that stand for all rows of scans ([`crate::plan::Scan::row_id`]); none: the scan gives no row.
    pub(crate) only_rows: Option<Arc<OnlyRows>>,
    /// Filters that joins publish for scans.
    pub(crate) runtime_filters: Arc<crate::rows::RuntimeFilters>,
}

/// See [`Run::only_rows`].
pub(crate) type OnlyRows = HashMap<u32, Option<RowId>>;

/// Rows of a shared subplan, once it has run.
type SharedRows = Arc<Mutex<Option<Arc<RowSet>>>>;

/// State of a statement that all its (nested) runs share.
#[derive(Default)]
pub(crate) struct RunState {
    shared: Mutex<HashMap<u32, SharedRows>>,
    /// Shared plans that change or lock rows.
    pub(crate) parts: ActiveParts,
    pub(crate) subplans: crate::rows::SubplanCache,
    counters: Mutex<HashMap<u32, Arc<Counter>>>,
    /// Rows of system relations that are read for each of several outer rows, by the node that reads them.
    pub(crate) system_rows: Mutex<HashMap<u32, Arc<RowSet>>>,
    /// Tables as they were before the statement changed them, or when it was declared.
    kept: Mutex<HashMap<u64, TableScan>>,
    /// Rows that the statement has changed: table and row id.
    pub(crate) changed: Mutex<HashSet<(u64, u64)>>,
    /// The row of the input that is being changed.
    pub(crate) changing_row: Mutex<Option<u64>>,
    /// Checks of foreign keys that wait until all parts of the statement have changed their tables.
    pub(crate) unsettled: Mutex<Vec<crate::deferred::Pending>>,
}

#[derive(Default)]
struct Counter {
    rows: AtomicU64,
    loops: AtomicU64,
    nanoseconds: AtomicU64,
    row_form: Mutex<RunForm>,
}

impl RunState {
    /// Returns the state of a statement that begins.
    fn of(plan: &Plan) -> Self {
        Self { parts: ActiveParts::of(plan), ..Self::default() }
    }
    /// Returns the state of a statement that sees these tables as they were.
    pub(crate) fn over(plan: &Plan, tables: HashMap<u64, TableScan>) -> Self {
        Self { kept: Mutex::new(tables), ..Self::of(plan) }
    }
}

impl<'a> Run<'a> {
    /// Returns the rows of shared plan `index`, running it on first use; those so far of one that runs.
    pub(crate) fn shared(&self, index: u32) -> Result<Arc<RowSet>> {
        if let Some(rows) = self.state.parts.rows_so_far(index) {
            return Ok(Arc::new(rows));
        }
        let slot = Arc::clone(self.state.shared.lock().entry(index).or_default());
        let mut slot = slot.lock();
        if let Some(rows) = &*slot {
            return Ok(Arc::clone(rows));
        }
        let node = self
            .plan
            .shared
            .get(index as usize)
            .ok_or_else(|| PgError::internal("a shared scan without its plan"))?;
        let rows = Arc::new(collect_rows(self, node)?);
        *slot = Some(Arc::clone(&rows));
        Ok(rows)
    }
    /// Returns whether the rows of shared plan `index` are there.
    pub(crate) fn has_shared(&self, index: u32) -> bool {
        self.state.shared.lock().get(&index).is_some_and(|slot| slot.lock().is_some())
    }
    /// Keeps the rows of shared plan `index`.
    pub(crate) fn keep_shared(&self, index: u32, rows: Arc<RowSet>) {
        self.state.shared.lock().insert(index, Arc::new(Mutex::new(Some(rows))));
    }
    /// Returns a table as the statement's snapshot shows it.
    pub(crate) fn table_scan(&self, table: u64) -> Result<TableScan> {
        if let Some(kept) = self.state.kept.lock().get(&table) {
            return Ok(kept.clone());
        }
        Ok(self.context.transaction()?.lock().scan(TableId(table))?)
    }
    /// Keeps a table as it is now for the rest of the statement, which is about to change it.
    pub(crate) fn keep_table(&self, table: u64) -> Result<()> {
        let scan = self.table_scan(table)?;
        self.state.kept.lock().entry(table).or_insert(scan);
        Ok(())
    }
    /// Returns the previous round of recursion `number`.
    pub(crate) fn working(&self, number: u32) -> Result<Arc<RowSet>> {
        self.working
            .get(&number)
            .map(Arc::clone)
            .ok_or_else(|| PgError::internal("a working scan outside its recursion"))
    }
    /// Returns the same statement with other outer values, on one thread.
    pub(crate) fn with_outer(&self, outer: Vec<Datum>) -> Run<'a> {
        Run {
            outer: Arc::new(outer),
            threads: 1,
            working: Arc::clone(&self.working),
            only_rows: self.only_rows.clone(),
            runtime_filters: Arc::clone(&self.runtime_filters),
            ..*self
        }
    }
    /// Returns the same statement with other working tables.
    pub(crate) fn with_working(&self, working: HashMap<u32, Arc<RowSet>>) -> Run<'a> {
        Run {
            outer: Arc::clone(&self.outer),
            working: Arc::new(working),
            only_rows: self.only_rows.clone(),
            runtime_filters: Arc::clone(&self.runtime_filters),
            ..*self
        }
    }
    /// Returns the same statement over single versions of rows, as PostgreSQL's `EvalPlanQual` runs it.
    pub(crate) fn over_rows(&self, mut rows: OnlyRows) -> Run<'a> {
        for (scan, row) in self.only_rows.iter().flat_map(|rows| rows.iter()) {
            rows.entry(*scan).or_insert(*row);
        }
        Run {
            outer: Arc::clone(&self.outer),
            threads: 1,
            working: Arc::clone(&self.working),
            only_rows: Some(Arc::new(rows)),
            runtime_filters: Arc::default(),
            ..*self
        }
    }
    /// Adds to what node `id` did, where it runs as a part of another.
    pub(crate) fn count(&self, id: u32, rows: u64, loops: u64) {
        let counter = self.counter(id);
        counter.rows.fetch_add(rows, Ordering::Relaxed);
        counter.loops.fetch_add(loops, Ordering::Relaxed);
    }
    /// Notes that node `id` ran row by row.
    pub(crate) fn note_row_form(&self, id: u32, reason: FallbackReason) {
        *self.counter(id).row_form.lock() = RunForm::Row(reason);
    }
    fn counter(&self, id: u32) -> Arc<Counter> {
        Arc::clone(self.state.counters.lock().entry(id).or_default())
    }
}

/// Runs `plan` and hands its rows to `sink`.
///
/// # Errors
/// The statement's error. A failed assertion of ours comes back as `XX000`.
pub fn execute(
    plan: &Plan,
    context: &Arc<QueryContext>,
    sink: &mut dyn ResultSink,
) -> Result<ExecutionReport> {
    let state = RunState::of(plan);
    run_into(plan, context, &state, Order::Sorted, sink)?;
    let mut nodes = HashMap::new();
    for (id, counter) in state.counters.lock().iter() {
        nodes.insert(
            *id,
            NodeReport {
                rows: counter.rows.load(Ordering::Relaxed),
                loops: counter.loops.load(Ordering::Relaxed),
                time: Duration::from_nanos(counter.nanoseconds.load(Ordering::Relaxed)),
                form: counter.row_form.lock().clone(),
            },
        );
    }
    Ok(ExecutionReport { nodes })
}

/// Runs `plan` and hands its rows to `sink`.
///
/// # Errors
/// As [`execute`].
pub(crate) fn run_into(
    plan: &Plan,
    context: &Arc<QueryContext>,
    state: &RunState,
    order: Order,
    sink: &mut dyn ResultSink,
) -> Result<()> {
    // Whoever waits for a row does so on the thread of the session: a worker that waits would keep others from working.
    let locks =
        !plan.changing.is_empty() || plan.shared.iter().chain(&plan.subplans).any(PlanNode::locks_rows);
    let run = Run {
        plan,
        context,
        threads: if locks { 1 } else { context.options.threads.max(1) },
        outer: Arc::new(Vec::new()),
        working: Arc::new(HashMap::new()),
        state,
        only_rows: None,
        runtime_filters: Arc::default(),
    };
    let losses = storage::losses();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        produce(&run, &plan.root, &Output::new(sink, order))?;
        // The last one first, as PostgreSQL has it.
        plan.changing.iter().rev().try_for_each(|index| run.shared(*index).map(|_| ()))?;
        crate::deferred::settle_parts(&run)
    }));
    match outcome {
        Ok(result) => result?,
        Err(payload) => return Err(of_panic(losses, &*payload)),
    }
    Ok(storage::check_losses(losses)?)
}

/// Runs a statement without result over rows that the caller has: working table `working`. On failure the number of
/// the row that failed (from 0), if it was a single one.
///
/// # Errors
/// The statement's.
pub fn execute_over(
    plan: &Plan,
    working: u32,
    rows: Vec<Batch>,
    context: &Arc<QueryContext>,
) -> Result<i64, (PgError, Option<u64>)> {
    let state = RunState::default();
    let rows: HashMap<u32, Arc<RowSet>> = HashMap::from([(working, Arc::new(RowSet { batches: rows }))]);
    let run = Run {
        plan,
        context,
        threads: 1,
        outer: Arc::new(Vec::new()),
        working: Arc::new(rows),
        state: &state,
        only_rows: None,
        runtime_filters: Arc::default(),
    };
    let losses = storage::losses();
    let outcome = catch_unwind(AssertUnwindSafe(|| -> Result<i64> {
        let rows = collect_rows(&run, &plan.root)?.rows(&plan.root.output)?;
        match rows.first().and_then(|row| row.first()) {
            Some(Datum::I64(count)) => Ok(*count),
            _ => Err(PgError::internal("a change without its count")),
        }
    }));
    let failed = outcome.unwrap_or_else(|payload| Err(of_panic(losses, &*payload)));
    let failed =
        failed.and_then(|count| storage::check_losses(losses).map(|()| count).map_err(PgError::from));
    failed.map_err(|error| (error, *state.changing_row.lock()))
}

/// Runs `body` within a statement that has no plan to speak of.
///
/// # Errors
/// Those of `body`.
pub(crate) fn with_run(
    plan: &Plan,
    context: &Arc<QueryContext>,
    body: &mut dyn FnMut(&Run<'_>) -> Result<()>,
) -> Result<()> {
    let state = RunState::default();
    body(&Run {
        plan,
        context,
        threads: 1,
        outer: Arc::new(Vec::new()),
        working: Arc::new(HashMap::new()),
        state: &state,
        only_rows: None,
        runtime_filters: Arc::default(),
    })
}

/// Returns the error of a statement that ended in a panic: what a segment has lost since `losses` were counted, if that may
/// be the reason.
pub(crate) fn of_panic(losses: u64, payload: &(dyn std::any::Any + Send)) -> PgError {
    match storage::check_losses(losses) {
        Ok(()) => PgError::internal(panic_message(payload)),
        Err(lost) => lost.into(),
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    format!("an assertion failed: {text}")
}

/// Counts the rows that pass from a node to its consumer.
pub(crate) struct Counted<'a> {
    counter: Arc<Counter>,
    inner: &'a dyn Stage,
    start: Instant,
}

impl<'a> Counted<'a> {
    /// Starts a loop of node `id` that feeds `inner`.
    pub(crate) fn new(run: &Run<'_>, id: u32, inner: &'a dyn Stage) -> Self {
        let counter = run.counter(id);
        counter.loops.fetch_add(1, Ordering::Relaxed);
        Self { counter, inner, start: Instant::now() }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counter.nanoseconds.fetch_add(self.start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Stage for Counted<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        let singly = self.inner.singly();
        Ok(Box::new(CountedWorker { counter: &self.counter, rows: 0, inner: self.inner.worker()?, singly }))
    }
    fn begin_round(&self, morsels: usize) {
        self.inner.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        self.inner.serial()
    }
    fn singly(&self) -> bool {
        self.inner.singly()
    }
}

struct CountedWorker<'a> {
    counter: &'a Counter,
    rows: u64,
    /// Whether the consumer takes rows one by one.
    singly: bool,
    inner: Box<dyn Worker + 'a>,
}

impl Worker for CountedWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.inner.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        if self.singly && batch.rows() > 1 {
            let batch = batch.compact();
            for lane in 0..batch.len as u16 {
                self.rows += 1;
                let single = Batch { selection: Some([lane].into()), ..batch.clone() }.compact();
                if self.inner.push(single)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            return Ok(Flow::Continue);
        }
        self.rows += batch.rows() as u64;
        self.inner.push(batch)
    }
    fn finish(&mut self) -> Result<()> {
        self.counter.rows.fetch_add(self.rows, Ordering::Relaxed);
        self.inner.finish()
    }
}
