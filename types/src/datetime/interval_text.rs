//! Text input and output of intervals.

use super::format::fraction;
use super::parse::fraction_microseconds;
use super::{MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND};
use crate::datum::Interval;
use crate::errors::{Result, datetime};
use crate::fast::{write_i64, write_padded};
use crate::io::{IntervalStyle, IoContext};

/// Sums of fields while parsing, wide enough never to overflow from bounded text.
#[derive(Default)]
struct Sums {
    months: f64,
    days: i64,
    microseconds: i128,
    /// Units that have been read, a bit each; none may come twice.
    seen: u32,
    /// A minute or second of 60 and more was read.
    clock_overflow: bool,
}

/// Parses an interval: the verbose, SQL and ISO 8601 forms.
pub fn parse_interval(text: &str, typmod: i32) -> Result<Interval> {
    let invalid = || datetime::invalid_syntax("interval", text);
    let trimmed = text.trim().to_ascii_lowercase();
    match trimmed.as_str() {
        "infinity" | "+infinity" => return Ok(Interval::INFINITY),
        "-infinity" => return Ok(Interval::NEGATIVE_INFINITY),
        "" => return Err(invalid()),
        _ => {}
    }
    let mut sums = Sums::default();
    let parsed = if trimmed.starts_with('p') {
        iso(&trimmed, &mut sums)
    } else {
        verbose(&trimmed, &mut sums, default_unit(typmod))
    };
    if sums.clock_overflow {
        return Err(datetime::interval_field_out_of_range(text));
    }
    parsed.ok_or_else(invalid)?;
    let overflow = || datetime::interval_field_out_of_range(text);
    if sums.months.is_nan() || sums.months.abs() >= 2_147_483_648.0 {
        return Err(datetime::out_of_range("interval", None));
    }
    let interval = Interval {
        months: sums.months as i32,
        days: i32::try_from(sums.days).map_err(|_| overflow())?,
        microseconds: i64::try_from(sums.microseconds).map_err(|_| overflow())?,
    };
    interval.apply_typmod(typmod)
}

/// Returns the unit of a bare number under `interval day`, `interval month` and the like.
fn default_unit(typmod: i32) -> &'static str {
    if typmod < 0 {
        return "second";
    }
    let range = (typmod >> 16) & 0x7fff;
    if range == 0x7fff {
        return "second";
    }
    [(12, "second"), (11, "minute"), (10, "hour"), (3, "day"), (1, "month"), (2, "year")]
        .into_iter()
        .find(|(bit, _)| range & (1 << bit) != 0)
        .map_or("second", |(_, unit)| unit)
}

impl Sums {
    /// Adds `whole.fraction` units; `None` for an unknown unit.
    fn add(&mut self, negative: bool, whole: &str, fraction: &str, unit: &str) -> Option<()> {
        let sign = if negative { -1 } else { 1 };
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let part: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().ok()? };
        let (whole, part) = (whole * sign, part * sign as f64);
        let unit = unit.strip_suffix('s').filter(|stem| stem.len() > 1).unwrap_or(unit);
        let whole_f64 = whole as f64;
        let class = unit_class(unit)?;
        if self.seen & (1 << class) != 0 {
            return None;
        }
        self.seen |= 1 << class;
        match unit {
            "microsecond" | "usec" | "microsec" | "us" | "usecond" => {
                self.microseconds += i128::from(whole) + part.round_ties_even() as i128;
            }
            "millisecond" | "msec" | "millisec" | "ms" | "msecond" => {
                self.microseconds += i128::from(whole) * 1000 + (part * 1e3).round_ties_even() as i128;
            }
            "second" | "sec" | "s" => self.time(whole, part, MICROSECONDS_PER_SECOND),
            "minute" | "min" | "m" => self.time(whole, part, 60 * MICROSECONDS_PER_SECOND),
            "hour" | "hr" | "h" => self.time(whole, part, 3600 * MICROSECONDS_PER_SECOND),
            "day" | "d" => {
                self.days = self.days.checked_add(whole)?;
                self.microseconds += (part * MICROSECONDS_PER_DAY as f64).round_ties_even() as i128;
            }
            "week" | "w" => {
                self.days = self.days.checked_add(whole.checked_mul(7)?)?;
                self.fraction_of_days(part * 7.0);
            }
            "month" | "mon" if i32::try_from(whole).is_err() => self.clock_overflow = true,
            "month" | "mon" => {
                self.months += whole_f64;
                self.fraction_of_days(part * 30.0);
            }
            "year" | "yr" | "y" if i32::try_from(whole).is_err() => self.clock_overflow = true,
            "year" | "yr" | "y" => self.months += whole_f64 * 12.0 + (part * 12.0).round_ties_even(),
            "decade" | "dec" => self.months += whole_f64 * 120.0 + (part * 120.0).round_ties_even(),
            "century" | "centurie" | "cent" | "c" => {
                self.months += whole_f64 * 1200.0 + (part * 1200.0).round_ties_even()
            }
            "millennium" | "millennia" | "mil" | "mill" => {
                self.months += whole_f64 * 12_000.0 + (part * 12_000.0).round_ties_even();
            }
            _ => return None,
        }
        Some(())
    }

    fn time(&mut self, whole: i64, part: f64, unit: i64) {
        self.microseconds +=
            i128::from(whole) * i128::from(unit) + (part * unit as f64).round_ties_even() as i128;
    }

    fn fraction_of_days(&mut self, days: f64) {
        self.days += days.trunc() as i64;
        self.microseconds += (days.fract() * MICROSECONDS_PER_DAY as f64).round_ties_even() as i128;
    }

    fn negate(&mut self) {
        self.months = -self.months;
        self.days = -self.days;
        self.microseconds = -self.microseconds;
    }
}

/// Returns a number for each unit, the same for its spellings.
fn unit_class(unit: &str) -> Option<u32> {
    const UNITS: [&[&str]; 12] = [
        &["microsecond", "usec", "microsec", "us", "usecond"],
        &["millisecond", "msec", "millisec", "ms", "msecond"],
        &["second", "sec", "s"],
        &["minute", "min", "m"],
        &["hour", "hr", "h"],
        &["day", "d"],
        &["week", "w"],
        &["month", "mon"],
        &["year", "yr", "y"],
        &["decade", "dec"],
        &["century", "centurie", "cent", "c"],
        &["millennium", "millennia", "mil", "mill"],
    ];
    UNITS.iter().position(|names| names.contains(&unit)).and_then(|at| u32::try_from(at).ok())
}

/// Splits leading sign and digits with fraction off `text`.
fn number(text: &str) -> Option<(bool, &str, &str, &str)> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (whole, rest) = rest.split_at(end);
    let (part, rest) = match rest.strip_prefix('.') {
        Some(after) => {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            after.split_at(end)
        }
        None => ("", rest),
    };
    (!(whole.is_empty() && part.is_empty())).then_some((negative, whole, part, rest))
}

fn verbose(text: &str, sums: &mut Sums, bare_unit: &str) -> Option<()> {
    let mut rest = text.trim_start_matches('@').trim_start();
    let mut seen = false;
    while !rest.is_empty() {
        if seen && rest == "ago" {
            sums.negate();
            return Some(());
        }
        let (negative, whole, part, after) = number(rest)?;
        seen = true;
        if after.starts_with(':') {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            let (clock_rest, remaining) = after.split_at(end);
            clock(negative, &format!("{whole}{clock_rest}"), sums)?;
            rest = remaining.trim_start();
            continue;
        }
        if part.is_empty() && after.starts_with('-') {
            // SQL: years-months
            let (_, months, fraction, remaining) = number(after)?;
            let count: i64 = months.parse().ok().filter(|count| (0..12).contains(count))?;
            if !fraction.is_empty() {
                return None;
            }
            let total = whole.parse::<f64>().ok()? * 12.0 + count as f64;
            sums.months += if negative { -total } else { total };
            rest = remaining.trim_start();
            continue;
        }
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, remaining) = after.split_at(end);
        if unit.is_empty() {
            // A bare number before a time is days; alone it is the default unit.
            let unit = if number(remaining).is_some_and(|(_, _, _, next)| next.starts_with(':')) {
                "day"
            } else {
                bare_unit
            };
            sums.add(negative, whole, part, unit)?;
        } else {
            sums.add(negative, whole, part, unit)?;
        }
        rest = remaining.trim_start();
    }
    seen.then_some(())
}

/// Reads `h:m[:s[.f]]` (`m:s.f` where a fraction follows the second number).
fn clock(negative: bool, text: &str, sums: &mut Sums) -> Option<()> {
    let parts: Vec<&str> = text.split(':').collect();
    let mut beyond = false;
    let mut sixty = |value: i128| {
        beyond |= value >= 60;
        value
    };
    let seconds_of = |text: &str| -> Option<(i128, i128)> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<i64>().ok()?) };
        Some((whole, i128::from(fraction_microseconds(part)?)))
    };
    let (hours, minutes, (seconds, fraction)) = match parts.as_slice() {
        [minutes, seconds] if seconds.contains('.') => {
            (0, i128::from(minutes.parse::<i64>().ok()?), seconds_of(seconds)?)
        }
        [hours, minutes] => {
            (i128::from(hours.parse::<i64>().ok()?), sixty(i128::from(minutes.parse::<i64>().ok()?)), (0, 0))
        }
        [hours, minutes, seconds] => (
            i128::from(hours.parse::<i64>().ok()?),
            sixty(i128::from(minutes.parse::<i64>().ok()?)),
            seconds_of(seconds)?,
        ),
        _ => return None,
    };
    let total: i128 = hours * 3_600_000_000 + minutes * 60_000_000 + sixty(seconds) * 1_000_000 + fraction;
    sums.clock_overflow |= beyond;
    sums.microseconds += if negative { -total } else { total };
    Some(())
}

/// Reads `P1Y2M3DT4H5M6S` and `P1Y2M3DT04:05:06`.
fn iso(text: &str, sums: &mut Sums) -> Option<()> {
    let mut rest = text.get(1..)?;
    let mut in_time = false;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('t') {
            if in_time {
                return None;
            }
            in_time = true;
            rest = after;
            continue;
        }
        let (negative, whole, part, after) = number(rest)?;
        if in_time && after.starts_with(':') {
            return clock(negative, &format!("{whole}{after}"), sums);
        }
        if !in_time && !negative && part.is_empty() {
            // The alternative form: P0001-02-03, P00010203.
            if after.starts_with('-') {
                let end = after.find('t').unwrap_or(after.len());
                let mut fields = after[1..end].split('-');
                sums.add(false, whole, "", "year")?;
                sums.add(false, fields.next()?, "", "month")?;
                sums.add(false, fields.next().unwrap_or("0"), "", "day")?;
                rest = &after[end..];
                continue;
            }
            if whole.len() == 8 && (after.is_empty() || after.starts_with('t')) {
                sums.add(false, &whole[..4], "", "year")?;
                sums.add(false, &whole[4..6], "", "month")?;
                sums.add(false, &whole[6..], "", "day")?;
                rest = after;
                continue;
            }
        }
        if in_time && after.is_empty() && whole.len() == 6 {
            let text = format!("{}:{}:{}.{part}", &whole[..2], &whole[2..4], &whole[4..]);
            return clock(negative, &text, sums);
        }
        let unit = match (after.as_bytes().first()?, in_time) {
            (b'y', false) => "year",
            (b'm', false) => "month",
            (b'w', false) => "week",
            (b'd', false) => "day",
            (b'h', true) => "hour",
            (b'm', true) => "minute",
            (b's', true) => "second",
            _ => return None,
        };
        sums.add(negative, whole, part, unit)?;
        rest = after.get(1..)?;
    }
    Some(())
}

/// Appends an interval.
pub fn format_interval(interval: &Interval, context: &IoContext, out: &mut Vec<u8>) {
    if *interval == Interval::INFINITY {
        return out.extend_from_slice(b"infinity");
    }
    if *interval == Interval::NEGATIVE_INFINITY {
        return out.extend_from_slice(b"-infinity");
    }
    match context.interval_style {
        IntervalStyle::Postgres => postgres(interval, out),
        IntervalStyle::PostgresVerbose => postgres_verbose(interval, out),
        IntervalStyle::SqlStandard => sql_standard(interval, out),
        IntervalStyle::Iso8601 => iso_8601(interval, out),
    }
}

/// Appends `hh:mm:ss[.f]` of the magnitude.
fn clock_text(microseconds: i64, hour_width: usize, out: &mut Vec<u8>) {
    let magnitude = microseconds.unsigned_abs();
    let seconds = magnitude / 1_000_000;
    write_padded(seconds / 3600, hour_width, out);
    out.push(b':');
    write_padded(seconds / 60 % 60, 2, out);
    out.push(b':');
    write_padded(seconds % 60, 2, out);
    fraction((magnitude % 1_000_000) as i64, out);
}

fn postgres(interval: &Interval, out: &mut Vec<u8>) {
    let start = out.len();
    let mut after_negative = false;
    let mut part = |value: i32, name: &str, out: &mut Vec<u8>| {
        if value != 0 {
            if out.len() > start {
                out.push(b' ');
            }
            if after_negative && value > 0 {
                out.push(b'+');
            }
            write_i64(i64::from(value), out);
            out.push(b' ');
            out.extend_from_slice(name.as_bytes());
            if value != 1 {
                out.push(b's');
            }
            after_negative = value < 0;
        }
    };
    part(interval.months / 12, "year", out);
    part(interval.months % 12, "mon", out);
    part(interval.days, "day", out);
    if interval.microseconds != 0 || out.len() == start {
        if out.len() > start {
            out.push(b' ');
        }
        if interval.microseconds < 0 {
            out.push(b'-');
        } else if after_negative {
            out.push(b'+');
        }
        clock_text(interval.microseconds, 2, out);
    }
}

fn postgres_verbose(interval: &Interval, out: &mut Vec<u8>) {
    out.push(b'@');
    let time = interval.microseconds;
    let seconds = time % 60_000_000;
    let parts = [
        (i64::from(interval.months / 12), "year"),
        (i64::from(interval.months % 12), "mon"),
        (i64::from(interval.days), "day"),
        (time / 3_600_000_000, "hour"),
        (time / 60_000_000 % 60, "min"),
    ];
    let first = parts.iter().map(|(value, _)| *value).chain([seconds]).find(|value| *value != 0);
    let ago = first.is_some_and(|value| value < 0);
    for (value, name) in parts.into_iter().filter(|(value, _)| *value != 0) {
        let shown = if ago { -value } else { value };
        out.extend_from_slice(format!(" {shown} {name}{}", if shown == 1 { "" } else { "s" }).as_bytes());
    }
    if seconds != 0 {
        let shown = if ago { -seconds } else { seconds };
        out.push(b' ');
        if shown < 0 {
            out.push(b'-');
        }
        write_padded(shown.unsigned_abs() / 1_000_000, 1, out);
        fraction((shown.unsigned_abs() % 1_000_000) as i64, out);
        out.extend_from_slice(if shown.unsigned_abs() == 1_000_000 && shown > 0 {
            b" sec"
        } else {
            b" secs"
        });
    }
    if first.is_none() {
        out.extend_from_slice(b" 0");
    }
    if ago {
        out.extend_from_slice(b" ago");
    }
}

fn sql_standard(interval: &Interval, out: &mut Vec<u8>) {
    let Interval { microseconds: time, days, months } = *interval;
    let negative = months < 0 || days < 0 || time < 0;
    let positive = months > 0 || days > 0 || time > 0;
    if !negative && !positive {
        return out.push(b'0');
    }
    let (has_months, has_rest) = (months != 0, days != 0 || time != 0);
    let years = format!("{}-{}", (months / 12).unsigned_abs(), (months % 12).unsigned_abs());
    let sign = |negative: bool| if negative { b'-' } else { b'+' };
    if (negative && positive) || (has_months && has_rest) {
        out.push(sign(months < 0));
        out.extend_from_slice(years.as_bytes());
        out.push(b' ');
        out.push(sign(days < 0));
        out.extend_from_slice(days.unsigned_abs().to_string().as_bytes());
        out.push(b' ');
        out.push(sign(time < 0));
        return clock_text(time, 1, out);
    }
    if negative {
        out.push(b'-');
    }
    if has_months {
        return out.extend_from_slice(years.as_bytes());
    }
    if days != 0 {
        out.extend_from_slice(format!("{} ", days.unsigned_abs()).as_bytes());
    }
    clock_text(time, 1, out);
}

fn iso_8601(interval: &Interval, out: &mut Vec<u8>) {
    let time = interval.microseconds;
    if interval.months == 0 && interval.days == 0 && time == 0 {
        return out.extend_from_slice(b"PT0S");
    }
    out.push(b'P');
    let part = |value: i64, unit: u8, out: &mut Vec<u8>| {
        if value != 0 {
            write_i64(value, out);
            out.push(unit);
        }
    };
    part(i64::from(interval.months / 12), b'Y', out);
    part(i64::from(interval.months % 12), b'M', out);
    part(i64::from(interval.days), b'D', out);
    if time != 0 {
        out.push(b'T');
        part(time / 3_600_000_000, b'H', out);
        part(time / 60_000_000 % 60, b'M', out);
        let seconds = time % 60_000_000;
        if seconds != 0 {
            if seconds < 0 {
                out.push(b'-');
            }
            write_padded(seconds.unsigned_abs() / 1_000_000, 1, out);
            fraction((seconds.unsigned_abs() % 1_000_000) as i64, out);
            out.push(b'S');
        }
    }
}
