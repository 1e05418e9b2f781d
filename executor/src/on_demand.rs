//! A query that runs as far as its rows are taken: what cursors, and portals with a row limit, stand on.
//!
//! Operators push rows, so a query that is to wait in its middle needs a stack of its own. That is a thread, which begins
//! when the first row is asked for and waits in the last stage of the plan ([`Exchange`]) when it has made as many as were
//! asked for. It and the thread that asks take turns, so the statement never runs beside the session's next one. Breakers
//! (sorts, aggregates, the build side of a join) use all workers; what comes after the last one runs on the query's thread alone
//! and no sooner than its rows are taken. The thread ends with the query, or when [`OnDemand`] is dropped.
//!
//! The tables are those of the moment when the query was declared: their scans are taken then, and kept.
//!
//! PostgreSQL computes row by row. A query with volatile functions does so here, too. Any other is computed a
//! batch at a time; when a row fails, it is run again, one row at a time and without giving rows a second time, so that the
//! rows before the one that fails are there.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::JoinHandle;

use kernels::vector::VECTOR_LANES;
use parking_lot::{Condvar, Mutex};
use storage::{TableId, TableScan};
use types::{PgError, Result, TypeRef};

use crate::batch::Batch;
use crate::context::QueryContext;
use crate::convert::{batch_of, rows_of};
use crate::execute::{ResultSink, RunState, run_into};
use crate::expr::{Expr, ExprKind, Volatility};
use crate::output::Order;
use crate::plan::{IndexScan, NodeKind, Plan, PlanNode};

/// Address space of a query's stack, as a session has it; what is not touched takes no memory.
const STACK_BYTES: usize = 64 << 20;

/// A tuning constant: rows that are made before the one who asks for more takes them.
const ROWS_MAX: u64 = 16 * 2048;

/// See the module.
pub struct OnDemand {
    query: Arc<Query>,
    /// The thread; none before the first row is asked for and after the last one was made.
    running: Option<Running>,
    /// Rows that are made and not taken.
    made: VecDeque<Batch>,
    /// Rows that were made.
    count: u64,
    singly: bool,
    /// How it ended.
    end: Option<Result<()>>,
}

/// What is to run.
struct Query {
    plan: Arc<Plan>,
    context: Arc<QueryContext>,
    tables: HashMap<u64, TableScan>,
}

impl OnDemand {
    /// Declares a query: it sees the tables as they are now. `None` when it changes or locks rows.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn new(plan: &Arc<Plan>, context: &Arc<QueryContext>) -> Result<Option<Self>> {
        if !plan.changing.is_empty() || roots(plan).any(PlanNode::locks_rows) {
            return Ok(None);
        }
        let tables = tables_of(plan, context)?;
        let singly = is_volatile(plan);
        let query = Arc::new(Query { plan: Arc::clone(plan), context: Arc::clone(context), tables });
        Ok(Some(Self { query, running: None, made: VecDeque::new(), count: 0, singly, end: None }))
    }

    /// Returns the same query from its beginning; `None` when a second run could give other rows.
    pub fn again(&self) -> Option<Self> {
        (!is_volatile(&self.query.plan) && is_steady(&self.query.plan)).then(|| self.anew())
    }

    /// Returns the same query from its beginning, whatever its rows will be.
    #[must_use]
    pub fn anew(&self) -> Self {
        let query = Arc::clone(&self.query);
        Self { query, running: None, made: VecDeque::new(), count: 0, singly: self.singly, end: None }
    }

    /// Gives rows to `sink` until it has `count` of them, or there are no more. Returns whether there may be more.
    ///
    /// # Errors
    /// The statement's, once the rows before the one that failed are given.
    pub fn take(&mut self, count: u64, sink: &mut dyn ResultSink) -> Result<bool> {
        let mut wanted = count;
        loop {
            while wanted > 0
                && let Some(batch) = self.made.pop_front()
            {
                let given = wanted.min(batch.len as u64);
                wanted -= given;
                let (batch, rest) = split(batch, given as usize);
                rest.into_iter().for_each(|rest| self.made.push_front(rest));
                let _ = sink.push(batch)?;
            }
            if wanted == 0 {
                return Ok(self.end.is_none() || !self.made.is_empty());
            }
            match &self.end {
                Some(Ok(())) => return Ok(false),
                Some(Err(error)) => return Err(error.clone()),
                None => self.make(wanted.min(ROWS_MAX))?,
            }
        }
    }

    /// Lets the query run until some more rows are made.
    fn make(&mut self, wanted: u64) -> Result<()> {
        let running = match &self.running {
            Some(running) => running,
            None => self.running.insert(Running::start(&self.query, self.singly, self.count)?),
        };
        let (batches, end) = running.exchange.ask(wanted);
        for batch in together(batches, &self.query.plan.root.output)? {
            self.count += batch.len as u64;
            self.made.push_back(batch);
        }
        if let Some(end) = end {
            self.running = None;
            match &end {
                Err(error)
                    if !self.singly
                        && is_of_a_row(error)
                        && (self.count == 0 || is_steady(&self.query.plan)) =>
                {
                    self.singly = true;
                }
                Ok(()) | Err(_) => self.end = Some(end),
            }
        }
        Ok(())
    }
}

/// Puts rows that were made one by one together.
fn together(batches: Vec<Batch>, types: &[TypeRef]) -> Result<Vec<Batch>> {
    if batches.len() < 2 || types.is_empty() || batches.iter().any(|batch| batch.len != 1) {
        return Ok(batches);
    }
    let mut rows = Vec::with_capacity(batches.len());
    for batch in &batches {
        rows.extend(rows_of(batch, types)?);
    }
    rows.chunks(VECTOR_LANES).map(|rows| batch_of(rows, types)).collect()
}

/// Returns the first `count` rows of a batch, and the others.
pub(crate) fn split(batch: Batch, count: usize) -> (Batch, Option<Batch>) {
    if batch.len <= count {
        return (batch, None);
    }
    let part =
        |lanes: std::ops::Range<u16>| Batch { selection: Some(lanes.collect()), ..batch.clone() }.compact();
    (part(0..count as u16), Some(part(count as u16..batch.len as u16)))
}

/// Says whether an error may be that of one row, rather than one of the statement as a whole.
pub(crate) fn is_of_a_row(error: &PgError) -> bool {
    !matches!(&error.sqlstate().as_str()[..2], "40" | "53" | "57" | "58" | "XX")
}

fn roots(plan: &Plan) -> impl Iterator<Item = &PlanNode> {
    [&plan.root].into_iter().chain(&plan.shared).chain(&plan.subplans)
}

/// Returns the stored tables that a plan reads, as they are.
fn tables_of(plan: &Plan, context: &QueryContext) -> Result<HashMap<u64, TableScan>> {
    let mut numbers = Vec::new();
    for root in roots(plan) {
        root.walk(&mut |node| {
            if let NodeKind::Scan(scan) | NodeKind::IndexScan(IndexScan { scan, .. }) = &node.kind {
                numbers.push(scan.table);
            }
        });
    }
    let transaction = context.transaction()?.lock();
    let mut tables = HashMap::with_capacity(numbers.len());
    for table in numbers {
        tables.insert(table, transaction.scan(TableId(table))?);
    }
    Ok(tables)
}

/// Says whether a plan calls a volatile function.
pub fn is_volatile(plan: &Plan) -> bool {
    let mut volatile = false;
    for root in roots(plan) {
        root.walk(&mut |node| {
            if let NodeKind::FunctionScan { functions, .. } = &node.kind {
                volatile |= functions.iter().any(|call| call.function.volatility == Volatility::Volatile);
            }
            node.for_each_expr(&mut |expr| volatile |= is_volatile_call(expr));
        });
    }
    volatile
}

/// Says whether an expression calls a volatile function.
pub(crate) fn is_volatile_call(expr: &Expr) -> bool {
    let mut volatile = false;
    expr.walk(&mut |part| {
        if let ExprKind::Call { function, .. }
        | ExprKind::SetCall { function, .. }
        | ExprKind::ScalarArray { function, .. } = &part.kind
        {
            volatile |= function.volatility == Volatility::Volatile;
        }
    });
    volatile
}

/// Says whether a plan gives its rows in the same order each time, however its work is shared out.
fn is_steady(plan: &Plan) -> bool {
    let mut steady = true;
    plan.root.walk(&mut |node| {
        steady &= !matches!(
            node.kind,
            NodeKind::HashJoin(_)
                | NodeKind::Aggregate(_)
                | NodeKind::SetOperation { .. }
                | NodeKind::RecursiveUnion { .. }
                | NodeKind::SharedScan { .. }
        );
    });
    steady
}

/// A query's thread.
struct Running {
    exchange: Arc<Exchange>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Begins a query, which gives its rows from number `skip` on.
    fn start(query: &Arc<Query>, singly: bool, skip: u64) -> Result<Self> {
        let exchange = Arc::new(Exchange::default());
        let (query, own) = (Arc::clone(query), Arc::clone(&exchange));
        let work = move || {
            own.wait_for_turn();
            let outcome = {
                let _entered = types::interrupt::enter(&query.context.cancel);
                let state = RunState::over(&query.plan, query.tables.clone());
                let order = if singly { Order::Singly } else { Order::Made };
                let mut sink = Giver { exchange: &own, skip };
                run_into(&query.plan, &query.context, &state, order, &mut sink)
            };
            // Before anybody hears of the end: nothing of the transaction is in use any more.
            drop(query);
            own.end(outcome);
        };
        let thread = std::thread::Builder::new().name("query".to_owned()).stack_size(STACK_BYTES).spawn(work);
        let thread = thread.map_err(|error| types::errors::cursors::no_thread(&error.to_string()))?;
        Ok(Self { exchange, thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.exchange.close();
        if let Some(thread) = self.thread.take() {
            // It has caught its panics.
            let _ = thread.join();
        }
    }
}

/// Where rows change hands.
#[derive(Default)]
struct Exchange {
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether it is the query's turn.
    runs: bool,
    /// Rows that are to be made until it is not.
    wanted: u64,
    batches: Vec<Batch>,
    closed: bool,
    end: Option<Result<()>>,
}

impl Exchange {
    /// Lets the query make `count` rows. Returns them, and how it has ended if it has.
    fn ask(&self, count: u64) -> (Vec<Batch>, Option<Result<()>>) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            (state.runs, state.wanted) = (true, count);
            self.turn.notify_all();
        }
        while state.runs {
            self.turn.wait(&mut state);
        }
        (std::mem::take(&mut state.batches), state.end.take())
    }

    fn close(&self) {
        self.state.lock().closed = true;
        self.turn.notify_all();
    }

    fn wait_for_turn(&self) {
        let mut state = self.state.lock();
        while !state.runs && !state.closed {
            self.turn.wait(&mut state);
        }
    }

    /// Hands a batch over; returns when more is wanted.
    fn give(&self, batch: Batch) -> Result<()> {
        let mut state = self.state.lock();
        state.wanted = state.wanted.saturating_sub(batch.len as u64);
        state.batches.push(batch);
        if state.wanted == 0 {
            state.runs = false;
            self.turn.notify_all();
        }
        while !state.runs && !state.closed {
            self.turn.wait(&mut state);
        }
        // Nobody hears of it: it unwinds the operators.
        if state.closed { Err(PgError::internal("a cursor was closed")) } else { Ok(()) }
    }

    fn end(&self, outcome: Result<()>) {
        let mut state = self.state.lock();
        state.end = Some(outcome);
        state.runs = false;
        self.turn.notify_all();
    }
}

/// The query's side of an exchange.
struct Giver<'a> {
    exchange: &'a Exchange,
    /// Rows that were given before.
    skip: u64,
}

impl ResultSink for Giver<'_> {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        let skipped = self.skip.min(batch.len as u64);
        self.skip -= skipped;
        let rest = match skipped {
            0 => Some(batch),
            _ => {
                let len = batch.len as u16;
                let lanes = skipped as u16..len;
                (!lanes.is_empty()).then(|| Batch { selection: Some(lanes.collect()), ..batch }.compact())
            }
        };
        if let Some(rest) = rest {
            self.exchange.give(rest)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}
