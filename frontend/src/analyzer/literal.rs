//! Literals of unknown type become constants of a type: through the type's text input.

use executor::expr::{Expr, ExprKind};
use types::oids;
use types::{Datum, Oid, Result, SqlState};

use super::AnalyzerContext;
use super::coerce::{base_type, plain};

/// Returns `text` as a constant of type `target`.
///
/// # Errors
/// What the type's input function raises.
pub(super) fn input(context: &AnalyzerContext<'_>, text: &str, target: Oid, typmod: i32) -> Result<Expr> {
    match types::io::text_input(base_type(target), typmod, text, context.io) {
        Ok(datum) => Ok(Expr::constant(datum, plain(target))),
        Err(error) if error.sqlstate() == SqlState::FEATURE_NOT_SUPPORTED => {
            through_text(text, target, typmod)
        }
        Err(error) => Err(error),
    }
}

/// Leaves the conversion to the executor.
fn through_text(text: &str, target: Oid, typmod: i32) -> Result<Expr> {
    let literal = Expr::constant(Datum::text(text), plain(oids::TEXT));
    let ty = plain(target).with_typmod(typmod);
    Ok(Expr { kind: ExprKind::CoerceViaIo(Box::new(literal)), ty })
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
