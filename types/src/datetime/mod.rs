//! Dates, times, timestamps and intervals.
//!
//! * `civil`: days and calendar dates
//! * `zone`: time zones (jiff's rules), fixed offsets and abbreviations
//! * `parse`: text to date/time values; `interval_text` for intervals
//! * `format`: values to text in every DateStyle and IntervalStyle
//! * `arithmetic`, `interval`: operators; `extract`, `trunc`: fields

mod abbreviations;
pub mod arithmetic;
pub mod civil;
pub mod extract;
pub mod format;
pub mod interval;
pub mod interval_text;
pub mod make;
pub mod moments;
pub mod parse;
pub mod times;
mod tokens;
pub mod trunc;
pub mod zone;

/// Microseconds in a second.
pub const MICROSECONDS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MICROSECONDS_PER_MINUTE: i64 = 60_000_000;
/// Microseconds in an hour.
pub const MICROSECONDS_PER_HOUR: i64 = 3_600_000_000;
/// Microseconds in a day.
pub const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;
/// `'infinity'::date`
pub const DATE_INFINITY: i32 = i32::MAX;
/// `'-infinity'::date`
pub const DATE_NEGATIVE_INFINITY: i32 = i32::MIN;
/// `'infinity'::timestamp`
pub const TIMESTAMP_INFINITY: i64 = i64::MAX;
/// `'-infinity'::timestamp`
pub const TIMESTAMP_NEGATIVE_INFINITY: i64 = i64::MIN;
/// 4714-11-24 BC, the first day (Julian day 0).
pub const DATE_MIN: i32 = -2_451_545;
/// The day after the last date, 5874898-01-01.
pub const DATE_END: i32 = 2_145_031_949;
/// First timestamp, 4714-11-24 BC.
pub const TIMESTAMP_MIN: i64 = -211_813_488_000_000_000;
/// The moment after the last timestamp, 294277-01-01.
pub const TIMESTAMP_END: i64 = 9_223_371_331_200_000_000;
/// Days from 1970-01-01 to 2000-01-01.
pub const EPOCH_DAYS: i64 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
pub const EPOCH_MICROSECONDS: i64 = EPOCH_DAYS * MICROSECONDS_PER_DAY;
/// Julian day of 2000-01-01.
pub const JULIAN_EPOCH: i64 = 2_451_545;

/// Returns whether a timestamp is one of the infinities.
pub fn is_infinite(timestamp: i64) -> bool {
    timestamp == TIMESTAMP_INFINITY || timestamp == TIMESTAMP_NEGATIVE_INFINITY
}

/// Returns whether a date is one of the infinities.
pub fn is_infinite_date(date: i32) -> bool {
    date == DATE_INFINITY || date == DATE_NEGATIVE_INFINITY
}

/// Returns the timestamp when it is in PostgreSQL's range.
pub fn check_timestamp(timestamp: i64) -> Option<i64> {
    (TIMESTAMP_MIN..TIMESTAMP_END).contains(&timestamp).then_some(timestamp)
}
