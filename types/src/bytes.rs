//! Functions on `bytea`: encodings, single bits and bytes, LIKE, trimming, digests.

use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::errors::{Result, text as errors};
use crate::io::{decode_hex, encode_hex};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a line of base64.
const LINE: usize = 76;

/// `encode(bytes, format)`
pub fn encode(bytes: &[u8], format: &str) -> Result<String> {
    let mut out = String::new();
    match format.to_ascii_lowercase().as_str() {
        "hex" => encode_hex(bytes, &mut out),
        "base64" => encode_base64(bytes, &mut out),
        "escape" => {
            for byte in bytes {
                match byte {
                    b'\\' => out.push_str("\\\\"),
                    0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
                    _ => out.push(char::from(*byte)),
                }
            }
        }
        _ => return Err(errors::unrecognized_encoding(format)),
    }
    Ok(out)
}

fn encode_base64(bytes: &[u8], out: &mut String) {
    let mut column = 0;
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, at| word << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            if place <= group.len() {
                out.push(char::from(BASE64[(word >> (18 - 6 * place) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
        column += 4;
        if column == LINE {
            out.push('\n');
            column = 0;
        }
    }
}

/// `decode(text, format)`
pub fn decode(text: &str, format: &str) -> Result<Vec<u8>> {
    match format.to_ascii_lowercase().as_str() {
        "hex" => decode_hex(text),
        "base64" => decode_base64(text),
        "escape" => crate::io::decode_escape(text),
        _ => Err(errors::unrecognized_encoding(format)),
    }
}

fn decode_base64(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut word, mut place) = (0u32, 0);
    // Bytes of a group that padding leaves; PostgreSQL keeps it for the groups that follow.
    let mut kept = 3;
    for character in text.chars() {
        let digit = match character {
            ' ' | '\t' | '\n' | '\r' => continue,
            '=' => {
                if kept == 3 {
                    kept = match place {
                        2 => 1,
                        3 => 2,
                        _ => return Err(errors::base64_unexpected_padding()),
                    };
                }
                0
            }
            _ => match BASE64.iter().position(|digit| char::from(*digit) == character) {
                Some(digit) => digit as u32,
                None => return Err(errors::base64_invalid_symbol(character)),
            },
        };
        word = word << 6 | digit;
        place += 1;
        if place == 4 {
            out.extend(word.to_be_bytes().iter().skip(1).take(kept));
            (word, place) = (0, 0);
        }
    }
    if place == 0 { Ok(out) } else { Err(errors::base64_invalid_end()) }
}

fn byte_index(bytes: &[u8], at: i64, per_byte: usize) -> Result<usize> {
    let count = bytes.len() * per_byte;
    usize::try_from(at)
        .ok()
        .filter(|at| *at < count)
        .ok_or_else(|| errors::byte_index_out_of_range(at, count as i64 - 1))
}

/// `get_byte(bytes, at)`
pub fn get_byte(bytes: &[u8], at: i32) -> Result<i32> {
    Ok(i32::from(bytes[byte_index(bytes, at.into(), 1)?]))
}

/// `set_byte(bytes, at, value)`
pub fn set_byte(bytes: &[u8], at: i32, value: i32) -> Result<Vec<u8>> {
    let at = byte_index(bytes, at.into(), 1)?;
    let mut bytes = bytes.to_vec();
    bytes[at] = value as u8;
    Ok(bytes)
}

/// `get_bit(bytes, at)`: bits count from the lowest of each byte.
pub fn get_bit(bytes: &[u8], at: i64) -> Result<i32> {
    let at = byte_index(bytes, at, 8)?;
    Ok(i32::from(bytes[at / 8] >> (at % 8) & 1))
}

/// `set_bit(bytes, at, value)`
pub fn set_bit(bytes: &[u8], at: i64, value: i32) -> Result<Vec<u8>> {
    let at = byte_index(bytes, at, 8)?;
    if !matches!(value, 0 | 1) {
        return Err(errors::new_bit_invalid());
    }
    let mut bytes = bytes.to_vec();
    bytes[at / 8] = bytes[at / 8] & !(1 << (at % 8)) | (value as u8) << (at % 8);
    Ok(bytes)
}

/// Which ends [`trim`] works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the ends")]
pub enum Ends {
    Left,
    Right,
    Both,
}

/// Removes leading or trailing bytes that are in `set`.
pub fn trim<'a>(bytes: &'a [u8], set: &[u8], ends: Ends) -> &'a [u8] {
    let mut rest = bytes;
    if ends != Ends::Right {
        while let [first, after @ ..] = rest
            && set.contains(first)
        {
            rest = after;
        }
    }
    if ends != Ends::Left {
        while let [before @ .., last] = rest
            && set.contains(last)
        {
            rest = before;
        }
    }
    rest
}

/// `bytes LIKE pattern` with the escape byte `\`.
pub fn like(bytes: &[u8], pattern: &[u8]) -> Result<bool> {
    let (mut at, mut wanted) = (0, 0);
    // Where to go on when a part after the last `%` fails.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(wanted) {
            Some(b'%') => {
                retry = Some((at, wanted + 1));
                wanted += 1;
                continue;
            }
            Some(b'_') => (at < bytes.len()).then_some(1),
            Some(b'\\') => {
                let Some(next) = pattern.get(wanted + 1) else {
                    if at < bytes.len() {
                        return Err(errors::like_pattern_ends_with_escape());
                    }
                    return Ok(false);
                };
                (bytes.get(at) == Some(next)).then_some(2)
            }
            Some(byte) => (bytes.get(at) == Some(byte)).then_some(1),
            None if at == bytes.len() => return Ok(true),
            None => None,
        };
        match (step, retry) {
            (Some(step), _) => {
                at += 1;
                wanted += step;
            }
            (None, Some((start, resume))) if start < bytes.len() => {
                retry = Some((start + 1, resume));
                (at, wanted) = (start + 1, resume);
            }
            (None, _) => return Ok(false),
        }
    }
}

/// Rewrites a pattern with another escape byte to one with `\`.
pub fn like_escape(pattern: &[u8], escape: &[u8]) -> Result<Vec<u8>> {
    let escape = match escape {
        [] => None,
        [one] => Some(*one),
        _ => return Err(errors::invalid_escape_string()),
    };
    let mut out = Vec::with_capacity(pattern.len());
    let mut after_escape = false;
    for byte in pattern {
        if Some(*byte) == escape && !after_escape {
            out.push(b'\\');
            after_escape = true;
        } else if *byte == b'\\' {
            out.push(b'\\');
            if !after_escape {
                out.push(b'\\');
            }
            after_escape = false;
        } else {
            out.push(*byte);
            after_escape = false;
        }
    }
    Ok(out)
}

/// `crc32(bytes)`: the reflected polynomial of IEEE 802.3.
pub fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 }
            },
        )
    })
}

/// `crc32c(bytes)`
pub fn crc32c(bytes: &[u8]) -> u32 {
    ::crc32c::crc32c(bytes)
}

/// `md5(bytes)` in hexadecimal digits.
pub fn md5(bytes: &[u8]) -> String {
    let mut out = String::new();
    encode_hex(&Md5::digest(bytes), &mut out);
    out
}

/// `sha224(bytes)`
pub fn sha224(bytes: &[u8]) -> Vec<u8> {
    Sha224::digest(bytes).to_vec()
}
/// `sha256(bytes)`
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}
/// `sha384(bytes)`
pub fn sha384(bytes: &[u8]) -> Vec<u8> {
    Sha384::digest(bytes).to_vec()
}
/// `sha512(bytes)`
pub fn sha512(bytes: &[u8]) -> Vec<u8> {
    Sha512::digest(bytes).to_vec()
}
