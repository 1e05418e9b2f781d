//! How many bytes each session's work has allocated and not given back, as the allocator counts them.
//!
//! Operators charge what they hold to their statement's memory, but not every intermediate value of every function can
//! be charged by hand. So the server's allocator reports each allocation here, to the account that the running
//! thread works for. The watcher looks at the accounts and stops the largest statement when all together pass the limit.
//! A thread gathers what it allocates and posts it when it is worth an atomic operation; a value that one thread
//! makes and another drops changes hands between accounts, so a figure is near the truth, not exact.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Number of accounts. Account 0 belongs to nobody: background work, and threads between statements.
pub const ACCOUNTS_MAX: usize = 1 + 1024;

/// A tuning constant: bytes that a thread gathers before it posts them.
const POST_BYTES: i64 = 128 << 10;

static BALANCES: [AtomicI64; ACCOUNTS_MAX] = [const { AtomicI64::new(0) }; ACCOUNTS_MAX];

/// What accounts held that were cleared.
static FORGOTTEN: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static CURRENT: Cell<usize> = const { Cell::new(0) };
    static GATHERED: Cell<i64> = const { Cell::new(0) };
    static COLLECTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Notes that the running thread has taken `bytes`, or given them back when negative. Called by the allocator, so it must not
/// allocate.
#[inline]
pub fn note(bytes: i64) {
    GATHERED.with(|gathered| {
        let sum = gathered.get() + bytes;
        if (-POST_BYTES..POST_BYTES).contains(&sum) {
            gathered.set(sum);
        } else {
            gathered.set(0);
            post(sum);
        }
    });
}

#[cold]
fn post(bytes: i64) {
    if let Some(balance) = BALANCES.get(CURRENT.get()) {
        balance.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Makes the running thread work for `account`, and returns the account that it worked for.
pub fn switch(account: usize) -> usize {
    post(GATHERED.replace(0));
    CURRENT.replace(account)
}

/// Returns the bytes that work for `account` holds; negative when it has dropped more than it made.
pub fn balance(account: usize) -> i64 {
    BALANCES.get(account).map_or(0, |balance| balance.load(Ordering::Relaxed))
}

/// Returns the bytes that are allocated, as far as threads have posted what they have gathered.
pub fn total() -> i64 {
    let held: i64 = BALANCES.iter().map(|balance| balance.load(Ordering::Relaxed)).sum();
    held + FORGOTTEN.load(Ordering::Relaxed)
}

/// Forgets what `account` holds.
pub fn clear(account: usize) {
    if let Some(balance) = BALANCES.get(account) {
        FORGOTTEN.fetch_add(balance.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// What a thread calls to have its allocator look through what other threads have given back of its memory.
static COLLECTOR: OnceLock<fn()> = OnceLock::new();

/// A tuning constant: how often a thread does.
const COLLECT_PAUSE: Duration = Duration::from_millis(500);

/// Says how memory that other threads have given back is collected. What one thread allocates and another frees
/// stays with the first, with many allocators, until that one looks.
pub fn set_collector(collect: fn()) {
    // The first one stays.
    let _ = COLLECTOR.set(collect);
}

/// Collects what other threads have given back of the running thread's memory, if that was a while ago. To be called
/// between pieces of work.
pub fn collect_now_and_then() {
    let Some(collect) = COLLECTOR.get() else { return };
    let now = Instant::now();
    if COLLECTED.get().is_none_or(|last| now.duration_since(last) >= COLLECT_PAUSE) {
        COLLECTED.set(Some(now));
        collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_posts_to_the_account_it_works_for() {
        let before = switch(1000);
        note(10);
        note(POST_BYTES);
        assert_eq!(balance(1000), POST_BYTES + 10);
        note(-5);
        assert_eq!(switch(before), 1000);
        assert_eq!(balance(1000), POST_BYTES + 5);
        clear(1000);
        assert_eq!(balance(1000), 0);
    }
}
