//! Patterns to nodes: PostgreSQL's advanced regular expressions, with the extended ones as their subset.

use super::bracket;
use super::class::{self, CharSet, Locale};
use super::escape::{self, Escape};
use super::tree::{self, Assertion, BACK, CAPTURES, LONGER, Language, Node, NodeKind, Piece, SHORTER};
use crate::errors::regular::{Fault, invalid};
use crate::errors::{PgError, Result};

/// Largest count in `{}`.
const COUNT_MAX: u32 = 255;
/// Groups within groups.
const DEPTH_MAX: usize = 200;

/// How a pattern is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Basic regular expressions (`b`).
    pub basic: bool,
    /// Extended ones without the advanced parts (`e`).
    pub extended: bool,
    /// The pattern is a literal string (`q`).
    pub literal: bool,
    /// Case does not matter (`i`).
    pub ignore_case: bool,
    /// `.` and `[^...]` do not match a newline (`n`, `p`).
    pub newline_stops: bool,
    /// `^` and `$` match at lines (`n`, `w`).
    pub newline_anchors: bool,
    /// Blanks and comments are ignored (`x`).
    pub expanded: bool,
    /// How characters are classified.
    pub locale: Locale,
}

impl Flags {
    /// Returns the flags without any option.
    pub fn new(locale: Locale) -> Self {
        Self {
            basic: false,
            extended: false,
            literal: false,
            ignore_case: false,
            newline_stops: false,
            newline_anchors: false,
            expanded: false,
            locale,
        }
    }

    /// Applies one option letter; says whether there is such a letter.
    pub fn apply(&mut self, option: char) -> bool {
        match option {
            'b' => (self.basic, self.extended, self.literal) = (true, false, false),
            'c' => self.ignore_case = false,
            'e' => (self.basic, self.extended, self.literal) = (false, true, false),
            'i' => self.ignore_case = true,
            'm' | 'n' => (self.newline_stops, self.newline_anchors) = (true, true),
            'p' => (self.newline_stops, self.newline_anchors) = (true, false),
            'q' => (self.basic, self.extended, self.literal) = (false, false, true),
            's' => (self.newline_stops, self.newline_anchors) = (false, false),
            't' => self.expanded = false,
            'w' => (self.newline_stops, self.newline_anchors) = (false, true),
            'x' => self.expanded = true,
            _ => return false,
        }
        true
    }
}

/// A parsed pattern.
pub(super) struct Parsed {
    pub(super) root: Node,
    /// Number of capturing groups.
    pub(super) groups: usize,
}

pub(super) struct Parser {
    pub(super) pattern: Vec<char>,
    pub(super) at: usize,
    pub(super) flags: Flags,
    /// Languages of the finished groups, by number; none while open.
    groups: Vec<Option<Language>>,
}

/// Parses `pattern`; options inside the pattern change `flags`.
pub(super) fn parse(pattern: &str, flags: &mut Flags) -> Result<Parsed> {
    let mut parser = Parser { pattern: pattern.chars().collect(), at: 0, flags: *flags, groups: vec![None] };
    parser.prefixes()?;
    *flags = parser.flags;
    if parser.flags.literal {
        let parts = parser.pattern.iter().skip(parser.at).map(|c| parser.one(*c)).collect();
        return Ok(Parsed { root: Node::plain(tree::sequence(parts), 0), groups: 0 });
    }
    if parser.flags.basic {
        return Err(PgError::not_supported("basic regular expressions (option \"b\")"));
    }
    let root = parser.alternatives(false, 0)?;
    if parser.at < parser.pattern.len() {
        return Err(invalid(Fault::Parentheses));
    }
    Ok(Parsed { root, groups: parser.groups.len() - 1 })
}

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.pattern.get(self.at).copied()
    }
    pub(super) fn peek_at(&self, offset: usize) -> Option<char> {
        self.pattern.get(self.at + offset).copied()
    }
    pub(super) fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, c)| self.peek_at(offset) == Some(c))
    }

    /// Reads `***=`, `***:` and `(?options)` at the start.
    fn prefixes(&mut self) -> Result<()> {
        if self.flags.literal {
            return Ok(());
        }
        if self.starts_with("***=") {
            self.flags.literal = true;
            self.at = 4;
            return Ok(());
        }
        if self.starts_with("***:") {
            self.flags.basic = false;
            self.flags.extended = false;
            self.at = 4;
        } else if self.starts_with("***") {
            return Err(invalid(Fault::QuantifierOperand));
        }
        let advanced = !self.flags.basic && !self.flags.extended;
        let letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphabetic());
        if advanced && self.starts_with("(?") && letter(self.peek_at(2)) {
            self.at += 2;
            while let Some(option) = self.peek().filter(char::is_ascii_alphabetic) {
                if !self.flags.apply(option) {
                    return Err(invalid(Fault::EmbeddedOption));
                }
                self.at += 1;
            }
            if self.peek() != Some(')') {
                return Err(invalid(Fault::EmbeddedOption));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Skips blanks and comments.
    fn skip(&mut self) {
        loop {
            if !self.flags.extended && self.starts_with("(?#") {
                while self.peek().is_some_and(|c| c != ')') {
                    self.at += 1;
                }
                self.at += usize::from(self.peek().is_some());
            } else if self.flags.expanded && self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            } else if self.flags.expanded && self.peek() == Some('#') {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            } else {
                return;
            }
        }
    }

    /// Returns the set of one character, both cases when case does not matter.
    pub(super) fn one(&self, character: char) -> Language {
        Language::Set(self.folded(CharSet::one(character)))
    }

    fn folded(&self, set: CharSet) -> CharSet {
        if self.flags.ignore_case { set.fold(self.flags.locale) } else { set }
    }

    /// Reads branches up to a closing parenthesis or the end.
    fn alternatives(&mut self, looking: bool, depth: usize) -> Result<Node> {
        if depth > DEPTH_MAX {
            return Err(invalid(Fault::TooComplex));
        }
        let mut branches = vec![self.branch(looking, depth)?];
        while self.peek() == Some('|') {
            self.at += 1;
            branches.push(self.branch(looking, depth)?);
        }
        if branches.len() == 1
            && let Some(only) = branches.pop()
        {
            return Ok(only);
        }
        let mut flags = LONGER;
        for branch in &branches {
            flags |= tree::inherited(branch.flags | flags);
        }
        let language = Language::Alternate(branches.iter().map(|branch| branch.language.clone()).collect());
        if tree::is_messy(flags) {
            return Ok(Node { kind: NodeKind::Alternate(branches), flags, capture: 0, language });
        }
        Ok(Node::plain(language, flags))
    }

    fn branch(&mut self, looking: bool, depth: usize) -> Result<Node> {
        let mut pieces = Vec::new();
        loop {
            self.skip();
            match self.peek() {
                None | Some('|') => break,
                Some(')') if depth > 0 => break,
                Some(_) => pieces.push(self.piece(looking, depth)?),
            }
        }
        Ok(tree::branch(pieces))
    }

    fn piece(&mut self, looking: bool, depth: usize) -> Result<Piece> {
        let (atom, is_group) = match self.atom(looking, depth)? {
            Atom::Constraint(language) => {
                let atom = Node::plain(language, 0);
                return Ok(Piece { atom, min: 1, max: Some(1), prefers: 0, is_group: false });
            }
            Atom::Node(node, is_group) => (node, is_group),
        };
        self.skip();
        let (min, max, prefers) = self.quantifier()?;
        if max == Some(0) && atom.capture > 0 {
            // A group that never takes part cannot be referred to.
            if let Some(group) = self.groups.get_mut(atom.capture) {
                *group = None;
            }
        }
        Ok(Piece { atom, min, max, prefers, is_group })
    }

    /// Reads a quantifier, if there is one.
    fn quantifier(&mut self) -> Result<(u32, Option<u32>, u8)> {
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') if self.peek_at(1).is_some_and(|c| c.is_ascii_digit()) => {
                return self.counted();
            }
            _ => return Ok((1, Some(1), 0)),
        };
        self.at += 1;
        Ok((min, max, self.greed()))
    }

    fn greed(&mut self) -> u8 {
        if !self.flags.extended && self.peek() == Some('?') {
            self.at += 1;
            return SHORTER;
        }
        LONGER
    }

    fn counted(&mut self) -> Result<(u32, Option<u32>, u8)> {
        self.at += 1;
        let min = self.count()?.ok_or_else(|| invalid(Fault::RepetitionCount))?;
        let (mut max, mut ranged) = (Some(min), false);
        if self.peek() == Some(',') {
            self.at += 1;
            ranged = true;
            max = self.count()?;
            if max.is_some_and(|max| max < min) {
                return Err(invalid(Fault::RepetitionCount));
            }
        }
        match self.peek() {
            Some('}') => self.at += 1,
            None => return Err(invalid(Fault::Braces)),
            Some(_) => return Err(invalid(Fault::RepetitionCount)),
        }
        let prefers = self.greed();
        Ok((min, max, if ranged { prefers } else { 0 }))
    }

    fn count(&mut self) -> Result<Option<u32>> {
        let mut found = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let count = found.unwrap_or(0) * 10 + digit;
            if count > COUNT_MAX {
                return Err(invalid(Fault::RepetitionCount));
            }
            found = Some(count);
            self.at += 1;
        }
        Ok(found)
    }

    fn atom(&mut self, looking: bool, depth: usize) -> Result<Atom> {
        let Some(character) = self.peek() else { return Err(invalid(Fault::QuantifierOperand)) };
        self.at += 1;
        let assertion = |at_lines: bool, line: Assertion, text: Assertion| {
            Ok(Atom::Constraint(Language::Assert(if at_lines { line } else { text })))
        };
        let lines = self.flags.newline_anchors;
        match character {
            '^' => assertion(lines, Assertion::LineStart, Assertion::TextStart),
            '$' => assertion(lines, Assertion::LineEnd, Assertion::TextEnd),
            '*' | '+' | '?' => Err(invalid(Fault::QuantifierOperand)),
            '{' if self.peek().is_some_and(|c| c.is_ascii_digit()) => Err(invalid(Fault::QuantifierOperand)),
            ')' => Err(invalid(Fault::Parentheses)),
            '.' => {
                let all = CharSet::all();
                let set = if self.flags.newline_stops { all.without('\n') } else { all };
                Ok(Atom::plain(Language::Set(set)))
            }
            '[' if self.starts_with("[:<:]]") => {
                self.at += 6;
                Ok(Atom::Constraint(Language::Assert(Assertion::WordStart)))
            }
            '[' if self.starts_with("[:>:]]") => {
                self.at += 6;
                Ok(Atom::Constraint(Language::Assert(Assertion::WordEnd)))
            }
            '[' => Ok(Atom::plain(Language::Set(bracket::expression(self)?))),
            '(' => self.parenthesis(looking, depth),
            '\\' => self.escaped(looking),
            _ => Ok(Atom::plain(self.one(character))),
        }
    }

    fn parenthesis(&mut self, looking: bool, depth: usize) -> Result<Atom> {
        if self.flags.extended || self.peek() != Some('?') {
            return self.group(looking, depth);
        }
        let (skip, look) = match (self.peek_at(1), self.peek_at(2)) {
            (Some(':'), _) => (2, None),
            (Some('='), _) => (2, Some((true, false))),
            (Some('!'), _) => (2, Some((true, true))),
            (Some('<'), Some('=')) => (3, Some((false, false))),
            (Some('<'), Some('!')) => (3, Some((false, true))),
            _ => return Err(invalid(Fault::QuantifierOperand)),
        };
        self.at += skip;
        let inner = self.alternatives(looking || look.is_some(), depth + 1)?;
        self.close()?;
        Ok(match look {
            None => Atom::Node(inner, false),
            Some((ahead, negated)) => {
                Atom::Constraint(Language::Look { ahead, negated, inner: Box::new(inner.language) })
            }
        })
    }

    fn close(&mut self) -> Result<()> {
        if self.peek() != Some(')') {
            return Err(invalid(Fault::Parentheses));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a capturing group; inside look-around nothing captures.
    fn group(&mut self, looking: bool, depth: usize) -> Result<Atom> {
        let number = self.groups.len();
        if !looking {
            self.groups.push(None);
        }
        let mut inner = self.alternatives(looking, depth + 1)?;
        self.close()?;
        if looking {
            return Ok(Atom::Node(inner, false));
        }
        if let Some(group) = self.groups.get_mut(number) {
            *group = Some(inner.language.clone());
        }
        if inner.capture > 0 {
            let (flags, language) = (inner.flags, inner.language.clone());
            inner = Node { kind: NodeKind::Wrap(Box::new(inner)), flags, capture: 0, language };
        }
        inner.flags |= CAPTURES;
        inner.capture = number;
        Ok(Atom::Node(inner, true))
    }

    fn escaped(&mut self, looking: bool) -> Result<Atom> {
        if self.flags.extended {
            let character = self.peek().ok_or_else(|| invalid(Fault::Escape))?;
            self.at += 1;
            return Ok(Atom::plain(self.one(character)));
        }
        let started = self.groups.len() - 1;
        Ok(match escape::read(self, started)? {
            Escape::Character(character) => Atom::plain(self.one(character)),
            Escape::Class(name, negated) => {
                let set = class::named(name, self.flags.locale).unwrap_or_default();
                Atom::plain(Language::Set(if negated { set.complement() } else { set }))
            }
            Escape::Constraint(assertion) => Atom::Constraint(Language::Assert(assertion)),
            Escape::Back(group) => {
                let language = self.groups.get(group).cloned().flatten().filter(|_| !looking);
                let language = language.ok_or_else(|| invalid(Fault::BackReference))?;
                let kind = NodeKind::Back { group, min: 1, max: Some(1) };
                Atom::Node(Node { kind, flags: BACK, capture: 0, language }, false)
            }
        })
    }
}

enum Atom {
    /// Matches the empty string at some places; takes no quantifier.
    Constraint(Language),
    /// The node, and whether it is a capturing group.
    Node(Node, bool),
}

impl Atom {
    fn plain(language: Language) -> Self {
        Self::Node(Node::plain(language, 0), false)
    }
}
