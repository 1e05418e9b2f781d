//! Union, intersection and difference of two ranges.

use super::compare::{adjacent, lower_order, overlaps, upper_order};
use crate::datum::{RangeBound, RangeValue};
use crate::errors::{Result, range as errors};

fn lesser_lower<'a>(left: &'a RangeValue, right: &'a RangeValue) -> &'a RangeBound {
    if lower_order(&left.lower, &right.lower, left.subtype()).is_le() { &left.lower } else { &right.lower }
}

fn greater_upper<'a>(left: &'a RangeValue, right: &'a RangeValue) -> &'a RangeBound {
    if upper_order(&left.upper, &right.upper, left.subtype()).is_ge() { &left.upper } else { &right.upper }
}

/// Returns the smallest range that includes both.
pub fn merge(left: &RangeValue, right: &RangeValue) -> RangeValue {
    if left.empty {
        return right.clone();
    }
    if right.empty {
        return left.clone();
    }
    RangeValue {
        range_type: left.range_type,
        empty: false,
        lower: lesser_lower(left, right).clone(),
        upper: greater_upper(left, right).clone(),
    }
}

/// `left + right`
pub fn union(left: &RangeValue, right: &RangeValue) -> Result<RangeValue> {
    if left.empty || right.empty || overlaps(left, right) || adjacent(left, right) {
        return Ok(merge(left, right));
    }
    Err(errors::union_not_contiguous())
}

/// `left * right`
pub fn intersect(left: &RangeValue, right: &RangeValue) -> RangeValue {
    if !overlaps(left, right) {
        return RangeValue::empty(left.range_type);
    }
    let subtype = left.subtype();
    let lower = if lower_order(&left.lower, &right.lower, subtype).is_ge() { left } else { right };
    let upper = if upper_order(&left.upper, &right.upper, subtype).is_le() { left } else { right };
    RangeValue {
        range_type: left.range_type,
        empty: false,
        lower: lower.lower.clone(),
        upper: upper.upper.clone(),
    }
}

/// Returns what is left of `left` without `right`: none, one or two ranges.
pub fn subtract(left: &RangeValue, right: &RangeValue) -> Vec<RangeValue> {
    if left.empty {
        return Vec::new();
    }
    if !overlaps(left, right) {
        return vec![left.clone()];
    }
    let subtype = left.subtype();
    let mut parts = Vec::new();
    if lower_order(&left.lower, &right.lower, subtype).is_lt() {
        let upper = RangeBound { value: right.lower.value.clone(), inclusive: !right.lower.inclusive };
        parts.push(RangeValue { upper, ..left.clone() });
    }
    if upper_order(&left.upper, &right.upper, subtype).is_gt() {
        let lower = RangeBound { value: right.upper.value.clone(), inclusive: !right.upper.inclusive };
        parts.push(RangeValue { lower, ..left.clone() });
    }
    parts
}

/// `left - right`
pub fn minus(left: &RangeValue, right: &RangeValue) -> Result<RangeValue> {
    let mut parts = subtract(left, right);
    match (parts.pop(), parts.pop()) {
        (Some(_), Some(_)) => Err(errors::difference_not_contiguous()),
        (Some(part), None) => Ok(part),
        (None, _) => Ok(RangeValue::empty(left.range_type)),
    }
}
