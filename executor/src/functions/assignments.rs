//! What assignments to parts of columns and system columns compute: calls that no SQL text can make.

use std::sync::Arc;

use types::{ArrayValue, Datum, PgError, Result, SqlState, element_type};

use super::{CallContext, FunctionEntry, row};

pub(super) const TABLE: &[FunctionEntry] = &[
    row("surus_array_assign", array_assign),
    row("surus_ctid", |args, _| Ok(args.first().cloned().unwrap_or_default())),
    row("tideq", |args, _| compare(args, std::cmp::Ordering::is_eq)),
    row("tidge", |args, _| compare(args, std::cmp::Ordering::is_ge)),
    row("tidgt", |args, _| compare(args, std::cmp::Ordering::is_gt)),
    row("tidle", |args, _| compare(args, std::cmp::Ordering::is_le)),
    row("tidlt", |args, _| compare(args, std::cmp::Ordering::is_lt)),
    row("tidne", |args, _| compare(args, std::cmp::Ordering::is_ne)),
    row("xideq", |args, _| same_xid(args, true)),
    row("xidneq", |args, _| same_xid(args, false)),
];

fn compare(args: &[Datum], test: fn(std::cmp::Ordering) -> bool) -> Result<Datum> {
    match args {
        [Datum::I64(left), Datum::I64(right)] => Ok(Datum::Bool(test(left.cmp(right)))),
        _ => Err(PgError::internal("a tid that is none")),
    }
}

fn same_xid(args: &[Datum], same: bool) -> Result<Datum> {
    match args {
        [Datum::I64(left), Datum::I64(right)] => Ok(Datum::Bool((left == right) == same)),
        [Datum::I64(left), Datum::I32(right)] => Ok(Datum::Bool((*left as u32 == *right as u32) == same)),
        _ => Err(PgError::internal("an xid that is none")),
    }
}

fn subscript_error(message: &str) -> PgError {
    PgError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}

/// The lower and the upper bound of one subscript.
type Bounds = (Option<i32>, Option<i32>);

/// (array, value, shape, bounds): the array with an element or a slice replaced (`array_set_element`,
/// `array_set_slice`). The shape says `element` or `slice`, then for each subscript which of l(ower) and u(pper) are
/// given.
fn array_assign(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let [array, value, Datum::Text(shape), given @ ..] = args else {
        return Err(PgError::internal("an array assignment without its parts"));
    };
    let (kind, letters) = shape.split_once(' ').unwrap_or((shape, ""));
    let mut given = given.iter();
    let mut bounds: Vec<Bounds> = Vec::new();
    for part in letters.split_terminator(';') {
        let mut pair: Bounds = (None, None);
        for letter in part.chars() {
            let bound = match given.next() {
                Some(Datum::I32(bound)) => *bound,
                _ => {
                    return Err(PgError::new(
                        SqlState::NULL_VALUE_NOT_ALLOWED,
                        "array subscript in assignment must not be null",
                    ));
                }
            };
            if letter == 'l' { pair.0 = Some(bound) } else { pair.1 = Some(bound) }
        }
        bounds.push(pair);
    }
    let array = match array {
        Datum::Array(array) => ArrayValue::clone(array),
        _ => {
            let element = element_type(call.result.oid).unwrap_or(call.result.oid);
            ArrayValue::one_dimensional(element, Vec::new())
        }
    };
    let changed = if kind == "slice" {
        let Datum::Array(value) = value else {
            return Ok(args.first().cloned().unwrap_or_default());
        };
        set_slice(array, value, &bounds)?
    } else {
        let subscripts: Vec<i32> = bounds.iter().map(|(_, upper)| upper.unwrap_or(1)).collect();
        set_element(array, value.clone(), &subscripts)?
    };
    Ok(Datum::Array(Arc::new(changed)))
}

fn set_element(mut array: ArrayValue, value: Datum, subscripts: &[i32]) -> Result<ArrayValue> {
    if array.dimensions.is_empty() {
        array.dimensions = subscripts.iter().map(|subscript| (1, *subscript)).collect();
        array.elements = vec![value];
        return Ok(array);
    }
    if array.dimensions.len() != subscripts.len() {
        return Err(subscript_error("wrong number of array subscripts"));
    }
    if let ([subscript], [_]) = (subscripts, array.dimensions.as_slice()) {
        grow(&mut array, i64::from(*subscript), i64::from(*subscript))?;
    }
    let mut position = 0;
    for (subscript, (len, lower)) in subscripts.iter().zip(&array.dimensions) {
        let offset = i64::from(*subscript) - i64::from(*lower);
        if offset < 0 || offset >= i64::from(*len) {
            return Err(subscript_error("array subscript out of range"));
        }
        position = position * (*len as usize) + offset as usize;
    }
    if let Some(place) = array.elements.get_mut(position) {
        *place = value;
    }
    Ok(array)
}

/// Makes a one-dimensional array reach from `low` to `high` at least.
fn grow(array: &mut ArrayValue, low: i64, high: i64) -> Result<()> {
    const ELEMENTS_MAX: i64 = 134_217_727;
    let Some((len, lower)) = array.dimensions.first_mut() else { return Ok(()) };
    let first = i64::from(*lower).min(low);
    let last = (i64::from(*lower) + i64::from(*len) - 1).max(high);
    if last - first + 1 > ELEMENTS_MAX {
        return Err(PgError::new(
            SqlState::PROGRAM_LIMIT_EXCEEDED,
            format!("array size exceeds the maximum allowed ({ELEMENTS_MAX})"),
        ));
    }
    let before = usize::try_from(i64::from(*lower) - first).unwrap_or(0);
    array.elements.splice(0..0, std::iter::repeat_n(Datum::Null, before));
    array.elements.resize(usize::try_from(last - first + 1).unwrap_or(0), Datum::Null);
    *lower = first as i32;
    *len = (last - first + 1) as i32;
    Ok(())
}

fn set_slice(mut array: ArrayValue, value: &ArrayValue, bounds: &[Bounds]) -> Result<ArrayValue> {
    if array.dimensions.is_empty() {
        let mut dimensions = Vec::with_capacity(bounds.len());
        for bound in bounds {
            let (Some(low), Some(high)) = bound else {
                return Err(subscript_error("array slice subscript must provide both boundaries").with_detail(
                    "When assigning to a slice of an empty array value, slice boundaries must be fully specified.",
                ));
            };
            check_order(i64::from(*low), i64::from(*high))?;
            dimensions.push((high - low + 1, *low));
        }
        let count: usize = dimensions.iter().map(|(len, _)| *len as usize).product();
        if value.elements.len() < count {
            return Err(subscript_error("source array too small"));
        }
        array.dimensions = dimensions;
        array.elements = value.elements.iter().take(count).cloned().collect();
        return Ok(array);
    }
    if array.dimensions.len() < bounds.len() {
        return Err(subscript_error("wrong number of array subscripts"));
    }
    let mut ranges = Vec::with_capacity(array.dimensions.len());
    for (dimension, (len, lower)) in array.dimensions.iter().enumerate() {
        let last = i64::from(*lower) + i64::from(*len) - 1;
        let (low, high) = bounds.get(dimension).copied().unwrap_or((None, None));
        let (low, high) = (low.map_or(i64::from(*lower), i64::from), high.map_or(last, i64::from));
        check_order(low, high)?;
        ranges.push((low, high));
    }
    if let ([(low, high)], [_]) = (ranges.as_slice(), array.dimensions.as_slice()) {
        let (low, high) = (*low, *high);
        grow(&mut array, low, high)?;
    }
    let mut positions: Vec<usize> = vec![0];
    for ((low, high), (len, lower)) in ranges.iter().zip(&array.dimensions) {
        let last = i64::from(*lower) + i64::from(*len) - 1;
        if *low < i64::from(*lower) || *high > last {
            return Err(subscript_error("array subscript out of range"));
        }
        let (low, high) = ((low - i64::from(*lower)) as usize, (high - i64::from(*lower)) as usize);
        positions = positions
            .iter()
            .flat_map(|base| (low..=high).map(move |offset| base * (*len as usize) + offset))
            .collect();
    }
    if value.elements.len() < positions.len() {
        return Err(subscript_error("source array too small"));
    }
    for (position, element) in positions.into_iter().zip(&value.elements) {
        if let Some(place) = array.elements.get_mut(position) {
            *place = element.clone();
        }
    }
    Ok(array)
}

fn check_order(low: i64, high: i64) -> Result<()> {
    if low > high {
        return Err(subscript_error("upper bound cannot be less than lower bound"));
    }
    Ok(())
}
