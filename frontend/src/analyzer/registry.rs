//! Qualified names in text, as the `reg*` types and functions over names take them.

use types::{PgError, Result, SqlState};

/// Splits a qualified name: unquoted parts are folded to lower case, quoted ones kept.
///
/// # Errors
/// `42602` for what is not a name.
pub fn name_parts(text: &str) -> Result<Vec<String>> {
    let invalid = || PgError::new(SqlState::INVALID_NAME, "invalid name syntax");
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_part(quoted).ok_or_else(invalid)?
        } else {
            let end = rest.find(['.', ' ']).unwrap_or(rest.len());
            (rest[..end].to_lowercase(), &rest[end..])
        };
        if part.is_empty() {
            return Err(invalid());
        }
        parts.push(part);
        let after = after.trim_start();
        match after.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

/// Reads up to the closing quote; doubled quotes stand for one.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((position, character)) = characters.next() {
        if character != '"' {
            part.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == '"') {
            part.push('"');
            characters.next();
        } else {
            return Some((part, &text[position + 1..]));
        }
    }
    None
}
