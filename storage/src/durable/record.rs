//! The journal's records: a commit's writes, logically, with the places of rows.
//!
//! Recovery puts every row back at its place, so that later records find it there. Places may be used again: what was
//! in one before has ended in an earlier record.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, StorageError};
use crate::index::IndexDefinition;
use crate::table::{ColumnDefinition, TableId};

/// One commit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    /// The transaction.
    pub(crate) xid: u64,
    pub(crate) tables: Vec<(TableId, TableRecord)>,
    pub(crate) catalog: Option<RowBytes>,
}

/// What a commit did to one table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TableRecord {
    /// The table's new heap: it was created, truncated or rewritten. What follows is about the new heap.
    pub(crate) shape: Option<ShapeRecord>,
    pub(crate) dropped: bool,
    /// The indexes, if they changed on the same heap.
    pub(crate) indexes: Option<Vec<IndexDefinition>>,
    pub(crate) ended: Vec<u64>,
    pub(crate) inserted: Vec<(u64, RowBytes)>,
    pub(crate) groups: Vec<GroupRecord>,
    /// Row groups that are gone: their rows are in those above.
    pub(crate) removed: Vec<u64>,
}

/// A new heap.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ShapeRecord {
    pub(crate) heap: u64,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) indexes: Vec<IndexDefinition>,
}

/// A row group that was loaded in bulk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) id: u64,
    pub(crate) segment: String,
    pub(crate) index: u32,
    pub(crate) rows: u32,
    /// The segment's checksum.
    pub(crate) checksum: u64,
    pub(crate) dead: Vec<u16>,
}

/// Bytes that are written in one go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowBytes(pub(crate) Box<[u8]>);

impl Serialize for RowBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for RowBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = RowBytes;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> std::result::Result<RowBytes, E> {
                Ok(RowBytes(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

impl CommitRecord {
    /// The commit's number stands in front, because it is known last.
    pub(crate) const NUMBER_BYTES: usize = 8;

    /// Appends the record.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let buffer = std::mem::take(out);
        *out = postcard::to_extend(self, buffer)
            .map_err(|error| StorageError::Misuse(format!("a commit cannot be journaled: {error}")))?;
        Ok(())
    }

    /// Returns a record and its commit's number.
    pub(crate) fn read(payload: &[u8]) -> Result<(u64, Self), String> {
        let (number, body) =
            payload.split_first_chunk::<{ Self::NUMBER_BYTES }>().ok_or("it is too short")?;
        let record = postcard::from_bytes(body).map_err(|error| error.to_string())?;
        Ok((u64::from_le_bytes(*number), record))
    }
}
