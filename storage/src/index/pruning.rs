//! Which frozen row groups cannot hold a key, by their zone maps: those of all columns of the key that are known.
//!
//! Rows that come one after the other lie in the same row groups, so a column such as an order's number leaves few row
//! groups to be looked into, however many there are, although the column is not the first of the key.

use super::{IndexDefinition, IndexRange};
use crate::heap::row::Lane;
use crate::predicate::{Pruned, RangeEnd, ScanPredicate, ScanValue};
use crate::segment::Segment;
use crate::table::ColumnDefinition;

/// The most columns whose integers are kept by themselves; those of more are not looked at.
const INTEGERS_MAX: usize = 4;

/// What the keys that are looked for have in some columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pruning {
    /// Columns of integers (booleans, decimals) with the least and the greatest; the first `integer_count` count.
    integers: [(usize, i64, i64); INTEGERS_MAX],
    integer_count: usize,
    /// Columns of other kinds.
    others: Vec<(usize, ScanPredicate)>,
}

impl Pruning {
    /// Returns what keys have that are equal to the lanes of a row.
    pub(crate) fn of_lanes<'a>(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        lane: impl Fn(usize) -> Lane<'a>,
    ) -> Self {
        let mut found = Self::default();
        for part in &index.columns {
            if let Some(definition) = prunable(part, columns)
                && let Some(value) = lane_value(definition, lane(part.column))
            {
                found.add(part.column, value.clone(), value);
            }
        }
        found
    }

    /// Returns what the key with some values has.
    pub(crate) fn of_key(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        key: &[types::Datum],
    ) -> Self {
        let mut found = Self::default();
        for (part, value) in index.columns.iter().zip(key) {
            if let Some(definition) = prunable(part, columns)
                && let Some(value) = datum_value(definition, value)
            {
                found.add(part.column, value.clone(), value);
            }
        }
        found
    }

    /// Returns what all keys of a range have.
    pub(crate) fn of_range(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        range: &IndexRange,
    ) -> Self {
        let mut found = Self::of_key(index, columns, &range.prefix);
        if let Some((column, low, high)) = next_column(index, columns, range) {
            found.add(column, low, high);
        }
        found
    }

    #[cfg(test)]
    pub(crate) fn of_integers(integers: &[(usize, i64, i64)]) -> Self {
        let mut found = Self::default();
        for &(column, low, high) in integers {
            found.add(column, ScanValue::Int(low.into()), ScanValue::Int(high.into()));
        }
        found
    }

    /// Adds that a column is between two values, both included.
    fn add(&mut self, column: usize, low: ScanValue, high: ScanValue) {
        match (low, high) {
            (ScanValue::Int(low), ScanValue::Int(high)) => {
                let range = i64::try_from(low).ok().zip(i64::try_from(high).ok());
                if let (Some((low, high)), Some(place)) = (range, self.integers.get_mut(self.integer_count)) {
                    *place = (column, low, high);
                    self.integer_count += 1;
                }
            }
            (low, high) => {
                let end = |value| Some(RangeEnd { value, inclusive: true });
                self.others.push((column, ScanPredicate::Range { low: end(low), high: end(high) }));
            }
        }
    }

    /// Returns columns of integers, and the least and the greatest that keys have there.
    pub(crate) fn integers(&self) -> &[(usize, i64, i64)] {
        &self.integers[..self.integer_count]
    }

    /// Returns whether no row of a row group has such a key.
    pub(crate) fn excludes(&self, segment: &Segment, position: usize) -> bool {
        let range = |(column, low, high): &(usize, i64, i64)| {
            segment.zone_map(position, *column).excludes_integers(*low, *high)
        };
        let other = |(column, predicate): &(usize, ScanPredicate)| {
            segment.zone_map(position, *column).prune(predicate) == Pruned::None
        };
        self.integers().iter().any(range) || self.others.iter().any(other)
    }
}

/// Returns the column's definition, if its zone maps say something of keys.
fn prunable<'a>(part: &super::IndexColumn, columns: &'a [ColumnDefinition]) -> Option<&'a ColumnDefinition> {
    // Blanks at the end do not count in keys of bpchar, but do in zone maps.
    columns.get(part.column).filter(|_| part.ty != types::oids::BPCHAR)
}

/// Returns what a range says of the column after its prefix: between which values it is.
fn next_column(
    index: &IndexDefinition,
    columns: &[ColumnDefinition],
    range: &IndexRange,
) -> Option<(usize, ScanValue, ScanValue)> {
    let part = index.columns.get(range.prefix.len())?;
    let definition = prunable(part, columns)?;
    // Nulls are in no range of a zone map, but in ranges of an index with an open end.
    let ((low, _), (high, _)) = (range.low.as_ref()?, range.high.as_ref()?);
    let (low, high) = (datum_value(definition, low)?, datum_value(definition, high)?);
    Some(if part.descending { (part.column, high, low) } else { (part.column, low, high) })
}

/// Returns the physical value of a lane, if zone maps know its kind.
fn lane_value(definition: &ColumnDefinition, lane: Lane<'_>) -> Option<ScanValue> {
    if !definition.is_ordered() {
        return None;
    }
    Some(match lane {
        Lane::Null => return None,
        Lane::Bool(flag) => ScanValue::Int(flag.into()),
        Lane::I16(number) => ScanValue::Int(number.into()),
        Lane::I32(number) => ScanValue::Int(number.into()),
        Lane::I64(number) => ScanValue::Int(number.into()),
        Lane::F32(number) => ScanValue::Float(number.into()),
        Lane::F64(number) => ScanValue::Float(number),
        Lane::Fixed(number) => ScanValue::Int(number),
        Lane::Wide(number) => ScanValue::Wide(number),
        Lane::Bytes(bytes) => ScanValue::Bytes(bytes.to_vec()),
    })
}

fn datum_value(definition: &ColumnDefinition, value: &types::Datum) -> Option<ScanValue> {
    use types::Datum;
    if !definition.is_ordered() {
        return None;
    }
    Some(match value {
        Datum::Bool(flag) => ScanValue::Int((*flag).into()),
        Datum::I16(number) => ScanValue::Int((*number).into()),
        Datum::I32(number) => ScanValue::Int((*number).into()),
        Datum::I64(number) => ScanValue::Int((*number).into()),
        Datum::F32(number) => ScanValue::Float((*number).into()),
        Datum::F64(number) => ScanValue::Float(*number),
        Datum::Numeric(number) => ScanValue::Int(number.to_fixed_scale(definition.fixed_scale?.into())?),
        Datum::Uuid(uuid) => ScanValue::Wide(u128::from_be_bytes(*uuid)),
        Datum::Text(text) => ScanValue::Bytes(text.as_bytes().to_vec()),
        Datum::Bytes(bytes) => ScanValue::Bytes(bytes.to_vec()),
        Datum::Null
        | Datum::Interval(_)
        | Datum::TimeTz(..)
        | Datum::Array(_)
        | Datum::Record(_)
        | Datum::Json(_)
        | Datum::Range(_)
        | Datum::Multirange(_) => return None,
    })
}
