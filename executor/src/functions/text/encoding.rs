//! Encodings, hashes, digits, and Unicode forms.

use std::sync::Arc;

use types::errors::text as errors;
use types::text::unicode;
use types::{Datum, PgError, Result};

use crate::functions::arguments::{int4, int8, text};
use crate::functions::{CallContext, FunctionEntry, row};

/// The encodings that conversions know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Latin1,
    SqlAscii,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF8",
            Self::Latin1 => "LATIN1",
            Self::SqlAscii => "SQL_ASCII",
        }
    }
}

/// PostgreSQL's other encodings, without punctuation.
const KNOWN: &[&str] = &[
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
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
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
    "muleinternal",
    "shiftjis2004",
    "sjis",
    "tcvn",
    "uhc",
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
];

fn encoding(name: &str, which: &str) -> Result<Encoding> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "utf8" | "unicode" => Ok(Encoding::Utf8),
        "latin1" | "iso88591" => Ok(Encoding::Latin1),
        "sqlascii" => Ok(Encoding::SqlAscii),
        known if KNOWN.contains(&known) => Err(PgError::not_supported(format!("encoding {name}"))),
        _ => Err(errors::invalid_encoding_name(which, name)),
    }
}

fn bytes(args: &[Datum], index: usize) -> Result<&[u8]> {
    match args.get(index) {
        Some(Datum::Bytes(bytes)) => Ok(bytes),
        _ => Err(PgError::internal("an argument that is not bytea")),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    match std::str::from_utf8(&bytes[..end]) {
        Ok(_) if end < bytes.len() => Err(errors::invalid_utf8(&[0])),
        Ok(text) => Ok(text),
        Err(error) => {
            let from = error.valid_up_to();
            // The error shows as many bytes as the first one announces.
            let announced = match bytes[from] {
                0xf0..=0xff => 4,
                0xe0..=0xef => 3,
                0xc0..=0xdf => 2,
                _ => 1,
            };
            Err(errors::invalid_utf8(&bytes[from..bytes.len().min(from + announced)]))
        }
    }
}

fn convert(source: &[u8], from: Encoding, to: Encoding) -> Result<Vec<u8>> {
    if from == Encoding::Utf8 {
        utf8(source)?;
    }
    Ok(match (from, to) {
        (Encoding::Utf8, Encoding::Latin1) => {
            let mut out = Vec::with_capacity(source.len());
            for character in utf8(source)?.chars() {
                let mut buffer = [0; 4];
                let shown = character.encode_utf8(&mut buffer).as_bytes();
                out.push(
                    u8::try_from(character)
                        .map_err(|_| errors::no_equivalent(shown, from.name(), to.name()))?,
                );
            }
            out
        }
        (Encoding::Latin1, Encoding::Utf8) => {
            source.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes()
        }
        (Encoding::SqlAscii, Encoding::Utf8) => utf8(source)?.as_bytes().to_vec(),
        (Encoding::Utf8 | Encoding::Latin1 | Encoding::SqlAscii, _) => source.to_vec(),
    })
}

fn convert_from(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let from = encoding(text(args, 1)?, "source")?;
    let converted = convert(bytes(args, 0)?, from, Encoding::Utf8)?;
    Ok(Datum::text(utf8(&converted)?))
}

fn convert_to(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let to = encoding(text(args, 1)?, "destination")?;
    Ok(Datum::Bytes(Arc::from(convert(text(args, 0)?.as_bytes(), Encoding::Utf8, to)?)))
}

fn convert_between(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let from = encoding(text(args, 1)?, "source")?;
    let to = encoding(text(args, 2)?, "destination")?;
    Ok(Datum::Bytes(Arc::from(convert(bytes(args, 0)?, from, to)?)))
}

fn encoded_length(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let count = match encoding(text(args, 1)?, "source")? {
        Encoding::Utf8 => utf8(bytes(args, 0)?)?.chars().count(),
        Encoding::Latin1 | Encoding::SqlAscii => bytes(args, 0)?.len(),
    };
    Ok(Datum::I32(count as i32))
}

fn is_normalized(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let value = text(args, 0)?;
    Ok(Datum::Bool(unicode::normalize(value, text(args, 1)?)? == value))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("casefold", |args, _| Ok(Datum::text(unicode::casefold(text(args, 0)?)))),
    row("length_in_encoding", encoded_length),
    row("md5_text", |args, _| Ok(Datum::text(types::text::strings::md5(text(args, 0)?.as_bytes())))),
    row("pg_convert", convert_between),
    row("pg_convert_from", convert_from),
    row("pg_convert_to", convert_to),
    row("sql_1811", |args, _| Ok(Datum::I32((text(args, 0)?.len() as i32).wrapping_mul(8)))),
    row("to_bin32", |args, _| Ok(Datum::text(format!("{:b}", int4(args, 0)?)))),
    row("to_bin64", |args, _| Ok(Datum::text(format!("{:b}", int8(args, 0)?)))),
    row("to_hex32", |args, _| Ok(Datum::text(format!("{:x}", int4(args, 0)?)))),
    row("to_hex64", |args, _| Ok(Datum::text(format!("{:x}", int8(args, 0)?)))),
    row("to_oct32", |args, _| Ok(Datum::text(format!("{:o}", int4(args, 0)?)))),
    row("to_oct64", |args, _| Ok(Datum::text(format!("{:o}", int8(args, 0)?)))),
    row("unicode_is_normalized", is_normalized),
    row("unicode_normalize_func", |args, _| {
        Ok(Datum::text(unicode::normalize(text(args, 0)?, text(args, 1)?)?))
    }),
    row("unistr", |args, _| Ok(Datum::text(unicode::unistr(text(args, 0)?)?))),
];
