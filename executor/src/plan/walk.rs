//! Walking plans: the inputs of a node and the expressions in it.

use super::{AggregateCall, FrameBound, IndexJoin, NodeKind, PlanNode, SortKey, WindowCall};
use crate::expr::Expr;

impl PlanNode {
    /// Calls `visit` on each direct input.
    pub fn for_each_input<'a>(&'a self, visit: &mut dyn FnMut(&'a PlanNode)) {
        match &self.kind {
            NodeKind::Scan(_)
            | NodeKind::IndexScan(_)
            | NodeKind::VirtualScan { .. }
            | NodeKind::Values { .. }
            | NodeKind::FunctionScan { .. }
            | NodeKind::SharedScan { .. }
            | NodeKind::WorkingScan { .. } => {}
            NodeKind::Filter { input, .. }
            | NodeKind::Project { input, .. }
            | NodeKind::ProjectSet { input, .. }
            | NodeKind::Sort { input, .. }
            | NodeKind::TopN { input, .. }
            | NodeKind::Limit { input, .. }
            | NodeKind::DistinctOn { input, .. } => visit(input),
            NodeKind::HashJoin(join) => {
                visit(&join.probe);
                visit(&join.build);
            }
            NodeKind::NestedLoop(join) => {
                visit(&join.outer);
                visit(&join.inner);
            }
            NodeKind::IndexJoin(join) => {
                visit(&join.outer);
                visit(&join.inner);
            }
            NodeKind::Apply { outer, inner, .. } => {
                visit(outer);
                visit(inner);
            }
            NodeKind::Aggregate(aggregate) => visit(&aggregate.input),
            NodeKind::Window(window) => visit(&window.input),
            NodeKind::Append { inputs } => inputs.iter().for_each(visit),
            NodeKind::SetOperation { left, right, .. } => {
                visit(left);
                visit(right);
            }
            NodeKind::RecursiveUnion { initial, step, .. } => {
                visit(initial);
                visit(step);
            }
            NodeKind::Modify(modify) => visit(&modify.input),
            NodeKind::LockRows(locks) => visit(&locks.input),
        }
    }
    /// Calls `visit` on this node and all below it, parents first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a PlanNode)) {
        visit(self);
        self.for_each_input(&mut |input| input.walk(visit));
    }
    /// Returns whether this node or one below it locks rows.
    pub fn locks_rows(&self) -> bool {
        let mut locks = false;
        self.walk(&mut |node| locks |= matches!(node.kind, NodeKind::LockRows(_)));
        locks
    }
    /// Calls `visit` on each expression of this node (not of its inputs).
    pub fn for_each_expr<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            NodeKind::Scan(scan) => scan.filters.iter().for_each(visit),
            NodeKind::IndexScan(index) => {
                index.keys.iter().for_each(|key| key.for_each_expr(visit));
                index.conditions.iter().chain(&index.scan.filters).for_each(visit);
            }
            NodeKind::VirtualScan { .. }
            | NodeKind::Append { .. }
            | NodeKind::SetOperation { .. }
            | NodeKind::SharedScan { .. }
            | NodeKind::RecursiveUnion { .. }
            | NodeKind::WorkingScan { .. }
            | NodeKind::LockRows(_) => {}
            NodeKind::Values { rows } => rows.iter().flatten().for_each(visit),
            NodeKind::FunctionScan { functions, .. } => {
                functions.iter().flat_map(|function| &function.args).for_each(visit);
            }
            NodeKind::Filter { predicate, .. } => visit(predicate),
            NodeKind::Project { exprs, .. } | NodeKind::ProjectSet { exprs, .. } => {
                exprs.iter().for_each(visit)
            }
            NodeKind::HashJoin(join) => {
                for key in &join.keys {
                    visit(&key.probe);
                    visit(&key.build);
                }
                join.residual.iter().for_each(visit);
            }
            NodeKind::NestedLoop(join) => join.condition.iter().for_each(visit),
            NodeKind::IndexJoin(IndexJoin { bindings, condition, .. })
            | NodeKind::Apply { bindings, condition, .. } => {
                bindings.iter().for_each(|(_, value)| visit(value));
                condition.iter().for_each(visit);
            }
            NodeKind::Aggregate(aggregate) => {
                aggregate.keys.iter().for_each(&mut *visit);
                aggregate.calls.iter().for_each(|call| call_exprs(call, visit));
            }
            NodeKind::Window(window) => {
                window.partition_by.iter().for_each(&mut *visit);
                sort_exprs(&window.order_by, visit);
                window.calls.iter().for_each(|call| window_exprs(call, visit));
            }
            NodeKind::Sort { keys, .. } => sort_exprs(keys, visit),
            NodeKind::TopN { keys, limit, offset, .. } => {
                sort_exprs(keys, visit);
                visit(limit);
                offset.iter().for_each(visit);
            }
            NodeKind::Limit { limit, offset, ties, .. } => {
                limit.iter().chain(offset).for_each(&mut *visit);
                ties.iter().for_each(|keys| sort_exprs(keys, visit));
            }
            NodeKind::DistinctOn { keys, .. } => keys.iter().for_each(visit),
            NodeKind::Modify(modify) => modify.for_each_wide_expr(visit),
        }
    }
}

fn sort_exprs<'a>(keys: &'a [SortKey], visit: &mut dyn FnMut(&'a Expr)) {
    keys.iter().for_each(|key| visit(&key.expr));
}

fn call_exprs<'a>(call: &'a AggregateCall, visit: &mut dyn FnMut(&'a Expr)) {
    call.args.iter().chain(&call.direct_args).chain(&call.filter).for_each(&mut *visit);
    sort_exprs(&call.order_by, visit);
}

fn window_exprs<'a>(call: &'a WindowCall, visit: &mut dyn FnMut(&'a Expr)) {
    call.args.iter().chain(&call.filter).for_each(&mut *visit);
    for bound in [&call.frame.start, &call.frame.end] {
        match bound {
            FrameBound::Preceding(offset, _) | FrameBound::Following(offset, _) => visit(offset),
            FrameBound::UnboundedPreceding | FrameBound::CurrentRow | FrameBound::UnboundedFollowing => {}
        }
    }
}
