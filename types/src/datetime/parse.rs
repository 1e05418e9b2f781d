//! Text to date, time, timetz, timestamp and timestamptz.
//!
//! The text is cut into tokens; each fills fields of [`Fields`] by the rules of PostgreSQL's `DecodeDateTime`:
//! a number's meaning depends on its length and on what has been seen already.

use super::civil::{civil_from_days, days_from_civil, days_in_month};
use super::tokens::{Token, is_weekday, month_of, split};
use super::zone::{Zone, parse_offset};
use super::{
    DATE_END, DATE_INFINITY, DATE_MIN, DATE_NEGATIVE_INFINITY, EPOCH_DAYS, JULIAN_EPOCH,
    MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY,
    check_timestamp,
};
use crate::errors::{PgError, Result, datetime};
use crate::io::{DateOrder, IoContext};

/// Why text is not a date/time value.
enum Fault {
    Syntax,
    Field,
    MonthDay,
    Zone,
    NotRecognized(String),
}

impl Fault {
    fn error(self, type_name: &str, input: &str) -> PgError {
        match self {
            Self::Syntax => datetime::invalid_syntax(type_name, input),
            Self::Field => datetime::field_out_of_range(input),
            Self::MonthDay => datetime::month_day_out_of_range(input),
            Self::Zone => datetime::zone_displacement_out_of_range(input),
            Self::NotRecognized(name) => datetime::zone_not_recognized(&name),
        }
    }
}

/// Words that stand for a whole value.
#[derive(Clone, Copy, PartialEq)]
enum Special {
    Infinity,
    NegativeInfinity,
    Epoch,
    Now,
    Day(i64),
}

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: Option<i32>,
    month: Option<i32>,
    day: Option<i32>,
    day_of_year: Option<i32>,
    julian: Option<i64>,
    time: Option<i64>,
    zone: Option<Zone>,
    special: Option<Special>,
    before_christ: bool,
    two_digit_year: bool,
    afternoon: Option<bool>,
    after_t: bool,
    after_julian: bool,
}

impl Fields {
    fn read(text: &str, context: &IoContext) -> Result<Self, Fault> {
        if !text.is_ascii() {
            return Err(Fault::Syntax);
        }
        let tokens = split(text).ok_or(Fault::Syntax)?;
        if tokens.is_empty() || tokens.len() > 25 {
            return Err(Fault::Syntax);
        }
        let mut fields = Self::default();
        for token in &tokens {
            match token {
                Token::Date(text) => match text.split_once('-') {
                    // "hhmmss-zz" after a date.
                    Some((clock, zone)) if fields.has_date() && matches!(clock.len(), 4 | 6) => {
                        fields.number(clock, context)?;
                        fields.zone_offset(&format!("-{zone}"))?;
                    }
                    Some(_) | None => fields.date(text, context)?,
                },
                Token::Time(text) => fields.set_time(parse_time(text)?)?,
                Token::Zone(text) => fields.zone_offset(text)?,
                Token::Number(text) => fields.number(text, context)?,
                Token::Word(word) => fields.word(word)?,
            }
        }
        if let Some(afternoon) = fields.afternoon {
            let time = fields.time.ok_or(Fault::Syntax)?;
            let hour = time / super::MICROSECONDS_PER_HOUR;
            if !(1..=12).contains(&hour) {
                return Err(Fault::Field);
            }
            let half = 12 * super::MICROSECONDS_PER_HOUR;
            fields.time = Some(time % half + if afternoon { half } else { 0 });
        }
        Ok(fields)
    }

    fn has_date(&self) -> bool {
        self.year.is_some() && self.month.is_some() && self.day.is_some() && self.time.is_none()
    }

    fn set_time(&mut self, time: i64) -> Result<(), Fault> {
        if self.time.replace(time).is_some() { Err(Fault::Syntax) } else { Ok(()) }
    }

    fn zone_offset(&mut self, text: &str) -> Result<(), Fault> {
        if self.zone.is_some() && !matches!(self.zone, Some(Zone::Fixed(_))) {
            return Err(Fault::Syntax);
        }
        if self.year.is_some() && self.time.is_none() && text.starts_with('-') && self.day.is_none() {
            return Err(Fault::Syntax);
        }
        let offset =
            parse_offset(text).ok_or(if text.bytes().skip(1).all(|b| b.is_ascii_digit() || b == b':') {
                Fault::Zone
            } else {
                Fault::Syntax
            })?;
        self.zone = Some(Zone::Fixed(offset));
        Ok(())
    }

    /// Reads `2024-01-31`, `1/31/2024`, `31-Jan-2024`, `2024-031`.
    fn date(&mut self, text: &str, context: &IoContext) -> Result<(), Fault> {
        if self.year.is_some() || self.special.is_some() || self.julian.is_some() {
            return Err(Fault::Syntax);
        }
        let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
        if parts.iter().any(|part| part.is_empty()) || parts.len() > 3 {
            return Err(Fault::Syntax);
        }
        // A month by name is taken out first.
        let mut numbers = Vec::new();
        for part in parts {
            match month_of(part) {
                Some(month) if self.month.is_none() => self.month = Some(month),
                _ if part.bytes().all(|byte| byte.is_ascii_digit()) => numbers.push(part),
                _ => return Err(Fault::Syntax),
            }
        }
        for part in numbers {
            self.date_number(part, context)?;
        }
        if self.year.is_some() && (self.day.is_some() || self.day_of_year.is_some()) {
            Ok(())
        } else {
            Err(Fault::Syntax)
        }
    }

    /// Gives a number of a date the field that is its turn (`DecodeNumber`).
    fn date_number(&mut self, text: &str, context: &IoContext) -> Result<(), Fault> {
        let value: i32 = text.parse().map_err(|_| Fault::Field)?;
        if text.len() == 3 && self.year.is_some() && self.month.is_none() && (1..=366).contains(&value) {
            self.day_of_year = Some(value);
            return Ok(());
        }
        let year_first = text.len() >= 3 || context.date_order == DateOrder::Ymd;
        match (self.year.is_some(), self.month.is_some(), self.day.is_some()) {
            (false, false, false) if year_first => self.set_year(value, text.len()),
            (false, false, false) if context.date_order == DateOrder::Dmy => self.day = Some(value),
            (false, false, false) => self.month = Some(value),
            (true, false, false) => self.month = Some(value),
            (true, true, false) => self.day = Some(value),
            (false, true, false) if year_first => self.set_year(value, text.len()),
            (false, true, false) => self.day = Some(value),
            (false, false, true) => self.month = Some(value),
            (false, true, true) => self.set_year(value, text.len()),
            (true, false, true) => self.month = Some(value),
            (true, true, true) => return Err(Fault::Syntax),
        }
        Ok(())
    }

    fn set_year(&mut self, value: i32, len: usize) {
        self.year = Some(value);
        self.two_digit_year = len <= 2;
    }

    /// Reads a number that stands alone.
    fn number(&mut self, text: &str, context: &IoContext) -> Result<(), Fault> {
        if std::mem::take(&mut self.after_julian) {
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            self.julian = Some(whole.parse().map_err(|_| Fault::Field)?);
            if !fraction.is_empty() {
                let part: f64 = format!("0.{fraction}").parse().map_err(|_| Fault::Syntax)?;
                self.set_time((part * MICROSECONDS_PER_DAY as f64).round() as i64)?;
            }
            return Ok(());
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let has_date = self.year.is_some() || self.special.is_some();
        if (self.after_t || has_date && self.day.is_some())
            && self.time.is_none()
            && matches!(whole.len(), 4 | 6)
            && self.year.is_some()
        {
            let padded = format!("{whole}00");
            let digits = |at: usize| padded.get(at..at + 2).unwrap_or("0");
            let clock = format!(
                "{}:{}:{}.{}",
                digits(0),
                digits(2),
                digits(4),
                if fraction.is_empty() { "0" } else { fraction }
            );
            return self.set_time(parse_time(&clock)?);
        }
        if self.after_t && whole.len() <= 2 && self.time.is_none() {
            return self.set_time(parse_time(&format!("{whole}:00:00"))?);
        }
        if !fraction.is_empty() && whole.len() == 4 && fraction.len() == 3 && self.year.is_none() {
            self.set_year(whole.parse().map_err(|_| Fault::Syntax)?, 4);
            self.day_of_year = fraction.parse().ok();
            return Ok(());
        }
        if !fraction.is_empty() {
            return Err(Fault::Syntax);
        }
        if self.year.is_none() && self.month.is_none() && self.day.is_none() && whole.len() >= 6 {
            let at = whole.len() - 4;
            let part = |from: usize, to: usize| {
                whole.get(from..to).and_then(|t| t.parse().ok()).ok_or(Fault::Syntax)
            };
            self.set_year(part(0, at)?, at);
            self.month = Some(part(at, at + 2)?);
            self.day = Some(part(at + 2, at + 4)?);
            return Ok(());
        }
        if (self.month.is_some() || self.day.is_some() || self.year.is_some()) || whole.len() >= 3 {
            return self.date_number(whole, context);
        }
        self.date_number(whole, context)
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let special = match word {
            "infinity" | "+infinity" | "inf" => Some(Special::Infinity),
            "-infinity" | "-inf" => Some(Special::NegativeInfinity),
            "epoch" => Some(Special::Epoch),
            "now" => Some(Special::Now),
            "today" => Some(Special::Day(0)),
            "tomorrow" => Some(Special::Day(1)),
            "yesterday" => Some(Special::Day(-1)),
            _ => None,
        };
        if special.is_some() {
            return if self.special.is_some() || self.year.is_some() {
                Err(Fault::Syntax)
            } else {
                self.special = special;
                Ok(())
            };
        }
        match word {
            "am" => self.afternoon = Some(false),
            "pm" => self.afternoon = Some(true),
            "bc" => self.before_christ = true,
            "ad" | "on" | "at" => {}
            "allballs" => {
                self.zone = Some(Zone::UTC);
                return self.set_time(0);
            }
            "t" => self.after_t = true,
            "j" | "jd" | "julian" => self.after_julian = true,
            _ if is_weekday(word) => {}
            _ => match month_of(word) {
                // "8 Jan" after a number that was taken for the month: it was the day.
                Some(month) if self.day.is_none() && self.month.is_some() => {
                    self.day = self.month.replace(month);
                }
                Some(month) if self.month.is_none() => self.month = Some(month),
                Some(_) => return Err(Fault::Syntax),
                None if word.contains(|c: char| c.is_ascii_digit()) => match Zone::lookup(word) {
                    Ok(zone) if self.zone.is_none() => self.zone = Some(zone),
                    Ok(_) => return Err(Fault::Syntax),
                    Err(_) => return Err(Fault::NotRecognized(word.to_string())),
                },
                None => match Zone::find(word) {
                    Some(zone) if self.zone.is_none() => self.zone = Some(zone),
                    Some(_) => return Err(Fault::Syntax),
                    None if word.contains('/') => return Err(Fault::NotRecognized(word.to_string())),
                    None => return Err(Fault::Syntax),
                },
            },
        }
        Ok(())
    }

    /// Returns the day number that the date fields give, checked.
    fn days(&self) -> Result<i64, Fault> {
        if let Some(julian) = self.julian {
            return Ok(julian.saturating_sub(JULIAN_EPOCH));
        }
        let mut year = self.year.ok_or(Fault::Syntax)?;
        if self.before_christ {
            if year <= 0 {
                return Err(Fault::Field);
            }
            year = 1 - year;
        } else if self.two_digit_year {
            year += if year < 70 { 2000 } else { 1900 };
        } else if year <= 0 {
            return Err(Fault::Field);
        }
        if year < -5000 {
            // Before every range: the caller reports it for its type.
            return Ok(i64::from(i32::MIN));
        }
        if year > 5_874_898 {
            // After every range.
            return Ok(i64::from(i32::MAX));
        }
        if let Some(day) = self.day_of_year {
            if day > 365 + i32::from(super::civil::is_leap(year)) {
                return Err(Fault::Field);
            }
            return Ok(i64::from(days_from_civil(year, 1, 1)) + i64::from(day) - 1);
        }
        let (month, day) = (self.month.ok_or(Fault::Syntax)?, self.day.ok_or(Fault::Syntax)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(Fault::MonthDay);
        }
        if day > days_in_month(year, month) {
            return Err(Fault::Field);
        }
        Ok(i64::from(days_from_civil(year, month, day)))
    }

    /// Returns local days for `today` and the like.
    fn today(context: &IoContext) -> i64 {
        context.local_now().div_euclid(MICROSECONDS_PER_DAY)
    }
}

/// Parses `hh:mm[:ss[.ffffff]]`; 24:00:00 and second 60 are accepted.
fn parse_time(text: &str) -> Result<i64, Fault> {
    let mut parts = text.split(':');
    let mut whole = || parts.next().filter(|part| !part.is_empty());
    let hours: i64 = whole().and_then(|part| part.parse().ok()).ok_or(Fault::Syntax)?;
    let second_part = whole().ok_or(Fault::Syntax)?;
    let third = whole();
    let (minutes_text, seconds_text) = match third {
        Some(seconds) => (second_part, seconds),
        // "mm:ss.fff" only exists with a fraction.
        None if second_part.contains('.') => return clock(0, hours, second_part),
        None => (second_part, "0"),
    };
    clock(hours, minutes_text.parse().map_err(|_| Fault::Syntax)?, seconds_text)
}

fn clock(hours: i64, minutes: i64, seconds_text: &str) -> Result<i64, Fault> {
    let (seconds, fraction) = seconds_text.split_once('.').unwrap_or((seconds_text, ""));
    let seconds: i64 = seconds.parse().map_err(|_| Fault::Syntax)?;
    let fraction = fraction_microseconds(fraction).ok_or(Fault::Syntax)?;
    let total = ((hours * 60 + minutes) * 60 + seconds) * MICROSECONDS_PER_SECOND + fraction;
    if !(0..=24).contains(&hours) || minutes > 59 || seconds > 60 || total > MICROSECONDS_PER_DAY {
        return Err(Fault::Field);
    }
    Ok(total)
}

/// Returns the microseconds of the digits after a decimal point, rounded half to even on the float as `rint`.
pub(super) fn fraction_microseconds(digits: &str) -> Option<i64> {
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: f64 = format!("0.{digits}").parse().ok()?;
    Some((value * 1e6).round_ties_even() as i64)
}

/// Parses a date.
pub fn parse_date(text: &str, context: &IoContext) -> Result<i32> {
    if let Some(days) = crate::fast::parse_date_iso_fast(text.as_bytes()) {
        return Ok(days);
    }
    let fields = Fields::read(text, context).map_err(|fault| fault.error("date", text))?;
    let days = match fields.special {
        Some(Special::Infinity) => return Ok(DATE_INFINITY),
        Some(Special::NegativeInfinity) => return Ok(DATE_NEGATIVE_INFINITY),
        Some(Special::Epoch) => -EPOCH_DAYS,
        Some(Special::Now) => Fields::today(context),
        Some(Special::Day(offset)) => Fields::today(context) + offset,
        None => fields.days().map_err(|fault| fault.error("date", text))?,
    };
    i32::try_from(days)
        .ok()
        .filter(|days| (DATE_MIN..DATE_END).contains(days))
        .ok_or_else(|| datetime::out_of_range("date", Some(text)))
}

/// Parses a timestamp; a zone in the text is ignored.
pub fn parse_timestamp(text: &str, context: &IoContext) -> Result<i64> {
    let (local, _) = parse_local(text, "timestamp", context)?;
    Ok(local)
}

/// Parses a timestamp with time zone; without a zone in the text it is local time.
pub fn parse_timestamptz(text: &str, context: &IoContext) -> Result<i64> {
    let (local, zone) = parse_local(text, "timestamp with time zone", context)?;
    let Some(zone) = zone else { return Ok(local) };
    let offset = i64::from(zone.offset_at_local(local)) * MICROSECONDS_PER_SECOND;
    local
        .checked_sub(offset)
        .and_then(check_timestamp)
        .ok_or_else(|| datetime::out_of_range("timestamp", Some(text)))
}

/// Returns the local time and the zone it is in; no zone means that the value is a moment already.
fn parse_local(text: &str, type_name: &str, context: &IoContext) -> Result<(i64, Option<Zone>)> {
    let fields = Fields::read(text, context).map_err(|fault| fault.error(type_name, text))?;
    let with_zone = type_name != "timestamp";
    let time = fields.time.unwrap_or(0);
    let days = match fields.special {
        Some(Special::Infinity) => return Ok((TIMESTAMP_INFINITY, None)),
        Some(Special::NegativeInfinity) => return Ok((TIMESTAMP_NEGATIVE_INFINITY, None)),
        Some(Special::Epoch) => return Ok((-super::EPOCH_MICROSECONDS, None)),
        Some(Special::Now) => return Ok((if with_zone { context.now } else { context.local_now() }, None)),
        Some(Special::Day(offset)) => Fields::today(context) + offset,
        None => fields.days().map_err(|fault| fault.error(type_name, text))?,
    };
    let local = days
        .checked_mul(MICROSECONDS_PER_DAY)
        .and_then(|value| value.checked_add(time))
        .and_then(check_timestamp)
        .ok_or_else(|| datetime::out_of_range("timestamp", Some(text)))?;
    Ok((local, Some(fields.zone.unwrap_or_else(|| context.time_zone.clone()))))
}

/// Parses a time of day.
pub fn parse_time_of_day(text: &str, context: &IoContext) -> Result<i64> {
    parse_clock(text, "time", context).map(|(time, _)| time)
}

/// Parses a time of day with a zone; returns microseconds and seconds west of UTC.
pub fn parse_timetz(text: &str, context: &IoContext) -> Result<(i64, i32)> {
    let (time, fields) = parse_clock(text, "time with time zone", context)?;
    let zone = fields.zone.clone().unwrap_or_else(|| context.time_zone.clone());
    let days = fields.days().unwrap_or_else(|_| Fields::today(context));
    Ok((time, -zone.offset_at_local(days.saturating_mul(MICROSECONDS_PER_DAY).saturating_add(time))))
}

fn parse_clock(text: &str, type_name: &str, context: &IoContext) -> Result<(i64, Fields)> {
    let mut fields = Fields::read(text, context).map_err(|fault| fault.error(type_name, text))?;
    // A lone "hhmmss" or "hhmm" is a time here, not a date.
    if fields.time.is_none() && fields.special.is_none() {
        let trimmed = text.trim();
        let digits = trimmed.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        let alone = !trimmed[digits.len()..]
            .starts_with(|c: char| c.is_ascii_punctuation() && !matches!(c, '+' | '-'));
        if matches!(digits.len(), 4 | 6) && alone {
            let padded = format!("{digits}00");
            let clock = format!("{}:{}:{}", &padded[0..2], &padded[2..4], &padded[4..6]);
            fields.time = Some(parse_time(&clock).map_err(|fault| fault.error(type_name, text))?);
            fields.year = None;
        }
    }
    match (fields.time, fields.special) {
        (Some(time), _) => Ok((time, fields)),
        (None, Some(Special::Now)) => Ok((context.local_now().rem_euclid(MICROSECONDS_PER_DAY), fields)),
        (None, _) => Err(datetime::invalid_syntax(type_name, text)),
    }
}

/// Returns the civil date of a timestamp and its time of day.
pub(crate) fn split_timestamp(timestamp: i64) -> ((i32, i32, i32), i64) {
    let days = timestamp.div_euclid(MICROSECONDS_PER_DAY);
    (civil_from_days(days), timestamp.rem_euclid(MICROSECONDS_PER_DAY))
}
