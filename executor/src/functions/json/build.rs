//! JSON made of values: to_json, json_build_*, json_object, row_to_json.

use types::errors::json as errors;
use types::io::IoContext;
use types::json::{Json, escape_string};
use types::{Datum, Result, TypeRef};

use super::write::{key_text, to_jsonb, write_array, write_json, write_record};
use super::{array, elements, shown};
use crate::functions::arguments::boolean;
use crate::functions::{CallContext, FunctionEntry, row};

type Typed<'a> = (&'a Datum, TypeRef);

/// Returns the arguments with their types.
fn arguments<'a>(args: &'a [Datum], call: &CallContext<'_>) -> Vec<Typed<'a>> {
    let ty = |index: usize| call.arg_types.get(index).copied().unwrap_or(TypeRef::plain(0));
    args.iter().enumerate().map(|(index, value)| (value, ty(index))).collect()
}

/// Returns the elements of the array behind VARIADIC; none for NULL.
fn spread(args: &[Datum]) -> Option<Vec<Typed<'_>>> {
    match args.first() {
        Some(Datum::Array(array)) => {
            let ty = TypeRef::plain(array.element_type);
            Some(array.elements.iter().map(|element| (element, ty)).collect())
        }
        Some(_) | None => None,
    }
}

fn array_text(values: &[Typed<'_>], io: &IoContext) -> Result<Datum> {
    let mut out = String::from("[");
    for (index, (value, ty)) in values.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_json(value, *ty, io, &mut out)?;
    }
    out.push(']');
    Ok(Datum::text(out))
}

fn object_text(values: &[Typed<'_>], io: &IoContext) -> Result<Datum> {
    if values.len() % 2 == 1 {
        return Err(errors::odd_arguments("json_build_object"));
    }
    let mut out = String::from("{");
    for (index, pair) in values.chunks(2).enumerate() {
        let [(key, key_type), (value, ty)] = pair else { continue };
        if index > 0 {
            out.push_str(", ");
        }
        if key.is_null() {
            return Err(errors::null_key());
        }
        let key = key_text(key, *key_type, io)?.ok_or_else(errors::key_not_scalar)?;
        escape_string(&key, &mut out);
        out.push_str(" : ");
        write_json(value, *ty, io, &mut out)?;
    }
    out.push('}');
    Ok(Datum::text(out))
}

fn array_tree(values: &[Typed<'_>], io: &IoContext) -> Result<Datum> {
    let items: Result<Vec<_>> = values.iter().map(|(value, ty)| to_jsonb(value, *ty, io)).collect();
    shown(Json::Array(items?))
}

fn object_tree(values: &[Typed<'_>], io: &IoContext) -> Result<Datum> {
    if values.len() % 2 == 1 {
        return Err(errors::odd_arguments("jsonb_build_object"));
    }
    let mut fields = Vec::with_capacity(values.len() / 2);
    for (index, pair) in values.chunks(2).enumerate() {
        let [(key, key_type), (value, ty)] = pair else { continue };
        if key.is_null() {
            return Err(errors::null_key_argument(index * 2 + 1));
        }
        let key = key_text(key, *key_type, io)?.ok_or_else(errors::key_not_scalar)?;
        fields.push((key.into(), to_jsonb(value, *ty, io)?));
    }
    shown(Json::object(fields))
}

type Builder = fn(&[Typed<'_>], &IoContext) -> Result<Datum>;

fn of_arguments(args: &[Datum], call: &CallContext<'_>, build: Builder) -> Result<Datum> {
    build(&arguments(args, call), call.query.session.io())
}

fn of_array(args: &[Datum], call: &CallContext<'_>, build: Builder) -> Result<Datum> {
    match spread(args) {
        Some(values) => build(&values, call.query.session.io()),
        None => Ok(Datum::Null),
    }
}

/// Returns the pairs of `json_object(array)`.
fn pairs(args: &[Datum]) -> Result<Vec<(String, Option<String>)>> {
    let owned = |text: Option<&str>| text.map(str::to_string);
    let keys = array(args, 0)?;
    let flat: Vec<(Option<&str>, Option<&str>)> = if args.len() > 1 {
        let values = array(args, 1)?;
        if keys.dimensions.len() > 1 || keys.dimensions.len() != values.dimensions.len() {
            return Err(errors::wrong_array("wrong number of array subscripts"));
        }
        if keys.elements.len() != values.elements.len() {
            return Err(errors::wrong_array("mismatched array dimensions"));
        }
        elements(keys).into_iter().zip(elements(values)).collect()
    } else {
        match keys.dimensions.as_slice() {
            [] => Vec::new(),
            [(count, _)] if count % 2 == 1 => {
                return Err(errors::wrong_array("array must have even number of elements"));
            }
            [_] | [_, (2, _)] => {
                let texts = elements(keys);
                texts.chunks(2).map(|pair| (pair[0], pair.get(1).copied().flatten())).collect()
            }
            [_, _] => return Err(errors::wrong_array("array must have two columns")),
            _ => return Err(errors::wrong_array("wrong number of array subscripts")),
        }
    };
    flat.into_iter()
        .map(|(key, value)| Ok((key.ok_or_else(errors::null_key)?.to_string(), owned(value))))
        .collect()
}

fn object_of_texts(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::from("{");
    for (index, (key, value)) in pairs(args)?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        escape_string(&key, &mut out);
        out.push_str(" : ");
        match value {
            Some(value) => escape_string(&value, &mut out),
            None => out.push_str("null"),
        }
    }
    out.push('}');
    Ok(Datum::text(out))
}

fn tree_of_texts(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let field = |(key, value): (String, Option<String>)| (key.into(), value.map_or(Json::Null, Json::string));
    shown(Json::object(pairs(args)?.into_iter().map(field).collect()))
}

fn one(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::new();
    for (value, ty) in arguments(args, call).into_iter().take(1) {
        write_json(value, ty, call.query.session.io(), &mut out)?;
    }
    Ok(Datum::text(out))
}

fn array_lines(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::new();
    let lines = args.len() > 1 && boolean(args, 1)?;
    write_array(array(args, 0)?, lines, call.query.session.io(), &mut out)?;
    Ok(Datum::text(out))
}

fn record_lines(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut out = String::new();
    let lines = args.len() > 1 && boolean(args, 1)?;
    if let Some(Datum::Record(record)) = args.first() {
        write_record(record, lines, call.query.session.io(), &mut out)?;
    }
    Ok(Datum::text(out))
}

fn tree(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let ty = call.arg_types.first().copied().unwrap_or(TypeRef::plain(0));
    shown(to_jsonb(&args[0], ty, call.query.session.io())?)
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("array_to_json", array_lines),
    row("array_to_json_pretty", array_lines),
    row("json_build_array", |args, call| of_arguments(args, call, array_text)),
    row("json_build_array_noargs", |args, call| of_arguments(args, call, array_text)),
    row("json_build_array_variadic", |args, call| of_array(args, call, array_text)),
    row("json_build_object", |args, call| of_arguments(args, call, object_text)),
    row("json_build_object_noargs", |args, call| of_arguments(args, call, object_text)),
    row("json_build_object_variadic", |args, call| of_array(args, call, object_text)),
    row("json_object", object_of_texts),
    row("json_object_two_arg", object_of_texts),
    row("jsonb_build_array", |args, call| of_arguments(args, call, array_tree)),
    row("jsonb_build_array_noargs", |args, call| of_arguments(args, call, array_tree)),
    row("jsonb_build_array_variadic", |args, call| of_array(args, call, array_tree)),
    row("jsonb_build_object", |args, call| of_arguments(args, call, object_tree)),
    row("jsonb_build_object_noargs", |args, call| of_arguments(args, call, object_tree)),
    row("jsonb_build_object_variadic", |args, call| of_array(args, call, object_tree)),
    row("jsonb_object", tree_of_texts),
    row("jsonb_object_two_arg", tree_of_texts),
    row("row_to_json", record_lines),
    row("row_to_json_pretty", record_lines),
    row("to_json", one),
    row("to_jsonb", tree),
];
