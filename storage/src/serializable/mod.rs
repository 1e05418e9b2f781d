//! Serializable snapshot isolation, after Cahill and as PostgreSQL has it (Ports and Grittner 2012).
//!
//! A transaction at SERIALIZABLE reads its snapshot like one at REPEATABLE READ. Beside that, what it reads is remembered
//! ([`targets`]: rows, keys and ranges of indexes, whole tables), and so is who has read what somebody writes: a
//! *rw-dependency* from the reader to the writer, which must come before the writer in any serial order. A cycle of
//! dependencies always has two such edges one after the other, T0 → T1 → T2, where T2 commits first; [`graph`] keeps the
//! edges and rolls a transaction back where such a structure could be part of a cycle. What was read matters until
//! everybody who was there at the commit is gone.
//!
//! Either side sees the other: a reader notes what it reads before it looks at stamps, a writer stamps before it looks for
//! readers. Transactions of the lower levels have no [`Tracker`] and pay nothing. A READ ONLY transaction that nobody can
//! endanger any more is *safe* and tracks nothing. Memory is bounded: many rows or ranges of a table become the whole
//! table, and the oldest of many finished transactions are summarized.

mod graph;
mod targets;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::{Result, StorageError};
use crate::index::IndexId;
use crate::index::key::{Key, KeyRange};
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, xid_of};
use crate::table::{RowId, TableId};
use graph::Graph;
use targets::Targets;

/// All transactions at SERIALIZABLE.
#[derive(Debug, Default)]
pub(crate) struct Serializable {
    state: Mutex<State>,
    /// Tells of read-only transactions that have become safe or unsafe.
    decided: Condvar,
}

#[derive(Debug, Default)]
struct State {
    graph: Graph,
    targets: Targets,
}

/// The part of one transaction.
#[derive(Debug)]
pub(crate) struct Tracker {
    all: Arc<Serializable>,
    id: u64,
    /// Whether it is over.
    done: AtomicBool,
}

/// What a read-only transaction that waits for a safe snapshot knows.
pub(crate) enum Safety {
    Safe,
    Unsafe,
    /// It depends on these processes.
    Open(Vec<i32>),
}

impl Serializable {
    /// Begins a transaction with the snapshot that `snapshot` takes. No tracker: the snapshot is safe.
    pub(crate) fn begin<T>(
        self: &Arc<Self>,
        process_id: i32,
        read_only: bool,
        snapshot: impl FnOnce() -> T,
    ) -> (Option<Tracker>, T) {
        let mut state = self.state.lock();
        let snapshot = snapshot();
        if read_only && state.graph.no_writers() {
            return (None, snapshot);
        }
        let id = state.graph.begin(process_id, read_only, None);
        (Some(Tracker { all: Arc::clone(self), id, done: AtomicBool::new(false) }), snapshot)
    }

    /// Begins a transaction with the snapshot of another one; `None` when that is over.
    pub(crate) fn begin_with(
        self: &Arc<Self>,
        source: &Tracker,
        process_id: i32,
        read_only: bool,
    ) -> Option<Tracker> {
        let mut state = self.state.lock();
        let snapshot = state.graph.snapshot_of(source.id)?;
        let id = state.graph.begin(process_id, read_only, Some(snapshot));
        Some(Tracker { all: Arc::clone(self), id, done: AtomicBool::new(false) })
    }

    /// Returns whether no transaction is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.lock().graph.is_idle()
    }

    /// Returns what is read and by which process, for `pg_locks`.
    pub(crate) fn list(&self) -> Vec<(TableId, Option<RowId>, i32)> {
        let state = self.state.lock();
        let process = |id: u64| state.graph.process_id(id);
        state.targets.list().into_iter().map(|(table, row, id)| (table, row, process(id))).collect()
    }
}

impl Tracker {
    /// Notes the transaction's number, which it gets with its first write.
    pub(crate) fn set_xid(&self, xid: u64) {
        self.all.state.lock().graph.set_xid(self.id, xid);
    }

    /// Notes that a whole table is read. What is there when this returns is to be told to [`Self::meet`].
    ///
    /// # Errors
    /// When the transaction has to give way.
    pub(crate) fn read_table(&self, table: TableId) -> Result<()> {
        self.read(|targets, id| targets.add_table(id, table))
    }

    /// Notes that a range of an index is read; `point`: it is one whole key.
    ///
    /// # Errors
    /// As [`Self::read_table`].
    pub(crate) fn read_range(
        &self,
        table: TableId,
        index: IndexId,
        range: &KeyRange,
        point: bool,
    ) -> Result<()> {
        self.read(|targets, id| targets.add_range(id, table, index, range, point))
    }

    /// Notes that a row is read.
    ///
    /// # Errors
    /// As [`Self::read_table`].
    pub(crate) fn read_row(&self, table: TableId, heap: u64, row: RowId) -> Result<()> {
        self.read(|targets, id| targets.add_row(id, table, heap, row))
    }

    fn read(&self, add: impl FnOnce(&mut Targets, u64)) -> Result<()> {
        let mut state = self.all.state.lock();
        if state.graph.is_safe(self.id) {
            return Ok(());
        }
        state.graph.refuse_doomed(self.id, "during conflict out checking")?;
        add(&mut state.targets, self.id);
        Ok(())
    }

    /// Notes that what these stamps stand for is not in the snapshot, though it concerns what is read.
    ///
    /// # Errors
    /// As [`Self::read_table`].
    pub(crate) fn meet(&self, stamps: impl IntoIterator<Item = u64>) -> Result<()> {
        let mut state = self.all.state.lock();
        if state.graph.is_safe(self.id) {
            return Ok(());
        }
        for stamp in stamps {
            if stamp == NEVER {
                continue;
            }
            if stamp > IN_FLIGHT {
                state.graph.meet_xid(self.id, xid_of(stamp))?;
            } else {
                state.graph.meet_commit(self.id, stamp)?;
            }
        }
        Ok(())
    }

    /// Looks for those who have read a row that is ended now.
    ///
    /// # Errors
    /// When the transaction has to give way.
    pub(crate) fn write_row(&self, table: TableId, heap: u64, row: RowId) -> Result<()> {
        self.write(|targets| targets.readers_of_row(table, heap, row))
    }

    /// Looks for those who have read where a row is inserted: its keys.
    ///
    /// # Errors
    /// As [`Self::write_row`].
    pub(crate) fn write_keys(&self, table: TableId, keys: &[(IndexId, Key)]) -> Result<()> {
        self.write(|targets| targets.readers_of_keys(table, keys))
    }

    /// Looks for those who have read anything of a table that changes as a whole.
    ///
    /// # Errors
    /// As [`Self::write_row`].
    pub(crate) fn write_table(&self, table: TableId) -> Result<()> {
        self.write(|targets| targets.readers_of_table(table))
    }

    fn write(&self, readers: impl FnOnce(&Targets) -> Vec<u64>) -> Result<()> {
        let mut state = self.all.state.lock();
        state.graph.refuse_doomed(self.id, "during conflict in checking")?;
        for reader in readers(&state.targets) {
            state.graph.met_by(reader, self.id)?;
        }
        Ok(())
    }

    /// Decides whether the transaction may commit. From here on nobody else can make it give way.
    ///
    /// # Errors
    /// When it has to.
    pub(crate) fn prepare(&self) -> Result<()> {
        let mut state = self.all.state.lock();
        if state.graph.is_safe(self.id) { Ok(()) } else { state.graph.prepare(self.id) }
    }

    /// Notes the number of the commit, before rows are stamped with it.
    pub(crate) fn set_commit(&self, commit: u64) {
        self.all.state.lock().graph.set_commit(self.id, commit);
    }

    /// Ends the transaction, once; `wrote`: with a commit that changed something.
    pub(crate) fn finish(&self, committed: bool, wrote: bool) {
        if self.done.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut state = self.all.state.lock();
        let State { graph, targets } = &mut *state;
        graph.finish(self.id, committed, wrote, targets);
        drop(state);
        self.all.decided.notify_all();
    }

    /// Returns whether the snapshot of a read-only transaction is safe.
    pub(crate) fn safety(&self) -> Safety {
        self.all.state.lock().graph.safety(self.id)
    }

    /// Waits until that may have changed, but not for long.
    pub(crate) fn wait(&self, at_most: Duration) {
        let mut state = self.all.state.lock();
        if matches!(state.graph.safety(self.id), Safety::Open(_)) {
            self.all.decided.wait_for(&mut state, at_most);
        }
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        self.finish(false, false);
    }
}

/// Returns the error of a transaction that has to give way.
fn refused(reason: impl Into<String>) -> StorageError {
    StorageError::Unserializable { reason: reason.into() }
}
