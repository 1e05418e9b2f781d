//! `parse_ident`: a qualified name taken apart.

use crate::errors::{PgError, Result, text as errors};

fn starts_name(c: char) -> bool {
    c == '_' || c.is_ascii_alphabetic() || !c.is_ascii()
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit() || c == '$'
}

fn is_blank(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\x0b'
}

/// `parse_ident(text, strict)`: what follows the name is an error when strict.
pub fn parse_ident(input: &str, strict: bool) -> Result<Vec<String>> {
    let invalid = |detail: Option<&str>| -> PgError { errors::not_an_identifier(input, detail) };
    let mut rest = input.trim_start_matches(is_blank);
    let mut parts = Vec::new();
    let mut after_dot = false;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut name = String::new();
            let mut from = quoted;
            loop {
                let Some((piece, tail)) = from.split_once('"') else {
                    return Err(invalid(Some("String has unclosed double quotes.")));
                };
                name.push_str(piece);
                from = tail;
                match tail.strip_prefix('"') {
                    Some(tail) => {
                        name.push('"');
                        from = tail;
                    }
                    None => break,
                }
            }
            if name.is_empty() {
                return Err(invalid(Some("Quoted identifier must not be empty.")));
            }
            parts.push(name);
            rest = from;
        } else if rest.starts_with(starts_name) {
            let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
            let (name, tail) = rest.split_at(end);
            parts.push(name.to_ascii_lowercase());
            rest = tail;
        } else if rest.starts_with('.') {
            return Err(invalid(Some("No valid identifier before \".\".")));
        } else if after_dot {
            return Err(invalid(Some("No valid identifier after \".\".")));
        } else {
            return Err(invalid(None));
        }
        rest = rest.trim_start_matches(is_blank);
        match rest.strip_prefix('.') {
            Some(tail) => {
                after_dot = true;
                rest = tail.trim_start_matches(is_blank);
            }
            None if rest.is_empty() || !strict => return Ok(parts),
            None => return Err(invalid(None)),
        }
    }
}
