//! Errors of network addresses.

use super::{PgError, SqlState};

/// `invalid cidr value: "x"`
pub fn bits_right_of_mask(input: &str) -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid cidr value: \"{input}\""))
        .with_detail("Value has bits set to right of mask.")
}
/// `invalid mask length: 40`
pub fn invalid_mask_length(bits: i32) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid mask length: {bits}"))
}
/// `cannot merge addresses from different families`
pub fn different_families() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "cannot merge addresses from different families")
}
/// `cannot AND inet values of different sizes`
pub fn different_sizes(action: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("cannot {action} inet values of different sizes"))
}
/// `result is out of range`
pub fn result_out_of_range() -> PgError {
    PgError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "result is out of range")
}
/// `macaddr8 data out of range to convert to macaddr`
pub fn macaddr8_out_of_range() -> PgError {
    PgError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "macaddr8 data out of range to convert to macaddr")
        .with_hint("Only addresses that have FF and FE as values in the 4th and 5th bytes from the left, for example xx:xx:xx:ff:fe:xx:xx:xx, are eligible to be converted from macaddr8 to macaddr.")
}
