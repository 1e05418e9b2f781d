//! `json`: validation of the text form; the text is kept as it is.

use crate::errors::{PgError, Result, data};

/// Nesting beyond this is refused rather than recursed into.
const DEPTH_MAX: usize = 6000;

/// Returns `text` when it is valid JSON.
pub fn validate(text: &str) -> Result<&str> {
    let invalid = || data::invalid_json();
    let bytes = text.as_bytes();
    let mut at = skip_blanks(bytes, 0);
    // What is open: `{` waiting for its value, or `[`.
    let mut open: Vec<u8> = Vec::new();
    loop {
        // A value starts here.
        match bytes.get(at) {
            Some(b'{') => {
                at = skip_blanks(bytes, at + 1);
                if bytes.get(at) == Some(&b'}') {
                    at += 1;
                } else {
                    at = key(bytes, at).ok_or_else(invalid)?;
                    open.push(b'{');
                    continue;
                }
            }
            Some(b'[') => {
                at = skip_blanks(bytes, at + 1);
                if bytes.get(at) == Some(&b']') {
                    at += 1;
                } else {
                    open.push(b'[');
                    if open.len() > DEPTH_MAX {
                        return Err(PgError::not_supported("json nested this deeply"));
                    }
                    continue;
                }
            }
            Some(_) | None => at = scalar(bytes, at).ok_or_else(invalid)?,
        }
        // A value has ended here: close what it closes.
        loop {
            at = skip_blanks(bytes, at);
            match (open.last(), bytes.get(at)) {
                (None, None) => return Ok(text),
                (Some(b'{'), Some(b',')) => {
                    at = key(bytes, skip_blanks(bytes, at + 1)).ok_or_else(invalid)?;
                    break;
                }
                (Some(b'['), Some(b',')) => {
                    at = skip_blanks(bytes, at + 1);
                    break;
                }
                (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) => {
                    open.pop();
                    at += 1;
                }
                _ => return Err(invalid()),
            }
        }
    }
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Reads `"key" :` and returns where the value starts.
fn key(bytes: &[u8], at: usize) -> Option<usize> {
    let at = skip_blanks(bytes, string(bytes, at)?);
    (bytes.get(at) == Some(&b':')).then(|| skip_blanks(bytes, at + 1))
}

fn string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match bytes.get(at + 1)? {
                b'u' => {
                    let digits = bytes.get(at + 2..at + 6)?;
                    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                    at += 6;
                }
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            0..=31 => return None,
            _ => at += 1,
        }
    }
}

fn scalar(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    for word in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(word) {
            return Some(at + word.len());
        }
    }
    if rest.first() == Some(&b'"') {
        return string(bytes, at);
    }
    let digits = |from: usize| {
        bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count())
    };
    let mut end = at + usize::from(rest.first() == Some(&b'-'));
    let whole = digits(end);
    if whole == 0 || (whole > 1 && bytes.get(end) == Some(&b'0')) {
        return None;
    }
    end += whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        (fraction > 0).then_some(())?;
        end += 1 + fraction;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        end += 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end);
        (exponent > 0).then_some(())?;
        end += exponent;
    }
    Some(end)
}
