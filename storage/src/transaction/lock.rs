//! Locks of a transaction.

use std::sync::Arc;
use std::time::Duration;

use super::Transaction;
use super::optimistic::Claim;
use super::write::{IsolationLevel, WaitPolicy, WriteOutcome};
use crate::error::{Result, StorageError};
use crate::heap::{EndAttempt, Heap};
use crate::locks::{Acquired, AdvisoryKey, LockTag, Mode, RowLockMode, TableLockMode};
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, xid_of};
use crate::mvcc::waits::{Hasty, Waiter};
use crate::table::{RowId, TableId};

/// Indexes of smaller numbers are those of the catalog.
const FIRST_USER_INDEX: u64 = 16_384;

impl Transaction {
    /// Locks a table. Who has waited should look at the newest tables and rows before going on.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_table(
        &mut self,
        table: TableId,
        mode: TableLockMode,
        policy: WaitPolicy,
    ) -> Result<Acquired> {
        self.lock(LockTag::Table(table), Mode::Table(mode), policy)
    }

    /// Locks a table, waiting for it at most so long.
    ///
    /// # Errors
    /// Others than that it took longer.
    pub(crate) fn lock_table_within(
        &mut self,
        table: TableId,
        mode: TableLockMode,
        at_most: Duration,
    ) -> Result<Acquired> {
        let (tag, mode, waiter) = (LockTag::Table(table), Mode::Table(mode), Hasty(at_most));
        let store = Arc::clone(&self.store);
        let session = (self.owner, &waiter as &dyn Waiter);
        match store.locks().acquire(store.waits(), session, tag, mode, WaitPolicy::Wait) {
            Err(StorageError::LockTimeout) => Ok(Acquired::No),
            acquired => {
                let acquired = acquired?;
                self.locks.push(tag, mode);
                Ok(acquired)
            }
        }
    }

    /// Takes an advisory lock until the end of the transaction.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_advisory(&mut self, key: AdvisoryKey, shared: bool, policy: WaitPolicy) -> Result<Acquired> {
        self.lock(LockTag::Advisory(key), Mode::Advisory { shared, session: false }, policy)
    }

    /// Takes an advisory lock for the session: it is kept until [`crate::Store::unlock_advisory`].
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_advisory_for_session(
        &self,
        key: AdvisoryKey,
        shared: bool,
        policy: WaitPolicy,
    ) -> Result<Acquired> {
        self.acquire(LockTag::Advisory(key), Mode::Advisory { shared, session: true }, policy)
    }

    /// Makes sure that no other transaction that has inserted or freed a key of an index is in flight: `key` is its hash.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_key(&mut self, index: u64, key: u64, policy: WaitPolicy) -> Result<Acquired> {
        let mode = Mode::Advisory { shared: false, session: false };
        self.lock(LockTag::Key(index, key), mode, policy)
    }

    /// Returns how many locks there are, for [`Self::unlock_keys_to`].
    pub fn locks_len(&self) -> usize {
        self.locks.len()
    }

    /// Gives back the locks after the first `len`, all of which are on keys that were not taken after all.
    pub fn unlock_keys_to(&mut self, len: usize) {
        if self.locks.tags().skip(len).all(|tag| matches!(tag, LockTag::Key(..))) {
            self.unlock_to(len);
        }
    }

    /// Gives back the locks after the first `len`, all of which are on objects that turned out to be others.
    pub fn unlock_objects_to(&mut self, len: usize) {
        let is_object = |tag| {
            matches!(tag, LockTag::Table(_) | LockTag::Object(..) | LockTag::Entry(..) | LockTag::Key(..))
        };
        if self.locks.tags().skip(len).all(is_object) {
            self.unlock_to(len);
        }
    }

    /// Keeps the texts of the catalog that name things from being changed for other names until the end of the
    /// transaction, or (not `shared`) from being made.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_catalog(&mut self, shared: bool, policy: WaitPolicy) -> Result<Acquired> {
        self.lock(LockTag::Catalog, Mode::Advisory { shared, session: false }, policy)
    }

    /// Gives that right back, when nothing has been changed after all, or that is left to whoever ends a prepared
    /// transaction.
    pub fn unlock_publication(&mut self) {
        let (tag, mode) = (LockTag::Publication, Mode::Advisory { shared: false, session: false });
        if self.locks.remove(tag, mode) {
            self.store.locks().release(self.owner, tag, mode);
        }
    }

    /// Locks an object that is no relation.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_object(
        &mut self,
        (class, object): (u32, u32),
        mode: TableLockMode,
        policy: WaitPolicy,
    ) -> Result<Acquired> {
        self.lock(LockTag::Object(class, object), Mode::Table(mode), policy)
    }

    /// Takes the right to change an entry of the catalog, until the end of the transaction; `shared`: to add to it only.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_entry(
        &mut self,
        (class, object): (u32, u32),
        shared: bool,
        policy: WaitPolicy,
    ) -> Result<Acquired> {
        self.lock(LockTag::Entry(class, object), Mode::Advisory { shared, session: false }, policy)
    }

    /// Takes the right to commit a changed catalog, until the end of the transaction.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_publication(&mut self, policy: WaitPolicy) -> Result<Acquired> {
        self.lock(LockTag::Publication, Mode::Advisory { shared: false, session: false }, policy)
    }

    /// Returns whether the transaction has a lock on a table.
    pub fn has_locked(&self, table: TableId) -> bool {
        self.locks.tags().any(|tag| tag == LockTag::Table(table))
    }

    pub(super) fn acquire(&self, tag: LockTag, mode: Mode, policy: WaitPolicy) -> Result<Acquired> {
        let session = (self.owner, self.waiter.as_ref());
        if self.optimistic && !matches!(tag, LockTag::Advisory(_)) && policy == WaitPolicy::Wait {
            return match (self.store.locks().try_acquire(self.owner, tag, mode), tag) {
                (true, _) => Ok(Acquired::AtOnce),
                (false, LockTag::Key(index, _)) if index < FIRST_USER_INDEX => {
                    Err(StorageError::OptimisticCatalog)
                }
                (false, LockTag::Row(..) | LockTag::Turn(..) | LockTag::Key(..)) => {
                    // Who has it gives way, or this one does: their commits decide.
                    let others = self.store.locks().conflicting(self.owner, tag, mode);
                    let yield_all = self.store.xids().all_yield(&others);
                    if yield_all { Ok(Acquired::No) } else { Err(StorageError::OptimisticConflict) }
                }
                (
                    false,
                    LockTag::Table(_)
                    | LockTag::Catalog
                    | LockTag::Publication
                    | LockTag::Object(..)
                    | LockTag::Entry(..)
                    | LockTag::Advisory(_),
                ) => Err(StorageError::OptimisticCatalog),
            };
        }
        self.store.locks().acquire(self.store.waits(), session, tag, mode, policy)
    }

    /// Takes a lock until the end of the transaction, once.
    pub(crate) fn lock(&mut self, tag: LockTag, mode: Mode, policy: WaitPolicy) -> Result<Acquired> {
        if self.locks.contains(tag, mode) {
            return Ok(Acquired::AtOnce);
        }
        if !matches!(tag, LockTag::Row(..)) {
            self.end_turns();
        }
        if self.optimistic && matches!(tag, LockTag::Row(..) | LockTag::Key(..)) {
            // Those who meet the lock want to know whether this one gives way.
            self.own_xid();
        }
        let acquired = self.acquire(tag, mode, policy)?;
        if acquired != Acquired::No {
            self.locks.push(tag, mode);
        } else if self.optimistic && policy == WaitPolicy::Wait {
            self.claims.push(Claim::Lock(tag, mode));
            return Ok(Acquired::AtOnce);
        }
        Ok(acquired)
    }

    /// Gives back the locks after the first `len`.
    pub(crate) fn unlock_to(&mut self, len: usize) {
        self.end_turns();
        for (tag, mode) in self.locks.split_off(len).into_iter().rev() {
            self.store.locks().release(self.owner, tag, mode);
        }
    }

    /// Locks a row that a scan of this transaction has shown (or [`WriteOutcome::ConcurrentlyUpdated`] has named).
    ///
    /// # Errors
    /// What ends a wait; above READ COMMITTED, changes by others.
    pub fn lock_row(
        &mut self,
        table: TableId,
        row: RowId,
        mode: RowLockMode,
        policy: WaitPolicy,
    ) -> Result<WriteOutcome> {
        let heap = Arc::clone(&self.table(table)?.heap);
        // Nobody else can get at a row that is not committed, but FOR KEY SHARE from the version before it.
        let is_own = |(begin, end, _)| begin > IN_FLIGHT && end == NEVER && Some(xid_of(begin)) == self.xid();
        if heap.stamps(row).is_some_and(is_own) {
            if mode == RowLockMode::Update {
                heap.mark_locked(row);
                if self.lock_row_tag(&heap, row, mode, policy)? == Acquired::No {
                    return Ok(WriteOutcome::WouldBlock);
                }
            }
            heap.note_locker(row, self.own_xid().xid);
            return Ok(WriteOutcome::Done(row));
        }
        // A transaction that locks rows is one that others may have to wait for.
        self.own_xid();
        self.go_on_with(heap.id, row);
        let outcome = self.lock_in_turn(&heap, row, (mode, policy));
        if self.optimistic
            && let Ok(WriteOutcome::Done(row)) = outcome
        {
            self.claims.push(Claim::Row(Arc::clone(&heap), row, mode));
        }
        self.note_outcome(&heap, outcome)
    }

    fn lock_in_turn(
        &mut self,
        heap: &Heap,
        row: RowId,
        (mode, policy): (RowLockMode, WaitPolicy),
    ) -> Result<WriteOutcome> {
        loop {
            match heap.prepare_lock(row, self.xid().unwrap_or(0), mode, self.store.xids()) {
                EndAttempt::Ended => {
                    if self.lock_row_tag(heap, row, mode, policy)? == Acquired::No {
                        return Ok(WriteOutcome::WouldBlock);
                    }
                    // Whoever ended the row meanwhile had the lock before.
                    match heap.prepare_lock(row, self.xid().unwrap_or(0), mode, self.store.xids()) {
                        EndAttempt::Ended => {
                            let newer = self.lock_newer(heap, row, mode, policy)?;
                            return Ok(newer.unwrap_or(WriteOutcome::Done(row)));
                        }
                        EndAttempt::Own
                        | EndAttempt::InFlight(_)
                        | EndAttempt::Replaced(_)
                        | EndAttempt::Deleted
                        | EndAttempt::Locked => {}
                    }
                }
                EndAttempt::Own => return Ok(WriteOutcome::SelfModified),
                EndAttempt::InFlight(_) | EndAttempt::Locked if policy == WaitPolicy::NoWait => {
                    return Ok(WriteOutcome::WouldBlock);
                }
                // Their commits decide.
                EndAttempt::InFlight(other) if self.optimistic && self.store.xids().yields(other) => {
                    return Ok(WriteOutcome::Done(row));
                }
                EndAttempt::InFlight(other) => self.wait_in_turn(heap, row, mode, other)?,
                EndAttempt::Locked => {}
                EndAttempt::Replaced(newer) => return self.replaced(heap, newer, mode, policy),
                EndAttempt::Deleted => return self.locked_too_late(),
            }
        }
    }

    /// Returns the outcome of locking a row that somebody else has deleted meanwhile.
    fn locked_too_late(&self) -> Result<WriteOutcome> {
        match self.isolation {
            IsolationLevel::ReadCommitted => Ok(WriteOutcome::ConcurrentlyDeleted),
            // PostgreSQL does not say "delete" here.
            IsolationLevel::RepeatableRead | IsolationLevel::Serializable => {
                Err(self.conflict(StorageError::ConcurrentUpdate))
            }
        }
    }

    /// Locks the versions that updates which keep the keys have made of a row; an outcome when that fails
    /// (`heap_lock_updated_tuple`).
    fn lock_newer(
        &mut self,
        heap: &Heap,
        row: RowId,
        mode: RowLockMode,
        policy: WaitPolicy,
    ) -> Result<Option<WriteOutcome>> {
        let mut row = row;
        while let Some((_, _, Some(newer))) = heap.stamps(row) {
            match heap.prepare_newer(newer, self.xid().unwrap_or(0), mode, self.store.xids()) {
                EndAttempt::Ended => {
                    if self.lock_row_tag(heap, newer, mode, policy)? == Acquired::No {
                        return Ok(Some(WriteOutcome::WouldBlock));
                    }
                    row = newer;
                }
                EndAttempt::InFlight(_) if policy == WaitPolicy::NoWait => {
                    return Ok(Some(WriteOutcome::WouldBlock));
                }
                EndAttempt::InFlight(other) if self.optimistic && self.store.xids().yields(other) => {
                    return Ok(None);
                }
                EndAttempt::InFlight(other) => self.wait_until_over(other)?,
                EndAttempt::Own | EndAttempt::Locked => return Ok(None),
                EndAttempt::Replaced(newest) => return self.replaced(heap, newest, mode, policy).map(Some),
                EndAttempt::Deleted => return self.locked_too_late().map(Some),
            }
        }
        Ok(None)
    }

    pub(crate) fn lock_row_tag(
        &mut self,
        heap: &Heap,
        row: RowId,
        mode: RowLockMode,
        policy: WaitPolicy,
    ) -> Result<Acquired> {
        self.lock(LockTag::Row(heap.id, row), Mode::Row(mode), policy)
    }
}
