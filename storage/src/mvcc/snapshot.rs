//! Snapshots: everything up to a commit, and what the own transaction did in earlier commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

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
    /// Returns what is seen, borrowed.
    pub(crate) fn view(&self) -> View<'_> {
        View { commit: self.commit, xid: self.xid, command: self.command, xids: &self.xids }
    }

    /// See [`View::is_past`].
    pub(crate) fn is_past(&self, stamp: u64) -> bool {
        self.view().is_past(stamp)
    }
}

/// What a snapshot sees, for as long as somebody else keeps it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// See [`Snapshot`].
    pub(crate) commit: u64,
    /// See [`Snapshot`].
    pub(crate) xid: u64,
    /// See [`Snapshot`].
    pub(crate) command: u32,
    /// See [`Snapshot`].
    pub(crate) xids: &'a XidTable,
}

impl View<'_> {
    /// Returns whether what the stamp stands for has happened. The caller keeps the row from changing.
    pub(crate) fn is_past(self, stamp: u64) -> bool {
        if stamp < IN_FLIGHT {
            return stamp <= self.commit;
        }
        let xid = xid_of(stamp);
        if xid == self.xid {
            return command_of(stamp) < self.command;
        }
        self.xids.commit_of(xid).is_some_and(|commit| commit <= self.commit)
    }
}

/// The commits that snapshots in use refer to: a slot for each, which its snapshot alone writes, so that taking a
/// snapshot changes nothing that others look at all the time.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    slots: RwLock<Vec<Arc<Slot>>>,
    /// Those that nobody has.
    free: Mutex<Vec<Arc<Slot>>>,
}

/// A commit that is held, alone in its cache lines; [`FREE`]: none.
#[derive(Debug)]
#[repr(align(128))]
struct Slot(AtomicU64);

const FREE: u64 = u64::MAX;

/// Keeps a commit's rows from being removed.
#[derive(Debug)]
pub(crate) struct Held {
    registry: Arc<Registry>,
    slot: Arc<Slot>,
    commit: u64,
}

impl Registry {
    /// Holds the newest commit.
    pub(crate) fn hold(self: &Arc<Self>, newest: &dyn Fn() -> u64) -> Held {
        let mut held = self.let_go(0);
        held.renew(newest);
        held
    }

    /// Returns a commit whose rows may be removed.
    fn let_go(self: &Arc<Self>, commit: u64) -> Held {
        let free = self.free.lock().pop();
        let slot = free.unwrap_or_else(|| {
            let slot = Arc::new(Slot(AtomicU64::new(FREE)));
            self.slots.write().push(Arc::clone(&slot));
            slot
        });
        Held { registry: Arc::clone(self), slot, commit }
    }

    /// Returns the oldest commit that anybody may still look at; `newest` returns the newest.
    pub(crate) fn horizon(&self, newest: impl FnOnce() -> u64) -> u64 {
        // Before the slots: whoever holds a commit and is not seen here has made sure afterwards that it was the newest.
        let newest = newest();
        let slots = self.slots.read();
        slots.iter().map(|slot| slot.0.load(Ordering::SeqCst)).fold(newest, u64::min)
    }
}

impl Held {
    /// Returns the commit.
    pub(crate) fn commit(&self) -> u64 {
        self.commit
    }

    /// Holds the newest commit instead.
    pub(crate) fn renew(&mut self, newest: &dyn Fn() -> u64) {
        let mut commit = newest();
        loop {
            self.slot.0.store(commit, Ordering::SeqCst);
            let now = newest();
            if now == commit {
                self.commit = commit;
                return;
            }
            commit = now;
        }
    }

    /// Lets the commit's rows be removed.
    pub(crate) fn release(held: &mut Arc<Self>) {
        match Arc::get_mut(held) {
            Some(held) => held.slot.0.store(FREE, Ordering::SeqCst),
            None => *held = Arc::new(held.registry.let_go(held.commit)),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.slot.0.store(FREE, Ordering::SeqCst);
        self.registry.free.lock().push(Arc::clone(&self.slot));
    }
}
