//! Opening a data directory: the manifest, then the journal from there on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;

use super::checkpoint::CheckpointState;
use super::hot_file;
use super::journal::{self, FileJournal};
use super::manifest::{self, Damage, Manifest, ManifestTable};
use super::record::{CommitRecord, GroupRecord, JournalRecord, PreparedRecord, TableRecord};
use super::restored::RestoredTransaction;
use crate::disk::{Disk, SegmentStore};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::Group;
use crate::index::IndexDefinition;
use crate::mvcc::stamp::{ALWAYS, NEVER};
use crate::segment::Segment;
use crate::table::{ColumnDefinition, ROW_GROUP_ROWS, RowId, TableId};
use crate::version::{StoreVersion, TableVersion};

/// What a data directory holds.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) version: StoreVersion,
    pub(crate) commit: u64,
    pub(crate) next_xid: u64,
    pub(crate) next_heap: u64,
    pub(crate) journal: FileJournal,
    /// The manifest, as far as the next checkpoint needs it.
    pub(crate) checkpoint: CheckpointState,
    pub(crate) next_segment: u64,
    /// Segments that the manifest does not know.
    pub(crate) loaded: BTreeSet<String>,
    /// Transactions that are prepared.
    pub(crate) prepared: Vec<RestoredTransaction>,
}

/// The first number of a transaction.
const FIRST_XID: u64 = 1000;

/// The store as far as it is recovered.
pub(super) struct Recovery<'a> {
    segments: &'a Arc<dyn SegmentStore>,
    /// Segments opened so far, by name.
    opened: BTreeMap<String, Arc<Segment>>,
    pub(super) version: StoreVersion,
    commit: u64,
    pub(super) next_heap: u64,
    next_xid: u64,
    /// Transactions that are prepared, by number.
    pub(super) prepared: BTreeMap<u64, Arc<PreparedRecord>>,
}

/// Recovers the newest durable version, and removes files that belong to nothing.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    segments: &Arc<dyn SegmentStore>,
) -> Result<Recovered> {
    let journals = directory.join("journal");
    disk.create_directory(&journals)
        .map_err(|error| StorageError::io("could not create directory", &journals, &error))?;
    let manifest = Manifest::read(disk.as_ref(), directory)?;
    let numbers = journal::numbers(disk.as_ref(), &journals)?;
    if manifest.is_none() && numbers.first().is_some_and(|first| *first > 1) {
        return Err(StorageError::corrupt(&directory.join(manifest::FILE_NAME), "the file is missing"));
    }
    let is_new = manifest.is_none();
    let manifest = manifest.unwrap_or(Manifest { journal: 1, next_xid: FIRST_XID, ..Manifest::default() });
    let mut recovery = Recovery::of_manifest(&manifest, directory, segments)?;
    let live: Vec<u64> = numbers.iter().copied().filter(|number| *number >= manifest.journal).collect();
    if let Some(gap) = (manifest.journal..).zip(&live).find(|(expected, number)| expected != *number) {
        return Err(StorageError::corrupt(
            &journals.join(format!("{:08}.journal", gap.0)),
            "the file is missing",
        ));
    }
    if !is_new && live.is_empty() {
        let missing = journals.join(format!("{:08}.journal", manifest.journal));
        return Err(StorageError::corrupt(&missing, "the file is missing"));
    }
    let contents = journal::read(disk.as_ref(), &journals, &live)?;
    for content in &contents {
        let path = journals.join(format!("{:08}.journal", content.number));
        for payload in &content.payloads {
            recovery.replay(payload, &path)?;
        }
    }
    let manifest_path = directory.join(manifest::FILE_NAME);
    let mut prepared =
        recovery.restore_prepared().map_err(|what| StorageError::corrupt(&manifest_path, what))?;
    for table in recovery.version.tables.values() {
        settle(&table.heap)?;
    }
    for transaction in &mut prepared {
        transaction.settle(settle)?;
    }
    let journal = FileJournal::open(disk, &journals, &contents, manifest.journal)?;
    let manifest_segments = manifest.files();
    let of_prepared = |record: &Arc<PreparedRecord>| record.writes.segments().cloned().collect::<Vec<_>>();
    let mut live = recovery.version.segments();
    live.extend(recovery.prepared.values().flat_map(of_prepared));
    let next_segment = remove_orphans(segments.as_ref(), &manifest_segments, &live)?;
    let loaded = live.difference(&manifest_segments).cloned().collect();
    Ok(Recovered {
        // Rows tell transactions apart by these; those that did not commit are of no interest.
        next_xid: recovery.next_xid.max(recovery.prepared.last_key_value().map_or(0, |(xid, _)| xid + 1)),
        next_heap: recovery.next_heap,
        version: recovery.version,
        commit: recovery.commit,
        journal,
        checkpoint: CheckpointState::new(manifest_segments, manifest.hot_parts()),
        next_segment,
        loaded,
        prepared,
    })
}

impl<'a> Recovery<'a> {
    fn of_manifest(
        manifest: &Manifest,
        directory: &Path,
        segments: &'a Arc<dyn SegmentStore>,
    ) -> Result<Self> {
        let mut recovery = Self {
            segments,
            opened: BTreeMap::new(),
            version: StoreVersion {
                tables: BTreeMap::new(),
                catalog: Arc::new(manifest.catalog.clone()),
                catalog_commit: manifest.catalog_commit,
            },
            commit: manifest.commit,
            next_heap: manifest.next_heap.max(1),
            next_xid: manifest.next_xid,
            prepared: manifest.prepared.iter().map(|record| (record.about.xid, Arc::clone(record))).collect(),
        };
        for table in &manifest.tables {
            recovery.add_manifest_table(table, &directory.join(manifest::FILE_NAME))?;
        }
        Ok(recovery)
    }

    fn add_manifest_table(&mut self, table: &ManifestTable, path: &Path) -> Result<()> {
        let version = new_table(table.heap, table.table, &table.columns, &table.indexes);
        let heap = Arc::clone(&version.heap);
        heap.reserve_groups(table.next_group);
        self.version.tables.insert(table.table, Arc::new(version));
        if let Err(error) = self.add_manifest_rows(table, &heap, path) {
            // The rows that could be read are of no use: nobody knows what became of them since.
            let damaged = new_table(table.heap, table.table, &table.columns, &table.indexes);
            let stored = Mutex::new(table.clone());
            damaged.heap.reserve_groups(table.next_group);
            damaged.heap.damage.get_or_init(|| Damage { error, stored });
            self.version.tables.insert(table.table, Arc::new(damaged));
            return Ok(());
        }
        for (commit, record) in &table.pending {
            self.replay_table(table.table, record.clone(), *commit).map_err(|what| {
                let what = format!("commit {commit} cannot be applied to table {}: {what}", table.table.0);
                StorageError::corrupt(path, what)
            })?;
        }
        Ok(())
    }

    fn add_manifest_rows(&mut self, table: &ManifestTable, heap: &Heap, path: &Path) -> Result<()> {
        for stored in &table.groups {
            let position = GroupRecord {
                id: stored.id,
                segment: stored.segment.clone(),
                index: stored.index,
                rows: stored.rows,
                checksum: stored.checksum,
                dead: Vec::new(),
            };
            let group =
                self.group(&position, heap, ALWAYS).map_err(|what| StorageError::corrupt(path, what))?;
            if !stored.dead.is_empty() && stored.dead.len() != group.len().div_ceil(64) {
                return Err(StorageError::corrupt(path, "a delete mask has another size than its row group"));
            }
            let dead = stored.dead.iter().enumerate().flat_map(|(index, word)| {
                (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| index * 64 + bit)
            });
            for lane in dead.filter(|&lane| lane < group.len()) {
                let (page, place) = group.page_of(lane);
                page.write().set_end(place, ALWAYS);
            }
            heap.add_group(Arc::new(group));
        }
        match &table.hot {
            None => Ok(()),
            Some(part) => hot_file::read(self.segments.as_ref(), part, |row, bytes| {
                restore(heap, row, bytes.into(), ALWAYS)
            }),
        }
    }

    /// Returns a row group of a segment, whether that can be read or not.
    pub(super) fn group(&mut self, stored: &GroupRecord, heap: &Heap, begin: u64) -> Result<Group, String> {
        let (index, rows) = (stored.index as usize, (stored.rows as usize).min(ROW_GROUP_ROWS));
        let segments = self.segments;
        let open = || Arc::new(Segment::open_expecting(segments, &stored.segment, stored.checksum));
        let segment = self.opened.entry(stored.segment.clone()).or_insert_with(open);
        if !segment.has_shape(index, rows, heap.columns().len()) {
            return Err(format!("segment \"{}\" has another shape", stored.segment));
        }
        Ok(Group::frozen(stored.id, segment, index, rows, begin))
    }

    fn replay(&mut self, payload: &[u8], path: &Path) -> Result<()> {
        let record = JournalRecord::read(payload)
            .map_err(|error| StorageError::corrupt(path, format!("unreadable record: {error}")))?;
        let unknown =
            |xid| StorageError::corrupt(path, format!("transaction {xid} ends and was not prepared"));
        match record {
            JournalRecord::Commit(commit, record) => self.replay_commit(commit, record, path),
            JournalRecord::CommitPrepared(commit, xid, catalog) => {
                let prepared = self.prepared.remove(&xid).ok_or_else(|| unknown(xid))?;
                let mut writes = prepared.writes.clone();
                writes.catalog = catalog.or(writes.catalog);
                self.replay_commit(commit, writes, path)
            }
            JournalRecord::Prepare(record) => {
                self.prepared.insert(record.about.xid, Arc::from(record));
                Ok(())
            }
            JournalRecord::RollbackPrepared(xid) => {
                self.prepared.remove(&xid).map(drop).ok_or_else(|| unknown(xid))
            }
        }
    }

    fn replay_commit(&mut self, commit: u64, record: CommitRecord, path: &Path) -> Result<()> {
        if commit <= self.commit {
            return Ok(());
        }
        if commit != self.commit + 1 {
            let what = format!("commit {commit} follows commit {}", self.commit);
            return Err(StorageError::corrupt(path, what));
        }
        for (table, record) in record.tables {
            self.replay_table(table, record, commit).map_err(|what| {
                let what = format!("commit {commit} cannot be applied to table {}: {what}", table.0);
                StorageError::corrupt(path, what)
            })?;
        }
        if let Some(image) = record.catalog {
            self.version.catalog = Arc::new(image.0.into());
            self.version.catalog_commit = commit;
        }
        self.commit = commit;
        self.next_xid = self.next_xid.max(record.xid + 1);
        Ok(())
    }

    /// Applies what a commit did to a table; the error says what is wrong with the record.
    fn replay_table(&mut self, table: TableId, record: TableRecord, commit: u64) -> Result<(), String> {
        if record.dropped {
            let dropped = self.version.tables.remove(&table);
            return dropped.map(drop).ok_or_else(|| "it does not exist".to_owned());
        }
        if let Some(shape) = &record.shape {
            let version = new_table(shape.heap, table, &shape.columns, &shape.indexes);
            self.next_heap = self.next_heap.max(shape.heap + 1);
            self.version.tables.insert(table, Arc::new(version));
        }
        let Some(version) = self.version.tables.get(&table).cloned() else {
            return Err("it does not exist".to_owned());
        };
        let heap = &version.heap;
        if let Some(damage) = heap.damage.get() {
            damage.stored.lock().pending.push((commit, record));
            return Ok(());
        }
        if let Some(indexes) = record.indexes {
            for gone in version.indexes.iter().filter(|index| !indexes.contains(index)) {
                heap.remove_index(gone.id);
            }
            for new in indexes.iter().filter(|index| !version.indexes.contains(index)) {
                heap.add_index(new.clone());
            }
            let version = TableVersion { indexes: indexes.into(), heap: Arc::clone(heap) };
            self.version.tables.insert(table, Arc::new(version));
        }
        for row in record.ended {
            end(heap, RowId(row), commit)?;
        }
        for (row, bytes) in record.inserted {
            restore(heap, RowId(row), bytes.0, commit)?;
        }
        for stored in record.groups {
            heap.add_group(Arc::new(self.group(&stored, heap, commit)?));
            for lane in stored.dead {
                end(heap, RowId::new(stored.id, usize::from(lane)), commit)?;
            }
        }
        record.removed.into_iter().for_each(|id| heap.remove_group(id));
        heap.changed_at.store(commit, Ordering::Relaxed);
        Ok(())
    }
}

pub(super) fn new_table(
    heap: u64,
    table: TableId,
    columns: &[ColumnDefinition],
    indexes: &[IndexDefinition],
) -> TableVersion {
    let heap = Heap::new(heap, table, columns.into());
    for definition in indexes {
        heap.add_index(definition.clone());
    }
    TableVersion { indexes: indexes.into(), heap: Arc::new(heap) }
}

pub(super) fn restore(heap: &Heap, row: RowId, bytes: Box<[u8]>, begin: u64) -> Result<(), String> {
    if !heap.layout.accepts(&bytes) {
        return Err(format!("row {} does not fit its table", row.0));
    }
    if heap.group(row.group()).is_some_and(|group| !group.is_hot()) {
        return Err(format!("row {} is in a frozen row group", row.0));
    }
    heap.restore(row, bytes, begin);
    Ok(())
}

fn end(heap: &Heap, row: RowId, commit: u64) -> Result<(), String> {
    let group = heap.group(row.group()).filter(|group| row.lane() < group.len());
    let group = group.ok_or_else(|| format!("there is no row {}", row.0))?;
    let (page, place) = group.page_of(row.lane());
    let mut page = page.write();
    if page.begin(place) == NEVER || page.end(place) != NEVER {
        return Err(format!("there is no row {} to delete", row.0));
    }
    page.set_end(place, commit);
    Ok(())
}

/// Frees the places of dead rows and indexes the others.
fn settle(heap: &Heap) -> Result<()> {
    let mut free = Vec::new();
    for group in heap.groups().iter().filter(|group| group.is_hot()) {
        debug_assert!(group.len() <= ROW_GROUP_ROWS);
        for lane in 0..group.len() {
            let (page, place) = group.page_of(lane);
            let mut page = page.write();
            // Ends in flight are those of transactions that are prepared.
            if page.end(place) < NEVER {
                page.vacate(place);
            }
            // There may be no row in the whole page, and so no stamps.
            if page.row(place).is_none() {
                page.set_begin(place, NEVER);
                free.push(RowId::new(group.id, lane));
            }
        }
        for index in heap.indexes().iter() {
            crate::index::build::fill_group(heap, group, index)?;
        }
    }
    heap.free_places(free);
    heap.set_tail();
    Ok(())
}

/// Removes files that belong to nothing; returns a number that no file has.
fn remove_orphans(
    segments: &dyn SegmentStore,
    manifest_segments: &BTreeSet<String>,
    live: &BTreeSet<String>,
) -> Result<u64> {
    let mut next = 1;
    for name in segments.list()? {
        let number = name.split(['-', '.']).nth(1).and_then(|number| number.parse::<u64>().ok());
        next = next.max(number.map_or(0, |number| number + 1));
        if !manifest_segments.contains(&name) && !live.contains(&name) {
            segments.remove(&name)?;
        }
    }
    Ok(next)
}
