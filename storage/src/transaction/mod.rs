//! Transactions.
//!
//! A transaction writes rows into the shared heaps under its own stamps, which nobody else takes for the past, and
//! remembers what it did. Rolling back undoes that; committing journals it, makes it the past at one moment (the
//! transaction's entry among those in flight gets the commit's number), and then exchanges the stamps at leisure.

mod ages;
mod commit;
mod lock;
mod optimistic;
mod prepare;
mod read;
mod references;
mod replace;
mod serial;
mod structure;
mod turn;
mod write;

use std::sync::Arc;

pub use ages::Ages;
use optimistic::Claim;
pub(crate) use prepare::Detached;
pub use serial::ExportedSnapshot;
pub use write::{InsertOutcome, IsolationLevel, WaitPolicy, WriteOutcome};
pub(crate) use write::{NewKeys, duplicate};

use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Group;
use crate::index::IndexId;
use crate::index::tree::Index;
use crate::locks::HeldLocks;
use crate::mvcc::snapshot::{Held, Snapshot, View};
use crate::mvcc::stamp::COMMANDS_MAX;
use crate::mvcc::waits::Waiter;
use crate::mvcc::xids::XidState;
use crate::serializable::Tracker;
use crate::store::Store;
use crate::table::{RowId, TableId};
use crate::version::{Changes, StoreVersion, TableVersion};

/// Number of a commit; they ascend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitNumber(pub u64);

/// A transaction. Dropping it rolls it back.
#[derive(Debug)]
pub struct Transaction {
    store: Arc<Store>,
    waiter: Arc<dyn Waiter>,
    /// Identifies the session among those that wait for each other.
    owner: u64,
    isolation: IsolationLevel,
    /// The tables and the catalog, without own changes.
    version: Arc<StoreVersion>,
    /// See [`Store::renew`].
    generation: u64,
    held: Arc<Held>,
    /// Present once something is written.
    xid: Option<Arc<XidState>>,
    command: u32,
    /// Whether the current command has written.
    command_wrote: bool,
    undo: Vec<Undo>,
    changes: Changes,
    /// Whether COMMIT may return before the commit is durable.
    asynchronous: bool,
    /// What is read and written at SERIALIZABLE; none at the other levels, and with a snapshot that is safe.
    tracker: Option<Arc<Tracker>>,
    /// Whether that has been decided.
    serializable: bool,
    /// Whether conflicts are errors where others wait.
    optimistic: bool,
    /// Whether what it has written is to be held against what others have, at its commit.
    validates: bool,
    /// Where the locks of those who commit begin to count for one that does not wait.
    began: u64,
    /// What one that does not wait has locked, whoever else had.
    claims: Vec<Claim>,
    /// Locks held until the end, in the order in which they were taken.
    locks: HeldLocks,
    /// The turn at a row that somebody else has replaced.
    turn: Option<turn::Turn>,
}

/// A point to which a transaction can return.
#[derive(Debug, Clone)]
pub struct Savepoint {
    undo_len: usize,
    locks_len: usize,
    claims_len: usize,
    changes: Changes,
}

/// Something that a transaction did to a heap.
#[derive(Debug)]
pub(crate) enum Undo {
    Inserted(Arc<Heap>, RowId),
    Ended(Arc<Heap>, RowId),
    AddedGroup(Arc<Heap>, Arc<Group>),
    AddedIndex(Arc<Heap>, IndexId),
    /// An index that is not there for anybody, as long as the table is locked.
    DroppedIndex(Arc<Heap>, Arc<Index>),
    /// Rows that were made anew and are as old as those in the place of which they are.
    Backdated(Arc<Heap>, ages::Backdated),
}

impl Transaction {
    pub(crate) fn new(store: Arc<Store>, waiter: Arc<dyn Waiter>, owner: u64) -> Self {
        let mut held = store.newest();
        let (mut version, mut generation) = (Arc::default(), u64::MAX);
        store.renew(&mut held, &mut version, &mut generation);
        Self {
            store,
            waiter,
            owner,
            isolation: IsolationLevel::ReadCommitted,
            version,
            generation,
            held,
            xid: None,
            command: 0,
            command_wrote: false,
            undo: Vec::new(),
            changes: Changes::default(),
            asynchronous: false,
            tracker: None,
            serializable: false,
            optimistic: false,
            validates: false,
            began: 0,
            claims: Vec::new(),
            locks: HeldLocks::default(),
            turn: None,
        }
    }

    /// Begins another transaction of the same session in the place of this one, which is rolled back if it is not over.
    pub fn restart(&mut self) {
        self.abort();
        self.isolation = IsolationLevel::ReadCommitted;
        (self.command, self.command_wrote) = (0, false);
        (self.asynchronous, self.serializable) = (false, false);
        (self.optimistic, self.validates) = (false, false);
        self.store.renew(&mut self.held, &mut self.version, &mut self.generation);
    }

    /// Moves the snapshot to the newest commit, and begins a new command.
    pub fn refresh_snapshot(&mut self) {
        self.store.renew(&mut self.held, &mut self.version, &mut self.generation);
        self.advance_command();
    }

    /// Looks at the newest tables and catalog, but at rows as before; begins a new command.
    pub fn refresh_tables(&mut self) {
        self.store.renew_version(&mut self.version, &mut self.generation);
        self.advance_command();
    }

    /// Begins a new command, which sees what this transaction has written so far.
    pub fn advance_command(&mut self) {
        self.end_turns();
        if self.command_wrote {
            self.command = (self.command + 1).min(COMMANDS_MAX);
            self.command_wrote = false;
        }
    }

    /// Sets how changes of others are treated.
    pub fn set_isolation(&mut self, level: IsolationLevel) {
        self.isolation = level;
    }

    /// Makes conflicts with other transactions errors instead of waits (`surus.concurrency_control`).
    pub fn set_optimistic(&mut self, optimistic: bool) {
        self.optimistic = optimistic;
        if optimistic && !self.validates {
            self.validates = true;
            self.began = self.store.committed_locks().begin();
        }
    }

    /// Fails a transaction that does not wait if the catalog has changed since its snapshot.
    ///
    /// # Errors
    /// `OptimisticCatalog`.
    pub fn require_catalog(&self) -> Result<()> {
        if self.optimistic && self.store.published_version().catalog_commit > self.held.commit() {
            return Err(StorageError::OptimisticCatalog);
        }
        Ok(())
    }

    /// Lets COMMIT return before the commit is durable (`synchronous_commit = off`).
    pub fn set_asynchronous(&mut self, asynchronous: bool) {
        self.asynchronous = asynchronous;
    }

    /// Returns the commit that the snapshot shows.
    pub fn snapshot_commit(&self) -> CommitNumber {
        CommitNumber(self.held.commit())
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Returns whether this transaction has written anything.
    pub fn has_writes(&self) -> bool {
        !self.undo.is_empty() || !self.changes.is_empty()
    }

    /// Returns the transaction's number, which it gets with its first write.
    pub fn xid(&self) -> Option<u64> {
        self.xid.as_ref().map(|state| state.xid)
    }

    /// Returns the transaction's number, giving it one.
    pub fn assign_xid(&mut self) -> u64 {
        self.own_xid().xid
    }

    pub(crate) fn own_xid(&mut self) -> &Arc<XidState> {
        let tracker = self.tracker.as_deref();
        self.xid.get_or_insert_with(|| {
            let state = self.store.xids().begin(self.owner);
            state.set_yields(self.optimistic);
            if let Some(tracker) = tracker {
                tracker.set_xid(state.xid);
            }
            state
        })
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            commit: self.held.commit(),
            xid: self.xid().unwrap_or(0),
            command: self.command,
            xids: Arc::clone(self.store.xids()),
            _held: Arc::clone(&self.held),
            tracker: self.tracker.clone(),
        }
    }

    /// Returns what the snapshot sees, borrowed.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            commit: self.held.commit(),
            xid: self.xid().unwrap_or(0),
            command: self.command,
            xids: self.store.xids(),
        }
    }

    /// Returns a snapshot of everything committed and all own writes, for checks of constraints.
    fn newest_snapshot(&self) -> Snapshot {
        let held = self.store.newest();
        Snapshot {
            commit: held.commit(),
            command: COMMANDS_MAX + 1,
            _held: held,
            tracker: None,
            ..self.snapshot()
        }
    }

    /// Returns a table as this transaction sees it, to read or write its rows.
    pub(crate) fn table(&self, table: TableId) -> Result<&Arc<TableVersion>> {
        let found = self.any_table(table)?;
        found.heap.check()?;
        self.require_copied(&found.heap)?;
        Ok(found)
    }

    /// Returns a table as this transaction sees it, even if its rows cannot be read.
    pub(crate) fn any_table(&self, table: TableId) -> Result<&Arc<TableVersion>> {
        let found = match self.changes.tables.get(&table) {
            Some(change) => change.after.as_ref(),
            None => self.version.tables.get(&table),
        };
        found.ok_or(StorageError::NoSuchTable(table))
    }

    /// Returns a point to which this transaction can return.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            undo_len: self.undo.len(),
            locks_len: self.locks.len(),
            claims_len: self.claims.len(),
            changes: self.changes.clone(),
        }
    }

    /// Undoes everything written since `savepoint`, which stays usable.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) {
        self.undo_to(savepoint.undo_len);
        self.claims.truncate(savepoint.claims_len);
        self.changes = savepoint.changes.clone();
        self.unlock_to(savepoint.locks_len);
        if let Some(xid) = &self.xid {
            xid.release();
        }
    }

    /// Undoes everything written.
    pub fn rollback(mut self) {
        self.abort();
    }

    /// Undoes everything written and gives all locks back: the transaction has failed and waits for its end.
    pub fn give_up(&mut self) {
        self.abort();
    }

    /// Lets go of the snapshot of a transaction that is over, until [`Self::restart`].
    pub fn rest(&mut self) {
        Held::release(&mut self.held);
    }

    /// Lets go of the snapshot, until the next statement takes another.
    pub fn release_snapshot(&mut self) {
        self.end_turns();
        if self.isolation == IsolationLevel::ReadCommitted {
            Held::release(&mut self.held);
        }
    }

    fn undo_to(&mut self, len: usize) {
        let own = self.xid().unwrap_or(0);
        for undo in self.undo.drain(len..).rev() {
            match undo {
                // An entry that cannot be removed is one that nobody sees.
                Undo::Inserted(heap, row) => drop(heap.erase(row)),
                Undo::Ended(heap, row) => heap.unend(row, own),
                Undo::AddedGroup(heap, group) => heap.remove_group(group.id),
                Undo::AddedIndex(heap, index) => drop(heap.remove_index(index)),
                Undo::DroppedIndex(heap, index) => heap.restore_index(index),
                Undo::Backdated(..) => {}
            }
        }
    }

    /// Ends a transaction whose writes are in no log of its own.
    pub(crate) fn end_compaction(mut self, committed: bool) {
        if committed && let Some(xid) = self.xid.take() {
            self.store.xids().forget(xid.xid);
            xid.release();
        }
    }

    fn abort(&mut self) {
        self.undo_to(0);
        self.claims.clear();
        self.changes = Changes::default();
        if let Some(tracker) = self.tracker.take() {
            tracker.finish(false, false);
        }
        if let Some(xid) = self.xid.take() {
            xid.set_aborted();
            self.store.xids().forget(xid.xid);
            xid.release();
        }
        self.unlock_all();
    }

    fn unlock_all(&mut self) {
        self.unlock_to(0);
        self.store.locks().release_inherited(self.owner);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.abort();
    }
}
