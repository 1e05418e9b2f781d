//! Waiting for other sessions, and what ends it: cancel requests, timeouts, deadlocks.
//!
//! Whoever waits says for whom. A session that has waited for `deadlock_timeout` follows these edges; when they lead
//! back to itself, it gives up. It looks once, as PostgreSQL does, so that of a circle the one gives up whose wait closed it;
//! should nobody have seen it, because an edge was old, all look again after [`SECOND_LOOK`]. An edge may be a moment old,
//! so a cycle counts only when it is seen twice.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use types::PgError;

use crate::error::{Result, StorageError};

/// The session behind a transaction, as far as waiting is concerned.
pub trait Waiter: Send + Sync + fmt::Debug {
    /// The process id that messages name.
    fn process_id(&self) -> i32;
    /// Returns the error to stop with, if the statement is to stop.
    ///
    /// # Errors
    /// That one.
    fn check(&self) -> types::Result<()>;
    /// `lock_timeout`; `None` when there is none.
    fn lock_timeout(&self) -> Option<Duration>;
    /// `deadlock_timeout`.
    fn deadlock_timeout(&self) -> Duration;
}

/// A session that nothing stops.
#[derive(Debug)]
pub(crate) struct Patient;

impl Waiter for Patient {
    fn process_id(&self) -> i32 {
        0
    }
    fn check(&self) -> types::Result<()> {
        Ok(())
    }
    fn lock_timeout(&self) -> Option<Duration> {
        None
    }
    fn deadlock_timeout(&self) -> Duration {
        Duration::from_millis(200)
    }
}

/// Somebody who waits so long at most.
#[derive(Debug)]
pub(crate) struct Hasty(pub(crate) Duration);

impl Waiter for Hasty {
    fn process_id(&self) -> i32 {
        0
    }
    fn check(&self) -> types::Result<()> {
        Ok(())
    }
    fn lock_timeout(&self) -> Option<Duration> {
        Some(self.0)
    }
    fn deadlock_timeout(&self) -> Duration {
        Duration::MAX
    }
}

/// Who waits for whom.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    edges: Mutex<HashMap<u64, Edge>>,
}

#[derive(Debug, Clone)]
struct Edge {
    process_id: i32,
    /// As in "Process 1 waits for ShareLock on transaction 2".
    what: String,
    blockers: Vec<u64>,
}

/// A tuning constant: how long a waiter sleeps before it looks at its cancel flag again.
const NAP: Duration = Duration::from_millis(10);

/// A tuning constant: how long after a look for deadlocks that found none a waiter looks again.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// How a wait for a transaction is named.
pub(crate) const ON_TRANSACTION: &str = "ShareLock on transaction ";

/// How the wait of a READ ONLY DEFERRABLE transaction is named.
pub(crate) const SAFE_SNAPSHOT: &str = "a safe snapshot";

/// What a waiter is told.
pub(crate) enum Step<T> {
    /// It has what it waits for.
    Done(T),
    /// It waits for these sessions.
    Blocked(Vec<u64>),
}

impl Waits {
    /// Calls `attempt` until it is done; `sleep` waits for a change, at most so long. `what` names what is waited for.
    pub(crate) fn wait<T>(
        &self,
        owner: u64,
        waiter: &dyn Waiter,
        what: impl Fn() -> String,
        mut attempt: impl FnMut() -> Result<Step<T>>,
        mut sleep: impl FnMut(Duration),
    ) -> Result<T> {
        let started = Instant::now();
        let mut suspected = false;
        let mut next_look = waiter.deadlock_timeout();
        let outcome = loop {
            let blockers = match attempt() {
                Ok(Step::Done(value)) => break Ok(value),
                Ok(Step::Blocked(blockers)) => blockers,
                Err(error) => break Err(error),
            };
            if let Err(error) = waiter.check() {
                break Err(StorageError::Stopped(Box::new(error)));
            }
            if waiter.lock_timeout().is_some_and(|timeout| started.elapsed() >= timeout) {
                break Err(StorageError::LockTimeout);
            }
            let edge = Edge { process_id: waiter.process_id(), what: what(), blockers };
            self.edges.lock().insert(owner, edge);
            if started.elapsed() >= next_look || suspected {
                next_look = started.elapsed() + SECOND_LOOK.max(waiter.deadlock_timeout());
                match self.cycle(owner) {
                    Some(detail) if suspected => break Err(StorageError::Deadlock { detail }),
                    found => suspected = found.is_some(),
                }
            }
            sleep(NAP);
        };
        self.edges.lock().remove(&owner);
        outcome
    }

    /// Returns PostgreSQL's description of the cycle that `owner` is in.
    fn cycle(&self, owner: u64) -> Option<String> {
        let edges = self.edges.lock();
        let mut path = vec![owner];
        find_cycle(&edges, owner, &mut path).then(|| {
            let line = |(index, waiting): (usize, &u64)| {
                let next = path[(index + 1) % path.len()];
                let edge = edges.get(waiting)?;
                let blocker = edges.get(&next).map_or(0, |edge| edge.process_id);
                Some(format!(
                    "Process {} waits for {}; blocked by process {blocker}.",
                    edge.process_id, edge.what
                ))
            };
            path.iter().enumerate().filter_map(line).collect::<Vec<_>>().join("\n")
        })
    }

    /// Returns the transactions that are waited for, and by which processes.
    pub(crate) fn transactions(&self) -> Vec<(u64, i32)> {
        let edges = self.edges.lock();
        let transaction = |edge: &Edge| {
            let number = edge.what.strip_prefix(ON_TRANSACTION)?;
            Some((number.parse().ok()?, edge.process_id))
        };
        edges.values().filter_map(transaction).collect()
    }

    /// Returns for whom a session waits: who holds what it wants, or (`safe_snapshot`) who may endanger its snapshot.
    pub(crate) fn blockers(&self, process_id: i32, safe_snapshot: bool) -> Vec<i32> {
        let edges = self.edges.lock();
        let wanted = |edge: &&Edge| (edge.what == SAFE_SNAPSHOT) == safe_snapshot;
        let waiting = edges.values().find(|edge| edge.process_id == process_id).filter(wanted);
        waiting.map_or_else(Vec::new, |edge| {
            edge.blockers.iter().map(|blocker| i32::try_from(*blocker).unwrap_or(0)).collect()
        })
    }
}

/// Extends `path` until it leads back to its start.
fn find_cycle(edges: &HashMap<u64, Edge>, target: u64, path: &mut Vec<u64>) -> bool {
    let Some(edge) = path.last().and_then(|last| edges.get(last)) else { return false };
    for &blocker in &edge.blockers {
        if blocker == target {
            return true;
        }
        if !path.contains(&blocker) {
            path.push(blocker);
            if find_cycle(edges, target, path) {
                return true;
            }
            path.pop();
        }
    }
    false
}

impl From<Box<PgError>> for StorageError {
    fn from(error: Box<PgError>) -> Self {
        Self::Stopped(error)
    }
}
