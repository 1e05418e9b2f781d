//! Tokens of a path.

use crate::errors::{Result, jsonpath as errors};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword without quotes.
    Name(String),
    /// A quoted string.
    Text(String),
    Number(String),
    /// `$name`; `$` alone is a symbol.
    Variable(String),
    Symbol(&'static str),
    End,
}

/// Longest first.
const SYMBOLS: &[&str] = &[
    "**", "&&", "||", "==", "!=", "<>", "<=", ">=", "$", "@", ".", "[", "]", "{", "}", "(", ")", "?", "*",
    "+", "-", "/", "%", "!", "<", ">", ",",
];

fn ends_name(c: char) -> bool {
    c.is_ascii_whitespace() || "?%$.[]{}()|&!=<>@#,*:-+/\"'\\".contains(c)
}

/// Splits `text` into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").ok_or_else(|| errors::syntax(None))?.1;
            continue;
        }
        let Some(first) = rest.chars().next() else { break };
        if first == '"' {
            let (value, tail) = quoted(rest.get(1..).unwrap_or(""))?;
            found.push(Token::Text(value));
            rest = tail;
        } else if let Some(name) = rest.strip_prefix('$').filter(|name| name.starts_with('"')) {
            let (value, tail) = quoted(name.get(1..).unwrap_or(""))?;
            found.push(Token::Variable(value));
            rest = tail;
        } else if let Some(name) =
            rest.strip_prefix('$').filter(|name| name.chars().next().is_some_and(|c| !ends_name(c)))
        {
            let end = name.find(ends_name).unwrap_or(name.len());
            found.push(Token::Variable(name.get(..end).unwrap_or("").to_string()));
            rest = name.get(end..).unwrap_or("");
        } else if first.is_ascii_digit()
            || first == '.' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit())
        {
            let end = number_end(rest);
            found.push(Token::Number(rest.get(..end).unwrap_or("").to_string()));
            rest = rest.get(end..).unwrap_or("");
            if let Some(junk) = rest.chars().next().filter(|c| c.is_alphanumeric() || *c == '_') {
                let shown = format!("{junk}");
                return Err(errors::refused(&format!(
                    "trailing junk after numeric literal at or near \"{}{shown}\" of jsonpath input",
                    match found.last() {
                        Some(Token::Number(number)) => number.as_str(),
                        _ => "",
                    }
                )));
            }
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            rest = rest.get(symbol.len()..).unwrap_or("");
        } else if ends_name(first) && first != '\\' {
            return Err(errors::syntax(Some(&first.to_string())));
        } else {
            let end = rest.find(|c| ends_name(c) && c != '\\').unwrap_or(rest.len());
            let (value, _) = quoted(&format!("{}\"", rest.get(..end).unwrap_or("")))?;
            found.push(Token::Name(value));
            rest = rest.get(end..).unwrap_or("");
        }
    }
    found.push(Token::End);
    Ok(found)
}

fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_') {
            at += 1;
        }
        at
    };
    let mut at = digits(0);
    if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_none_or(|byte| !byte.is_ascii_alphabetic()) {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            at = digits(at + 1 + sign);
        }
    }
    at
}

/// Reads a string up to its closing quote; the opening one is behind.
fn quoted(text: &str) -> Result<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or(""))),
            '\\' => match characters.next() {
                Some((_, 'b')) => value.push('\x08'),
                Some((_, 'f')) => value.push('\x0c'),
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'v')) => value.push('\x0b'),
                Some((start, 'u')) => {
                    let hex = text.get(start + 1..start + 5).unwrap_or("");
                    let code = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
                    value.push(code.ok_or_else(|| errors::refused("invalid Unicode escape sequence"))?);
                    characters.nth(3);
                }
                Some((_, other)) => value.push(other),
                None => break,
            },
            _ => value.push(character),
        }
    }
    Err(errors::refused("unterminated quoted string at end of jsonpath input"))
}
