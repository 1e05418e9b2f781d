//! Versions of the store: what a snapshot sees.
//!
//! A version is an immutable tree: tables, their row groups, a delete mask per row group. A commit makes a
//! new version that shares everything it did not touch. A snapshot is a reference to a version, so rows
//! carry no stamps at all, a scan of rows that nobody deleted costs nothing for MVCC, and old row versions
//! are freed with the last snapshot that sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernels::vector::Vector;

use crate::error::{Result, StorageError};
use crate::hot::HotGroup;
use crate::segment::Segment;
use crate::table::{ColumnDefinition, ROW_GROUP_ROWS, RowId, TableId};
use crate::transaction::{Base, TableWrites, Writes, surviving_rows};

/// Everything that is committed, as of one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreVersion {
    /// Number of the newest commit in here.
    pub(crate) commit: u64,
    pub(crate) tables: BTreeMap<TableId, Arc<TableVersion>>,
    /// The frontend's catalog.
    pub(crate) catalog: Arc<Vec<u8>>,
    /// The commit that wrote `catalog`.
    pub(crate) catalog_commit: u64,
}

/// One table as of one commit.
#[derive(Debug, Clone)]
pub(crate) struct TableVersion {
    pub(crate) columns: Arc<[ColumnDefinition]>,
    pub(crate) key: Option<Vec<usize>>,
    pub(crate) groups: Vec<Group>,
    /// Number of the next row group; numbers are never used again.
    pub(crate) next_group: u64,
    /// The newest commit that changed a row.
    pub(crate) changed_at: u64,
}

/// A row group with the rows deleted from it.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) id: u64,
    pub(crate) data: GroupData,
    pub(crate) deleted: Option<Arc<DeleteMask>>,
}

/// Where a row group's rows are.
#[derive(Debug, Clone)]
pub(crate) enum GroupData {
    /// In memory.
    Hot(Arc<HotGroup>),
    /// In a segment.
    Frozen {
        segment: Arc<Segment>,
        /// Position in the segment.
        index: usize,
    },
}

/// Deleted lanes of a row group.
#[derive(Debug, Clone)]
pub(crate) struct DeleteMask {
    /// 1 = deleted; room for a full row group.
    pub(crate) words: Vec<u64>,
    pub(crate) count: usize,
}

impl Default for DeleteMask {
    fn default() -> Self {
        Self { words: vec![0; ROW_GROUP_ROWS / 64], count: 0 }
    }
}

impl DeleteMask {
    /// Marks a lane; returns whether it was not marked before.
    pub(crate) fn insert(&mut self, lane: usize) -> bool {
        let (word, bit) = (&mut self.words[lane / 64], 1 << (lane % 64));
        let new = *word & bit == 0;
        *word |= bit;
        self.count += usize::from(new);
        new
    }

    /// Returns a mask of `lanes`.
    pub(crate) fn from_lanes(lanes: &[u16]) -> Self {
        let mut mask = Self::default();
        for &lane in lanes {
            mask.insert(usize::from(lane));
        }
        mask
    }

    /// Returns a mask of stored words; `None` when they are not a row group's.
    pub(crate) fn from_words(words: Vec<u64>) -> Option<Self> {
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        (words.len() == ROW_GROUP_ROWS / 64).then_some(Self { words, count })
    }

    /// Returns the marked lanes.
    pub(crate) fn lanes(&self) -> Vec<u16> {
        let mut lanes = Vec::with_capacity(self.count);
        for (index, word) in self.words.iter().enumerate() {
            let mut left = *word;
            while left != 0 {
                lanes.push((index * 64 + left.trailing_zeros() as usize) as u16);
                left &= left - 1;
            }
        }
        lanes
    }

    /// Marks all lanes of `other` as well.
    pub(crate) fn union(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self.count = self.words.iter().map(|word| word.count_ones() as usize).sum();
    }

    /// Returns whether a lane is marked in both.
    pub(crate) fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(left, right)| left & right != 0)
    }
}

impl Group {
    /// Returns the number of rows stored, deleted ones included.
    pub(crate) fn len(&self) -> usize {
        match &self.data {
            GroupData::Hot(hot) => hot.len(),
            GroupData::Frozen { segment, index } => segment.rows(*index),
        }
    }

    /// Returns the number of rows not deleted.
    pub(crate) fn visible_rows(&self) -> usize {
        self.len() - self.deleted.as_ref().map_or(0, |deleted| deleted.count)
    }

    /// Returns this row group with the lanes of `deleted` deleted as well.
    pub(crate) fn with_deleted(&self, deleted: &Arc<DeleteMask>) -> Self {
        let mask = match &self.deleted {
            None => Arc::clone(deleted),
            Some(old) => {
                let mut mask = DeleteMask::clone(old);
                mask.union(deleted);
                Arc::new(mask)
            }
        };
        Self { deleted: Some(mask), ..self.clone() }
    }
}

impl TableVersion {
    /// Returns an empty table.
    pub(crate) fn new(columns: Arc<[ColumnDefinition]>, key: Option<Vec<usize>>, first_group: u64) -> Self {
        Self { columns, key, groups: Vec::new(), next_group: first_group, changed_at: 0 }
    }

    /// Appends rows, to the last row group if it is hot and has room.
    pub(crate) fn append(&mut self, vectors: &[Vector]) -> Result<()> {
        let rows = vectors.first().map_or(0, Vector::len);
        let mut from = 0;
        while from < rows {
            let open = self.groups.last_mut().and_then(|group| match &mut group.data {
                GroupData::Hot(hot) if !hot.is_full() => Some(hot),
                GroupData::Hot(_) | GroupData::Frozen { .. } => None,
            });
            match open {
                Some(hot) => {
                    let (next, count) = hot.append(&self.columns, vectors, from)?;
                    *hot = Arc::new(next);
                    from += count;
                }
                None => {
                    let data = GroupData::Hot(Arc::default());
                    self.groups.push(Group { id: self.next_group, data, deleted: None });
                    self.next_group += 1;
                }
            }
        }
        Ok(())
    }

    /// Appends all row groups of a segment.
    pub(crate) fn append_segment(&mut self, segment: &Arc<Segment>) {
        for index in 0..segment.group_count() {
            let data = GroupData::Frozen { segment: Arc::clone(segment), index };
            self.groups.push(Group { id: self.next_group, data, deleted: None });
            self.next_group += 1;
        }
    }

    /// Returns the row group numbered `id` (their numbers ascend).
    pub(crate) fn group(&self, id: u64) -> Option<&Group> {
        self.groups.binary_search_by_key(&id, |group| group.id).ok().map(|index| &self.groups[index])
    }

    /// Deletes the lanes of `deleted` from row group `id`. Fails when one is deleted already.
    pub(crate) fn delete(&mut self, table: TableId, id: u64, deleted: &Arc<DeleteMask>) -> Result<()> {
        let conflict = StorageError::WriteConflict { table };
        let index = self.groups.binary_search_by_key(&id, |group| group.id).map_err(|_| conflict.clone())?;
        let group = &mut self.groups[index];
        if group.deleted.as_ref().is_some_and(|old| old.intersects(deleted)) {
            return Err(conflict);
        }
        *group = group.with_deleted(deleted);
        Ok(())
    }
}

impl StoreVersion {
    /// Returns the names of all segments.
    pub(crate) fn segments(&self) -> BTreeSet<String> {
        let groups = self.tables.values().flat_map(|table| &table.groups);
        groups
            .filter_map(|group| match &group.data {
                GroupData::Hot(_) => None,
                GroupData::Frozen { segment, .. } => Some(segment.name.clone()),
            })
            .collect()
    }
}

/// Returns the version after `version` with `writes` applied, or the conflict with what is in `version`.
/// Both commits and recovery go through here, so that row groups get the same numbers.
pub(crate) fn apply(version: &StoreVersion, writes: &Writes, commit: u64) -> Result<StoreVersion> {
    let mut next = StoreVersion { commit, ..version.clone() };
    for (&table, writes) in &writes.tables {
        match apply_table(next.tables.get(&table), table, writes)? {
            Some(version) => {
                next.tables.insert(table, Arc::new(TableVersion { changed_at: commit, ..version }));
            }
            None => {
                next.tables.remove(&table);
            }
        }
    }
    if let Some((image, since)) = &writes.catalog {
        if next.catalog_commit > *since {
            return Err(StorageError::CatalogConflict);
        }
        next.catalog = Arc::clone(image);
        next.catalog_commit = commit;
    }
    Ok(next)
}

/// Returns the table after `writes`; `None` when they drop it.
fn apply_table(
    old: Option<&Arc<TableVersion>>,
    table: TableId,
    writes: &TableWrites,
) -> Result<Option<TableVersion>> {
    let conflict = || StorageError::WriteConflict { table };
    let inserted = &writes.inserted;
    let mut version = match writes.base {
        Base::Created if old.is_some() => return Err(StorageError::TableExists(table)),
        Base::Created => TableVersion::new(Arc::clone(&inserted.columns), inserted.key.clone(), 0),
        Base::Committed => TableVersion::clone(old.ok_or_else(conflict)?),
        Base::Truncated(since) => {
            let old = old.filter(|old| old.changed_at <= since).ok_or_else(conflict)?;
            TableVersion { groups: Vec::new(), ..TableVersion::clone(old) }
        }
        Base::Dropped => return old.map(|_| None).ok_or_else(conflict),
    };
    for (&id, deleted) in &writes.deleted {
        version.delete(table, id, deleted)?;
    }
    for group in &inserted.groups {
        match &group.data {
            GroupData::Hot(_) => {
                for batch in surviving_rows(group, &inserted.columns)? {
                    version.append(&batch)?;
                }
            }
            GroupData::Frozen { .. } => {
                version.groups.push(Group { id: version.next_group, ..group.clone() });
                version.next_group += 1;
            }
        }
    }
    Ok(Some(version))
}

/// Checks vectors against columns before anything is done with them.
pub(crate) fn check_rows(columns: &[ColumnDefinition], vectors: &[Vector]) -> Result<usize> {
    if vectors.len() != columns.len() {
        return Err(StorageError::Misuse(format!(
            "{} vectors for a table of {} columns",
            vectors.len(),
            columns.len()
        )));
    }
    let rows = vectors.first().map_or(0, Vector::len);
    for (column, vector) in columns.iter().zip(vectors) {
        if vector.len() != rows {
            return Err(StorageError::Misuse("vectors of different lengths".to_owned()));
        }
        if !column.nullable && vector.validity.as_ref().is_some_and(|validity| validity.count_ones() < rows) {
            return Err(StorageError::NullInColumn { column: column.name.clone() });
        }
    }
    Ok(rows)
}

/// Groups row identifiers by row group.
pub(crate) fn masks_of(rows: &[RowId]) -> BTreeMap<u64, DeleteMask> {
    let mut masks: BTreeMap<u64, DeleteMask> = BTreeMap::new();
    for row in rows {
        masks.entry(row.group()).or_default().insert(row.lane());
    }
    masks
}
