//! `date_trunc` and `date_bin`.

use super::arithmetic::{timestamp_at_zone, timestamptz_at_zone};
use super::civil::days_from_civil;
use super::extract::Field;
use super::parse::split_timestamp;
use super::zone::Zone;
use super::{
    MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, MICROSECONDS_PER_MINUTE, check_timestamp, is_infinite,
};
use crate::datum::Interval;
use crate::errors::{PgError, Result, SqlState, datetime};

/// `date_trunc(unit, timestamp)`
pub fn trunc_timestamp(unit: &str, timestamp: i64) -> Result<i64> {
    truncate(unit, timestamp, "timestamp without time zone")
}

/// `date_trunc(unit, timestamptz)` in `zone`
pub fn trunc_timestamptz(unit: &str, timestamp: i64, zone: &Zone) -> Result<i64> {
    let local = timestamptz_at_zone(timestamp, zone)?;
    let cut = truncate(unit, local, "timestamp with time zone")?;
    if is_infinite(timestamp) { Ok(timestamp) } else { timestamp_at_zone(cut, zone) }
}

fn truncate(unit: &str, timestamp: i64, type_name: &str) -> Result<i64> {
    let lower = unit.to_ascii_lowercase();
    let field = Field::parse(unit).ok_or_else(|| datetime::unit_not_recognized(&lower, type_name))?;
    // An infinity has no fields; its unit is still checked.
    let infinity = is_infinite(timestamp).then_some(timestamp);
    let timestamp = if infinity.is_some() { 0 } else { timestamp };
    let ((year, month, _), _) = split_timestamp(timestamp);
    let days = timestamp.div_euclid(MICROSECONDS_PER_DAY);
    let first_of = |year: i32, month: i32| i64::from(days_from_civil(year, month, 1)) * MICROSECONDS_PER_DAY;
    let step = |size: i64| timestamp - timestamp.rem_euclid(size);
    let cut = match field {
        Field::Microsecond => timestamp,
        Field::Millisecond => step(1000),
        Field::Second => step(1_000_000),
        Field::Minute => step(MICROSECONDS_PER_MINUTE),
        Field::Hour => step(MICROSECONDS_PER_HOUR),
        Field::Day => step(MICROSECONDS_PER_DAY),
        Field::Week => (days - (days + 5).rem_euclid(7)) * MICROSECONDS_PER_DAY,
        Field::Month => first_of(year, month),
        Field::Quarter => first_of(year, (month - 1) / 3 * 3 + 1),
        Field::Year => first_of(year, 1),
        Field::Decade => first_of(year.div_euclid(10) * 10, 1),
        Field::Century => first_of((year - 1).div_euclid(100) * 100 + 1, 1),
        Field::Millennium => first_of((year - 1).div_euclid(1000) * 1000 + 1, 1),
        Field::Dow | Field::IsoDow | Field::Doy | Field::IsoYear | Field::Julian | Field::Epoch => {
            return Err(datetime::unit_not_recognized(&lower, type_name));
        }
        Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute => {
            return Err(datetime::unit_not_supported(&lower, type_name));
        }
    };
    Ok(infinity.unwrap_or(cut))
}

/// `date_trunc(unit, interval)`
pub fn trunc_interval(unit: &str, span: &Interval) -> Result<Interval> {
    let lower = unit.to_ascii_lowercase();
    let field = Field::parse(unit).ok_or_else(|| datetime::unit_not_recognized(&lower, "interval"))?;
    let months = |step: i32| Interval { months: span.months / step * step, days: 0, microseconds: 0 };
    let time = |step: i64| Interval { microseconds: span.microseconds / step * step, ..*span };
    let cut = match field {
        Field::Microsecond => *span,
        Field::Millisecond => time(1000),
        Field::Second => time(1_000_000),
        Field::Minute => time(MICROSECONDS_PER_MINUTE),
        Field::Hour => time(MICROSECONDS_PER_HOUR),
        Field::Day => Interval { microseconds: 0, ..*span },
        Field::Month => months(1),
        Field::Quarter => months(3),
        Field::Year => months(12),
        Field::Decade => months(120),
        Field::Century => months(1200),
        Field::Millennium => months(12_000),
        Field::Week => {
            let error = datetime::unit_not_supported(&lower, "interval");
            return Err(error.with_detail("Months usually have fractional weeks."));
        }
        Field::Dow | Field::IsoDow | Field::Doy | Field::IsoYear | Field::Julian | Field::Epoch => {
            return Err(datetime::unit_not_recognized(&lower, "interval"));
        }
        Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute => {
            return Err(datetime::unit_not_supported(&lower, "interval"));
        }
    };
    Ok(if span.is_infinite() { *span } else { cut })
}

/// `date_bin(stride, source, origin)`
pub fn bin(stride: &Interval, source: i64, origin: i64) -> Result<i64> {
    if is_infinite(source) {
        return Ok(source);
    }
    let overflow = || datetime::out_of_range("timestamp", None);
    let refuse = |code, message: &str| Err(PgError::new(code, message.to_string()));
    if is_infinite(origin) {
        return refuse(SqlState::DATETIME_FIELD_OVERFLOW, "origin out of range");
    }
    if stride.is_infinite() {
        return refuse(
            SqlState::DATETIME_FIELD_OVERFLOW,
            "timestamps cannot be binned into infinite intervals",
        );
    }
    if stride.months != 0 {
        let message = "timestamps cannot be binned into intervals containing months or years";
        return refuse(SqlState::FEATURE_NOT_SUPPORTED, message);
    }
    let width = i128::from(stride.days) * i128::from(MICROSECONDS_PER_DAY) + i128::from(stride.microseconds);
    let width = i64::try_from(width).map_err(|_| datetime::out_of_range("interval", None))?;
    if width <= 0 {
        return refuse(SqlState::DATETIME_FIELD_OVERFLOW, "stride must be greater than zero");
    }
    let distance = source.checked_sub(origin).ok_or_else(|| datetime::out_of_range("interval", None))?;
    origin.checked_add(distance - distance.rem_euclid(width)).and_then(check_timestamp).ok_or_else(overflow)
}
