//! Functions on json and jsonb.
//!
//! * `assign`: assignment to subscripts
//! * `write`: values of any type as JSON
//! * `build`: to_json, json_build_*, json_object
//! * `get`: elements, paths, lengths, types, comparison, casts
//! * `each`: one row an element or field
//! * `change`: what jsonb operators and functions change
//! * `path`: jsonpath
//! * `populate`: JSON to records
//! * `standard`: what SQL/JSON syntax calls

pub(super) mod assign;
pub(super) mod build;
pub(super) mod change;
pub(super) mod each;
pub(super) mod get;
pub(super) mod path;
pub(super) mod populate;
pub(super) mod standard;
pub(crate) mod write;

use types::json::{Json, Node, parse};
use types::{ArrayValue, Datum, PgError, Result};

use super::arguments::text;

/// Returns argument `index`, which is jsonb.
fn jsonb(args: &[Datum], index: usize) -> Result<&Json> {
    match args.get(index) {
        Some(Datum::Json(value)) => Ok(value),
        _ => Err(PgError::internal(format!("argument {index} is not jsonb"))),
    }
}

/// Parses argument `index`, which is json.
fn json(args: &[Datum], index: usize) -> Result<Node<'_>> {
    parse(text(args, index)?)
}

/// Returns a jsonb datum.
fn shown(value: Json) -> Result<Datum> {
    Ok(Datum::Json(value.into()))
}

/// Returns argument `index` as an array of text; NULL elements are none.
fn texts(args: &[Datum], index: usize) -> Result<Vec<Option<&str>>> {
    Ok(elements(array(args, index)?))
}

fn array(args: &[Datum], index: usize) -> Result<&ArrayValue> {
    match args.get(index) {
        Some(Datum::Array(array)) => Ok(array),
        _ => Err(PgError::internal(format!("argument {index} is not an array"))),
    }
}

fn elements(array: &ArrayValue) -> Vec<Option<&str>> {
    let mut found = Vec::with_capacity(array.elements.len());
    for element in &array.elements {
        found.push(match element {
            Datum::Text(text) => Some(text.as_str()),
            _ => None,
        });
    }
    found
}
