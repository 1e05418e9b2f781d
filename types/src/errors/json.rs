//! Errors of JSON text and of the json functions.

use super::{PgError, SqlState};

/// What is wrong with a piece of JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A token that is none.
    Token(String),
    /// Something else was expected (`what`, then the token found).
    Expected(&'static str, String),
    /// The input ended.
    More,
    /// A control character in a string.
    EscapingRequired(u8),
    /// An unknown escape.
    Escaping(String),
    /// `\u` without four digits.
    UnicodeFormat,
    /// Two high surrogates.
    HighSurrogate,
    /// Half a surrogate pair.
    LowSurrogate,
    /// `\u0000`
    CodePointZero,
}

/// `invalid input syntax for type json`, or `unsupported Unicode escape sequence`, with the detail.
pub fn invalid(fault: Fault) -> PgError {
    let syntax = || PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json");
    match fault {
        Fault::CodePointZero => {
            PgError::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence")
                .with_detail("\\u0000 cannot be converted to text.")
        }
        Fault::Token(token) => syntax().with_detail(format!("Token \"{token}\" is invalid.")),
        Fault::Expected(what, found) => {
            syntax().with_detail(format!("Expected {what}, but found \"{found}\"."))
        }
        Fault::More => syntax().with_detail("The input string ended unexpectedly."),
        Fault::EscapingRequired(byte) => {
            syntax().with_detail(format!("Character with value 0x{byte:02x} must be escaped."))
        }
        Fault::Escaping(shown) => syntax().with_detail(format!("Escape sequence \"\\{shown}\" is invalid.")),
        Fault::UnicodeFormat => syntax().with_detail("\"\\u\" must be followed by four hexadecimal digits."),
        Fault::HighSurrogate => {
            syntax().with_detail("Unicode high surrogate must not follow a high surrogate.")
        }
        Fault::LowSurrogate => syntax().with_detail("Unicode low surrogate must follow a high surrogate."),
    }
}

/// `JSON data, line 1: ...`
pub fn context(line: usize, excerpt: &str) -> String {
    format!("JSON data, line {line}: {excerpt}")
}
/// Misuse of a json function or operator (`22023`), e.g. `cannot call json_each on ...`.
pub fn misuse(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
/// `argument list must have even number of elements`
pub fn odd_arguments(function: &str) -> PgError {
    misuse("argument list must have even number of elements")
        .with_hint(format!("The arguments of {function}() must consist of alternating keys and values."))
}
/// `null value not allowed for object key`
pub fn null_key() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key")
}
/// `argument 1: key must not be null`
pub fn null_key_argument(position: usize) -> PgError {
    misuse(format!("argument {position}: key must not be null"))
}
/// `key value must be scalar, not array, composite, or json`
pub fn key_not_scalar() -> PgError {
    misuse("key value must be scalar, not array, composite, or json")
}
/// `array must have even number of elements` and its relatives.
pub fn wrong_array(message: &str) -> PgError {
    PgError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}
/// `path element at position 1 is not an integer: "a"`
pub fn path_not_an_integer(position: usize, element: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("path element at position {position} is not an integer: \"{element}\""),
    )
}
/// `path element at position 1 is out of range: -3`
pub fn path_out_of_range(position: usize, index: i64) -> PgError {
    misuse(format!("path element at position {position} is out of range: {index}"))
}
/// A path that goes on below a scalar.
pub fn key_of_scalar() -> PgError {
    misuse("cannot replace existing key")
        .with_detail("The path assumes key is a composite object, but it is a scalar value.")
}
/// `j[NULL] = ...`
pub fn null_subscript() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "jsonb subscript in assignment must not be null")
}
/// `path element at position 1 is null`
pub fn path_null(position: usize) -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, format!("path element at position {position} is null"))
}
/// `cannot replace existing key`
pub fn existing_key() -> PgError {
    misuse("cannot replace existing key").with_hint("Try using the function jsonb_set to replace key value.")
}
/// `JSON value must not be null`, of `jsonb_set_lax`.
pub fn null_value() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "JSON value must not be null")
        .with_detail("Exception was raised because null_value_treatment is \"raise_exception\".")
        .with_hint("To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.")
}
/// `cannot cast jsonb string to type integer`
pub fn cannot_cast(kind: &str, type_name: &str) -> PgError {
    misuse(format!("cannot cast jsonb {kind} to type {type_name}"))
}
/// `expected JSON array`, with the key or the subscripts where it was expected.
pub fn expected_array(place: &str) -> PgError {
    let error = PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, "expected JSON array");
    if place.is_empty() { error } else { error.with_hint(format!("See the value of {place}.")) }
}
/// `malformed JSON array`
pub fn malformed_array() -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, "malformed JSON array")
        .with_detail("Multidimensional arrays must have sub-arrays with matching dimensions.")
}
/// `could not determine row type for result of json_populate_record`
pub fn unknown_row_type(function: &str) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("could not determine row type for result of {function}"),
    )
    .with_hint("Provide a non-null record argument, or call the function in the FROM clause using a column definition list.")
}
/// `duplicate JSON object key value: "a"`; for jsonb without the key.
pub fn duplicate_key(key: Option<&str>) -> PgError {
    let shown = key.map(|key| format!(": {key}")).unwrap_or_default();
    PgError::new(SqlState::DUPLICATE_JSON_OBJECT_KEY_VALUE, format!("duplicate JSON object key value{shown}"))
}
/// `no SQL/JSON item found for specified path`, of a column where there is one.
pub fn no_item(column: &str) -> PgError {
    let of = if column.is_empty() { String::new() } else { format!(" of column \"{column}\"") };
    PgError::new(SqlState::NO_SQL_JSON_ITEM, format!("no SQL/JSON item found for specified path{of}"))
}
/// `JSON path expression in JSON_QUERY must return single item ...`
pub fn more_than_one_item(function: &str, column: &str) -> PgError {
    let place = if column.is_empty() { function.to_string() } else { format!("column \"{column}\"") };
    let place = if column.is_empty() { format!("in {place}") } else { format!("for {place}") };
    if function == "JSON_VALUE" {
        return PgError::new(
            SqlState::MORE_THAN_ONE_SQL_JSON_ITEM,
            format!("JSON path expression {place} must return single scalar item"),
        );
    }
    PgError::new(
        SqlState::MORE_THAN_ONE_SQL_JSON_ITEM,
        format!("JSON path expression {place} must return single item when no wrapper is requested"),
    )
    .with_hint("Use the WITH WRAPPER clause to wrap SQL/JSON items into an array.")
}
/// `JSON path expression in JSON_VALUE must return single scalar item`
pub fn not_a_scalar(column: &str) -> PgError {
    let place =
        if column.is_empty() { "in JSON_VALUE".to_string() } else { format!("for column \"{column}\"") };
    PgError::new(
        SqlState::SQL_JSON_SCALAR_REQUIRED,
        format!("JSON path expression {place} must return single scalar item"),
    )
}
