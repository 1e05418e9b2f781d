//! Nested-loop join: every outer row meets every inner row; the condition runs on vectors of inner rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernels::vector::{Bitmap, Values, Vector};
use types::{Result, TypeRef};

use super::{Flow, RowSet, Stage, Worker, collect_rows, produce as produce_input};
use crate::batch::Batch;
use crate::convert::null_vector;
use crate::execute::Run;
use crate::plan::{JoinKind, NestedLoop, PlanNode};
use crate::vectors::VectorExpr;

struct Join<'a> {
    run: &'a Run<'a>,
    plan: &'a NestedLoop,
    inner: RowSet,
    inner_types: &'a [TypeRef],
    outer_types: &'a [TypeRef],
    condition: Option<VectorExpr>,
    /// Inner rows that had a partner, batch by batch.
    marks: Vec<Vec<AtomicBool>>,
    next: &'a dyn Stage,
}

/// Pushes the rows of the join.
pub(super) fn produce(run: &Run<'_>, _node: &PlanNode, plan: &NestedLoop, stage: &dyn Stage) -> Result<()> {
    let inner = collect_rows(run, &plan.inner)?;
    let condition = match &plan.condition {
        Some(condition) => Some(VectorExpr::compile(run, condition)?),
        None => None,
    };
    let marks =
        inner.batches.iter().map(|batch| (0..batch.len).map(|_| AtomicBool::new(false)).collect()).collect();
    let join = Join {
        run,
        plan,
        inner,
        inner_types: &plan.inner.output,
        outer_types: &plan.outer.output,
        condition,
        marks,
        next: stage,
    };
    produce_input(run, &plan.outer, &join)?;
    join.push_rest()
}

impl Join<'_> {
    /// Returns projected columns over an outer row (`None`: NULLs) repeated beside an inner batch.
    fn batch(&self, outer: Option<(&Batch, u16)>, inner: Option<&Batch>, mark: Option<&Vector>) -> Batch {
        let len = inner.map_or(1, |inner| inner.len);
        let width = self.outer_types.len();
        let columns = self.plan.projection.iter().map(|&position| {
            if let Some(ty) = self.outer_types.get(position) {
                return match outer {
                    Some((batch, lane)) => repeat(&batch.columns[position], lane, len),
                    None => null_vector(*ty, len),
                };
            }
            let position = position - width;
            match (self.inner_types.get(position), inner, mark) {
                (Some(_), Some(inner), _) => inner.columns[position].clone(),
                (Some(ty), None, _) => null_vector(*ty, len),
                (None, _, Some(mark)) => mark.clone(),
                (None, _, None) => Vector::constant(Values::Bool(Bitmap::zeros(1)), len),
            }
        });
        Batch::new(columns.collect(), len)
    }

    /// Returns the lanes of an inner batch that satisfy the condition with an outer row; `None`: all.
    fn matches(&self, outer: &Batch, lane: u16, inner: &Batch) -> Result<Option<Arc<[u16]>>> {
        let Some(condition) = &self.condition else { return Ok(None) };
        let mut columns: Vec<Vector> =
            outer.columns.iter().map(|column| repeat(column, lane, inner.len)).collect();
        columns.extend(inner.columns.iter().cloned());
        condition.filter(self.run, &Batch::new(columns, inner.len))
    }

    fn push_rest(&self) -> Result<()> {
        let wanted = match self.plan.kind {
            JoinKind::BuildOuter | JoinKind::FullOuter | JoinKind::BuildAnti => false,
            JoinKind::BuildSemi => true,
            JoinKind::Inner
            | JoinKind::ProbeOuter
            | JoinKind::ProbeSemi
            | JoinKind::ProbeAnti
            | JoinKind::ProbeMark
            | JoinKind::ProbeSingle => return Ok(()),
        };
        let mut rows = RowSet::default();
        for (batch, marks) in self.inner.batches.iter().zip(&self.marks) {
            let lanes: Vec<u16> = (0..batch.len as u16)
                .filter(|&lane| marks[usize::from(lane)].load(Ordering::Relaxed) == wanted)
                .collect();
            if !lanes.is_empty() {
                let kept = Batch { selection: Some(lanes.into()), ..batch.clone() }.compact();
                rows.batches.push(self.batch(None, Some(&kept), None));
            }
        }
        super::produce_rowset(self.run, &rows, self.next)
    }
}

/// Returns `len` lanes of one lane's value.
fn repeat(vector: &Vector, lane: u16, len: usize) -> Vector {
    let one = vector.gather(&[lane]).to_flat();
    let values = one.values().clone();
    if one.is_null(0) { Vector::null(values, len) } else { Vector::constant(values, len) }
}

struct JoinWorker<'a> {
    join: &'a Join<'a>,
    next: Box<dyn Worker + 'a>,
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

impl Worker for JoinWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let batch = batch.compact();
        for lane in 0..batch.len as u16 {
            self.join.run.context.cancel.check()?;
            if self.outer_row(&batch, lane)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}

impl JoinWorker<'_> {
    fn outer_row(&mut self, batch: &Batch, lane: u16) -> Result<Flow> {
        let join = self.join;
        let mut found = 0usize;
        for (index, inner) in join.inner.batches.iter().enumerate() {
            join.run.context.cancel.check()?;
            let lanes = join.matches(batch, lane, inner)?;
            let count = lanes.as_ref().map_or(inner.len, |lanes| lanes.len());
            if count == 0 {
                continue;
            }
            found += count;
            match join.plan.kind {
                JoinKind::ProbeSemi | JoinKind::ProbeAnti | JoinKind::ProbeMark => break,
                JoinKind::ProbeSingle if found > 1 => return Err(crate::rows::more_than_one_row()),
                JoinKind::BuildOuter | JoinKind::FullOuter | JoinKind::BuildSemi | JoinKind::BuildAnti => {
                    let marks = &join.marks[index];
                    match &lanes {
                        Some(lanes) => {
                            lanes
                                .iter()
                                .for_each(|&lane| marks[usize::from(lane)].store(true, Ordering::Relaxed));
                        }
                        None => marks.iter().for_each(|mark| mark.store(true, Ordering::Relaxed)),
                    }
                }
                JoinKind::Inner | JoinKind::ProbeOuter | JoinKind::ProbeSingle => {}
            }
            if matches!(join.plan.kind, JoinKind::BuildSemi | JoinKind::BuildAnti) {
                continue;
            }
            let pairs = join.batch(Some((batch, lane)), Some(inner), None);
            let pairs = Batch { selection: lanes, ..pairs }.compact();
            if self.next.push(pairs)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        let alone = match join.plan.kind {
            JoinKind::ProbeOuter | JoinKind::FullOuter | JoinKind::ProbeSingle | JoinKind::ProbeAnti => {
                found == 0
            }
            JoinKind::ProbeSemi => found > 0,
            JoinKind::ProbeMark => true,
            JoinKind::Inner | JoinKind::BuildOuter | JoinKind::BuildSemi | JoinKind::BuildAnti => false,
        };
        if !alone {
            return Ok(Flow::Continue);
        }
        let mark = Vector::flat(Values::Bool(Bitmap::from_bools([found > 0])), None);
        self.next.push(join.batch(Some((batch, lane)), None, Some(&mark)))
    }
}
