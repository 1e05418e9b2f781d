//! Tokens of JSON text. Where a token ends when it is faulty decides what the error shows, so the scanner keeps
//! the bounds of the token and of its line as `json_lex` does.

use crate::errors::{PgError, json as errors};

/// Bytes of a line that an error's context shows at most.
const CONTEXT_SIZE: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Comma,
    Colon,
    String,
    Number,
    True,
    False,
    Null,
    End,
}

/// What the parser wanted when it met a token that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Value,
    String,
    ArrayNext,
    ObjectStart,
    Colon,
    ObjectNext,
    End,
}

pub(super) struct Lexer<'a> {
    input: &'a str,
    line: usize,
    line_start: usize,
    pub(super) token: Token,
    pub(super) token_start: usize,
    pub(super) token_end: usize,
    /// Whether strings are decoded; faults that only decoding finds are not raised otherwise.
    decode: bool,
    /// The last string token, decoded.
    pub(super) string: String,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a str, decode: bool) -> Self {
        Self {
            input,
            line: 1,
            line_start: 0,
            token: Token::End,
            token_start: 0,
            token_end: 0,
            decode,
            string: String::new(),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.input.as_bytes().get(at).copied()
    }

    /// Returns the text of the current token.
    pub(super) fn text(&self) -> &'a str {
        self.span(self.token_start, self.token_end)
    }

    pub(super) fn span(&self, from: usize, to: usize) -> &'a str {
        self.input.get(from..to).unwrap_or("")
    }

    /// Moves to the next token.
    pub(super) fn advance(&mut self) -> Result<(), PgError> {
        let mut at = self.token_end;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.byte(at) {
            at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = at;
            }
        }
        self.token_start = at;
        let simple = match self.byte(at) {
            None => {
                self.token_end = at;
                self.token = Token::End;
                return Ok(());
            }
            Some(b'{') => Token::ObjectStart,
            Some(b'}') => Token::ObjectEnd,
            Some(b'[') => Token::ArrayStart,
            Some(b']') => Token::ArrayEnd,
            Some(b',') => Token::Comma,
            Some(b':') => Token::Colon,
            Some(b'"') => return self.string_token(at),
            Some(b'-' | b'0'..=b'9') => return self.number(at),
            Some(_) => return self.word(at),
        };
        self.token_end = at + 1;
        self.token = simple;
        Ok(())
    }

    fn word(&mut self, start: usize) -> Result<(), PgError> {
        let mut at = start;
        while self.byte(at).is_some_and(is_word) {
            at += 1;
        }
        if at == start {
            // One character; the excerpt never cuts one in two.
            self.token_end = start + self.char_size(start);
            return Err(self.invalid_token());
        }
        self.token_end = at;
        self.token = match self.text() {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            _ => return Err(self.invalid_token()),
        };
        Ok(())
    }

    fn char_size(&self, at: usize) -> usize {
        self.input.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    }

    fn digits(&self, mut at: usize) -> Option<usize> {
        let start = at;
        while self.byte(at).is_some_and(|byte| byte.is_ascii_digit()) {
            at += 1;
        }
        (at > start).then_some(at)
    }

    fn number(&mut self, start: usize) -> Result<(), PgError> {
        let mut fault = false;
        let mut at = start + usize::from(self.byte(start) == Some(b'-'));
        match self.byte(at) {
            Some(b'0') => at += 1,
            _ => match self.digits(at) {
                Some(end) => at = end,
                None => fault = true,
            },
        }
        if self.byte(at) == Some(b'.') {
            at += 1;
            match self.digits(at) {
                Some(end) => at = end,
                None => fault = true,
            }
        }
        if matches!(self.byte(at), Some(b'e' | b'E')) {
            at += 1;
            if matches!(self.byte(at), Some(b'+' | b'-')) {
                at += 1;
            }
            match self.digits(at) {
                Some(end) => at = end,
                None => fault = true,
            }
        }
        while self.byte(at).is_some_and(is_word) {
            at += 1;
            fault = true;
        }
        self.token_end = at;
        self.token = Token::Number;
        if fault { Err(self.invalid_token()) } else { Ok(()) }
    }

    fn string_token(&mut self, start: usize) -> Result<(), PgError> {
        self.string.clear();
        self.token = Token::String;
        let mut at = start + 1;
        let mut high: Option<u32> = None;
        loop {
            let Some(byte) = self.byte(at) else {
                self.token_end = at;
                return Err(self.invalid_token());
            };
            match byte {
                b'"' => {
                    self.token_end = at + 1;
                    return match high {
                        Some(_) => Err(self.fault(errors::Fault::LowSurrogate)),
                        None => Ok(()),
                    };
                }
                0..=31 => {
                    self.token_end = at;
                    return Err(self.fault(errors::Fault::EscapingRequired(byte)));
                }
                b'\\' => at = self.escape(at + 1, &mut high)?,
                _ => {
                    let size = self.char_size(at);
                    if high.is_some() {
                        self.token_end = at + size;
                        return Err(self.fault(errors::Fault::LowSurrogate));
                    }
                    if self.decode {
                        self.string.push_str(self.span(at, at + size));
                    }
                    at += size;
                }
            }
        }
    }

    /// Reads what follows a backslash; returns where the string goes on.
    fn escape(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize, PgError> {
        let Some(byte) = self.byte(at) else {
            self.token_end = at;
            return Err(self.invalid_token());
        };
        if byte == b'u' {
            return self.unicode_escape(at, high);
        }
        let end = at + self.char_size(at);
        if self.decode && high.is_some() {
            self.token_end = end;
            return Err(self.fault(errors::Fault::LowSurrogate));
        }
        let character = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => {
                self.token_start = at;
                self.token_end = end;
                let shown = self.text().to_string();
                return Err(self.fault(errors::Fault::Escaping(shown)));
            }
        };
        if self.decode {
            self.string.push(character);
        }
        Ok(end)
    }

    fn unicode_escape(&mut self, at: usize, high: &mut Option<u32>) -> Result<usize, PgError> {
        let mut code = 0;
        for offset in 1..=4 {
            let Some(byte) = self.byte(at + offset) else {
                self.token_end = at + offset;
                return Err(self.invalid_token());
            };
            match char::from(byte).to_digit(16) {
                Some(digit) => code = code * 16 + digit,
                None => {
                    self.token_end = at + offset + self.char_size(at + offset);
                    return Err(self.fault(errors::Fault::UnicodeFormat));
                }
            }
        }
        let end = at + 5;
        if !self.decode {
            return Ok(end);
        }
        self.token_end = end;
        let is_high = (0xd800..=0xdbff).contains(&code);
        let is_low = (0xdc00..=0xdfff).contains(&code);
        match high.take() {
            Some(_) if is_high => return Err(self.fault(errors::Fault::HighSurrogate)),
            Some(first) if is_low => {
                let combined = 0x10000 + ((first & 0x3ff) << 10) + (code & 0x3ff);
                self.string.extend(char::from_u32(combined));
            }
            Some(_) => return Err(self.fault(errors::Fault::LowSurrogate)),
            None if is_high => *high = Some(code),
            None if is_low => return Err(self.fault(errors::Fault::LowSurrogate)),
            None if code == 0 => return Err(self.fault(errors::Fault::CodePointZero)),
            None => self.string.extend(char::from_u32(code)),
        }
        Ok(end)
    }

    fn invalid_token(&self) -> PgError {
        self.fault(errors::Fault::Token(self.text().to_string()))
    }

    /// Returns the error for a token that does not fit.
    pub(super) fn unexpected(&self, expected: Expected) -> PgError {
        if self.token == Token::End {
            return self.fault(errors::Fault::More);
        }
        let what = match expected {
            Expected::Value => "JSON value",
            Expected::String => "string",
            Expected::ArrayNext => "\",\" or \"]\"",
            Expected::ObjectStart => "string or \"}\"",
            Expected::Colon => "\":\"",
            Expected::ObjectNext => "\",\" or \"}\"",
            Expected::End => "end of input",
        };
        self.fault(errors::Fault::Expected(what, self.text().to_string()))
    }

    fn fault(&self, fault: errors::Fault) -> PgError {
        errors::invalid(fault).with_context(self.context())
    }

    /// Describes where the token is, as `report_json_context` does.
    fn context(&self) -> String {
        let mut start = self.line_start;
        while self.token_end - start >= CONTEXT_SIZE {
            start += self.char_size(start);
        }
        if start - self.line_start <= 3 {
            start = self.line_start;
        }
        let prefix = if start > self.line_start { "..." } else { "" };
        let cut = self.token != Token::End
            && self.byte(self.token_end).is_some_and(|byte| !matches!(byte, b'\n' | b'\r'));
        let suffix = if cut { "..." } else { "" };
        let shown = self.span(start, self.token_end);
        errors::context(self.line, &format!("{prefix}{shown}{suffix}"))
    }
}
