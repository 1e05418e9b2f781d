//! Waiting for whoever is at a row, in turn.
//!
//! Who meets a row that a transaction in flight has ended takes the *turn* at it, a lock that one waiter has, and the others
//! queue for in the order of their arrival, as PostgreSQL's waiters do for the lock of the tuple. When the transaction is
//! over and has left a newer version, the turn is kept until this one is at the newer version too: it has ended or
//! locked it, or has the turn there. Only then does the next one go on, so that nobody who came later is at the newer
//! version before.
//!
//! A turn is kept over a recheck of the newer version only. Whoever does anything else (waits for a key, a table, another
//! row; begins a command; ends) gives it back before.

use std::sync::Arc;

use super::Transaction;
use super::write::{IsolationLevel, WaitPolicy, WriteOutcome};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::locks::{LockTag, Mode, RowLockMode};
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, xid_of};
use crate::mvcc::waits::{ON_TRANSACTION, Step};
use crate::table::RowId;

/// The turn that a transaction has at versions of one row.
#[derive(Debug)]
pub(super) struct Turn {
    tag: LockTag,
    mode: Mode,
    /// The heap and the version of the row with which the transaction goes on.
    at: (u64, RowId),
}

impl Transaction {
    /// Begins to work on a row: a turn at another one is over.
    pub(super) fn go_on_with(&mut self, heap: u64, row: RowId) {
        if self.turn.as_ref().is_some_and(|turn| turn.at != (heap, row)) {
            self.end_turns();
        }
    }

    /// Keeps the turn when the outcome is that there is a newer version to go on with.
    pub(super) fn note_outcome(
        &mut self,
        heap: &Heap,
        outcome: Result<WriteOutcome>,
    ) -> Result<WriteOutcome> {
        if let Some(turn) = &mut self.turn {
            match outcome {
                Ok(WriteOutcome::ConcurrentlyUpdated(newest)) => turn.at = (heap.id, newest),
                Ok(
                    WriteOutcome::Done(_)
                    | WriteOutcome::SelfModified
                    | WriteOutcome::ConcurrentlyDeleted
                    | WriteOutcome::WouldBlock,
                )
                | Err(_) => self.end_turns(),
            }
        }
        outcome
    }

    /// Waits for a transaction that is at a row, one after the other with those who also want to get at it.
    pub(super) fn wait_in_turn(
        &mut self,
        heap: &Heap,
        row: RowId,
        mode: RowLockMode,
        other: u64,
    ) -> Result<()> {
        let tag = LockTag::Turn(heap.id, row);
        if self.turn.as_ref().is_some_and(|turn| turn.tag == tag) {
            return self.wait_until_over(other);
        }
        let mode = Mode::Table(mode.tuple_mode());
        self.acquire(tag, mode, WaitPolicy::Wait)?;
        // Who waits for the turn at the older version queues here next.
        self.end_turns();
        self.turn = Some(Turn { tag, mode, at: (heap.id, row) });
        Ok(())
    }

    /// Lets the next one of those who wait for a row go on.
    pub(super) fn end_turns(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.store.locks().release(self.owner, turn.tag, turn.mode);
        }
    }

    /// Follows the versions of a row to the newest one, waiting for whoever is changing it.
    pub(super) fn replaced(
        &mut self,
        heap: &Heap,
        mut newest: RowId,
        mode: RowLockMode,
        policy: WaitPolicy,
    ) -> Result<WriteOutcome> {
        if self.isolation != IsolationLevel::ReadCommitted {
            return Err(self.conflict(StorageError::ConcurrentUpdate));
        }
        loop {
            let Some((begin, end, newer)) = heap.stamps(newest) else { return self.deleted() };
            let other = |stamp: u64| {
                let xid = xid_of(stamp);
                (stamp > IN_FLIGHT && Some(xid) != self.xid() && self.store.xids().commit_of(xid).is_none())
                    .then_some(xid)
            };
            match (begin, other(begin), end, other(end)) {
                (NEVER, ..) => return self.deleted(),
                (_, Some(_), ..) | (_, _, _, Some(_)) if policy == WaitPolicy::NoWait => {
                    return Ok(WriteOutcome::WouldBlock);
                }
                (_, Some(xid), ..) | (_, _, _, Some(xid)) => self.wait_in_turn(heap, newest, mode, xid)?,
                (_, None, NEVER, None) => return Ok(WriteOutcome::ConcurrentlyUpdated(newest)),
                (_, None, end, None) if end > IN_FLIGHT && Some(xid_of(end)) == self.xid() => {
                    return Ok(WriteOutcome::SelfModified);
                }
                (_, None, _, None) => match newer {
                    Some(newer) => newest = newer,
                    None => return self.deleted(),
                },
            }
        }
    }

    /// Waits for a transaction that is not at the row of this transaction's turn.
    pub(crate) fn wait_for(&mut self, xid: u64) -> Result<()> {
        self.end_turns();
        self.wait_until_over(xid)
    }

    /// Waits until a transaction is over, or has returned to a savepoint.
    pub(super) fn wait_until_over(&mut self, xid: u64) -> Result<()> {
        let store = Arc::clone(&self.store);
        let Some(state) = store.xids().get(xid) else { return Ok(()) };
        if self.optimistic && !state.is_over() {
            return Err(StorageError::OptimisticConflict);
        }
        let seen = state.releases();
        store.waits().wait(
            self.owner,
            self.waiter.as_ref(),
            || format!("{ON_TRANSACTION}{xid}"),
            || {
                Ok(if state.is_over() || state.releases() != seen {
                    Step::Done(())
                } else {
                    Step::Blocked(vec![state.owner()])
                })
            },
            |nap| state.wait(seen, nap),
        )
    }
}
