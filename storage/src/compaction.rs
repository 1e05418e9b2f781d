//! Compaction: row groups with many dead rows are written again without them, and so are those in memory that are to
//! go into segments although they are not full.
//!
//! 1. When nobody has changed a table since the oldest snapshot, its dead rows are dead for everybody. Row groups with
//!    many of them are chosen; those without any other rows just go.
//! 2. Their other rows are written to new segments, without locks.
//! 3. With the table locked against everybody, if that is to be had without waiting and nothing has changed, the rows
//!    are ended with the new ones as their newer versions, and the row groups change places in the list: a snapshot sees
//!    one or the other, and they hold the same. That is journaled as a commit.
//! 4. The old row groups stay around for those who hold identifiers of their rows, until the oldest snapshot is newer.
//!
//! The next checkpoint gives the space of the old files back. When a table is in use all the time, [`crate::relocation`]
//! does what can be done then.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::bulk::SegmentsWriter;
use crate::disk::guard;
use crate::durable::freeze::unindex_group;
use crate::durable::record::{CommitRecord, GroupRecord, TableRecord};
use crate::error::{Result, StorageError};
use crate::heap::group::{Form, Group};
use crate::heap::{EndAttempt, Heap};
use crate::index::build::unfill_group;
use crate::locks::{Acquired, RowLockMode, TableLockMode};
use crate::mvcc::stamp::{ALWAYS, NEVER};
use crate::relocation::relocate;
use crate::scan::{TableScan, positions};
use crate::segment::Segment;
use crate::store::{Commit, Store};
use crate::table::{ROW_GROUP_ROWS, RowId, SEGMENT_ROW_GROUPS, TableId};
use crate::transaction::{Transaction, WaitPolicy};
use crate::version::Changes;

/// How much is dead before rows are moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thresholds {
    /// Of a row group's rows, one in so many.
    pub(crate) group: usize,
    /// Of a segment's rows, one in so many.
    pub(crate) segment: usize,
    /// Whether row groups in memory are moved, too.
    pub(crate) memory: bool,
    /// Whether the table is in use, so that only what can be done beside that is.
    pub(crate) beside: bool,
}

/// Tuning constants: with fewer places than this row groups in memory stay as they are, and with as many live rows they
/// are moved even if none is dead.
const MEMORY_PLACES_MIN: usize = 2048;
const MEMORY_ROWS_MIN: usize = 8192;

/// A row of a chosen row group, and where it will be.
struct Moved {
    row: RowId,
    to: RowId,
}

/// Compacts some row groups of a table. Returns whether something was done, and there may be more to do.
pub(crate) fn compact(store: &Arc<Store>, table: TableId, thresholds: Thresholds) -> Result<bool> {
    // No checkpoint meanwhile.
    let _state = store.checkpoint_state.lock();
    let mut transaction = store.begin();
    let heap = match transaction.table(table) {
        Ok(version) => Arc::clone(&version.heap),
        // What is dropped or damaged is left alone.
        Err(_) => return Ok(false),
    };
    let changed_at = heap.changed_at.load(Ordering::Relaxed);
    let horizon = store.horizon();
    heap.forget_retired(horizon);
    remove_dead(store, &heap, horizon)?;
    if thresholds.beside || changed_at > horizon || !is_alone(&mut transaction, table)? {
        return relocate(store, transaction, &heap);
    }
    let chosen = choose(&heap, thresholds);
    if chosen.is_empty() {
        return Ok(false);
    }
    let scan = TableScan::new(&heap, transaction.snapshot());
    let (segments, rows) = write_rows(store, &scan, &heap, &chosen)?;
    let locked = transaction.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::NoWait)?;
    let unchanged = heap.changed_at.load(Ordering::Relaxed) == changed_at && changed_at <= store.horizon();
    // What a transaction at SERIALIZABLE has read is known by the old identifiers.
    let read = store.serializable().list().iter().any(|(read, row, _)| *read == table && row.is_some());
    // Nobody has rows there in flight; if somebody had all the same, they would be left behind.
    let live: usize = chosen.iter().map(|group| group.live_rows(group.len())).sum();
    if locked == Acquired::No || !unchanged || read || live != rows.len() {
        return Ok(false);
    }
    move_rows(store, transaction, &heap, &chosen, &segments, rows)
}

/// Returns whether nobody is at a table now, so that it is worth while to begin.
fn is_alone(transaction: &mut Transaction, table: TableId) -> Result<bool> {
    let savepoint = transaction.savepoint();
    let locked = transaction.lock_table(table, TableLockMode::AccessExclusive, WaitPolicy::NoWait)?;
    transaction.rollback_to(&savepoint);
    Ok(locked != Acquired::No)
}

/// Returns row groups that have lost enough rows.
fn choose(heap: &Heap, thresholds: Thresholds) -> Vec<Arc<Group>> {
    let groups = heap.groups();
    let mut chosen: Vec<Arc<Group>> = Vec::new();
    let mut from = 0;
    while from < groups.len() && chosen.len() < SEGMENT_ROW_GROUPS {
        let Form::Frozen { segment, .. } = groups[from].form() else {
            from += 1;
            continue;
        };
        let same = |group: &&Arc<Group>| matches!(group.form(), Form::Frozen { segment: other, .. } if Arc::ptr_eq(&segment, &other));
        let run: Vec<&Arc<Group>> = groups[from..].iter().take_while(same).collect();
        from += run.len();
        if segment.check().is_err() {
            continue;
        }
        let live = |group: &Arc<Group>| group.live_rows(group.len());
        let total: usize = (0..segment.group_count()).map(|group| segment.rows(group)).sum();
        let dead = total - run.iter().map(|group| live(group)).sum::<usize>().min(total);
        let is_chosen = |group: &&&Arc<Group>| {
            let (rows, live) = (group.len(), live(group));
            dead * thresholds.segment > total
                || (rows - live.min(rows)) * thresholds.group > rows
                || live == 0
        };
        chosen.extend(run.iter().filter(is_chosen).map(|group| Arc::clone(group)));
    }
    choose_in_memory(&groups, thresholds, &mut chosen);
    chosen
}

/// Adds row groups in memory, when there are enough rows or many dead ones, and small frozen ones before them, so
/// that what grows little by little does not end up in many small files.
fn choose_in_memory(groups: &[Arc<Group>], thresholds: Thresholds, chosen: &mut Vec<Arc<Group>>) {
    if !thresholds.memory || chosen.len() >= SEGMENT_ROW_GROUPS {
        return;
    }
    let hot: Vec<&Arc<Group>> = groups.iter().filter(|group| group.is_hot()).collect();
    let places: usize = hot.iter().map(|group| group.len()).sum();
    let mut live: usize = hot.iter().map(|group| group.live_rows(group.len())).sum();
    let many_dead = places >= MEMORY_PLACES_MIN && (places - live.min(places)) * thresholds.group > places;
    if !many_dead && live < MEMORY_ROWS_MIN {
        return;
    }
    let is_small = |group: &&&Arc<Group>, live: usize| {
        let Form::Frozen { segment, .. } = group.form() else { return false };
        segment.group_count() == 1 && group.len() < ROW_GROUP_ROWS && group.len() <= 2 * live
    };
    chosen.extend(hot.into_iter().cloned());
    for group in groups.iter().rev().filter(|group| !group.is_hot()) {
        if !is_small(&&group, live) || chosen.iter().any(|chosen| chosen.id == group.id) {
            break;
        }
        live += group.len();
        chosen.push(Arc::clone(group));
    }
    chosen.sort_by_key(|group| group.id);
    chosen.truncate(SEGMENT_ROW_GROUPS);
}

/// Removes frozen row groups all of whose rows ended before every snapshot: nobody has to be kept away for that.
fn remove_dead(store: &Arc<Store>, heap: &Arc<Heap>, horizon: u64) -> Result<()> {
    let groups = heap.groups();
    let is_dead = |group: &&Arc<Group>| !group.is_hot() && group.is_over(horizon);
    let dead: Vec<Arc<Group>> = groups.iter().filter(is_dead).cloned().collect();
    if dead.is_empty() {
        return Ok(());
    }
    let removed = dead.iter().map(|group| group.id).collect();
    let mut payload = vec![0; CommitRecord::NUMBER_BYTES];
    let record = TableRecord { removed, ..TableRecord::default() };
    CommitRecord { xid: 0, tables: vec![(heap.table, record)], catalog: None }.write(&mut payload)?;
    let changes = Changes::default();
    let commit = Commit {
        payload,
        changes: &changes,
        added: &[],
        xid: None,
        asynchronous: false,
        validate: &|| Ok(()),
        prepared: None,
    };
    let commit = match store.commit(commit, std::iter::once(heap)) {
        // The table is being dropped or has another heap.
        Err(StorageError::WriteConflict { .. }) => return Ok(()),
        commit => commit?,
    };
    dead.iter().for_each(|group| unindex_group(heap, group));
    heap.retire(commit, &dead);
    heap.exchange_groups(&dead, &[]);
    Ok(())
}

/// Writes the rows that are there to new segments; returns them, and which rows these are in order.
pub(crate) fn write_rows(
    store: &Arc<Store>,
    scan: &TableScan,
    heap: &Arc<Heap>,
    chosen: &[Arc<Group>],
) -> Result<(Vec<Arc<Segment>>, Vec<RowId>)> {
    let losses = guard::losses();
    let mut writer = SegmentsWriter::new(Arc::clone(store), heap.table, Arc::clone(heap.columns()));
    let mut rows = Vec::new();
    for group in chosen {
        let Some(group) = scan.row_group_of(RowId::new(group.id, 0)) else { continue };
        for vector_index in 0..group.vector_count() {
            let lanes = group.lanes(vector_index);
            let live: Vec<u16> = match group.visible(vector_index) {
                None => (0..lanes as u16).collect(),
                Some(visible) => positions(&visible),
            };
            if live.is_empty() {
                continue;
            }
            let vectors: Result<Vec<_>> = (0..heap.columns().len())
                .map(|column| group.vector_at(column, vector_index, &live))
                .collect();
            let origins = group.origins(vector_index, &live)?;
            writer.append(&vectors?, &origins)?;
            rows.extend(live.iter().map(|lane| group.row_id(vector_index, usize::from(*lane))));
        }
    }
    writer.flush_group()?;
    let segments = writer.finish()?;
    guard::check_losses(losses)?;
    Ok((segments, rows))
}

/// Exchanges the row groups, and commits that.
fn move_rows(
    store: &Arc<Store>,
    mut transaction: Transaction,
    heap: &Arc<Heap>,
    old: &[Arc<Group>],
    segments: &[Arc<Segment>],
    rows: Vec<RowId>,
) -> Result<bool> {
    let mut record =
        TableRecord { removed: old.iter().map(|group| group.id).collect(), ..TableRecord::default() };
    let mut new: Vec<Arc<Group>> = Vec::new();
    let mut left = rows.into_iter();
    let mut moved = Vec::new();
    for segment in segments {
        for index in 0..segment.group_count() {
            let (id, count) = (heap.take_group_number(), segment.rows(index));
            moved.extend(
                left.by_ref()
                    .take(count)
                    .enumerate()
                    .map(|(lane, row)| Moved { row, to: RowId::new(id, lane) }),
            );
            new.push(Arc::new(Group::frozen(id, segment, index, count, ALWAYS)));
            record.groups.push(GroupRecord {
                id,
                segment: segment.name.clone(),
                index: index as u32,
                rows: count as u32,
                checksum: segment.checksum,
                dead: Vec::new(),
            });
        }
    }
    if left.next().is_some() || moved.len() != new.iter().map(|group| group.len()).sum::<usize>() {
        return Err(StorageError::Misuse("compaction has lost rows".to_owned()));
    }
    let stamp = transaction.own_xid().xid;
    let mut ended = 0;
    for Moved { row, to } in &moved {
        // Nobody has a row locked, since nobody else has the table; marks of locks that were may still be there.
        let attempt = heap.try_end(*row, (stamp, 0), RowLockMode::NoKeyUpdate, false, store.xids());
        if attempt != EndAttempt::Ended {
            break;
        }
        heap.set_newer(*row, *to, stamp);
        ended += 1;
    }
    let took_all = ended == moved.len();
    let mut outcome = Ok(false);
    if took_all {
        // The lock keeps everybody away whose cursor may be in a tree.
        old.iter().for_each(|group| unindex_group(heap, group));
        heap.retire(NEVER, old);
        heap.exchange_groups(old, &new);
        outcome = commit(store, &mut transaction, heap, record, segments).map(|commit| {
            moved.iter().for_each(|moved| heap.set_end(moved.row, commit));
            old.iter().for_each(|group| leave_memory(heap, group));
            heap.retire(commit, old);
            true
        });
        if outcome.is_err() {
            heap.exchange_groups(&new, old);
            heap.unretire(old);
        }
        heap.complete_maps();
    }
    if !matches!(outcome, Ok(true)) {
        moved.iter().take(ended).for_each(|moved| heap.unend(moved.row, stamp));
    }
    transaction.end_compaction(matches!(outcome, Ok(true)));
    outcome
}

/// Journals that row groups have changed places.
pub(crate) fn commit(
    store: &Arc<Store>,
    transaction: &mut Transaction,
    heap: &Arc<Heap>,
    record: TableRecord,
    segments: &[Arc<Segment>],
) -> Result<u64> {
    let mut payload = vec![0; CommitRecord::NUMBER_BYTES];
    let xid = Arc::clone(transaction.own_xid());
    CommitRecord { xid: xid.xid, tables: vec![(heap.table, record)], catalog: None }.write(&mut payload)?;
    let changes = Changes::default();
    let commit = Commit {
        payload,
        changes: &changes,
        added: segments,
        xid: Some(&xid),
        asynchronous: false,
        validate: &|| Ok(()),
        prepared: None,
    };
    store.commit(commit, std::iter::once(heap))
}

/// Takes a row group in memory out of the trees of indexes, and its places from those that are given away.
fn leave_memory(heap: &Heap, group: &Group) {
    if !group.is_hot() {
        return;
    }
    heap.retire_places(group);
    for index in heap.indexes().iter() {
        // A row that has no key has no entry.
        let _ = unfill_group(heap, group, index);
    }
}

impl Heap {
    /// Sets a row's end, whatever it was.
    fn set_end(&self, row: RowId, commit: u64) {
        debug_assert!(commit < NEVER);
        if let Some(group) = self.group(row.group()) {
            let (page, place) = group.page_of(row.lane());
            page.write().set_end(place, commit);
        }
    }
}
