//! Locks on rows and keys of transactions that have committed, as long as transactions are in flight that may have passed over
//! them because they do not wait (`transaction/optimistic.rs`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::fast::FixedState;
use parking_lot::Mutex;

use super::{LockTag, Mode};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct CommittedLocks {
    /// Whether anybody has ever not waited: before, nothing need be kept.
    wanted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Commits that have been noted.
    count: u64,
    /// By lock, the newest commit that had it in each mode.
    locks: HashMap<LockTag, Vec<(u64, Mode)>, FixedState>,
}

impl CommittedLocks {
    /// Returns the point from which on locks count for a transaction that begins.
    pub(crate) fn begin(&self) -> u64 {
        self.wanted.store(true, Ordering::Release);
        self.state.lock().count
    }

    /// Returns whether anybody wants to know.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Notes the locks of a transaction that commits.
    pub(crate) fn note(&self, locks: impl Iterator<Item = (LockTag, Mode)>) {
        let mut state = self.state.lock();
        state.count += 1;
        let count = state.count;
        for (tag, mode) in locks {
            let noted = state.locks.entry(tag).or_default();
            noted.retain(|(_, other)| *other != mode);
            noted.push((count, mode));
        }
    }

    /// Forgets everything: nobody is in flight who began before now.
    pub(crate) fn clear(&self) {
        self.state.lock().locks.clear();
    }

    /// Returns whether somebody has committed since `begin` who had the lock in a mode that conflicts.
    pub(crate) fn has_since(&self, begin: u64, tag: LockTag, mode: Mode) -> bool {
        let state = self.state.lock();
        let noted = state.locks.get(&tag);
        noted.is_some_and(|noted| noted.iter().any(|(at, other)| *at > begin && other.conflicts(mode)))
    }
}
