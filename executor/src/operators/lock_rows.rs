//! LockRows: SELECT ... FOR UPDATE and its relatives.
//!
//! Locks, row by row and in order, the stored rows that each input row was made of. A row that another session has locked
//! is waited for, skipped or an error. Where somebody has replaced one meanwhile (READ COMMITTED), its newest version is
//! locked and the input is computed again over it and the other rows, as PostgreSQL's `EvalPlanQual` does: what no longer
//! passes is dropped, though it stays locked. One worker, on the thread that runs the statement, so that nobody who waits
//! keeps a worker of other sessions.

use storage::{RowId, RowLockMode, TableId, WaitPolicy, WriteOutcome};
use types::{Datum, Result, TypeRef, oids};

use super::modify::marked_rows;
use super::{Flow, RowSet, Stage, Worker, collect_rows, produce as produce_input, produce_rowset};
use crate::batch::Batch;
use crate::convert::datum_at;
use crate::execute::{OnlyRows, Run};
use crate::plan::{LockRows, LockStrength, LockWait, RowLock};

struct Locking<'a> {
    run: &'a Run<'a>,
    plan: &'a LockRows,
    next: &'a dyn Stage,
    /// Whether a row is locked only when the one before has been taken.
    one_by_one: bool,
}

struct LockingWorker<'a> {
    locking: &'a Locking<'a>,
    next: Box<dyn Worker + 'a>,
}

/// What became of the stored rows of an input row.
pub(crate) enum Locked {
    /// They are locked, and as they were.
    Same,
    /// They are locked, but some are newer versions.
    Newer(OnlyRows),
    /// One of them is gone or locked by somebody else: the input row counts no more.
    Dropped,
}

/// Pushes the rows of the input that are there once they are locked.
pub(super) fn produce(run: &Run<'_>, plan: &LockRows, stage: &dyn Stage) -> Result<()> {
    let locking = Locking { run, plan, next: stage, one_by_one: plan.one_by_one || stage.singly() };
    match plan.held {
        Some(working) => produce_rowset(run, &*run.working(working)?, &locking),
        None => produce_input(run, &plan.input, &locking),
    }
}

impl Stage for Locking<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(LockingWorker { locking: self, next: self.next.worker()? }))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        true
    }
}

impl Worker for LockingWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let batch = batch.compact();
        let mut same: Vec<u16> = Vec::new();
        for lane in 0..batch.len {
            let locking = self.locking;
            let locked = lock(locking.run, locking.plan, &|position| value(&batch, lane, position));
            if locked.is_err() {
                // Those before it have been returned by then.
                self.flush(&batch, &mut same)?;
            }
            match locked? {
                Locked::Dropped => continue,
                Locked::Same => same.push(lane as u16),
                Locked::Newer(rows) => {
                    if self.flush(&batch, &mut same)? == Flow::Stop
                        || self.push_again(rows, &batch, lane)? == Flow::Stop
                    {
                        return Ok(Flow::Stop);
                    }
                }
            }
            if self.locking.one_by_one && self.flush(&batch, &mut same)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        self.flush(&batch, &mut same)
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}

impl LockingWorker<'_> {
    /// Pushes some lanes of a batch.
    fn flush(&mut self, batch: &Batch, lanes: &mut Vec<u16>) -> Result<Flow> {
        let lanes = std::mem::take(lanes);
        match lanes.len() {
            0 => Ok(Flow::Continue),
            all if all == batch.len => self.next.push(batch.clone()),
            _ => self.next.push(Batch { selection: Some(lanes.into()), ..batch.clone() }.compact()),
        }
    }

    /// Computes the input over some rows and pushes what becomes of a lane of `batch`.
    fn push_again(&mut self, rows: OnlyRows, batch: &Batch, lane: usize) -> Result<Flow> {
        let plan = self.locking.plan;
        let input = &plan.input;
        let mut before = vec![Datum::Null; input.output.len()];
        for position in plan.copies.iter().chain(&plan.lateral) {
            if let (Some(place), Some(vector), Some(ty)) =
                (before.get_mut(*position), batch.columns.get(*position), input.output.get(*position))
            {
                *place = datum_at(vector, lane, *ty)?;
            }
        }
        let again = collect_rows(&self.locking.run.over_rows(rows), input)?.rows(&input.output)?;
        let mut candidates: Vec<_> =
            again.into_iter().filter(|again| plan.has_same_copies(again, &before)).collect();
        let same = |again: &Vec<Datum>| plan.lateral.iter().all(|at| again.get(*at) == before.get(*at));
        let position = candidates.iter().position(same).unwrap_or(0);
        if candidates.is_empty() {
            return Ok(Flow::Continue);
        }
        let first = candidates.swap_remove(position);
        for batch in RowSet::from_rows(&[first], &input.output)?.batches {
            if self.next.push(batch)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
}

impl LockRows {
    /// Returns whether two rows are made of the same rows that have no ids.
    pub(crate) fn has_same_copies(&self, one: &[Datum], other: &[Datum]) -> bool {
        self.copies.iter().all(|position| one.get(*position) == other.get(*position))
    }
}

/// Locks the stored rows that an input row was made of; `value` gives its row ids by position.
pub(crate) fn lock(run: &Run<'_>, plan: &LockRows, value: &dyn Fn(usize) -> Result<Datum>) -> Result<Locked> {
    run.context.cancel.check()?;
    let mut newer: Vec<(u32, RowId)> = Vec::new();
    for lock in &plan.locks {
        // There is none where an outer join has padded the row.
        let Datum::I64(id) = value(lock.mark.position)? else { continue };
        let mut row = RowId(id as u64);
        loop {
            match lock_row(run, lock, row)? {
                WriteOutcome::Done(_) => break,
                WriteOutcome::ConcurrentlyUpdated(newest) => {
                    row = newest;
                    newer.retain(|(scan, _)| *scan != lock.mark.scan);
                    newer.push((lock.mark.scan, newest));
                }
                WriteOutcome::WouldBlock if lock.wait == LockWait::Error => {
                    return Err(types::errors::locking::row_lock_not_available(&lock.name));
                }
                WriteOutcome::SelfModified | WriteOutcome::ConcurrentlyDeleted | WriteOutcome::WouldBlock => {
                    return Ok(Locked::Dropped);
                }
            }
        }
    }
    if newer.is_empty() {
        return Ok(Locked::Same);
    }
    let marks: Vec<_> = plan.locks.iter().map(|lock| lock.mark).chain(plan.kept.iter().copied()).collect();
    let mut rows = marked_rows(&marks, |position| value(position).ok());
    rows.extend(newer.into_iter().map(|(scan, row)| (scan, Some(row))));
    Ok(Locked::Newer(rows))
}

fn lock_row(run: &Run<'_>, lock: &RowLock, row: RowId) -> Result<WriteOutcome> {
    let mode = match lock.strength {
        LockStrength::KeyShare => RowLockMode::KeyShare,
        LockStrength::Share => RowLockMode::Share,
        LockStrength::NoKeyUpdate => RowLockMode::NoKeyUpdate,
        LockStrength::Update => RowLockMode::Update,
    };
    let policy = match lock.wait {
        LockWait::Block => WaitPolicy::Wait,
        LockWait::Skip | LockWait::Error => WaitPolicy::NoWait,
    };
    Ok(run.context.transaction()?.lock().lock_row(TableId(lock.table), row, mode, policy)?)
}

fn value(batch: &Batch, lane: usize, position: usize) -> Result<Datum> {
    match batch.columns.get(position) {
        Some(vector) => datum_at(vector, lane, TypeRef::plain(oids::INT8)),
        None => Ok(Datum::Null),
    }
}
