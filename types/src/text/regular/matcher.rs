//! Finding a match and taking it apart: the whole match by the root's preference, then each part by its own.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::class::{CharSet, Locale};
use super::program::Program;
use super::tree::{BACK, CAPTURES, Language, Node, NodeKind, SHORTER};
use crate::errors::Result;

/// Where a group matched, in characters.
pub(super) type Span = (usize, usize);

/// A node with its automaton.
#[derive(Debug, Clone)]
pub(super) struct Part {
    id: usize,
    kind: PartKind,
    flags: u8,
    capture: usize,
    program: Program,
    /// Groups inside.
    groups: Vec<usize>,
}

#[derive(Debug, Clone)]
enum PartKind {
    Plain,
    Concat(Box<Part>, Box<Part>),
    Alternate(Vec<Part>),
    Iterate { child: Box<Part>, min: u32, max: Option<u32> },
    Back { group: usize, min: u32, max: Option<u32> },
    Wrap(Box<Part>),
}

impl Part {
    pub(super) fn new(node: &Node, locale: Locale, next: &mut usize) -> Result<Self> {
        let id = *next;
        *next += 1;
        let mut groups = Vec::new();
        if node.capture > 0 {
            groups.push(node.capture);
        }
        let mut child = |node: &Node| -> Result<Part> {
            let part = Part::new(node, locale, next)?;
            groups.extend(&part.groups);
            Ok(part)
        };
        let kind = match &node.kind {
            NodeKind::Plain => PartKind::Plain,
            NodeKind::Concat(left, right) => {
                PartKind::Concat(Box::new(child(left)?), Box::new(child(right)?))
            }
            NodeKind::Alternate(branches) => {
                PartKind::Alternate(branches.iter().map(child).collect::<Result<Vec<_>>>()?)
            }
            NodeKind::Iterate { child: inner, min, max } => {
                PartKind::Iterate { child: Box::new(child(inner)?), min: *min, max: *max }
            }
            NodeKind::Back { group, min, max } => PartKind::Back { group: *group, min: *min, max: *max },
            NodeKind::Wrap(inner) => PartKind::Wrap(Box::new(child(inner)?)),
        };
        let program = Program::new(&node.language, locale)?;
        Ok(Self { id, kind, flags: node.flags, capture: node.capture, program, groups })
    }

    fn prefers_short(&self) -> bool {
        self.flags & SHORTER != 0
    }
}

/// A search in one text.
pub(super) struct Search<'a> {
    text: &'a [char],
    check: &'a dyn Fn() -> Result<()>,
    /// Whether back references ignore case.
    fold: Option<Locale>,
    /// Ends of matches by part and start.
    ends: HashMap<(usize, usize), Rc<Vec<usize>>>,
    captures: Vec<Option<Span>>,
    steps: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        text: &'a [char],
        groups: usize,
        fold: Option<Locale>,
        check: &'a dyn Fn() -> Result<()>,
    ) -> Self {
        Self { text, check, fold, ends: HashMap::new(), captures: vec![None; groups + 1], steps: 0 }
    }

    /// Finds the first match at or after `from`: the whole match, then each group.
    pub(super) fn find(&mut self, root: &Part, from: usize) -> Result<Option<Vec<Option<Span>>>> {
        let mut from = from;
        while let Some(start) = root.program.leftmost(self.text, from, self.check)? {
            let ends = self.ends_of(root, start)?;
            let mut tried: Vec<usize> = ends.to_vec();
            if !root.prefers_short() {
                tried.reverse();
            }
            for end in tried {
                self.captures.fill(None);
                if root.flags & (CAPTURES | BACK) == 0 || self.dissect(root, start, end)? {
                    let mut found = std::mem::take(&mut self.captures);
                    if let Some(whole) = found.first_mut() {
                        *whole = Some((start, end));
                    }
                    return Ok(Some(found));
                }
            }
            from = start + 1;
            if from > self.text.len() {
                break;
            }
        }
        Ok(None)
    }

    fn ends_of(&mut self, part: &Part, start: usize) -> Result<Rc<Vec<usize>>> {
        self.steps += 1;
        if self.steps.is_multiple_of(256) {
            (self.check)()?;
        }
        if let Some(ends) = self.ends.get(&(part.id, start)) {
            return Ok(ends.clone());
        }
        let ends = Rc::new(part.program.ends(self.text, start, self.check)?);
        self.ends.insert((part.id, start), ends.clone());
        Ok(ends)
    }

    fn matches(&mut self, part: &Part, start: usize, end: usize) -> Result<bool> {
        Ok(self.ends_of(part, start)?.binary_search(&end).is_ok())
    }

    /// Returns the ends up to `end` in the order in which the part prefers them.
    fn preferred(&mut self, part: &Part, start: usize, end: usize) -> Result<Vec<usize>> {
        let ends = self.ends_of(part, start)?;
        let mut ends: Vec<usize> = ends.iter().copied().take_while(|at| *at <= end).collect();
        if !part.prefers_short() {
            ends.reverse();
        }
        Ok(ends)
    }

    fn forget(&mut self, part: &Part) {
        for group in &part.groups {
            if let Some(capture) = self.captures.get_mut(*group) {
                *capture = None;
            }
        }
    }

    /// Takes a match of `part` between `start` and `end` apart; says whether it holds.
    fn dissect(&mut self, part: &Part, start: usize, end: usize) -> Result<bool> {
        let holds = match &part.kind {
            PartKind::Plain => true,
            PartKind::Wrap(inner) => self.dissect(inner, start, end)?,
            PartKind::Back { group, min, max } => self.refers(*group, *min, *max, start, end),
            PartKind::Alternate(branches) => {
                let mut found = false;
                for branch in branches {
                    if self.matches(branch, start, end)? && self.dissect(branch, start, end)? {
                        found = true;
                        break;
                    }
                    self.forget(branch);
                }
                found
            }
            PartKind::Concat(left, right) => self.dissect_pair(left, right, start, end)?,
            PartKind::Iterate { child, min, max } => {
                self.dissect_iteration(child, (*min, *max), start, end)?
            }
        };
        if holds && let Some(capture) = self.captures.get_mut(part.capture).filter(|_| part.capture > 0) {
            *capture = Some((start, end));
        }
        Ok(holds)
    }

    fn dissect_pair(&mut self, left: &Part, right: &Part, start: usize, end: usize) -> Result<bool> {
        for middle in self.preferred(left, start, end)? {
            if self.matches(right, middle, end)? {
                if self.dissect(left, start, middle)? && self.dissect(right, middle, end)? {
                    return Ok(true);
                }
                self.forget(left);
                self.forget(right);
            }
        }
        Ok(false)
    }

    /// Whether the text from `start` to `end` repeats what the group matched.
    fn refers(&self, group: usize, min: u32, max: Option<u32>, start: usize, end: usize) -> bool {
        let Some(Some((from, to))) = self.captures.get(group).copied() else { return false };
        let wanted = self.text.get(from..to).unwrap_or(&[]);
        let found = self.text.get(start..end).unwrap_or(&[]);
        if wanted.is_empty() || found.is_empty() {
            // An empty group repeats as often as wanted; nothing is zero times anything.
            return found.is_empty() && (wanted.is_empty() || min == 0);
        }
        let count = found.len() / wanted.len();
        let same = |l: &char, r: &char| {
            l == r || self.fold.is_some_and(|locale| CharSet::one(*l).fold(locale).contains(*r))
        };
        found.len() % wanted.len() == 0
            && count >= min as usize
            && max.is_none_or(|max| count <= max as usize)
            && found.chunks(wanted.len()).all(|chunk| chunk.iter().zip(wanted).all(|(l, r)| same(l, r)))
    }

    fn dissect_iteration(
        &mut self,
        child: &Part,
        (min, max): (u32, Option<u32>),
        start: usize,
        end: usize,
    ) -> Result<bool> {
        if min == 0 && start == end {
            return Ok(true);
        }
        let least = min.max(1) as usize;
        let most = max.map_or(usize::MAX, |max| max as usize).min(end - start).max(least);
        let mut iteration =
            Iteration { child, least, most, end, points: vec![start], failed: HashSet::new() };
        self.iterate(&mut iteration)
    }

    /// Places the ends of the remaining repetitions, then takes each apart.
    fn iterate(&mut self, iteration: &mut Iteration<'_>) -> Result<bool> {
        let done = iteration.points.len() - 1;
        let Some(&from) = iteration.points.last() else { return Ok(false) };
        // With neither count near its limit the outcome depends on the place alone.
        let key = (from, done.min(iteration.least), iteration.most.saturating_sub(done));
        if iteration.failed.contains(&key) {
            return Ok(false);
        }
        let mut found = false;
        for end in self.preferred(iteration.child, from, iteration.end)? {
            if end == iteration.end {
                if done + 1 < iteration.least {
                    continue;
                }
                iteration.points.push(end);
                found = self.verify(iteration)?;
                iteration.points.pop();
            } else {
                let missing = iteration.least.saturating_sub(done + 1);
                let useless = end == from && missing < iteration.end - end;
                if done + 1 >= iteration.most || useless {
                    continue;
                }
                iteration.points.push(end);
                found = self.iterate(iteration)?;
                iteration.points.pop();
            }
            if found {
                return Ok(true);
            }
        }
        if iteration.child.flags & BACK == 0 {
            iteration.failed.insert(key);
        }
        Ok(found)
    }

    fn verify(&mut self, iteration: &Iteration<'_>) -> Result<bool> {
        for pair in iteration.points.windows(2) {
            self.forget(iteration.child);
            let &[from, to] = pair else { return Ok(false) };
            if !self.dissect(iteration.child, from, to)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The state of one iteration.
struct Iteration<'a> {
    child: &'a Part,
    least: usize,
    most: usize,
    end: usize,
    /// Start, then the end of each repetition.
    points: Vec<usize>,
    /// Places and counts from which the end is not reached.
    failed: HashSet<(usize, usize, usize)>,
}

/// Returns whether `language` can be told to the `regex` crate, and how.
pub(super) fn translate(language: &Language, out: &mut String) -> Option<()> {
    use super::tree::Assertion;
    match language {
        Language::Empty => out.push_str("(?:)"),
        Language::Set(set) => {
            if set.ranges().is_empty() {
                return None;
            }
            out.push('[');
            for (low, high) in set.ranges() {
                // Surrogates are no characters to the crate.
                let low = if (0xd800..=0xdfff).contains(low) { 0xe000 } else { *low };
                let high = if (0xd800..=0xdfff).contains(high) { 0xd7ff } else { *high };
                if low <= high {
                    out.push_str(&format!("\\x{{{low:x}}}-\\x{{{high:x}}}"));
                }
            }
            out.push(']');
        }
        Language::Assert(Assertion::TextStart) => out.push_str("\\A"),
        Language::Assert(Assertion::TextEnd) => out.push_str("\\z"),
        Language::Assert(Assertion::LineStart) => out.push_str("(?m:^)"),
        Language::Assert(Assertion::LineEnd) => out.push_str("(?m:$)"),
        Language::Assert(
            Assertion::WordStart | Assertion::WordEnd | Assertion::WordEdge | Assertion::NotWordEdge,
        )
        | Language::Look { .. } => return None,
        Language::Concat(parts) => {
            for part in parts {
                translate(part, out)?;
            }
        }
        Language::Alternate(branches) => {
            out.push_str("(?:");
            for (index, branch) in branches.iter().enumerate() {
                if index > 0 {
                    out.push('|');
                }
                translate(branch, out)?;
            }
            out.push(')');
        }
        Language::Repeat { inner, min, max } => {
            out.push_str("(?:");
            translate(inner, out)?;
            out.push(')');
            match max {
                Some(max) => out.push_str(&format!("{{{min},{max}}}")),
                None => out.push_str(&format!("{{{min},}}")),
            }
        }
    }
    Some(())
}
