//! `bit` and `bit varying`. In memory a bit string is one byte a bit, `0` or `1` in ASCII, so that bytewise order
//! is the types' order and text output is a copy; the wire form is packed.

use std::sync::Arc;

use crate::Datum;
use crate::errors::{Result, data, text as errors};

/// Longer lengths are not applied.
const LENGTH_MAX: usize = (i32::MAX - 7) as usize;

/// Parses the text form: binary digits, or hexadecimal ones after `x`.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    let (hexadecimal, digits) = match text.as_bytes().first() {
        Some(b'x' | b'X') => (true, &text[1..]),
        Some(b'b' | b'B') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    let mut bits = Vec::with_capacity(digits.len() * if hexadecimal { 4 } else { 1 });
    for character in digits.chars() {
        match (hexadecimal, character.to_digit(16)) {
            (true, Some(digit)) => bits.extend((0..4).rev().map(|place| b'0' + (digit >> place & 1) as u8)),
            (true, None) => return Err(errors::invalid_bit_digit(character, "hexadecimal")),
            (false, Some(0 | 1)) => bits.push(character as u8),
            (false, _) => return Err(errors::invalid_bit_digit(character, "binary")),
        }
    }
    Ok(bits)
}

/// Parses `bit(n)`: the length must be exact.
pub fn parse_fixed(text: &str, typmod: i32) -> Result<Datum> {
    fit_fixed(&parse(text)?, typmod, false)
}

/// Parses `bit varying(n)`.
pub fn parse_varying(text: &str, typmod: i32) -> Result<Datum> {
    fit_varying(&parse(text)?, typmod, false)
}

fn datum(bits: impl Into<Arc<[u8]>>) -> Datum {
    Datum::Bytes(bits.into())
}

/// Applies `bit(n)`: explicit casts cut or pad with zeros, others raise an error.
pub fn fit_fixed(bits: &[u8], typmod: i32, explicit: bool) -> Result<Datum> {
    let Some(length) = usize::try_from(typmod).ok().filter(|length| (1..=LENGTH_MAX).contains(length)) else {
        return Ok(datum(bits));
    };
    if length != bits.len() && !explicit {
        return Err(errors::bit_length_mismatch(bits.len(), typmod));
    }
    let mut bits = bits.to_vec();
    bits.resize(length, b'0');
    Ok(datum(bits))
}

/// Applies `bit varying(n)`: explicit casts cut, others raise an error.
pub fn fit_varying(bits: &[u8], typmod: i32, explicit: bool) -> Result<Datum> {
    match usize::try_from(typmod).ok().filter(|length| *length > 0) {
        Some(length) if bits.len() > length && !explicit => Err(errors::bit_string_too_long(typmod)),
        Some(length) if bits.len() > length => Ok(datum(&bits[..length])),
        Some(_) | None => Ok(datum(bits)),
    }
}

/// Appends the wire form: the number of bits, then bits packed from the highest.
pub fn write_binary(bits: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bits.len() as u32).to_be_bytes());
    for chunk in bits.chunks(8) {
        out.push(chunk.iter().enumerate().fold(0, |byte, (at, bit)| byte | (bit & 1) << (7 - at)));
    }
}

/// Reads the wire form.
pub fn read_binary(bytes: &[u8]) -> Result<Vec<u8>> {
    let (head, packed) = bytes.split_first_chunk::<4>().ok_or_else(data::binary_too_short)?;
    let length = u32::from_be_bytes(*head) as usize;
    if i32::from_be_bytes(*head) < 0 {
        return Err(data::invalid_binary("invalid length in external bit string"));
    }
    if packed.len() < length.div_ceil(8) {
        return Err(data::binary_too_short());
    }
    let bit = |at: usize| b'0' + (packed.get(at / 8).copied().unwrap_or(0) >> (7 - at % 8) & 1);
    Ok((0..length).map(bit).collect())
}

/// Combines two strings of the same length.
pub fn combine(left: &[u8], right: &[u8], name: &str, bit: fn(u8, u8) -> u8) -> Result<Datum> {
    if left.len() != right.len() {
        return Err(errors::bit_sizes_differ(name));
    }
    let combined: Vec<u8> = left.iter().zip(right).map(|(l, r)| b'0' + (bit(*l, *r) & 1)).collect();
    Ok(datum(combined))
}

/// `~ bits`
pub fn not(bits: &[u8]) -> Datum {
    datum(bits.iter().map(|bit| bit ^ 1).collect::<Vec<u8>>())
}

/// `bits << count`; a negative count shifts the other way.
pub fn shift_left(bits: &[u8], count: i64) -> Datum {
    let distance = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX).min(bits.len());
    let mut shifted = vec![b'0'; bits.len()];
    let kept = bits.len() - distance;
    if count >= 0 {
        shifted[..kept].copy_from_slice(&bits[distance..]);
    } else {
        shifted[distance..].copy_from_slice(&bits[..kept]);
    }
    datum(shifted)
}

/// `substring(value from start for length)` over any sequence; without a length to the end.
pub fn substring(items: &[u8], start: i32, length: Option<i32>) -> Result<Vec<u8>> {
    let start = i64::from(start);
    let end = match length {
        Some(length) if length < 0 => return Err(errors::negative_substring_length()),
        Some(length) => start + i64::from(length),
        None => i64::MAX,
    };
    let index = |position: i64| usize::try_from((position - 1).max(0)).unwrap_or(usize::MAX).min(items.len());
    Ok(items.get(index(start)..index(end)).unwrap_or(&[]).to_vec())
}

/// `overlay(value placing new from start for length)`
pub fn overlay(items: &[u8], new: &[u8], start: i32, length: i32) -> Result<Vec<u8>> {
    if start <= 0 {
        return Err(errors::negative_substring_length());
    }
    let after = start.checked_add(length).ok_or_else(data::integer_out_of_range)?;
    let mut result = substring(items, 1, Some(start - 1))?;
    result.extend_from_slice(new);
    result.extend(substring(items, after, None)?);
    Ok(result)
}

/// Returns the position of `needle`, from 1; 0 when it is not there.
pub fn position(items: &[u8], needle: &[u8]) -> i32 {
    if needle.is_empty() {
        return 1;
    }
    items.windows(needle.len()).position(|window| window == needle).map_or(0, |at| at as i32 + 1)
}

/// Casts an integer of `width` bits to `bit(n)`: low bits, sign-extended on the left.
pub fn from_integer(value: i64, typmod: i32) -> Datum {
    // As bitfromint4: a length that no bit string can have counts as none.
    let length = usize::try_from(typmod).ok().filter(|bits| (1..=LENGTH_MAX).contains(bits)).unwrap_or(1);
    datum((0..length).rev().map(|place| b'0' + (value >> place.min(63) & 1) as u8).collect::<Vec<u8>>())
}

/// Casts to an integer; `None` when there are more than `width` bits.
pub fn to_integer(bits: &[u8], width: usize) -> Option<u64> {
    (bits.len() <= width).then(|| bits.iter().fold(0, |value, bit| value << 1 | u64::from(bit & 1)))
}

fn place(bits: &[u8], at: i32) -> Result<usize> {
    usize::try_from(at)
        .ok()
        .filter(|at| *at < bits.len())
        .ok_or_else(|| errors::bit_index_out_of_range(at, bits.len()))
}

/// `get_bit(bits, at)`
pub fn get(bits: &[u8], at: i32) -> Result<i32> {
    Ok(i32::from(bits[place(bits, at)?] & 1))
}

/// `set_bit(bits, at, value)`
pub fn set(bits: &[u8], at: i32, value: i32) -> Result<Datum> {
    let at = place(bits, at)?;
    if !matches!(value, 0 | 1) {
        return Err(errors::new_bit_invalid());
    }
    let mut bits = bits.to_vec();
    bits[at] = b'0' + value as u8;
    Ok(datum(bits))
}
