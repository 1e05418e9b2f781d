//! What has become of transactions, for `pg_xact_status`.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// Numbers of transactions that were rolled back are kept, at most so many. A tuning constant; for older ones nobody knows.
const ABORTED_MAX: usize = 65_536;

/// Transactions since the server's start.
#[derive(Debug)]
pub struct Outcomes {
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// Nothing is known of transactions before this one.
    first: u64,
    aborted: BTreeSet<u64>,
}

impl Outcomes {
    /// Returns the outcomes of transactions from `first` on.
    pub fn new(first: u64) -> Self {
        Self { known: Mutex::new(Known { first, aborted: BTreeSet::new() }) }
    }

    /// Notes that a transaction was rolled back.
    pub fn note_aborted(&self, xid: u64) {
        let mut known = self.known.lock();
        known.aborted.insert(xid);
        if known.aborted.len() > ABORTED_MAX
            && let Some(oldest) = known.aborted.pop_first()
        {
            known.first = known.first.max(oldest + 1);
        }
    }

    /// Says whether a transaction that is over was committed; `None` when nobody knows.
    pub fn committed(&self, xid: u64) -> Option<bool> {
        let known = self.known.lock();
        (xid >= known.first).then(|| !known.aborted.contains(&xid))
    }
}
