//! A hash table over the whole keys of a table's frozen row groups: where in them a key may be.
//!
//! A row that is changed moves to a row group of its time, so after a while every row group has keys from everywhere, and
//! looking for one in each directory takes as long as there are row groups. The table takes one place in memory instead,
//! whatever there are. It says where a key *may* be: hashes of 32 bits are compared, the key itself with the row.
//!
//! It knows of which arrangement of frozen row groups ([`crate::heap::Heap::arrangement`]) it has every key; for any other
//! one the directories answer. Entries of row groups that are gone are passed over, and left behind when the table grows. It
//! is made once an index has been asked for whole keys for a while that zone maps do not find in a few row groups, and never by a session: it takes a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use super::IndexDefinition;
use super::directory::each_key;
use super::key::{Key, key_of_lanes};
use crate::error::Result;
use crate::heap::Heap;
use crate::heap::group::{Group, INCONSISTENT};
use crate::table::RowId;

/// Tuning constants: look-ups in more than a few directories before the table is made, how many are few (rows that came one
/// after the other may be in some row groups that lie next to each other), places for each row, and of how many of its
/// places it uses eight at most.
const LOOKUPS_MIN: u32 = 256;
const DIRECTORIES_FEW: usize = if cfg!(test) { 2 } else { 8 };
const PLACES: usize = 2;
const LOAD: usize = 11;
/// More rows than this are left to the directories: 1 GiB.
const ROWS_MAX: usize = 1 << 26;
/// Row groups have numbers of 16 bits, counted from 1.
const GROUPS_MAX: usize = u16::MAX as usize;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct KeyMap {
    table: ArcSwapOption<Table>,
    /// Held by whoever adds to it.
    building: Mutex<()>,
    lookups: AtomicU32,
}

/// Places for entries: the key's hash, the number of the row group among those known here, counted from 1, and the lane.
#[derive(Debug)]
struct Table {
    places: Box<[AtomicU64]>,
    used: AtomicUsize,
    /// The row groups that are known here.
    groups: Box<[AtomicU64]>,
    group_count: AtomicUsize,
    /// The arrangement of which all keys are here.
    arrangement: AtomicU64,
}

/// What became of a look-up.
#[derive(Debug)]
pub(crate) enum Answer<T> {
    /// A row was found that was accepted.
    Found(T),
    /// There is none.
    Nothing,
    /// The directories are to be asked.
    Unknown,
}

impl KeyMap {
    /// Looks for a row with `key` in the frozen row groups that `accept` wants.
    ///
    /// # Errors
    /// When a segment is damaged.
    pub(crate) fn find<T>(
        &self,
        index: &IndexDefinition,
        heap: &Heap,
        key: &Key,
        mut accept: impl FnMut(&Group, RowId) -> Option<T>,
    ) -> Result<Answer<T>> {
        let table = self.table.load();
        let arrangement = heap.arrangement();
        let Some(table) = table.as_ref().filter(|table| table.has(arrangement)) else {
            return Ok(Answer::Unknown);
        };
        let list = heap.list();
        let hash = hash(key);
        let mut at = table.place(hash);
        loop {
            let entry = table.places[at].load(Ordering::Acquire);
            if entry == 0 {
                break;
            }
            at = if at + 1 == table.places.len() { 0 } else { at + 1 };
            if (entry >> 32) as u32 != hash {
                continue;
            }
            let id = table.group(entry);
            let Ok(found) = list.binary_search_by_key(&id, |group| group.id) else { continue };
            let group = &list[found];
            let row = RowId::new(id, usize::from(entry as u16));
            if let Some(accepted) = accept(group, row)
                && has_key(index, heap, group, row, key)?
            {
                return Ok(Answer::Found(accepted));
            }
        }
        Ok(if heap.arrangement() == arrangement { Answer::Nothing } else { Answer::Unknown })
    }

    /// Notes that a look-up had to ask so many directories. Where zone maps mostly leave few of them, the table is not worth
    /// its memory: rows that are never changed would be in it for ever.
    pub(crate) fn note_lookup(&self, directories: usize) {
        let before = self.lookups.load(Ordering::Relaxed);
        if directories > DIRECTORIES_FEW {
            self.lookups.store(before.saturating_add(1), Ordering::Relaxed);
        } else if before > 0 {
            self.lookups.store(before - 1, Ordering::Relaxed);
        }
    }

    /// Returns whether it is time to add what is missing.
    pub(crate) fn is_wanted(&self) -> bool {
        self.lookups.load(Ordering::Relaxed) >= LOOKUPS_MIN
    }

    /// Adds the keys of all frozen row groups that are not here, unless somebody else is at it.
    ///
    /// # Errors
    /// When a segment is damaged.
    pub(crate) fn complete(&self, index: &IndexDefinition, heap: &Heap) -> Result<()> {
        let Some(_building) = self.building.try_lock() else { return Ok(()) };
        self.lookups.store(0, Ordering::Relaxed);
        let arrangement = heap.arrangement();
        let list = heap.list();
        let wanted: Vec<&Arc<Group>> = list.iter().filter(|group| group.is_in_directories()).collect();
        let rows: usize = wanted.iter().map(|group| group.len()).sum();
        if !arrangement.is_multiple_of(2) || rows > ROWS_MAX || wanted.len() >= GROUPS_MAX {
            return Ok(());
        }
        let known = self.table.load_full();
        let is_known = |group: &&Arc<Group>| known.as_ref().is_some_and(|table| table.knows(group.id));
        let missing: Vec<&Arc<Group>> = wanted.iter().copied().filter(|group| !is_known(group)).collect();
        let added: usize = missing.iter().map(|group| group.len()).sum();
        let table = match known {
            Some(table) if table.has_room(added, missing.len()) => table,
            other => {
                let table = Table::new(rows, wanted.len());
                if let Some(other) = other {
                    table.take_over(&other, &|id| wanted.iter().any(|group| group.id == id));
                }
                Arc::new(table)
            }
        };
        for group in missing {
            table.add(index, heap, group)?;
        }
        table.arrangement.store(arrangement, Ordering::Release);
        self.table.store(Some(table));
        Ok(())
    }

    /// Returns whether it has been made.
    pub(crate) fn is_made(&self) -> bool {
        self.table.load().is_some()
    }

    /// Returns how many keys it has, and what it takes in memory, in bytes.
    pub(crate) fn memory(&self) -> (usize, usize) {
        self.table.load().as_ref().map_or((0, 0), |table| {
            let words = table.places.len() + table.groups.len();
            (table.used.load(Ordering::Relaxed), words * size_of::<u64>())
        })
    }
}

impl Table {
    fn new(rows: usize, groups: usize) -> Self {
        let zeros = |len: usize| (0..len).map(|_| AtomicU64::new(0)).collect();
        Self {
            places: zeros((rows * PLACES).max(1024)),
            used: AtomicUsize::new(0),
            groups: zeros((groups * 2 + 64).min(GROUPS_MAX)),
            group_count: AtomicUsize::new(0),
            arrangement: AtomicU64::new(u64::MAX),
        }
    }

    fn has(&self, arrangement: u64) -> bool {
        arrangement.is_multiple_of(2) && self.arrangement.load(Ordering::Acquire) == arrangement
    }

    fn has_room(&self, rows: usize, groups: usize) -> bool {
        (self.used.load(Ordering::Relaxed) + rows) * LOAD <= self.places.len() * 8
            && self.group_count.load(Ordering::Relaxed) + groups <= self.groups.len()
    }

    /// Returns the place at which the search for a hash begins.
    fn place(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.places.len() as u64) >> 32) as usize
    }

    /// Returns the row group of an entry.
    fn group(&self, entry: u64) -> u64 {
        let number = usize::from((entry >> 16) as u16);
        self.groups.get(number.wrapping_sub(1)).map_or(u64::MAX, |group| group.load(Ordering::Acquire))
    }

    fn knows(&self, group: u64) -> bool {
        let count = self.group_count.load(Ordering::Relaxed);
        self.groups.iter().take(count).any(|known| known.load(Ordering::Relaxed) == group)
    }

    /// Makes a row group known. Returns its number.
    fn note_group(&self, group: u64) -> u64 {
        let at = self.group_count.fetch_add(1, Ordering::Relaxed);
        self.groups[at].store(group, Ordering::Release);
        at as u64 + 1
    }

    fn insert(&self, hash: u32, number: u64, lane: u16) {
        let entry = u64::from(hash) << 32 | number << 16 | u64::from(lane);
        let mut at = self.place(hash);
        while self.places[at].load(Ordering::Relaxed) != 0 {
            at = if at + 1 == self.places.len() { 0 } else { at + 1 };
        }
        self.places[at].store(entry, Ordering::Release);
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds the keys of a row group, of all rows that it has, dead or not. A row group whose keys cannot all be read is
    /// not known.
    fn add(&self, index: &IndexDefinition, heap: &Heap, group: &Group) -> Result<()> {
        let Some((segment, position)) = group.segment() else { return Ok(()) };
        let mut hashes = Vec::with_capacity(group.len());
        each_key(index, heap.columns(), segment, position, &mut |key, lane| hashes.push((hash(&key), lane)))?;
        let number = self.note_group(group.id);
        hashes.into_iter().for_each(|(hash, lane)| self.insert(hash, number, lane));
        Ok(())
    }

    /// Takes over the entries of row groups that are still wanted.
    fn take_over(&self, other: &Self, is_wanted: &dyn Fn(u64) -> bool) {
        let count = other.group_count.load(Ordering::Relaxed);
        let known = other.groups.iter().take(count).map(|group| group.load(Ordering::Relaxed));
        let numbers: Vec<Option<u64>> =
            known.map(|group| is_wanted(group).then(|| self.note_group(group))).collect();
        for place in &other.places {
            let entry = place.load(Ordering::Relaxed);
            let number = usize::from((entry >> 16) as u16);
            if let Some(Some(number)) = numbers.get(number.wrapping_sub(1)).filter(|_| entry != 0) {
                self.insert((entry >> 32) as u32, *number, entry as u16);
            }
        }
    }
}

/// Returns whether a frozen row has a key.
fn has_key(index: &IndexDefinition, heap: &Heap, group: &Group, row: RowId, key: &Key) -> Result<bool> {
    let Some((segment, position)) = group.segment() else { return Ok(false) };
    let mut string = Vec::new();
    let own = key_of_lanes(index, heap.columns(), |column, take| {
        let chunk = segment.chunk(position, column)?;
        let lane = chunk.lane(&heap.columns()[column], row.lane(), &mut string)?;
        take(lane.ok_or_else(|| segment.corrupt(position, column, INCONSISTENT))?)
    })?;
    Ok(own == *key)
}

/// Returns a key's hash. Who knows it can make keys that have the same, which are then all looked at.
fn hash(key: &Key) -> u32 {
    let mix = |hash: u64, word: u64| {
        let product = u128::from(hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128);
        (product >> 64) as u64 ^ product as u64
    };
    let (head, tail) = key.words();
    let mut hash = head.iter().fold(0x2545_f491_4f6c_dd1d, |hash, word| mix(hash, *word));
    for chunk in tail.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    (mix(hash, tail.len() as u64) >> 32) as u32
}
