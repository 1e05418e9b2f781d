//! `money`: cents in 64 bits, read and written as in the C locale (`$1,234.56`).

use crate::errors::{Result, data};
use crate::numeric::Numeric;

const TYPE: &str = "money";

/// Parses the text form (`cash_in`).
pub fn parse(text: &str) -> Result<i64> {
    let invalid = || data::invalid_input_syntax(TYPE, text);
    let out_of_range = || data::value_out_of_range(TYPE, text);
    let space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let bytes = text.as_bytes();
    let mut at = 0;
    let skip = |at: &mut usize| {
        while bytes.get(*at).is_some_and(space) {
            *at += 1;
        }
    };
    let mut negative = false;
    skip(&mut at);
    at += usize::from(bytes.get(at) == Some(&b'$'));
    skip(&mut at);
    match bytes.get(at) {
        Some(b'-' | b'(') => {
            negative = true;
            at += 1;
        }
        Some(b'+') => at += 1,
        Some(_) | None => {}
    }
    skip(&mut at);
    at += usize::from(bytes.get(at) == Some(&b'$'));
    skip(&mut at);
    // Accumulated below zero, where the range is larger by one.
    let mut value: i64 = 0;
    let mut decimals = None;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'0'..=b'9' if decimals.is_none_or(|count| count < 2) => {
                value = value
                    .checked_mul(10)
                    .and_then(|value| value.checked_sub(i64::from(byte - b'0')))
                    .ok_or_else(out_of_range)?;
                decimals = decimals.map(|count: u32| count + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            b',' => {}
            _ => break,
        }
        at += 1;
    }
    if bytes.get(at).is_some_and(|byte| (b'5'..=b'9').contains(byte)) {
        value = value.checked_sub(1).ok_or_else(out_of_range)?;
    }
    for _ in decimals.unwrap_or(0)..2 {
        value = value.checked_mul(10).ok_or_else(out_of_range)?;
    }
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    for byte in bytes.iter().skip(at) {
        match byte {
            b')' | b'+' | b'$' => {}
            b'-' => negative = true,
            byte if space(byte) => {}
            _ => return Err(invalid()),
        }
    }
    if negative { Ok(value) } else { value.checked_neg().ok_or_else(out_of_range) }
}

/// Returns the text form (`cash_out`).
pub fn format(value: i64) -> String {
    let cents = value.unsigned_abs();
    let whole = (cents / 100).to_string();
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{}${grouped}.{:02}", if value < 0 { "-" } else { "" }, cents % 100)
}

/// Returns a sum, difference or product that fits.
pub fn checked(value: Option<i64>) -> Result<i64> {
    value.ok_or_else(data::money_out_of_range)
}

/// Returns a product or quotient computed in floating point, half to even.
pub fn from_float(value: f64) -> Result<i64> {
    let value = value.round_ties_even();
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        Ok(value as i64)
    } else {
        Err(data::money_out_of_range())
    }
}

/// `money / integer`
pub fn divide(value: i64, divisor: i64) -> Result<i64> {
    if divisor == 0 {
        return Err(data::division_by_zero());
    }
    value.checked_div(divisor).ok_or_else(data::floating_point_exception)
}

/// `money * float`
pub fn multiply_float(value: i64, factor: f64) -> Result<i64> {
    from_float(crate::arithmetic::float8::mul(value as f64, factor)?)
}

/// `money / float`
pub fn divide_float(value: i64, divisor: f64) -> Result<i64> {
    from_float(crate::arithmetic::float8::div(value as f64, divisor)?)
}

/// Casts to numeric.
pub fn to_numeric(value: i64) -> Numeric {
    Numeric::from_i128(value.into(), 2)
}

/// Casts from numeric.
pub fn from_numeric(value: &Numeric) -> Result<i64> {
    value.mul(&Numeric::from_i64(100))?.to_i64()
}

/// Casts from an integer.
pub fn from_integer(value: i64) -> Result<i64> {
    value.checked_mul(100).ok_or_else(data::bigint_out_of_range)
}

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Returns the words of a number below a thousand (`num_word`).
fn below_thousand(value: u64) -> String {
    let small = |value: u64| SMALL[value as usize % 20];
    let rest = value % 100;
    let tens = |rest: u64| match rest {
        0..20 => small(rest).to_string(),
        _ if rest.is_multiple_of(10) => TENS[rest as usize / 10].to_string(),
        _ => format!("{} {}", TENS[rest as usize / 10], small(rest % 10)),
    };
    match value {
        0..100 => tens(rest),
        _ if rest == 0 => format!("{} hundred", small(value / 100)),
        _ if rest < 20 => format!("{} hundred and {}", small(value / 100), small(rest)),
        _ => {
            format!("{} hundred {}", small(value / 100), tens(rest))
        }
    }
}

/// Returns the amount in words (`cash_words`).
pub fn words(value: i64) -> String {
    let cents = value.unsigned_abs();
    let mut text = if value < 0 { "minus ".to_string() } else { String::new() };
    let dollars = cents / 100;
    let scales = [
        (1_000_000_000_000_000, " quadrillion "),
        (1_000_000_000_000, " trillion "),
        (1_000_000_000, " billion "),
        (1_000_000, " million "),
        (1_000, " thousand "),
        (1, ""),
    ];
    for (scale, name) in scales {
        let part = dollars / scale % 1000;
        if part > 0 {
            text += &below_thousand(part);
            text += name;
        }
    }
    if dollars == 0 {
        text += "zero";
    }
    text += if dollars == 1 { " dollar and " } else { " dollars and " };
    text += &below_thousand(cents % 100);
    text += if cents % 100 == 1 { " cent" } else { " cents" };
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => text,
    }
}
