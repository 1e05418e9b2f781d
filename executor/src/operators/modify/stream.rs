//! Many rows: changed as they are computed, and straight into segments.
//!
//! The first rows are held. If that is all, they are changed as usual; otherwise none of the rest is kept in memory.

use std::ops::ControlFlow;

use kernels::vector::Vector;
use storage::{BulkWriter, ColumnDefinition, ROW_GROUP_ROWS, RowId, TableId, WriteOutcome};
use types::{PgError, Result, TypeRef};

use super::bulk::{is_possible, refusal, row_ids, violates_not_null};
use super::changer::Changer;
use super::stored::to_storage;
use super::{Statement, lookup};
use crate::batch::{Batch, gather};
use crate::convert::rows_of;
use crate::execute::{ResultSink, Run};
use crate::expr::ExprKind;
use crate::operators::{RowSet, produce};
use crate::output::{Order, Output};
use crate::plan::{Modify, ModifyKind, NodeKind, Target};

/// A tuning constant: with so many rows they go into segments.
const SEGMENT_ROWS_MIN: usize = ROW_GROUP_ROWS;

/// What has become of a statement.
pub(super) enum Streamed {
    /// So many rows are changed.
    Changed(i64),
    /// Nothing is changed: these are the rows.
    Few(RowSet),
}

/// Runs a statement; `None` when it is not one whose rows can be changed as they come.
pub(super) fn change(run: &Run<'_>, plan: &Modify) -> Result<Option<Streamed>> {
    let Some(target) = plan.target() else { return Ok(None) };
    let is_streamed = match plan.kind {
        ModifyKind::Insert => !matches!(plan.input.kind, NodeKind::Values { .. }),
        ModifyKind::Update => plan.marks.is_empty() && plan.copies.is_empty() && keeps_keys(plan, target),
        ModifyKind::Delete | ModifyKind::Merge => false,
    };
    if !is_streamed || !is_possible(run, plan)? {
        return Ok(None);
    }
    run.keep_table(target.table)?;
    let mut stream =
        Stream { run, plan, target, held: RowSet::default(), writer: None, contested: Vec::new() };
    produce(run, &plan.input, &Output::new(&mut stream, Order::Sorted))?;
    stream.replace_contested()?;
    let Stream { held, writer, .. } = stream;
    let Some(writing) = writer else { return Ok(Some(Streamed::Few(held))) };
    let finished = writing.rows.finish(&mut run.context.transaction()?.lock());
    finished.map(|rows| Some(Streamed::Changed(rows as i64))).map_err(|error| refusal(run, target, error))
}

/// Returns whether an update leaves the columns of all unique keys alone.
fn keeps_keys(plan: &Modify, target: &Target) -> bool {
    let (NodeKind::Project { exprs, .. }, Some(new), Some(old)) =
        (&plan.input.kind, plan.shape.new, plan.shape.old)
    else {
        return false;
    };
    target.keys.iter().all(|key| {
        key.columns.iter().all(|(expr, _)| match &expr.kind {
            ExprKind::Column(id) => {
                let at = |first: usize| exprs.get(first + id.0 as usize);
                at(new).is_some() && at(new) == at(old)
            }
            _ => false,
        })
    })
}

struct Stream<'r> {
    run: &'r Run<'r>,
    plan: &'r Modify,
    target: &'r Target,
    /// The first rows, as long as nothing is changed.
    held: RowSet,
    writer: Option<Writing>,
    /// Rows, by batch and lane, that others are at or have replaced: whoever waits does so on the session's thread.
    contested: Vec<(Batch, Vec<usize>)>,
}

struct Writing {
    rows: BulkWriter,
    stored: Vec<ColumnDefinition>,
}

impl ResultSink for Stream<'_> {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        if self.writer.is_some() {
            self.run.context.cancel.check()?;
            self.write(&batch)?;
            return Ok(ControlFlow::Continue(()));
        }
        self.held.batches.push(batch);
        if self.held.len() > SEGMENT_ROWS_MIN {
            let mut transaction = self.run.context.transaction()?.lock();
            let rows = transaction.bulk_writer(TableId(self.target.table))?;
            drop(transaction);
            let stored = lookup::current(self.run, self.target.table)?.columns().to_vec();
            self.writer = Some(Writing { rows, stored });
            for batch in std::mem::take(&mut self.held.batches) {
                self.write(&batch)?;
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl Stream<'_> {
    fn write(&mut self, batch: &Batch) -> Result<()> {
        let new = self.plan.shape.new.unwrap_or(0);
        if violates_not_null(self.target, batch, new) {
            return self.raise_null(batch, new);
        }
        let vectors = self.stored(batch, new)?;
        match self.plan.shape.row_id.filter(|_| self.plan.kind == ModifyKind::Update) {
            None => Ok(self.writing()?.rows.append(&vectors)?),
            Some(position) => self.replace(batch, position, vectors),
        }
    }

    fn writing(&mut self) -> Result<&mut Writing> {
        self.writer.as_mut().ok_or_else(|| PgError::internal("rows for no table"))
    }

    /// Returns the new rows of a batch as they are stored.
    fn stored(&mut self, batch: &Batch, new: usize) -> Result<Vec<Vector>> {
        let target = self.target;
        let columns = batch.columns.iter().skip(new).zip(&self.writing()?.stored).zip(&target.columns);
        let vectors = columns.map(|((vector, stored), column)| to_storage(vector, stored, column.ty));
        Ok(storage::counted_rows(vectors.collect::<Result<_>>()?, batch.len))
    }

    /// Raises the error of the first row that has a null where none may be.
    fn raise_null(&mut self, batch: &Batch, new: usize) -> Result<()> {
        let mut changer = Changer::new(self.run, self.plan)?;
        let width = self.target.columns.len();
        for row in rows_of(batch, &self.plan.input.output)? {
            let mut row = row.get(new..new + width).unwrap_or_default().to_vec();
            changer.check_row(0, &mut row)?;
        }
        Err(PgError::internal("a null that is none"))
    }

    /// Puts the new versions of rows in the place of the old ones.
    fn replace(&mut self, batch: &Batch, position: usize, vectors: Vec<Vector>) -> Result<()> {
        let ids =
            batch.columns.get(position).ok_or_else(|| PgError::internal("an update without row ids"))?;
        let ids = row_ids(ids)?;
        let mut taken = Vec::with_capacity(ids.len());
        let mut contested = Vec::new();
        {
            let mut transaction = self.run.context.transaction()?.lock();
            for (lane, id) in ids.iter().enumerate() {
                match transaction.try_end_row_keeping_keys(TableId(self.target.table), *id)? {
                    WriteOutcome::Done(_) => taken.push(lane as u32),
                    WriteOutcome::SelfModified => {}
                    WriteOutcome::WouldBlock
                    | WriteOutcome::ConcurrentlyUpdated(_)
                    | WriteOutcome::ConcurrentlyDeleted => contested.push(lane),
                }
            }
        }
        if !contested.is_empty() {
            self.contested.push((batch.clone(), contested));
        }
        if taken.len() == ids.len() {
            return Ok(self.writing()?.rows.append_successors(&vectors, &ids)?);
        }
        let vectors: Vec<Vector> = vectors.iter().map(|vector| gather(vector, &taken)).collect();
        let ids: Vec<RowId> = taken.iter().map(|lane| ids[*lane as usize]).collect();
        Ok(self.writing()?.rows.append_successors(&vectors, &ids)?)
    }

    /// Puts new versions in the place of rows that others were at, once they are done with them.
    fn replace_contested(&mut self) -> Result<()> {
        let (run, plan) = (self.run, self.plan);
        for (batch, lanes) in std::mem::take(&mut self.contested) {
            let changer = Changer::new(run, plan)?;
            let mut statement = Statement { changer, plan, returned: Vec::new(), input: None, single: true };
            let rows = rows_of(&batch, &plan.input.output)?;
            for input in lanes.into_iter().filter_map(|lane| rows.get(lane)) {
                run.context.cancel.check()?;
                if let Some((id, input)) = statement.take(input.clone())? {
                    self.append_row(id, &input)?;
                }
            }
        }
        Ok(())
    }

    /// Puts a new version, computed again, in the place of a row that is taken.
    fn append_row(&mut self, id: RowId, input: &[types::Datum]) -> Result<()> {
        let types: Vec<TypeRef> = self.plan.input.output.clone();
        let new = self.plan.shape.new.unwrap_or(0);
        for batch in RowSet::from_rows(&[input.to_vec()], &types)?.batches {
            if violates_not_null(self.target, &batch, new) {
                return self.raise_null(&batch, new);
            }
            let vectors = self.stored(&batch, new)?;
            self.writing()?.rows.append_successors(&vectors, &[id])?;
        }
        Ok(())
    }
}
