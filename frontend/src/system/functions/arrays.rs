//! Functions over arrays that catalog queries use.

use std::sync::Arc;

use executor::functions::{CallContext, FunctionEntry, row};
use types::{ArrayValue, Datum, Result};

use super::text_at;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("array_remove", remove),
    row("array_to_text", |args, context| to_text(args, None, context)),
    row("array_to_text_null", |args, context| to_text(args, args.get(2), context)),
    row("array_upper", |args, _| Ok(bound(args, |length, lower| lower + length - 1))),
    row("array_lower", |args, _| Ok(bound(args, |_, lower| lower))),
    row("array_length", |args, _| Ok(bound(args, |length, _| length))),
    row("array_cardinality", |args, _| {
        Ok(array_at(args).map_or(Datum::Null, |array| Datum::I32(array.elements.len() as i32)))
    }),
    row("array_ndims", |args, _| {
        Ok(array_at(args)
            .filter(|array| !array.dimensions.is_empty())
            .map_or(Datum::Null, |array| Datum::I32(array.dimensions.len() as i32)))
    }),
];

fn array_at(args: &[Datum]) -> Option<&Arc<ArrayValue>> {
    match args.first() {
        Some(Datum::Array(array)) => Some(array),
        Some(_) | None => None,
    }
}

fn bound(args: &[Datum], pick: fn(i32, i32) -> i32) -> Datum {
    let (Some(array), Some(Datum::I32(dimension))) = (array_at(args), args.get(1)) else {
        return Datum::Null;
    };
    let at = usize::try_from(*dimension - 1).ok().and_then(|at| array.dimensions.get(at));
    at.map_or(Datum::Null, |(length, lower)| Datum::I32(pick(*length, *lower)))
}

fn remove(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (Some(array), Some(unwanted)) = (array_at(args), args.get(1)) else { return Ok(Datum::Null) };
    let same = |element: &Datum| match (element.is_null(), unwanted.is_null()) {
        (false, false) => types::compare::compare(array.element_type, element, unwanted).is_eq(),
        (left, right) => left && right,
    };
    let kept: Vec<Datum> = array.elements.iter().filter(|element| !same(element)).cloned().collect();
    Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(array.element_type, kept))))
}

fn to_text(args: &[Datum], null: Option<&Datum>, context: &CallContext<'_>) -> Result<Datum> {
    let Some(array) = array_at(args) else { return Ok(Datum::Null) };
    let Some(Datum::Text(delimiter)) = args.get(1) else { return Ok(Datum::Null) };
    let mut joined = String::new();
    let mut first = true;
    for element in &array.elements {
        let mut text = String::new();
        match (element, null) {
            (Datum::Null, Some(Datum::Text(_))) => text.push_str(text_at(args, 2)),
            (Datum::Null, _) => continue,
            (element, _) => {
                let io = context.query.session.io();
                types::io::text_output(array.element_type, element, io, &mut text)?;
            }
        }
        if !first {
            joined.push_str(delimiter);
        }
        first = false;
        joined.push_str(&text);
    }
    Ok(Datum::text(joined))
}
