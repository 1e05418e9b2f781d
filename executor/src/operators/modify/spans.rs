//! Where rows of an exclusion constraint are looked for: a map of intervals, shared by all sessions.
//!
//! Each row is entered, before it is checked, under the values of its `=` elements and the interval that its range (or
//! the shadow of its geometry) covers, as floats rounded in order. Intervals of about the same length are kept together by
//! where they begin, so those that may overlap another are found in as many small ranges as there are lengths. What is
//! found are candidates: whoever asks looks at the rows themselves. Entries of rows that are gone are removed by those who
//! find them; rows that moved ask for a new map.

use std::collections::{BTreeMap, HashMap};

use storage::RowId;
use types::datum::{MultirangeValue, RangeBound, RangeValue};
use types::{Datum, TypeRef, geometry, oids};

/// What a row is found by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    /// The values of `=` elements.
    pub(super) group: Vec<u8>,
    /// The interval.
    pub(super) span: Span,
}

/// An interval, bounds included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    low: f64,
    high: f64,
}

/// Intervals without bounds.
const UNBOUNDED: i32 = i32::MAX;
/// Intervals of one point.
const POINT: i32 = i32::MIN;
/// What rounding may have done, relatively.
const SLACK: f64 = 1e-9;
/// What geometric comparisons take for equal, and more.
const GEOMETRIC_SLACK: f64 = 1e-5;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// How often rows had moved when the map was made; `None` before.
    pub(super) moves: Option<u64>,
    groups: HashMap<Vec<u8>, Group>,
}

/// Intervals by length, beginning and row, with where they end.
#[derive(Debug, Default)]
struct Group(BTreeMap<i32, BTreeMap<(i64, u64), f64>>);

impl Span {
    /// Everything.
    pub(super) const ALL: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// Returns the interval of a value: two values whose intervals do not meet do not overlap and are not adjacent.
    pub(super) fn of(value: &Datum, ty: TypeRef) -> Self {
        match value {
            Datum::Range(range) => Self::of_range(range),
            Datum::Multirange(ranges) => Self::of_multirange(ranges),
            Datum::Bytes(bytes) => Self::of_geometry(bytes, ty),
            _ => Self::ALL,
        }
    }

    fn of_range(range: &RangeValue) -> Self {
        if range.empty {
            // It meets nothing.
            return Self { low: 0.0, high: 0.0 };
        }
        let bound = |bound: &RangeBound, infinite| bound.value.as_ref().map_or(infinite, place);
        Self { low: bound(&range.lower, f64::NEG_INFINITY), high: bound(&range.upper, f64::INFINITY) }
    }

    fn of_multirange(value: &MultirangeValue) -> Self {
        Self::of_range(&types::range::multirange::span(value))
    }

    fn of_geometry(bytes: &[u8], ty: TypeRef) -> Self {
        let (low, high) = match ty.oid {
            oids::CIRCLE => {
                let circle = geometry::Circle::read(bytes);
                (circle.center.x - circle.radius, circle.center.x + circle.radius)
            }
            oids::POINT | oids::BOX | oids::POLYGON => {
                let mut bounds = (f64::INFINITY, f64::NEG_INFINITY);
                for point in geometry::points(bytes) {
                    if point.x.is_nan() {
                        return Self::ALL;
                    }
                    bounds = (bounds.0.min(point.x), bounds.1.max(point.x));
                }
                bounds
            }
            _ => return Self::ALL,
        };
        if low.is_nan() || high.is_nan() || low > high {
            return Self::ALL;
        }
        Self { low: low - GEOMETRIC_SLACK, high: high + GEOMETRIC_SLACK }
    }

    /// Returns the power of two that the length is below.
    fn level(self) -> i32 {
        let length = self.high - self.low;
        if !length.is_finite() || !self.low.is_finite() {
            UNBOUNDED
        } else if length <= 0.0 {
            POINT
        } else {
            const EXPONENT_BITS: u64 = 0x7ff;
            ((length.to_bits() >> 52) & EXPONENT_BITS) as i32 - 1022
        }
    }
}

/// Returns about where a bound is, in the order of bounds.
fn place(value: &Datum) -> f64 {
    match value {
        Datum::I32(number) => f64::from(*number),
        Datum::I64(number) => *number as f64,
        Datum::Numeric(number) => number.to_f64().unwrap_or(f64::INFINITY),
        _ => 0.0,
    }
}

/// Returns a float as a number of the same order.
fn ordered(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn below(value: f64) -> f64 {
    value - value.abs() * SLACK
}

fn above(value: f64) -> f64 {
    value + value.abs() * SLACK
}

impl Spans {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
    }

    /// Enters a row.
    pub(super) fn add(&mut self, probe: &Probe, row: RowId) {
        let Span { low, high } = probe.span;
        let group = match self.groups.get_mut(&probe.group) {
            Some(group) => group,
            None => self.groups.entry(probe.group.clone()).or_default(),
        };
        group.0.entry(probe.span.level()).or_default().insert((ordered(low), row.0), high);
    }

    /// Returns the rows that may be in the way.
    pub(super) fn find(&self, probe: &Probe) -> Vec<Entry> {
        let mut found = Vec::new();
        let Some(group) = self.groups.get(&probe.group) else { return found };
        let Span { low, high } = probe.span;
        for (&level, spans) in &group.0 {
            let reach = match level {
                UNBOUNDED => f64::INFINITY,
                POINT => 0.0,
                level => f64::from(level).exp2(),
            };
            let from = (ordered(below(below(low) - reach)), 0);
            let to = (ordered(above(high)), u64::MAX);
            if from > to {
                continue;
            }
            let meets = spans.range(from..=to).filter(|(_, end)| above(**end) >= below(low));
            found.extend(meets.map(|(&(begin, row), _)| Entry { level, begin, row }));
        }
        // The oldest first, by and large.
        found.sort_unstable_by_key(|entry| entry.row);
        found
    }

    /// Removes the entry of a row that is gone.
    pub(super) fn remove(&mut self, group: &[u8], entry: Entry) {
        let Some(spans) = self.groups.get_mut(group) else { return };
        if let Some(level) = spans.0.get_mut(&entry.level) {
            level.remove(&(entry.begin, entry.row));
            if level.is_empty() {
                spans.0.remove(&entry.level);
            }
        }
        if spans.0.is_empty() {
            self.groups.remove(group);
        }
    }
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    level: i32,
    begin: i64,
    row: u64,
}

impl Entry {
    /// Returns the row.
    pub(super) fn row(self) -> RowId {
        RowId(self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(low: f64, high: f64) -> Probe {
        Probe { group: Vec::new(), span: Span { low, high } }
    }

    #[test]
    fn every_interval_that_meets_another_is_found_and_not_many_more() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64
        };
        let mut all = Vec::new();
        let mut spans = Spans::default();
        for number in 0..2000 {
            let low = random() % 10_000.0 - 5_000.0;
            let length = match number % 5 {
                0 => 0.0,
                1 => random() % 3.0,
                2 => random() % 100.0,
                3 => random() % 5_000.0,
                _ if number % 100 == 4 => f64::INFINITY,
                _ => 0.125,
            };
            let low = if number % 100 == 9 { f64::NEG_INFINITY } else { low };
            all.push((low, low.max(-1e9) + length));
            spans.add(&probe(low, low.max(-1e9) + length), RowId(number));
        }
        for number in 0..500 {
            let low = random() % 12_000.0 - 6_000.0;
            let high = low + random() % 50.0;
            let mut found: Vec<u64> =
                spans.find(&probe(low, high)).into_iter().map(|entry| entry.row).collect();
            found.sort_unstable();
            let meets = |(from, to): &(f64, f64)| *from <= high && *to >= low;
            let wanted: Vec<u64> = (0..2000).filter(|number| meets(&all[*number as usize])).collect();
            assert!(wanted.iter().all(|row| found.contains(row)), "probe {number}");
            assert!(found.len() <= wanted.len() + 5, "probe {number}");
        }
        let found = spans.find(&probe(f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(found.len(), 2000);
        found.into_iter().for_each(|entry| spans.remove(&[], entry));
        assert!(spans.groups.is_empty());
    }
}
