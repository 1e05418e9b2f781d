//! Parts of JSON: elements, fields, paths; types, lengths, comparison, casts to SQL types.

use std::cmp::Ordering;

use types::errors::json as errors;
use types::json::{Json, Node, NodeKind, pretty};
use types::{Datum, Numeric, Result};

use super::{json, jsonb, texts};
use crate::functions::arguments::{int4, text};
use crate::functions::{CallContext, FunctionEntry, row};

/// Returns the field of that name; of repeated ones the last.
fn field<'n, 'a>(node: &'n Node<'a>, key: &str) -> Option<&'n Node<'a>> {
    match &node.kind {
        NodeKind::Object(fields) => fields.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number | NodeKind::String(_) | NodeKind::Array(_) => {
            None
        }
    }
}

fn element<'n, 'a>(node: &'n Node<'a>, index: i32) -> Option<&'n Node<'a>> {
    match &node.kind {
        NodeKind::Array(items) => {
            let index = if index < 0 { i64::from(index) + items.len() as i64 } else { i64::from(index) };
            items.get(usize::try_from(index).ok()?)
        }
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number | NodeKind::String(_) | NodeKind::Object(_) => {
            None
        }
    }
}

/// Reads a path element as the position in an array, as `strtoint` does: blanks before, nothing after.
fn position(element: &str) -> Option<i32> {
    element.trim_start().parse().ok()
}

fn node_at<'n, 'a>(node: &'n Node<'a>, path: &[Option<&str>]) -> Option<&'n Node<'a>> {
    let mut node = node;
    for step in path {
        let step = (*step)?;
        node = match &node.kind {
            NodeKind::Array(_) => element(node, position(step)?)?,
            _ => field(node, step)?,
        };
    }
    Some(node)
}

fn value_at<'a>(value: &'a Json, path: &[Option<&str>]) -> Option<&'a Json> {
    let mut value = value;
    for step in path {
        let step = (*step)?;
        value = match value {
            Json::Array(_) => value.element(position(step)?)?,
            Json::Object(_) => value.get(step)?,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return None,
        };
    }
    Some(value)
}

fn raw(node: Option<&Node<'_>>) -> Result<Datum> {
    Ok(node.map_or(Datum::Null, |node| Datum::text(node.text)))
}

fn bare(node: Option<&Node<'_>>) -> Result<Datum> {
    Ok(node.and_then(|node| node.as_text()).map_or(Datum::Null, Datum::text))
}

fn tree(value: Option<&Json>) -> Result<Datum> {
    Ok(value.map_or(Datum::Null, |value| Datum::Json(value.clone().into())))
}

fn tree_text(value: Option<&Json>) -> Result<Datum> {
    Ok(value.and_then(Json::as_text).map_or(Datum::Null, Datum::Text))
}

/// A scalar at the top is its own only element.
fn top_element(value: &Json, index: i32) -> Option<&Json> {
    match value {
        Json::Array(_) => value.element(index),
        Json::Object(_) => None,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            matches!(index, 0 | -1).then_some(value)
        }
    }
}

fn type_name(node: &Node<'_>) -> &'static str {
    match node.kind {
        NodeKind::Null => "null",
        NodeKind::Bool(_) => "boolean",
        NodeKind::Number => "number",
        NodeKind::String(_) => "string",
        NodeKind::Array(_) => "array",
        NodeKind::Object(_) => "object",
    }
}

fn length(count: Option<usize>, scalar: bool) -> Result<Datum> {
    match count {
        Some(count) => Ok(Datum::I32(i32::try_from(count).unwrap_or(i32::MAX))),
        None if scalar => Err(errors::misuse("cannot get array length of a scalar")),
        None => Err(errors::misuse("cannot get array length of a non-array")),
    }
}

fn json_length(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    match json(args, 0)?.kind {
        NodeKind::Array(items) => length(Some(items.len()), false),
        NodeKind::Object(_) => length(None, false),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number | NodeKind::String(_) => length(None, true),
    }
}

fn jsonb_length(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    match jsonb(args, 0)? {
        Json::Array(items) => length(Some(items.len()), false),
        value => length(None, value.is_scalar()),
    }
}

/// `jsonb ? key`: a field, or a string element, or the string itself.
fn has_key(value: &Json, key: &str) -> bool {
    match value {
        Json::Object(_) => value.get(key).is_some(),
        Json::Array(items) => items.iter().any(|item| matches!(item, Json::String(text) if text == key)),
        Json::String(text) => text == key,
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn has_keys(args: &[Datum], all: bool) -> Result<Datum> {
    let value = jsonb(args, 0)?;
    let keys = texts(args, 1)?;
    let mut known = keys.into_iter().flatten().map(|key| has_key(value, key));
    Ok(Datum::Bool(if all { known.all(|found| found) } else { known.any(|found| found) }))
}

macro_rules! compare {
    ($name:literal, $test:ident) => {
        row($name, |args, _| Ok(Datum::Bool(order(args)?.$test())))
    };
}

fn order(args: &[Datum]) -> Result<Ordering> {
    Ok(jsonb(args, 0)?.compare(jsonb(args, 1)?))
}

/// Casts call numbers `numeric`.
fn cast_name(value: &Json) -> &'static str {
    if matches!(value, Json::Number(_)) { "numeric" } else { value.type_name() }
}

/// What a cast to an SQL type finds.
fn number(args: &[Datum], type_name: &str) -> Result<Option<Numeric>> {
    match jsonb(args, 0)? {
        Json::Null => Ok(None),
        Json::Number(number) => Ok(Some(number.clone())),
        other => Err(errors::cannot_cast(cast_name(other), type_name)),
    }
}

fn cast(args: &[Datum], type_name: &str, convert: impl Fn(&Numeric) -> Result<Datum>) -> Result<Datum> {
    number(args, type_name)?.as_ref().map_or(Ok(Datum::Null), convert)
}

fn to_bool(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    match jsonb(args, 0)? {
        Json::Null => Ok(Datum::Null),
        Json::Bool(value) => Ok(Datum::Bool(*value)),
        other => Err(errors::cannot_cast(cast_name(other), "boolean")),
    }
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("json_array_element", |args, _| raw(element(&json(args, 0)?, int4(args, 1)?))),
    row("json_array_element_text", |args, _| bare(element(&json(args, 0)?, int4(args, 1)?))),
    row("json_array_length", json_length),
    row("json_extract_path", |args, _| raw(node_at(&json(args, 0)?, &texts(args, 1)?))),
    row("json_extract_path_text", |args, _| bare(node_at(&json(args, 0)?, &texts(args, 1)?))),
    row("json_object_field", |args, _| raw(field(&json(args, 0)?, text(args, 1)?))),
    row("json_object_field_text", |args, _| bare(field(&json(args, 0)?, text(args, 1)?))),
    row("json_typeof", |args, _| Ok(Datum::text(type_name(&json(args, 0)?)))),
    row("jsonb_array_element", |args, _| tree(top_element(jsonb(args, 0)?, int4(args, 1)?))),
    row("jsonb_array_element_text", |args, _| tree_text(top_element(jsonb(args, 0)?, int4(args, 1)?))),
    row("jsonb_array_length", jsonb_length),
    row("jsonb_bool", to_bool),
    row("jsonb_cmp", |args, _| Ok(Datum::I32(order(args)? as i32))),
    row("jsonb_contained", |args, _| Ok(Datum::Bool(jsonb(args, 1)?.contains(jsonb(args, 0)?)))),
    row("jsonb_contains", |args, _| Ok(Datum::Bool(jsonb(args, 0)?.contains(jsonb(args, 1)?)))),
    compare!("jsonb_eq", is_eq),
    row("jsonb_exists", |args, _| Ok(Datum::Bool(has_key(jsonb(args, 0)?, text(args, 1)?)))),
    row("jsonb_exists_all", |args, _| has_keys(args, true)),
    row("jsonb_exists_any", |args, _| has_keys(args, false)),
    row("jsonb_extract_path", |args, _| tree(value_at(jsonb(args, 0)?, &texts(args, 1)?))),
    row("jsonb_extract_path_text", |args, _| tree_text(value_at(jsonb(args, 0)?, &texts(args, 1)?))),
    row("jsonb_float4", |args, _| cast(args, "real", |number| Ok(Datum::F32(number.to_f32()?)))),
    row("jsonb_float8", |args, _| cast(args, "double precision", |number| Ok(Datum::F64(number.to_f64()?)))),
    compare!("jsonb_ge", is_ge),
    compare!("jsonb_gt", is_gt),
    row("jsonb_int2", |args, _| cast(args, "smallint", |number| Ok(Datum::I16(number.to_i16()?)))),
    row("jsonb_int4", |args, _| cast(args, "integer", |number| Ok(Datum::I32(number.to_i32()?)))),
    row("jsonb_int8", |args, _| cast(args, "bigint", |number| Ok(Datum::I64(number.to_i64()?)))),
    compare!("jsonb_le", is_le),
    compare!("jsonb_lt", is_lt),
    compare!("jsonb_ne", is_ne),
    row("jsonb_numeric", |args, _| cast(args, "numeric", |number| Ok(Datum::Numeric(number.clone())))),
    row("jsonb_object_field", |args, _| tree(jsonb(args, 0)?.get(text(args, 1)?))),
    row("jsonb_object_field_text", |args, _| tree_text(jsonb(args, 0)?.get(text(args, 1)?))),
    row("jsonb_pretty", |args, _| {
        let mut out = String::new();
        pretty(jsonb(args, 0)?, 0, &mut out);
        Ok(Datum::text(out))
    }),
    row("jsonb_typeof", |args, _| Ok(Datum::text(jsonb(args, 0)?.type_name()))),
];
