//! Set-returning functions.

use std::sync::Arc;

use types::datetime::arithmetic as calendar;
use types::datetime::zone::Zone;
use types::{Datum, Interval, Numeric, PgError, Result, SqlState};

use super::arguments::{int4, int8, interval, numeric};
use super::{CallContext, FunctionEntry, RowStream, stream};

fn zero_step() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero")
}

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

/// Integer series that are not seen through (beside other functions in FROM).
fn series_integers(prosrc: &str, args: &[Datum]) -> Result<RowStream> {
    let Some(series) = Series::of(prosrc, args)? else { return Ok(Box::new(std::iter::empty())) };
    Ok(Box::new((0..series.count).map(move |index| Ok(vec![series.datum(index)]))))
}

fn not_finite(what: &str, value: &Numeric) -> Result<()> {
    if value.is_finite() {
        return Ok(());
    }
    let kind = if value.is_nan() { "NaN" } else { "infinity" };
    Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("{what} cannot be {kind}")))
}

fn series_numeric(args: &[Datum], _: &CallContext<'_>) -> Result<RowStream> {
    let (low, high) = (numeric(args, 0)?, numeric(args, 1)?.clone());
    let step = if args.len() > 2 { numeric(args, 2)?.clone() } else { Numeric::ONE };
    not_finite("start value", low)?;
    not_finite("stop value", &high)?;
    if !step.is_finite() {
        not_finite("step size", &step)?;
    }
    if step.is_zero() {
        return Err(zero_step());
    }
    let up = step > Numeric::ZERO;
    let inside = move |value: &Numeric| if up { *value <= high } else { *value >= high };
    let mut following = Some(low.clone());
    Ok(Box::new(std::iter::from_fn(move || {
        let value = following.take().filter(&inside)?;
        match value.add(&step) {
            Ok(next) => {
                following = Some(next);
                Some(Ok(vec![Datum::Numeric(value)]))
            }
            Err(error) => Some(Err(error)),
        }
    })))
}

fn series_timestamps(
    args: &[Datum],
    next: impl Fn(i64, &Interval) -> Result<i64> + 'static,
) -> Result<RowStream> {
    let (low, high, step) = (int8(args, 0)?, int8(args, 1)?, interval(args, 2)?);
    let order = step.compare(&Interval::default());
    if order.is_eq() {
        return Err(zero_step());
    }
    if step.is_infinite() {
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot be infinite"));
    }
    let inside = move |value: &i64| if order.is_gt() { *value <= high } else { *value >= high };
    let mut following = Some(low);
    Ok(Box::new(std::iter::from_fn(move || {
        let value = following.take().filter(&inside)?;
        match next(value, &step) {
            Ok(next) => {
                following = Some(next);
                Some(Ok(vec![Datum::I64(value)]))
            }
            Err(error) => Some(Err(error)),
        }
    })))
}

fn series_timestamp(args: &[Datum], _: &CallContext<'_>) -> Result<RowStream> {
    series_timestamps(args, calendar::timestamp_plus_interval)
}

fn series_timestamptz(args: &[Datum], call: &CallContext<'_>) -> Result<RowStream> {
    series_in_zone(args, call.query.session.io().time_zone.clone())
}

fn series_at_zone(args: &[Datum], _: &CallContext<'_>) -> Result<RowStream> {
    series_in_zone(args, Zone::lookup(super::arguments::text(args, 3)?)?)
}

fn series_in_zone(args: &[Datum], zone: Zone) -> Result<RowStream> {
    series_timestamps(args, move |value, step| calendar::timestamptz_plus_interval(value, step, &zone))
}

fn unnest(args: &[Datum], _: &CallContext<'_>) -> Result<RowStream> {
    let Some(Datum::Array(array)) = args.first() else { return Ok(Box::new(std::iter::empty())) };
    let array = Arc::clone(array);
    Ok(Box::new(
        (0..array.elements.len())
            .map(move |index| Ok(array.elements.get(index).cloned().into_iter().collect())),
    ))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    stream("array_unnest", unnest),
    stream("generate_series_int4", |args, _| series_integers("generate_series_int4", args)),
    stream("generate_series_int8", |args, _| series_integers("generate_series_int8", args)),
    stream("generate_series_numeric", series_numeric),
    stream("generate_series_step_int4", |args, _| series_integers("generate_series_step_int4", args)),
    stream("generate_series_step_int8", |args, _| series_integers("generate_series_step_int8", args)),
    stream("generate_series_step_numeric", series_numeric),
    stream("generate_series_timestamp", series_timestamp),
    stream("generate_series_timestamptz", series_timestamptz),
    stream("generate_series_timestamptz_at_zone", series_at_zone),
];
