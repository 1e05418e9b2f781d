//! Transactions that do not wait (`surus.concurrency_control = optimistic`): the first to commit wins.
//!
//! Rows and keys that another transaction in flight has written are written all the same, for this one alone
//! (`heap/rivals.rs`). Whether that can stand is decided at the commit, under the commit lock: every row that is ended has to be
//! there for everybody but transactions that give way, and every key has to be free.

use std::sync::Arc;

use super::{Transaction, Undo, duplicate};
use crate::error::{Result, StorageError};
use crate::heap::{EndAttempt, Heap, Holder};
use crate::index::tree::Index;
use crate::locks::RowLockMode;
use crate::table::RowId;

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
        let Some(own) = self.xid.as_ref().filter(|_| self.validates) else { return Ok(()) };
        let xids = self.store.xids();
        for undo in &self.undo {
            if let Undo::Ended(heap, row) = undo
                && !heap.claim(*row, own.xid, xids)
            {
                return Err(StorageError::OptimisticConflict);
            }
        }
        for undo in &self.undo {
            if let Undo::Inserted(heap, row) = undo
                && heap.is_contested(*row, own.xid, xids)?
            {
                return Err(StorageError::OptimisticConflict);
            }
        }
        own.set_yields(false);
        Ok(())
    }
}
