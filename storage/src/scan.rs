//! Reading: a consistent list of row groups, and the vectors in them.

use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector};

use crate::error::Result;
use crate::filter;
use crate::predicate::{Pruned, ScanPredicate};
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

    /// Returns the estimated number of distinct values of a column that are not null.
    pub fn distinct_estimate(&self, column: usize) -> u64 {
        let estimate = (0..self.row_group_count())
            .map(|index| u64::from(self.row_group(index).zone_map(column).distinct_estimate))
            .max()
            .unwrap_or(0);
        if estimate == 0 { self.row_count() } else { estimate.min(self.row_count()) }
    }

    /// Returns about `rows` visible rows of `columns`, evenly spread, the same for the same snapshot: one
    /// flat vector a column (longer than [`VECTOR_LANES`] if `rows` is).
    pub fn sample(&self, columns: &[usize], rows: usize) -> Result<Vec<Vector>> {
        let mut builders: Vec<_> = columns
            .iter()
            .map(|&column| crate::builder::ColumnBuilder::new(&self.0.columns[column], rows))
            .collect();
        let step = (self.row_count() / rows.max(1) as u64).max(1) as usize;
        let mut next = 0;
        for index in 0..self.row_group_count() {
            let row_group = self.row_group(index);
            for vector_index in 0..row_group.vector_count() {
                let lanes = row_group.lanes(vector_index);
                if next >= lanes {
                    next -= lanes;
                    continue;
                }
                let visible = row_group.visible(vector_index);
                let chosen: Vec<u16> = (next..lanes)
                    .step_by(step)
                    .filter(|&lane| visible.as_ref().is_none_or(|visible| visible.get(lane)))
                    .map(|lane| lane as u16)
                    .collect();
                next = (lanes - next).next_multiple_of(step) + next - lanes;
                for (builder, &column) in builders.iter_mut().zip(columns) {
                    let vector = row_group.vector_at(column, vector_index, &chosen)?;
                    builder.append(&vector, 0, vector.len())?;
                }
            }
        }
        Ok(builders.into_iter().map(crate::builder::ColumnBuilder::finish_vector).collect())
    }
}

impl RowGroup {
    pub(crate) fn new(group: Group, columns: Arc<[ColumnDefinition]>) -> Self {
        Self { group, columns }
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
        }
    }

    /// Returns a column's values at `positions` (ascending lanes of one vector).
    pub fn vector_at(&self, column: usize, vector_index: usize, positions: &[u16]) -> Result<Vector> {
        match &self.group.data {
            GroupData::Hot(hot) => Ok(hot.vector(column, vector_index).gather(positions)),
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
        }
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
