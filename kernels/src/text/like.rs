//! LIKE: patterns with `%` (any bytes) and `_` (one UTF-8 character).
//!
//! A pattern is cut at its `%` into segments of literal bytes and `_`. The first segment must match at the start (unless
//! the pattern starts with `%`), the last one at the end, and those between anywhere after each other: leftmost
//! matches are enough, because a later match of a segment leaves less for those after it. Segments without `_`
//! are searched by [`Finder`].

use std::ops::Deref;

use super::search::Finder;
use super::{bytes_of, equal_constant, fill, starts_with};
use crate::isa::{self, Level};

/// One element of a segment with `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Element {
    Bytes(Box<[u8]>),
    AnyCharacter,
}

#[derive(Clone, Debug)]
enum Segment {
    Literal(Box<Finder>),
    /// With `_`; the finder is that of a literal at the front.
    Elements(Vec<Element>, Option<Box<Finder>>),
}

/// A pattern, prepared for many strings.
#[derive(Clone, Debug)]
pub struct LikePattern {
    /// Matches at the start; absent when the pattern starts with `%`.
    first: Option<Segment>,
    middle: Vec<Segment>,
    /// Matches at the end; absent when the pattern ends with `%` or has none.
    last: Option<Segment>,
    has_percent: bool,
}

impl LikePattern {
    /// Prepares a pattern, or returns `None` when it ends in the escape character.
    pub fn new(pattern: &[u8], escape: Option<u8>) -> Option<Self> {
        let mut segments = vec![Vec::new()];
        let mut bytes = pattern.iter().copied();
        let mut literal = Vec::new();
        while let Some(byte) = bytes.next() {
            if Some(byte) == escape {
                literal.push(bytes.next()?);
            } else if byte == b'%' || byte == b'_' {
                let segment = segments.last_mut()?;
                if !literal.is_empty() {
                    segment.push(Element::Bytes(std::mem::take(&mut literal).into()));
                }
                if byte == b'_' {
                    segment.push(Element::AnyCharacter);
                } else {
                    segments.push(Vec::new());
                }
            } else {
                literal.push(byte);
            }
        }
        if !literal.is_empty() {
            segments.last_mut()?.push(Element::Bytes(literal.into()));
        }
        let has_percent = segments.len() > 1;
        let last = if has_percent { segments.pop() } else { None };
        let mut segments = segments.into_iter();
        let first = segments.next();
        let non_empty = |segment: &Vec<Element>| !segment.is_empty();
        Some(Self {
            first: first.filter(|segment| !has_percent || non_empty(segment)).map(Segment::new),
            middle: segments.filter(non_empty).map(Segment::new).collect(),
            last: last.filter(non_empty).map(Segment::new),
            has_percent,
        })
    }

    /// Tells whether a string matches.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        if let Some(first) = &self.first {
            match first.at_start(rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        if !self.has_percent {
            return rest.is_empty();
        }
        if let Some(last) = &self.last {
            match last.at_end(rest) {
                Some(before) => rest = before,
                None => return false,
            }
        }
        for segment in &self.middle {
            match segment.anywhere(rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        true
    }

    /// Returns the needles of a pattern like `%a%b%`.
    fn needles(&self) -> Option<Vec<&Finder>> {
        if self.first.is_some() || self.last.is_some() {
            return None;
        }
        let finders = self.middle.iter().map(|segment| match segment {
            Segment::Literal(finder) => Some(&**finder),
            Segment::Elements(..) => None,
        });
        finders.collect()
    }
}

impl Segment {
    fn new(elements: Vec<Element>) -> Self {
        match elements.as_slice() {
            [] => Self::Literal(Box::new(Finder::new(&[]))),
            [Element::Bytes(bytes)] => Self::Literal(Box::new(Finder::new(bytes))),
            [Element::Bytes(bytes), ..] => {
                let finder = Finder::new(bytes);
                Self::Elements(elements, Some(Box::new(finder)))
            }
            [Element::AnyCharacter, ..] => Self::Elements(elements, None),
        }
    }

    /// Returns the bytes after a match at the start.
    fn at_start<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Literal(finder) => bytes.strip_prefix(finder.needle()),
            Self::Elements(elements, _) => elements.iter().try_fold(bytes, |rest, element| match element {
                Element::Bytes(literal) => rest.strip_prefix(&**literal),
                Element::AnyCharacter => rest.get(character_len(rest)?..),
            }),
        }
    }

    /// Returns the bytes before a match at the end.
    fn at_end<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Literal(finder) => bytes.strip_suffix(finder.needle()),
            Self::Elements(elements, _) => {
                elements.iter().rev().try_fold(bytes, |rest, element| match element {
                    Element::Bytes(literal) => rest.strip_suffix(&**literal),
                    Element::AnyCharacter => {
                        let start = rest.iter().rposition(|&byte| !is_continuation(byte))?;
                        rest.get(..start)
                    }
                })
            }
        }
    }

    /// Returns the bytes after the first match.
    fn anywhere<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        match self {
            Self::Literal(finder) => {
                finder.find(bytes).and_then(|found| bytes.get(found + finder.needle().len()..))
            }
            Self::Elements(_, finder) => {
                let mut rest = bytes;
                loop {
                    if let Some(finder) = finder {
                        rest = rest.get(finder.find(rest)?..)?;
                    }
                    if let Some(after) = self.at_start(rest) {
                        return Some(after);
                    }
                    rest = rest.get(character_len(rest)?..)?;
                }
            }
        }
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// Returns the length of the first character, or `None` when there is none.
fn character_len(bytes: &[u8]) -> Option<usize> {
    let (_, after) = bytes.split_first()?;
    Some(1 + after.iter().take_while(|&&byte| is_continuation(byte)).count())
}

/// Sets the bits of the live lanes that match the pattern.
pub fn like<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    pattern: &LikePattern,
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    if let (Some(Segment::Literal(first)), [], None) =
        (&pattern.first, pattern.middle.as_slice(), &pattern.last)
    {
        return match pattern.has_percent {
            true => starts_with(views, buffers, first.needle(), live, mask),
            false => equal_constant(views, buffers, first.needle(), live, mask),
        };
    }
    if let Some(needles) = pattern.needles() {
        return contains_in_order(views, buffers, &needles, live, mask);
    }
    fill(views.len(), live, mask, |lane| {
        bytes_of(&views[lane], buffers).is_some_and(|bytes| pattern.matches(bytes))
    });
}

/// Sets the bits of the live lanes that contain the needles one after the other.
fn contains_in_order<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    needles: &[&Finder],
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    let level: Level = isa::level();
    fill(views.len(), live, mask, |lane| {
        let view = &views[lane];
        let mut from = 0;
        for finder in needles {
            match finder.find_in_view(view, buffers, from, level) {
                Some(found) => from = found + finder.needle().len(),
                None => return false,
            }
        }
        true
    });
}
