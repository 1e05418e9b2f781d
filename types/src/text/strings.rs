//! Functions on strings.

use crate::errors::{PgError, Result, text as errors};
use crate::{interrupt, size};

/// A tuning constant: bytes between two looks at the cancel flag.
const PIECE_SIZE: usize = 1 << 20;

/// Hands `text` over in pieces of whole characters, with a look at the cancel flag between them.
pub(super) fn in_pieces<'a>(text: &'a str, mut body: impl FnMut(&'a str) -> Result<()>) -> Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, others) = rest.split_at(boundary(rest, PIECE_SIZE));
        body(piece)?;
        rest = others;
        interrupt::check()?;
    }
    Ok(())
}

/// Returns the start of the character that byte `at` is in; the end past the end.
fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Returns the characters of `text` as `map` gives them.
fn mapped(text: &str, mut map: impl FnMut(char) -> Option<char>) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    in_pieces(text, |piece| {
        out.extend(piece.chars().filter_map(&mut map));
        Ok(())
    })?;
    Ok(out)
}

/// `length(text)`
pub fn length(text: &str) -> i32 {
    if text.is_ascii() { text.len() as i32 } else { text.chars().count() as i32 }
}

/// Returns the byte position of character `index`, the end when there are fewer.
fn byte_at(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

/// `substring(text from start)`
pub fn substring_from(text: &str, start: i32) -> &str {
    let skip = usize::try_from(i64::from(start) - 1).unwrap_or(0);
    text.get(byte_at(text, skip)..).unwrap_or("")
}

/// `substring(text from start for count)`
pub fn substring(text: &str, start: i32, count: i32) -> Result<&str> {
    if count < 0 {
        return Err(errors::negative_substring_length());
    }
    let end = i64::from(start) + i64::from(count) - 1;
    let first = (i64::from(start) - 1).max(0);
    if end <= first {
        return Ok("");
    }
    let from = byte_at(text, usize::try_from(first).unwrap_or(usize::MAX));
    let rest = text.get(from..).unwrap_or("");
    Ok(rest.get(..byte_at(rest, usize::try_from(end - first).unwrap_or(usize::MAX))).unwrap_or(""))
}

/// `position(needle in text)`, `strpos(text, needle)`: 1-based, 0 when absent.
pub fn position(text: &str, needle: &str) -> i32 {
    match text.find(needle) {
        Some(at) => length(text.get(..at).unwrap_or("")) + 1,
        None => 0,
    }
}

/// `upper(text)`: simple case mapping, one character to one.
pub fn upper(text: &str) -> Result<String> {
    mapped(text, |c| Some(upper_one(c)))
}

/// `lower(text)`
pub fn lower(text: &str) -> Result<String> {
    mapped(text, |c| Some(lower_one(c)))
}

/// Returns the simple lower case of a character; where the full mapping is longer (U+0130 only), its first
/// character is the simple one.
pub(super) fn lower_one(character: char) -> char {
    character.to_lowercase().next().unwrap_or(character)
}

/// Returns the simple upper case of a character. Where the full mapping is longer, only the Greek letters
/// with iota subscript have a simple one: the titlecase letter beside them.
pub(super) fn upper_one(character: char) -> char {
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next(), character) {
        (Some(one), None, _) => one,
        (_, _, '\u{1f80}'..='\u{1faf}') => char::from_u32(character as u32 | 8).unwrap_or(character),
        (_, _, '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}') => {
            char::from_u32(character as u32 + 9).unwrap_or(character)
        }
        _ => character,
    }
}

/// `initcap(text)`
pub fn initcap(text: &str) -> Result<String> {
    let mut inside = false;
    mapped(text, |c| {
        let mapped = if inside { lower_one(c) } else { upper_one(c) };
        inside = c.is_alphanumeric();
        Some(mapped)
    })
}

/// `initcap(text)` where only ASCII letters have cases.
pub fn initcap_ascii(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .map(|c| {
            let mapped = if inside { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            inside = c.is_ascii_alphanumeric();
            mapped
        })
        .collect()
}

/// `ltrim(text, characters)`
pub fn ltrim<'a>(text: &'a str, characters: &str) -> &'a str {
    text.trim_start_matches(|c| characters.contains(c))
}

/// `rtrim(text, characters)`
pub fn rtrim<'a>(text: &'a str, characters: &str) -> &'a str {
    text.trim_end_matches(|c| characters.contains(c))
}

/// `btrim(text, characters)`
pub fn btrim<'a>(text: &'a str, characters: &str) -> &'a str {
    rtrim(ltrim(text, characters), characters)
}

/// Returns `count` characters of `fill` repeated.
fn padding(fill: &str, count: usize) -> Result<String> {
    let mut out = String::with_capacity(count);
    let mut fill = fill.chars().cycle();
    let mut left = count;
    while left > 0 {
        let some = left.min(PIECE_SIZE);
        out.extend(fill.by_ref().take(some));
        left -= some;
        interrupt::check()?;
    }
    Ok(out)
}

/// Checks that a string of `count` characters can be, were they of the longest kind.
fn check_count(count: usize) -> Result<()> {
    if size::fits(count.saturating_mul(4)) { Ok(()) } else { Err(errors::requested_length_too_large()) }
}

/// `lpad(text, count, fill)`
pub fn lpad(text: &str, count: i32, fill: &str) -> Result<String> {
    let count = usize::try_from(count).unwrap_or(0);
    check_count(count)?;
    let own = text.chars().count();
    if own >= count || fill.is_empty() {
        return Ok(text.chars().take(count).collect());
    }
    Ok(padding(fill, count - own)? + text)
}

/// `rpad(text, count, fill)`
pub fn rpad(text: &str, count: i32, fill: &str) -> Result<String> {
    let count = usize::try_from(count).unwrap_or(0);
    check_count(count)?;
    let own = text.chars().count();
    if own >= count || fill.is_empty() {
        return Ok(text.chars().take(count).collect());
    }
    Ok(text.to_string() + &padding(fill, count - own)?)
}

/// `repeat(text, count)`
pub fn repeat(text: &str, count: i32) -> Result<String> {
    let count = usize::try_from(count).unwrap_or(0);
    match text.len().checked_mul(count) {
        Some(size) if size::fits(size) => Ok(text.repeat(count)),
        Some(_) | None => Err(errors::requested_length_too_large()),
    }
}

/// `replace(text, from, to)`
pub fn replace(text: &str, from: &str, to: &str) -> Result<String> {
    if from.is_empty() {
        return Ok(text.to_string());
    }
    let mut pace = interrupt::Pace::default();
    let mut out = String::new();
    let mut parts = text.split(from);
    out.push_str(parts.next().unwrap_or(""));
    for part in parts {
        size::append(&mut out, to)?;
        size::append(&mut out, part)?;
        pace.step()?;
    }
    Ok(out)
}

/// `reverse(text)`
pub fn reverse(text: &str) -> Result<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (others, piece) = rest.split_at(boundary(rest, rest.len().saturating_sub(PIECE_SIZE)));
        out.extend(piece.chars().rev());
        rest = others;
        interrupt::check()?;
    }
    Ok(out)
}

/// `left(text, count)`; a negative count drops characters from the end.
pub fn left(text: &str, count: i32) -> &str {
    let count = if count < 0 { i64::from(length(text)) + i64::from(count) } else { i64::from(count) };
    text.get(..byte_at(text, usize::try_from(count).unwrap_or(0))).unwrap_or("")
}

/// `right(text, count)`; a negative count drops characters from the start.
pub fn right(text: &str, count: i32) -> &str {
    if count == i32::MIN {
        // Its negation overflows.
        return text;
    }
    let skip = if count < 0 { -i64::from(count) } else { i64::from(length(text)) - i64::from(count) };
    text.get(byte_at(text, usize::try_from(skip).unwrap_or(0))..).unwrap_or("")
}

/// `split_part(text, delimiter, n)`; negative `n` counts from the end.
pub fn split_part<'a>(text: &'a str, delimiter: &str, n: i32) -> Result<&'a str> {
    if n == 0 {
        return Err(errors::field_position_zero());
    }
    if delimiter.is_empty() {
        return Ok(if n == 1 || n == -1 { text } else { "" });
    }
    let skip = n.unsigned_abs() as usize - 1;
    if n > 0 {
        return Ok(text.split(delimiter).nth(skip).unwrap_or(""));
    }
    // Occurrences are found from the left, as PostgreSQL does, then counted from the right.
    let parts: Vec<&str> = text.split(delimiter).collect();
    Ok(parts.len().checked_sub(skip + 1).and_then(|at| parts.get(at)).copied().unwrap_or(""))
}

/// `ascii(text)`
pub fn ascii(text: &str) -> i32 {
    text.chars().next().map_or(0, |c| c as i32)
}

/// `chr(code)`
pub fn chr(code: i32) -> Result<String> {
    if code < 0 {
        return Err(PgError::new(
            crate::SqlState::INVALID_PARAMETER_VALUE,
            "character number must be positive",
        ));
    }
    if code == 0 {
        return Err(errors::chr_out_of_range("null character not permitted"));
    }
    if code > 0x10_ffff {
        return Err(errors::chr_out_of_range(format!("requested character too large for encoding: {code}")));
    }
    let character = u32::try_from(code).ok().and_then(char::from_u32);
    character.map(String::from).ok_or_else(|| {
        errors::chr_out_of_range(format!("requested character not valid for encoding: {code}"))
    })
}

/// `translate(text, from, to)`
pub fn translate(text: &str, from: &str, to: &str) -> Result<String> {
    let mut targets = std::collections::HashMap::new();
    let mut to = to.chars();
    for c in from.chars() {
        let target = to.next();
        targets.entry(c).or_insert(target);
    }
    mapped(text, |c| targets.get(&c).map_or(Some(c), |target| *target))
}

/// `overlay(text placing new from start for count)`
pub fn overlay(text: &str, new: &str, start: i32, count: i32) -> Result<String> {
    if start <= 0 {
        return Err(errors::negative_substring_length());
    }
    let end = start.checked_add(count).ok_or_else(crate::errors::data::integer_out_of_range)?;
    Ok(format!("{}{new}{}", substring(text, 1, start - 1)?, substring_from(text, end)))
}

/// `starts_with(text, prefix)`
pub fn starts_with(text: &str, prefix: &str) -> bool {
    text.starts_with(prefix)
}

/// `quote_literal(text)`
pub fn quote_literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// `quote_ident(text)`: quotes what is not a plain lower-case name, or a keyword other than the unreserved ones.
pub fn quote_ident(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !super::keywords::needs_quotes(text);
    if plain { text.to_string() } else { quote_ident_always(text) }
}

/// [`quote_ident`] under `quote_all_identifiers`.
pub fn quote_ident_always(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// `to_hex(int)` of the bits.
pub fn to_hex(bits: u64) -> String {
    format!("{bits:x}")
}

/// `string_to_array(text, delimiter)`: without a delimiter each character is an element.
pub fn string_to_pieces<'a>(
    text: &'a str,
    delimiter: Option<&'a str>,
) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    match delimiter {
        _ if text.is_empty() => Box::new(std::iter::empty()),
        None => Box::new(text.split_inclusive(|_| true)),
        Some("") => Box::new(std::iter::once(text)),
        Some(delimiter) => Box::new(text.split(delimiter)),
    }
}
