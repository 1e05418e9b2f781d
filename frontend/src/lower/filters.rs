//! Runtime filters: the keys of a hash join's build side are tested in the scans below its probe side.
//!
//! A filter may only drop probe rows that the join would drop, so joins that keep probe rows without partner give
//! none, and it may only pass operators above which a dropped row leaves no other trace.

use executor::expr::{Expr, ExprKind};
use executor::plan::{HashJoin, IndexScan, JoinKind, NodeKind, Plan, PlanNode};

/// Gives each hash join's keys to the probe-side scans whose columns they are.
pub(super) fn place(plan: &mut Plan) {
    let mut next = 0;
    let Plan { root, shared, subplans, changing: _ } = plan;
    for node in std::iter::once(root).chain(shared).chain(subplans) {
        visit(node, &mut next);
    }
}

fn visit(node: &mut PlanNode, next: &mut u32) {
    if let NodeKind::HashJoin(join) = &mut node.kind {
        place_join(join, next);
    }
    for_each_input(&mut node.kind, &mut |input| visit(input, next));
}

fn place_join(join: &mut HashJoin, next: &mut u32) {
    let drops_probe_rows = match join.kind {
        JoinKind::Inner
        | JoinKind::BuildOuter
        | JoinKind::ProbeSemi
        | JoinKind::BuildSemi
        | JoinKind::BuildAnti => true,
        JoinKind::ProbeOuter
        | JoinKind::FullOuter
        | JoinKind::ProbeAnti
        | JoinKind::ProbeMark
        | JoinKind::ProbeSingle => false,
    };
    if !drops_probe_rows {
        return;
    }
    for (index, key) in join.keys.iter().enumerate() {
        let Some(position) = position_of(&key.probe) else { continue };
        if !key.nulls_equal && descend(&mut join.probe, position, *next) {
            join.runtime_filters.push((*next, index));
            *next += 1;
        }
    }
}

fn position_of(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Column(id) => Some(id.0 as usize),
        ExprKind::Relabel(inner)
            if types::physical_type(inner.ty.oid) == types::physical_type(expr.ty.oid) =>
        {
            position_of(inner)
        }
        _ => None,
    }
}

/// Hands the filter to the scans below `node` that give its output column `position`; returns whether any took it.
fn descend(node: &mut PlanNode, position: usize, filter: u32) -> bool {
    match &mut node.kind {
        NodeKind::Scan(scan) | NodeKind::IndexScan(IndexScan { scan, .. }) => {
            match scan.projection.get(position) {
                Some(column) => {
                    scan.runtime_filters.push((filter, *column));
                    true
                }
                None => false,
            }
        }
        NodeKind::Filter { input, .. } | NodeKind::Sort { input, .. } => descend(input, position, filter),
        NodeKind::Project { input, exprs } => match exprs.get(position).and_then(position_of) {
            Some(below) => descend(input, below, filter),
            None => false,
        },
        NodeKind::Aggregate(aggregate) if aggregate.sets.is_none() => {
            match aggregate.keys.get(position).and_then(position_of) {
                Some(below) => descend(&mut aggregate.input, below, filter),
                None => false,
            }
        }
        NodeKind::HashJoin(join) => descend_join(join, position, filter),
        NodeKind::NestedLoop(join) => {
            let width = join.outer.output.len();
            match join.projection.get(position) {
                Some(below) if *below < width => descend(&mut join.outer, *below, filter),
                _ => false,
            }
        }
        NodeKind::IndexJoin(join) => {
            let width = join.outer.output.len();
            match join.projection.get(position) {
                Some(below) if *below < width => descend(&mut join.outer, *below, filter),
                _ => false,
            }
        }
        NodeKind::Append { inputs } => {
            let mut any = false;
            for input in inputs {
                any |= descend(input, position, filter);
            }
            any
        }
        NodeKind::Aggregate(_)
        | NodeKind::VirtualScan { .. }
        | NodeKind::Values { .. }
        | NodeKind::FunctionScan { .. }
        | NodeKind::ProjectSet { .. }
        | NodeKind::Apply { .. }
        | NodeKind::Window(_)
        | NodeKind::TopN { .. }
        | NodeKind::Limit { .. }
        | NodeKind::DistinctOn { .. }
        | NodeKind::SetOperation { .. }
        | NodeKind::SharedScan { .. }
        | NodeKind::RecursiveUnion { .. }
        | NodeKind::WorkingScan { .. }
        | NodeKind::LockRows(_)
        | NodeKind::Modify(_) => false,
    }
}

/// A filter on a column of a join's result: rows of either side may go where a missing row only makes result rows
/// vanish. Equal keys carry the filter to the other side of an inner join.
fn descend_join(join: &mut HashJoin, position: usize, filter: u32) -> bool {
    let Some(candidate) = join.projection.get(position).copied() else { return false };
    let width = join.probe.output.len();
    let on_probe = candidate < width;
    let local = if on_probe { candidate } else { candidate - width };
    let mut partner = None;
    for key in &join.keys {
        let (own, other) = if on_probe { (&key.probe, &key.build) } else { (&key.build, &key.probe) };
        if position_of(own) == Some(local) && !key.nulls_equal {
            partner = partner.or(position_of(other));
        }
    }
    let (through_probe, through_build) = match join.kind {
        JoinKind::Inner => (true, true),
        JoinKind::ProbeOuter | JoinKind::ProbeMark | JoinKind::ProbeSingle | JoinKind::ProbeAnti => {
            (true, false)
        }
        JoinKind::ProbeSemi => (true, false),
        JoinKind::BuildOuter | JoinKind::BuildSemi | JoinKind::BuildAnti => (false, true),
        JoinKind::FullOuter => (false, false),
    };
    let mut taken = false;
    if on_probe && through_probe {
        taken |= descend(&mut join.probe, local, filter);
        if let (JoinKind::Inner | JoinKind::ProbeSemi, Some(other)) = (join.kind, partner) {
            taken |= descend(&mut join.build, other, filter);
        }
    }
    if !on_probe && through_build {
        taken |= descend(&mut join.build, local, filter);
        if let (JoinKind::Inner | JoinKind::BuildSemi, Some(other)) = (join.kind, partner) {
            taken |= descend(&mut join.probe, other, filter);
        }
    }
    taken
}

/// Calls `visit` on each input of a node.
pub(crate) fn for_each_input(kind: &mut NodeKind, visit: &mut dyn FnMut(&mut PlanNode)) {
    match kind {
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
            visit(&mut join.probe);
            visit(&mut join.build);
        }
        NodeKind::NestedLoop(join) => {
            visit(&mut join.outer);
            visit(&mut join.inner);
        }
        NodeKind::IndexJoin(join) => {
            visit(&mut join.outer);
            visit(&mut join.inner);
        }
        NodeKind::Apply { outer, inner, .. } => {
            visit(outer);
            visit(inner);
        }
        NodeKind::Aggregate(aggregate) => visit(&mut aggregate.input),
        NodeKind::Window(window) => visit(&mut window.input),
        NodeKind::Append { inputs } => inputs.iter_mut().for_each(visit),
        NodeKind::SetOperation { left, right, .. } => {
            visit(left);
            visit(right);
        }
        NodeKind::RecursiveUnion { initial, step, .. } => {
            visit(initial);
            visit(step);
        }
        NodeKind::Modify(modify) => visit(&mut modify.input),
        NodeKind::LockRows(locks) => visit(&mut locks.input),
    }
}
