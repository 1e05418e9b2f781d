//! What transactions at SERIALIZABLE have read: PostgreSQL's predicate (SIREAD) locks.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::index::IndexId;
use crate::index::key::{Key, KeyRange};
use crate::table::{RowId, TableId};

/// Tuning constants: a transaction that has read more rows or ranges of a table counts as having read all of it.
const ROWS_MAX: usize = 1024;
const RANGES_MAX: usize = 256;

/// Who has read what, and what each transaction has read.
#[derive(Debug, Default)]
pub(super) struct Targets {
    tables: HashMap<TableId, Readers>,
    held: HashMap<u64, HashMap<TableId, Held>>,
}

/// The readers of a table.
#[derive(Debug, Default)]
struct Readers {
    whole: BTreeSet<u64>,
    /// By heap and row.
    rows: HashMap<(u64, RowId), BTreeSet<u64>>,
    points: HashMap<(IndexId, Key), BTreeSet<u64>>,
    spans: Vec<(IndexId, KeyRange, u64)>,
}

/// What a transaction has read of a table.
#[derive(Debug, Default)]
struct Held {
    whole: bool,
    rows: HashSet<(u64, RowId)>,
    points: HashSet<(IndexId, Key)>,
    spans: usize,
}

impl Readers {
    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.rows.is_empty() && self.points.is_empty() && self.spans.is_empty()
    }

    /// Takes away what `id` has read in detail.
    fn remove_details(&mut self, id: u64, held: &Held) {
        for row in &held.rows {
            remove(&mut self.rows, row, id);
        }
        for point in &held.points {
            remove(&mut self.points, point, id);
        }
        if held.spans > 0 {
            self.spans.retain(|(.., reader)| *reader != id);
        }
    }
}

fn remove<K: std::hash::Hash + Eq>(readers: &mut HashMap<K, BTreeSet<u64>>, key: &K, id: u64) {
    if let Some(ids) = readers.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            readers.remove(key);
        }
    }
}

impl Targets {
    pub(super) fn add_table(&mut self, id: u64, table: TableId) {
        let held = self.held.entry(id).or_default().entry(table).or_default();
        if held.whole {
            return;
        }
        let readers = self.tables.entry(table).or_default();
        readers.remove_details(id, held);
        *held = Held { whole: true, ..Held::default() };
        readers.whole.insert(id);
    }

    pub(super) fn add_row(&mut self, id: u64, table: TableId, heap: u64, row: RowId) {
        let held = self.held.entry(id).or_default().entry(table).or_default();
        if held.whole || !held.rows.insert((heap, row)) {
            return;
        }
        let rows = held.rows.len();
        self.tables.entry(table).or_default().rows.entry((heap, row)).or_default().insert(id);
        if rows > ROWS_MAX {
            self.add_table(id, table);
        }
    }

    pub(super) fn add_range(
        &mut self,
        id: u64,
        table: TableId,
        index: IndexId,
        range: &KeyRange,
        point: bool,
    ) {
        let held = self.held.entry(id).or_default().entry(table).or_default();
        if held.whole {
            return;
        }
        let readers = self.tables.entry(table).or_default();
        if point {
            let point = (index, range.low.clone());
            if !held.points.insert(point.clone()) {
                return;
            }
            readers.points.entry(point).or_default().insert(id);
        } else {
            held.spans += 1;
            readers.spans.push((index, range.clone(), id));
        }
        if held.points.len() > ROWS_MAX || held.spans > RANGES_MAX {
            self.add_table(id, table);
        }
    }

    pub(super) fn readers_of_row(&self, table: TableId, heap: u64, row: RowId) -> Vec<u64> {
        let Some(readers) = self.tables.get(&table) else { return Vec::new() };
        let of_row = readers.rows.get(&(heap, row)).into_iter().flatten();
        of_row.chain(&readers.whole).copied().collect()
    }

    pub(super) fn readers_of_keys(&self, table: TableId, keys: &[(IndexId, Key)]) -> Vec<u64> {
        let Some(readers) = self.tables.get(&table) else { return Vec::new() };
        let mut found: BTreeSet<u64> = readers.whole.clone();
        for key in keys {
            found.extend(readers.points.get(key).into_iter().flatten());
        }
        for (index, range, reader) in &readers.spans {
            let within = |key: &Key| *key >= range.low && range.high.as_ref().is_none_or(|high| key < high);
            if keys.iter().any(|(of, key)| of == index && within(key)) {
                found.insert(*reader);
            }
        }
        found.into_iter().collect()
    }

    pub(super) fn readers_of_table(&self, table: TableId) -> Vec<u64> {
        let Some(readers) = self.tables.get(&table) else { return Vec::new() };
        let mut found = readers.whole.clone();
        found.extend(readers.rows.values().chain(readers.points.values()).flatten());
        found.extend(readers.spans.iter().map(|(.., reader)| *reader));
        found.into_iter().collect()
    }

    /// Forgets what a transaction has read.
    pub(super) fn remove(&mut self, id: u64) {
        for (table, held) in self.held.remove(&id).unwrap_or_default() {
            if let Some(readers) = self.tables.get_mut(&table) {
                readers.remove_details(id, &held);
                readers.whole.remove(&id);
                if readers.is_empty() {
                    self.tables.remove(&table);
                }
            }
        }
    }

    /// Counts what a transaction has read as read by another; in detail up to the same bounds.
    pub(super) fn hand_over(&mut self, from: u64, to: u64) {
        let Some(held) = self.held.get(&from) else { return };
        let whole: Vec<TableId> = held.keys().copied().collect();
        // The one that stands for all summarized transactions has read whole tables.
        self.remove(from);
        whole.into_iter().for_each(|table| self.add_table(to, table));
    }

    /// Returns what is read: tables, and rows.
    pub(super) fn list(&self) -> Vec<(TableId, Option<RowId>, u64)> {
        let mut list = Vec::new();
        for (id, tables) in &self.held {
            for (table, held) in tables {
                if held.whole {
                    list.push((*table, None, *id));
                }
                list.extend(held.rows.iter().map(|(_, row)| (*table, Some(*row), *id)));
            }
        }
        list
    }
}
