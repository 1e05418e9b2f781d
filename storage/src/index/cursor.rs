//! Reading rows in the order of an index.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::directory::Directory;
use super::key::{Key, KeyRange, range_of, whole_key};
use super::map::Answer;
use super::pruning::Pruning;
use super::tree::Index;
use super::{IndexId, IndexRange};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Group;
use crate::heap::row::StoredRow;
use crate::mvcc::snapshot::{Snapshot, View};
use crate::table::RowId;

/// A tuning constant: entries taken from the tree at a time, at first and at most.
const TREE_ENTRIES: (usize, usize) = (8, 256);

/// The rows of a range of an index that a snapshot sees, in order.
#[derive(Debug)]
pub struct IndexCursor {
    heap: Arc<Heap>,
    index: Arc<Index>,
    snapshot: Snapshot,
    range: KeyRange,
    reverse: bool,
    /// Entries of the tree, next one last; and the last one taken out of the tree.
    tree: Vec<(Key, u64)>,
    tree_last: Option<(Key, u64)>,
    tree_entries: usize,
    frozen: Vec<FrozenPart>,
    /// Row groups that are in directories, although they are in the tree, too.
    skipped: Vec<u64>,
    /// Why there are no more rows, if the transaction has to give way.
    refused: Option<StorageError>,
}

/// Entries of one frozen row group.
#[derive(Debug)]
struct FrozenPart {
    group: Arc<Group>,
    directory: Arc<Directory>,
    range: std::ops::Range<usize>,
    /// The entry that comes next; `range` has those after it.
    next: Option<(Key, u16)>,
}

impl FrozenPart {
    fn new(
        group: &Arc<Group>,
        directory: Arc<Directory>,
        range: std::ops::Range<usize>,
        reverse: bool,
    ) -> Self {
        let mut part = Self { group: Arc::clone(group), directory, range, next: None };
        part.advance(reverse);
        part
    }

    /// Returns the entry that comes next and moves on.
    fn advance(&mut self, reverse: bool) -> Option<(Key, u16)> {
        let position = if reverse { self.range.next_back() } else { self.range.next() };
        std::mem::replace(&mut self.next, position.and_then(|position| self.directory.entry(position)))
    }
}

impl IndexCursor {
    /// Returns a cursor over a range of a heap's index.
    pub(crate) fn of_heap(
        heap: &Arc<Heap>,
        index: IndexId,
        range: &IndexRange,
        reverse: bool,
        snapshot: Snapshot,
    ) -> Result<Self> {
        let index = heap.index(index).ok_or_else(|| no_index(heap, index))?;
        let pruning = Pruning::of_range(&index.definition, heap.columns(), range);
        let keys = range_of(&index.definition, range)?;
        if let Some(tracker) = &snapshot.tracker {
            let point = range.prefix.len() == index.definition.columns.len();
            tracker.read_range(heap.table, index.definition.id, &keys, point)?;
            // Row groups as a whole that others load are not looked into.
            let groups = heap.groups();
            tracker
                .meet(groups.iter().map(|group| group.begin()).filter(|begin| !snapshot.is_past(*begin)))?;
        }
        Self::new(Arc::clone(heap), index, snapshot, keys, &pruning, reverse)
    }

    pub(crate) fn new(
        heap: Arc<Heap>,
        index: Arc<Index>,
        snapshot: Snapshot,
        range: KeyRange,
        pruning: &Pruning,
        reverse: bool,
    ) -> Result<Self> {
        let (mut frozen, mut skipped) = (Vec::new(), Vec::new());
        heap.each_frozen(
            pruning,
            |group| skipped.push(group),
            |group, segment, position| {
                if snapshot.is_past(group.begin()) {
                    let directory =
                        group.directories.get(&index.definition, heap.columns(), segment, position)?;
                    let range = directory.positions(&range);
                    if !range.is_empty() {
                        frozen.push(FrozenPart::new(group, directory, range, reverse));
                    }
                }
                Ok(None::<()>)
            },
        )?;
        Ok(Self {
            heap,
            index,
            snapshot,
            range,
            reverse,
            tree: Vec::new(),
            tree_last: None,
            tree_entries: TREE_ENTRIES.0,
            frozen,
            skipped,
            refused: None,
        })
    }

    /// Returns the next row.
    ///
    /// # Errors
    /// When a segment is damaged.
    pub fn next_row(&mut self) -> Result<Option<RowId>> {
        let row = self.next_entry().map(|(_, row)| row);
        match self.refused.take() {
            Some(refused) => Err(refused),
            None => Ok(row),
        }
    }

    /// Returns the next row and its key.
    pub(crate) fn next_entry(&mut self) -> Option<(Key, RowId)> {
        loop {
            self.fill_tree();
            let (key, row) = self.pop()?;
            let Some(group) = self.heap.group(row.group()) else { continue };
            if self.snapshot.tracker.is_some()
                && let Err(refused) = self.track(&group, row)
            {
                self.refused = Some(refused);
                return None;
            }
            if group.sees(row.lane(), self.snapshot.view()) {
                return Some((key, row));
            }
        }
    }

    /// Says that a row is read, and what of it is not seen.
    fn track(&self, group: &Group, row: RowId) -> Result<()> {
        let Some(tracker) = &self.snapshot.tracker else { return Ok(()) };
        if group.sees(row.lane(), self.snapshot.view()) {
            tracker.read_row(self.heap.table, self.heap.id, row)?;
        }
        let mut unseen = BTreeSet::new();
        group.unseen_of(row.lane(), &self.snapshot, &mut unseen);
        if unseen.is_empty() { Ok(()) } else { tracker.meet(unseen) }
    }

    /// Returns the next row with its values.
    ///
    /// # Errors
    /// As [`Self::next_row`].
    pub fn next_stored(&mut self) -> Result<Option<(RowId, StoredRow)>> {
        while let Some(id) = self.next_row()? {
            let Some(group) = self.heap.group(id.group()) else { continue };
            if let Some(row) = group.row(&self.heap.layout, id.lane())? {
                return Ok(Some((id, row)));
            }
        }
        Ok(None)
    }

    fn fill_tree(&mut self) {
        while self.tree.is_empty() && self.tree_entries > 0 {
            self.fill_tree_once();
        }
    }

    fn fill_tree_once(&mut self) {
        let found = self.index.entries(&self.range, self.tree_last.as_ref(), self.reverse, self.tree_entries);
        if found.len() < self.tree_entries {
            self.tree_entries = 0;
        } else {
            self.tree_entries = (self.tree_entries * 4).min(TREE_ENTRIES.1);
        }
        self.tree_last = found.last().cloned();
        self.tree = found;
        self.tree.retain(|(_, row)| !self.skipped.contains(&RowId(*row).group()));
        self.tree.reverse();
    }

    /// Takes the entry that comes next.
    fn pop(&mut self) -> Option<(Key, RowId)> {
        let before = |left: &Key, right: &Key| if self.reverse { left > right } else { left < right };
        let mut best: Option<(usize, &Key)> = None;
        for (at, part) in self.frozen.iter().enumerate() {
            if let Some((key, _)) = &part.next
                && best.is_none_or(|(_, best)| before(key, best))
            {
                best = Some((at, key));
            }
        }
        let tree_first =
            self.tree.last().is_some_and(|(key, _)| best.is_none_or(|(_, best)| !before(best, key)));
        if tree_first {
            return self.tree.pop().map(|(key, row)| (key, RowId(row)));
        }
        let at = best?.0;
        let part = &mut self.frozen[at];
        let (key, lane) = part.advance(self.reverse)?;
        Some((key, RowId::new(part.group.id, usize::from(lane))))
    }
}

/// Returns the row with a whole key of a unique index that a snapshot sees.
pub(crate) fn find_unique(
    heap: &Heap,
    index: IndexId,
    key: &[types::Datum],
    snapshot: View<'_>,
) -> Result<Option<RowId>> {
    let indexes = heap.indexes();
    let index =
        indexes.iter().find(|other| other.definition.id == index).ok_or_else(|| no_index(heap, index))?;
    let bytes = whole_key(&index.definition, key)?;
    let sees = |row: RowId| heap.group(row.group()).is_some_and(|group| group.sees(row.lane(), snapshot));
    if let Some(row) = index.find(&bytes, sees) {
        return Ok(Some(row));
    }
    let found = index
        .map
        .find(&index.definition, heap, &bytes, |group, row| group.sees(row.lane(), snapshot).then_some(row));
    match found? {
        Answer::Found(row) => return Ok(Some(row)),
        Answer::Nothing => return Ok(None),
        Answer::Unknown => {}
    }
    let mut directories = 0;
    let pruning = Pruning::of_key(&index.definition, heap.columns(), key);
    let found = heap.each_frozen(
        &pruning,
        |_| {},
        |group, segment, position| {
            if !snapshot.is_past(group.begin()) {
                return Ok(None);
            }
            directories += 1;
            let directory = group.directories.get(&index.definition, heap.columns(), segment, position)?;
            let rows = directory.equal(&bytes).iter().map(|lane| usize::from(*lane));
            Ok(rows.filter(|lane| group.sees(*lane, snapshot)).map(|lane| RowId::new(group.id, lane)).next())
        },
    )?;
    index.map.note_lookup(directories);
    Ok(found)
}

fn no_index(heap: &Heap, index: IndexId) -> StorageError {
    StorageError::Misuse(format!("table {} has no index {}", heap.table.0, index.0))
}
