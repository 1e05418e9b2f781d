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
const CANCEL_ROWS: usize = 4096;

/// `generate_series` over integers: its values are known without making them.
pub(crate) struct Series {
    start: i64,
    step: i64,
    /// How many values there are.
    pub(crate) count: u64,
    /// Whether the values are `int4` rather than `int8`.
    pub(crate) narrow: bool,
}

impl Series {
    /// Returns the series that a call stands for, if it is one.
    ///
    /// # Errors
    /// `22023` for a step of zero.
    pub(crate) fn of(prosrc: &str, args: &[Datum]) -> Result<Option<Self>> {
        let narrow = match prosrc {
            "generate_series_int4" | "generate_series_step_int4" => true,
            "generate_series_int8" | "generate_series_step_int8" => false,
            _ => return Ok(None),
        };
        let bound = |index| if narrow { int4(args, index).map(i64::from) } else { int8(args, index) };
        let (start, stop) = (bound(0)?, bound(1)?);
        let step = if args.len() > 2 { bound(2)? } else { 1 };
        if step == 0 {
            return Err(zero_step());
        }
        let span = if step > 0 {
            i128::from(stop) - i128::from(start)
        } else {
            i128::from(start) - i128::from(stop)
        };
        let count = if span < 0 { 0 } else { span / i128::from(step).abs() + 1 };
        Ok(Some(Self { start, step, count: u64::try_from(count).unwrap_or(u64::MAX), narrow }))
    }
    /// Returns value `index`, counted from 0.
    pub(crate) fn at(&self, index: u64) -> i64 {
        self.start.wrapping_add(self.step.wrapping_mul(index as i64))
    }
    /// Returns value `index` as a datum; NULL past the end.
    pub(crate) fn datum(&self, index: u64) -> Datum {
        match (index < self.count, self.narrow) {
            (false, _) => Datum::Null,
            (true, true) => Datum::I32(self.at(index) as i32),
            (true, false) => Datum::I64(self.at(index)),
        }
    }
}

fn series_integers(prosrc: &str, args: &[Datum], call: &CallContext<'_>) -> Rows {
    let Some(series) = Series::of(prosrc, args)? else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for index in 0..series.count {
        rows.push(vec![series.datum(index)]);
        if rows.len() % CANCEL_ROWS == 0 {
            call.query.cancel.check()?;
        }
    }
    Ok(rows)
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
            call.query.cancel.check()?;
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
            call.query.cancel.check()?;
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
    set("generate_series_int4", |args, call| series_integers("generate_series_int4", args, call)),
    set("generate_series_int8", |args, call| series_integers("generate_series_int8", args, call)),
    set("generate_series_numeric", series_numeric),
    set("generate_series_step_int4", |args, call| series_integers("generate_series_step_int4", args, call)),
    set("generate_series_step_int8", |args, call| series_integers("generate_series_step_int8", args, call)),
    set("generate_series_step_numeric", series_numeric),
    set("generate_series_timestamp", series_timestamp),
    set("generate_series_timestamptz", series_timestamptz),
    set("generate_series_timestamptz_at_zone", series_at_zone),
];
