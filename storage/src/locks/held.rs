//! The locks of a transaction, in the order in which it took them.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::{LockTag, Mode};

/// A tuning constant: more locks are looked up by their hash.
const SEARCHED: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct HeldLocks {
    list: Vec<(LockTag, Mode)>,
    /// All of `list` once it is long.
    set: HashSet<(LockTag, Mode), FixedState>,
}

impl HeldLocks {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn contains(&self, tag: LockTag, mode: Mode) -> bool {
        if self.set.is_empty() { self.list.contains(&(tag, mode)) } else { self.set.contains(&(tag, mode)) }
    }

    /// Returns all of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = (LockTag, Mode)> {
        self.list.iter().copied()
    }

    /// Returns what is locked.
    pub(crate) fn tags(&self) -> impl Iterator<Item = LockTag> {
        self.list.iter().map(|(tag, _)| *tag)
    }

    pub(crate) fn push(&mut self, tag: LockTag, mode: Mode) {
        self.list.push((tag, mode));
        if !self.set.is_empty() {
            self.set.insert((tag, mode));
        } else if self.list.len() > SEARCHED {
            self.set.extend(self.list.iter().copied());
        }
    }

    /// Takes out a lock. Returns whether it was there.
    pub(crate) fn remove(&mut self, tag: LockTag, mode: Mode) -> bool {
        let Some(at) = self.list.iter().position(|lock| *lock == (tag, mode)) else { return false };
        self.list.remove(at);
        self.set.remove(&(tag, mode));
        if self.list.is_empty() {
            self.set.clear();
        }
        true
    }

    /// Takes out the locks after the first `len`.
    pub(crate) fn split_off(&mut self, len: usize) -> Vec<(LockTag, Mode)> {
        let gone = if len < self.list.len() { self.list.split_off(len) } else { Vec::new() };
        if len == 0 {
            self.set.clear();
        } else if !self.set.is_empty() {
            gone.iter().for_each(|lock| {
                self.set.remove(lock);
            });
        }
        gone
    }
}
