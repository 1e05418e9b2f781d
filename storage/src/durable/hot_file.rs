//! The rows in memory as of a checkpoint, in one file.
//!
//! ```text
//! magic | for each table: rows (identifier, size, bytes)
//! ```
//! The manifest says where each table's part is and what its checksum is, so that damage to one part leaves the others.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::manifest::HotPart;
use crate::disk::{SegmentSink, SegmentStore};
use crate::error::{Result, StorageError};
use crate::table::RowId;

const MAGIC: &[u8; 8] = b"SURUHOT3";
/// A tuning constant: bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a file of rows.
pub(crate) struct HotFileWriter {
    name: String,
    sink: Box<dyn SegmentSink>,
    buffer: Vec<u8>,
    /// The current part.
    hash: Xxh3,
    start: u64,
    position: u64,
}

impl HotFileWriter {
    pub(crate) fn create(store: &dyn SegmentStore, name: String) -> Result<Self> {
        let start = MAGIC.len() as u64;
        let sink = store.create(&name)?;
        let buffer = MAGIC.to_vec();
        Ok(Self { name, sink, buffer, hash: Xxh3::new(), start, position: start })
    }

    /// Appends a row to the current part.
    pub(crate) fn row(&mut self, id: RowId, bytes: &[u8]) -> Result<()> {
        self.put(&id.0.to_le_bytes());
        self.put(&(bytes.len() as u32).to_le_bytes());
        self.put(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.hash.update(bytes);
        self.position += bytes.len() as u64;
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Ends the part of a table; `None` when it has no rows.
    pub(crate) fn end_part(&mut self) -> Option<HotPart> {
        let (offset, size) = (self.start, self.position - self.start);
        let checksum = std::mem::replace(&mut self.hash, Xxh3::new()).digest();
        self.start = self.position;
        (size > 0).then(|| HotPart { file: self.name.clone(), offset, size, checksum })
    }

    /// Makes the file durable.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.sink.finish()
    }
}

/// Calls `each` for every row of a part.
pub(crate) fn read(
    store: &dyn SegmentStore,
    part: &HotPart,
    mut each: impl FnMut(RowId, &[u8]) -> Result<(), String>,
) -> Result<()> {
    let bytes = store.open(&part.file)?;
    let path = store.display(&part.file);
    let corrupt = |what: &str| StorageError::corrupt(&path, what);
    let end = part.offset.checked_add(part.size).ok_or_else(|| corrupt("a part is out of range"))?;
    let mut rest = bytes
        .get(part.offset as usize..end as usize)
        .ok_or_else(|| corrupt(&format!("it ends at byte {}, before byte {end}", bytes.len())))?;
    if xxh3_64(rest) != part.checksum {
        return Err(corrupt(&format!("checksum mismatch in bytes {} to {end}", part.offset)));
    }
    while !rest.is_empty() {
        let id = number(&mut rest).ok_or_else(|| corrupt("it ends early"))?;
        let row = sized(&mut rest).ok_or_else(|| corrupt("it ends early"))?;
        each(RowId(id), row).map_err(|what| corrupt(&what))?;
    }
    Ok(())
}

/// Reads a part without looking at its rows, and the file's first bytes.
pub(crate) fn verify(store: &dyn SegmentStore, part: &HotPart) -> Result<()> {
    let bytes = store.open(&part.file)?;
    if !bytes.starts_with(MAGIC) {
        return Err(StorageError::corrupt(&store.display(&part.file), "it is not a file of rows"));
    }
    read(store, part, |_, _| Ok(()))
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (size, after) = rest.split_first_chunk::<4>()?;
    let (row, after) = after.split_at_checked(u32::from_le_bytes(*size) as usize)?;
    *rest = after;
    Some(row)
}
