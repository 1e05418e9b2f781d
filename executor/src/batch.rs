//! Rows travelling together: vectors of one length and an optional selection.

use std::sync::Arc;

use kernels::vector::Vector;

/// At most [`kernels::vector::VECTOR_LANES`] rows.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The columns, all of `len` lanes.
    pub columns: Vec<Vector>,
    /// Number of lanes (kept for batches without columns).
    pub len: usize,
    /// Lanes still alive, ascending; `None`: all.
    pub selection: Option<Arc<[u16]>>,
}

impl Batch {
    /// Returns a batch in which every lane is alive.
    pub fn new(columns: Vec<Vector>, len: usize) -> Self {
        debug_assert!(columns.iter().all(|column| column.len() == len));
        Self { columns, len, selection: None }
    }
    /// Returns the number of live rows.
    pub fn rows(&self) -> usize {
        self.selection.as_ref().map_or(self.len, |selection| selection.len())
    }
    /// Returns the batch with only its live lanes, moved together.
    #[must_use]
    pub fn compact(self) -> Self {
        let Some(selection) = &self.selection else { return self };
        let columns = self.columns.iter().map(|column| column.gather(selection)).collect();
        Self { columns, len: selection.len(), selection: None }
    }
}

/// Returns the lanes of a flat vector of any length at `positions`.
pub fn gather(vector: &Vector, positions: &[u32]) -> Vector {
    crate::operators::gather(vector, positions)
}
