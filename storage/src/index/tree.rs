//! The ordered tree of an index: keys of rows in memory, all versions of them.

use std::collections::BTreeSet;
use std::ops::Bound;

use parking_lot::RwLock;

use super::IndexDefinition;
use super::key::{Key, KeyRange};
use super::map::KeyMap;
use crate::table::RowId;

/// An index of a table.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) definition: IndexDefinition,
    tree: RwLock<BTreeSet<(Key, u64)>>,
    /// Where the keys of frozen row groups are.
    pub(crate) map: KeyMap,
}

impl Index {
    pub(crate) fn new(definition: IndexDefinition) -> Self {
        Self { definition, tree: RwLock::default(), map: KeyMap::default() }
    }

    /// Adds a row.
    pub(crate) fn insert(&self, key: Key, row: RowId) {
        self.tree.write().insert((key, row.0));
    }

    /// Adds a row unless `conflict` finds something among those that have the same key. Nobody else can add that key
    /// meanwhile.
    pub(crate) fn insert_unless<T>(
        &self,
        key: Key,
        row: RowId,
        mut conflict: impl FnMut(RowId) -> Option<T>,
    ) -> Option<T> {
        let mut tree = self.tree.write();
        let found = rows_of(&tree, &key).find_map(&mut conflict);
        if found.is_none() {
            tree.insert((key, row.0));
        }
        found
    }

    /// Removes a row.
    pub(crate) fn remove(&self, key: Key, row: RowId) {
        self.tree.write().remove(&(key, row.0));
    }

    /// Returns the first of the rows with a key that `accept` wants.
    pub(crate) fn find(&self, key: &Key, mut accept: impl FnMut(RowId) -> bool) -> Option<RowId> {
        let tree = self.tree.read();
        rows_of(&tree, key).find(|row| accept(*row))
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.tree.read().len()
    }

    /// Returns up to `count` entries of `range` after (before, in reverse) `last`.
    pub(crate) fn entries(
        &self,
        range: &KeyRange,
        last: Option<&(Key, u64)>,
        reverse: bool,
        count: usize,
    ) -> Vec<(Key, u64)> {
        let mut low = Bound::Included((range.low.clone(), 0));
        let mut high = match &range.high {
            None => Bound::Unbounded,
            Some(high) => Bound::Excluded((high.clone(), 0)),
        };
        if range.high.as_ref().is_some_and(|high| *high <= range.low) {
            return Vec::new();
        }
        if let Some(last) = last {
            *(if reverse { &mut high } else { &mut low }) = Bound::Excluded(last.clone());
        }
        if let (Bound::Excluded(low), Bound::Excluded(high)) = (&low, &high)
            && low >= high
        {
            return Vec::new();
        }
        if let (Bound::Included(low), Bound::Excluded(high)) = (&low, &high)
            && low > high
        {
            return Vec::new();
        }
        let tree = self.tree.read();
        let entries = tree.range((low, high));
        if reverse {
            entries.rev().take(count).cloned().collect()
        } else {
            entries.take(count).cloned().collect()
        }
    }
}

/// Returns the rows with a key, the last place first: the newest version of a row is there most often, and older ones may
/// be many.
fn rows_of(tree: &BTreeSet<(Key, u64)>, key: &Key) -> impl Iterator<Item = RowId> {
    // With one end to look for the search compares half as many keys.
    let until_last = tree.range(..=(key.clone(), u64::MAX));
    until_last.rev().take_while(move |(other, _)| other == key).map(|(_, row)| RowId(*row))
}
