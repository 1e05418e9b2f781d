//! What the optimizer knows of stored data.

use executor::expr::Expr;
use types::{Datum, Oid};

/// Knowledge about stored relations. Everything is an estimate; nothing may change a result.
pub trait Statistics {
    /// Rows of a table, `None` when unknown.
    fn rows(&self, table: Oid) -> Option<f64>;
    /// Distribution of a column (a position in the table).
    fn column(&self, table: Oid, column: usize) -> ColumnStatistics;
    /// Fraction of a kept sample for which all conjuncts are true; columns in them are positions in the table.
    /// `None` when there is no sample or they cannot be evaluated.
    fn sample_selectivity(&self, table: Oid, conjuncts: &[Expr]) -> Option<f64>;
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
