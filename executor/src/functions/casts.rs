//! Casts between character types, and of anything to text where it meets `||`.

use types::{Datum, Result, oids};

use super::arguments::text;
use super::{CallContext, FunctionEntry, row};

/// Returns an argument as an explicit cast to text gives it.
pub(super) fn as_text(args: &[Datum], index: usize, call: &CallContext<'_>) -> Result<String> {
    let value = args.get(index).unwrap_or(&Datum::Null);
    let Some(ty) = call.arg_types.get(index) else { return Ok(String::new()) };
    match value {
        Datum::Bool(flag) => Ok(flag.to_string()),
        Datum::Text(text) if ty.oid == oids::BPCHAR => Ok(types::compare::trim_blanks(text).to_string()),
        _ => super::output_text(value, *ty, call.query),
    }
}

/// Returns the first byte of a text as a `"char"`; octal escapes stay what they are.
fn text_to_char(value: &str) -> Result<Datum> {
    types::io::text_input(oids::CHAR, -1, value, &types::io::IoContext::default())
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("bpchar_name", |args, _| {
        Ok(Datum::text(types::io::truncate_name(types::compare::trim_blanks(text(args, 0)?))))
    }),
    row("char_bpchar", |args, _| Ok(Datum::text(text(args, 0)?))),
    row("char_text", |args, _| Ok(Datum::text(text(args, 0)?))),
    row("name_bpchar", |args, _| Ok(Datum::text(text(args, 0)?))),
    row("text_char", |args, _| text_to_char(text(args, 0)?)),
];
