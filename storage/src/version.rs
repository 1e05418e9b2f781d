//! Versions of the store's structure: which tables there are, and the catalog.
//!
//! A version is an immutable tree. A commit that creates, drops, truncates or rewrites tables, or changes indexes or the
//! catalog, makes a new one that shares everything it did not touch. Rows are not in it: they are in heaps, which
//! versions share and stamps make safe.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernels::vector::{Values, Vector};

use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Form;
use crate::index::IndexDefinition;
use crate::table::{ColumnDefinition, TableId};

/// The tables and the catalog as of one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreVersion {
    pub(crate) tables: BTreeMap<TableId, Arc<TableVersion>>,
    /// The frontend's catalog.
    pub(crate) catalog: Arc<Vec<u8>>,
    /// The commit that wrote `catalog`.
    pub(crate) catalog_commit: u64,
}

/// A table as of one commit.
#[derive(Debug, Clone)]
pub(crate) struct TableVersion {
    pub(crate) indexes: Arc<[IndexDefinition]>,
    pub(crate) heap: Arc<Heap>,
}

/// What a transaction does to the structure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) tables: BTreeMap<TableId, TableChange>,
    /// The new catalog, and the commit that wrote the one it replaces.
    pub(crate) catalog: Option<(Arc<Vec<u8>>, u64)>,
}

/// What a transaction does to a table.
#[derive(Debug, Clone)]
pub(crate) struct TableChange {
    /// The table before the transaction; `None` when it makes the table.
    pub(crate) before: Option<Arc<TableVersion>>,
    /// The table after it; `None` when it drops the table.
    pub(crate) after: Option<Arc<TableVersion>>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.catalog.is_none()
    }
}

impl TableVersion {
    pub(crate) fn columns(&self) -> &Arc<[ColumnDefinition]> {
        self.heap.columns()
    }
}

impl StoreVersion {
    /// Returns the names of all segments.
    pub(crate) fn segments(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for table in self.tables.values() {
            if let Some(damage) = table.heap.damage.get() {
                names.extend(damage.stored.lock().files());
            }
            for group in table.heap.groups().iter() {
                if let Form::Frozen { segment, .. } = group.form() {
                    names.insert(segment.name.clone());
                }
            }
        }
        names
    }

    /// Returns the version after `changes`, or the conflict with what was committed meanwhile.
    pub(crate) fn with(&self, changes: &Changes, commit: u64) -> Result<Self> {
        let mut next = self.clone();
        for (&table, change) in &changes.tables {
            let now = next.tables.get(&table);
            let unchanged = match (now, &change.before) {
                (None, None) => true,
                (Some(now), Some(before)) => Arc::ptr_eq(now, before),
                (Some(_), None) => return Err(StorageError::TableExists(table)),
                (None, Some(_)) => false,
            };
            if !unchanged {
                return Err(StorageError::WriteConflict { table });
            }
            match &change.after {
                Some(after) => next.tables.insert(table, Arc::clone(after)),
                None => next.tables.remove(&table),
            };
        }
        if let Some((image, since)) = &changes.catalog {
            if next.catalog_commit > *since {
                return Err(StorageError::CatalogConflict);
            }
            next.catalog = Arc::clone(image);
            next.catalog_commit = commit;
        }
        Ok(next)
    }
}

/// Completes the vectors of rows that are to be stored: those of a table without columns are told by a vector that counts
/// them.
pub fn counted_rows(mut vectors: Vec<Vector>, rows: usize) -> Vec<Vector> {
    if vectors.is_empty() && rows > 0 {
        vectors.push(Vector::constant(Values::I32(vec![0].into()), rows));
    }
    vectors
}

/// Checks vectors against columns before anything is done with them. Rows without columns come as [`counted_rows`].
pub(crate) fn check_rows(columns: &[ColumnDefinition], vectors: &[Vector]) -> Result<usize> {
    let counts_only = columns.is_empty() && vectors.len() == 1;
    if vectors.len() != columns.len() && !counts_only {
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
