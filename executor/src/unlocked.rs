//! Rows of SELECT ... FOR UPDATE that are locked as they are taken: what a cursor returns.
//!
//! The input of LockRows is computed once, when the first row is taken, over the tables as they were when the statement began; it
//! is cheap beside a lock on each row. Then every call locks as many of these rows as it takes to return what is asked for, and computes what lies above: the
//! output's expressions, and LIMIT and OFFSET, which count rows that were locked.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use storage::TableScan;
use types::Result;

use crate::batch::Batch;
use crate::context::QueryContext;
use crate::execute::{ResultSink, Run, RunState, of_panic};
use crate::expr::Expr;
use crate::on_demand::tables_of;
use crate::operators::{RowSet, collect_rows, limit_count};
use crate::plan::{NodeKind, Plan, PlanNode};

/// The working table that has the rows to lock; recursions count from 0.
const ROWS_TO_LOCK: u32 = u32::MAX;

/// See the module.
pub struct Unlocked {
    /// The plan without its LIMIT; LockRows reads the working table.
    plan: Plan,
    /// What is computed when the first row is taken.
    start: Option<Start>,
    rows: Vec<Batch>,
    /// The batch and the lane of the next row to lock.
    next: (usize, usize),
    /// Rows that OFFSET still skips.
    skip: u64,
    /// Rows that LIMIT still lets pass.
    left: Option<u64>,
}

/// See [`Unlocked::start`].
struct Start {
    plan: Arc<Plan>,
    input: PlanNode,
    limit: Option<Expr>,
    offset: Option<Expr>,
    tables: HashMap<u64, TableScan>,
}

impl Unlocked {
    /// Prepares to lock the rows of `plan`; `None` when it does not end with locking its rows.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn new(plan: &Arc<Plan>, context: &Arc<QueryContext>) -> Result<Option<Self>> {
        let mut rest = Plan::clone(plan);
        let mut limits = (None, None);
        if !plan.changing.is_empty() || !separate(&mut rest.root, &mut limits) {
            return Ok(None);
        }
        let Some(input) = take_input(&mut rest.root) else { return Ok(None) };
        let tables = tables_of(plan, context)?;
        let start = Start { plan: Arc::clone(plan), input, limit: limits.0, offset: limits.1, tables };
        Ok(Some(Self { plan: rest, start: Some(start), rows: Vec::new(), next: (0, 0), skip: 0, left: None }))
    }

    /// Computes the rows to lock.
    fn begin(&mut self, Start { plan, input, limit, offset, tables }: Start, context: &Arc<QueryContext>) -> Result<()> {
        let state = RunState::over(tables);
        let (skip, left, rows) = run(&plan, context, &state, Vec::new(), &|run| {
            // PostgreSQL looks at OFFSET before LIMIT.
            let skip = limit_count(run, offset.as_ref(), true)?.unwrap_or(0);
            let left = limit_count(run, limit.as_ref(), false)?;
            Ok((skip, left, collect_rows(run, &input)?))
        })?;
        self.rows = rows.batches.into_iter().map(Batch::compact).collect();
        (self.skip, self.left) = (skip, left);
        Ok(())
    }

    /// Locks rows until `count` were given to `sink` or there are no more.
    ///
    /// # Errors
    /// The statement's; the rows after the failed one stay unlocked.
    pub fn take(&mut self, context: &Arc<QueryContext>, count: u64, sink: &mut dyn ResultSink) -> Result<()> {
        if let Some(start) = self.start.take() {
            self.begin(start, context)?;
        }
        let mut wanted = self.left.map_or(count, |left| left.min(count));
        while wanted > 0 {
            let Some(piece) = self.next_rows(wanted.saturating_add(self.skip)) else { return Ok(()) };
            let state = RunState::default();
            let locked = run(&self.plan, context, &state, vec![piece], &|run| collect_rows(run, &self.plan.root))?;
            for batch in locked.batches {
                let batch = batch.compact();
                let skipped = self.skip.min(batch.len as u64);
                self.skip -= skipped;
                let passed = batch.len as u64 - skipped;
                if passed == 0 {
                    continue;
                }
                wanted = wanted.saturating_sub(passed);
                if let Some(left) = &mut self.left {
                    *left = left.saturating_sub(passed);
                }
                let selection = (skipped as u16..batch.len as u16).collect();
                let _ = sink.push(Batch { selection: Some(selection), ..batch }.compact())?;
            }
        }
        Ok(())
    }

    /// Returns some of the rows that come next, `count` at most.
    fn next_rows(&mut self, count: u64) -> Option<Batch> {
        loop {
            let (at, lane) = self.next;
            let batch = self.rows.get_mut(at)?;
            let end = batch.len.min(lane.saturating_add(usize::try_from(count).unwrap_or(usize::MAX)));
            if lane == end {
                *batch = Batch::new(Vec::new(), 0);
                self.next = (at + 1, 0);
                continue;
            }
            self.next.1 = end;
            let selection = (lane as u16..end as u16).collect();
            return Some(Batch { selection: Some(selection), ..batch.clone() }.compact());
        }
    }
}

/// Takes LIMIT and OFFSET out of the nodes above LockRows. Returns whether these are as they must be: nodes that make at
/// most one row of each.
fn separate(
    node: &mut PlanNode,
    limits: &mut (Option<Expr>, Option<Expr>),
) -> bool {
    if let NodeKind::Limit { input, limit, offset, ties: None } = &mut node.kind
        && *limits == (None, None)
    {
        *limits = (limit.take(), offset.take());
        let below = (**input).clone();
        *node = below;
    }
    if let NodeKind::Project { input, .. } = &mut node.kind {
        return separate(input, limits);
    }
    matches!(node.kind, NodeKind::LockRows(_))
}

/// Lets the LockRows node that [`separate`] has found read the working table; returns its input.
fn take_input(node: &mut PlanNode) -> Option<PlanNode> {
    if let NodeKind::LockRows(locks) = &mut node.kind {
        locks.held = Some(ROWS_TO_LOCK);
        return Some((*locks.input).clone());
    }
    if let NodeKind::Project { input, .. } = &mut node.kind { take_input(input) } else { None }
}

/// Runs `body` within the statement of a plan; `rows` are those to lock.
fn run<T>(
    plan: &Plan,
    context: &Arc<QueryContext>,
    state: &RunState,
    rows: Vec<Batch>,
    body: &dyn Fn(&Run<'_>) -> Result<T>,
) -> Result<T> {
    let run = Run {
        plan,
        context,
        threads: 1,
        outer: Arc::new(Vec::new()),
        working: Arc::new(HashMap::from([(ROWS_TO_LOCK, Arc::new(RowSet { batches: rows }))])),
        state,
        only_rows: None,
        runtime_filters: Arc::default(),
    };
    let losses = storage::losses();
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&run)));
    let result = outcome.unwrap_or_else(|payload| Err(of_panic(losses, &*payload)))?;
    storage::check_losses(losses)?;
    Ok(result)
}
