//! Random histories over a model of versions: what commits must have a serial order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::mvcc::stamp::in_flight;

const TABLE: TableId = TableId(1);
const KEYS: usize = 8;

/// A version of a key: its commit and its writer.
type Version = (u64, usize);

struct Running {
    number: usize,
    xid: u64,
    snapshot: u64,
    read_only: bool,
    tracker: Option<Tracker>,
    end: End,
    /// Writer of the version read.
    reads: BTreeMap<usize, usize>,
    writes: BTreeSet<usize>,
}

/// How far a transaction is with its commit: others do something between any two steps.
#[derive(PartialEq)]
enum End {
    Open,
    /// It may commit.
    Prepared,
    /// Snapshots see it.
    Published {
        commit: u64,
    },
}

struct History {
    all: Arc<Serializable>,
    tracked: bool,
    commit: u64,
    next: usize,
    versions: Vec<Vec<Version>>,
    running: Vec<Running>,
    /// Reads and writes of those that have committed.
    committed: BTreeMap<usize, (BTreeMap<usize, usize>, BTreeSet<usize>)>,
    seed: u64,
}

impl History {
    fn new(seed: u64, tracked: bool) -> Self {
        Self {
            all: Arc::default(),
            tracked,
            commit: 10,
            next: 1,
            versions: vec![vec![(1, 0)]; KEYS],
            running: Vec::new(),
            committed: BTreeMap::new(),
            seed,
        }
    }

    fn random(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % below
    }

    fn begin(&mut self) {
        let number = self.next;
        self.next += 1;
        let read_only = self.random(5) == 0;
        let (tracker, snapshot) = match self.tracked {
            true => self.all.begin(0, read_only, || self.commit),
            false => (None, self.commit),
        };
        let xid = number as u64;
        if let Some(tracker) = &tracker {
            tracker.set_xid(xid);
        }
        let (reads, writes) = (BTreeMap::new(), BTreeSet::new());
        let end = End::Open;
        self.running.push(Running { number, xid, snapshot, read_only, tracker, end, reads, writes });
    }

    fn read(&mut self, at: usize, key: usize) -> Result<()> {
        let me = &self.running[at];
        // Numbers of commits come into rows at the end.
        let is_running = |number: usize| self.running.iter().any(|other| other.number == number);
        let unseen: Vec<u64> = self.versions[key]
            .iter()
            .filter(|(commit, writer)| *commit > me.snapshot && !is_running(*writer))
            .map(|(commit, _)| *commit)
            .collect();
        let others = self.running.iter().filter(|other| other.xid != me.xid && other.writes.contains(&key));
        let others: Vec<u64> = others.map(|other| in_flight(other.xid, 0)).collect();
        if let Some(tracker) = &me.tracker {
            tracker.read_row(TABLE, 0, RowId(key as u64))?;
            tracker.meet(unseen.into_iter().chain(others))?;
        }
        let seen = self.versions[key].iter().rev().find(|(commit, _)| *commit <= me.snapshot).unwrap().1;
        let me = &mut self.running[at];
        if !me.writes.contains(&key) {
            me.reads.insert(key, seen);
        }
        Ok(())
    }

    /// Returns false where somebody else has changed the key.
    fn write(&mut self, at: usize, key: usize) -> Result<bool> {
        self.read(at, key)?;
        let me = &self.running[at];
        let newer = self.versions[key].last().unwrap().0 > me.snapshot;
        if newer || self.running.iter().any(|other| other.xid != me.xid && other.writes.contains(&key)) {
            return Ok(false);
        }
        if let Some(tracker) = &me.tracker {
            tracker.write_row(TABLE, 0, RowId(key as u64))?;
        }
        self.running[at].writes.insert(key);
        Ok(true)
    }

    /// Goes on with a commit.
    fn commit(&mut self, at: usize) {
        let me = &mut self.running[at];
        match me.end {
            End::Open => match me.tracker.as_ref().map(Tracker::prepare) {
                Some(Err(_)) => drop(self.running.swap_remove(at)),
                Some(Ok(())) | None => me.end = End::Prepared,
            },
            End::Prepared => {
                self.commit += u64::from(!me.writes.is_empty());
                me.end = End::Published { commit: self.commit };
                for key in &me.writes {
                    self.versions[*key].push((self.commit, me.number));
                }
            }
            End::Published { commit } => {
                let me = self.running.swap_remove(at);
                if let Some(tracker) = &me.tracker {
                    if !me.writes.is_empty() {
                        tracker.set_commit(commit);
                    }
                    tracker.finish(true, !me.writes.is_empty());
                }
                self.committed.insert(me.number, (me.reads, me.writes));
            }
        }
    }

    fn step(&mut self, pinned: bool) {
        if self.running.len() < 5 {
            self.begin();
        }
        // A pinned transaction never ends, so that nothing is forgotten.
        let first = usize::from(pinned && self.running.len() > 1);
        let at = first + self.random(self.running.len() - first);
        let (action, key) = (self.random(6), self.random(KEYS));
        let going_on = match action {
            _ if self.running[at].end != End::Open => {
                self.commit(at);
                return;
            }
            0..3 => self.read(at, key).is_ok(),
            3..5 if self.running[at].read_only => true,
            3..5 => self.write(at, key).unwrap_or(false),
            _ => {
                self.commit(at);
                return;
            }
        };
        if !going_on {
            drop(self.running.remove(at));
        }
    }

    /// Returns whether the committed transactions have no serial order.
    fn has_cycle(&self) -> bool {
        let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        let mut edge = |from: usize, to: usize| {
            if from != to {
                edges.entry(from).or_default().insert(to);
            }
        };
        for versions in &self.versions {
            versions.windows(2).for_each(|pair| edge(pair[0].1, pair[1].1));
        }
        for (reader, (reads, _)) in &self.committed {
            for (key, writer) in reads {
                edge(*writer, *reader);
                let at = self.versions[*key].iter().position(|(_, of)| of == writer).unwrap();
                if let Some((_, next)) = self.versions[*key].get(at + 1) {
                    edge(*reader, *next);
                }
            }
        }
        // Takes away what nothing comes before, again and again.
        let mut before: BTreeMap<usize, usize> = BTreeMap::new();
        edges.values().flatten().for_each(|to| *before.entry(*to).or_default() += 1);
        let mut free: Vec<usize> = edges.keys().filter(|from| !before.contains_key(from)).copied().collect();
        let mut left = before.len();
        while let Some(from) = free.pop() {
            for to in edges.remove(&from).unwrap_or_default() {
                let count = before.get_mut(&to).unwrap();
                *count -= 1;
                if *count == 0 {
                    left -= 1;
                    free.push(to);
                }
            }
        }
        left > 0
    }
}

#[test]
fn what_commits_has_a_serial_order() {
    let mut cycles_without = 0;
    for seed in 0..2_000 {
        for tracked in [true, false] {
            let mut history = History::new(seed, tracked);
            for _ in 0..200 {
                history.step(false);
            }
            match tracked {
                true => assert!(!history.has_cycle(), "seed {seed}"),
                false => cycles_without += usize::from(history.has_cycle()),
            }
        }
    }
    // The test can fail: snapshots alone do not suffice.
    assert!(cycles_without > 20, "{cycles_without}");
}

#[test]
fn many_finished_transactions_are_summarized() {
    let mut history = History::new(7, true);
    for _ in 0..32_000 {
        history.step(true);
    }
    assert!(history.committed.len() > 2100);
    assert!(!history.has_cycle());
}

#[test]
fn readers_before_every_danger_are_not_refused() {
    let all: Arc<Serializable> = Arc::default();
    let writer = all.begin(1, false, || ()).0.unwrap();
    writer.set_xid(5);
    let reader = all.begin(2, true, || ()).0.unwrap();
    assert!(matches!(reader.safety(), Safety::Open(who) if who == [1]));
    writer.write_keys(TABLE, &[]).unwrap();
    writer.prepare().unwrap();
    writer.set_commit(11);
    writer.finish(true, true);
    assert!(matches!(reader.safety(), Safety::Safe));
    // Nobody writes any more: the next snapshot is safe from the start.
    assert!(all.begin(3, true, || ()).0.is_none());
}
