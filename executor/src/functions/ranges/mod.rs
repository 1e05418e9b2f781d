//! Functions on ranges and multiranges.
//!
//! * `relate`: order, containment, position
//! * `build`: constructors, bounds, union, intersection, difference

pub(super) mod build;
pub(super) mod relate;

use std::sync::Arc;

use types::range::multirange;
use types::{Datum, MultirangeValue, PgError, RangeValue, Result};

/// Returns argument `index`, which is a range.
fn range(args: &[Datum], index: usize) -> Result<&Arc<RangeValue>> {
    match args.get(index) {
        Some(Datum::Range(range)) => Ok(range),
        _ => Err(PgError::internal(format!("argument {index} is not a range"))),
    }
}

/// Returns argument `index`, which is a multirange.
fn multi(args: &[Datum], index: usize) -> Result<&Arc<MultirangeValue>> {
    match args.get(index) {
        Some(Datum::Multirange(value)) => Ok(value),
        _ => Err(PgError::internal(format!("argument {index} is not a multirange"))),
    }
}

/// Returns the ranges of argument `index`, which is a range or a multirange.
fn parts(args: &[Datum], index: usize) -> Result<&[RangeValue]> {
    match args.get(index) {
        Some(Datum::Range(range)) => Ok(std::slice::from_ref(range)),
        Some(Datum::Multirange(value)) => Ok(&value.ranges),
        _ => Err(PgError::internal(format!("argument {index} is not a range"))),
    }
}

/// Returns the range from the first to the last bound of argument `index`.
fn span(args: &[Datum], index: usize) -> Result<RangeValue> {
    match args.get(index) {
        Some(Datum::Range(range)) => Ok((**range).clone()),
        Some(Datum::Multirange(value)) => Ok(multirange::span(value)),
        _ => Err(PgError::internal(format!("argument {index} is not a range"))),
    }
}

/// Returns a range datum.
fn shown(range: RangeValue) -> Result<Datum> {
    Ok(Datum::Range(range.into()))
}
