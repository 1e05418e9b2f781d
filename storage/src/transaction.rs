//! Transactions: a snapshot, and what the transaction itself has written, privately, on top of it.
//!
//! Nothing that a transaction writes is seen by others before commit, so rolling back is forgetting, and a
//! savepoint is a copy of the (shared, immutable) private state. At commit the writes are checked against
//! what has been committed since the snapshot (the first committer of a row wins) and applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernels::vector::Vector;

use crate::bulk::BulkWriter;
use crate::error::{Result, StorageError};
use crate::key::{NewKeys, duplicate};
use crate::predicate::{Pruned, RangeEnd, ScanPredicate, ScanValue};
use crate::scan::{RowGroup, TableScan, positions};
use crate::segment::Segment;
use crate::store::Store;
use crate::table::{ColumnDefinition, PRIVATE_GROUP, RowId, TableId};
use crate::version::{DeleteMask, Group, StoreVersion, TableVersion, check_rows, masks_of};

/// Number of a commit; they ascend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitNumber(pub u64);

/// A transaction. Dropping it rolls it back.
#[derive(Debug)]
pub struct Transaction {
    store: Arc<Store>,
    snapshot: Arc<StoreVersion>,
    writes: Writes,
}

/// A point to which a transaction can return.
#[derive(Debug, Clone)]
pub struct Savepoint(Writes);

/// What a transaction has written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writes {
    pub(crate) tables: BTreeMap<TableId, TableWrites>,
    /// The new catalog, and the commit that wrote the one it replaces.
    pub(crate) catalog: Option<(Arc<Vec<u8>>, u64)>,
}

/// What a transaction has written to one table.
#[derive(Debug, Clone)]
pub(crate) struct TableWrites {
    pub(crate) base: Base,
    /// Rows inserted by this transaction, in row groups of its own.
    pub(crate) inserted: TableVersion,
    /// Lanes deleted from the base's row groups.
    pub(crate) deleted: BTreeMap<u64, Arc<DeleteMask>>,
    /// The oldest commit against which inserted keys were checked.
    pub(crate) checked_at: u64,
}

/// What a transaction's writes to a table stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The table as the snapshot shows it.
    Committed,
    /// The table is new.
    Created,
    /// The table existed and was emptied; the value is the commit that had last changed it.
    Truncated(u64),
    /// The table existed and is gone.
    Dropped,
}

impl Transaction {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        let snapshot = store.published();
        Self { store, snapshot, writes: Writes::default() }
    }

    /// Moves the snapshot to the newest commit; own writes stay.
    pub fn refresh_snapshot(&mut self) {
        self.snapshot = self.store.published();
    }

    /// Returns the commit that the snapshot shows.
    pub fn snapshot_commit(&self) -> CommitNumber {
        CommitNumber(self.snapshot.commit)
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Returns whether this transaction has written anything.
    pub fn has_writes(&self) -> bool {
        !self.writes.tables.is_empty() || self.writes.catalog.is_some()
    }

    /// Creates an empty table. `key`: the columns of the primary key.
    pub fn create_table(
        &mut self,
        table: TableId,
        columns: Vec<ColumnDefinition>,
        key: Option<Vec<usize>>,
    ) -> Result<()> {
        if self.snapshot.tables.contains_key(&table) || self.writes.tables.contains_key(&table) {
            return Err(StorageError::TableExists(table));
        }
        let inserted = TableVersion::new(columns.into(), key, PRIVATE_GROUP);
        self.writes.tables.insert(
            table,
            TableWrites { base: Base::Created, inserted, deleted: BTreeMap::new(), checked_at: u64::MAX },
        );
        Ok(())
    }

    /// Drops a table.
    pub fn drop_table(&mut self, table: TableId) -> Result<()> {
        let writes = self.table_writes(table)?;
        match writes.base {
            Base::Created => {
                self.writes.tables.remove(&table);
            }
            Base::Committed | Base::Truncated(_) => {
                writes.base = Base::Dropped;
                writes.clear();
            }
            Base::Dropped => return Err(StorageError::NoSuchTable(table)),
        }
        Ok(())
    }

    /// Removes all rows.
    pub fn truncate(&mut self, table: TableId) -> Result<()> {
        let changed_at = self.snapshot.tables.get(&table).map_or(0, |table| table.changed_at);
        let writes = self.table_writes(table)?;
        if writes.base == Base::Committed {
            writes.base = Base::Truncated(changed_at);
        }
        writes.clear();
        Ok(())
    }

    /// Replaces the frontend's catalog. Conflicts at commit with any other change of it since the snapshot.
    pub fn set_catalog_image(&mut self, image: Vec<u8>) {
        let since = match &self.writes.catalog {
            None => self.snapshot.catalog_commit,
            Some((_, since)) => *since,
        };
        self.writes.catalog = Some((Arc::new(image), since));
    }

    /// Returns the frontend's catalog as this transaction sees it.
    pub fn catalog_image(&self) -> Arc<Vec<u8>> {
        match &self.writes.catalog {
            None => Arc::clone(&self.snapshot.catalog),
            Some((image, _)) => Arc::clone(image),
        }
    }

    /// Inserts rows: a vector for each column. Returns how many.
    pub fn insert(&mut self, table: TableId, vectors: &[Vector]) -> Result<usize> {
        let snapshot = self.snapshot.commit;
        let writes = self.table_writes(table)?;
        let rows = check_rows(&writes.inserted.columns, vectors)?;
        if let Some(key) = writes.inserted.key.clone() {
            let scan = self.scan(table)?;
            let keys = NewKeys::of_vectors(vectors, &key).ok_or_else(|| duplicate(table, &scan, &key))?;
            if keys.exist_in(&scan, &key)? {
                return Err(duplicate(table, &scan, &key));
            }
        }
        let writes = self.table_writes(table)?;
        writes.inserted.append(vectors)?;
        writes.checked_at = writes.checked_at.min(snapshot);
        Ok(rows)
    }

    /// Deletes rows that a scan of this transaction has shown. Returns how many were not deleted before.
    pub fn delete(&mut self, table: TableId, rows: &[RowId]) -> Result<usize> {
        let masks = masks_of(rows);
        let snapshot = Arc::clone(&self.snapshot);
        let writes = self.table_writes(table)?;
        let mut count = 0;
        for (id, mask) in masks {
            count += writes.delete(snapshot.tables.get(&table), table, id, mask)?;
        }
        Ok(count)
    }

    /// Returns a consistent view of a table, own writes included.
    pub fn scan(&self, table: TableId) -> Result<TableScan> {
        let writes = self.writes.tables.get(&table);
        let base = self.snapshot.tables.get(&table);
        match (writes, base) {
            (None, None) => Err(StorageError::NoSuchTable(table)),
            (None, Some(base)) => Ok(TableScan::new(table, Arc::clone(&base.columns), base.groups.clone())),
            (Some(writes), base) => match writes.base {
                Base::Dropped => Err(StorageError::NoSuchTable(table)),
                Base::Created | Base::Truncated(_) => {
                    let columns = Arc::clone(&writes.inserted.columns);
                    Ok(TableScan::new(table, columns, writes.inserted.groups.clone()))
                }
                Base::Committed => {
                    let base = base.ok_or(StorageError::NoSuchTable(table))?;
                    let mut groups = base.groups.clone();
                    for group in &mut groups {
                        if let Some(deleted) = writes.deleted.get(&group.id) {
                            *group = group.with_deleted(deleted);
                        }
                    }
                    groups.extend(writes.inserted.groups.iter().cloned());
                    Ok(TableScan::new(table, Arc::clone(&base.columns), groups))
                }
            },
        }
    }

    /// Returns a writer that puts many rows straight into segments.
    pub fn bulk_writer(&mut self, table: TableId) -> Result<BulkWriter<'_>> {
        let inserted = &self.table_writes(table)?.inserted;
        let (columns, key) = (Arc::clone(&inserted.columns), inserted.key.clone());
        Ok(BulkWriter::new(self, table, columns, key))
    }

    /// Makes the row groups of written segments part of this transaction. `distinct`: their keys are known to be.
    pub(crate) fn adopt_segments(
        &mut self,
        table: TableId,
        segments: &[Arc<Segment>],
        distinct: bool,
    ) -> Result<()> {
        let snapshot = self.snapshot.commit;
        let writes = self.table_writes(table)?;
        if let Some(key) = writes.inserted.key.clone() {
            let mut new = TableVersion::new(Arc::clone(&writes.inserted.columns), None, 0);
            segments.iter().for_each(|segment| new.append_segment(segment));
            let new = TableScan::new(table, new.columns, new.groups);
            check_new_rows(&new, &self.scan(table)?, &key, distinct)?;
        }
        let writes = self.table_writes(table)?;
        writes.checked_at = writes.checked_at.min(snapshot);
        segments.iter().for_each(|segment| writes.inserted.append_segment(segment));
        Ok(())
    }

    /// Returns a point to which this transaction can return.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.writes.clone())
    }

    /// Forgets everything written since `savepoint`, which stays usable.
    pub fn rollback_to(&mut self, savepoint: &Savepoint) {
        self.writes = savepoint.0.clone();
    }

    /// Commits: when this returns, the writes are durable and visible.
    pub fn commit(self) -> Result<CommitNumber> {
        if !self.has_writes() {
            return Ok(CommitNumber(self.snapshot.commit));
        }
        self.store.commit(&self.writes)
    }

    /// Forgets everything written.
    pub fn rollback(self) {}

    /// Returns the private state of a table, made on first use.
    pub(crate) fn table_writes(&mut self, table: TableId) -> Result<&mut TableWrites> {
        if !self.writes.tables.contains_key(&table) {
            let base = self.snapshot.tables.get(&table).ok_or(StorageError::NoSuchTable(table))?;
            let inserted = TableVersion::new(Arc::clone(&base.columns), base.key.clone(), PRIVATE_GROUP);
            let writes = TableWrites {
                base: Base::Committed,
                inserted,
                deleted: BTreeMap::new(),
                checked_at: u64::MAX,
            };
            self.writes.tables.insert(table, writes);
        }
        match self.writes.tables.get_mut(&table) {
            Some(writes) if writes.base != Base::Dropped => Ok(writes),
            _ => Err(StorageError::NoSuchTable(table)),
        }
    }
}

impl TableWrites {
    fn clear(&mut self) {
        self.inserted.groups.clear();
        self.deleted.clear();
    }

    fn delete(
        &mut self,
        base: Option<&Arc<TableVersion>>,
        table: TableId,
        id: u64,
        mask: DeleteMask,
    ) -> Result<usize> {
        let wanted = mask.count;
        let own = id >= PRIVATE_GROUP;
        let group = if own { self.inserted.group(id) } else { base.and_then(|base| base.group(id)) };
        let Some(group) = group else { return Err(StorageError::WriteConflict { table }) };
        if last_lane(&mask) >= group.len() {
            return Err(StorageError::Misuse("a row identifier past the end of its row group".to_owned()));
        }
        let before = if own { group.deleted.as_ref() } else { self.deleted.get(&id) };
        let merged = match before {
            None => mask,
            Some(before) => {
                let mut merged = DeleteMask::clone(before);
                merged.union(&mask);
                merged
            }
        };
        let new = merged.count - before.map_or(0, |before| before.count);
        debug_assert!(new <= wanted);
        if own {
            if let Ok(index) = self.inserted.groups.binary_search_by_key(&id, |group| group.id) {
                self.inserted.groups[index].deleted = Some(Arc::new(merged));
            }
        } else {
            self.deleted.insert(id, Arc::new(merged));
        }
        Ok(new)
    }
}

/// Returns the rows of a hot row group that are not deleted, in batches.
pub(crate) fn surviving_rows(group: &Group, columns: &Arc<[ColumnDefinition]>) -> Result<Vec<Vec<Vector>>> {
    let mut batches = Vec::new();
    let row_group = RowGroup::new(group.clone(), Arc::clone(columns));
    for index in 0..row_group.vector_count() {
        let visible = row_group.visible(index).map(|visible| positions(&visible));
        let mut batch = Vec::with_capacity(columns.len());
        for column in 0..columns.len() {
            let vector = row_group.vector(column, index)?;
            batch.push(match &visible {
                None => vector,
                Some(visible) => vector.gather(visible),
            });
        }
        if batch.first().is_some_and(|vector| !vector.is_empty()) {
            batches.push(batch);
        }
    }
    Ok(batches)
}

/// Checks that no key of `new` is in `old`, and unless they are `distinct` already, that no two are the same.
fn check_new_rows(new: &TableScan, old: &TableScan, key: &[usize], distinct: bool) -> Result<()> {
    let table = new.table();
    if distinct && !may_overlap(new, old, key) {
        return Ok(());
    }
    let keys = NewKeys::of_scan(new, key)?.ok_or_else(|| duplicate(table, new, key))?;
    if keys.exist_in(old, key)? { Err(duplicate(table, new, key)) } else { Ok(()) }
}

/// Returns whether row groups of both may hold the same key, by the zone maps of the first key column.
fn may_overlap(new: &TableScan, old: &TableScan, key: &[usize]) -> bool {
    let Some(&first) = key.first() else { return false };
    (0..new.row_group_count()).any(|index| {
        let group = new.row_group(index);
        let end = |value: &Option<ScanValue>| value.clone().map(|value| RangeEnd { value, inclusive: true });
        let zone_map = group.zone_map(first);
        let range = ScanPredicate::Range { low: end(&zone_map.min), high: end(&zone_map.max) };
        (0..old.row_group_count()).any(|index| old.row_group(index).prune(first, &range) != Pruned::None)
    })
}

impl TableWrites {
    /// Checks the inserted keys again if the table has changed since they were checked.
    pub(crate) fn recheck_keys(&self, table: TableId, head: &TableVersion) -> Result<()> {
        let Some(key) = &head.key else { return Ok(()) };
        if head.changed_at <= self.checked_at
            || self.inserted.groups.is_empty()
            || self.base != Base::Committed
        {
            return Ok(());
        }
        let with_deleted = |group: &Group| match self.deleted.get(&group.id) {
            None => group.clone(),
            Some(deleted) => group.with_deleted(deleted),
        };
        let groups = head.groups.iter().map(with_deleted).collect();
        let old = TableScan::new(table, Arc::clone(&head.columns), groups);
        let new = TableScan::new(table, Arc::clone(&head.columns), self.inserted.groups.clone());
        check_new_rows(&new, &old, key, true)
    }
}

fn last_lane(mask: &DeleteMask) -> usize {
    mask.words
        .iter()
        .rposition(|word| *word != 0)
        .map_or(0, |index| index * 64 + 63 - mask.words[index].leading_zeros() as usize)
}
