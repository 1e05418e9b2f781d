//! PostgreSQL's regular expressions.
//!
//! * `parse`, `escape`, `bracket`, `class`: patterns to nodes and sets of characters
//! * `tree`: nodes, preferences, languages
//! * `program`: languages as automata; all states are followed at once, so nothing is exponential
//! * `matcher`: where a match and its groups lie
//! * `apply`: what the SQL functions do with matches
//!
//! Whether a text matches is asked of the `regex` crate where the pattern has no back references, look-around
//! or word constraints: a language is the same language there. Where a match ends and what groups hold is
//! always found here, since PostgreSQL prefers the longest or shortest whole match, not the first alternative.

mod apply;
mod bracket;
mod class;
mod escape;
mod matcher;
mod parse;
mod program;
mod tree;

use std::sync::Mutex;

pub use apply::{Instance, SplitPieces};
pub use class::Locale;
pub use parse::Flags;

use crate::errors::Result;
use matcher::{Part, Search};
use tree::{BACK, Language};

/// A compiled pattern.
#[derive(Debug)]
pub struct Regular {
    quick: Option<regex::Regex>,
    language: Language,
    /// The automata, made when they are first needed.
    root: Mutex<Option<std::sync::Arc<Part>>>,
    node: tree::Node,
    groups: usize,
    locale: Locale,
    ignore_case: bool,
}

/// Looks whether the statement is to stop.
pub type Check<'a> = &'a dyn Fn() -> Result<()>;

/// Where a group matched, in characters.
pub type Span = (usize, usize);

impl Regular {
    /// Compiles a pattern.
    pub fn new(pattern: &str, mut flags: Flags) -> Result<Self> {
        let parsed = parse::parse(pattern, &mut flags)?;
        let language = parsed.root.language.clone();
        let mut quick = None;
        let mut translated = String::new();
        if parsed.root.flags & BACK == 0 && matcher::translate(&language, &mut translated).is_some() {
            quick = regex::Regex::new(&translated).ok();
        }
        let compiled = Self {
            quick,
            language,
            root: Mutex::new(None),
            node: parsed.root,
            groups: parsed.groups,
            locale: flags.locale,
            ignore_case: flags.ignore_case,
        };
        if compiled.quick.is_none() {
            compiled.part()?;
        }
        Ok(compiled)
    }

    /// Returns the number of capturing groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    fn part(&self) -> Result<std::sync::Arc<Part>> {
        let mut root = match self.root.lock() {
            Ok(root) => root,
            Err(poisoned) => poisoned.into_inner(),
        };
        if let Some(part) = &*root {
            return Ok(part.clone());
        }
        let part = std::sync::Arc::new(Part::new(&self.node, self.locale, &mut 0)?);
        *root = Some(part.clone());
        Ok(part)
    }

    /// `text ~ pattern`
    pub fn is_match(&self, text: &str, check: Check<'_>) -> Result<bool> {
        if let Some(quick) = &self.quick {
            return Ok(quick.is_match(text));
        }
        let text: Vec<char> = text.chars().collect();
        Ok(self.find(&text, 0, check)?.is_some())
    }

    /// Returns whether a match is out of the question, at no great cost.
    pub fn rules_out(&self, text: &str) -> bool {
        self.quick.as_ref().is_some_and(|quick| !quick.is_match(text))
    }

    /// Returns the first match at or after `from`: the whole, then each group.
    pub fn find(&self, text: &[char], from: usize, check: Check<'_>) -> Result<Option<Vec<Option<Span>>>> {
        let part = self.part()?;
        let fold = self.ignore_case.then_some(self.locale);
        Search::new(text, self.groups, fold, check).find(&part, from)
    }

    /// Returns what the pattern matches, for planning: the literal text that every match starts with.
    pub fn fixed_prefix(&self) -> Option<String> {
        let Language::Concat(parts) = &self.language else { return None };
        if !matches!(parts.first(), Some(Language::Assert(tree::Assertion::TextStart))) {
            return None;
        }
        let one = |part: &Language| match part {
            Language::Set(set) => match set.ranges() {
                [(low, high)] if low == high => char::from_u32(*low),
                _ => None,
            },
            _ => None,
        };
        let prefix: String = parts.iter().skip(1).map_while(one).collect();
        (!prefix.is_empty()).then_some(prefix)
    }
}
