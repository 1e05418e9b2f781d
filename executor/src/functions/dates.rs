//! Functions on date, time, timestamp, timestamptz and interval.

use std::cmp::Ordering;

use kernels::vector::{Values, Vector, VectorData};
use types::datetime::arithmetic as calendar;
use types::datetime::extract;
use types::{Datum, Numeric, Result};

use super::arguments::{float8, int4, int8, interval, text};
use super::{FunctionEntry, row, with_vector};
use crate::vectors::lanes;

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// Orders a date and a timestamp (infinities are the ends of both).
pub(crate) fn date_timestamp_order(date: i32, timestamp: i64) -> Ordering {
    let date = match date {
        i32::MIN => i128::from(i64::MIN),
        i32::MAX => i128::from(i64::MAX),
        days => i128::from(days) * DAY,
    };
    date.cmp(&i128::from(timestamp))
}

macro_rules! date_timestamp {
    ($name:literal, $test:ident, $comparison:ident) => {
        with_vector(
            $name,
            |args, _| Ok(Datum::Bool(date_timestamp_order(int4(args, 0)?, int8(args, 1)?).$test())),
            lanes::compare_dates_with_timestamps::<{ lanes::$comparison }>,
        )
    };
}

macro_rules! timestamp_date {
    ($name:literal, $test:ident) => {
        row($name, |args, _| {
            Ok(Datum::Bool(date_timestamp_order(int4(args, 1)?, int8(args, 0)?).reverse().$test()))
        })
    };
}

macro_rules! interval_compare {
    ($name:literal, $test:ident) => {
        row($name, |args, _| Ok(Datum::Bool(interval(args, 0)?.compare(&interval(args, 1)?).$test())))
    };
}

fn optional(value: Option<Numeric>) -> Datum {
    value.map_or(Datum::Null, Datum::Numeric)
}

/// `extract(field from date)` for the fields that are small integers.
fn extract_date_lanes(args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    let [field, dates] = args else { return None };
    let (VectorData::Constant(Values::Views(name)), Values::I32(_)) = (&field.data, dates.values()) else {
        return None;
    };
    let field = match name.get(0) {
        b"year" => kernels::date::DateField::Year,
        b"month" => kernels::date::DateField::Month,
        b"day" => kernels::date::DateField::Day,
        _ => return None,
    };
    let flat = dates.to_flat();
    let Values::I32(days) = flat.values() else { return None };
    let mut out = vec![0; len];
    kernels::date::extract(field, days, &mut out, faults);
    let unscaled = out.into_iter().map(i64::from).collect();
    Some(Vector::flat(Values::Fixed64 { unscaled, scale: 0 }, None))
}

fn days(value: i32) -> Result<Datum> {
    Ok(Datum::I32(value))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    date_timestamp!("date_eq_timestamp", is_eq, EQUAL),
    date_timestamp!("date_ge_timestamp", is_ge, GREATER_EQUAL),
    date_timestamp!("date_gt_timestamp", is_gt, GREATER),
    date_timestamp!("date_le_timestamp", is_le, LESS_EQUAL),
    date_timestamp!("date_lt_timestamp", is_lt, LESS),
    row("date_mi", |args, _| days(calendar::date_difference(int4(args, 0)?, int4(args, 1)?)?)),
    row("date_mi_interval", |args, _| {
        Ok(Datum::I64(calendar::date_minus_interval(int4(args, 0)?, &interval(args, 1)?)?))
    }),
    row("date_mii", |args, _| days(calendar::date_minus_days(int4(args, 0)?, int4(args, 1)?)?)),
    date_timestamp!("date_ne_timestamp", is_ne, NOT_EQUAL),
    row("date_pl_interval", |args, _| {
        Ok(Datum::I64(calendar::date_plus_interval(int4(args, 0)?, &interval(args, 1)?)?))
    }),
    row("date_pli", |args, _| days(calendar::date_plus_days(int4(args, 0)?, int4(args, 1)?)?)),
    row("date_timestamp", |args, _| Ok(Datum::I64(calendar::date_to_timestamp(int4(args, 0)?)?))),
    with_vector(
        "extract_date",
        |args, _| Ok(optional(extract::extract_date(text(args, 0)?, int4(args, 1)?)?)),
        extract_date_lanes,
    ),
    row("extract_interval", |args, _| {
        Ok(optional(extract::extract_interval(text(args, 0)?, &interval(args, 1)?)?))
    }),
    row("extract_time", |args, _| Ok(optional(extract::extract_time(text(args, 0)?, int8(args, 1)?)?))),
    row("extract_timestamp", |args, _| {
        Ok(optional(extract::extract_timestamp(text(args, 0)?, int8(args, 1)?)?))
    }),
    row("extract_timestamptz", |args, call| {
        let zone = &call.query.session.io().time_zone;
        Ok(optional(extract::extract_timestamptz(text(args, 0)?, int8(args, 1)?, zone)?))
    }),
    row("interval_div", |args, _| Ok(Datum::Interval(interval(args, 0)?.divide(float8(args, 1)?)?))),
    interval_compare!("interval_eq", is_eq),
    interval_compare!("interval_ge", is_ge),
    interval_compare!("interval_gt", is_gt),
    interval_compare!("interval_le", is_le),
    interval_compare!("interval_lt", is_lt),
    row("interval_mi", |args, _| Ok(Datum::Interval(interval(args, 0)?.sub(&interval(args, 1)?)?))),
    row("interval_mul", |args, _| Ok(Datum::Interval(interval(args, 0)?.multiply(float8(args, 1)?)?))),
    interval_compare!("interval_ne", is_ne),
    row("interval_pl", |args, _| Ok(Datum::Interval(interval(args, 0)?.add(&interval(args, 1)?)?))),
    row("interval_scale", |args, _| Ok(Datum::Interval(interval(args, 0)?.apply_typmod(int4(args, 1)?)?))),
    row("interval_um", |args, _| Ok(Datum::Interval(interval(args, 0)?.negate()?))),
    row("mul_d_interval", |args, _| Ok(Datum::Interval(interval(args, 1)?.multiply(float8(args, 0)?)?))),
    row("time_mi_interval", |args, _| {
        Ok(Datum::I64(calendar::time_minus_interval(int8(args, 0)?, &interval(args, 1)?)?))
    }),
    row("time_pl_interval", |args, _| {
        Ok(Datum::I64(calendar::time_plus_interval(int8(args, 0)?, &interval(args, 1)?)?))
    }),
    row("timestamp_age", |args, _| Ok(Datum::Interval(calendar::age(int8(args, 0)?, int8(args, 1)?)?))),
    row("timestamp_date", |args, _| days(calendar::timestamp_to_date(int8(args, 0)?))),
    timestamp_date!("timestamp_eq_date", is_eq),
    timestamp_date!("timestamp_ge_date", is_ge),
    timestamp_date!("timestamp_gt_date", is_gt),
    timestamp_date!("timestamp_le_date", is_le),
    timestamp_date!("timestamp_lt_date", is_lt),
    row("timestamp_mi", |args, _| {
        Ok(Datum::Interval(calendar::timestamp_difference(int8(args, 0)?, int8(args, 1)?)?))
    }),
    row("timestamp_mi_interval", |args, _| {
        Ok(Datum::I64(calendar::timestamp_minus_interval(int8(args, 0)?, &interval(args, 1)?)?))
    }),
    timestamp_date!("timestamp_ne_date", is_ne),
    row("timestamp_pl_interval", |args, _| {
        Ok(Datum::I64(calendar::timestamp_plus_interval(int8(args, 0)?, &interval(args, 1)?)?))
    }),
    row("timestamp_scale", |args, _| {
        Ok(Datum::I64(calendar::apply_precision(int8(args, 0)?, int4(args, 1)?)))
    }),
    row("timestamptz_mi_interval", |args, call| {
        let zone = &call.query.session.io().time_zone;
        Ok(Datum::I64(calendar::timestamptz_minus_interval(int8(args, 0)?, &interval(args, 1)?, zone)?))
    }),
    row("timestamptz_pl_interval", |args, call| {
        let zone = &call.query.session.io().time_zone;
        Ok(Datum::I64(calendar::timestamptz_plus_interval(int8(args, 0)?, &interval(args, 1)?, zone)?))
    }),
];
