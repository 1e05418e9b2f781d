//! Joins: hash join where there are equal keys, nested loop otherwise, Apply for a dependent right side.

use executor::expr::{BoolTest, ColumnId, Expr, ExprKind};
use executor::plan::{HashJoin, JoinKey, JoinKind, NestedLoop, NodeKind};
use types::{PgError, Result, SqlState, TypeRef, oids};

use super::rows::smaller;
use super::{Lowered, Lowering, WantedOrder};
use crate::optimizer::expressions::conjunction;
use crate::optimizer::functions;
use crate::optimizer::logical::{ColumnSet, LogicalJoin, LogicalJoinKind};

/// The condition of a join, split.
struct Condition {
    /// (left, right, nulls equal).
    keys: Vec<(Expr, Expr, bool)>,
    rest: Vec<Expr>,
}

impl Lowering<'_> {
    /// Lowers a join.
    pub(super) fn join(
        &mut self,
        join: &LogicalJoin,
        needed: &ColumnSet,
        rows: f64,
        wanted: Option<WantedOrder>,
    ) -> Result<Lowered> {
        let left_columns = join.left.columns();
        let free = self.planner.free_columns(&join.right);
        if free.iter().any(|id| left_columns.contains(id)) {
            return self.apply(join, &free, needed, rows);
        }
        if let Some(lowered) = self.index_join(join, needed, rows, wanted.as_ref())? {
            return Ok(lowered);
        }
        let right_columns = join.right.columns();
        let mut condition = self.split_condition(join, &left_columns, &right_columns);
        let null_aware =
            matches!(join.kind, LogicalJoinKind::AntiNullAware | LogicalJoinKind::MarkNullAware(_));
        if null_aware && (condition.keys.len() != 1 || !condition.rest.is_empty()) {
            // Several comparisons can be unknown in several ways: every pair is looked at.
            condition = Condition { keys: Vec::new(), rest: join.conjuncts.clone() };
        }
        let mut below = needed.clone();
        for (left, right, _) in &condition.keys {
            self.need(&mut below, left);
            self.need(&mut below, right);
        }
        condition.rest.iter().for_each(|expr| self.need(&mut below, expr));
        let left = self.node(&join.left, &restricted(&below, &left_columns))?;
        let right = self.node(&join.right, &restricted(&below, &right_columns))?;
        let settings = self.planner.context.settings;
        let nested = settings.nestloop && !settings.hashjoin && !settings.mergejoin;
        if nested {
            // Every pair is looked at when no other method is allowed.
            condition = Condition { keys: Vec::new(), rest: join.conjuncts.clone() };
        }
        if condition.keys.is_empty() {
            let constant = |expr: &Expr| matches!(expr.kind, ExprKind::Const(_));
            if join.kind == LogicalJoinKind::Full && !condition.rest.iter().all(constant) {
                return Err(PgError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "FULL JOIN is only supported with merge-joinable or hash-joinable join conditions",
                ));
            }
            self.nested_loop(join.kind, left, right, condition, needed, rows)
        } else {
            self.hash_join(join.kind, left, right, condition, needed, rows)
        }
    }

    fn split_condition(&self, join: &LogicalJoin, left: &ColumnSet, right: &ColumnSet) -> Condition {
        let mut condition = Condition { keys: Vec::new(), rest: Vec::new() };
        for conjunct in &join.conjuncts {
            match self.as_keys(conjunct, left, right) {
                Some(keys) => condition.keys.push(keys),
                None => condition.rest.push(conjunct.clone()),
            }
        }
        condition
    }

    /// Returns a conjunct as a pair of equal keys, left side first.
    fn as_keys(&self, conjunct: &Expr, left: &ColumnSet, right: &ColumnSet) -> Option<(Expr, Expr, bool)> {
        let (one, other, nulls_equal) = match &conjunct.kind {
            ExprKind::IsDistinct { left, right, equal, negated: true, input_collation } => {
                let call = functions::boolean_call(
                    equal.clone(),
                    (**left).clone(),
                    (**right).clone(),
                    *input_collation,
                );
                let (one, other) = functions::hash_keys(&functions::equality(&call)?)?;
                (one, other, true)
            }
            _ => {
                let (one, other) = functions::hash_keys(&functions::equality(conjunct)?)?;
                (one, other, false)
            }
        };
        let one_columns = self.planner.expr_columns(&one);
        let other_columns = self.planner.expr_columns(&other);
        let within = |columns: &ColumnSet, side: &ColumnSet, not: &ColumnSet| {
            columns.iter().any(|id| side.contains(id)) && !columns.iter().any(|id| not.contains(id))
        };
        if within(&one_columns, left, right) && within(&other_columns, right, left) {
            Some((one, other, nulls_equal))
        } else if within(&one_columns, right, left) && within(&other_columns, left, right) {
            Some((other, one, nulls_equal))
        } else {
            None
        }
    }

    fn hash_join(
        &mut self,
        kind: LogicalJoinKind,
        left: Lowered,
        right: Lowered,
        condition: Condition,
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let small_left = smaller(&left.node, &right.node);
        let (join_kind, build_left, null_aware) = match kind {
            LogicalJoinKind::Inner => (JoinKind::Inner, small_left, false),
            LogicalJoinKind::Left if small_left => (JoinKind::BuildOuter, true, false),
            LogicalJoinKind::Left => (JoinKind::ProbeOuter, false, false),
            LogicalJoinKind::Full => (JoinKind::FullOuter, small_left, false),
            LogicalJoinKind::Semi if small_left => (JoinKind::BuildSemi, true, false),
            LogicalJoinKind::Semi => (JoinKind::ProbeSemi, false, false),
            LogicalJoinKind::Anti if small_left => (JoinKind::BuildAnti, true, false),
            LogicalJoinKind::Anti => (JoinKind::ProbeAnti, false, false),
            LogicalJoinKind::AntiNullAware => (JoinKind::ProbeAnti, false, true),
            LogicalJoinKind::Mark(_) => (JoinKind::ProbeMark, false, false),
            LogicalJoinKind::MarkNullAware(_) => (JoinKind::ProbeMark, false, true),
            LogicalJoinKind::Single => (JoinKind::ProbeSingle, false, false),
        };
        let (probe, build) = if build_left { (right, left) } else { (left, right) };
        let mut keys = Vec::new();
        for (left, right, nulls_equal) in &condition.keys {
            let (probe_key, build_key) = if build_left { (right, left) } else { (left, right) };
            keys.push(JoinKey {
                probe: self.expr(probe_key, &probe.columns)?,
                build: self.expr(build_key, &build.columns)?,
                nulls_equal: *nulls_equal,
            });
        }
        let (columns, projection, candidates) = candidates(join_kind, kind, &probe, &build, needed);
        let residual = match condition.rest.is_empty() {
            true => None,
            false => Some(conjunction(self.exprs(&condition.rest, &candidates)?)),
        };
        let node = HashJoin {
            kind: join_kind,
            probe: Box::new(probe.node),
            build: Box::new(build.node),
            keys,
            residual,
            null_aware,
            projection,
            runtime_filters: Vec::new(),
        };
        self.finish(NodeKind::HashJoin(node), columns, rows)
    }

    fn nested_loop(
        &mut self,
        kind: LogicalJoinKind,
        left: Lowered,
        right: Lowered,
        condition: Condition,
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let swap = kind == LogicalJoinKind::Inner && smaller(&left.node, &right.node);
        let (outer, inner) = if swap { (right, left) } else { (left, right) };
        let mut conjuncts = condition.rest;
        let join_kind = match kind {
            LogicalJoinKind::Inner => JoinKind::Inner,
            LogicalJoinKind::Left => JoinKind::ProbeOuter,
            LogicalJoinKind::Full => JoinKind::FullOuter,
            LogicalJoinKind::Semi => JoinKind::ProbeSemi,
            LogicalJoinKind::Anti => JoinKind::ProbeAnti,
            LogicalJoinKind::AntiNullAware => {
                // NOT IN is true when the comparison is false for every pair.
                let arg = Box::new(conjunction(std::mem::take(&mut conjuncts)));
                let test = ExprKind::BoolTest { arg, test: BoolTest::NotFalse };
                conjuncts.push(Expr { kind: test, ty: TypeRef::plain(oids::BOOL) });
                JoinKind::ProbeAnti
            }
            LogicalJoinKind::Mark(_) | LogicalJoinKind::MarkNullAware(_) => JoinKind::ProbeMark,
            LogicalJoinKind::Single => JoinKind::ProbeSingle,
        };
        let (columns, projection, candidates) = candidates(join_kind, kind, &outer, &inner, needed);
        let condition = match conjuncts.is_empty() {
            true => None,
            false => Some(conjunction(self.exprs(&conjuncts, &candidates)?)),
        };
        let node = NestedLoop {
            kind: join_kind,
            outer: Box::new(outer.node),
            inner: Box::new(inner.node),
            condition,
            projection,
        };
        self.finish(NodeKind::NestedLoop(node), columns, rows)
    }

    /// Lowers a join whose right side uses columns of the left.
    fn apply(
        &mut self,
        join: &LogicalJoin,
        free: &ColumnSet,
        needed: &ColumnSet,
        rows: f64,
    ) -> Result<Lowered> {
        let left = match join.kind {
            LogicalJoinKind::Inner => false,
            LogicalJoinKind::Left => true,
            LogicalJoinKind::Full
            | LogicalJoinKind::Semi
            | LogicalJoinKind::Anti
            | LogicalJoinKind::AntiNullAware
            | LogicalJoinKind::Mark(_)
            | LogicalJoinKind::MarkNullAware(_)
            | LogicalJoinKind::Single => {
                return Err(PgError::internal("lowering: dependent join of an unexpected kind"));
            }
        };
        let mut below = needed.clone();
        join.conjuncts.iter().for_each(|expr| self.need(&mut below, expr));
        let inner = self.node(&join.right, &restricted(&below, &join.right.columns()))?;
        below.extend(free.iter().copied());
        let outer = self.node(&join.left, &restricted(&below, &join.left.columns()))?;
        let mut bindings = Vec::new();
        for id in free {
            let value = self.planner.column(*id)?;
            bindings.push((self.slot(*id), self.expr(&value, &outer.columns)?));
        }
        let mut columns = outer.columns;
        columns.extend(inner.columns);
        let condition = match join.conjuncts.is_empty() {
            true => None,
            false => Some(conjunction(self.exprs(&join.conjuncts, &columns)?)),
        };
        let kind = NodeKind::Apply {
            outer: Box::new(outer.node),
            inner: Box::new(inner.node),
            bindings,
            left,
            condition,
        };
        self.finish(kind, columns, rows)
    }
}

/// Returns the output columns, their positions among the candidates, and the candidates themselves.
pub(super) fn candidates(
    kind: JoinKind,
    logical: LogicalJoinKind,
    probe: &Lowered,
    build: &Lowered,
    needed: &ColumnSet,
) -> (Vec<ColumnId>, Vec<usize>, Vec<ColumnId>) {
    let mut candidates: Vec<ColumnId> = probe.columns.clone();
    candidates.extend(&build.columns);
    let width = probe.columns.len();
    let visible = |position: usize| match kind {
        JoinKind::Inner
        | JoinKind::ProbeOuter
        | JoinKind::BuildOuter
        | JoinKind::FullOuter
        | JoinKind::ProbeSingle => true,
        JoinKind::ProbeSemi | JoinKind::ProbeAnti | JoinKind::ProbeMark => position < width,
        JoinKind::BuildSemi | JoinKind::BuildAnti => position >= width,
    };
    let mut projection: Vec<usize> = (0..candidates.len())
        .filter(|at| visible(*at) && candidates.get(*at).is_some_and(|id| needed.contains(id)))
        .collect();
    let mut columns: Vec<ColumnId> =
        projection.iter().filter_map(|at| candidates.get(*at)).copied().collect();
    if let Some(mark) = logical.mark() {
        projection.push(candidates.len());
        columns.push(mark);
    }
    (columns, projection, candidates)
}

pub(super) fn restricted(needed: &ColumnSet, to: &ColumnSet) -> ColumnSet {
    needed.intersection(to).copied().collect()
}
