//! Assignment to a part of a jsonb value, `j['a'][2] = ...` (`jsonb_subscript_assign`, `jsonb_set_element`).

use types::errors::json as errors;
use types::json::Json;
use types::{Datum, PgError, Result};

use super::{jsonb, shown};
use crate::functions::{CallContext, FunctionEntry, row};

/// Elements an array may have; PostgreSQL's builder of values doubles its room up to here.
const ELEMENTS_MAX: usize = 1 << 24;

/// (jsonb, value, whether the first subscript is an integer, subscripts as text): the value with what the subscripts
/// name replaced or made, and everything on the way to it.
fn assign(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let [base, value, Datum::Bool(array_expected), path @ ..] = args else {
        return Err(PgError::internal("a jsonb assignment without its parts"));
    };
    let mut steps = Vec::with_capacity(path.len());
    for step in path {
        let Datum::Text(step) = step else { return Err(errors::null_subscript()) };
        steps.push(step.as_str());
    }
    let new = if value.is_null() { Json::Null } else { jsonb(args, 1)?.clone() };
    let empty = if *array_expected { Json::Array(Vec::new()) } else { Json::object(Vec::new()) };
    let base = if base.is_null() { &empty } else { jsonb(args, 0)? };
    shown(replaced(base, &steps, 0, new)?)
}

/// Returns `value` with `path[level..]` replaced.
fn replaced(value: &Json, path: &[&str], level: usize, new: Json) -> Result<Json> {
    let Some(step) = path.get(level) else { return Ok(new) };
    match value {
        Json::Array(items) => {
            let mut items = items.clone();
            let position = element_position(step, level, items.len())?;
            match items.get_mut(position) {
                Some(item) => *item = replaced(item, path, level + 1, new)?,
                None => pad_and_push(&mut items, position, made(path, level + 1, new)?)?,
            }
            Ok(Json::Array(items))
        }
        Json::Object(fields) => {
            let mut fields = fields.clone();
            match fields.iter_mut().find(|(key, _)| key == step) {
                Some((_, field)) => *field = replaced(field, path, level + 1, new)?,
                None => fields.push(((*step).into(), made(path, level + 1, new)?)),
            }
            Ok(Json::object(fields))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Err(errors::key_of_scalar()),
    }
}

/// Returns the position in an array of `len` items that a step names; it may lie behind the end.
fn element_position(step: &str, level: usize, len: usize) -> Result<usize> {
    let index = integer(step).ok_or_else(|| errors::path_not_an_integer(level + 1, step))?;
    let index = i64::from(index);
    let at = if index < 0 { index + len as i64 } else { index };
    usize::try_from(at).map_err(|_| errors::path_out_of_range(level + 1, index))
}

/// Returns what `path[level..]` leads to where nothing is yet: arrays for integers, objects for other keys.
fn made(path: &[&str], level: usize, new: Json) -> Result<Json> {
    path.iter().skip(level).rev().try_fold(new, |inner, step| match integer(step) {
        Some(index) => {
            let mut items = Vec::new();
            pad_and_push(&mut items, usize::try_from(index).unwrap_or(0), inner)?;
            Ok(Json::Array(items))
        }
        None => Ok(Json::object(vec![((*step).into(), inner)])),
    })
}

/// Puts an item at a position behind the end, with nulls before it.
fn pad_and_push(items: &mut Vec<Json>, position: usize, item: Json) -> Result<()> {
    if position >= ELEMENTS_MAX {
        return Err(types::errors::data::invalid_allocation(1 << 30));
    }
    items.resize(position, Json::Null);
    items.push(item);
    Ok(())
}

/// Reads an integer as `strtoint` does: blanks and a sign may lead.
fn integer(step: &str) -> Option<i32> {
    step.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']).parse().ok()
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[row("surus_jsonb_assign", assign)];
