//! Functions on `bytea`.

use types::bits::{overlay, position, substring};
use types::bytes::{self, Ends};
use types::errors::{data, text as errors};
use types::{Datum, Result};

use super::arguments::{bytes as argument, int2, int4, int8, text};
use super::{FunctionEntry, row};

fn datum(bytes: impl Into<std::sync::Arc<[u8]>>) -> Result<Datum> {
    Ok(Datum::Bytes(bytes.into()))
}

fn overlaid(args: &[Datum]) -> Result<Datum> {
    let (value, new) = (argument(args, 0)?, argument(args, 1)?);
    let count = if args.len() > 3 { int4(args, 3)? } else { new.len() as i32 };
    datum(overlay(value, new, int4(args, 2)?, count)?)
}

/// Reads at most `width` bytes as a big-endian number, which is not sign-extended.
fn number(args: &[Datum], width: usize) -> Result<Option<u64>> {
    let value = argument(args, 0)?;
    Ok((value.len() <= width).then(|| value.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))))
}

macro_rules! trim {
    ($name:literal, $ends:ident) => {
        row($name, |args, _| datum(bytes::trim(argument(args, 0)?, argument(args, 1)?, Ends::$ends)))
    };
}

macro_rules! digest {
    ($name:literal, $function:ident) => {
        row($name, |args, _| datum(bytes::$function(argument(args, 0)?)))
    };
}

/// An encoding that texts are converted from and to.
enum Encoding {
    Utf8,
    SqlAscii,
    Latin1,
}

fn encoding(name: &str, which: &str) -> Result<Encoding> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "utf8" | "unicode" => Ok(Encoding::Utf8),
        "sqlascii" => Ok(Encoding::SqlAscii),
        "latin1" | "iso88591" => Ok(Encoding::Latin1),
        known if KNOWN_ENCODINGS.contains(&known) => {
            Err(types::PgError::not_supported(format!("conversion of encoding {name}")))
        }
        _ => Err(errors::invalid_encoding_name(which, name)),
    }
}

/// PostgreSQL's other encodings, without punctuation.
const KNOWN_ENCODINGS: &[&str] = &[
    "abc",
    "alt",
    "big5",
    "euccn",
    "eucjis2004",
    "eucjp",
    "euckr",
    "euctw",
    "gb18030",
    "gbk",
    "iso885910",
    "iso885913",
    "iso885914",
    "iso885915",
    "iso885916",
    "iso88592",
    "iso88593",
    "iso88594",
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
    "iso88599",
    "johab",
    "koi8",
    "koi8r",
    "koi8u",
    "latin10",
    "latin2",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "latin9",
    "mskanji",
    "muleinternal",
    "shiftjis",
    "shiftjis2004",
    "sjis",
    "tcvn",
    "tcvn5712",
    "uhc",
    "vscii",
    "win",
    "win1250",
    "win1251",
    "win1252",
    "win1253",
    "win1254",
    "win1255",
    "win1256",
    "win1257",
    "win1258",
    "win866",
    "win874",
    "win932",
    "win936",
    "win949",
    "win950",
];

fn to_utf8(bytes: &[u8], from: &Encoding) -> Result<String> {
    match from {
        Encoding::Utf8 | Encoding::SqlAscii => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(text.to_string()),
            Ok(_) => Err(errors::invalid_utf8(&[0])),
            Err(error) => {
                let start = error.valid_up_to();
                let end = start + error.error_len().unwrap_or(bytes.len() - start);
                Err(errors::invalid_utf8(bytes.get(start..end).unwrap_or(&[])))
            }
        },
        Encoding::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

fn from_utf8(text: &str, to: &Encoding) -> Result<Vec<u8>> {
    match to {
        Encoding::Utf8 | Encoding::SqlAscii => Ok(text.as_bytes().to_vec()),
        Encoding::Latin1 => text
            .chars()
            .map(|character| {
                u8::try_from(u32::from(character))
                    .map_err(|_| errors::untranslatable(character.to_string().as_bytes(), "UTF8", "LATIN1"))
            })
            .collect(),
    }
}

fn convert(args: &[Datum]) -> Result<Datum> {
    let from = encoding(text(args, 1)?, "source ")?;
    let to = encoding(text(args, 2)?, "destination ")?;
    datum(from_utf8(&to_utf8(argument(args, 0)?, &from)?, &to)?)
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("binary_decode", |args, _| datum(bytes::decode(text(args, 0)?, text(args, 1)?)?)),
    row("binary_encode", |args, _| Ok(Datum::text(bytes::encode(argument(args, 0)?, text(args, 1)?)?))),
    row("bit_length_1810", |args, _| {
        i32::try_from(argument(args, 0)?.len() * 8).map(Datum::I32).map_err(|_| data::integer_out_of_range())
    }),
    row("bit_length_1811", |args, _| {
        i32::try_from(text(args, 0)?.len() * 8).map(Datum::I32).map_err(|_| data::integer_out_of_range())
    }),
    row("byteaGetBit", |args, _| bytes::get_bit(argument(args, 0)?, int8(args, 1)?).map(Datum::I32)),
    row("byteaGetByte", |args, _| bytes::get_byte(argument(args, 0)?, int4(args, 1)?).map(Datum::I32)),
    row("byteaSetBit", |args, _| datum(bytes::set_bit(argument(args, 0)?, int8(args, 1)?, int4(args, 2)?)?)),
    row("byteaSetByte", |args, _| {
        datum(bytes::set_byte(argument(args, 0)?, int4(args, 1)?, int4(args, 2)?)?)
    }),
    row("bytea_bit_count", |args, _| {
        Ok(Datum::I64(argument(args, 0)?.iter().map(|byte| i64::from(byte.count_ones())).sum()))
    }),
    row("bytea_int2", |args, _| match number(args, 2)? {
        Some(value) => Ok(Datum::I16(value as u16 as i16)),
        None => Err(data::smallint_out_of_range()),
    }),
    row("bytea_int4", |args, _| match number(args, 4)? {
        Some(value) => Ok(Datum::I32(value as u32 as i32)),
        None => Err(data::integer_out_of_range()),
    }),
    row("bytea_int8", |args, _| match number(args, 8)? {
        Some(value) => Ok(Datum::I64(value as i64)),
        None => Err(data::bigint_out_of_range()),
    }),
    row("bytea_reverse", |args, _| datum(argument(args, 0)?.iter().rev().copied().collect::<Vec<u8>>())),
    row("bytea_substr", |args, _| {
        datum(substring(argument(args, 0)?, int4(args, 1)?, Some(int4(args, 2)?))?)
    }),
    row("bytea_substr_no_len", |args, _| datum(substring(argument(args, 0)?, int4(args, 1)?, None)?)),
    row("byteacat", |args, _| datum([argument(args, 0)?, argument(args, 1)?].concat())),
    row("bytealike", |args, _| bytes::like(argument(args, 0)?, argument(args, 1)?).map(Datum::Bool)),
    trim!("bytealtrim", Left),
    row("byteanlike", |args, _| {
        bytes::like(argument(args, 0)?, argument(args, 1)?).map(|matches| Datum::Bool(!matches))
    }),
    row("byteaoctetlen", |args, _| Ok(Datum::I32(argument(args, 0)?.len() as i32))),
    row("byteaoverlay", |args, _| overlaid(args)),
    row("byteaoverlay_no_len", |args, _| overlaid(args)),
    row("byteapos", |args, _| Ok(Datum::I32(position(argument(args, 0)?, argument(args, 1)?)))),
    trim!("byteartrim", Right),
    trim!("byteatrim", Both),
    row("crc32_bytea", |args, _| Ok(Datum::I64(bytes::crc32(argument(args, 0)?).into()))),
    row("crc32c_bytea", |args, _| Ok(Datum::I64(bytes::crc32c(argument(args, 0)?).into()))),
    row("int2_bytea", |args, _| datum(int2(args, 0)?.to_be_bytes())),
    row("int4_bytea", |args, _| datum(int4(args, 0)?.to_be_bytes())),
    row("int8_bytea", |args, _| datum(int8(args, 0)?.to_be_bytes())),
    row("length_in_encoding", |args, _| {
        let from = encoding(text(args, 1)?, "")?;
        Ok(Datum::I32(to_utf8(argument(args, 0)?, &from)?.chars().count() as i32))
    }),
    row("like_escape_bytea", |args, _| datum(bytes::like_escape(argument(args, 0)?, argument(args, 1)?)?)),
    row("md5_bytea", |args, _| Ok(Datum::text(bytes::md5(argument(args, 0)?)))),
    row("md5_text", |args, _| Ok(Datum::text(bytes::md5(text(args, 0)?.as_bytes())))),
    row("pg_convert", |args, _| convert(args)),
    row("pg_convert_from", |args, _| {
        Ok(Datum::text(to_utf8(argument(args, 0)?, &encoding(text(args, 1)?, "source ")?)?))
    }),
    row("pg_convert_to", |args, _| {
        datum(from_utf8(text(args, 0)?, &encoding(text(args, 1)?, "destination ")?)?)
    }),
    digest!("sha224_bytea", sha224),
    digest!("sha256_bytea", sha256),
    digest!("sha384_bytea", sha384),
    digest!("sha512_bytea", sha512),
];
