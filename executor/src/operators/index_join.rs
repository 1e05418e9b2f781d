//! Index nested-loop join: outer rows are looked up in an index of the inner table, a batch at a time.
//!
//! For each outer row the keys of the inner scan are computed and the index gives the rows of their ranges. The pairs of
//! a batch's worth are then read and filtered together, so a look-up costs no plan run of its own. Results come in the
//! order of the outer rows and, within one, in that of the index. Where the statement computes again what a changed row
//! is joined with, the inner scan is run for each outer row.

use std::sync::Arc;

use kernels::vector::{Bitmap, Values, Vector};
use storage::RowId;
use types::{Datum, PgError, Result, TypeRef};

use super::rowset::{concat, gather};
use super::scan::IndexLookup;
use super::{Flow, Stage, Worker, collect_rows, produce as produce_input};
use crate::batch::Batch;
use crate::convert::{datum_at, null_vector};
use crate::execute::Run;
use crate::expr::{Expr, ExprKind};
use crate::plan::{IndexJoin, JoinKind, NodeKind, PlanNode};
use crate::rows::RowEvaluator;
use crate::vectors::VectorExpr;

/// A tuning constant: pairs that are read at a time.
const PAIRS: usize = kernels::vector::VECTOR_LANES;

struct Join<'a> {
    run: &'a Run<'a>,
    plan: &'a IndexJoin,
    /// `None` where the inner scan runs for each outer row.
    lookup: Option<IndexLookup<'a>>,
    bindings: Vec<VectorExpr>,
    condition: Option<VectorExpr>,
    /// Whether keys are computed from outer values by more than taking them.
    computed: bool,
    /// Whether a first partner found in the index settles an outer row.
    first_settles: bool,
    next: &'a dyn Stage,
}

/// Pushes the rows of the join.
pub(super) fn produce(run: &Run<'_>, _node: &PlanNode, plan: &IndexJoin, stage: &dyn Stage) -> Result<()> {
    let NodeKind::IndexScan(scan) = &plan.inner.kind else {
        return Err(PgError::internal("an index join without an index scan"));
    };
    let rechecked = super::scan::only_row(run, &scan.scan).is_some();
    let lookup = if rechecked { None } else { Some(IndexLookup::new(run, &plan.inner, scan)?) };
    let mut computed = false;
    for key in &scan.keys {
        key.for_each_expr(&mut |expr| {
            computed |= !matches!(expr.kind, ExprKind::Outer(_) | ExprKind::Const(_) | ExprKind::Param(_));
        });
    }
    let filtered =
        plan.condition.is_some() || !scan.scan.filters.is_empty() || !scan.scan.runtime_filters.is_empty();
    let settling = matches!(plan.kind, JoinKind::ProbeSemi | JoinKind::ProbeAnti | JoinKind::ProbeMark);
    let join = Join {
        run,
        plan,
        lookup,
        bindings: VectorExpr::compile_all(run, plan.bindings.iter().map(|(_, expr)| expr))?,
        condition: plan
            .condition
            .as_ref()
            .map(|condition| VectorExpr::compile(run, condition))
            .transpose()?,
        computed,
        first_settles: settling && !filtered,
        next: stage,
    };
    produce_input(run, &plan.outer, &join)
}

impl Stage for Join<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(JoinWorker { join: self, next: self.next.worker()? }))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        self.next.serial()
    }
    fn singly(&self) -> bool {
        self.next.singly()
    }
}

struct JoinWorker<'a> {
    join: &'a Join<'a>,
    next: Box<dyn Worker + 'a>,
}

impl Worker for JoinWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let join = self.join;
        let batch = batch.compact();
        let values = join.bindings.iter().map(|binding| binding.evaluate(join.run, &batch));
        let values = values.collect::<Result<Vec<_>>>()?;
        let types: Vec<TypeRef> = join.plan.bindings.iter().map(|(_, expr)| expr.ty).collect();
        let matched = vec![false; batch.len];
        let mut part =
            Part { join, batch, matched, reported: 0, lookups: 0, lanes: Vec::new(), rows: Vec::new() };
        for lane in 0..part.batch.len {
            let mut outer = (*join.run.outer).clone();
            for (((slot, _), vector), ty) in join.plan.bindings.iter().zip(&values).zip(&types) {
                let slot = *slot as usize;
                if outer.len() <= slot {
                    outer.resize(slot + 1, Datum::Null);
                }
                outer[slot] = datum_at(vector, lane, *ty)?;
            }
            let flow = match &join.lookup {
                Some(lookup) => part.look_up(lookup, lane as u16, outer, &mut *self.next)?,
                None => part.run_inner(lane as u16, outer, &mut *self.next)?,
            };
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        let all = part.batch.len;
        part.flush(all, &mut *self.next)
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}

/// A batch of outer rows on its way.
struct Part<'a> {
    join: &'a Join<'a>,
    batch: Batch,
    /// Which outer rows have a partner.
    matched: Vec<bool>,
    /// The first outer row that nothing was reported of.
    reported: usize,
    /// Look-ups since the last pairs were read.
    lookups: u64,
    /// Pairs to be read.
    lanes: Vec<u16>,
    rows: Vec<RowId>,
}

impl Part<'_> {
    /// Finds the partners of an outer row.
    fn look_up(
        &mut self,
        lookup: &IndexLookup<'_>,
        lane: u16,
        outer: Vec<Datum>,
        next: &mut dyn Worker,
    ) -> Result<Flow> {
        let join = self.join;
        let run = join.computed.then(|| join.run.with_outer(outer.clone()));
        let ranges = lookup.ranges(&mut |expr: &Expr| match (&expr.kind, &run) {
            (ExprKind::Outer(slot), _) => Ok(outer.get(*slot as usize).cloned().unwrap_or_default()),
            (_, Some(run)) => RowEvaluator::new(run).evaluate(expr, &[]),
            (_, None) => RowEvaluator::new(join.run).evaluate(expr, &[]),
        })?;
        self.lookups += 1;
        for range in &ranges {
            let mut cursor = lookup.cursor(range)?;
            while let Some(row) = cursor.next_row()? {
                self.lanes.push(lane);
                self.rows.push(row);
                if self.rows.len() >= PAIRS && self.flush(usize::from(lane), next)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
                if lookup.one_row || join.first_settles {
                    return Ok(Flow::Continue);
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// Runs the inner scan for an outer row.
    fn run_inner(&mut self, lane: u16, outer: Vec<Datum>, next: &mut dyn Worker) -> Result<Flow> {
        let inner = self.join.run.with_outer(outer);
        for found in collect_rows(&inner, &self.join.plan.inner)?.batches {
            let found = found.compact();
            let lanes = vec![lane; found.len];
            if self.report(usize::from(lane), &lanes, found.columns, next)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Reads the pairs found so far; all partners of the outer rows before `complete` are among them.
    fn flush(&mut self, complete: usize, next: &mut dyn Worker) -> Result<Flow> {
        self.join.run.context.cancel.check()?;
        let (lanes, rows) = (std::mem::take(&mut self.lanes), std::mem::take(&mut self.rows));
        match &self.join.lookup {
            Some(lookup) if !rows.is_empty() => {
                let fetched = lookup.fetch(&rows)?;
                self.count(fetched.kept.len());
                let lanes: Vec<u16> = fetched.kept.iter().map(|&at| lanes[at as usize]).collect();
                self.report(complete, &lanes, fetched.columns, next)
            }
            Some(_) | None => {
                self.count(0);
                let none = self.join.plan.inner.output.iter().map(|ty| null_vector(*ty, 0)).collect();
                self.report(complete, &[], none, next)
            }
        }
    }

    /// Reports for EXPLAIN ANALYZE what the inner scan found.
    fn count(&mut self, rows: usize) {
        if self.lookups > 0 {
            self.join.run.count(self.join.plan.inner.id, rows as u64, std::mem::take(&mut self.lookups));
        }
    }

    /// Takes candidate pairs: outer lanes, ascending, and the columns of their partners.
    fn report(
        &mut self,
        complete: usize,
        lanes: &[u16],
        inner: Vec<Vector>,
        next: &mut dyn Worker,
    ) -> Result<Flow> {
        let chosen: Option<Arc<[u16]>> = match &self.join.condition {
            Some(condition) if !lanes.is_empty() => {
                let mut columns: Vec<Vector> =
                    self.batch.columns.iter().map(|column| column.gather(lanes)).collect();
                columns.extend(inner.iter().cloned());
                condition.filter(self.join.run, &Batch::new(columns, lanes.len()))?
            }
            Some(_) | None => None,
        };
        let pairs = match &chosen {
            Some(chosen) => chosen.iter().map(|&at| (lanes[usize::from(at)], u32::from(at))).collect(),
            None => lanes.iter().copied().zip(0..).collect(),
        };
        let results = self.results(complete, pairs)?;
        self.reported = complete;
        for results in results.chunks(PAIRS) {
            if next.push(self.output(results, &inner)?)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Returns what pairs (outer lane, position of the partner) make, and the outer rows that are complete now.
    fn results(&mut self, complete: usize, pairs: Vec<(u16, u32)>) -> Result<Vec<(u16, Option<u32>)>> {
        let mut results = Vec::with_capacity(pairs.len());
        let alone = |matched: &[bool], from: usize, to: usize, results: &mut Vec<(u16, Option<u32>)>| {
            let wanted = match self.join.plan.kind {
                JoinKind::ProbeOuter | JoinKind::ProbeSingle | JoinKind::ProbeAnti => Some(false),
                JoinKind::ProbeMark => None,
                JoinKind::Inner
                | JoinKind::ProbeSemi
                | JoinKind::BuildOuter
                | JoinKind::FullOuter
                | JoinKind::BuildSemi
                | JoinKind::BuildAnti => return,
            };
            let lanes = (from..to).filter(|&lane| wanted.is_none_or(|wanted| matched[lane] == wanted));
            results.extend(lanes.map(|lane| (lane as u16, None)));
        };
        let mut from = self.reported;
        for (lane, at) in pairs {
            let lane_at = usize::from(lane);
            // Outer rows before this one have no further pairs.
            if lane_at > from {
                alone(&self.matched, from, lane_at, &mut results);
                from = lane_at;
            }
            let first = !std::mem::replace(&mut self.matched[lane_at], true);
            match self.join.plan.kind {
                JoinKind::Inner | JoinKind::ProbeOuter => results.push((lane, Some(at))),
                JoinKind::ProbeSingle if first => results.push((lane, Some(at))),
                JoinKind::ProbeSingle => return Err(crate::rows::more_than_one_row()),
                JoinKind::ProbeSemi if first => results.push((lane, None)),
                JoinKind::ProbeSemi | JoinKind::ProbeAnti | JoinKind::ProbeMark => {}
                JoinKind::BuildOuter | JoinKind::FullOuter | JoinKind::BuildSemi | JoinKind::BuildAnti => {
                    return Err(PgError::internal("an index join that keeps inner rows"));
                }
            }
        }
        alone(&self.matched, from, complete, &mut results);
        Ok(results)
    }

    fn output(&self, results: &[(u16, Option<u32>)], inner: &[Vector]) -> Result<Batch> {
        let plan = self.join.plan;
        let lanes: Vec<u16> = results.iter().map(|(lane, _)| *lane).collect();
        let width = self.batch.columns.len();
        let inner_len = inner.first().map_or(0, Vector::len) as u32;
        let positions: Vec<u32> = results.iter().map(|(_, at)| at.unwrap_or(inner_len)).collect();
        let mut columns = Vec::with_capacity(plan.projection.len());
        for &position in &plan.projection {
            columns.push(if let Some(column) = self.batch.columns.get(position) {
                column.gather(&lanes)
            } else if let Some(column) = inner.get(position - width) {
                let ty = plan.inner.output[position - width];
                gather(&concat(&[column, &null_vector(ty, 1)], ty)?, &positions)
            } else {
                let marks = lanes.iter().map(|&lane| self.matched[usize::from(lane)]);
                Vector::flat(Values::Bool(Bitmap::from_bools(marks)), None)
            });
        }
        Ok(Batch::new(columns, lanes.len()))
    }
}
