//! Time zones: rules from jiff's copy of the IANA database, fixed offsets, and abbreviations.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::abbreviations::ABBREVIATIONS;
use super::{EPOCH_MICROSECONDS, MICROSECONDS_PER_SECOND};
use crate::errors::{Result, datetime};

/// A time zone.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// Seconds east of UTC.
    Fixed(i32),
    /// A zone with rules.
    Rules(TimeZone),
}

/// Returns all zones of the IANA database by name.
pub fn all() -> Vec<(String, Zone)> {
    let named = |name: &str| Some((name.to_owned(), Zone::Rules(TimeZone::get(name).ok()?)));
    jiff::tz::db().available().filter_map(|name| named(name.as_str())).collect()
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self::Fixed(0);

    /// Looks up a zone by IANA name, abbreviation or offset (`+02`, `-3.5`, `UTC+3` in POSIX's sense).
    pub fn lookup(name: &str) -> Result<Self> {
        let trimmed = name.trim();
        if let Some(zone) = Self::find(trimmed) {
            return Ok(zone);
        }
        // POSIX: hours without a sign count westward, too.
        let letters = trimmed.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if letters.starts_with(|c: char| c.is_ascii_digit())
            && let Some(offset) = parse_offset(&format!("+{letters}"))
        {
            return Ok(Self::Fixed(-offset));
        }
        // POSIX: the sign counts westward.
        if let Some(position) = trimmed.find(['+', '-'])
            && let Some(offset) = parse_offset(trimmed.get(position..).unwrap_or(""))
        {
            return Ok(Self::Fixed(-offset));
        }
        Err(datetime::zone_not_recognized(name))
    }

    /// Looks up a zone by abbreviation or IANA name.
    pub fn find(name: &str) -> Option<Self> {
        if let Some(seconds) = abbreviation(name) {
            return Some(Self::Fixed(seconds));
        }
        if name.eq_ignore_ascii_case("Etc/UTC") || name.eq_ignore_ascii_case("GMT") {
            return Some(Self::UTC);
        }
        name.contains(|c: char| c.is_ascii_alphabetic())
            .then(|| TimeZone::get(name).ok())
            .flatten()
            .map(Self::Rules)
    }

    /// Says whether daylight-saving time is in force at a moment.
    pub fn is_daylight_at(&self, utc: i64) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Rules(zone) => zone.to_offset_info(moment(utc)).dst().is_dst(),
        }
    }

    /// Returns the seconds east of UTC at a moment (microseconds from 2000-01-01 UTC).
    pub fn offset_at(&self, utc: i64) -> i32 {
        match self {
            Self::Fixed(seconds) => *seconds,
            Self::Rules(zone) => zone.to_offset(moment(utc)).seconds(),
        }
    }

    /// Returns the abbreviation in force at a moment, as the non-ISO styles print it.
    pub fn abbreviation_at(&self, utc: i64) -> Option<String> {
        match self {
            Self::Fixed(0) => Some("UTC".to_string()),
            Self::Fixed(_) => None,
            Self::Rules(zone) => {
                let text = zone.to_offset_info(moment(utc)).abbreviation().to_string();
                text.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(text)
            }
        }
    }

    /// Returns the abbreviation in force at a moment, numeric ones included, as `to_char` prints it.
    pub fn shown_abbreviation_at(&self, utc: i64) -> String {
        match self {
            Self::Fixed(0) => "UTC".to_string(),
            Self::Fixed(seconds) => {
                let mut bytes = Vec::new();
                super::format::format_offset(*seconds, &mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Self::Rules(zone) => zone.to_offset_info(moment(utc)).abbreviation().to_string(),
        }
    }

    /// Returns the seconds east of UTC for a local time. In a gap and in an overlap PostgreSQL takes standard
    /// time: the offset before a forward jump, the one after a backward jump.
    pub fn offset_at_local(&self, local: i64) -> i32 {
        match self {
            Self::Fixed(seconds) => *seconds,
            Self::Rules(_) => {
                let day = 86_400 * MICROSECONDS_PER_SECOND;
                let before = self.offset_at(local.saturating_sub(day));
                let after = self.offset_at(local.saturating_add(day));
                let fits = |offset: i32| {
                    self.offset_at(local.saturating_sub(i64::from(offset) * MICROSECONDS_PER_SECOND))
                        == offset
                };
                match (fits(before), fits(after)) {
                    (true, false) => before,
                    (false, true) => after,
                    (true, true) | (false, false) => before.min(after),
                }
            }
        }
    }
}

/// Returns jiff's moment, cut to the range that it covers.
fn moment(utc: i64) -> Timestamp {
    let seconds = utc.saturating_add(EPOCH_MICROSECONDS).div_euclid(MICROSECONDS_PER_SECOND);
    let limit = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(seconds).unwrap_or(limit)
}

/// Parses `+hh`, `+hhmm`, `+hh:mm[:ss]` into seconds east.
pub fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') {
        return None;
    }
    let (hours, minutes, seconds) = if digits.contains(':') {
        let mut parts = digits.split(':').map(|part| part.parse::<i32>().ok());
        (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?)
    } else {
        let value: i32 = digits.parse().ok()?;
        match digits.len() {
            1 | 2 => (value, 0, 0),
            3 | 4 => (value / 100, value % 100, 0),
            5 | 6 => (value / 10_000, value / 100 % 100, value % 100),
            _ => return None,
        }
    };
    (hours <= 15 && minutes < 60 && seconds < 60).then_some(sign * (hours * 3600 + minutes * 60 + seconds))
}

/// Returns the zone that an abbreviation means.
pub fn abbreviated(name: &str) -> Option<Zone> {
    abbreviation(name).map(Zone::Fixed)
}

/// Returns the seconds east of UTC that an abbreviation of PostgreSQL's default list means.
fn abbreviation(name: &str) -> Option<i32> {
    let upper = name.to_ascii_uppercase();
    let index = ABBREVIATIONS.binary_search_by(|(known, _)| (*known).cmp(upper.as_str())).ok()?;
    ABBREVIATIONS.get(index).map(|(_, seconds)| *seconds)
}
