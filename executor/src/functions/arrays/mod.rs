//! Functions on arrays.
//!
//! * `shape`: bounds and dimensions
//! * `change`: arrays made of arrays and elements
//! * `compare`: order, containment
//! * `search`: positions, removing, replacing, sorting

pub(super) mod change;
pub(super) mod compare;
pub(super) mod search;
pub(super) mod shape;

use std::sync::Arc;

use types::errors::array as errors;
use types::{ArrayValue, Datum, Oid, PgError, Result, TypeRef, oids};

/// Elements that an array has at most.
const ELEMENTS_MAX: i64 = 134_217_727;
/// Dimensions that an array has at most.
const DIMENSIONS_MAX: usize = 6;

/// Returns argument `index`, which is an array.
pub(super) fn array(args: &[Datum], index: usize) -> Result<&Arc<ArrayValue>> {
    match args.get(index) {
        Some(Datum::Array(array)) => Ok(array),
        _ => Err(PgError::internal(format!("argument {index} is not an array"))),
    }
}

/// Returns argument `index` if it is an array, not NULL.
pub(super) fn optional(args: &[Datum], index: usize) -> Option<&Arc<ArrayValue>> {
    match args.get(index) {
        Some(Datum::Array(array)) => Some(array),
        Some(_) | None => None,
    }
}

/// Returns the array as a datum; without elements it has no dimensions.
pub(super) fn datum(element_type: Oid, dimensions: Vec<(i32, i32)>, elements: Vec<Datum>) -> Datum {
    let dimensions = if elements.is_empty() { Vec::new() } else { dimensions };
    Datum::Array(Arc::new(ArrayValue { element_type, dimensions, elements }))
}

/// Refuses a number of elements that no array can have.
fn check_count(lengths: impl IntoIterator<Item = i32>) -> Result<()> {
    let count = lengths.into_iter().try_fold(1i64, |count, length| count.checked_mul(i64::from(length)));
    match count {
        Some(0..=ELEMENTS_MAX) => Ok(()),
        Some(_) | None => Err(errors::too_large()),
    }
}

/// Refuses elements that together are larger than an array of PostgreSQL's can be.
pub(crate) fn check_size(elements: &[Datum]) -> Result<()> {
    let size = |element: &Datum| match element {
        Datum::Text(text) => text.len() + types::size::HEADER_SIZE,
        Datum::Bytes(bytes) => bytes.len() + types::size::HEADER_SIZE,
        _ => 1,
    };
    if elements.iter().map(size).sum::<usize>() <= types::size::ALLOCATION_MAX {
        Ok(())
    } else {
        Err(errors::size_too_large(types::size::ALLOCATION_MAX))
    }
}

/// Refuses element types that cannot be compared; `what` names the missing operator.
fn require_operator(element_type: Oid, what: &str) -> Result<()> {
    let name = match element_type {
        oids::JSON => "json",
        oids::XML => "xml",
        oids::JSONPATH => "jsonpath",
        oids::POINT => "point",
        oids::LSEG => "lseg",
        oids::PATH => "path",
        oids::BOX => "box",
        oids::POLYGON => "polygon",
        oids::LINE => "line",
        oids::CIRCLE => "circle",
        _ => return Ok(()),
    };
    Err(errors::no_operator(what, name))
}

/// Refuses element types without equality.
fn require_equality(element_type: Oid) -> Result<()> {
    require_operator(element_type, "an equality operator")
}

/// Whether two elements are equal; NULL equals NULL.
fn same(left: &Datum, right: &Datum, element_type: Oid) -> bool {
    match (left.is_null(), right.is_null()) {
        (true, true) => true,
        (false, false) => crate::values::compare(left, right, TypeRef::plain(element_type)).is_eq(),
        (true, false) | (false, true) => false,
    }
}
