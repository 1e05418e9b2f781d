//! Reading: a consistent list of row groups, and the vectors in them.

use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector};
use parking_lot::Mutex;

use crate::builder::ColumnBuilder;
use crate::error::Result;
use crate::filter;
use crate::predicate::{DictionaryMask, Pruned, ScanPredicate};
use crate::segment::decode::Chunk;
use crate::sketch::Sketch;
use crate::table::{ColumnDefinition, RowId, TableId};
use crate::version::{Group, GroupData};
use crate::zone_map::ZoneMap;

/// A table as one snapshot shows it. Cheap to clone, independent of its transaction.
#[derive(Debug, Clone)]
pub struct TableScan(Arc<ScanState>);

#[derive(Debug)]
struct ScanState {
    table: TableId,
    columns: Arc<[ColumnDefinition]>,
    groups: Vec<Group>,
    rows: u64,
}

/// Up to 65,536 rows of a scan.
#[derive(Debug, Clone)]
pub struct RowGroup {
    group: Group,
    columns: Arc<[ColumnDefinition]>,
    /// What predicates say of dictionaries, kept for the vectors of this row group.
    matching: Arc<Mutex<Vec<Matching>>>,
}

impl TableScan {
    pub(crate) fn new(table: TableId, columns: Arc<[ColumnDefinition]>, groups: Vec<Group>) -> Self {
        let rows = groups.iter().map(|group| group.visible_rows() as u64).sum();
        Self(Arc::new(ScanState { table, columns, groups, rows }))
    }

    /// Returns the table.
    pub fn table(&self) -> TableId {
        self.0.table
    }

    /// Returns the columns.
    pub fn columns(&self) -> &[ColumnDefinition] {
        &self.0.columns
    }

    /// Returns the number of row groups.
    pub fn row_group_count(&self) -> usize {
        self.0.groups.len()
    }

    /// Returns a row group.
    ///
    /// # Panics
    /// When `index` is not below [`Self::row_group_count`].
    pub fn row_group(&self, index: usize) -> RowGroup {
        RowGroup::new(self.0.groups[index].clone(), Arc::clone(&self.0.columns))
    }

    /// Returns the number of visible rows.
    pub fn row_count(&self) -> u64 {
        self.0.rows
    }

    /// Returns the estimated number of distinct values of a column that are not null; 0 when nothing is known
    /// (all rows are in memory).
    pub fn distinct_estimate(&self, column: usize) -> u64 {
        let (mut sketch, mut hot_rows, mut last) = (Sketch::default(), 0, None);
        for group in &self.0.groups {
            match &group.data {
                GroupData::Hot(hot) => hot_rows += hot.len() as u64,
                GroupData::Frozen { segment, .. } => {
                    if last.is_none_or(|last| !Arc::ptr_eq(last, segment)) {
                        sketch.merge(segment.sketch(column));
                    }
                    last = Some(segment);
                }
            }
        }
        let frozen_rows = self.row_count().saturating_sub(hot_rows);
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
            columns.iter().map(|&column| ColumnBuilder::new(&self.0.columns[column], rows)).collect();
        let vectors: Vec<(usize, usize)> = (0..self.row_group_count())
            .flat_map(|group| (0..self.row_group(group).vector_count()).map(move |vector| (group, vector)))
            .collect();
        let touched = vectors.len().min(SAMPLED_VECTORS);
        for turn in 0..touched {
            let (group, vector_index) = vectors[turn * vectors.len() / touched];
            let row_group = self.row_group(group);
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
    pub(crate) fn new(group: Group, columns: Arc<[ColumnDefinition]>) -> Self {
        Self { group, columns, matching: Arc::default() }
    }

    /// Returns the number of rows stored, invisible ones included.
    pub fn row_count(&self) -> usize {
        self.group.len()
    }

    /// Returns the number of visible rows.
    pub fn visible_rows(&self) -> usize {
        self.group.visible_rows()
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

    /// Returns the zone map of a column.
    pub fn zone_map(&self, column: usize) -> &ZoneMap {
        match &self.group.data {
            GroupData::Hot(hot) => hot.zone_map(&self.columns, column),
            GroupData::Frozen { segment, index } => segment.zone_map(*index, column),
        }
    }

    /// Decides a predicate for all rows at once, if the zone map suffices.
    pub fn prune(&self, column: usize, predicate: &ScanPredicate) -> Pruned {
        self.zone_map(column).prune(predicate)
    }

    /// Returns which lanes of a vector are visible; `None` when all are (the normal case).
    pub fn visible(&self, vector_index: usize) -> Option<Bitmap> {
        let deleted = self.group.deleted.as_ref()?;
        let lanes = self.lanes(vector_index);
        let first = vector_index * VECTOR_LANES / 64;
        let words = &deleted.words[first..first + lanes.div_ceil(64)];
        if words.iter().all(|word| *word == 0) {
            return None;
        }
        Some(Bitmap::from_words(words.iter().map(|word| !word).collect(), lanes))
    }

    /// Returns a column's values of one vector.
    pub fn vector(&self, column: usize, vector_index: usize) -> Result<Vector> {
        match &self.group.data {
            GroupData::Hot(hot) => Ok(hot.vector(column, vector_index).clone()),
            GroupData::Frozen { segment, index } => {
                let vector = segment.chunk(*index, column)?.vector(vector_index);
                vector.ok_or_else(|| segment.corrupt(*index, column, INCONSISTENT))
            }
        }
    }

    /// Returns a column's values at `positions` (ascending lanes of one vector).
    pub fn vector_at(&self, column: usize, vector_index: usize, positions: &[u16]) -> Result<Vector> {
        match &self.group.data {
            GroupData::Hot(hot) => Ok(hot.vector(column, vector_index).gather(positions)),
            GroupData::Frozen { segment, index } => {
                let vector = segment.chunk(*index, column)?.vector_at(vector_index, positions);
                vector.ok_or_else(|| segment.corrupt(*index, column, INCONSISTENT))
            }
        }
    }

    /// Clears the bits of `mask` whose lanes do not qualify. Says nothing of visibility.
    pub fn filter(
        &self,
        column: usize,
        vector_index: usize,
        predicate: &ScanPredicate,
        mask: &mut [u64],
    ) -> Result<()> {
        match &self.group.data {
            GroupData::Hot(hot) => filter::filter_vector(hot.vector(column, vector_index), predicate, mask),
            GroupData::Frozen { segment, index } => {
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

/// What is said of a chunk whose checksum holds but whose parts disagree.
const INCONSISTENT: &str = "the chunk contradicts its layout";

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
