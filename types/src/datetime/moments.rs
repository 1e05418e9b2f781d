//! Dates, timestamps and timestamps with time zone beside each other.

use std::cmp::Ordering;

use super::arithmetic::{date_to_timestamp, timestamp_at_zone};
use super::zone::Zone;
use super::{
    MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY,
    check_timestamp, is_infinite, is_infinite_date,
};
use crate::datum::Interval;
use crate::errors::{Result, data, datetime};

/// `date::timestamptz`
pub fn date_to_timestamptz(date: i32, zone: &Zone) -> Result<i64> {
    timestamp_at_zone(date_to_timestamp(date)?, zone)
}

/// Compares a local timestamp with a moment, in `zone`. Local times beyond the range keep their side.
pub fn compare_timestamp_timestamptz(local: i64, moment: i64, zone: &Zone) -> Result<Ordering> {
    match timestamp_at_zone(local, zone) {
        Ok(at) => Ok(at.cmp(&moment)),
        Err(_) if local > 0 => {
            Ok(if moment == TIMESTAMP_INFINITY { Ordering::Less } else { Ordering::Greater })
        }
        Err(_) => Ok(if moment == TIMESTAMP_NEGATIVE_INFINITY { Ordering::Greater } else { Ordering::Less }),
    }
}

/// Compares a date with a moment: the date starts at local midnight.
pub fn compare_date_timestamptz(date: i32, moment: i64, zone: &Zone) -> Result<Ordering> {
    match date_to_timestamp(date) {
        Ok(local) => compare_timestamp_timestamptz(local, moment, zone),
        // Only dates after the last timestamp fail.
        Err(_) => Ok(if moment == TIMESTAMP_INFINITY { Ordering::Less } else { Ordering::Greater }),
    }
}

/// `date + time`
pub fn date_plus_time(date: i32, time: i64) -> Result<i64> {
    let start = date_to_timestamp(date)?;
    if is_infinite(start) {
        return Ok(start);
    }
    start.checked_add(time).and_then(check_timestamp).ok_or_else(|| datetime::out_of_range("timestamp", None))
}

/// `date + timetz`, a moment.
pub fn date_plus_timetz(date: i32, (time, west): (i64, i32)) -> Result<i64> {
    if is_infinite_date(date) {
        return date_to_timestamp(date);
    }
    i64::from(date)
        .checked_mul(MICROSECONDS_PER_DAY)
        .and_then(|start| start.checked_add(time + i64::from(west) * MICROSECONDS_PER_SECOND))
        .and_then(check_timestamp)
        .ok_or_else(datetime::date_out_of_range_for_timestamp)
}

/// Returns the fixed zone that an interval names.
pub fn interval_zone(span: &Interval) -> Result<Zone> {
    if span.is_infinite() {
        return Err(datetime::interval_zone_infinite(span));
    }
    if span.months != 0 || span.days != 0 {
        return Err(datetime::interval_zone_with_days(span));
    }
    Ok(Zone::Fixed((span.microseconds / MICROSECONDS_PER_SECOND) as i32))
}

/// `in_range` of timestamps: `value <= base -/+ offset` or `>=`. `add` moves the base.
pub fn in_range(
    value: i64,
    base: i64,
    offset: &Interval,
    (subtract, less): (bool, bool),
    add: impl Fn(i64, &Interval) -> Result<i64>,
) -> Result<bool> {
    if offset.comparable() < 0 {
        return Err(data::invalid_preceding_or_following());
    }
    let away = if subtract { TIMESTAMP_INFINITY } else { TIMESTAMP_NEGATIVE_INFINITY };
    if offset.is_infinite() && base == away {
        return Ok(true);
    }
    let bound = if subtract { add(base, &offset.negate()?)? } else { add(base, offset)? };
    Ok(if less { value <= bound } else { value >= bound })
}
