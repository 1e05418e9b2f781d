//! Arrays made of arrays and elements.

use std::sync::Arc;

use types::errors::array as errors;
use types::{ArrayValue, Datum, Oid, Result};

use super::{DIMENSIONS_MAX, array, check_count, datum, optional};
use crate::functions::arguments::int4;
use crate::functions::{CallContext, FunctionEntry, row};

/// Returns the element type of the result.
fn element_type(call: &CallContext<'_>) -> Oid {
    types::element_type(call.result.oid).unwrap_or(call.result.oid)
}

/// Returns the elements and the lower bound of an array of at most one dimension.
fn flat(array: Option<&Arc<ArrayValue>>) -> Result<(Vec<Datum>, i32)> {
    match array {
        None => Ok((Vec::new(), 1)),
        Some(array) if array.dimensions.len() > 1 => Err(errors::not_one_dimensional()),
        Some(array) => Ok((array.elements.clone(), array.dimensions.first().map_or(1, |(_, lower)| *lower))),
    }
}

fn line(element_type: Oid, lower: i32, elements: Vec<Datum>) -> Result<Datum> {
    let length = i32::try_from(elements.len()).map_err(|_| errors::too_large())?;
    super::check_size(&elements)?;
    if lower.checked_add(length).is_none() {
        return Err(types::errors::data::integer_out_of_range());
    }
    Ok(datum(element_type, vec![(length, lower)], elements))
}

fn append(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let (mut elements, lower) = flat(optional(args, 0))?;
    elements.push(args.get(1).cloned().unwrap_or_default());
    line(element_type(call), lower, elements)
}

fn prepend(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let (mut elements, lower) = flat(optional(args, 1))?;
    elements.insert(0, args.first().cloned().unwrap_or_default());
    line(element_type(call), lower, elements)
}

fn concatenate(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (Some(left), Some(right)) = (optional(args, 0), optional(args, 1)) else {
        return Ok(args.iter().find(|value| !value.is_null()).cloned().unwrap_or_default());
    };
    if left.dimensions.is_empty() {
        return Ok(Datum::Array(right.clone()));
    }
    if right.dimensions.is_empty() {
        return Ok(Datum::Array(left.clone()));
    }
    let (l, r) = (&left.dimensions, &right.dimensions);
    let fits = |outer: &[(i32, i32)], inner: &[(i32, i32)]| outer.get(1..).is_some_and(|rest| rest == inner);
    let mut dimensions;
    if l.len() == r.len() {
        if l.get(1..) != r.get(1..) {
            return Err(errors::incompatible_dimensions(
                "Arrays with differing element dimensions are not compatible for concatenation.",
            ));
        }
        dimensions = l.clone();
        let added = r.first().map_or(0, |(length, _)| *length);
        if let Some(first) = dimensions.first_mut() {
            first.0 += added;
        }
    } else if l.len() == r.len() + 1 || l.len() + 1 == r.len() {
        let (outer, inner) = if l.len() > r.len() { (l, r) } else { (r, l) };
        if !fits(outer, inner) {
            return Err(errors::incompatible_dimensions(
                "Arrays with differing dimensions are not compatible for concatenation.",
            ));
        }
        dimensions = outer.clone();
        if let Some(first) = dimensions.first_mut() {
            first.0 += 1;
        }
    } else {
        let detail =
            format!("Arrays of {} and {} dimensions are not compatible for concatenation.", l.len(), r.len());
        return Err(errors::incompatible_dimensions(&detail));
    }
    check_count(dimensions.iter().map(|(length, _)| *length))?;
    let elements: Vec<Datum> = left.elements.iter().chain(&right.elements).cloned().collect();
    super::check_size(&elements)?;
    Ok(datum(left.element_type, dimensions, elements))
}

fn integers(array: &ArrayValue) -> Result<Vec<i32>> {
    array
        .elements
        .iter()
        .map(|element| match element {
            Datum::I32(value) => Ok(*value),
            _ => Err(errors::null_dimension_values()),
        })
        .collect()
}

fn fill(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let bounds = optional(args, 2);
    let (Some(lengths), true) = (optional(args, 1), args.len() < 3 || bounds.is_some()) else {
        return Err(errors::null_dimensions());
    };
    if lengths.dimensions.len() > 1 {
        return Err(errors::wrong_subscripts("Dimension array must be one dimensional."));
    }
    let lengths = integers(lengths)?;
    if lengths.len() > DIMENSIONS_MAX {
        return Err(errors::too_many_dimensions(lengths.len()));
    }
    let lowers = match bounds {
        None => vec![1; lengths.len()],
        Some(bounds) if bounds.dimensions.len() > 1 => {
            return Err(errors::wrong_subscripts("Dimension array must be one dimensional."));
        }
        Some(bounds) => integers(bounds)?,
    };
    if lowers.len() != lengths.len() {
        return Err(errors::wrong_subscripts("Low bound array has different size than dimensions array."));
    }
    if lengths.iter().any(|length| *length < 0) {
        return Err(errors::too_large());
    }
    check_count(lengths.iter().copied())?;
    let count = if lengths.is_empty() { 0 } else { lengths.iter().map(|length| *length as usize).product() };
    let value = args.first().cloned().unwrap_or_default();
    let size = match &value {
        Datum::Text(text) => text.len() + types::size::HEADER_SIZE,
        Datum::Bytes(bytes) => bytes.len() + types::size::HEADER_SIZE,
        _ => 1,
    };
    if count.saturating_mul(size) > types::size::ALLOCATION_MAX {
        return Err(errors::size_too_large(types::size::ALLOCATION_MAX));
    }
    let bytes = (count * size_of::<Datum>()) as u64;
    call.query.memory.grow(bytes)?;
    let mut elements = Vec::with_capacity(count);
    let mut pace = types::interrupt::Pace::default();
    for _ in 0..count {
        pace.step()?;
        elements.push(value.clone());
    }
    call.query.memory.shrink(bytes);
    Ok(datum(element_type(call), lengths.into_iter().zip(lowers).collect(), elements))
}

/// Returns the elements in groups of one item of the first dimension.
fn items(array: &ArrayValue) -> Vec<Vec<Datum>> {
    let count = array.dimensions.first().map_or(0, |(length, _)| *length as usize);
    let size = array.elements.len().checked_div(count).unwrap_or(0).max(1);
    array.elements.chunks(size).map(<[Datum]>::to_vec).collect()
}

/// Returns an array of items of the first dimension, counted from `lower`.
fn of_items(array: &ArrayValue, lower: i32, items: Vec<Vec<Datum>>) -> Datum {
    let mut dimensions = array.dimensions.clone();
    if let Some(first) = dimensions.first_mut() {
        *first = (items.len() as i32, lower);
    }
    datum(array.element_type, dimensions, items.into_iter().flatten().collect())
}

fn trim(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (array, count) = (array(args, 0)?, int4(args, 1)?);
    let length = array.dimensions.first().map_or(0, |(length, _)| *length);
    if count < 0 || count > length {
        return Err(errors::trim_count(length));
    }
    let mut kept = items(array);
    kept.truncate((length - count) as usize);
    // A slice, so every dimension counts from one again.
    let dimensions: Vec<(i32, i32)> = array.dimensions.iter().map(|(length, _)| (*length, 1)).collect();
    Ok(of_items(&ArrayValue { dimensions, ..(**array).clone() }, 1, kept))
}

fn reverse(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let array = array(args, 0)?;
    let mut items = items(array);
    items.reverse();
    let lower = array.dimensions.first().map_or(1, |(_, lower)| *lower);
    Ok(of_items(array, lower, items))
}

/// Takes `count` items at random.
fn sampled(array: &ArrayValue, count: usize, lower: i32) -> Datum {
    let mut items = items(array);
    let mut generator = types::random::Generator::from_entropy();
    for position in 0..count.min(items.len()) {
        let rest = (items.len() - position) as f64;
        let chosen = position + (generator.next_f64() * rest) as usize;
        let chosen = chosen.min(items.len() - 1);
        items.swap(position, chosen);
    }
    items.truncate(count);
    of_items(array, lower, items)
}

fn shuffle(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let array = array(args, 0)?;
    let (length, lower) = array.dimensions.first().copied().unwrap_or((0, 1));
    Ok(sampled(array, length as usize, lower))
}

fn sample(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (array, count) = (array(args, 0)?, int4(args, 1)?);
    let length = array.dimensions.first().map_or(0, |(length, _)| *length);
    if count < 0 || count > length {
        return Err(errors::sample_size(length));
    }
    Ok(sampled(array, count as usize, 1))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("array_append", append),
    row("array_cat", concatenate),
    row("array_fill", fill),
    row("array_fill_with_lower_bounds", fill),
    row("array_prepend", prepend),
    row("array_reverse", reverse),
    row("array_sample", sample),
    row("array_shuffle", shuffle),
    row("trim_array", trim),
];
