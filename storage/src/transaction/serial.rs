//! The transaction's side of SERIALIZABLE: see [`crate::serializable`].

use std::sync::Arc;

use super::{IsolationLevel, Transaction};
use crate::error::Result;
use crate::heap::Heap;
use crate::index::IndexId;
use crate::index::key::{Key, key_of_row};
use crate::mvcc::snapshot::Held;
use crate::mvcc::waits::{SAFE_SNAPSHOT, Step};
use crate::serializable::{Safety, Tracker};
use crate::table::{RowId, TableId};

/// A snapshot that other transactions may take. As long as it lives, nothing that it shows is removed.
#[derive(Debug, Clone)]
pub struct ExportedSnapshot {
    held: Arc<Held>,
    tracker: Option<Arc<Tracker>>,
}

impl Transaction {
    /// Takes the snapshot of a transaction at SERIALIZABLE, which then stays, and begins to remember what it reads. Does
    /// nothing at other levels and the second time. A `deferrable` READ ONLY transaction waits for a snapshot that is safe.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn begin_serializable(&mut self, read_only: bool, deferrable: bool) -> Result<()> {
        if self.isolation != IsolationLevel::Serializable || self.serializable {
            return Ok(());
        }
        loop {
            let process_id = self.waiter.process_id();
            let store = Arc::clone(&self.store);
            let (tracker, ()) = store.serializable().begin(process_id, read_only, || {
                store.renew(&mut self.held, &mut self.version, &mut self.generation);
            });
            self.tracker = tracker.map(Arc::new);
            if !(read_only && deferrable) || self.await_safety()? {
                break;
            }
        }
        if let (Some(tracker), Some(xid)) = (&self.tracker, self.xid()) {
            tracker.set_xid(xid);
        }
        self.serializable = true;
        Ok(())
    }

    /// Waits until the snapshot is known to be safe (true) or not to be.
    fn await_safety(&mut self) -> Result<bool> {
        let Some(tracker) = self.tracker.clone() else { return Ok(true) };
        let safe = self.store.waits().wait(
            self.owner,
            self.waiter.as_ref(),
            || SAFE_SNAPSHOT.to_owned(),
            || {
                Ok(match tracker.safety() {
                    Safety::Safe => Step::Done(true),
                    Safety::Unsafe => Step::Done(false),
                    Safety::Open(processes) => Step::Blocked(
                        processes.into_iter().map(|id| u64::try_from(id).unwrap_or(0)).collect(),
                    ),
                })
            },
            |nap| tracker.wait(nap),
        );
        tracker.finish(false, false);
        self.tracker = None;
        safe
    }

    /// Returns the snapshot, for other transactions to take.
    pub fn export_snapshot(&self) -> ExportedSnapshot {
        ExportedSnapshot { held: Arc::clone(&self.held), tracker: self.tracker.clone() }
    }

    /// Takes the snapshot of another transaction and keeps it. Returns whether that one is still there, which matters at
    /// SERIALIZABLE.
    pub fn import_snapshot(&mut self, snapshot: &ExportedSnapshot, read_only: bool) -> bool {
        if self.isolation == IsolationLevel::Serializable
            && let Some(source) = &snapshot.tracker
        {
            let process_id = self.waiter.process_id();
            let tracker = self.store.serializable().begin_with(source, process_id, read_only);
            if tracker.is_none() {
                return false;
            }
            self.tracker = tracker.map(Arc::new);
        }
        self.serializable = true;
        self.held = Arc::clone(&snapshot.held);
        true
    }

    /// Looks at the newest committed rows, whatever the isolation level, as what changes a table has to: what its snapshot
    /// does not show would be lost. Returns what [`Self::look_back`] takes.
    pub fn look_at_newest(&mut self) -> ExportedSnapshot {
        let held = std::mem::replace(&mut self.held, self.store.newest());
        ExportedSnapshot { held, tracker: self.tracker.take() }
    }

    /// Goes back to the snapshot before [`Self::look_at_newest`].
    pub fn look_back(&mut self, snapshot: ExportedSnapshot) {
        (self.held, self.tracker) = (snapshot.held, snapshot.tracker);
    }

    /// Returns whether the transaction's end matters to others at SERIALIZABLE.
    pub fn is_tracked(&self) -> bool {
        self.tracker.is_some()
    }

    /// Looks for readers of the keys of a row that is inserted.
    pub(super) fn track_insert(&self, heap: &Heap, row: &[u8]) -> Result<()> {
        let Some(tracker) = &self.tracker else { return Ok(()) };
        let indexes = heap.indexes();
        let keys = indexes
            .iter()
            .map(|index| Ok((index.definition.id, key_of_row(&index.definition, &heap.layout, row)?.0)));
        let keys: Vec<(IndexId, Key)> = keys.collect::<Result<_>>()?;
        tracker.write_keys(heap.table, &keys)
    }

    /// Looks for readers of a row that is ended.
    pub(super) fn track_end(&self, heap: &Heap, row: RowId) -> Result<()> {
        match &self.tracker {
            Some(tracker) => tracker.write_row(heap.table, heap.id, row),
            None => Ok(()),
        }
    }

    /// Looks for readers of anything in a table that changes as a whole.
    pub(super) fn track_table(&self, table: TableId) -> Result<()> {
        match &self.tracker {
            Some(tracker) => tracker.write_table(table),
            None => Ok(()),
        }
    }
}
