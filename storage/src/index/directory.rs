//! Key directories: the rows of a frozen row group in the order of an index.
//!
//! A directory is made from the key columns when an index is first asked for rows of the row group, and kept. Row groups
//! whose zone maps exclude a range are not asked.

use std::sync::Arc;

use kernels::vector::{VECTOR_LANES, Vector};
use parking_lot::RwLock;

use super::key::{Key, KeyRange, key_of};
use super::{IndexDefinition, IndexId};
use crate::disk::guard;
use crate::error::Result;
use crate::heap::group::INCONSISTENT;
use crate::heap::row::{Lane, lane_at};
use crate::segment::Segment;
use crate::table::ColumnDefinition;

/// Keys and lanes, ascending.
#[derive(Debug)]
pub(crate) struct Directory {
    entries: Vec<(Key, u16)>,
}

/// The directories of a row group.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    made: RwLock<Vec<(IndexId, Arc<Directory>)>>,
}

impl Directories {
    /// Returns the directory of an index.
    pub(crate) fn get(
        &self,
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        segment: &Segment,
        group: usize,
    ) -> Result<Arc<Directory>> {
        if let Some((_, made)) = self.made.read().iter().find(|(id, _)| *id == index.id) {
            return Ok(Arc::clone(made));
        }
        let directory = Arc::new(Directory::new(index, columns, segment, group)?);
        let mut made = self.made.write();
        if !made.iter().any(|(id, _)| *id == index.id) {
            made.push((index.id, Arc::clone(&directory)));
        }
        Ok(directory)
    }

    /// Forgets the directory of an index that was dropped.
    pub(crate) fn forget(&self, index: IndexId) {
        self.made.write().retain(|(id, _)| *id != index);
    }
}

impl Directory {
    fn new(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        segment: &Segment,
        group: usize,
    ) -> Result<Self> {
        segment.check()?;
        let losses = guard::losses();
        let rows = segment.rows(group);
        let mut entries = Vec::with_capacity(rows);
        for vector_index in 0..rows.div_ceil(VECTOR_LANES) {
            let mut vectors: Vec<(usize, Vector)> = Vec::with_capacity(index.columns.len());
            for part in &index.columns {
                let vector = segment.chunk(group, part.column)?.vector(vector_index);
                let vector = vector.ok_or_else(|| segment.corrupt(group, part.column, INCONSISTENT))?;
                vectors.push((part.column, vector));
            }
            let lanes = (rows - vector_index * VECTOR_LANES).min(VECTOR_LANES);
            for lane in 0..lanes {
                let (key, _) = key_of(index, columns, |column| {
                    match vectors.iter().find(|(number, _)| *number == column) {
                        Some((_, vector)) => lane_at(&columns[column], vector, lane),
                        None => Ok(Lane::Null),
                    }
                })?;
                entries.push((key, (vector_index * VECTOR_LANES + lane) as u16));
            }
        }
        guard::check_losses(losses)?;
        if !entries.is_sorted() {
            entries.sort_unstable();
        }
        Ok(Self { entries })
    }

    /// Returns the entries of a key.
    pub(crate) fn equal(&self, key: &Key) -> &[(Key, u16)] {
        let from = self.entries.partition_point(|(entry, _)| entry < key);
        let rest = &self.entries[from..];
        &rest[..rest.iter().take_while(|(entry, _)| entry == key).count()]
    }

    /// Returns all entries.
    pub(crate) fn entries(&self) -> &[(Key, u16)] {
        &self.entries
    }

    /// Returns the positions of the entries in a range.
    pub(crate) fn positions(&self, range: &KeyRange) -> std::ops::Range<usize> {
        let from = self.entries.partition_point(|(key, _)| *key < range.low);
        let until = match &range.high {
            None => self.entries.len(),
            Some(high) => self.entries.partition_point(|(key, _)| key < high),
        };
        from..until.max(from)
    }
}
