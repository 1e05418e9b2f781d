//! Subqueries in expressions: running them, remembering their rows, and making values of the rows.
//!
//! A subplan runs once for each distinct combination of the outer values that it reads; without any, once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use types::{ArrayValue, Datum, PgError, Result, SqlState, TypeRef};

use super::{RowEvaluator, Scope};
use crate::execute::Run;
use crate::expr::{Expr, ExprKind, SubqueryUse};
use crate::operators::collect_rows_limited;
use crate::plan::{Plan, PlanNode};
use crate::values;

/// Rows that a subplan returned.
type Rows = Arc<Vec<Vec<Datum>>>;

/// A tuning constant: results kept of correlated subplans before all are dropped.
const CACHED_RESULTS_MAX: usize = 100_000;

/// What subplans of a statement have returned so far.
#[derive(Default)]
pub(crate) struct SubplanCache {
    rows: Mutex<HashMap<(u32, Vec<u8>), Rows>>,
    references: Mutex<HashMap<u32, Arc<Vec<u32>>>>,
}

/// Filters that finished build sides have published, by number.
#[derive(Default)]
pub(crate) struct RuntimeFilters {
    filters: Mutex<HashMap<u32, Arc<dyn storage::KeyFilter>>>,
}

impl RuntimeFilters {
    /// Publishes filter `number`.
    pub(crate) fn publish(&self, number: u32, filter: Arc<dyn storage::KeyFilter>) {
        self.filters.lock().insert(number, filter);
    }
    /// Withdraws filter `number`, so that the next run of its scan does not see an old one.
    pub(crate) fn withdraw(&self, number: u32) {
        self.filters.lock().remove(&number);
    }
    /// Returns filter `number`, if it is published.
    pub(crate) fn get(&self, number: u32) -> Option<Arc<dyn storage::KeyFilter>> {
        self.filters.lock().get(&number).map(Arc::clone)
    }
}

impl RowEvaluator<'_> {
    pub(super) fn subquery(
        &self,
        index: u32,
        usage: &SubqueryUse,
        outer: &[(u32, Expr)],
        ty: TypeRef,
        scope: Scope<'_>,
    ) -> Result<Datum> {
        let Some(run) = self.run else {
            return Err(PgError::internal("a subquery outside a plan"));
        };
        let mut values = (*run.outer).clone();
        for (slot, expr) in outer {
            let value = self.eval(expr, scope)?;
            let slot = *slot as usize;
            if values.len() <= slot {
                values.resize(slot + 1, Datum::Null);
            }
            values[slot] = value;
        }
        let limit = match usage {
            SubqueryUse::Exists => 1,
            SubqueryUse::Scalar | SubqueryUse::Row { .. } => 2,
            SubqueryUse::Array | SubqueryUse::Any { .. } | SubqueryUse::All { .. } => usize::MAX,
        };
        let rows = subplan_rows(run, index, values, limit)?;
        match usage {
            SubqueryUse::Exists => Ok(Datum::Bool(!rows.is_empty())),
            SubqueryUse::Scalar => {
                Ok(single(&rows)?.and_then(|row| row.first().cloned()).unwrap_or_default())
            }
            SubqueryUse::Array => {
                let elements = rows.iter().filter_map(|row| row.first().cloned()).collect();
                let element_type = types::element_type(ty.oid).unwrap_or(ty.oid);
                Ok(Datum::Array(Arc::new(ArrayValue::one_dimensional(element_type, elements))))
            }
            SubqueryUse::Any { comparison } => self.quantified(&rows, comparison, true, scope),
            SubqueryUse::All { comparison } => self.quantified(&rows, comparison, false, scope),
            SubqueryUse::Row { comparison } => match single(&rows)? {
                Some(row) => self.eval(comparison, Scope { subquery: row, ..scope }),
                None => Ok(Datum::Null),
            },
        }
    }

    fn quantified(&self, rows: &Rows, comparison: &Expr, decisive: bool, scope: Scope<'_>) -> Result<Datum> {
        let mut unknown = false;
        for row in rows.iter() {
            match self.eval(comparison, Scope { subquery: row, ..scope })? {
                Datum::Bool(value) if value == decisive => return Ok(Datum::Bool(decisive)),
                Datum::Bool(_) => {}
                _ => unknown = true,
            }
        }
        Ok(if unknown { Datum::Null } else { Datum::Bool(!decisive) })
    }
}

fn single(rows: &Rows) -> Result<Option<&Vec<Datum>>> {
    if rows.len() > 1 {
        return Err(more_than_one_row());
    }
    Ok(rows.first())
}

/// `21000` for a subquery that is used as a value.
pub(crate) fn more_than_one_row() -> PgError {
    PgError::new(
        SqlState::CARDINALITY_VIOLATION,
        "more than one row returned by a subquery used as an expression",
    )
}

fn subplan_rows(run: &Run<'_>, index: u32, outer: Vec<Datum>, limit: usize) -> Result<Rows> {
    let node = run
        .plan
        .subplans
        .get(index as usize)
        .ok_or_else(|| PgError::internal("a subquery without its plan"))?;
    let cache = &run.state.subplans;
    let references = Arc::clone(
        cache.references.lock().entry(index).or_insert_with(|| Arc::new(outer_references(run.plan, node))),
    );
    let mut key = Vec::new();
    for slot in references.iter() {
        values::encode(outer.get(*slot as usize).unwrap_or(&Datum::Null), &mut key)?;
    }
    let key = (index, key);
    if let Some(rows) = cache.rows.lock().get(&key) {
        return Ok(Arc::clone(rows));
    }
    let inner = run.with_outer(outer);
    let rows = Arc::new(collect_rows_limited(&inner, node, limit)?.rows(&node.output)?);
    let mut held = cache.rows.lock();
    if held.len() >= CACHED_RESULTS_MAX {
        held.clear();
    }
    held.insert(key, Arc::clone(&rows));
    Ok(rows)
}

/// Returns the outer slots that a plan reads, those of subplans below it included, or marks it as volatile.
fn outer_references(plan: &Plan, node: &PlanNode) -> Vec<u32> {
    let mut slots = Vec::new();
    collect_references(plan, node, &mut slots, 0);
    slots.sort_unstable();
    slots.dedup();
    slots
}

fn collect_references(plan: &Plan, node: &PlanNode, slots: &mut Vec<u32>, depth: usize) {
    node.walk(&mut |node| {
        node.for_each_expr(&mut |expr| {
            expr.walk(&mut |expr| match &expr.kind {
                ExprKind::Outer(slot) => slots.push(*slot),
                ExprKind::Subquery { index, .. } if depth < 64 => {
                    if let Some(inner) = plan.subplans.get(*index as usize) {
                        collect_references(plan, inner, slots, depth + 1);
                    }
                }
                _ => {}
            });
        });
    });
}
