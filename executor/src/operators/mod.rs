//! Operators, and the machinery that runs them.
//!
//! Execution is push-based. [`produce`] walks the plan from a consumer towards the sources: a streaming node
//! (filter, project, the probe side of a join) wraps the consumer's [`Stage`] in its own and goes on with its
//! input; a pipeline breaker first produces its input into a stage of its own and then feeds what it has made
//! to the consumer. A source splits its rows into *morsels*; [`run_morsels`] lets workers draw morsels from a
//! shared counter. Each worker owns a chain of [`Worker`]s made by the stages, so operator state needs no
//! locks; a breaker's workers hand their part to the stage in [`Worker::finish`].
//!
//! A stage may see several rounds of workers (an append has one per input), and a stage that depends on row order asks for
//! serial rounds, which run morsels in order on one worker.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use types::{PgError, Result};

use crate::batch::Batch;
use crate::context::QueryContext;
use crate::execute::Run;
use crate::plan::{NodeKind, PlanNode};

mod aggregate;
mod apply;
mod collect;
mod distinct_on;
mod filter;
mod function_scan;
mod hash_join;
mod index_join;
mod limit;
pub(crate) mod lock_rows;
mod modify;
mod nested_loop;
mod project;
mod project_set;
mod recursive;
mod rowset;
mod scan;
mod set_operation;
mod shared_scan;
pub(crate) mod sort;
mod values;
mod window;

pub(crate) use collect::{collect_rows, collect_rows_limited};
pub(crate) use limit::count as limit_count;
pub(crate) use modify::{Changer, Event, change_rows, failing_row, name_of};
pub use modify::{check_exclusion, to_storage};
pub(crate) use rowset::{RowSet, gather};
pub(crate) use scan::{Operator, operator_of};
pub(crate) use shared_scan::ActiveParts;

/// Whether the consumer wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// More, please.
    Continue,
    /// Nothing that follows can matter.
    Stop,
}

/// An operator as all workers share it.
pub(crate) trait Stage: Sync {
    /// Makes the part of one worker.
    fn worker(&self) -> Result<Box<dyn Worker + '_>>;
    /// Announces a round of `morsels` morsels.
    fn begin_round(&self, morsels: usize);
    /// Whether rows must come in order, from one worker.
    fn serial(&self) -> bool;
    /// Whether each row is to be computed no sooner than the one before it was taken.
    fn singly(&self) -> bool {
        false
    }
}

/// An operator as one worker runs it.
pub(crate) trait Worker: Send {
    /// Announces that the batches that follow belong to morsel `index` of the round.
    fn begin_morsel(&mut self, index: usize) -> Result<()>;
    /// Takes a batch.
    fn push(&mut self, batch: Batch) -> Result<Flow>;
    /// Announces that the worker's rows of this round are over.
    fn finish(&mut self) -> Result<()>;
}

/// Pushes the rows of `node` into `stage`.
pub(crate) fn produce(run: &Run<'_>, node: &PlanNode, stage: &dyn Stage) -> Result<()> {
    run.context.cancel.check()?;
    let counted = crate::execute::Counted::new(run, node.id, stage);
    let stage: &dyn Stage = &counted;
    match &node.kind {
        NodeKind::Scan(scan) => scan::produce(run, node, scan, stage),
        NodeKind::IndexScan(index) => scan::produce_index(run, node, index, stage),
        NodeKind::VirtualScan { relation, columns, .. } => {
            values::produce_virtual(run, node, *relation, columns, stage)
        }
        NodeKind::Values { rows } => values::produce_values(run, node, rows, stage),
        NodeKind::FunctionScan { functions, ordinality } => {
            function_scan::produce(run, node, functions, *ordinality, stage)
        }
        NodeKind::Filter { input, predicate } => filter::produce(run, input, predicate, stage),
        NodeKind::Project { input, exprs } => project::produce(run, node, input, exprs, stage),
        NodeKind::ProjectSet { input, exprs } => project_set::produce(run, node, input, exprs, stage),
        NodeKind::HashJoin(join) => hash_join::produce(run, node, join, stage),
        NodeKind::NestedLoop(join) => nested_loop::produce(run, node, join, stage),
        NodeKind::IndexJoin(join) => index_join::produce(run, node, join, stage),
        NodeKind::Apply { outer, inner, bindings, left, condition } => {
            apply::produce(run, node, &apply::Apply { outer, inner, bindings, left: *left, condition }, stage)
        }
        NodeKind::Aggregate(aggregate) => aggregate::produce(run, node, aggregate, stage),
        NodeKind::Window(window) => window::produce(run, node, window, stage),
        NodeKind::Sort { input, keys } => sort::produce_sort(run, input, keys, stage),
        NodeKind::TopN { input, keys, limit, offset } => {
            sort::produce_top(run, input, keys, limit, offset.as_ref(), stage)
        }
        NodeKind::Limit { input, limit, offset, ties } => {
            limit::produce(run, input, limit.as_ref(), offset.as_ref(), ties.as_deref(), stage)
        }
        NodeKind::DistinctOn { input, keys } => distinct_on::produce(run, input, keys, stage),
        NodeKind::Append { inputs } => {
            for input in inputs {
                produce(run, input, stage)?;
            }
            Ok(())
        }
        NodeKind::SetOperation { operation, all, left, right } => {
            set_operation::produce(run, node, *operation, *all, (left, right), stage)
        }
        NodeKind::SharedScan { index, columns, .. } => shared_scan::produce(run, *index, columns, stage),
        NodeKind::RecursiveUnion { initial, step, all, working } => recursive::produce(
            run,
            node,
            &recursive::Recursion { initial, step, all: *all, working: *working },
            stage,
        ),
        NodeKind::WorkingScan { working } => {
            let rows = run.working(*working)?;
            produce_rowset(run, &rows, stage)
        }
        NodeKind::Modify(modify) => modify::produce(run, node, modify, stage),
        NodeKind::LockRows(locks) => lock_rows::produce(run, locks, stage),
    }
}

/// Pushes batches that are at hand, in order.
pub(crate) fn produce_rowset(run: &Run<'_>, rows: &RowSet, stage: &dyn Stage) -> Result<()> {
    const MORSEL_BATCHES: usize = 16;
    let morsels = rows.batches.len().div_ceil(MORSEL_BATCHES);
    run_morsels(run.context, run.threads, morsels, stage, &|morsel, worker| {
        let end = rows.batches.len().min((morsel + 1) * MORSEL_BATCHES);
        for batch in &rows.batches[morsel * MORSEL_BATCHES..end] {
            run.context.cancel.check()?;
            if worker.push(batch.clone())? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    })
}

/// The body of a source: pushes the batches of one morsel.
pub(crate) type MorselBody<'a> = &'a (dyn Fn(usize, &mut dyn Worker) -> Result<Flow> + Sync);

/// Runs `morsels` morsels through workers of `stage`.
pub(crate) fn run_morsels(
    context: &QueryContext,
    threads: usize,
    morsels: usize,
    stage: &dyn Stage,
    body: MorselBody<'_>,
) -> Result<()> {
    stage.begin_round(morsels);
    let workers = if stage.serial() { 1 } else { threads.min(morsels).max(1) };
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let error: Mutex<Option<(usize, PgError)>> = Mutex::new(None);
    let work = || {
        let _entered = types::interrupt::enter(&context.cancel);
        let mut morsel = 0;
        let result = (|| {
            let mut worker = stage.worker()?;
            loop {
                morsel = next.fetch_add(1, Ordering::Relaxed);
                if morsel >= morsels || stopped.load(Ordering::Relaxed) {
                    break;
                }
                context.cancel.check()?;
                worker.begin_morsel(morsel)?;
                if body(morsel, &mut *worker)? == Flow::Stop {
                    stopped.store(true, Ordering::Relaxed);
                    break;
                }
            }
            worker.finish()
        })();
        if let Err(failure) = result {
            stopped.store(true, Ordering::Relaxed);
            let mut first = error.lock();
            if first.as_ref().is_none_or(|(earlier, _)| morsel < *earlier) {
                *first = Some((morsel, failure));
            }
        }
    };
    if workers == 1 {
        work();
    } else {
        rayon::in_place_scope(|scope| {
            for _ in 1..workers {
                scope.spawn(|_| work());
            }
            work();
        });
    }
    match error.into_inner() {
        Some((_, failure)) => Err(failure),
        None => Ok(()),
    }
}

/// A round of one morsel that the caller pushes by hand.
pub(crate) struct SerialRound<'a> {
    worker: Box<dyn Worker + 'a>,
}

impl<'a> SerialRound<'a> {
    /// Begins the round.
    pub(crate) fn new(stage: &'a dyn Stage) -> Result<Self> {
        stage.begin_round(1);
        let mut worker = stage.worker()?;
        worker.begin_morsel(0)?;
        Ok(Self { worker })
    }
    /// Pushes a batch.
    pub(crate) fn push(&mut self, batch: Batch) -> Result<Flow> {
        self.worker.push(batch)
    }
    /// Ends the round.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.worker.finish()
    }
}
