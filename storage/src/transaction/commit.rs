//! The end of a transaction that goes well.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CommitNumber, Transaction, Undo};
use crate::durable::record::{CommitRecord, GroupRecord, RowBytes, ShapeRecord, TableRecord};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Form;
use crate::mvcc::snapshot::Held;
use crate::mvcc::stamp::{IN_FLIGHT, NEVER, xid_of};
use crate::segment::Segment;
use crate::store::Commit;
use crate::table::{RowId, TableId};
use crate::version::Changes;

/// A tuning constant: rows that a commit removes for others at least, for each row that it ended itself.
const VACUUM_FACTOR: usize = 4;
/// A tuning constant: up to so many entries of the log, its memory is kept for the next transaction.
const UNDO_KEPT: usize = 256;

impl Transaction {
    /// Commits: when this returns, the writes are durable and visible.
    ///
    /// # Errors
    /// Conflicts, and failures of the disk; the transaction is rolled back then.
    pub fn commit(mut self) -> Result<CommitNumber> {
        self.commit_in_place()
    }

    /// As [`Self::commit`]; afterwards, and after an error, too, the transaction has nothing and waits for
    /// [`Self::restart`].
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_in_place(&mut self) -> Result<CommitNumber> {
        let committed = self.try_commit();
        // Nothing is left to undo of one that has committed.
        self.abort();
        Held::release(&mut self.held);
        committed
    }

    fn try_commit(&mut self) -> Result<CommitNumber> {
        if let Some(tracker) = &self.tracker {
            tracker.prepare()?;
        }
        if !self.has_writes() {
            if let Some(tracker) = self.tracker.take() {
                tracker.finish(true, false);
            }
            // What only locked rows ends like a rollback.
            return Ok(self.snapshot_commit());
        }
        self.require_catalog()?;
        let heaps = self.heaps();
        let mut payload = vec![0; CommitRecord::NUMBER_BYTES];
        self.record()?.write(&mut payload)?;
        let store = Arc::clone(&self.store);
        let (added, xid) = (self.added_segments(), self.xid.as_ref());
        let (changes, asynchronous) = (&self.changes, self.asynchronous);
        let validate = || self.validate();
        let commit = Commit {
            payload,
            changes,
            added: &added,
            xid,
            asynchronous,
            validate: &validate,
            prepared: None,
        };
        let commit = store.commit(commit, heaps.values()).map_err(|error| match error {
            StorageError::WriteConflict { .. } | StorageError::CatalogConflict if self.optimistic => {
                StorageError::OptimisticCatalog
            }
            error => error,
        })?;
        self.conclude(commit);
        Ok(CommitNumber(commit))
    }

    /// Does what is left to do once a commit is durable.
    pub(super) fn conclude(&mut self, commit: u64) {
        let tracker = self.tracker.take();
        if let Some(tracker) = &tracker {
            tracker.set_commit(commit);
        }
        self.finish(commit);
        if let Some(tracker) = tracker {
            tracker.finish(true, true);
        }
    }

    /// Returns the heaps that were written to.
    pub(super) fn heaps(&self) -> BTreeMap<u64, Arc<Heap>> {
        let mut heaps = BTreeMap::new();
        for undo in &self.undo {
            let (Undo::Inserted(heap, _)
            | Undo::Ended(heap, _)
            | Undo::AddedGroup(heap, _)
            | Undo::AddedIndex(heap, _)
            | Undo::DroppedIndex(heap, _)
            | Undo::Backdated(heap, _)) = undo;
            heaps.entry(heap.id).or_insert_with(|| Arc::clone(heap));
        }
        heaps
    }

    /// Returns the journal's record of what is left of this transaction's writes.
    pub(super) fn record(&self) -> Result<CommitRecord> {
        let mut tables: BTreeMap<TableId, TableRecord> = BTreeMap::new();
        for (&table, change) in &self.changes.tables {
            let before = change.before.as_ref();
            if before.is_none() && change.after.is_none() {
                continue;
            }
            let record = tables.entry(table).or_default();
            match &change.after {
                None => record.dropped = true,
                Some(after) if before.is_none_or(|before| before.heap.id != after.heap.id) => {
                    record.shape = Some(ShapeRecord {
                        heap: after.heap.id,
                        columns: after.columns().to_vec(),
                        indexes: after.indexes.to_vec(),
                    });
                }
                Some(after) => record.indexes = Some(after.indexes.to_vec()),
            }
        }
        for undo in &self.undo {
            match undo {
                Undo::Inserted(heap, row) if self.is_current(heap) => {
                    self.record_insert(heap, *row, tables.entry(heap.table).or_default());
                }
                Undo::Ended(heap, row) if self.is_current(heap) => {
                    if !self.is_own(heap, *row) {
                        tables.entry(heap.table).or_default().ended.push(row.0);
                    }
                }
                Undo::AddedGroup(heap, group) if self.is_current(heap) => {
                    let Form::Frozen { segment, index } = group.form() else { continue };
                    let dead = (0..group.len())
                        .filter(|&lane| {
                            let (page, place) = group.page_of(lane);
                            page.is_touched() && page.read().end(place) != NEVER
                        })
                        .map(|lane| lane as u16)
                        .collect();
                    tables.entry(heap.table).or_default().groups.push(GroupRecord {
                        id: group.id,
                        segment: segment.name.clone(),
                        index: index as u32,
                        rows: group.len() as u32,
                        checksum: segment.checksum,
                        dead,
                    });
                }
                Undo::Inserted(..)
                | Undo::Ended(..)
                | Undo::AddedGroup(..)
                | Undo::AddedIndex(..)
                | Undo::DroppedIndex(..)
                | Undo::Backdated(..) => {}
            }
        }
        let catalog = self.changes.catalog.as_ref().map(|(image, _)| RowBytes(image.as_slice().into()));
        let xid = self.xid().unwrap_or(0);
        Ok(CommitRecord { xid, tables: tables.into_iter().collect(), catalog })
    }

    fn record_insert(&self, heap: &Heap, row: RowId, record: &mut TableRecord) {
        let Some(group) = heap.group(row.group()) else { return };
        let (page, place) = group.page_of(row.lane());
        let page = page.read();
        if page.end(place) == NEVER
            && let Some(bytes) = page.row(place)
        {
            record.inserted.push((row.0, RowBytes(bytes.into())));
        }
    }

    pub(super) fn added_segments(&self) -> Vec<Arc<Segment>> {
        let segment_of = |undo: &Undo| match undo {
            Undo::AddedGroup(heap, group) if self.is_current(heap) => match group.form() {
                Form::Frozen { segment, .. } => Some(segment),
                Form::Hot => None,
            },
            Undo::AddedGroup(..)
            | Undo::Inserted(..)
            | Undo::Ended(..)
            | Undo::AddedIndex(..)
            | Undo::DroppedIndex(..)
            | Undo::Backdated(..) => None,
        };
        self.undo.iter().filter_map(segment_of).collect()
    }

    /// Returns whether a heap is still that of its table, for this transaction.
    pub(super) fn is_current(&self, heap: &Heap) -> bool {
        self.any_table(heap.table).is_ok_and(|table| table.heap.id == heap.id)
    }

    /// Returns whether this transaction has begun a row version.
    fn is_own(&self, heap: &Heap, row: RowId) -> bool {
        heap.stamps(row).is_some_and(|(begin, ..)| begin > IN_FLIGHT && Some(xid_of(begin)) == self.xid())
    }

    /// Exchanges this transaction's stamps for the commit's number.
    pub(super) fn finish(&mut self, commit: u64) {
        let undo = std::mem::take(&mut self.undo);
        let mut ended: Vec<(&Arc<Heap>, Vec<RowId>)> = Vec::new();
        let mut rest = undo.as_slice();
        while let Some(first) = rest.first() {
            let (heap, row) = match first {
                Undo::Inserted(heap, row) | Undo::Ended(heap, row) => (heap, *row),
                Undo::AddedGroup(heap, group) => {
                    group.begin.store(commit, std::sync::atomic::Ordering::Release);
                    heap.note_commit(commit);
                    rest = &rest[1..];
                    continue;
                }
                Undo::Backdated(heap, backdated) => {
                    backdated.apply(heap, commit);
                    rest = &rest[1..];
                    continue;
                }
                Undo::AddedIndex(..) | Undo::DroppedIndex(..) => {
                    rest = &rest[1..];
                    continue;
                }
            };
            // What was written to one page one after the other is done at once.
            let on_page = |undo: &Undo| match undo {
                Undo::Inserted(other, at) | Undo::Ended(other, at) => {
                    Arc::ptr_eq(other, heap) && at.page() == row.page()
                }
                Undo::AddedGroup(..)
                | Undo::AddedIndex(..)
                | Undo::DroppedIndex(..)
                | Undo::Backdated(..) => false,
            };
            let (run, after) = rest.split_at(rest.iter().take_while(|undo| on_page(undo)).count());
            rest = after;
            // Ended rows in segments stay where they are until compaction comes.
            let mut is_hot = false;
            if let Some(group) = heap.group(row.group()) {
                is_hot = group.is_hot();
                let mut page = group.page_of(row.lane()).0.write();
                for undo in run {
                    match undo {
                        Undo::Inserted(_, row) => page.set_begin(row.place(), commit),
                        Undo::Ended(_, row) => page.set_end(row.place(), commit),
                        Undo::AddedGroup(..)
                        | Undo::AddedIndex(..)
                        | Undo::DroppedIndex(..)
                        | Undo::Backdated(..) => {}
                    }
                }
            }
            heap.note_commit(commit);
            let gone = run.iter().filter_map(|undo| match undo {
                Undo::Ended(_, row) if is_hot => Some(*row),
                Undo::Ended(..) => None,
                Undo::Inserted(..)
                | Undo::AddedGroup(..)
                | Undo::AddedIndex(..)
                | Undo::DroppedIndex(..)
                | Undo::Backdated(..) => None,
            });
            match ended.iter_mut().find(|(other, _)| Arc::ptr_eq(other, heap)) {
                Some((_, rows)) => rows.extend(gone),
                None => ended.push((heap, gone.collect())),
            }
        }
        self.changes = Changes::default();
        if let Some(xid) = self.xid.take() {
            self.store.xids().forget(xid.xid);
            xid.release();
        }
        Held::release(&mut self.held);
        let horizon = self.store.horizon();
        for (heap, rows) in ended {
            let budget = rows.len() * VACUUM_FACTOR;
            heap.add_garbage(commit, rows);
            // What is left over is left to the next commit.
            let _ = heap.vacuum(horizon, budget);
        }
        if undo.capacity() <= UNDO_KEPT {
            self.undo = undo;
            self.undo.clear();
        }
    }
}
