//! Segments in a directory of a disk.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_buffer::Buffer;

use super::{Disk, DiskFile, SegmentSink, SegmentStore, sync_directory_of, write_all};
use crate::error::{Result, StorageError};

/// See the module.
#[derive(Debug)]
pub(crate) struct DirectorySegments {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

const TEMPORARY: &str = ".new";

impl DirectorySegments {
    pub(crate) fn new(disk: Arc<dyn Disk>, directory: PathBuf) -> Result<Self> {
        disk.create_directory(&directory)
            .map_err(|error| StorageError::io("could not create directory", &directory, &error))?;
        Ok(Self { disk, directory })
    }
}

impl SegmentStore for DirectorySegments {
    fn create(&self, name: &str) -> Result<Box<dyn SegmentSink>> {
        let path = self.directory.join(name);
        let temporary = self.directory.join(format!("{name}{TEMPORARY}"));
        let file = self
            .disk
            .create(&temporary)
            .map_err(|error| StorageError::io("could not create file", &temporary, &error))?;
        let disk = Arc::clone(&self.disk);
        Ok(Box::new(DirectorySink { disk, file, position: 0, temporary, path, finished: false }))
    }

    fn open(&self, name: &str) -> Result<Buffer> {
        let path = self.directory.join(name);
        let bytes = self.disk.map(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StorageError::corrupt(&path, "the file is missing"),
            _ => StorageError::io("could not open file", &path, &error),
        })?;
        if bytes.is_empty() {
            return Err(StorageError::corrupt(&path, "the file is empty"));
        }
        Ok(bytes)
    }

    fn list(&self) -> Result<Vec<String>> {
        self.disk
            .list(&self.directory)
            .map_err(|error| StorageError::io("could not read directory", &self.directory, &error))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.directory.join(name);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
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
struct DirectorySink {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    position: u64,
    temporary: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl SegmentSink for DirectorySink {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write_all(self.file.as_ref(), bytes, self.position)
            .map_err(|error| StorageError::io("could not write to file", &self.temporary, &error))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.file
            .sync()
            .map_err(|error| StorageError::io("could not fsync file", &self.temporary, &error))?;
        self.disk
            .rename(&self.temporary, &self.path)
            .map_err(|error| StorageError::io("could not rename file", &self.temporary, &error))?;
        self.finished = true;
        sync_directory_of(self.disk.as_ref(), &self.path)
    }
}

impl Drop for DirectorySink {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is removed as an orphan at the next start.
            let _ = self.disk.remove(&self.temporary);
        }
    }
}
