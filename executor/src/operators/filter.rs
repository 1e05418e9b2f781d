//! Filter: refines the selection of each batch.

use types::Result;

use super::{Flow, Stage, Worker, produce as produce_input};
use crate::batch::Batch;
use crate::execute::Run;
use crate::expr::Expr;
use crate::plan::PlanNode;
use crate::vectors::VectorExpr;

struct Filter<'a> {
    run: &'a Run<'a>,
    predicate: VectorExpr,
    next: &'a dyn Stage,
}

struct FilterWorker<'a> {
    filter: &'a Filter<'a>,
    next: Box<dyn Worker + 'a>,
}

/// Pushes the rows of `input` for which `predicate` is true.
pub(super) fn produce(run: &Run<'_>, input: &PlanNode, predicate: &Expr, stage: &dyn Stage) -> Result<()> {
    let filter = Filter { run, predicate: VectorExpr::compile(run, predicate)?, next: stage };
    produce_input(run, input, &filter)
}

impl Stage for Filter<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(FilterWorker { filter: self, next: self.next.worker()? }))
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

impl Worker for FilterWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, mut batch: Batch) -> Result<Flow> {
        if let Some(selection) = self.filter.predicate.filter(self.filter.run, &batch)? {
            if selection.is_empty() {
                return Ok(Flow::Continue);
            }
            batch.selection = Some(selection);
        }
        self.next.push(batch)
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}
