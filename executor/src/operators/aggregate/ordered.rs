//! Aggregate calls with DISTINCT or ORDER BY: the rows of each group are kept, and aggregated in order at the end.

use std::collections::HashSet;

use kernels::vector::Vector;
use types::interrupt::{Pace, stoppable};
use types::{Datum, Result, TypeRef};

use super::accumulate::Rows;
use crate::aggregates::{OrderedSet, Signature, create};
use crate::batch::Batch;
use crate::convert::{VectorBuilder, datum_at};
use crate::execute::Run;
use crate::expr::Expr;
use crate::operators::sort::compare_keys;
use crate::plan::SortKey;
use crate::rows::RowEvaluator;
use crate::values;
use crate::vectors::VectorExpr;

/// The order of a call.
pub(super) struct Order {
    distinct: bool,
    keys: Vec<VectorExpr>,
    /// (type, descending, nulls first) of each key.
    directions: Vec<(TypeRef, bool, bool)>,
    set: Option<Set>,
}

/// An ordered-set aggregate with its direct arguments.
pub(super) struct Set {
    kind: OrderedSet,
    direct: Vec<VectorExpr>,
    direct_types: Vec<TypeRef>,
    /// The direct arguments of a group without rows.
    without_rows: Vec<Datum>,
}

impl Set {
    pub(super) fn new(run: &Run<'_>, name: &str, direct_args: &[Expr]) -> Result<Self> {
        let mut without_rows = Vec::new();
        for arg in direct_args {
            // Only grouped columns occur here, and where there are any no group is without rows.
            let closed = crate::vectors::columns_of(arg).is_empty();
            without_rows.push(if closed { RowEvaluator::new(run).evaluate(arg, &[])? } else { Datum::Null });
        }
        Ok(Self {
            kind: OrderedSet::of(name)?,
            direct: VectorExpr::compile_all(run, direct_args)?,
            direct_types: direct_args.iter().map(|arg| arg.ty).collect(),
            without_rows,
        })
    }
}

impl Order {
    pub(super) fn new(
        run: &Run<'_>,
        distinct: bool,
        order_by: &[SortKey],
        args: &[TypeRef],
        set: Option<Set>,
    ) -> Result<Self> {
        let keys = VectorExpr::compile_all(run, order_by.iter().map(|key| &key.expr))?;
        let mut directions: Vec<_> =
            order_by.iter().map(|key| (key.expr.ty, key.descending, key.nulls_first)).collect();
        if directions.is_empty() {
            // DISTINCT alone sorts by the arguments.
            directions = args.iter().map(|ty| (*ty, false, false)).collect();
        }
        Ok(Self { distinct, keys, directions, set })
    }
}

/// A kept row.
struct Kept {
    args: Vec<Datum>,
    keys: Vec<Datum>,
}

/// The kept rows of all groups.
#[derive(Default)]
pub(super) struct Buffer {
    groups: Vec<Vec<Kept>>,
    /// Direct arguments of each group, once it has rows.
    direct: Vec<Vec<Datum>>,
    seen: HashSet<(u32, Vec<u8>), foldhash::fast::RandomState>,
    rows: usize,
}

impl Buffer {
    pub(super) fn resize(&mut self, len: usize) {
        self.groups.resize_with(len, Vec::new);
        self.direct.resize_with(len, Vec::new);
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows * 120
    }

    pub(super) fn update(
        &mut self,
        run: &Run<'_>,
        rows: Rows<'_>,
        batch: &Batch,
        args: &[Vector],
        order: &Order,
        signature: &Signature,
    ) -> Result<()> {
        let keys = order.keys.iter().map(|key| key.evaluate(run, batch)).collect::<Result<Vec<_>>>()?;
        let set = order.set.as_ref();
        let direct = match set {
            Some(set) => set.direct.iter().map(|arg| arg.evaluate(run, batch)).collect::<Result<Vec<_>>>()?,
            None => Vec::new(),
        };
        for (lane, group) in rows.lanes.iter().zip(rows.groups) {
            let lane = usize::from(*lane);
            if let Some(set) = set
                && self.groups[*group as usize].is_empty()
            {
                self.direct[*group as usize] = direct
                    .iter()
                    .zip(&set.direct_types)
                    .map(|(arg, ty)| datum_at(arg, lane, *ty))
                    .collect::<Result<Vec<_>>>()?;
            }
            let values = args
                .iter()
                .zip(&signature.args)
                .map(|(arg, ty)| datum_at(arg, lane, *ty))
                .collect::<Result<Vec<_>>>()?;
            let keys = keys
                .iter()
                .zip(&order.directions)
                .map(|(key, (ty, _, _))| datum_at(key, lane, *ty))
                .collect::<Result<Vec<_>>>()?;
            self.keep(*group, Kept { args: values, keys }, order.distinct, &signature.args);
        }
        Ok(())
    }

    fn keep(&mut self, group: u32, row: Kept, distinct: bool, types: &[TypeRef]) {
        if distinct && !self.seen.insert((group, row_bytes(&row.args, types))) {
            return;
        }
        self.rows += 1;
        self.groups[group as usize].push(row);
    }

    pub(super) fn absorb(&mut self, other: Self, groups: &[u32]) {
        for ((rows, direct), group) in other.groups.into_iter().zip(other.direct).zip(groups) {
            self.rows += rows.len();
            if self.groups[*group as usize].is_empty() {
                self.direct[*group as usize] = direct;
            }
            self.groups[*group as usize].extend(rows);
        }
    }

    pub(super) fn finish(
        &self,
        range: std::ops::Range<usize>,
        order: &Order,
        signature: &Signature,
    ) -> Result<Vector> {
        let mut builder = VectorBuilder::new(signature.result, range.len());
        for (rows, direct) in self.groups[range.clone()].iter().zip(&self.direct[range]) {
            let mut rows: Vec<&Kept> = rows.iter().collect();
            let by_args = order.keys.is_empty();
            stoppable(|look| {
                rows.sort_by(|left, right| {
                    look();
                    let sides = if by_args { (&left.args, &right.args) } else { (&left.keys, &right.keys) };
                    compare_keys(sides.0, sides.1, &order.directions)
                });
            })?;
            if let Some(set) = &order.set {
                let direct = if rows.is_empty() { &set.without_rows } else { direct };
                let keys: Vec<&[Datum]> = rows.iter().map(|row| row.keys.as_slice()).collect();
                let value = set.kind.finish(&keys, direct, &order.directions, signature)?;
                builder.push(&values::relabel(value, signature.result))?;
                continue;
            }
            let mut state = create(signature)?;
            let mut seen = HashSet::new();
            let mut pace = Pace::default();
            for row in rows {
                pace.step()?;
                // Workers have kept apart what they have both seen.
                if !order.distinct || seen.insert(row_bytes(&row.args, &signature.args)) {
                    state.add(&row.args)?;
                }
            }
            builder.push(&state.finish()?)?;
        }
        Ok(builder.finish())
    }
}

fn row_bytes(args: &[Datum], types: &[TypeRef]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (arg, ty) in args.iter().zip(types) {
        bytes.push(u8::from(arg.is_null()));
        let start = bytes.len();
        values::canonical(arg, *ty, &mut bytes);
        let len = (bytes.len() - start) as u32;
        bytes.extend(len.to_le_bytes());
    }
    bytes
}
