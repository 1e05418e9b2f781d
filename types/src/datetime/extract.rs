//! `extract` (numeric) and `date_part` (float8): the fields of dates, times, timestamps and intervals.

use super::civil::{civil_from_days, days_from_civil};
use super::zone::Zone;
use super::{
    EPOCH_MICROSECONDS, JULIAN_EPOCH, MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MINUTE,
    is_infinite, is_infinite_date,
};
use crate::datum::Interval;
use crate::errors::{Result, datetime};
use crate::numeric::Numeric;

/// A field that can be extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the field of its name")]
pub enum Field {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Month,
    Quarter,
    Week,
    Year,
    Decade,
    Century,
    Millennium,
    Dow,
    IsoDow,
    Doy,
    IsoYear,
    Julian,
    Epoch,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Field {
    /// Returns the field that `name` means, as extract and date_trunc spell it.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "microseconds" | "microsecond" | "us" | "usec" | "usecs" | "useconds" | "usecond"
            | "microsecon" => Self::Microsecond,
            "milliseconds" | "millisecond" | "ms" | "msec" | "msecs" | "msecond" | "mseconds"
            | "millisecon" => Self::Millisecond,
            "second" | "seconds" | "sec" | "secs" | "s" => Self::Second,
            "minute" | "minutes" | "min" | "mins" | "m" => Self::Minute,
            "hour" | "hours" | "hr" | "hrs" | "h" => Self::Hour,
            "day" | "days" | "d" => Self::Day,
            "month" | "months" | "mon" | "mons" => Self::Month,
            "quarter" | "qtr" => Self::Quarter,
            "week" | "weeks" | "w" => Self::Week,
            "year" | "years" | "yr" | "yrs" | "y" => Self::Year,
            "decade" | "decades" | "dec" | "decs" => Self::Decade,
            "century" | "centuries" | "cent" | "c" => Self::Century,
            "millennium" | "millennia" | "mil" | "mils" => Self::Millennium,
            "dow" => Self::Dow,
            "isodow" => Self::IsoDow,
            "doy" => Self::Doy,
            "isoyear" => Self::IsoYear,
            "julian" | "jd" | "j" => Self::Julian,
            "epoch" => Self::Epoch,
            "timezone" => Self::Timezone,
            "timezone_hour" => Self::TimezoneHour,
            "timezone_minute" => Self::TimezoneMinute,
            _ => return None,
        })
    }
}

/// Returns the ISO 8601 year and week of a day.
pub fn iso_week(days: i64) -> (i32, i32) {
    // The Thursday of the week decides its year.
    let thursday = days - (days + 5).rem_euclid(7) + 3;
    let (year, _, _) = civil_from_days(thursday);
    let first = i64::from(days_from_civil(year, 1, 1));
    (year, ((thursday - first) / 7 + 1) as i32)
}

fn scaled(value: i64, scale: u16) -> Numeric {
    Numeric::from_i128(i128::from(value), scale)
}

fn whole(value: i32) -> Numeric {
    Numeric::from_i64(i64::from(value))
}

/// Returns the fields that time of day has.
fn time_field(field: Field, time: i64) -> Option<Numeric> {
    Some(match field {
        Field::Microsecond => scaled(time % MICROSECONDS_PER_MINUTE, 0),
        Field::Millisecond => scaled(time % MICROSECONDS_PER_MINUTE, 3),
        Field::Second => scaled(time % MICROSECONDS_PER_MINUTE, 6),
        Field::Minute => scaled(time / MICROSECONDS_PER_MINUTE % 60, 0),
        Field::Hour => scaled(time / MICROSECONDS_PER_HOUR, 0),
        _ => return None,
    })
}

/// Returns the fields that a day has.
fn day_field(field: Field, days: i64) -> Option<Numeric> {
    let (year, month, day) = civil_from_days(days);
    let shown = if year > 0 { year } else { year - 1 };
    let era = |length: i32| {
        if year > 0 { (year + length - 1) / length } else { -((length - 1 - (year - 1)) / length) }
    };
    Some(match field {
        Field::Day => whole(day),
        Field::Month => whole(month),
        Field::Quarter => whole((month - 1) / 3 + 1),
        Field::Week => whole(iso_week(days).1),
        Field::Year => whole(shown),
        Field::Decade => whole(year.div_euclid(10)),
        Field::Century => whole(era(100)),
        Field::Millennium => whole(era(1000)),
        Field::Dow => scaled((days + 6).rem_euclid(7), 0),
        Field::IsoDow => scaled((days + 5).rem_euclid(7) + 1, 0),
        Field::Doy => scaled(days - i64::from(days_from_civil(year, 1, 1)) + 1, 0),
        Field::IsoYear => {
            let iso = iso_week(days).0;
            whole(if iso <= 0 { iso - 1 } else { iso })
        }
        _ => return None,
    })
}

/// Returns the value of an infinite date or timestamp: infinite for fields that grow, NULL for the others.
fn infinite_field(field: Field, positive: bool) -> Option<Numeric> {
    match field {
        Field::Year
        | Field::Decade
        | Field::Century
        | Field::Millennium
        | Field::Julian
        | Field::IsoYear
        | Field::Epoch => Some(if positive { Numeric::Infinity } else { Numeric::NegativeInfinity }),
        _ => None,
    }
}

fn field_of(name: &str, type_name: &str) -> Result<Field> {
    Field::parse(name).ok_or_else(|| datetime::unit_not_recognized(&name.to_ascii_lowercase(), type_name))
}

/// `extract(field from date)`
pub fn extract_date(name: &str, date: i32) -> Result<Option<Numeric>> {
    let field = field_of(name, "date")?;
    let supported = matches!(field, Field::Julian | Field::Epoch) || day_field(field, 0).is_some();
    if !supported {
        return Err(datetime::unit_not_supported(&name.to_ascii_lowercase(), "date"));
    }
    if is_infinite_date(date) {
        return Ok(infinite_field(field, date > 0));
    }
    let days = i64::from(date);
    Ok(match field {
        Field::Julian => Some(scaled(days + JULIAN_EPOCH, 0)),
        Field::Epoch => Some(scaled((days + super::EPOCH_DAYS) * 86_400, 0)),
        _ => day_field(field, days),
    })
}

/// `extract(field from timestamp)`
pub fn extract_timestamp(name: &str, timestamp: i64) -> Result<Option<Numeric>> {
    const TYPE_NAME: &str = "timestamp without time zone";
    let field = field_of(name, TYPE_NAME)?;
    let zoned = matches!(field, Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute);
    if zoned && !is_infinite(timestamp) {
        return Err(datetime::unit_not_supported(&name.to_ascii_lowercase(), TYPE_NAME));
    }
    timestamp_field(field, timestamp, timestamp)
}

/// `extract(field from timestamptz)` in `zone`
pub fn extract_timestamptz(name: &str, timestamp: i64, zone: &Zone) -> Result<Option<Numeric>> {
    let field = field_of(name, "timestamp with time zone")?;
    if is_infinite(timestamp) {
        return Ok(infinite_field(field, timestamp > 0));
    }
    let offset = zone.offset_at(timestamp);
    match field {
        Field::Timezone => Ok(Some(whole(offset))),
        Field::TimezoneHour => Ok(Some(whole(offset / 3600))),
        Field::TimezoneMinute => Ok(Some(whole(offset / 60 % 60))),
        _ => timestamp_field(field, super::arithmetic::timestamptz_at_zone(timestamp, zone)?, timestamp),
    }
}

/// Returns a field of `local`; `epoch` counts from `moment`.
fn timestamp_field(field: Field, local: i64, moment: i64) -> Result<Option<Numeric>> {
    if is_infinite(local) {
        return Ok(infinite_field(field, local > 0));
    }
    let (days, time) = (local.div_euclid(MICROSECONDS_PER_DAY), local.rem_euclid(MICROSECONDS_PER_DAY));
    match field {
        Field::Epoch => Ok(Some(Numeric::from_i128(i128::from(moment) + i128::from(EPOCH_MICROSECONDS), 6))),
        Field::Julian => {
            let fraction = Numeric::from_i64(time).div(&Numeric::from_i64(MICROSECONDS_PER_DAY))?;
            Ok(Some(scaled(days + JULIAN_EPOCH, 0).add(&fraction)?))
        }
        _ => Ok(time_field(field, time).or_else(|| day_field(field, days))),
    }
}

/// `extract(field from time)`
pub fn extract_time(name: &str, time: i64) -> Result<Option<Numeric>> {
    const TYPE_NAME: &str = "time without time zone";
    let field = field_of(name, TYPE_NAME)?;
    match field {
        Field::Epoch => Ok(Some(scaled(time, 6))),
        _ => time_field(field, time)
            .map(Some)
            .ok_or_else(|| datetime::unit_not_supported(&name.to_ascii_lowercase(), TYPE_NAME)),
    }
}

/// `extract(field from interval)`
pub fn extract_interval(name: &str, span: &Interval) -> Result<Option<Numeric>> {
    let field = field_of(name, "interval")?;
    let (years, time) = (span.months / 12, span.microseconds);
    let value = match field {
        Field::Hour => scaled(time / MICROSECONDS_PER_HOUR, 0),
        Field::Day => whole(span.days),
        Field::Week => whole(span.days / 7),
        Field::Month => whole(span.months % 12),
        // PostgreSQL 18 counts the quarter of a negative interval downwards.
        Field::Quarter if span.months >= 0 => whole(span.months % 12 / 3 + 1),
        Field::Quarter => whole(-((-(span.months % 12)) / 3 + 1)),
        Field::Year => whole(years),
        Field::Decade => whole(years / 10),
        Field::Century => whole(years / 100),
        Field::Millennium => whole(years / 1000),
        Field::Epoch => {
            // Years count 365.25 days, months 30.
            let seconds = i128::from(years) * 31_557_600
                + i128::from(span.months % 12) * 2_592_000
                + i128::from(span.days) * 86_400;
            Numeric::from_i128(seconds * 1_000_000 + i128::from(time), 6)
        }
        _ => match time_field(field, time) {
            Some(value) => value,
            None => return Err(datetime::unit_not_supported(&name.to_ascii_lowercase(), "interval")),
        },
    };
    if span.is_infinite() {
        let grows = infinite_field(field, span.months > 0);
        let also = matches!(field, Field::Hour | Field::Day);
        let infinite = if span.months > 0 { Numeric::Infinity } else { Numeric::NegativeInfinity };
        return Ok(if also { Some(infinite) } else { grows });
    }
    Ok(Some(value))
}

/// `extract(field from timetz)`; the offset counts seconds west of UTC.
pub fn extract_timetz(name: &str, (time, west): (i64, i32)) -> Result<Option<Numeric>> {
    const TYPE_NAME: &str = "time with time zone";
    let field = field_of(name, TYPE_NAME)?;
    match field {
        Field::Epoch => Ok(Some(scaled(time + i64::from(west) * 1_000_000, 6))),
        Field::Timezone => Ok(Some(whole(-west))),
        Field::TimezoneHour => Ok(Some(whole(-west / 3600))),
        Field::TimezoneMinute => Ok(Some(whole(-west / 60 % 60))),
        _ => time_field(field, time)
            .map(Some)
            .ok_or_else(|| datetime::unit_not_supported(&name.to_ascii_lowercase(), TYPE_NAME)),
    }
}

/// Returns a field with a fraction in PostgreSQL's order of operations, else the numeric one as a float.
fn part(name: &str, time: i64, exact: Option<Numeric>) -> Result<Option<f64>> {
    let in_minute = time % MICROSECONDS_PER_MINUTE;
    let (second, fraction) = (in_minute / 1_000_000, in_minute % 1_000_000);
    match (Field::parse(name), exact) {
        (Some(Field::Second), Some(_)) => Ok(Some(second as f64 + fraction as f64 / 1e6)),
        (Some(Field::Millisecond), Some(_)) => Ok(Some(second as f64 * 1000.0 + fraction as f64 / 1000.0)),
        (_, Some(exact)) => exact.to_f64().map(Some),
        (_, None) => Ok(None),
    }
}

fn time_of(timestamp: i64) -> i64 {
    if is_infinite(timestamp) { 0 } else { timestamp.rem_euclid(MICROSECONDS_PER_DAY) }
}

/// Returns the Julian day with the time as its fraction.
fn julian(local: i64) -> f64 {
    let (days, time) = (local.div_euclid(MICROSECONDS_PER_DAY), time_of(local));
    let seconds = (time / 1_000_000) as f64 + (time % 1_000_000) as f64 / 1e6;
    (days + JULIAN_EPOCH) as f64 + seconds / 86_400.0
}

/// `date_part(field, timestamp)`
pub fn part_timestamp(name: &str, timestamp: i64) -> Result<Option<f64>> {
    let exact = extract_timestamp(name, timestamp)?;
    if Field::parse(name) == Some(Field::Julian) && !is_infinite(timestamp) {
        return Ok(Some(julian(timestamp)));
    }
    part(name, time_of(timestamp), exact)
}

/// `date_part(field, timestamptz)`
pub fn part_timestamptz(name: &str, timestamp: i64, zone: &Zone) -> Result<Option<f64>> {
    let exact = extract_timestamptz(name, timestamp, zone)?;
    let local = super::arithmetic::timestamptz_at_zone(timestamp, zone)?;
    if Field::parse(name) == Some(Field::Julian) && !is_infinite(timestamp) {
        return Ok(Some(julian(local)));
    }
    part(name, time_of(local), exact)
}

/// `date_part(field, time)`
pub fn part_time(name: &str, time: i64) -> Result<Option<f64>> {
    let exact = extract_time(name, time)?;
    part(name, time, exact)
}

/// `date_part(field, timetz)`
pub fn part_timetz(name: &str, value: (i64, i32)) -> Result<Option<f64>> {
    let exact = extract_timetz(name, value)?;
    if Field::parse(name) == Some(Field::Epoch) {
        return Ok(Some(value.0 as f64 / 1e6 + f64::from(value.1)));
    }
    part(name, value.0, exact)
}

/// `date_part(field, interval)`
pub fn part_interval(name: &str, span: &Interval) -> Result<Option<f64>> {
    let exact = extract_interval(name, span)?;
    if span.is_infinite() {
        return exact.map(|exact| exact.to_f64()).transpose();
    }
    if Field::parse(name) == Some(Field::Epoch) {
        let years = f64::from(span.months / 12) * (365.25 * 86_400.0);
        let months = f64::from(span.months % 12) * (30.0 * 86_400.0);
        return Ok(Some(span.microseconds as f64 / 1e6 + years + months + f64::from(span.days) * 86_400.0));
    }
    part(name, span.microseconds, exact)
}
