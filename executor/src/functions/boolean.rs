//! Functions on boolean.

use types::Datum;

use super::arguments::boolean;
use super::{FunctionEntry, row};

macro_rules! comparison { ($operator:tt) => {
    |args, _| Ok(Datum::Bool(boolean(args, 0)? $operator boolean(args, 1)?))
} }

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("bool_int4", |args, _| Ok(Datum::I32(i32::from(boolean(args, 0)?)))),
    row("booleq", comparison!(==)),
    row("boolge", comparison!(>=)),
    row("boolgt", comparison!(>)),
    row("boolle", comparison!(<=)),
    row("boollt", comparison!(<)),
    row("boolne", comparison!(!=)),
    row("booltext", |args, _| Ok(Datum::text(if boolean(args, 0)? { "true" } else { "false" }))),
];
