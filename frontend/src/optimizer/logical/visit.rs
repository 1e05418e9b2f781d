//! The expressions of logical operators, for reading and for change.

use executor::expr::Expr;
use executor::plan::{AggregateCall, WindowCall};

use super::Logical;

impl Logical {
    /// Calls `visit` on each expression of this operator (not of its inputs).
    pub fn for_each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match self {
            Self::Get(get) => get.filters.iter().for_each(visit),
            Self::Values { rows, .. } => rows.iter().flatten().for_each(visit),
            Self::Functions { functions, .. } => functions.iter().flat_map(|call| &call.args).for_each(visit),
            Self::SharedScan { .. } | Self::WorkingScan { .. } => {}
            Self::Filter { conjuncts, .. } => conjuncts.iter().for_each(visit),
            Self::Map { exprs, .. } | Self::ProjectSet { calls: exprs, .. } => {
                exprs.iter().for_each(|(_, expr)| visit(expr));
            }
            Self::Join(join) => join.conjuncts.iter().for_each(visit),
            Self::Aggregate(aggregate) => {
                aggregate.keys.iter().for_each(|(_, expr)| visit(expr));
                aggregate.calls.iter().for_each(|(_, call)| for_each_call_expr(call, visit));
            }
            Self::Window { partition_by, order_by, calls, .. } => {
                partition_by.iter().for_each(&mut *visit);
                order_by.iter().for_each(|key| visit(&key.expr));
                calls.iter().for_each(|(_, call)| for_each_window_expr(call, visit));
            }
            Self::Sort { keys, .. } => keys.iter().for_each(|key| visit(&key.expr)),
            Self::Limit { limit, offset, ties, .. } => {
                limit.iter().chain(offset).for_each(&mut *visit);
                ties.iter().flatten().for_each(|key| visit(&key.expr));
            }
            Self::DistinctOn { keys, .. } => keys.iter().for_each(visit),
            Self::Append { inputs, .. } => inputs.iter().flat_map(|(_, exprs)| exprs).for_each(visit),
            Self::SetOperation(operation) => {
                operation.left_exprs.iter().chain(&operation.right_exprs).for_each(visit);
            }
            Self::RecursiveUnion(recursion) => {
                recursion.initial_exprs.iter().chain(&recursion.step_exprs).for_each(visit);
            }
            Self::Modify(modify) => modify.for_each_expr(visit),
            Self::LockRows { locks, kept, copies, lateral, .. } => {
                locks.iter().map(|(row, _)| row).chain(kept).chain(copies).chain(lateral).for_each(visit);
            }
        }
    }
    /// Calls `visit` on each expression of this operator (not of its inputs) for change.
    pub fn for_each_expr_mut(&mut self, visit: &mut dyn FnMut(&mut Expr)) {
        match self {
            Self::Get(get) => get.filters.iter_mut().for_each(visit),
            Self::Values { rows, .. } => rows.iter_mut().flatten().for_each(visit),
            Self::Functions { functions, .. } => {
                functions.iter_mut().flat_map(|call| &mut call.args).for_each(visit);
            }
            Self::SharedScan { .. } | Self::WorkingScan { .. } => {}
            Self::Filter { conjuncts, .. } => conjuncts.iter_mut().for_each(visit),
            Self::Map { exprs, .. } | Self::ProjectSet { calls: exprs, .. } => {
                exprs.iter_mut().for_each(|(_, expr)| visit(expr));
            }
            Self::Join(join) => join.conjuncts.iter_mut().for_each(visit),
            Self::Aggregate(aggregate) => {
                aggregate.keys.iter_mut().for_each(|(_, expr)| visit(expr));
                aggregate.calls.iter_mut().for_each(|(_, call)| for_each_call_expr_mut(call, visit));
            }
            Self::Window { partition_by, order_by, calls, .. } => {
                partition_by.iter_mut().for_each(&mut *visit);
                order_by.iter_mut().for_each(|key| visit(&mut key.expr));
                calls.iter_mut().for_each(|(_, call)| for_each_window_expr_mut(call, visit));
            }
            Self::Sort { keys, .. } => keys.iter_mut().for_each(|key| visit(&mut key.expr)),
            Self::Limit { limit, offset, ties, .. } => {
                limit.iter_mut().chain(offset).for_each(&mut *visit);
                ties.iter_mut().flatten().for_each(|key| visit(&mut key.expr));
            }
            Self::DistinctOn { keys, .. } => keys.iter_mut().for_each(visit),
            Self::Append { inputs, .. } => inputs.iter_mut().flat_map(|(_, exprs)| exprs).for_each(visit),
            Self::SetOperation(operation) => {
                operation.left_exprs.iter_mut().chain(&mut operation.right_exprs).for_each(visit);
            }
            Self::RecursiveUnion(recursion) => {
                recursion.initial_exprs.iter_mut().chain(&mut recursion.step_exprs).for_each(visit);
            }
            Self::Modify(modify) => modify.for_each_expr_mut(visit),
            Self::LockRows { locks, kept, copies, lateral, .. } => {
                locks.iter_mut().map(|(row, _)| row).chain(kept).chain(copies).chain(lateral).for_each(visit);
            }
        }
    }
}

/// Calls `visit` on each expression of an aggregate call.
pub fn for_each_call_expr<'a>(call: &'a AggregateCall, visit: &mut dyn FnMut(&'a Expr)) {
    call.args.iter().chain(&call.direct_args).chain(&call.filter).for_each(&mut *visit);
    call.order_by.iter().for_each(|key| visit(&key.expr));
}

/// Calls `visit` on each expression of an aggregate call for change.
pub fn for_each_call_expr_mut(call: &mut AggregateCall, visit: &mut dyn FnMut(&mut Expr)) {
    call.args.iter_mut().chain(&mut call.direct_args).chain(&mut call.filter).for_each(&mut *visit);
    call.order_by.iter_mut().for_each(|key| visit(&mut key.expr));
}

fn for_each_window_expr<'a>(call: &'a WindowCall, visit: &mut dyn FnMut(&'a Expr)) {
    use executor::plan::FrameBound;
    call.args.iter().chain(&call.filter).for_each(&mut *visit);
    for bound in [&call.frame.start, &call.frame.end] {
        match bound {
            FrameBound::Preceding(expr, _) | FrameBound::Following(expr, _) => visit(expr),
            FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => {}
        }
    }
}

fn for_each_window_expr_mut(call: &mut WindowCall, visit: &mut dyn FnMut(&mut Expr)) {
    use executor::plan::FrameBound;
    call.args.iter_mut().chain(&mut call.filter).for_each(&mut *visit);
    for bound in [&mut call.frame.start, &mut call.frame.end] {
        match bound {
            FrameBound::Preceding(expr, _) | FrameBound::Following(expr, _) => visit(expr),
            FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => {}
        }
    }
}
