//! Text form of ranges and multiranges.

use crate::datum::{MultirangeValue, RangeBound, RangeValue};
use crate::errors::{PgError, Result, range as errors};
use crate::io::{IoContext, text_input, text_output};
use crate::{Datum, Oid, physical};

const EMPTY: &str = "empty";

fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Parses a range literal.
pub fn range_input(oid: Oid, text: &str, context: &IoContext) -> Result<Datum> {
    Ok(Datum::Range(parse_range(oid, text, context)?.into()))
}

fn parse_range(oid: Oid, text: &str, context: &IoContext) -> Result<RangeValue> {
    let malformed = |detail: &str| errors::malformed_range(text, detail);
    let trimmed = text.trim_matches(|c: char| u8::try_from(c).is_ok_and(is_blank));
    if let Some(rest) = trimmed.get(EMPTY.len()..)
        && trimmed.get(..EMPTY.len()).is_some_and(|word| word.eq_ignore_ascii_case(EMPTY))
    {
        if !rest.trim().is_empty() {
            return Err(malformed("Junk after \"empty\" key word."));
        }
        return Ok(RangeValue::empty(oid));
    }
    let mut rest = trimmed;
    let lower_inclusive = match rest.as_bytes().first() {
        Some(b'[') => true,
        Some(b'(') => false,
        Some(_) | None => return Err(malformed("Missing left parenthesis or bracket.")),
    };
    rest = rest.get(1..).unwrap_or("");
    let lower = bound(&mut rest, &malformed)?;
    match rest.as_bytes().first() {
        Some(b',') => rest = rest.get(1..).unwrap_or(""),
        Some(_) | None => return Err(malformed("Missing comma after lower bound.")),
    }
    let upper = bound(&mut rest, &malformed)?;
    let upper_inclusive = match rest.as_bytes().first() {
        Some(b']') => true,
        Some(b')') => false,
        Some(_) | None => return Err(malformed("Too many commas.")),
    };
    if !rest.get(1..).unwrap_or("").is_empty() {
        return Err(malformed("Junk after right parenthesis or bracket."));
    }
    let subtype = physical::range_subtype(oid).unwrap_or(0);
    let value = |text: Option<String>| match text {
        Some(text) => text_input(subtype, -1, &text, context).map(Some),
        None => Ok(None),
    };
    RangeValue::new(
        oid,
        RangeBound { value: value(lower)?, inclusive: lower_inclusive },
        RangeBound { value: value(upper)?, inclusive: upper_inclusive },
    )
}

/// Reads a bound up to its delimiter; none when nothing is written.
fn bound(rest: &mut &str, malformed: &dyn Fn(&str) -> PgError) -> Result<Option<String>> {
    if matches!(rest.as_bytes().first(), Some(b',' | b')' | b']')) {
        return Ok(None);
    }
    let mut value = String::new();
    let mut quoted = false;
    let mut characters = rest.char_indices().peekable();
    loop {
        let Some((at, character)) = characters.next() else {
            return Err(malformed("Unexpected end of input."));
        };
        match character {
            ',' | ')' | ']' if !quoted => {
                *rest = rest.get(at..).unwrap_or("");
                return Ok(Some(value));
            }
            '\\' => match characters.next() {
                Some((_, next)) => value.push(next),
                None => return Err(malformed("Unexpected end of input.")),
            },
            '"' if !quoted => quoted = true,
            '"' => match characters.peek() {
                Some((_, '"')) => {
                    characters.next();
                    value.push('"');
                }
                Some(_) | None => quoted = false,
            },
            _ => value.push(character),
        }
    }
}

/// Appends the text form of a range.
pub fn range_output(range: &RangeValue, context: &IoContext, out: &mut String) -> Result<()> {
    if range.empty {
        out.push_str(EMPTY);
        return Ok(());
    }
    out.push(if range.lower.inclusive { '[' } else { '(' });
    write_bound(range, &range.lower, context, out)?;
    out.push(',');
    write_bound(range, &range.upper, context, out)?;
    out.push(if range.upper.inclusive { ']' } else { ')' });
    Ok(())
}

fn write_bound(range: &RangeValue, bound: &RangeBound, context: &IoContext, out: &mut String) -> Result<()> {
    let Some(value) = &bound.value else { return Ok(()) };
    let mut text = String::new();
    text_output(range.subtype(), value, context, &mut text)?;
    let special =
        |byte: u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b'[' | b']' | b',') || is_blank(byte);
    if !text.is_empty() && !text.bytes().any(special) {
        out.push_str(&text);
        return Ok(());
    }
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push(character);
        }
        out.push(character);
    }
    out.push('"');
    Ok(())
}

/// Appends the text form of a multirange.
pub fn multirange_output(value: &MultirangeValue, context: &IoContext, out: &mut String) -> Result<()> {
    out.push('{');
    for (index, range) in value.ranges.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        range_output(range, context, out)?;
    }
    out.push('}');
    Ok(())
}

/// Parses a multirange literal.
pub fn multirange_input(oid: Oid, text: &str, context: &IoContext) -> Result<Datum> {
    let malformed = |detail: &str| errors::malformed_multirange(text, detail);
    let range_type = physical::multirange_range(oid).unwrap_or(0);
    let bytes = text.as_bytes();
    let skip = |mut at: usize| {
        while bytes.get(at).copied().is_some_and(is_blank) {
            at += 1;
        }
        at
    };
    let mut at = skip(0);
    if bytes.get(at) != Some(&b'{') {
        return Err(malformed("Missing left brace."));
    }
    at += 1;
    let mut ranges = Vec::new();
    let mut seen = false;
    loop {
        at = skip(at);
        match bytes.get(at) {
            None => return Err(malformed("Unexpected end of input.")),
            Some(b'}') if !seen => break,
            Some(b'[' | b'(') => {
                let end = range_end(text, at).ok_or_else(|| malformed("Unexpected end of input."))?;
                ranges.push(parse_range(range_type, text.get(at..end).unwrap_or(""), context)?);
                at = end;
            }
            Some(_)
                if text.get(at..at + EMPTY.len()).is_some_and(|word| word.eq_ignore_ascii_case(EMPTY)) =>
            {
                at += EMPTY.len();
            }
            Some(_) => return Err(malformed("Expected range start.")),
        }
        seen = true;
        at = skip(at);
        match bytes.get(at) {
            None => return Err(malformed("Unexpected end of input.")),
            Some(b',') => at += 1,
            Some(b'}') => break,
            Some(_) => return Err(malformed("Expected comma or end of multirange.")),
        }
    }
    if skip(at + 1) < text.len() {
        return Err(malformed("Junk after closing right brace."));
    }
    Ok(Datum::Multirange(MultirangeValue::new(oid, ranges).into()))
}

/// Returns where the range that starts at `start` ends, quotes and escapes respected.
fn range_end(text: &str, start: usize) -> Option<usize> {
    let mut quoted = false;
    let mut characters = text.get(start..)?.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next()?;
            }
            '"' => quoted = !quoted,
            ']' | ')' if !quoted => return Some(start + at + 1),
            _ => {}
        }
    }
    None
}
