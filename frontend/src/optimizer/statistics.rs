//! What the optimizer knows of stored data.

use executor::expr::Expr;
use types::{Datum, Oid};

/// Knowledge about stored relations. Everything is an estimate; nothing may change a result.
pub trait Statistics {
    /// Rows of a table, `None` when unknown.
    fn rows(&self, table: Oid) -> Option<f64>;
    /// Distribution of a column (a position in the table).
    fn column(&self, table: Oid, column: usize) -> ColumnStatistics;
    /// What a kept sample says of conjuncts, whose columns are positions in the table. `None` when there is no
    /// sample or none can be evaluated.
    fn sample_share(&self, table: Oid, conjuncts: &[Expr]) -> Option<SampleShare>;
}

/// What a sample says of conjuncts.
#[derive(Debug, Clone)]
pub struct SampleShare {
    /// Share of the sample for which all conjuncts that could be evaluated are true.
    pub share: f64,
    /// Rows of the sample.
    pub rows: usize,
    /// The conjuncts that could not be evaluated.
    pub rest: Vec<Expr>,
}

/// Distribution of a column.
#[derive(Debug, Clone, Default)]
pub struct ColumnStatistics {
    /// Number of distinct values.
    pub distinct: Option<f64>,
    /// Fraction of NULLs.
    pub null_fraction: f64,
    /// Least value.
    pub min: Option<Datum>,
    /// Greatest value.
    pub max: Option<Datum>,
}
