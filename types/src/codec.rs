//! A compact self-describing byte form of datums, for vectors of arrays, records and exact numerics and for
//! storage. Stable: tags and layouts are written to disk. A tag byte, then the value little-endian; lengths are
//! 32 bits.

use std::sync::Arc;

use crate::datum::{ArrayValue, Interval, MultirangeValue, RangeBound, RangeValue, RecordValue};
use crate::errors::{PgError, Result, SqlState};
use crate::json::Json;
use crate::numeric::Numeric;
use crate::{Datum, TypeRef};

/// Nesting that decoding follows at most.
const DEPTH_MAX: usize = 64;

fn corrupted() -> PgError {
    PgError::new(SqlState::DATA_CORRUPTED, "invalid encoded value")
}

/// Appends the bytes of `value`.
pub fn encode_value(value: &Datum, out: &mut Vec<u8>) {
    match value {
        Datum::Null => out.push(0),
        Datum::Bool(flag) => out.extend_from_slice(&[1, u8::from(*flag)]),
        Datum::I16(number) => tagged(2, &number.to_le_bytes(), out),
        Datum::I32(number) => tagged(3, &number.to_le_bytes(), out),
        Datum::I64(number) => tagged(4, &number.to_le_bytes(), out),
        Datum::F32(number) => tagged(5, &number.to_le_bytes(), out),
        Datum::F64(number) => tagged(6, &number.to_le_bytes(), out),
        Datum::Numeric(number) => {
            out.push(7);
            sized(out, |out| number.write_binary(out));
        }
        Datum::Interval(span) => {
            tagged(8, &span.microseconds.to_le_bytes(), out);
            out.extend_from_slice(&span.days.to_le_bytes());
            out.extend_from_slice(&span.months.to_le_bytes());
        }
        Datum::Uuid(uuid) => tagged(9, uuid, out),
        Datum::Text(text) => {
            out.push(10);
            sized(out, |out| out.extend_from_slice(text.as_bytes()));
        }
        Datum::Bytes(bytes) => {
            out.push(11);
            sized(out, |out| out.extend_from_slice(bytes));
        }
        Datum::TimeTz(time, west) => {
            tagged(12, &time.to_le_bytes(), out);
            out.extend_from_slice(&west.to_le_bytes());
        }
        Datum::Array(array) => {
            tagged(13, &array.element_type.to_le_bytes(), out);
            out.push(array.dimensions.len() as u8);
            for (length, lower) in &array.dimensions {
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(&lower.to_le_bytes());
            }
            out.extend_from_slice(&(array.elements.len() as u32).to_le_bytes());
            array.elements.iter().for_each(|element| encode_value(element, out));
        }
        Datum::Record(record) => {
            tagged(14, &record.row_type.to_le_bytes(), out);
            out.extend_from_slice(&(record.fields.len() as u32).to_le_bytes());
            for (index, field) in record.fields.iter().enumerate() {
                let (name, ty) = match record.columns.get(index) {
                    Some((name, ty)) => (name.as_str(), *ty),
                    None => ("", record.field_type(index)),
                };
                sized(out, |out| out.extend_from_slice(name.as_bytes()));
                out.extend_from_slice(&ty.oid.to_le_bytes());
                out.extend_from_slice(&ty.typmod.to_le_bytes());
                out.extend_from_slice(&ty.collation.to_le_bytes());
                encode_value(field, out);
            }
        }
        Datum::Json(value) => {
            out.push(15);
            sized(out, |out| out.extend_from_slice(value.to_text().as_bytes()));
        }
        Datum::Range(range) => {
            out.push(16);
            encode_range(range, out);
        }
        Datum::Multirange(value) => {
            tagged(17, &value.multirange_type.to_le_bytes(), out);
            out.extend_from_slice(&(value.ranges.len() as u32).to_le_bytes());
            value.ranges.iter().for_each(|range| encode_range(range, out));
        }
    }
}

fn encode_range(range: &RangeValue, out: &mut Vec<u8>) {
    out.extend_from_slice(&range.range_type.to_le_bytes());
    out.push(u8::from(range.empty));
    for bound in [&range.lower, &range.upper] {
        out.push(u8::from(bound.inclusive));
        encode_value(bound.value.as_ref().unwrap_or(&Datum::Null), out);
    }
}

fn decode_range(bytes: &mut &[u8], depth: usize) -> Result<RangeValue> {
    let range_type = u32::from_le_bytes(take(bytes)?);
    let empty = take::<1>(bytes)?[0] != 0;
    let bound = |bytes: &mut &[u8]| -> Result<RangeBound> {
        let inclusive = take::<1>(bytes)?[0] != 0;
        let value = decode(bytes, depth + 1)?;
        Ok(RangeBound { value: (!value.is_null()).then_some(value), inclusive })
    };
    let lower = bound(bytes)?;
    let upper = bound(bytes)?;
    Ok(RangeValue { range_type, empty, lower, upper })
}

fn decode_record(bytes: &mut &[u8], depth: usize) -> Result<Datum> {
    let row_type = u32::from_le_bytes(take(bytes)?);
    let count = u32::from_le_bytes(take(bytes)?) as usize;
    if count > bytes.len() {
        return Err(corrupted());
    }
    let mut columns = Vec::with_capacity(count);
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let name = std::str::from_utf8(take_sized(bytes)?).map_err(|_| corrupted())?;
        let ty = TypeRef {
            oid: u32::from_le_bytes(take(bytes)?),
            typmod: i32::from_le_bytes(take(bytes)?),
            collation: u32::from_le_bytes(take(bytes)?),
        };
        columns.push((name.into(), ty));
        fields.push(decode(bytes, depth + 1)?);
    }
    Ok(Datum::Record(Arc::new(RecordValue { row_type, columns: columns.into(), fields })))
}

fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// Appends what `write` appends, after its size.
fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let size = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&size.to_le_bytes());
}

/// Decodes one value that fills `bytes`.
pub fn decode_value(bytes: &[u8]) -> Result<Datum> {
    let mut rest = bytes;
    let value = decode(&mut rest, 0)?;
    if rest.is_empty() { Ok(value) } else { Err(corrupted()) }
}

/// Decodes one value from the front of `bytes` and moves past it.
pub fn decode_next(bytes: &mut &[u8]) -> Result<Datum> {
    decode(bytes, 0)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>().ok_or_else(corrupted)?;
    *bytes = tail;
    Ok(*head)
}

fn take_sized<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let size = u32::from_le_bytes(take(bytes)?) as usize;
    let (head, tail) = bytes.split_at_checked(size).ok_or_else(corrupted)?;
    *bytes = tail;
    Ok(head)
}

fn decode_many(bytes: &mut &[u8], depth: usize) -> Result<Vec<Datum>> {
    let count = u32::from_le_bytes(take(bytes)?) as usize;
    if count > bytes.len() {
        return Err(corrupted());
    }
    (0..count).map(|_| decode(bytes, depth + 1)).collect()
}

fn decode(bytes: &mut &[u8], depth: usize) -> Result<Datum> {
    if depth > DEPTH_MAX {
        return Err(corrupted());
    }
    Ok(match take::<1>(bytes)?[0] {
        0 => Datum::Null,
        1 => Datum::Bool(take::<1>(bytes)?[0] != 0),
        2 => Datum::I16(i16::from_le_bytes(take(bytes)?)),
        3 => Datum::I32(i32::from_le_bytes(take(bytes)?)),
        4 => Datum::I64(i64::from_le_bytes(take(bytes)?)),
        5 => Datum::F32(f32::from_le_bytes(take(bytes)?)),
        6 => Datum::F64(f64::from_le_bytes(take(bytes)?)),
        7 => Datum::Numeric(Numeric::read_binary(take_sized(bytes)?, -1)?),
        8 => Datum::Interval(Interval {
            microseconds: i64::from_le_bytes(take(bytes)?),
            days: i32::from_le_bytes(take(bytes)?),
            months: i32::from_le_bytes(take(bytes)?),
        }),
        9 => Datum::Uuid(take(bytes)?),
        10 => Datum::text(std::str::from_utf8(take_sized(bytes)?).map_err(|_| corrupted())?),
        11 => Datum::Bytes(Arc::from(take_sized(bytes)?)),
        12 => Datum::TimeTz(i64::from_le_bytes(take(bytes)?), i32::from_le_bytes(take(bytes)?)),
        13 => {
            let element_type = u32::from_le_bytes(take(bytes)?);
            let count = take::<1>(bytes)?[0];
            let dimensions: Result<Vec<(i32, i32)>> = (0..count)
                .map(|_| Ok((i32::from_le_bytes(take(bytes)?), i32::from_le_bytes(take(bytes)?))))
                .collect();
            let dimensions = dimensions?;
            let elements = decode_many(bytes, depth)?;
            Datum::Array(Arc::new(ArrayValue { element_type, dimensions, elements }))
        }
        14 => decode_record(bytes, depth)?,
        15 => {
            let text = std::str::from_utf8(take_sized(bytes)?).map_err(|_| corrupted())?;
            Datum::Json(Arc::new(Json::parse(text).map_err(|_| corrupted())?))
        }
        16 => Datum::Range(Arc::new(decode_range(bytes, depth)?)),
        17 => {
            let multirange_type = u32::from_le_bytes(take(bytes)?);
            let count = u32::from_le_bytes(take(bytes)?) as usize;
            if count > bytes.len() {
                return Err(corrupted());
            }
            let ranges: Result<Vec<_>> = (0..count).map(|_| decode_range(bytes, depth)).collect();
            Datum::Multirange(Arc::new(MultirangeValue { multirange_type, ranges: ranges? }))
        }
        _ => return Err(corrupted()),
    })
}
