//! Estimates of row counts.

use super::Planner;
use super::logical::Logical;

/// Rows of a table that nothing is known of.
const UNKNOWN_ROWS: f64 = 1000.0;

impl Planner<'_> {
    /// Returns the estimated number of rows of a plan.
    pub fn estimate(&self, plan: &Logical) -> f64 {
        match plan {
            Logical::Get(get) => self.context.statistics.rows(get.relation.oid).unwrap_or(UNKNOWN_ROWS),
            Logical::Values { rows, .. } => rows.len() as f64,
            _ => UNKNOWN_ROWS,
        }
    }
}
