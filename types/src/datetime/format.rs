//! Dates, times and timestamps as text, in the four DateStyles.

use super::parse::split_timestamp;
use super::zone::Zone;
use super::{
    DATE_NEGATIVE_INFINITY, MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, TIMESTAMP_NEGATIVE_INFINITY,
    is_infinite, is_infinite_date,
};
use crate::fast::{write_date, write_padded};
use crate::io::{DateOrder, DateStyle, IoContext};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Appends a date.
pub fn format_date(days: i32, context: &IoContext, out: &mut Vec<u8>) {
    if is_infinite_date(days) {
        let text = if days == DATE_NEGATIVE_INFINITY { "-infinity" } else { "infinity" };
        return out.extend_from_slice(text.as_bytes());
    }
    if context.date_style == DateStyle::Iso {
        return write_date(days, out);
    }
    let (year, month, day) = super::civil::civil_from_days(i64::from(days));
    numeric_date(year, month, day, context, true, out);
    before_christ(year, out);
}

/// Appends the date in the order and with the separator of a style that is not ISO.
fn numeric_date(year: i32, month: i32, day: i32, context: &IoContext, alone: bool, out: &mut Vec<u8>) {
    let separator = match context.date_style {
        DateStyle::Iso => b'-',
        DateStyle::Sql => b'/',
        DateStyle::German => b'.',
        DateStyle::Postgres => b'-',
    };
    let day_first = context.date_order == DateOrder::Dmy || context.date_style == DateStyle::German;
    let (first, second) = if day_first { (day, month) } else { (month, day) };
    debug_assert!(alone || context.date_style != DateStyle::Postgres);
    two(first, out);
    out.push(separator);
    two(second, out);
    out.push(separator);
    write_padded(shown_year(year), 4, out);
}

fn shown_year(year: i32) -> u64 {
    u64::from(if year > 0 { year } else { 1 - year }.unsigned_abs())
}

fn before_christ(year: i32, out: &mut Vec<u8>) {
    if year <= 0 {
        out.extend_from_slice(b" BC");
    }
}

fn two(value: i32, out: &mut Vec<u8>) {
    write_padded(u64::from(value.unsigned_abs()), 2, out);
}

/// Appends a time of day.
pub fn format_time(microseconds: i64, out: &mut Vec<u8>) {
    let seconds = microseconds / MICROSECONDS_PER_SECOND;
    write_padded((seconds / 3600).unsigned_abs(), 2, out);
    out.push(b':');
    write_padded((seconds / 60 % 60).unsigned_abs(), 2, out);
    out.push(b':');
    write_padded((seconds % 60).unsigned_abs(), 2, out);
    fraction(microseconds % MICROSECONDS_PER_SECOND, out);
}

/// Appends `.ffffff` without trailing zeros.
pub(super) fn fraction(microseconds: i64, out: &mut Vec<u8>) {
    if microseconds != 0 {
        out.push(b'.');
        write_padded(microseconds.unsigned_abs(), 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends an offset east of UTC: `+hh[:mm[:ss]]`.
pub fn format_offset(east: i32, out: &mut Vec<u8>) {
    out.push(if east < 0 { b'-' } else { b'+' });
    let seconds = east.abs();
    two(seconds / 3600, out);
    if seconds % 3600 != 0 {
        out.push(b':');
        two(seconds / 60 % 60, out);
    }
    if seconds % 60 != 0 {
        out.push(b':');
        two(seconds % 60, out);
    }
}

/// Appends a time with zone; `west` is seconds west of UTC.
pub fn format_timetz(microseconds: i64, west: i32, out: &mut Vec<u8>) {
    format_time(microseconds, out);
    format_offset(-west, out);
}

/// Appends a timestamp.
pub fn format_timestamp(timestamp: i64, context: &IoContext, out: &mut Vec<u8>) {
    if !infinity(timestamp, out) {
        write_timestamp(timestamp, None, context, out);
    }
}

/// Appends a timestamp with time zone, in the session's zone.
pub fn format_timestamptz(timestamp: i64, context: &IoContext, out: &mut Vec<u8>) {
    if infinity(timestamp, out) {
        return;
    }
    let offset = context.time_zone.offset_at(timestamp);
    let local = timestamp.saturating_add(i64::from(offset) * MICROSECONDS_PER_SECOND);
    write_timestamp(local, Some((offset, timestamp, &context.time_zone)), context, out);
}

fn infinity(timestamp: i64, out: &mut Vec<u8>) -> bool {
    if is_infinite(timestamp) {
        let text = if timestamp == TIMESTAMP_NEGATIVE_INFINITY { "-infinity" } else { "infinity" };
        out.extend_from_slice(text.as_bytes());
    }
    is_infinite(timestamp)
}

fn write_timestamp(local: i64, zone: Option<(i32, i64, &Zone)>, context: &IoContext, out: &mut Vec<u8>) {
    let ((year, month, day), time) = split_timestamp(local);
    match context.date_style {
        DateStyle::Iso => {
            write_padded(shown_year(year), 4, out);
            out.push(b'-');
            two(month, out);
            out.push(b'-');
            two(day, out);
            out.push(b' ');
            format_time(time, out);
        }
        DateStyle::Sql | DateStyle::German => {
            numeric_date(year, month, day, context, false, out);
            out.push(b' ');
            format_time(time, out);
        }
        DateStyle::Postgres => {
            let weekday = (local.div_euclid(MICROSECONDS_PER_DAY) + 6).rem_euclid(7);
            out.extend_from_slice(WEEKDAYS.get(weekday as usize).copied().unwrap_or("").as_bytes());
            out.push(b' ');
            let name = MONTHS.get((month - 1) as usize).copied().unwrap_or("").as_bytes();
            if context.date_order == DateOrder::Dmy {
                two(day, out);
                out.push(b' ');
                out.extend_from_slice(name);
            } else {
                out.extend_from_slice(name);
                out.push(b' ');
                two(day, out);
            }
            out.push(b' ');
            format_time(time, out);
            out.push(b' ');
            write_padded(shown_year(year), 4, out);
        }
    }
    if let Some((offset, utc, zone)) = zone {
        match (context.date_style, zone.abbreviation_at(utc)) {
            (DateStyle::Iso, _) => format_offset(offset, out),
            (DateStyle::Sql | DateStyle::German | DateStyle::Postgres, Some(name)) => {
                out.push(b' ');
                out.extend_from_slice(name.as_bytes());
            }
            (DateStyle::Postgres, None) => {
                out.push(b' ');
                format_offset(offset, out);
            }
            (DateStyle::Sql | DateStyle::German, None) => format_offset(offset, out),
        }
    }
    before_christ(year, out);
}
