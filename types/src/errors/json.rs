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
