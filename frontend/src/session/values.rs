//! Text and binary forms of values, as the wire, COPY and commands need them.
//!
//! Types whose text needs the catalog (`regclass` and its relatives) find it in the session's `IoContext`.

use executor::context::SessionAccess;
use types::io::{binary_input, binary_output, text_input, text_output};
use types::{Datum, Result, TypeRef};

use super::access::Access;

/// Characters of a value that "Failing row contains" shows.
const SHOWN_BYTES_MAX: usize = 64;

/// Appends the text form of a value that is not null.
///
/// # Errors
/// Those of the type's output function.
pub fn write_text(value: &Datum, ty: TypeRef, access: &Access, out: &mut Vec<u8>) -> Result<()> {
    let mut text = String::new();
    text_output(ty.oid, value, access.io(), &mut text)?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Appends the binary form of a value that is not null.
///
/// # Errors
/// Those of the type's send function.
pub fn write_binary(value: &Datum, ty: TypeRef, _access: &Access, out: &mut Vec<u8>) -> Result<()> {
    binary_output(ty.oid, value, out)
}

/// Reads the text form of a value.
///
/// # Errors
/// Those of the type's input function.
pub fn read_text(text: &str, ty: TypeRef, access: &Access) -> Result<Datum> {
    text_input(ty.oid, ty.typmod, text, access.io())
}

/// Reads the binary form of a value.
///
/// # Errors
/// Those of the type's receive function.
pub fn read_binary(bytes: &[u8], ty: TypeRef, _access: &Access) -> Result<Datum> {
    binary_input(ty.oid, ty.typmod, bytes)
}

/// Returns a value as "Failing row contains" shows it, as `ExecBuildSlotValueDescription`.
pub fn shown(value: &Datum, ty: TypeRef, access: &Access) -> String {
    if value.is_null() {
        return "null".to_owned();
    }
    let mut text = Vec::new();
    if write_text(value, ty, access, &mut text).is_err() {
        return "null".to_owned();
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    if text.len() <= SHOWN_BYTES_MAX {
        return text;
    }
    let mut end = SHOWN_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}
