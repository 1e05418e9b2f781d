//! Snapshots: everything up to a commit, and what the own transaction did in earlier commands.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::stamp::{IN_FLIGHT, command_of, xid_of};
use super::xids::XidTable;
use crate::serializable::Tracker;

/// What a statement sees. Cheap to clone; as long as one lives, nothing that it sees is removed.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) commit: u64,
    /// The own transaction; 0 when it has written nothing.
    pub(crate) xid: u64,
    /// What the own transaction did in commands before this one is seen.
    pub(crate) command: u32,
    pub(crate) xids: Arc<XidTable>,
    /// Keeps what is seen from being removed.
    pub(crate) _held: Arc<Held>,
    /// Who is told what is read, at SERIALIZABLE.
    pub(crate) tracker: Option<Arc<Tracker>>,
}

impl Snapshot {
    /// Returns whether what the stamp stands for has happened. The caller keeps the row from changing.
    pub(crate) fn is_past(&self, stamp: u64) -> bool {
        if stamp < IN_FLIGHT {
            return stamp <= self.commit;
        }
        let xid = xid_of(stamp);
        if xid == self.xid {
            return command_of(stamp) < self.command;
        }
        self.xids.commit_of(xid).is_some_and(|commit| commit <= self.commit)
    }

    /// Returns whether a row version with these stamps is seen.
    pub(crate) fn sees(&self, begin: u64, end: u64) -> bool {
        self.is_past(begin) && !self.is_past(end)
    }
}

/// The commits that snapshots in use refer to.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    held: Mutex<BTreeMap<u64, usize>>,
}

/// Keeps a commit's rows from being removed.
#[derive(Debug)]
pub(crate) struct Held {
    registry: Arc<Registry>,
    commit: u64,
    /// Whether it still does.
    holds: bool,
}

impl Registry {
    /// Holds the commit that `newest` returns.
    pub(crate) fn hold<T>(self: &Arc<Self>, newest: impl FnOnce() -> (u64, T)) -> (Arc<Held>, T) {
        let mut held = self.held.lock();
        let (commit, with) = newest();
        *held.entry(commit).or_default() += 1;
        (Arc::new(Held { registry: Arc::clone(self), commit, holds: true }), with)
    }

    /// Returns the oldest commit that anybody may still look at; `newest` returns the newest.
    pub(crate) fn horizon(&self, newest: impl FnOnce() -> u64) -> u64 {
        let held = self.held.lock();
        let newest = newest();
        held.first_key_value().map_or(newest, |(&commit, _)| commit.min(newest))
    }
}

impl Held {
    /// Returns the commit.
    pub(crate) fn commit(&self) -> u64 {
        self.commit
    }

    /// Returns the same commit, whose rows may be removed.
    pub(crate) fn let_go(&self) -> Arc<Self> {
        Arc::new(Self { registry: Arc::clone(&self.registry), commit: self.commit, holds: false })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.holds {
            return;
        }
        let mut held = self.registry.held.lock();
        if let Some(count) = held.get_mut(&self.commit) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.commit);
            }
        }
    }
}
