//! Errors of text, bytea and array values.

use super::{PgError, SqlState};

/// `value too long for type character varying(3)`
pub fn value_too_long(type_name: &str, length: i32) -> PgError {
    PgError::new(
        SqlState::STRING_DATA_RIGHT_TRUNCATION,
        format!("value too long for type {type_name}({length})"),
    )
}
/// `malformed array literal: "x"` with its detail.
pub fn malformed_array(input: &str, detail: &str) -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed array literal: \"{input}\""))
        .with_detail(detail)
}
/// `LIKE pattern must not end with escape character`
pub fn like_pattern_ends_with_escape() -> PgError {
    PgError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "LIKE pattern must not end with escape character")
}
/// `invalid escape string`
pub fn invalid_escape_string() -> PgError {
    PgError::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
        .with_hint("Escape string must be empty or one character.")
}
/// `negative substring length not allowed`
pub fn negative_substring_length() -> PgError {
    PgError::new(SqlState::SUBSTRING_ERROR, "negative substring length not allowed")
}
/// `field position must not be zero`
pub fn field_position_zero() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "field position must not be zero")
}
/// `requested length too large`
pub fn requested_length_too_large() -> PgError {
    PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large")
}
/// Failures of `chr`.
pub fn chr_out_of_range(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}
/// `invalid byte sequence for encoding "UTF8": 0xff`
pub fn invalid_utf8(bytes: &[u8]) -> PgError {
    let shown: Vec<String> = bytes.iter().take(4).map(|byte| format!("0x{byte:02x}")).collect();
    PgError::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
    )
}
