//! Project: computes expressions, keeping the selection.

use types::{Result, TypeRef};

use super::{Flow, Stage, Worker, produce as produce_input};
use crate::batch::Batch;
use crate::convert::{batch_of, rows_of};
use crate::execute::Run;
use crate::expr::Expr;
use crate::on_demand::is_volatile_call;
use crate::plan::PlanNode;
use crate::rows::RowEvaluator;
use crate::vectors::VectorExpr;

struct Project<'a> {
    run: &'a Run<'a>,
    exprs: Vec<VectorExpr>,
    /// Expressions that are computed for one row after the other, and the types of input and output: several of them call
    /// volatile functions.
    rows: Option<(&'a [Expr], &'a [TypeRef], &'a [TypeRef])>,
    next: &'a dyn Stage,
}

struct ProjectWorker<'a> {
    project: &'a Project<'a>,
    next: Box<dyn Worker + 'a>,
}

/// Pushes the values of `exprs` over the rows of `input`.
pub(super) fn produce(
    run: &Run<'_>,
    node: &PlanNode,
    input: &PlanNode,
    exprs: &[Expr],
    stage: &dyn Stage,
) -> Result<()> {
    let several = exprs.iter().filter(|expr| is_volatile_call(expr)).count() > 1;
    let rows = several.then_some((exprs, input.output.as_slice(), node.output.as_slice()));
    let project = Project { run, exprs: VectorExpr::compile_all(run, exprs)?, rows, next: stage };
    if let Some(reason) = project.exprs.iter().find_map(|expr| expr.fallback) {
        run.note_row_form(node.id, reason);
    }
    produce_input(run, input, &project)
}

impl Stage for Project<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(ProjectWorker { project: self, next: self.next.worker()? }))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        self.next.serial() || self.project_is_volatile()
    }
    fn singly(&self) -> bool {
        self.next.singly()
    }
}

impl Project<'_> {
    /// Volatile functions see the rows in order.
    fn project_is_volatile(&self) -> bool {
        self.exprs.iter().any(|expr| expr.fallback == Some(crate::execute::FallbackReason::Volatile))
    }
}

impl Worker for ProjectWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let project = self.project;
        if let Some((exprs, input, output)) = project.rows {
            let evaluator = RowEvaluator::new(project.run);
            let mut rows = rows_of(&batch.compact(), input)?;
            for row in &mut rows {
                *row = exprs.iter().map(|expr| evaluator.evaluate(expr, row)).collect::<Result<_>>()?;
            }
            return self.next.push(batch_of(&rows, output)?);
        }
        let columns = project
            .exprs
            .iter()
            .map(|expr| expr.evaluate(project.run, &batch))
            .collect::<Result<Vec<_>>>()?;
        self.next.push(Batch { columns, len: batch.len, selection: batch.selection })
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}
