//! Set-returning functions.

use types::datetime::arithmetic as calendar;
use types::{Datum, Interval, Numeric, PgError, Result, SqlState};

use super::arguments::{int4, int8, interval, numeric};
use super::{CallContext, FunctionEntry, set};

type Rows = Result<Vec<Vec<Datum>>>;

fn zero_step() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

/// A tuning constant: rows between two looks at the cancel flag.
const CANCEL_ROWS: usize = 65_536;

/// What a row of one value takes, its share of a list that doubles included; in bytes.
const ROW_BYTES: usize = 192;

/// Looks at the cancel flag and charges what the rows since the last look take, so that a series without end ends.
fn charge(call: &CallContext<'_>) -> Result<()> {
    call.query.cancel.check()?;
    call.query.memory.grow((CANCEL_ROWS * ROW_BYTES) as u64)
}

fn integers(low: i64, high: i64, step: i64, call: &CallContext<'_>, wrap: fn(i64) -> Datum) -> Rows {
    if step == 0 {
        return Err(zero_step());
    }
    let mut rows = Vec::new();
    let mut value = low;
    while if step > 0 { value <= high } else { value >= high } {
        rows.push(vec![wrap(value)]);
        if rows.len() % CANCEL_ROWS == 0 {
            charge(call)?;
        }
        match value.checked_add(step) {
            Some(next) => value = next,
            None => break,
        }
    }
    Ok(rows)
}

fn int4_datum(value: i64) -> Datum {
    Datum::I32(value as i32)
}

fn series_int4(args: &[Datum], call: &CallContext<'_>) -> Rows {
    let step = if args.len() > 2 { int4(args, 2)? } else { 1 };
    integers(int4(args, 0)?.into(), int4(args, 1)?.into(), step.into(), call, int4_datum)
}

fn series_int8(args: &[Datum], call: &CallContext<'_>) -> Rows {
    let step = if args.len() > 2 { int8(args, 2)? } else { 1 };
    integers(int8(args, 0)?, int8(args, 1)?, step, call, Datum::I64)
}

fn not_finite(what: &str, value: &Numeric) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    let kind = if value.is_nan() { "NaN" } else { "infinity" };
    Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("{what} value cannot be {kind}")))
}

fn series_numeric(args: &[Datum], call: &CallContext<'_>) -> Rows {
    let (low, high) = (numeric(args, 0)?, numeric(args, 1)?);
    let step = if args.len() > 2 { numeric(args, 2)?.clone() } else { Numeric::ONE };
    not_finite("start", low)?;
    not_finite("stop", high)?;
    if !step.is_finite() {
        not_finite("step size", &step)?;
    }
    if step.is_zero() {
        return Err(zero_step());
    }
    let up = step > Numeric::ZERO;
    let mut rows = Vec::new();
    let mut value = low.clone();
    while if up { value <= *high } else { value >= *high } {
        let next = value.add(&step)?;
        rows.push(vec![Datum::Numeric(std::mem::replace(&mut value, next))]);
        if rows.len() % CANCEL_ROWS == 0 {
            charge(call)?;
        }
    }
    Ok(rows)
}

fn series_timestamps(
    args: &[Datum],
    call: &CallContext<'_>,
    next: &dyn Fn(i64, &Interval) -> Result<i64>,
) -> Rows {
    let (low, high, step) = (int8(args, 0)?, int8(args, 1)?, interval(args, 2)?);
    let order = step.compare(&Interval::default());
    if order.is_eq() {
        return Err(zero_step());
    }
    if step.is_infinite() {
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot be infinite"));
    }
    let mut rows = Vec::new();
    let mut value = low;
    while if order.is_gt() { value <= high } else { value >= high } {
        rows.push(vec![Datum::I64(value)]);
        if rows.len() % CANCEL_ROWS == 0 {
            charge(call)?;
        }
        value = next(value, &step)?;
    }
    Ok(rows)
}

fn series_timestamp(args: &[Datum], call: &CallContext<'_>) -> Rows {
    series_timestamps(args, call, &calendar::timestamp_plus_interval)
}

fn series_timestamptz(args: &[Datum], call: &CallContext<'_>) -> Rows {
    let zone = &call.query.session.io().time_zone;
    series_timestamps(args, call, &|value, step| calendar::timestamptz_plus_interval(value, step, zone))
}

fn series_at_zone(args: &[Datum], call: &CallContext<'_>) -> Rows {
    let zone = types::datetime::zone::Zone::lookup(super::arguments::text(args, 3)?)?;
    series_timestamps(args, call, &|value, step| calendar::timestamptz_plus_interval(value, step, &zone))
}

fn unnest(args: &[Datum], _call: &CallContext<'_>) -> Rows {
    match args.first() {
        Some(Datum::Array(array)) => Ok(array.elements.iter().map(|element| vec![element.clone()]).collect()),
        _ => Ok(Vec::new()),
    }
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    set("array_unnest", unnest),
    set("generate_series_int4", series_int4),
    set("generate_series_int8", series_int8),
    set("generate_series_numeric", series_numeric),
    set("generate_series_step_int4", series_int4),
    set("generate_series_step_int8", series_int8),
    set("generate_series_step_numeric", series_numeric),
    set("generate_series_timestamp", series_timestamp),
    set("generate_series_timestamptz", series_timestamptz),
    set("generate_series_timestamptz_at_zone", series_at_zone),
];
