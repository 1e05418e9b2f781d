//! Rows of SELECT ... FOR UPDATE that are locked as they are taken: what a cursor returns.
//!
//! The input of LockRows is a query of its own ([`OnDemand`]), over the tables as they were when the statement began. Every call
//! takes as many of its rows as are needed to return what is asked for, locks them, and computes what lies above: the
//! output's expressions, and LIMIT and OFFSET, which count rows that were locked.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use types::Result;

use crate::batch::Batch;
use crate::context::QueryContext;
use crate::execute::{ResultSink, Run, RunState, of_panic};
use crate::expr::Expr;
use crate::on_demand::{OnDemand, is_of_a_row, is_volatile, split};
use crate::operators::{RowSet, collect_rows, limit_count};
use crate::plan::{NodeKind, Plan, PlanNode};

/// The working table that has the rows to lock; recursions count from 0.
const ROWS_TO_LOCK: u32 = u32::MAX;

/// See the module.
pub struct Unlocked {
    /// The plan without its LIMIT; LockRows reads the working table.
    plan: Plan,
    input: OnDemand,
    /// Rows of the input to lock before others.
    pending: VecDeque<Batch>,
    /// LIMIT and OFFSET, until the first row is taken.
    limits: Option<Limits>,
    /// Rows that OFFSET still skips.
    skip: u64,
    /// Rows that LIMIT still lets pass.
    left: Option<u64>,
    /// Whether rows are computed one by one.
    singly: bool,
}

/// The expressions of LIMIT and OFFSET.
type Limits = (Option<Expr>, Option<Expr>);

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
        let input = Arc::new(Plan { root: input, ..rest.clone() });
        let Some(input) = OnDemand::new(&input, context)? else { return Ok(None) };
        let (singly, limits) = (is_volatile(plan), Some(limits));
        Ok(Some(Self { plan: rest, input, pending: VecDeque::new(), limits, skip: 0, left: None, singly }))
    }

    /// Locks rows until `count` were given to `sink` or there are no more.
    ///
    /// # Errors
    /// The statement's; the rows after the failed one stay unlocked.
    pub fn take(&mut self, context: &Arc<QueryContext>, count: u64, sink: &mut dyn ResultSink) -> Result<()> {
        if let Some((limit, offset)) = self.limits.take() {
            // PostgreSQL looks at OFFSET before LIMIT.
            (self.skip, self.left) = run(&self.plan, context, Vec::new(), &|run| {
                let skip = limit_count(run, offset.as_ref(), true)?.unwrap_or(0);
                Ok((skip, limit_count(run, limit.as_ref(), false)?))
            })?;
        }
        let mut wanted = self.left.map_or(count, |left| left.min(count));
        while wanted > 0 {
            let count = if self.singly { 1 } else { wanted.saturating_add(self.skip) };
            let Some(piece) = self.next_rows(count)? else { return Ok(()) };
            let rows = vec![piece.clone()];
            let locked = run(&self.plan, context, rows, &|run| collect_rows(run, &self.plan.root));
            if piece.len > 1 && locked.as_ref().is_err_and(is_of_a_row) {
                // The rows before the one that has failed come first.
                self.pending.push_front(piece);
                self.singly = true;
                continue;
            }
            for batch in locked?.batches {
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
    fn next_rows(&mut self, count: u64) -> Result<Option<Batch>> {
        if self.pending.is_empty() {
            let mut taken = Taken(&mut self.pending);
            let outcome = self.input.take(count, &mut taken);
            // An error is met again behind the rows before it.
            if self.pending.is_empty() {
                outcome?;
            }
        }
        let Some(batch) = self.pending.pop_front() else { return Ok(None) };
        let (batch, rest) = split(batch, usize::try_from(count).unwrap_or(usize::MAX));
        rest.into_iter().for_each(|rest| self.pending.push_front(rest));
        Ok(Some(batch))
    }
}

/// Takes batches as they are.
struct Taken<'a>(&'a mut VecDeque<Batch>);

impl ResultSink for Taken<'_> {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        self.0.push_back(batch);
        Ok(ControlFlow::Continue(()))
    }
}

/// Takes LIMIT and OFFSET out of the nodes above LockRows. Returns whether these are as they must be: nodes that make at
/// most one row of each.
fn separate(node: &mut PlanNode, limits: &mut Limits) -> bool {
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
    rows: Vec<Batch>,
    body: &dyn Fn(&Run<'_>) -> Result<T>,
) -> Result<T> {
    let state = RunState::default();
    let run = Run {
        plan,
        context,
        threads: 1,
        outer: Arc::new(Vec::new()),
        working: Arc::new(HashMap::from([(ROWS_TO_LOCK, Arc::new(RowSet { batches: rows }))])),
        state: &state,
        only_rows: None,
        runtime_filters: Arc::default(),
    };
    let losses = storage::losses();
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&run)));
    let result = outcome.unwrap_or_else(|payload| Err(of_panic(losses, &*payload)))?;
    storage::check_losses(losses)?;
    Ok(result)
}
