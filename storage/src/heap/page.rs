//! Pages: the state of the 2,048 rows that make a vector. Whoever reads or changes a row's stamps holds its page's lock.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::builder::ColumnBuilder;
use crate::error::{Result, StorageError};
use crate::heap::rivals::Rival;
use crate::heap::row::RowLayout;
use crate::mvcc::snapshot::{Snapshot, View};
use crate::mvcc::stamp::{ALWAYS, IN_FLIGHT, NEVER, xid_of};
use crate::table::{ColumnDefinition, RowId};

/// No newer version.
const NONE: u64 = u64::MAX;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Whether the state says anything at all; most frozen pages are never touched.
    touched: AtomicBool,
    state: RwLock<PageState>,
}

/// What is under a page's lock.
#[derive(Debug, Default)]
pub(crate) struct PageState {
    /// Rows in memory; empty once they are frozen.
    rows: Vec<Option<Box<[u8]>>>,
    /// Their bytes.
    row_bytes: usize,
    /// Begin stamps; empty when all rows began with their row group.
    begin: Vec<u64>,
    /// Whether they are empty because all rows of a full page began before every snapshot.
    begun: bool,
    /// End stamps; empty when no row has ended.
    end: Vec<u64>,
    /// Bits of rows that ended before every snapshot and have no stamp any more; empty when there are none.
    dead: Vec<u64>,
    /// Newer versions of ended rows; empty when there are none.
    newer: Vec<u64>,
    /// Bits of rows that may be locked in the lock table; empty when there are none.
    locked: Vec<u64>,
    /// Bits of rows that were ended by an update that keeps their keys; empty when there are none.
    key_kept: Vec<u64>,
    /// Who has locked rows, or has failed to end them; empty when there is nobody.
    xmax: Vec<u32>,
    /// The newest commit among the begin stamps, how many of them are in flight, and how many places are free.
    newest_begin: u64,
    in_flight: usize,
    free: usize,
    /// Rows whose end stamp is not `NEVER`.
    ended: usize,
    /// Ends that do not count yet, of transactions that do not wait; empty when there are none.
    rivals: Vec<Rival>,
    /// Columns of a full or quiet page, as vectors.
    columns: Vec<Option<Vector>>,
    /// Whether nobody has placed a row for a while.
    quiet: bool,
    /// What everybody sees of the page from a commit on, until a stamp changes.
    seen: OnceLock<(u64, Bitmap)>,
}

/// What a page takes in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PageMemory {
    pub(crate) rows: usize,
    pub(crate) row_bytes: usize,
    pub(crate) stamp_bytes: usize,
    pub(crate) kept_vectors: usize,
    pub(crate) kept_bytes: usize,
}

impl Page {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, PageState> {
        self.state.read()
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, PageState> {
        self.touched.store(true, Ordering::Release);
        self.state.write()
    }

    /// Returns whether there is anything to look at.
    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Acquire)
    }
}

impl PageState {
    pub(crate) fn begin(&self, lane: usize) -> u64 {
        if self.begin.is_empty() { ALWAYS } else { self.begin.get(lane).copied().unwrap_or(NEVER) }
    }

    pub(crate) fn end(&self, lane: usize) -> u64 {
        if bit(&self.dead, lane) { ALWAYS } else { self.end.get(lane).copied().unwrap_or(NEVER) }
    }

    pub(crate) fn newer(&self, lane: usize) -> Option<RowId> {
        self.newer.get(lane).copied().filter(|&newer| newer != NONE).map(RowId)
    }

    pub(crate) fn row(&self, lane: usize) -> Option<&[u8]> {
        self.rows.get(lane)?.as_deref()
    }

    /// Changes what is kept beside a row's columns.
    pub(crate) fn change_row(&mut self, lane: usize, change: impl FnOnce(&mut [u8])) {
        if let Some(Some(row)) = self.rows.get_mut(lane) {
            change(row);
        }
    }

    /// Puts a row into a free place.
    pub(crate) fn place(&mut self, lane: usize, row: Box<[u8]>, begin: u64) {
        if self.rows.len() <= lane {
            self.rows.resize_with(lane + 1, || None);
        }
        self.row_bytes += row.len();
        let before = self.rows[lane].replace(row);
        self.row_bytes -= before.map_or(0, |before| before.len());
        self.columns = Vec::new();
        self.quiet = false;
        self.set_begin(lane, begin);
        if self.end(lane) != NEVER {
            self.set_end(lane, NEVER);
        }
        if let Some(newer) = self.newer.get_mut(lane) {
            *newer = NONE;
        }
        self.set_locked(lane, false);
        self.set_key_kept(lane, false);
        if let Some(xmax) = self.xmax.get_mut(lane) {
            *xmax = 0;
        }
    }

    /// Makes a place free.
    pub(crate) fn vacate(&mut self, lane: usize) {
        if let Some(row) = self.rows.get_mut(lane).and_then(Option::take) {
            self.row_bytes -= row.len();
        }
        self.columns = Vec::new();
        self.quiet = false;
        self.set_begin(lane, NEVER);
        if self.end(lane) != NEVER {
            self.set_end(lane, NEVER);
        }
    }

    pub(crate) fn set_begin(&mut self, lane: usize, stamp: u64) {
        self.seen = OnceLock::new();
        if self.begun {
            self.begin = vec![ALWAYS; VECTOR_LANES];
            self.begun = false;
        }
        if self.begin.len() <= lane {
            self.free += lane + 1 - self.begin.len();
            self.begin.resize(lane + 1, NEVER);
        }
        match std::mem::replace(&mut self.begin[lane], stamp) {
            NEVER => self.free -= 1,
            IN_FLIGHT.. => self.in_flight -= 1,
            ..NEVER => {}
        }
        match stamp {
            NEVER => self.free += 1,
            IN_FLIGHT.. => self.in_flight += 1,
            ..NEVER => self.newest_begin = self.newest_begin.max(stamp),
        }
    }

    /// Says that all rows of a page in a segment have begun, so that some can be given other begin stamps.
    pub(crate) fn note_begun(&mut self) {
        self.begun |= self.begin.is_empty();
    }

    pub(crate) fn set_end(&mut self, lane: usize, stamp: u64) {
        self.seen = OnceLock::new();
        if self.end.len() <= lane {
            self.end.resize(lane + 1, NEVER);
        }
        let before = if bit(&self.dead, lane) { ALWAYS } else { self.end[lane] };
        set_bit(&mut self.dead, lane, false);
        self.end[lane] = stamp;
        self.ended += usize::from(stamp != NEVER);
        self.ended -= usize::from(before != NEVER);
    }

    pub(crate) fn set_newer(&mut self, lane: usize, newer: Option<RowId>) {
        if newer.is_none() && self.newer.len() <= lane {
            return;
        }
        if self.newer.len() <= lane {
            self.newer.resize(lane + 1, NONE);
        }
        self.newer[lane] = newer.map_or(NONE, |newer| newer.0);
    }

    pub(crate) fn xmax(&self, lane: usize) -> u32 {
        self.xmax.get(lane).copied().unwrap_or(0)
    }

    pub(crate) fn set_xmax(&mut self, lane: usize, xmax: u32) {
        if self.xmax.len() <= lane {
            self.xmax.resize(lane + 1, 0);
        }
        self.xmax[lane] = xmax;
    }

    pub(crate) fn is_locked(&self, lane: usize) -> bool {
        bit(&self.locked, lane)
    }

    pub(crate) fn set_locked(&mut self, lane: usize, locked: bool) {
        set_bit(&mut self.locked, lane, locked);
    }

    pub(crate) fn is_key_kept(&self, lane: usize) -> bool {
        bit(&self.key_kept, lane)
    }

    pub(crate) fn set_key_kept(&mut self, lane: usize, kept: bool) {
        set_bit(&mut self.key_kept, lane, kept);
    }

    /// Returns the end that a transaction would make of a row, where another one's counts.
    pub(crate) fn rival(&self, lane: usize, xid: u64) -> Option<&Rival> {
        self.rivals.iter().find(|rival| rival.lane == lane && xid_of(rival.stamp) == xid)
    }

    pub(crate) fn rival_stamps(&self, lane: usize) -> impl Iterator<Item = u64> {
        self.rivals.iter().filter(move |rival| rival.lane == lane).map(|rival| rival.stamp)
    }

    pub(crate) fn add_rival(&mut self, rival: Rival) {
        self.seen = OnceLock::new();
        self.rivals.push(rival);
    }

    pub(crate) fn remove_rival(&mut self, lane: usize, xid: u64) -> Option<Rival> {
        let at = self.rivals.iter().position(|rival| rival.lane == lane && xid_of(rival.stamp) == xid)?;
        Some(self.rivals.swap_remove(at))
    }

    /// Returns whether a row has ended for a snapshot.
    pub(crate) fn has_ended(&self, lane: usize, snapshot: View<'_>) -> bool {
        snapshot.is_past(self.end(lane))
            || self.rivals.iter().any(|rival| rival.lane == lane && snapshot.is_past(rival.stamp))
    }

    /// Adds the stamps on the first `lanes` rows that stand for what a snapshot does not see.
    pub(crate) fn unseen(&self, snapshot: &Snapshot, lanes: usize, found: &mut BTreeSet<u64>) {
        let all_began = self.begin.is_empty() || self.in_flight == 0 && self.newest_begin <= snapshot.commit;
        if all_began && self.ended == 0 && self.rivals.is_empty() {
            return;
        }
        let rivals = self.rivals.iter().map(|rival| rival.stamp);
        found.extend(rivals.filter(|stamp| !snapshot.is_past(*stamp)));
        for lane in 0..lanes {
            let stamps = [self.begin(lane), self.end(lane)];
            found.extend(stamps.iter().filter(|stamp| **stamp != NEVER && !snapshot.is_past(**stamp)));
        }
    }

    /// Returns which of the first `lanes` rows a snapshot sees; `None` when all.
    pub(crate) fn visible(&self, snapshot: &Snapshot, lanes: usize) -> Option<Bitmap> {
        let all_began = self.begin.is_empty()
            || self.in_flight == 0
                && self.free == 0
                && self.newest_begin <= snapshot.commit
                && self.begin.len() >= lanes;
        if all_began && self.ended == 0 && self.rivals.is_empty() {
            return None;
        }
        if let Some((since, seen)) = self.seen.get()
            && *since <= snapshot.commit
            && seen.len() == lanes
        {
            return Some(seen.clone());
        }
        let seen = Bitmap::from_bools((0..lanes).map(|lane| {
            (all_began || snapshot.is_past(self.begin(lane))) && !self.has_ended(lane, snapshot.view())
        }));
        if let Some(since) = self.settled_since()
            && since <= snapshot.commit
        {
            let _ = self.seen.set((since, seen.clone()));
        }
        Some(seen)
    }

    /// Returns the commit from which on everybody sees the same rows; `None` when a stamp is in flight.
    fn settled_since(&self) -> Option<u64> {
        let newest_end = self.end.iter().copied().filter(|end| *end != NEVER).max().unwrap_or(0);
        let is_settled = self.in_flight == 0 && newest_end < IN_FLIGHT && self.rivals.is_empty();
        is_settled.then(|| newest_end.max(self.newest_begin))
    }

    /// Returns whether [`Self::settle`] would change something.
    pub(crate) fn is_unsettled(&self, horizon: u64, frozen: bool) -> bool {
        !self.quiet || self.all_begun(horizon, frozen) || !self.end.is_empty() && self.all_ended(horizon)
    }

    /// Lets go of the stamps of what is the same for everybody: all began, and whatever ended did so, at `horizon` or
    /// before. Places of a `frozen` page that are free are not used again: they are those of dead rows.
    pub(crate) fn settle(&mut self, horizon: u64, frozen: bool) {
        self.quiet = true;
        if self.all_begun(horizon, frozen) {
            let begin = std::mem::take(&mut self.begin);
            for lane in (0..begin.len()).filter(|&lane| begin[lane] == NEVER) {
                let was_ended = self.end(lane) != NEVER;
                set_bit(&mut self.dead, lane, true);
                self.ended += usize::from(!was_ended);
                self.free -= 1;
            }
            self.begun = true;
        }
        if self.all_ended(horizon) {
            let end = std::mem::take(&mut self.end);
            for lane in (0..end.len()).filter(|&lane| end[lane] != NEVER) {
                set_bit(&mut self.dead, lane, true);
            }
            // Whoever might have followed a link has a snapshot that is older.
            self.newer = Vec::new();
            self.key_kept = Vec::new();
        }
    }

    fn all_begun(&self, horizon: u64, frozen: bool) -> bool {
        self.begin.len() == VECTOR_LANES && (self.free == 0 || frozen) && self.has_begun_by(horizon)
    }

    /// Returns whether all rows that are there began at `horizon` or before.
    pub(crate) fn has_begun_by(&self, horizon: u64) -> bool {
        self.in_flight == 0 && self.newest_begin <= horizon
    }

    /// Returns whether nobody is at a row: nobody comes or goes.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.in_flight == 0 && self.rivals.is_empty() && self.end.iter().all(|&end| end <= NEVER)
    }

    /// Returns what the page takes in memory.
    pub(crate) fn memory(&self) -> PageMemory {
        let words = [&self.begin, &self.end, &self.newer, &self.dead, &self.locked, &self.key_kept];
        let words: usize = words.iter().map(|words| words.capacity()).sum();
        let xmax = self.xmax.capacity() * size_of::<u32>();
        let kept = || self.columns.iter().flatten();
        PageMemory {
            rows: self.rows.iter().flatten().count(),
            row_bytes: self.row_bytes(),
            stamp_bytes: words * size_of::<u64>() + xmax,
            kept_vectors: kept().count(),
            kept_bytes: kept().map(bytes_of).sum(),
        }
    }

    /// Returns what the rows in memory take.
    pub(crate) fn row_bytes(&self) -> usize {
        self.row_bytes + self.rows.capacity() * size_of::<Option<Box<[u8]>>>()
    }

    fn all_ended(&self, horizon: u64) -> bool {
        self.end.iter().all(|&end| end == NEVER || end <= horizon)
    }

    /// Returns whether each of the first `lanes` rows has ended at `horizon` or before.
    pub(crate) fn is_over(&self, horizon: u64, lanes: usize) -> bool {
        self.in_flight == 0
            && self.live_rows(lanes) == 0
            && (0..lanes).all(|lane| self.begin(lane) == NEVER || self.end(lane) <= horizon)
    }

    /// Returns whether a row that has begun has ended after `horizon`, or may be about to.
    pub(crate) fn may_have_ended_after(&self, horizon: u64, lanes: usize) -> bool {
        let is_late = |lane| self.begin(lane) < NEVER && self.end(lane) != NEVER && self.end(lane) > horizon;
        !self.rivals.is_empty() || self.ended > 0 && (0..lanes).any(is_late)
    }

    /// Returns how many rows are neither free nor ended.
    pub(crate) fn live_rows(&self, lanes: usize) -> usize {
        lanes.saturating_sub(self.free + self.ended)
    }

    /// Returns how many rows are neither free nor have ended at `horizon` or before.
    pub(crate) fn kept_rows(&self, lanes: usize, horizon: u64) -> usize {
        if self.ended == 0 {
            return self.live_rows(lanes);
        }
        (0..lanes).filter(|&lane| self.begin(lane) != NEVER && self.end(lane) > horizon).count()
    }

    /// Returns whether no begin stamp is in flight.
    pub(crate) fn has_begun(&self) -> bool {
        self.in_flight == 0
    }

    /// Returns whether the rows are in memory.
    pub(crate) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Forgets the rows: they are in a segment.
    pub(crate) fn drop_rows(&mut self) {
        self.rows = Vec::new();
        self.row_bytes = 0;
        self.columns = Vec::new();
    }

    /// Returns the kept vector of a column.
    pub(crate) fn kept_column(&self, column: usize) -> Option<&Vector> {
        self.columns.get(column)?.as_ref()
    }

    /// Returns whether a column's first `lanes` values would be kept.
    pub(crate) fn keeps_columns(&self, lanes: usize) -> bool {
        self.rows.len() == lanes && (lanes == VECTOR_LANES || self.quiet)
    }

    /// Keeps the vector of a column of a full or quiet page, until a row of it changes.
    pub(crate) fn keep_column(&mut self, column: usize, columns: usize, vector: Vector) {
        if self.keeps_columns(vector.len()) {
            self.columns.resize(columns, None);
            self.columns[column] = Some(vector);
        }
    }

    /// Returns a column's values in the first `lanes` places, or in those at `positions`. Free places hold what a row near
    /// them does, so that they do not widen zone maps.
    pub(crate) fn build_column(
        &self,
        layout: &RowLayout,
        definition: &ColumnDefinition,
        column: usize,
        positions: impl ExactSizeIterator<Item = usize>,
    ) -> Result<Vector> {
        let mut builder = ColumnBuilder::new(definition, positions.len());
        let mut near = None;
        for lane in positions {
            let row = self.row(lane).or(near).or_else(|| self.rows.iter().flatten().next().map(Box::as_ref));
            near = row;
            match row {
                Some(row) => builder.push(layout.lane(row, column))?,
                None => builder.push_zero(),
            }
        }
        if builder.len() > VECTOR_LANES {
            return Err(StorageError::Misuse("a page of more rows than a vector".to_owned()));
        }
        Ok(builder.finish_vector())
    }
}

/// Returns about what a flat vector takes.
fn bytes_of(vector: &Vector) -> usize {
    match vector.values() {
        Values::Bool(_) => vector.len() / 8,
        Values::I16(_) => vector.len() * 2,
        Values::I32(_) | Values::F32(_) => vector.len() * 4,
        Values::I64(_) | Values::F64(_) | Values::Fixed64 { .. } => vector.len() * 8,
        Values::Fixed128 { .. } | Values::Wide(_) => vector.len() * 16,
        Values::Views(views) => {
            vector.len() * 16 + views.buffers.iter().map(|buffer| buffer.len()).sum::<usize>()
        }
    }
}

fn bit(words: &[u64], lane: usize) -> bool {
    words.get(lane / 64).is_some_and(|word| word >> (lane % 64) & 1 == 1)
}

fn set_bit(words: &mut Vec<u64>, lane: usize, set: bool) {
    if words.is_empty() {
        if !set {
            return;
        }
        *words = vec![0; VECTOR_LANES / 64];
    }
    if set {
        words[lane / 64] |= 1 << (lane % 64);
    } else {
        words[lane / 64] &= !(1 << (lane % 64));
    }
}
