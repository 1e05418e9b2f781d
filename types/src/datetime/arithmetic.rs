//! Operators on dates, times and timestamps, and the conversions between them.

use super::civil::{civil_from_days, days_from_civil, days_in_month};
use super::interval::round_to_precision;
use super::parse::split_timestamp;
use super::zone::Zone;
use super::{
    DATE_END, DATE_INFINITY, DATE_MIN, DATE_NEGATIVE_INFINITY, EPOCH_MICROSECONDS, MICROSECONDS_PER_DAY,
    MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MINUTE, MICROSECONDS_PER_SECOND, TIMESTAMP_INFINITY,
    TIMESTAMP_NEGATIVE_INFINITY, check_timestamp, is_infinite, is_infinite_date,
};
use crate::datum::Interval;
use crate::errors::{PgError, Result, datetime};

fn timestamp_out_of_range() -> PgError {
    datetime::out_of_range("timestamp", None)
}

/// `date + int4`
pub fn date_plus_days(date: i32, days: i32) -> Result<i32> {
    if is_infinite_date(date) {
        return Ok(date);
    }
    date.checked_add(days)
        .filter(|sum| (DATE_MIN..DATE_END).contains(sum))
        .ok_or_else(|| datetime::out_of_range("date", None))
}

/// `date - int4`
pub fn date_minus_days(date: i32, days: i32) -> Result<i32> {
    if is_infinite_date(date) {
        return Ok(date);
    }
    date.checked_sub(days)
        .filter(|sum| (DATE_MIN..DATE_END).contains(sum))
        .ok_or_else(|| datetime::out_of_range("date", None))
}

/// `date - date`
pub fn date_difference(left: i32, right: i32) -> Result<i32> {
    if is_infinite_date(left) || is_infinite_date(right) {
        return Err(datetime::cannot_subtract_infinite_dates());
    }
    Ok(left - right)
}

/// `date::timestamp`
pub fn date_to_timestamp(date: i32) -> Result<i64> {
    match date {
        DATE_INFINITY => Ok(TIMESTAMP_INFINITY),
        DATE_NEGATIVE_INFINITY => Ok(TIMESTAMP_NEGATIVE_INFINITY),
        _ => i64::from(date)
            .checked_mul(MICROSECONDS_PER_DAY)
            .and_then(check_timestamp)
            .ok_or_else(datetime::date_out_of_range_for_timestamp),
    }
}

/// `timestamp::date`
pub fn timestamp_to_date(timestamp: i64) -> i32 {
    match timestamp {
        TIMESTAMP_INFINITY => DATE_INFINITY,
        TIMESTAMP_NEGATIVE_INFINITY => DATE_NEGATIVE_INFINITY,
        _ => timestamp.div_euclid(MICROSECONDS_PER_DAY) as i32,
    }
}

/// `timestamp::time`; infinite timestamps have none.
pub fn timestamp_to_time(timestamp: i64) -> Option<i64> {
    (!is_infinite(timestamp)).then(|| timestamp.rem_euclid(MICROSECONDS_PER_DAY))
}

/// `timestamp AT TIME ZONE zone`, and `timestamp::timestamptz` with the session's zone.
pub fn timestamp_at_zone(local: i64, zone: &Zone) -> Result<i64> {
    if is_infinite(local) {
        return Ok(local);
    }
    local
        .checked_sub(i64::from(zone.offset_at_local(local)) * MICROSECONDS_PER_SECOND)
        .and_then(check_timestamp)
        .ok_or_else(timestamp_out_of_range)
}

/// `timestamptz AT TIME ZONE zone`, and `timestamptz::timestamp` with the session's zone.
pub fn timestamptz_at_zone(utc: i64, zone: &Zone) -> Result<i64> {
    if is_infinite(utc) {
        return Ok(utc);
    }
    utc.checked_add(i64::from(zone.offset_at(utc)) * MICROSECONDS_PER_SECOND)
        .and_then(check_timestamp)
        .ok_or_else(timestamp_out_of_range)
}

/// `timestamp + interval`: months, then days, then time; the day is cut to the month's length.
pub fn timestamp_plus_interval(timestamp: i64, span: &Interval) -> Result<i64> {
    if let Some(result) = infinite_sum(timestamp, span) {
        return result;
    }
    let moved = plus_months_and_days(timestamp, span).ok_or_else(timestamp_out_of_range)?;
    moved.checked_add(span.microseconds).and_then(check_timestamp).ok_or_else(timestamp_out_of_range)
}

fn infinite_sum(timestamp: i64, span: &Interval) -> Option<Result<i64>> {
    let direction = match *span {
        Interval::INFINITY => TIMESTAMP_INFINITY,
        Interval::NEGATIVE_INFINITY => TIMESTAMP_NEGATIVE_INFINITY,
        _ => return is_infinite(timestamp).then_some(Ok(timestamp)),
    };
    let opposite = is_infinite(timestamp) && timestamp != direction;
    Some(if opposite { Err(timestamp_out_of_range()) } else { Ok(direction) })
}

fn plus_months_and_days(timestamp: i64, span: &Interval) -> Option<i64> {
    let mut timestamp = timestamp;
    if span.months != 0 {
        let ((year, month, day), time) = split_timestamp(timestamp);
        let months = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(span.months);
        let year = i32::try_from(months.div_euclid(12)).ok().filter(|year| year.abs() < 5_900_000)?;
        let month = months.rem_euclid(12) as i32 + 1;
        let days = days_from_civil(year, month, day.min(days_in_month(year, month)));
        timestamp = check_timestamp(i64::from(days).checked_mul(MICROSECONDS_PER_DAY)?.checked_add(time)?)?;
    }
    if span.days != 0 {
        timestamp = timestamp.checked_add(i64::from(span.days).checked_mul(MICROSECONDS_PER_DAY)?)?;
        timestamp = check_timestamp(timestamp)?;
    }
    Some(timestamp)
}

/// `timestamp - interval`
pub fn timestamp_minus_interval(timestamp: i64, span: &Interval) -> Result<i64> {
    timestamp_plus_interval(timestamp, &span.negate()?)
}

/// `timestamptz + interval`: months and days in local time, time in absolute time.
pub fn timestamptz_plus_interval(timestamp: i64, span: &Interval, zone: &Zone) -> Result<i64> {
    if let Some(result) = infinite_sum(timestamp, span) {
        return result;
    }
    let mut moved = timestamp;
    if span.months != 0 || span.days != 0 {
        let local = timestamptz_at_zone(timestamp, zone)?;
        let local = plus_months_and_days(local, span).ok_or_else(timestamp_out_of_range)?;
        moved = timestamp_at_zone(local, zone)?;
    }
    moved.checked_add(span.microseconds).and_then(check_timestamp).ok_or_else(timestamp_out_of_range)
}

/// `timestamptz - interval`
pub fn timestamptz_minus_interval(timestamp: i64, span: &Interval, zone: &Zone) -> Result<i64> {
    timestamptz_plus_interval(timestamp, &span.negate()?, zone)
}

/// `date + interval`, a timestamp.
pub fn date_plus_interval(date: i32, span: &Interval) -> Result<i64> {
    timestamp_plus_interval(date_to_timestamp(date)?, span)
}

/// `date - interval`, a timestamp.
pub fn date_minus_interval(date: i32, span: &Interval) -> Result<i64> {
    timestamp_minus_interval(date_to_timestamp(date)?, span)
}

/// `timestamp - timestamp`: days and time, no months.
pub fn timestamp_difference(left: i64, right: i64) -> Result<Interval> {
    let overflow = || datetime::out_of_range("interval", None);
    if is_infinite(left) || is_infinite(right) {
        return match (left, right) {
            (TIMESTAMP_INFINITY, TIMESTAMP_INFINITY) => Err(overflow()),
            (TIMESTAMP_NEGATIVE_INFINITY, TIMESTAMP_NEGATIVE_INFINITY) => Err(overflow()),
            (TIMESTAMP_INFINITY, _) | (_, TIMESTAMP_NEGATIVE_INFINITY) => Ok(Interval::INFINITY),
            _ => Ok(Interval::NEGATIVE_INFINITY),
        };
    }
    let microseconds = left.checked_sub(right).ok_or_else(overflow)?;
    Interval { microseconds, days: 0, months: 0 }.justify_hours()
}

/// `age(timestamp, timestamp)`: years, months, days and time between, counted symbolically.
pub fn age(left: i64, right: i64) -> Result<Interval> {
    if is_infinite(left) || is_infinite(right) {
        return timestamp_difference(left, right);
    }
    let negative = left < right;
    let (later, earlier) = if negative { (right, left) } else { (left, right) };
    let ((y1, m1, d1), t1) = split_timestamp(later);
    let ((y2, m2, d2), t2) = split_timestamp(earlier);
    let mut time = t1 - t2;
    let (mut years, mut months, mut days) = (y1 - y2, m1 - m2, d1 - d2);
    if time < 0 {
        time += MICROSECONDS_PER_DAY;
        days -= 1;
    }
    while days < 0 {
        // A month is borrowed at the length of the earlier one.
        days += days_in_month(y2, m2);
        months -= 1;
    }
    while months < 0 {
        months += 12;
        years -= 1;
    }
    let span = Interval { microseconds: time, days, months: years * 12 + months };
    if negative { span.negate() } else { Ok(span) }
}

/// `time + interval`, modulo a day.
pub fn time_plus_interval(time: i64, span: &Interval) -> Result<i64> {
    if span.is_infinite() {
        return Err(PgError::new(
            crate::SqlState::DATETIME_FIELD_OVERFLOW,
            "cannot add infinite interval to time",
        ));
    }
    Ok((time + span.microseconds % MICROSECONDS_PER_DAY).rem_euclid(MICROSECONDS_PER_DAY))
}

/// `time - interval`, modulo a day.
pub fn time_minus_interval(time: i64, span: &Interval) -> Result<i64> {
    if span.is_infinite() {
        let message = "cannot subtract infinite interval from time";
        return Err(PgError::new(crate::SqlState::DATETIME_FIELD_OVERFLOW, message));
    }
    Ok((time - span.microseconds % MICROSECONDS_PER_DAY).rem_euclid(MICROSECONDS_PER_DAY))
}

/// `make_date(year, month, day)`; negative years are BC.
pub fn make_date(year: i32, month: i32, day: i32) -> Result<i32> {
    let astronomical = if year < 0 { year.saturating_add(1) } else { year };
    let error = || datetime::make_date_out_of_range(year, month, day);
    if astronomical > 5_874_897 && super::civil::is_valid(2000, month, day) {
        return Err(datetime::make_date_beyond_range(year, month, day));
    }
    if year == 0 || astronomical.abs() > 5_874_898 || !super::civil::is_valid(astronomical, month, day) {
        return Err(error());
    }
    let days = days_from_civil(astronomical, month, day);
    if (DATE_MIN..DATE_END).contains(&days) { Ok(days) } else { Err(error()) }
}

/// `make_interval(years, months, weeks, days, hours, mins, secs)`
pub fn make_interval(fields: [i32; 6], seconds: f64) -> Result<Interval> {
    let [years, months, weeks, days, hours, minutes] = fields;
    let error = || datetime::out_of_range("interval", None);
    if !seconds.is_finite() {
        return Err(error());
    }
    let months = years.checked_mul(12).and_then(|value| value.checked_add(months)).ok_or_else(error)?;
    let days = weeks.checked_mul(7).and_then(|value| value.checked_add(days)).ok_or_else(error)?;
    let seconds = (seconds * 1e6).round_ties_even();
    if seconds.abs() >= 9.2e18 {
        return Err(error());
    }
    let time = (i64::from(hours) * MICROSECONDS_PER_HOUR)
        .checked_add(i64::from(minutes) * MICROSECONDS_PER_MINUTE)
        .and_then(|value| value.checked_add(seconds as i64))
        .ok_or_else(error)?;
    Ok(Interval { microseconds: time, days, months })
}

/// `to_timestamp(float8)`: seconds from 1970.
pub fn to_timestamp(seconds: f64) -> Result<i64> {
    let out = |text: String| PgError::new(crate::SqlState::DATETIME_FIELD_OVERFLOW, text);
    if seconds.is_nan() {
        return Err(out("timestamp cannot be NaN".to_string()));
    }
    if seconds.is_infinite() {
        return Ok(if seconds > 0.0 { TIMESTAMP_INFINITY } else { TIMESTAMP_NEGATIVE_INFINITY });
    }
    let shifted = (seconds - EPOCH_MICROSECONDS as f64 / 1e6) * 1e6;
    let shown = || out(format!("timestamp out of range: \"{}\"", crate::float::format_f64(seconds, 0)));
    if shifted.abs() > 9.3e18 {
        return Err(shown());
    }
    check_timestamp(shifted.round_ties_even() as i64).ok_or_else(shown)
}

/// Rounds a timestamp or time to the `precision` of its type modifier; infinities stay.
pub fn apply_precision(value: i64, typmod: i32) -> i64 {
    if typmod < 0 || is_infinite(value) { value } else { round_to_precision(value, typmod) }
}

/// Returns whether two periods overlap, each given by ordered ends.
pub fn overlaps(first: (i64, i64), second: (i64, i64)) -> bool {
    let order = |(a, b): (i64, i64)| if a <= b { (a, b) } else { (b, a) };
    let ((s1, e1), (s2, e2)) = (order(first), order(second));
    if s1 == s2 {
        true
    } else if s1 > s2 {
        s1 < e2
    } else {
        s2 < e1
    }
}

/// Returns year, month and day of a date.
pub fn date_fields(date: i32) -> (i32, i32, i32) {
    civil_from_days(i64::from(date))
}
