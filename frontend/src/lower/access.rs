//! Scans through indexes: which path a table's rows come by, and joins that look rows up.

use executor::expr::{ColumnId, Expr, ExprKind};
use executor::plan::{IndexBound, IndexJoin, IndexKey, IndexScan, JoinKind, NodeKind};
use types::{Datum, Result};

use super::join::{candidates, restricted};
use super::{Lowered, Lowering, WantedOrder};
use crate::catalog::{Index, IndexKeySource};
use crate::optimizer::access::{Cost, IndexPath, cost};
use crate::optimizer::expressions::conjunction;
use crate::optimizer::logical::{ColumnSet, Get, Logical, LogicalJoin, LogicalJoinKind};

/// A tuning constant: how many times cheaper than a hash join a join that looks rows up must seem. A hash join whose
/// estimate is wrong costs little more; look-ups of too many rows cost a lot.
const LOOKUP_ADVANTAGE: f64 = 3.0;
/// A tuning constant: by how much that grows with each join below the outer side, whose estimate is the less certain.
const ADVANTAGE_PER_JOIN: f64 = 6.0;

/// A side of a join that could be looked up.
struct Inner<'a> {
    get: &'a Get,
    outer: &'a Logical,
    kind: JoinKind,
    path: IndexPath,
    cost: Cost,
}

impl Lowering<'_> {
    /// Returns the index path that is the best way to a table's rows; `None`: reading the table is.
    pub(super) fn best_path(
        &self,
        get: &Get,
        needed: &ColumnSet,
        rows: f64,
        wanted: Option<&WantedOrder>,
    ) -> Option<IndexPath> {
        if get.relation.indexes.is_empty() || !get.relation.kind.is_stored() {
            return None;
        }
        let columns = get.columns.iter().filter(|id| needed.contains(id)).count();
        let table_rows = self.table_rows(get);
        let settings = self.planner.context.settings;
        let sorted = |cost: Cost| match wanted {
            Some(wanted) => {
                let first = wanted.fraction.map(|fraction| rows * fraction);
                cost.then(cost::sort(rows, first, settings.sort))
            }
            None => cost,
        };
        let mut best = None;
        let mut best_cost =
            sorted(cost::scan(table_rows, get.filters.len(), rows, columns, settings.seqscan));
        for path in self.planner.index_paths(get, &get.filters, None) {
            let enabled = settings.indexscan || settings.bitmapscan && !path.one_row;
            let cost = sorted(cost::index(table_rows, path.ranges, path.rows, columns, enabled));
            if cost.is_below(best_cost) {
                (best, best_cost) = (Some(path), cost);
            }
        }
        let Some(wanted) = wanted else { return best };
        for path in self.planner.index_paths(get, &get.filters, Some(&wanted.keys)) {
            let cost = cost::index(table_rows, path.ranges, path.rows, columns, settings.indexscan);
            let cost = wanted.fraction.map_or(cost, |fraction| cost.of_first(fraction));
            if cost.is_below(best_cost) {
                (best, best_cost) = (Some(path), cost);
            }
        }
        best
    }

    fn table_rows(&self, get: &Get) -> f64 {
        let all = Get { filters: Vec::new(), ..get.clone() };
        self.planner.estimate(&Logical::Get(Box::new(all)))
    }

    /// Returns the share of a sort's rows that a LIMIT leaves.
    pub(super) fn limit_fraction(&self, input: &Logical, limit: &Expr, offset: Option<&Expr>) -> f64 {
        const UNKNOWN: f64 = 0.1;
        let rows = self.planner.estimate(input).max(1.0);
        let constant = |expr: &Expr| match expr.kind {
            ExprKind::Const(Datum::I64(count)) => Some(count as f64),
            _ => None,
        };
        let skipped = offset.map_or(Some(0.0), constant);
        match (constant(limit), skipped) {
            (Some(limit), Some(skipped)) => ((limit + skipped) / rows).clamp(0.0, 1.0),
            _ => UNKNOWN,
        }
    }

    /// Lowers a scan by an index path; `filters` are the scan's own conjuncts, the first of those that the path was
    /// made of.
    pub(super) fn index_scan(
        &mut self,
        get: &Get,
        filters: &[Expr],
        path: &IndexPath,
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let rest = filters.iter().enumerate().filter(|(at, _)| !path.decided.contains(at));
        let rest: Vec<Expr> = rest.map(|(_, filter)| filter.clone()).collect();
        let mut all = needed.clone();
        rest.iter().chain(&path.conditions).for_each(|expr| self.need(&mut all, expr));
        let read: Vec<usize> = (0..get.columns.len())
            .filter(|at| get.columns.get(*at).is_some_and(|id| all.contains(id)))
            .collect();
        let read_ids: Vec<ColumnId> = read.iter().filter_map(|at| get.columns.get(*at)).copied().collect();
        let rest = self.exprs(&rest, &read_ids)?;
        let conditions = self.exprs(&path.conditions, &read_ids)?;
        let keys = path.keys.iter().map(|key| self.index_key(key)).collect::<Result<_>>()?;
        let only = self.planner.context.settings.indexonlyscan
            && get.row_id.is_none_or(|id| !needed.contains(&id))
            && covers(&path.index, &read);
        let (scan, columns) = self.scan(get, read, &read_ids, rest, needed);
        let kind = NodeKind::IndexScan(IndexScan {
            scan,
            index: u64::from(path.index.oid),
            index_name: path.index.name.clone(),
            keys,
            conditions,
            one_row: path.one_row,
            direction: path.direction,
            only,
        });
        let lowered = self.finish(kind, columns, rows)?;
        Ok(Lowered { ordered: path.direction.is_some(), ..lowered })
    }

    fn index_key(&mut self, key: &IndexKey) -> Result<IndexKey> {
        let mut bounds = |ends: &[IndexBound]| {
            ends.iter()
                .map(|end| Ok(IndexBound { value: self.expr(&end.value, &[])?, inclusive: end.inclusive }))
                .collect::<Result<Vec<_>>>()
        };
        Ok(match key {
            IndexKey::Range { low, high } => IndexKey::Range { low: bounds(low)?, high: bounds(high)? },
            IndexKey::Equals(value) => IndexKey::Equals(self.expr(value, &[])?),
            IndexKey::Any(array) => IndexKey::Any(self.expr(array, &[])?),
            IndexKey::IsNull => IndexKey::IsNull,
        })
    }

    /// Lowers a join whose inner side is looked up in an index, if that is the cheapest way.
    pub(super) fn index_join(
        &mut self,
        join: &LogicalJoin,
        needed: &ColumnSet,
        rows: f64,
        wanted: Option<&WantedOrder>,
    ) -> Result<Option<Lowered>> {
        let Some(inner) = self.inner_side(join, wanted) else { return Ok(None) };
        let (outer_columns, inner_columns) = (inner.outer.columns(), &inner.get.columns);
        let rest = join.conjuncts.iter().zip(inner.get.filters.len()..);
        let rest: Vec<Expr> =
            rest.filter(|(_, at)| !inner.path.decided.contains(at)).map(|(expr, _)| expr.clone()).collect();
        let mut below = needed.clone();
        rest.iter().for_each(|expr| self.need(&mut below, expr));
        let inner_needed =
            restricted(&below, &inner_columns.iter().copied().chain(inner.get.row_id).collect());
        let mut bound = ColumnSet::new();
        for key in &inner.path.keys {
            key.for_each_expr(&mut |expr| self.planner.add_expr_columns(expr, &mut bound));
        }
        bound.retain(|id| outer_columns.contains(id));
        let lowered_inner =
            self.index_scan(inner.get, &inner.get.filters, &inner.path, &inner_needed, inner.path.rows)?;
        below.extend(bound.iter().copied());
        self.wanted = wanted.filter(|wanted| self.is_over(wanted, &outer_columns)).cloned();
        let outer = self.node(inner.outer, &restricted(&below, &outer_columns))?;
        let ordered = outer.ordered;
        let mut bindings = Vec::new();
        for id in bound {
            let value = self.planner.column(id)?;
            bindings.push((self.slot(id), self.expr(&value, &outer.columns)?));
        }
        let (columns, projection, candidates) =
            candidates(inner.kind, join.kind, &outer, &lowered_inner, needed);
        let condition = match rest.is_empty() {
            true => None,
            false => Some(conjunction(self.exprs(&rest, &candidates)?)),
        };
        let kind = NodeKind::IndexJoin(IndexJoin {
            kind: inner.kind,
            outer: Box::new(outer.node),
            inner: Box::new(lowered_inner.node),
            bindings,
            condition,
            projection,
        });
        let lowered = self.finish(kind, columns, rows)?;
        Ok(Some(Lowered { ordered, ..lowered }))
    }

    fn is_over(&self, wanted: &WantedOrder, columns: &ColumnSet) -> bool {
        wanted.keys.iter().all(|key| self.planner.expr_columns(&key.expr).is_subset(columns))
    }

    /// Returns the side of a join that is best looked up; `None` when hashing is cheaper.
    fn inner_side<'a>(&self, join: &'a LogicalJoin, wanted: Option<&WantedOrder>) -> Option<Inner<'a>> {
        let kind = match join.kind {
            LogicalJoinKind::Inner => JoinKind::Inner,
            LogicalJoinKind::Left => JoinKind::ProbeOuter,
            LogicalJoinKind::Semi => JoinKind::ProbeSemi,
            LogicalJoinKind::Anti => JoinKind::ProbeAnti,
            LogicalJoinKind::Mark(_) => JoinKind::ProbeMark,
            LogicalJoinKind::Single => JoinKind::ProbeSingle,
            LogicalJoinKind::Full | LogicalJoinKind::AntiNullAware | LogicalJoinKind::MarkNullAware(_) => {
                return None;
            }
        };
        let mut sides = vec![(&join.left, &join.right)];
        if join.kind == LogicalJoinKind::Inner {
            sides.push((&join.right, &join.left));
        }
        let mut best: Option<Inner<'a>> = None;
        for (outer, inner) in sides {
            let Logical::Get(get) = inner else { continue };
            for candidate in self.lookups(join, kind, outer, get, wanted) {
                if best.as_ref().is_none_or(|best| candidate.cost.is_below(best.cost)) {
                    best = Some(candidate);
                }
            }
        }
        best
    }

    fn lookups<'a>(
        &self,
        join: &LogicalJoin,
        kind: JoinKind,
        outer: &'a Logical,
        get: &'a Get,
        wanted: Option<&WantedOrder>,
    ) -> Vec<Inner<'a>> {
        if get.relation.indexes.is_empty() || !get.relation.kind.is_stored() {
            return Vec::new();
        }
        let settings = self.planner.context.settings;
        let conjuncts: Vec<Expr> = get.filters.iter().chain(&join.conjuncts).cloned().collect();
        let outer_columns = outer.columns();
        let mut outer_rows = self.planner.estimate(outer);
        if let Some(WantedOrder { fraction: Some(fraction), .. }) =
            wanted.filter(|wanted| self.is_over(wanted, &outer_columns))
        {
            outer_rows = (outer_rows * fraction).max(1.0);
        }
        let (table_rows, inner_rows) =
            (self.table_rows(get), self.planner.estimate(&Logical::Get(Box::new(get.clone()))));
        let columns = get.columns.len().min(4);
        let scanned = cost::scan(table_rows, get.filters.len(), inner_rows, 1, settings.seqscan);
        let (small, large) = (inner_rows.min(outer_rows), inner_rows.max(outer_rows));
        let hash_enabled = settings.hashjoin || settings.mergejoin;
        let hashed = scanned.then(cost::hash_join(small, large, hash_enabled));
        let uncertainty = ADVANTAGE_PER_JOIN.powi(joins_in(outer));
        let mut found = Vec::new();
        for path in self.planner.index_paths(get, &conjuncts, None) {
            let joins = path.keys.iter().any(|key| {
                let mut over_outer = false;
                key.for_each_expr(&mut |expr| {
                    over_outer |= self.planner.expr_columns(expr).iter().any(|id| outer_columns.contains(id));
                });
                over_outer
            });
            if !joins {
                continue;
            }
            let mut cost = cost::index_join(table_rows, outer_rows, path.ranges, path.rows, columns);
            cost.disabled += u32::from(!settings.nestloop);
            cost.disabled += u32::from(!(settings.indexscan || settings.bitmapscan && !path.one_row));
            let careful = Cost { total: cost.total * LOOKUP_ADVANTAGE * uncertainty, ..cost };
            if careful.is_below(hashed) {
                found.push(Inner { get, outer, kind, path, cost });
            }
        }
        found
    }
}

/// Returns the number of joins in a plan.
fn joins_in(plan: &Logical) -> i32 {
    let mut joins = i32::from(matches!(plan, Logical::Join(_)));
    plan.for_each_input(&mut |input| joins += joins_in(input));
    joins
}

/// Returns whether an index has all columns at `read`.
fn covers(index: &Index, read: &[usize]) -> bool {
    read.iter().all(|position| {
        index.include.contains(position)
            || index.keys.iter().any(|key| match &key.source {
                IndexKeySource::Column(column) => column == position,
                IndexKeySource::Expression { .. } => false,
            })
    })
}
