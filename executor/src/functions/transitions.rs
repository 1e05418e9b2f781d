//! Transition and final functions of aggregates as SQL calls. The aggregates themselves do not run on them.

use std::sync::Arc;

use types::{ArrayValue, Datum, Numeric, Result, oids};

use super::arguments::int8;
use super::{CallContext, FunctionEntry, row};

/// sum over integers: the first value that is not NULL starts it.
fn integer_sum(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let number = |index: usize| match args.get(index) {
        Some(Datum::I16(value)) => Some(i64::from(*value)),
        Some(Datum::I32(value)) => Some(i64::from(*value)),
        Some(Datum::I64(value)) => Some(*value),
        _ => None,
    };
    Ok(match (number(0), number(1)) {
        (None, None) => Datum::Null,
        (Some(sum), None) | (None, Some(sum)) => Datum::I64(sum),
        (Some(sum), Some(value)) => Datum::I64(sum.wrapping_add(value)),
    })
}

fn bigint_sum(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(match (args.first(), args.get(1)) {
        (Some(Datum::Numeric(sum)), Some(Datum::I64(value))) => {
            Datum::Numeric(sum.add(&Numeric::from_i64(*value))?)
        }
        (_, Some(Datum::I64(value))) => Datum::Numeric(Numeric::from_i64(*value)),
        (Some(sum), _) => sum.clone(),
        (None, _) => Datum::Null,
    })
}

/// The state of integer averages: count and sum.
fn pair(args: &[Datum], index: usize) -> Result<(i64, i64)> {
    match args.get(index) {
        Some(Datum::Array(array)) if array.elements.len() == 2 => {
            Ok((int8(&array.elements, 0)?, int8(&array.elements, 1)?))
        }
        _ => Err(types::PgError::internal("expected 2-element int8 array")),
    }
}

fn state(count: i64, sum: i64) -> Result<Datum> {
    let elements = vec![Datum::I64(count), Datum::I64(sum)];
    Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(oids::INT8, elements))))
}

fn accumulate(args: &[Datum], count: i64) -> Result<Datum> {
    let (known, sum) = pair(args, 0)?;
    let value = match args.get(1) {
        Some(Datum::I16(value)) => i64::from(*value),
        Some(Datum::I32(value)) => i64::from(*value),
        _ => int8(args, 1)?,
    };
    state(known.wrapping_add(count), sum.wrapping_add(count.wrapping_mul(value)))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("any_value_transfn", |args, _| Ok(args.first().cloned().unwrap_or_default())),
    row("booland_statefunc", |args, _| match args {
        [Datum::Bool(left), Datum::Bool(right)] => Ok(Datum::Bool(*left && *right)),
        _ => Ok(Datum::Null),
    }),
    row("boolor_statefunc", |args, _| match args {
        [Datum::Bool(left), Datum::Bool(right)] => Ok(Datum::Bool(*left || *right)),
        _ => Ok(Datum::Null),
    }),
    row("int2_avg_accum", |args, _| accumulate(args, 1)),
    row("int2_avg_accum_inv", |args, _| accumulate(args, -1)),
    row("int2_sum", integer_sum),
    row("int2int4_sum", |args, _| {
        let (count, sum) = pair(args, 0)?;
        Ok(if count == 0 { Datum::Null } else { Datum::I64(sum) })
    }),
    row("int4_avg_accum", |args, _| accumulate(args, 1)),
    row("int4_avg_accum_inv", |args, _| accumulate(args, -1)),
    row("int4_sum", integer_sum),
    row("int8_avg", |args, _| {
        let (count, sum) = pair(args, 0)?;
        if count == 0 {
            return Ok(Datum::Null);
        }
        Ok(Datum::Numeric(Numeric::from_i64(sum).div(&Numeric::from_i64(count))?))
    }),
    row("int8_sum", bigint_sum),
];
