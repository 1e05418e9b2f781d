//! Integer input: decimal, hexadecimal, octal and binary, with underscores between digits.

use crate::errors::{Result, data};

/// Parses an integer of the range `min..=max` (`pg_strtoint64_safe` and its relatives).
pub fn parse_integer(text: &str, type_name: &str, min: i64, max: i64) -> Result<i64> {
    let invalid = || data::invalid_input_syntax(type_name, text);
    let trimmed = text.trim_matches(|c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c'));
    let (negative, rest) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        Some(_) | None => (false, trimmed),
    };
    let (radix, digits) = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &rest[2..]),
        [b'0', b'o' | b'O', ..] => (8, &rest[2..]),
        [b'0', b'b' | b'B', ..] => (2, &rest[2..]),
        _ => (10, rest),
    };
    let digits = if radix == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    let mut value: i128 = 0;
    let mut after_digit = false;
    for character in digits.chars() {
        match character.to_digit(radix) {
            Some(digit) => {
                value = value.saturating_mul(i128::from(radix)).saturating_add(i128::from(digit));
                after_digit = true;
            }
            None if character == '_' && after_digit => after_digit = false,
            None => return Err(invalid()),
        }
    }
    if !after_digit {
        return Err(invalid());
    }
    let value = if negative { -value } else { value };
    match i64::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        Ok(_) | Err(_) => Err(data::value_out_of_range(type_name, text)),
    }
}

/// Parses an `oid`: C's `strtoul` accepts a sign.
pub fn parse_oid(text: &str, type_name: &str) -> Result<i64> {
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(data::invalid_input_syntax(type_name, text));
    }
    let value: i64 = trimmed.parse().map_err(|_| data::value_out_of_range(type_name, text))?;
    if value > i64::from(u32::MAX) || value < i64::from(i32::MIN) {
        return Err(data::value_out_of_range(type_name, text));
    }
    Ok(value & 0xffff_ffff)
}
