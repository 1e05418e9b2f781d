//! Errors of dates, times, intervals and time zones.

use super::{PgError, SqlState};

/// `invalid input syntax for type date: "x"`
pub fn invalid_syntax(type_name: &str, input: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_DATETIME_FORMAT,
        format!("invalid input syntax for type {type_name}: \"{input}\""),
    )
}
/// `date/time field value out of range: "2024-02-30"`
pub fn field_out_of_range(input: &str) -> PgError {
    PgError::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("date/time field value out of range: \"{input}\""),
    )
}
/// The same for a month or day, with the hint that the order of fields may be at fault.
pub fn month_day_out_of_range(input: &str) -> PgError {
    field_out_of_range(input).with_hint("Perhaps you need a different \"DateStyle\" setting.")
}
/// `interval field value out of range: "x"`
pub fn interval_field_out_of_range(input: &str) -> PgError {
    PgError::new(SqlState::INTERVAL_FIELD_OVERFLOW, format!("interval field value out of range: \"{input}\""))
}
/// `time zone displacement out of range: "x"`
pub fn zone_displacement_out_of_range(input: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
        format!("time zone displacement out of range: \"{input}\""),
    )
}
/// `time zone "x" not recognized`
pub fn zone_not_recognized(name: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized"))
}
/// `date out of range`, with the input where there is one.
pub fn out_of_range(type_name: &str, input: Option<&str>) -> PgError {
    let shown = input.map(|input| format!(": \"{input}\"")).unwrap_or_default();
    PgError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{type_name} out of range{shown}"))
}
/// `date out of range for timestamp`
pub fn date_out_of_range_for_timestamp() -> PgError {
    PgError::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range for timestamp")
}
/// `cannot subtract infinite dates`
pub fn cannot_subtract_infinite_dates() -> PgError {
    PgError::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot subtract infinite dates")
}
/// `unit "x" not recognized for type timestamp without time zone`
pub fn unit_not_recognized(unit: &str, type_name: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unit \"{unit}\" not recognized for type {type_name}"),
    )
}
/// `unit "x" not supported for type date`
pub fn unit_not_supported(unit: &str, type_name: &str) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("unit \"{unit}\" not supported for type {type_name}"),
    )
}
/// `date field value out of range: 2024-02-30`
pub fn make_date_out_of_range(year: i32, month: i32, day: i32) -> PgError {
    PgError::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("date field value out of range: {year}-{month:02}-{day:02}"),
    )
}
/// `date out of range: 99999999-01-01`
pub fn make_date_beyond_range(year: i32, month: i32, day: i32) -> PgError {
    PgError::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date out of range: {year}-{month:02}-{day:02}"))
}
/// `interval time zone "1 day" must not include months or days`
pub fn interval_zone_with_days(span: &crate::Interval) -> PgError {
    let shown = interval_text(span);
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("interval time zone \"{shown}\" must not include months or days"),
    )
}
/// `interval time zone "infinity" must be finite`
pub fn interval_zone_infinite(span: &crate::Interval) -> PgError {
    let shown = interval_text(span);
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("interval time zone \"{shown}\" must be finite"))
}
fn interval_text(span: &crate::Interval) -> String {
    let mut bytes = Vec::new();
    crate::datetime::interval_text::format_interval(span, &crate::io::IoContext::default(), &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
/// `cannot convert infinite interval to time`
pub fn infinite_interval_to_time() -> PgError {
    PgError::new(SqlState::DATETIME_FIELD_OVERFLOW, "cannot convert infinite interval to time")
}
fn seconds_text(second: f64) -> String {
    let text = crate::float::format_general(second);
    if text.len() < 2 { format!("0{text}") } else { text }
}
/// `time field value out of range: 25:00:00`
pub fn make_time_out_of_range(hour: i32, minute: i32, second: f64) -> PgError {
    PgError::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("time field value out of range: {hour}:{minute:02}:{}", seconds_text(second)),
    )
}
/// `timestamp out of range: 300000-01-01 2:00:0.5`
pub fn make_timestamp_out_of_range(fields: &crate::datetime::make::Fields) -> PgError {
    let [year, month, day] = fields.date;
    let (hour, minute, second) = (fields.hour, fields.minute, seconds_text(fields.second));
    PgError::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("timestamp out of range: {year}-{month:02}-{day:02} {hour}:{minute:02}:{second}"),
    )
}
/// `invalid input syntax for type numeric time zone: "5"`
pub fn numeric_zone_without_sign(name: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid input syntax for type numeric time zone: \"{name}\""),
    )
    .with_hint("Numeric time zones must have \"-\" or \"+\" as first character.")
}
/// `numeric time zone "+20" out of range`
pub fn numeric_zone_out_of_range(name: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("numeric time zone \"{name}\" out of range"))
}
