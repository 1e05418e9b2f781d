//! Order of bounds and ranges, and how ranges lie to each other.

use std::cmp::Ordering;

use crate::datum::{RangeBound, RangeValue};
use crate::{Datum, Oid};

/// Compares two bounds; each says whether it is a lower one (`range_cmp_bounds`).
pub fn bound_order(left: (&RangeBound, bool), right: (&RangeBound, bool), subtype: Oid) -> Ordering {
    let infinite = |lower: bool| if lower { Ordering::Less } else { Ordering::Greater };
    let ((l, l_lower), (r, r_lower)) = (left, right);
    match (&l.value, &r.value) {
        (None, None) if l_lower == r_lower => Ordering::Equal,
        (None, _) => infinite(l_lower),
        (Some(_), None) => infinite(r_lower).reverse(),
        (Some(a), Some(b)) => crate::compare::compare(subtype, a, b).then_with(|| {
            // An exclusive lower bound lies above its value, an exclusive upper bound below.
            let offset = |bound: &RangeBound, lower: bool| match (bound.inclusive, lower) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => -1,
            };
            offset(l, l_lower).cmp(&offset(r, r_lower))
        }),
    }
}

/// Compares two lower bounds.
pub fn lower_order(left: &RangeBound, right: &RangeBound, subtype: Oid) -> Ordering {
    bound_order((left, true), (right, true), subtype)
}

/// Compares two upper bounds.
pub fn upper_order(left: &RangeBound, right: &RangeBound, subtype: Oid) -> Ordering {
    bound_order((left, false), (right, false), subtype)
}

/// Compares ranges: empty first, then by lower and by upper bound.
pub fn compare(left: &RangeValue, right: &RangeValue) -> Ordering {
    let subtype = left.subtype();
    match (left.empty, right.empty) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => lower_order(&left.lower, &right.lower, subtype)
            .then_with(|| upper_order(&left.upper, &right.upper, subtype)),
    }
}

/// `left && right`
pub fn overlaps(left: &RangeValue, right: &RangeValue) -> bool {
    if left.empty || right.empty {
        return false;
    }
    let subtype = left.subtype();
    bound_order((&left.lower, true), (&right.upper, false), subtype).is_le()
        && bound_order((&right.lower, true), (&left.upper, false), subtype).is_le()
}

/// `left -|- right`
pub fn adjacent(left: &RangeValue, right: &RangeValue) -> bool {
    !left.empty && !right.empty && (touches(left, right) || touches(right, left))
}

/// Whether `right` begins exactly where `left` ends.
fn touches(left: &RangeValue, right: &RangeValue) -> bool {
    match (&left.upper.value, &right.lower.value) {
        (Some(end), Some(start)) => {
            left.upper.inclusive != right.lower.inclusive
                && crate::compare::compare(left.subtype(), end, start).is_eq()
        }
        (None, _) | (_, None) => false,
    }
}

/// `range @> element`
pub fn contains_element(range: &RangeValue, element: &Datum) -> bool {
    if range.empty {
        return false;
    }
    let subtype = range.subtype();
    let above = range.lower.value.as_ref().is_none_or(|low| {
        let order = crate::compare::compare(subtype, low, element);
        order.is_lt() || order.is_eq() && range.lower.inclusive
    });
    above
        && range.upper.value.as_ref().is_none_or(|high| {
            let order = crate::compare::compare(subtype, high, element);
            order.is_gt() || order.is_eq() && range.upper.inclusive
        })
}

/// `outer @> inner`
pub fn contains(outer: &RangeValue, inner: &RangeValue) -> bool {
    if inner.empty {
        return true;
    }
    let subtype = outer.subtype();
    !outer.empty
        && lower_order(&outer.lower, &inner.lower, subtype).is_le()
        && upper_order(&outer.upper, &inner.upper, subtype).is_ge()
}

/// `left << right`
pub fn before(left: &RangeValue, right: &RangeValue) -> bool {
    !left.empty
        && !right.empty
        && bound_order((&left.upper, false), (&right.lower, true), left.subtype()).is_lt()
}

/// `left &< right`: does not extend to the right of it.
pub fn not_right_of(left: &RangeValue, right: &RangeValue) -> bool {
    !left.empty && !right.empty && upper_order(&left.upper, &right.upper, left.subtype()).is_le()
}

/// `left &> right`: does not extend to the left of it.
pub fn not_left_of(left: &RangeValue, right: &RangeValue) -> bool {
    !left.empty && !right.empty && lower_order(&left.lower, &right.lower, left.subtype()).is_ge()
}
