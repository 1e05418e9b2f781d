//! What changes jsonb: concatenation, deletion, jsonb_set and jsonb_insert, removal of nulls.

use types::errors::json as errors;
use types::json::{Json, Node, NodeKind, escape_string};
use types::{Datum, Result};

use super::{json, jsonb, shown, texts};
use crate::functions::arguments::{boolean, int4, text};
use crate::functions::{CallContext, FunctionEntry, row};

fn concat(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let items = |value: &Json| match value {
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    match (jsonb(args, 0)?, jsonb(args, 1)?) {
        (Json::Object(left), Json::Object(right)) => {
            shown(Json::object(left.iter().chain(right).cloned().collect()))
        }
        (left, right) => {
            let mut joined = items(left);
            joined.extend(items(right));
            shown(Json::Array(joined))
        }
    }
}

fn without(value: &Json, unwanted: &dyn Fn(&str) -> bool) -> Result<Datum> {
    shown(match value {
        Json::Object(fields) => {
            Json::Object(fields.iter().filter(|(key, _)| !unwanted(key)).cloned().collect())
        }
        Json::Array(items) => {
            let kept = |item: &&Json| !matches!(item, Json::String(text) if unwanted(text));
            Json::Array(items.iter().filter(kept).cloned().collect())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            return Err(errors::misuse("cannot delete from scalar"));
        }
    })
}

fn delete_element(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    match jsonb(args, 0)? {
        Json::Array(items) => {
            let index = i64::from(int4(args, 1)?);
            let index = if index < 0 { index + items.len() as i64 } else { index };
            let mut items = items.clone();
            if let Ok(index) = usize::try_from(index)
                && index < items.len()
            {
                items.remove(index);
            }
            shown(Json::Array(items))
        }
        Json::Object(_) => Err(errors::misuse("cannot delete from object using integer index")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
            Err(errors::misuse("cannot delete from scalar"))
        }
    }
}

/// What happens at the end of a path.
#[derive(Clone, Copy, PartialEq)]
enum Change<'a> {
    Delete,
    /// Replace; also create what is missing.
    Set(&'a Json, bool),
    InsertBefore(&'a Json),
    InsertAfter(&'a Json),
}

impl<'a> Change<'a> {
    /// Returns the value to add where the path's end is missing.
    fn created(self) -> Option<&'a Json> {
        match self {
            Self::Delete | Self::Set(_, false) => None,
            Self::Set(value, true) | Self::InsertBefore(value) | Self::InsertAfter(value) => Some(value),
        }
    }
}

/// Returns `value` changed at `path[level..]` (`setPath`).
fn changed(value: &Json, path: &[Option<&str>], level: usize, change: Change<'_>) -> Result<Json> {
    let Some(step) = path.get(level) else { return Ok(value.clone()) };
    let step = step.ok_or_else(|| errors::path_null(level + 1))?;
    let last = level + 1 == path.len();
    match value {
        Json::Array(items) => change_array(items, step, path, level, change),
        Json::Object(fields) => {
            let mut fields = fields.clone();
            match (fields.iter().position(|(key, _)| key == step), last) {
                (Some(at), false) => fields[at].1 = changed(&fields[at].1, path, level + 1, change)?,
                (Some(at), true) => match change {
                    Change::Delete => {
                        fields.remove(at);
                    }
                    Change::Set(new, _) => fields[at].1 = new.clone(),
                    Change::InsertBefore(_) | Change::InsertAfter(_) => return Err(errors::existing_key()),
                },
                (None, true) => {
                    if let Some(new) = change.created() {
                        fields.push((step.into(), new.clone()));
                    }
                }
                (None, false) => {}
            }
            Ok(Json::object(fields))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(value.clone()),
    }
}

fn change_array(
    items: &[Json],
    step: &str,
    path: &[Option<&str>],
    level: usize,
    change: Change<'_>,
) -> Result<Json> {
    let index: i32 = step.trim_start().parse().map_err(|_| errors::path_not_an_integer(level + 1, step))?;
    let count = items.len() as i64;
    // Before the start, at an element, or behind the end.
    let at = if index < 0 { i64::from(index) + count } else { i64::from(index).min(count) };
    let last = level + 1 == path.len();
    let mut items = items.to_vec();
    let Some(position) = usize::try_from(at).ok().filter(|position| *position < items.len()) else {
        if last && let Some(new) = change.created() {
            items.insert(if at < 0 { 0 } else { items.len() }, new.clone());
        }
        return Ok(Json::Array(items));
    };
    if !last {
        items[position] = changed(&items[position], path, level + 1, change)?;
        return Ok(Json::Array(items));
    }
    match change {
        Change::Delete => {
            items.remove(position);
        }
        Change::Set(new, _) => items[position] = new.clone(),
        Change::InsertBefore(new) => items.insert(position, new.clone()),
        Change::InsertAfter(new) => items.insert(position + 1, new.clone()),
    }
    Ok(Json::Array(items))
}

fn at_path(args: &[Datum], change: Change<'_>) -> Result<Datum> {
    let (value, path) = (jsonb(args, 0)?, texts(args, 1)?);
    if value.is_scalar() {
        let action = if change == Change::Delete { "delete" } else { "set" };
        return Err(errors::misuse(format!("cannot {action} path in scalar")));
    }
    let empty = match value {
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    };
    if empty && change.created().is_none() {
        return shown(value.clone());
    }
    shown(changed(value, &path, 0, change)?)
}

fn set(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    at_path(args, Change::Set(jsonb(args, 2)?, boolean(args, 3)?))
}

fn insert(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let new = jsonb(args, 2)?;
    at_path(args, if boolean(args, 3)? { Change::InsertAfter(new) } else { Change::InsertBefore(new) })
}

fn set_lax(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    if args.iter().enumerate().any(|(index, value)| matches!(index, 0 | 1 | 3) && value.is_null()) {
        return Ok(Datum::Null);
    }
    let treatment = || {
        errors::misuse(
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or \"raise_exception\"",
        )
    };
    let Some(Datum::Text(wanted)) = args.get(4) else { return Err(treatment()) };
    if !args[2].is_null() {
        return set(args, call);
    }
    match wanted.as_str() {
        "raise_exception" => Err(errors::null_value()),
        "use_json_null" => at_path(args, Change::Set(&Json::Null, boolean(args, 3)?)),
        "delete_key" => at_path(args, Change::Delete),
        "return_target" => Ok(args[0].clone()),
        _ => Err(treatment()),
    }
}

fn stripped(value: &Json, in_arrays: bool) -> Json {
    match value {
        Json::Object(fields) => Json::Object(
            fields
                .iter()
                .filter(|(_, value)| *value != Json::Null)
                .map(|(key, value)| (key.clone(), stripped(value, in_arrays)))
                .collect(),
        ),
        Json::Array(items) => Json::Array(
            items
                .iter()
                .filter(|item| !in_arrays || **item != Json::Null)
                .map(|item| stripped(item, in_arrays))
                .collect(),
        ),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.clone(),
    }
}

/// Appends the text without null fields and without blanks.
fn strip_text(node: &Node<'_>, in_arrays: bool, out: &mut String) {
    let null = |node: &Node<'_>| matches!(node.kind, NodeKind::Null);
    match &node.kind {
        NodeKind::Object(fields) => {
            out.push('{');
            for (index, (key, value)) in fields.iter().filter(|(_, value)| !null(value)).enumerate() {
                if index > 0 {
                    out.push(',');
                }
                escape_string(key, out);
                out.push(':');
                strip_text(value, in_arrays, out);
            }
            out.push('}');
        }
        NodeKind::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().filter(|item| !(in_arrays && null(item))).enumerate() {
                if index > 0 {
                    out.push(',');
                }
                strip_text(item, in_arrays, out);
            }
            out.push(']');
        }
        NodeKind::String(text) => escape_string(text, out),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number => out.push_str(node.text),
    }
}

fn strip_json(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::new();
    strip_text(&json(args, 0)?, args.len() > 1 && boolean(args, 1)?, &mut out);
    Ok(Datum::text(out))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("json_strip_nulls", strip_json),
    row("jsonb_concat", concat),
    row("jsonb_delete", |args, _| {
        let unwanted = text(args, 1)?;
        without(jsonb(args, 0)?, &|key| key == unwanted)
    }),
    row("jsonb_delete_array", |args, _| {
        let unwanted = texts(args, 1)?;
        without(jsonb(args, 0)?, &|key| unwanted.contains(&Some(key)))
    }),
    row("jsonb_delete_idx", delete_element),
    row("jsonb_delete_path", |args, _| at_path(args, Change::Delete)),
    row("jsonb_insert", insert),
    row("jsonb_set", set),
    row("jsonb_set_lax", set_lax),
    row("jsonb_strip_nulls", |args, _| shown(stripped(jsonb(args, 0)?, args.len() > 1 && boolean(args, 1)?))),
];
