//! Finding, removing, replacing and sorting elements.

use types::errors::array as errors;
use types::{ArrayValue, Datum, Result, TypeRef, oids};

use super::{array, datum, optional, require_equality, require_operator, same};
use crate::functions::arguments::boolean;
use crate::functions::{CallContext, FunctionEntry, row};
use crate::values;

/// Returns the lower bound of an array that must not have several dimensions.
fn searchable(array: &ArrayValue) -> Result<i32> {
    if array.dimensions.len() > 1 {
        return Err(errors::multidimensional("searching for"));
    }
    require_equality(array.element_type)?;
    Ok(array.dimensions.first().map_or(1, |(_, lower)| *lower))
}

fn position(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(array) = optional(args, 0) else { return Ok(Datum::Null) };
    let lower = searchable(array)?;
    if array.dimensions.is_empty() {
        return Ok(Datum::Null);
    }
    let start = match args.get(2) {
        None => lower,
        Some(Datum::I32(start)) => *start,
        Some(_) => return Err(errors::null_position()),
    };
    let wanted = args.get(1).unwrap_or(&Datum::Null);
    let skip = usize::try_from(i64::from(start) - i64::from(lower)).unwrap_or(0);
    let found = array
        .elements
        .iter()
        .enumerate()
        .skip(skip)
        .find(|(_, element)| same(element, wanted, array.element_type));
    Ok(found.map_or(Datum::Null, |(index, _)| Datum::I32(lower + index as i32)))
}

fn positions(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(array) = optional(args, 0) else { return Ok(Datum::Null) };
    let lower = searchable(array)?;
    let wanted = args.get(1).unwrap_or(&Datum::Null);
    let found =
        array.elements.iter().enumerate().filter(|(_, element)| same(element, wanted, array.element_type));
    let found = found.map(|(index, _)| Datum::I32(lower + index as i32)).collect();
    Ok(Datum::Array(ArrayValue::one_dimensional(oids::INT4, found).into()))
}

fn remove(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(array) = optional(args, 0) else { return Ok(Datum::Null) };
    if array.dimensions.len() > 1 {
        return Err(errors::multidimensional("removing"));
    }
    require_equality(array.element_type)?;
    let unwanted = args.get(1).unwrap_or(&Datum::Null);
    let kept: Vec<Datum> = array
        .elements
        .iter()
        .filter(|element| !same(element, unwanted, array.element_type))
        .cloned()
        .collect();
    let lower = array.dimensions.first().map_or(1, |(_, lower)| *lower);
    Ok(datum(array.element_type, vec![(kept.len() as i32, lower)], kept))
}

fn replace(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(array) = optional(args, 0) else { return Ok(Datum::Null) };
    require_equality(array.element_type)?;
    let (from, to) = (args.get(1).unwrap_or(&Datum::Null), args.get(2).unwrap_or(&Datum::Null));
    let one = |element: &Datum| {
        if same(element, from, array.element_type) { to.clone() } else { element.clone() }
    };
    Ok(datum(array.element_type, array.dimensions.clone(), array.elements.iter().map(one).collect()))
}

/// Sorts the items of the first dimension.
fn sort(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let array = array(args, 0)?;
    let descending = args.len() > 1 && boolean(args, 1)?;
    let nulls_first = if args.len() > 2 { boolean(args, 2)? } else { descending };
    let Some((count, _)) = array.dimensions.first().copied().filter(|(count, _)| *count > 1) else {
        return Ok(args[0].clone());
    };
    require_operator(array.element_type, "an ordering operator")?;
    let size = (array.elements.len() / count as usize).max(1);
    let mut items: Vec<&[Datum]> = array.elements.chunks(size).collect();
    let ty = TypeRef::plain(array.element_type);
    let nested = array.dimensions.len() > 1;
    let compare = |left: &&[Datum], right: &&[Datum]| {
        if !nested {
            match (left[0].is_null(), right[0].is_null()) {
                (true, false) if nulls_first => return std::cmp::Ordering::Less,
                (true, false) => return std::cmp::Ordering::Greater,
                (false, true) if nulls_first => return std::cmp::Ordering::Greater,
                (false, true) => return std::cmp::Ordering::Less,
                (true, true) | (false, false) => {}
            }
        }
        let order = left.iter().zip(right.iter()).map(|(l, r)| values::compare(l, r, ty)).find(|o| o.is_ne());
        let order = order.unwrap_or(std::cmp::Ordering::Equal);
        if descending { order.reverse() } else { order }
    };
    types::interrupt::stoppable(|look| {
        items.sort_by(|left, right| {
            look();
            compare(left, right)
        });
    })?;
    let sorted = items.into_iter().flatten().cloned().collect();
    Ok(datum(array.element_type, array.dimensions.clone(), sorted))
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("array_position", position),
    row("array_position_start", position),
    row("array_positions", positions),
    row("array_remove", remove),
    row("array_replace", replace),
    row("array_sort", sort),
    row("array_sort_order", sort),
    row("array_sort_order_nulls_first", sort),
];
