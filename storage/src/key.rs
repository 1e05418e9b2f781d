//! Unique keys of bulk loads: whether the rows of new row groups collide with each other or with other rows.
//!
//! A load that comes in the order of a key's first column is seen to be distinct as it passes; in any other order the
//! new rows' keys are read again and sorted, as 128-bit xxh3 hashes. Row groups whose first key column is out of the new
//! keys' range are skipped by their zone maps, so loading or appending in key order reads nothing.

use std::sync::Arc;

use kernels::vector::{Values, Vector};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::Result;
use crate::heap::group::Group;
use crate::heap::row::{Lane, lane_at};
use crate::heap::{Heap, Holder};
use crate::index::key::key_of;
use crate::index::tree::Index;
use crate::index::{IndexColumn, IndexDefinition};
use crate::predicate::{Pruned, RangeEnd, ScanPredicate, ScanValue};
use crate::scan::{RowGroup, TableScan, positions};
use crate::table::{ColumnDefinition, RowId};
use crate::transaction::{Transaction, duplicate};
use types::PhysicalType;

/// Keys of rows: their hashes, and where the rows are.
type Hashes = Vec<(u128, RowId)>;

/// Checks that no key of row groups that a transaction has added is that of another row. `distinct`: within the new
/// ones that is known.
pub(crate) fn check_new_groups(
    transaction: &mut Transaction,
    heap: &Arc<Heap>,
    new: &[Arc<Group>],
    index: &Index,
    distinct: bool,
) -> Result<()> {
    loop {
        let own = transaction.xid().unwrap_or(0);
        let is_new = |group: &&Arc<Group>| new.iter().any(|new| new.id == group.id);
        let xids = Arc::clone(transaction.store().xids());
        let old = heap.groups().iter().filter(|group| !is_new(group)).cloned().collect();
        let old = TableScan::of_held(heap, old, own, &xids);
        let groups = new;
        let new = TableScan::of_held(heap, groups.to_vec(), own, &xids);
        if distinct && !may_overlap(&new, &old, index) {
            return Ok(());
        }
        let mut keys = hashes_of(&new, index)?;
        keys.sort_unstable();
        let same = keys.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).min();
        let taken = first_in(&keys, &new, &old, index)?;
        if let Some(row) = same
            && taken.is_none_or(|(taken, _)| row < taken)
        {
            return Err(duplicate_row(heap, index, row, groups)?);
        }
        let Some((row, other)) = taken else { return Ok(()) };
        match heap.holder(other, own, &xids) {
            Some(Holder::Row(_)) => return Err(duplicate_row(heap, index, row, groups)?),
            Some(Holder::InFlight(xid)) => transaction.wait_for(xid)?,
            None => {}
        }
    }
}

fn duplicate_row(heap: &Heap, index: &Index, row: RowId, new: &[Arc<Group>]) -> Result<crate::StorageError> {
    let before = new.iter().take_while(|group| group.id != row.group());
    let before: u64 = before.map(|group| group.len() as u64).sum();

    let stored = match heap.group(row.group()) {
        Some(group) => group.row(&heap.layout, row.lane())?,
        None => None,
    };
    let error = duplicate(heap, index, stored.as_ref().map_or(&[], |row| &row.bytes));
    Ok(error.at_row(before + row.lane() as u64))
}

/// Returns the hashes of all keys that are to be unique.
fn hashes_of(scan: &TableScan, index: &Index) -> Result<Hashes> {
    let mut hashes = Vec::new();
    for group in 0..scan.row_group_count() {
        let group = scan.row_group(group);
        for vector_index in 0..group.vector_count() {
            let all = vec![u64::MAX; group.lanes(vector_index).div_ceil(64)];
            hash_vector(scan, &group, vector_index, index, all, |hash, row| hashes.push((hash, row)))?;
        }
    }
    Ok(hashes)
}

/// Returns the first new row whose key an old row has, and that one.
fn first_in(
    keys: &Hashes,
    new: &TableScan,
    old: &TableScan,
    index: &Index,
) -> Result<Option<(RowId, RowId)>> {
    let Some(first) = index.definition.columns.first() else { return Ok(None) };
    let range = range_of(new, first.column).filter(|_| prunes(index));
    let mut found: Option<(RowId, RowId)> = None;
    for group in 0..old.row_group_count() {
        let group = old.row_group(group);
        if range.as_ref().is_some_and(|range| group.prune(first.column, range) == Pruned::None) {
            continue;
        }
        for vector_index in 0..group.vector_count() {
            let mut mask = vec![u64::MAX; group.lanes(vector_index).div_ceil(64)];
            if let Some(range) = &range {
                group.filter(first.column, vector_index, range, &mut mask)?;
            }
            hash_vector(old, &group, vector_index, index, mask, |hash, row| {
                let at = keys.partition_point(|(other, _)| *other < hash);
                if let Some(&(other, new)) = keys.get(at)
                    && other == hash
                    && found.is_none_or(|(first, _)| new < first)
                {
                    found = Some((new, row));
                }
            })?;
        }
    }
    Ok(found)
}

/// Says whether zone maps and ranges of an index's first column mean the same as its keys' order.
fn prunes(index: &Index) -> bool {
    index.definition.columns.first().is_some_and(|first| first.ty != types::oids::BPCHAR)
}

/// Calls `each` for the keys of a vector's rows that are in `mask` and seen by the scan.
fn hash_vector(
    scan: &TableScan,
    group: &RowGroup,
    vector_index: usize,
    index: &Index,
    mut mask: Vec<u64>,
    mut each: impl FnMut(u128, RowId),
) -> Result<()> {
    if let Some(visible) = group.visible(vector_index) {
        crate::filter::and(&mut mask, visible.words());
    }
    let chosen = positions(&kernels::vector::Bitmap::from_words(mask, group.lanes(vector_index)));
    if chosen.is_empty() {
        return Ok(());
    }
    let columns = scan.columns();
    let mut vectors = Vec::with_capacity(index.definition.columns.len());
    for part in &index.definition.columns {
        vectors.push((part.column, group.vector_at(part.column, vector_index, &chosen)?));
    }
    for (lane, position) in chosen.iter().enumerate() {
        let (key, any_null) = key_of(&index.definition, columns, |column| {
            match vectors.iter().find(|(number, _)| *number == column) {
                Some((_, vector)) => lane_at(&columns[column], vector, lane),
                None => Ok(Lane::Null),
            }
        })?;
        if !(any_null && index.definition.nulls_distinct) {
            each(key.hash(), group.row_id(vector_index, usize::from(*position)));
        }
    }
    Ok(())
}

/// Returns the range of a column over whole row groups; `None` when it is not known.
fn range_of(scan: &TableScan, column: usize) -> Option<ScanPredicate> {
    let mut bounds: Option<(ScanValue, ScanValue)> = None;
    for group in 0..scan.row_group_count() {
        let group = scan.row_group(group);
        let zone_map = group.zone_map(column);
        if zone_map.null_count != Some(0) {
            return None;
        }
        let (low, high) = (zone_map.min.clone()?, zone_map.max.clone()?);
        bounds = Some(match bounds {
            None => (low, high),
            Some((old_low, old_high)) => (
                if low.compare(&old_low).is_some_and(std::cmp::Ordering::is_lt) { low } else { old_low },
                if high.compare(&old_high).is_some_and(std::cmp::Ordering::is_gt) { high } else { old_high },
            ),
        });
    }
    let end = |value: ScanValue| Some(RangeEnd { value, inclusive: true });
    bounds.map(|(low, high)| ScanPredicate::Range { low: end(low), high: end(high) })
}

/// Returns whether row groups of both may hold the same key, by the zone maps of the first key column.
fn may_overlap(new: &TableScan, old: &TableScan, index: &Index) -> bool {
    let Some(first) = index.definition.columns.first() else { return false };
    let old_groups = || (0..old.row_group_count()).map(|at| old.row_group(at));
    if !prunes(index) {
        return old.row_group_count() > 0;
    }
    match range_of(new, first.column) {
        Some(range) => old_groups().any(|group| group.prune(first.column, &range) != Pruned::None),
        None => old.row_group_count() > 0,
    }
}

impl crate::index::key::Key {
    /// Returns a hash that stands for the key.
    fn hash(&self) -> u128 {
        xxh3_128(&self.bytes())
    }
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
            Values::F32(lanes) => bytes.extend(lanes[at].to_le_bytes()),
            Values::F64(lanes) => bytes.extend(lanes[at].to_le_bytes()),
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

/// Watches whether a bulk load comes in the order of the key's first column, and its keys are then distinct.
#[derive(Debug)]
pub(crate) struct KeyOrder {
    /// The key's columns.
    key: Vec<usize>,
    last: Option<i64>,
    /// Hashes of the keys whose first column is `last`.
    run: Vec<u128>,
    broken: bool,
}

/// A tuning constant: the most rows of one first key value that are watched.
const RUN_ROWS_MAX: usize = 64;

impl KeyOrder {
    /// Returns a watcher for the keys of an index.
    pub(crate) fn new(index: &IndexDefinition, columns: &[ColumnDefinition]) -> Self {
        let plain = |part: &IndexColumn| {
            // Equal values of these types are equal bytes.
            columns.get(part.column).is_some_and(|column| match column.physical {
                PhysicalType::Bool
                | PhysicalType::I16
                | PhysicalType::I32
                | PhysicalType::I64
                | PhysicalType::Uuid => true,
                PhysicalType::Text => part.ty != types::oids::BPCHAR,
                PhysicalType::Numeric => column.fixed_scale.is_some(),
                PhysicalType::F32 | PhysicalType::F64 | PhysicalType::Interval | PhysicalType::Bytes => false,
            })
        };
        let broken = !index.columns.iter().all(plain);
        let key = index.columns.iter().map(|part| part.column).collect();
        Self { key, last: None, run: Vec::new(), broken }
    }

    /// Returns whether all keys so far are known to be distinct.
    pub(crate) fn is_kept(&self) -> bool {
        !self.broken
    }

    /// Looks at further rows. An order that is broken once stays broken.
    pub(crate) fn observe(&mut self, vectors: &[Vector]) {
        if self.broken {
            return;
        }
        let columns: Vec<Vector> = self.key.iter().map(|&column| vectors[column].to_flat()).collect();
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
            let hash = if columns.len() == 1 { 0 } else { hash_at(&columns, lane) };
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
