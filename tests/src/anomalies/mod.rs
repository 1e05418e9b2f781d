//! Anomalies in what concurrent transactions saw: Elle's idea (Kingsbury, Alvaro: "Elle: Inferring Isolation Anomalies
//! from Experimental Observations", 2020), our own form.
//!
//! Clients append unique elements to lists and read lists. A list that was read tells which transactions wrote it and in
//! which order, so that what was seen is enough to know who must come before whom: `ww` (appended right before), `wr`
//! (appended the last element that was read), `rw` (appended the first element that was not yet read). A cycle of these
//! is an anomaly of Adya's; which one depends on its `rw` edges. A bank beside that holds sums constant.
//!
//! `graph` has the edges and cycles, `lists` and `bank` are the loads.

pub mod bank;
mod graph;
pub mod lists;

use std::collections::{BTreeMap, HashMap};

/// What a transaction did to a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// It read the list.
    Read {
        /// Which list.
        key: i32,
        /// What was in it.
        list: Vec<i32>,
    },
    /// It appended an element that nobody else appends to anything.
    Append {
        /// To which list.
        key: i32,
        /// What.
        element: i32,
    },
}

/// A transaction that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// What it did, in order.
    pub ops: Vec<Op>,
    /// Whether it committed; else it has rolled back.
    pub committed: bool,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Anomaly {
    /// A committed element is not there at the end.
    LostAppend,
    /// Two reads of a list are not one a prefix of the other.
    IncompatibleOrder,
    /// A transaction did not see what it had done itself.
    Internal,
    /// A cycle of `ww`: dirty writes.
    G0,
    /// An element of a transaction that rolled back was seen.
    G1a,
    /// An element was seen without those that its transaction appended later.
    G1b,
    /// A cycle of `ww` and `wr`.
    G1c,
    /// A cycle with one `rw`, or several that do not meet: read skew, lost updates.
    GSingle,
    /// A cycle in which two `rw` meet: write skew.
    G2Item,
    /// A sum that transactions keep constant was another, in one statement.
    WrongSum,
    /// The same in a transaction of several statements.
    ReadSkew,
    /// Two transactions have each kept a rule that both together broke.
    WriteSkew,
}

/// Isolation levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// READ COMMITTED.
    ReadCommitted,
    /// REPEATABLE READ.
    RepeatableRead,
    /// SERIALIZABLE.
    Serializable,
}

impl Level {
    /// Returns the level's name in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::RepeatableRead => "repeatable read",
            Self::Serializable => "serializable",
        }
    }

    /// Returns whether PostgreSQL lets an anomaly happen at this level.
    pub fn allows(self, anomaly: Anomaly) -> bool {
        match anomaly {
            Anomaly::LostAppend
            | Anomaly::IncompatibleOrder
            | Anomaly::Internal
            | Anomaly::G0
            | Anomaly::G1a
            | Anomaly::G1b
            | Anomaly::G1c
            | Anomaly::WrongSum => false,
            Anomaly::GSingle | Anomaly::ReadSkew => self == Self::ReadCommitted,
            Anomaly::G2Item | Anomaly::WriteSkew => self != Self::Serializable,
        }
    }
}

/// How often each anomaly was found, with the first one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<Anomaly, (u64, String)>);

impl Findings {
    /// Adds one.
    pub fn add(&mut self, anomaly: Anomaly, example: impl FnOnce() -> String) {
        let found = self.0.entry(anomaly).or_insert_with(|| (0, example()));
        found.0 += 1;
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: Self) {
        for (anomaly, (count, example)) in other.0 {
            self.0.entry(anomaly).or_insert((0, example)).0 += count;
        }
    }

    /// Returns how often an anomaly was found.
    pub fn count(&self, anomaly: Anomaly) -> u64 {
        self.0.get(&anomaly).map_or(0, |found| found.0)
    }

    /// Returns those that a level does not allow, as text.
    pub fn forbidden(&self, level: Level) -> Vec<String> {
        let forbidden = self.0.iter().filter(|(anomaly, _)| !level.allows(**anomaly));
        forbidden.map(|(anomaly, (count, example))| format!("{anomaly:?} ({count}): {example}")).collect()
    }
}

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> =
            self.0.iter().map(|(anomaly, (count, _))| format!("{count} {anomaly:?}")).collect();
        f.write_str(&if all.is_empty() { "nothing".to_owned() } else { all.join(", ") })
    }
}

/// Finds anomalies; `last` are all lists as they were after the last transaction.
pub fn check(history: &[Transaction], last: &HashMap<i32, Vec<i32>>) -> Findings {
    let mut findings = Findings::default();
    let known = graph::Known::new(history, last);
    known.check_lists(&mut findings);
    for (at, transaction) in history.iter().enumerate() {
        known.check_reads(at, transaction, &mut findings);
    }
    known.edges().find_cycles(history, &mut findings);
    findings
}
