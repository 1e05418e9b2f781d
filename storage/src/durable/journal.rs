//! The journal: one record a commit, durable before anybody hears of the commit.
//!
//! ```text
//! file:  magic | salt | size of the file before, when this one was begun | CRC-32C of these | frames
//! frame: magic | length | CRC-32C of salt, length, durable position, payload | durable position | payload
//! ```
//! The durable position is the one up to which the file was known to be durable when the frame was written; the salt
//! keeps a payload that contains frames from being taken for some. Frames are written with `pwrite`; whoever needs
//! durability next syncs for everybody who wrote before (group commit), and lets others write first ([`super::gathering`]).
//!
//! The file is made longer ahead of the records, with zeros, so that a sync has to write the records only and not the
//! file's size, too.
//!
//! On reading, what follows the last good frame is a torn tail and is dropped, unless a later frame, or the next file,
//! proves that it was durable once: then the journal is damaged and refused. A file may follow that nothing was ever
//! written to: the rotation that began it failed, for want of space perhaps, and the one before went on.
//!
//! After a failed sync nothing is retried: the journal accepts no more records. The same holds for any other failure
//! that leaves open what is on the disk; a disk that is full is not one of them.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use super::gathering::{self, Gathering};
use crate::disk::{Disk, DiskFile, sync_directory_of, write_all};
use crate::error::{Result, StorageError};

const FILE_MAGIC: &[u8; 16] = b"SURUS JOURNAL 6\n";
const FILE_HEADER: usize = 36;
const FRAME_MAGIC: [u8; 4] = [0xf3, b'S', b'J', b'R'];
const FRAME_HEADER: usize = 20;
/// Tuning constants: how much room is made at a time, in bytes, and how many times what was written of late.
const ROOM_STEP: u64 = 256 << 10;
const ROOM_FACTOR: u64 = 4;

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
    /// Makes room for records to come, which then become durable sooner: several times what was written since the last
    /// call, `bytes` at most. To be called now and then.
    fn make_room(&self, bytes: u64);
    /// Accepts no more records, because of a failure after which nobody knows what is on the disk.
    fn poison(&self, reason: String);
}

/// A journal in files of a disk.
#[derive(Debug)]
pub(crate) struct FileJournal {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    tail: Mutex<Tail>,
    /// Where the records ended when room was made last.
    room_made_at: AtomicU64,
    state: Mutex<SyncState>,
    synced: Condvar,
}

#[derive(Debug, Clone)]
struct Tail {
    file: Arc<dyn DiskFile>,
    number: u64,
    salt: u64,
    /// Bytes in the file.
    len: u64,
    /// Records that were written to the file since it was opened.
    records: u64,
    /// Position of the file's first byte among all positions.
    start: u64,
    /// Up to where the file has been written, with zeros from `len` on.
    room_end: u64,
}

#[derive(Debug, Default)]
struct SyncState {
    durable: u64,
    syncing: bool,
    failed: Option<String>,
    gathering: Gathering,
}

/// The records of one file.
#[derive(Debug)]
pub(crate) struct JournalContent {
    pub(crate) number: u64,
    pub(crate) payloads: Vec<Vec<u8>>,
    /// The length of the good part.
    good_len: u64,
    /// Whether something follows that.
    torn: bool,
    /// The size that it says the file before had.
    before: u64,
    salt: u64,
}

fn file_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:08}.journal"))
}

/// Returns the numbers of the files, ascending.
pub(crate) fn numbers(disk: &dyn Disk, directory: &Path) -> Result<Vec<u64>> {
    let names = disk
        .list(directory)
        .map_err(|error| StorageError::io("could not read directory", directory, &error))?;
    let number = |name: &String| name.strip_suffix(".journal").and_then(|name| name.parse().ok());
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads files, ascending without gaps.
pub(crate) fn read(disk: &dyn Disk, directory: &Path, numbers: &[u64]) -> Result<Vec<JournalContent>> {
    let mut contents: Vec<JournalContent> = Vec::with_capacity(numbers.len());
    // From the last to the first, because each says what was durable of the one before.
    let mut proven = 0;
    for &number in numbers.iter().rev() {
        let path = file_path(directory, number);
        let bytes =
            disk.read(&path).map_err(|error| StorageError::io("could not read file", &path, &error))?;
        let later_has_records = contents.iter().any(|content| !content.payloads.is_empty());
        let Some((salt, before)) = header(&bytes) else {
            // The file was being begun when the server died, or it is something else.
            let begun = bytes.len() <= FILE_HEADER && !later_has_records && proven == 0;
            if !begun {
                return Err(StorageError::corrupt(&path, "it is not a journal, or its beginning is damaged"));
            }
            let payloads = Vec::new();
            contents.push(JournalContent { number, payloads, good_len: 0, torn: true, before: 0, salt: 0 });
            continue;
        };
        let content = frames(&bytes, number, (salt, before));
        let end = content.good_len;
        if content.torn || end < proven {
            let proves =
                |later: usize| frame_at(&bytes, later, salt).is_some_and(|(_, durable)| durable > end);
            // What follows the proven part of a file that is over was left there when the disk was full.
            let damaged = end < proven
                || later_has_records && end > proven
                || (end as usize + 1..bytes.len()).any(proves);
            if damaged {
                return Err(StorageError::corrupt(
                    &path,
                    format!("damaged record at byte {end}, before good ones"),
                ));
            }
        }
        contents.push(content);
        proven = before;
    }
    contents.reverse();
    Ok(contents)
}

/// Returns the salt and the size of the file before.
fn header(bytes: &[u8]) -> Option<(u64, u64)> {
    let header = bytes.first_chunk::<FILE_HEADER>()?;
    let (body, crc) = header.split_last_chunk::<4>()?;
    if !header.starts_with(FILE_MAGIC) || crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((u64::from_le_bytes(*header[16..].first_chunk()?), u64::from_le_bytes(*header[24..].first_chunk()?)))
}

fn frames(bytes: &[u8], number: u64, (salt, before): (u64, u64)) -> JournalContent {
    let mut payloads = Vec::new();
    let mut position = FILE_HEADER;
    while let Some((payload, _)) = frame_at(bytes, position, salt) {
        payloads.push(payload.to_vec());
        position += FRAME_HEADER + payload.len();
    }
    // Zeros are room for records that were never written.
    let torn = bytes[position..].iter().any(|byte| *byte != 0);
    JournalContent { number, payloads, good_len: position as u64, torn, before, salt }
}

/// Returns the payload of a good frame and the durable position it states.
fn frame_at(bytes: &[u8], position: usize, salt: u64) -> Option<(&[u8], u64)> {
    let frame = bytes.get(position..)?;
    let (header, rest) = frame.split_first_chunk::<FRAME_HEADER>()?;
    if header[..4] != FRAME_MAGIC {
        return None;
    }
    let len = u32::from_le_bytes(*header[4..].first_chunk()?);
    let crc = u32::from_le_bytes(*header[8..].first_chunk()?);
    let durable = u64::from_le_bytes(*header[12..].first_chunk()?);
    let payload = rest.get(..len as usize)?;
    (checksum(salt, len, durable, payload) == crc).then_some((payload, durable))
}

fn checksum(salt: u64, len: u32, durable: u64, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&salt.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &len.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c_append(crc, &durable.to_le_bytes()), payload)
}

impl FileJournal {
    /// Opens the last of the files that were read for appending, or the first one of all. Torn tails are cut off.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        contents: &[JournalContent],
        first: u64,
    ) -> Result<Self> {
        let (last, earlier) = match contents.split_last() {
            Some((last, earlier)) => (Some(last), earlier),
            None => (None, &[][..]),
        };
        for (content, next) in contents.iter().zip(contents.iter().skip(1)) {
            // The rotation that began the next file made it durable, or failed.
            if content.torn || next.before < content.good_len {
                rewrite(disk.as_ref(), directory, content)?;
            }
        }
        let tail = match last {
            Some(last) if last.good_len > 0 => Tail {
                file: rewrite(disk.as_ref(), directory, last)?,
                number: last.number,
                salt: last.salt,
                len: last.good_len,
                start: 0,
                room_end: last.good_len,
                records: 0,
            },
            Some(JournalContent { number, .. }) => {
                let before = earlier.last().map_or(0, |content| content.good_len);
                Tail::begin(disk.as_ref(), directory, *number, before)?
            }
            None => Tail::begin(disk.as_ref(), directory, first, 0)?,
        };
        let state = SyncState { durable: tail.len, ..SyncState::default() };
        let room_made_at = AtomicU64::new(tail.len);
        Ok(Self {
            disk: Arc::clone(disk),
            directory: directory.to_owned(),
            tail: Mutex::new(tail),
            room_made_at,
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

    /// Returns when everything before `position` is durable. `at_least_once`: syncs even if it is known to be.
    fn sync_to(&self, position: u64, mut at_least_once: bool) -> Result<()> {
        let mut state = self.state.lock();
        loop {
            if let Some(reason) = &state.failed {
                return Err(StorageError::Poisoned { reason: reason.clone() });
            }
            if state.durable >= position && !at_least_once {
                return Ok(());
            }
            if state.syncing {
                self.synced.wait(&mut state);
                continue;
            }
            at_least_once = false;
            state.syncing = true;
            let gathers = state.gathering.is_due();
            drop(state);
            let waited = gathers.then(|| gathering::wait(|| self.tail.lock().records));
            let tail = self.tail.lock().clone();
            let result = tail.file.sync();
            state = self.state.lock();
            waited.iter().for_each(|waited| state.gathering.note(waited));
            state.syncing = false;
            match result {
                Ok(()) => state.durable = state.durable.max(tail.end()),
                Err(error) => {
                    let path = file_path(&self.directory, tail.number);
                    state.failed = Some(format!("could not fsync \"{}\": {error}", path.display()));
                }
            }
            self.synced.notify_all();
        }
    }

    /// Makes of a failure what it means for the journal.
    fn failed(&self, error: StorageError) -> StorageError {
        match &error {
            StorageError::DiskFull { .. } => error,
            _ => {
                let reason = error.to_string();
                self.poison(reason.clone());
                StorageError::Poisoned { reason }
            }
        }
    }
}

/// Writes the good part of a file again, durable, and returns the file. What was read may be in the operating system's
/// memory only: after an fsync that failed, another one says nothing about it.
fn rewrite(disk: &dyn Disk, directory: &Path, content: &JournalContent) -> Result<Arc<dyn DiskFile>> {
    let path = file_path(directory, content.number);
    let failed = |error| StorageError::io("could not write journal file again", &path, &error);
    let bytes = disk.read(&path).map_err(failed)?;
    let good = bytes
        .get(..content.good_len as usize)
        .ok_or_else(|| StorageError::corrupt(&path, "it became shorter while it was read"))?;
    crate::disk::prepare_file(disk, &path, good)?;
    crate::disk::put_in_place(disk, &path)?;
    disk.open(&path).map_err(failed)
}

impl Tail {
    /// Returns the position after the last record.
    fn end(&self) -> u64 {
        self.start + self.len
    }

    /// Begins a file, durable.
    fn begin(disk: &dyn Disk, directory: &Path, number: u64, before: u64) -> Result<Self> {
        let path = file_path(directory, number);
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u64(number);
        let salt = hasher.finish();
        let mut header = FILE_MAGIC.to_vec();
        header.extend(salt.to_le_bytes());
        header.extend(before.to_le_bytes());
        header.extend(crc32c::crc32c(&header).to_le_bytes());
        let begin = || {
            let file = disk.create(&path)?;
            write_all(file.as_ref(), &header, 0)?;
            file.sync()?;
            Ok(file)
        };
        let file =
            begin().map_err(|error| StorageError::io("could not begin journal file", &path, &error))?;
        sync_directory_of(disk, &path)?;
        let len = FILE_HEADER as u64;
        Ok(Self { file, number, salt, len, start: 0, room_end: len, records: 0 })
    }
}

impl Journal for FileJournal {
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
        frame.extend(checksum(tail.salt, len, durable, payload).to_le_bytes());
        frame.extend(durable.to_le_bytes());
        frame.extend(payload);
        if let Err(error) = write_all(tail.file.as_ref(), &frame, tail.len) {
            let path = file_path(&self.directory, tail.number);
            let error = self.failed(StorageError::io("could not write to journal file", &path, &error));
            // What was written of it goes, durably: what an earlier attempt has left behind it might make it whole.
            let cut = tail.file.set_len(tail.len).and_then(|()| tail.file.sync());
            tail.room_end = tail.len;
            return match cut {
                Ok(()) => Err(error),
                Err(uncut) => {
                    let reason = format!("could not cut \"{}\": {uncut}", path.display());
                    self.poison(reason.clone());
                    Err(StorageError::Poisoned { reason })
                }
            };
        }
        tail.len += frame.len() as u64;
        tail.records += 1;
        tail.room_end = tail.room_end.max(tail.len);
        Ok(tail.start + tail.len)
    }

    fn sync(&self, position: u64) -> Result<()> {
        self.sync_to(position, false)
    }

    fn rotate(&self) -> Result<u64> {
        let old = self.tail.lock().clone();
        self.sync(old.start + old.len)?;
        let new = Tail::begin(self.disk.as_ref(), &self.directory, old.number + 1, old.len);
        let mut new = new.map_err(|error| self.failed(error))?;
        new.start = old.start + old.len;
        let mut tail = self.tail.lock();
        assert_eq!(tail.len, old.len, "records were appended while the journal rotated");
        let number = new.number;
        *tail = new;
        // The header is durable, too.
        let mut state = self.state.lock();
        state.durable = state.durable.max(tail.start + tail.len);
        Ok(number)
    }

    fn remove_before(&self, number: u64) -> Result<()> {
        for old in numbers(self.disk.as_ref(), &self.directory)?.into_iter().filter(|old| *old < number) {
            let path = file_path(&self.directory, old);
            self.disk
                .remove(&path)
                .map_err(|error| StorageError::io("could not remove file", &path, &error))?;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.tail.lock().len
    }

    fn make_room(&self, bytes: u64) {
        let end = {
            let tail = self.tail.lock();
            tail.start + tail.len
        };
        let written = end.saturating_sub(self.room_made_at.swap(end, Ordering::Relaxed));
        let bytes = bytes.min(written.saturating_mul(ROOM_FACTOR));
        let zeros = vec![0; ROOM_STEP.min(bytes) as usize];
        let mut made = false;
        while self.check().is_ok() {
            // Whoever appends meanwhile waits, or the zeros could come after what they are to make room for.
            let mut tail = self.tail.lock();
            if tail.room_end >= tail.len + bytes {
                break;
            }
            let from = tail.room_end;
            if write_all(tail.file.as_ref(), &zeros, from).is_err() {
                // There is no room to be had; the records say so when they need it.
                break;
            }
            tail.room_end = from + zeros.len() as u64;
            made = true;
        }
        if made {
            let position = {
                let tail = self.tail.lock();
                tail.start + tail.len
            };
            // A failure is the records' who were to become durable with it.
            let _ = self.sync_to(position, true);
        }
    }

    fn poison(&self, reason: String) {
        self.state.lock().failed.get_or_insert(reason);
        self.synced.notify_all();
    }
}
