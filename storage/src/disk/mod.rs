//! The disk: everything durable goes through [`Disk`], so that a test can put one in its place that loses power, tears
//! writes, or fails.

pub(crate) mod guard;
mod local;
mod segments;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;

use crate::error::{Result, StorageError};
pub use local::LocalDisk;
pub(crate) use segments::DirectorySegments;

/// A file system.
pub trait Disk: Send + Sync + Debug {
    /// Makes a directory and those it is in, if they are not there.
    ///
    /// # Errors
    /// Those of the operating system, as everywhere here.
    fn create_directory(&self, path: &Path) -> io::Result<()>;
    /// Returns the names in a directory.
    ///
    /// # Errors
    /// See above.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Opens a file for writing, empty.
    ///
    /// # Errors
    /// See above.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for writing; makes it if it is not there.
    ///
    /// # Errors
    /// See above.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Returns a file's bytes.
    ///
    /// # Errors
    /// See above.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Returns the bytes of a complete file that never changes, mapped into memory.
    ///
    /// # Errors
    /// See above.
    fn map(&self, path: &Path) -> io::Result<Buffer>;
    /// Gives a file another name; one that has that name goes.
    ///
    /// # Errors
    /// See above.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Who has it open or mapped keeps it.
    ///
    /// # Errors
    /// See above.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// See above.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// Locks a file, which is made for that, against all others; `WouldBlock` when another has locked it.
    ///
    /// # Errors
    /// See above.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
    /// Has `changed` called with the names of files in a directory that anybody writes to, from now on, if the disk can
    /// tell.
    ///
    /// # Errors
    /// See above.
    fn watch(&self, directory: &Path, changed: Box<dyn Fn(&str) + Send>) -> io::Result<()>;
}

/// A file open for writing.
pub trait DiskFile: Send + Sync + Debug {
    /// Writes at a position as many of the bytes as go, one at least; returns how many.
    ///
    /// # Errors
    /// Those of the operating system, as everywhere here.
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize>;
    /// Sets the file's size.
    ///
    /// # Errors
    /// See above.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes everything written durable (`fdatasync`).
    ///
    /// # Errors
    /// See above. What was written before may be lost then, even if a later call succeeds.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that lasts as long as this.
pub trait DiskLock: Send + Sync + Debug {}

/// Where segments are kept. The local form is a directory; an object store fits behind the same calls.
pub(crate) trait SegmentStore: Send + Sync + Debug {
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
pub(crate) trait SegmentSink: Send + Debug {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes the file durable under its name.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes all bytes.
pub(crate) fn write_all(file: &dyn DiskFile, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, position) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                position += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a rename in the directory of `path` durable.
pub(crate) fn sync_directory_of(disk: &dyn Disk, path: &Path) -> Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    disk.sync_directory(directory)
        .map_err(|error| StorageError::io("could not fsync directory", directory, &error))
}

/// Writes a small file, durable, that is to take the place of `path`: see [`put_in_place`].
pub(crate) fn prepare_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        let file = disk.create(&temporary)?;
        write_all(file.as_ref(), bytes, 0)?;
        file.sync()
    };
    write().map_err(|error| StorageError::io("could not write file", &temporary, &error))
}

/// Puts a prepared file in the place of `path`: after a crash, and after a failure, there is the old one or the new one.
pub(crate) fn put_in_place(disk: &dyn Disk, path: &Path) -> Result<()> {
    let temporary = path.with_extension("new");
    disk.rename(&temporary, path)
        .map_err(|error| StorageError::io("could not rename file", &temporary, &error))?;
    sync_directory_of(disk, path)
}
