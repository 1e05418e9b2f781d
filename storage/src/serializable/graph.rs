//! Who must come before whom: rw-dependencies, and the structures of two of them that could close a cycle.
//!
//! Commits at SERIALIZABLE have sequence numbers of their own. A structure T0 → T1 → T2 is dangerous only if T2 commits
//! first, and, where T0 is read-only, only if T2 committed before T0's snapshot. The pivot T1 gives way if it still can.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::{Safety, refused, targets::Targets};
use crate::error::Result;

/// A tuning constant: more finished transactions are summarized.
const FINISHED_MAX: usize = 2048;

/// Stands for all summarized transactions.
const SUMMARIZED: u64 = 0;

/// A sequence number that nothing has.
const NONE: u64 = u64::MAX;

/// See the module.
#[derive(Debug)]
pub(super) struct Graph {
    next_id: u64,
    last_commit: u64,
    nodes: HashMap<u64, Node>,
    by_xid: HashMap<u64, u64>,
    by_commit: HashMap<u64, u64>,
    /// Those that have committed, in order.
    finished: VecDeque<u64>,
    /// Commits of summarized transactions: the sequence number of the first commit that they must come before, if any.
    summarized: BTreeMap<u64, u64>,
    /// Sequence number of the last summarized commit.
    summarized_to: u64,
}

/// A transaction.
#[derive(Debug)]
struct Node {
    process_id: i32,
    xid: Option<u64>,
    commit_number: Option<u64>,
    /// The last commit before its snapshot.
    snapshot: u64,
    /// When it was about to commit and when it had; `NONE` before.
    prepared: u64,
    committed: u64,
    /// The first of the commits, before its own, of transactions that it must come before.
    earliest_out: Option<u64>,
    doomed: bool,
    read_only: bool,
    safe: bool,
    /// A read-only transaction whose snapshot turned out not to be safe.
    endangered: bool,
    /// Dependencies with summarized transactions.
    summary_in: bool,
    summary_out: bool,
    ins: BTreeSet<u64>,
    outs: BTreeSet<u64>,
    /// Of a read-only transaction: the writers that may endanger it; of a writer: the read-only ones that it may endanger.
    watches: BTreeSet<u64>,
}

impl Node {
    fn is_prepared(&self) -> bool {
        self.prepared != NONE
    }
    fn is_committed(&self) -> bool {
        self.committed != NONE
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self {
            next_id: SUMMARIZED + 1,
            last_commit: 1,
            nodes: HashMap::new(),
            by_xid: HashMap::new(),
            by_commit: HashMap::new(),
            finished: VecDeque::new(),
            summarized: BTreeMap::new(),
            summarized_to: 0,
        }
    }
}

impl Graph {
    /// Returns whether nobody writes at SERIALIZABLE.
    pub(super) fn no_writers(&self) -> bool {
        !self.nodes.values().any(|node| !node.is_committed() && !node.read_only)
    }

    /// Returns whether all transactions have committed.
    pub(super) fn is_idle(&self) -> bool {
        self.nodes.values().all(Node::is_committed)
    }

    /// Begins a transaction; `snapshot`: with that of another one. Nobody knows then what has been committed since, so
    /// it is not safe.
    pub(super) fn begin(&mut self, process_id: i32, read_only: bool, snapshot: Option<u64>) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let mut watches = BTreeSet::new();
        if read_only {
            for (other, node) in &mut self.nodes {
                if !node.is_committed() && !node.read_only && !node.doomed {
                    node.watches.insert(id);
                    watches.insert(*other);
                }
            }
        }
        let safe = read_only && watches.is_empty() && snapshot.is_none();
        let node = Node {
            process_id,
            xid: None,
            commit_number: None,
            snapshot: snapshot.unwrap_or(self.last_commit),
            prepared: NONE,
            committed: NONE,
            earliest_out: None,
            doomed: false,
            read_only,
            safe,
            endangered: false,
            summary_in: false,
            summary_out: false,
            ins: BTreeSet::new(),
            outs: BTreeSet::new(),
            watches,
        };
        self.nodes.insert(id, node);
        id
    }

    /// Returns what a transaction that is not over has as its snapshot.
    pub(super) fn snapshot_of(&self, id: u64) -> Option<u64> {
        self.nodes.get(&id).filter(|node| !node.is_committed()).map(|node| node.snapshot)
    }

    pub(super) fn process_id(&self, id: u64) -> i32 {
        self.nodes.get(&id).map_or(0, |node| node.process_id)
    }

    pub(super) fn set_xid(&mut self, id: u64, xid: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.xid = Some(xid);
            self.by_xid.insert(xid, id);
        }
    }

    pub(super) fn set_commit(&mut self, id: u64, commit: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.commit_number = Some(commit);
            self.by_commit.insert(commit, id);
        }
    }

    pub(super) fn is_safe(&self, id: u64) -> bool {
        self.nodes.get(&id).is_none_or(|node| node.safe)
    }

    pub(super) fn safety(&self, id: u64) -> Safety {
        match self.nodes.get(&id) {
            None => Safety::Safe,
            Some(node) if node.endangered => Safety::Unsafe,
            Some(node) if node.safe => Safety::Safe,
            Some(node) => Safety::Open(node.watches.iter().map(|other| self.process_id(*other)).collect()),
        }
    }

    pub(super) fn refuse_doomed(&self, id: u64, when: &str) -> Result<()> {
        if self.nodes.get(&id).is_some_and(|node| node.doomed) {
            return Err(refused(format!("Canceled on identification as a pivot, {when}.")));
        }
        Ok(())
    }

    /// `me` does not see what a transaction with this number has done or is doing.
    pub(super) fn meet_xid(&mut self, me: u64, xid: u64) -> Result<()> {
        match self.by_xid.get(&xid) {
            Some(&writer) if writer != me => self.meet(me, writer),
            Some(_) | None => Ok(()),
        }
    }

    /// `me` does not see what a transaction with this commit has done.
    pub(super) fn meet_commit(&mut self, me: u64, commit: u64) -> Result<()> {
        if let Some(&writer) = self.by_commit.get(&commit) {
            return self.meet(me, writer);
        }
        let Some(&before) = self.summarized.get(&commit) else { return Ok(()) };
        let Some(node) = self.nodes.get_mut(&me) else { return Ok(()) };
        if before != NONE && (!node.read_only || before <= node.snapshot) {
            return Err(refused("Canceled on conflict out to old pivot."));
        }
        if node.summary_in || !node.ins.is_empty() {
            return Err(refused(
                "Canceled on identification as a pivot, with conflict out to old committed transaction.",
            ));
        }
        node.summary_out = true;
        Ok(())
    }

    fn meet(&mut self, me: u64, writer: u64) -> Result<()> {
        let (Some(reader), Some(node)) = (self.nodes.get(&me), self.nodes.get(&writer)) else {
            return Ok(());
        };
        if node.doomed {
            return Ok(());
        }
        if node.summary_out {
            if node.is_prepared() {
                return Err(refused("Canceled on conflict out to old pivot."));
            }
            if let Some(node) = self.nodes.get_mut(&writer) {
                node.doomed = true;
            }
            return Ok(());
        }
        // A read-only transaction seems to run before a writer that depends on nobody who committed before the snapshot.
        let runs_first = reader.read_only
            && node.is_committed()
            && node.earliest_out.is_none_or(|earliest| reader.snapshot < earliest);
        if runs_first || reader.outs.contains(&writer) {
            return Ok(());
        }
        self.add(me, writer, me)
    }

    /// `reader` has read what `me` writes.
    pub(super) fn met_by(&mut self, reader: u64, me: u64) -> Result<()> {
        if reader == me {
            return Ok(());
        }
        let Some(writer) = self.nodes.get(&me) else { return Ok(()) };
        if reader == SUMMARIZED {
            if self.summarized_to <= writer.snapshot {
                return Ok(());
            }
        } else {
            let Some(node) = self.nodes.get(&reader) else { return Ok(()) };
            let overlaps = !node.is_committed() || node.committed > writer.snapshot;
            if node.doomed || !overlaps || writer.ins.contains(&reader) {
                return Ok(());
            }
        }
        self.add(reader, me, me)
    }

    /// Adds a dependency that `me` has found.
    fn add(&mut self, reader: u64, writer: u64, me: u64) -> Result<()> {
        self.check(reader, writer, me)?;
        if reader == SUMMARIZED {
            if let Some(node) = self.nodes.get_mut(&writer) {
                node.summary_in = true;
            }
            return Ok(());
        }
        if let Some(node) = self.nodes.get_mut(&reader) {
            node.outs.insert(writer);
        }
        if let Some(node) = self.nodes.get_mut(&writer) {
            node.ins.insert(reader);
        }
        Ok(())
    }

    /// Looks whether reader → writer makes a dangerous structure (`OnConflict_CheckForSerializationFailure`).
    fn check(&mut self, reader: u64, writer: u64, me: u64) -> Result<()> {
        if !self.has_dangerous_writer(reader, writer) && !self.has_dangerous_reader(reader, writer) {
            return Ok(());
        }
        if writer == me {
            return Err(refused("Canceled on identification as a pivot, during write."));
        }
        let Some(node) = self.nodes.get_mut(&writer) else { return Ok(()) };
        if node.is_prepared() {
            let xid = node.xid.unwrap_or(0);
            return Err(refused(format!("Canceled on conflict out to pivot {xid}, during read.")));
        }
        node.doomed = true;
        Ok(())
    }

    /// reader → writer → T2: whether T2 may have committed first.
    fn has_dangerous_writer(&self, reader: u64, writer: u64) -> bool {
        let Some(node) = self.nodes.get(&writer) else { return false };
        if node.summary_out || (node.is_committed() && node.earliest_out.is_some()) {
            return true;
        }
        let (reader_committed, reader_snapshot) = match self.nodes.get(&reader) {
            Some(node) => (node.committed, node.read_only.then_some(node.snapshot)),
            None => (self.summarized_to, None),
        };
        node.outs.iter().filter_map(|out| self.nodes.get(out)).any(|last| {
            last.is_prepared()
                && last.prepared <= reader_committed
                && last.prepared <= node.committed
                && reader_snapshot.is_none_or(|snapshot| last.prepared <= snapshot)
        })
    }

    /// T0 → reader → writer: whether the writer may have committed first.
    fn has_dangerous_reader(&self, reader: u64, writer: u64) -> bool {
        let (Some(pivot), Some(node)) = (self.nodes.get(&reader), self.nodes.get(&writer)) else {
            return false;
        };
        if !node.is_prepared() || pivot.read_only {
            return false;
        }
        pivot.summary_in
            || pivot.ins.iter().filter_map(|first| self.nodes.get(first)).any(|first| {
                !first.doomed
                    && first.committed >= node.prepared
                    && (!first.read_only || first.snapshot >= node.prepared)
            })
    }

    /// Lets a transaction commit, or not (`PreCommit_CheckForSerializationFailure`).
    pub(super) fn prepare(&mut self, me: u64) -> Result<()> {
        self.refuse_doomed(me, "during commit attempt")?;
        let pivots: Vec<u64> =
            self.nodes.get(&me).map_or_else(Vec::new, |node| node.ins.iter().copied().collect());
        for pivot in pivots {
            let Some(node) = self.nodes.get(&pivot) else { continue };
            if node.is_committed() || node.doomed {
                continue;
            }
            let dangerous = node.ins.iter().any(|first| {
                *first == me
                    || self
                        .nodes
                        .get(first)
                        .is_some_and(|first| !first.is_committed() && !first.read_only && !first.doomed)
            });
            if !dangerous {
                continue;
            }
            if node.is_prepared() {
                return Err(refused("Canceled on commit attempt with conflict in from prepared pivot."));
            }
            if let Some(node) = self.nodes.get_mut(&pivot) {
                node.doomed = true;
            }
        }
        self.last_commit += 1;
        let now = self.last_commit;
        if let Some(node) = self.nodes.get_mut(&me) {
            node.prepared = now;
        }
        Ok(())
    }

    /// Ends a transaction (`ReleasePredicateLocks`).
    pub(super) fn finish(&mut self, me: u64, committed: bool, wrote: bool, targets: &mut Targets) {
        if !self.nodes.contains_key(&me) {
            return;
        }
        if committed && !self.is_safe(me) {
            self.commit(me, wrote);
            self.finished.push_back(me);
        } else {
            self.forget(me, targets);
        }
        self.clean(targets);
    }

    fn commit(&mut self, me: u64, wrote: bool) {
        self.last_commit += 1;
        let now = self.last_commit;
        let Some(mut node) = self.nodes.remove(&me) else { return };
        let was_writer = !node.read_only;
        node.committed = now;
        // Who has written nothing was read-only, as it turns out.
        node.read_only |= !wrote;
        for out in std::mem::take(&mut node.outs) {
            let Some(other) = self.nodes.get_mut(&out) else { continue };
            // One that may commit, but has not ended, may be seen already, and takes this edge away when it ends.
            if other.is_prepared() && !node.read_only {
                let earliest = node.earliest_out.unwrap_or(NONE).min(other.prepared);
                node.earliest_out = Some(earliest);
            }
            if other.is_committed() || other.snapshot >= now {
                other.ins.remove(&me);
            } else {
                node.outs.insert(out);
            }
        }
        for first in std::mem::take(&mut node.ins) {
            let Some(other) = self.nodes.get_mut(&first) else { continue };
            if other.is_committed() || other.read_only {
                other.outs.remove(&me);
            } else {
                node.ins.insert(first);
            }
        }
        let watches = std::mem::take(&mut node.watches);
        let earliest = node.earliest_out.filter(|_| wrote);
        self.nodes.insert(me, node);
        self.unwatch(me, was_writer, watches, earliest);
    }

    /// Tells those that watched `me`, or that it watched, that it is over; `earliest`: the first commit that it, having
    /// committed, must come before.
    fn unwatch(&mut self, me: u64, was_writer: bool, watches: BTreeSet<u64>, earliest: Option<u64>) {
        for other in watches {
            let Some(node) = self.nodes.get_mut(&other) else { continue };
            node.watches.remove(&me);
            if !was_writer {
                continue;
            }
            if earliest.is_some_and(|earliest| earliest <= node.snapshot) {
                node.endangered = true;
                let writers = std::mem::take(&mut node.watches);
                for writer in writers {
                    if let Some(writer) = self.nodes.get_mut(&writer) {
                        writer.watches.remove(&other);
                    }
                }
            } else if node.watches.is_empty() && !node.endangered && !node.is_committed() {
                node.safe = true;
            }
        }
    }

    /// Takes a transaction out.
    fn forget(&mut self, id: u64, targets: &mut Targets) {
        let Some(node) = self.nodes.remove(&id) else { return };
        targets.remove(id);
        for out in &node.outs {
            if let Some(other) = self.nodes.get_mut(out) {
                other.ins.remove(&id);
            }
        }
        for first in &node.ins {
            if let Some(other) = self.nodes.get_mut(first) {
                other.outs.remove(&id);
            }
        }
        if let Some(xid) = node.xid {
            self.by_xid.remove(&xid);
        }
        if let Some(commit) = node.commit_number {
            self.by_commit.remove(&commit);
        }
        self.unwatch(id, !node.read_only, node.watches, None);
    }

    /// Forgets what no transaction overlaps any more, and summarizes what is too much.
    fn clean(&mut self, targets: &mut Targets) {
        let active = || self.nodes.values().filter(|node| !node.is_committed() && !node.safe);
        let oldest = active().map(|node| node.snapshot).min().unwrap_or(NONE);
        let writers = active().any(|node| !node.read_only);
        let safe: Vec<u64> = self.nodes.iter().filter(|(_, node)| node.safe).map(|(id, _)| *id).collect();
        safe.into_iter().for_each(|id| targets.remove(id));
        while let Some(&first) = self.finished.front() {
            let committed = self.nodes.get(&first).map_or(0, |node| node.committed);
            if committed > oldest && self.finished.len() <= FINISHED_MAX {
                break;
            }
            self.finished.pop_front();
            if committed > oldest {
                self.summarize(first, targets);
            }
            self.forget(first, targets);
        }
        if self.summarized_to <= oldest {
            self.summarized.clear();
            targets.remove(SUMMARIZED);
        }
        if !writers {
            // Nobody is left to write what they have read.
            self.finished.iter().for_each(|id| targets.remove(*id));
            targets.remove(SUMMARIZED);
        }
    }

    /// Keeps of a finished transaction only what the rules cannot do without.
    fn summarize(&mut self, id: u64, targets: &mut Targets) {
        let Some(node) = self.nodes.get(&id) else { return };
        if let Some(commit) = node.commit_number {
            let before = if node.summary_out { Some(0) } else { node.earliest_out };
            self.summarized.insert(commit, before.unwrap_or(NONE));
        }
        self.summarized_to = self.summarized_to.max(node.committed);
        let (ins, outs) = (node.ins.clone(), node.outs.clone());
        for first in ins {
            if let Some(other) = self.nodes.get_mut(&first) {
                other.summary_out = true;
            }
        }
        for out in outs {
            if let Some(other) = self.nodes.get_mut(&out) {
                other.summary_in = true;
            }
        }
        targets.hand_over(id, SUMMARIZED);
    }
}
