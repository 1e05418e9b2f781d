//! Correlated subqueries become joins.
//!
//! A subquery is unnested when its correlated conjuncts can be pulled up to a join condition ([`pull`]): through
//! inner joins, the left side of the others, and grouping (an equality adds a group key). EXISTS and IN as conjuncts
//! become semi and anti joins, elsewhere mark joins; a scalar aggregate becomes a left join with its groups, where
//! COUNT of no rows is 0 again above the join; any other scalar becomes a single join. What cannot be pulled, and
//! scalars that may not be evaluated at all (in CASE, COALESCE, AND, OR), stay subplans, as do uncorrelated scalars
//! and EXISTS, which run once and only when they are asked for.

use std::collections::BTreeMap;

use executor::expr::{ColumnId, Expr, ExprKind, SubqueryUse};
use types::{Datum, TypeRef, oids};

use super::expressions;
use super::logical::{ColumnSet, Logical, LogicalAggregate, LogicalJoin, LogicalJoinKind, Subquery};
use super::{Planner, functions, predicates, rename};

impl Planner<'_> {
    /// Unnests what can be unnested in a plan, inputs first.
    pub(super) fn unnest(&mut self, plan: Logical) -> Logical {
        let plan = plan.map_inputs(&mut |input| self.unnest(input));
        match plan {
            Logical::Filter { input, conjuncts } => self.unnest_filter(*input, conjuncts),
            Logical::Map { input, mut exprs } => {
                if !exprs.iter().any(|(_, expr)| expressions::has_subquery(expr)) {
                    return Logical::Map { input, exprs };
                }
                let mut input = *input;
                for (_, expr) in &mut exprs {
                    input = self.unnest_values(input, expr);
                }
                input.map(exprs)
            }
            // The arguments of a call with FILTER are not evaluated for every row.
            Logical::Aggregate(mut aggregate)
                if aggregate.calls.iter().all(|(_, call)| call.filter.is_none()) =>
            {
                let mut input = std::mem::replace(&mut aggregate.input, Logical::unit());
                let mut plan = Logical::Aggregate(aggregate);
                plan.for_each_expr_mut(&mut |expr| {
                    if expressions::has_subquery(expr) {
                        let taken = std::mem::replace(&mut input, Logical::unit());
                        input = self.unnest_values(taken, expr);
                    }
                });
                plan.for_each_input_mut(&mut |place| {
                    *place = std::mem::replace(&mut input, Logical::unit());
                });
                plan
            }
            other => other,
        }
    }

    fn unnest_filter(&mut self, input: Logical, items: Vec<Expr>) -> Logical {
        let items: Vec<Expr> = items.into_iter().flat_map(predicates::normalized).collect();
        let mut plan = input;
        let mut rest = Vec::new();
        for mut item in items {
            if !expressions::has_subquery(&item) {
                rest.push(item);
                continue;
            }
            match self.unnest_conjunct(plan, &item) {
                Ok(joined) => plan = joined,
                Err(unchanged) => {
                    plan = self.unnest_values(unchanged, &mut item);
                    rest.push(item);
                }
            }
        }
        plan.filter(rest)
    }

    /// EXISTS, IN and their negations as conjuncts: a semi or anti join; gives the plan back when it is neither.
    fn unnest_conjunct(&mut self, plan: Logical, item: &Expr) -> Result<Logical, Logical> {
        let (inner, negated) = match &item.kind {
            ExprKind::Not(arg) => (&**arg, true),
            _ => (item, false),
        };
        let ExprKind::Subquery { index, usage, .. } = &inner.kind else { return Err(plan) };
        let (comparison, kind) = match (usage, negated) {
            (SubqueryUse::Exists, false) => (None, LogicalJoinKind::Semi),
            (SubqueryUse::Exists, true) => (None, LogicalJoinKind::Anti),
            (SubqueryUse::Any { comparison }, false) => (Some((**comparison).clone()), LogicalJoinKind::Semi),
            (SubqueryUse::Any { comparison }, true) => {
                (Some((**comparison).clone()), LogicalJoinKind::AntiNullAware)
            }
            (SubqueryUse::All { comparison }, false) => {
                (Some(expressions::negation((**comparison).clone())), LogicalJoinKind::AntiNullAware)
            }
            _ => return Err(plan),
        };
        self.join_existence(plan, *index, comparison, kind)
    }

    fn join_existence(
        &mut self,
        plan: Logical,
        index: u32,
        comparison: Option<Expr>,
        kind: LogicalJoinKind,
    ) -> Result<Logical, Logical> {
        if comparison.as_ref().is_some_and(|expr| expressions::has_subquery(expr) || has_case_operand(expr)) {
            return Err(plan);
        }
        let Some(subquery) = self.take_subquery(index) else { return Err(plan) };
        let correlated = !self.free_columns(&subquery.plan).is_empty();
        if comparison.is_none() && !correlated {
            return Err(plan);
        }
        let mut condition = Vec::new();
        let mut needed = ColumnSet::new();
        if let Some(mut comparison) = comparison {
            fill_subquery_columns(&mut comparison, &subquery.output);
            self.add_expr_columns(&comparison, &mut needed);
            condition = predicates::normalized(comparison);
        }
        let inner = without_order(subquery.plan, condition.is_empty());
        let outer = self.free_columns(&inner);
        let Some((inner, pulled)) = self.pull(inner, &outer, &needed) else { return Err(plan) };
        let kind = match kind {
            LogicalJoinKind::AntiNullAware if !correlated && condition.len() == 1 => kind,
            LogicalJoinKind::AntiNullAware => {
                // Excluded by a pair whose correlation is true and whose comparison is not false.
                let arg = Box::new(expressions::conjunction(std::mem::take(&mut condition)));
                let test = ExprKind::BoolTest { arg, test: executor::expr::BoolTest::NotFalse };
                condition.push(Expr { kind: test, ty: TypeRef::plain(oids::BOOL) });
                LogicalJoinKind::Anti
            }
            other => other,
        };
        condition.extend(pulled);
        Ok(Logical::join(kind, plan, inner, condition))
    }

    /// Replaces the subqueries of an expression by columns of joins where that is exact.
    fn unnest_values(&mut self, plan: Logical, expr: &mut Expr) -> Logical {
        let mut plan = plan;
        self.unnest_value(&mut plan, expr, true);
        plan
    }

    fn unnest_value(&mut self, plan: &mut Logical, expr: &mut Expr, always_evaluated: bool) {
        let below = always_evaluated
            && !matches!(
                expr.kind,
                ExprKind::Case { .. }
                    | ExprKind::Coalesce(_)
                    | ExprKind::And(_)
                    | ExprKind::Or(_)
                    | ExprKind::NullIf { .. }
                    | ExprKind::Subquery { .. }
            );
        expr.for_each_child_mut(&mut |child| self.unnest_value(plan, child, below));
        let ExprKind::Subquery { index, usage, .. } = &expr.kind else { return };
        let taken = std::mem::replace(plan, Logical::unit());
        let (joined, value) = match usage {
            SubqueryUse::Scalar if always_evaluated => self.join_scalar(taken, *index),
            SubqueryUse::Exists => {
                let mark = self.fresh(TypeRef::plain(oids::BOOL));
                match self.join_existence(taken, *index, None, LogicalJoinKind::Mark(mark)) {
                    Ok(joined) => (joined, Some(mark)),
                    Err(unchanged) => (unchanged, None),
                }
            }
            SubqueryUse::Any { comparison } => {
                let uncorrelated = self
                    .subqueries
                    .get(*index as usize)
                    .is_some_and(|subquery| self.free_columns(&subquery.plan).is_empty());
                // Without a key on the outer side there is nothing to hash, and only a hash join knows of the nulls.
                let hashable = !expressions::columns_of(comparison).is_empty()
                    && functions::equality(comparison)
                        .is_some_and(|equality| functions::hash_keys(&equality).is_some());
                if uncorrelated && hashable {
                    let mark = self.fresh(TypeRef::plain(oids::BOOL));
                    let kind = LogicalJoinKind::MarkNullAware(mark);
                    match self.join_existence(taken, *index, Some((**comparison).clone()), kind) {
                        Ok(joined) => (joined, Some(mark)),
                        Err(unchanged) => (unchanged, None),
                    }
                } else {
                    (taken, None)
                }
            }
            SubqueryUse::Scalar | SubqueryUse::Array | SubqueryUse::All { .. } | SubqueryUse::Row { .. } => {
                (taken, None)
            }
        };
        *plan = joined;
        if let Some(id) = value {
            *expr = Expr::column(id, expr.ty);
        }
    }

    /// A correlated scalar subquery: returns the joined plan and the column of the value.
    fn join_scalar(&mut self, plan: Logical, index: u32) -> (Logical, Option<ColumnId>) {
        let Some(subquery) = self.take_subquery(index) else { return (plan, None) };
        let (Some((output, _)), false) =
            (subquery.output.first().copied(), self.free_columns(&subquery.plan).is_empty())
        else {
            return (plan, None);
        };
        let mut maps: Vec<Vec<(ColumnId, Expr)>> = Vec::new();
        let mut inner = subquery.plan;
        loop {
            match inner {
                Logical::Map { input, exprs } if !exprs.iter().any(|(_, expr)| self.must_stay(expr)) => {
                    maps.push(exprs);
                    inner = *input;
                }
                Logical::Aggregate(aggregate) if aggregate.keys.is_empty() && aggregate.sets.is_none() => {
                    return match self.join_aggregate(plan, *aggregate) {
                        Ok(mut joined) => {
                            for exprs in maps.into_iter().rev() {
                                joined = joined.map(exprs);
                            }
                            (joined, Some(output))
                        }
                        Err(unchanged) => (unchanged, None),
                    };
                }
                other => {
                    inner = other;
                    break;
                }
            }
        }
        for exprs in maps.into_iter().rev() {
            inner = inner.map(exprs);
        }
        let needed = ColumnSet::from([output]);
        let outer = self.free_columns(&inner);
        match self.pull(inner, &outer, &needed) {
            Some((inner, condition)) => {
                (Logical::join(LogicalJoinKind::Single, plan, inner, condition), Some(output))
            }
            None => (plan, None),
        }
    }

    fn must_stay(&self, expr: &Expr) -> bool {
        expressions::has_subquery(expr) || self.volatility(expr) == executor::expr::Volatility::Volatile
    }

    /// Joins with the groups of a scalar aggregate.
    fn join_aggregate(&mut self, plan: Logical, mut aggregate: LogicalAggregate) -> Result<Logical, Logical> {
        if !aggregate.calls.iter().all(|(_, call)| empty_value(&call.function.name).is_some()) {
            return Err(plan);
        }
        let mut free = ColumnSet::new();
        let inner_columns = aggregate.input.columns();
        Logical::Aggregate(Box::new(LogicalAggregate { input: Logical::unit(), ..aggregate.clone() }))
            .for_each_expr(&mut |expr| self.add_expr_columns(expr, &mut free));
        if !free.is_subset(&inner_columns) {
            return Err(plan);
        }
        let input = std::mem::replace(&mut aggregate.input, Logical::unit());
        let outer = self.free_columns(&input);
        let Some((input, pulled)) = self.pull(input, &outer, &free) else { return Err(plan) };
        let Some(condition) = self.group_by_equalities(&mut aggregate, &input.columns(), pulled) else {
            return Err(plan);
        };
        aggregate.input = input;
        let mut defaults = Vec::new();
        for (id, call) in &mut aggregate.calls {
            if let Some(Some(value)) = empty_value(&call.function.name) {
                let counted = self.fresh(call.ty);
                let parts = vec![Expr::column(counted, call.ty), Expr::constant(value, call.ty)];
                defaults.push((*id, Expr { kind: ExprKind::Coalesce(parts), ty: call.ty }));
                *id = counted;
            }
        }
        let groups = Logical::Aggregate(Box::new(aggregate));
        Ok(Logical::join(LogicalJoinKind::Left, plan, groups, condition).map(defaults))
    }

    /// Makes the inner sides of pulled equalities group keys; returns the conjuncts over the keys.
    fn group_by_equalities(
        &mut self,
        aggregate: &mut LogicalAggregate,
        inner: &ColumnSet,
        pulled: Vec<Expr>,
    ) -> Option<Vec<Expr>> {
        let mut condition = Vec::new();
        for mut conjunct in pulled {
            functions::equality(&conjunct)?;
            let ExprKind::Call { args, .. } = &mut conjunct.kind else { return None };
            let mut keyed = false;
            for at in 0..args.len() {
                let used = args.get(at).map(|arg| self.expr_columns(arg))?;
                if used.is_empty() || !used.is_subset(inner) {
                    if used.iter().any(|id| inner.contains(id)) {
                        return None;
                    }
                    continue;
                }
                if keyed {
                    return None;
                }
                keyed = true;
                let side = args.get_mut(at)?;
                let id = self.fresh(side.ty);
                let column = Expr::column(id, side.ty);
                aggregate.keys.push((id, std::mem::replace(side, column)));
            }
            if !keyed {
                return None;
            }
            condition.push(conjunct);
        }
        Some(condition)
    }

    /// Returns a subquery's plan, unnested, with fresh ids (the expression may stand at several places).
    fn take_subquery(&mut self, index: u32) -> Option<Subquery> {
        let subquery = self.subqueries.get(index as usize)?.clone();
        if self.plan_volatility(&subquery.plan) == executor::expr::Volatility::Volatile {
            return None;
        }
        let ids: Vec<ColumnId> = subquery.output.iter().map(|(id, _)| *id).collect();
        let (plan, ids) = rename::renamed(self, subquery.plan, &ids);
        let output = ids.into_iter().zip(subquery.output).map(|(id, (_, ty))| (id, ty)).collect();
        Some(Subquery { plan, output })
    }

    /// Takes the conjuncts that use `outer` columns out of a plan; `None` when that cannot be done exactly.
    /// Columns of correlated computations that are not in `needed` vanish.
    fn pull(&mut self, plan: Logical, outer: &ColumnSet, needed: &ColumnSet) -> Option<(Logical, Vec<Expr>)> {
        if self.free_columns(&plan).is_disjoint(outer) {
            return Some((plan, Vec::new()));
        }
        match plan {
            Logical::Filter { input, conjuncts } => {
                let conjuncts: Vec<Expr> = conjuncts.into_iter().flat_map(predicates::normalized).collect();
                let (mine, rest): (Vec<_>, Vec<_>) =
                    conjuncts.into_iter().partition(|expr| self.uses(expr, outer));
                if mine.iter().any(expressions::has_subquery) {
                    return None;
                }
                let mut needed = needed.clone();
                mine.iter().chain(&rest).for_each(|expr| self.add_expr_columns(expr, &mut needed));
                let (input, mut pulled) = self.pull(*input, outer, &needed)?;
                pulled.extend(mine);
                Some((input.filter(rest), pulled))
            }
            Logical::Map { input, exprs } => {
                let (mine, rest): (Vec<_>, Vec<_>) =
                    exprs.into_iter().partition(|(_, expr)| self.uses(expr, outer));
                let mut by: BTreeMap<ColumnId, Expr> = BTreeMap::new();
                for (id, expr) in mine {
                    if needed.contains(&id) {
                        return None;
                    }
                    by.insert(id, expr);
                }
                let mut below = needed.clone();
                rest.iter().for_each(|(_, expr)| self.add_expr_columns(expr, &mut below));
                let (input, pulled) = self.pull(*input, outer, &below)?;
                Some((input.map(rest), pulled))
            }
            Logical::Join(join) => self.pull_join(*join, outer, needed),
            Logical::Aggregate(mut aggregate) => {
                let mut own = ColumnSet::new();
                let input = std::mem::replace(&mut aggregate.input, Logical::unit());
                Logical::Aggregate(aggregate.clone())
                    .for_each_expr(&mut |expr| self.add_expr_columns(expr, &mut own));
                if aggregate.keys.is_empty() || aggregate.sets.is_some() || !own.is_disjoint(outer) {
                    return None;
                }
                let (input, pulled) = self.pull(input, outer, &own)?;
                let condition = self.group_by_equalities(&mut aggregate, &input.columns(), pulled)?;
                aggregate.input = input;
                Some((Logical::Aggregate(aggregate), condition))
            }
            Logical::Sort { input, keys } => {
                let mut below = needed.clone();
                keys.iter().for_each(|key| self.add_expr_columns(&key.expr, &mut below));
                if keys.iter().any(|key| self.uses(&key.expr, outer)) {
                    return None;
                }
                let (input, pulled) = self.pull(*input, outer, &below)?;
                Some((Logical::Sort { input: Box::new(input), keys }, pulled))
            }
            Logical::Get(_)
            | Logical::Values { .. }
            | Logical::Functions { .. }
            | Logical::SharedScan { .. }
            | Logical::WorkingScan { .. }
            | Logical::ProjectSet { .. }
            | Logical::Window { .. }
            | Logical::Limit { .. }
            | Logical::DistinctOn { .. }
            | Logical::Append { .. }
            | Logical::SetOperation(_)
            | Logical::RecursiveUnion(_)
            | Logical::Modify(_)
            | Logical::LockRows { .. } => None,
        }
    }

    fn pull_join(
        &mut self,
        mut join: LogicalJoin,
        outer: &ColumnSet,
        needed: &ColumnSet,
    ) -> Option<(Logical, Vec<Expr>)> {
        let mut below = needed.clone();
        join.conjuncts.iter().for_each(|expr| self.add_expr_columns(expr, &mut below));
        let conjuncts = std::mem::take(&mut join.conjuncts);
        let (mine, rest): (Vec<_>, Vec<_>) =
            conjuncts.into_iter().flat_map(predicates::normalized).partition(|expr| self.uses(expr, outer));
        if mine.iter().any(expressions::has_subquery) {
            return None;
        }
        if join.kind != LogicalJoinKind::Inner
            && (!mine.is_empty()
                || join.kind == LogicalJoinKind::Full
                || !self.free_columns(&join.right).is_disjoint(outer))
        {
            return None;
        }
        // A right side that depends on the left may need columns of it.
        below.extend(self.free_columns(&join.right));
        let (left, mut pulled) = self.pull(join.left, outer, &below)?;
        let right = if join.kind == LogicalJoinKind::Inner {
            let (right, more) = self.pull(join.right, outer, &below)?;
            pulled.extend(more);
            right
        } else {
            join.right
        };
        pulled.extend(mine);
        Some((Logical::join(join.kind, left, right, rest), pulled))
    }

    fn uses(&self, expr: &Expr, outer: &ColumnSet) -> bool {
        !self.expr_columns(expr).is_disjoint(outer)
    }
}

/// Drops what does not matter to the existence of a row: order, and DISTINCT over all columns.
fn without_order(plan: Logical, existence_only: bool) -> Logical {
    match plan {
        Logical::Sort { input, .. } => without_order(*input, existence_only),
        Logical::Map { input, exprs } => without_order(*input, existence_only).map(exprs),
        Logical::Aggregate(aggregate)
            if existence_only
                && aggregate.calls.is_empty()
                && aggregate.sets.is_none()
                && !aggregate.keys.is_empty() =>
        {
            aggregate.input
        }
        other => other,
    }
}

/// Returns whether the value of an enclosing CASE is used, so that the expression cannot leave it.
fn has_case_operand(expr: &Expr) -> bool {
    let mut found = false;
    expr.walk(&mut |part| found |= matches!(part.kind, ExprKind::CaseOperand(_)));
    found
}

fn fill_subquery_columns(expr: &mut Expr, output: &[(ColumnId, TypeRef)]) {
    expressions::rewrite(expr, &mut |part| {
        if let ExprKind::SubqueryColumn(at) = part.kind
            && let Some((id, _)) = output.get(at as usize)
        {
            part.kind = ExprKind::Column(*id);
        }
    });
}

/// Returns the value of an aggregate over no rows: `Some(None)` for NULL, `None` when it is not known here.
fn empty_value(name: &str) -> Option<Option<Datum>> {
    match name {
        "count" => Some(Some(Datum::I64(0))),
        "sum" | "avg" | "min" | "max" | "bool_and" | "bool_or" | "every" | "string_agg" | "array_agg"
        | "stddev" | "stddev_samp" | "stddev_pop" | "variance" | "var_samp" | "var_pop" | "bit_and"
        | "bit_or" | "bit_xor" => Some(None),
        _ => None,
    }
}
