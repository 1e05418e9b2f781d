//! Transactions that have written something and whose rows are not all stamped yet.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use foldhash::fast::FixedState;
use parking_lot::{Condvar, Mutex, RwLock};

use super::stamp::NEVER;

const RUNNING: u64 = 0;

/// A transaction as others see it.
#[derive(Debug)]
pub(crate) struct XidState {
    pub(crate) xid: u64,
    /// The session, for deadlocks.
    owner: AtomicU64,
    /// Whether others that commit first may take its rows and keys.
    yields: AtomicBool,
    /// `RUNNING`, the commit's number, or `NEVER` when it was rolled back.
    status: AtomicU64,
    /// Counts what may set waiters free: the end of the transaction, or a return to a savepoint.
    releases: Mutex<u64>,
    released: Condvar,
}

impl XidState {
    /// Returns the number of the commit, if there was one.
    pub(crate) fn commit(&self) -> Option<u64> {
        match self.status.load(Ordering::Acquire) {
            RUNNING | NEVER => None,
            commit => Some(commit),
        }
    }

    /// Returns the session, or whoever else has the transaction.
    pub(crate) fn owner(&self) -> u64 {
        self.owner.load(Ordering::Relaxed)
    }

    pub(crate) fn set_owner(&self, owner: u64) {
        self.owner.store(owner, Ordering::Relaxed);
    }

    /// Returns whether others that commit first may take what the transaction has written.
    pub(crate) fn yields(&self) -> bool {
        self.yields.load(Ordering::Acquire) && !self.is_over()
    }

    pub(crate) fn set_yields(&self, yields: bool) {
        self.yields.store(yields, Ordering::Release);
    }

    /// Returns whether the transaction is over.
    pub(crate) fn is_over(&self) -> bool {
        self.status.load(Ordering::Acquire) != RUNNING
    }

    pub(crate) fn set_committed(&self, commit: u64) {
        debug_assert!(commit != RUNNING && commit < NEVER);
        self.status.store(commit, Ordering::Release);
    }

    pub(crate) fn set_aborted(&self) {
        self.status.store(NEVER, Ordering::Release);
    }

    /// Returns a number to give to [`Self::wait`].
    pub(crate) fn releases(&self) -> u64 {
        *self.releases.lock()
    }

    /// Lets waiters look again.
    pub(crate) fn release(&self) {
        *self.releases.lock() += 1;
        self.released.notify_all();
    }

    /// Waits for a release after the one that `seen` counts, but not for long.
    pub(crate) fn wait(&self, seen: u64, at_most: Duration) {
        let mut releases = self.releases.lock();
        if *releases == seen && !self.is_over() {
            self.released.wait_for(&mut releases, at_most);
        }
    }
}

/// A tuning constant: commits whose transactions are known by number.
const RECENT_COMMITS: usize = 1 << 14;

/// All of them, by number.
#[derive(Debug)]
pub(crate) struct XidTable {
    next: AtomicU64,
    /// The number that the first one got.
    first: u64,
    /// The transactions of the newest commits: commit `n` and its transaction are at `n` modulo the size.
    recent: Box<[(AtomicU64, AtomicU64)]>,
    states: RwLock<HashMap<u64, Arc<XidState>, FixedState>>,
}

impl XidTable {
    pub(crate) fn new(next: u64) -> Self {
        let recent = (0..RECENT_COMMITS).map(|_| (AtomicU64::new(0), AtomicU64::new(0))).collect();
        Self { next: AtomicU64::new(next), first: next, recent, states: RwLock::default() }
    }

    /// Notes whose commit has which number.
    pub(crate) fn note_commit(&self, commit: u64, xid: u64) {
        let (of, place) = &self.recent[commit as usize % RECENT_COMMITS];
        of.store(0, Ordering::Release);
        place.store(xid, Ordering::Release);
        of.store(commit, Ordering::Release);
    }

    /// Returns the transaction of a commit; of one that is long past, one that is older than all that are not.
    pub(crate) fn xid_or_older(&self, commit: u64) -> u32 {
        self.xid_of_commit(commit).unwrap_or(self.first.saturating_sub(1) as u32)
    }

    /// Returns the transaction of a commit that is not long past.
    pub(crate) fn xid_of_commit(&self, commit: u64) -> Option<u32> {
        let (of, place) = &self.recent[commit as usize % RECENT_COMMITS];
        if of.load(Ordering::Acquire) != commit {
            return None;
        }
        let xid = place.load(Ordering::Acquire);
        (of.load(Ordering::Acquire) == commit).then_some(xid as u32)
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin(&self, owner: u64) -> Arc<XidState> {
        let xid = self.next.fetch_add(1, Ordering::Relaxed);
        self.restore(xid, owner)
    }

    /// Takes up a transaction that has a number.
    pub(crate) fn restore(&self, xid: u64, owner: u64) -> Arc<XidState> {
        let state = Arc::new(XidState {
            xid,
            owner: AtomicU64::new(owner),
            yields: AtomicBool::new(false),
            status: AtomicU64::new(RUNNING),
            releases: Mutex::new(0),
            released: Condvar::new(),
        });
        self.states.write().insert(xid, Arc::clone(&state));
        state
    }

    /// Forgets a transaction: no row has its stamp any more.
    pub(crate) fn forget(&self, xid: u64) {
        self.states.write().remove(&xid);
    }

    /// Returns a transaction; `None` once no row has its stamp.
    pub(crate) fn get(&self, xid: u64) -> Option<Arc<XidState>> {
        self.states.read().get(&xid).cloned()
    }

    /// Returns the number of the commit of a transaction whose stamp is on a row that the caller keeps from changing.
    pub(crate) fn commit_of(&self, xid: u64) -> Option<u64> {
        self.states.read().get(&xid).and_then(|state| state.commit())
    }

    /// Returns the numbers of all.
    pub(crate) fn running(&self) -> Vec<u64> {
        let states = self.states.read();
        let mut xids: Vec<u64> =
            states.values().filter(|state| !state.is_over()).map(|state| state.xid).collect();
        xids.sort_unstable();
        xids
    }

    /// Returns those that are not over, with their sessions.
    pub(crate) fn owners(&self) -> Vec<(u64, u64)> {
        let states = self.states.read();
        states.values().filter(|state| !state.is_over()).map(|state| (state.xid, state.owner())).collect()
    }

    /// Returns whether all of these sessions are in transactions that give way to one that commits first.
    pub(crate) fn all_yield(&self, owners: &[u64]) -> bool {
        let states = self.states.read();
        let yields = |owner: &u64| states.values().any(|state| state.owner() == *owner && state.yields());
        owners.iter().all(yields)
    }

    /// Returns whether a transaction in flight gives way to one that commits first.
    pub(crate) fn yields(&self, xid: u64) -> bool {
        self.states.read().get(&xid).is_some_and(|state| state.yields())
    }

    /// Returns whether another transaction than this one is in flight that gives way.
    pub(crate) fn any_other_yields(&self, xid: u64) -> bool {
        self.states.read().values().any(|state| state.xid != xid && state.yields())
    }

    /// Returns the number that the next transaction gets.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }
}
