//! What a store has in memory, for whoever wants to know where it has gone.
//!
//! Sizes are those of what is kept, without the allocator's own needs; those of trees are estimates.

use std::sync::Arc;

use crate::heap::Heap;
use crate::heap::group::Group;
use crate::index::key::Key;
use crate::store::Store;

/// A part of what is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryPart {
    /// What it is.
    pub part: &'static str,
    /// How many there are.
    pub count: u64,
    /// What they take; nothing where that is part of another line, or too little to count.
    pub bytes: u64,
}

/// An estimate: nodes of a B-tree are two thirds full.
const ENTRY_BYTES: usize = (size_of::<Key>() + size_of::<u64>()) * 3 / 2;

#[derive(Default)]
struct Account {
    /// Parts in the order in which they are shown.
    parts: Vec<MemoryPart>,
}

impl Account {
    fn add(&mut self, part: &'static str, count: usize, bytes: usize) {
        let (count, bytes) = (count as u64, bytes as u64);
        match self.parts.iter_mut().find(|known| known.part == part) {
            Some(known) => {
                known.count += count;
                known.bytes += bytes;
            }
            None => self.parts.push(MemoryPart { part, count, bytes }),
        }
    }

    fn add_group(&mut self, group: &Group) {
        for page in group.touched() {
            let memory = page.read().memory();
            self.add("rows in memory", memory.rows, memory.row_bytes);
            self.add("stamps", usize::from(memory.stamp_bytes > 0), memory.stamp_bytes);
            self.add("vectors of rows in memory", memory.kept_vectors, memory.kept_bytes);
        }
        let (count, bytes) = group.directories.memory();
        self.add("key directories", count, bytes);
    }

    fn add_heap(&mut self, heap: &Arc<Heap>) {
        let groups = heap.groups();
        let hot = groups.iter().filter(|group| group.is_hot()).count();
        self.add("row groups in memory", hot, 0);
        self.add("row groups in segments", groups.len() - hot, 0);
        groups.iter().for_each(|group| self.add_group(group));
        for index in heap.indexes().iter() {
            let entries = index.len();
            self.add("entries of index trees", entries, entries * ENTRY_BYTES);
            let (count, bytes) = index.map.memory();
            self.add("hash tables of keys", count, bytes);
        }
        heap.each_retired(|group| {
            self.add("row groups for old snapshots", 1, 0);
            self.add_group(group);
        });
        let (garbage, garbage_bytes) = heap.garbage_memory();
        self.add("ended rows to be removed", garbage, garbage_bytes);
        let (free, free_bytes) = heap.free_memory();
        self.add("free places", free, free_bytes);
    }
}

impl Store {
    /// Returns what is in memory, by what it is.
    pub fn memory(&self) -> Vec<MemoryPart> {
        let mut account = Account::default();
        for part in [
            "rows in memory",
            "vectors of rows in memory",
            "entries of index trees",
            "stamps",
            "key directories",
            "hash tables of keys",
            "row groups in memory",
            "row groups in segments",
            "row groups for old snapshots",
            "ended rows to be removed",
            "free places",
        ] {
            account.add(part, 0, 0);
        }
        let version = self.published_version();
        account.add("catalog", version.tables.len(), version.catalog.len());
        version.tables.values().for_each(|table| account.add_heap(&table.heap));
        account.add("segments, mapped", version.segments().len(), 0);
        account.add("transactions in flight", self.running_xids().0.len(), 0);
        account.add(
            "commits since the oldest snapshot",
            (self.published_commit() - self.horizon()) as usize,
            0,
        );
        account.add("locks", self.list_locks().len(), 0);
        account.add("journal", 1, self.journal.size() as usize);
        account.parts
    }
}
