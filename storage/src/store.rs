//! The store: what is published to snapshots, the newest commit, and the commits between them.
//!
//! A commit is checked against the newest structure (the head), gets its number, and its record is appended to
//! the journal, all under one lock. Then it waits, without the lock, until the record is durable; whoever
//! waits first syncs for all. Only then is it published to snapshots, in the order of numbers, and acknowledged.

mod published;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::disk::{DirectorySegments, Disk, DiskLock, LocalDisk, SegmentStore, sync_directory_of};
use crate::durable::checkpoint::{self, CheckpointState};
use crate::durable::journal::Journal;
use crate::durable::record::JournalRecord;
use crate::durable::recovery::recover;
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::locks::{AdvisoryKey, CommittedLocks, LockInfo, LockTag, Locks, Mode};
use crate::maintenance;
use crate::mvcc::snapshot::Registry;
use crate::mvcc::waits::{Patient, Waiter, Waits};
use crate::mvcc::xids::{XidState, XidTable};
use crate::prepared::Prepared;
use crate::segment::{Segment, SegmentWriter};
use crate::serializable::Serializable;
use crate::table::{RowId, TableId};
use crate::transaction::Transaction;
use crate::version::{Changes, StoreVersion};

/// How a store works.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// A checkpoint is made when the journal has more bytes than this.
    pub journal_bytes_max: u64,
    /// How often the store tidies up in the background; `None`: never.
    pub maintenance: Option<Duration>,
    /// What rows in memory may take, in bytes, before full row groups of them freeze whatever changes in them.
    pub hot_bytes_max: usize,
    /// How far ahead of its records the journal has room in its file, in bytes.
    pub journal_room_bytes: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            journal_bytes_max: 128 << 20,
            maintenance: None,
            hot_bytes_max: 256 << 20,
            journal_room_bytes: 16 << 20,
        }
    }
}

/// A data directory, open.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    options: StoreOptions,
    disk: Arc<dyn Disk>,
    /// Holds the lock on the directory.
    _lock: Box<dyn DiskLock>,
    published: RwLock<Head>,
    /// The published commit, and a number that is odd while another structure is published and grows with each: whoever
    /// has the structure of an even number has the newest as long as the number stays. Both change under the lock.
    published_commit: AtomicU64,
    generation: AtomicU64,
    pub(crate) head: Mutex<Head>,
    /// Commits that are in the journal and not published, in order.
    unpublished: Mutex<VecDeque<Unpublished>>,
    xids: Arc<XidTable>,
    registry: Arc<Registry>,
    waits: Waits,
    locks: Locks,
    committed_locks: CommittedLocks,
    serializable: Arc<Serializable>,
    prepared: Prepared,
    pub(crate) journal: Box<dyn Journal>,
    segments: Arc<dyn SegmentStore>,
    /// Numbers of the next segment file, the next heap, the next session without a process.
    next_segment: AtomicU64,
    next_heap: AtomicU64,
    next_owner: AtomicU64,
    /// Segments that commits have added since the manifest was written.
    pub(crate) loaded: Mutex<BTreeSet<String>>,
    pub(crate) checkpoint_state: Mutex<CheckpointState>,
    /// Whether a checkpoint runs in the background.
    checkpointing: AtomicBool,
    /// Compactions since the last checkpoint that was made for their sake.
    compactions: AtomicU32,
}

/// The structure, and the newest commit.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) version: Arc<StoreVersion>,
    pub(crate) commit: u64,
}

#[derive(Debug)]
struct Unpublished {
    commit: u64,
    xid: Option<Arc<XidState>>,
    /// The structure after the commit, if it changed that.
    version: Option<Arc<StoreVersion>>,
}

/// Tuning constants: how many times its usual size the journal may have before commits wait for the checkpoint that runs,
/// and how long they wait at most.
const BACK_PRESSURE: u64 = 4;
const NAP: Duration = Duration::from_millis(5);
const NAPS_MAX: u32 = 40;

/// A tuning constant: compactions after which a checkpoint gives the space of old files back.
const COMPACTIONS_MAX: u32 = 16;

/// Owners from here on are no process ids.
const ANONYMOUS_OWNERS: u64 = 1 << 40;

impl Store {
    /// Opens a data directory, recovering what was committed; makes it if there is none.
    pub fn open(directory: &Path, options: StoreOptions) -> Result<Arc<Self>> {
        Self::open_on(Arc::new(LocalDisk), directory, options)
    }

    /// As [`Self::open`], on any disk.
    pub fn open_on(disk: Arc<dyn Disk>, directory: &Path, options: StoreOptions) -> Result<Arc<Self>> {
        disk.create_directory(directory)
            .map_err(|error| StorageError::io("could not create directory", directory, &error))?;
        let lock = lock_directory(disk.as_ref(), directory)?;
        let segments = DirectorySegments::new(Arc::clone(&disk), directory.join("segments"))?;
        let segments: Arc<dyn SegmentStore> = Arc::new(segments);
        let recovered = recover(&disk, directory, &segments)?;
        // The directories themselves, in case they are new.
        sync_directory_of(disk.as_ref(), &directory.join("journal"))?;
        sync_directory_of(disk.as_ref(), directory)?;
        let head = Head { version: Arc::new(recovered.version), commit: recovered.commit };
        let store = Arc::new(Self {
            directory: directory.to_owned(),
            options,
            disk,
            _lock: lock,
            published_commit: AtomicU64::new(head.commit),
            generation: AtomicU64::new(0),
            published: RwLock::new(head.clone()),
            head: Mutex::new(head),
            unpublished: Mutex::default(),
            xids: Arc::new(XidTable::new(recovered.next_xid)),
            registry: Arc::default(),
            waits: Waits::default(),
            locks: Locks::default(),
            committed_locks: CommittedLocks::default(),
            serializable: Arc::default(),
            prepared: Prepared::default(),
            journal: Box::new(recovered.journal),
            segments,
            next_segment: AtomicU64::new(recovered.next_segment),
            next_heap: AtomicU64::new(recovered.next_heap),
            next_owner: AtomicU64::new(ANONYMOUS_OWNERS),
            loaded: Mutex::new(recovered.loaded),
            checkpoint_state: Mutex::new(recovered.checkpoint),
            checkpointing: AtomicBool::new(false),
            compactions: AtomicU32::new(0),
        });
        store.restore_prepared(recovered.prepared);
        if let Some(interval) = store.options.maintenance {
            maintenance::start(&store, interval)?;
        }
        Ok(store)
    }

    /// Returns the data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the frontend's catalog as of the last commit; empty in a new store.
    pub fn catalog_image(&self) -> Vec<u8> {
        self.published_version().catalog.to_vec()
    }

    /// Returns the same without a copy.
    pub fn newest_catalog_image(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.published_version().catalog)
    }

    /// Returns the number of an owner that is no session.
    pub(crate) fn new_owner(&self) -> u64 {
        self.next_owner.fetch_add(1, Ordering::Relaxed)
    }

    /// Begins a transaction of nobody in particular.
    pub fn begin(self: &Arc<Self>) -> Transaction {
        let owner = self.new_owner();
        Transaction::new(Arc::clone(self), Arc::new(Patient), owner)
    }

    /// Begins a transaction of a session.
    pub fn begin_as(self: &Arc<Self>, waiter: Arc<dyn Waiter>) -> Transaction {
        let owner = u64::try_from(waiter.process_id()).unwrap_or(0);
        Transaction::new(Arc::clone(self), waiter, owner)
    }

    /// Returns the processes for which a process waits.
    pub fn blocking_processes(&self, process_id: i32) -> Vec<i32> {
        self.waits.blockers(process_id, false)
    }

    /// Returns the processes of which a READ ONLY DEFERRABLE transaction waits to see whether its snapshot is safe.
    pub fn processes_that_endanger(&self, process_id: i32) -> Vec<i32> {
        self.waits.blockers(process_id, true)
    }

    /// Returns the numbers of the transactions in flight that write, and the next number.
    pub fn running_xids(&self) -> (Vec<u64>, u64) {
        let next = self.xids.next();
        (self.xids.running(), next)
    }

    /// Returns the transaction that has changed the catalog last; after a start, one before all others.
    pub fn catalog_xid(&self) -> u32 {
        self.xids.xid_or_older(self.published_version().catalog_commit)
    }

    /// Makes room in the journal's file for records to come. Commits are quicker for it; the maintenance thread does it,
    /// too.
    pub fn make_journal_room(&self) {
        self.journal.make_room(self.options.journal_room_bytes);
    }

    /// Writes everything to segments and the manifest and shortens the journal; the store stays usable. To be
    /// called at a clean shutdown; without it the next start replays the journal.
    pub fn checkpoint(self: &Arc<Self>) -> Result<()> {
        checkpoint::checkpoint(self, false)
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Returns where segments are.
    pub(crate) fn segments(&self) -> &Arc<dyn SegmentStore> {
        &self.segments
    }

    /// Begins a segment of `table`.
    pub(crate) fn create_segment(&self, table: TableId, columns: usize) -> Result<SegmentWriter> {
        let name = self.new_file_name(&table.0.to_string(), "segment");
        SegmentWriter::create(self.segments.as_ref(), name, columns)
    }

    /// Returns a name that no file has had.
    pub(crate) fn new_file_name(&self, stem: &str, extension: &str) -> String {
        let number = self.next_segment.fetch_add(1, Ordering::Relaxed);
        format!("{stem}-{number}.{extension}")
    }

    /// Returns a number for a new heap.
    pub(crate) fn next_heap(&self) -> u64 {
        self.next_heap.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn heap_numbers(&self) -> u64 {
        self.next_heap.load(Ordering::Relaxed)
    }

    pub(crate) fn xids(&self) -> &Arc<XidTable> {
        &self.xids
    }

    pub(crate) fn waits(&self) -> &Waits {
        &self.waits
    }

    pub(crate) fn serializable(&self) -> &Arc<Serializable> {
        &self.serializable
    }

    /// Returns what transactions at SERIALIZABLE have read: tables or rows, and the process.
    pub fn list_reads(&self) -> Vec<(TableId, Option<RowId>, i32)> {
        self.serializable.list()
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    pub(crate) fn committed_locks(&self) -> &CommittedLocks {
        &self.committed_locks
    }
    pub(crate) fn locks(&self) -> &Locks {
        &self.locks
    }

    /// Returns all locks on tables, rows and advisory keys.
    pub fn list_locks(&self) -> Vec<LockInfo> {
        self.locks.list()
    }

    /// Returns the transactions that sessions have and wait for: number, process, mode, and whether it is held.
    pub fn list_transactions(&self) -> Vec<(u64, i32, &'static str, bool)> {
        let process = |owner: u64| i32::try_from(owner).unwrap_or(0);
        let running = self.xids.owners().into_iter();
        let running = running.map(|(xid, owner)| (xid, process(owner), "ExclusiveLock", true));
        let waiting = self.waits.transactions().into_iter();
        running.chain(waiting.map(|(xid, process_id)| (xid, process_id, "ShareLock", false))).collect()
    }

    /// Gives back an advisory lock that a session holds beyond its transactions; returns whether it was held.
    pub fn unlock_advisory(&self, process_id: i32, key: AdvisoryKey, shared: bool) -> bool {
        let owner = u64::try_from(process_id).unwrap_or(0);
        self.locks.release(owner, LockTag::Advisory(key), Mode::Advisory { shared, session: true })
    }

    /// Gives back all advisory locks that a session holds beyond its transactions.
    pub fn unlock_session(&self, process_id: i32) {
        self.locks.release_session(u64::try_from(process_id).unwrap_or(0));
    }

    /// Journals a transaction's writes and makes them visible.
    pub(crate) fn commit<'a>(
        self: &Arc<Self>,
        Commit { mut payload, changes, added, xid, asynchronous, validate, prepared }: Commit<'_>,
        heaps: impl Iterator<Item = &'a Arc<Heap>>,
    ) -> Result<u64> {
        self.wait_for_checkpoint();
        let (commit, position) = {
            let mut head = self.head.lock();
            for heap in heaps {
                check_current(&head.version, changes, heap)?;
            }
            validate()?;
            let commit = head.commit + 1;
            let version = match changes.is_empty() {
                true => None,
                false => Some(Arc::new(head.version.with(changes, commit)?)),
            };
            JournalRecord::set_number(&mut payload, commit);
            let position = self.journal.append(&payload)?;
            // From here on the record may become durable, whatever happens: its files must stay.
            added.iter().for_each(|segment| segment.set_temporary(false));
            self.loaded.lock().extend(added.iter().map(|segment| segment.name.clone()));
            if let Some(gid) = prepared {
                self.prepared.forget(gid);
            }
            head.commit = commit;
            if let Some(version) = &version {
                head.version = Arc::clone(version);
            }
            self.unpublished.lock().push_back(Unpublished { commit, xid: xid.cloned(), version });
            (commit, position)
        };
        if !asynchronous && let Err(error) = self.journal.sync(position) {
            self.unpublished.lock().retain(|unpublished| unpublished.commit != commit);
            return Err(error);
        }
        self.publish(commit);
        if self.needs_checkpoint() {
            self.checkpoint_in_background();
        }
        Ok(commit)
    }

    /// Lets checkpoints keep up with commits: while one runs and the journal has grown far beyond where it began, commits
    /// take their time.
    fn wait_for_checkpoint(&self) {
        let limit = self.options.journal_bytes_max.saturating_mul(BACK_PRESSURE);
        let mut naps = 0;
        while naps < NAPS_MAX && self.journal.size() > limit && self.checkpointing.load(Ordering::Acquire) {
            std::thread::sleep(NAP);
            naps += 1;
        }
    }

    /// Counts compactions; returns whether there have been so many that a checkpoint is worth it, which gives the space of
    /// old files back.
    pub(crate) fn count_compactions(&self, count: u32) -> bool {
        let before = self.compactions.fetch_add(count, Ordering::Relaxed);
        let is_due = before + count >= COMPACTIONS_MAX;
        if is_due {
            self.compactions.store(0, Ordering::Relaxed);
        }
        is_due
    }

    /// Returns whether a checkpoint runs in the background.
    pub(crate) fn is_checkpointing(&self) -> bool {
        self.checkpointing.load(Ordering::Acquire)
    }

    /// Returns how many bytes rows in memory may take.
    pub(crate) fn hot_bytes_max(&self) -> usize {
        self.options.hot_bytes_max
    }

    /// Returns whether the journal is longer than it should be.
    pub(crate) fn needs_checkpoint(&self) -> bool {
        self.journal.size() > self.options.journal_bytes_max
    }

    pub(crate) fn checkpoint_in_background(self: &Arc<Self>) {
        if self.checkpointing.swap(true, Ordering::AcqRel) {
            return;
        }
        let store = Arc::clone(self);
        std::thread::spawn(move || {
            // The commit's thread may be kept on one processor.
            crate::processors::release_thread();
            // A failed checkpoint leaves the journal as it is; the next commit tries again.
            let _ = store.checkpoint();
            store.checkpointing.store(false, Ordering::Release);
        });
    }
}

/// What the store is to know of a commit.
pub(crate) struct Commit<'a> {
    /// The record, with room for the commit's number in front.
    pub(crate) payload: Vec<u8>,
    pub(crate) changes: &'a Changes,
    /// Segments that are not temporary any more.
    pub(crate) added: &'a [Arc<Segment>],
    pub(crate) xid: Option<&'a Arc<XidState>>,
    pub(crate) asynchronous: bool,
    /// Says under the commit lock whether the transaction may commit.
    pub(crate) validate: &'a dyn Fn() -> Result<()>,
    /// The name of the transaction, if it was prepared.
    pub(crate) prepared: Option<&'a str>,
}

/// Fails when a table has got another heap than the one that was written to.
pub(crate) fn check_current(version: &StoreVersion, changes: &Changes, heap: &Heap) -> Result<()> {
    if changes.tables.contains_key(&heap.table) {
        return Ok(());
    }
    match version.tables.get(&heap.table) {
        Some(table) if table.heap.id == heap.id => Ok(()),
        Some(_) | None => Err(StorageError::WriteConflict { table: heap.table }),
    }
}

/// Locks the directory against other servers.
fn lock_directory(disk: &dyn Disk, directory: &Path) -> Result<Box<dyn DiskLock>> {
    let path = directory.join("lock");
    disk.lock(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => StorageError::Locked { directory: directory.to_owned() },
        _ => StorageError::io("could not lock", &path, &error),
    })
}
