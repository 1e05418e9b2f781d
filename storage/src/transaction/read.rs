//! What a transaction reads: scans, single rows, ranges of indexes.

use std::any::Any;
use std::sync::Arc;

use types::{Datum, Oid};

use super::{IsolationLevel, Transaction};
use crate::error::Result;
use crate::heap::row::{NewRow, StoredRow};
use crate::heap::{RowState, SystemColumns};
use crate::index::cursor::find_unique;
use crate::index::{IndexCursor, IndexId, IndexRange};
use crate::mvcc::snapshot::Snapshot;
use crate::mvcc::stamp::{IN_FLIGHT, xid_of};
use crate::scan::TableScan;
use crate::table::{RowId, TableId};

impl Transaction {
    /// Returns a consistent view of a table, own writes of earlier commands included.
    pub fn scan(&self, table: TableId) -> Result<TableScan> {
        Ok(TableScan::new(&self.table(table)?.heap, self.snapshot()))
    }

    /// Returns a view of a table as of now: everything committed, and all own writes.
    pub fn scan_newest(&self, table: TableId) -> Result<TableScan> {
        Ok(TableScan::new(&self.table(table)?.heap, self.newest_snapshot()))
    }

    /// Returns a scan that shows one version of a row, whatever its stamps.
    pub fn scan_row(&self, table: TableId, row: RowId) -> Result<TableScan> {
        Ok(TableScan::of_row(&self.table(table)?.heap, row))
    }

    /// Returns the newest commit that has changed a row of a table.
    pub fn changed_at(&self, table: TableId) -> Result<u64> {
        Ok(self.table(table)?.heap.changed_at.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Returns a row by its identifier, whether it is visible or not; `None` when there is none.
    pub fn row(&self, table: TableId, row: RowId) -> Result<Option<StoredRow>> {
        let heap = &self.table(table)?.heap;
        match heap.group(row.group()) {
            Some(group) => group.row(&heap.layout, row.lane()),
            None => Ok(None),
        }
    }

    /// Appends some columns of a row by its identifier, visible or not, as datums of given types. Returns whether there
    /// is such a row.
    pub fn row_datums(
        &self,
        table: TableId,
        row: RowId,
        columns: &[(usize, Oid)],
        out: &mut Vec<Datum>,
    ) -> Result<bool> {
        let heap = &self.table(table)?.heap;
        match heap.group(row.group()) {
            Some(group) => group.row_datums(&heap.layout, row.lane(), columns, out),
            None => Ok(false),
        }
    }

    /// Says who has made rows that this transaction has inserted again.
    pub(crate) fn set_origins(&self, table: TableId, rows: &[RowId], origins: &[i32]) -> Result<()> {
        let heap = &self.table(table)?.heap;
        for (row, origin) in rows.iter().zip(origins) {
            heap.set_origin(*row, *origin as u32);
        }
        Ok(())
    }

    /// Returns the system columns of a row, visible or not; `None` when there is no such row.
    pub fn system_columns(&self, table: TableId, row: RowId) -> Result<Option<SystemColumns>> {
        self.table(table)?.heap.system_columns(row, self.store.xids())
    }

    /// Returns whether a row is there, whatever the snapshot sees.
    pub fn row_state(&self, table: TableId, row: RowId) -> Result<RowState> {
        Ok(self.table(table)?.heap.row_state(row, self.xid().unwrap_or(0), self.store.xids()))
    }

    /// Returns every row of a table that is there or may be.
    pub fn scan_held(&self, table: TableId) -> Result<TableScan> {
        let heap = &self.table(table)?.heap;
        // Rows that this transaction has ended may come back.
        Ok(TableScan::of_held(heap, heap.groups().to_vec(), 0, self.store.xids()))
    }

    /// Returns how often rows of a table have moved to other places.
    pub fn moves(&self, table: TableId) -> Result<u64> {
        Ok(self.table(table)?.heap.moves())
    }

    /// Returns what is kept with a table's rows under a number, made if there is nothing. It goes with the rows when the
    /// table is truncated, rewritten or dropped.
    pub fn attachment(
        &self,
        table: TableId,
        number: u64,
        make: &dyn Fn() -> Arc<dyn Any + Send + Sync>,
    ) -> Result<Arc<dyn Any + Send + Sync>> {
        Ok(self.table(table)?.heap.attachment(number, make))
    }

    /// Returns the other transaction in flight that has deleted or replaced a row.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn ender_in_flight(&self, table: TableId, row: RowId) -> Result<Option<u64>> {
        let Some((_, end, _)) = self.table(table)?.heap.stamps(row) else { return Ok(None) };
        let is_open = end > IN_FLIGHT && self.store.xids().commit_of(xid_of(end)).is_none();
        // For who does not wait, a row that goes with somebody who gives way is there.
        let is_open = is_open && !(self.optimistic && self.store.xids().yields(xid_of(end)));
        Ok((is_open && Some(xid_of(end)) != self.xid()).then(|| xid_of(end)))
    }

    /// Waits until another transaction is over, or has returned to a savepoint.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn wait_for_transaction(&mut self, xid: u64) -> Result<()> {
        self.wait_for(xid)
    }

    /// Returns whether this transaction's snapshot sees a row.
    pub fn sees(&self, table: TableId, row: RowId) -> Result<bool> {
        let heap = &self.table(table)?.heap;
        let group = heap.group(row.group());
        Ok(group.is_some_and(|group| group.sees(row.lane(), self.view())))
    }

    /// Returns the rows of a range of an index that the snapshot sees, in the index's order or the reverse.
    pub fn index_rows(
        &self,
        table: TableId,
        index: IndexId,
        range: &IndexRange,
        reverse: bool,
    ) -> Result<IndexCursor> {
        self.index_cursor(table, index, range, reverse, self.snapshot())
    }

    /// Returns the row with a whole key of a unique index that the snapshot sees.
    pub fn find_unique(&self, table: TableId, index: IndexId, key: &[Datum]) -> Result<Option<RowId>> {
        if self.is_tracked() {
            return self.index_rows(table, index, &IndexRange::key(key.to_vec()), false)?.next_row();
        }
        find_unique(&self.table(table)?.heap, index, key, self.view())
    }

    /// Returns whether a unique key may belong to two rows that the transaction sees: one of its snapshot that somebody has
    /// deleted since, and one that it has made itself.
    pub fn may_see_keys_twice(&self) -> bool {
        self.isolation != IsolationLevel::ReadCommitted && self.xid().is_some()
    }

    /// Returns whether an index keeps the keys of a table apart.
    pub fn keeps_unique(&self, table: TableId, index: IndexId) -> Result<bool> {
        let index = self.table(table)?.heap.index(index);
        Ok(index.is_some_and(|index| index.definition.unique))
    }

    /// Returns a row in the form in which a table stores it; `types` are those of the columns.
    ///
    /// # Errors
    /// For nulls in columns that take none and values that the columns cannot hold.
    pub fn encode_row(&self, table: TableId, values: &[Datum], types: &[Oid]) -> Result<NewRow> {
        self.table(table)?.heap.layout.encode_datums(values, types).map(NewRow)
    }

    /// As [`Self::index_rows`], with everything committed and all own writes, as constraints are checked.
    pub fn index_rows_newest(
        &self,
        table: TableId,
        index: IndexId,
        range: &IndexRange,
    ) -> Result<IndexCursor> {
        self.index_cursor(table, index, range, false, self.newest_snapshot())
    }

    fn index_cursor(
        &self,
        table: TableId,
        index: IndexId,
        range: &IndexRange,
        reverse: bool,
        snapshot: Snapshot,
    ) -> Result<IndexCursor> {
        IndexCursor::of_heap(&self.table(table)?.heap, index, range, reverse, snapshot)
    }
}
