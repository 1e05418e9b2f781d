//! Locks on tables, rows and numbers of the user's choice.
//!
//! A lock has holders and a queue. A session gets it when no other one holds it in a conflicting mode, and none that
//! conflicts waits before it (unless it holds the lock in some mode already, as in PostgreSQL). What a session holds is
//! kept with it, in the order of acquisition, so that a return to a savepoint gives back what came after.

mod committed;
mod held;
mod modes;

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::FixedState;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

pub(crate) use committed::CommittedLocks;
pub(crate) use held::HeldLocks;
pub use modes::{RowLockMode, TableLockMode};

use crate::error::{Result, StorageError};
use crate::mvcc::waits::{Step, Waiter, Waits};
use crate::table::{RowId, TableId};
use crate::transaction::WaitPolicy;

/// What is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockTag {
    /// A table.
    Table(TableId),
    /// A row version of a heap.
    Row(u64, RowId),
    /// The turn to get at a row version of a heap, among those who wait for whoever is changing it.
    Turn(u64, RowId),
    /// A number of the user's choice: one of 64 bits, or two of 32.
    Advisory(AdvisoryKey),
    /// A key that is to be unique: of an index, by its hash.
    Key(u64, u64),
    /// The texts of the catalog that name things.
    Catalog,
    /// The right to commit a changed catalog.
    Publication,
    /// An object that is no relation, by its class and its number.
    Object(u32, u32),
    /// The right to change an entry of the catalog, by its class and its number.
    Entry(u32, u32),
}

/// A number of the user's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AdvisoryKey {
    /// `pg_advisory_lock(bigint)`
    One(i64),
    /// `pg_advisory_lock(int, int)`
    Two(i32, i32),
}

/// How a lock is held. Modes of other kinds of locks are written as those of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Mode {
    Table(TableLockMode),
    Row(RowLockMode),
    /// `session`: beyond the transaction.
    Advisory {
        shared: bool,
        session: bool,
    },
}

impl Mode {
    fn conflicts(self, other: Self) -> bool {
        match (self, other) {
            (Self::Table(one), Self::Table(other)) => one.conflicts(other),
            (Self::Row(one), Self::Row(other)) => one.conflicts(other),
            (Self::Advisory { shared: one, .. }, Self::Advisory { shared: other, .. }) => !(one && other),
            (Self::Table(_) | Self::Row(_) | Self::Advisory { .. }, _) => true,
        }
    }

    /// Returns the mode's name in `pg_locks` and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table(mode) => mode.name(),
            Self::Row(mode) => mode.lock_name(),
            Self::Advisory { shared: true, .. } => "ShareLock",
            Self::Advisory { shared: false, .. } => "ExclusiveLock",
        }
    }
}

/// A lock that is held or waited for, as `pg_locks` shows it.
#[derive(Debug, Clone)]
pub struct LockInfo {
    /// What is locked.
    pub tag: LockTag,
    /// The session.
    pub process_id: i32,
    /// The mode's name.
    pub mode: &'static str,
    /// Whether it is held, not waited for.
    pub granted: bool,
}

#[derive(Debug, Default)]
struct Lock {
    holders: Vec<Holding>,
    queue: Vec<(u64, Mode)>,
}

#[derive(Debug, Clone, Copy)]
struct Holding {
    owner: u64,
    mode: Mode,
    count: u32,
}

impl Holding {
    /// Returns whether a transaction of `owner` holds the lock.
    fn is_of_transaction(&self, owner: u64) -> bool {
        self.owner == owner && !matches!(self.mode, Mode::Advisory { session: true, .. })
    }
}

const SHARDS: usize = 16;

/// All locks.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    shards: [Shard; SHARDS],
    /// Locks on rows that were handed on to newer versions, by session; released with its transaction.
    inherited: Mutex<HashMap<u64, Vec<LockTag>>>,
}

#[derive(Debug, Default)]
struct Shard {
    locks: Mutex<HashMap<LockTag, Lock, FixedState>>,
    released: Condvar,
}

impl Lock {
    /// Returns the sessions that keep `owner` from having the lock.
    fn blockers(&self, owner: u64, mode: Mode) -> Vec<u64> {
        let mut blockers: Vec<u64> = self
            .holders
            .iter()
            .filter(|holding| holding.owner != owner && holding.mode.conflicts(mode))
            .map(|holding| holding.owner)
            .collect();
        // Who does not have to wait for a row's holders passes those who do, as in PostgreSQL.
        let passes = matches!(mode, Mode::Row(_)) && !self.queue.iter().any(|(waiting, _)| *waiting == owner);
        if !passes && !self.holders.iter().any(|holding| holding.owner == owner) {
            let before = self.queue.iter().take_while(|(waiting, _)| *waiting != owner);
            blockers.extend(before.filter(|(_, waited)| waited.conflicts(mode)).map(|(waiting, _)| *waiting));
        }
        blockers
    }

    fn grant(&mut self, owner: u64, mode: Mode) {
        self.queue.retain(|(waiting, _)| *waiting != owner);
        match self.holders.iter_mut().find(|holding| holding.owner == owner && holding.mode == mode) {
            Some(holding) => holding.count += 1,
            None => self.holders.push(Holding { owner, mode, count: 1 }),
        }
    }
}

impl Locks {
    fn shard(&self, tag: LockTag) -> &Shard {
        use std::hash::BuildHasher;
        &self.shards[FixedState::default().hash_one(tag) as usize % SHARDS]
    }

    /// Takes a lock if nobody stands in the way.
    pub(crate) fn try_acquire(&self, owner: u64, tag: LockTag, mode: Mode) -> bool {
        let mut locks = self.shard(tag).locks.lock();
        let lock = locks.entry(tag).or_default();
        if lock.blockers(owner, mode).is_empty() {
            lock.grant(owner, mode);
            return true;
        }
        false
    }

    /// Returns the other sessions that hold a lock in a mode that conflicts.
    pub(crate) fn conflicting(&self, owner: u64, tag: LockTag, mode: Mode) -> Vec<u64> {
        let locks = self.shard(tag).locks.lock();
        let holders = locks.get(&tag).into_iter().flat_map(|lock| &lock.holders);
        let others = holders.filter(|holding| holding.owner != owner && holding.mode.conflicts(mode));
        others.map(|holding| holding.owner).collect()
    }

    /// Takes a lock, waiting for it; false when the policy is not to wait. Returns whether it was taken, and had to be
    /// waited for.
    pub(crate) fn acquire(
        &self,
        waits: &Waits,
        (owner, waiter): (u64, &dyn Waiter),
        tag: LockTag,
        mode: Mode,
        policy: WaitPolicy,
    ) -> Result<Acquired> {
        if self.try_acquire(owner, tag, mode) {
            return Ok(Acquired::AtOnce);
        }
        if policy == WaitPolicy::NoWait {
            return Ok(Acquired::No);
        }
        let shard = self.shard(tag);
        let attempt = || {
            let mut locks = shard.locks.lock();
            let lock = locks.entry(tag).or_default();
            let blockers = lock.blockers(owner, mode);
            if blockers.is_empty() {
                lock.grant(owner, mode);
                return Ok(Step::Done(()));
            }
            if !lock.queue.iter().any(|(waiting, _)| *waiting == owner) {
                lock.queue.push((owner, mode));
            }
            Ok(Step::Blocked(blockers))
        };
        let sleep = |nap: Duration| {
            let mut locks = shard.locks.lock();
            let blocked = locks.get(&tag).is_some_and(|lock| !lock.blockers(owner, mode).is_empty());
            if blocked {
                shard.released.wait_for(&mut locks, nap);
            }
        };
        let outcome =
            waits.wait(owner, waiter, || format!("{} on {}", mode.name(), shown(tag)), attempt, sleep);
        if outcome.is_err() {
            let mut locks = shard.locks.lock();
            if let Some(lock) = locks.get_mut(&tag) {
                lock.queue.retain(|(waiting, _)| *waiting != owner);
                // A deadlock over the order of the queue alone is none: whoever notices goes first (`DeadLockCheck`).
                let is_deadlock = matches!(outcome, Err(StorageError::Deadlock { .. }));
                let mut others = lock.holders.iter().filter(|holding| holding.owner != owner);
                if is_deadlock && !others.any(|holding| holding.mode.conflicts(mode)) {
                    lock.grant(owner, mode);
                    return Ok(Acquired::AfterWaiting);
                }
            }
            shard.released.notify_all();
        }
        outcome.map(|()| Acquired::AfterWaiting)
    }

    /// Gives back a lock once. Returns whether it was held.
    pub(crate) fn release(&self, owner: u64, tag: LockTag, mode: Mode) -> bool {
        let shard = self.shard(tag);
        let mut locks = shard.locks.lock();
        let Some(lock) = locks.get_mut(&tag) else { return false };
        let held = lock.holders.iter_mut().find(|holding| holding.owner == owner && holding.mode == mode);
        let Some(holding) = held else { return false };
        holding.count -= 1;
        if holding.count == 0 {
            lock.holders.retain(|holding| holding.count > 0);
        }
        if lock.holders.is_empty() && lock.queue.is_empty() {
            locks.remove(&tag);
        } else {
            shard.released.notify_all();
        }
        true
    }

    /// Gives back all advisory locks that a session holds beyond its transactions.
    pub(crate) fn release_session(&self, owner: u64) {
        let of_session = |holding: &Holding| {
            holding.owner == owner && matches!(holding.mode, Mode::Advisory { session: true, .. })
        };
        for shard in &self.shards {
            let mut locks = shard.locks.lock();
            locks.retain(|_, lock| {
                lock.holders.retain(|holding| !of_session(holding));
                !lock.holders.is_empty() || !lock.queue.is_empty()
            });
            shard.released.notify_all();
        }
    }

    /// Hands the locks that others have on a row version on to its newer version.
    pub(crate) fn inherit(&self, owner: u64, from: LockTag, to: LockTag) -> bool {
        let others: Vec<Holding> = {
            let locks = self.shard(from).locks.lock();
            let Some(lock) = locks.get(&from) else { return false };
            lock.holders.iter().filter(|holding| holding.owner != owner).copied().collect()
        };
        for holding in &others {
            self.shard(to).locks.lock().entry(to).or_default().grant(holding.owner, holding.mode);
            self.inherited.lock().entry(holding.owner).or_default().push(to);
        }
        !others.is_empty()
    }

    /// Gives back the locks that a session has inherited.
    pub(crate) fn release_inherited(&self, owner: u64) {
        let Some(tags) = self.inherited.lock().remove(&owner) else { return };
        for tag in tags {
            let shard = self.shard(tag);
            let mut locks = shard.locks.lock();
            if let Some(lock) = locks.get_mut(&tag) {
                lock.holders.retain(|holding| holding.owner != owner);
                if lock.holders.is_empty() && lock.queue.is_empty() {
                    locks.remove(&tag);
                } else {
                    shard.released.notify_all();
                }
            }
        }
    }

    /// Returns what a session holds, except for advisory locks beyond its transactions.
    pub(crate) fn of_transaction(&self, owner: u64) -> Vec<(LockTag, Mode)> {
        let mut held = Vec::new();
        for shard in &self.shards {
            for (&tag, lock) in shard.locks.lock().iter() {
                let own = lock.holders.iter().filter(|holding| holding.is_of_transaction(owner));
                held.extend(own.map(|holding| (tag, holding.mode)));
            }
        }
        held.sort_unstable_by_key(|(tag, mode)| (*tag, mode.name()));
        held
    }

    /// Makes what a session's transaction holds the property of another owner.
    pub(crate) fn transfer(&self, from: u64, to: u64) {
        for shard in &self.shards {
            for lock in shard.locks.lock().values_mut() {
                let own = lock.holders.iter_mut().filter(|holding| holding.is_of_transaction(from));
                own.for_each(|holding| holding.owner = to);
            }
        }
        let mut inherited = self.inherited.lock();
        if let Some(tags) = inherited.remove(&from) {
            inherited.insert(to, tags);
        }
    }

    /// Gives a lock to an owner who has it, whoever else does.
    pub(crate) fn restore(&self, owner: u64, tag: LockTag, mode: Mode) {
        self.shard(tag).locks.lock().entry(tag).or_default().grant(owner, mode);
    }

    /// Returns all locks.
    pub(crate) fn list(&self) -> Vec<LockInfo> {
        let mut list = Vec::new();
        for shard in &self.shards {
            for (&tag, lock) in shard.locks.lock().iter() {
                let mut add = |owner: u64, mode: Mode, granted| {
                    let process_id = i32::try_from(owner).unwrap_or(0);
                    list.push(LockInfo { tag, process_id, mode: mode.name(), granted });
                };
                lock.holders.iter().for_each(|holding| add(holding.owner, holding.mode, true));
                lock.queue.iter().for_each(|&(owner, mode)| add(owner, mode, false));
            }
        }
        list
    }
}

/// How a lock was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// Nobody stood in the way.
    AtOnce,
    /// Somebody did for a while.
    AfterWaiting,
    /// It was not, because the caller does not want to wait.
    No,
}

/// Names a lock as `DescribeLockTag` does.
fn shown(tag: LockTag) -> String {
    match tag {
        LockTag::Table(table) => format!("relation {} of database 5", table.0),
        LockTag::Row(_, row) | LockTag::Turn(_, row) => {
            format!("tuple ({},{}) of relation", row.0 >> 11, (row.0 & 0x7ff) + 1)
        }
        LockTag::Key(index, key) => format!("key {key:x} of index {index}"),
        LockTag::Catalog | LockTag::Publication => "the catalog".to_owned(),
        LockTag::Object(class, object) | LockTag::Entry(class, object) => {
            format!("object {object} of class {class} of database 5")
        }
        LockTag::Advisory(AdvisoryKey::One(key)) => {
            format!("advisory lock [5,{},{},1]", (key as u64) >> 32, key as u32)
        }
        LockTag::Advisory(AdvisoryKey::Two(one, two)) => {
            format!("advisory lock [5,{},{},2]", one as u32, two as u32)
        }
    }
}
