//! DISTINCT ON: passes the first row of each run of equal keys.

use parking_lot::Mutex;
use types::{Datum, Result};

use super::{Flow, Stage, Worker, produce as produce_input};
use crate::batch::Batch;
use crate::convert::datum_at;
use crate::execute::Run;
use crate::expr::Expr;
use crate::plan::PlanNode;
use crate::values;
use crate::vectors::VectorExpr;

struct DistinctOn<'a> {
    run: &'a Run<'a>,
    keys: Vec<VectorExpr>,
    last: Mutex<Option<Vec<Datum>>>,
    next: &'a dyn Stage,
}

struct DistinctOnWorker<'a> {
    stage: &'a DistinctOn<'a>,
    next: Box<dyn Worker + 'a>,
}

/// Pushes the first row of each run of equal `keys`.
pub(super) fn produce(run: &Run<'_>, input: &PlanNode, keys: &[Expr], stage: &dyn Stage) -> Result<()> {
    let distinct =
        DistinctOn { run, keys: VectorExpr::compile_all(run, keys)?, last: Mutex::default(), next: stage };
    produce_input(run, input, &distinct)
}

impl Stage for DistinctOn<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(DistinctOnWorker { stage: self, next: self.next.worker()? }))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        true
    }
    fn singly(&self) -> bool {
        self.next.singly()
    }
}

impl Worker for DistinctOnWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let batch = batch.compact();
        let keys = &self.stage.keys;
        let vectors =
            keys.iter().map(|key| key.evaluate(self.stage.run, &batch)).collect::<Result<Vec<_>>>()?;
        let mut kept = Vec::new();
        let mut last = self.stage.last.lock();
        for lane in 0..batch.len {
            let row = vectors
                .iter()
                .zip(keys)
                .map(|(vector, key)| datum_at(vector, lane, key.expr().ty))
                .collect::<Result<Vec<_>>>()?;
            let same = last.as_ref().is_some_and(|last| {
                last.iter()
                    .zip(&row)
                    .zip(keys)
                    .all(|((l, r), key)| values::compare(l, r, key.expr().ty).is_eq())
            });
            if !same {
                kept.push(lane as u16);
                *last = Some(row);
            }
        }
        drop(last);
        if kept.is_empty() {
            return Ok(Flow::Continue);
        }
        self.next.push(Batch { selection: Some(kept.into()), ..batch }.compact())
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}
