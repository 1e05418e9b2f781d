//! Samples of stored tables, kept over statements. A sample only steers the optimizer, so it may be somewhat stale: it
//! is drawn again when the table has grown or shrunk noticeably.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kernels::vector::{VECTOR_LANES, Vector};
use parking_lot::Mutex;
use storage::{TableId, TableScan};

/// A tuning constant: the share by which a table may change before its sample is drawn again.
const STALE_SHARE: f64 = 0.1;

/// Some rows of a table, of some columns.
#[derive(Debug)]
pub struct Sample {
    columns: BTreeMap<usize, Vector>,
    rows: usize,
    /// Rows of the table when the sample was drawn.
    table_rows: u64,
}

/// Samples by table.
#[derive(Debug, Default)]
pub struct SampleCache(Mutex<HashMap<TableId, Arc<Sample>>>);

impl Sample {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the sampled columns by their positions in the table.
    pub fn columns(&self) -> &BTreeMap<usize, Vector> {
        &self.columns
    }

    fn is_fresh(&self, table_rows: u64) -> bool {
        (table_rows as f64 - self.table_rows as f64).abs() <= STALE_SHARE * self.table_rows as f64
    }

    fn draw(scan: &TableScan, columns: &[usize]) -> Option<Self> {
        let vectors = scan.sample(columns, VECTOR_LANES).ok()?;
        // Sampling rounds up per vector.
        let rows = vectors.first().map_or(0, Vector::len).min(VECTOR_LANES);
        let lanes: Vec<u16> = (0..rows as u16).collect();
        let columns = columns.iter().copied().zip(vectors.iter().map(|vector| vector.gather(&lanes)));
        (rows > 0).then(|| Self { columns: columns.collect(), rows, table_rows: scan.row_count() })
    }
}

impl SampleCache {
    /// Returns a sample that has `columns` (of one table, ascending); `None` for an empty table.
    pub fn sample(&self, scan: &TableScan, columns: &[usize]) -> Option<Arc<Sample>> {
        let table_rows = scan.row_count();
        let known = self.0.lock().get(&scan.table()).cloned().filter(|sample| sample.is_fresh(table_rows));
        let mut wanted = columns.to_vec();
        if let Some(known) = known {
            if columns.iter().all(|column| known.columns.contains_key(column)) {
                return Some(known);
            }
            wanted.extend(known.columns.keys());
            wanted.sort_unstable();
            wanted.dedup();
        }
        let sample = Arc::new(Sample::draw(scan, &wanted)?);
        self.0.lock().insert(scan.table(), Arc::clone(&sample));
        Some(sample)
    }
}
