//! Transactions that were prepared before the server went down, as recovery brings them back: their rows are at their
//! places again, under stamps in flight, and seen by nobody.

use std::sync::Arc;

use super::record::{GroupRecord, PreparedRecord, TableRecord};
use super::recovery::{Recovery, new_table, restore};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::index::IndexId;
use crate::mvcc::stamp::{NEVER, in_flight};
use crate::table::{RowId, TableId};
use crate::transaction::Undo;
use crate::version::{Changes, TableChange, TableVersion};

/// A transaction that is prepared.
#[derive(Debug)]
pub(crate) struct RestoredTransaction {
    pub(crate) record: Arc<PreparedRecord>,
    pub(crate) undo: Vec<Undo>,
    pub(crate) changes: Changes,
    /// Why it cannot be committed, if rows of its tables cannot be read.
    pub(crate) damage: Option<StorageError>,
    /// Indexes that it drops, which stay as long as rows are added to them.
    dropped: Vec<(Arc<Heap>, IndexId)>,
    /// Heaps that only it knows.
    new: Vec<Arc<Heap>>,
}

impl Recovery<'_> {
    /// Brings back the transactions that are prepared; the error says what is wrong.
    pub(super) fn restore_prepared(&mut self) -> Result<Vec<RestoredTransaction>, String> {
        let records: Vec<Arc<PreparedRecord>> = self.prepared.values().cloned().collect();
        records.into_iter().map(|record| self.restore_transaction(record)).collect()
    }

    fn restore_transaction(&mut self, record: Arc<PreparedRecord>) -> Result<RestoredTransaction, String> {
        let mut restored = RestoredTransaction {
            record: Arc::clone(&record),
            undo: Vec::new(),
            changes: Changes::default(),
            damage: None,
            dropped: Vec::new(),
            new: Vec::new(),
        };
        for (table, writes) in &record.writes.tables {
            self.restore_table(*table, writes, &mut restored)?;
        }
        for (table, versions) in &record.newer {
            let after = restored.changes.tables.get(table).and_then(|change| change.after.as_ref());
            let Some(version) = after.or_else(|| self.version.tables.get(table)) else { continue };
            for version_of in versions {
                let row = RowId(version_of.row);
                let Some(group) = version.heap.group(row.group()) else { continue };
                let (page, place) = group.page_of(row.lane());
                let mut page = page.write();
                page.set_newer(place, version_of.newer.map(RowId));
                page.set_key_kept(place, version_of.key_kept);
            }
        }
        if let Some(image) = &record.writes.catalog {
            let image = Arc::new(image.0.to_vec());
            restored.changes.catalog = Some((image, self.version.catalog_commit));
        }
        Ok(restored)
    }

    fn restore_table(
        &mut self,
        table: TableId,
        writes: &TableRecord,
        restored: &mut RestoredTransaction,
    ) -> Result<(), String> {
        let before = self.version.tables.get(&table).cloned();
        let mut change = |after: Option<Arc<TableVersion>>| {
            let change = TableChange { before: before.clone(), after };
            restored.changes.tables.insert(table, change);
        };
        if writes.dropped {
            change(None);
            return Ok(());
        }
        let heap = match (&writes.shape, &before) {
            (Some(shape), _) => {
                let after = new_table(shape.heap, table, &shape.columns, &shape.indexes);
                let heap = Arc::clone(&after.heap);
                self.next_heap = self.next_heap.max(shape.heap + 1);
                restored.new.push(Arc::clone(&heap));
                change(Some(Arc::new(after)));
                heap
            }
            (None, Some(before)) => Arc::clone(&before.heap),
            (None, None) => return Err(format!("a prepared transaction's table {} does not exist", table.0)),
        };
        if let Some(damage) = heap.damage.get() {
            restored.damage = Some(damage.error.clone());
            return Ok(());
        }
        if let (Some(indexes), Some(before)) = (&writes.indexes, &before) {
            for gone in before.indexes.iter().filter(|index| !indexes.contains(index)) {
                restored.dropped.push((Arc::clone(&heap), gone.id));
            }
            for new in indexes.iter().filter(|index| !before.indexes.contains(index)) {
                heap.add_index(new.clone());
                restored.undo.push(Undo::AddedIndex(Arc::clone(&heap), new.id));
            }
            let after = TableVersion { indexes: indexes.clone().into(), heap: Arc::clone(&heap) };
            change(Some(Arc::new(after)));
        }
        let stamp = in_flight(restored.record.about.xid, 0);
        for row in writes.ended.iter().map(|row| RowId(*row)) {
            end(&heap, row, stamp)?;
            restored.undo.push(Undo::Ended(Arc::clone(&heap), row));
        }
        for (row, bytes) in &writes.inserted {
            restore(&heap, RowId(*row), bytes.0.clone(), stamp)?;
            restored.undo.push(Undo::Inserted(Arc::clone(&heap), RowId(*row)));
        }
        for group in &writes.groups {
            self.restore_group(&heap, group, stamp, &mut restored.undo)?;
        }
        Ok(())
    }

    fn restore_group(
        &mut self,
        heap: &Arc<Heap>,
        stored: &GroupRecord,
        stamp: u64,
        undo: &mut Vec<Undo>,
    ) -> Result<(), String> {
        let group = Arc::new(self.group(stored, heap, stamp)?);
        heap.add_group(Arc::clone(&group));
        undo.push(Undo::AddedGroup(Arc::clone(heap), group));
        for lane in &stored.dead {
            let row = RowId::new(stored.id, usize::from(*lane));
            end(heap, row, stamp)?;
            undo.push(Undo::Ended(Arc::clone(heap), row));
        }
        Ok(())
    }
}

impl RestoredTransaction {
    /// Does what can be done once all rows are at their places: `settle` brings a heap in order.
    pub(super) fn settle(&mut self, settle: impl Fn(&Heap) -> Result<()>) -> Result<()> {
        for heap in self.new.drain(..) {
            settle(&heap)?;
        }
        for (heap, index) in self.dropped.drain(..) {
            if let Some(dropped) = heap.remove_index(index) {
                self.undo.push(Undo::DroppedIndex(heap, dropped));
            }
        }
        Ok(())
    }
}

/// Ends a row that is there.
fn end(heap: &Heap, row: RowId, stamp: u64) -> Result<(), String> {
    let group = heap.group(row.group()).filter(|group| row.lane() < group.len());
    let group = group.ok_or_else(|| format!("a prepared transaction's row {} is not there", row.0))?;
    let (page, place) = group.page_of(row.lane());
    let mut page = page.write();
    if page.begin(place) == NEVER || page.end(place) != NEVER {
        return Err(format!("a prepared transaction's row {} has ended", row.0));
    }
    page.set_end(place, stamp);
    Ok(())
}
