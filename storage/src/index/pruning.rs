//! Which frozen row groups cannot hold a key, by their zone maps: those of all columns of the key that are known.
//!
//! Rows that come one after the other lie in the same row groups, so a column such as an order's number leaves few row
//! groups to be looked into, however many there are, although the column is not the first of the key.

use super::{IndexDefinition, IndexRange};
use crate::heap::row::Lane;
use crate::predicate::{Pruned, RangeEnd, ScanPredicate, ScanValue};
use crate::segment::Segment;
use crate::table::ColumnDefinition;

/// What the keys that are looked for have in some columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pruning {
    columns: Vec<(usize, ScanPredicate)>,
}

impl Pruning {
    /// Returns what keys have that are equal to the lanes of a row.
    pub(crate) fn of_lanes<'a>(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        lane: impl Fn(usize) -> Lane<'a>,
    ) -> Self {
        let value = |part: &super::IndexColumn| {
            let definition = prunable(part, columns)?;
            Some((part.column, equals(lane_value(definition, lane(part.column))?)))
        };
        Self { columns: index.columns.iter().filter_map(value).collect() }
    }

    /// Returns what the key with some values has.
    pub(crate) fn of_key(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        key: &[types::Datum],
    ) -> Self {
        let known = |(part, value): (&super::IndexColumn, &types::Datum)| {
            let definition = prunable(part, columns)?;
            Some((part.column, equals(datum_value(definition, value)?)))
        };
        Self { columns: index.columns.iter().zip(key).filter_map(known).collect() }
    }

    /// Returns what all keys of a range have.
    pub(crate) fn of_range(
        index: &IndexDefinition,
        columns: &[ColumnDefinition],
        range: &IndexRange,
    ) -> Self {
        let mut found = Self::of_key(index, columns, &range.prefix);
        found.columns.extend(next_column(index, columns, range));
        found
    }

    /// Returns whether no row of a row group has such a key.
    pub(crate) fn excludes(&self, segment: &Segment, position: usize) -> bool {
        let mut predicates = self.columns.iter();
        predicates
            .any(|(column, predicate)| segment.zone_map(position, *column).prune(predicate) == Pruned::None)
    }
}

/// Returns the predicate that only a value passes, in the form that is tested without copying it.
fn equals(value: ScanValue) -> ScanPredicate {
    let end = RangeEnd { value, inclusive: true };
    ScanPredicate::Range { low: Some(end.clone()), high: Some(end) }
}

/// Returns the column's definition, if its zone maps say something of keys.
fn prunable<'a>(part: &super::IndexColumn, columns: &'a [ColumnDefinition]) -> Option<&'a ColumnDefinition> {
    // Blanks at the end do not count in keys of bpchar, but do in zone maps.
    columns.get(part.column).filter(|_| part.ty != types::oids::BPCHAR)
}

/// Returns what a range says of the column after its prefix.
fn next_column(
    index: &IndexDefinition,
    columns: &[ColumnDefinition],
    range: &IndexRange,
) -> Option<(usize, ScanPredicate)> {
    let part = index.columns.get(range.prefix.len())?;
    let definition = prunable(part, columns)?;
    let end = |bound: &Option<(types::Datum, bool)>| {
        let (value, _) = bound.as_ref()?;
        datum_value(definition, value).map(|value| RangeEnd { value, inclusive: true })
    };
    let (low, high) = (end(&range.low), end(&range.high));
    // Nulls are in no range of a zone map, but in ranges of an index with an open end.
    if low.is_none() || high.is_none() {
        return None;
    }
    let predicate = if part.descending {
        ScanPredicate::Range { low: high, high: low }
    } else {
        ScanPredicate::Range { low, high }
    };
    Some((part.column, predicate))
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
