//! Building arrays, and taking elements and slices out of them.

use std::sync::Arc;

use types::{ArrayValue, Datum, Oid, PgError, Result, SqlState, TypeRef};

fn subscript_error(message: &str) -> PgError {
    PgError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}

/// Returns ARRAY[values]; `nested` when the values are arrays themselves.
pub(super) fn build(values: Vec<Datum>, element_type: Oid, nested: bool) -> Result<Datum> {
    if !nested {
        return Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(element_type, values))));
    }
    let mut dimensions: Option<Vec<(i32, i32)>> = None;
    let mut elements = Vec::new();
    let mut empty = 0;
    let count = values.len();
    for value in values {
        let Datum::Array(inner) = value else {
            empty += 1;
            continue;
        };
        if inner.dimensions.is_empty() {
            empty += 1;
            continue;
        }
        match &dimensions {
            None => dimensions = Some(inner.dimensions.clone()),
            Some(first) if *first == inner.dimensions => {}
            Some(_) => return Err(mismatched()),
        }
        elements.extend(inner.elements.iter().cloned());
    }
    let Some(mut inner) = dimensions else {
        return Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(element_type, Vec::new()))));
    };
    if empty > 0 {
        return Err(mismatched());
    }
    inner.insert(0, (i32::try_from(count).unwrap_or(i32::MAX), 1));
    Ok(Datum::Array(Arc::new(ArrayValue { element_type, dimensions: inner, elements })))
}

fn mismatched() -> PgError {
    subscript_error("multidimensional arrays must have array expressions with matching dimensions")
}

/// Returns `array[...]`, NULL when it lies outside.
pub(super) fn subscript(
    array: &Datum,
    bounds: &[(Option<Datum>, Option<Datum>)],
    slice: bool,
) -> Result<Datum> {
    let Datum::Array(array) = array else { return Ok(Datum::Null) };
    let index = |bound: &Option<Datum>| match bound {
        None => Ok(None),
        Some(Datum::I32(value)) => Ok(Some(*value)),
        Some(Datum::Null) => Err(()),
        Some(_) => Ok(None),
    };
    if slice { take_slice(array, bounds, index) } else { Ok(take_element(array, bounds, index)) }
}

type Index<'a> = &'a dyn Fn(&Option<Datum>) -> Result<Option<i32>, ()>;

fn take_element(
    array: &ArrayValue,
    bounds: &[(Option<Datum>, Option<Datum>)],
    index: impl Fn(&Option<Datum>) -> Result<Option<i32>, ()>,
) -> Datum {
    if bounds.len() != array.dimensions.len() {
        return Datum::Null;
    }
    let mut position = 0;
    for ((_, upper), (len, lower)) in bounds.iter().zip(&array.dimensions) {
        let Ok(Some(subscript)) = index(upper) else { return Datum::Null };
        let offset = i64::from(subscript) - i64::from(*lower);
        if offset < 0 || offset >= i64::from(*len) {
            return Datum::Null;
        }
        position = position * (*len as usize) + offset as usize;
    }
    array.elements.get(position).cloned().unwrap_or_default()
}

fn take_slice(
    array: &ArrayValue,
    bounds: &[(Option<Datum>, Option<Datum>)],
    index: impl Fn(&Option<Datum>) -> Result<Option<i32>, ()>,
) -> Result<Datum> {
    let empty = || Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(array.element_type, Vec::new()))));
    let index: Index<'_> = &index;
    let mut ranges = Vec::new();
    for (dimension, (len, first)) in array.dimensions.iter().enumerate() {
        let last = i64::from(*first) + i64::from(*len) - 1;
        let (low, high) = match bounds.get(dimension) {
            None => (i64::from(*first), last),
            Some((lower, upper)) => {
                let (Ok(lower), Ok(upper)) = (index(lower), index(upper)) else { return Ok(Datum::Null) };
                (
                    lower.map_or(i64::from(*first), i64::from).max(i64::from(*first)),
                    upper.map_or(last, i64::from).min(last),
                )
            }
        };
        if low > high {
            return empty();
        }
        ranges.push(((low - i64::from(*first)) as usize, (high - i64::from(*first)) as usize));
    }
    if ranges.is_empty() || bounds.len() > ranges.len() {
        return empty();
    }
    let mut positions = vec![0];
    for ((low, high), (len, _)) in ranges.iter().zip(&array.dimensions) {
        positions = positions
            .iter()
            .flat_map(|base| (*low..=*high).map(move |offset| base * (*len as usize) + offset))
            .collect();
    }
    let elements =
        positions.iter().map(|position| array.elements.get(*position).cloned().unwrap_or_default()).collect();
    let dimensions = ranges.iter().map(|(low, high)| ((high - low + 1) as i32, 1)).collect();
    Ok(Datum::Array(Arc::new(ArrayValue { element_type: array.element_type, dimensions, elements })))
}

/// Returns the array of type `ty` that `change` makes element by element.
pub(super) fn map(
    array: &ArrayValue,
    ty: TypeRef,
    mut change: impl FnMut(&Datum) -> Result<Datum>,
) -> Result<Datum> {
    let element_type = types::element_type(ty.oid).unwrap_or(array.element_type);
    let elements = array.elements.iter().map(&mut change).collect::<Result<Vec<_>>>()?;
    Ok(Datum::Array(Arc::new(ArrayValue { element_type, dimensions: array.dimensions.clone(), elements })))
}
