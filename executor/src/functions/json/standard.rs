//! Bodies of SQL/JSON syntax: constructors, IS JSON, and the query functions with their ON EMPTY and ON ERROR.

use std::collections::HashSet;

use types::errors::json as errors;
use types::io::text_input;
use types::json::{Json, Node, NodeKind, escape_string, parse as parse_json};
use types::jsonpath::{Evaluation, parse as parse_path, query as query_path};
use types::{Datum, PgError, Result, TypeRef, oids};

use super::write::{key_text, to_jsonb, write_json};
use super::{jsonb, shown};
use crate::functions::arguments::text;
use crate::functions::{CallContext, FunctionEntry, row};

fn argument_type(call: &CallContext<'_>, index: usize) -> TypeRef {
    call.arg_types.get(index).copied().unwrap_or(TypeRef::plain(0))
}

/// Keys and values after the flags; absent values are left out.
fn pairs<'a>(
    args: &'a [Datum],
    call: &CallContext<'_>,
    tree: bool,
) -> Result<Vec<(String, &'a Datum, TypeRef)>> {
    let flags = text(args, 0)?;
    let io = call.query.session.io();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (index, pair) in args.get(1..).unwrap_or(&[]).chunks(2).enumerate() {
        let [key, value] = pair else { continue };
        if key.is_null() {
            return Err(if tree { errors::null_key_argument(index * 2 + 1) } else { errors::null_key() });
        }
        let key =
            key_text(key, argument_type(call, 1 + index * 2), io)?.ok_or_else(errors::key_not_scalar)?;
        if flags.contains('u') && !seen.insert(key.clone()) {
            let mut quoted = String::new();
            escape_string(&key, &mut quoted);
            return Err(errors::duplicate_key((!tree).then_some(quoted.as_str())));
        }
        if flags.contains('a') && value.is_null() {
            continue;
        }
        found.push((key, value, argument_type(call, 2 + index * 2)));
    }
    Ok(found)
}

fn object_text(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::from("{");
    for (index, (key, value, ty)) in pairs(args, call, false)?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        escape_string(&key, &mut out);
        out.push_str(" : ");
        write_json(value, ty, call.query.session.io(), &mut out)?;
    }
    out.push('}');
    Ok(Datum::text(out))
}

fn object_tree(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut fields = Vec::new();
    for (key, value, ty) in pairs(args, call, true)? {
        fields.push((key.into(), to_jsonb(value, ty, call.query.session.io())?));
    }
    shown(Json::object(fields))
}

/// The values after the flags, without NULLs where they are to be absent.
fn values<'a>(args: &'a [Datum], call: &CallContext<'_>) -> Result<Vec<(&'a Datum, TypeRef)>> {
    let absent = text(args, 0)?.contains('a');
    let typed = args.iter().enumerate().skip(1).filter(|(_, value)| !(absent && value.is_null()));
    Ok(typed.map(|(index, value)| (value, argument_type(call, index))).collect())
}

fn array_text(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::from("[");
    for (index, (value, ty)) in values(args, call)?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_json(value, ty, call.query.session.io(), &mut out)?;
    }
    out.push(']');
    Ok(Datum::text(out))
}

fn array_tree(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let values = values(args, call)?;
    let items: Result<Vec<_>> =
        values.into_iter().map(|(value, ty)| to_jsonb(value, ty, call.query.session.io())).collect();
    shown(Json::Array(items?))
}

/// Returns a key that an object has twice.
fn repeated(node: &Node<'_>) -> Option<String> {
    match &node.kind {
        NodeKind::Object(fields) => {
            let mut seen = HashSet::new();
            fields.iter().find_map(
                |(key, value)| {
                    if seen.insert(key.clone()) { repeated(value) } else { Some(key.clone()) }
                },
            )
        }
        NodeKind::Array(items) => items.iter().find_map(repeated),
        NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number | NodeKind::String(_) => None,
    }
}

fn parsed(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let value = text(args, 0)?;
    types::json::validate(value)?;
    if text(args, 1)?.contains('u') && repeated(&parse_json(value)?).is_some() {
        return Err(errors::duplicate_key(None));
    }
    Ok(Datum::text(value))
}

fn is_json(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let flags = text(args, 1)?;
    let fits = |object: bool, array: bool| match flags.chars().next() {
        Some('o') => object,
        Some('a') => array,
        Some('s') => !object && !array,
        Some(_) | None => true,
    };
    if let Some(Datum::Json(value)) = args.first() {
        return Ok(Datum::Bool(fits(matches!(**value, Json::Object(_)), matches!(**value, Json::Array(_)))));
    }
    let value = text(args, 0)?;
    if types::json::validate(value).is_err() {
        return Ok(Datum::Bool(false));
    }
    let first = value.trim_start().chars().next();
    let unique = !flags.contains('u') || parse_json(value).is_ok_and(|node| repeated(&node).is_none());
    Ok(Datum::Bool(unique && fits(first == Some('{'), first == Some('['))))
}

/// How a search ends that found nothing or failed: a letter of the options, then the default's position.
fn behave(letter: char, default: &Datum, error: PgError, call: &CallContext<'_>) -> Result<Datum> {
    let value = match letter {
        'e' => return Err(error),
        'd' => return Ok(default.clone()),
        't' => return Ok(Datum::Bool(true)),
        'f' => return Ok(Datum::Bool(false)),
        'a' => Json::Array(Vec::new()),
        'o' => Json::Object(Vec::new()),
        _ => return Ok(Datum::Null),
    };
    coerced(&value, call)
}

/// Converts JSON to the type of the call.
fn coerced(value: &Json, call: &CallContext<'_>) -> Result<Datum> {
    match call.result.oid {
        oids::JSONB => shown(value.clone()),
        oids::JSON => Ok(Datum::text(value.to_text())),
        oid => text_input(oid, call.result.typmod, &value.to_text(), call.query.session.io()),
    }
}

/// Converts a scalar to the type of the call: strings bare, null as NULL.
fn scalar(value: &Json, call: &CallContext<'_>) -> Result<Datum> {
    match (call.result.oid, value.as_text()) {
        (_, None) => Ok(Datum::Null),
        (oids::JSON | oids::JSONB, Some(_)) => coerced(value, call),
        (oid, Some(text)) => text_input(oid, call.result.typmod, &text, call.query.session.io()),
    }
}

/// The options of a query function.
struct Options {
    wrapper: char,
    omit_quotes: bool,
    on_empty: char,
    on_error: char,
}

fn options(args: &[Datum]) -> Result<Options> {
    let mut letters = text(args, 3)?.chars();
    let mut next = || letters.next().unwrap_or('-');
    Ok(Options { wrapper: next(), omit_quotes: next() == 'o', on_empty: next(), on_error: next() })
}

/// Evaluates the path; the error is one that ON ERROR may take.
fn found(args: &[Datum], call: &CallContext<'_>) -> Result<Result<Vec<Json>>> {
    let path = parse_path(text(args, 1)?)?;
    let check = || call.query.cancel.check();
    let io = call.query.session.io();
    let with = Evaluation { vars: jsonb(args, 2)?, io, time_zones: true, check: &check };
    let outcome = query_path(&path, jsonb(args, 0)?, &with)?;
    Ok(match outcome.error {
        Some(error) => Err(error),
        None => Ok(outcome.items),
    })
}

/// NULL where context or path are.
fn is_unknown(args: &[Datum]) -> bool {
    args.first().is_none_or(Datum::is_null) || args.get(1).is_none_or(Datum::is_null)
}

fn exists(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    if is_unknown(args) {
        return Ok(Datum::Null);
    }
    match found(args, call)? {
        Ok(items) => Ok(Datum::Bool(!items.is_empty())),
        Err(error) => {
            let letter = match options(args)?.on_error {
                '-' => 'f',
                letter => letter,
            };
            behave(letter, &Datum::Null, error, call)
        }
    }
}

/// What both query functions share: finds, then converts, and lets ON EMPTY and ON ERROR decide.
fn queried(
    args: &[Datum],
    call: &CallContext<'_>,
    take: fn(Vec<Json>, &Options, &CallContext<'_>, &str) -> Result<Option<Datum>>,
) -> Result<Datum> {
    if is_unknown(args) {
        return Ok(Datum::Null);
    }
    let options = options(args)?;
    let column = text(args, 6)?;
    let taken = match found(args, call)? {
        Ok(items) => take(items, &options, call, column),
        Err(error) => Err(error),
    };
    let error = match taken {
        Ok(Some(value)) => return Ok(value),
        Ok(None) => {
            let error = errors::no_item(column);
            match options.on_empty {
                'e' => return Err(error),
                // Without ON EMPTY nothing is NULL.
                letter => return behave(letter, &args[4], error, call),
            }
        }
        Err(error) => error,
    };
    behave(options.on_error, &args[5], error, call)
}

fn query(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    queried(args, call, |mut items, options, call, column| {
        let wraps = match options.wrapper {
            'w' => true,
            'c' => items.len() != 1,
            _ => false,
        };
        if items.is_empty() {
            return Ok(None);
        }
        if wraps {
            return coerced(&Json::Array(items), call).map(Some);
        }
        if items.len() > 1 {
            return Err(errors::more_than_one_item("JSON_QUERY", column));
        }
        let value = items.pop().unwrap_or(Json::Null);
        match &value {
            Json::String(bare) if options.omit_quotes => {
                let (ty, io) = (call.result, call.query.session.io());
                text_input(ty.oid, ty.typmod, bare, io).map(Some)
            }
            _ => coerced(&value, call).map(Some),
        }
    })
}

fn value(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    queried(args, call, |mut items, _, call, column| {
        if items.len() > 1 {
            return Err(errors::more_than_one_item("JSON_VALUE", column));
        }
        match items.pop() {
            None => Ok(None),
            Some(value) if value.is_scalar() => scalar(&value, call).map(Some),
            Some(_) => Err(errors::not_a_scalar(column)),
        }
    })
}

/// Sorted by name; these bodies have no row in `pg_proc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("is_json", is_json),
    row("json_array_constructor", array_text),
    row("json_exists", exists),
    row("json_object_constructor", object_text),
    row("json_parse", parsed),
    row("json_query", query),
    row("json_value", value),
    row("jsonb_array_constructor", array_tree),
    row("jsonb_object_constructor", object_tree),
];
