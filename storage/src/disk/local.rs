//! The disk of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use arrow_buffer::Buffer;
use rustix::fs::inotify;

use super::guard::GuardedMap;
use super::{Disk, DiskFile, DiskLock};

/// See the module.
#[derive(Debug)]
pub struct LocalDisk;

impl Disk for LocalDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    #[expect(unsafe_code, reason = "maps a file")]
    fn map(&self, path: &Path) -> io::Result<Buffer> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Buffer::from_vec(Vec::<u8>::new()));
        }
        // SAFETY: segments are written under another name, renamed when complete, and never changed or truncated
        // after that; the directory is locked against other servers. Whoever truncates one all the same is met by the
        // guard.
        let map = unsafe { memmap2::Mmap::map(&file) }?;
        Ok(Buffer::from(bytes::Bytes::from_owner(GuardedMap::new(map, path))))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = File::create(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }

    fn watch(&self, directory: &Path, changed: Box<dyn Fn(&str) + Send>) -> io::Result<()> {
        let watcher = inotify::init(inotify::CreateFlags::CLOEXEC)?;
        inotify::add_watch(&watcher, directory, inotify::WatchFlags::MODIFY)?;
        let run = move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(watcher, &mut buffer);
            while let Ok(event) = events.next() {
                if let Some(name) = event.file_name() {
                    changed(&name.to_string_lossy());
                }
            }
        };
        std::thread::Builder::new().name("disk watcher".to_owned()).spawn(run).map(drop)
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, position)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl DiskLock for File {}
