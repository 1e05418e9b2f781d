//! One row for each element, field or key.

use types::errors::json as errors;
use types::json::{Json, Node, NodeKind};
use types::{Datum, Result};

use super::{json, jsonb};
use crate::functions::{FunctionEntry, set};

type Rows = Result<Vec<Vec<Datum>>>;

fn is_scalar(node: &Node<'_>) -> bool {
    !matches!(node.kind, NodeKind::Array(_) | NodeKind::Object(_))
}

fn fields<'a>(args: &'a [Datum]) -> Result<Vec<(String, Node<'a>)>> {
    let node = json(args, 0)?;
    match node.kind {
        NodeKind::Object(fields) => Ok(fields),
        NodeKind::Array(_) => Err(errors::misuse("cannot deconstruct an array as an object")),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number | NodeKind::String(_) => {
            Err(errors::misuse("cannot deconstruct a scalar"))
        }
    }
}

fn each(args: &[Datum], value: fn(&Node<'_>) -> Datum) -> Rows {
    Ok(fields(args)?.into_iter().map(|(key, node)| vec![Datum::text(key), value(&node)]).collect())
}

fn raw(node: &Node<'_>) -> Datum {
    Datum::text(node.text)
}

fn bare(node: &Node<'_>) -> Datum {
    node.as_text().map_or(Datum::Null, Datum::text)
}

fn tree(value: &Json) -> Datum {
    Datum::Json(value.clone().into())
}

fn tree_text(value: &Json) -> Datum {
    value.as_text().map_or(Datum::Null, Datum::Text)
}

fn each_tree(args: &[Datum], function: &str, value: fn(&Json) -> Datum) -> Rows {
    match jsonb(args, 0)? {
        Json::Object(fields) => {
            Ok(fields.iter().map(|(key, found)| vec![Datum::Text(key.clone()), value(found)]).collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Err(errors::misuse(format!("cannot call {function} on a non-object")))
        }
    }
}

fn elements(args: &[Datum], function: &str, value: fn(&Node<'_>) -> Datum) -> Rows {
    let node = json(args, 0)?;
    match &node.kind {
        NodeKind::Array(items) => Ok(items.iter().map(|item| vec![value(item)]).collect()),
        _ if is_scalar(&node) => Err(errors::misuse(format!("cannot call {function} on a scalar"))),
        _ => Err(errors::misuse(format!("cannot call {function} on a non-array"))),
    }
}

fn elements_tree(args: &[Datum], value: fn(&Json) -> Datum) -> Rows {
    match jsonb(args, 0)? {
        Json::Array(items) => Ok(items.iter().map(|item| vec![value(item)]).collect()),
        Json::Object(_) => Err(errors::misuse("cannot extract elements from an object")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            Err(errors::misuse("cannot extract elements from a scalar"))
        }
    }
}

fn no_keys(function: &str, scalar: bool) -> types::PgError {
    let what = if scalar { "a scalar" } else { "an array" };
    errors::misuse(format!("cannot call {function} on {what}"))
}

fn keys(args: &[Datum]) -> Rows {
    let node = json(args, 0)?;
    let scalar = is_scalar(&node);
    match node.kind {
        NodeKind::Object(fields) => Ok(fields.into_iter().map(|(key, _)| vec![Datum::text(key)]).collect()),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number | NodeKind::String(_) | NodeKind::Array(_) => {
            Err(no_keys("json_object_keys", scalar))
        }
    }
}

fn keys_tree(args: &[Datum]) -> Rows {
    match jsonb(args, 0)? {
        Json::Object(fields) => Ok(fields.iter().map(|(key, _)| vec![Datum::Text(key.clone())]).collect()),
        other => Err(no_keys("jsonb_object_keys", other.is_scalar())),
    }
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    set("json_array_elements", |args, _| elements(args, "json_array_elements", raw)),
    set("json_array_elements_text", |args, _| elements(args, "json_array_elements_text", bare)),
    set("json_each", |args, _| each(args, raw)),
    set("json_each_text", |args, _| each(args, bare)),
    set("json_object_keys", |args, _| keys(args)),
    set("jsonb_array_elements", |args, _| elements_tree(args, tree)),
    set("jsonb_array_elements_text", |args, _| elements_tree(args, tree_text)),
    set("jsonb_each", |args, _| each_tree(args, "jsonb_each", tree)),
    set("jsonb_each_text", |args, _| each_tree(args, "jsonb_each_text", tree_text)),
    set("jsonb_object_keys", |args, _| keys_tree(args)),
];
