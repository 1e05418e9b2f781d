//! The disk, as far as storage needs it: named immutable files, and syncing.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use arrow_buffer::Buffer;

use crate::error::{Result, StorageError};

/// Where segments are kept. The local form is a directory; an object store fits behind the same calls.
pub(crate) trait SegmentStore: Send + Sync + std::fmt::Debug {
    /// Begins a file. Nothing of it is seen under `name` until it is finished.
    fn create(&self, name: &str) -> Result<Box<dyn SegmentSink>>;
    /// Returns the content of a finished file.
    fn open(&self, name: &str) -> Result<Buffer>;
    /// Returns the names of all files, finished or not.
    fn list(&self) -> Result<Vec<String>>;
    /// Removes a file, if it is there. Buffers of it stay valid.
    fn remove(&self, name: &str) -> Result<()>;
    /// Returns how messages name a file.
    fn display(&self, name: &str) -> PathBuf;
}

/// A file being written.
pub(crate) trait SegmentSink: Send + std::fmt::Debug {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes the file durable under its name.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Segments in a local directory, mapped into memory.
#[derive(Debug)]
pub(crate) struct LocalSegments {
    directory: PathBuf,
}

const TEMPORARY: &str = ".new";

impl LocalSegments {
    pub(crate) fn new(directory: PathBuf) -> Result<Self> {
        fs::create_dir_all(&directory)
            .map_err(|error| StorageError::io("could not create directory", &directory, &error))?;
        Ok(Self { directory })
    }
}

impl SegmentStore for LocalSegments {
    fn create(&self, name: &str) -> Result<Box<dyn SegmentSink>> {
        let path = self.directory.join(name);
        let temporary = self.directory.join(format!("{name}{TEMPORARY}"));
        let file = File::create(&temporary)
            .map_err(|error| StorageError::io("could not create file", &temporary, &error))?;
        Ok(Box::new(LocalSink { file, temporary, path, finished: false }))
    }

    fn open(&self, name: &str) -> Result<Buffer> {
        map_file(&self.directory.join(name))
    }

    fn list(&self) -> Result<Vec<String>> {
        let failed = |error| StorageError::io("could not read directory", &self.directory, &error);
        fs::read_dir(&self.directory)
            .map_err(failed)?
            .map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(StorageError::io("could not remove file", &path, &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn display(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

#[derive(Debug)]
struct LocalSink {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl SegmentSink for LocalSink {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| StorageError::io("could not write to file", &self.temporary, &error))
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|error| StorageError::io("could not fsync file", &self.temporary, &error))?;
        fs::rename(&self.temporary, &self.path)
            .map_err(|error| StorageError::io("could not rename file", &self.temporary, &error))?;
        self.finished = true;
        sync_directory_of(&self.path)
    }
}

impl Drop for LocalSink {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is removed as an orphan at the next start.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes a rename in the directory of `path` durable.
pub(crate) fn sync_directory_of(path: &Path) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| StorageError::io("could not fsync directory", directory, &error))
}

/// Writes a small file so that after a crash there is the old one or the new one.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| StorageError::io("could not write file", &temporary, &error))?;
    sync_directory_of(path)
}

/// Maps a complete, immutable file.
#[expect(unsafe_code, reason = "maps a file")]
fn map_file(path: &Path) -> Result<Buffer> {
    let failed = |error| match error {
        error if std::io::Error::kind(&error) == std::io::ErrorKind::NotFound => {
            StorageError::corrupt(path, "the file is missing")
        }
        error => StorageError::io("could not open file", path, &error),
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Err(StorageError::corrupt(path, "the file is empty"));
    }
    // SAFETY: segments are written under another name, renamed when complete, and never changed or truncated
    // after that; the directory is locked against other servers.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    Ok(Buffer::from(bytes::Bytes::from_owner(map)))
}
