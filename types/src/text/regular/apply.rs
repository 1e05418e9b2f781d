//! What the SQL functions do with matches. Positions count characters.

use super::{Check, Regular, Span};
use crate::errors::Result;
use crate::size;

/// Which matches a replacement takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// All.
    All,
    /// The nth, from 1.
    Nth(usize),
}

/// Pieces between matches.
pub type SplitPieces = Vec<String>;

fn slice(text: &[char], (from, to): Span) -> String {
    text.get(from..to).unwrap_or(&[]).iter().collect()
}

/// A match: the whole, then each group.
type Match = Vec<Option<Span>>;

fn whole(found: &Match) -> Span {
    found.first().copied().flatten().unwrap_or((0, 0))
}

impl Regular {
    /// Returns the matches from `from` on, at most `limit`. After an empty match the search goes on one character
    /// later; with `skip_degenerate` empty matches at the start, the end or behind a match do not count.
    fn matches(
        &self,
        text: &[char],
        from: usize,
        limit: usize,
        skip_degenerate: bool,
        check: Check<'_>,
    ) -> Result<Vec<Match>> {
        let mut found = Vec::new();
        let mut at = from;
        let mut last_end = 0;
        while found.len() < limit
            && at <= text.len()
            && let Some(one) = self.find(text, at, check)?
        {
            let (start, end) = whole(&one);
            let degenerate = end == start && (start >= text.len() || end <= last_end);
            if !(skip_degenerate && degenerate) {
                last_end = end;
                found.push(one);
            }
            at = if start == end { end + 1 } else { end };
        }
        Ok(found)
    }

    /// `regexp_replace`: `\1` to `\9` and `\&` stand for what matched.
    pub fn replace(
        &self,
        text: &str,
        replacement: &str,
        from: usize,
        instance: Instance,
        check: Check<'_>,
    ) -> Result<String> {
        if from == 0 && self.rules_out(text) {
            return Ok(text.to_string());
        }
        let characters: Vec<char> = text.chars().collect();
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut at = from;
        let mut count = 0;
        while at <= characters.len()
            && let Some(found) = self.find(&characters, at, check)?
        {
            count += 1;
            let (start, end) = whole(&found);
            let takes = match instance {
                Instance::All => true,
                Instance::Nth(n) => n == count,
            };
            if takes {
                out.extend(characters.get(copied..start).unwrap_or(&[]));
                expand(replacement, &characters, &found, &mut out)?;
                copied = end;
                if instance != Instance::All {
                    break;
                }
            }
            at = if start == end { end + 1 } else { end };
        }
        out.extend(characters.get(copied..).unwrap_or(&[]));
        Ok(out)
    }

    /// `regexp_matches`: for each match its groups, or the whole match when there is no group.
    pub fn captures(&self, text: &str, all: bool, check: Check<'_>) -> Result<Vec<Vec<Option<String>>>> {
        if self.rules_out(text) {
            return Ok(Vec::new());
        }
        let characters: Vec<char> = text.chars().collect();
        let limit = if all { usize::MAX } else { 1 };
        let found = self.matches(&characters, 0, limit, false, check)?;
        let skip = usize::from(self.groups() > 0);
        let texts = |one: &Match| {
            one.iter().skip(skip).map(|span| span.map(|span| slice(&characters, span))).collect()
        };
        Ok(found.iter().map(texts).collect())
    }

    /// `regexp_split_to_array`
    pub fn split(&self, text: &str, check: Check<'_>) -> Result<SplitPieces> {
        let characters: Vec<char> = text.chars().collect();
        let mut pieces = Vec::new();
        let mut last = 0;
        for found in self.matches(&characters, 0, usize::MAX, true, check)? {
            let (start, end) = whole(&found);
            pieces.push(slice(&characters, (last, start)));
            last = end;
        }
        pieces.push(slice(&characters, (last, characters.len())));
        Ok(pieces)
    }

    /// `regexp_count`
    pub fn count(&self, text: &str, from: usize, check: Check<'_>) -> Result<usize> {
        let characters: Vec<char> = text.chars().collect();
        Ok(self.matches(&characters, from, usize::MAX, false, check)?.len())
    }

    /// Returns where group `group` of match `n` (from 1) lies; 0 is the whole match.
    pub fn locate(
        &self,
        text: &str,
        from: usize,
        n: usize,
        group: usize,
        check: Check<'_>,
    ) -> Result<Option<Span>> {
        let characters: Vec<char> = text.chars().collect();
        let found = self.matches(&characters, from, n, false, check)?;
        Ok(found.get(n - 1).and_then(|found| found.get(group).copied().flatten()))
    }

    /// `substring(text from pattern)`: the first group, or the whole match without groups.
    pub fn substring(&self, text: &str, check: Check<'_>) -> Result<Option<String>> {
        if self.rules_out(text) {
            return Ok(None);
        }
        let characters: Vec<char> = text.chars().collect();
        let Some(found) = self.find(&characters, 0, check)? else { return Ok(None) };
        let span = found.get(usize::from(self.groups() > 0)).copied().flatten();
        Ok(span.map(|span| slice(&characters, span)))
    }
}

fn expand(replacement: &str, text: &[char], found: &Match, out: &mut String) -> Result<()> {
    size::check_growth(out.len(), replacement.len())?;
    let mut characters = replacement.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        let group = match characters.next() {
            Some('&') => 0,
            Some(digit @ '1'..='9') => digit as usize - '0' as usize,
            Some('\\') => {
                out.push('\\');
                continue;
            }
            Some(other) => {
                out.extend(['\\', other]);
                continue;
            }
            None => {
                out.push('\\');
                continue;
            }
        };
        if let Some((from, to)) = found.get(group).copied().flatten() {
            size::check_growth(out.len(), to - from)?;
            out.extend(text.get(from..to).unwrap_or(&[]));
        }
    }
    Ok(())
}
