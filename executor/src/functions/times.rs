//! Functions on time, time with time zone and interval.

use types::datetime::arithmetic as calendar;
use types::datetime::zone::Zone;
use types::datetime::{moments, times};
use types::errors::data;
use types::{Datum, Interval, Result};

use super::arguments::{boolean, float8, int4, int8, interval, text, timetz};
use super::zones::session_zone;
use super::{FunctionEntry, row};

fn span(value: Interval) -> Result<Datum> {
    Ok(Datum::Interval(value))
}

fn zoned((time, west): (i64, i32)) -> Result<Datum> {
    Ok(Datum::TimeTz(time, west))
}

fn flags(args: &[Datum]) -> Result<(bool, bool)> {
    Ok((boolean(args, 3)?, boolean(args, 4)?))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("datetimetz_timestamptz", |args, _| {
        moments::date_plus_timetz(int4(args, 0)?, timetz(args, 1)?).map(Datum::I64)
    }),
    row("in_range_interval_interval", |args, _| {
        let (value, base, offset) = (interval(args, 0)?, interval(args, 1)?, interval(args, 2)?);
        let (subtract, less) = flags(args)?;
        if offset.comparable() < 0 {
            return Err(data::invalid_preceding_or_following());
        }
        let away = if subtract { Interval::INFINITY } else { Interval::NEGATIVE_INFINITY };
        if offset.is_infinite() && base == away {
            return Ok(Datum::Bool(true));
        }
        let bound = if subtract { base.sub(&offset)? } else { base.add(&offset)? };
        let order = value.compare(&bound);
        Ok(Datum::Bool(if less { order.is_le() } else { order.is_ge() }))
    }),
    row("in_range_time_interval", |args, _| {
        let (value, base) = (int8(args, 0)?, int8(args, 1)?);
        times::in_range(value, base, &interval(args, 2)?, flags(args)?).map(Datum::Bool)
    }),
    row("in_range_timetz_interval", |args, _| {
        let utc = |(time, west): (i64, i32)| time + i64::from(west) * 1_000_000;
        let (value, base) = (timetz(args, 0)?, timetz(args, 1)?);
        let order = times::in_range(utc(value), utc(base), &interval(args, 2)?, flags(args)?)?;
        Ok(Datum::Bool(order))
    }),
    row("interval_finite", |args, _| Ok(Datum::Bool(!interval(args, 0)?.is_infinite()))),
    row("interval_justify_days", |args, _| span(interval(args, 0)?.justify_days()?)),
    row("interval_justify_hours", |args, _| span(interval(args, 0)?.justify_hours()?)),
    row("interval_justify_interval", |args, _| span(interval(args, 0)?.justify_interval()?)),
    row("interval_pl_time_1848", |args, _| {
        calendar::time_plus_interval(int8(args, 1)?, &interval(args, 0)?).map(Datum::I64)
    }),
    row("interval_pl_timetz_2547", |args, _| {
        zoned(times::timetz_plus(timetz(args, 1)?, &interval(args, 0)?)?)
    }),
    row("interval_time", |args, _| times::from_interval(&interval(args, 0)?).map(Datum::I64)),
    row("make_interval", |args, _| {
        let mut fields = [0; 6];
        for (index, field) in fields.iter_mut().enumerate() {
            *field = int4(args, index)?;
        }
        span(calendar::make_interval(fields, float8(args, 6)?)?)
    }),
    row("make_time", |args, _| times::make(int4(args, 0)?, int4(args, 1)?, float8(args, 2)?).map(Datum::I64)),
    row("time_interval", |args, _| span(Interval { microseconds: int8(args, 0)?, days: 0, months: 0 })),
    row("time_mi_time", |args, _| span(times::difference(int8(args, 0)?, int8(args, 1)?))),
    row("time_scale", |args, _| Ok(Datum::I64(calendar::apply_precision(int8(args, 0)?, int4(args, 1)?)))),
    row("time_timetz", |args, call| {
        let io = call.query.session.io();
        zoned(times::with_zone(int8(args, 0)?, &io.time_zone, io.local_now()))
    }),
    row("timestamptz_timetz", |args, call| {
        let (moment, zone) = (int8(args, 0)?, session_zone(call));
        let time = calendar::timestamp_to_time(calendar::timestamptz_at_zone(moment, zone)?);
        time.map_or(Ok(Datum::Null), |time| zoned((time, -zone.offset_at(moment))))
    }),
    row("timetz_at_local", |args, call| {
        let now = call.query.session.io().now;
        zoned(times::at_zone(timetz(args, 0)?, session_zone(call), now))
    }),
    row("timetz_izone", |args, _| match moments::interval_zone(&interval(args, 0)?)? {
        Zone::Fixed(east) => zoned(times::at_offset(timetz(args, 1)?, -east)),
        Zone::Rules(_) => Ok(Datum::Null),
    }),
    row("timetz_mi_interval", |args, _| zoned(times::timetz_minus(timetz(args, 0)?, &interval(args, 1)?)?)),
    row("timetz_pl_interval", |args, _| zoned(times::timetz_plus(timetz(args, 0)?, &interval(args, 1)?)?)),
    row("timetz_scale", |args, _| {
        let (time, west) = timetz(args, 0)?;
        zoned((calendar::apply_precision(time, int4(args, 1)?), west))
    }),
    row("timetz_time", |args, _| Ok(Datum::I64(timetz(args, 0)?.0))),
    row("timetz_zone", |args, call| {
        let zone = Zone::lookup(text(args, 0)?)?;
        zoned(times::at_zone(timetz(args, 1)?, &zone, call.query.session.io().now))
    }),
    row("timetzdate_pl_1298", |args, _| {
        moments::date_plus_timetz(int4(args, 1)?, timetz(args, 0)?).map(Datum::I64)
    }),
];
