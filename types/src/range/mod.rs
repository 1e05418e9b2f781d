//! Ranges and multiranges.
//!
//! A range of a discrete type is kept in its canonical form `[lower,upper)`, so that equal ranges have equal
//! fields; an infinite bound is never inclusive; a range without elements is `empty`.
//!
//! * `compare`: order of bounds and ranges, containment, position
//! * `combine`: union, intersection, difference
//! * `multirange`: the same over sets of ranges
//! * `io`: text input and output

pub mod combine;
pub mod compare;
pub mod io;
pub mod multirange;

use crate::datum::{MultirangeValue, RangeBound, RangeValue};
use crate::errors::{Result, data, datetime, range as errors};
use crate::{Datum, Oid, oids, physical};

impl RangeBound {
    /// Returns an infinite bound.
    pub fn infinite() -> Self {
        Self { value: None, inclusive: false }
    }
}

impl RangeValue {
    /// Returns the range without elements.
    pub fn empty(range_type: Oid) -> Self {
        Self { range_type, empty: true, lower: RangeBound::infinite(), upper: RangeBound::infinite() }
    }

    /// Returns the range between two bounds in canonical form.
    pub fn new(range_type: Oid, lower: RangeBound, upper: RangeBound) -> Result<Self> {
        let subtype = physical::range_subtype(range_type).unwrap_or(0);
        if let (Some(low), Some(high)) = (&lower.value, &upper.value)
            && crate::compare::compare(subtype, low, high).is_gt()
        {
            return Err(errors::bounds_out_of_order());
        }
        let mut range = Self { range_type, empty: false, lower, upper };
        range.lower.inclusive &= range.lower.value.is_some();
        range.upper.inclusive &= range.upper.value.is_some();
        if range.bounds_meet_nothing() {
            return Ok(Self::empty(range_type));
        }
        range.canonicalize(subtype)
    }

    /// Whether the bounds are equal and one of them is exclusive.
    fn bounds_meet_nothing(&self) -> bool {
        match (&self.lower.value, &self.upper.value) {
            (Some(low), Some(high)) => {
                !(self.lower.inclusive && self.upper.inclusive)
                    && crate::compare::compare(self.subtype(), low, high).is_eq()
            }
            (None, _) | (_, None) => false,
        }
    }

    fn canonicalize(mut self, subtype: Oid) -> Result<Self> {
        if !matches!(subtype, oids::INT4 | oids::INT8 | oids::DATE) {
            return Ok(self);
        }
        if let Some(value) = &self.lower.value
            && !self.lower.inclusive
            && let Some(next) = successor(subtype, value)?
        {
            self.lower = RangeBound { value: Some(next), inclusive: true };
        }
        if let Some(value) = &self.upper.value
            && self.upper.inclusive
            && let Some(next) = successor(subtype, value)?
        {
            self.upper = RangeBound { value: Some(next), inclusive: false };
        }
        if self.bounds_meet_nothing() { Ok(Self::empty(self.range_type)) } else { Ok(self) }
    }

    /// Returns the type of the bounds.
    pub fn subtype(&self) -> Oid {
        physical::range_subtype(self.range_type).unwrap_or(0)
    }
}

/// Returns the next value of a discrete type; none for an infinite date.
fn successor(subtype: Oid, value: &Datum) -> Result<Option<Datum>> {
    Ok(match value {
        Datum::I32(day) if subtype == oids::DATE && crate::datetime::is_infinite_date(*day) => None,
        Datum::I32(day) if subtype == oids::DATE => {
            if *day + 1 >= crate::datetime::DATE_END {
                return Err(datetime::out_of_range("date", None));
            }
            Some(Datum::I32(day + 1))
        }
        Datum::I32(number) => Some(Datum::I32(number.checked_add(1).ok_or_else(data::integer_out_of_range)?)),
        Datum::I64(number) => Some(Datum::I64(number.checked_add(1).ok_or_else(data::bigint_out_of_range)?)),
        _ => None,
    })
}

impl MultirangeValue {
    /// Returns the multirange of `ranges`: sorted, without empty ones, joined where they overlap or touch.
    pub fn new(multirange_type: Oid, mut ranges: Vec<RangeValue>) -> Self {
        ranges.retain(|range| !range.empty);
        ranges.sort_by(compare::compare);
        let mut joined: Vec<RangeValue> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(last) if compare::overlaps(last, &range) || compare::adjacent(last, &range) => {
                    if compare::upper_order(&last.upper, &range.upper, last.subtype()).is_lt() {
                        last.upper = range.upper;
                    }
                }
                Some(_) | None => joined.push(range),
            }
        }
        Self { multirange_type, ranges: joined }
    }

    /// Returns the range type.
    pub fn range_type(&self) -> Oid {
        physical::multirange_range(self.multirange_type).unwrap_or(0)
    }
}
