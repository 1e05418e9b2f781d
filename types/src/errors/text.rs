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
/// `"2" is not a valid binary digit`
pub fn invalid_bit_digit(digit: char, kind: &str) -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("\"{digit}\" is not a valid {kind} digit"))
}
/// `bit string length 2 does not match type bit(3)`
pub fn bit_length_mismatch(length: usize, typmod: i32) -> PgError {
    PgError::new(
        SqlState::STRING_DATA_LENGTH_MISMATCH,
        format!("bit string length {length} does not match type bit({typmod})"),
    )
}
/// `bit string too long for type bit varying(3)`
pub fn bit_string_too_long(typmod: i32) -> PgError {
    PgError::new(
        SqlState::STRING_DATA_RIGHT_TRUNCATION,
        format!("bit string too long for type bit varying({typmod})"),
    )
}
/// `cannot AND bit strings of different sizes`
pub fn bit_sizes_differ(name: &str) -> PgError {
    PgError::new(
        SqlState::STRING_DATA_LENGTH_MISMATCH,
        format!("cannot {name} bit strings of different sizes"),
    )
}
/// `bit index 5 out of valid range (0..2)`
pub fn bit_index_out_of_range(index: i32, length: usize) -> PgError {
    let last = length as i64 - 1;
    PgError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, format!("bit index {index} out of valid range (0..{last})"))
}
/// `index 5 out of valid range, 0..2`
pub fn byte_index_out_of_range(index: i64, last: i64) -> PgError {
    PgError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, format!("index {index} out of valid range, 0..{last}"))
}
/// `new bit must be 0 or 1`
pub fn new_bit_invalid() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "new bit must be 0 or 1")
}
/// `unrecognized encoding: "x"`
pub fn unrecognized_encoding(name: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("unrecognized encoding: \"{name}\""))
}
/// `unexpected "=" while decoding base64 sequence`
pub fn base64_unexpected_padding() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "unexpected \"=\" while decoding base64 sequence")
}
/// `invalid symbol "!" found while decoding base64 sequence`
pub fn base64_invalid_symbol(symbol: char) -> PgError {
    PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid symbol \"{symbol}\" found while decoding base64 sequence"),
    )
}
/// `invalid base64 end sequence`
pub fn base64_invalid_end() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "invalid base64 end sequence")
        .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
}
/// `invalid source encoding name "x"`
pub fn invalid_encoding_name(which: &str, name: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid {which}encoding name \"{name}\""))
}
/// `character with byte sequence 0xe2 in encoding "UTF8" has no equivalent in encoding "LATIN1"`
pub fn untranslatable(bytes: &[u8], from: &str, to: &str) -> PgError {
    let shown: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    PgError::new(
        SqlState::UNTRANSLATABLE_CHARACTER,
        format!(
            "character with byte sequence {} in encoding \"{from}\" has no equivalent in encoding \"{to}\"",
            shown.join(" ")
        ),
    )
}
/// `string is not a valid identifier: "x"` with its detail, if any.
pub fn not_an_identifier(input: &str, detail: Option<&str>) -> PgError {
    let error = PgError::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("string is not a valid identifier: \"{input}\""),
    );
    match detail {
        Some(detail) => error.with_detail(detail),
        None => error,
    }
}
/// `SQL regular expression may not contain more than two escape-double-quote separators`
pub fn too_many_separators() -> PgError {
    PgError::new(
        SqlState::INVALID_USE_OF_ESCAPE_CHARACTER,
        "SQL regular expression may not contain more than two escape-double-quote separators",
    )
}
/// `invalid normalization form: x`
pub fn invalid_normalization_form(form: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid normalization form: {form}"))
}
/// `invalid Unicode surrogate pair`
pub fn invalid_surrogate_pair() -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair")
}
/// `invalid Unicode escape`
pub fn invalid_unicode_escape() -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, "invalid Unicode escape")
        .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
}
/// `invalid Unicode code point: 110000`
pub fn invalid_code_point(code: u32) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid Unicode code point: {code:04X}"))
}
/// Failures of `format()`; `%%` is what the hint speaks of.
pub fn format_specifier(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message).with_hint("For a single \"%\" use \"%%\".")
}
/// Failures of `format()` without a hint.
pub fn format_arguments(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
/// `number is out of range`
pub fn format_number_out_of_range() -> PgError {
    PgError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range")
}
/// `null values cannot be formatted as an SQL identifier`
pub fn null_identifier() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null values cannot be formatted as an SQL identifier")
}
