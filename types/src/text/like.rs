//! LIKE and ILIKE.
//!
//! A pattern is compiled once to characters and wildcards and matched with one step of backtracking per `%`:
//! when a later part fails, only the last `%` has to take one character more.

use super::strings::{lower, lower_one};
use crate::errors::{Result, text as errors};
use crate::interrupt::Pace;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    /// `%`
    Any,
    /// `_`
    One,
    /// A character.
    Literal(char),
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct LikePattern {
    pieces: Vec<Piece>,
    /// The pattern ends in its escape character, which is an error once a match gets there.
    dangling_escape: bool,
    ignore_case: bool,
}

impl LikePattern {
    /// Compiles a pattern with the escape character `\`.
    pub fn new(pattern: &str) -> Self {
        Self::with_escape(pattern, Some('\\'))
    }

    /// Compiles a pattern that ignores case.
    pub fn ignoring_case(pattern: &str) -> Self {
        let lowered: String = pattern.chars().map(lower_one).collect();
        Self { ignore_case: true, ..Self::new(&lowered) }
    }

    /// Compiles a pattern with an escape character of its own, or none.
    pub fn with_escape(pattern: &str, escape: Option<char>) -> Self {
        let mut pieces = Vec::new();
        let mut dangling_escape = false;
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            if Some(character) == escape {
                match characters.next() {
                    Some(next) => pieces.push(Piece::Literal(next)),
                    None => dangling_escape = true,
                }
            } else {
                pieces.push(match character {
                    '%' => Piece::Any,
                    '_' => Piece::One,
                    _ => Piece::Literal(character),
                });
            }
        }
        Self { pieces, dangling_escape, ignore_case: false }
    }

    /// Returns the literal text around the wildcards when the pattern is `%text%`, for substring search.
    pub fn as_contains(&self) -> Option<String> {
        match self.pieces.as_slice() {
            [Piece::Any, middle @ .., Piece::Any] => self.literals(middle),
            _ => None,
        }
    }

    /// Returns the literal text when the pattern is `text%`.
    pub fn as_prefix(&self) -> Option<String> {
        match self.pieces.as_slice() {
            [head @ .., Piece::Any] => self.literals(head),
            _ => None,
        }
    }

    /// Returns the literal text when the pattern is `%text`.
    pub fn as_suffix(&self) -> Option<String> {
        match self.pieces.as_slice() {
            [Piece::Any, tail @ ..] => self.literals(tail),
            _ => None,
        }
    }

    /// Returns the literal text when the pattern has no wildcard.
    pub fn as_exact(&self) -> Option<String> {
        self.literals(&self.pieces)
    }

    fn literals(&self, pieces: &[Piece]) -> Option<String> {
        if self.dangling_escape || self.ignore_case {
            return None;
        }
        pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(character) => Some(*character),
                Piece::Any | Piece::One => None,
            })
            .collect()
    }

    /// Returns whether `text` matches.
    pub fn matches(&self, text: &str) -> Result<bool> {
        if self.ignore_case { self.run(&lower(text)?) } else { self.run(text) }
    }

    /// Whether the last literal is followed by a `%`, or there is a `%` and no literal.
    fn wildcards_end_the_pattern(&self) -> bool {
        let wildcards = self.pieces.iter().rev().take_while(|piece| !matches!(piece, Piece::Literal(_)));
        wildcards.into_iter().any(|piece| *piece == Piece::Any)
    }

    fn run(&self, text: &str) -> Result<bool> {
        let (mut at, mut piece) = (0, 0);
        // Where to go on after a failure: the text position of the last `%` and the piece after it.
        let mut retry: Option<(usize, usize)> = None;
        let mut pace = Pace::default();
        loop {
            pace.step()?;
            let next = text.get(at..).and_then(|rest| rest.chars().next());
            let matched = match (self.pieces.get(piece), next) {
                (Some(Piece::Any), _) => {
                    piece += 1;
                    if piece == self.pieces.len() && !self.dangling_escape {
                        return Ok(true);
                    }
                    retry = Some((at, piece));
                    continue;
                }
                (Some(Piece::One), Some(character)) => Some(character),
                (Some(Piece::Literal(wanted)), Some(character)) if *wanted == character => Some(character),
                (None, None) if !self.dangling_escape => return Ok(true),
                (None, Some(_)) if self.dangling_escape => {
                    return Err(errors::like_pattern_ends_with_escape());
                }
                // Behind a `%` the pattern is read on although the text has ended.
                (None, None) if self.wildcards_end_the_pattern() => {
                    return Err(errors::like_pattern_ends_with_escape());
                }
                (_, _) => None,
            };
            match (matched, retry) {
                (Some(character), _) => {
                    at += character.len_utf8();
                    piece += 1;
                }
                (None, Some((from, after))) => {
                    let Some(skipped) = text.get(from..).and_then(|rest| rest.chars().next()) else {
                        return Ok(false);
                    };
                    at = from + skipped.len_utf8();
                    piece = after;
                    retry = Some((at, after));
                }
                (None, None) => return Ok(false),
            }
        }
    }
}

/// `text LIKE pattern`
pub fn like(text: &str, pattern: &str) -> Result<bool> {
    LikePattern::new(pattern).matches(text)
}

/// `text ILIKE pattern`
pub fn ilike(text: &str, pattern: &str) -> Result<bool> {
    LikePattern::ignoring_case(pattern).matches(text)
}

/// `like_escape(pattern, escape)`: rewrites a pattern to the escape character `\`.
pub fn like_escape(pattern: &str, escape: &str) -> Result<String> {
    let mut characters = escape.chars();
    let (escape, more) = (characters.next(), characters.next());
    if more.is_some() {
        return Err(errors::invalid_escape_string());
    }
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut after_escape = false;
    for character in pattern.chars() {
        if Some(character) == escape && !after_escape {
            out.push('\\');
            after_escape = true;
        } else {
            if character == '\\' && !after_escape {
                out.push('\\');
            }
            out.push(character);
            after_escape = false;
        }
    }
    Ok(out)
}
