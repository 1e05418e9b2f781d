//! `time` and `timetz`: differences, zones, making, overlaps.

use super::arithmetic::{time_minus_interval, time_plus_interval};
use super::zone::Zone;
use super::{MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND};
use crate::compare::compare;
use crate::datum::Interval;
use crate::errors::{Result, data, datetime};
use crate::{Datum, Oid};

/// `time - time`
pub fn difference(left: i64, right: i64) -> Interval {
    Interval { microseconds: left - right, days: 0, months: 0 }
}

/// `interval::time`: what is left of whole days.
pub fn from_interval(span: &Interval) -> Result<i64> {
    if span.is_infinite() { Err(datetime::infinite_interval_to_time()) } else { Ok(wrap(span.microseconds)) }
}

fn wrap(time: i64) -> i64 {
    time.rem_euclid(MICROSECONDS_PER_DAY)
}

/// Moves a time with zone to another zone, `west` seconds west of UTC.
pub fn at_offset((time, own): (i64, i32), west: i32) -> (i64, i32) {
    (wrap(time + i64::from(own - west) * MICROSECONDS_PER_SECOND), west)
}

/// Moves a time with zone to `zone`, with the offset it has at the moment `now`.
pub fn at_zone(value: (i64, i32), zone: &Zone, now: i64) -> (i64, i32) {
    at_offset(value, -zone.offset_at(now))
}

/// `time::timetz`: the offset is that of today at that time.
pub fn with_zone(time: i64, zone: &Zone, local_now: i64) -> (i64, i32) {
    let midnight = local_now - local_now.rem_euclid(MICROSECONDS_PER_DAY);
    (time, -zone.offset_at_local(midnight + time))
}

/// `timetz + interval`
pub fn timetz_plus((time, west): (i64, i32), span: &Interval) -> Result<(i64, i32)> {
    Ok((time_plus_interval(time, span)?, west))
}

/// `timetz - interval`
pub fn timetz_minus((time, west): (i64, i32), span: &Interval) -> Result<(i64, i32)> {
    Ok((time_minus_interval(time, span)?, west))
}

/// `make_time(hour, minute, second)`; `None` when a field is out of range.
pub fn from_fields(hour: i32, minute: i32, second: f64) -> Option<i64> {
    let in_range = (0..=24).contains(&hour) && (0..60).contains(&minute) && (0.0..=60.0).contains(&second);
    if !in_range || hour == 24 && (minute > 0 || second > 0.0) {
        return None;
    }
    let microseconds = (second * 1e6).round_ties_even() as i64;
    Some((i64::from(hour) * 60 + i64::from(minute)) * 60 * MICROSECONDS_PER_SECOND + microseconds)
}

/// `make_time(hour, minute, second)`
pub fn make(hour: i32, minute: i32, second: f64) -> Result<i64> {
    from_fields(hour, minute, second).ok_or_else(|| datetime::make_time_out_of_range(hour, minute, second))
}

/// `in_range` of times: only the time of the offset counts, and it does not wrap around midnight.
pub fn in_range(value: i64, base: i64, offset: &Interval, (subtract, less): (bool, bool)) -> Result<bool> {
    if offset.microseconds < 0 {
        return Err(data::invalid_preceding_or_following());
    }
    let bound =
        if subtract { Some(base - offset.microseconds) } else { base.checked_add(offset.microseconds) };
    Ok(match bound {
        Some(bound) if less => value <= bound,
        Some(bound) => value >= bound,
        None => less,
    })
}

/// `OVERLAPS` with the rules for missing ends (`overlaps_timestamp`).
pub fn overlaps(oid: Oid, first: (&Datum, &Datum), second: (&Datum, &Datum)) -> Datum {
    let order = |left: &Datum, right: &Datum| compare(oid, left, right);
    // A period as (start, end): the ends ascend, a missing end stays missing.
    let period = |(start, end): (&Datum, &Datum)| -> Option<(Datum, Datum)> {
        match (start.is_null(), end.is_null()) {
            (true, true) => None,
            (true, false) => Some((end.clone(), Datum::Null)),
            (false, false) if order(start, end).is_gt() => Some((end.clone(), start.clone())),
            (false, _) => Some((start.clone(), end.clone())),
        }
    };
    let (Some((start1, end1)), Some((start2, end2))) = (period(first), period(second)) else {
        return Datum::Null;
    };
    // The later period starts before the earlier one ends, or nobody knows.
    let decide = |later: &Datum, later_end: &Datum, earlier_end: &Datum| {
        if earlier_end.is_null() {
            Datum::Null
        } else if order(later, earlier_end).is_lt() {
            Datum::Bool(true)
        } else if later_end.is_null() {
            Datum::Null
        } else {
            Datum::Bool(false)
        }
    };
    match order(&start1, &start2) {
        std::cmp::Ordering::Greater => decide(&start1, &end1, &end2),
        std::cmp::Ordering::Less => decide(&start2, &end2, &end1),
        std::cmp::Ordering::Equal if end1.is_null() || end2.is_null() => Datum::Null,
        std::cmp::Ordering::Equal => Datum::Bool(true),
    }
}
