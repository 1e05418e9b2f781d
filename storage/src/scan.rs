//! Reading: a consistent list of row groups, and the vectors in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector};
use parking_lot::Mutex;
use types::{Datum, Oid};

use crate::builder::ColumnBuilder;
use crate::error::{Result, StorageError};
use crate::filter;
use crate::heap::Heap;
use crate::heap::group::{Form, Group, INCONSISTENT};
use crate::heap::row::NewRow;
use crate::heap::system::UNKNOWN_ORIGIN;
use crate::heap::write::holder_in;
use crate::index::{IndexCursor, IndexDefinition, IndexId, IndexRange};
use crate::mvcc::snapshot::Snapshot;
use crate::mvcc::xids::XidTable;
use crate::predicate::{DictionaryMask, Pruned, ScanPredicate};
use crate::segment::decode::Chunk;
use crate::sketch::Sketch;
use crate::table::{ColumnDefinition, RowId, TableId};
use crate::zone_map::{self, ZoneMap};

/// A table as one snapshot shows it. Cheap to clone, independent of its transaction.
#[derive(Debug, Clone)]
pub struct TableScan(Arc<ScanState>);

#[derive(Debug)]
struct ScanState {
    heap: Arc<Heap>,
    groups: Arc<Vec<Arc<Group>>>,
    /// Positions of the row groups that are seen, and how many rows each of them had when the scan was made.
    chosen: Vec<(usize, usize)>,
    seen: Seen,
}

/// What a scan shows.
#[derive(Debug, Clone)]
enum Seen {
    /// What a snapshot sees.
    Snapshot(Snapshot),
    /// One row version, whatever its stamps.
    Row(RowId),
    /// Every row that is there or may be: see [`Heap::holder`].
    Held { own: u64, xids: Arc<XidTable> },
}

/// Up to 65,536 rows of a scan.
#[derive(Debug, Clone)]
pub struct RowGroup {
    scan: Arc<ScanState>,
    group: Arc<Group>,
    form: Form,
    len: usize,
    /// What predicates say of dictionaries, kept for the vectors of this row group.
    matching: Arc<Mutex<Vec<Matching>>>,
}

impl TableScan {
    pub(crate) fn new(heap: &Arc<Heap>, snapshot: Snapshot) -> Self {
        let groups = heap.groups();
        let chosen = groups
            .iter()
            .enumerate()
            .filter(|(_, group)| snapshot.is_past(group.begin()))
            .map(|(at, group)| (at, group.len()))
            .filter(|(_, len)| *len > 0)
            .collect();
        Self(Arc::new(ScanState { heap: Arc::clone(heap), groups, chosen, seen: Seen::Snapshot(snapshot) }))
    }

    /// Returns a scan that shows one version of a row.
    pub(crate) fn of_row(heap: &Arc<Heap>, row: RowId) -> Self {
        let groups: Vec<Arc<Group>> = heap.group(row.group()).iter().map(|group| Arc::clone(group)).collect();
        let chosen = groups.iter().enumerate().map(|(at, group)| (at, group.len())).collect();
        let groups = Arc::new(groups);
        Self(Arc::new(ScanState { heap: Arc::clone(heap), groups, chosen, seen: Seen::Row(row) }))
    }

    /// Returns a scan of some row groups that shows every row that is there or may be, for transaction `own`.
    pub(crate) fn of_held(heap: &Arc<Heap>, groups: Vec<Arc<Group>>, own: u64, xids: &Arc<XidTable>) -> Self {
        let chosen = groups.iter().enumerate().map(|(at, group)| (at, group.len())).collect();
        let groups = Arc::new(groups);
        let seen = Seen::Held { own, xids: Arc::clone(xids) };
        Self(Arc::new(ScanState { heap: Arc::clone(heap), groups, chosen, seen }))
    }

    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        match &self.0.seen {
            Seen::Snapshot(snapshot) => Some(snapshot.clone()),
            Seen::Row(_) | Seen::Held { .. } => None,
        }
    }

    /// Returns the table.
    pub fn table(&self) -> TableId {
        self.0.heap.table
    }

    /// Returns the columns.
    pub fn columns(&self) -> &[ColumnDefinition] {
        self.0.heap.columns()
    }

    /// Returns the indexes that can be looked into.
    pub fn indexes(&self) -> Vec<IndexDefinition> {
        self.0.heap.indexes().iter().map(|index| index.definition.clone()).collect()
    }

    /// Returns an index that can be looked into.
    pub fn index(&self, index: IndexId) -> Option<IndexDefinition> {
        self.0.heap.index(index).map(|index| index.definition.clone())
    }

    /// Returns the rows of a range of an index that the scan sees, in the index's order or the reverse.
    ///
    /// # Errors
    /// When there is no such index.
    pub fn index_rows(&self, index: IndexId, range: &IndexRange, reverse: bool) -> Result<IndexCursor> {
        let snapshot =
            self.snapshot().ok_or_else(|| StorageError::Misuse("a look-up without a snapshot".to_owned()))?;
        IndexCursor::of_heap(&self.0.heap, index, range, reverse, snapshot)
    }

    /// Says that all rows are about to be read, which matters at SERIALIZABLE only.
    ///
    /// # Errors
    /// When the transaction has to give way to others.
    pub fn track_read(&self) -> Result<()> {
        let Seen::Snapshot(snapshot) = &self.0.seen else { return Ok(()) };
        let Some(tracker) = &snapshot.tracker else { return Ok(()) };
        tracker.read_table(self.0.heap.table)?;
        // From here on writers find the reader; those who came before are found here.
        let mut unseen = BTreeSet::new();
        self.0.heap.groups().iter().for_each(|group| group.unseen(snapshot, &mut unseen));
        tracker.meet(unseen)
    }

    /// Returns a row in the form in which the table stores it; `types` are those of the columns.
    ///
    /// # Errors
    /// For nulls in columns that take none and values that the columns cannot hold.
    pub fn encode_row(&self, values: &[Datum], types: &[Oid]) -> Result<NewRow> {
        self.0.heap.layout.encode_datums(values, types).map(NewRow)
    }

    /// Returns the number of row groups.
    pub fn row_group_count(&self) -> usize {
        self.0.chosen.len()
    }

    /// Returns a row group.
    ///
    /// # Panics
    /// When `index` is not below [`Self::row_group_count`].
    pub fn row_group(&self, index: usize) -> RowGroup {
        let (at, len) = self.0.chosen[index];
        let group = &self.0.groups[at];
        RowGroup {
            scan: Arc::clone(&self.0),
            group: Arc::clone(group),
            form: group.form(),
            len,
            matching: Arc::default(),
        }
    }

    /// Returns the row group that a row is in, if the scan has it.
    pub fn row_group_of(&self, row: RowId) -> Option<RowGroup> {
        let at = self.0.groups.binary_search_by_key(&row.group(), |group| group.id).ok()?;
        let at = self.0.chosen.binary_search_by_key(&at, |(at, _)| *at).ok()?;
        Some(self.row_group(at)).filter(|group| row.lane() < group.len)
    }

    /// Returns the number of visible rows; looks at the stamps of all rows that have some.
    pub fn row_count(&self) -> u64 {
        (0..self.row_group_count()).map(|index| self.row_group(index).visible_rows() as u64).sum()
    }

    /// Returns about the number of visible rows, without looking at rows.
    pub fn row_estimate(&self) -> u64 {
        self.0.chosen.iter().map(|&(at, len)| self.0.groups[at].live_rows(len) as u64).sum()
    }

    /// Returns the estimated number of distinct values of a column that are not null; 0 when nothing is known
    /// (all rows are in memory).
    pub fn distinct_estimate(&self, column: usize) -> u64 {
        let (mut sketch, mut hot_rows, mut last) = (Sketch::default(), 0, None);
        for &(at, len) in &self.0.chosen {
            let group = &self.0.groups[at];
            match group.form() {
                Form::Hot => hot_rows += group.live_rows(len) as u64,
                Form::Frozen { segment, .. } => {
                    if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &segment)) {
                        segment.sketch(column).into_iter().for_each(|found| sketch.merge(found));
                    }
                    last = Some(segment);
                }
            }
        }
        let frozen_rows = self.row_estimate().saturating_sub(hot_rows);
        let estimate = sketch.estimate().min(frozen_rows);
        match (frozen_rows, hot_rows) {
            (0, _) => 0,
            // Rows in memory are taken to repeat values as often as the others do.
            (frozen, hot) => estimate + (hot as f64 * estimate as f64 / frozen as f64 / 2.0) as u64,
        }
    }

    /// Returns about `rows` visible rows of `columns`, spread over the table, the same for the same snapshot:
    /// one flat vector a column (longer than [`VECTOR_LANES`] if `rows` is). At most `SAMPLED_VECTORS`
    /// vectors are touched.
    pub fn sample(&self, columns: &[usize], rows: usize) -> Result<Vec<Vector>> {
        let mut builders: Vec<_> =
            columns.iter().map(|&column| ColumnBuilder::new(&self.columns()[column], rows)).collect();
        let vectors: Vec<(usize, usize)> = (0..self.row_group_count())
            .flat_map(|group| (0..self.row_group(group).vector_count()).map(move |vector| (group, vector)))
            .collect();
        let touched = vectors.len().min(SAMPLED_VECTORS);
        for turn in 0..touched {
            let (group, vector_index) = vectors[turn * vectors.len() / touched];
            let row_group = self.row_group(group);
            row_group.check()?;
            let lanes = row_group.lanes(vector_index);
            let wanted = rows.div_ceil(touched).min(lanes);
            let visible = row_group.visible(vector_index);
            let chosen: Vec<u16> = (0..wanted)
                .map(|lane| lane * lanes / wanted)
                .filter(|&lane| visible.as_ref().is_none_or(|visible| visible.get(lane)))
                .map(|lane| lane as u16)
                .collect();
            for (builder, &column) in builders.iter_mut().zip(columns) {
                let vector = row_group.vector_at(column, vector_index, &chosen)?;
                builder.append(&vector, 0, vector.len())?;
            }
        }
        Ok(builders.into_iter().map(ColumnBuilder::finish_vector).collect())
    }
}

/// A tuning constant: the most vectors of a column that a sample decodes.
const SAMPLED_VECTORS: usize = 128;

impl RowGroup {
    /// Fails when the rows cannot be read at all; damage within them shows when they are.
    ///
    /// # Errors
    /// `Corrupt`, naming the file.
    pub fn check(&self) -> Result<()> {
        match &self.form {
            Form::Hot => Ok(()),
            Form::Frozen { segment, .. } => segment.check(),
        }
    }

    /// Returns the number of rows stored, invisible ones included.
    pub fn row_count(&self) -> usize {
        self.len
    }

    /// Returns the number of visible rows.
    pub fn visible_rows(&self) -> usize {
        let visible = |index| self.visible(index).map_or(self.lanes(index), |visible| visible.count_ones());
        (0..self.vector_count()).map(visible).sum()
    }

    /// Returns the number of vectors.
    pub fn vector_count(&self) -> usize {
        self.row_count().div_ceil(VECTOR_LANES)
    }

    /// Returns the number of lanes of a vector: 2,048 for all but the last.
    pub fn lanes(&self, vector_index: usize) -> usize {
        self.row_count().saturating_sub(vector_index * VECTOR_LANES).min(VECTOR_LANES)
    }

    /// Returns the identifiers of a vector's rows, as `I64`.
    pub fn row_ids(&self, vector_index: usize) -> Vector {
        let first = RowId::new(self.group.id, vector_index * VECTOR_LANES).0 as i64;
        let lanes = first..first + self.lanes(vector_index) as i64;
        Vector::flat(Values::I64(lanes.collect()), None)
    }

    /// Returns the row group's number.
    pub(crate) fn id(&self) -> u64 {
        self.group.id
    }

    /// Returns where the values were when the scan was made.
    pub(crate) fn form(&self) -> &Form {
        &self.form
    }

    /// Returns the identifier of a row.
    pub fn row_id(&self, vector_index: usize, lane: usize) -> RowId {
        RowId::new(self.group.id, vector_index * VECTOR_LANES + lane)
    }

    /// Returns the zone map of a column.
    pub fn zone_map(&self, column: usize) -> &ZoneMap {
        match &self.form {
            Form::Hot => &zone_map::UNKNOWN,
            Form::Frozen { segment, index } => segment.zone_map(*index, column),
        }
    }

    /// Decides a predicate for all rows at once, if the zone map suffices.
    pub fn prune(&self, column: usize, predicate: &ScanPredicate) -> Pruned {
        self.zone_map(column).prune(predicate)
    }

    /// Returns which lanes of a vector are visible; `None` when all are (the normal case).
    pub fn visible(&self, vector_index: usize) -> Option<Bitmap> {
        let lanes = self.lanes(vector_index);
        match &self.scan.seen {
            Seen::Snapshot(snapshot) => self.group.visible(vector_index, lanes, snapshot),
            Seen::Row(row) => Some(Bitmap::from_bools(
                (0..lanes).map(|lane| RowId::new(self.group.id, vector_index * VECTOR_LANES + lane) == *row),
            )),
            Seen::Held { own, xids } => Some(Bitmap::from_bools((0..lanes).map(|lane| {
                let row = RowId::new(self.group.id, vector_index * VECTOR_LANES + lane);
                holder_in(&self.group, row, *own, xids).is_some()
            }))),
        }
    }

    /// Returns a column's values of one vector.
    pub fn vector(&self, column: usize, vector_index: usize) -> Result<Vector> {
        let heap = &self.scan.heap;
        if let Form::Hot = self.form {
            let definition = &heap.columns()[column];
            let lanes = self.lanes(vector_index);
            if let Some(vector) =
                self.group.hot_vector(&heap.layout, definition, column, vector_index, lanes)?
            {
                return Ok(first_lanes(vector, lanes));
            }
        }
        match self.settled_form() {
            Form::Hot => Ok(self.no_rows(column, self.lanes(vector_index))),
            Form::Frozen { segment, index } => {
                let vector = segment.chunk(index, column)?.vector(vector_index);
                let vector = vector.ok_or_else(|| segment.corrupt(index, column, INCONSISTENT))?;
                Ok(first_lanes(vector, self.lanes(vector_index)))
            }
        }
    }

    /// Returns a column's values at `positions` (ascending lanes of one vector).
    pub fn vector_at(&self, column: usize, vector_index: usize, positions: &[u16]) -> Result<Vector> {
        let heap = &self.scan.heap;
        if let Form::Hot = self.form {
            let definition = &heap.columns()[column];
            let found =
                self.group.hot_vector_at(&heap.layout, definition, column, vector_index, positions)?;
            if let Some(vector) = found {
                return Ok(vector);
            }
        }
        match self.settled_form() {
            Form::Hot => Ok(self.no_rows(column, positions.len())),
            Form::Frozen { segment, index } => {
                let vector = segment.chunk(index, column)?.vector_at(vector_index, positions);
                vector.ok_or_else(|| segment.corrupt(index, column, INCONSISTENT))
            }
        }
    }

    /// Returns which transactions have made the rows at `positions` of a vector.
    pub fn origins(&self, vector_index: usize, positions: &[u16]) -> Result<Vec<u32>> {
        let heap = &self.scan.heap;
        if let Form::Hot = self.form
            && let Some(found) = self.group.hot_origins(&heap.layout, vector_index, positions)
        {
            return Ok(found);
        }
        match self.settled_form() {
            Form::Hot => Ok(vec![UNKNOWN_ORIGIN; positions.len()]),
            Form::Frozen { segment, index } => {
                segment.origins(index, heap.columns().len(), vector_index, positions)
            }
        }
    }

    /// Returns where the values are now: they may have been frozen since the scan was made.
    fn settled_form(&self) -> Form {
        match &self.form {
            Form::Hot => self.group.form(),
            frozen @ Form::Frozen { .. } => frozen.clone(),
        }
    }

    /// Returns lanes of a page in which no row is yet.
    fn no_rows(&self, column: usize, lanes: usize) -> Vector {
        Vector::constant(self.scan.heap.columns()[column].zero(), lanes)
    }

    /// Clears the bits of `mask` whose lanes do not qualify. Says nothing of visibility.
    pub fn filter(
        &self,
        column: usize,
        vector_index: usize,
        predicate: &ScanPredicate,
        mask: &mut [u64],
    ) -> Result<()> {
        match &self.form {
            Form::Hot => filter::filter_vector(&self.vector(column, vector_index)?, predicate, mask),
            // The row group had fewer rows when the scan was made, and has frozen since.
            Form::Frozen { segment, index } if self.len < segment.rows(*index) => {
                filter::filter_vector(&self.vector(column, vector_index)?, predicate, mask)
            }
            Form::Frozen { segment, index } => {
                let chunk = segment.chunk(*index, column)?;
                if let Some(matching) = self.matching_entries(column, &chunk, predicate)?
                    && chunk.filter_by_entry(vector_index, &matching, mask)
                {
                    return Ok(());
                }
                let done = chunk.filter(vector_index, predicate, mask);
                done.unwrap_or_else(|| Err(segment.corrupt(*index, column, INCONSISTENT)))
            }
        }
    }
}

impl RowGroup {
    /// Returns which dictionary entries an arbitrary predicate lets pass, evaluated once for this row group;
    /// `None` for other predicates and chunks.
    fn matching_entries(
        &self,
        column: usize,
        chunk: &Chunk<'_>,
        predicate: &ScanPredicate,
    ) -> Result<Option<Arc<Bitmap>>> {
        let ScanPredicate::DictionaryMask(function) = predicate else { return Ok(None) };
        let Some(entries) = chunk.dictionary() else { return Ok(None) };
        let mut kept = self.matching.lock();
        if let Some(found) =
            kept.iter().find(|found| found.column == column && Arc::ptr_eq(&found.function, function))
        {
            return Ok(Some(Arc::clone(&found.entries)));
        }
        let entries = Arc::new(filter::matching(entries, predicate)?);
        kept.push(Matching { column, function: Arc::clone(function), entries: Arc::clone(&entries) });
        Ok(Some(entries))
    }
}

/// Which entries of a column's dictionary a predicate lets pass.
struct Matching {
    column: usize,
    function: DictionaryMask,
    entries: Arc<Bitmap>,
}

impl std::fmt::Debug for Matching {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Matching").field("column", &self.column).finish_non_exhaustive()
    }
}

/// Cuts what a page has got since the scan was made.
fn first_lanes(vector: Vector, lanes: usize) -> Vector {
    if vector.len() <= lanes {
        return vector;
    }
    let first: Vec<u16> = (0..lanes as u16).collect();
    vector.gather(&first)
}

/// Returns the positions of the one bits.
pub(crate) fn positions(bits: &Bitmap) -> Vec<u16> {
    let mut positions = Vec::with_capacity(bits.count_ones());
    for (index, word) in bits.words().iter().enumerate() {
        let mut left = *word;
        while left != 0 {
            positions.push((index * 64) as u16 + left.trailing_zeros() as u16);
            left &= left - 1;
        }
    }
    positions
}
