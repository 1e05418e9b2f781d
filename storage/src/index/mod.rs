//! Key indexes: rows in the order of some columns.
//!
//! Rows in memory are in an ordered tree ([`tree`]) from keys to row identifiers, every version of a row by itself. A
//! frozen row group has a sorted directory of its keys for each index ([`directory`]), made when it is first asked for;
//! where a whole key is, a hash table over all of them says sooner ([`map`]). Row groups that cannot have a key are left out
//! ([`pruning`], [`ranges`]).
//! Keys are memcomparable bytes ([`key`]).

pub(crate) mod build;
pub(crate) mod cursor;
pub(crate) mod directory;
pub(crate) mod key;
pub(crate) mod map;
mod narrow;
pub(crate) mod pruning;
pub(crate) mod ranges;
pub(crate) mod tree;

use serde::{Deserialize, Serialize};
use types::{Datum, Oid};

pub use cursor::IndexCursor;

/// Identifies an index for ever; the frontend assigns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndexId(pub u64);

/// What an index is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexDefinition {
    /// The index.
    pub id: IndexId,
    /// Its name (that of its constraint), for messages.
    pub name: String,
    /// The key, most significant column first.
    pub columns: Vec<IndexColumn>,
    /// Whether no two visible rows may have the same key.
    pub unique: bool,
    /// Whether keys with a null never equal each other (the default of UNIQUE).
    pub nulls_distinct: bool,
}

/// A column of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexColumn {
    /// Position in the table.
    pub column: usize,
    /// The column's type, which decides how its values compare.
    pub ty: Oid,
    /// Greatest first.
    pub descending: bool,
    /// Where nulls go.
    pub nulls_first: bool,
}

impl IndexColumn {
    /// Returns an ascending column with nulls last.
    pub fn ascending(column: usize, ty: Oid) -> Self {
        Self { column, ty, descending: false, nulls_first: false }
    }
}

/// A range of an index's keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IndexRange {
    /// Values that the first columns equal.
    pub prefix: Vec<Datum>,
    /// Where the next column starts, in the order of the index; and whether that value itself is in the range.
    pub low: Option<(Datum, bool)>,
    /// Where it ends.
    pub high: Option<(Datum, bool)>,
}

impl IndexRange {
    /// Returns the range of one key.
    pub fn key(values: Vec<Datum>) -> Self {
        Self { prefix: values, low: None, high: None }
    }
}
