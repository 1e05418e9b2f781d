//! The manifest: the store as of a checkpoint. One small file, replaced atomically.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use xxhash_rust::xxh3::xxh3_64;

use super::record::{PreparedRecord, TableRecord};
use crate::disk::Disk;
use crate::error::{Result, StorageError};
use crate::index::IndexDefinition;
use crate::table::{ColumnDefinition, TableId};

const MAGIC: &[u8; 12] = b"SURUS MANIF\n";
const VERSION: u32 = 6;
const HEADER: usize = 24;
/// The manifest's name in the data directory.
pub(crate) const FILE_NAME: &str = "manifest";

/// The store as of a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The newest commit in here.
    pub(crate) commit: u64,
    /// The first journal file with later commits.
    pub(crate) journal: u64,
    pub(crate) next_xid: u64,
    pub(crate) next_heap: u64,
    pub(crate) catalog: Vec<u8>,
    pub(crate) catalog_commit: u64,
    pub(crate) tables: Vec<ManifestTable>,
    #[serde(serialize_with = "write_shared", deserialize_with = "read_shared")]
    pub(crate) prepared: Vec<Arc<PreparedRecord>>,
}

fn write_shared<S: Serializer>(list: &[Arc<PreparedRecord>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(list.iter().map(Arc::as_ref))
}

fn read_shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<PreparedRecord>>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().map(Arc::new).collect())
}

/// A table as of a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManifestTable {
    pub(crate) table: TableId,
    pub(crate) heap: u64,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) indexes: Vec<IndexDefinition>,
    pub(crate) next_group: u64,
    pub(crate) groups: Vec<ManifestGroup>,
    /// Where its rows in memory are.
    pub(crate) hot: Option<HotPart>,
    /// What later commits did to a table whose rows in memory could not be read, to be done when they can.
    pub(crate) pending: Vec<(u64, TableRecord)>,
}

/// A part of a file of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HotPart {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    /// xxh3 of the part.
    pub(crate) checksum: u64,
}

/// A table whose rows in memory cannot be read: nobody reads or writes rows of it, and checkpoints keep what is known.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) error: StorageError,
    /// The table as of the last checkpoint that could read it, with what happened since.
    pub(crate) stored: Mutex<ManifestTable>,
}

/// A frozen row group as of a checkpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManifestGroup {
    pub(crate) id: u64,
    pub(crate) segment: String,
    pub(crate) index: u32,
    pub(crate) rows: u32,
    /// The segment's checksum.
    pub(crate) checksum: u64,
    /// Bits of rows that are not there any more; empty when all are.
    pub(crate) dead: Vec<u64>,
}

impl ManifestTable {
    /// Returns the names of the files that it refers to.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let pending = self.pending.iter().flat_map(|(_, record)| &record.groups);
        let pending = pending.map(|group| group.segment.clone());
        let groups = self.groups.iter().map(|group| group.segment.clone());
        let hot = self.hot.iter().map(|part| part.file.clone());
        groups.chain(pending).chain(hot).collect()
    }
}

impl Manifest {
    /// Returns the names of the files that it refers to.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let prepared = self.prepared.iter().flat_map(|record| record.writes.segments().cloned());
        self.tables.iter().flat_map(ManifestTable::files).chain(prepared).collect()
    }

    /// Returns where rows in memory are.
    pub(crate) fn hot_parts(&self) -> Vec<HotPart> {
        self.tables.iter().filter_map(|table| table.hot.clone()).collect()
    }

    /// Reads the manifest of a data directory; `None` when there is none.
    pub(crate) fn read(disk: &dyn Disk, directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE_NAME);
        let bytes = match disk.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::io("could not read file", &path, &error)),
        };
        let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(StorageError::corrupt(&path, "it is too short"));
        };
        let version = header[12..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let checksum = header[16..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        if !header.starts_with(MAGIC) {
            return Err(StorageError::corrupt(&path, "it is not a manifest"));
        }
        if version != VERSION {
            return Err(StorageError::corrupt(&path, format!("format version {version} is not known")));
        }
        if xxh3_64(body) != checksum {
            return Err(StorageError::corrupt(&path, "checksum mismatch"));
        }
        let manifest = postcard::from_bytes(body)
            .map_err(|error| StorageError::corrupt(&path, format!("it cannot be read: {error}")))?;
        Ok(Some(manifest))
    }

    /// Writes the manifest beside the one that a data directory has: [`crate::disk::put_in_place`] swaps them.
    pub(crate) fn prepare(&self, disk: &dyn Disk, directory: &Path) -> Result<()> {
        let body = postcard::to_stdvec(self)
            .map_err(|error| StorageError::Misuse(format!("the manifest cannot be written: {error}")))?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(xxh3_64(&body).to_le_bytes());
        bytes.extend(body);
        crate::disk::prepare_file(disk, &directory.join(FILE_NAME), &bytes)
    }
}
