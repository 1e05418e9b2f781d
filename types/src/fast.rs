//! Parsers and formatters that go straight between bytes and numbers, for COPY and result rows.
//!
//! A parser returns `None` for everything that is not the plain common form (blanks, exponents, overflow,
//! wrong syntax): the caller then takes the complete path, which judges and words the error.

/// Parses `[-+]digits` into 32 bits.
pub fn parse_int4_fast(text: &[u8]) -> Option<i32> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || digits.len() > 10 {
        return None;
    }
    let value = i64::try_from(parse_digits(digits)?).ok()?;
    i32::try_from(if negative { -value } else { value }).ok()
}

/// Parses `[-+]digits` into 64 bits.
pub fn parse_int8_fast(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let value = i64::try_from(parse_digits(digits)?).ok()?;
    Some(if negative { -value } else { value })
}

/// Parses `[-+]digits[.digits]` into an integer with `scale` digits after the point, rounding half away from
/// zero as `numeric(p, scale)` does. The caller checks the precision.
pub fn parse_fixed_fast(text: &[u8], scale: u8) -> Option<i64> {
    let (negative, rest) = split_sign(text);
    let scale = usize::from(scale);
    if rest.len() > 19 || scale > 18 {
        return None;
    }
    let mut value: i64 = 0;
    let mut index = 0;
    while let Some(digit) = rest.get(index).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
        index += 1;
    }
    let mut digits = index;
    let mut fraction = 0;
    let mut round_up = false;
    if index < rest.len() {
        if rest[index] != b'.' {
            return None;
        }
        for byte in &rest[index + 1..] {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            digits += 1;
            if fraction < scale {
                value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
            } else if fraction == scale {
                round_up = digit >= 5;
            }
            fraction += 1;
        }
    }
    if digits == 0 {
        return None;
    }
    for _ in fraction..scale {
        value = value.checked_mul(10)?;
    }
    value = value.checked_add(i64::from(round_up))?;
    Some(if negative { -value } else { value })
}

/// Parses `YYYY-MM-DD` into days from 2000-01-01.
pub fn parse_date_iso_fast(text: &[u8]) -> Option<i32> {
    let text: &[u8; 10] = text.try_into().ok()?;
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let year = i32::try_from(parse_digits(&text[0..4])?).ok()?;
    let month = u8::try_from(parse_digits(&text[5..7])?).ok()?;
    let day = u8::try_from(parse_digits(&text[8..10])?).ok()?;
    if year == 0 || !crate::datetime::civil::is_valid(year, i32::from(month), i32::from(day)) {
        return None;
    }
    Some(crate::datetime::civil::days_from_civil(year, i32::from(month), i32::from(day)))
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    }
}

/// Returns the value of at most 19 decimal digits.
fn parse_digits(digits: &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(value)
}

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0u8; 2]; 100];
    let mut index = 0;
    while index < 100 {
        pairs[index] = [b'0' + (index / 10) as u8, b'0' + (index % 10) as u8];
        index += 1;
    }
    pairs
};

/// Writes the digits of `value` to the end of `buffer` and returns where they start.
fn digits_backwards(mut value: u64, buffer: &mut [u8; 20]) -> usize {
    let mut start = buffer.len();
    while value >= 100 {
        let pair = PAIRS[(value % 100) as usize];
        value /= 100;
        start -= 2;
        buffer[start..start + 2].copy_from_slice(&pair);
    }
    if value >= 10 {
        start -= 2;
        buffer[start..start + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        start -= 1;
        buffer[start] = b'0' + value as u8;
    }
    start
}

/// Appends `value` in decimal.
pub fn write_i64(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_u64(value.unsigned_abs(), out);
}

/// Appends `value` in decimal.
pub fn write_u64(value: u64, out: &mut Vec<u8>) {
    let mut buffer = [0u8; 20];
    let start = digits_backwards(value, &mut buffer);
    out.extend_from_slice(&buffer[start..]);
}

/// Appends `value` in decimal, with leading zeros up to `width` digits.
pub fn write_padded(value: u64, width: usize, out: &mut Vec<u8>) {
    let mut buffer = [0u8; 20];
    let start = digits_backwards(value, &mut buffer);
    let digits = &buffer[start..];
    out.extend(std::iter::repeat_n(b'0', width.saturating_sub(digits.len())));
    out.extend_from_slice(digits);
}

/// Appends `unscaled * 10^-scale` with `scale` digits after the point.
pub fn write_fixed(unscaled: i128, scale: u16, out: &mut Vec<u8>) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let magnitude = unscaled.unsigned_abs();
    let scale = usize::from(scale);
    if let (Ok(magnitude), true) = (u64::try_from(magnitude), scale < 20) {
        if scale == 0 {
            return write_u64(magnitude, out);
        }
        let power = 10u64.pow(scale as u32);
        write_u64(magnitude / power, out);
        out.push(b'.');
        return write_padded(magnitude % power, scale, out);
    }
    write_point(&magnitude.to_string(), scale, out);
}

/// Appends the digits with a decimal point `scale` places from the right.
pub(crate) fn write_point(digits: &str, scale: usize, out: &mut Vec<u8>) {
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole.as_bytes());
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
        out.extend_from_slice(digits.as_bytes());
    }
}

/// Appends a date as `YYYY-MM-DD`; `days` is finite. Years before 1 end in ` BC`.
pub fn write_date(days: i32, out: &mut Vec<u8>) {
    let (year, month, day) = crate::datetime::civil::civil_from_days(i64::from(days));
    let shown = if year > 0 { year } else { 1 - year };
    write_padded(u64::from(shown.unsigned_abs()), 4, out);
    out.push(b'-');
    out.extend_from_slice(&PAIRS[(month as usize) % 100]);
    out.push(b'-');
    out.extend_from_slice(&PAIRS[(day as usize) % 100]);
    if year <= 0 {
        out.extend_from_slice(b" BC");
    }
}
