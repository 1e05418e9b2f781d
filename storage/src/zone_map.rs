//! Zone maps: what is known of a column chunk without looking into it.

use std::cmp::Ordering;

use kernels::vector::{Bitmap, Values};
use serde::{Deserialize, Serialize};

use crate::predicate::{Pruned, RangeEnd, ScanPredicate, ScanValue, compare_floats};

/// The longest bound kept of a string, in bytes. A tuning constant: longer values get a looser bound.
const BOUND_BYTES: usize = 64;

/// Bounds and counts of a column chunk.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ZoneMap {
    /// Not above any value; `None` when there is no value, when values have no order, or nothing is known.
    pub min: Option<ScanValue>,
    /// Not below any value; `None` as for `min`, and for strings without a short upper bound.
    pub max: Option<ScanValue>,
    /// Number of nulls; `None` when nothing is known (a row group that still grows).
    pub null_count: Option<u32>,
    /// Rows of the chunk, nulls included.
    pub row_count: u32,
    /// Estimated number of distinct values that are not null; 0 when not known.
    pub distinct_estimate: u32,
}

/// The zone map of a chunk of which nothing is known.
pub(crate) static UNKNOWN: ZoneMap =
    ZoneMap { min: None, max: None, null_count: None, row_count: 0, distinct_estimate: 0 };

impl ZoneMap {
    /// Returns bounds and counts of `values` (no distinct estimate). `ordered`: bounds mean something.
    pub(crate) fn of(values: &Values, validity: Option<&Bitmap>, ordered: bool) -> Self {
        let row_count = values.len() as u32;
        let null_count = validity.map_or(0, |validity| values.len() - validity.count_ones()) as u32;
        let bounds = if ordered { bounds(values, validity) } else { None };
        let (min, max) = match bounds {
            None => (None, None),
            Some((min, max)) => (Some(shorten_low(min)), shorten_high(max)),
        };
        Self { min, max, null_count: Some(null_count), row_count, distinct_estimate: 0 }
    }

    /// Decides `predicate` for the whole chunk if its bounds suffice.
    pub fn prune(&self, predicate: &ScanPredicate) -> Pruned {
        let Some(null_count) = self.null_count else { return Pruned::Unknown };
        let all_null = null_count == self.row_count;
        let decided = match predicate {
            ScanPredicate::NotNull if null_count == 0 => return Pruned::All,
            ScanPredicate::IsNull if null_count == 0 => return Pruned::None,
            ScanPredicate::IsNull if all_null => return Pruned::All,
            ScanPredicate::IsNull => return Pruned::Unknown,
            _ if all_null => return Pruned::None,
            ScanPredicate::NotNull | ScanPredicate::DictionaryMask(_) => Pruned::Unknown,
            ScanPredicate::Range { low, high } => self.prune_range(low.as_ref(), high.as_ref()),
            ScanPredicate::Equals(value) => self.prune_equals(value),
            ScanPredicate::NotEquals(value) => match self.prune_equals(value) {
                Pruned::None => Pruned::All,
                Pruned::All => Pruned::None,
                Pruned::Unknown => Pruned::Unknown,
            },
            ScanPredicate::In(values) => self.prune_in(values),
            ScanPredicate::Key(filter) => {
                let (low, high) = filter.bounds();
                let end = |value| RangeEnd { value, inclusive: true };
                match self.prune_range(low.map(end).as_ref(), high.map(end).as_ref()) {
                    Pruned::None => Pruned::None,
                    Pruned::All | Pruned::Unknown => Pruned::Unknown,
                }
            }
        };
        if decided == Pruned::All && null_count > 0 { Pruned::Unknown } else { decided }
    }

    /// Returns whether no value of a chunk of integers is between `low` and `high`.
    pub(crate) fn excludes_integers(&self, low: i64, high: i64) -> bool {
        match (&self.min, &self.max) {
            (Some(ScanValue::Int(min)), Some(ScanValue::Int(max))) => {
                *max < i128::from(low) || i128::from(high) < *min
            }
            _ => self.null_count == Some(self.row_count),
        }
    }

    fn prune_range(&self, low: Option<&RangeEnd>, high: Option<&RangeEnd>) -> Pruned {
        let (low_none, low_all) = low.map_or((false, true), |low| {
            (ends_before(self.max.as_ref(), low), starts_after(self.min.as_ref(), low))
        });
        let (high_none, high_all) = high.map_or((false, true), |high| {
            (begins_past(self.min.as_ref(), high), stops_within(self.max.as_ref(), high))
        });
        if low_none || high_none {
            Pruned::None
        } else if low_all && high_all {
            Pruned::All
        } else {
            Pruned::Unknown
        }
    }

    fn prune_equals(&self, value: &ScanValue) -> Pruned {
        let end = RangeEnd { value: value.clone(), inclusive: true };
        self.prune_range(Some(&end), Some(&end))
    }

    fn prune_in(&self, values: &[ScanValue]) -> Pruned {
        let mut result = Pruned::None;
        for value in values {
            match self.prune_equals(value) {
                Pruned::All => return Pruned::All,
                Pruned::Unknown => result = Pruned::Unknown,
                Pruned::None => {}
            }
        }
        result
    }
}

fn order(bound: Option<&ScanValue>, end: &RangeEnd) -> Option<Ordering> {
    bound.and_then(|bound| bound.compare(&end.value))
}
fn ends_before(max: Option<&ScanValue>, low: &RangeEnd) -> bool {
    order(max, low).is_some_and(|order| order.is_lt() || order.is_eq() && !low.inclusive)
}
fn starts_after(min: Option<&ScanValue>, low: &RangeEnd) -> bool {
    order(min, low).is_some_and(|order| order.is_gt() || order.is_eq() && low.inclusive)
}
fn begins_past(min: Option<&ScanValue>, high: &RangeEnd) -> bool {
    order(min, high).is_some_and(|order| order.is_gt() || order.is_eq() && !high.inclusive)
}
fn stops_within(max: Option<&ScanValue>, high: &RangeEnd) -> bool {
    order(max, high).is_some_and(|order| order.is_lt() || order.is_eq() && high.inclusive)
}

/// A prefix is not above the string.
fn shorten_low(value: ScanValue) -> ScanValue {
    match value {
        ScanValue::Bytes(mut bytes) => {
            bytes.truncate(BOUND_BYTES);
            ScanValue::Bytes(bytes)
        }
        ScanValue::Int(_) | ScanValue::Float(_) | ScanValue::Wide(_) => value,
    }
}

/// A prefix with its last byte raised is above the string; there is none when all bytes are 255.
fn shorten_high(value: ScanValue) -> Option<ScanValue> {
    match value {
        ScanValue::Bytes(mut bytes) if bytes.len() > BOUND_BYTES => {
            bytes.truncate(BOUND_BYTES);
            while let Some(last) = bytes.pop() {
                if last < u8::MAX {
                    bytes.push(last + 1);
                    return Some(ScanValue::Bytes(bytes));
                }
            }
            None
        }
        ScanValue::Bytes(_) | ScanValue::Int(_) | ScanValue::Float(_) | ScanValue::Wide(_) => Some(value),
    }
}

/// Returns the least and the greatest value that is not null.
pub(crate) fn bounds(values: &Values, validity: Option<&Bitmap>) -> Option<(ScanValue, ScanValue)> {
    fn pair<T: Copy>(found: Option<(T, T)>, wrap: impl Fn(T) -> ScanValue) -> Option<(ScanValue, ScanValue)> {
        found.map(|(min, max)| (wrap(min), wrap(max)))
    }
    let int = |lane: i128| ScanValue::Int(lane);
    match values {
        Values::Bool(bits) => {
            pair(extremes((0..bits.len()).map(|lane| bits.get(lane)), validity), |bit| int(i128::from(bit)))
        }
        Values::I16(lanes) => pair(extremes(lanes.iter().copied(), validity), |lane| int(lane.into())),
        Values::I32(lanes) => pair(extremes(lanes.iter().copied(), validity), |lane| int(lane.into())),
        Values::I64(lanes) => pair(extremes(lanes.iter().copied(), validity), |lane| int(lane.into())),
        Values::Fixed64 { unscaled, .. } => {
            pair(extremes(unscaled.iter().copied(), validity), |lane| int(lane.into()))
        }
        Values::Fixed128 { unscaled, .. } => pair(extremes(unscaled.iter().copied(), validity), int),
        Values::F32(lanes) => {
            pair(float_extremes(lanes.iter().map(|&lane| f64::from(lane)), validity), ScanValue::Float)
        }
        Values::F64(lanes) => pair(float_extremes(lanes.iter().copied(), validity), ScanValue::Float),
        Values::Wide(lanes) => pair(extremes(lanes.iter().copied(), validity), ScanValue::Wide),
        Values::Views(views) => {
            pair(extremes(views.iter(), validity), |bytes| ScanValue::Bytes(bytes.to_vec()))
        }
    }
}

/// Returns the least and greatest of the lanes that `validity` lets count.
pub(crate) fn extremes<T: Copy + Ord>(
    mut lanes: impl Iterator<Item = T>,
    validity: Option<&Bitmap>,
) -> Option<(T, T)> {
    match validity {
        None => {
            let first = lanes.next()?;
            Some(lanes.fold((first, first), |(min, max), lane| (min.min(lane), max.max(lane))))
        }
        Some(validity) => {
            let mut valid = lanes.enumerate().filter(|(lane, _)| validity.get(*lane)).map(|(_, value)| value);
            let first = valid.next()?;
            Some(valid.fold((first, first), |(min, max), lane| (min.min(lane), max.max(lane))))
        }
    }
}

fn float_extremes(lanes: impl Iterator<Item = f64>, validity: Option<&Bitmap>) -> Option<(f64, f64)> {
    let mut result: Option<(f64, f64)> = None;
    for (lane, value) in lanes.enumerate() {
        if validity.is_some_and(|validity| !validity.get(lane)) {
            continue;
        }
        result = Some(match result {
            None => (value, value),
            Some((min, max)) => (
                if compare_floats(value, min).is_lt() { value } else { min },
                if compare_floats(value, max).is_gt() { value } else { max },
            ),
        });
    }
    result
}
