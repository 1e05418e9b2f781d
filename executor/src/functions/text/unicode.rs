//! Unicode forms.

use types::text::unicode;
use types::{Datum, Result};

use crate::functions::arguments::text;
use crate::functions::{CallContext, FunctionEntry, row};

fn is_normalized(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let value = text(args, 0)?;
    Ok(Datum::Bool(unicode::normalize(value, text(args, 1)?)? == value))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("casefold", |args, _| Ok(Datum::text(unicode::casefold(text(args, 0)?)))),
    row("unicode_is_normalized", is_normalized),
    row("unicode_normalize_func", |args, _| {
        Ok(Datum::text(unicode::normalize(text(args, 0)?, text(args, 1)?)?))
    }),
    row("unistr", |args, _| Ok(Datum::text(unicode::unistr(text(args, 0)?)?))),
];
