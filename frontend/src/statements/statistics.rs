//! What the optimizer learns of stored tables: row counts, distinct values, bounds.

use std::sync::Arc;

use executor::expr::Expr;
use storage::{ScanValue, TableId, TableScan};
use types::{Datum, Numeric, Oid, PhysicalType};

use crate::optimizer::{ColumnStatistics, Statistics};
use crate::session::access::Access;

/// Statistics straight from zone maps and sketches of the statement's snapshot.
pub(super) struct StoreStatistics {
    storage: Arc<parking_lot::Mutex<storage::Transaction>>,
}

impl StoreStatistics {
    /// Returns the statistics that `access` sees.
    pub(super) fn new(access: &Access) -> Self {
        Self { storage: Arc::clone(access.storage()) }
    }

    fn scan(&self, table: Oid) -> Option<TableScan> {
        self.storage.lock().scan(TableId(u64::from(table))).ok()
    }
}

impl Statistics for StoreStatistics {
    fn rows(&self, table: Oid) -> Option<f64> {
        Some(self.scan(table)?.row_count() as f64)
    }

    fn column(&self, table: Oid, column: usize) -> ColumnStatistics {
        let Some(scan) = self.scan(table) else { return ColumnStatistics::default() };
        let Some(definition) = scan.columns().get(column).cloned() else {
            return ColumnStatistics::default();
        };
        let mut statistics = ColumnStatistics::default();
        let (mut nulls, mut rows, mut bounded) = (0u64, 0u64, true);
        let mut low: Option<Datum> = None;
        let mut high: Option<Datum> = None;
        for index in 0..scan.row_group_count() {
            let group = scan.row_group(index);
            let map = group.zone_map(column);
            rows += u64::from(map.row_count);
            nulls += u64::from(map.null_count.unwrap_or(0));
            let bounds = (
                map.min.as_ref().and_then(|value| datum(value, definition.physical, definition.fixed_scale)),
                map.max.as_ref().and_then(|value| datum(value, definition.physical, definition.fixed_scale)),
            );
            match bounds {
                (Some(min), Some(max)) => {
                    if low.as_ref().is_none_or(|low| less(&min, low)) {
                        low = Some(min);
                    }
                    if high.as_ref().is_none_or(|high| less(high, &max)) {
                        high = Some(max);
                    }
                }
                _ => bounded = false,
            }
        }
        let distinct = scan.distinct_estimate(column);
        statistics.distinct = (distinct > 0).then_some(distinct as f64);
        if rows > 0 {
            statistics.null_fraction = nulls as f64 / rows as f64;
        }
        if bounded {
            statistics.min = low;
            statistics.max = high;
        }
        statistics
    }

    fn sample_selectivity(&self, table: Oid, conjuncts: &[Expr]) -> Option<f64> {
        let _ = (table, conjuncts);
        None
    }
}

/// Turns a bound into a value where that is simple.
fn datum(value: &ScanValue, physical: PhysicalType, scale: Option<u8>) -> Option<Datum> {
    Some(match (value, physical, scale) {
        (ScanValue::Int(value), PhysicalType::Numeric, Some(scale)) => {
            Datum::Numeric(Numeric::from_i128(*value, u16::from(scale)))
        }
        (ScanValue::Int(value), PhysicalType::I16, _) => Datum::I16(i16::try_from(*value).ok()?),
        (ScanValue::Int(value), PhysicalType::I32, _) => Datum::I32(i32::try_from(*value).ok()?),
        (ScanValue::Int(value), PhysicalType::I64, _) => Datum::I64(i64::try_from(*value).ok()?),
        _ => return None,
    })
}

/// Compares two values that [`datum`] made of one column.
fn less(left: &Datum, right: &Datum) -> bool {
    match (left, right) {
        (Datum::I16(left), Datum::I16(right)) => left < right,
        (Datum::I32(left), Datum::I32(right)) => left < right,
        (Datum::I64(left), Datum::I64(right)) => left < right,
        (Datum::Numeric(left), Datum::Numeric(right)) => match (left.to_fixed(), right.to_fixed()) {
            (Some((left, _)), Some((right, _))) => left < right,
            _ => false,
        },
        _ => false,
    }
}
