//! Ordering, equality and hashing of datums by type, as the default btree and hash operator classes have it.
//!
//! `compare` is total: NaN equals itself and is above every float, `bpchar` ignores trailing blanks, intervals
//! compare by length, arrays by elements and then by shape. `hash_value` agrees with it: equal values hash the
//! same. NULL never reaches either from SQL operators; here it sorts last and equals itself, as in grouping.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use crate::datum::{ArrayValue, RangeValue};
use crate::{Datum, Oid, oids};

/// Compares two values of type `oid`.
pub fn compare(oid: Oid, left: &Datum, right: &Datum) -> Ordering {
    match (left, right) {
        (Datum::Text(l), Datum::Text(r)) if oid == oids::BPCHAR => trim_blanks(l).cmp(trim_blanks(r)),
        (Datum::Text(l), Datum::Text(r)) if oid == oids::CHAR => char_byte(l).cmp(&char_byte(r)),
        (Datum::I64(l), Datum::I64(r)) if matches!(oid, oids::PG_LSN | oids::XID8) => {
            (*l as u64).cmp(&(*r as u64))
        }
        (Datum::Text(l), Datum::Text(r)) => l.as_bytes().cmp(r.as_bytes()),
        (Datum::Bool(l), Datum::Bool(r)) => l.cmp(r),
        (Datum::I16(l), Datum::I16(r)) => l.cmp(r),
        (Datum::I32(l), Datum::I32(r)) => l.cmp(r),
        (Datum::I64(l), Datum::I64(r)) => l.cmp(r),
        (Datum::F32(l), Datum::F32(r)) => compare_f64(f64::from(*l), f64::from(*r)),
        (Datum::F64(l), Datum::F64(r)) => compare_f64(*l, *r),
        (Datum::Numeric(l), Datum::Numeric(r)) => l.cmp(r),
        (Datum::Interval(l), Datum::Interval(r)) => l.compare(r),
        (Datum::Uuid(l), Datum::Uuid(r)) => l.cmp(r),
        (Datum::Bytes(l), Datum::Bytes(r)) => l.cmp(r),
        (Datum::TimeTz(l, lz), Datum::TimeTz(r, rz)) => {
            let moment = |time: i64, west: i32| time + i64::from(west) * 1_000_000;
            moment(*l, *lz).cmp(&moment(*r, *rz)).then(lz.cmp(rz))
        }
        (Datum::Array(l), Datum::Array(r)) => compare_arrays(l, r),
        (Datum::Record(l), Datum::Record(r)) => l
            .fields
            .iter()
            .zip(r.fields.iter())
            .enumerate()
            .map(|(index, (left, right))| compare(l.field_type(index).oid, left, right))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| l.fields.len().cmp(&r.fields.len())),
        (Datum::Json(l), Datum::Json(r)) => l.compare(r),
        (Datum::Range(l), Datum::Range(r)) => crate::range::compare::compare(l, r),
        (Datum::Multirange(l), Datum::Multirange(r)) => crate::range::multirange::order(l, r),
        (Datum::Null, Datum::Null) => Ordering::Equal,
        (Datum::Null, _) => Ordering::Greater,
        (_, Datum::Null) => Ordering::Less,
        // Values of one type have one form; anything else is a caller's mistake.
        _ => {
            debug_assert!(false, "compared {left:?} with {right:?}");
            Ordering::Equal
        }
    }
}

/// Compares floats in SQL's order: NaN is equal to itself and above everything, zeros are equal.
pub fn compare_f64(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// Returns the byte that a `"char"` is; bytes above 127 are kept as octal escapes.
pub fn char_byte(text: &str) -> u8 {
    match text.as_bytes() {
        [] => 0,
        [b'\\', digits @ ..] if digits.len() == 3 => {
            digits.iter().fold(0u8, |byte, digit| byte.wrapping_mul(8).wrapping_add(digit.wrapping_sub(b'0')))
        }
        [byte, ..] => *byte,
    }
}

/// Returns the `"char"` of a byte.
pub fn char_from_byte(byte: u8) -> Datum {
    match byte {
        0 => Datum::text(""),
        1..=127 => Datum::text(char::from(byte).to_string()),
        128.. => Datum::text(format!("\\{byte:03o}")),
    }
}

/// Returns the text without trailing blanks.
pub fn trim_blanks(text: &str) -> &str {
    text.trim_end_matches(' ')
}

fn compare_arrays(left: &ArrayValue, right: &ArrayValue) -> Ordering {
    left.elements
        .iter()
        .zip(&right.elements)
        .map(|(l, r)| compare(left.element_type, l, r))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| {
            let lengths =
                |array: &ArrayValue| array.dimensions.iter().map(|(length, _)| *length).collect::<Vec<_>>();
            let bounds =
                |array: &ArrayValue| array.dimensions.iter().map(|(_, lower)| *lower).collect::<Vec<_>>();
            left.elements
                .len()
                .cmp(&right.elements.len())
                .then(left.dimensions.len().cmp(&right.dimensions.len()))
                .then_with(|| lengths(left).cmp(&lengths(right)))
                .then_with(|| bounds(left).cmp(&bounds(right)))
        })
}

/// Feeds a value of type `oid` to `state` so that equal values feed the same.
pub fn hash_value<H: Hasher>(oid: Oid, value: &Datum, state: &mut H) {
    match value {
        Datum::Null => 0u8.hash(state),
        Datum::Bool(flag) => flag.hash(state),
        Datum::I16(number) => i64::from(*number).hash(state),
        Datum::I32(number) => i64::from(*number).hash(state),
        Datum::I64(number) => number.hash(state),
        Datum::F32(number) => canonical_bits(f64::from(*number)).hash(state),
        Datum::F64(number) => canonical_bits(*number).hash(state),
        Datum::Numeric(number) => number.hash(state),
        Datum::Interval(span) => span.comparable().hash(state),
        Datum::Uuid(uuid) => uuid.hash(state),
        Datum::Text(text) if oid == oids::BPCHAR => trim_blanks(text).hash(state),
        Datum::Text(text) => text.as_str().hash(state),
        Datum::Bytes(bytes) => bytes.hash(state),
        Datum::TimeTz(time, west) => (time, west).hash(state),
        Datum::Array(array) => {
            array.dimensions.hash(state);
            array.elements.iter().for_each(|element| hash_value(array.element_type, element, state));
        }
        Datum::Record(record) => record
            .fields
            .iter()
            .enumerate()
            .for_each(|(index, field)| hash_value(record.field_type(index).oid, field, state)),
        Datum::Json(value) => value.hash_into(state),
        Datum::Range(range) => hash_range(range, state),
        Datum::Multirange(value) => value.ranges.iter().for_each(|range| hash_range(range, state)),
    }
}

fn hash_range<H: Hasher>(range: &RangeValue, state: &mut H) {
    range.empty.hash(state);
    for bound in [&range.lower, &range.upper] {
        bound.inclusive.hash(state);
        match &bound.value {
            Some(value) => hash_value(range.subtype(), value, state),
            None => 1u8.hash(state),
        }
    }
}

/// Returns the bits of a float with one zero and one NaN.
fn canonical_bits(value: f64) -> u64 {
    if value == 0.0 {
        0
    } else if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}
