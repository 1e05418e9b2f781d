//! `to_timestamp` and `to_date`: text to moments through a template (`DCH_from_char`, `do_to_timestamp`).

use super::date_fields::{DAYS, DAYS_SHORT, MONTHS, MONTHS_SHORT, ROMAN_MONTHS};
use super::date_settle::{Convention, Moment, Read, settle};
use super::keywords::DateField;
use super::template::{self, DatePart, Literal, is_separator};
use crate::datetime::civil::days_from_civil;
use crate::datetime::zone::{self, Zone};
use crate::datetime::{DATE_END, DATE_MIN, MICROSECONDS_PER_DAY, MICROSECONDS_PER_SECOND, check_timestamp};
use crate::errors::{Result, datetime, formatting as errors};

/// `to_timestamp(text, template)`; the session's zone where the text has none.
pub fn to_timestamp(text: &str, template: &str, session: &Zone) -> Result<i64> {
    let moment = read(text, template)?;
    let out_of_range = || datetime::out_of_range("timestamp", None);
    let days = checked_days(&moment).ok_or_else(out_of_range)?;
    let seconds = i64::from((moment.hour * 60 + moment.minute) * 60 + moment.second);
    let local = i64::from(days)
        .checked_mul(MICROSECONDS_PER_DAY)
        .and_then(|start| start.checked_add(seconds * MICROSECONDS_PER_SECOND + moment.microsecond))
        .and_then(check_timestamp)
        .ok_or_else(out_of_range)?;
    crate::datetime::arithmetic::timestamp_at_zone(local, moment.zone.as_ref().unwrap_or(session))
}

/// `to_date(text, template)`
pub fn to_date(text: &str, template: &str) -> Result<i32> {
    let moment = read(text, template)?;
    checked_days(&moment)
        .filter(|days| (DATE_MIN..DATE_END).contains(days))
        .ok_or_else(|| datetime::out_of_range("date", Some(text)))
}

fn checked_days(moment: &Moment) -> Option<i32> {
    let julian = moment.year > -4714 && moment.year < 5_874_899;
    julian.then(|| days_from_civil(moment.year, moment.month, moment.day))
}

fn read(text: &str, template: &str) -> Result<Moment> {
    let parts = template::date(template);
    let mut reader = Reader { rest: text, before: "", fixed: false, extra: 0, read: Read::default() };
    for (index, part) in parts.iter().enumerate() {
        if reader.rest.is_empty() {
            break;
        }
        reader.part(*part, parts.get(index + 1), index == 0)?;
    }
    settle(reader.read, text)
}

struct Reader<'a> {
    rest: &'a str,
    /// What was just before `rest`.
    before: &'a str,
    fixed: bool,
    /// Characters skipped beyond those of the template.
    extra: i32,
    read: Read,
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace() || character == '\x0b'
}

fn set(target: &mut i32, value: i32, keyword: &str) -> Result<()> {
    if *target != 0 && *target != value {
        return Err(errors::conflicting_values(keyword));
    }
    *target = value;
    Ok(())
}

impl<'a> Reader<'a> {
    fn advance(&mut self, len: usize) {
        self.before = self.rest.get(..len).unwrap_or("");
        self.rest = self.rest.get(len..).unwrap_or("");
    }

    fn skip_character(&mut self) {
        self.advance(self.rest.chars().next().map_or(0, char::len_utf8));
    }

    fn skip_spaces(&mut self) -> i32 {
        let mut count = 0;
        while self.rest.starts_with(is_space) {
            self.skip_character();
            count += 1;
        }
        count
    }

    fn part(&mut self, part: DatePart, next: Option<&DatePart>, first: bool) -> Result<()> {
        let is_fixed = matches!(part, DatePart::Field { field: DateField::FixedFormat, .. });
        if !self.fixed && !is_fixed && (first || matches!(part, DatePart::Field { .. })) {
            self.extra += self.skip_spaces();
        }
        match part {
            DatePart::Literal(Literal::Space(_) | Literal::Separator(_)) if !self.fixed => {
                self.extra -= 1;
                if self.rest.starts_with(|c: char| is_space(c) || is_separator(c)) {
                    self.skip_character();
                    self.extra += 1;
                }
            }
            DatePart::Literal(Literal::Character(_)) if !self.fixed && self.extra > 0 => self.extra -= 1,
            DatePart::Literal(_) => self.skip_character(),
            DatePart::Field { field, keyword, suffixes, .. } => {
                let slurp = suffixes.fill_mode || suffixes.ordinal.is_some() || ends_digits(next);
                let number = NumberSyntax { keyword, slurp };
                self.field(field, &number)?;
                if suffixes.ordinal.is_some() && takes_ordinal(field) {
                    self.skip_character();
                    self.skip_character();
                }
                if !self.fixed {
                    self.extra = self.skip_spaces();
                }
            }
        }
        Ok(())
    }

    /// Reads an integer of `len` characters, or of any length where no digit can follow
    /// (`from_char_parse_int_len`). Returns it with the characters it took.
    fn integer(&mut self, len: usize, syntax: &NumberSyntax<'_>) -> Result<(i32, usize)> {
        let NumberSyntax { keyword, slurp } = *syntax;
        let start = self.rest;
        let spaces = start.len() - start.trim_start_matches(is_space).len();
        self.advance(spaces);
        let copy: String = self.rest.chars().take(len).collect();
        let out_of_range = || errors::value_out_of_range(keyword);
        let used;
        let value;
        if slurp {
            (value, used) = parse_long(self.rest);
        } else {
            if self.rest.len() < len {
                return Err(errors::source_too_short(keyword, len, self.rest.len()));
            }
            (value, used) = parse_long(&copy);
            if used > 0 && used < len {
                return Err(errors::too_few_digits(&copy, keyword, len, used));
            }
        }
        if used == 0 {
            return Err(errors::invalid_value(&copy, keyword).with_detail("Value must be an integer."));
        }
        let value = i32::try_from(value.ok_or_else(out_of_range)?).map_err(|_| out_of_range())?;
        self.advance(used);
        Ok((value, start.len() - self.rest.len()))
    }

    /// Reads one of several names, whatever their case.
    fn name(&mut self, names: &[&str], keyword: &str) -> Result<usize> {
        let found = names.iter().position(|name| {
            self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        });
        match found {
            Some(index) => {
                self.advance(names[index].len());
                Ok(index)
            }
            None => {
                let word = self.rest.split(is_space).next().unwrap_or("");
                Err(errors::invalid_value(word, keyword)
                    .with_detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }

    fn convention(&mut self, field: DateField) -> Result<()> {
        let convention = match field {
            DateField::DayOfYear
            | DateField::Day
            | DateField::Weekday
            | DateField::Month
            | DateField::MonthName
            | DateField::MonthShort
            | DateField::RomanMonth
            | DateField::Week
            | DateField::WeekOfMonth
            | DateField::YearComma
            | DateField::Year(_) => Convention::Gregorian,
            DateField::IsoDayOfYear | DateField::IsoWeekday | DateField::IsoWeek | DateField::IsoYear(_) => {
                Convention::IsoWeek
            }
            _ => return Ok(()),
        };
        match self.read.convention {
            None => self.read.convention = Some(convention),
            Some(known) if known != convention => return Err(errors::mixed_conventions()),
            Some(_) => {}
        }
        Ok(())
    }

    fn field(&mut self, field: DateField, syntax: &NumberSyntax<'_>) -> Result<()> {
        self.convention(field)?;
        let keyword = syntax.keyword;
        macro_rules! number {
            ($target:ident, $len:expr) => {{
                let (value, _) = self.integer($len, syntax)?;
                set(&mut self.read.$target, value, keyword)?
            }};
        }
        match field {
            DateField::FixedFormat => self.fixed = true,
            DateField::HalfDay => {
                let names: &[&str] = if keyword.contains('.') { &["a.m.", "p.m."] } else { &["am", "pm"] };
                let value = self.name(names, keyword)? as i32;
                set(&mut self.read.afternoon, value, keyword)?;
                self.read.twelve_hours = true;
            }
            DateField::Hour12 => {
                number!(hour, 2);
                self.read.twelve_hours = true;
            }
            DateField::Hour24 => number!(hour, 2),
            DateField::Minute => number!(minute, 2),
            DateField::Second => number!(second, 2),
            DateField::Millisecond => {
                let (value, len) = self.integer(3, syntax)?;
                set(&mut self.read.millisecond, value, keyword)?;
                self.read.millisecond = value.saturating_mul(scale_up(len, 3));
            }
            DateField::Fraction(_) | DateField::Microsecond => {
                let digits = if let DateField::Fraction(digits) = field { digits.into() } else { 6 };
                let (value, len) = self.integer(digits, syntax)?;
                set(&mut self.read.microsecond, value, keyword)?;
                self.read.microsecond = value.saturating_mul(scale_up(len, 6));
            }
            DateField::SecondsOfDay => number!(seconds_of_day, keyword.len()),
            DateField::Zone => return self.zone(syntax),
            DateField::Offset => return self.offset(syntax),
            DateField::ZoneHour => {
                self.zone_sign();
                number!(zone_hour, 2);
            }
            DateField::ZoneMinute => {
                if self.read.zone_sign == 0 {
                    self.read.zone_sign = 1;
                }
                number!(zone_minute, 2);
            }
            DateField::Era => {
                let names: &[&str] = if keyword.contains('.') { &["a.d.", "b.c."] } else { &["ad", "bc"] };
                let value = self.name(names, keyword)? as i32;
                set(&mut self.read.before_christ, value, keyword)?;
            }
            DateField::MonthName => {
                let value = self.name(&MONTHS, keyword)? as i32 + 1;
                set(&mut self.read.month, value, keyword)?;
            }
            DateField::MonthShort => {
                let value = self.name(&MONTHS_SHORT, keyword)? as i32 + 1;
                set(&mut self.read.month, value, keyword)?;
            }
            DateField::RomanMonth => {
                let value = 12 - self.name(&ROMAN_MONTHS, keyword)? as i32;
                set(&mut self.read.month, value, keyword)?;
            }
            DateField::Month => number!(month, 2),
            DateField::DayName => {
                let value = self.name(&DAYS, keyword)? as i32;
                set(&mut self.read.weekday, value, keyword)?;
                self.read.weekday += 1;
            }
            DateField::DayShort => {
                let value = self.name(&DAYS_SHORT, keyword)? as i32;
                set(&mut self.read.weekday, value, keyword)?;
                self.read.weekday += 1;
            }
            DateField::DayOfYear | DateField::IsoDayOfYear => number!(day_of_year, 3),
            DateField::Day => number!(day, 2),
            DateField::Weekday => number!(weekday, 1),
            DateField::IsoWeekday => {
                number!(weekday, 1);
                self.read.weekday += 1;
                if self.read.weekday > 7 {
                    self.read.weekday = 1;
                }
            }
            DateField::Week | DateField::IsoWeek => number!(week, 2),
            DateField::WeekOfMonth => number!(week_of_month, 1),
            DateField::Quarter => {
                self.integer(1, syntax)?;
            }
            DateField::Century => number!(century, 2),
            DateField::Julian => number!(julian, 1),
            DateField::YearComma => self.year_comma(keyword)?,
            DateField::Year(digits) | DateField::IsoYear(digits) => {
                let (value, len) = self.integer(digits.into(), syntax)?;
                set(&mut self.read.year, value, keyword)?;
                if digits < 4 && len < 4 {
                    self.read.year = adjust_partial_year(value);
                }
                self.read.year_digits = digits;
            }
        }
        Ok(())
    }

    fn year_comma(&mut self, keyword: &str) -> Result<()> {
        let word = || self.rest.to_string();
        let (millennia, used) = parse_long(self.rest);
        let tail = self.rest.get(used..).and_then(|tail| tail.strip_prefix(',')).unwrap_or("");
        let three: String = tail.chars().take(3).collect();
        let (years, years_used) = parse_long(&three);
        let (Some(millennia), Some(years), true) = (millennia, years, used > 0 && years_used > 0) else {
            return Err(errors::invalid_value(&word(), keyword));
        };
        let year = millennia.checked_mul(1000).and_then(|value| value.checked_add(years));
        let year = year
            .and_then(|year| i32::try_from(year).ok())
            .ok_or_else(|| errors::value_out_of_range(keyword))?;
        set(&mut self.read.year, year, keyword)?;
        self.read.year_digits = 4;
        self.advance(used + 1 + years_used);
        Ok(())
    }

    /// Notes the sign of an offset; a minus may have been taken for a separator.
    fn zone_sign(&mut self) {
        self.read.zone_sign = match self.rest.chars().next() {
            Some(sign @ ('+' | '-' | ' ')) => {
                self.skip_character();
                if sign == '-' { -1 } else { 1 }
            }
            Some(_) | None => {
                if self.extra > 0 && self.before.ends_with('-') {
                    -1
                } else {
                    1
                }
            }
        };
    }

    fn offset(&mut self, syntax: &NumberSyntax<'_>) -> Result<()> {
        self.zone_sign();
        let (hour, _) = self.integer(2, syntax)?;
        set(&mut self.read.zone_hour, hour, syntax.keyword)?;
        if self.rest.starts_with(':') {
            self.skip_character();
            let (minute, _) = self.integer(2, syntax)?;
            set(&mut self.read.zone_minute, minute, syntax.keyword)?;
        }
        Ok(())
    }

    fn zone(&mut self, syntax: &NumberSyntax<'_>) -> Result<()> {
        let letters = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        for len in (1..=letters).rev() {
            if let Some(zone) = self.rest.get(..len).and_then(zone::abbreviated) {
                self.read.zone = Some(zone);
                self.read.zone_sign = 0;
                self.advance(len);
                return Ok(());
            }
        }
        if letters > 0 {
            return Err(errors::invalid_value(self.rest, syntax.keyword)
                .with_detail("Time zone abbreviation is not recognized."));
        }
        self.offset(syntax)
    }
}

#[derive(Debug, Clone, Copy)]
struct NumberSyntax<'a> {
    keyword: &'a str,
    /// Take all digits: no digit can follow the field.
    slurp: bool,
}

/// Returns the factor that makes `len` digits of a fraction `digits` ones.
fn scale_up(len: usize, digits: usize) -> i32 {
    10i32.pow(digits.saturating_sub(len.max(1)) as u32)
}

/// Parses as C's `strtol`: the value (none beyond 64 bits) and the bytes used.
fn parse_long(text: &str) -> (Option<i64>, usize) {
    let spaces = text.len() - text.trim_start_matches(is_space).len();
    let rest = &text[spaces..];
    let sign = usize::from(rest.starts_with(['+', '-']));
    let digits = rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return (Some(0), 0);
    }
    let end = spaces + sign + digits;
    (rest[..sign + digits].parse().ok(), end)
}

/// Whether what follows a field ends its digits (`is_next_separator`).
fn ends_digits(next: Option<&DatePart>) -> bool {
    match next {
        None => true,
        Some(DatePart::Literal(literal)) => !literal.character().is_ascii_digit(),
        Some(DatePart::Field { field, .. }) => match field {
            DateField::Era
            | DateField::HalfDay
            | DateField::DayName
            | DateField::DayShort
            | DateField::FixedFormat
            | DateField::MonthName
            | DateField::MonthShort
            | DateField::Offset
            | DateField::RomanMonth
            | DateField::ZoneHour
            | DateField::Zone => true,
            DateField::Century
            | DateField::DayOfYear
            | DateField::Day
            | DateField::Weekday
            | DateField::Fraction(_)
            | DateField::Hour24
            | DateField::Hour12
            | DateField::IsoDayOfYear
            | DateField::IsoWeekday
            | DateField::IsoWeek
            | DateField::IsoYear(_)
            | DateField::Julian
            | DateField::Minute
            | DateField::Month
            | DateField::Millisecond
            | DateField::Quarter
            | DateField::SecondsOfDay
            | DateField::Second
            | DateField::ZoneMinute
            | DateField::Microsecond
            | DateField::Week
            | DateField::WeekOfMonth
            | DateField::YearComma
            | DateField::Year(_) => false,
        },
    }
}

/// Whether `TH` behind the field skips two characters.
fn takes_ordinal(field: DateField) -> bool {
    !matches!(
        field,
        DateField::Era
            | DateField::HalfDay
            | DateField::DayName
            | DateField::DayShort
            | DateField::FixedFormat
            | DateField::MonthName
            | DateField::MonthShort
            | DateField::Offset
            | DateField::RomanMonth
            | DateField::ZoneHour
            | DateField::ZoneMinute
            | DateField::Zone
    )
}

/// Brings a year of up to three digits near 2020.
fn adjust_partial_year(year: i32) -> i32 {
    match year {
        ..70 => year.saturating_add(2000),
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}
