//! The rows in memory as of a checkpoint, in one file.
//!
//! ```text
//! magic | for each table: number, count of rows, rows (identifier, size, bytes) | end mark | xxh3 of all before
//! ```

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::disk::{SegmentSink, SegmentStore};
use crate::error::{Result, StorageError};
use crate::table::{RowId, TableId};

const MAGIC: &[u8; 8] = b"SURUHOT1";
const END: u64 = u64::MAX;
/// A tuning constant: bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a file of rows.
pub(crate) struct HotFileWriter {
    sink: Box<dyn SegmentSink>,
    buffer: Vec<u8>,
    hash: Xxh3,
}

impl HotFileWriter {
    pub(crate) fn create(store: &dyn SegmentStore, name: &str) -> Result<Self> {
        let mut writer = Self { sink: store.create(name)?, buffer: Vec::new(), hash: Xxh3::new() };
        writer.put(MAGIC)?;
        Ok(writer)
    }

    /// Begins the rows of a table.
    pub(crate) fn table(&mut self, table: TableId, rows: u64) -> Result<()> {
        self.put(&table.0.to_le_bytes())?;
        self.put(&rows.to_le_bytes())
    }

    /// Appends a row.
    pub(crate) fn row(&mut self, id: RowId, bytes: &[u8]) -> Result<()> {
        self.put(&id.0.to_le_bytes())?;
        self.put(&(bytes.len() as u32).to_le_bytes())?;
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.hash.update(&self.buffer);
        self.sink.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Makes the file durable.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.put(&END.to_le_bytes())?;
        self.flush()?;
        let checksum = self.hash.digest();
        self.sink.write(&checksum.to_le_bytes())?;
        self.sink.finish()
    }
}

/// Calls `each` for every row of a file.
pub(crate) fn read(
    store: &dyn SegmentStore,
    name: &str,
    mut each: impl FnMut(TableId, RowId, &[u8]) -> Result<(), String>,
) -> Result<()> {
    let bytes = store.open(name)?;
    let path = store.display(name);
    let corrupt = |what: &str| StorageError::corrupt(&path, what);
    let (body, checksum) = bytes.split_last_chunk::<8>().ok_or_else(|| corrupt("the file is too short"))?;
    if !body.starts_with(MAGIC) {
        return Err(corrupt("it is not a file of rows"));
    }
    if xxh3_64(body) != u64::from_le_bytes(*checksum) {
        return Err(corrupt("checksum mismatch"));
    }
    let mut rest = &body[MAGIC.len()..];
    loop {
        let table = number(&mut rest).ok_or_else(|| corrupt("it ends early"))?;
        if table == END {
            return Ok(());
        }
        let rows = number(&mut rest).ok_or_else(|| corrupt("it ends early"))?;
        for _ in 0..rows {
            let id = number(&mut rest).ok_or_else(|| corrupt("it ends early"))?;
            let row = sized(&mut rest).ok_or_else(|| corrupt("it ends early"))?;
            each(TableId(table), RowId(id), row).map_err(|what| corrupt(&what))?;
        }
    }
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
