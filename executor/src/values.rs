//! What the executor asks of single values beyond what functions do: order, and the bytes that equal values share.
//!
//! Order is the default btree order of the type. *Canonical bytes* are equal exactly when the values are equal
//! in that order, so hashing, grouping and DISTINCT work on bytes. *Exact bytes* keep a value with its display
//! form (numeric scale, trailing blanks) and can be read back; they are what [`kernels::vector::Values::Views`] holds for values
//! that have no lanes of their own.

use std::cmp::Ordering;
use std::sync::Arc;

use types::{Datum, Interval, Numeric, PhysicalType, Result, TypeRef, oids};

/// Microseconds of a day.
const DAY_MICROSECONDS: i128 = 86_400_000_000;

/// Compares two values that are not null in the default btree order of `ty`.
pub(crate) fn compare(left: &Datum, right: &Datum, ty: TypeRef) -> Ordering {
    types::compare::compare(ty.oid, left, right)
}

/// Returns a value under a binary-coercible type: the same bits, where `int4` and `oid` have other lanes.
pub(crate) fn relabel(value: Datum, to: TypeRef) -> Datum {
    match (value, types::physical_type(to.oid)) {
        (Datum::I32(value), Some(PhysicalType::I64)) => Datum::I64(i64::from(value as u32)),
        (Datum::I64(value), Some(PhysicalType::I32)) => Datum::I32(value as u32 as i32),
        (Datum::Array(array), _) => match types::element_type(to.oid) {
            Some(element) if element != array.element_type => {
                let mut array = array;
                Arc::make_mut(&mut array).element_type = element;
                Datum::Array(array)
            }
            _ => Datum::Array(array),
        },
        (value, _) => value,
    }
}

/// Returns whether a relabelled value keeps its lanes.
pub(crate) fn relabel_keeps_lanes(from: TypeRef, to: TypeRef) -> bool {
    types::physical_type(from.oid) == types::physical_type(to.oid) && types::element_type(to.oid).is_none()
}

/// Orders floats as `float8_cmp_internal` does: NaN is equal to itself and above everything, zeros are equal.
pub(crate) fn compare_floats(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
}

/// The length of an interval, with months of 30 days, as `interval_cmp_value`.
pub(crate) fn interval_span(interval: &Interval) -> i128 {
    i128::from(interval.microseconds)
        + (i128::from(interval.months) * 30 + i128::from(interval.days)) * DAY_MICROSECONDS
}

/// Returns `bytes` without trailing blanks, which `bpchar` does not compare.
pub(crate) fn trim_blanks(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    &bytes[..len]
}

/// Returns the bits of a float with one zero and one NaN.
pub(crate) fn canonical_f64(value: f64) -> u64 {
    if value == 0.0 {
        0
    } else if value.is_nan() {
        f64::NAN.to_bits()
    } else {
        value.to_bits()
    }
}

/// Appends the canonical bytes of `value`.
pub(crate) fn canonical(value: &Datum, ty: TypeRef, out: &mut Vec<u8>) {
    match value {
        Datum::Null => out.push(0),
        Datum::Bool(value) => out.push(1 + u8::from(*value)),
        Datum::I16(value) => out.extend(value.to_le_bytes()),
        Datum::I32(value) => out.extend(value.to_le_bytes()),
        Datum::I64(value) => out.extend(value.to_le_bytes()),
        Datum::F32(value) => out.extend(canonical_f64(f64::from(*value)).to_le_bytes()),
        Datum::F64(value) => out.extend(canonical_f64(*value).to_le_bytes()),
        Datum::Numeric(value) => canonical_numeric(value, out),
        Datum::Interval(value) => out.extend(interval_span(value).to_le_bytes()),
        Datum::Uuid(value) => out.extend(value),
        Datum::Text(value) if ty.oid == oids::BPCHAR => out.extend(trim_blanks(value.as_bytes())),
        Datum::Text(value) => out.extend(value.as_bytes()),
        Datum::Bytes(value) => out.extend(value.iter()),
        Datum::TimeTz(time, zone) => {
            out.extend(time.to_le_bytes());
            out.extend(zone.to_le_bytes());
        }
        Datum::Array(array) => {
            out.extend((array.dimensions.len() as u32).to_le_bytes());
            for (len, lower) in &array.dimensions {
                out.extend(len.to_le_bytes());
                out.extend(lower.to_le_bytes());
            }
            canonical_all(&array.elements, TypeRef::plain(array.element_type), out);
        }
        // Keys are equal exactly when the values are.
        Datum::Record(_) | Datum::Json(_) | Datum::Range(_) | Datum::Multirange(_) => {
            types::key::encode_key(ty.oid, value, false, false, out);
        }
    }
}

fn canonical_all(values: &[Datum], ty: TypeRef, out: &mut Vec<u8>) {
    for value in values {
        let start = out.len();
        out.extend([0; 5]);
        canonical(value, ty, out);
        let len = (out.len() - start - 5) as u32;
        out[start] = u8::from(!value.is_null());
        out[start + 1..start + 5].copy_from_slice(&len.to_le_bytes());
    }
}

/// Appends the bytes that numerically equal values share: the integer without trailing zeros, then its scale.
pub(crate) fn canonical_numeric(value: &Numeric, out: &mut Vec<u8>) {
    match value.to_fixed() {
        Some((mut unscaled, scale)) => {
            let mut scale = i32::from(scale);
            if unscaled == 0 {
                scale = 0;
            }
            while unscaled != 0 && unscaled % 10 == 0 {
                unscaled /= 10;
                scale -= 1;
            }
            out.push(1);
            out.extend(unscaled.to_le_bytes());
            out.extend(scale.to_le_bytes());
        }
        None => {
            let stripped = if value.is_finite() { value.trim_scale().ok() } else { None };
            let mut text = Vec::new();
            stripped.as_ref().unwrap_or(value).write_text(&mut text);
            // A value past 128 bits may become one that fits once its zeros after the point are gone.
            match stripped.filter(|stripped| stripped.to_fixed().is_some()) {
                Some(small) => canonical_numeric(&small, out),
                None => {
                    out.push(2);
                    out.extend(text);
                }
            }
        }
    }
}

/// Appends the exact bytes of `value`, tagged by kind.
///
/// # Errors
/// None at present.
pub(crate) fn encode(value: &Datum, out: &mut Vec<u8>) -> Result<()> {
    types::codec::encode_value(value, out);
    Ok(())
}

/// Reads back what [`encode`] wrote.
///
/// # Errors
/// `XX000` for bytes that it did not write.
pub(crate) fn decode(bytes: &[u8]) -> Result<Datum> {
    types::codec::decode_value(bytes)
}
