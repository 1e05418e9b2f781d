//! Text input and output of numeric.

use std::fmt;
use std::str::FromStr;

use dashu::base::UnsignedAbs;
use dashu::integer::{IBig, UBig};

use super::decimal::{digit_count, rescale_up};
use super::{DIGITS_BEFORE_MAX, Numeric, SCALE_MAX};
use crate::errors::{PgError, Result, data};
use crate::fast::{write_fixed, write_point};

/// A parsed number before the limits of the format are applied.
enum Parsed {
    Special(Numeric),
    Finite(IBig, i32),
}

impl Numeric {
    /// Parses `text` in every form that `numeric_in` accepts.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_typmod(text, -1)
    }

    /// Parses `text` and applies the type modifier.
    pub fn parse_typmod(text: &str, typmod: i32) -> Result<Self> {
        let trimmed = text.trim_matches(is_space);
        if let Some(fast) = parse_simple(trimmed.as_bytes()) {
            return fast.apply_typmod(typmod);
        }
        match parse_full(trimmed).ok_or_else(|| data::invalid_input_syntax("numeric", text))?? {
            Parsed::Special(special) => special.apply_typmod(typmod),
            Parsed::Finite(unscaled, scale) => match super::rounding::Modifier::from_typmod(typmod) {
                // Round before the limits apply, as numeric_in does.
                Some(modifier) if scale > i32::from(SCALE_MAX) => {
                    let kept = modifier.scale.clamp(0, 1000) + 1;
                    let sticky = super::decimal::rescale_truncating(unscaled, scale, kept);
                    Self::from_big(sticky, kept)?.apply_typmod(typmod)
                }
                Some(_) | None => Self::from_big(unscaled, scale)?.apply_typmod(typmod),
            },
        }
    }

    /// Appends the text form.
    pub fn write_text(&self, out: &mut Vec<u8>) {
        match self {
            Self::Fixed { unscaled, scale } => write_fixed(i128::from(*unscaled), u16::from(*scale), out),
            Self::Big(big) => {
                if big.unscaled < IBig::ZERO {
                    out.push(b'-');
                }
                let digits = big.unscaled.clone().unsigned_abs().to_string();
                write_point(&digits, usize::from(big.scale), out);
            }
            Self::NaN => out.extend_from_slice(b"NaN"),
            Self::Infinity => out.extend_from_slice(b"Infinity"),
            Self::NegativeInfinity => out.extend_from_slice(b"-Infinity"),
        }
    }
}

impl fmt::Display for Numeric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        self.write_text(&mut bytes);
        formatter.write_str(&String::from_utf8_lossy(&bytes))
    }
}

impl FromStr for Numeric {
    type Err = PgError;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// Returns whether C's `isspace` holds.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Parses `[-+]digits[.digits]` of at most 18 digits.
fn parse_simple(text: &[u8]) -> Option<Numeric> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.len() > 19 {
        return None;
    }
    let (mut value, mut count, mut point) = (0i64, 0usize, None);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                count += 1;
            }
            b'.' if point.is_none() => point = Some(count),
            _ => return None,
        }
    }
    let scale = u8::try_from(count - point.unwrap_or(count)).ok()?;
    if count == 0 || scale > super::FIXED_SCALE_MAX {
        return None;
    }
    Some(Numeric::Fixed { unscaled: if negative { -value } else { value }, scale })
}

/// Parses any accepted form; `None` is a syntax error.
fn parse_full(text: &str) -> Option<Result<Parsed>> {
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest.eq_ignore_ascii_case("nan") {
        return (rest.len() == text.len()).then_some(Ok(Parsed::Special(Numeric::NaN)));
    }
    if rest.eq_ignore_ascii_case("infinity") || rest.eq_ignore_ascii_case("inf") {
        let special = if negative { Numeric::NegativeInfinity } else { Numeric::Infinity };
        return Some(Ok(Parsed::Special(special)));
    }
    let sign = |value: UBig| if negative { -IBig::from(value) } else { IBig::from(value) };
    let radix = match rest.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    if radix != 10 {
        // An underscore may follow the prefix.
        let digits = rest.get(2..)?;
        let digits = strip_underscores(digits.strip_prefix('_').unwrap_or(digits), radix)?;
        if digits.len() > 131_072 {
            return Some(Err(data::numeric_overflow()));
        }
        return Some(Ok(Parsed::Finite(sign(UBig::from_str_radix(&digits, radix).ok()?), 0)));
    }
    parse_decimal(rest, sign)
}

fn parse_decimal(text: &str, sign: impl Fn(UBig) -> IBig) -> Option<Result<Parsed>> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(position) => (text.get(..position)?, Some(text.get(position + 1..)?)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = if whole.is_empty() { String::new() } else { strip_underscores(whole, 10)? };
    let fraction = if fraction.is_empty() { String::new() } else { strip_underscores(fraction, 10)? };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match exponent {
        None => 0,
        Some(exponent) => {
            let (down, digits) = match exponent.as_bytes().first()? {
                b'-' => (true, exponent.get(1..)?),
                b'+' => (false, exponent.get(1..)?),
                _ => (false, exponent),
            };
            let digits = strip_underscores(digits, 10)?;
            match digits.parse::<i32>().ok().filter(|value| *value <= i32::MAX / 2) {
                Some(value) if down => -value,
                Some(value) => value,
                None => return Some(Err(data::numeric_overflow())),
            }
        }
    };
    let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let unscaled = sign(UBig::from_str_radix(&(whole + &fraction), 10).ok()?);
    if scale >= 0 {
        return Some(Ok(Parsed::Finite(unscaled, scale)));
    }
    if !unscaled.is_zero() && digit_count(&unscaled) - i64::from(scale) > DIGITS_BEFORE_MAX {
        return Some(Err(data::numeric_overflow()));
    }
    Some(Ok(Parsed::Finite(rescale_up(unscaled, -scale), 0)))
}

/// Returns the digits without underscores, each of which must stand between two digits.
fn strip_underscores(text: &str, radix: u32) -> Option<String> {
    let mut digits = String::with_capacity(text.len());
    let mut after_digit = false;
    for character in text.chars() {
        match character {
            '_' if after_digit => after_digit = false,
            _ if character.is_digit(radix) => {
                digits.push(character);
                after_digit = true;
            }
            _ => return None,
        }
    }
    after_digit.then_some(digits)
}
