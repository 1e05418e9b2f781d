//! The safety net under the memory limit: what no operator has charged is still seen, and the largest statement goes.
//!
//! The accounts of sessions ([`types::account`]) say what their work has allocated. When all together pass the limit by a
//! margin, or the machine has next to nothing left, the statement that holds most is stopped with `53200`; the others go
//! on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use types::account;

use super::backends::Backend;
use crate::session::engine::Engine;

/// A tuning constant: what accounts may exceed the limit by, as a part of it, and in bytes at least.
const MARGIN_PART: i64 = 4;
const MARGIN_BYTES_MIN: i64 = 64 << 20;
/// A tuning constant: the machine is short of memory below this part of it.
const RESERVE_PART: u64 = 25;
/// A tuning constant: a statement that holds less is not what the machine's memory went to.
const LARGE_BYTES: i64 = 64 << 20;
/// A statement that was stopped is given this long to give its memory back before another is.
const PATIENCE: Duration = Duration::from_millis(1000);
/// Pause between two looks at the machine's memory, which cost a file.
const MACHINE_PAUSE: Duration = Duration::from_millis(20);

/// What the watcher remembers from round to round.
#[derive(Default)]
pub struct Relief {
    stopped_at: Option<Instant>,
    machine_at: Option<Instant>,
}

impl Relief {
    /// Stops the largest of the `busy` sessions' statements if memory is short.
    pub fn look(&mut self, engine: &Engine, busy: &[Arc<Backend>], now: Instant) {
        let held = |backend: &Arc<Backend>| account::balance(backend.cancel.account()).max(0);
        let Some(largest) = busy.iter().max_by_key(|backend| held(backend)) else { return };
        if held(largest) < LARGE_BYTES {
            return;
        }
        let limit = i64::try_from(engine.memory_bytes_max).unwrap_or(i64::MAX);
        let margin = (limit / MARGIN_PART).max(MARGIN_BYTES_MIN);
        let total: i64 = engine.backends.list().iter().map(held).sum();
        if total <= limit.saturating_add(margin) && !self.machine_is_short(now) {
            return;
        }
        if self.stopped_at.is_some_and(|at| now.duration_since(at) < PATIENCE) {
            return;
        }
        let mut by_size: Vec<&Arc<Backend>> =
            busy.iter().filter(|backend| held(backend) >= LARGE_BYTES).collect();
        by_size.sort_by_key(|backend| std::cmp::Reverse(held(backend)));
        if by_size.iter().any(|backend| backend.cancel.exhaust()) {
            self.stopped_at = Some(now);
        }
    }

    fn machine_is_short(&mut self, now: Instant) -> bool {
        if self.machine_at.is_some_and(|at| now.duration_since(at) < MACHINE_PAUSE) {
            return false;
        }
        self.machine_at = Some(now);
        std::fs::read_to_string("/proc/meminfo").is_ok_and(|text| is_short(&text))
    }
}

/// Says whether `/proc/meminfo` shows less than the reserve.
fn is_short(text: &str) -> bool {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    matches!((field("MemTotal"), field("MemAvailable")), (Some(total), Some(left)) if left < total / RESERVE_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_is_seen() {
        assert!(is_short("MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:     39 kB\n"));
        assert!(!is_short("MemTotal:       1000 kB\nMemFree:  1 kB\nMemAvailable:     40 kB\n"));
        assert!(!is_short(""));
    }
}
