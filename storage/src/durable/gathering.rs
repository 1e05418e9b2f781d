//! Waiting a moment before a sync, so that it does for more commits.
//!
//! Sessions that are ready to run may be about to commit, and a sync costs the processor more than many a transaction.
//! So whoever is about to sync yields its processor first, again as long as commits arrive meanwhile. Where nobody is
//! ready to run that takes less than a microsecond. Where it brings little for the time it takes, because something
//! other than commits keeps the processors, it is left out more and more often.

use std::time::{Duration, Instant};

/// A tuning constant: how often the processor is yielded before a sync, at most.
const YIELDS_MAX: usize = 8;
/// A tuning constant: a wait that goes on no longer.
const WAIT_ENOUGH: Duration = Duration::from_millis(1);
/// A tuning constant: how long a wait may take for each record that it brings. Where something other than sessions that
/// commit keeps the processors it takes longer.
const WAIT_WORTH: Duration = Duration::from_millis(1);
/// A tuning constant: the most syncs that are begun at once after waits that brought nothing.
const LEFT_OUT_MAX: u32 = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Waits in a row that brought nothing.
    vain: u32,
    /// Syncs that are still to be begun at once.
    left_out: u32,
}

impl Gathering {
    /// Returns whether to wait before the sync that is to begin.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.left_out == 0;
        self.left_out = self.left_out.saturating_sub(1);
        due
    }

    /// Notes what a wait has brought.
    pub(super) fn note(&mut self, waited: &Waited) {
        let worth = WAIT_WORTH.saturating_mul(u32::try_from(waited.records).unwrap_or(u32::MAX));
        self.vain = if waited.time < worth { 0 } else { self.vain.saturating_add(1) };
        self.left_out = match self.vain {
            // Among many sessions one such wait is chance.
            0 | 1 => 0,
            vain => 1u32.checked_shl(vain - 2).map_or(LEFT_OUT_MAX, |count| count.min(LEFT_OUT_MAX)),
        };
    }
}

/// A wait that is over.
#[derive(Debug, PartialEq)]
pub(super) struct Waited {
    /// Records that arrived.
    records: u64,
    time: Duration,
}

/// Waits. `records` returns how many records the journal has.
pub(super) fn wait(records: impl Fn() -> u64) -> Waited {
    let begun = Instant::now();
    let first = records();
    let mut last = first;
    for _ in 0..YIELDS_MAX {
        std::thread::yield_now();
        let now = records();
        let arrived = now != last;
        last = now;
        if !arrived || begun.elapsed() > WAIT_ENOUGH {
            break;
        }
    }
    Waited { records: last.saturating_sub(first), time: begun.elapsed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn waits_that_bring_little_are_left_out_for_a_while() {
        let mut gathering = Gathering::default();
        let mut left_out_after = |records, milliseconds| {
            assert!(gathering.is_due());
            gathering.note(&Waited { records, time: Duration::from_millis(milliseconds) });
            let mut count = 0;
            while !gathering.is_due() {
                count += 1;
            }
            count
        };
        let vain: Vec<u32> = (0..12).map(|_| left_out_after(0, 0)).collect();
        assert_eq!(vain, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        assert_eq!(left_out_after(3, 2), 0);
        let long: Vec<u32> = (0..4).map(|_| left_out_after(3, 4)).collect();
        assert_eq!(long, [0, 1, 2, 4]);
    }

    #[test]
    fn waiting_ends_when_nothing_arrives() {
        let calls = Cell::new(0);
        let end = |arrivals: u64| {
            calls.set(0);
            wait(|| {
                calls.set(calls.get() + 1);
                arrivals.min(calls.get())
            })
        };
        assert_eq!(end(1).records, 0);
        assert_eq!(calls.get(), 2);
        assert!(end(3).records > 0);
        assert!(calls.get() <= 4);
        // A yield may take long on a machine that is busy.
        assert!(end(u64::MAX).records > 0);
        assert!(calls.get() <= 1 + YIELDS_MAX as u64);
    }
}
