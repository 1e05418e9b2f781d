//! Cuts date/time text into fields, as `ParseDateTime` does.

/// What a field looks like.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Digits, maybe with a fraction.
    Number(String),
    /// Digits and colons, maybe with a fraction.
    Time(String),
    /// Digits or a month name with `-`, `/` or `.` between.
    Date(String),
    /// A sign with digits and colons.
    Zone(String),
    /// A word, in lower case.
    Word(String),
}

/// Returns the fields; `None` when a character has no place in any.
pub(super) fn split(text: &str) -> Option<Vec<Token>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut index = 0;
    let take = |start: usize, accept: &dyn Fn(u8) -> bool| -> usize {
        start + bytes.get(start..).unwrap_or(&[]).iter().take_while(|byte| accept(**byte)).count()
    };
    let slice = |start: usize, end: usize| text.get(start..end).unwrap_or("").to_ascii_lowercase();
    while let Some(&byte) = bytes.get(index) {
        let start = index;
        if byte.is_ascii_whitespace() {
            index += 1;
        } else if byte.is_ascii_digit() {
            index = take(index, &|b| b.is_ascii_digit());
            let after = bytes.get(index + 1).copied().unwrap_or(0);
            match bytes.get(index) {
                Some(b':') => {
                    index = take(index, &|b| b.is_ascii_digit() || b == b':' || b == b'.');
                    tokens.push(Token::Time(slice(start, index)));
                }
                Some(&delimiter @ (b'-' | b'/' | b'.')) => {
                    if after.is_ascii_digit() {
                        index = take(index + 1, &|b| b.is_ascii_digit());
                        if bytes.get(index) == Some(&delimiter) {
                            index = take(index, &|b| b.is_ascii_digit() || b == delimiter);
                            tokens.push(Token::Date(slice(start, index)));
                        } else if delimiter == b'.' {
                            tokens.push(Token::Number(slice(start, index)));
                        } else {
                            tokens.push(Token::Date(slice(start, index)));
                        }
                    } else if delimiter == b'.' {
                        index += 1;
                        tokens.push(Token::Number(slice(start, index)));
                    } else {
                        index = take(index, &|b| b.is_ascii_alphanumeric() || b == delimiter);
                        tokens.push(Token::Date(slice(start, index)));
                    }
                }
                Some(_) | None => tokens.push(Token::Number(slice(start, index))),
            }
        } else if byte == b'.' {
            index = take(index + 1, &|b| b.is_ascii_digit());
            tokens.push(Token::Number(slice(start, index)));
        } else if byte.is_ascii_alphabetic() {
            index = take(index, &|b| b.is_ascii_alphabetic());
            let dated = matches!(bytes.get(index), Some(b'-' | b'/'))
                && bytes.get(index + 1).is_some_and(u8::is_ascii_digit)
                && index - start >= 3;
            let named = matches!(bytes.get(index), Some(b'/' | b'_'));
            if dated && month_of(&slice(start, index)).is_some() {
                index = take(index, &|b| b.is_ascii_digit() || b == b'-' || b == b'/');
                tokens.push(Token::Date(slice(start, index)));
            } else if matches!(bytes.get(index), Some(b'+' | b'0'..=b'9'))
                && !is_keyword(&slice(start, index))
            {
                // A zone in POSIX's form: EST5EDT, UTC+3.
                index = take(index, &|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'/' | b'_' | b'.' | b':')
                });
                tokens.push(Token::Word(slice(start, index)));
            } else {
                if named {
                    index =
                        take(index, &|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
                }
                tokens.push(Token::Word(slice(start, index)));
            }
        } else if byte == b'+' || byte == b'-' {
            index = take(index + 1, &|b| b.is_ascii_whitespace());
            let sign = char::from(byte);
            let from = index;
            if bytes.get(index).is_some_and(u8::is_ascii_digit) {
                index = take(index, &|b| b.is_ascii_digit() || matches!(b, b':' | b'.' | b'-'));
                tokens.push(Token::Zone(format!("{sign}{}", slice(from, index))));
            } else if bytes.get(index).is_some_and(u8::is_ascii_alphabetic) {
                index = take(index, &|b| b.is_ascii_alphabetic());
                tokens.push(Token::Word(format!("{sign}{}", slice(from, index))));
            } else {
                return None;
            }
        } else if byte.is_ascii_punctuation() {
            index += 1;
        } else {
            return None;
        }
    }
    Some(tokens)
}

/// Returns the month, 1 to 12, that a lower-case word names.
pub(super) fn month_of(word: &str) -> Option<i32> {
    const NAMES: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = NAMES.iter().position(|name| {
        *name == word || name.get(..3) == Some(word) || (word == "sept" && *name == "september")
    })?;
    i32::try_from(at + 1).ok()
}

/// Returns whether a lower-case word has a meaning of its own, which is not a zone.
fn is_keyword(word: &str) -> bool {
    month_of(word).is_some()
        || is_weekday(word)
        || matches!(
            word,
            "ad" | "allballs"
                | "am"
                | "at"
                | "bc"
                | "d"
                | "dow"
                | "doy"
                | "dst"
                | "epoch"
                | "h"
                | "infinity"
                | "isodow"
                | "isoyear"
                | "j"
                | "jd"
                | "julian"
                | "m"
                | "mm"
                | "now"
                | "on"
                | "pm"
                | "s"
                | "t"
                | "today"
                | "tomorrow"
                | "y"
                | "yesterday"
        )
}

/// Returns whether a lower-case word names a day of the week.
pub(super) fn is_weekday(word: &str) -> bool {
    const NAMES: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    NAMES.iter().any(|name| *name == word || name.get(..3) == Some(word))
        || matches!(word, "tues" | "weds" | "wednes" | "thur" | "thurs")
}
