//! Primary keys: no two visible rows have the same one.
//!
//! New keys are held against the visible rows at INSERT (or at the end of a bulk load) and, when the table has
//! changed since, again at commit under the commit lock. Row groups whose first key column is out of the new
//! keys' range are skipped by their zone maps, so loading or appending in key order reads nothing. Keys are
//! compared by their 128-bit xxh3 hashes. A bulk load in the order of the first key column is checked as it
//! passes; in any other order its keys are read again and sorted, 16 bytes a row.
//!
//! Exact decimals are compared by their bytes, so equal ones of different display scale count as different.

use kernels::vector::{Values, Vector};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::{Result, StorageError};
use crate::predicate::{Pruned, RangeEnd, ScanPredicate, ScanValue};
use crate::scan::{RowGroup, TableScan, positions};
use crate::table::TableId;
use crate::{filter, zone_map};

/// Hashes of new keys, sorted, and the range of their first column.
#[derive(Debug, Default)]
pub(crate) struct NewKeys {
    hashes: Vec<u128>,
    range: Option<(ScanValue, ScanValue)>,
}

/// Returns the error of a key that exists already.
pub(crate) fn duplicate(table: TableId, scan: &TableScan, key: &[usize]) -> StorageError {
    let columns = key.iter().map(|&column| scan.columns()[column].name.clone()).collect();
    StorageError::DuplicateKey { table, columns }
}

impl NewKeys {
    /// Adds the keys of rows; `columns` are the key's columns.
    fn add(&mut self, columns: &[Vector]) {
        self.hashes.extend((0..columns.first().map_or(0, Vector::len)).map(|lane| hash_at(columns, lane)));
        let Some(first) = columns.first().map(Vector::to_flat) else { return };
        let Some((low, high)) = zone_map::bounds(first.values(), first.validity.as_ref()) else { return };
        self.range = Some(match self.range.take() {
            None => (low, high),
            Some((old_low, old_high)) => (
                if low.compare(&old_low).is_some_and(std::cmp::Ordering::is_lt) { low } else { old_low },
                if high.compare(&old_high).is_some_and(std::cmp::Ordering::is_gt) { high } else { old_high },
            ),
        });
    }

    /// Returns the keys of inserted vectors; `None` when two are the same.
    pub(crate) fn of_vectors(vectors: &[Vector], key: &[usize]) -> Option<Self> {
        let columns: Vec<Vector> = key.iter().map(|&column| vectors[column].clone()).collect();
        let mut keys = Self::default();
        keys.add(&columns);
        keys.sorted()
    }

    /// Returns the keys of all visible rows of a scan; `None` when two are the same.
    pub(crate) fn of_scan(scan: &TableScan, key: &[usize]) -> Result<Option<Self>> {
        let mut keys = Self::default();
        for group in 0..scan.row_group_count() {
            let group = scan.row_group(group);
            for index in 0..group.vector_count() {
                let all = vec![u64::MAX; group.lanes(index).div_ceil(64)];
                keys.add(&visible_keys(&group, index, key, all)?);
            }
        }
        Ok(keys.sorted())
    }

    fn sorted(mut self) -> Option<Self> {
        self.hashes.sort_unstable();
        self.hashes.is_sorted_by(|left, right| left < right).then_some(self)
    }

    /// Returns whether a visible row of `scan` has one of these keys.
    pub(crate) fn exist_in(&self, scan: &TableScan, key: &[usize]) -> Result<bool> {
        let (Some((low, high)), Some(&first)) = (&self.range, key.first()) else { return Ok(false) };
        let end = |value: &ScanValue| Some(RangeEnd { value: value.clone(), inclusive: true });
        let range = ScanPredicate::Range { low: end(low), high: end(high) };
        let ordered = scan.columns()[first].is_ordered();
        for group in 0..scan.row_group_count() {
            let group = scan.row_group(group);
            if ordered && group.prune(first, &range) == Pruned::None {
                continue;
            }
            for index in 0..group.vector_count() {
                let mut mask = vec![u64::MAX; group.lanes(index).div_ceil(64)];
                if ordered {
                    group.filter(first, index, &range, &mut mask)?;
                }
                let columns = visible_keys(&group, index, key, mask)?;
                let mut lanes = 0..columns.first().map_or(0, Vector::len);
                if lanes.any(|lane| self.hashes.binary_search(&hash_at(&columns, lane)).is_ok()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// Returns the key columns of a vector's visible rows that are in `mask`.
fn visible_keys(group: &RowGroup, index: usize, key: &[usize], mut mask: Vec<u64>) -> Result<Vec<Vector>> {
    if let Some(visible) = group.visible(index) {
        filter::and(&mut mask, visible.words());
    }
    let chosen = positions(&kernels::vector::Bitmap::from_words(mask, group.lanes(index)));
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    key.iter().map(|&column| group.vector_at(column, index, &chosen)).collect()
}

fn hash_at(columns: &[Vector], lane: usize) -> u128 {
    let mut bytes = Vec::with_capacity(columns.len() * 16);
    for column in columns {
        let (values, at) = column.locate(lane);
        match values {
            Values::Bool(bits) => bytes.push(u8::from(bits.get(at))),
            Values::I16(lanes) => bytes.extend(lanes[at].to_le_bytes()),
            Values::I32(lanes) => bytes.extend(lanes[at].to_le_bytes()),
            Values::I64(lanes) => bytes.extend(lanes[at].to_le_bytes()),
            Values::F32(lanes) => bytes.extend(float_bytes(lanes[at].into())),
            Values::F64(lanes) => bytes.extend(float_bytes(lanes[at])),
            Values::Fixed64 { unscaled, .. } => bytes.extend(i128::from(unscaled[at]).to_le_bytes()),
            Values::Fixed128 { unscaled, .. } => bytes.extend(unscaled[at].to_le_bytes()),
            Values::Wide(lanes) => bytes.extend(lanes[at].to_le_bytes()),
            Values::Views(views) => {
                let string = views.get(at);
                bytes.extend((string.len() as u32).to_le_bytes());
                bytes.extend(string);
            }
        }
    }
    xxh3_128(&bytes)
}

/// Equal floats have equal bytes: both zeros, and all values that are not numbers.
fn float_bytes(value: f64) -> [u8; 8] {
    let canonical = if value.is_nan() { f64::NAN } else { value + 0.0 };
    canonical.to_le_bytes()
}

/// Watches whether a bulk load comes in the order of the key's first column, and its keys are then distinct.
#[derive(Debug, Default)]
pub(crate) struct KeyOrder {
    last: Option<i64>,
    /// Hashes of the keys whose first column is `last`.
    run: Vec<u128>,
    broken: bool,
}

/// A tuning constant: the most rows of one first key value that are watched.
const RUN_ROWS_MAX: usize = 64;

impl KeyOrder {
    /// Returns whether all keys so far are known to be distinct.
    pub(crate) fn is_kept(&self) -> bool {
        !self.broken
    }

    /// Looks at further rows. An order that is broken once stays broken.
    pub(crate) fn observe(&mut self, vectors: &[Vector], key: &[usize]) {
        if self.broken {
            return;
        }
        let columns: Vec<Vector> = key.iter().map(|&column| vectors[column].to_flat()).collect();
        let first: Vec<i64> = match columns.first().map(Vector::values) {
            Some(Values::I32(lanes)) => lanes.iter().map(|&lane| lane.into()).collect(),
            Some(Values::I64(lanes) | Values::Fixed64 { unscaled: lanes, .. }) => lanes.to_vec(),
            _ => {
                self.broken = true;
                return;
            }
        };
        for (lane, &value) in first.iter().enumerate() {
            if self.last.is_none_or(|last| last < value) {
                self.run.clear();
            }
            let hash = if key.len() == 1 { 0 } else { hash_at(&columns, lane) };
            let out_of_order = self.last.is_some_and(|last| last > value);
            if out_of_order || self.run.contains(&hash) || self.run.len() >= RUN_ROWS_MAX {
                // Whether there really is a duplicate is found out at the end.
                self.broken = true;
                return;
            }
            self.run.push(hash);
            self.last = Some(value);
        }
    }
}
