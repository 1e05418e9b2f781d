//! The lines and fields of text and CSV data.
//!
//! A chunk holds whole lines. [`Splitter`] walks it line by line and gives each line's fields as byte ranges into
//! the chunk or, where escapes were undone, into a scratch buffer.

use types::{PgError, Result, SqlState};

use super::options::{CopyOptions, Format};

/// How lines end; the first line decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`
    Newline,
    /// `\r\n`
    Both,
    /// `\r`
    Return,
}

/// A field of a line.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    start: usize,
    end: usize,
    /// The bytes lie in the scratch buffer.
    copied: bool,
    /// It was NULL's text, unescaped and unquoted.
    pub null: bool,
    /// It was DEFAULT's text.
    pub default: bool,
}

/// Splits a chunk.
pub struct Splitter<'a> {
    options: &'a CopyOptions,
    line_end: LineEnd,
    chunk: &'a [u8],
    position: usize,
    scratch: Vec<u8>,
    /// Fields of the current line.
    pub fields: Vec<Field>,
    line: (usize, usize),
    /// Lines that end inside the current record (CSV values with newlines).
    pub inner_lines: u64,
}

fn bad_format(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::BAD_COPY_FILE_FORMAT, message)
}

impl<'a> Splitter<'a> {
    /// Begins with a chunk of whole lines.
    pub fn new(options: &'a CopyOptions, line_end: LineEnd, chunk: &'a [u8]) -> Self {
        Self {
            options,
            line_end,
            chunk,
            position: 0,
            scratch: Vec::new(),
            fields: Vec::new(),
            line: (0, 0),
            inner_lines: 0,
        }
    }

    /// Returns the bytes of a field.
    pub fn bytes(&self, field: Field) -> &[u8] {
        if field.copied { &self.scratch[field.start..field.end] } else { &self.chunk[field.start..field.end] }
    }

    /// Returns the current line without its end.
    pub fn line(&self) -> &'a [u8] {
        &self.chunk[self.line.0..self.line.1]
    }

    /// Goes to the next line and splits it. Returns false at the end of the chunk.
    ///
    /// # Errors
    /// `22P04`.
    pub fn next_line(&mut self) -> Result<bool> {
        if self.position >= self.chunk.len() {
            return Ok(false);
        }
        self.fields.clear();
        self.scratch.clear();
        self.inner_lines = 0;
        let (end, next) = match self.options.format {
            Format::Csv => self.csv_line()?,
            Format::Text | Format::Binary => self.text_line()?,
        };
        self.line = (self.position, end);
        self.position = next;
        match self.options.format {
            Format::Csv => self.split_csv()?,
            Format::Text | Format::Binary => self.split_text(),
        }
        Ok(true)
    }

    /// Finds the end of a text line: (end of its content, start of the next).
    fn text_line(&self) -> Result<(usize, usize)> {
        let chunk = self.chunk;
        let mut index = self.position;
        loop {
            let Some(found) = memchr::memchr3(b'\n', b'\r', b'\\', &chunk[index..]) else {
                return Ok((chunk.len(), chunk.len()));
            };
            let at = index + found;
            match chunk[at] {
                b'\\' if chunk.get(at + 1) == Some(&b'.') => {
                    let alone =
                        at == self.position && matches!(chunk.get(at + 2), None | Some(b'\n' | b'\r'));
                    if !alone {
                        return Err(bad_format("end-of-copy marker is not alone on its line"));
                    }
                    index = at + 2;
                }
                b'\\' => index = at + 2,
                byte => {
                    if let Some(line) = self.line_ends(at, byte, false)? {
                        return Ok(line);
                    }
                    index = at + 1;
                }
            }
            if index >= chunk.len() {
                return Ok((chunk.len(), chunk.len()));
            }
        }
    }

    /// Finds the end of a CSV record.
    fn csv_line(&mut self) -> Result<(usize, usize)> {
        let chunk = self.chunk;
        let (quote, escape) = (self.options.quote, self.options.escape);
        let mut index = self.position;
        let mut quoted = false;
        while index < chunk.len() {
            let byte = chunk[index];
            if quoted && byte == escape && escape != quote {
                index += 2;
                continue;
            }
            if byte == quote {
                quoted = !quoted;
            } else if matches!(byte, b'\n' | b'\r') {
                if !quoted {
                    if let Some(line) = self.line_ends(index, byte, true)? {
                        return Ok(line);
                    }
                } else if byte == if self.line_end == LineEnd::Return { b'\r' } else { b'\n' } {
                    self.inner_lines += 1;
                }
            }
            index += 1;
        }
        if quoted {
            return Err(bad_format("unterminated CSV quoted field"));
        }
        Ok((chunk.len(), chunk.len()))
    }

    /// Judges a newline or carriage return outside quotes, as `CopyReadLineText`.
    fn line_ends(&self, at: usize, byte: u8, csv: bool) -> Result<Option<(usize, usize)>> {
        let (quoting, kind) =
            if csv { ("Use quoted CSV field to represent", "unquoted") } else { ("Use", "literal") };
        let newline_hint = || {
            if csv {
                format!("{quoting} newline.")
            } else {
                format!("{quoting} \"\\n\" to represent newline.")
            }
        };
        let return_hint = || {
            if csv {
                format!("{quoting} carriage return.")
            } else {
                format!("{quoting} \"\\r\" to represent carriage return.")
            }
        };
        match (self.line_end, byte) {
            (LineEnd::Newline, b'\n') | (LineEnd::Return, b'\r') => Ok(Some((at, at + 1))),
            (LineEnd::Both, b'\r') if self.chunk.get(at + 1) == Some(&b'\n') => Ok(Some((at, at + 2))),
            (_, b'\n') => Err(bad_format(format!("{kind} newline found in data")).with_hint(newline_hint())),
            _ => Err(bad_format(format!("{kind} carriage return found in data")).with_hint(return_hint())),
        }
    }

    fn push(&mut self, start: usize, end: usize, copied: bool, raw: &[u8], quoted: bool) {
        let null = !quoted && raw == self.options.null.as_bytes();
        let default = !quoted && self.options.default.as_ref().is_some_and(|text| raw == text.as_bytes());
        self.fields.push(Field { start, end, copied, null, default });
    }

    fn split_text(&mut self) {
        let chunk = self.chunk;
        let (mut start, end) = self.line;
        let delimiter = self.options.delimiter;
        let mut escaped = false;
        let mut index = start;
        while let Some(found) = memchr::memchr2(delimiter, b'\\', &chunk[index..end]) {
            let at = index + found;
            if chunk[at] == b'\\' {
                escaped = true;
                index = (at + 2).min(end);
                continue;
            }
            self.text_field(start, at, escaped);
            escaped = false;
            start = at + 1;
            index = start;
        }
        self.text_field(start, end, escaped);
    }

    fn text_field(&mut self, start: usize, end: usize, escaped: bool) {
        let raw = &self.chunk[start..end];
        if !escaped {
            return self.push(start, end, false, raw, false);
        }
        let from = self.scratch.len();
        unescape_text(raw, &mut self.scratch);
        let to = self.scratch.len();
        self.push(from, to, true, raw, false);
    }

    fn split_csv(&mut self) -> Result<()> {
        let chunk = self.chunk;
        let (mut index, end) = self.line;
        let (delimiter, quote, escape) = (self.options.delimiter, self.options.quote, self.options.escape);
        loop {
            let start = index;
            let stop =
                memchr::memchr2(delimiter, quote, &chunk[index..end]).map_or(end, |found| index + found);
            if stop == end || chunk[stop] == delimiter {
                self.push(start, stop, false, &chunk[start..stop], false);
                index = stop;
            } else {
                let from = self.scratch.len();
                index = unquote(&chunk[..end], start, delimiter, quote, escape, &mut self.scratch)?;
                let to = self.scratch.len();
                self.push(from, to, true, &[], true);
            }
            if index >= end {
                return Ok(());
            }
            index += 1;
        }
    }
}

/// Undoes the quotes of the field at `index`, appending to `out`; returns where the field ends.
fn unquote(
    line: &[u8],
    mut index: usize,
    delimiter: u8,
    quote: u8,
    escape: u8,
    out: &mut Vec<u8>,
) -> Result<usize> {
    let mut quoted = false;
    while index < line.len() {
        let byte = line[index];
        if !quoted {
            if byte == delimiter {
                break;
            }
            if byte == quote {
                quoted = true;
            } else {
                out.push(byte);
            }
        } else if byte == escape && line.get(index + 1).is_some_and(|next| *next == escape || *next == quote)
        {
            out.push(line[index + 1]);
            index += 1;
        } else if byte == quote {
            quoted = false;
        } else {
            out.push(byte);
        }
        index += 1;
    }
    if quoted { Err(bad_format("unterminated CSV quoted field")) } else { Ok(index) }
}

/// Undoes backslash escapes as `CopyReadAttributesText`.
fn unescape_text(raw: &[u8], out: &mut Vec<u8>) {
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(escaped) = bytes.next() else {
            out.push(b'\\');
            break;
        };
        out.push(match escaped {
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                for _ in 0..2 {
                    match bytes.peek() {
                        Some(digit @ b'0'..=b'7') => {
                            value = value << 3 | u32::from(digit - b'0');
                            bytes.next();
                        }
                        _ => break,
                    }
                }
                (value & 0o377) as u8
            }
            b'x' => {
                let mut value = None;
                for _ in 0..2 {
                    match bytes.peek().and_then(|digit| char::from(*digit).to_digit(16)) {
                        Some(digit) => {
                            value = Some(value.unwrap_or(0) << 4 | digit);
                            bytes.next();
                        }
                        None => break,
                    }
                }
                value.map_or(b'x', |value| (value & 0xff) as u8)
            }
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => other,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(format: Format) -> CopyOptions {
        let mut options = CopyOptions::read(&[], true).unwrap();
        options.format = format;
        if format == Format::Csv {
            options.delimiter = b',';
            options.null = String::new();
        }
        options
    }

    fn split(options: &CopyOptions, data: &str) -> Vec<Vec<Option<String>>> {
        let mut splitter = Splitter::new(options, LineEnd::Newline, data.as_bytes());
        let mut lines = Vec::new();
        while splitter.next_line().unwrap() {
            let fields = splitter.fields.clone();
            let text = |field: Field| String::from_utf8(splitter.bytes(field).to_vec()).unwrap();
            lines.push(fields.iter().map(|field| (!field.null).then(|| text(*field))).collect());
        }
        lines
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| (*text != "NULL").then(|| (*text).to_owned())).collect()
    }

    #[test]
    fn text_lines_and_escapes() {
        let text = options(Format::Text);
        assert_eq!(
            split(&text, "1\ta\\tb\t\\N\n2\t\\\\N\t\\x41\\101\n"),
            [some(&["1", "a\tb", "NULL"]), some(&["2", "\\N", "AA"])]
        );
        assert_eq!(split(&text, "a\\\nb\n\n"), [some(&["a\nb"]), some(&[""])]);
    }

    #[test]
    fn csv_records_and_quotes() {
        let csv = options(Format::Csv);
        assert_eq!(
            split(&csv, "1,\"a,\"\"b\nc\",,\"\"\n2,x\"y\"z,,\n"),
            [some(&["1", "a,\"b\nc", "NULL", ""]), some(&["2", "xyz", "NULL", "NULL"])]
        );
    }

    #[test]
    fn wrong_line_ends_are_errors() {
        let text = options(Format::Text);
        let mut splitter = Splitter::new(&text, LineEnd::Newline, b"a\rb\n");
        assert_eq!(
            splitter.next_line().unwrap_err().fields().message,
            "literal carriage return found in data"
        );
    }
}
