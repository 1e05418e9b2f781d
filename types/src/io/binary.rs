//! Binary wire form of values.

use std::sync::Arc;

use super::text::{limit_bpchar, limit_varchar};
use super::truncate_name;
use crate::datetime::{DATE_END, DATE_MIN, arithmetic, check_timestamp, is_infinite, is_infinite_date};
use crate::datum::{ArrayValue, Interval, MultirangeValue, RangeBound, RangeValue};
use crate::errors::{PgError, Result, data, datetime, text as text_errors};
use crate::geometry;
use crate::network::Inet;
use crate::numeric::Numeric;
use crate::{Datum, Oid, oids, physical};

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    match <[u8; N]>::try_from(bytes) {
        Ok(array) => Ok(array),
        Err(_) if bytes.len() < N => Err(data::binary_too_short()),
        Err(_) => Err(data::invalid_binary("incorrect binary data format")),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) => Err(text_errors::invalid_utf8(&[0])),
        Err(error) => {
            let from = error.valid_up_to();
            Err(text_errors::invalid_utf8(
                bytes.get(from..from + error.error_len().unwrap_or(1)).unwrap_or(&[]),
            ))
        }
    }
}

/// Reads the binary form of a value of type `oid` with its modifier.
pub fn binary_input(oid: Oid, typmod: i32, bytes: &[u8]) -> Result<Datum> {
    Ok(match oid {
        oids::BOOL => Datum::Bool(exactly::<1>(bytes)?[0] != 0),
        oids::INT2 => Datum::I16(i16::from_be_bytes(exactly(bytes)?)),
        oids::INT4 => Datum::I32(i32::from_be_bytes(exactly(bytes)?)),
        oids::INT8 | oids::MONEY | oids::PG_LSN | oids::XID8 => {
            Datum::I64(i64::from_be_bytes(exactly(bytes)?))
        }
        oids::TID => {
            let [b0, b1, b2, b3, o0, o1] = exactly(bytes)?;
            let block = i64::from(u32::from_be_bytes([b0, b1, b2, b3]));
            Datum::I64(super::text::tid_of(block, u16::from_be_bytes([o0, o1])))
        }
        oids::FLOAT4 => Datum::F32(f32::from_be_bytes(exactly(bytes)?)),
        oids::FLOAT8 => Datum::F64(f64::from_be_bytes(exactly(bytes)?)),
        oids::NUMERIC => Datum::Numeric(Numeric::read_binary(bytes, typmod)?),
        oids::DATE => {
            let days = i32::from_be_bytes(exactly(bytes)?);
            if !is_infinite_date(days) && !(DATE_MIN..DATE_END).contains(&days) {
                return Err(datetime::out_of_range("date", None));
            }
            Datum::I32(days)
        }
        oids::TIME => {
            let time = i64::from_be_bytes(exactly(bytes)?);
            if !(0..=crate::datetime::MICROSECONDS_PER_DAY).contains(&time) {
                return Err(datetime::out_of_range("time", None));
            }
            Datum::I64(arithmetic::apply_precision(time, typmod))
        }
        oids::TIMESTAMP | oids::TIMESTAMPTZ => {
            let timestamp = i64::from_be_bytes(exactly(bytes)?);
            if !is_infinite(timestamp) && check_timestamp(timestamp).is_none() {
                return Err(datetime::out_of_range("timestamp", None));
            }
            Datum::I64(arithmetic::apply_precision(timestamp, typmod))
        }
        oids::TIMETZ => {
            let bytes: [u8; 12] = exactly(bytes)?;
            let (time, zone) = bytes.split_at(8);
            Datum::TimeTz(i64::from_be_bytes(exactly(time)?), i32::from_be_bytes(exactly(zone)?))
        }
        oids::INTERVAL => {
            let bytes: [u8; 16] = exactly(bytes)?;
            let (time, rest) = bytes.split_at(8);
            let (days, months) = rest.split_at(4);
            let span = Interval {
                microseconds: i64::from_be_bytes(exactly(time)?),
                days: i32::from_be_bytes(exactly(days)?),
                months: i32::from_be_bytes(exactly(months)?),
            };
            Datum::Interval(span.apply_typmod(typmod)?)
        }
        oids::UUID => Datum::Uuid(exactly(bytes)?),
        oids::BYTEA => Datum::Bytes(Arc::from(bytes)),
        oids::CHAR => crate::compare::char_from_byte(exactly::<1>(bytes)?[0]),
        oids::BIT => crate::bits::fit_fixed(&crate::bits::read_binary(bytes)?, typmod, false)?,
        oids::VARBIT => crate::bits::fit_varying(&crate::bits::read_binary(bytes)?, typmod, false)?,
        oids::PG_SNAPSHOT | oids::TXID_SNAPSHOT => {
            return Err(PgError::not_supported("binary input of a snapshot"));
        }
        oids::VARCHAR => Datum::text(limit_varchar(utf8(bytes)?, typmod)?),
        oids::BPCHAR => Datum::text(limit_bpchar(utf8(bytes)?, typmod)?),
        oids::NAME => Datum::text(truncate_name(utf8(bytes)?)),
        oids::JSON => Datum::text(crate::json::validate(utf8(bytes)?)?),
        oids::JSONB => read_jsonb(bytes)?,
        oids::JSONPATH => match bytes {
            [1, text @ ..] => Datum::text(crate::jsonpath::normalize(utf8(text)?)?),
            [version, ..] => return Err(data::invalid_jsonb_version(*version)),
            [] => return Err(data::binary_too_short()),
        },
        oids::POINT | oids::LSEG | oids::BOX | oids::LINE | oids::PATH | oids::POLYGON | oids::CIRCLE => {
            geometry::binary::input(oid, bytes)?
        }
        oids::INET | oids::CIDR => read_inet(bytes)?,
        oids::MACADDR => Datum::Bytes(Arc::from(exactly::<6>(bytes)?.as_slice())),
        oids::MACADDR8 => Datum::Bytes(Arc::from(exactly::<8>(bytes)?.as_slice())),
        _ if physical::range_subtype(oid).is_some() => Datum::Range(Arc::new(read_range(oid, bytes)?)),
        _ if physical::multirange_range(oid).is_some() => {
            Datum::Multirange(Arc::new(read_multirange(oid, bytes)?))
        }
        _ if physical::is_text_like(oid) => Datum::text(utf8(bytes)?),
        _ if physical::is_oid_like(oid) => Datum::I64(i64::from(u32::from_be_bytes(exactly(bytes)?))),
        _ if physical::element_type(oid).is_some() => read_array(oid, typmod, bytes)?,
        _ => return Err(PgError::not_supported(format!("binary input of type {oid}"))),
    })
}

/// Takes `size` bytes off the front.
fn take<'a>(bytes: &mut &'a [u8], size: usize) -> Result<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(size).ok_or_else(data::binary_too_short)?;
    *bytes = tail;
    Ok(head)
}

fn read_array(oid: Oid, typmod: i32, bytes: &[u8]) -> Result<Datum> {
    let mut rest = bytes;
    let next = |rest: &mut &[u8]| -> Result<i32> { Ok(i32::from_be_bytes(exactly(take(rest, 4)?)?)) };
    let (count, _flags, element_type) = (next(&mut rest)?, next(&mut rest)?, next(&mut rest)? as u32);
    if !(0..=6).contains(&count) {
        return Err(data::invalid_binary("invalid number of dimensions"));
    }
    let mut dimensions = Vec::new();
    let mut total: i64 = i64::from(count > 0);
    for _ in 0..count {
        let (length, lower) = (next(&mut rest)?, next(&mut rest)?);
        total = total.saturating_mul(i64::from(length));
        dimensions.push((length, lower));
    }
    // Every element takes at least its length word.
    if total < 0 || total > rest.len() as i64 / 4 {
        return Err(data::binary_too_short());
    }
    let mut elements = Vec::new();
    for _ in 0..total {
        match usize::try_from(next(&mut rest)?) {
            Ok(size) => elements.push(binary_input(element_type, typmod, take(&mut rest, size)?)?),
            Err(_) => elements.push(Datum::Null),
        }
    }
    // Vectors keep their one dimension, which counts from 0.
    if total == 0 && !matches!(oid, oids::INT2VECTOR | oids::OIDVECTOR) {
        dimensions.clear();
    }
    Ok(Datum::Array(Arc::new(ArrayValue { element_type, dimensions, elements })))
}

/// Appends the binary form of `value`, which is not NULL.
pub fn binary_output(oid: Oid, value: &Datum, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Datum::Null => {}
        Datum::Bool(flag) => out.push(u8::from(*flag)),
        Datum::I16(number) => out.extend_from_slice(&number.to_be_bytes()),
        Datum::I32(number) => out.extend_from_slice(&number.to_be_bytes()),
        Datum::I64(number) if physical::is_oid_like(oid) => {
            out.extend_from_slice(&(*number as u32).to_be_bytes())
        }
        Datum::I64(tid) if oid == oids::TID => {
            let (block, offset) = super::text::tid_parts(*tid);
            out.extend_from_slice(&(block as u32).to_be_bytes());
            out.extend_from_slice(&offset.to_be_bytes());
        }
        Datum::I64(number) => out.extend_from_slice(&number.to_be_bytes()),
        Datum::F32(number) => out.extend_from_slice(&number.to_be_bytes()),
        Datum::F64(number) => out.extend_from_slice(&number.to_be_bytes()),
        Datum::Numeric(number) => number.write_binary(out),
        Datum::Interval(span) => {
            out.extend_from_slice(&span.microseconds.to_be_bytes());
            out.extend_from_slice(&span.days.to_be_bytes());
            out.extend_from_slice(&span.months.to_be_bytes());
        }
        Datum::Uuid(uuid) => out.extend_from_slice(uuid),
        Datum::Text(text) if oid == oids::CHAR => out.push(crate::compare::char_byte(text)),
        Datum::Text(text) if matches!(oid, oids::PG_SNAPSHOT | oids::TXID_SNAPSHOT) => {
            crate::identifiers::SnapshotParts::parse(text)?.write_binary(out);
        }
        Datum::Text(text) => {
            if oid == oids::JSONPATH {
                out.push(1);
            }
            out.extend_from_slice(text.as_bytes());
        }
        Datum::Bytes(bits) if matches!(oid, oids::BIT | oids::VARBIT) => crate::bits::write_binary(bits, out),
        Datum::Bytes(bytes) if geometry::binary::output(oid, bytes, out) => {}
        Datum::Bytes(bytes) if matches!(oid, oids::INET | oids::CIDR) => {
            let address = Inet::from_stored(bytes).ok_or_else(data::binary_too_short)?;
            let family = if address.family() == 4 { 2 } else { 3 };
            let size = address.address.len() as u8;
            out.extend_from_slice(&[family, address.bits, u8::from(oid == oids::CIDR), size]);
            out.extend_from_slice(&address.address);
        }
        Datum::Bytes(bytes) => out.extend_from_slice(bytes),
        Datum::TimeTz(time, west) => {
            out.extend_from_slice(&time.to_be_bytes());
            out.extend_from_slice(&west.to_be_bytes());
        }
        Datum::Array(array) => {
            let word = |value: usize| i32::try_from(value).unwrap_or(i32::MAX).to_be_bytes();
            out.extend_from_slice(&word(array.dimensions.len()));
            out.extend_from_slice(&i32::from(array.elements.iter().any(Datum::is_null)).to_be_bytes());
            out.extend_from_slice(&array.element_type.to_be_bytes());
            for (length, lower) in &array.dimensions {
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(&lower.to_be_bytes());
            }
            for element in &array.elements {
                if element.is_null() {
                    out.extend_from_slice(&(-1i32).to_be_bytes());
                    continue;
                }
                let mut bytes = Vec::new();
                binary_output(array.element_type, element, &mut bytes)?;
                out.extend_from_slice(&word(bytes.len()));
                out.extend_from_slice(&bytes);
            }
        }
        Datum::Record(record) => {
            let word = |value: usize| i32::try_from(value).unwrap_or(i32::MAX).to_be_bytes();
            out.extend_from_slice(&word(record.fields.len()));
            for (index, field) in record.fields.iter().enumerate() {
                let ty = record.field_type(index).oid;
                out.extend_from_slice(&ty.to_be_bytes());
                sized_output(ty, field, out)?;
            }
        }
        Datum::Json(value) => {
            out.push(1);
            out.extend_from_slice(value.to_text().as_bytes());
        }
        Datum::Range(range) => range_output(range, out)?,
        Datum::Multirange(value) => {
            out.extend_from_slice(&(value.ranges.len() as u32).to_be_bytes());
            for range in &value.ranges {
                let mut bytes = Vec::new();
                range_output(range, &mut bytes)?;
                out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                out.extend_from_slice(&bytes);
            }
        }
    }
    Ok(())
}

/// Appends a value after its size; -1 for NULL.
fn sized_output(oid: Oid, value: &Datum, out: &mut Vec<u8>) -> Result<()> {
    if value.is_null() {
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Ok(());
    }
    let mut bytes = Vec::new();
    binary_output(oid, value, &mut bytes)?;
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(&bytes);
    Ok(())
}

/// Flags of a range's binary form.
const RANGE_EMPTY: u8 = 1;
const LOWER_INCLUSIVE: u8 = 2;
const UPPER_INCLUSIVE: u8 = 4;
const LOWER_INFINITE: u8 = 8;
const UPPER_INFINITE: u8 = 16;

fn range_output(range: &RangeValue, out: &mut Vec<u8>) -> Result<()> {
    if range.empty {
        out.push(RANGE_EMPTY);
        return Ok(());
    }
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        flag(range.lower.inclusive, LOWER_INCLUSIVE)
            | flag(range.upper.inclusive, UPPER_INCLUSIVE)
            | flag(range.lower.value.is_none(), LOWER_INFINITE)
            | flag(range.upper.value.is_none(), UPPER_INFINITE),
    );
    for value in [&range.lower.value, &range.upper.value].into_iter().flatten() {
        sized_output(range.subtype(), value, out)?;
    }
    Ok(())
}

fn read_range(oid: Oid, bytes: &[u8]) -> Result<RangeValue> {
    let mut rest = bytes;
    let flags = exactly::<1>(take(&mut rest, 1)?)?[0];
    if flags & RANGE_EMPTY != 0 {
        return Ok(RangeValue::empty(oid));
    }
    let subtype = physical::range_subtype(oid).unwrap_or(0);
    let mut bound = |infinite: u8, inclusive: u8| -> Result<RangeBound> {
        if flags & infinite != 0 {
            return Ok(RangeBound::infinite());
        }
        let size = u32::from_be_bytes(exactly(take(&mut rest, 4)?)?) as usize;
        let value = binary_input(subtype, -1, take(&mut rest, size)?)?;
        Ok(RangeBound { value: Some(value), inclusive: flags & inclusive != 0 })
    };
    let lower = bound(LOWER_INFINITE, LOWER_INCLUSIVE)?;
    let upper = bound(UPPER_INFINITE, UPPER_INCLUSIVE)?;
    RangeValue::new(oid, lower, upper)
}

fn read_multirange(oid: Oid, bytes: &[u8]) -> Result<MultirangeValue> {
    let mut rest = bytes;
    let count = u32::from_be_bytes(exactly(take(&mut rest, 4)?)?);
    let range_type = physical::multirange_range(oid).unwrap_or(0);
    let mut ranges = Vec::new();
    for _ in 0..count {
        let size = u32::from_be_bytes(exactly(take(&mut rest, 4)?)?) as usize;
        ranges.push(read_range(range_type, take(&mut rest, size)?)?);
    }
    Ok(MultirangeValue::new(oid, ranges))
}

fn read_jsonb(bytes: &[u8]) -> Result<Datum> {
    let mut rest = bytes;
    match exactly::<1>(take(&mut rest, 1)?)?[0] {
        1 => crate::json::jsonb_input(utf8(rest)?),
        version => Err(data::invalid_jsonb_version(version)),
    }
}

fn read_inet(bytes: &[u8]) -> Result<Datum> {
    let [_, bits, _, size, address @ ..] = bytes else { return Err(data::binary_too_short()) };
    if !matches!(*size, 4 | 16)
        || address.len() != usize::from(*size)
        || usize::from(*bits) > address.len() * 8
    {
        return Err(data::invalid_binary("invalid address in external \"inet\" value"));
    }
    Ok(Inet { address: address.to_vec(), bits: *bits }.datum())
}
