//! The journal's records: a commit's writes, logically, with the places of rows.
//!
//! ```text
//! commit:             number | CommitRecord
//! COMMIT PREPARED:    number, with its highest bit set | number of the transaction
//! PREPARE, ROLLBACK:  u64::MAX | PreparedRecord, or the number of the transaction
//! ```
//! Recovery puts every row back at its place, so that later records find it there. Places may be used again: what was
//! in one before has ended in an earlier record.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Result, StorageError};
use crate::index::IndexDefinition;
use crate::locks::{LockTag, Mode};
use crate::prepared::PreparedTransaction;
use crate::table::{ColumnDefinition, TableId};

/// One commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    /// The transaction.
    pub(crate) xid: u64,
    pub(crate) tables: Vec<(TableId, TableRecord)>,
    pub(crate) catalog: Option<RowBytes>,
}

/// A transaction that is prepared: what its commit will do, and what it holds until then.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PreparedRecord {
    pub(crate) about: PreparedTransaction,
    pub(crate) writes: CommitRecord,
    pub(crate) newer: Vec<(TableId, Vec<NewerVersion>)>,
    pub(crate) locks: Vec<(LockTag, Mode)>,
}

/// What an ended row points to: its newer version, which need not be there.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct NewerVersion {
    pub(crate) row: u64,
    pub(crate) newer: Option<u64>,
    /// Whether the newer version has the same keys.
    pub(crate) key_kept: bool,
}

/// A record as recovery reads it.
#[derive(Debug)]
pub(crate) enum JournalRecord {
    Commit(u64, CommitRecord),
    /// The commit's number, that of the transaction that was prepared, and the catalog if it is not that one's.
    CommitPrepared(u64, u64, Option<RowBytes>),
    Prepare(Box<PreparedRecord>),
    RollbackPrepared(u64),
}

#[derive(Serialize, Deserialize)]
enum Unnumbered<P> {
    Prepare(P),
    Rollback(u64),
}

/// Stands in the place of a commit's number where there is none.
const UNNUMBERED: u64 = u64::MAX;
/// Marks the number of a commit whose writes are in an earlier record.
const PREPARED: u64 = 1 << 63;

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

    /// Returns the names of the segments whose row groups it adds.
    pub(crate) fn segments(&self) -> impl Iterator<Item = &String> {
        self.tables.iter().flat_map(|(_, table)| &table.groups).map(|group| &group.segment)
    }
}

impl JournalRecord {
    /// Returns the record of COMMIT PREPARED, but for the commit's number; the catalog stands at the end, if it is another
    /// one than that of the prepared transaction.
    pub(crate) fn commit_prepared(xid: u64, catalog: Option<&[u8]>) -> Vec<u8> {
        [&PREPARED.to_le_bytes()[..], &xid.to_le_bytes(), catalog.unwrap_or_default()].concat()
    }

    /// Puts the number of a commit into its record.
    pub(crate) fn set_number(payload: &mut [u8], commit: u64) {
        if let Some(number) = payload.first_chunk_mut::<{ CommitRecord::NUMBER_BYTES }>() {
            *number = (u64::from_le_bytes(*number) & PREPARED | commit).to_le_bytes();
        }
    }

    /// Returns the record of PREPARE TRANSACTION.
    pub(crate) fn prepare(record: &PreparedRecord) -> Result<Vec<u8>> {
        Unnumbered::Prepare(record).write()
    }

    /// Returns the record of ROLLBACK PREPARED.
    pub(crate) fn rollback_prepared(xid: u64) -> Result<Vec<u8>> {
        Unnumbered::<()>::Rollback(xid).write()
    }

    /// Reads a record; the error says what is wrong with it.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, String> {
        let (number, body) =
            payload.split_first_chunk::<{ CommitRecord::NUMBER_BYTES }>().ok_or("it is too short")?;
        let unreadable = |error: postcard::Error| error.to_string();
        match u64::from_le_bytes(*number) {
            UNNUMBERED => Ok(match postcard::from_bytes(body).map_err(unreadable)? {
                Unnumbered::Prepare(record) => Self::Prepare(Box::new(record)),
                Unnumbered::Rollback(xid) => Self::RollbackPrepared(xid),
            }),
            number @ PREPARED.. => {
                let (xid, catalog) = body.split_first_chunk().ok_or("it is too short")?;
                let catalog = Some(catalog).filter(|catalog| !catalog.is_empty());
                let catalog = catalog.map(|catalog| RowBytes(catalog.into()));
                Ok(Self::CommitPrepared(number & !PREPARED, u64::from_le_bytes(*xid), catalog))
            }
            number => Ok(Self::Commit(number, postcard::from_bytes(body).map_err(unreadable)?)),
        }
    }
}

impl<P: Serialize> Unnumbered<P> {
    fn write(&self) -> Result<Vec<u8>> {
        postcard::to_extend(self, UNNUMBERED.to_le_bytes().to_vec())
            .map_err(|error| StorageError::Misuse(format!("a transaction cannot be journaled: {error}")))
    }
}
