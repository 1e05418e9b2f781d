//! Predicates move to where they can first be decided.
//!
//! [`Planner::push`] takes a plan and conjuncts to apply on top of it and returns a plan that applies them as low
//! as possible. On the way outer joins whose padded rows a predicate rejects become inner joins. A volatile
//! conjunct stays where it was written; one with a subquery moves but never into a scan.

use std::collections::BTreeMap;

use executor::expr::{ColumnId, Expr, ExprKind, Volatility};

use super::expressions::{self, substitute};
use super::logical::{ColumnSet, Logical, LogicalAggregate, LogicalJoin, LogicalJoinKind};
use super::{Planner, predicates};

/// Which sides of a join an expression uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Both,
    Neither,
}

impl Planner<'_> {
    /// Applies `conjuncts` on top of `plan`, as low as possible.
    pub(super) fn push(&self, plan: Logical, conjuncts: Vec<Expr>) -> Logical {
        let (volatile, conjuncts): (Vec<_>, Vec<_>) =
            conjuncts.into_iter().partition(|expr| self.volatility(expr) == Volatility::Volatile);
        self.push_movable(plan, conjuncts).filter(volatile)
    }

    fn push_movable(&self, plan: Logical, mut conjuncts: Vec<Expr>) -> Logical {
        match plan {
            Logical::Filter { input, conjuncts: own } => {
                conjuncts.extend(own.into_iter().flat_map(predicates::normalized));
                self.push(*input, conjuncts)
            }
            Logical::Join(join) => self.push_join(*join, conjuncts),
            Logical::Map { input, exprs } => {
                let by: BTreeMap<ColumnId, Expr> = exprs.iter().cloned().collect();
                let movable = |expr: &Expr| {
                    !expressions::has_subquery(expr) && self.volatility(expr) != Volatility::Volatile
                };
                let (below, above) = self.split_substituting(conjuncts, &by, &movable);
                Logical::Map { input: Box::new(self.push(*input, below)), exprs }.filter(above)
            }
            Logical::Aggregate(aggregate) => self.push_aggregate(*aggregate, conjuncts),
            Logical::Sort { input, keys } => {
                Logical::Sort { input: Box::new(self.push(*input, conjuncts)), keys }
            }
            // Only rows that pass a predicate above are locked, as in PostgreSQL.
            Logical::LockRows { input, locks, kept, copies, lateral } => {
                let input = Box::new(self.push(*input, conjuncts));
                Logical::LockRows { input, locks, kept, copies, lateral }
            }
            Logical::Append { inputs, columns } => {
                let (movable, above): (Vec<_>, Vec<_>) =
                    conjuncts.into_iter().partition(|expr| !expressions::has_subquery(expr));
                let inputs = inputs
                    .into_iter()
                    .map(|(input, exprs)| {
                        let by = columns.iter().copied().zip(exprs.iter().cloned()).collect();
                        let below = movable.iter().map(|expr| substituted(expr, &by)).collect();
                        (self.push(input, below), exprs)
                    })
                    .collect();
                Logical::Append { inputs, columns }.filter(above)
            }
            Logical::SetOperation(mut operation) => {
                let (movable, above): (Vec<_>, Vec<_>) =
                    conjuncts.into_iter().partition(|expr| !expressions::has_subquery(expr));
                let side = |exprs: &[Expr]| -> Vec<Expr> {
                    let by = operation.columns.iter().copied().zip(exprs.iter().cloned()).collect();
                    movable.iter().map(|expr| substituted(expr, &by)).collect()
                };
                let (left, right) = (side(&operation.left_exprs), side(&operation.right_exprs));
                operation.left = self.push(operation.left, left);
                operation.right = self.push(operation.right, right);
                Logical::SetOperation(operation).filter(above)
            }
            Logical::Window { input, partition_by, order_by, calls } => {
                let mut keys = ColumnSet::new();
                for key in &partition_by {
                    if let ExprKind::Column(id) = key.kind {
                        keys.insert(id);
                    }
                }
                let (below, above): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(|expr| {
                    let columns = self.expr_columns(expr);
                    !columns.is_empty() && columns.iter().all(|id| keys.contains(id))
                });
                let input = Box::new(self.push(*input, below));
                Logical::Window { input, partition_by, order_by, calls }.filter(above)
            }
            Logical::Get(mut get) => {
                // The scan filters by stored columns; the row id is not one.
                let row_id = get.row_id;
                let (inside, above): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(|expr| {
                    !expressions::has_subquery(expr)
                        && row_id.is_none_or(|id| !self.expr_columns(expr).contains(&id))
                });
                get.filters.extend(inside);
                Logical::Get(get).filter(above)
            }
            Logical::Values { .. }
            | Logical::Functions { .. }
            | Logical::SharedScan { .. }
            | Logical::WorkingScan { .. }
            | Logical::ProjectSet { .. }
            | Logical::Limit { .. }
            | Logical::DistinctOn { .. }
            | Logical::RecursiveUnion(_)
            | Logical::Modify(_) => {
                plan.map_inputs(&mut |input| self.push(input, Vec::new())).filter(conjuncts)
            }
        }
    }

    /// Splits conjuncts into those that can be decided below (with `by` filled in) and the others.
    fn split_substituting(
        &self,
        conjuncts: Vec<Expr>,
        by: &BTreeMap<ColumnId, Expr>,
        movable: &dyn Fn(&Expr) -> bool,
    ) -> (Vec<Expr>, Vec<Expr>) {
        let mut below = Vec::new();
        let mut above = Vec::new();
        for conjunct in conjuncts {
            let own: Vec<&Expr> = self.expr_columns(&conjunct).iter().filter_map(|id| by.get(id)).collect();
            if own.is_empty() {
                below.push(conjunct);
            } else if !expressions::has_subquery(&conjunct) && own.into_iter().all(movable) {
                below.push(substituted(&conjunct, by));
            } else {
                above.push(conjunct);
            }
        }
        (below, above)
    }

    fn push_aggregate(&self, mut aggregate: LogicalAggregate, conjuncts: Vec<Expr>) -> Logical {
        let in_all_sets = |position: &usize| {
            aggregate.sets.as_ref().is_none_or(|sets| sets.iter().all(|set| set.contains(position)))
        };
        let by: BTreeMap<ColumnId, Expr> = (aggregate.keys.iter().enumerate())
            .filter(|(position, (_, key))| {
                in_all_sets(position)
                    && !expressions::has_subquery(key)
                    && self.volatility(key) != Volatility::Volatile
            })
            .map(|(_, key)| key.clone())
            .collect();
        let (below, above): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(|expr| {
            let columns = self.expr_columns(expr);
            !expressions::has_subquery(expr)
                && columns.iter().any(|id| by.contains_key(id))
                && !aggregate.calls.iter().any(|(id, _)| columns.contains(id))
                && !aggregate.keys.iter().any(|(id, _)| columns.contains(id) && !by.contains_key(id))
                && aggregate.set_number.is_none_or(|id| !columns.contains(&id))
        });
        let below = below.iter().map(|expr| substituted(expr, &by)).collect();
        aggregate.input = self.push(aggregate.input, below);
        Logical::Aggregate(Box::new(aggregate)).filter(above)
    }

    fn push_join(&self, mut join: LogicalJoin, conjuncts: Vec<Expr>) -> Logical {
        join.conjuncts = join.conjuncts.into_iter().flat_map(predicates::normalized).collect();
        self.simplify_outer(&mut join, &conjuncts);
        let left_columns = join.left.columns();
        let right_columns = join.right.columns();
        let side = |expr: &Expr| {
            let columns = self.expr_columns(expr);
            let left = columns.iter().any(|id| left_columns.contains(id));
            let right = columns.iter().any(|id| right_columns.contains(id));
            match (left, right) {
                (true, true) => Side::Both,
                (true, false) => Side::Left,
                (false, true) => Side::Right,
                (false, false) => Side::Neither,
            }
        };
        let (mut left, mut right, mut stay, mut above) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mark = join.kind.mark();
        for expr in conjuncts {
            let uses_mark = mark.is_some_and(|id| self.expr_columns(&expr).contains(&id));
            match (join.kind, side(&expr)) {
                (LogicalJoinKind::Full, _) => above.push(expr),
                (_, Side::Left | Side::Neither) if !uses_mark => left.push(expr),
                (LogicalJoinKind::Inner, Side::Right) => right.push(expr),
                (LogicalJoinKind::Inner, _) => stay.push(expr),
                _ => above.push(expr),
            }
        }
        for expr in std::mem::take(&mut join.conjuncts) {
            if self.volatility(&expr) == Volatility::Volatile {
                stay.push(expr);
                continue;
            }
            use LogicalJoinKind::{
                Anti, AntiNullAware, Full, Inner, Left, Mark, MarkNullAware, Semi, Single,
            };
            match (join.kind, side(&expr)) {
                (Inner | Semi, Side::Left | Side::Neither) => left.push(expr),
                (Inner | Semi | Left | Anti | Mark(_) | Single, Side::Right) => right.push(expr),
                (Full | AntiNullAware | MarkNullAware(_), _)
                | (Left | Anti | Mark(_) | Single, Side::Left | Side::Neither)
                | (_, Side::Both) => stay.push(expr),
            }
        }
        join.left = self.push(join.left, left);
        join.right = self.push(join.right, right);
        join.conjuncts = stay;
        Logical::Join(Box::new(join)).filter(above)
    }

    /// Turns an outer join into a stronger one when a predicate above rejects its padded rows.
    fn simplify_outer(&self, join: &mut LogicalJoin, above: &[Expr]) {
        let rejects = |columns: &ColumnSet| above.iter().any(|expr| predicates::rejects_nulls(expr, columns));
        match join.kind {
            LogicalJoinKind::Left if rejects(&join.right.columns()) => join.kind = LogicalJoinKind::Inner,
            LogicalJoinKind::Full => {
                let left = rejects(&join.left.columns());
                let right = rejects(&join.right.columns());
                match (left, right) {
                    (true, true) => join.kind = LogicalJoinKind::Inner,
                    (true, false) => join.kind = LogicalJoinKind::Left,
                    (false, true) => {
                        std::mem::swap(&mut join.left, &mut join.right);
                        join.kind = LogicalJoinKind::Left;
                    }
                    (false, false) => {}
                }
            }
            LogicalJoinKind::Left
            | LogicalJoinKind::Inner
            | LogicalJoinKind::Semi
            | LogicalJoinKind::Anti
            | LogicalJoinKind::AntiNullAware
            | LogicalJoinKind::Mark(_)
            | LogicalJoinKind::MarkNullAware(_)
            | LogicalJoinKind::Single => {}
        }
    }
}

fn substituted(expr: &Expr, by: &BTreeMap<ColumnId, Expr>) -> Expr {
    let mut copy = expr.clone();
    substitute(&mut copy, by);
    copy
}
