//! Checkpoints: freeze what has settled, write a manifest, drop the journal before it.
//!
//! 1. Row groups in memory that are full and change little are encoded into segments, under their numbers; their
//!    stamps stay where they are, so nobody notices.
//! 2. Under the commit lock the journal moves to a new file; the commit of that moment is the cut.
//! 3. What a snapshot of the cut sees is written: which frozen rows are dead, and the rows in memory, as a file; and the
//!    transactions that were prepared then, with their rows, which no snapshot sees.
//! 4. The manifest is swapped: this is the moment at which the checkpoint happens.
//! 5. Old journal files and segments that only the old manifest referred to are removed.
//!
//! A crash before 4 leaves the old manifest and all journal files after it, a crash after 4 leaves files that
//! the next start removes.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES};

use super::freeze::{freeze_table, unindex};
use super::hot_file::HotFileWriter;
use super::manifest::{FILE_NAME, HotPart, Manifest, ManifestGroup, ManifestTable};
use crate::disk::put_in_place;
use crate::error::Result;
use crate::heap::Heap;
use crate::heap::group::{Form, Group};
use crate::mvcc::snapshot::Snapshot;
use crate::segment::Segment;
use crate::store::Store;
use crate::table::{RowId, TableId};
use crate::version::TableVersion;

/// What checkpoints remember of each other.
#[derive(Debug, Default)]
pub(crate) struct CheckpointState {
    /// Files that the manifest refers to.
    pub(crate) manifest_segments: BTreeSet<String>,
    /// Where it says that rows in memory are.
    pub(crate) hot_parts: Vec<HotPart>,
    /// Frozen row groups whose entries are still in the trees of indexes, and the commit at which that was no longer
    /// needed.
    pub(super) unindexed: Vec<(u64, Arc<Heap>, Arc<Group>)>,
}

impl CheckpointState {
    /// Returns the state after recovery.
    pub(crate) fn new(manifest_segments: BTreeSet<String>, hot_parts: Vec<HotPart>) -> Self {
        Self { manifest_segments, hot_parts, unindexed: Vec::new() }
    }
}

/// Writes a checkpoint.
///
/// `settled`: full row groups are frozen whatever has changed in them lately.
pub(crate) fn checkpoint(store: &Arc<Store>, settled: bool) -> Result<()> {
    let mut state = store.checkpoint_state.lock();
    for (&table, table_version) in &store.published_version().tables {
        freeze_table(store, table, table_version, settled, &mut state)?;
    }
    // Whatever the cut sees stays: the hold is older than the cut.
    let held = store.newest();
    let (head, journal, loaded, prepared) = {
        let head = store.head.lock();
        let journal = store.journal.rotate()?;
        (head.clone(), journal, store.loaded.lock().clone(), store.prepared().records())
    };
    store.publish(head.commit);
    let snapshot = Snapshot {
        commit: head.commit,
        xid: 0,
        command: 0,
        xids: Arc::clone(store.xids()),
        _held: held,
        tracker: None,
    };
    let mut kept = Vec::new();
    let mut tables = Vec::with_capacity(head.version.tables.len());
    let mut hot = HotRows { store, writer: None };
    for (&table, version) in &head.version.tables {
        if let Some(damage) = version.heap.damage.get() {
            tables.push(damage.stored.lock().clone());
            continue;
        }
        let mut stored = manifest_table(table, version, &snapshot, &mut kept)?;
        stored.hot = write_rows(&version.heap, &snapshot, &mut hot)?;
        tables.push(stored);
    }
    hot.finish()?;
    let manifest = Manifest {
        commit: head.commit,
        journal,
        next_xid: store.xids().next(),
        next_heap: store.heap_numbers(),
        catalog: head.version.catalog.to_vec(),
        catalog_commit: head.version.catalog_commit,
        tables,
        prepared,
    };
    let disk = store.disk().as_ref();
    manifest.prepare(disk, store.directory())?;
    // From here on the disk may have either manifest, whatever happens: the files of both must stay.
    kept.iter().for_each(|segment| segment.set_temporary(false));
    if let Err(error) = put_in_place(disk, &store.directory().join(FILE_NAME)) {
        store.journal.poison(error.to_string());
        return Err(error);
    }
    let files = manifest.files();
    let before = std::mem::replace(&mut state.manifest_segments, files);
    state.hot_parts = manifest.hot_parts();
    drop(snapshot);
    unindex(store, &mut state);
    // What cannot be removed is removed at the next start.
    let live = store.head.lock().version.segments();
    let gone = |name: &&String| !state.manifest_segments.contains(*name) && !live.contains(*name);
    let removed = before.union(&loaded).filter(gone).map(|name| store.segments().remove(name));
    let removed: Vec<Result<()>> = removed.collect();
    store.loaded.lock().retain(|name| {
        !loaded.contains(name) || live.contains(name) && !state.manifest_segments.contains(name)
    });
    removed.into_iter().collect::<Result<()>>()?;
    store.journal.remove_before(journal)
}

fn manifest_table(
    table: TableId,
    version: &TableVersion,
    snapshot: &Snapshot,
    kept: &mut Vec<Arc<Segment>>,
) -> Result<ManifestTable> {
    let heap = &version.heap;
    let mut groups = Vec::new();
    for group in heap.groups().iter().filter(|group| snapshot.is_past(group.begin())) {
        let Form::Frozen { segment, index } = group.form() else { continue };
        let dead = dead_rows(group, snapshot);
        groups.push(ManifestGroup {
            id: group.id,
            segment: segment.name.clone(),
            index: index as u32,
            rows: group.len() as u32,
            checksum: segment.checksum,
            dead,
        });
        kept.push(segment);
    }
    Ok(ManifestTable {
        table,
        heap: heap.id,
        columns: version.columns().to_vec(),
        indexes: version.indexes.to_vec(),
        next_group: heap.next_group(),
        groups,
        hot: None,
        pending: Vec::new(),
    })
}

/// Returns the bits of a frozen row group's rows that a snapshot does not see.
fn dead_rows(group: &Group, snapshot: &Snapshot) -> Vec<u64> {
    let mut words = Vec::new();
    let mut any = false;
    for vector_index in 0..group.len().div_ceil(VECTOR_LANES) {
        let lanes = (group.len() - vector_index * VECTOR_LANES).min(VECTOR_LANES);
        let seen = group.visible(vector_index, lanes, snapshot);
        any |= seen.is_some();
        let seen = seen.unwrap_or_else(|| Bitmap::ones(lanes));
        // Bits past the last row are clear in both.
        words.extend(Bitmap::from_words(seen.words().iter().map(|word| !word).collect(), lanes).words());
    }
    if any { words } else { Vec::new() }
}

/// The file of rows in memory, made when there is one.
struct HotRows<'a> {
    store: &'a Store,
    writer: Option<HotFileWriter>,
}

impl HotRows<'_> {
    fn writer(&mut self) -> Result<&mut HotFileWriter> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                let name = self.store.new_file_name("hot", "rows");
                HotFileWriter::create(self.store.segments().as_ref(), name)?
            }
        };
        Ok(self.writer.insert(writer))
    }

    /// Makes the file durable.
    fn finish(self) -> Result<()> {
        self.writer.map_or(Ok(()), HotFileWriter::finish)
    }
}

/// Writes the rows in memory that a snapshot sees; returns where.
fn write_rows(heap: &Heap, snapshot: &Snapshot, hot: &mut HotRows<'_>) -> Result<Option<HotPart>> {
    for group in heap.groups().iter().filter(|group| group.is_hot()) {
        for vector_index in 0..group.len().div_ceil(VECTOR_LANES) {
            let page = group.page(vector_index).read();
            let seen: Vec<usize> = (0..VECTOR_LANES)
                .filter(|&lane| {
                    page.row(lane).is_some()
                        && snapshot.is_past(page.begin(lane))
                        && !snapshot.is_past(page.end(lane))
                })
                .collect();
            if seen.is_empty() {
                continue;
            }
            let writer = hot.writer()?;
            for lane in seen {
                if let Some(row) = page.row(lane) {
                    writer.row(RowId::new(group.id, vector_index * VECTOR_LANES + lane), row)?;
                }
            }
        }
    }
    Ok(hot.writer.as_mut().and_then(HotFileWriter::end_part))
}
