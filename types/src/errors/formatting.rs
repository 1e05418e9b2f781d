//! Errors of format templates.

use super::{PgError, SqlState};

/// A template that contradicts itself, with the whole text.
pub fn template(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, message)
}
/// `"EEEE" is incompatible with other formats`
pub fn scientific_incompatible() -> PgError {
    template("\"EEEE\" is incompatible with other formats")
        .with_detail("\"EEEE\" may only be used together with digit and decimal point patterns.")
}
/// `"EEEE" not supported for input`
pub fn scientific_input() -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, "\"EEEE\" not supported for input")
}
/// `invalid Roman numeral`
pub fn invalid_roman() -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid Roman numeral")
}
/// `"x" is not a number`
pub fn not_a_number(text: &str) -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("\"{text}\" is not a number"))
}
/// `invalid format specification for an interval value`
pub fn invalid_for_interval() -> PgError {
    PgError::new(SqlState::INVALID_DATETIME_FORMAT, "invalid format specification for an interval value")
        .with_hint("Intervals are not tied to specific calendar dates.")
}
/// `invalid value "x" for "MM"`, without detail.
pub fn invalid_value(value: &str, field: &str) -> PgError {
    PgError::new(SqlState::INVALID_DATETIME_FORMAT, format!("invalid value \"{value}\" for \"{field}\""))
}
/// The same for a value with too few digits.
pub fn too_few_digits(value: &str, field: &str, wanted: usize, parsed: usize) -> PgError {
    invalid_value(value, field)
        .with_detail(format!("Field requires {wanted} characters, but only {parsed} could be parsed."))
        .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier.")
}
/// `source string too short for "YYYY" formatting field`
pub fn source_too_short(field: &str, wanted: usize, left: usize) -> PgError {
    PgError::new(
        SqlState::INVALID_DATETIME_FORMAT,
        format!("source string too short for \"{field}\" formatting field"),
    )
    .with_detail(format!("Field requires {wanted} characters, but only {left} remain."))
    .with_hint("If your source string is not fixed-width, try using the \"FM\" modifier.")
}
/// `value for "YYYY" in source string is out of range`
pub fn value_out_of_range(field: &str) -> PgError {
    PgError::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("value for \"{field}\" in source string is out of range"),
    )
    .with_detail(format!("Value must be in the range {} to {}.", i32::MIN, i32::MAX))
}
/// `conflicting values for "YYYY" field in formatting string`
pub fn conflicting_values(field: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_DATETIME_FORMAT,
        format!("conflicting values for \"{field}\" field in formatting string"),
    )
    .with_detail("This value contradicts a previous setting for the same field type.")
}
/// `invalid combination of date conventions`
pub fn mixed_conventions() -> PgError {
    PgError::new(SqlState::INVALID_DATETIME_FORMAT, "invalid combination of date conventions")
        .with_hint("Do not mix Gregorian and ISO week date conventions in a formatting template.")
}
/// `hour "13" is invalid for the 12-hour clock`
pub fn invalid_hour(hour: i32) -> PgError {
    PgError::new(
        SqlState::INVALID_DATETIME_FORMAT,
        format!("hour \"{hour}\" is invalid for the 12-hour clock"),
    )
    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12.")
}
/// `cannot calculate day of year without year information`
pub fn day_of_year_without_year() -> PgError {
    PgError::new(SqlState::INVALID_DATETIME_FORMAT, "cannot calculate day of year without year information")
}
