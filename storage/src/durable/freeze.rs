//! Freezing: full row groups in memory go into segments, under their numbers.
//!
//! Checkpoints freeze those that have settled. When rows in memory take more than they may
//! ([`crate::StoreOptions::hot_bytes_max`]), those that change least are frozen whatever changes in them, so that what is
//! in memory stays bounded under a load that changes everything all the time. Places of rows that are dead or free stay
//! behind in the segment, as dead ones; compaction removes them when they are many.

use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES, Values};

use super::checkpoint::CheckpointState;
use crate::builder::ColumnBuilder;
use crate::bulk::SegmentsWriter;
use crate::error::Result;
use crate::heap::Heap;
use crate::heap::group::{Form, Group};
use crate::segment::Segment;
use crate::store::Store;
use crate::table::{ROW_GROUP_ROWS, RowId, TableId};
use crate::version::TableVersion;

/// A tuning constant: a row group with more changes than this since the last checkpoint stays in memory.
const CHANGES_MAX: u64 = 1024;
/// A tuning constant: a row group with more dead rows than this stays in memory, where their places are used again.
const DEAD_ROWS_MAX: usize = ROW_GROUP_ROWS / 8;
/// Tuning constants: when there is too much in memory, it is frozen until it is this share of what may be there; and how
/// many row groups of a table at a time.
const EXCESS_KEPT: (usize, usize) = (3, 4);
const EXCESS_GROUPS: usize = 4;

/// Freezes a table's row groups that have settled.
pub(super) fn freeze_table(
    store: &Arc<Store>,
    table: TableId,
    version: &TableVersion,
    everything: bool,
    state: &mut CheckpointState,
) -> Result<()> {
    let heap = &version.heap;
    let mut settled = Vec::new();
    for group in heap.groups().iter() {
        let changes = group.take_changes();
        if !group.is_hot() || !group.is_full() {
            continue;
        }
        let dead = ROW_GROUP_ROWS - group.live_rows(ROW_GROUP_ROWS);
        if everything || (changes <= CHANGES_MAX && dead <= DEAD_ROWS_MAX) {
            settled.push(Arc::clone(group));
        }
    }
    freeze_groups(store, table, version, settled, state)
}

/// Freezes full row groups, those that change least first, until rows in memory take clearly less than `bytes_max`.
pub(crate) fn freeze_excess(store: &Arc<Store>, bytes_max: usize) -> Result<()> {
    let mut state = store.checkpoint_state.lock();
    unindex(store, &mut state);
    let version = store.published_version();
    let mut hot = 0;
    let mut full = Vec::new();
    for (&table, version) in &version.tables {
        for group in version.heap.groups().iter().filter(|group| group.is_hot()) {
            let bytes = group.row_bytes();
            hot += bytes;
            if group.is_full() {
                full.push((group.changes(), bytes, table, version, Arc::clone(group)));
            }
        }
    }
    if hot <= bytes_max {
        return Ok(());
    }
    full.sort_by_key(|(changes, ..)| *changes);
    let kept = bytes_max / EXCESS_KEPT.1 * EXCESS_KEPT.0;
    let mut full = full.into_iter().peekable();
    while hot > kept
        && let Some((_, bytes, table, version, group)) = full.next()
    {
        hot -= bytes;
        let mut groups = vec![group];
        while hot > kept
            && groups.len() < EXCESS_GROUPS
            && let Some((_, bytes, .., group)) = full.next_if(|(_, _, of, ..)| *of == table)
        {
            hot -= bytes;
            groups.push(group);
        }
        groups.sort_by_key(|group| group.id);
        freeze_groups(store, table, version, groups, &mut state)?;
    }
    Ok(())
}

/// Freezes full row groups, unless rows are still being inserted.
fn freeze_groups(
    store: &Arc<Store>,
    table: TableId,
    version: &TableVersion,
    groups: Vec<Arc<Group>>,
    state: &mut CheckpointState,
) -> Result<()> {
    let heap = &version.heap;
    let mut settled = Vec::new();
    for group in groups {
        heap.retire_places(&group);
        if group.has_begun() {
            settled.push(group);
        } else {
            heap.reopen_places(&group);
        }
    }
    if settled.is_empty() {
        return Ok(());
    }
    let segments = match write_groups(store, table, version, &settled) {
        Ok(segments) => segments,
        Err(error) => {
            settled.iter().for_each(|group| heap.reopen_places(group));
            return Err(error);
        }
    };
    let places =
        segments.iter().flat_map(|segment| (0..segment.group_count()).map(move |index| (segment, index)));
    for (group, (segment, position)) in settled.iter().zip(places) {
        // Made here, so that nobody who looks for a key has to; if that fails, it is for those to say who need it.
        for index in heap.indexes().iter() {
            let _ = group.directories.get(&index.definition, heap.columns(), segment, position);
        }
        group.freeze(segment, position);
    }
    heap.move_to_directories(&settled);
    for group in settled {
        state.unindexed.push((store.published_commit(), Arc::clone(heap), group));
    }
    Ok(())
}

/// Writes row groups in memory to segments.
fn write_groups(
    store: &Arc<Store>,
    table: TableId,
    version: &TableVersion,
    groups: &[Arc<Group>],
) -> Result<Vec<Arc<Segment>>> {
    let mut writer = SegmentsWriter::new(Arc::clone(store), table, Arc::clone(version.columns()));
    for group in groups {
        writer.write_group(&lanes_of(&version.heap, group)?)?;
    }
    writer.finish()
}

/// Returns the values of all rows of a row group in memory.
fn lanes_of(heap: &Heap, group: &Group) -> Result<Vec<(Values, Option<Bitmap>)>> {
    let lanes_of_column = |(column, definition)| {
        let mut builder = ColumnBuilder::new(definition, ROW_GROUP_ROWS);
        for vector_index in 0..ROW_GROUP_ROWS / VECTOR_LANES {
            let page = group.page(vector_index).read();
            let vector = page.build_column(&heap.layout, definition, column, 0..VECTOR_LANES)?;
            builder.append(&vector, 0, vector.len())?;
        }
        Ok(builder.finish())
    };
    let mut lanes = heap.columns().iter().enumerate().map(lanes_of_column).collect::<Result<Vec<_>>>()?;
    let mut origins: Vec<i32> = Vec::with_capacity(ROW_GROUP_ROWS);
    for vector_index in 0..ROW_GROUP_ROWS / VECTOR_LANES {
        let page = group.page(vector_index).read();
        let origin = |lane| page.row(lane).map_or(0, |row| heap.layout.origin(row) as i32);
        origins.extend((0..VECTOR_LANES).map(origin));
    }
    lanes.push((Values::I32(origins.into()), None));
    Ok(lanes)
}

/// Removes entries of frozen row groups from the trees of indexes, once nobody relies on them.
pub(super) fn unindex(store: &Arc<Store>, state: &mut CheckpointState) {
    let horizon = store.horizon();
    let (ready, waiting) =
        std::mem::take(&mut state.unindexed).into_iter().partition(|(commit, ..)| *commit < horizon);
    state.unindexed = waiting;
    let ready: Vec<(u64, Arc<Heap>, Arc<Group>)> = ready;
    ready.iter().for_each(|(_, heap, group)| unindex_group(heap, group));
}

/// Removes a frozen row group's entries from the trees of indexes.
pub(crate) fn unindex_group(heap: &Heap, group: &Group) {
    let Form::Frozen { segment, index: position } = group.form() else { return };
    if !group.is_in_trees() {
        return;
    }
    for index in heap.indexes().iter() {
        // Cursors pass over what cannot be removed because the segment is damaged.
        let Ok(directory) = group.directories.get(&index.definition, heap.columns(), &segment, position)
        else {
            return;
        };
        for (key, lane) in directory.entries() {
            index.remove(key, RowId::new(group.id, usize::from(lane)));
        }
    }
    group.leave_trees();
}
