//! Modes of locks and which of them conflict (the manual's tables "Conflicting Lock Modes" and "Conflicting Row-Level
//! Locks").

use serde::{Deserialize, Serialize};

/// A mode of a table's lock, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TableLockMode {
    /// SELECT
    AccessShare,
    /// SELECT FOR UPDATE and its like
    RowShare,
    /// INSERT, UPDATE, DELETE, MERGE
    RowExclusive,
    /// VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY
    ShareUpdateExclusive,
    /// CREATE INDEX
    Share,
    /// CREATE TRIGGER, some forms of ALTER TABLE
    ShareRowExclusive,
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY
    Exclusive,
    /// DROP TABLE, TRUNCATE, most forms of ALTER TABLE
    AccessExclusive,
}

impl TableLockMode {
    /// Returns the modes that conflict with this one, as bits.
    fn conflicting(self) -> u8 {
        match self {
            Self::AccessShare => 0b1000_0000,
            Self::RowShare => 0b1100_0000,
            Self::RowExclusive => 0b1111_0000,
            Self::ShareUpdateExclusive => 0b1111_1000,
            Self::Share => 0b1110_1100,
            Self::ShareRowExclusive => 0b1111_1100,
            Self::Exclusive => 0b1111_1110,
            Self::AccessExclusive => 0b1111_1111,
        }
    }

    /// Returns whether two sessions cannot hold these modes at the same time.
    pub fn conflicts(self, other: Self) -> bool {
        self.conflicting() >> other as u8 & 1 == 1
    }

    /// Returns the name in `pg_locks`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "AccessShareLock",
            Self::RowShare => "RowShareLock",
            Self::RowExclusive => "RowExclusiveLock",
            Self::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }
}

/// A mode of a row's lock, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RowLockMode {
    /// FOR KEY SHARE
    KeyShare,
    /// FOR SHARE
    Share,
    /// FOR NO KEY UPDATE, and an UPDATE that keeps the keys
    NoKeyUpdate,
    /// FOR UPDATE, DELETE, and an UPDATE of a key
    Update,
}

impl RowLockMode {
    /// Returns whether two sessions cannot hold these modes at the same time.
    pub fn conflicts(self, other: Self) -> bool {
        match self {
            Self::KeyShare => other == Self::Update,
            Self::Share => other >= Self::NoKeyUpdate,
            Self::NoKeyUpdate => other >= Self::Share,
            Self::Update => true,
        }
    }

    /// Returns the mode of the lock that PostgreSQL takes on the tuple meanwhile.
    pub(crate) fn tuple_mode(self) -> TableLockMode {
        match self {
            Self::KeyShare => TableLockMode::AccessShare,
            Self::Share => TableLockMode::RowShare,
            Self::NoKeyUpdate => TableLockMode::Exclusive,
            Self::Update => TableLockMode::AccessExclusive,
        }
    }

    /// Returns its name.
    pub(crate) fn lock_name(self) -> &'static str {
        self.tuple_mode().name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_mutual_and_those_of_the_manual() {
        use TableLockMode::*;
        let all = [
            AccessShare,
            RowShare,
            RowExclusive,
            ShareUpdateExclusive,
            Share,
            ShareRowExclusive,
            Exclusive,
            AccessExclusive,
        ];
        let counts = all.map(|mode| all.iter().filter(|other| mode.conflicts(**other)).count());
        assert_eq!(counts, [1, 2, 4, 5, 5, 6, 7, 8]);
        for one in all {
            for other in all {
                assert_eq!(one.conflicts(other), other.conflicts(one));
            }
        }
        assert!(!Share.conflicts(Share));
        let rows = [RowLockMode::KeyShare, RowLockMode::Share, RowLockMode::NoKeyUpdate, RowLockMode::Update];
        let counts = rows.map(|mode| rows.iter().filter(|other| mode.conflicts(**other)).count());
        assert_eq!(counts, [1, 2, 3, 4]);
    }
}
