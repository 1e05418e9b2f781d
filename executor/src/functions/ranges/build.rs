//! Ranges made of bounds and of other ranges, and what they are made of.

use types::errors::range as errors;
use types::range::{combine, multirange};
use types::{Datum, MultirangeValue, RangeBound, RangeValue, Result};

use super::{multi, parts, range, shown, span};
use crate::functions::{CallContext, FunctionEntry, row, set};

fn bound(args: &[Datum], index: usize, inclusive: bool) -> RangeBound {
    RangeBound { value: args.get(index).filter(|value| !value.is_null()).cloned(), inclusive }
}

fn construct(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let flags = match args.get(2) {
        None => "[)",
        Some(Datum::Text(flags)) => flags.as_str(),
        Some(_) => return Err(errors::flags_null()),
    };
    let (lower, upper) = match flags {
        "[]" => (true, true),
        "[)" => (true, false),
        "(]" => (false, true),
        "()" => (false, false),
        _ => return Err(errors::invalid_flags()),
    };
    shown(RangeValue::new(call.result.oid, bound(args, 0, lower), bound(args, 1, upper))?)
}

fn construct_multi(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let mut ranges = Vec::new();
    match args.first() {
        None => {}
        Some(Datum::Range(range)) => ranges.push((**range).clone()),
        Some(Datum::Array(array)) => {
            if array.dimensions.len() > 1 {
                return Err(errors::multidimensional());
            }
            for element in &array.elements {
                match element {
                    Datum::Range(range) => ranges.push((**range).clone()),
                    _ => return Err(errors::null_member()),
                }
            }
        }
        Some(_) => return Err(errors::null_member()),
    }
    shown_multi(MultirangeValue::new(call.result.oid, ranges))
}

fn shown_multi(value: MultirangeValue) -> Result<Datum> {
    Ok(Datum::Multirange(value.into()))
}

fn lower(args: &[Datum]) -> Result<Datum> {
    let span = span(args, 0)?;
    Ok(if span.empty { Datum::Null } else { span.lower.value.unwrap_or_default() })
}

fn upper(args: &[Datum]) -> Result<Datum> {
    let span = span(args, 0)?;
    Ok(if span.empty { Datum::Null } else { span.upper.value.unwrap_or_default() })
}

fn flag(args: &[Datum], test: fn(&RangeValue) -> bool) -> Result<Datum> {
    Ok(Datum::Bool(test(&span(args, 0)?)))
}

fn lower_inclusive(range: &RangeValue) -> bool {
    !range.empty && range.lower.inclusive
}

fn upper_inclusive(range: &RangeValue) -> bool {
    !range.empty && range.upper.inclusive
}

fn lower_infinite(range: &RangeValue) -> bool {
    !range.empty && range.lower.value.is_none()
}

fn upper_infinite(range: &RangeValue) -> bool {
    !range.empty && range.upper.value.is_none()
}

/// The length of what lies between two values, as a float.
fn difference(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::F64(match (&args[0], &args[1]) {
        (Datum::I32(left), Datum::I32(right)) => f64::from(*left) - f64::from(*right),
        (Datum::I64(left), Datum::I64(right)) => *left as f64 - *right as f64,
        (Datum::Numeric(left), Datum::Numeric(right)) => left.sub(right)?.to_f64()?,
        _ => 0.0,
    }))
}

fn seconds(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::F64(match (&args[0], &args[1]) {
        (Datum::I64(left), Datum::I64(right)) => (*left as f64 - *right as f64) / 1_000_000.0,
        _ => 0.0,
    }))
}

fn unnest(args: &[Datum], _: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    Ok(multi(args, 0)?.ranges.iter().map(|range| vec![Datum::Range(range.clone().into())]).collect())
}

fn itself(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(args.first().cloned().unwrap_or_default())
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("daterange_canonical", itself),
    row("daterange_subdiff", difference),
    row("int4range_canonical", itself),
    row("int4range_subdiff", difference),
    row("int8range_canonical", itself),
    row("int8range_subdiff", difference),
    row("multirange_constructor0", construct_multi),
    row("multirange_constructor1", construct_multi),
    row("multirange_constructor2", construct_multi),
    row("multirange_empty", |args, _| Ok(Datum::Bool(multi(args, 0)?.ranges.is_empty()))),
    row("multirange_intersect", |args, _| {
        shown_multi(multirange::intersect(multi(args, 0)?, parts(args, 1)?))
    }),
    row("multirange_lower", |args, _| lower(args)),
    row("multirange_lower_inc", |args, _| flag(args, lower_inclusive)),
    row("multirange_lower_inf", |args, _| flag(args, lower_infinite)),
    row("multirange_minus", |args, _| shown_multi(multirange::subtract(multi(args, 0)?, parts(args, 1)?))),
    row("multirange_union", |args, _| shown_multi(multirange::union(multi(args, 0)?, parts(args, 1)?))),
    set("multirange_unnest", unnest),
    row("multirange_upper", |args, _| upper(args)),
    row("multirange_upper_inc", |args, _| flag(args, upper_inclusive)),
    row("multirange_upper_inf", |args, _| flag(args, upper_infinite)),
    row("numrange_subdiff", difference),
    row("range_constructor2", construct),
    row("range_constructor3", construct),
    row("range_empty", |args, _| Ok(Datum::Bool(range(args, 0)?.empty))),
    row("range_intersect", |args, _| shown(combine::intersect(range(args, 0)?, range(args, 1)?))),
    row("range_lower", |args, _| lower(args)),
    row("range_lower_inc", |args, _| flag(args, lower_inclusive)),
    row("range_lower_inf", |args, _| flag(args, lower_infinite)),
    row("range_merge", |args, _| shown(combine::merge(range(args, 0)?, range(args, 1)?))),
    row("range_merge_from_multirange", |args, _| shown(span(args, 0)?)),
    row("range_minus", |args, _| shown(combine::minus(range(args, 0)?, range(args, 1)?)?)),
    row("range_union", |args, _| shown(combine::union(range(args, 0)?, range(args, 1)?)?)),
    row("range_upper", |args, _| upper(args)),
    row("range_upper_inc", |args, _| flag(args, upper_inclusive)),
    row("range_upper_inf", |args, _| flag(args, upper_infinite)),
    row("tsrange_subdiff", seconds),
    row("tstzrange_subdiff", seconds),
];
