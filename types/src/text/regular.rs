//! PostgreSQL's regular expressions (AREs) on the `regex` crate.
//!
//! The translator keeps what both languages share, rewrites what differs (`\m \M \y \Y \A \Z`, class
//! escapes, bracket classes), and refuses what `regex` cannot do (back references, look-around): those raise
//! `0A000` rather than give a wrong answer. A pattern whose alternatives could match different lengths at one
//! place is longest-first in PostgreSQL and first-first in `regex`; that only shows when match extents are
//! used, so extents of patterns with `|` are refused too.

use regex::{Regex, RegexBuilder};

use crate::errors::{PgError, Result, SqlState};

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub struct Regular {
    regex: Regex,
    has_alternatives: bool,
    global: bool,
}

fn invalid(reason: &str) -> PgError {
    PgError::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {reason}"))
}

impl Regular {
    /// Compiles `pattern` under flags as `regexp_replace` takes them.
    pub fn new(pattern: &str, flags: &str) -> Result<Self> {
        let (mut ignore_case, mut global, mut extended, mut literal, mut newline) =
            (false, false, false, false, false);
        for flag in flags.chars() {
            match flag {
                'i' => ignore_case = true,
                'c' => ignore_case = false,
                'g' => global = true,
                'x' => extended = true,
                'q' => literal = true,
                'n' | 'm' => newline = true,
                's' => newline = false,
                't' => extended = false,
                _ => {
                    return Err(PgError::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        format!("invalid regular expression option: \"{flag}\""),
                    ));
                }
            }
        }
        let translated = if literal || pattern.starts_with("***=") {
            regex::escape(pattern.strip_prefix("***=").unwrap_or(pattern))
        } else {
            translate(pattern.strip_prefix("***:").unwrap_or(pattern))?
        };
        let regex = RegexBuilder::new(&translated)
            .case_insensitive(ignore_case)
            .ignore_whitespace(extended)
            .multi_line(newline)
            .dot_matches_new_line(!newline)
            .build()
            .map_err(|error| compile_error(pattern, &error))?;
        Ok(Self { regex, has_alternatives: !literal && pattern.contains('|'), global })
    }

    /// `text ~ pattern`
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Refuses uses that depend on where a match ends when that could differ from PostgreSQL's.
    fn need_extent(&self) -> Result<()> {
        if self.has_alternatives {
            return Err(PgError::not_supported("extent of a regular expression match with alternatives"));
        }
        Ok(())
    }

    /// `regexp_replace(text, pattern, replacement, flags)`: `\1` to `\9` and `\&` stand for what matched.
    pub fn replace(&self, text: &str, replacement: &str) -> Result<String> {
        self.need_extent()?;
        let mut out = String::with_capacity(text.len());
        let mut last = 0;
        let limit = if self.global { usize::MAX } else { 1 };
        for captures in self.regex.captures_iter(text).take(limit) {
            let Some(whole) = captures.get(0) else { continue };
            out.push_str(text.get(last..whole.start()).unwrap_or(""));
            let mut characters = replacement.chars();
            while let Some(character) = characters.next() {
                if character != '\\' {
                    out.push(character);
                    continue;
                }
                match characters.next() {
                    Some('&') => out.push_str(whole.as_str()),
                    Some(digit @ '1'..='9') => {
                        let group = captures.get(digit as usize - '0' as usize);
                        out.push_str(group.map_or("", |group| group.as_str()));
                    }
                    Some('\\') => out.push('\\'),
                    Some(other) => out.extend(['\\', other]),
                    None => out.push('\\'),
                }
            }
            last = whole.end();
        }
        out.push_str(text.get(last..).unwrap_or(""));
        Ok(out)
    }

    /// `regexp_match`: the groups of the first match, or the whole match when there is no group.
    pub fn first_match(&self, text: &str) -> Result<Option<Vec<Option<String>>>> {
        self.need_extent()?;
        Ok(self.regex.captures(text).map(|captures| groups(&captures)))
    }

    /// `regexp_matches`: the groups of every match (of the first without the `g` flag).
    pub fn all_matches(&self, text: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.need_extent()?;
        let limit = if self.global { usize::MAX } else { 1 };
        Ok(self.regex.captures_iter(text).take(limit).map(|captures| groups(&captures)).collect())
    }

    /// `regexp_count`
    pub fn count(&self, text: &str) -> Result<i32> {
        self.need_extent()?;
        Ok(self.regex.find_iter(text).count() as i32)
    }

    /// `substring(text from pattern)`, `regexp_substr`: the first group, or the whole match.
    pub fn substring(&self, text: &str) -> Result<Option<String>> {
        self.need_extent()?;
        Ok(self.regex.captures(text).and_then(|captures| groups(&captures).into_iter().next().flatten()))
    }

    /// `regexp_split_to_array`: empty matches split between characters, never at the ends.
    pub fn split(&self, text: &str) -> Result<Vec<String>> {
        self.need_extent()?;
        let mut pieces = Vec::new();
        let mut last = 0;
        for found in self.regex.find_iter(text) {
            if found.is_empty() && (found.start() == last || found.start() == text.len()) {
                continue;
            }
            pieces.push(text.get(last..found.start()).unwrap_or("").to_string());
            last = found.end();
        }
        pieces.push(text.get(last..).unwrap_or("").to_string());
        Ok(pieces)
    }
}

fn groups(captures: &regex::Captures<'_>) -> Vec<Option<String>> {
    let text = |index: usize| captures.get(index).map(|group| group.as_str().to_string());
    if captures.len() == 1 { vec![text(0)] } else { (1..captures.len()).map(text).collect() }
}

/// Names the fault as PostgreSQL does, for the faults that both engines know.
fn compile_error(pattern: &str, error: &regex::Error) -> PgError {
    let text = error.to_string();
    if text.contains("unclosed group") || text.contains("unopened group") {
        invalid("parentheses () not balanced")
    } else if text.contains("unclosed character class") {
        invalid("brackets [] not balanced")
    } else if text.contains("repetition operator missing expression") {
        invalid("quantifier operand invalid")
    } else if text.contains("invalid character class range") {
        invalid("invalid character range")
    } else {
        PgError::not_supported(format!("regular expression \"{pattern}\""))
    }
}

/// Rewrites an ARE to the crate's syntax.
fn translate(pattern: &str) -> Result<String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                None => return Err(invalid("invalid escape \\ sequence")),
                Some('m') => out.push_str("\\b{start}"),
                Some('M') => out.push_str("\\b{end}"),
                Some('y') => out.push_str("\\b"),
                Some('Y') => out.push_str("\\B"),
                Some('Z') => out.push_str("\\z"),
                Some('A') => out.push_str("\\A"),
                Some(digit @ '1'..='9') => {
                    return Err(PgError::not_supported(format!(
                        "back reference \\{digit} in a regular expression"
                    )));
                }
                Some(class @ ('d' | 'D' | 's' | 'S' | 'w' | 'W')) => {
                    out.push_str(if class.is_ascii_uppercase() { "[^" } else { "[" });
                    out.push_str(class_escape(class));
                    out.push(']');
                }
                Some(known @ ('n' | 't' | 'r' | 'f' | 'v' | 'a')) => out.extend(['\\', known]),
                Some(letter) if letter.is_ascii_alphanumeric() => {
                    return Err(PgError::not_supported(format!("escape \\{letter} in a regular expression")));
                }
                Some(other) => out.push_str(&regex::escape(&other.to_string())),
            },
            '[' => bracket(&mut characters, &mut out)?,
            '(' if characters.peek() == Some(&'?') => {
                let mut rest = characters.clone();
                rest.next();
                match rest.next() {
                    Some(':') => out.push('('),
                    _ => {
                        return Err(PgError::not_supported(
                            "look-around or embedded options in a regular expression",
                        ));
                    }
                }
            }
            // PostgreSQL takes a brace that opens no bound literally.
            '{' if !characters.peek().is_some_and(char::is_ascii_digit) => out.push_str("\\{"),
            _ => out.push(character),
        }
    }
    Ok(out)
}

/// Rewrites a bracket expression; its `[` has been read.
fn bracket(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<()> {
    out.push('[');
    if characters.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let Some(character) = characters.next() else { return Err(invalid("brackets [] not balanced")) };
        match character {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '[' if matches!(characters.peek(), Some(':')) => {
                let name: String = characters.by_ref().skip(1).take_while(|inside| *inside != ':').collect();
                if characters.next() != Some(']') {
                    return Err(invalid("invalid character class"));
                }
                out.push_str(named_class(&name).ok_or_else(|| invalid("invalid character class"))?);
            }
            '[' if matches!(characters.peek(), Some('.' | '=')) => {
                return Err(PgError::not_supported("collating elements in a regular expression"));
            }
            '\\' => match characters.next() {
                Some(class @ ('d' | 's' | 'w')) => out.push_str(class_escape(class)),
                Some(letter) => out.extend(['\\', letter]),
                None => return Err(invalid("invalid escape \\ sequence")),
            },
            '[' | ']' | '&' | '~' => out.extend(['\\', character]),
            _ => out.push(character),
        }
        first = false;
    }
}

/// Returns the members of `\d`, `\s` or `\w`, to stand in brackets.
fn class_escape(class: char) -> &'static str {
    match class.to_ascii_lowercase() {
        'd' => "0-9",
        's' => "\\s",
        _ => "\\p{Alphabetic}0-9_",
    }
}

/// Returns the members of a named class as C.UTF-8 has them, to stand in brackets.
fn named_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "alpha" => "\\p{Alphabetic}",
        "alnum" => "\\p{Alphabetic}0-9",
        "digit" => "0-9",
        "lower" => "\\p{Lowercase}",
        "upper" => "\\p{Uppercase}",
        "space" => "\\s",
        "punct" => "\\p{P}\\p{S}",
        "blank" => "\\t\\p{Zs}",
        "cntrl" => "\\p{Cc}",
        "xdigit" => "0-9A-Fa-f",
        "word" => "\\p{Alphabetic}0-9_",
        _ => return None,
    })
}

/// Translates a `SIMILAR TO` pattern to a regular expression.
pub fn similar_to_regular(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::from("^(?:");
    let mut after_escape = false;
    let mut in_bracket = false;
    for character in pattern.chars() {
        if after_escape {
            out.push('\\');
            out.push(character);
            after_escape = false;
        } else if Some(character) == escape {
            after_escape = true;
        } else if in_bracket {
            if character == '\\' {
                out.push('\\');
            }
            out.push(character);
            in_bracket = character != ']';
        } else {
            match character {
                '[' => {
                    out.push('[');
                    in_bracket = true;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => out.extend(['\\', character]),
                _ => out.push(character),
            }
        }
    }
    out.push_str(")$");
    out
}
