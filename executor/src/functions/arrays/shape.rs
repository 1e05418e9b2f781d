//! Bounds and dimensions.

use types::{Datum, Result};

use super::array;
use crate::functions::arguments::{boolean, int4};
use crate::functions::{CallContext, FunctionEntry, row, set};

/// Returns (length, lower bound) of the dimension in argument 1.
fn dimension(args: &[Datum]) -> Result<Option<(i32, i32)>> {
    let Ok(position) = usize::try_from(int4(args, 1)?) else { return Ok(None) };
    Ok(position.checked_sub(1).and_then(|position| array(args, 0).ok()?.dimensions.get(position).copied()))
}

fn number(value: Option<i32>) -> Result<Datum> {
    Ok(value.map_or(Datum::Null, Datum::I32))
}

fn dims(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let array = array(args, 0)?;
    if array.dimensions.is_empty() {
        return Ok(Datum::Null);
    }
    let shown = array.dimensions.iter().map(|(length, lower)| format!("[{lower}:{}]", lower + length - 1));
    Ok(Datum::text(shown.collect::<String>()))
}

fn subscripts(args: &[Datum], _: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    let Some((length, lower)) = dimension(args)? else { return Ok(Vec::new()) };
    let mut rows: Vec<Vec<Datum>> = (lower..lower + length).map(|index| vec![Datum::I32(index)]).collect();
    if args.len() > 2 && boolean(args, 2)? {
        rows.reverse();
    }
    Ok(rows)
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("array_cardinality", |args, _| Ok(Datum::I32(array(args, 0)?.elements.len() as i32))),
    row("array_dims", dims),
    row("array_length", |args, _| number(dimension(args)?.map(|(length, _)| length))),
    row("array_lower", |args, _| number(dimension(args)?.map(|(_, lower)| lower))),
    row("array_ndims", |args, _| {
        number(i32::try_from(array(args, 0)?.dimensions.len()).ok().filter(|count| *count > 0))
    }),
    row("array_upper", |args, _| number(dimension(args)?.map(|(length, lower)| lower + length - 1))),
    set("generate_subscripts", subscripts),
    set("generate_subscripts_nodir", subscripts),
];
