//! What a pattern means.
//!
//! A [`Language`] says which strings match; a [`Node`] says in addition where submatches lie. Matching finds the
//! ends of the whole match by the language, then takes the match apart along the nodes. Where a part may match
//! different lengths its *preference* decides: a node prefers its longest or its shortest match, the first part of
//! a sequence comes first, and the whole match comes before all. Neighbours without captures and with one
//! preference are one plain node, as they are to PostgreSQL: inside of it nothing can be told apart.

use super::class::CharSet;

/// Constraints on a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    /// `\A`, or `^` outside the newline-sensitive mode.
    TextStart,
    /// `\Z`, or `$` outside the newline-sensitive mode.
    TextEnd,
    /// `^` in the newline-sensitive mode.
    LineStart,
    /// `$` in the newline-sensitive mode.
    LineEnd,
    /// `\m`
    WordStart,
    /// `\M`
    WordEnd,
    /// `\y`
    WordEdge,
    /// `\Y`
    NotWordEdge,
}

/// A set of strings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Language {
    Empty,
    Set(CharSet),
    Assert(Assertion),
    Look {
        ahead: bool,
        negated: bool,
        inner: Box<Language>,
    },
    Concat(Vec<Language>),
    Alternate(Vec<Language>),
    /// `max` none: without limit.
    Repeat {
        inner: Box<Language>,
        min: u32,
        max: Option<u32>,
    },
}

/// Prefers the longest match.
pub(super) const LONGER: u8 = 1;
/// Prefers the shortest match.
pub(super) const SHORTER: u8 = 2;
/// Has parts of both preferences.
pub(super) const MIXED: u8 = 4;
/// Has captures.
pub(super) const CAPTURES: u8 = 8;
/// Has back references.
pub(super) const BACK: u8 = 16;

/// Whether a part needs a node of its own.
pub(super) fn is_messy(flags: u8) -> bool {
    flags & (MIXED | CAPTURES | BACK) != 0
}

/// Returns what a node above one with `flags` inherits.
pub(super) fn inherited(flags: u8) -> u8 {
    let both = flags & (LONGER | SHORTER) == LONGER | SHORTER;
    flags & !(LONGER | SHORTER) | if both { MIXED } else { 0 }
}

/// Returns the flags of a node over two parts: the preference is the first one that is there.
pub(super) fn combined(first: u8, second: u8) -> u8 {
    let preference = |flags: u8| flags & (LONGER | SHORTER);
    let own = if preference(first) != 0 { preference(first) } else { preference(second) };
    inherited(first | second) | own
}

/// A part of a pattern.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    pub(super) flags: u8,
    /// Number of the group that this is, 0 for none.
    pub(super) capture: usize,
    pub(super) language: Language,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    /// Nothing inside matters.
    Plain,
    Concat(Box<Node>, Box<Node>),
    Alternate(Vec<Node>),
    Iterate {
        child: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
    Back {
        group: usize,
        min: u32,
        max: Option<u32>,
    },
    /// A group around a group.
    Wrap(Box<Node>),
}

impl Node {
    pub(super) fn plain(language: Language, flags: u8) -> Self {
        Self { kind: NodeKind::Plain, flags, capture: 0, language }
    }

    fn is_empty(&self) -> bool {
        matches!((&self.kind, &self.language, self.capture), (NodeKind::Plain, Language::Empty, 0))
    }

    /// Returns the two in sequence.
    pub(super) fn then(self, rest: Node) -> Node {
        if rest.is_empty() {
            return self;
        }
        let flags = combined(self.flags, rest.flags);
        if self.is_empty() {
            return Node { flags: combined(self.flags, rest.flags), ..rest };
        }
        let language = sequence(vec![self.language.clone(), rest.language.clone()]);
        Node { kind: NodeKind::Concat(Box::new(self), Box::new(rest)), flags, capture: 0, language }
    }
}

/// Returns the parts in sequence, flat.
pub(super) fn sequence(parts: Vec<Language>) -> Language {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Language::Empty => {}
            Language::Concat(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    match flat.len() {
        0 => Language::Empty,
        1 => flat.swap_remove(0),
        _ => Language::Concat(flat),
    }
}

/// Returns `language` repeated.
pub(super) fn repeated(language: Language, min: u32, max: Option<u32>) -> Language {
    match (min, max) {
        (1, Some(1)) => language,
        (_, Some(0)) => Language::Empty,
        _ => Language::Repeat { inner: Box::new(language), min, max },
    }
}

/// An atom with its quantifier.
pub(super) struct Piece {
    pub(super) atom: Node,
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    /// Preference of the quantifier, 0 where it has none.
    pub(super) prefers: u8,
    /// A capturing group, whatever its flags.
    pub(super) is_group: bool,
}

/// Builds the node of a branch.
pub(super) fn branch(pieces: Vec<Piece>) -> Node {
    let mut plain: Vec<Language> = Vec::new();
    let mut flags = 0;
    let mut pieces = pieces.into_iter();
    while let Some(piece) = pieces.next() {
        if piece.max == Some(0) {
            continue;
        }
        let merged = flags | piece.prefers | piece.atom.flags;
        let is_back = matches!(piece.atom.kind, NodeKind::Back { .. });
        if !piece.is_group && !is_back && !is_messy(inherited(merged)) {
            plain.push(repeated(piece.atom.language, piece.min, piece.max));
            flags = merged;
            continue;
        }
        let quantified = quantify(piece);
        let rest = branch(pieces.collect());
        let node = quantified.then(rest);
        let prefix = Node::plain(sequence(plain), flags);
        return prefix.then(node);
    }
    Node::plain(sequence(plain), flags)
}

fn quantify(piece: Piece) -> Node {
    let Piece { atom, min, max, prefers, .. } = piece;
    let flags = combined(prefers, atom.flags);
    if let NodeKind::Back { group, .. } = atom.kind {
        let language = repeated(atom.language, min, max);
        return Node { kind: NodeKind::Back { group, min, max }, flags, capture: 0, language };
    }
    let own = atom.flags & (LONGER | SHORTER | MIXED);
    if min == 1 && max == Some(1) && (prefers == 0 || own == 0 || prefers == own) {
        return atom;
    }
    let language = repeated(atom.language.clone(), min, max);
    if atom.flags & (CAPTURES | BACK) == 0 {
        return Node::plain(language, flags);
    }
    if min > 0 && atom.flags & BACK == 0 {
        // Only the last repetition captures.
        let before = repeated(atom.language.clone(), min - 1, max.map(|max| max - 1));
        let before = Node::plain(before, flags & (LONGER | SHORTER));
        let kind = NodeKind::Concat(Box::new(before), Box::new(atom));
        return Node { kind, flags, capture: 0, language };
    }
    Node { kind: NodeKind::Iterate { child: Box::new(atom), min, max }, flags, capture: 0, language }
}
