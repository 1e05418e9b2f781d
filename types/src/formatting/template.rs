//! Cuts a template into keywords and literal characters, as `parse_format` does.

use super::keywords::{Case, DATE, DateField, NUMBER, NumberField};

/// What stands around a date/time keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Suffixes {
    /// `FM` before: no padding.
    pub(super) fill_mode: bool,
    /// `TH` or `th` after; true for upper case.
    pub(super) ordinal: Option<bool>,
}

/// A literal character of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal {
    Character(char),
    Space(char),
    Separator(char),
}

impl Literal {
    pub(super) fn character(self) -> char {
        match self {
            Self::Character(character) | Self::Space(character) | Self::Separator(character) => character,
        }
    }
}

/// A part of a date/time template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatePart {
    Field { field: DateField, case: Case, keyword: &'static str, suffixes: Suffixes },
    Literal(Literal),
}

/// A part of a numeric template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberPart {
    Field(NumberField),
    Literal(char),
}

/// Returns whether a character counts as a separator: printable ASCII, no letter or digit.
pub(super) fn is_separator(character: char) -> bool {
    character.is_ascii_punctuation()
}

/// Takes the literal at the front of `rest`: one character, or those of a quoted string.
fn literals(rest: &str, mut push: impl FnMut(char, bool)) -> &str {
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => match characters.next() {
                    Some(next) => push(next, true),
                    None => push('\\', true),
                },
                _ => push(character, true),
            }
        }
        return characters.as_str();
    }
    let rest = if rest.starts_with("\\\"") { &rest[1..] } else { rest };
    let mut characters = rest.chars();
    if let Some(character) = characters.next() {
        push(character, false);
    }
    characters.as_str()
}

/// Parses a numeric template.
pub(super) fn number(template: &str) -> Vec<NumberPart> {
    let mut parts = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        match NUMBER.iter().find(|(keyword, _)| rest.starts_with(keyword)) {
            Some((keyword, field)) => {
                parts.push(NumberPart::Field(*field));
                rest = &rest[keyword.len()..];
            }
            None => rest = literals(rest, |character, _| parts.push(NumberPart::Literal(character))),
        }
    }
    parts
}

/// Parses a date/time template.
pub(super) fn date(template: &str) -> Vec<DatePart> {
    let mut parts = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        let mut suffixes = Suffixes::default();
        if rest.starts_with("FM") || rest.starts_with("fm") {
            suffixes.fill_mode = true;
            rest = &rest[2..];
        } else if rest.starts_with("TM") || rest.starts_with("tm") {
            // Localized names are those of the C locale; they are not padded.
            suffixes.fill_mode = true;
            rest = &rest[2..];
        }
        match DATE.iter().find(|(keyword, _, _)| rest.starts_with(keyword)) {
            Some((keyword, field, case)) => {
                rest = &rest[keyword.len()..];
                if rest.starts_with("TH") || rest.starts_with("th") {
                    suffixes.ordinal = Some(rest.starts_with("TH"));
                    rest = &rest[2..];
                } else if rest.starts_with("SP") {
                    rest = &rest[2..];
                }
                parts.push(DatePart::Field { field: *field, case: *case, keyword, suffixes });
            }
            None => {
                rest = literals(rest, |character, quoted| {
                    parts.push(DatePart::Literal(if !quoted && is_separator(character) {
                        Literal::Separator(character)
                    } else if !quoted && (character.is_ascii_whitespace() || character == '\x0b') {
                        Literal::Space(character)
                    } else {
                        Literal::Character(character)
                    }));
                });
            }
        }
    }
    parts
}
