//! Transactions that are prepared (PREPARE TRANSACTION): they wait, without a session, for COMMIT PREPARED or ROLLBACK
//! PREPARED, which may come from anybody and after a restart.
//!
//! PREPARE journals what the commit will do, and the locks; from then on nothing but the end can happen to the
//! transaction. Its rows stay under their stamps in flight, its locks belong to an owner of their own. COMMIT PREPARED
//! journals a commit that refers to that record, ROLLBACK PREPARED that there will be none. A checkpoint copies the record
//! into its manifest. Recovery brings back what has not ended (`durable/restored.rs`); what it had read at SERIALIZABLE is
//! forgotten then.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::durable::record::{JournalRecord, PreparedRecord};
use crate::durable::restored::RestoredTransaction;
use crate::error::{Result, StorageError};
use crate::locks::{LockTag, Mode, TableLockMode};
use crate::store::Store;
use crate::table::TableId;
use crate::transaction::{Detached, Transaction};

/// What is said about a prepared transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedTransaction {
    /// The name that the user gave it.
    pub gid: String,
    /// Its number; [`Transaction::prepare`] sets it.
    pub xid: u64,
    /// The role that prepared it.
    pub owner: u32,
    /// Its database.
    pub database: u32,
    /// When it was prepared, in microseconds from 2000-01-01 UTC.
    pub prepared_at: i64,
}

/// All prepared transactions, by name.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    list: Mutex<BTreeMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    /// None as long as the transaction is not journaled.
    record: Option<Arc<PreparedRecord>>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Somebody prepares or ends it.
    Busy,
    Waiting(Box<Detached>),
    /// It cannot be committed.
    Damaged(Box<Detached>, StorageError),
}

impl Prepared {
    /// Keeps a name from being used twice.
    pub(crate) fn reserve(&self, gid: &str, count_max: usize) -> Result<()> {
        let mut list = self.list.lock();
        if list.contains_key(gid) {
            return Err(StorageError::PreparedExists { gid: gid.to_owned() });
        }
        if list.len() >= count_max {
            return Err(StorageError::TooManyPrepared { count_max });
        }
        list.insert(gid.to_owned(), Entry { record: None, state: State::Busy });
        Ok(())
    }

    /// Notes what is journaled of a transaction. The caller has the commit lock.
    pub(crate) fn set_record(&self, gid: &str, record: &Arc<PreparedRecord>) {
        if let Some(entry) = self.list.lock().get_mut(gid) {
            entry.record = Some(Arc::clone(record));
        }
    }

    /// Takes a transaction from its session.
    pub(crate) fn take_over(&self, gid: &str, transaction: Detached) {
        if let Some(entry) = self.list.lock().get_mut(gid) {
            entry.state = State::Waiting(Box::new(transaction));
        }
    }

    /// Forgets a transaction that ends. The caller has the commit lock.
    pub(crate) fn forget(&self, gid: &str) {
        self.list.lock().remove(gid);
    }

    /// Returns what the next manifest is to know. The caller has the commit lock.
    pub(crate) fn records(&self) -> Vec<Arc<PreparedRecord>> {
        self.list.lock().values().filter_map(|entry| entry.record.clone()).collect()
    }

    /// Returns whether a prepared transaction has a table to itself.
    pub(crate) fn has_locked(&self, table: TableId) -> bool {
        let lock = (LockTag::Table(table), Mode::Table(TableLockMode::AccessExclusive));
        self.records().iter().any(|record| record.locks.contains(&lock))
    }

    /// Takes out a transaction that is to end.
    fn claim(&self, gid: &str, committing: bool) -> Result<(Arc<PreparedRecord>, State)> {
        let mut list = self.list.lock();
        let unknown = || StorageError::NoSuchPrepared { gid: gid.to_owned() };
        let entry = list.get_mut(gid).ok_or_else(unknown)?;
        let record = entry.record.clone().ok_or_else(unknown)?;
        match &entry.state {
            State::Busy => Err(StorageError::PreparedBusy { gid: gid.to_owned() }),
            State::Damaged(_, error) if committing => Err(error.clone()),
            State::Waiting(_) | State::Damaged(..) => {
                Ok((record, std::mem::replace(&mut entry.state, State::Busy)))
            }
        }
    }
}

impl Store {
    /// Returns the prepared transactions, by name.
    pub fn prepared_transactions(&self) -> Vec<PreparedTransaction> {
        self.prepared().records().iter().map(|record| record.about.clone()).collect()
    }

    /// Commits a prepared transaction: when this returns, its writes are durable and visible.
    ///
    /// # Errors
    /// When there is none of that name, and failures of the disk; it stays prepared then.
    pub fn commit_prepared(self: &Arc<Self>, gid: &str) -> Result<()> {
        self.end_prepared(gid, None)
    }

    /// As [`Self::commit_prepared`], with a catalog that what the transaction has made of it has been brought into. The
    /// caller has the right to commit a catalog ([`Transaction::lock_publication`]).
    ///
    /// # Errors
    /// As there.
    pub fn commit_prepared_with(self: &Arc<Self>, gid: &str, catalog: Vec<u8>) -> Result<()> {
        self.end_prepared(gid, Some(catalog))
    }

    /// Returns what a prepared transaction has made of the catalog, as it was given by [`Transaction::set_catalog_image`].
    pub fn prepared_catalog(&self, gid: &str) -> Option<Vec<u8>> {
        let records = self.prepared().records();
        let record = records.iter().find(|record| record.about.gid == gid)?;
        record.writes.catalog.as_ref().map(|image| image.0.to_vec())
    }

    fn end_prepared(self: &Arc<Self>, gid: &str, catalog: Option<Vec<u8>>) -> Result<()> {
        let (record, state) = self.prepared().claim(gid, true)?;
        let (State::Waiting(detached) | State::Damaged(detached, _)) = state else { return Ok(()) };
        let transaction = Transaction::attach(self, *detached);
        transaction.commit_prepared(&record, catalog).map_err(|failed| self.put_back(&record, failed))
    }

    /// Rolls a prepared transaction back.
    ///
    /// # Errors
    /// As [`Self::commit_prepared`].
    pub fn rollback_prepared(self: &Arc<Self>, gid: &str) -> Result<()> {
        let (record, state) = self.prepared().claim(gid, false)?;
        let (State::Waiting(detached) | State::Damaged(detached, _)) = state else { return Ok(()) };
        let payload = JournalRecord::rollback_prepared(record.about.xid)?;
        let journaled = {
            let head = self.head.lock();
            let position = self.journal.append(&payload);
            if position.is_ok() {
                self.prepared().forget(gid);
            }
            drop(head);
            position.and_then(|position| self.journal.sync(position))
        };
        match journaled {
            Ok(()) => {
                Transaction::attach(self, *detached).rollback();
                Ok(())
            }
            Err(error) => Err(self.put_back(&record, (error, *detached))),
        }
    }

    /// Keeps a transaction that could not end as it was.
    fn put_back(
        &self,
        record: &Arc<PreparedRecord>,
        (error, detached): (StorageError, Detached),
    ) -> StorageError {
        let entry = Entry { record: Some(Arc::clone(record)), state: State::Waiting(Box::new(detached)) };
        self.prepared().list.lock().insert(record.about.gid.clone(), entry);
        error
    }

    /// Takes up the transactions that were prepared before the store was opened.
    pub(crate) fn restore_prepared(self: &Arc<Self>, restored: Vec<RestoredTransaction>) {
        for RestoredTransaction { record, undo, changes, damage, .. } in restored {
            let owner = self.new_owner();
            let version = self.published_version();
            for (tag, mode) in &record.locks {
                self.locks().restore(owner, *tag, *mode);
                if let LockTag::Row(heap, row) = tag
                    && let Some(table) = version.tables.values().find(|table| table.heap.id == *heap)
                {
                    table.heap.mark_locked(*row);
                }
            }
            let xid = self.xids().restore(record.about.xid, owner);
            let detached = Box::new(Detached::restored(owner, xid, undo, changes, &record.locks));
            let state = match damage {
                None => State::Waiting(detached),
                Some(damage) => State::Damaged(detached, damage),
            };
            let entry = Entry { record: Some(Arc::clone(&record)), state };
            self.prepared().list.lock().insert(record.about.gid.clone(), entry);
        }
    }
}
