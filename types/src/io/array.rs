//! Text form of arrays, `int2vector`/`oidvector`, and output of records.

use std::sync::Arc;

use super::{IoContext, text_input, text_output};
use crate::datum::{ArrayValue, RecordValue};
use crate::errors::{PgError, Result, SqlState, text as text_errors};
use crate::{Datum, Oid, oids};

/// Most dimensions that an array has.
const DIMENSIONS_MAX: usize = 6;

/// Parses an array literal.
pub fn array_input(oid: Oid, element: Oid, typmod: i32, text: &str, context: &IoContext) -> Result<Datum> {
    if matches!(oid, oids::INT2VECTOR | oids::OIDVECTOR) {
        let elements: Result<Vec<Datum>> =
            text.split_whitespace().map(|word| text_input(element, -1, word, context)).collect();
        let elements = elements?;
        let dimensions = vec![(i32::try_from(elements.len()).unwrap_or(i32::MAX), 0)];
        return Ok(Datum::Array(Arc::new(ArrayValue { element_type: element, dimensions, elements })));
    }
    let mut reader =
        Reader { input: text, at: 0, element, typmod, context, lengths: Vec::new(), elements: Vec::new() };
    let declared = reader.declared_dimensions()?;
    reader.blanks();
    if reader.peek() != Some(b'{') {
        let detail = if declared.is_empty() {
            "Array value must start with \"{\" or dimension information."
        } else {
            "Array contents must start with \"{\"."
        };
        return Err(text_errors::malformed_array(text, detail));
    }
    reader.level(0)?;
    reader.blanks();
    if reader.at < text.len() {
        return Err(reader.malformed("Junk after closing right brace."));
    }
    let lengths: Vec<i32> = reader.lengths.iter().map(|length| length.unwrap_or(0)).collect();
    let empty = reader.elements.is_empty();
    let dimensions = if empty {
        Vec::new()
    } else if declared.is_empty() {
        lengths.iter().map(|length| (*length, 1)).collect()
    } else if declared.iter().map(|(length, _)| *length).eq(lengths.iter().copied()) {
        declared
    } else {
        return Err(reader.malformed("Specified array dimensions do not match array contents."));
    };
    let elements = std::mem::take(&mut reader.elements);
    Ok(Datum::Array(Arc::new(ArrayValue { element_type: element, dimensions, elements })))
}

struct Reader<'a> {
    input: &'a str,
    at: usize,
    element: Oid,
    typmod: i32,
    context: &'a IoContext,
    /// Length of each dimension, once a list of that depth has ended.
    lengths: Vec<Option<i32>>,
    elements: Vec<Datum>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.input.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace() || byte == 0x0b) {
            self.at += 1;
        }
    }

    fn malformed(&self, detail: &str) -> PgError {
        text_errors::malformed_array(self.input, detail)
    }

    /// Reads `[l:u][l:u]=`.
    fn declared_dimensions(&mut self) -> Result<Vec<(i32, i32)>> {
        let mut dimensions = Vec::new();
        loop {
            self.blanks();
            if self.peek() != Some(b'[') {
                break;
            }
            let rest = self.input.get(self.at + 1..).unwrap_or("");
            let (inside, _) = rest
                .split_once(']')
                .ok_or_else(|| self.malformed("Missing \"]\" after array dimensions."))?;
            let (lower, upper) = inside.split_once(':').unwrap_or(("1", inside));
            let number = |text: &str| text.trim().parse::<i32>().ok();
            let (Some(lower), Some(upper)) = (number(lower), number(upper)) else {
                return Err(self.malformed("\"[\" must introduce explicitly-specified array dimensions."));
            };
            let length = upper
                .checked_sub(lower)
                .and_then(|length| length.checked_add(1))
                .filter(|length| *length > 0);
            let Some(length) = length else {
                return Err(PgError::new(
                    SqlState::ARRAY_SUBSCRIPT_ERROR,
                    "upper bound cannot be less than lower bound",
                ));
            };
            dimensions.push((length, lower));
            self.at += inside.len() + 2;
        }
        if !dimensions.is_empty() {
            if self.peek() != Some(b'=') {
                return Err(self.malformed("Missing \"=\" after array dimensions."));
            }
            self.at += 1;
        }
        Ok(dimensions)
    }

    /// Reads a brace list at `depth`; its opening brace is next.
    fn level(&mut self, depth: usize) -> Result<()> {
        if depth >= DIMENSIONS_MAX {
            let message =
                format!("number of array dimensions exceeds the maximum allowed ({DIMENSIONS_MAX})");
            return Err(PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
        }
        self.at += 1;
        if self.lengths.len() <= depth {
            if !self.elements.is_empty() {
                return Err(self.uneven());
            }
            self.lengths.push(None);
        }
        let mut count = 0;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return self.end_level(depth, 0);
        }
        loop {
            self.blanks();
            match self.peek() {
                Some(b'{') => self.level(depth + 1)?,
                Some(byte) if byte == b'}' || char::from(byte) == delimiter(self.element) => {
                    return Err(self.unexpected());
                }
                None => return Err(self.malformed("Unexpected end of input.")),
                Some(_) if self.lengths.len() > depth + 1 => return Err(self.uneven()),
                Some(_) => self.element()?,
            }
            count += 1;
            self.blanks();
            match self.peek() {
                Some(byte) if char::from(byte) == delimiter(self.element) => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return self.end_level(depth, count);
                }
                None => return Err(self.malformed("Unexpected end of input.")),
                Some(_) => return Err(self.malformed("Incorrectly quoted array element.")),
            }
        }
    }

    fn end_level(&mut self, depth: usize, count: i32) -> Result<()> {
        match self.lengths.get_mut(depth) {
            Some(length @ None) => *length = Some(count),
            Some(Some(length)) if *length == count => {}
            Some(Some(_)) | None => return Err(self.uneven()),
        }
        Ok(())
    }

    fn uneven(&self) -> PgError {
        self.malformed("Multidimensional arrays must have sub-arrays with matching dimensions.")
    }

    fn unexpected(&self) -> PgError {
        let character = self.peek().map(char::from).unwrap_or(' ');
        self.malformed(&format!("Unexpected \"{character}\" character."))
    }

    fn element(&mut self) -> Result<()> {
        let mut value = String::new();
        let quoted = self.peek() == Some(b'"');
        // Length of what must survive trimming: escaped characters are never trimmed.
        let mut kept = 0;
        if quoted {
            self.at += 1;
        }
        let mut escaped = false;
        loop {
            let Some(character) = self.input.get(self.at..).and_then(|rest| rest.chars().next()) else {
                return Err(self.malformed("Unexpected end of input."));
            };
            match character {
                '"' if quoted => {
                    self.at += 1;
                    break;
                }
                '"' => return Err(self.malformed("Incorrectly quoted array element.")),
                '\\' => {
                    self.at += 1;
                    escaped = true;
                    let Some(next) = self.input.get(self.at..).and_then(|rest| rest.chars().next()) else {
                        return Err(self.malformed("Unexpected end of input."));
                    };
                    value.push(next);
                    kept = value.len();
                    self.at += next.len_utf8();
                }
                '}' if !quoted => break,
                character if !quoted && character == delimiter(self.element) => break,
                '{' if !quoted => return Err(self.malformed("Unexpected \"{\" character.")),
                _ => {
                    value.push(character);
                    self.at += character.len_utf8();
                }
            }
        }
        if !quoted {
            let end =
                value.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b').len().max(kept);
            value.truncate(end);
        }
        let is_null = !quoted && !escaped && value.eq_ignore_ascii_case("null");
        let datum = if is_null && self.context.array_nulls {
            Datum::Null
        } else {
            text_input(self.element, self.typmod, &value, self.context)?
        };
        self.elements.push(datum);
        Ok(())
    }
}

/// Returns what separates elements of that type (`pg_type.typdelim`).
fn delimiter(element_type: Oid) -> char {
    if element_type == oids::BOX { ';' } else { ',' }
}

/// Appends the text form of an array of type `oid`.
pub fn array_output(oid: Oid, array: &ArrayValue, context: &IoContext, out: &mut String) -> Result<()> {
    if matches!(oid, oids::INT2VECTOR | oids::OIDVECTOR) {
        for (index, element) in array.elements.iter().enumerate() {
            if index > 0 {
                out.push(' ');
            }
            text_output(array.element_type, element, context, out)?;
        }
        return Ok(());
    }
    if array.dimensions.is_empty() {
        out.push_str("{}");
        return Ok(());
    }
    let delimiter = delimiter(array.element_type);
    if array.dimensions.iter().any(|(_, lower)| *lower != 1) {
        for (length, lower) in &array.dimensions {
            out.push_str(&format!("[{lower}:{}]", lower + length - 1));
        }
        out.push('=');
    }
    let mut elements = array.elements.iter();
    output_level(array, (0, delimiter), &mut elements, context, out)
}

fn output_level(
    array: &ArrayValue,
    (depth, delimiter): (usize, char),
    elements: &mut std::slice::Iter<'_, Datum>,
    context: &IoContext,
    out: &mut String,
) -> Result<()> {
    let length = array.dimensions.get(depth).map_or(0, |(length, _)| *length);
    out.push('{');
    for index in 0..length {
        if index > 0 {
            out.push(delimiter);
        }
        if depth + 1 < array.dimensions.len() {
            output_level(array, (depth + 1, delimiter), elements, context, out)?;
            continue;
        }
        match elements.next() {
            None | Some(Datum::Null) => out.push_str("NULL"),
            Some(element) => {
                let mut text = String::new();
                text_output(array.element_type, element, context, &mut text)?;
                quote_element(&text, delimiter, out);
            }
        }
    }
    out.push('}');
    Ok(())
}

fn quote_element(text: &str, delimiter: char, out: &mut String) {
    let special = |c: char| {
        matches!(c, '"' | '\\' | '{' | '}') || c == delimiter || c.is_ascii_whitespace() || c == '\x0b'
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return out.push_str(text);
    }
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// Appends the text form of a record.
pub fn record_output(record: &RecordValue, context: &IoContext, out: &mut String) -> Result<()> {
    out.push('(');
    for (index, value) in record.fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        if value.is_null() {
            continue;
        }
        let mut text = String::new();
        text_output(record.field_type(index).oid, value, context, &mut text)?;
        let special =
            |c: char| matches!(c, '"' | '\\' | '(' | ')' | ',') || c.is_ascii_whitespace() || c == '\x0b';
        if !text.is_empty() && !text.contains(special) {
            out.push_str(&text);
            continue;
        }
        out.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                out.push(character);
            }
            out.push(character);
        }
        out.push('"');
    }
    out.push(')');
    Ok(())
}
