//! Languages as automata, simulated with all states at once: the time is the length of the text by the size of
//! the program, whatever the pattern.

use super::class::{CharSet, Locale};
use super::tree::{Assertion, Language};
use crate::errors::Result;
use crate::errors::regular::{Fault, invalid};

/// Instructions of a program at most.
const SIZE_MAX: usize = 200_000;

#[derive(Debug, Clone)]
enum Inst {
    Set(CharSet),
    Split(Vec<usize>),
    Assert(Assertion),
    Look { ahead: bool, negated: bool, program: Box<Program> },
    Match,
}

/// An automaton. Instructions other than splits go on to the next one.
#[derive(Debug, Clone)]
pub(super) struct Program {
    insts: Vec<Inst>,
    /// Whether a character belongs to a word, for `\m` and its relatives.
    word: CharSet,
}

impl Program {
    pub(super) fn new(language: &Language, locale: Locale) -> Result<Self> {
        let word = super::class::named("word", locale).unwrap_or_default();
        let mut program = Self { insts: Vec::new(), word };
        program.add(language, locale)?;
        program.push(Inst::Match)?;
        Ok(program)
    }

    fn push(&mut self, inst: Inst) -> Result<usize> {
        if self.insts.len() >= SIZE_MAX {
            return Err(invalid(Fault::TooComplex));
        }
        self.insts.push(inst);
        Ok(self.insts.len() - 1)
    }

    fn set_split(&mut self, at: usize, targets: Vec<usize>) {
        if let Some(inst) = self.insts.get_mut(at) {
            *inst = Inst::Split(targets);
        }
    }

    fn add(&mut self, language: &Language, locale: Locale) -> Result<()> {
        match language {
            Language::Empty => {}
            Language::Set(set) => {
                self.push(Inst::Set(set.clone()))?;
            }
            Language::Assert(assertion) => {
                self.push(Inst::Assert(*assertion))?;
            }
            Language::Look { ahead, negated, inner } => {
                let program = Box::new(Self::new(inner, locale)?);
                self.push(Inst::Look { ahead: *ahead, negated: *negated, program })?;
            }
            Language::Concat(parts) => {
                for part in parts {
                    self.add(part, locale)?;
                }
            }
            Language::Alternate(branches) => {
                let split = self.push(Inst::Split(Vec::new()))?;
                let mut starts = Vec::with_capacity(branches.len());
                let mut ends = Vec::with_capacity(branches.len());
                for branch in branches {
                    starts.push(self.insts.len());
                    self.add(branch, locale)?;
                    ends.push(self.push(Inst::Split(Vec::new()))?);
                }
                let after = self.insts.len();
                self.set_split(split, starts);
                ends.into_iter().for_each(|end| self.set_split(end, vec![after]));
            }
            Language::Repeat { inner, min, max } => self.repeat(inner, *min, *max, locale)?,
        }
        Ok(())
    }

    fn repeat(&mut self, inner: &Language, min: u32, max: Option<u32>, locale: Locale) -> Result<()> {
        for _ in 0..min {
            self.add(inner, locale)?;
        }
        match max {
            None => {
                let split = self.push(Inst::Split(Vec::new()))?;
                self.add(inner, locale)?;
                self.push(Inst::Split(vec![split]))?;
                let after = self.insts.len();
                self.set_split(split, vec![split + 1, after]);
            }
            Some(max) => {
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.push(Inst::Split(Vec::new()))?);
                    self.add(inner, locale)?;
                }
                let after = self.insts.len();
                for split in splits {
                    self.set_split(split, vec![split + 1, after]);
                }
            }
        }
        Ok(())
    }

    /// Returns all places where a match that starts at `start` ends, ascending.
    pub(super) fn ends(
        &self,
        text: &[char],
        start: usize,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<usize>> {
        let mut ends = Vec::new();
        let mut current = States::new(self.insts.len());
        let mut next = States::new(self.insts.len());
        self.close(&mut current, 0, 0, text, start, check)?;
        let mut at = start;
        loop {
            if current.matched.is_some() {
                ends.push(at);
            }
            let Some(character) = text.get(at).filter(|_| !current.list.is_empty()) else { break };
            if at.is_multiple_of(CHECK_EVERY) {
                check()?;
            }
            next.clear();
            at += 1;
            for (state, _) in &current.list {
                if let Some(Inst::Set(set)) = self.insts.get(*state)
                    && set.contains(*character)
                {
                    self.close(&mut next, state + 1, 0, text, at, check)?;
                }
            }
            std::mem::swap(&mut current, &mut next);
        }
        Ok(ends)
    }

    /// Returns where the leftmost match at or after `from` starts.
    pub(super) fn leftmost(
        &self,
        text: &[char],
        from: usize,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Option<usize>> {
        let mut best: Option<usize> = None;
        let mut current = States::new(self.insts.len());
        let mut next = States::new(self.insts.len());
        let mut at = from;
        loop {
            if best.is_none() {
                // Last, so that a state keeps the earliest start that reaches it.
                self.close(&mut current, 0, at, text, at, check)?;
            }
            if let Some(start) = current.matched {
                best = Some(best.map_or(start, |best| best.min(start)));
            }
            if let Some(best) = best {
                current.list.retain(|(_, start)| *start < best);
                if current.list.is_empty() {
                    return Ok(Some(best));
                }
            }
            let Some(character) = text.get(at) else { return Ok(best) };
            if at.is_multiple_of(CHECK_EVERY) {
                check()?;
            }
            next.clear();
            at += 1;
            // Earlier starts first: the first to reach a state stays.
            current.list.sort_by_key(|(_, start)| *start);
            for (state, start) in &current.list {
                if let Some(Inst::Set(set)) = self.insts.get(*state)
                    && set.contains(*character)
                {
                    self.close(&mut next, state + 1, *start, text, at, check)?;
                }
            }
            std::mem::swap(&mut current, &mut next);
        }
    }

    /// Adds `state` and all states reachable without a character.
    fn close(
        &self,
        states: &mut States,
        state: usize,
        start: usize,
        text: &[char],
        at: usize,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let mut pending = vec![state];
        while let Some(state) = pending.pop() {
            if !states.enter(state) {
                continue;
            }
            match self.insts.get(state) {
                None => {}
                Some(Inst::Set(_)) => states.list.push((state, start)),
                Some(Inst::Match) => {
                    states.matched = Some(states.matched.map_or(start, |old| old.min(start)))
                }
                Some(Inst::Split(targets)) => pending.extend(targets),
                Some(Inst::Assert(assertion)) if !self.holds(*assertion, text, at) => {}
                Some(Inst::Assert(_)) => pending.push(state + 1),
                Some(Inst::Look { ahead, negated, program }) => {
                    let found = if *ahead {
                        !program.ends(text, at, check)?.is_empty()
                    } else {
                        program.ends_at(text, at, check)?
                    };
                    if found != *negated {
                        pending.push(state + 1);
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns whether a match ends at `end`, wherever it starts.
    fn ends_at(&self, text: &[char], end: usize, check: &dyn Fn() -> Result<()>) -> Result<bool> {
        let mut current = States::new(self.insts.len());
        let mut next = States::new(self.insts.len());
        for at in 0..=end {
            self.close(&mut current, 0, 0, text, at, check)?;
            if at == end {
                break;
            }
            let Some(character) = text.get(at) else { break };
            next.clear();
            for (state, _) in &current.list {
                if let Some(Inst::Set(set)) = self.insts.get(*state)
                    && set.contains(*character)
                {
                    self.close(&mut next, state + 1, 0, text, at + 1, check)?;
                }
            }
            std::mem::swap(&mut current, &mut next);
        }
        Ok(current.matched.is_some())
    }

    fn holds(&self, assertion: Assertion, text: &[char], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let after = text.get(at);
        let is_word = |c: Option<&char>| c.is_some_and(|c| self.word.contains(*c));
        match assertion {
            Assertion::TextStart => before.is_none(),
            Assertion::TextEnd => after.is_none(),
            Assertion::LineStart => before.is_none_or(|c| *c == '\n'),
            Assertion::LineEnd => after.is_none_or(|c| *c == '\n'),
            Assertion::WordStart => !is_word(before) && is_word(after),
            Assertion::WordEnd => is_word(before) && !is_word(after),
            Assertion::WordEdge => is_word(before) != is_word(after),
            Assertion::NotWordEdge => is_word(before) == is_word(after),
        }
    }
}

/// A tuning constant: characters between two looks at the cancel flag.
const CHECK_EVERY: usize = 1024;

/// States at one place of the text, each with where its match started.
struct States {
    list: Vec<(usize, usize)>,
    /// Marks of the states that were entered, by generation.
    seen: Vec<u32>,
    generation: u32,
    matched: Option<usize>,
}

impl States {
    fn new(size: usize) -> Self {
        Self { list: Vec::new(), seen: vec![0; size], generation: 1, matched: None }
    }
    fn clear(&mut self) {
        self.list.clear();
        self.generation += 1;
        self.matched = None;
    }
    fn enter(&mut self, state: usize) -> bool {
        match self.seen.get_mut(state) {
            Some(mark) if *mark != self.generation => {
                *mark = self.generation;
                true
            }
            Some(_) | None => false,
        }
    }
}
