//! Case folding, normalization, `unistr`.

use unicode_normalization::UnicodeNormalization;

use super::strings;
use crate::errors::{Result, text as errors};

/// `casefold(text)`: simple folding, character by character.
pub fn casefold(text: &str) -> String {
    text.chars().map(fold_one).collect()
}

fn fold_one(c: char) -> char {
    match c {
        // Turkic letters fold only in Turkic locales; Cherokee folds to capitals.
        '\u{130}' | '\u{131}' => c,
        '\u{13a0}'..='\u{13f5}' => c,
        '\u{13f8}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => strings::upper_one(c),
        _ => strings::lower_one(strings::upper_one(c)),
    }
}

/// Returns `text` in the normal form of that name, upper case.
pub fn normalize(text: &str, form: &str) -> Result<String> {
    Ok(match form.to_ascii_uppercase().as_str() {
        "NFC" => text.nfc().collect(),
        "NFD" => text.nfd().collect(),
        "NFKC" => text.nfkc().collect(),
        "NFKD" => text.nfkd().collect(),
        _ => return Err(errors::invalid_normalization_form(form)),
    })
}

/// `unistr(text)`: decodes `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX`.
pub fn unistr(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut high: Option<u32> = None;
    while let Some(character) = rest.chars().next() {
        let tail = rest.get(character.len_utf8()..).unwrap_or("");
        if character != '\\' || tail.starts_with('\\') {
            if high.is_some() {
                return Err(errors::invalid_surrogate_pair());
            }
            out.push(character);
            rest = if character == '\\' { tail.get(1..).unwrap_or("") } else { tail };
            continue;
        }
        let (code, used) = escape_code(tail).ok_or_else(errors::invalid_unicode_escape)?;
        if code == 0 || code > 0x10_ffff {
            return Err(errors::invalid_code_point(code));
        }
        rest = tail.get(used..).unwrap_or("");
        let (is_high, is_low) = ((0xd800..0xdc00).contains(&code), (0xdc00..0xe000).contains(&code));
        let code = match (high.take(), is_high, is_low) {
            (Some(first), false, true) => 0x10000 + ((first & 0x3ff) << 10) + (code & 0x3ff),
            (Some(_), _, _) | (None, _, true) => return Err(errors::invalid_surrogate_pair()),
            (None, true, false) => {
                high = Some(code);
                continue;
            }
            (None, false, false) => code,
        };
        out.extend(char::from_u32(code));
    }
    if high.is_some() {
        return Err(errors::invalid_surrogate_pair());
    }
    Ok(out)
}

/// Reads an escape after its backslash: the code and the bytes it took.
fn escape_code(text: &str) -> Option<(u32, usize)> {
    let (skip, digits) = match text.as_bytes().first()? {
        b'+' => (1, 6),
        b'u' => (1, 4),
        b'U' => (1, 8),
        _ => (0, 4),
    };
    let hex = text.get(skip..skip + digits)?;
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(hex, 16).ok()?, skip + digits))
}
