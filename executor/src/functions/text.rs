//! Functions on text and bpchar. Comparison is by bytes, as in the `C` collation.

use types::{Datum, Result};

use super::arguments::text;
use super::{FunctionEntry, with_vector};
use crate::values::trim_blanks;
use crate::vectors::lanes;

macro_rules! compare { ($name:literal, $operator:tt, $comparison:ident) => {
    with_vector(
        $name,
        |args, _| Ok(Datum::Bool(text(args, 0)?.as_bytes() $operator text(args, 1)?.as_bytes())),
        lanes::compare_texts::<{ lanes::$comparison }, false>,
    )
} }

macro_rules! compare_blank { ($name:literal, $operator:tt, $comparison:ident) => {
    with_vector(
        $name,
        |args, _| Ok(Datum::Bool(blank(args, 0)? $operator blank(args, 1)?)),
        lanes::compare_texts::<{ lanes::$comparison }, true>,
    )
} }

fn blank(args: &[Datum], index: usize) -> Result<&[u8]> {
    Ok(trim_blanks(text(args, index)?.as_bytes()))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    compare_blank!("bpchareq", ==, EQUAL),
    compare_blank!("bpcharge", >=, GREATER_EQUAL),
    compare_blank!("bpchargt", >, GREATER),
    compare_blank!("bpcharle", <=, LESS_EQUAL),
    compare_blank!("bpcharlt", <, LESS),
    compare_blank!("bpcharne", !=, NOT_EQUAL),
    compare!("text_ge", >=, GREATER_EQUAL),
    compare!("text_gt", >, GREATER),
    compare!("text_le", <=, LESS_EQUAL),
    compare!("text_lt", <, LESS),
    compare!("texteq", ==, EQUAL),
    compare!("textne", !=, NOT_EQUAL),
];
