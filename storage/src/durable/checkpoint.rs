//! Checkpoints: freeze what has settled, write a manifest, drop the journal before it.
//!
//! 1. Under the commit lock the journal moves to a new file; the version of that moment is what is written.
//! 2. Hot row groups that take no more rows are encoded into segments; the last, partial row group of each
//!    table is written as a segment too, to be read back into memory.
//! 3. The manifest is swapped: this is the moment at which the checkpoint happens.
//! 4. Frozen row groups take the place of hot ones, under the same numbers and with the delete masks of now.
//! 5. Old journal files and segments that only the old manifest referred to are removed.
//!
//! A crash before 3 leaves the old manifest and all journal files after it, a crash after 3 leaves files that
//! the next start removes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES, Values};

use super::manifest::{Manifest, ManifestGroup, ManifestTable};
use crate::builder::ColumnBuilder;
use crate::bulk::SegmentsWriter;
use crate::error::Result;
use crate::hot::HotGroup;
use crate::segment::Segment;
use crate::store::Store;
use crate::table::TableId;
use crate::version::{Group, GroupData, StoreVersion, TableVersion};

/// Where rows in memory have been written: by table and row group.
type Written = BTreeMap<(TableId, u64), (Arc<Segment>, usize)>;

/// The file of a partial row group, as of the checkpoint that wrote it.
pub(crate) type HotFiles = BTreeMap<TableId, (Arc<HotGroup>, Arc<Segment>)>;

/// What checkpoints remember of each other.
#[derive(Debug, Default)]
pub(crate) struct CheckpointState {
    pub(crate) hot_files: HotFiles,
    /// Segments that the manifest refers to.
    pub(crate) manifest_segments: BTreeSet<String>,
}

/// Writes a checkpoint.
pub(crate) fn checkpoint(store: &Arc<Store>) -> Result<()> {
    let mut state = store.checkpoint_state.lock();
    let (version, journal) = {
        let head = store.head.lock();
        (Arc::clone(&head), store.journal.rotate()?)
    };
    let (mut frozen, mut partial) = (Written::new(), HotFiles::new());
    for (&table, table_version) in &version.tables {
        write_table(store, table, table_version, &state.hot_files, (&mut frozen, &mut partial))?;
    }
    let manifest = manifest_of(&version, journal, &frozen, &partial);
    manifest.write(store.directory())?;
    frozen.values().for_each(|(segment, _)| segment.set_temporary(false));
    partial.values().for_each(|(_, segment)| segment.set_temporary(false));
    store.replace_groups(&|version| with_frozen(version, &frozen));
    let segments = manifest.segments();
    let live = store.head.lock().segments();
    for name in state.manifest_segments.difference(&segments).filter(|name| !live.contains(*name)) {
        store.segments().remove(name)?;
    }
    *state = CheckpointState { hot_files: partial, manifest_segments: segments };
    store.journal.remove_before(journal)
}

/// Writes a table's rows in memory to segments.
fn write_table(
    store: &Arc<Store>,
    table: TableId,
    version: &TableVersion,
    old: &HotFiles,
    (frozen, partial): (&mut Written, &mut HotFiles),
) -> Result<()> {
    let mut settled = SegmentsWriter::new(Arc::clone(store), table, Arc::clone(&version.columns));
    let mut ids = Vec::new();
    for (position, group) in version.groups.iter().enumerate() {
        let GroupData::Hot(hot) = &group.data else { continue };
        if hot.is_full() || position + 1 < version.groups.len() {
            settled.write_group(&lanes_of(hot, version)?)?;
            ids.push(group.id);
        } else if let Some((_, segment)) = old.get(&table).filter(|(old, _)| Arc::ptr_eq(old, hot)) {
            partial.insert(table, (Arc::clone(hot), Arc::clone(segment)));
        } else {
            let mut writer = SegmentsWriter::new(Arc::clone(store), table, Arc::clone(&version.columns));
            writer.write_group(&lanes_of(hot, version)?)?;
            if let Some(segment) = writer.finish()?.pop() {
                partial.insert(table, (Arc::clone(hot), segment));
            }
        }
    }
    let segments = settled.finish()?;
    let places = segments
        .iter()
        .flat_map(|segment| (0..segment.group_count()).map(move |index| (Arc::clone(segment), index)));
    frozen.extend(ids.into_iter().map(|id| (table, id)).zip(places));
    Ok(())
}

fn lanes_of(hot: &HotGroup, version: &TableVersion) -> Result<Vec<(Values, Option<Bitmap>)>> {
    let lanes_of_column = |(index, column)| {
        let mut builder = ColumnBuilder::new(column, hot.len());
        for vector_index in 0..hot.len().div_ceil(VECTOR_LANES) {
            let vector = hot.vector(index, vector_index);
            builder.append(vector, 0, vector.len())?;
        }
        Ok(builder.finish())
    };
    version.columns.iter().enumerate().map(lanes_of_column).collect()
}

fn manifest_of(version: &StoreVersion, journal: u64, frozen: &Written, partial: &HotFiles) -> Manifest {
    let group_of = |table: TableId, group: &Group| {
        let (segment, index, hot) = match &group.data {
            GroupData::Frozen { segment, index } => (segment.name.clone(), *index, false),
            GroupData::Hot(_) => match frozen.get(&(table, group.id)) {
                Some((segment, index)) => (segment.name.clone(), *index, false),
                None => (partial.get(&table)?.1.name.clone(), 0, true),
            },
        };
        let deleted = group.deleted.as_ref().map(|deleted| deleted.words.clone());
        Some(ManifestGroup { id: group.id, segment, index: index as u32, hot, deleted })
    };
    let tables = version
        .tables
        .iter()
        .map(|(&table, version)| {
            let groups: Vec<_> = version.groups.iter().filter_map(|group| group_of(table, group)).collect();
            assert_eq!(groups.len(), version.groups.len(), "a row group was not written");
            ManifestTable {
                table,
                columns: version.columns.to_vec(),
                key: version.key.as_ref().map(|key| key.iter().map(|&column| column as u32).collect()),
                next_group: version.next_group,
                changed_at: version.changed_at,
                groups,
            }
        })
        .collect();
    Manifest {
        commit: version.commit,
        journal,
        catalog: version.catalog.to_vec(),
        catalog_commit: version.catalog_commit,
        tables,
    }
}

/// Returns `version` with written row groups in place of those in memory.
fn with_frozen(version: &StoreVersion, frozen: &Written) -> StoreVersion {
    let mut next = version.clone();
    for (&table, table_version) in &mut next.tables {
        let mut groups = table_version.groups.clone();
        let mut changed = false;
        for group in &mut groups {
            if let (GroupData::Hot(_), Some((segment, index))) = (&group.data, frozen.get(&(table, group.id)))
            {
                group.data = GroupData::Frozen { segment: Arc::clone(segment), index: *index };
                changed = true;
            }
        }
        if changed {
            *table_version = Arc::new(TableVersion { groups, ..TableVersion::clone(table_version) });
        }
    }
    next
}
