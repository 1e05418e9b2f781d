//! Whole batches at once, where only NOT NULL (and the key that storage itself keeps) is demanded of the rows.

use kernels::vector::{Values, Vector};
use storage::{ColumnDefinition, RowId, StorageError, TableId};
use types::errors::integrity;
use types::{PgError, Result, TypeRef};

use super::changer::{Taken, keeps, name_of};
use super::stored::to_storage;
use super::{Changer, Statement, lookup};
use crate::batch::Batch;
use crate::convert::rows_of;
use crate::execute::Run;
use crate::operators::RowSet;
use crate::plan::{Modify, ModifyKind, Target};

/// Changes whole batches and returns how many rows; `None` when the statement needs its rows one by one.
pub(super) fn change(run: &Run<'_>, plan: &Modify, rows: &RowSet) -> Result<Option<i64>> {
    let Some(target) = plan.target() else { return Ok(None) };
    if !is_possible(run, plan)? {
        return Ok(None);
    }
    match plan.kind {
        ModifyKind::Insert => {
            if rows.batches.iter().any(|batch| violates_not_null(target, batch, plan.shape.new.unwrap_or(0)))
            {
                return Ok(None);
            }
            insert(run, plan, target, rows).map(Some)
        }
        ModifyKind::Delete => delete(run, plan, target, rows).map(Some),
        ModifyKind::Update | ModifyKind::Merge => Ok(None),
    }
}

/// Returns whether whole batches may be changed at once.
pub(super) fn is_possible(run: &Run<'_>, plan: &Modify) -> Result<bool> {
    plan.target().map_or(Ok(false), |target| is_plain(run, plan, target))
}

fn is_plain(run: &Run<'_>, plan: &Modify, target: &Target) -> Result<bool> {
    let computed = target.columns.iter().filter(|column| column.computed.is_some()).count();
    let demands = computed + target.generated.len() + target.checks.len() + plan.check_options.len();
    let indexes = lookup::current(run, target.table)?.indexes();
    let stored_key = target.keys.iter().all(|key| keeps(&indexes, key.index));
    Ok(plan.returning.is_none()
        && plan.conflict.is_none()
        && plan.foreign_keys.is_empty()
        && (target.exclusions.is_empty() || plan.kind == ModifyKind::Delete)
        && stored_key
        && (demands == 0 || plan.kind == ModifyKind::Delete))
}

pub(super) fn violates_not_null(target: &Target, batch: &Batch, first: usize) -> bool {
    target
        .columns
        .iter()
        .zip(batch.columns.iter().skip(first))
        .any(|(column, vector)| column.not_null && (0..batch.len).any(|lane| vector.is_null(lane)))
}

fn insert(run: &Run<'_>, plan: &Modify, target: &Target, rows: &RowSet) -> Result<i64> {
    let definitions: Vec<ColumnDefinition> = lookup::current(run, target.table)?.columns().to_vec();
    let mut count = 0;
    for batch in &rows.batches {
        run.context.cancel.check()?;
        let columns =
            batch.columns.iter().skip(plan.shape.new.unwrap_or(0)).zip(&definitions).zip(&target.columns);
        let vectors = columns
            .map(|((vector, definition), column)| to_storage(vector, definition, column.ty))
            .collect::<Result<Vec<_>>>()?;
        let vectors = storage::counted_rows(vectors, batch.len);
        let inserted = run.context.transaction()?.lock().insert(TableId(target.table), &vectors);
        match inserted {
            Ok(inserted) => count += inserted as i64,
            Err(error) => return Err(refusal(run, target, error)),
        }
    }
    Ok(count)
}

/// Returns the error of a row that storage has refused.
pub(super) fn refusal(run: &Run<'_>, target: &Target, refused: StorageError) -> PgError {
    let StorageError::DuplicateKey { index, columns, values, .. } = &refused else { return refused.into() };
    let shown: Vec<String> =
        values.iter().map(|(value, ty)| lookup::shown(run, value, TypeRef::plain(*ty))).collect();
    let key = format!("({})=({})", columns.join(", "), shown.join(", "));
    integrity::duplicate_key(name_of(target), index, &key)
}

/// Deletes rows as they come.
fn delete(run: &Run<'_>, plan: &Modify, target: &Target, rows: &RowSet) -> Result<i64> {
    let changer = Changer::new(run, plan)?;
    let mut statement = Statement { changer, plan, returned: Vec::new(), input: None, single: false };
    let mut count = 0;
    for batch in &rows.batches {
        run.context.cancel.check()?;
        let ids = plan.shape.row_id.and_then(|position| batch.columns.get(position));
        let ids = ids.ok_or_else(|| PgError::internal("rows to delete without row ids"))?;
        for (lane, id) in row_ids(ids)?.into_iter().enumerate() {
            if run.state.changed.lock().insert((target.table, id.0)) {
                count += i64::from(statement.delete_newest(id, batch, lane)?);
            }
        }
    }
    Ok(count)
}

impl Statement<'_> {
    /// Deletes the row of a lane of the input, or its newest version if that is still to be deleted; returns whether
    /// there was one.
    fn delete_newest(&mut self, mut id: RowId, batch: &Batch, lane: usize) -> Result<bool> {
        loop {
            match self.changer.take(0, id, None)? {
                Taken::Yes => return Ok(true),
                Taken::Gone => return Ok(false),
                Taken::Newer(newest) => {
                    let input = rows_of(batch, &self.plan.input.output)?;
                    let input = input.get(lane).map(Vec::as_slice).unwrap_or_default();
                    match self.recheck_newest(newest, input)? {
                        Some((newest, _)) => id = newest,
                        None => return Ok(false),
                    }
                }
            }
        }
    }
}

pub(super) fn row_ids(vector: &Vector) -> Result<Vec<RowId>> {
    let flat = vector.to_flat();
    match flat.values() {
        Values::I64(ids) => Ok(ids.iter().map(|id| RowId(*id as u64)).collect()),
        _ => Err(PgError::internal("row ids are not int8")),
    }
}
