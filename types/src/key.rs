//! Memcomparable keys: bytes whose order is the order of the values they encode.
//!
//! Every value starts with a byte that places NULLs. Fixed-width values follow big-endian with the sign bit
//! flipped; variable-width ones escape zero bytes (`00 FF`) and end in `00 00`, so that no key is a prefix of
//! another. A descending column has all bytes of its value inverted. Numerics are a class byte, the decimal
//! exponent and the digits of the mantissa in a terminated form, inverted when negative.

use dashu::base::UnsignedAbs;

use crate::compare::trim_blanks;
use crate::datum::RangeValue;
use crate::json::Json;
use crate::numeric::Numeric;
use crate::{Datum, Oid, oids};

const NULL_FIRST: u8 = 0x00;
const NOT_NULL: u8 = 0x01;
const NULL_LAST: u8 = 0x02;

/// Appends the key of a value of type `oid`.
pub fn encode_key(oid: Oid, value: &Datum, descending: bool, nulls_first: bool, out: &mut Vec<u8>) {
    if value.is_null() {
        return out.push(if nulls_first { NULL_FIRST } else { NULL_LAST });
    }
    out.push(NOT_NULL);
    let start = out.len();
    encode(oid, value, out);
    if descending {
        out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}

fn encode(oid: Oid, value: &Datum, out: &mut Vec<u8>) {
    match value {
        Datum::Null => out.push(NULL_LAST),
        Datum::Bool(flag) => out.push(u8::from(*flag)),
        Datum::I16(number) => out.extend_from_slice(&(*number as u16 ^ 0x8000).to_be_bytes()),
        Datum::I32(number) => out.extend_from_slice(&(*number as u32 ^ 0x8000_0000).to_be_bytes()),
        Datum::I64(number) if matches!(oid, oids::PG_LSN | oids::XID8) => {
            out.extend_from_slice(&number.to_be_bytes());
        }
        Datum::I64(number) => out.extend_from_slice(&(*number as u64 ^ (1 << 63)).to_be_bytes()),
        Datum::F32(number) => float(f64::from(*number), out),
        Datum::F64(number) => float(*number, out),
        Datum::Numeric(number) => numeric(number, out),
        Datum::Interval(span) => {
            out.extend_from_slice(&(span.comparable() as u128 ^ (1 << 127)).to_be_bytes());
        }
        Datum::Uuid(uuid) => out.extend_from_slice(uuid),
        Datum::Text(text) if oid == oids::BPCHAR => escaped(trim_blanks(text).as_bytes(), out),
        Datum::Text(text) => escaped(text.as_bytes(), out),
        Datum::Bytes(bytes) => escaped(bytes, out),
        Datum::TimeTz(time, west) => {
            let moment = time + i64::from(*west) * 1_000_000;
            out.extend_from_slice(&(moment as u64 ^ (1 << 63)).to_be_bytes());
            out.extend_from_slice(&(*west as u32 ^ 0x8000_0000).to_be_bytes());
        }
        Datum::Array(array) => {
            for element in &array.elements {
                out.push(1);
                element_key(array.element_type, element, out);
            }
            out.push(0);
            out.extend_from_slice(&(array.dimensions.len() as u32).to_be_bytes());
            for (length, _) in &array.dimensions {
                out.extend_from_slice(&(*length as u32 ^ 0x8000_0000).to_be_bytes());
            }
            for (_, lower) in &array.dimensions {
                out.extend_from_slice(&(*lower as u32 ^ 0x8000_0000).to_be_bytes());
            }
        }
        Datum::Record(record) => {
            for (index, field) in record.fields.iter().enumerate() {
                out.push(1);
                element_key(record.field_type(index).oid, field, out);
            }
            out.push(0);
        }
        Datum::Json(value) => json(value, true, out),
        Datum::Range(value) => range(value, out),
        Datum::Multirange(value) => {
            for part in &value.ranges {
                out.push(1);
                range(part, out);
            }
            out.push(0);
        }
    }
}

/// Appends an element; NULL is above every value.
fn element_key(oid: Oid, value: &Datum, out: &mut Vec<u8>) {
    if value.is_null() {
        return out.push(NULL_LAST);
    }
    out.push(NOT_NULL);
    encode(oid, value, out);
}

/// Empty is below everything; an infinite lower bound below all values, an infinite upper bound above.
fn range(value: &RangeValue, out: &mut Vec<u8>) {
    if value.empty {
        return out.push(0);
    }
    out.push(1);
    match &value.lower.value {
        None => out.push(0),
        Some(bound) => {
            out.push(1);
            encode(value.subtype(), bound, out);
            out.push(u8::from(!value.lower.inclusive));
        }
    }
    match &value.upper.value {
        None => out.push(2),
        Some(bound) => {
            out.push(1);
            encode(value.subtype(), bound, out);
            out.push(u8::from(value.upper.inclusive));
        }
    }
}

/// A tag in the order of kinds, then the number of members, then the members. The empty array is below
/// everything, but only at the top.
fn json(value: &Json, top: bool, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.push(1),
        Json::String(text) => {
            out.push(2);
            escaped(text.as_bytes(), out);
        }
        Json::Number(number) => {
            out.push(3);
            numeric(number, out);
        }
        Json::Bool(value) => out.extend_from_slice(&[4, u8::from(*value)]),
        Json::Array(items) if items.is_empty() && top => out.push(0),
        Json::Array(items) => {
            out.push(5);
            out.extend_from_slice(&(items.len() as u32).to_be_bytes());
            items.iter().for_each(|item| json(item, false, out));
        }
        Json::Object(fields) => {
            out.push(6);
            out.extend_from_slice(&(fields.len() as u32).to_be_bytes());
            for (key, value) in fields {
                escaped(key.as_bytes(), out);
                json(value, false, out);
            }
        }
    }
}

fn float(value: f64, out: &mut Vec<u8>) {
    let bits = if value == 0.0 {
        0
    } else if value.is_nan() {
        f64::NAN.to_bits() & !(1 << 63)
    } else {
        value.to_bits()
    };
    let ordered = if bits >> 63 == 1 { !bits } else { bits | (1 << 63) };
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn numeric(value: &Numeric, out: &mut Vec<u8>) {
    let Some((unscaled, scale)) = value.stripped() else {
        return out.push(match value {
            Numeric::NegativeInfinity => 0,
            Numeric::Infinity => 4,
            Numeric::NaN => 5,
            Numeric::Fixed { .. } | Numeric::Big(_) => 2,
        });
    };
    if unscaled.is_zero() {
        return out.push(2);
    }
    let negative = unscaled < dashu::integer::IBig::ZERO;
    out.push(if negative { 1 } else { 3 });
    let start = out.len();
    let digits = unscaled.unsigned_abs().to_string();
    // The value is 0.d1d2d3... * 10^exponent.
    let exponent = digits.len() as i32 - scale;
    out.extend_from_slice(&(exponent as u32 ^ 0x8000_0000).to_be_bytes());
    // Two digits a byte, plus one, so that the end (0) is below every digit.
    for pair in digits.as_bytes().chunks(2) {
        let tens = pair.first().map_or(0, |digit| digit - b'0');
        let ones = pair.get(1).map_or(0, |digit| digit - b'0');
        out.push(tens * 10 + ones + 1);
    }
    out.push(0);
    if negative {
        out.iter_mut().skip(start).for_each(|byte| *byte = !*byte);
    }
}
