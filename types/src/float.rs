//! Text form of floats: shortest digits that read back the same, laid out by PostgreSQL's exponent rules.

use crate::errors::{Result, data};

/// Returns the text of a `float8` under `extra_float_digits`.
pub fn format_f64(value: f64, extra_float_digits: i32) -> String {
    if let Some(special) = special(value) {
        return special.to_string();
    }
    if extra_float_digits > 0 {
        let mut buffer = zmij::Buffer::new();
        layout(buffer.format_finite(value), 15)
    } else {
        general(value, 15 + extra_float_digits)
    }
}

/// Returns the text of a `float4` under `extra_float_digits`.
pub fn format_f32(value: f32, extra_float_digits: i32) -> String {
    if let Some(special) = special(f64::from(value)) {
        return special.to_string();
    }
    if extra_float_digits > 0 {
        let mut buffer = zmij::Buffer::new();
        layout(buffer.format_finite(value), 6)
    } else {
        general(f64::from(value), 6 + extra_float_digits)
    }
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

/// Splits `[-]d[.d][e[-]d]` into sign, digits without leading and trailing zeros, and the decimal exponent of
/// the first digit.
fn split(text: &str) -> (bool, String, i32) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_start_matches('0').trim_end_matches('0').to_string();
    let exponent = exponent.parse::<i32>().unwrap_or(0) + whole.len() as i32 - 1 - leading as i32;
    (negative, digits, exponent)
}

/// Lays out shortest digits: fixed notation when the exponent is between -4 and `digits_max`.
fn layout(shortest: &str, digits_max: i32) -> String {
    let (negative, digits, exponent) = split(shortest);
    place(negative, &digits, exponent, digits_max)
}

/// Formats as C's `%g`.
pub fn format_general(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_string();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    general(value, 6)
}

/// Formats as C's `%.*g`.
fn general(value: f64, digits: i32) -> String {
    let digits = digits.max(1);
    let (negative, kept, exponent) = split(&format!("{value:.*e}", digits as usize - 1));
    place(negative, &kept, exponent, digits)
}

fn place(negative: bool, digits: &str, exponent: i32, digits_max: i32) -> String {
    let sign = if negative { "-" } else { "" };
    if digits.is_empty() {
        return format!("{sign}0");
    }
    if exponent < -4 || exponent >= digits_max {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{point}{rest}e{exponent_sign}{:02}", exponent.abs());
    }
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat((-exponent - 1) as usize));
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        format!("{sign}{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
    }
}

/// Parses a `float8` as `float8in` does.
pub fn parse_f64(text: &str) -> Result<f64> {
    parse(
        text,
        "double precision",
        |text| text.parse::<f64>().ok(),
        f64::INFINITY,
        f64::is_infinite,
        |v| v == 0.0,
    )
}

/// Parses a `float4` as `float4in` does.
pub fn parse_f32(text: &str) -> Result<f32> {
    parse(text, "real", |text| text.parse::<f32>().ok(), f32::INFINITY, f32::is_infinite, |v| v == 0.0)
}

/// Parses what follows `0x` of a hexadecimal float: at most 13 digits, so that the mantissa is exact.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 13 {
        return None;
    }
    let value = u64::from_str_radix(&digits, 16).ok()? as f64;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(4 * fraction.len() as i32)?;
    Some(libm::ldexp(value, exponent))
}

fn parse<T: Copy + std::ops::Neg<Output = T>>(
    text: &str,
    type_name: &str,
    read: impl Fn(&str) -> Option<T>,
    infinity: T,
    is_infinite: fn(T) -> bool,
    is_zero: fn(T) -> bool,
) -> Result<T> {
    let trimmed = text.trim_matches(|c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c'));
    let (negative, rest) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        Some(_) | None => (false, trimmed),
    };
    let signed = |value: T| if negative { -value } else { value };
    if rest.eq_ignore_ascii_case("infinity") || rest.eq_ignore_ascii_case("inf") {
        return Ok(signed(infinity));
    }
    if rest.eq_ignore_ascii_case("nan") {
        return read("NaN").ok_or_else(|| data::invalid_input_syntax(type_name, text));
    }
    if let Some(value) =
        rest.strip_prefix(['0']).and_then(|rest| rest.strip_prefix(['x', 'X'])).and_then(hexadecimal)
    {
        return read(&format!("{value:e}"))
            .map(signed)
            .ok_or_else(|| data::invalid_input_syntax(type_name, text));
    }
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(data::invalid_input_syntax(type_name, text));
    }
    let value = read(rest).ok_or_else(|| data::invalid_input_syntax(type_name, text))?;
    let mantissa = rest.split(['e', 'E']).next().unwrap_or("");
    let nonzero = mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    if is_infinite(value) || (is_zero(value) && nonzero) {
        return Err(data::float_input_out_of_range(type_name, trimmed));
    }
    Ok(signed(value))
}
