//! LIMIT and OFFSET: counts rows in order and stops the pipeline when it has enough.

use parking_lot::Mutex;
use types::{Datum, PgError, Result, SqlState};

use super::{Flow, Stage, Worker, produce as produce_input};
use crate::batch::Batch;
use crate::convert::datum_at;
use crate::execute::Run;
use crate::expr::Expr;
use crate::plan::{PlanNode, SortKey};
use crate::rows::RowEvaluator;
use crate::values;
use crate::vectors::VectorExpr;

struct Limit<'a> {
    run: &'a Run<'a>,
    ties: Option<Vec<(VectorExpr, types::TypeRef)>>,
    /// Whether rows that are not asked for must not be made.
    singly: bool,
    state: Mutex<State>,
    next: &'a dyn Stage,
}

struct State {
    skip: u64,
    left: Option<u64>,
    /// Keys of the last row of the limit, when ties follow it.
    last: Option<Vec<Datum>>,
}

struct LimitWorker<'a> {
    limit: &'a Limit<'a>,
    next: Box<dyn Worker + 'a>,
}

/// Returns the value of a LIMIT or OFFSET expression; `None` for NULL.
pub(crate) fn count(run: &Run<'_>, expr: Option<&Expr>, offset: bool) -> Result<Option<u64>> {
    let Some(expr) = expr else { return Ok(None) };
    match RowEvaluator::new(run).evaluate(expr, &[])? {
        Datum::I64(value) => match u64::try_from(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) if offset => Err(PgError::new(
                SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
                "OFFSET must not be negative",
            )),
            Err(_) => {
                Err(PgError::new(SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE, "LIMIT must not be negative"))
            }
        },
        _ => Ok(None),
    }
}

/// Pushes the rows of `input` that LIMIT and OFFSET leave.
pub(super) fn produce(
    run: &Run<'_>,
    input: &PlanNode,
    limit: Option<&Expr>,
    offset: Option<&Expr>,
    ties: Option<&[SortKey]>,
    stage: &dyn Stage,
) -> Result<()> {
    // PostgreSQL looks at OFFSET before LIMIT.
    let skip = count(run, offset, true)?.unwrap_or(0);
    let left = count(run, limit, false)?;
    let ties = match ties {
        Some(keys) => Some(
            keys.iter()
                .map(|key| Ok((VectorExpr::compile(run, &key.expr)?, key.expr.ty)))
                .collect::<Result<Vec<_>>>()?,
        ),
        None => None,
    };
    let singly = stage.singly() || run.state.parts.are_below(input);
    let limit = Limit { run, ties, singly, state: Mutex::new(State { skip, left, last: None }), next: stage };
    if left == Some(0) {
        return super::run_morsels(run.context, 1, 0, stage, &|_, _| Ok(Flow::Stop));
    }
    produce_input(run, input, &limit)
}

/// Pushes the rows of `input` in order of `keys`, without the first `skip`.
pub(super) fn produce_skipping(
    run: &Run<'_>,
    input: &PlanNode,
    keys: &[SortKey],
    skip: u64,
    stage: &dyn Stage,
) -> Result<()> {
    let limit = Limit {
        run,
        ties: None,
        singly: stage.singly(),
        state: Mutex::new(State { skip, left: None, last: None }),
        next: stage,
    };
    super::sort::produce_sort(run, input, keys, &limit)
}

impl Stage for Limit<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(LimitWorker { limit: self, next: self.next.worker()? }))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        true
    }
    fn singly(&self) -> bool {
        self.singly
    }
}

impl Worker for LimitWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let batch = batch.compact();
        let mut state = self.limit.state.lock();
        let skipped = state.skip.min(batch.len as u64);
        state.skip -= skipped;
        let start = skipped as usize;
        let mut end = match state.left {
            None => batch.len,
            Some(left) => batch.len.min(start.saturating_add(usize::try_from(left).unwrap_or(usize::MAX))),
        };
        if let Some(left) = &mut state.left {
            *left -= (end - start) as u64;
        }
        let mut flow = Flow::Continue;
        if state.left == Some(0) {
            flow = Flow::Stop;
            if let Some(keys) = &self.limit.ties {
                let more = self.ties(&mut state, keys, &batch, end)?;
                if end + more == batch.len {
                    flow = Flow::Continue;
                }
                end += more;
            }
        }
        drop(state);
        if start == end {
            return Ok(flow);
        }
        let batch = if start == 0 && end == batch.len {
            batch
        } else {
            Batch { selection: Some((start as u16..end as u16).collect()), ..batch }.compact()
        };
        match self.next.push(batch)? {
            Flow::Stop => Ok(Flow::Stop),
            Flow::Continue => Ok(flow),
        }
    }
    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}

impl LimitWorker<'_> {
    /// Returns how many rows from `end` on tie with the last row of the limit.
    fn ties(
        &self,
        state: &mut State,
        keys: &[(VectorExpr, types::TypeRef)],
        batch: &Batch,
        end: usize,
    ) -> Result<usize> {
        let vectors =
            keys.iter().map(|(key, _)| key.evaluate(self.limit.run, batch)).collect::<Result<Vec<_>>>()?;
        let row = |lane: usize| {
            vectors
                .iter()
                .zip(keys)
                .map(|(vector, (_, ty))| datum_at(vector, lane, *ty))
                .collect::<Result<Vec<_>>>()
        };
        if state.last.is_none() && end > 0 {
            state.last = Some(row(end - 1)?);
        }
        let Some(last) = &state.last else { return Ok(0) };
        for lane in end..batch.len {
            let tied = row(lane)?
                .iter()
                .zip(last)
                .zip(keys)
                .all(|((left, right), (_, ty))| values::compare(left, right, *ty).is_eq());
            if !tied {
                return Ok(lane - end);
            }
        }
        Ok(batch.len - end)
    }
}
