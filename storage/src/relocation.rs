//! Compaction of row groups in segments while others read and change the table.
//!
//! Under a load that never ends there is no moment at which nobody is at a table and nothing has changed since the oldest
//! snapshot, which is what [`crate::compaction`] waits for. What can be had is a moment without writers:
//!
//! 1. Row groups in segments are chosen that have lost half of their rows, all of which began before every snapshot.
//! 2. All rows of them that any snapshot may see are written to new segments, without locks; the directories of the new row
//!    groups are made.
//! 3. The table is locked EXCLUSIVE, for which writers are waited for a moment, again and again; readers go on. Ends
//!    that rows have got since the oldest snapshot are copied to their new places, so that every snapshot sees the same
//!    rows in the new row groups as in the old ones. The other rows are ended with the new ones as their newer versions, for
//!    those who still hold their identifiers, and the row groups change places in the list. That is journaled as a commit.
//! 4. The old row groups stay around until the oldest snapshot is newer.
//!
//! Transactions at SERIALIZABLE know what they have read by identifiers, so nothing moves while there are any. The next
//! checkpoint gives the space of files back that no row group is left in.

use std::sync::Arc;
use std::time::Duration;

use crate::compaction::{commit, write_rows};
use crate::durable::record::{GroupRecord, TableRecord};
use crate::error::{Result, StorageError};
use crate::heap::Heap;
use crate::heap::group::{Form, Group};
use crate::heap::page::PageState;
use crate::locks::{Acquired, LockTag, TableLockMode};
use crate::mvcc::snapshot::Snapshot;
use crate::mvcc::stamp::{ALWAYS, NEVER, in_flight};
use crate::scan::TableScan;
use crate::segment::Segment;
use crate::store::Store;
use crate::table::{ROW_GROUP_ROWS, RowId};
use crate::transaction::Transaction;

/// Tuning constants: a segment or a row group of it is worth it when one in so many of its rows is left at most; rows that
/// are moved at a time; row groups that have to become fewer, or how full one has to become if it is one that goes.
const LIVE_SHARE: usize = 2;
const ROWS_MAX: usize = 2 * ROW_GROUP_ROWS;
const GROUPS_FEWER_MIN: usize = 2;
const ROWS_MIN: usize = ROW_GROUP_ROWS / 4 * 3;

/// Tuning constants: how long writers are waited for at a time (others wait behind), how often, and the pause between.
const LOCK_WAIT: Duration = Duration::from_millis(15);
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A row, and where it will be.
#[derive(Debug, Clone, Copy)]
struct Moved {
    row: RowId,
    to: RowId,
}

/// A row that has ended since the oldest snapshot: its new place, and what is to be copied there.
struct Ended {
    to: RowId,
    end: u64,
    newer: Option<RowId>,
    key_kept: bool,
}

/// Moves the rows of some row groups that are mostly dead. Returns whether something was done, and there may be more to do.
/// The caller keeps checkpoints away.
pub(crate) fn relocate(store: &Arc<Store>, mut transaction: Transaction, heap: &Arc<Heap>) -> Result<bool> {
    let horizon = store.horizon();
    let chosen = choose(heap, horizon);
    if chosen.is_empty() || !store.serializable().is_idle() {
        return Ok(false);
    }
    // Where somebody writes for a long time it is not worth while to begin.
    let savepoint = transaction.savepoint();
    let mode = TableLockMode::Exclusive;
    if transaction.lock_table_within(heap.table, mode, LOCK_WAIT)? == Acquired::No {
        return Ok(false);
    }
    transaction.rollback_to(&savepoint);
    // What any snapshot sees, that of the horizon does. Nobody need hold it: rows in segments stay where they are.
    transaction.release_snapshot();
    let snapshot = Snapshot { commit: horizon, ..transaction.snapshot() };
    let (segments, rows) = write_rows(store, &TableScan::new(heap, snapshot), heap, &chosen)?;
    let (new, moved) = new_groups(heap, &segments, rows)?;
    for group in &new {
        let Some((segment, position)) = group.segment() else { continue };
        for index in heap.indexes().iter() {
            group.directories.get(&index.definition, heap.columns(), segment, position)?;
        }
    }
    for attempt in 0..LOCK_ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(LOCK_PAUSE);
        }
        if transaction.lock_table_within(heap.table, mode, LOCK_WAIT)? != Acquired::No {
            return exchange(store, transaction, heap, &chosen, &segments, &new, &moved);
        }
    }
    Ok(false)
}

/// Returns row groups that are mostly dead, if it is worth while to move what is left of them.
fn choose(heap: &Heap, horizon: u64) -> Vec<Arc<Group>> {
    let groups = heap.groups();
    let mut chosen: Vec<Arc<Group>> = Vec::new();
    let mut left = 0;
    for run in groups.chunk_by(|one, other| same_segment(one, other)) {
        let Some((segment, _)) = run.first().and_then(|group| group.segment()) else { continue };
        if segment.check().is_err() {
            continue;
        }
        // What an old snapshot sees moves, too, and is not worth moving twice.
        let live: Vec<usize> = run.iter().map(|group| group.kept_rows(horizon)).collect();
        let places: usize = (0..segment.group_count()).map(|group| segment.rows(group)).sum();
        let of_segment = live.iter().sum::<usize>() * LIVE_SHARE <= places;
        for (group, live) in run.iter().zip(live) {
            let is_sparse = live * LIVE_SHARE <= ROW_GROUP_ROWS || of_segment;
            let is_settled = !group.is_in_trees() && group.is_in_directories() && group.has_begun_by(horizon);
            if is_sparse && is_settled && left < ROWS_MAX {
                left += live;
                chosen.push(Arc::clone(group));
            }
        }
    }
    let fewer = chosen.len().saturating_sub(left.div_ceil(ROW_GROUP_ROWS));
    let is_worth_it = fewer >= GROUPS_FEWER_MIN || fewer > 0 && left >= ROWS_MIN;
    if is_worth_it { chosen } else { Vec::new() }
}

fn same_segment(one: &Group, other: &Group) -> bool {
    match (one.segment(), other.segment()) {
        (Some((one, _)), Some((other, _))) => Arc::ptr_eq(one, other),
        (Some(_), None) | (None, Some(_) | None) => false,
    }
}

/// Returns row groups for what was written, which are not in the list yet, and which row is where.
fn new_groups(
    heap: &Heap,
    segments: &[Arc<Segment>],
    rows: Vec<RowId>,
) -> Result<(Vec<Arc<Group>>, Vec<Moved>)> {
    let (mut new, mut moved) = (Vec::new(), Vec::with_capacity(rows.len()));
    let mut left = rows.into_iter();
    for segment in segments {
        for index in 0..segment.group_count() {
            let (id, count) = (heap.take_group_number(), segment.rows(index));
            let places = left.by_ref().take(count).enumerate();
            moved.extend(places.map(|(lane, row)| Moved { row, to: RowId::new(id, lane) }));
            new.push(Arc::new(Group::frozen(id, segment, index, count, ALWAYS)));
        }
    }
    if left.next().is_some() || moved.len() != new.iter().map(|group| group.len()).sum::<usize>() {
        return Err(StorageError::Misuse("compaction has lost rows".to_owned()));
    }
    Ok((new, moved))
}

/// Puts the new row groups in the place of the old ones. Nobody writes to the table.
fn exchange(
    store: &Arc<Store>,
    mut transaction: Transaction,
    heap: &Arc<Heap>,
    old: &[Arc<Group>],
    segments: &[Arc<Segment>],
    new: &[Arc<Group>],
    moved: &[Moved],
) -> Result<bool> {
    let is_of_row =
        |tag: &LockTag| matches!(tag, LockTag::Row(of, _) | LockTag::Turn(of, _) if *of == heap.id);
    let locked = store.list_locks().iter().any(|lock| is_of_row(&lock.tag));
    let listed = |group: &Arc<Group>| heap.listed_group(group.id).is_some_and(|now| Arc::ptr_eq(&now, group));
    if locked || !old.iter().all(listed) || !old.iter().all(|group| group.is_at_rest()) {
        return Ok(false);
    }
    let (live, ended) = split(heap, moved);
    if live.len() != old.iter().map(|group| group.live_rows(group.len())).sum::<usize>() {
        return Ok(false);
    }
    let record = record_of(old, new, &ended);
    copy_ends(new, &ended);
    let stamp = in_flight(transaction.own_xid().xid, 0);
    each_page(heap, &live, |page, moved| {
        page.set_end(moved.row.lane() % PAGE, stamp);
        page.set_newer(moved.row.lane() % PAGE, Some(moved.to));
        page.set_key_kept(moved.row.lane() % PAGE, true);
    });
    heap.retire(NEVER, old);
    heap.exchange_groups(old, new);
    // Whoever begins from here on finds the new row groups.
    let is_tracked = |(table, row, _): &(_, Option<RowId>, i32)| *table == heap.table && row.is_some();
    let tracked = !store.serializable().is_idle() || store.serializable().list().iter().any(is_tracked);
    let outcome = if tracked {
        Ok(None)
    } else {
        match commit(store, &mut transaction, heap, record, segments) {
            // The table is being dropped or has another heap.
            Err(StorageError::WriteConflict { .. }) => Ok(None),
            outcome => outcome.map(Some),
        }
    };
    if let Ok(Some(commit)) = outcome {
        each_page(heap, &live, |page, moved| page.set_end(moved.row.lane() % PAGE, commit));
        heap.retire(commit, old);
    } else {
        heap.exchange_groups(new, old);
        heap.unretire(old);
        each_page(heap, &live, |page, moved| {
            page.set_end(moved.row.lane() % PAGE, NEVER);
            page.set_newer(moved.row.lane() % PAGE, None);
            page.set_key_kept(moved.row.lane() % PAGE, false);
        });
    }
    let committed = matches!(outcome, Ok(Some(_)));
    transaction.end_compaction(committed);
    heap.complete_maps();
    outcome.map(|commit| commit.is_some())
}

const PAGE: usize = kernels::vector::VECTOR_LANES;

/// Returns the rows that are there, and those that have ended.
fn split(heap: &Heap, moved: &[Moved]) -> (Vec<Moved>, Vec<Ended>) {
    let (mut live, mut ended) = (Vec::with_capacity(moved.len()), Vec::new());
    each_page(heap, moved, |page, &moved| {
        let lane = moved.row.lane() % PAGE;
        match page.end(lane) {
            NEVER => live.push(moved),
            end => {
                let (newer, key_kept) = (page.newer(lane), page.is_key_kept(lane));
                ended.push(Ended { to: moved.to, end, newer, key_kept });
            }
        }
    });
    (live, ended)
}

/// Ends rows at their new places as they have ended at the old ones.
fn copy_ends(new: &[Arc<Group>], ended: &[Ended]) {
    for group in new {
        for ended in ended.iter().filter(|ended| ended.to.group() == group.id) {
            let (page, lane) = group.page_of(ended.to.lane());
            let mut page = page.write();
            page.set_end(lane, ended.end);
            page.set_newer(lane, ended.newer);
            page.set_key_kept(lane, ended.key_kept);
        }
    }
}

fn record_of(old: &[Arc<Group>], new: &[Arc<Group>], ended: &[Ended]) -> TableRecord {
    let mut record =
        TableRecord { removed: old.iter().map(|group| group.id).collect(), ..TableRecord::default() };
    for group in new {
        let Form::Frozen { segment, index } = group.form() else { continue };
        let dead = ended.iter().filter(|ended| ended.to.group() == group.id);
        record.groups.push(GroupRecord {
            id: group.id,
            segment: segment.name.clone(),
            index: index as u32,
            rows: group.len() as u32,
            checksum: segment.checksum,
            dead: dead.map(|ended| ended.to.lane() as u16).collect(),
        });
    }
    record
}

/// Calls `each` with every row and its page, whose lock is taken once for rows that follow each other.
fn each_page(heap: &Heap, moved: &[Moved], mut each: impl FnMut(&mut PageState, &Moved)) {
    for rows in moved.chunk_by(|one, other| one.row.vector() == other.row.vector()) {
        let Some(first) = rows.first() else { continue };
        let Some(group) = heap.group(first.row.group()) else { continue };
        let mut page = group.page_of(first.row.lane()).0.write();
        rows.iter().for_each(|moved| each(&mut page, moved));
    }
}
