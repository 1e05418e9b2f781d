//! Text taken apart into arrays, and arrays joined to text.

use std::sync::Arc;

use types::text::{ident, strings};
use types::{ArrayValue, Datum, Result, TypeRef, interrupt, oids, size};

use crate::functions::arguments::{boolean, int4, text};
use crate::functions::{CallContext, FunctionEntry, RowStream, output_text, row, stream};

fn optional(args: &[Datum], index: usize) -> Option<&str> {
    match args.get(index) {
        Some(Datum::Text(text)) => Some(text),
        Some(_) | None => None,
    }
}

/// Returns the pieces of argument 0 at argument 1; those equal to argument 2 are NULL.
fn pieces(args: &[Datum]) -> Option<impl Iterator<Item = Datum> + '_> {
    let text = optional(args, 0)?;
    let null = optional(args, 2);
    let piece = move |piece: &str| if Some(piece) == null { Datum::Null } else { Datum::text(piece) };
    Some(strings::string_to_pieces(text, optional(args, 1)).map(piece))
}

/// Returns an array of text.
pub(in crate::functions) fn text_array(elements: Vec<Datum>) -> Datum {
    Datum::Array(Arc::new(ArrayValue::one_dimensional(oids::TEXT, elements)))
}

fn to_array(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(pieces) = pieces(args) else { return Ok(Datum::Null) };
    let mut pace = interrupt::Pace::default();
    let mut elements = Vec::new();
    for piece in pieces {
        pace.step()?;
        elements.push(piece);
    }
    crate::functions::arrays::check_size(&elements)?;
    Ok(text_array(elements))
}

fn to_table(args: &[Datum], _: &CallContext<'_>) -> Result<RowStream> {
    let Some(Datum::Text(text)) = args.first() else { return Ok(Box::new(std::iter::empty())) };
    let (text, given) = (text.clone(), args.to_vec());
    let mut at = if text.is_empty() { None } else { Some(0) };
    Ok(Box::new(std::iter::from_fn(move || {
        let start = at?;
        let rest = text.get(start..)?;
        let (len, next) = match optional(&given, 1) {
            None => {
                let len = rest.chars().next()?.len_utf8();
                (len, (len < rest.len()).then_some(start + len))
            }
            Some("") => (rest.len(), None),
            Some(delimiter) => match rest.find(delimiter) {
                Some(len) => (len, Some(start + len + delimiter.len())),
                None => (rest.len(), None),
            },
        };
        at = next;
        let piece = rest.get(..len)?;
        let is_null = optional(&given, 2) == Some(piece);
        Some(Ok(vec![if is_null { Datum::Null } else { Datum::text(piece) }]))
    })))
}

fn array_to_text(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let (Some(Datum::Array(array)), Some(delimiter)) = (args.first(), optional(args, 1)) else {
        return Ok(Datum::Null);
    };
    let null = optional(args, 2);
    let mut out = String::new();
    let mut first = true;
    let mut pace = interrupt::Pace::default();
    for element in &array.elements {
        let shown = match (element, null) {
            (Datum::Null, None) => continue,
            (Datum::Null, Some(null)) => null.to_string(),
            (value, _) => output_text(value, TypeRef::plain(array.element_type), call.query)?,
        };
        if !first {
            size::append(&mut out, delimiter)?;
        }
        first = false;
        size::append(&mut out, &shown)?;
        pace.step()?;
    }
    Ok(Datum::text(out))
}

fn parse_ident(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let parts = ident::parse_ident(text(args, 0)?, boolean(args, 1)?)?;
    Ok(text_array(parts.into_iter().map(Datum::text).collect()))
}

fn overlay(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let new = text(args, 1)?;
    let count = if args.len() > 3 { int4(args, 3)? } else { strings::length(new) };
    Ok(Datum::text(strings::overlay(text(args, 0)?, new, int4(args, 2)?, count)?))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("array_to_text", array_to_text),
    row("array_to_text_null", array_to_text),
    row("parse_ident", parse_ident),
    row("lpad_879", |args, _| Ok(Datum::text(strings::lpad(text(args, 0)?, int4(args, 1)?, " ")?))),
    row("rpad_880", |args, _| Ok(Datum::text(strings::rpad(text(args, 0)?, int4(args, 1)?, " ")?))),
    row("text_to_array", to_array),
    row("text_to_array_null", to_array),
    stream("text_to_table", to_table),
    stream("text_to_table_null", to_table),
    row("textoverlay", overlay),
    row("textoverlay_no_len", overlay),
];
