//! Timestamps from their fields, and zones as `make_timestamptz` reads them.

use super::arithmetic::date_to_timestamp;
use super::civil::{days_from_civil, is_valid};
use super::zone::{Zone, parse_offset};
use super::{DATE_END, DATE_MIN, check_timestamp, times};
use crate::errors::{Result, datetime};

/// The arguments of `make_timestamp`.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields' own words")]
pub struct Fields {
    /// Year (negative: BC), month and day.
    pub date: [i32; 3],
    pub hour: i32,
    pub minute: i32,
    pub second: f64,
}

/// `make_timestamp(year, month, day, hour, minute, second)`
pub fn timestamp(fields: &Fields) -> Result<i64> {
    let [year, month, day] = fields.date;
    let astronomical = if year < 0 { year.saturating_add(1) } else { year };
    let beyond = || datetime::make_timestamp_out_of_range(fields);
    if year == 0
        || year == i32::MIN
        || !is_valid(if astronomical.abs() > 5_874_898 { 2000 } else { astronomical }, month, day)
    {
        return Err(datetime::make_date_out_of_range(year, month, day));
    }
    if astronomical.abs() > 5_874_898 {
        return Err(datetime::make_date_beyond_range(year, month, day));
    }
    let date = days_from_civil(astronomical, month, day);
    if !(DATE_MIN..DATE_END).contains(&date) {
        return Err(datetime::make_date_beyond_range(year, month, day));
    }
    let time = times::make(fields.hour, fields.minute, fields.second)?;
    date_to_timestamp(date)
        .ok()
        .and_then(|start| start.checked_add(time))
        .and_then(check_timestamp)
        .ok_or_else(beyond)
}

/// Returns the zone of a name or of an offset with its sign east, which must be there.
pub fn sane_zone(name: &str) -> Result<Zone> {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(datetime::numeric_zone_without_sign(name));
    }
    if name.starts_with(['+', '-']) {
        return match parse_offset(name) {
            Some(east) => Ok(Zone::Fixed(east)),
            None => Err(datetime::numeric_zone_out_of_range(name)),
        };
    }
    Zone::lookup(name)
}
