//! Access paths: which indexes of a table a scan of it could use, and what each way to its rows costs.
//!
//! [`conditions`] finds the conjuncts that bind the first columns of an index, [`order`] whether its order is one that is
//! wanted, [`implication`] whether the query implies a partial index's predicate, [`cost`] what a path costs. Lowering
//! compares the paths; no path changes a result.

mod conditions;
pub(crate) mod cost;
pub(crate) mod implication;
mod order;
mod patterns;

use std::collections::BTreeMap;
use std::sync::Arc;

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{IndexDirection, IndexKey, SortKey};
use types::Oid;

use super::Planner;
use super::expressions::substitute;
use super::functions;
use super::logical::{Get, Logical};
use crate::catalog::{Index, IndexKeySource};

pub(crate) use cost::Cost;

/// The planner's method settings (`enable_seqscan` and its relatives).
#[derive(Debug, Clone, Copy)]
pub struct PlannerSettings {
    /// `enable_seqscan`
    pub seqscan: bool,
    /// `enable_indexscan`
    pub indexscan: bool,
    /// `enable_indexonlyscan`
    pub indexonlyscan: bool,
    /// `enable_bitmapscan`
    pub bitmapscan: bool,
    /// `enable_nestloop`
    pub nestloop: bool,
    /// `enable_hashjoin`
    pub hashjoin: bool,
    /// `enable_mergejoin`
    pub mergejoin: bool,
    /// `enable_sort`
    pub sort: bool,
}

impl Default for PlannerSettings {
    fn default() -> Self {
        Self {
            seqscan: true,
            indexscan: true,
            indexonlyscan: true,
            bitmapscan: true,
            nestloop: true,
            hashjoin: true,
            mergejoin: true,
            sort: true,
        }
    }
}

/// Which text of an index is meant.
#[derive(Debug, Clone, Copy)]
pub enum IndexPart {
    /// The expression of the key at a position.
    Key(usize),
    /// The predicate of a partial index.
    Predicate,
}

/// A column of an index as the optimizer sees it.
struct IndexedColumn {
    /// What is indexed, over the ids of the scan.
    expr: Expr,
    /// `pg_opfamily.oid`.
    family: Oid,
    collation: Oid,
    descending: bool,
    nulls_first: bool,
    not_null: bool,
}

/// A way to a table's rows through an index.
#[derive(Debug, Clone)]
pub(crate) struct IndexPath {
    /// The index.
    pub(crate) index: Arc<Index>,
    /// Conditions on its first columns.
    pub(crate) keys: Vec<IndexKey>,
    /// The same as predicates.
    pub(crate) conditions: Vec<Expr>,
    /// Which of the conjuncts the keys decide.
    pub(crate) decided: Vec<usize>,
    /// Whether at most one row is found.
    pub(crate) one_row: bool,
    /// Whether rows are wanted in order, and in which.
    pub(crate) direction: Option<IndexDirection>,
    /// Rows that the keys find.
    pub(crate) rows: f64,
    /// Number of ranges that are looked into.
    pub(crate) ranges: f64,
}

impl Planner<'_> {
    /// Returns the paths to the rows of a table that satisfy `conjuncts` (which may use columns of other tables: values
    /// of an outer row), in order where that is asked for.
    pub(crate) fn index_paths(
        &self,
        get: &Get,
        conjuncts: &[Expr],
        order: Option<&[SortKey]>,
    ) -> Vec<IndexPath> {
        if !get.relation.kind.is_stored() {
            return Vec::new();
        }
        let mut paths = Vec::new();
        for index in &get.relation.indexes {
            let stored = crate::statements::table::stored_indexes::definition(&get.relation, index);
            let Some(stored) = stored else { continue };
            let Some(columns) = self.indexed_columns(get, index) else { continue };
            if index.predicate.is_some() && !self.implies_predicate(get, index, conjuncts) {
                continue;
            }
            let ordered = index.method == "btree";
            let bound = conditions::of(self, get, &columns, conjuncts, ordered);
            let direction = order
                .and_then(|keys| if ordered { order::direction(&columns, &bound.keys, keys) } else { None });
            let useless = bound.keys.is_empty() && (direction.is_none() || !ordered);
            if useless
                || !ordered && bound.keys.len() < columns.len()
                || order.is_some() && direction.is_none()
            {
                continue;
            }
            let one_row = stored.unique
                && bound.keys.len() == columns.len()
                && bound.keys.iter().all(|key| matches!(key, IndexKey::Equals(_)));
            let rows = if one_row { 1.0 } else { self.found_rows(get, &bound, conjuncts) };
            paths.push(IndexPath {
                index: Arc::clone(index),
                keys: bound.keys,
                conditions: bound.conditions,
                decided: bound.decided,
                one_row,
                direction,
                rows,
                ranges: bound.ranges,
            });
        }
        paths
    }

    fn found_rows(&self, get: &Get, bound: &conditions::Bound, conjuncts: &[Expr]) -> f64 {
        let used = bound.used.iter().filter_map(|at| conjuncts.get(*at));
        let is_own = |id: &ColumnId| get.columns.contains(id);
        let (own, joining): (Vec<&Expr>, Vec<&Expr>) =
            used.partition(|conjunct| self.expr_columns(conjunct).iter().all(is_own));
        let filters = own.into_iter().cloned().collect();
        let mut rows = self.estimate(&Logical::Get(Box::new(Get { filters, ..get.clone() })));
        for conjunct in joining {
            rows *= match functions::equality(conjunct) {
                Some(equality) => {
                    let left_is_own = self.expr_columns(equality.left).iter().all(is_own);
                    let own = if left_is_own { equality.left } else { equality.right };
                    1.0 / self.distinct(own, f64::INFINITY).max(1.0)
                }
                None => self.conjunct_selectivity(conjunct),
            };
        }
        rows
    }

    /// Returns the columns of an index over the ids of a scan; `None` when one is not known.
    fn indexed_columns(&self, get: &Get, index: &Index) -> Option<Vec<IndexedColumn>> {
        let mut columns = Vec::with_capacity(index.keys.len());
        for (at, key) in index.keys.iter().enumerate() {
            let (expr, not_null) = match &key.source {
                IndexKeySource::Column(position) => {
                    let column = get.relation.columns.get(*position)?;
                    (Expr::column(*get.columns.get(*position)?, column.ty), column.not_null)
                }
                IndexKeySource::Expression { .. } => {
                    (self.index_expression(get, index, IndexPart::Key(at))?, false)
                }
            };
            let class = crate::catalog::builtin::operator_class(key.class)?;
            columns.push(IndexedColumn {
                expr,
                family: class.family,
                collation: key.collation,
                descending: key.descending,
                nulls_first: key.nulls_first,
                not_null,
            });
        }
        Some(columns)
    }

    /// Returns an expression of an index over the ids of a scan.
    fn index_expression(&self, get: &Get, index: &Index, part: IndexPart) -> Option<Expr> {
        let mut expr = (self.context.index_expression)(&get.relation, index, part)?;
        let columns: BTreeMap<ColumnId, Expr> = get
            .columns
            .iter()
            .zip(&get.relation.columns)
            .zip(1..)
            .map(|((id, column), number)| (ColumnId(number), Expr::column(*id, column.ty)))
            .collect();
        substitute(&mut expr, &columns);
        Some(expr)
    }

    fn implies_predicate(&self, get: &Get, index: &Index, conjuncts: &[Expr]) -> bool {
        self.index_expression(get, index, IndexPart::Predicate)
            .is_some_and(|predicate| implication::implies(conjuncts, &predicate))
    }
}

/// Returns an expression without changes of type that leave the value as it is.
fn plain(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Relabel(inner) => plain(inner),
        _ => expr,
    }
}
