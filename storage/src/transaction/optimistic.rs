//! Transactions that do not wait (`surus.concurrency_control = optimistic`): the first to commit wins.
//!
//! Rows and keys that another transaction in flight has written are written all the same, for this one alone
//! (`heap/rivals.rs`), and those that it has locked are passed over if it does not wait either. Whether that can stand is decided
//! at the commit, under the commit lock: every row that is ended or locked has to be there for everybody but transactions that
//! give way, every key has to be free, and nobody may have committed meanwhile who had a lock that conflicts
//! (`locks/committed.rs`). Who has only locked rows has nothing to decide.

use std::sync::Arc;

use super::{Transaction, Undo, duplicate};
use crate::error::{Result, StorageError};
use crate::heap::{EndAttempt, Heap, Holder};
use crate::index::tree::Index;
use crate::locks::{LockTag, Mode, RowLockMode};
use crate::table::RowId;

/// What a transaction that does not wait has locked.
#[derive(Debug)]
pub(super) enum Claim {
    /// A row, whoever else had locked or ended it.
    Row(Arc<Heap>, RowId, RowLockMode),
    /// A lock of others that has been passed over.
    Lock(LockTag, Mode),
}

impl Transaction {
    /// Ends a row that another transaction in flight has ended. `None`: the row is to be looked at again.
    pub(super) fn end_privately(
        &self,
        heap: &Arc<Heap>,
        row: RowId,
        own: (u64, u32),
        mode: RowLockMode,
        check_locks: bool,
    ) -> Option<EndAttempt> {
        heap.end_privately(row, own, mode, check_locks, self.store.xids())
    }

    /// Returns the error of a row whose key another one has: who does not wait has lost against a row that has been committed
    /// since its snapshot.
    pub(super) fn taken(&self, heap: &Heap, index: &Index, row: &[u8], other: RowId) -> StorageError {
        let is_own = self.xid().is_some_and(|own| heap.is_begun_by(other, Holder::InFlight(own)));
        let group = heap.group(other.group());
        let is_seen = is_own || group.is_some_and(|group| group.sees(other.lane(), self.view()));
        if self.optimistic && !is_seen {
            StorageError::OptimisticConflict
        } else {
            duplicate(heap, index, row)
        }
    }

    /// Makes what the transaction has written count, so that others that commit later give way; fails if it has to.
    /// The caller has the commit lock.
    pub(super) fn validate(&self) -> Result<()> {
        let Some(own) = &self.xid else { return Ok(()) };
        if !self.validates {
            self.note_locks(own.xid, &[]);
            return Ok(());
        }
        let xids = self.store.xids();
        for undo in &self.undo {
            if let Undo::Ended(heap, row) = undo {
                if !heap.claim(*row, own.xid, xids) {
                    return Err(StorageError::OptimisticConflict);
                }
                if let Some(mode) = heap.end_mode(*row, own.xid) {
                    self.require_unlocked(LockTag::Row(heap.id, *row), Mode::Row(mode))?;
                }
            }
        }
        let rows = self.require_claims(own.xid)?;
        for undo in &self.undo {
            if let Undo::Inserted(heap, row) = undo
                && heap.is_contested(*row, own.xid, xids)?
            {
                return Err(StorageError::OptimisticConflict);
            }
        }
        own.set_yields(false);
        self.note_locks(own.xid, &rows);
        Ok(())
    }

    /// Fails if somebody has committed who had a lock that conflicts, or has it and does not give way.
    fn require_unlocked(&self, tag: LockTag, mode: Mode) -> Result<()> {
        let others = self.store.locks().conflicting(self.owner, tag, mode);
        if self.store.committed_locks().has_since(self.began, tag, mode)
            || !self.store.xids().all_yield(&others)
        {
            return Err(StorageError::OptimisticConflict);
        }
        Ok(())
    }

    /// Fails if what has been locked is not there any more, or was somebody else's. Returns the locks on rows.
    fn require_claims(&self, own: u64) -> Result<Vec<(LockTag, Mode)>> {
        let mut rows = Vec::new();
        for claim in &self.claims {
            match claim {
                Claim::Lock(tag @ LockTag::Key(..), mode) => self.require_unlocked(*tag, *mode)?,
                // The row itself says whether it is there.
                Claim::Lock(..) => {}
                Claim::Row(heap, row, mode) => {
                    let mut row = *row;
                    rows.push((LockTag::Row(heap.id, row), Mode::Row(*mode)));
                    while let Some(newer) = heap.require_lock(row, own, *mode, self.store.xids())? {
                        row = newer;
                        rows.push((LockTag::Row(heap.id, row), Mode::Row(*mode)));
                    }
                }
            }
        }
        for (tag, mode) in self.locks.all() {
            if matches!(tag, LockTag::Key(..)) {
                self.require_unlocked(tag, mode)?;
            }
        }
        Ok(rows)
    }

    /// Notes what this one has locked for those in flight who have passed over it.
    fn note_locks(&self, own: u64, rows: &[(LockTag, Mode)]) {
        let committed = self.store.committed_locks();
        if !committed.is_wanted() {
            return;
        }
        if !self.store.xids().any_other_yields(own) {
            return committed.clear();
        }
        let passed = self.claims.iter().filter_map(|claim| match claim {
            Claim::Lock(tag, mode) => Some((*tag, *mode)),
            Claim::Row(..) => None,
        });
        let held = self.locks.all().chain(passed);
        let counts = |(tag, _): &(LockTag, Mode)| matches!(tag, LockTag::Row(..) | LockTag::Key(..));
        committed.note(held.filter(counts).chain(rows.iter().copied()));
    }
}
