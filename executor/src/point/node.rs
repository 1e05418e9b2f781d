//! The nodes that run row by row: each pushes its rows to what is above it.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use types::{Datum, Result, TypeRef};

use super::bounds::key_column;
use super::buffer::evaluate_row;
use super::expr::RowExpr;
use super::lookup::Lookup;
use super::{PointRun, Tables};
use crate::aggregates::{RowAggregate, Signature, create, order_matters};
use crate::expr::{Expr, ExprKind};
use crate::operators::limit_count;
use crate::operators::lock_rows::{Locked, lock};
use crate::operators::sort::compare_keys;
use crate::plan::{
    Aggregate, AggregateCall, HashJoin, IndexJoin, JoinKind, LockRows, NodeKind, PlanNode, SortKey,
};
use crate::values;

/// A tuning constant: the most rows that are taken in the order of an index.
const ORDERED_ROWS_MAX: u64 = 1000;

/// A node.
#[derive(Debug)]
pub(crate) enum PointNode {
    /// Rows of expressions.
    Values(Vec<Vec<RowExpr>>),
    /// Rows of a table through an index.
    Lookup(Lookup),
    /// The rows of the input for which the predicate is true.
    Filter(Box<PointNode>, RowExpr),
    /// Expressions over the rows of the input.
    Project(Box<PointNode>, Vec<RowExpr>),
    /// The input in order, or the first rows of it.
    Sort(Box<Sort>),
    /// LIMIT and OFFSET.
    Limit(Box<Limit>),
    /// Groups and their aggregates.
    Aggregate(Box<Grouping>),
    /// The rows of the input that are there once they are locked.
    Lock(Box<PointNode>, Box<LockRows>),
    /// Pairs of outer rows and the rows that an index has for them.
    Join(Box<Join>),
}

#[derive(Debug)]
pub(crate) struct Sort {
    input: PointNode,
    keys: Vec<RowExpr>,
    directions: Vec<(TypeRef, bool, bool)>,
    /// Expressions of LIMIT and OFFSET.
    limit: Option<Expr>,
    offset: Option<Expr>,
}

#[derive(Debug)]
pub(crate) struct Limit {
    input: PointNode,
    limit: Option<Expr>,
    offset: Option<Expr>,
    /// Whether the input comes in the order of an index, which is for few rows only.
    ordered: bool,
}

#[derive(Debug)]
pub(crate) struct Grouping {
    input: PointNode,
    keys: Vec<RowExpr>,
    key_types: Vec<TypeRef>,
    calls: Vec<Call>,
}

#[derive(Debug)]
pub(crate) struct Call {
    signature: Signature,
    args: Vec<RowExpr>,
    filter: Option<RowExpr>,
    distinct: bool,
}

#[derive(Debug)]
pub(crate) struct Join {
    outer: PointNode,
    inner: Lookup,
    /// Whether the outer row comes first among the candidate columns.
    outer_first: bool,
    residual: Option<RowExpr>,
    projection: Vec<usize>,
}

impl PointNode {
    /// Compiles a node; `None` when it is nothing for this path.
    pub(super) fn new(node: &PlanNode, tables: &Tables<'_>) -> Option<Self> {
        let input = |input: &PlanNode| Self::new(input, tables).map(Box::new);
        match &node.kind {
            NodeKind::Values { rows } => Some(Self::Values(rows.iter().map(RowExpr::all).collect())),
            NodeKind::Scan(scan) => {
                let table = tables(scan.table)?;
                Lookup::new(scan, &node.output, &table, &[], None).map(Self::Lookup)
            }
            NodeKind::IndexScan(plan) => {
                let table = tables(plan.scan.table)?;
                Lookup::of_index_scan(plan, &node.output, &table, &[]).map(Self::Lookup)
            }
            NodeKind::IndexJoin(join) => {
                Join::of_index_join(join, tables).map(|join| Self::Join(Box::new(join)))
            }
            NodeKind::Filter { input: below, predicate } => {
                Some(Self::Filter(input(below)?, RowExpr::new(predicate)))
            }
            NodeKind::Project { input: below, exprs } => {
                Some(Self::Project(input(below)?, RowExpr::all(exprs)))
            }
            NodeKind::Sort { input: below, keys } => sort(below, keys, None, None, tables),
            NodeKind::TopN { input: below, keys, limit, offset } => {
                in_index_order(below, keys, limit, offset.as_ref(), tables)
                    .or_else(|| sort(below, keys, Some(limit), offset.as_ref(), tables))
            }
            NodeKind::Limit { input: below, limit, offset, ties: None } => {
                let mut input = Self::new(below, tables)?;
                let ordered = limit.is_some() && input.stream();
                let (limit, offset) = (limit.clone(), offset.clone());
                Some(Self::Limit(Box::new(Limit { input, limit, offset, ordered })))
            }
            NodeKind::Aggregate(Aggregate { input: below, keys, sets: None, calls }) => {
                Some(Self::Aggregate(Box::new(Grouping {
                    input: Self::new(below, tables)?,
                    keys: RowExpr::all(keys),
                    key_types: keys.iter().map(|key| key.ty).collect(),
                    calls: calls.iter().map(Call::new).collect::<Option<Vec<_>>>()?,
                })))
            }
            NodeKind::LockRows(plan) => Some(Self::Lock(input(&plan.input)?, Box::new(plan.clone()))),
            NodeKind::HashJoin(join) => Join::new(join, tables).map(|join| Self::Join(Box::new(join))),
            NodeKind::VirtualScan { .. }
            | NodeKind::FunctionScan { .. }
            | NodeKind::ProjectSet { .. }
            | NodeKind::NestedLoop(_)
            | NodeKind::Apply { .. }
            | NodeKind::Aggregate(_)
            | NodeKind::Window(_)
            | NodeKind::Limit { .. }
            | NodeKind::DistinctOn { .. }
            | NodeKind::Append { .. }
            | NodeKind::SetOperation { .. }
            | NodeKind::SharedScan { .. }
            | NodeKind::RecursiveUnion { .. }
            | NodeKind::WorkingScan { .. }
            | NodeKind::Modify(_) => None,
        }
    }

    /// Lets a limit take the rows of an index as they are found, if they are in its order.
    fn stream(&mut self) -> bool {
        match self {
            Self::Lookup(lookup) => lookup.stream(),
            Self::Filter(input, _) | Self::Project(input, _) | Self::Lock(input, _) => input.stream(),
            Self::Values(_) | Self::Sort(_) | Self::Limit(_) | Self::Aggregate(_) | Self::Join(_) => false,
        }
    }

    /// Calls `visit` with each row until it wants no more. Returns whether it wants more.
    pub(super) fn rows(
        &self,
        point: &PointRun<'_>,
        visit: &mut dyn FnMut(&[Datum]) -> Result<bool>,
    ) -> Result<bool> {
        let run = point.run;
        match self {
            Self::Values(rows) => {
                for exprs in rows {
                    if !visit(&evaluate_row(exprs, point, &[])?)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Lookup(lookup) => lookup.rows(point, &[], visit),
            Self::Filter(input, predicate) => input.rows(point, &mut |row| {
                if predicate.is_true(run, row)? { visit(row) } else { Ok(true) }
            }),
            Self::Project(input, exprs) => {
                input.rows(point, &mut |row| visit(&evaluate_row(exprs, point, row)?))
            }
            Self::Sort(sort) => sort.rows(point, visit),
            Self::Limit(limit) => limit.rows(point, visit),
            Self::Aggregate(grouping) => grouping.rows(point, visit),
            Self::Join(join) => join.rows(point, visit),
            Self::Lock(input, plan) => input.rows(point, &mut |row| lock_row(input, plan, point, row, visit)),
        }
    }
}

/// Locks what a row was made of and visits it, or what it has become meanwhile.
fn lock_row(
    input: &PointNode,
    plan: &LockRows,
    point: &PointRun<'_>,
    row: &[Datum],
    visit: &mut dyn FnMut(&[Datum]) -> Result<bool>,
) -> Result<bool> {
    match lock(point.run, plan, &|position| Ok(row.get(position).cloned().unwrap_or_default()))? {
        Locked::Same => visit(row),
        Locked::Dropped => Ok(true),
        Locked::Newer(rows) => {
            let run = point.run.over_rows(rows);
            let mut wants_more = true;
            input.rows(&PointRun { run: &run, declined: Cell::new(false) }, &mut |again| {
                if !plan.has_same_copies(again, row) {
                    return Ok(true);
                }
                wants_more = visit(again)?;
                Ok(false)
            })?;
            Ok(wants_more)
        }
    }
}

fn evaluate_all(exprs: &[RowExpr], point: &PointRun<'_>, row: &[Datum]) -> Result<Vec<Datum>> {
    exprs.iter().map(|expr| expr.evaluate(point.run, row)).collect()
}

fn sort(
    input: &PlanNode,
    keys: &[SortKey],
    limit: Option<&Expr>,
    offset: Option<&Expr>,
    tables: &Tables<'_>,
) -> Option<PointNode> {
    Some(PointNode::Sort(Box::new(Sort {
        input: PointNode::new(input, tables)?,
        keys: RowExpr::all(keys.iter().map(|key| &key.expr)),
        directions: keys.iter().map(|key| (key.expr.ty, key.descending, key.nulls_first)).collect(),
        limit: limit.cloned(),
        offset: offset.cloned(),
    })))
}

/// Compiles the first rows of a table in the order of one of its indexes.
fn in_index_order(
    input: &PlanNode,
    keys: &[SortKey],
    limit: &Expr,
    offset: Option<&Expr>,
    tables: &Tables<'_>,
) -> Option<PointNode> {
    let (scan_node, exprs) = match &input.kind {
        NodeKind::Project { input, exprs } => (&**input, Some(exprs)),
        _ => (input, None),
    };
    let NodeKind::Scan(scan) = &scan_node.kind else { return None };
    // The keys in terms of the scan.
    let mut below = Vec::with_capacity(keys.len());
    for key in keys {
        let expr = match (exprs, &key.expr.kind) {
            (None, _) => &key.expr,
            (Some(exprs), ExprKind::Column(id)) => exprs.get(id.0 as usize)?,
            (Some(_), _) => return None,
        };
        below.push(SortKey { expr: expr.clone(), ..key.clone() });
    }
    let table = tables(scan.table)?;
    let lookup = PointNode::Lookup(Lookup::new(scan, &scan_node.output, &table, &[], Some(&below))?);
    let input = match exprs {
        Some(exprs) => PointNode::Project(Box::new(lookup), RowExpr::all(exprs)),
        None => lookup,
    };
    let (limit, offset) = (Some(limit.clone()), offset.cloned());
    Some(PointNode::Limit(Box::new(Limit { input, limit, offset, ordered: true })))
}

impl Sort {
    fn rows(&self, point: &PointRun<'_>, visit: &mut dyn FnMut(&[Datum]) -> Result<bool>) -> Result<bool> {
        let skip = limit_count(point.run, self.offset.as_ref(), true)?.unwrap_or(0);
        let limit = limit_count(point.run, self.limit.as_ref(), false)?;
        let mut rows: Vec<(Vec<Datum>, Vec<Datum>)> = Vec::new();
        self.input.rows(point, &mut |row| {
            rows.push((evaluate_all(&self.keys, point, row)?, row.to_vec()));
            Ok(true)
        })?;
        rows.sort_by(|(left, _), (right, _)| compare_keys(left, right, &self.directions));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        for (_, row) in rows.iter().skip(skip).take(limit) {
            if !visit(row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Limit {
    fn rows(&self, point: &PointRun<'_>, visit: &mut dyn FnMut(&[Datum]) -> Result<bool>) -> Result<bool> {
        let mut skip = limit_count(point.run, self.offset.as_ref(), true)?.unwrap_or(0);
        let mut left = limit_count(point.run, self.limit.as_ref(), false)?;
        if self.ordered && left.is_none_or(|left| left.saturating_add(skip) > ORDERED_ROWS_MAX) {
            point.declined.set(true);
            return Ok(false);
        }
        if left == Some(0) {
            return Ok(true);
        }
        let mut wants_more = true;
        self.input.rows(point, &mut |row| {
            if skip > 0 {
                skip -= 1;
                return Ok(true);
            }
            wants_more = visit(row)?;
            if let Some(left) = &mut left {
                *left -= 1;
            }
            Ok(wants_more && left != Some(0))
        })?;
        Ok(wants_more)
    }
}

impl Call {
    fn new(call: &AggregateCall) -> Option<Self> {
        let io = Arc::new(types::io::IoContext::default());
        let args = call.args.iter().map(|arg| arg.ty).collect();
        let signature = Signature { name: call.function.name.to_string(), args, result: call.ty, io };
        let plain = call.direct_args.is_empty() && call.order_by.is_empty();
        if !plain || order_matters(&signature) || create(&signature).is_err() {
            return None;
        }
        Some(Self {
            signature,
            args: RowExpr::all(&call.args),
            filter: call.filter.as_ref().map(RowExpr::new),
            distinct: call.distinct,
        })
    }
}

/// The aggregates of one group.
struct Group {
    key: Vec<Datum>,
    states: Vec<(Box<dyn RowAggregate>, Option<HashSet<Vec<u8>>>)>,
}

impl Grouping {
    fn rows(&self, point: &PointRun<'_>, visit: &mut dyn FnMut(&[Datum]) -> Result<bool>) -> Result<bool> {
        let mut groups: Vec<Group> = Vec::new();
        let mut positions: HashMap<Vec<u8>, usize> = HashMap::new();
        if self.keys.is_empty() {
            groups.push(self.group(Vec::new())?);
        }
        let mut bytes = Vec::new();
        self.input.rows(point, &mut |row| {
            let mut position = 0;
            if !self.keys.is_empty() {
                let key = evaluate_all(&self.keys, point, row)?;
                bytes.clear();
                append_canonical(&key, &self.key_types, &mut bytes);
                position = match positions.get(&bytes) {
                    Some(position) => *position,
                    None => {
                        groups.push(self.group(key)?);
                        positions.insert(bytes.clone(), groups.len() - 1);
                        groups.len() - 1
                    }
                };
            }
            self.add(&mut groups[position], point, row)?;
            Ok(true)
        })?;
        if point.declined.get() {
            return Ok(false);
        }
        for group in groups {
            let mut row = group.key;
            for (state, _) in &group.states {
                row.push(state.finish()?);
            }
            if !visit(&row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn group(&self, key: Vec<Datum>) -> Result<Group> {
        let state = |call: &Call| {
            let seen: Option<HashSet<Vec<u8>>> = call.distinct.then(HashSet::new);
            Ok((create(&call.signature)?, seen))
        };
        Ok(Group { key, states: self.calls.iter().map(state).collect::<Result<_>>()? })
    }

    fn add(&self, group: &mut Group, point: &PointRun<'_>, row: &[Datum]) -> Result<()> {
        for (call, (state, seen)) in self.calls.iter().zip(&mut group.states) {
            if let Some(filter) = &call.filter
                && !filter.is_true(point.run, row)?
            {
                continue;
            }
            let args = evaluate_all(&call.args, point, row)?;
            if let Some(seen) = seen {
                let mut bytes = Vec::new();
                append_canonical(&args, &call.signature.args, &mut bytes);
                if !seen.insert(bytes) {
                    continue;
                }
            }
            state.add(&args)?;
        }
        Ok(())
    }
}

/// Appends bytes that equal rows share.
fn append_canonical(row: &[Datum], types: &[TypeRef], bytes: &mut Vec<u8>) {
    for (value, ty) in row.iter().zip(types) {
        let start = bytes.len();
        bytes.extend([0; 5]);
        values::canonical(value, *ty, bytes);
        let len = (bytes.len() - start - 5) as u32;
        bytes[start] = u8::from(!value.is_null());
        bytes[start + 1..start + 5].copy_from_slice(&len.to_le_bytes());
    }
}

impl Join {
    fn of_index_join(join: &IndexJoin, tables: &Tables<'_>) -> Option<Self> {
        let NodeKind::IndexScan(scan) = &join.inner.kind else { return None };
        if join.kind != JoinKind::Inner {
            return None;
        }
        let table = tables(scan.scan.table)?;
        Some(Self {
            outer: PointNode::new(&join.outer, tables)?,
            inner: Lookup::of_index_scan(scan, &join.inner.output, &table, &join.bindings)?,
            outer_first: true,
            residual: join.condition.as_ref().map(RowExpr::new),
            projection: join.projection.clone(),
        })
    }

    fn new(join: &HashJoin, tables: &Tables<'_>) -> Option<Self> {
        if join.kind != JoinKind::Inner || join.keys.iter().any(|key| key.nulls_equal) {
            return None;
        }
        let sides = [(&join.probe, &join.build, true), (&join.build, &join.probe, false)];
        sides.into_iter().find_map(|(outer, inner, outer_first)| {
            let NodeKind::Scan(scan) = &inner.kind else { return None };
            let table = tables(scan.table)?;
            let mut joined = Vec::new();
            for key in &join.keys {
                let (outer, inner) =
                    if outer_first { (&key.probe, &key.build) } else { (&key.build, &key.probe) };
                let position = *scan.projection.get(key_column(inner)?)?;
                joined.push((*scan.columns.get(position)?, outer));
            }
            let lookup = Lookup::new(scan, &inner.output, &table, &joined, None)?;
            // Each key must be one that the index decides.
            if !lookup.joins_by(&joined) {
                return None;
            }
            Some(Self {
                outer: PointNode::new(outer, tables)?,
                inner: lookup,
                outer_first,
                residual: join.residual.as_ref().map(RowExpr::new),
                projection: join.projection.clone(),
            })
        })
    }

    fn rows(&self, point: &PointRun<'_>, visit: &mut dyn FnMut(&[Datum]) -> Result<bool>) -> Result<bool> {
        self.outer.rows(point, &mut |outer| {
            self.inner.rows(point, outer, &mut |inner| {
                let (left, right) = if self.outer_first { (outer, inner) } else { (inner, outer) };
                let candidate: Vec<Datum> = left.iter().chain(right).cloned().collect();
                if let Some(residual) = &self.residual
                    && !residual.is_true(point.run, &candidate)?
                {
                    return Ok(true);
                }
                let output: Vec<Datum> = self
                    .projection
                    .iter()
                    .map(|at| candidate.get(*at).cloned().unwrap_or_default())
                    .collect();
                visit(&output)
            })
        })
    }
}
