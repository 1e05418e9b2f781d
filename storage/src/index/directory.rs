//! Key directories: the rows of a frozen row group in the order of an index.
//!
//! Most directories need few bytes an entry ([`super::narrow`]); those of keys that differ in many bytes have them whole.
//! A directory is made from the key columns when the row group freezes, or an index is first asked for rows of it. It is kept
//! as long as there is room or somebody asks for it now and then. Row groups whose zone maps exclude a range
//! ([`super::pruning`]) are not asked.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernels::vector::{VECTOR_LANES, Vector};
use parking_lot::RwLock;

use super::key::{Key, KeyRange, key_of};
use super::narrow::Narrow;
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
    keys: Keys,
    lanes: Vec<u16>,
    /// The least and the greatest key; `None` when there are none.
    bounds: Option<(Key, Key)>,
    /// What it takes in memory as it was made.
    bytes: usize,
}

/// The keys of a directory.
#[derive(Debug)]
enum Keys {
    /// Keys that differ from each other in few bytes: those bytes of each.
    Narrow(Narrow),
    /// The whole keys.
    Whole(Vec<Key>),
}

/// The directories of a row group.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    made: RwLock<Vec<Made>>,
}

/// The directory of an index.
#[derive(Debug)]
struct Made {
    index: IndexId,
    directory: Arc<Directory>,
    /// Whether somebody has asked for it since the last look.
    used: AtomicBool,
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
        if let Some(made) = self.made.read().iter().find(|made| made.index == index.id) {
            if !made.used.load(Ordering::Relaxed) {
                made.used.store(true, Ordering::Relaxed);
            }
            return Ok(Arc::clone(&made.directory));
        }
        let directory = Arc::new(Directory::new(index, columns, segment, group)?);
        let mut made = self.made.write();
        if !made.iter().any(|made| made.index == index.id) {
            let (index, directory, used) = (index.id, Arc::clone(&directory), AtomicBool::new(true));
            made.push(Made { index, directory, used });
        }
        Ok(directory)
    }

    /// Returns how many there are, and what they take.
    pub(crate) fn memory(&self) -> (usize, usize) {
        let made = self.made.read();
        (made.len(), made.iter().map(|made| made.directory.bytes()).sum())
    }

    /// Forgets those that nobody has asked for since the last call; they are made again when somebody does.
    pub(crate) fn forget_unused(&self) {
        let unused = |made: &Made| !made.used.load(Ordering::Relaxed);
        if self.made.read().iter().any(unused) {
            self.made.write().retain(|made| !unused(made));
        }
        self.made.read().iter().for_each(|made| made.used.store(false, Ordering::Relaxed));
    }

    /// Forgets the directory of an index that was dropped.
    pub(crate) fn forget(&self, index: IndexId) {
        self.made.write().retain(|made| made.index != index);
    }
}

/// Calls `each` with the keys of a row group of a segment and their lanes, in the order of lanes. What it was called with
/// does not count when this fails.
///
/// # Errors
/// When the segment is damaged.
pub(crate) fn each_key(
    index: &IndexDefinition,
    columns: &[ColumnDefinition],
    segment: &Segment,
    group: usize,
    each: &mut dyn FnMut(Key, u16),
) -> Result<()> {
    segment.check()?;
    let losses = guard::losses();
    let rows = segment.rows(group);
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
            each(key, (vector_index * VECTOR_LANES + lane) as u16);
        }
    }
    guard::check_losses(losses)
}

impl Directory {
    fn new(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        segment: &Segment,
        group: usize,
    ) -> Result<Self> {
        let mut entries = Vec::with_capacity(segment.rows(group));
        each_key(index, columns, segment, group, &mut |key, lane| entries.push((key, lane)))?;
        if !entries.is_sorted() {
            entries.sort_unstable();
        }
        let lanes = entries.iter().map(|(_, lane)| *lane).collect();
        let whole: Vec<Key> = entries.into_iter().map(|(key, _)| key).collect();
        let bounds = whole.first().cloned().zip(whole.last().cloned());
        let keys = match Narrow::new(&whole) {
            Some(narrow) => Keys::Narrow(narrow),
            None => Keys::Whole(whole),
        };
        let mut directory = Self { keys, lanes, bounds, bytes: 0 };
        directory.bytes = directory.memory();
        Ok(directory)
    }

    /// Returns what it takes in memory now.
    fn bytes(&self) -> usize {
        let later = match &self.keys {
            Keys::Narrow(narrow) => narrow.filter_memory(),
            Keys::Whole(_) => 0,
        };
        self.bytes + later
    }

    fn memory(&self) -> usize {
        let keys = match &self.keys {
            Keys::Narrow(narrow) => narrow.memory(),
            Keys::Whole(keys) => keys.iter().map(Key::memory).sum(),
        };
        keys + self.lanes.capacity() * size_of::<u16>()
    }

    /// Returns the least and the greatest key.
    pub(crate) fn bounds(&self) -> Option<&(Key, Key)> {
        self.bounds.as_ref()
    }

    /// Returns whether two rows have the same key.
    pub(crate) fn has_duplicates(&self) -> bool {
        match &self.keys {
            Keys::Narrow(narrow) => narrow.has_duplicates(),
            Keys::Whole(keys) => keys.windows(2).any(|pair| pair[0] == pair[1]),
        }
    }

    /// Returns the lanes with a key.
    pub(crate) fn equal(&self, key: &Key) -> &[u16] {
        if self.bounds.as_ref().is_none_or(|(least, greatest)| key < least || greatest < key) {
            return &[];
        }
        let same = match &self.keys {
            Keys::Narrow(narrow) => narrow.equal(key),
            Keys::Whole(keys) => {
                let from = keys.partition_point(|entry| entry < key);
                from..from + keys[from..].iter().take_while(|entry| *entry == key).count()
            }
        };
        &self.lanes[same]
    }

    /// Returns the key and the lane at a position; `None` past the end.
    pub(crate) fn entry(&self, position: usize) -> Option<(Key, u16)> {
        let lane = *self.lanes.get(position)?;
        Some(match &self.keys {
            Keys::Narrow(narrow) => (narrow.key(position), lane),
            Keys::Whole(keys) => (keys[position].clone(), lane),
        })
    }

    /// Returns all entries.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Key, u16)> + '_ {
        (0..self.lanes.len()).filter_map(|position| self.entry(position))
    }

    /// Returns the positions of the entries in a range.
    pub(crate) fn positions(&self, range: &KeyRange) -> Range<usize> {
        let below = |bound: &Key| match &self.keys {
            Keys::Narrow(narrow) => narrow.below(bound),
            Keys::Whole(keys) => keys.partition_point(|key| key < bound),
        };
        let from = below(&range.low);
        let until = range.high.as_ref().map_or(self.lanes.len(), below);
        from..until.max(from)
    }
}
