//! Sets of ranges. Each operation works on the sorted ranges.

use std::cmp::Ordering;

use super::{combine, compare};
use crate::Datum;
use crate::datum::{MultirangeValue, RangeValue};

/// Compares multiranges: range by range, then by number.
pub fn order(left: &MultirangeValue, right: &MultirangeValue) -> Ordering {
    left.ranges
        .iter()
        .zip(&right.ranges)
        .map(|(l, r)| compare::compare(l, r))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.ranges.len().cmp(&right.ranges.len()))
}

/// Returns the range from the first lower to the last upper bound.
pub fn span(value: &MultirangeValue) -> RangeValue {
    match (value.ranges.first(), value.ranges.last()) {
        (Some(first), Some(last)) => RangeValue { upper: last.upper.clone(), ..first.clone() },
        (None, _) | (_, None) => RangeValue::empty(value.range_type()),
    }
}

/// `multirange @> element`
pub fn contains_element(value: &MultirangeValue, element: &Datum) -> bool {
    value.ranges.iter().any(|range| compare::contains_element(range, element))
}

/// Whether every range of `inner` lies in a range of `outer`.
pub fn contains(outer: &[RangeValue], inner: &[RangeValue]) -> bool {
    inner.iter().all(|part| part.empty || outer.iter().any(|range| compare::contains(range, part)))
}

/// Whether any two ranges overlap.
pub fn overlaps(left: &[RangeValue], right: &[RangeValue]) -> bool {
    left.iter().any(|l| right.iter().any(|r| compare::overlaps(l, r)))
}

/// Returns the ranges of `left` cut by those of `right`.
pub fn subtract(left: &MultirangeValue, right: &[RangeValue]) -> MultirangeValue {
    let mut parts = left.ranges.clone();
    for cut in right {
        parts = parts.iter().flat_map(|part| combine::subtract(part, cut)).collect();
    }
    MultirangeValue::new(left.multirange_type, parts)
}

/// Returns what both have.
pub fn intersect(left: &MultirangeValue, right: &[RangeValue]) -> MultirangeValue {
    let parts =
        left.ranges.iter().flat_map(|l| right.iter().map(move |r| combine::intersect(l, r))).collect();
    MultirangeValue::new(left.multirange_type, parts)
}

/// Returns what either has.
pub fn union(left: &MultirangeValue, right: &[RangeValue]) -> MultirangeValue {
    MultirangeValue::new(left.multirange_type, left.ranges.iter().chain(right).cloned().collect())
}
