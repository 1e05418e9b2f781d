//! Checks of constraints that wait for SET CONSTRAINTS or the end of the transaction.

use std::collections::HashMap;
use std::sync::Arc;

use storage::RowId;
use types::{Datum, Result};

use crate::context::QueryContext;
use crate::execute::{Run, with_run};
use crate::operators::{Changer, Event};
use crate::plan::{Modify, NodeKind, Plan, PlanNode};

/// What a transaction has put off, and which constraints it puts off.
#[derive(Default)]
pub struct DeferredChecks {
    pending: Vec<Pending>,
    all: Option<bool>,
    modes: HashMap<u32, bool>,
    /// Tables that were written anew meanwhile, with what they are now.
    moves: Vec<(u64, u64)>,
}

/// The checks that one statement has put off.
pub(crate) struct Pending {
    pub(crate) plan: Arc<Modify>,
    pub(crate) events: Vec<Event>,
    pub(crate) keys: Vec<DoubtfulKey>,
    pub(crate) rows: Vec<DoubtfulRow>,
}

impl Pending {
    /// Returns the tables whose changed rows are to be checked.
    fn tables(&self) -> impl Iterator<Item = u64> {
        let of_event = |event: &Event| {
            let foreign = self.plan.foreign_keys.get(event.key())?;
            Some(if event.is_of_child() { foreign.child } else { foreign.parent })
        };
        let events = self.events.iter().filter_map(of_event);
        let keys = self.keys.iter().map(|doubtful| doubtful.target);
        let rows = self.rows.iter().map(|doubtful| doubtful.target);
        let targets = events.chain(keys).chain(rows);
        targets.filter_map(|target| self.plan.targets.get(target).map(|target| target.table))
    }
}

/// A key that two rows had at the end of a statement.
pub(crate) struct DoubtfulKey {
    pub(crate) target: usize,
    pub(crate) key: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) row: Vec<Datum>,
}

/// A row that others were in the way of.
pub(crate) struct DoubtfulRow {
    pub(crate) target: usize,
    pub(crate) exclusion: usize,
    pub(crate) row: RowId,
}

/// A point to return to.
#[derive(Clone)]
pub struct DeferredPoint {
    pending: usize,
    all: Option<bool>,
    modes: HashMap<u32, bool>,
    moves: usize,
}

impl DeferredChecks {
    /// Returns whether the constraint `oid`, if it can wait, does.
    pub fn is_deferred(&self, oid: u32, initially: bool) -> bool {
        self.modes.get(&oid).copied().or(self.all).unwrap_or(initially)
    }
    /// SET CONSTRAINTS ALL.
    pub fn set_all(&mut self, deferred: bool) {
        self.modes.clear();
        self.all = Some(deferred);
    }
    /// SET CONSTRAINTS name.
    pub fn set(&mut self, oid: u32, deferred: bool) {
        self.modes.insert(oid, deferred);
    }
    /// Returns a point to return to.
    pub fn point(&self) -> DeferredPoint {
        DeferredPoint {
            pending: self.pending.len(),
            all: self.all,
            modes: self.modes.clone(),
            moves: self.moves.len(),
        }
    }
    /// Forgets what came after `point`.
    pub fn rollback_to(&mut self, point: &DeferredPoint) {
        self.pending.truncate(point.pending);
        self.moves.truncate(point.moves);
        self.all = point.all;
        self.modes = point.modes.clone();
    }
    /// Returns whether nothing waits.
    pub fn is_idle(&self) -> bool {
        self.pending.is_empty()
    }
    /// Returns whether checks wait that are about changed rows of a table.
    pub fn concerns(&self, table: u64) -> bool {
        self.pending.iter().any(|pending| pending.tables().any(|concerned| concerned == table))
    }
    /// Notes that a table was written anew, its columns in the same places.
    pub fn moved(&mut self, from: u64, to: u64) {
        if !self.is_idle() {
            self.moves.push((from, to));
        }
    }
    pub(crate) fn push(&mut self, pending: Pending) {
        self.pending.push(pending);
    }

    /// Takes the checks that do not wait any more; `finally`: all of them.
    fn take_due(&mut self, finally: bool) -> Vec<Pending> {
        let mut due = Vec::new();
        let mut waiting = Vec::new();
        for Pending { plan, events, keys, rows } in std::mem::take(&mut self.pending) {
            let event_waits = |event: &Event| {
                let foreign = plan.foreign_keys.get(event.key());
                foreign.is_some_and(|foreign| self.is_deferred(foreign.oid, foreign.deferred))
            };
            let key_waits = |doubtful: &DoubtfulKey| {
                let target = plan.targets.get(doubtful.target);
                let key = target.and_then(|target| target.keys.get(doubtful.key));
                key.is_some_and(|key| self.is_deferred(key.oid, key.deferred))
            };
            let row_waits = |doubtful: &DoubtfulRow| {
                let target = plan.targets.get(doubtful.target);
                let exclusion = target.and_then(|target| target.exclusions.get(doubtful.exclusion));
                exclusion.is_some_and(|exclusion| self.is_deferred(exclusion.oid, exclusion.deferred))
            };
            let (later_rows, now_rows) = rows.into_iter().partition(|row| !finally && row_waits(row));
            let (later, now) = events.into_iter().partition(|event| !finally && event_waits(event));
            let (later_keys, now_keys) = keys.into_iter().partition(|key| !finally && key_waits(key));
            due.push(Pending {
                plan: moved(&plan, &self.moves),
                events: now,
                keys: now_keys,
                rows: now_rows,
            });
            waiting.push(Pending { plan, events: later, keys: later_keys, rows: later_rows });
        }
        let holds = |pending: &Pending| {
            !pending.events.is_empty() || !pending.keys.is_empty() || !pending.rows.is_empty()
        };
        self.pending = waiting;
        self.pending.retain(holds);
        due.retain(holds);
        due
    }
}

/// Returns a plan over the tables as they are now.
fn moved(plan: &Arc<Modify>, moves: &[(u64, u64)]) -> Arc<Modify> {
    let mut plan = Arc::clone(plan);
    for (from, to) in moves {
        if plan.targets.iter().any(|target| target.table == *from) {
            let targets = &mut Arc::make_mut(&mut plan).targets;
            targets.iter_mut().filter(|target| target.table == *from).for_each(|target| target.table = *to);
        }
    }
    plan
}

/// Makes the checks that do not wait any more; `finally`: all of them.
///
/// # Errors
/// `23503`, `23505`, `23P01`.
pub fn settle(context: &Arc<QueryContext>, finally: bool) -> Result<()> {
    let due = context.deferred.lock().take_due(finally);
    for pending in due {
        let plan = Plan { root: nothing(), shared: Vec::new(), changing: Vec::new(), subplans: Vec::new() };
        with_run(&plan, context, &mut |run| Changer::new(run, &pending.plan)?.settle_late(&pending))?;
    }
    Ok(())
}

/// Makes the checks and takes the actions that the parts of a statement have left to its end.
pub(crate) fn settle_parts(run: &Run<'_>) -> Result<()> {
    let parts = std::mem::take(&mut *run.state.unsettled.lock());
    Changer::settle_parts(run, &parts)
}

/// Returns a plan without rows.
pub(crate) fn nothing() -> PlanNode {
    PlanNode { id: 0, kind: NodeKind::Values { rows: Vec::new() }, output: Vec::new(), rows: 0.0 }
}
