//! Functions on text and bpchar. Comparison is by bytes, as in the `C` collation.

pub(super) mod compose;
pub(super) mod patterns;
pub(super) mod pieces;
pub(super) mod unicode;

use ecow::EcoString;
use kernels::text::LikePattern;
use kernels::vector::{Bitmap, Values, Vector, VectorData};
use types::text::strings;
use types::{Datum, PgError, Result, SqlState, oids};

use super::arguments::{boolean, int4, text};
use super::{CallContext, FunctionEntry, row, with_vector};
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

/// LIKE with a constant pattern.
fn like_lanes<const NEGATED: bool>(args: &[Vector], len: usize, _faults: &mut [u64]) -> Option<Vector> {
    let [strings, pattern] = args else { return None };
    let VectorData::Constant(Values::Views(pattern)) = &pattern.data else { return None };
    let pattern = LikePattern::new(pattern.get(0), Some(b'\\'))?;
    let flat = strings.to_flat();
    let Values::Views(views) = flat.values() else { return None };
    let found = (0..len).map(|lane| pattern.matches(views.get(lane)) != NEGATED);
    Some(Vector::flat(Values::Bool(Bitmap::from_bools(found)), None))
}

fn like(args: &[Datum]) -> Result<bool> {
    types::text::like::like(text(args, 0)?, text(args, 1)?)
}

/// Whether the collation of the call knows cases of ASCII letters only (`C`, `POSIX`, `ucs_basic`).
fn is_ascii(call: &CallContext<'_>) -> bool {
    matches!(call.collation, oids::C_COLLATION | patterns::POSIX_COLLATION | patterns::UCS_BASIC_COLLATION)
}

fn ilike(args: &[Datum]) -> Result<bool> {
    types::text::like::ilike(text(args, 0)?, text(args, 1)?)
}

fn shown(value: impl Into<EcoString>) -> Result<Datum> {
    Ok(Datum::Text(value.into()))
}

macro_rules! larger {
    ($name:literal, $get:ident, $test:ident) => {
        row($name, |args, _| {
            let left = $get(args, 0)?.cmp($get(args, 1)?).$test();
            Ok(args.get(usize::from(!left)).cloned().unwrap_or_default())
        })
    };
}

fn characters(args: &[Datum]) -> Result<&str> {
    if args.len() > 1 { text(args, 1) } else { Ok(" ") }
}

/// The most bytes that PostgreSQL allocates for one value (`MaxAllocSize`).
const ALLOCATION_MAX: usize = 0x3fff_ffff;

/// Casts to a length: `varchar` cuts blanks silently, everything else only when the cast is explicit.
fn fit_length(args: &[Datum], blank_padded: bool) -> Result<Datum> {
    let (value, typmod, explicit) = (text(args, 0)?, int4(args, 1)?, boolean(args, 2)?);
    let Some(limit) =
        typmod.checked_sub(4).and_then(|limit| usize::try_from(limit).ok()).filter(|_| typmod >= 5)
    else {
        return shown(value);
    };
    let count = value.chars().count();
    if count <= limit {
        let mut value = EcoString::from(value);
        if blank_padded {
            if limit >= ALLOCATION_MAX {
                return Err(PgError::internal(format!("invalid memory alloc request size {typmod}")));
            }
            for _ in count..limit {
                value.push(' ');
            }
        }
        return shown(value);
    }
    let cut = value.char_indices().nth(limit).map_or(value.len(), |(at, _)| at);
    if !explicit && value[cut..].bytes().any(|byte| byte != b' ') {
        let name = if blank_padded { "character" } else { "character varying" };
        return Err(PgError::new(
            SqlState::STRING_DATA_RIGHT_TRUNCATION,
            format!("value too long for type {name}({limit})"),
        ));
    }
    shown(&value[..cut])
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("ascii", |args, _| Ok(Datum::I32(strings::ascii(text(args, 0)?)))),
    row("bpchar", |args, _| fit_length(args, true)),
    larger!("bpchar_larger", blank, is_gt),
    row("bpchar_name", |args, _| shown(types::io::truncate_name(text(args, 0)?.trim_end_matches(' ')))),
    row("bpchar_pattern_ge", |args, _| Ok(Datum::Bool(blank(args, 0)? >= blank(args, 1)?))),
    row("bpchar_pattern_gt", |args, _| Ok(Datum::Bool(blank(args, 0)? > blank(args, 1)?))),
    row("bpchar_pattern_le", |args, _| Ok(Datum::Bool(blank(args, 0)? <= blank(args, 1)?))),
    row("bpchar_pattern_lt", |args, _| Ok(Datum::Bool(blank(args, 0)? < blank(args, 1)?))),
    larger!("bpchar_smaller", blank, is_lt),
    compare_blank!("bpchareq", ==, EQUAL),
    compare_blank!("bpcharge", >=, GREATER_EQUAL),
    compare_blank!("bpchargt", >, GREATER),
    compare_blank!("bpcharle", <=, LESS_EQUAL),
    row("bpcharlen", |args, _| Ok(Datum::I32(strings::length(text(args, 0)?.trim_end_matches(' '))))),
    compare_blank!("bpcharlt", <, LESS),
    compare_blank!("bpcharne", !=, NOT_EQUAL),
    row("bpcharoctetlen", |args, _| Ok(Datum::I32(text(args, 0)?.len() as i32))),
    row("btrim", |args, _| shown(strings::btrim(text(args, 0)?, characters(args)?))),
    row("btrim1", |args, _| shown(strings::btrim(text(args, 0)?, " "))),
    row("chr", |args, _| shown(strings::chr(int4(args, 0)?)?)),
    row("initcap", |args, call| {
        shown(if is_ascii(call) {
            strings::initcap_ascii(text(args, 0)?)
        } else {
            strings::initcap(text(args, 0)?)?
        })
    }),
    row("like_escape", |args, _| shown(types::text::like::like_escape(text(args, 0)?, text(args, 1)?)?)),
    row("lower", |args, call| {
        shown(if is_ascii(call) {
            text(args, 0)?.to_ascii_lowercase()
        } else {
            strings::lower(text(args, 0)?)?
        })
    }),
    row("lpad", |args, _| shown(strings::lpad(text(args, 0)?, int4(args, 1)?, text(args, 2)?)?)),
    row("ltrim", |args, _| shown(strings::ltrim(text(args, 0)?, characters(args)?))),
    row("ltrim1", |args, _| shown(strings::ltrim(text(args, 0)?, " "))),
    row("name_bpchar", |args, _| shown(text(args, 0)?)),
    row("name_text", |args, _| shown(text(args, 0)?)),
    row("nameeq", |args, _| Ok(Datum::Bool(text(args, 0)? == text(args, 1)?))),
    row("nameeqtext", |args, _| Ok(Datum::Bool(text(args, 0)? == text(args, 1)?))),
    row("nameiclike", |args, _| Ok(Datum::Bool(ilike(args)?))),
    row("nameicnlike", |args, _| Ok(Datum::Bool(!ilike(args)?))),
    row("namelike", |args, _| Ok(Datum::Bool(like(args)?))),
    row("namene", |args, _| Ok(Datum::Bool(text(args, 0)? != text(args, 1)?))),
    row("namenetext", |args, _| Ok(Datum::Bool(text(args, 0)? != text(args, 1)?))),
    row("namenlike", |args, _| Ok(Datum::Bool(!like(args)?))),
    row("repeat", |args, _| shown(strings::repeat(text(args, 0)?, int4(args, 1)?)?)),
    row("replace_text", |args, _| shown(strings::replace(text(args, 0)?, text(args, 1)?, text(args, 2)?)?)),
    row("rpad", |args, _| shown(strings::rpad(text(args, 0)?, int4(args, 1)?, text(args, 2)?)?)),
    row("rtrim", |args, _| shown(strings::rtrim(text(args, 0)?, characters(args)?))),
    with_vector(
        "rtrim1",
        |args, _| shown(strings::rtrim(text(args, 0)?, " ")),
        crate::vectors::strings::trim_blanks,
    ),
    row("split_part", |args, _| shown(strings::split_part(text(args, 0)?, text(args, 1)?, int4(args, 2)?)?)),
    compare!("text_ge", >=, GREATER_EQUAL),
    compare!("text_gt", >, GREATER),
    larger!("text_larger", text, is_gt),
    compare!("text_le", <=, LESS_EQUAL),
    row("text_left", |args, _| shown(strings::left(text(args, 0)?, int4(args, 1)?))),
    compare!("text_lt", <, LESS),
    row("text_name", |args, _| shown(types::io::truncate_name(text(args, 0)?))),
    row("text_pattern_ge", |args, _| Ok(Datum::Bool(text(args, 0)?.as_bytes() >= text(args, 1)?.as_bytes()))),
    row("text_pattern_gt", |args, _| Ok(Datum::Bool(text(args, 0)?.as_bytes() > text(args, 1)?.as_bytes()))),
    row("text_pattern_le", |args, _| Ok(Datum::Bool(text(args, 0)?.as_bytes() <= text(args, 1)?.as_bytes()))),
    row("text_pattern_lt", |args, _| Ok(Datum::Bool(text(args, 0)?.as_bytes() < text(args, 1)?.as_bytes()))),
    row("text_reverse", |args, _| shown(strings::reverse(text(args, 0)?)?)),
    row("text_right", |args, _| shown(strings::right(text(args, 0)?, int4(args, 1)?))),
    larger!("text_smaller", text, is_lt),
    row("text_starts_with", |args, _| Ok(Datum::Bool(strings::starts_with(text(args, 0)?, text(args, 1)?)))),
    with_vector(
        "text_substr",
        |args, _| shown(strings::substring(text(args, 0)?, int4(args, 1)?, int4(args, 2)?)?),
        crate::vectors::strings::substring,
    ),
    row("text_substr_no_len", |args, _| shown(strings::substring_from(text(args, 0)?, int4(args, 1)?))),
    row("textcat", |args, _| {
        let (left, right) = (text(args, 0)?, text(args, 1)?);
        types::size::check(left.len() + right.len())?;
        let mut joined = EcoString::with_capacity(left.len() + right.len());
        joined.push_str(left);
        joined.push_str(right);
        shown(joined)
    }),
    compare!("texteq", ==, EQUAL),
    row("texticlike", |args, _| Ok(Datum::Bool(ilike(args)?))),
    row("texticnlike", |args, _| Ok(Datum::Bool(!ilike(args)?))),
    row("textlen", |args, _| Ok(Datum::I32(strings::length(text(args, 0)?)))),
    with_vector("textlike", |args, _| Ok(Datum::Bool(like(args)?)), like_lanes::<false>),
    compare!("textne", !=, NOT_EQUAL),
    with_vector("textnlike", |args, _| Ok(Datum::Bool(!like(args)?)), like_lanes::<true>),
    row("textoctetlen", |args, _| Ok(Datum::I32(text(args, 0)?.len() as i32))),
    row("textpos", |args, _| Ok(Datum::I32(strings::position(text(args, 0)?, text(args, 1)?)))),
    row("translate", |args, _| shown(strings::translate(text(args, 0)?, text(args, 1)?, text(args, 2)?)?)),
    row("upper", |args, call| {
        shown(if is_ascii(call) {
            text(args, 0)?.to_ascii_uppercase()
        } else {
            strings::upper(text(args, 0)?)?
        })
    }),
    row("varchar", |args, _| fit_length(args, false)),
];
