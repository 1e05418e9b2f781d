//! Tables, indexes and the catalog in a transaction.

use std::sync::Arc;

use super::{Transaction, Undo, WaitPolicy};
use crate::bulk::BulkWriter;
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::index::build::fill_index;
use crate::index::{IndexDefinition, IndexId};
use crate::locks::TableLockMode;
use crate::table::{ColumnDefinition, TableId};
use crate::version::{TableChange, TableVersion};

impl Transaction {
    /// Creates an empty table.
    pub fn create_table(
        &mut self,
        table: TableId,
        columns: Vec<ColumnDefinition>,
        indexes: Vec<IndexDefinition>,
    ) -> Result<()> {
        if self.any_table(table).is_ok() {
            return Err(StorageError::TableExists(table));
        }
        self.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::Wait)?;
        let after = self.new_heap(table, columns.into(), indexes.into());
        self.change(table, Some(after));
        Ok(())
    }

    /// Puts an empty table of another shape in the place of one. Scans made before stay as they are.
    pub fn replace_table(
        &mut self,
        table: TableId,
        columns: Vec<ColumnDefinition>,
        indexes: Vec<IndexDefinition>,
    ) -> Result<()> {
        self.any_table(table)?;
        self.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::Wait)?;
        self.track_table(table)?;
        let after = self.new_heap(table, columns.into(), indexes.into());
        self.change(table, Some(after));
        Ok(())
    }

    /// Drops a table.
    pub fn drop_table(&mut self, table: TableId) -> Result<()> {
        self.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::Wait)?;
        self.track_table(table)?;
        self.any_table(table)?;
        self.change(table, None);
        Ok(())
    }

    /// Removes all rows.
    pub fn truncate(&mut self, table: TableId) -> Result<()> {
        self.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::Wait)?;
        self.track_table(table)?;
        let old = self.any_table(table)?;
        let after = self.new_heap(table, Arc::clone(old.columns()), Arc::clone(&old.indexes));
        self.change(table, Some(after));
        Ok(())
    }

    /// Returns the columns and indexes of a table.
    pub fn shape(&self, table: TableId) -> Result<(Arc<[ColumnDefinition]>, Arc<[IndexDefinition]>)> {
        let table = self.any_table(table)?;
        Ok((Arc::clone(table.columns()), Arc::clone(&table.indexes)))
    }

    /// Creates an index over the rows that are there.
    ///
    /// # Errors
    /// `DuplicateKey` when it is to be unique and two rows have the same key.
    pub fn create_index(&mut self, table: TableId, definition: IndexDefinition) -> Result<()> {
        self.lock_table(table, TableLockMode::Share, WaitPolicy::Wait)?;
        let old = Arc::clone(self.table(table)?);
        let heap = &old.heap;
        if heap.index(definition.id).is_some() {
            return Err(StorageError::Misuse(format!("index {} exists already", definition.id.0)));
        }
        let own = self.xid().unwrap_or(0);
        let index = heap.add_index(definition.clone());
        self.undo.push(Undo::AddedIndex(Arc::clone(heap), definition.id));
        fill_index(heap, &index, own, self.store.xids())?;
        let indexes = old.indexes.iter().cloned().chain([definition]).collect();
        self.change(table, Some(TableVersion { indexes, heap: Arc::clone(heap) }));
        Ok(())
    }

    /// Drops an index.
    pub fn drop_index(&mut self, table: TableId, index: IndexId) -> Result<()> {
        self.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::Wait)?;
        let old = Arc::clone(self.table(table)?);
        if let Some(dropped) = old.heap.remove_index(index) {
            self.undo.push(Undo::DroppedIndex(Arc::clone(&old.heap), dropped));
        }
        let indexes = old.indexes.iter().filter(|definition| definition.id != index).cloned().collect();
        self.change(table, Some(TableVersion { indexes, heap: Arc::clone(&old.heap) }));
        Ok(())
    }

    /// Brings the indexes that this transaction has added to tables onto those that others have added and committed
    /// meanwhile.
    pub fn rebase_indexes(&mut self) {
        for (table, change) in &mut self.changes.tables {
            let now = self.version.tables.get(table);
            let (Some(now), Some(before), Some(after)) = (now, &change.before, &change.after) else {
                continue;
            };
            let is_same_heap = now.heap.id == before.heap.id && after.heap.id == before.heap.id;
            if Arc::ptr_eq(now, before) || !is_same_heap {
                continue;
            }
            let has = |list: &[IndexDefinition], id: IndexId| list.iter().any(|known| known.id == id);
            let dropped = |id: IndexId| has(&before.indexes, id) && !has(&after.indexes, id);
            let kept = now.indexes.iter().filter(|known| !dropped(known.id));
            let added = after.indexes.iter().filter(|new| !has(&now.indexes, new.id));
            let mut indexes: Vec<IndexDefinition> = kept.chain(added).cloned().collect();
            indexes.sort_by_key(|definition| definition.id);
            change.after =
                Some(Arc::new(TableVersion { indexes: indexes.into(), heap: Arc::clone(&after.heap) }));
            change.before = Some(Arc::clone(now));
        }
    }

    /// Replaces the frontend's catalog. Conflicts at commit with any other change of it since the snapshot.
    pub fn set_catalog_image(&mut self, image: Vec<u8>) {
        let since = match &self.changes.catalog {
            None => self.version.catalog_commit,
            Some((_, since)) => *since,
        };
        self.changes.catalog = Some((Arc::new(image), since));
    }

    /// Returns whether an image is the frontend's catalog as this transaction sees it.
    pub fn has_catalog_image(&self, image: &Arc<Vec<u8>>) -> bool {
        Arc::ptr_eq(self.changes.catalog.as_ref().map_or(&self.version.catalog, |(image, _)| image), image)
    }

    /// Returns the frontend's catalog as this transaction sees it.
    pub fn catalog_image(&self) -> Arc<Vec<u8>> {
        match &self.changes.catalog {
            None => Arc::clone(&self.version.catalog),
            Some((image, _)) => Arc::clone(image),
        }
    }

    /// Returns a writer that puts many rows straight into segments.
    pub fn bulk_writer(&mut self, table: TableId) -> Result<BulkWriter> {
        // Nobody moves rows meanwhile.
        self.lock_table(table, TableLockMode::RowExclusive, WaitPolicy::Wait)?;
        let old = Arc::clone(self.table(table)?);
        Ok(BulkWriter::new(self, table, Arc::clone(old.columns()), &old.indexes))
    }

    fn new_heap(
        &self,
        table: TableId,
        columns: Arc<[ColumnDefinition]>,
        indexes: Arc<[IndexDefinition]>,
    ) -> TableVersion {
        let heap = Heap::new(self.store.next_heap(), table, columns);
        for definition in indexes.iter() {
            heap.add_index(definition.clone());
        }
        TableVersion { indexes, heap: Arc::new(heap) }
    }

    fn change(&mut self, table: TableId, after: Option<TableVersion>) {
        let before = self.version.tables.get(&table);
        let change = self
            .changes
            .tables
            .entry(table)
            .or_insert_with(|| TableChange { before: before.cloned(), after: None });
        // A table that came and went stays listed: its heap was not taken away by others.
        change.after = after.map(Arc::new);
    }
}
