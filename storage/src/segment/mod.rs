//! Segments: immutable files of up to 16 row groups.
//!
//! ```text
//! magic | column chunks, each aligned to 64 bytes | footer | footer length, footer checksum, version, magic
//! ```
//! After a table's columns comes one more: which transactions have made the rows. The footer (postcard) holds the layout of every chunk, its zone map and its xxh3 checksum, and a sketch of
//! every column. It is verified when the segment is opened; a chunk when it is first touched.
//!
//! A file that is missing or whose footer is damaged makes a segment that answers every question for values with that
//! error, so that a store with it opens: row groups know from the manifest how many rows they have.

pub(crate) mod bitpack;
pub(crate) mod decode;
pub(crate) mod encoding;
mod lane;
pub(crate) mod strings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_buffer::Buffer;
use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::{SegmentSink, SegmentStore, guard};
use crate::error::{Result, StorageError};
use crate::heap::group::INCONSISTENT;
use crate::heap::system::UNKNOWN_ORIGIN;
use crate::processors;
use crate::sketch::Sketch;
use crate::table::{ColumnDefinition, ROW_GROUP_ROWS, SEGMENT_ROW_GROUPS};
use crate::zone_map::ZoneMap;
use decode::{Chunk, Kept};
use encoding::{EncodedChunk, Layout, encode_chunk};

const MAGIC: &[u8; 8] = b"SURUSEG1";
const VERSION: u32 = 1;
const TRAILER_BYTES: usize = 28;
const CHUNK_ALIGNMENT: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    columns: u32,
    /// Row groups; each has a chunk for every column.
    groups: Vec<Vec<ChunkEntry>>,
    sketches: Vec<Sketch>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ChunkEntry {
    offset: u64,
    size: u64,
    checksum: u64,
    zone_map: ZoneMap,
    layout: Layout,
}

/// Writes a segment.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    name: String,
    sink: Box<dyn SegmentSink>,
    position: usize,
    footer: Footer,
}

impl SegmentWriter {
    /// Begins a segment.
    pub(crate) fn create(store: &dyn SegmentStore, name: String, columns: usize) -> Result<Self> {
        let mut sink = store.create(&name)?;
        sink.write(MAGIC)?;
        let sketches = vec![Sketch::default(); columns];
        let footer = Footer { columns: columns as u32, groups: Vec::new(), sketches };
        Ok(Self { name, sink, position: MAGIC.len(), footer })
    }

    /// Returns whether no row group fits any more.
    pub(crate) fn is_full(&self) -> bool {
        self.footer.groups.len() >= SEGMENT_ROW_GROUPS
    }

    /// Encodes a row group's columns, in parallel, and writes them.
    pub(crate) fn write_group(
        &mut self,
        definitions: &[ColumnDefinition],
        columns: &[(Values, Option<Bitmap>)],
    ) -> Result<()> {
        assert!(!self.is_full());
        let encoded = encode_columns(definitions, columns);
        let mut entries = Vec::with_capacity(encoded.len());
        for (chunk, sketch) in encoded.into_iter().zip(&mut self.footer.sketches) {
            let aligned = self.position.next_multiple_of(CHUNK_ALIGNMENT);
            self.sink.write(&[0; CHUNK_ALIGNMENT][..aligned - self.position])?;
            self.sink.write(&chunk.bytes)?;
            self.position = aligned + chunk.bytes.len();
            sketch.merge(&chunk.sketch);
            entries.push(ChunkEntry {
                offset: aligned as u64,
                size: chunk.bytes.len() as u64,
                checksum: xxh3_64(&chunk.bytes),
                zone_map: chunk.zone_map,
                layout: chunk.layout,
            });
        }
        self.footer.groups.push(entries);
        Ok(())
    }

    /// Makes the segment durable and opens it.
    pub(crate) fn finish(mut self, store: &Arc<dyn SegmentStore>) -> Result<Segment> {
        let footer = postcard::to_stdvec(&self.footer).map_err(|error| {
            StorageError::Misuse(format!("a segment's footer cannot be written: {error}"))
        })?;
        self.sink.write(&footer)?;
        self.sink.write(&(footer.len() as u64).to_le_bytes())?;
        self.sink.write(&xxh3_64(&footer).to_le_bytes())?;
        self.sink.write(&VERSION.to_le_bytes())?;
        self.sink.write(MAGIC)?;
        self.sink.finish()?;
        Segment::open(store, &self.name)
    }
}

/// A tuning constant: values of a column for which threads are worth it.
const PARALLEL_VALUES_MIN: usize = 4 * VECTOR_LANES;

/// Encodes a row group's columns, each by one of some threads. They are threads of their own: whoever writes rows may be a
/// worker of a query with a lock that the other workers want, and must not be given their work while it waits.
fn encode_columns(
    definitions: &[ColumnDefinition],
    columns: &[(Values, Option<Bitmap>)],
) -> Vec<EncodedChunk> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let (Some((values, validity)), Some(definition)) = (columns.get(at), definitions.get(at)) else {
                return done;
            };
            done.push((at, encode_chunk(values, validity.as_ref(), definition.is_ordered())));
        }
    };
    let is_large = columns.first().is_some_and(|(values, _)| values.len() >= PARALLEL_VALUES_MIN);
    let threads = if is_large { processors::count().min(columns.len()) } else { 1 };
    let mut encoded = std::thread::scope(|scope| {
        let helper = || {
            // The writer's thread may be kept on one processor.
            processors::release_thread();
            work()
        };
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(helper)).collect();
        let mut encoded = work();
        for helper in helpers {
            encoded.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        encoded
    });
    encoded.sort_unstable_by_key(|(at, _)| *at);
    encoded.into_iter().map(|(_, chunk)| chunk).collect()
}

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) name: String,
    store: Arc<dyn SegmentStore>,
    /// The footer's checksum, which tells the file from any other.
    pub(crate) checksum: u64,
    /// What is in it, or why that cannot be read.
    content: Result<Content>,
    /// What became of the file since it was opened, if that makes it unreadable.
    broken: OnceLock<StorageError>,
    /// Whether the file goes when this goes: it belongs to no committed transaction.
    temporary: AtomicBool,
}

#[derive(Debug)]
struct Content {
    bytes: Buffer,
    footer: Footer,
    chunks: Vec<OpenChunk>,
}

#[derive(Debug)]
struct OpenChunk {
    bytes: Buffer,
    verified: AtomicBool,
    kept: OnceLock<Kept>,
}

impl Segment {
    /// Opens a segment and verifies its footer.
    pub(crate) fn open(store: &Arc<dyn SegmentStore>, name: &str) -> Result<Self> {
        let (content, checksum) = Content::open(store.as_ref(), name)?;
        Ok(Self::new(store, name, checksum, Ok(content)))
    }

    /// Opens a segment that a store refers to; one that is not the right one says so when it is asked.
    pub(crate) fn open_expecting(store: &Arc<dyn SegmentStore>, name: &str, checksum: u64) -> Self {
        let content = Content::open(store.as_ref(), name).and_then(|(content, found)| {
            let other =
                || StorageError::corrupt(&store.display(name), "it is another segment than the one written");
            if found == checksum { Ok(content) } else { Err(other()) }
        });
        Self::new(store, name, checksum, content)
    }

    fn new(store: &Arc<dyn SegmentStore>, name: &str, checksum: u64, content: Result<Content>) -> Self {
        let temporary = AtomicBool::new(false);
        let broken = OnceLock::new();
        Self { name: name.to_owned(), store: Arc::clone(store), checksum, content, broken, temporary }
    }

    fn content(&self) -> Result<&Content> {
        match self.broken.get() {
            None => match &self.content {
                Ok(content) if guard::is_lost(&content.bytes) => Err(self.become_shorter()),
                content => content.as_ref().map_err(StorageError::clone),
            },
            Some(error) => Err(error.clone()),
        }
    }

    /// Verifies the file again when it is touched next: somebody has written to it. What is not there any more must not
    /// be touched at all.
    pub(crate) fn distrust(&self) {
        let Ok(content) = &self.content else { return };
        match self.store.open(&self.name) {
            Ok(now) if now.len() >= content.bytes.len() => {}
            Ok(_) => {
                guard::note_loss();
                drop(self.become_shorter());
            }
            Err(error) => drop(self.broken.set(error)),
        }
        content.chunks.iter().for_each(|chunk| chunk.verified.store(false, Ordering::Release));
    }

    /// Says from now on that the file lacks a part.
    fn become_shorter(&self) -> StorageError {
        self.broken.get_or_init(|| StorageError::corrupt(&self.path(), "it has become shorter")).clone()
    }

    /// Fails when nothing can be read from the file.
    pub(crate) fn check(&self) -> Result<()> {
        self.content().map(drop)
    }

    /// Returns what is wrong with the file outside of column chunks, apart from [`Self::check`].
    pub(crate) fn verify_padding(&self) -> Option<String> {
        let content = self.content().ok()?;
        let mut position = MAGIC.len();
        for entry in content.footer.groups.iter().flatten() {
            let start = entry.offset as usize;
            let padding = content.bytes.get(position..start)?;
            if padding.iter().any(|byte| *byte != 0) {
                return Some(format!("bytes {position} to {start}, which belong to nothing, are not zero"));
            }
            position = start + entry.size as usize;
        }
        None
    }

    /// Says whether the file is to be removed when the last reference goes.
    pub(crate) fn set_temporary(&self, temporary: bool) {
        self.temporary.store(temporary, Ordering::Release);
    }

    /// Returns how messages name the file.
    pub(crate) fn path(&self) -> PathBuf {
        self.store.display(&self.name)
    }

    pub(crate) fn group_count(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.footer.groups.len())
    }

    /// Returns whether a row group has so many rows and columns, as far as the file can be read.
    pub(crate) fn has_shape(&self, group: usize, rows: usize, columns: usize) -> bool {
        self.content.as_ref().map_or(true, |content| {
            let footer = &content.footer;
            let found = footer.columns as usize;
            // Segments without origins are older than these.
            (found == columns + 1 || found == columns && columns > 0)
                && group < footer.groups.len()
                && self.rows(group) == rows
        })
    }

    /// Returns the number of rows of a row group; 0 when the file cannot be read.
    pub(crate) fn rows(&self, group: usize) -> usize {
        let groups = self.content.as_ref().map_or(&[][..], |content| &content.footer.groups);
        groups.get(group).and_then(|group| group.first()).map_or(0, |entry| entry.layout.len as usize)
    }

    pub(crate) fn zone_map(&self, group: usize, column: usize) -> &ZoneMap {
        match &self.content {
            Ok(content) => &content.footer.groups[group][column].zone_map,
            Err(_) => &crate::zone_map::UNKNOWN,
        }
    }

    /// Returns the sketch of a column, if the file can be read.
    pub(crate) fn sketch(&self, column: usize) -> Option<&Sketch> {
        self.content.as_ref().ok().map(|content| &content.footer.sketches[column])
    }

    /// Returns a column chunk; verifies it the first time.
    pub(crate) fn chunk(&self, group: usize, column: usize) -> Result<Chunk<'_>> {
        let content = self.content()?;
        let entry = &content.footer.groups[group][column];
        let open = &content.chunks[group * content.footer.columns as usize + column];
        if !open.verified.load(Ordering::Acquire) {
            if xxh3_64(&open.bytes) != entry.checksum {
                return Err(self.corrupt(group, column, "checksum mismatch"));
            }
            open.verified.store(true, Ordering::Release);
        }
        Ok(Chunk { bytes: &open.bytes, layout: &entry.layout, kept: &open.kept })
    }

    /// Returns which transactions have made the rows at `positions` of a vector of a table with so many columns: the
    /// column after these.
    pub(crate) fn origins(
        &self,
        group: usize,
        columns: usize,
        vector_index: usize,
        positions: &[u16],
    ) -> Result<Vec<u32>> {
        if self.content()?.footer.columns as usize <= columns {
            return Ok(vec![UNKNOWN_ORIGIN; positions.len()]);
        }
        let vector =
            self.chunk(group, columns)?.vector_at(vector_index, positions).map(|found| found.to_flat());
        match vector.as_ref().map(Vector::values) {
            Some(Values::I32(lanes)) => Ok(lanes.iter().map(|lane| *lane as u32).collect()),
            Some(_) | None => Err(self.corrupt(group, columns, INCONSISTENT)),
        }
    }

    /// Returns the error of a chunk that is damaged.
    pub(crate) fn corrupt(&self, group: usize, column: usize, what: &str) -> StorageError {
        StorageError::corrupt(&self.path(), format!("row group {group}, column {column}: {what}"))
    }
}

impl Content {
    /// Returns the content and the footer's checksum.
    fn open(store: &dyn SegmentStore, name: &str) -> Result<(Self, u64)> {
        let bytes = store.open(name)?;
        let path = store.display(name);
        let (mut footer, checksum) =
            read_footer(&bytes).map_err(|what| StorageError::corrupt(&path, what))?;
        let mut chunks = Vec::new();
        for entry in footer.groups.iter_mut().flatten() {
            let (offset, size) = (entry.offset as usize, entry.size as usize);
            let inside = offset.checked_add(size).is_some_and(|end| end <= bytes.len());
            if !inside || !offset.is_multiple_of(CHUNK_ALIGNMENT) || !entry.layout.derive_and_check(size) {
                return Err(StorageError::corrupt(&path, "a column chunk's layout is unsound"));
            }
            chunks.push(OpenChunk {
                bytes: bytes.slice_with_length(offset, size),
                verified: AtomicBool::new(false),
                kept: OnceLock::new(),
            });
        }
        Ok((Self { bytes, footer, chunks }, checksum))
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if *self.temporary.get_mut() {
            // What cannot be removed now is removed as an orphan at the next start.
            let _ = self.store.remove(&self.name);
        }
    }
}

/// Returns the footer and its checksum.
fn read_footer(bytes: &[u8]) -> Result<(Footer, u64), String> {
    let (body, trailer) = bytes.split_last_chunk::<TRAILER_BYTES>().ok_or("the file is too short")?;
    let word = |at: usize| trailer[at..].first_chunk::<8>().map_or(0, |word| u64::from_le_bytes(*word));
    let version = trailer[16..].first_chunk::<4>().map_or(0, |word| u32::from_le_bytes(*word));
    if trailer[20..] != *MAGIC || !body.starts_with(MAGIC) {
        return Err("it is not a segment, or not a complete one".to_owned());
    }
    if version != VERSION {
        return Err(format!("format version {version} is not known"));
    }
    let start = body.len().checked_sub(word(0) as usize).ok_or("the footer is longer than the file")?;
    let footer = &body[start..];
    if xxh3_64(footer) != word(8) {
        return Err("checksum mismatch in the footer".to_owned());
    }
    let footer: Footer =
        postcard::from_bytes(footer).map_err(|error| format!("unreadable footer: {error}"))?;
    let columns = footer.columns as usize;
    let even = |group: &Vec<ChunkEntry>| {
        let rows = group.first().map_or(0, |entry| entry.layout.len);
        group.len() == columns
            && rows as usize <= ROW_GROUP_ROWS
            && group.iter().all(|entry| entry.layout.len == rows)
    };
    if footer.sketches.len() != columns || !footer.groups.iter().all(even) {
        return Err("the footer contradicts itself".to_owned());
    }
    Ok((footer, word(8)))
}
