//! Text input and output of single values.

use std::sync::Arc;

use super::integer::{parse_integer, parse_oid};
use super::{ByteaOutput, IoContext, array, bytea};
use crate::datetime::{arithmetic, format, interval_text, parse};
use crate::errors::{PgError, Result, data, text as text_errors};
use crate::fast::{parse_int4_fast, parse_int8_fast, write_i64};
use crate::geometry;
use crate::network::{self, Inet};
use crate::numeric::Numeric;
use crate::range::io as range;
use crate::{Datum, Oid, bits, float, identifiers, money, oids, physical};

/// Bytes that a `name` holds.
const NAME_SIZE_MAX: usize = 63;

/// Parses the text form of a value of type `oid` with its modifier.
pub fn text_input(oid: Oid, typmod: i32, text: &str, context: &IoContext) -> Result<Datum> {
    Ok(match oid {
        oids::INT4 => match parse_int4_fast(text.as_bytes()) {
            Some(value) => Datum::I32(value),
            None => Datum::I32(parse_integer(text, "integer", i32::MIN.into(), i32::MAX.into())? as i32),
        },
        oids::INT8 => match parse_int8_fast(text.as_bytes()) {
            Some(value) => Datum::I64(value),
            None => Datum::I64(parse_integer(text, "bigint", i64::MIN, i64::MAX)?),
        },
        oids::INT2 => Datum::I16(parse_integer(text, "smallint", i16::MIN.into(), i16::MAX.into())? as i16),
        oids::NUMERIC => Datum::Numeric(Numeric::parse_typmod(text, typmod)?),
        oids::TEXT | oids::CSTRING | oids::UNKNOWN | oids::REFCURSOR | oids::XML | oids::PG_NODE_TREE => {
            Datum::text(text)
        }
        oids::VARCHAR => Datum::text(limit_varchar(text, typmod)?),
        oids::BPCHAR => Datum::text(limit_bpchar(text, typmod)?),
        oids::NAME => Datum::text(truncate_name(text)),
        oids::CHAR => char_input(text),
        oids::JSON => Datum::text(crate::json::validate(text)?),
        oids::JSONB => crate::json::jsonb_input(text)?,
        oids::INET => Inet::parse(text)?.datum(),
        oids::CIDR => Inet::parse_cidr(text)?.datum(),
        oids::MACADDR => Datum::Bytes(Arc::from(network::parse_mac(text)?.as_slice())),
        oids::MACADDR8 => Datum::Bytes(Arc::from(network::parse_mac8(text)?.as_slice())),
        oids::JSONPATH => Datum::text(crate::jsonpath::normalize(text)?),
        oids::BOOL => {
            Datum::Bool(parse_bool(text).ok_or_else(|| data::invalid_input_syntax("boolean", text))?)
        }
        oids::FLOAT8 => Datum::F64(float::parse_f64(text)?),
        oids::FLOAT4 => Datum::F32(float::parse_f32(text)?),
        oids::DATE => Datum::I32(parse::parse_date(text, context)?),
        oids::TIME => {
            Datum::I64(arithmetic::apply_precision(parse::parse_time_of_day(text, context)?, typmod))
        }
        oids::TIMETZ => {
            let (time, west) = parse::parse_timetz(text, context)?;
            Datum::TimeTz(arithmetic::apply_precision(time, typmod), west)
        }
        oids::TIMESTAMP => {
            Datum::I64(arithmetic::apply_precision(parse::parse_timestamp(text, context)?, typmod))
        }
        oids::TIMESTAMPTZ => {
            Datum::I64(arithmetic::apply_precision(parse::parse_timestamptz(text, context)?, typmod))
        }
        oids::INTERVAL => Datum::Interval(interval_text::parse_interval(text, typmod)?),
        oids::UUID => Datum::Uuid(parse_uuid(text).ok_or_else(|| data::invalid_input_syntax("uuid", text))?),
        oids::BYTEA => Datum::Bytes(Arc::from(bytea::parse(text)?)),
        oids::VOID => Datum::text(""),
        oids::XID8 => Datum::I64(identifiers::parse_unsigned(text, "xid8", 64)? as i64),
        oids::XID | oids::CID => {
            let name = if oid == oids::XID { "xid" } else { "cid" };
            Datum::I64(identifiers::parse_unsigned(text, name, 32)? as i64)
        }
        oids::PG_LSN => Datum::I64(identifiers::parse_lsn(text)?),
        oids::PG_SNAPSHOT | oids::TXID_SNAPSHOT => {
            Datum::text(identifiers::SnapshotParts::parse(text)?.text())
        }
        oids::MONEY => Datum::I64(money::parse(text)?),
        oids::BIT => bits::parse_fixed(text, typmod)?,
        oids::VARBIT => bits::parse_varying(text, typmod)?,
        _ if physical::is_object_name(oid) => Datum::I64(i64::from(object_input(oid, text, context)?)),
        oids::TID => Datum::I64(parse_tid(text).ok_or_else(|| data::invalid_input_syntax("tid", text))?),
        _ if physical::is_oid_like(oid) => Datum::I64(parse_oid(text, "oid")?),
        oids::POINT | oids::LSEG | oids::BOX | oids::LINE | oids::PATH | oids::POLYGON | oids::CIRCLE => {
            match geometry::io::input(oid, text) {
                Some(value) => value?,
                None => return Err(PgError::not_supported(format!("input of type {oid}"))),
            }
        }
        _ if physical::range_subtype(oid).is_some() => range::range_input(oid, text, context)?,
        _ if physical::multirange_range(oid).is_some() => range::multirange_input(oid, text, context)?,
        _ => match physical::element_type(oid) {
            Some(element) => array::array_input(oid, element, typmod, text, context)?,
            None => return Err(PgError::not_supported(format!("input of type {oid}"))),
        },
    })
}

/// Appends the text form of `value`, which is not NULL.
pub fn text_output(oid: Oid, value: &Datum, context: &IoContext, out: &mut String) -> Result<()> {
    let mut bytes = Vec::new();
    match (oid, value) {
        (oids::DATE, Datum::I32(days)) => format::format_date(*days, context, &mut bytes),
        (oids::TIME, Datum::I64(time)) => format::format_time(*time, &mut bytes),
        (oids::TIMESTAMP, Datum::I64(timestamp)) => format::format_timestamp(*timestamp, context, &mut bytes),
        (oids::TIMESTAMPTZ, Datum::I64(timestamp)) => {
            format::format_timestamptz(*timestamp, context, &mut bytes)
        }
        (oids::PG_LSN, Datum::I64(lsn)) => out.push_str(&identifiers::format_lsn(*lsn)),
        (oids::XID8, Datum::I64(xid)) => out.push_str(&(*xid as u64).to_string()),
        (oids::MONEY, Datum::I64(cents)) => out.push_str(&money::format(*cents)),
        (oids::BIT | oids::VARBIT, Datum::Bytes(bits)) => bytes.extend_from_slice(bits),
        (oids::TID, Datum::I64(tid)) => {
            let (block, offset) = tid_parts(*tid);
            out.push_str(&format!("({block},{offset})"));
        }
        (oids::VOID, _) | (_, Datum::Null) => {}
        (_, Datum::I64(number)) if physical::is_object_name(oid) => {
            out.push_str(&object_output(oid, *number as Oid, context));
        }
        (_, Datum::Bool(flag)) => out.push(if *flag { 't' } else { 'f' }),
        (_, Datum::I16(number)) => write_i64(i64::from(*number), &mut bytes),
        (_, Datum::I32(number)) => write_i64(i64::from(*number), &mut bytes),
        (_, Datum::I64(number)) => write_i64(*number, &mut bytes),
        (_, Datum::F32(number)) => out.push_str(&float::format_f32(*number, context.extra_float_digits)),
        (_, Datum::F64(number)) => out.push_str(&float::format_f64(*number, context.extra_float_digits)),
        (_, Datum::Numeric(number)) => number.write_text(&mut bytes),
        (_, Datum::Interval(span)) => interval_text::format_interval(span, context, &mut bytes),
        (_, Datum::TimeTz(time, west)) => format::format_timetz(*time, *west, &mut bytes),
        (_, Datum::Uuid(uuid)) => {
            for (index, byte) in uuid.iter().enumerate() {
                if matches!(index, 4 | 6 | 8 | 10) {
                    out.push('-');
                }
                bytea::encode_hex(&[*byte], out);
            }
        }
        (_, Datum::Text(text)) => out.push_str(text),
        (oids::INET | oids::CIDR, Datum::Bytes(value)) => {
            let address =
                Inet::from_stored(value).ok_or_else(|| PgError::internal("a stored address is damaged"))?;
            out.push_str(&if oid == oids::CIDR { address.cidr_text() } else { address.inet_text() });
        }
        (_, Datum::Bytes(value)) if geometry::io::output(oid, value, context, out) => {}
        (oids::MACADDR | oids::MACADDR8, Datum::Bytes(value)) => out.push_str(&network::mac_text(value)),
        (_, Datum::Bytes(value)) => match context.bytea_output {
            ByteaOutput::Hex => {
                out.push_str("\\x");
                bytea::encode_hex(value, out);
            }
            ByteaOutput::Escape => bytea::escape(value, out),
        },
        (_, Datum::Array(value)) => array::array_output(oid, value, context, out)?,
        (_, Datum::Record(value)) => array::record_output(value, context, out)?,
        (_, Datum::Json(value)) => value.write(out),
        (_, Datum::Range(value)) => range::range_output(value, context, out)?,
        (_, Datum::Multirange(value)) => range::multirange_output(value, context, out)?,
    }
    // The formatters above write ASCII only.
    out.push_str(&String::from_utf8_lossy(&bytes));
    Ok(())
}

/// Reads a name or number of a catalog object.
fn object_input(oid: Oid, text: &str, context: &IoContext) -> Result<Oid> {
    if text == "-" && !matches!(oid, oids::REGOPER | oids::REGOPERATOR) {
        return Ok(0);
    }
    match &context.names {
        Some(names) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) => {
            names.input(oid, text)
        }
        Some(_) | None => Ok(parse_oid(text, "oid")? as Oid),
    }
}

/// Returns the name of a catalog object, its number when it has none.
fn object_output(oid: Oid, object: Oid, context: &IoContext) -> String {
    if object == 0 {
        return if oid == oids::REGOPER || oid == oids::REGOPERATOR { "0" } else { "-" }.to_owned();
    }
    let name = context.names.as_ref().and_then(|names| names.output(oid, object));
    name.unwrap_or_else(|| object.to_string())
}

/// A `tid` is a row id: the block above the offset, which counts from 0 here and from 1 in text.
const TID_OFFSET_BITS: u32 = 16;
const TID_OFFSET_MASK: i64 = (1 << TID_OFFSET_BITS) - 1;

/// Reads `(block,offset)`. Offset 0 names no row; it becomes the last one of a block.
fn parse_tid(text: &str) -> Option<i64> {
    // The form in which WHERE CURRENT OF names a row id.
    if let Some(row) = text.strip_prefix('#') {
        return row.parse().ok();
    }
    let (block, offset) = text.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    let block: i64 = block.trim().parse().ok()?;
    let offset: i64 = offset.trim().parse().ok()?;
    let fits = (0..=i64::from(u32::MAX)).contains(&block) && (0..=i64::from(u16::MAX)).contains(&offset);
    fits.then(|| tid_of(block, offset as u16))
}

/// Returns a `tid` of its parts.
pub(super) fn tid_of(block: i64, offset: u16) -> i64 {
    block << TID_OFFSET_BITS | (i64::from(offset).wrapping_sub(1) & TID_OFFSET_MASK)
}

/// Returns block and offset of a `tid`.
pub(super) fn tid_parts(tid: i64) -> (u64, u16) {
    (tid as u64 >> TID_OFFSET_BITS, ((tid & TID_OFFSET_MASK) as u16).wrapping_add(1))
}

/// Cuts a name to 63 bytes at a character boundary.
pub fn truncate_name(text: &str) -> &str {
    let mut end = text.len().min(NAME_SIZE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// Applies `varchar(n)` to input: blanks beyond the limit are dropped, other characters are an error.
pub(crate) fn limit_varchar(text: &str, typmod: i32) -> Result<&str> {
    let Some(limit) = typmod.checked_sub(4).and_then(|limit| usize::try_from(limit).ok()) else {
        return Ok(text);
    };
    match text.char_indices().nth(limit) {
        None => Ok(text),
        Some((end, _)) if text.get(end..).is_some_and(|rest| rest.bytes().all(|byte| byte == b' ')) => {
            Ok(text.get(..end).unwrap_or(text))
        }
        Some(_) => Err(text_errors::value_too_long("character varying", typmod - 4)),
    }
}

/// Applies `char(n)` to input: pads with blanks; blanks beyond the limit are dropped, others are an error.
pub(crate) fn limit_bpchar(text: &str, typmod: i32) -> Result<String> {
    let Some(limit) = typmod.checked_sub(4).and_then(|limit| usize::try_from(limit).ok()) else {
        return Ok(text.to_string());
    };
    match text.char_indices().nth(limit) {
        None => {
            let count = text.chars().count();
            Ok(format!("{text}{}", " ".repeat(limit - count)))
        }
        Some((end, _)) if text.get(end..).is_some_and(|rest| rest.bytes().all(|byte| byte == b' ')) => {
            Ok(text.get(..end).unwrap_or(text).to_string())
        }
        Some(_) => Err(text_errors::value_too_long("character", typmod - 4)),
    }
}

/// Parses `"char"`: one byte, or an octal escape for bytes above 127.
fn char_input(text: &str) -> Datum {
    match text.chars().next() {
        Some(first) if first.is_ascii() && !(first == '\\' && text.len() == 4) => {
            Datum::text(first.to_string())
        }
        Some('\\') => Datum::text(text),
        Some(first) => {
            let mut buffer = [0u8; 4];
            let byte = first.encode_utf8(&mut buffer).as_bytes().first().copied().unwrap_or(0);
            Datum::text(format!("\\{byte:03o}"))
        }
        None => Datum::text(""),
    }
}

/// Parses a boolean: unique prefixes of the words, on/off, 1/0.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    let word = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b').to_ascii_lowercase();
    match word.as_str() {
        "" => None,
        "1" | "on" => Some(true),
        "0" | "of" | "off" => Some(false),
        word if "true".starts_with(word) || "yes".starts_with(word) => Some(true),
        word if "false".starts_with(word) || "no".starts_with(word) => Some(false),
        _ => None,
    }
}

/// Parses a uuid: hex digits, a hyphen allowed after every fourth, braces around.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut bytes = [0u8; 16];
    let mut rest = inner;
    for (index, byte) in bytes.iter_mut().enumerate() {
        let pair = rest.get(..2)?;
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
        rest = rest.get(2..)?;
        if index % 2 == 1 && index < 15 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
    }
    rest.is_empty().then_some(bytes)
}
