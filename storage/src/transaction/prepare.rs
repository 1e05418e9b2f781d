//! The transaction's side of PREPARE TRANSACTION: see [`crate::prepared`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Transaction, Undo};
use crate::durable::record::{JournalRecord, NewerVersion, PreparedRecord};
use crate::error::{Result, StorageError};
use crate::locks::{HeldLocks, LockTag, Mode};
use crate::mvcc::waits::Patient;
use crate::mvcc::xids::XidState;
use crate::prepared::PreparedTransaction;
use crate::serializable::Tracker;
use crate::store::{Commit, Store, check_current};
use crate::table::TableId;
use crate::version::Changes;

/// A transaction without a session, which waits for its end.
#[derive(Debug)]
pub(crate) struct Detached {
    owner: u64,
    xid: Arc<XidState>,
    undo: Vec<Undo>,
    changes: Changes,
    tracker: Option<Arc<Tracker>>,
    locks: HeldLocks,
}

impl Detached {
    /// Returns a transaction that recovery has brought back.
    pub(crate) fn restored(
        owner: u64,
        xid: Arc<XidState>,
        undo: Vec<Undo>,
        changes: Changes,
        held: &[(LockTag, Mode)],
    ) -> Self {
        let mut locks = HeldLocks::default();
        held.iter().for_each(|(tag, mode)| locks.push(*tag, *mode));
        Self { owner, xid, undo, changes, tracker: None, locks }
    }
}

impl Transaction {
    /// Prepares the transaction: when this returns, it survives everything, and waits for [`Store::commit_prepared`] or
    /// [`Store::rollback_prepared`]. At most `count_max` can wait.
    ///
    /// # Errors
    /// Conflicts, and failures of the disk; the transaction is rolled back then.
    pub fn prepare(mut self, mut about: PreparedTransaction, count_max: usize) -> Result<()> {
        self.end_turns();
        if let Some(tracker) = &self.tracker {
            tracker.prepare()?;
        }
        self.require_catalog()?;
        let store = Arc::clone(&self.store);
        store.prepared().reserve(&about.gid, count_max)?;
        let gid = about.gid.clone();
        about.xid = self.assign_xid();
        let journaled = self.journal_prepared(about);
        if let Err(error) = journaled {
            store.prepared().forget(&gid);
            return Err(error);
        }
        self.unlock_publication();
        let detached = self.detach();
        store.prepared().take_over(&gid, detached);
        Ok(())
    }

    fn journal_prepared(&self, about: PreparedTransaction) -> Result<()> {
        let store = &self.store;
        let (heaps, added) = (self.heaps(), self.added_segments());
        let mut locks = store.locks().of_transaction(self.owner);
        locks.retain(|(tag, _)| *tag != LockTag::Publication);
        let gid = about.gid.clone();
        let record = PreparedRecord { about, writes: self.record()?, newer: self.newer_versions(), locks };
        let record = Arc::new(record);
        let payload = JournalRecord::prepare(&record)?;
        let position = {
            let head = store.head.lock();
            for heap in heaps.values() {
                check_current(&head.version, &self.changes, heap)?;
            }
            head.version.with(&self.changes, head.commit + 1)?;
            self.validate()?;
            let position = store.journal.append(&payload)?;
            added.iter().for_each(|segment| segment.set_temporary(false));
            store.loaded.lock().extend(added.iter().map(|segment| segment.name.clone()));
            store.prepared().set_record(&gid, &record);
            position
        };
        store.journal.sync(position)
    }

    /// Returns what the rows that the transaction has ended point to.
    fn newer_versions(&self) -> Vec<(TableId, Vec<NewerVersion>)> {
        let mut tables: BTreeMap<TableId, Vec<NewerVersion>> = BTreeMap::new();
        for undo in &self.undo {
            let Undo::Ended(heap, row) = undo else { continue };
            if !self.is_current(heap) {
                continue;
            }
            let Some(group) = heap.group(row.group()) else { continue };
            let (page, place) = group.page_of(row.lane());
            let page = page.read();
            let (newer, key_kept) = match page.rival(place, self.xid().unwrap_or(0)) {
                Some(rival) => (rival.newer, rival.key_kept),
                None => (page.newer(place), page.is_key_kept(place)),
            };
            let version = NewerVersion { row: row.0, newer: newer.map(|newer| newer.0), key_kept };
            tables.entry(heap.table).or_default().push(version);
        }
        tables.into_iter().collect()
    }

    /// Separates the transaction from its session.
    fn detach(mut self) -> Detached {
        let owner = self.store.new_owner();
        self.store.locks().transfer(self.owner, owner);
        let xid = Arc::clone(self.own_xid());
        xid.set_owner(owner);
        self.take_apart(owner, xid)
    }

    /// Leaves nothing to be undone.
    fn take_apart(&mut self, owner: u64, xid: Arc<XidState>) -> Detached {
        self.xid = None;
        Detached {
            owner,
            xid,
            undo: std::mem::take(&mut self.undo),
            changes: std::mem::take(&mut self.changes),
            tracker: self.tracker.take(),
            locks: std::mem::take(&mut self.locks),
        }
    }

    /// Takes up a transaction to end it.
    pub(crate) fn attach(store: &Arc<Store>, detached: Detached) -> Self {
        let mut transaction = Self::new(Arc::clone(store), Arc::new(Patient), detached.owner);
        transaction.xid = Some(detached.xid);
        transaction.undo = detached.undo;
        transaction.changes = detached.changes;
        transaction.tracker = detached.tracker;
        transaction.locks = detached.locks;
        transaction
    }

    /// Commits a transaction that was prepared, with this catalog if one is given; gives it back when that fails.
    pub(crate) fn commit_prepared(
        mut self,
        record: &PreparedRecord,
        catalog: Option<Vec<u8>>,
    ) -> Result<(), (StorageError, Detached)> {
        let store = Arc::clone(&self.store);
        let heaps = self.heaps();
        let payload = JournalRecord::commit_prepared(record.about.xid, catalog.as_deref());
        let mut changes = self.changes.clone();
        if let Some(image) = catalog {
            changes.catalog = Some((Arc::new(image), self.version.catalog_commit));
        }
        let commit = Commit {
            payload,
            changes: &changes,
            added: &[],
            xid: self.xid.as_ref(),
            asynchronous: false,
            validate: &|| Ok(()),
            prepared: Some(&record.about.gid),
        };
        match store.commit(commit, heaps.values()) {
            Ok(commit) => {
                self.conclude(commit);
                Ok(())
            }
            Err(error) => {
                let (owner, xid) = (self.owner, Arc::clone(self.own_xid()));
                Err((error, self.take_apart(owner, xid)))
            }
        }
    }
}
