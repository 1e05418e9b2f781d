//! SELECT: from, filter, grouping, having, windows, targets, set-returning targets.

use executor::expr::{ColumnId, Expr, ExprKind, Volatility};
use types::{Datum, PgError, Result, TypeRef, oids};

use super::Level;
use crate::optimizer::logical::{Logical, LogicalAggregate, LogicalJoinKind};
use crate::optimizer::{Planner, expressions, functions};
use crate::query::{Grouping, Select, WindowDefinition};

impl Planner<'_> {
    /// Makes the plan of a SELECT up to its targets.
    pub(super) fn build_select(&mut self, select: &Select, level: &Level) -> Result<Logical> {
        let mut plan: Option<Logical> = None;
        for item in &select.from {
            let item = self.build_from(item, level)?;
            plan = Some(match plan {
                None => item,
                Some(left) => Logical::join(LogicalJoinKind::Inner, left, item, Vec::new()),
            });
        }
        let mut plan = plan.unwrap_or_else(Logical::unit);
        if let Some(filter) = &select.filter {
            plan = plan.filter(expressions::conjuncts(level.expr(filter)?));
        }
        if let Some(grouping) = &select.grouping {
            plan = self.build_grouping(plan, grouping, level)?;
        }
        if let Some(having) = &select.having {
            plan = plan.filter(expressions::conjuncts(level.expr(having)?));
        }
        for definition in &select.windows {
            plan = self.build_window(plan, definition, level)?;
        }
        self.build_targets(plan, select, level)
    }

    fn build_window(&mut self, plan: Logical, window: &WindowDefinition, level: &Level) -> Result<Logical> {
        let mut calls = Vec::new();
        for (id, call) in &window.calls {
            self.types.insert(*id, call.ty);
            calls.push((*id, call.clone()));
        }
        let mut plan = Logical::Window {
            input: Box::new(plan),
            partition_by: window.partition_by.clone(),
            order_by: window.order_by.clone(),
            calls,
        };
        let mut result = Ok(());
        plan.for_each_expr_mut(&mut |expr| match level.expr(expr) {
            Ok(translated) => *expr = translated,
            Err(error) => result = Err(error),
        });
        result.map(|()| plan)
    }

    fn build_targets(&mut self, plan: Logical, select: &Select, level: &Level) -> Result<Logical> {
        let mut plain = Vec::new();
        let mut with_sets = Vec::new();
        let any_sets = select.targets.iter().any(|(_, expr)| expressions::has_set_call(expr));
        for (id, expr) in &select.targets {
            self.types.insert(*id, expr.ty);
            let expr = level.expr(expr)?;
            // What is volatile is computed for each row of the sets.
            let is_volatile =
                || expressions::volatility(&expr, &|_| Volatility::Stable) == Volatility::Volatile;
            if expressions::has_set_call(&expr) || (any_sets && is_volatile()) {
                with_sets.push((*id, expr));
            } else {
                plain.push((*id, expr));
            }
        }
        let plan = plan.map(plain);
        if with_sets.is_empty() {
            return Ok(plan);
        }
        // Calls of the same height run side by side, those without calls in their arguments first, as
        // PostgreSQL's split_pathtarget_at_srfs has it.
        let depth = with_sets.iter().map(|(_, expr)| set_depth(expr)).max().unwrap_or(0);
        let mut plan = plan;
        for _ in 0..depth {
            let mut calls = Vec::new();
            for (_, expr) in &mut with_sets {
                self.take_set_calls(expr, &mut calls);
            }
            plan = Logical::ProjectSet { input: Box::new(plan), calls };
        }
        Ok(plan.map(with_sets))
    }

    /// Replaces the set-returning calls that hold no other by columns.
    fn take_set_calls(&mut self, expr: &mut Expr, calls: &mut Vec<(ColumnId, Expr)>) {
        if matches!(expr.kind, ExprKind::SetCall { .. }) && set_depth(expr) == 1 {
            let id = self.fresh(expr.ty);
            let column = Expr::column(id, expr.ty);
            calls.push((id, std::mem::replace(expr, column)));
            return;
        }
        expr.for_each_child_mut(&mut |child| self.take_set_calls(child, calls));
    }

    fn build_grouping(&mut self, input: Logical, grouping: &Grouping, level: &Level) -> Result<Logical> {
        let mut keys = Vec::new();
        for (id, expr) in &grouping.keys {
            self.types.insert(*id, expr.ty);
            keys.push((*id, level.expr(expr)?));
        }
        let mut calls = Vec::new();
        for (id, call) in &grouping.calls {
            self.types.insert(*id, call.ty);
            calls.push((*id, level.call(call)?));
        }
        let int4 = TypeRef::plain(oids::INT4);
        for (id, _) in &grouping.grouping_calls {
            self.types.insert(*id, int4);
        }
        let all: Vec<usize> = (0..keys.len()).collect();
        let sets = grouping.sets.clone().unwrap_or_else(|| vec![all]);
        let grouping_value = |set: &Vec<usize>, positions: &[usize]| {
            let bits = positions.iter().fold(0i32, |bits, key| (bits << 1) | i32::from(!set.contains(key)));
            Expr::constant(Datum::I32(bits), int4)
        };
        if let [set] = sets.as_slice() {
            // One set: the keys outside are NULL.
            let mut absent = Vec::new();
            let mut present = Vec::new();
            for (position, (id, expr)) in keys.into_iter().enumerate() {
                if set.contains(&position) {
                    present.push((id, expr));
                } else {
                    absent.push((id, Expr::constant(Datum::Null, expr.ty)));
                }
            }
            let values = grouping.grouping_calls.iter().map(|(id, at)| (*id, grouping_value(set, at)));
            absent.extend(values);
            let aggregate = LogicalAggregate { input, keys: present, sets: None, calls, set_number: None };
            return Ok(Logical::Aggregate(Box::new(aggregate)).map(absent));
        }
        let set_number = self.fresh(int4);
        let mut exprs = Vec::new();
        for (id, positions) in &grouping.grouping_calls {
            exprs.push((*id, grouping_case(set_number, &sets, &|set| grouping_value(set, positions))?));
        }
        let aggregate =
            LogicalAggregate { input, keys, sets: Some(sets), calls, set_number: Some(set_number) };
        Ok(Logical::Aggregate(Box::new(aggregate)).map(exprs))
    }
}

/// Returns how many set-returning calls are nested in `expr`.
fn set_depth(expr: &Expr) -> usize {
    let mut depth = 0;
    expr.for_each_child(&mut |child| depth = depth.max(set_depth(child)));
    depth + usize::from(matches!(expr.kind, ExprKind::SetCall { .. }))
}

/// Returns CASE over the number of the grouping set.
fn grouping_case(
    set_number: ColumnId,
    sets: &[Vec<usize>],
    value: &dyn Fn(&Vec<usize>) -> Expr,
) -> Result<Expr> {
    let int4 = TypeRef::plain(oids::INT4);
    let mut arms = Vec::new();
    for (number, set) in (0i32..).zip(sets) {
        let number = Expr::constant(Datum::I32(number), int4);
        let condition = functions::int4_equal(Expr::column(set_number, int4), number)
            .ok_or_else(|| PgError::internal("optimizer: no int4eq"))?;
        arms.push((condition, value(set)));
    }
    let otherwise = Box::new(Expr::constant(Datum::Null, int4));
    Ok(Expr { kind: ExprKind::Case { operand: None, arms, otherwise }, ty: int4 })
}
