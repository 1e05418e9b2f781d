//! Fields of dates, times and intervals: `date_part`, `date_trunc`, `date_bin`, and making them from fields.

use types::datetime::zone::Zone;
use types::datetime::{arithmetic as calendar, extract, make, trunc};
use types::{Datum, Result};

use super::arguments::{float8, int4, int8, interval, text, timetz};
use super::zones::session_zone;
use super::{FunctionEntry, row};

fn part(value: Result<Option<f64>>) -> Result<Datum> {
    Ok(value?.map_or(Datum::Null, Datum::F64))
}

fn moment(value: Result<i64>) -> Result<Datum> {
    value.map(Datum::I64)
}

fn fields(args: &[Datum]) -> Result<make::Fields> {
    Ok(make::Fields {
        date: [int4(args, 0)?, int4(args, 1)?, int4(args, 2)?],
        hour: int4(args, 3)?,
        minute: int4(args, 4)?,
        second: float8(args, 5)?,
    })
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("date_part_1384", |args, _| {
        let start = calendar::date_to_timestamp(int4(args, 1)?)?;
        part(extract::part_timestamp(text(args, 0)?, start))
    }),
    row("extract_timetz", |args, _| {
        Ok(extract::extract_timetz(text(args, 0)?, timetz(args, 1)?)?.map_or(Datum::Null, Datum::Numeric))
    }),
    row("interval_part", |args, _| part(extract::part_interval(text(args, 0)?, &interval(args, 1)?))),
    row("interval_trunc", |args, _| {
        Ok(Datum::Interval(trunc::trunc_interval(text(args, 0)?, &interval(args, 1)?)?))
    }),
    row("make_date", |args, _| {
        Ok(Datum::I32(calendar::make_date(int4(args, 0)?, int4(args, 1)?, int4(args, 2)?)?))
    }),
    row("make_timestamp", |args, _| moment(make::timestamp(&fields(args)?))),
    row("make_timestamptz", |args, call| {
        moment(calendar::timestamp_at_zone(make::timestamp(&fields(args)?)?, session_zone(call)))
    }),
    row("make_timestamptz_at_timezone", |args, _| {
        let local = make::timestamp(&fields(args)?)?;
        moment(calendar::timestamp_at_zone(local, &make::sane_zone(text(args, 6)?)?))
    }),
    row("time_part", |args, _| part(extract::part_time(text(args, 0)?, int8(args, 1)?))),
    row("timestamp_bin", |args, _| moment(trunc::bin(&interval(args, 0)?, int8(args, 1)?, int8(args, 2)?))),
    row("timestamp_part", |args, _| part(extract::part_timestamp(text(args, 0)?, int8(args, 1)?))),
    row("timestamp_trunc", |args, _| moment(trunc::trunc_timestamp(text(args, 0)?, int8(args, 1)?))),
    row("timestamptz_bin", |args, _| moment(trunc::bin(&interval(args, 0)?, int8(args, 1)?, int8(args, 2)?))),
    row("timestamptz_part", |args, call| {
        part(extract::part_timestamptz(text(args, 0)?, int8(args, 1)?, session_zone(call)))
    }),
    row("timestamptz_trunc", |args, call| {
        moment(trunc::trunc_timestamptz(text(args, 0)?, int8(args, 1)?, session_zone(call)))
    }),
    row("timestamptz_trunc_zone", |args, _| {
        let zone = Zone::lookup(text(args, 2)?)?;
        moment(trunc::trunc_timestamptz(text(args, 0)?, int8(args, 1)?, &zone))
    }),
    row("timetz_part", |args, _| part(extract::part_timetz(text(args, 0)?, timetz(args, 1)?))),
];
