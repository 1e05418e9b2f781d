//! Dates, timestamps and timestamps with time zone beside each other: comparisons, casts, AT TIME ZONE, overlaps.

use std::cmp::Ordering;

use types::datetime::arithmetic as calendar;
use types::datetime::zone::Zone;
use types::datetime::{moments, times};
use types::{Datum, Result};

use super::arguments::{int4, int8, interval, text};
use super::{CallContext, FunctionEntry, date_timestamp_order, row};

pub(super) fn session_zone<'a>(call: &'a CallContext<'_>) -> &'a Zone {
    &call.query.session.io().time_zone
}

fn date_timestamptz(args: &[Datum], call: &CallContext<'_>, date: usize) -> Result<Ordering> {
    moments::compare_date_timestamptz(int4(args, date)?, int8(args, 1 - date)?, session_zone(call))
}

fn timestamp_timestamptz(args: &[Datum], call: &CallContext<'_>, plain: usize) -> Result<Ordering> {
    moments::compare_timestamp_timestamptz(int8(args, plain)?, int8(args, 1 - plain)?, session_zone(call))
}

macro_rules! mixed {
    ($name:literal, $order:ident, first, $test:ident) => {
        row($name, |args, call| Ok(Datum::Bool($order(args, call, 0)?.$test())))
    };
    ($name:literal, $order:ident, second, $test:ident) => {
        row($name, |args, call| Ok(Datum::Bool($order(args, call, 1)?.reverse().$test())))
    };
}

fn number(order: Ordering) -> Result<Datum> {
    Ok(Datum::I32(order as i32))
}

fn moment(value: Result<i64>) -> Result<Datum> {
    value.map(Datum::I64)
}

/// `a + b` where one side is an interval, as the SQL bodies of overlaps add it.
fn end(start: &Datum, length: &Datum, call: &CallContext<'_>, zoned: bool) -> Result<Datum> {
    match (start, length) {
        (Datum::I64(start), Datum::Interval(length)) if zoned => {
            moment(calendar::timestamptz_plus_interval(*start, length, session_zone(call)))
        }
        (Datum::I64(start), Datum::Interval(length)) => {
            moment(calendar::timestamp_plus_interval(*start, length))
        }
        (_, Datum::Interval(_) | Datum::Null) => Ok(Datum::Null),
        (_, end) => Ok(end.clone()),
    }
}

fn time_end(start: &Datum, length: &Datum) -> Result<Datum> {
    match (start, length) {
        (Datum::I64(start), Datum::Interval(length)) => moment(calendar::time_plus_interval(*start, length)),
        (_, Datum::Interval(_) | Datum::Null) => Ok(Datum::Null),
        (_, end) => Ok(end.clone()),
    }
}

/// `overlaps` over two periods given by any of their ends.
fn overlaps(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let oid = call.arg_types.first().map_or(0, |ty| ty.oid);
    let at = |index: usize| args.get(index).unwrap_or(&Datum::Null);
    Ok(times::overlaps(oid, (at(0), at(1)), (at(2), at(3))))
}

macro_rules! overlaps_spans {
    ($name:literal, $zoned:literal) => {
        row($name, |args, call| match args {
            [start1, end1, start2, end2] => {
                let ends = [end(start1, end1, call, $zoned)?, end(start2, end2, call, $zoned)?];
                overlaps(&[start1.clone(), ends[0].clone(), start2.clone(), ends[1].clone()], call)
            }
            _ => Ok(Datum::Null),
        })
    };
}

macro_rules! overlaps_times {
    ($name:literal) => {
        row($name, |args, call| match args {
            [start1, end1, start2, end2] => {
                let ends = [time_end(start1, end1)?, time_end(start2, end2)?];
                overlaps(&[start1.clone(), ends[0].clone(), start2.clone(), ends[1].clone()], call)
            }
            _ => Ok(Datum::Null),
        })
    };
}

fn in_range(
    args: &[Datum],
    value: i64,
    bound: impl Fn(i64, &types::Interval) -> Result<i64>,
) -> Result<Datum> {
    let (base, offset) = (int8(args, 1)?, interval(args, 2)?);
    moments::in_range(
        value,
        base,
        &offset,
        (super::arguments::boolean(args, 3)?, super::arguments::boolean(args, 4)?),
        bound,
    )
    .map(Datum::Bool)
}

/// Returns the moment in argument 1 if it is infinite: then the zone is not looked at.
fn infinite(args: &[Datum]) -> Result<Option<Datum>> {
    let moment = int8(args, 1)?;
    Ok(types::datetime::is_infinite(moment).then_some(Datum::I64(moment)))
}

/// The current date in the session's time zone, at midnight.
fn today(call: &CallContext<'_>) -> Result<i64> {
    let io = call.query.session.io();
    calendar::date_to_timestamp(calendar::timestamp_to_date(io.local_now()))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("age_1386", |args, call| {
        let local = calendar::timestamptz_at_zone(int8(args, 0)?, session_zone(call))?;
        Ok(Datum::Interval(calendar::age(today(call)?, local)?))
    }),
    row("age_2059", |args, call| Ok(Datum::Interval(calendar::age(today(call)?, int8(args, 0)?)?))),
    row("date_cmp_timestamp", |args, _| number(date_timestamp_order(int4(args, 0)?, int8(args, 1)?))),
    row("date_cmp_timestamptz", |args, call| number(date_timestamptz(args, call, 0)?)),
    mixed!("date_eq_timestamptz", date_timestamptz, first, is_eq),
    row("date_finite", |args, _| Ok(Datum::Bool(!types::datetime::is_infinite_date(int4(args, 0)?)))),
    mixed!("date_ge_timestamptz", date_timestamptz, first, is_ge),
    mixed!("date_gt_timestamptz", date_timestamptz, first, is_gt),
    mixed!("date_le_timestamptz", date_timestamptz, first, is_le),
    mixed!("date_lt_timestamptz", date_timestamptz, first, is_lt),
    mixed!("date_ne_timestamptz", date_timestamptz, first, is_ne),
    row("date_timestamptz", |args, call| {
        moment(moments::date_to_timestamptz(int4(args, 0)?, session_zone(call)))
    }),
    row("datetime_timestamp", |args, _| moment(moments::date_plus_time(int4(args, 0)?, int8(args, 1)?))),
    row("float8_timestamptz", |args, _| moment(calendar::to_timestamp(super::arguments::float8(args, 0)?))),
    row("in_range_date_interval", |args, _| {
        let start = |index: usize| calendar::date_to_timestamp(int4(args, index)?);
        let widened = [Datum::I64(start(0)?), Datum::I64(start(1)?)];
        let args: Vec<Datum> = widened.into_iter().chain(args.iter().skip(2).cloned()).collect();
        in_range(&args, int8(&args, 0)?, calendar::timestamp_plus_interval)
    }),
    row("in_range_timestamp_interval", |args, _| {
        in_range(args, int8(args, 0)?, calendar::timestamp_plus_interval)
    }),
    row("in_range_timestamptz_interval", |args, call| {
        let zone = session_zone(call);
        in_range(args, int8(args, 0)?, |base, span| calendar::timestamptz_plus_interval(base, span, zone))
    }),
    row("integer_pl_date_2550", |args, _| {
        Ok(Datum::I32(calendar::date_plus_days(int4(args, 1)?, int4(args, 0)?)?))
    }),
    row("interval_pl_date_2546", |args, _| {
        moment(calendar::date_plus_interval(int4(args, 1)?, &interval(args, 0)?))
    }),
    row("interval_pl_timestamp_2548", |args, _| {
        moment(calendar::timestamp_plus_interval(int8(args, 1)?, &interval(args, 0)?))
    }),
    row("interval_pl_timestamptz_2549", |args, call| {
        moment(calendar::timestamptz_plus_interval(int8(args, 1)?, &interval(args, 0)?, session_zone(call)))
    }),
    overlaps_spans!("overlaps_1305", true),
    overlaps_spans!("overlaps_1306", true),
    overlaps_spans!("overlaps_1307", true),
    overlaps_times!("overlaps_1309"),
    overlaps_times!("overlaps_1310"),
    overlaps_times!("overlaps_1311"),
    overlaps_spans!("overlaps_2042", false),
    overlaps_spans!("overlaps_2043", false),
    overlaps_spans!("overlaps_2044", false),
    row("overlaps_time", overlaps),
    row("overlaps_timestamp", overlaps),
    row("overlaps_timetz", overlaps),
    row("timedate_pl_1296", |args, _| moment(moments::date_plus_time(int4(args, 1)?, int8(args, 0)?))),
    row("timestamp_at_local", |args, call| {
        moment(calendar::timestamp_at_zone(int8(args, 0)?, session_zone(call)))
    }),
    row("timestamp_cmp_date", |args, _| {
        number(date_timestamp_order(int4(args, 1)?, int8(args, 0)?).reverse())
    }),
    row("timestamp_cmp_timestamptz", |args, call| number(timestamp_timestamptz(args, call, 0)?)),
    mixed!("timestamp_eq_timestamptz", timestamp_timestamptz, first, is_eq),
    row("timestamp_finite", |args, _| Ok(Datum::Bool(!types::datetime::is_infinite(int8(args, 0)?)))),
    mixed!("timestamp_ge_timestamptz", timestamp_timestamptz, first, is_ge),
    mixed!("timestamp_gt_timestamptz", timestamp_timestamptz, first, is_gt),
    row("timestamp_izone", |args, _| {
        if let Some(infinity) = infinite(args)? {
            return Ok(infinity);
        }
        moment(calendar::timestamp_at_zone(int8(args, 1)?, &moments::interval_zone(&interval(args, 0)?)?))
    }),
    mixed!("timestamp_le_timestamptz", timestamp_timestamptz, first, is_le),
    mixed!("timestamp_lt_timestamptz", timestamp_timestamptz, first, is_lt),
    mixed!("timestamp_ne_timestamptz", timestamp_timestamptz, first, is_ne),
    row("timestamp_time", |args, _| {
        Ok(calendar::timestamp_to_time(int8(args, 0)?).map_or(Datum::Null, Datum::I64))
    }),
    row("timestamp_timestamptz", |args, call| {
        moment(calendar::timestamp_at_zone(int8(args, 0)?, session_zone(call)))
    }),
    row("timestamp_zone", |args, _| {
        if let Some(infinity) = infinite(args)? {
            return Ok(infinity);
        }
        moment(calendar::timestamp_at_zone(int8(args, 1)?, &Zone::lookup(text(args, 0)?)?))
    }),
    row("timestamptz_1176", |args, call| {
        moment(calendar::timestamp_at_zone(
            moments::date_plus_time(int4(args, 0)?, int8(args, 1)?)?,
            session_zone(call),
        ))
    }),
    row("timestamptz_age", |args, call| {
        let zone = session_zone(call);
        let local = |index: usize| calendar::timestamptz_at_zone(int8(args, index)?, zone);
        Ok(Datum::Interval(calendar::age(local(0)?, local(1)?)?))
    }),
    row("timestamptz_at_local", |args, call| {
        moment(calendar::timestamptz_at_zone(int8(args, 0)?, session_zone(call)))
    }),
    row("timestamptz_cmp_date", |args, call| number(date_timestamptz(args, call, 1)?.reverse())),
    row("timestamptz_cmp_timestamp", |args, call| number(timestamp_timestamptz(args, call, 1)?.reverse())),
    row("timestamptz_date", |args, call| {
        Ok(Datum::I32(calendar::timestamp_to_date(calendar::timestamptz_at_zone(
            int8(args, 0)?,
            session_zone(call),
        )?)))
    }),
    mixed!("timestamptz_eq_date", date_timestamptz, second, is_eq),
    mixed!("timestamptz_eq_timestamp", timestamp_timestamptz, second, is_eq),
    mixed!("timestamptz_ge_date", date_timestamptz, second, is_ge),
    mixed!("timestamptz_ge_timestamp", timestamp_timestamptz, second, is_ge),
    mixed!("timestamptz_gt_date", date_timestamptz, second, is_gt),
    mixed!("timestamptz_gt_timestamp", timestamp_timestamptz, second, is_gt),
    row("timestamptz_izone", |args, _| {
        if let Some(infinity) = infinite(args)? {
            return Ok(infinity);
        }
        moment(calendar::timestamptz_at_zone(int8(args, 1)?, &moments::interval_zone(&interval(args, 0)?)?))
    }),
    mixed!("timestamptz_le_date", date_timestamptz, second, is_le),
    mixed!("timestamptz_le_timestamp", timestamp_timestamptz, second, is_le),
    mixed!("timestamptz_lt_date", date_timestamptz, second, is_lt),
    mixed!("timestamptz_lt_timestamp", timestamp_timestamptz, second, is_lt),
    row("timestamptz_mi_interval_at_zone", |args, _| {
        let zone = Zone::lookup(text(args, 2)?)?;
        moment(calendar::timestamptz_minus_interval(int8(args, 0)?, &interval(args, 1)?, &zone))
    }),
    mixed!("timestamptz_ne_date", date_timestamptz, second, is_ne),
    mixed!("timestamptz_ne_timestamp", timestamp_timestamptz, second, is_ne),
    row("timestamptz_pl_interval_at_zone", |args, _| {
        let zone = Zone::lookup(text(args, 2)?)?;
        moment(calendar::timestamptz_plus_interval(int8(args, 0)?, &interval(args, 1)?, &zone))
    }),
    row("timestamptz_scale", |args, _| {
        Ok(Datum::I64(calendar::apply_precision(int8(args, 0)?, int4(args, 1)?)))
    }),
    row("timestamptz_time", |args, call| {
        let local = calendar::timestamptz_at_zone(int8(args, 0)?, session_zone(call))?;
        Ok(calendar::timestamp_to_time(local).map_or(Datum::Null, Datum::I64))
    }),
    row("timestamptz_timestamp", |args, call| {
        moment(calendar::timestamptz_at_zone(int8(args, 0)?, session_zone(call)))
    }),
    row("timestamptz_zone", |args, _| {
        if let Some(infinity) = infinite(args)? {
            return Ok(infinity);
        }
        moment(calendar::timestamptz_at_zone(int8(args, 1)?, &Zone::lookup(text(args, 0)?)?))
    }),
];
