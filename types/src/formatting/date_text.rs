//! Timestamps and intervals to text through a template (`DCH_to_char`).

use super::date_fields::{DAYS, DAYS_SHORT, Fields, MONTHS, MONTHS_SHORT, ROMAN_MONTHS};
use super::keywords::{Case, DateField};
use super::ordinal;
use super::template::{self, DatePart, Suffixes};
use crate::datetime::civil::days_from_civil;
use crate::datetime::extract::iso_week;
use crate::datetime::parse::split_timestamp;
use crate::datetime::zone::Zone;
use crate::datetime::{JULIAN_EPOCH, MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, is_infinite};
use crate::datum::Interval;
use crate::errors::{Result, formatting as errors};

/// `to_char(timestamp, template)`; none for infinities and empty templates.
pub fn timestamp_to_char(timestamp: i64, template: &str) -> Result<Option<String>> {
    if template.is_empty() || is_infinite(timestamp) {
        return Ok(None);
    }
    write(&fields_of(timestamp), template).map(Some)
}

/// `to_char(timestamptz, template)` in `zone`.
pub fn timestamptz_to_char(timestamp: i64, zone: &Zone, template: &str) -> Result<Option<String>> {
    if template.is_empty() || is_infinite(timestamp) {
        return Ok(None);
    }
    let local = crate::datetime::arithmetic::timestamptz_at_zone(timestamp, zone)?;
    let mut fields = fields_of(local);
    fields.offset = zone.offset_at(timestamp);
    fields.zone = Some(zone.shown_abbreviation_at(timestamp));
    write(&fields, template).map(Some)
}

/// `to_char(interval, template)`
pub fn interval_to_char(span: &Interval, template: &str) -> Result<Option<String>> {
    if template.is_empty() || span.is_infinite() {
        return Ok(None);
    }
    let seconds = span.microseconds / MICROSECONDS_PER_SECOND;
    let fields = Fields {
        year: i64::from(span.months / 12),
        month: span.months % 12,
        day: span.days,
        hour: seconds / 3600,
        minute: (seconds / 60 % 60) as i32,
        second: (seconds % 60) as i32,
        microsecond: (span.microseconds % MICROSECONDS_PER_SECOND) as i32,
        // An interval has no weekday; the day of the year approximates its length.
        day_of_year: span.months.wrapping_mul(30).wrapping_add(span.days),
        interval: true,
        ..Fields::default()
    };
    write(&fields, template).map(Some)
}

fn fields_of(timestamp: i64) -> Fields {
    let ((year, month, day), time) = split_timestamp(timestamp);
    let days = timestamp.div_euclid(MICROSECONDS_PER_DAY);
    let seconds = time / MICROSECONDS_PER_SECOND;
    Fields {
        year: i64::from(year),
        month,
        day,
        hour: seconds / 3600,
        minute: (seconds / 60 % 60) as i32,
        second: (seconds % 60) as i32,
        microsecond: (time % MICROSECONDS_PER_SECOND) as i32,
        weekday: (days + 6).rem_euclid(7) as i32,
        day_of_year: (days - i64::from(days_from_civil(year, 1, 1))) as i32 + 1,
        days: Some(days),
        ..Fields::default()
    }
}

fn write(fields: &Fields, template: &str) -> Result<String> {
    let mut out = String::new();
    for part in template::date(template) {
        match part {
            DatePart::Literal(literal) => out.push(literal.character()),
            DatePart::Field { field, case, keyword, suffixes } => {
                let writer = Writer { fields, case, keyword, suffixes };
                writer.field(field, &mut out)?;
            }
        }
    }
    Ok(out)
}

struct Writer<'a> {
    fields: &'a Fields,
    case: Case,
    keyword: &'a str,
    suffixes: Suffixes,
}

impl Writer<'_> {
    /// Appends a number of at least `width` digits, with its ordinal suffix if asked for.
    fn number(&self, value: i64, width: usize, out: &mut String) {
        // The sign takes one place more, as in "%0*d" with a width of its own.
        let width = if self.suffixes.fill_mode { 0 } else { width + usize::from(value < 0) };
        self.padded(value, width, out);
    }

    /// Appends a number as C's `%0*d`.
    fn padded(&self, value: i64, width: usize, out: &mut String) {
        let text = format!("{value:0width$}");
        out.push_str(&text);
        if let (Some(upper), Some(suffix)) = (self.suffixes.ordinal, ordinal(&text)) {
            out.push_str(&if upper { suffix.to_ascii_uppercase() } else { suffix.to_string() });
        }
    }

    /// Appends a name in the keyword's case, padded to `width`.
    fn name(&self, name: &str, width: usize, out: &mut String) {
        let width = if self.suffixes.fill_mode { 0 } else { width };
        out.push_str(&format!("{:width$}", self.cased(name)));
    }

    fn cased(&self, name: &str) -> String {
        match self.case {
            Case::Upper => name.to_ascii_uppercase(),
            Case::Capital => name.to_string(),
            Case::Lower => name.to_ascii_lowercase(),
        }
    }

    /// Appends one of two words, with the points that the keyword has.
    fn word(&self, letters: &str, out: &mut String) {
        let dotted = self.keyword.contains('.');
        for letter in self.cased(letters).chars() {
            out.push(letter);
            if dotted {
                out.push('.');
            }
        }
    }

    fn not_interval(&self) -> Result<()> {
        if self.fields.interval { Err(errors::invalid_for_interval()) } else { Ok(()) }
    }

    /// Returns the year as shown: BC years count from 1.
    fn shown_year(&self, year: i64) -> i64 {
        if self.fields.interval || year > 0 { year } else { 1 - year }
    }

    fn days(&self) -> i64 {
        // PostgreSQL counts an interval's year, month and day as if they were a date.
        self.fields.days.unwrap_or_else(|| julian_days(self.fields))
    }

    fn field(&self, field: DateField, out: &mut String) -> Result<()> {
        let fields = self.fields;
        match field {
            DateField::HalfDay => self.word(
                if fields.hour.rem_euclid(24) >= 12 && fields.hour % 24 >= 12 { "PM" } else { "AM" },
                out,
            ),
            DateField::Hour12 => {
                let hour = fields.hour % 12;
                let width = if fields.hour >= 0 { 2 } else { 3 };
                self.padded(
                    if hour == 0 { 12 } else { hour },
                    if self.suffixes.fill_mode { 0 } else { width },
                    out,
                );
            }
            DateField::Hour24 => self.number(fields.hour, 2, out),
            DateField::Minute => self.number(fields.minute.into(), 2, out),
            DateField::Second => self.number(fields.second.into(), 2, out),
            DateField::Fraction(digits) => self.fraction(digits.into(), out),
            DateField::Millisecond => self.fraction(3, out),
            DateField::Microsecond => self.fraction(6, out),
            DateField::SecondsOfDay => {
                let minutes = fields.hour * 60 + i64::from(fields.minute);
                self.padded(minutes * 60 + i64::from(fields.second), 0, out);
            }
            DateField::Zone | DateField::ZoneHour | DateField::ZoneMinute | DateField::Offset => {
                self.not_interval()?;
                self.zone(field, out);
            }
            DateField::Era => {
                self.not_interval()?;
                self.word(if fields.year <= 0 { "BC" } else { "AD" }, out);
            }
            DateField::MonthName | DateField::MonthShort => {
                self.not_interval()?;
                let index = (fields.month - 1).max(0) as usize;
                match field {
                    DateField::MonthName => self.name(MONTHS[index], 9, out),
                    _ => self.name(MONTHS_SHORT[index], 0, out),
                }
            }
            DateField::DayName | DateField::DayShort | DateField::Weekday | DateField::IsoWeekday => {
                self.not_interval()?;
                let weekday = fields.weekday as usize % 7;
                match field {
                    DateField::DayName => self.name(DAYS[weekday], 9, out),
                    DateField::DayShort => self.name(DAYS_SHORT[weekday], 0, out),
                    DateField::Weekday => self.padded(weekday as i64 + 1, 0, out),
                    _ => self.padded(if weekday == 0 { 7 } else { weekday as i64 }, 0, out),
                }
            }
            DateField::Month => self.number(fields.month.into(), 2, out),
            DateField::Day => self.plain(fields.day.into(), 2, out),
            DateField::RomanMonth => self.roman_month(out),
            DateField::DayOfYear => self.plain(fields.day_of_year.into(), 3, out),
            DateField::Week => self.plain(i64::from((fields.day_of_year - 1) / 7 + 1), 2, out),
            DateField::WeekOfMonth => self.padded(i64::from((fields.day - 1) / 7 + 1), 0, out),
            DateField::Quarter => {
                if fields.month != 0 {
                    self.padded(i64::from((fields.month - 1) / 3 + 1), 0, out);
                }
            }
            DateField::IsoDayOfYear => self.plain(iso_day_of_year(self.days()), 3, out),
            DateField::IsoWeek => self.plain(iso_week(self.days()).1.into(), 2, out),
            DateField::Julian => self.padded(self.days() + JULIAN_EPOCH, 0, out),
            DateField::Century | DateField::YearComma | DateField::Year(_) | DateField::IsoYear(_) => {
                self.year(field, out)
            }
            DateField::FixedFormat => {}
        }
        Ok(())
    }

    /// Appends a number whose width includes the sign.
    fn plain(&self, value: i64, width: usize, out: &mut String) {
        self.padded(value, if self.suffixes.fill_mode { 0 } else { width }, out);
    }

    fn fraction(&self, digits: u32, out: &mut String) {
        let value = i64::from(self.fields.microsecond) / 10i64.pow(6 - digits);
        self.padded(value, digits as usize, out);
    }

    fn zone(&self, field: DateField, out: &mut String) {
        let offset = self.fields.offset;
        let (sign, seconds) = (if offset < 0 { '-' } else { '+' }, offset.abs());
        match field {
            DateField::Zone => out.push_str(&match (&self.fields.zone, self.case) {
                (Some(zone), Case::Lower) => zone.to_ascii_lowercase(),
                (Some(zone), Case::Upper | Case::Capital) => zone.clone(),
                (None, _) => String::new(),
            }),
            DateField::ZoneHour => out.push_str(&format!("{sign}{:02}", seconds / 3600)),
            DateField::ZoneMinute => out.push_str(&format!("{:02}", seconds % 3600 / 60)),
            _ => {
                let width = if self.suffixes.fill_mode { 0 } else { 2 };
                out.push_str(&format!("{sign}{:0width$}", seconds / 3600));
                if seconds % 3600 != 0 {
                    out.push_str(&format!(":{:02}", seconds % 3600 / 60));
                }
            }
        }
    }

    fn roman_month(&self, out: &mut String) {
        let fields = self.fields;
        if fields.month == 0 && fields.year == 0 {
            return;
        }
        // The names run backwards; whole years of an interval count as December.
        let index = match fields.month {
            0 if fields.year >= 0 => 0,
            0 => 11,
            month if month < 0 => -(month + 1),
            month => 12 - month,
        };
        self.name(ROMAN_MONTHS[index as usize % 12], 4, out);
    }

    fn year(&self, field: DateField, out: &mut String) {
        let year = self.fields.year;
        let shown = self.shown_year(year);
        let iso = |this: &Self| this.shown_year(iso_year(this.days(), this.fields));
        match field {
            DateField::Century => {
                let century = match (self.fields.interval, year > 0) {
                    (true, _) => year / 100,
                    (false, true) => (year - 1) / 100 + 1,
                    (false, false) => year / 100 - 1,
                };
                self.number(century, if century.abs() <= 99 { 2 } else { 0 }, out);
            }
            DateField::YearComma => {
                let thousands = shown / 1000;
                out.push_str(&format!("{thousands},"));
                self.padded(shown - thousands * 1000, 3, out);
            }
            DateField::Year(digits) | DateField::IsoYear(digits) => {
                let value = if matches!(field, DateField::Year(_)) { shown } else { iso(self) };
                let digits = u32::from(digits);
                let value = if digits == 4 { value } else { value % 10i64.pow(digits) };
                let width = match digits {
                    1 => 1,
                    digits => digits as usize + usize::from(shown < 0),
                };
                self.padded(value, if self.suffixes.fill_mode && digits > 1 { 0 } else { width }, out);
            }
            _ => {}
        }
    }
}

fn julian_days(fields: &Fields) -> i64 {
    // date2j with whatever the month is.
    let (mut year, mut month) = (fields.year, i64::from(fields.month));
    if month > 2 {
        month += 1;
        year += 4800;
    } else {
        month += 13;
        year += 4799;
    }
    let century = year / 100;
    let mut julian = year * 365 - 32_167;
    julian += year / 4 - century + century / 4;
    julian += 7834 * month / 256 + i64::from(fields.day);
    julian - JULIAN_EPOCH
}

fn iso_year(days: i64, _: &Fields) -> i64 {
    i64::from(iso_week(days).0)
}

/// Returns the day counted from the Monday of the ISO year's first week.
fn iso_day_of_year(days: i64) -> i64 {
    let (_, week) = iso_week(days);
    i64::from(week - 1) * 7 + (days + 5).rem_euclid(7) + 1
}
