//! Row groups: up to 65,536 rows, in memory (hot) or in a segment (frozen).
//!
//! A row group keeps its number, its rows their lanes and its pages their stamps when it freezes: only where the values
//! are read from changes, so that nobody who scans or changes it has to notice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use kernels::vector::{Bitmap, VECTOR_LANES, Vector};
use types::{Datum, Oid};

use super::page::{Page, PageState};
use super::row::{Lane, RowLayout, StoredRow, datum_of};
use super::system::UNKNOWN_ORIGIN;
use crate::error::{Result, StorageError};
use crate::index::directory::Directories;
use crate::mvcc::snapshot::{Snapshot, View};
use crate::mvcc::stamp::NEVER;
use crate::segment::Segment;
use crate::table::{ColumnDefinition, ROW_GROUP_ROWS, RowId};

/// What is said of a chunk whose checksum holds but whose parts disagree.
pub(crate) const INCONSISTENT: &str = "the chunk contradicts its layout";

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: u64,
    /// When the row group as a whole began: bulk loads stamp that once.
    pub(crate) begin: AtomicU64,
    /// Places given away.
    len: AtomicUsize,
    /// The segment that has the values, and the position in it, once they are frozen.
    segment: OnceLock<(Arc<Segment>, usize)>,
    pages: Box<[Page]>,
    pub(crate) directories: Directories,
    /// Whether indexes find its rows in directories; else they are in the trees.
    in_directories: AtomicBool,
    in_trees: AtomicBool,
    /// Counts changes of rows, to see whether the row group has cooled down.
    changes: AtomicU64,
    /// Whether places that come free stay so: what is placed while the row group freezes would be lost. Changes under the
    /// lock of the heap's tail.
    closed: AtomicBool,
}

/// Where the values are.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// In memory, in the pages.
    Hot,
    /// In a segment.
    Frozen {
        segment: Arc<Segment>,
        /// Position in the segment.
        index: usize,
    },
}

impl Group {
    /// Returns a row group without rows, in memory.
    pub(crate) fn hot(id: u64) -> Self {
        Self::new(id, None, 0, crate::mvcc::stamp::ALWAYS)
    }

    /// Returns a row group of `rows` rows of a segment.
    pub(crate) fn frozen(id: u64, segment: &Arc<Segment>, index: usize, rows: usize, begin: u64) -> Self {
        Self::new(id, Some((Arc::clone(segment), index)), rows, begin)
    }

    fn new(id: u64, segment: Option<(Arc<Segment>, usize)>, len: usize, begin: u64) -> Self {
        let frozen = segment.is_some();
        Self {
            id,
            begin: AtomicU64::new(begin),
            len: AtomicUsize::new(len),
            segment: segment.map_or_else(OnceLock::new, OnceLock::from),
            pages: (0..ROW_GROUP_ROWS / VECTOR_LANES).map(|_| Page::default()).collect(),
            directories: Directories::default(),
            in_directories: AtomicBool::new(frozen),
            in_trees: AtomicBool::new(!frozen),
            changes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    pub(crate) fn set_len(&self, len: usize) {
        self.len.store(len, Ordering::Release);
    }

    /// Returns the identifiers of all places that were given away.
    pub(crate) fn row_ids(&self) -> impl Iterator<Item = RowId> {
        (0..self.len()).map(|lane| RowId::new(self.id, lane))
    }

    /// Returns whether no place is left that was never given away.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= ROW_GROUP_ROWS
    }

    pub(crate) fn form(&self) -> Form {
        match self.segment() {
            Some((segment, index)) => Form::Frozen { segment: Arc::clone(segment), index },
            None => Form::Hot,
        }
    }

    /// Returns the segment that has the values, and the position in it; `None` when they are in memory.
    pub(crate) fn segment(&self) -> Option<(&Arc<Segment>, usize)> {
        self.segment.get().map(|(segment, index)| (segment, *index))
    }

    pub(crate) fn is_hot(&self) -> bool {
        self.segment().is_none()
    }

    pub(crate) fn page(&self, vector_index: usize) -> &Page {
        &self.pages[vector_index]
    }

    /// Returns the page of a lane, and the lane in it.
    pub(crate) fn page_of(&self, lane: usize) -> (&Page, usize) {
        (&self.pages[lane / VECTOR_LANES], lane % VECTOR_LANES)
    }

    pub(crate) fn begin(&self) -> u64 {
        self.begin.load(Ordering::Acquire)
    }

    pub(crate) fn is_in_directories(&self) -> bool {
        self.in_directories.load(Ordering::Acquire)
    }

    /// Says that indexes are to look into directories for its rows.
    pub(crate) fn move_to_directories(&self) {
        self.in_directories.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn set_closed(&self, closed: bool) {
        self.closed.store(closed, Ordering::Release);
    }

    pub(crate) fn note_change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of changes since the last call.
    pub(crate) fn take_changes(&self) -> u64 {
        self.changes.swap(0, Ordering::Relaxed)
    }

    /// Returns the number of changes since that call.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Returns what the rows in memory take.
    pub(crate) fn row_bytes(&self) -> usize {
        self.touched().map(|page| page.read().row_bytes()).sum()
    }

    /// Returns the pages about which there is something to say.
    pub(crate) fn touched(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter().filter(|page| page.is_touched())
    }

    /// Returns whether all rows began at `horizon` or before.
    pub(crate) fn has_begun_by(&self, horizon: u64) -> bool {
        self.begin() <= horizon && self.touched().all(|page| page.read().has_begun_by(horizon))
    }

    /// Returns whether a row that has begun has ended after `horizon`, or may be about to.
    pub(crate) fn may_have_ended_after(&self, horizon: u64) -> bool {
        let lanes = |index: usize| self.len().saturating_sub(index * VECTOR_LANES).min(VECTOR_LANES);
        let mut pages = self.pages.iter().enumerate().filter(|(_, page)| page.is_touched());
        pages.any(|(index, page)| page.read().may_have_ended_after(horizon, lanes(index)))
    }

    /// Returns whether nobody is at a row.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.begin() <= NEVER && self.touched().all(|page| page.read().is_at_rest())
    }

    /// Returns whether entries of its rows may be in the trees of indexes.
    pub(crate) fn is_in_trees(&self) -> bool {
        self.in_trees.load(Ordering::Acquire)
    }

    /// Says that no entries are in the trees of indexes.
    pub(crate) fn leave_trees(&self) {
        self.in_trees.store(false, Ordering::Release);
    }

    /// Returns whether no row is still being inserted.
    pub(crate) fn has_begun(&self) -> bool {
        self.pages.iter().all(|page| page.read().has_begun())
    }

    /// Returns how many of the first `len` rows are neither deleted nor free; not exact while others write.
    pub(crate) fn live_rows(&self, len: usize) -> usize {
        self.count(len, |page, lanes| page.live_rows(lanes))
    }

    /// Returns how many rows are neither free nor ended at `horizon` or before; not exact while others write.
    pub(crate) fn kept_rows(&self, horizon: u64) -> usize {
        self.count(self.len(), |page, lanes| page.kept_rows(lanes, horizon))
    }

    /// Sums up what `count` says of the pages' first lanes, all of which count where there is nothing to say.
    fn count(&self, len: usize, count: impl Fn(&PageState, usize) -> usize) -> usize {
        let of_page = |(index, page): (usize, &Page)| {
            let lanes = len.saturating_sub(index * VECTOR_LANES).min(VECTOR_LANES);
            if page.is_touched() { count(&page.read(), lanes) } else { lanes }
        };
        self.pages.iter().enumerate().map(of_page).sum()
    }

    /// Returns which of the first `lanes` rows of a vector are seen; `None` when all.
    pub(crate) fn visible(&self, vector_index: usize, lanes: usize, snapshot: &Snapshot) -> Option<Bitmap> {
        let page = &self.pages[vector_index];
        if !page.is_touched() {
            return None;
        }
        page.read().visible(snapshot, lanes)
    }

    /// Lets go of stamps that say the same to everybody.
    pub(crate) fn settle(&self, horizon: u64) {
        let frozen = !self.is_hot();
        for page in self.touched() {
            if page.read().is_unsettled(horizon, frozen) {
                page.write().settle(horizon, frozen);
            }
        }
    }

    /// Returns whether all rows have ended at `horizon` or before.
    pub(crate) fn is_over(&self, horizon: u64) -> bool {
        let len = self.len();
        let is_over = |(index, page): (usize, &Page)| {
            let lanes = len.saturating_sub(index * VECTOR_LANES).min(VECTOR_LANES);
            lanes == 0 || page.is_touched() && page.read().is_over(horizon, lanes)
        };
        self.begin() <= horizon && self.pages.iter().enumerate().all(is_over)
    }

    /// Adds the stamps that stand for what a snapshot does not see.
    pub(crate) fn unseen(&self, snapshot: &Snapshot, found: &mut BTreeSet<u64>) {
        let begin = self.begin();
        if !snapshot.is_past(begin) {
            found.insert(begin);
        }
        let len = self.len();
        for (index, page) in self.pages.iter().enumerate().filter(|(_, page)| page.is_touched()) {
            let lanes = len.saturating_sub(index * VECTOR_LANES).min(VECTOR_LANES);
            page.read().unseen(snapshot, lanes, found);
        }
    }

    /// Adds the stamps of a row that stand for what a snapshot does not see.
    pub(crate) fn unseen_of(&self, lane: usize, snapshot: &Snapshot, found: &mut BTreeSet<u64>) {
        let (page, place) = self.page_of(lane);
        let page = page.read();
        let stamps = [self.begin(), page.begin(place), page.end(place)];
        let stamps = stamps.into_iter().chain(page.rival_stamps(place));
        found.extend(stamps.filter(|stamp| *stamp != NEVER && !snapshot.is_past(*stamp)));
    }

    /// Returns whether a snapshot sees a row.
    pub(crate) fn sees(&self, lane: usize, snapshot: View<'_>) -> bool {
        if lane >= self.len() || !snapshot.is_past(self.begin()) {
            return false;
        }
        let (page, lane) = self.page_of(lane);
        if !page.is_touched() {
            return true;
        }
        let page = page.read();
        snapshot.is_past(page.begin(lane)) && !page.has_ended(lane, snapshot)
    }

    /// Returns a column's values in the first `lanes` places of a vector in memory; `None` when they are not there.
    pub(crate) fn hot_vector(
        &self,
        layout: &RowLayout,
        definition: &ColumnDefinition,
        column: usize,
        vector_index: usize,
        lanes: usize,
    ) -> Result<Option<Vector>> {
        let page = &self.pages[vector_index];
        {
            let page = page.read();
            if let Some(kept) = page.kept_column(column) {
                return Ok(Some(kept.clone()));
            }
            if !page.has_rows() {
                return Ok(None);
            }
            if !page.keeps_columns(lanes) {
                return page.build_column(layout, definition, column, 0..lanes).map(Some);
            }
        }
        let mut page = page.write();
        if !page.has_rows() {
            return Ok(None);
        }
        let vector = page.build_column(layout, definition, column, 0..lanes)?;
        page.keep_column(column, layout.column_count(), vector.clone());
        Ok(Some(vector))
    }

    /// Returns a column's values at `positions` of a vector in memory; `None` when they are not there.
    pub(crate) fn hot_vector_at(
        &self,
        layout: &RowLayout,
        definition: &ColumnDefinition,
        column: usize,
        vector_index: usize,
        positions: &[u16],
    ) -> Result<Option<Vector>> {
        let page = self.pages[vector_index].read();
        if let Some(kept) = page.kept_column(column) {
            return Ok(Some(kept.gather(positions)));
        }
        if !page.has_rows() {
            return Ok(None);
        }
        let lanes = positions.iter().map(|&position| usize::from(position));
        page.build_column(layout, definition, column, lanes).map(Some)
    }

    /// Returns which transactions have made the rows at `positions` of a vector; `None` when these are not in memory.
    pub(crate) fn hot_origins(
        &self,
        layout: &RowLayout,
        vector_index: usize,
        positions: &[u16],
    ) -> Option<Vec<u32>> {
        let page = self.pages[vector_index].read();
        let origin = |position: &u16| page.row(usize::from(*position)).map_or(0, |row| layout.origin(row));
        page.has_rows().then(|| positions.iter().map(origin).collect())
    }

    /// Returns a row, whatever its stamps; `None` when the place is free.
    pub(crate) fn row(&self, layout: &Arc<RowLayout>, lane: usize) -> Result<Option<StoredRow>> {
        let bytes = self.replaced(layout, lane, &[])?;
        Ok(bytes.map(|bytes| StoredRow { layout: Arc::clone(layout), bytes }))
    }

    /// Appends some columns of a row, whatever its stamps, as datums of given types. Returns whether the row is there.
    pub(crate) fn row_datums(
        &self,
        layout: &RowLayout,
        lane: usize,
        columns: &[(usize, Oid)],
        out: &mut Vec<Datum>,
    ) -> Result<bool> {
        if lane >= self.len() {
            return Ok(false);
        }
        let definition = |column: usize| {
            layout.columns().get(column).ok_or_else(|| StorageError::Misuse("no such column".to_owned()))
        };
        let (page, place) = self.page_of(lane);
        if page.is_touched()
            && let Some(bytes) = page.read().row(place)
        {
            for &(column, oid) in columns {
                out.push(datum_of(definition(column)?, layout.lane(bytes, column), oid)?);
            }
            return Ok(true);
        }
        let Some((segment, index)) = self.segment() else { return Ok(false) };
        let mut string = Vec::new();
        for &(column, oid) in columns {
            let definition = definition(column)?;
            let chunk = segment.chunk(index, column)?;
            let value = chunk.lane(definition, lane, &mut string)?;
            let value = value.ok_or_else(|| segment.corrupt(index, column, INCONSISTENT))?;
            out.push(datum_of(definition, value, oid)?);
        }
        Ok(true)
    }

    /// Returns the transaction that has made a frozen row; `columns` is the number of the table's columns.
    pub(crate) fn origin_of(&self, lane: usize, columns: usize) -> Result<u32> {
        let Form::Frozen { segment, index } = self.form() else { return Ok(UNKNOWN_ORIGIN) };
        let position = [(lane % VECTOR_LANES) as u16];
        let origins = segment.origins(index, columns, lane / VECTOR_LANES, &position)?;
        Ok(origins.first().copied().unwrap_or(UNKNOWN_ORIGIN))
    }

    /// Returns the bytes of a row with other values in some columns, whatever its stamps; `None` when the place is free.
    pub(crate) fn replaced(
        &self,
        layout: &RowLayout,
        lane: usize,
        changes: &[(usize, Lane<'_>)],
    ) -> Result<Option<Box<[u8]>>> {
        if lane >= self.len() {
            return Ok(None);
        }
        let (page, place) = self.page_of(lane);
        if page.is_touched()
            && let Some(bytes) = page.read().row(place)
        {
            return layout.replace(bytes, changes).map(Some);
        }
        let Some((segment, index)) = self.segment() else { return Ok(None) };
        let mut string = Vec::new();
        let bytes = layout.assemble(|column, take| {
            if let Some((_, value)) = changes.iter().find(|(changed, _)| *changed == column) {
                take(*value);
                return Ok(());
            }
            let chunk = segment.chunk(index, column)?;
            let value = chunk.lane(&layout.columns()[column], lane, &mut string)?;
            take(value.ok_or_else(|| segment.corrupt(index, column, INCONSISTENT))?);
            Ok(())
        })?;
        Ok(Some(bytes))
    }

    /// Puts a segment's values in the place of those in memory.
    pub(crate) fn freeze(&self, segment: &Arc<Segment>, index: usize) {
        let kept = self.segment.set((Arc::clone(segment), index));
        assert!(kept.is_ok(), "a row group freezes once");
        for page in &self.pages {
            page.write().drop_rows();
        }
    }
}
