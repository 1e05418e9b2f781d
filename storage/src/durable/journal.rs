//! The journal: one record a commit, durable before anybody hears of the commit.
//!
//! A frame is magic, length, CRC-32C (of length, durable position and payload), the position up to which the
//! file was known to be durable when the frame was written, and the payload. Frames are written with `pwrite`;
//! whoever needs durability next syncs for everybody who wrote before (group commit).
//!
//! On reading, what follows the last good frame is a torn tail and is dropped, unless a later frame proves
//! that it was durable once: then the journal is damaged and refused.
//! After a failed sync nothing is retried: the journal accepts no more records.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::error::{Result, StorageError};

const FILE_MAGIC: &[u8; 16] = b"SURUS JOURNAL 2\n";
const FRAME_MAGIC: [u8; 4] = [0xf3, b'S', b'J', b'R'];
const FRAME_HEADER: usize = 20;

/// Where commits are recorded.
pub(crate) trait Journal: Send + Sync + std::fmt::Debug {
    /// Appends a record; returns the position after it, for [`Self::sync`]. Callers take turns.
    fn append(&self, payload: &[u8]) -> Result<u64>;
    /// Returns when everything before `position` is durable.
    fn sync(&self, position: u64) -> Result<()>;
    /// Begins a new file and returns its number; everything in older ones is durable.
    fn rotate(&self) -> Result<u64>;
    /// Removes the files before `number`.
    fn remove_before(&self, number: u64) -> Result<()>;
    /// Returns the bytes in the newest file.
    fn size(&self) -> u64;
}

/// A journal in local files.
#[derive(Debug)]
pub(crate) struct LocalJournal {
    directory: PathBuf,
    tail: Mutex<Tail>,
    state: Mutex<SyncState>,
    synced: Condvar,
}

#[derive(Debug, Clone)]
struct Tail {
    file: Arc<File>,
    number: u64,
    /// Bytes in the file.
    len: u64,
    /// Position of the file's first byte among all positions.
    start: u64,
}

#[derive(Debug, Default)]
struct SyncState {
    durable: u64,
    syncing: bool,
    failed: Option<String>,
}

/// The records of one file, and the length of its good part.
#[derive(Debug)]
pub(crate) struct JournalContent {
    pub(crate) payloads: Vec<Vec<u8>>,
    pub(crate) good_len: u64,
}

fn file_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}.journal"))
}

/// Returns the numbers of the files, ascending.
pub(crate) fn numbers(directory: &Path) -> Result<Vec<u64>> {
    let failed = |error| StorageError::io("could not read directory", directory, &error);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if let Some(number) =
            name.to_string_lossy().strip_suffix(".journal").and_then(|name| name.parse().ok())
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads a file. `last`: a torn tail is possible.
pub(crate) fn read(directory: &Path, number: u64, last: bool) -> Result<JournalContent> {
    let path = file_path(directory, number);
    let bytes = fs::read(&path).map_err(|error| StorageError::io("could not read file", &path, &error))?;
    if !bytes.starts_with(FILE_MAGIC) {
        // The file was being made when the server died, or it is something else.
        return if last && FILE_MAGIC.starts_with(&bytes) {
            Ok(JournalContent { payloads: Vec::new(), good_len: 0 })
        } else {
            Err(StorageError::corrupt(&path, "it is not a journal"))
        };
    }
    let mut content = JournalContent { payloads: Vec::new(), good_len: FILE_MAGIC.len() as u64 };
    let mut position = FILE_MAGIC.len();
    while let Some((payload, _)) = frame_at(&bytes, position) {
        content.payloads.push(payload.to_vec());
        position += FRAME_HEADER + payload.len();
        content.good_len = position as u64;
    }
    let torn = position < bytes.len();
    if torn && !last {
        return Err(StorageError::corrupt(&path, format!("damaged record at byte {position}")));
    }
    let proves = |later: usize| frame_at(&bytes, later).is_some_and(|(_, durable)| durable > position as u64);
    if torn && (position + 1..bytes.len()).any(proves) {
        return Err(StorageError::corrupt(
            &path,
            format!("damaged record at byte {position}, before good ones"),
        ));
    }
    Ok(content)
}

/// Returns the payload of a good frame and the durable position it states.
fn frame_at(bytes: &[u8], position: usize) -> Option<(&[u8], u64)> {
    let frame = bytes.get(position..)?;
    let (header, rest) = frame.split_first_chunk::<FRAME_HEADER>()?;
    if header[..4] != FRAME_MAGIC {
        return None;
    }
    let len = u32::from_le_bytes(*header[4..].first_chunk()?);
    let crc = u32::from_le_bytes(*header[8..].first_chunk()?);
    let durable = u64::from_le_bytes(*header[12..].first_chunk()?);
    let payload = rest.get(..len as usize)?;
    (checksum(len, durable, payload) == crc).then_some((payload, durable))
}

fn checksum(len: u32, durable: u64, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&len.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc, &durable.to_le_bytes()), payload)
}

impl LocalJournal {
    /// Opens file `number` for appending after its first `good_len` bytes; what follows them is cut off.
    pub(crate) fn open(directory: &Path, number: u64, good_len: u64) -> Result<Self> {
        let mut tail = Tail::open(directory, number, good_len)?;
        tail.start = 0;
        let state = SyncState { durable: tail.len, ..SyncState::default() };
        Ok(Self {
            directory: directory.to_owned(),
            tail: Mutex::new(tail),
            state: Mutex::new(state),
            synced: Condvar::new(),
        })
    }

    fn check(&self) -> Result<u64> {
        let state = self.state.lock();
        match &state.failed {
            None => Ok(state.durable),
            Some(reason) => Err(StorageError::Poisoned { reason: reason.clone() }),
        }
    }
}

impl Tail {
    fn open(directory: &Path, number: u64, good_len: u64) -> Result<Self> {
        let path = file_path(directory, number);
        let open = || {
            let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
            file.set_len(good_len)?;
            let mut len = good_len;
            if len < FILE_MAGIC.len() as u64 {
                file.write_all_at(FILE_MAGIC, 0)?;
                len = FILE_MAGIC.len() as u64;
            }
            file.sync_all()?;
            Ok((file, len))
        };
        let (file, len) =
            open().map_err(|error| StorageError::io("could not open journal file", &path, &error))?;
        crate::disk::sync_directory_of(&path)?;
        Ok(Self { file: Arc::new(file), number, len, start: 0 })
    }
}

impl Journal for LocalJournal {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let durable = self.check()?;
        let mut tail = self.tail.lock();
        let len = u32::try_from(payload.len()).map_err(|_| {
            StorageError::NotSupported("a transaction that journals more than 4 GB".to_owned())
        })?;
        let durable = durable.saturating_sub(tail.start);
        let mut frame = Vec::with_capacity(FRAME_HEADER + payload.len());
        frame.extend(FRAME_MAGIC);
        frame.extend(len.to_le_bytes());
        frame.extend(checksum(len, durable, payload).to_le_bytes());
        frame.extend(durable.to_le_bytes());
        frame.extend(payload);
        // A failed write leaves a torn tail, which the next record overwrites.
        tail.file.write_all_at(&frame, tail.len).map_err(|error| {
            StorageError::io(
                "could not write to journal file",
                &file_path(&self.directory, tail.number),
                &error,
            )
        })?;
        tail.len += frame.len() as u64;
        Ok(tail.start + tail.len)
    }

    fn sync(&self, position: u64) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            if let Some(reason) = &state.failed {
                return Err(StorageError::Poisoned { reason: reason.clone() });
            }
            if state.durable >= position {
                return Ok(());
            }
            if state.syncing {
                self.synced.wait(&mut state);
                continue;
            }
            state.syncing = true;
            drop(state);
            let tail = self.tail.lock().clone();
            let result = tail.file.sync_data();
            state = self.state.lock();
            state.syncing = false;
            match result {
                Ok(()) => state.durable = state.durable.max(tail.start + tail.len),
                Err(error) => {
                    let path = file_path(&self.directory, tail.number);
                    state.failed = Some(format!("could not fsync \"{}\": {error}", path.display()));
                }
            }
            self.synced.notify_all();
        }
    }

    fn rotate(&self) -> Result<u64> {
        let old = self.tail.lock().clone();
        self.sync(old.start + old.len)?;
        let mut new = Tail::open(&self.directory, old.number + 1, 0)?;
        new.start = old.start + old.len;
        let mut tail = self.tail.lock();
        assert_eq!(tail.len, old.len, "records were appended while the journal rotated");
        let number = new.number;
        *tail = new;
        Ok(number)
    }

    fn remove_before(&self, number: u64) -> Result<()> {
        for old in numbers(&self.directory)?.into_iter().filter(|old| *old < number) {
            let path = file_path(&self.directory, old);
            fs::remove_file(&path)
                .map_err(|error| StorageError::io("could not remove file", &path, &error))?;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.tail.lock().len
    }
}
