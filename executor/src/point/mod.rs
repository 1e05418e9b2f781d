//! The short path: statements about few rows of few tables, run row by row over storage, without batches, pipelines or
//! other threads.
//!
//! [`PointPlan::new`] recognizes such a plan once, when it is made: each table is reached through an index, and the nodes
//! are among those of [`node::PointNode`]. [`PointPlan::run`] gives what [`crate::execute()`] would, or declines before anything
//! has happened: when an index has too many rows for the statement, the batch operators are quicker.

mod bounds;
mod buffer;
mod expr;
mod lookup;
mod node;
mod update;

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use storage::{TableId, TableScan};
use types::{Datum, Result};

use crate::context::QueryContext;
use crate::execute::{Run, RunState, of_panic};
use crate::operators::change_rows;
use crate::plan::{Modify, ModifyKind, NodeKind, Plan, PlanNode};
use buffer::evaluate_row;
use expr::RowExpr;
use node::PointNode;
use update::PointUpdate;

/// Takes the rows of a point statement, in order.
pub trait RowSink {
    /// Takes a row; `Break` ends the statement early.
    ///
    /// # Errors
    /// When the row cannot be delivered.
    fn row(&mut self, row: &[Datum]) -> Result<ControlFlow<()>>;
}

/// What became of a point statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointOutcome {
    /// It ran; rows that a change without RETURNING has changed.
    Done(i64),
    /// Nothing has happened: the batch operators are to run the plan.
    Declined,
}

/// How to run a plan on the short path.
#[derive(Debug)]
pub struct PointPlan {
    input: PointNode,
    changes: bool,
    /// A shorter way to change rows.
    update: Option<PointUpdate>,
    /// How often the plan was declined in a row, and how many executions are left without another attempt.
    declined: AtomicU32,
    skip: AtomicU32,
}

/// A statement running on the short path.
struct PointRun<'r> {
    run: &'r Run<'r>,
    declined: Cell<bool>,
}

/// Gives the tables of a plan.
type Tables<'a> = dyn Fn(u64) -> Option<TableScan> + 'a;

impl PointPlan {
    /// Returns how to run `plan` on the short path, if it is for that. `transaction` sees the tables as they are.
    pub fn new(plan: &Plan, transaction: &storage::Transaction) -> Option<Self> {
        if !plan.shared.is_empty() || !plan.changing.is_empty() || !plan.subplans.is_empty() {
            return None;
        }
        let tables = |table: u64| transaction.scan(TableId(table)).ok();
        let (input, changes, update) = match &plan.root.kind {
            NodeKind::Modify(modify) => (changed_rows(modify)?, true, PointUpdate::new(modify, &tables)),
            _ => (&plan.root, false, None),
        };
        let input = PointNode::new(input, &tables)?;
        Some(Self { input, changes, update, declined: AtomicU32::new(0), skip: AtomicU32::new(0) })
    }

    /// Runs `plan`, which this was made of.
    ///
    /// # Errors
    /// The statement's.
    pub fn run(
        &self,
        plan: &Plan,
        context: &Arc<QueryContext>,
        sink: &mut dyn RowSink,
    ) -> Result<PointOutcome> {
        if self.skip.load(Ordering::Relaxed) > 0 {
            self.skip.fetch_sub(1, Ordering::Relaxed);
            return Ok(PointOutcome::Declined);
        }
        let state = RunState::default();
        let run = Run {
            plan,
            context,
            threads: 1,
            outer: Arc::new(Vec::new()),
            working: Arc::new(HashMap::new()),
            state: &state,
            only_rows: None,
            runtime_filters: Arc::default(),
        };
        context.cancel.check()?;
        let losses = storage::losses();
        let outcome = match catch_unwind(AssertUnwindSafe(|| self.run_in(&run, sink))) {
            Ok(outcome) => outcome?,
            Err(payload) => return Err(of_panic(losses, &*payload)),
        };
        storage::check_losses(losses)?;
        match outcome {
            PointOutcome::Done(_) => self.declined.store(0, Ordering::Relaxed),
            PointOutcome::Declined => {
                let times = self.declined.fetch_add(1, Ordering::Relaxed).min(10);
                self.skip.store((1 << times) - 1, Ordering::Relaxed);
            }
        }
        Ok(outcome)
    }

    fn run_in(&self, run: &Run<'_>, sink: &mut dyn RowSink) -> Result<PointOutcome> {
        let point = PointRun { run, declined: Cell::new(false) };
        let modify = match &run.plan.root.kind {
            NodeKind::Modify(modify) if self.changes => modify,
            _ => {
                self.input.rows(&point, &mut |row| Ok(sink.row(row)?.is_continue()))?;
                return Ok(if point.declined.get() { PointOutcome::Declined } else { PointOutcome::Done(0) });
            }
        };
        let changed = match &self.update {
            Some(update) => update.run(&point, modify)?,
            None => self.change(&point, modify)?,
        };
        let Some((returned, count)) = changed else { return Ok(PointOutcome::Declined) };
        for row in &returned {
            if sink.row(row)?.is_break() {
                break;
            }
        }
        Ok(PointOutcome::Done(count))
    }

    /// Changes the rows of the input. Returns the rows of RETURNING and how many rows were changed; `None` when the input
    /// is nothing for this path.
    fn change(&self, point: &PointRun<'_>, modify: &Modify) -> Result<Option<(Vec<Vec<Datum>>, i64)>> {
        let input = |run: &Run<'_>| self.input.collect(&PointRun { run, declined: Cell::new(false) });
        // Listed rows are computed when the turn of each comes: sequences are not asked for those after a row that is
        // refused.
        if let (ModifyKind::Insert, Some((rows, exprs))) = (modify.kind, self.input.listed_rows()) {
            let rows = rows.iter().map(|row| {
                let row = evaluate_row(row, point, &[])?;
                Ok(match exprs {
                    Some(exprs) => evaluate_row(exprs, point, &row)?.to_vec(),
                    None => row.to_vec(),
                })
            });
            return change_rows(point.run, modify, rows, &input).map(Some);
        }
        let rows = self.input.collect(point)?;
        if point.declined.get() {
            return Ok(None);
        }
        change_rows(point.run, modify, rows.into_iter().map(Ok), &input).map(Some)
    }
}

impl PointNode {
    /// Returns all rows.
    fn collect(&self, point: &PointRun<'_>) -> Result<Vec<Vec<Datum>>> {
        let mut rows = Vec::new();
        self.rows(point, &mut |row| {
            rows.push(row.to_vec());
            Ok(true)
        })?;
        Ok(rows)
    }

    /// Returns rows of expressions, and expressions over them, if this is that.
    fn listed_rows(&self) -> Option<(&[Vec<RowExpr>], Option<&[RowExpr]>)> {
        match self {
            Self::Values(rows) => Some((rows, None)),
            Self::Project(input, exprs) => match &**input {
                Self::Values(rows) => Some((rows, Some(exprs))),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Returns the input of a change that can be made row by row.
fn changed_rows(modify: &Modify) -> Option<&PlanNode> {
    match modify.kind {
        ModifyKind::Insert | ModifyKind::Update | ModifyKind::Delete => Some(&modify.input),
        ModifyKind::Merge => None,
    }
}
