//! Changes whose input changes or locks rows itself, or whose rows are taken one by one.
//!
//! PostgreSQL asks for a row, changes it, returns it, and asks for the next one. Mostly nobody can tell. But where the input
//! changes or locks rows (parts of WITH, FOR UPDATE below a join), the order is seen: who waits, or fails, has not touched
//! the rows that follow, and checks of constraints come in the order of the changes.

use parking_lot::Mutex;
use types::{Datum, Result};

use super::changer::Changer;
use super::{Statement, count_row};
use crate::batch::Batch;
use crate::convert::{batch_of, rows_of};
use crate::execute::Run;
use crate::operators::{Flow, SerialRound, Stage, Worker, produce as produce_input};
use crate::plan::{Modify, PlanNode};

struct Changing<'a> {
    run: &'a Run<'a>,
    node: &'a PlanNode,
    plan: &'a Modify,
    state: Mutex<State<'a>>,
    /// Whether rows of RETURNING are taken one by one.
    singly: bool,
}

struct State<'a> {
    statement: Statement<'a>,
    next: SerialRound<'a>,
    /// The consumer wants no more rows.
    stopped: bool,
}

/// Returns whether the rows of a change are to be changed as they are made.
pub(super) fn is_needed(run: &Run<'_>, plan: &Modify, stage: &dyn Stage) -> bool {
    stage.singly() || run.state.parts.are_below(&plan.input)
}

/// Changes rows as they are made.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Modify, stage: &dyn Stage) -> Result<()> {
    for target in &plan.targets {
        run.keep_table(target.table)?;
    }
    let changer = Changer::new(run, plan)?;
    let statement = Statement { changer, plan, returned: Vec::new(), input: None, single: false };
    let state = State { statement, next: SerialRound::new(stage)?, stopped: false };
    let changing = Changing { run, node, plan, state: Mutex::new(state), singly: stage.singly() };
    produce_input(run, &plan.input, &changing)?;
    let mut state = changing.state.into_inner();
    let count = state.statement.changer.finish()?;
    if plan.returning.is_some() {
        state.give(node)?;
    } else {
        for batch in count_row(count)?.batches {
            state.next.push(batch)?;
        }
    }
    state.next.finish()
}

impl State<'_> {
    /// Hands on the rows of RETURNING.
    fn give(&mut self, node: &PlanNode) -> Result<()> {
        let returned: Vec<Vec<Datum>> = std::mem::take(&mut self.statement.returned);
        for rows in returned.chunks(kernels::vector::VECTOR_LANES) {
            if !self.stopped {
                self.stopped = self.next.push(batch_of(rows, &node.output)?)? == Flow::Stop;
            }
        }
        Ok(())
    }
}

impl Stage for Changing<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(ChangingWorker { changing: self }))
    }
    fn begin_round(&self, _morsels: usize) {}
    fn serial(&self) -> bool {
        true
    }
    fn singly(&self) -> bool {
        true
    }
}

struct ChangingWorker<'w, 'a> {
    changing: &'w Changing<'a>,
}

impl Worker for ChangingWorker<'_, '_> {
    fn begin_morsel(&mut self, _index: usize) -> Result<()> {
        Ok(())
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let changing = self.changing;
        let has_parts = !changing.run.plan.changing.is_empty();
        let mut state = changing.state.lock();
        for row in rows_of(&batch.compact(), &changing.plan.input.output)? {
            changing.run.context.cancel.check()?;
            if has_parts {
                state.statement.changer.forget_holders();
            }
            state.statement.row(row)?;
            if has_parts {
                state.statement.changer.leave();
            }
            if changing.singly {
                state.give(changing.node)?;
            }
        }
        Ok(Flow::Continue)
    }
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}
