//! What the optimizer learns of stored tables: row counts, distinct values, bounds, and the share of a sample that
//! satisfies a predicate.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use executor::context::QueryContext;
use executor::expr::{Expr, ExprKind, Volatility};
use storage::{ScanValue, TableId, TableScan};
use types::{Datum, Numeric, Oid, PhysicalType};

use super::samples::Sample;
use crate::optimizer::{ColumnStatistics, SampleShare, Statistics};
use crate::session::access::Access;

/// Statistics straight from zone maps and sketches of the statement's snapshot.
pub(super) struct StoreStatistics {
    access: Arc<Access>,
    /// For evaluating predicates on samples.
    context: Arc<QueryContext>,
    scans: RefCell<HashMap<Oid, Option<TableScan>>>,
    columns: RefCell<HashMap<(Oid, usize), ColumnStatistics>>,
}

impl StoreStatistics {
    /// Returns the statistics that `access` sees.
    pub(super) fn new(access: &Arc<Access>) -> Self {
        let mut context = QueryContext::without_tables(Arc::clone(access) as _, Vec::new());
        context.options.force_row = false;
        Self {
            access: Arc::clone(access),
            context: Arc::new(context),
            scans: RefCell::default(),
            columns: RefCell::default(),
        }
    }

    fn scan(&self, table: Oid) -> Option<TableScan> {
        let open = || self.access.storage().lock().scan(TableId(u64::from(table))).ok();
        self.scans.borrow_mut().entry(table).or_insert_with(open).clone()
    }

    /// Returns the share of `sample` for which all of `conjuncts` are true.
    fn share(&self, sample: &Sample, conjuncts: &[&Expr]) -> Option<f64> {
        let matching =
            executor::count_matching(conjuncts, sample.columns(), sample.rows(), &self.context).ok()?;
        Some(matching as f64 / sample.rows() as f64)
    }
}

impl Statistics for StoreStatistics {
    fn rows(&self, table: Oid) -> Option<f64> {
        Some(self.scan(table)?.row_estimate() as f64)
    }

    fn column(&self, table: Oid, column: usize) -> ColumnStatistics {
        if let Some(known) = self.columns.borrow().get(&(table, column)) {
            return known.clone();
        }
        let statistics = self.column_of(table, column);
        self.columns.borrow_mut().insert((table, column), statistics.clone());
        statistics
    }

    fn sample_share(&self, table: Oid, conjuncts: &[Expr]) -> Option<SampleShare> {
        let (evaluated, rest): (Vec<&Expr>, Vec<&Expr>) =
            conjuncts.iter().partition(|conjunct| can_be_sampled(conjunct));
        if evaluated.is_empty() {
            return None;
        }
        let scan = self.scan(table)?;
        let mut needed: Vec<usize> = evaluated.iter().flat_map(|conjunct| positions(conjunct)).collect();
        needed.sort_unstable();
        needed.dedup();
        let sample = self.access.engine.samples.sample(&scan, &needed)?;
        let share = self.share(&sample, &evaluated)?;
        Some(SampleShare { share, rows: sample.rows(), rest: rest.into_iter().cloned().collect() })
    }
}

/// Returns whether a predicate gives the same for a sample as for the table, and can be evaluated before the
/// statement runs.
fn can_be_sampled(expr: &Expr) -> bool {
    let mut can = true;
    expr.walk(&mut |part| match &part.kind {
        ExprKind::Param(_)
        | ExprKind::Outer(_)
        | ExprKind::Subquery { .. }
        | ExprKind::SubqueryColumn(_)
        | ExprKind::SetCall { .. } => can = false,
        ExprKind::Call { function, .. } => can &= function.volatility != Volatility::Volatile,
        _ => {}
    });
    can
}

/// Returns the columns that an expression reads.
fn positions(expr: &Expr) -> Vec<usize> {
    let mut found = Vec::new();
    expr.walk(&mut |part| {
        if let ExprKind::Column(id) = &part.kind {
            found.push(id.0 as usize);
        }
    });
    found
}

impl StoreStatistics {
    fn column_of(&self, table: Oid, column: usize) -> ColumnStatistics {
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
