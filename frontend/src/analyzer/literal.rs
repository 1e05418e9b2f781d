//! Literals of unknown type become constants of a type: through the type's text input, or through the catalog for names
//! of objects (`'x'::regclass`).

use executor::expr::{Expr, ExprKind};
use types::oids;
use types::{Datum, Oid, Result};

use super::AnalyzerContext;
use super::coerce::{base_type, plain};

/// Returns `text` as a constant of type `target`.
///
/// # Errors
/// What the type's input function raises.
pub(super) fn input(context: &AnalyzerContext<'_>, text: &str, target: Oid, typmod: i32) -> Result<Expr> {
    if let Some(oid) = super::registry::object_oid(context, text, target)? {
        return Ok(Expr::constant(Datum::I64(i64::from(oid)), plain(target)));
    }
    let datum = match base_type(target) {
        oids::TEXT | oids::VARCHAR | oids::BPCHAR | oids::UNKNOWN | oids::CSTRING => Datum::text(text),
        oids::NAME => Datum::text(truncated(text, 63)),
        _ => return through_text(text, target, typmod),
    };
    Ok(Expr::constant(datum, plain(target)))
}

/// Leaves the conversion to the executor.
fn through_text(text: &str, target: Oid, typmod: i32) -> Result<Expr> {
    let literal = Expr::constant(Datum::text(text), plain(oids::TEXT));
    let ty = plain(target).with_typmod(typmod);
    Ok(Expr { kind: ExprKind::CoerceViaIo(Box::new(literal)), ty })
}

/// Cuts text to at most `len` bytes at a character.
fn truncated(text: &str, len: usize) -> &str {
    let end = (0..=len.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// Returns a bit string literal (`B'101'`, `X'1F'`): its first character tells which.
///
/// # Errors
/// What the type's input function raises.
pub(super) fn bit_string(
    context: &AnalyzerContext<'_>,
    text: &str,
    location: super::state::Location,
) -> Result<Expr> {
    input(context, text, oids::BIT, -1).map_err(|error| error.at(location))
}
