//! The store: the published version, the newest version, and the commits between them.
//!
//! A commit is checked against the newest version (the head), gets its number, and its record is appended to
//! the journal, all under one lock. Then it waits, without the lock, until the record is durable; whoever
//! waits first syncs for all. Only then is its version published to snapshots and the commit acknowledged.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::disk::{LocalSegments, SegmentStore};
use crate::durable::checkpoint::{self, CheckpointState};
use crate::durable::journal::Journal;
use crate::durable::record::CommitRecord;
use crate::durable::recovery::recover;
use crate::error::{Result, StorageError};
use crate::segment::SegmentWriter;
use crate::table::TableId;
use crate::transaction::{CommitNumber, Transaction, Writes};
use crate::version::{GroupData, StoreVersion, apply};

/// How a store works.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// A checkpoint is made when the journal has more bytes than this.
    pub journal_bytes_max: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { journal_bytes_max: 128 << 20 }
    }
}

/// A data directory, open.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    options: StoreOptions,
    /// Holds the lock on the directory.
    _lock: File,
    published: RwLock<Arc<StoreVersion>>,
    pub(crate) head: Mutex<Arc<StoreVersion>>,
    pub(crate) journal: Box<dyn Journal>,
    segments: Arc<dyn SegmentStore>,
    /// Number of the next segment file.
    next_segment: AtomicU64,
    pub(crate) checkpoint_state: Mutex<CheckpointState>,
    /// Whether a checkpoint runs in the background.
    checkpointing: AtomicBool,
}

impl Store {
    /// Opens a data directory, recovering what was committed; makes it if there is none.
    pub fn open(directory: &Path, options: StoreOptions) -> Result<Arc<Self>> {
        std::fs::create_dir_all(directory)
            .map_err(|error| StorageError::io("could not create directory", directory, &error))?;
        let lock = lock_directory(directory)?;
        let segments: Arc<dyn SegmentStore> = Arc::new(LocalSegments::new(directory.join("segments"))?);
        let recovered = recover(directory, &segments)?;
        let version = Arc::new(recovered.version);
        let state =
            CheckpointState { manifest_segments: recovered.manifest_segments, ..CheckpointState::default() };
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            options,
            _lock: lock,
            published: RwLock::new(Arc::clone(&version)),
            head: Mutex::new(version),
            journal: Box::new(recovered.journal),
            segments,
            next_segment: AtomicU64::new(recovered.next_segment),
            checkpoint_state: Mutex::new(state),
            checkpointing: AtomicBool::new(false),
        }))
    }

    /// Returns the data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the frontend's catalog as of the last commit; empty in a new store.
    pub fn catalog_image(&self) -> Vec<u8> {
        self.published().catalog.to_vec()
    }

    /// Begins a transaction.
    pub fn begin(self: &Arc<Self>) -> Transaction {
        Transaction::new(Arc::clone(self))
    }

    /// Writes everything to segments and the manifest and shortens the journal; the store stays usable. To be
    /// called at a clean shutdown; without it the next start replays the journal.
    pub fn checkpoint(self: &Arc<Self>) -> Result<()> {
        checkpoint::checkpoint(self)
    }

    /// Returns where segments are.
    pub(crate) fn segments(&self) -> &Arc<dyn SegmentStore> {
        &self.segments
    }

    /// Begins a segment of `table`.
    pub(crate) fn create_segment(&self, table: TableId, columns: usize) -> Result<SegmentWriter> {
        let number = self.next_segment.fetch_add(1, Ordering::Relaxed);
        SegmentWriter::create(self.segments.as_ref(), format!("{}-{number}.segment", table.0), columns)
    }

    pub(crate) fn published(&self) -> Arc<StoreVersion> {
        Arc::clone(&self.published.read())
    }

    /// Makes a transaction's writes durable and visible.
    pub(crate) fn commit(self: &Arc<Self>, writes: &Writes) -> Result<CommitNumber> {
        let (version, position) = {
            let mut head = self.head.lock();
            for (&table, writes) in &writes.tables {
                if let Some(version) = head.tables.get(&table) {
                    writes.recheck_keys(table, version)?;
                }
            }
            let next = Arc::new(apply(&head, writes, head.commit + 1)?);
            let record = CommitRecord::new(next.commit, writes)?;
            let payload = postcard::to_stdvec(&record)
                .map_err(|error| StorageError::Misuse(format!("a commit cannot be journaled: {error}")))?;
            let position = self.journal.append(&payload)?;
            // From here on the record may become durable, whatever happens: its files must stay.
            keep_segments(writes);
            *head = Arc::clone(&next);
            (next, position)
        };
        self.journal.sync(position)?;
        let commit = version.commit;
        {
            let mut published = self.published.write();
            if published.commit < commit {
                *published = version;
            }
        }
        if self.journal.size() > self.options.journal_bytes_max {
            self.checkpoint_in_background();
        }
        Ok(CommitNumber(commit))
    }

    fn checkpoint_in_background(self: &Arc<Self>) {
        if self.checkpointing.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = Arc::clone(self);
        std::thread::spawn(move || {
            // A failed checkpoint leaves the journal as it is; the next commit tries again.
            let _ = store.checkpoint();
            store.checkpointing.store(false, Ordering::Release);
        });
    }

    /// Exchanges row groups for equal ones.
    pub(crate) fn replace_groups(&self, replace: &dyn Fn(&StoreVersion) -> StoreVersion) {
        let mut head = self.head.lock();
        *head = Arc::new(replace(&head));
        let mut published = self.published.write();
        *published =
            if published.commit == head.commit { Arc::clone(&head) } else { Arc::new(replace(&published)) };
    }
}

/// Makes the files of the writes' segments stay.
fn keep_segments(writes: &Writes) {
    for group in writes.tables.values().flat_map(|writes| &writes.inserted.groups) {
        match &group.data {
            GroupData::Hot(_) => {}
            GroupData::Frozen { segment, .. } => segment.set_temporary(false),
        }
    }
}

/// Locks the directory against other servers, as long as the file lives.
fn lock_directory(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file =
        File::create(&path).map_err(|error| StorageError::io("could not create lock file", &path, &error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StorageError::Locked { directory: directory.to_owned() }),
        Err(error) => Err(StorageError::io("could not lock", &path, &error.into())),
    }
}
