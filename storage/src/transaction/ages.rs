//! Rows that are written anew but keep the time at which they began: snapshots from before see them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{IsolationLevel, Transaction, Undo};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Group;
use crate::mvcc::stamp::{ALWAYS, IN_FLIGHT, NEVER, xid_of};
use crate::mvcc::xids::XidTable;
use crate::table::{RowId, TableId};

/// When the rows of a table began that are copied into another.
#[derive(Debug, Clone)]
pub struct Ages {
    heap: Arc<Heap>,
    xids: Arc<XidTable>,
    /// Whether all rows began before every snapshot.
    old: bool,
    /// Otherwise the begin of each row in the order of copying, [`NEVER`] for what the copying transaction has made itself.
    begins: Vec<u64>,
    /// Whether a snapshot may see rows that are not copied.
    loses: bool,
}

/// Ages given to rows of a heap, which count once the transaction has committed.
#[derive(Debug)]
pub(crate) struct Backdated {
    groups: Vec<Arc<Group>>,
    rows: Vec<(RowId, u64)>,
    loses: bool,
}

impl Transaction {
    /// Returns what is to be told of the rows of a table that the caller has locked against everybody and is about to copy.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn ages(&self, table: TableId) -> Result<Ages> {
        let heap = Arc::clone(&self.table(table)?.heap);
        let horizon = self.store.horizon();
        let groups = heap.list();
        let loses = groups.iter().any(|group| group.may_have_ended_after(horizon));
        let old = groups.iter().all(|group| group.has_begun_by(horizon));
        drop(groups);
        Ok(Ages { heap, xids: Arc::clone(self.store.xids()), old, begins: Vec::new(), loses })
    }

    /// Gives ages to what this transaction has put into a new table: row groups, or rows in memory.
    pub(crate) fn backdate(
        &mut self,
        table: TableId,
        ages: &Ages,
        groups: Vec<Arc<Group>>,
        rows: &[RowId],
    ) -> Result<()> {
        let heap = Arc::clone(&self.table(table)?.heap);
        let begins = || ages.begins.iter().copied().chain(std::iter::repeat(ALWAYS));
        let in_memory = rows.iter().copied().zip(begins());
        let in_groups = groups.iter().flat_map(|group| group.row_ids());
        let in_groups = in_groups.zip(ages.begins.iter().copied()).filter(|(_, begin)| *begin != ALWAYS);
        let rows = in_memory.chain(in_groups).collect();
        self.undo.push(Undo::Backdated(heap, Backdated { groups, rows, loses: ages.loses }));
        Ok(())
    }

    /// Fails when a table has lost rows that the snapshot shows.
    pub(super) fn require_copied(&self, heap: &Heap) -> Result<()> {
        if heap.lost_before.load(Ordering::Acquire) <= self.held.commit()
            || self.isolation == IsolationLevel::ReadCommitted
        {
            return Ok(());
        }
        Err(self.conflict(StorageError::ConcurrentUpdate))
    }
}

impl Ages {
    /// Takes note of rows that are copied.
    pub fn note(&mut self, rows: impl Iterator<Item = RowId>) {
        if self.old {
            return;
        }
        let begin = |row: RowId| match self.heap.stamps(row) {
            Some((begin, ..)) if begin < IN_FLIGHT => begin,
            Some((begin, ..)) => self.xids.commit_of(xid_of(begin)).unwrap_or(NEVER),
            None => ALWAYS,
        };
        self.begins.extend(rows.map(begin));
    }
}

impl Backdated {
    /// Sets the stamps, once a commit is durable and before the table is unlocked.
    pub(super) fn apply(&self, heap: &Arc<Heap>, commit: u64) {
        for &(row, begin) in &self.rows {
            let Some(group) = heap.group(row.group()) else { continue };
            let mut page = group.page_of(row.lane()).0.write();
            if !group.is_hot() {
                page.note_begun();
            }
            page.set_begin(row.place(), if begin == NEVER { commit } else { begin });
        }
        for group in &self.groups {
            group.begin.store(ALWAYS, Ordering::Release);
        }
        if self.loses {
            heap.lost_before.store(commit, Ordering::Release);
        }
    }
}
