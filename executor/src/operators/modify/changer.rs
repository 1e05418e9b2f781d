//! Changes row by row, with the checks that PostgreSQL makes at each row.

use std::collections::HashSet;
use std::sync::Arc;

use storage::{
    IndexDefinition, IndexId, InsertOutcome, RowId, RowLockMode, StorageError, TableId, WaitPolicy,
    WriteOutcome,
};
use types::errors::integrity::{self, TableName};
use types::{Datum, Oid, PgError, Result, TypeRef};

use super::events::Event;
use super::exclusion::Excluder;
use super::keys::{Holder, KeyIndex, keeps_all_keys};
use super::settle::Time;
use super::{lookup, wide};
use crate::deferred::{DoubtfulKey, DoubtfulRow};
use crate::execute::Run;
use crate::plan::{Modify, Target};
use crate::rows::RowEvaluator;

/// What happened to one row.
pub(super) struct Change {
    /// The row before.
    pub(super) old: Option<(RowId, Vec<Datum>)>,
    /// The row after.
    pub(super) new: Option<(RowId, Vec<Datum>)>,
    /// What `merge_action()` says.
    pub(super) action: &'static str,
}

impl Change {
    /// Returns the change that an inserted row is.
    pub(super) fn inserted(id: RowId, new: Vec<Datum>, action: &'static str) -> Self {
        Self { old: None, new: Some((id, new)), action }
    }
}

/// The changes of one statement. They reach storage as they are made.
pub(crate) struct Changer<'r> {
    pub(super) run: &'r Run<'r>,
    pub(super) plan: &'r Modify,
    pub(super) tables: Vec<Table<'r>>,
    pub(super) events: Vec<Event>,
    /// What the transaction has put off: events, and keys and rows that are in doubt.
    pub(super) late_events: Vec<Event>,
    pub(super) late_keys: Vec<DoubtfulKey>,
    pub(super) late_rows: Vec<DoubtfulRow>,
    /// The plan without its input, for what is left to a later time.
    pub(super) rest: Option<Arc<Modify>>,
    /// When this is.
    pub(super) time: Time,
    /// Rows changed.
    pub(super) count: i64,
}

/// One target with what is pending for it.
pub(super) struct Table<'r> {
    pub(super) target: &'r Target,
    pub(super) types: Vec<TypeRef>,
    type_oids: Vec<Oid>,
    /// Rows that this statement has made, where ON CONFLICT asks for them.
    made: HashSet<RowId>,
    /// Rows that this statement has deleted or replaced, where foreign keys ask for them.
    pub(super) gone: HashSet<RowId>,
    pub(super) keys: Vec<KeyIndex<'r>>,
    pub(super) exclusions: Vec<Excluder<'r>>,
}

impl<'r> Changer<'r> {
    /// Returns a changer with nothing changed.
    pub(crate) fn new(run: &'r Run<'r>, plan: &'r Modify) -> Result<Self> {
        let mut tables = Vec::with_capacity(plan.targets.len());
        for target in &plan.targets {
            let mut keys = Vec::with_capacity(target.keys.len());
            if !target.keys.is_empty() {
                let transaction = run.context.transaction()?.lock();
                for key in &target.keys {
                    let index = IndexId(key.index.into());
                    keys.push(KeyIndex::new(key, transaction.keeps_unique(TableId(target.table), index)?));
                }
            }
            tables.push(Table {
                target,
                types: target.columns.iter().map(|column| column.ty).collect(),
                type_oids: target.columns.iter().map(|column| column.ty.oid).collect(),
                made: HashSet::new(),
                gone: HashSet::new(),
                keys,
                exclusions: target.exclusions.iter().map(Excluder::new).collect(),
            });
        }
        Ok(Self {
            run,
            plan,
            tables,
            events: Vec::new(),
            late_events: Vec::new(),
            late_keys: Vec::new(),
            late_rows: Vec::new(),
            rest: None,
            time: Time::Statement,
            count: 0,
        })
    }

    /// Returns the number of columns of the statement's table.
    pub(super) fn width(&self) -> usize {
        self.plan.target().map_or(0, |target| target.columns.len())
    }

    /// Returns an evaluator.
    pub(super) fn evaluator(&self) -> RowEvaluator<'r> {
        RowEvaluator::new(self.run)
    }

    pub(super) fn table(&mut self, target: usize) -> Result<&mut Table<'r>> {
        self.tables.get_mut(target).ok_or_else(|| PgError::internal("a change of no table"))
    }

    /// Marks a row of the statement's table as changed by it; false when it already is.
    pub(super) fn claim(&self, row: RowId) -> bool {
        let table = self.plan.target().map_or(0, |target| target.table);
        self.run.state.changed.lock().insert((table, row.0))
    }

    /// Takes back what [`Self::claim`] has marked: somebody else has changed the row.
    pub(super) fn disclaim(&self, row: RowId) {
        let table = self.plan.target().map_or(0, |target| target.table);
        self.run.state.changed.lock().remove(&(table, row.0));
    }

    /// Returns the current version of a stored row.
    pub(super) fn stored_row(&self, target: usize, row: RowId) -> Result<Vec<Datum>> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a row of no table"))?;
        lookup::row(self.run, table.target, &table.types, row)?
            .ok_or_else(|| PgError::internal("a row that is gone"))
    }

    /// Completes a new row and raises what it violates: generated columns, NOT NULL, CHECK.
    pub(super) fn check_row(&mut self, target: usize, row: &mut [Datum]) -> Result<()> {
        let evaluator = self.evaluator();
        let run = self.run;
        let table = self.table(target)?;
        for (position, expr) in &table.target.generated {
            let value = evaluator.evaluate(expr, row)?;
            if let Some(column) = row.get_mut(*position) {
                *column = value;
            }
        }
        let name = name_of(table.target);
        for (column, value) in table.target.columns.iter().zip(&*row) {
            let missing = match (&column.computed, column.not_null) {
                (_, false) => false,
                (None, true) => value.is_null(),
                (Some(expr), true) => evaluator.evaluate(expr, row)?.is_null(),
            };
            if missing {
                let shown = failing_row(run, row, table.target);
                return Err(integrity::null_in_column(name, &column.name, &shown));
            }
        }
        for (constraint, check) in &table.target.checks {
            // NULL passes.
            if evaluator.evaluate(check, row)? == Datum::Bool(false) {
                return Err(integrity::check_violated(
                    name,
                    constraint,
                    &failing_row(run, row, table.target),
                ));
            }
        }
        Ok(())
    }

    fn check_options(&mut self, target: usize, row: &[Datum]) -> Result<()> {
        if target != 0 || self.plan.check_options.is_empty() {
            return Ok(());
        }
        let (evaluator, run) = (self.evaluator(), self.run);
        let table = self.table(target)?.target;
        let wide = wide::assemble(None, Some((None, row)), "", table.columns.len(), &[]);
        for (view, condition) in &self.plan.check_options {
            if !evaluator.is_true(condition, &wide)? {
                return Err(integrity::check_option_violated(view, &failing_row(run, row, table)));
            }
        }
        Ok(())
    }

    /// Returns who holds a key of `row` that storage does not keep: the first of the arbiters (all when none are named).
    pub(super) fn conflicting(
        &mut self,
        target: usize,
        row: &[Datum],
        arbiters: Option<&[usize]>,
    ) -> Result<Option<Holder>> {
        let run = self.run;
        let table = self.table(target)?;
        let (reference, types) = (table.target, &table.types);
        for (position, key) in table.keys.iter_mut().enumerate() {
            let counts = match arbiters {
                Some(arbiters) => arbiters.contains(&position),
                None => !key.key.deferrable,
            };
            if key.stored || !counts {
                continue;
            }
            let Some(bytes) = key.bytes(run, row)? else { continue };
            key.lock(run, reference.table, &bytes)?;
            if let Some(holder) = key.holder(run, reference, types, &bytes)? {
                return Ok(Some(holder));
            }
        }
        Ok(self.excluding(target, None, row, arbiters)?.map(Holder::Stored))
    }

    /// Inserts a row and returns it as stored.
    pub(super) fn insert(&mut self, target: usize, mut row: Vec<Datum>) -> Result<(RowId, Vec<Datum>)> {
        self.check_row(target, &mut row)?;
        let id = self.store_with_keys(target, None, &row)?;
        self.check_exclusions(target, id, None, &row)?;
        self.check_options(target, &row)?;
        self.child_event(target, None, &row);
        Ok((id, row))
    }

    /// Inserts a row that [`Self::check_row`] has passed, unless a row has the same key in an index that is among the
    /// arbiters (any, when there are none named). Returns which row is there now, or (`Err`) that row.
    pub(super) fn insert_unless(
        &mut self,
        target: usize,
        row: &[Datum],
        arbiters: Option<&[usize]>,
    ) -> Result<std::result::Result<RowId, RowId>> {
        let run = self.run;
        let table = self.table(target)?;
        let (reference, id) = (table.target, TableId(table.target.table));
        let new = run.context.transaction()?.lock().encode_row(id, row, &table.type_oids)?;
        let arbiter = |index: IndexId| {
            reference.keys.iter().enumerate().any(|(position, key)| {
                u64::from(key.index) == index.0
                    && arbiters.is_none_or(|arbiters| arbiters.contains(&position))
            })
        };
        let outcome = run.context.transaction()?.lock().insert_unless_conflict(id, &new, &arbiter);
        let made = match outcome.map_err(|error| self.violation(target, row, error))? {
            InsertOutcome::Done(made) => made,
            InsertOutcome::Conflict(_, other) => return Ok(Err(other)),
        };
        if let Some(other) = self.excluding(target, Some(made), row, arbiters)? {
            // Somebody else came first after all.
            run.context.transaction()?.lock().delete_row(id, made)?;
            return Ok(Err(other));
        }
        self.check_exclusions(target, made, None, row)?;
        let table = self.table(target)?;
        table.made.insert(made);
        table.keys.iter_mut().for_each(|key| key.expect(made));
        if let Some((_, error)) = self.try_keys(target, None, row)? {
            return Err(error);
        }
        self.check_options(target, row)?;
        self.child_event(target, None, row);
        Ok(Ok(made))
    }

    /// Returns whether this statement has made a row.
    pub(super) fn has_made(&self, target: usize, row: RowId) -> bool {
        self.tables.get(target).is_some_and(|table| table.made.contains(&row))
    }

    /// Puts a new row, or the newer version of one that was taken, into storage.
    pub(super) fn store(
        &mut self,
        target: usize,
        old: Option<(RowId, &[Datum])>,
        row: &[Datum],
    ) -> Result<RowId> {
        let run = self.run;
        let notes_made = self.plan.conflict.is_some();
        let table = self.table(target)?;
        let id = TableId(table.target.table);
        let made = {
            let mut transaction = run.context.transaction()?.lock();
            let new = transaction.encode_row(id, row, &table.type_oids)?;
            match old {
                None => transaction.insert_row(id, &new),
                Some((old, values)) if keeps_all_keys(table.target, values, row) => {
                    transaction.insert_successor_keeping_keys(id, old, new)
                }
                Some((old, _)) => transaction.insert_successor(id, old, &new),
            }
        };
        let made = made.map_err(|error| self.violation(target, row, error))?;
        if notes_made {
            self.table(target)?.made.insert(made);
        }
        Ok(made)
    }

    /// Returns the error of a row that storage has refused.
    fn violation(&self, target: usize, row: &[Datum], error: StorageError) -> PgError {
        if let StorageError::DuplicateKey { id, .. } = &error
            && let Some(table) = self.tables.get(target)
            && let Some(key) = table.keys.iter().find(|key| u64::from(key.key.index) == id.0)
        {
            return key.violation(self.run, table.target, row);
        }
        error.into()
    }

    /// Locks a row that is to be changed. Where the keys of an update change, [`Self::take`] wants more.
    pub(super) fn lock(&self, target: usize, id: RowId, mode: RowLockMode) -> Result<Taken> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a row of no table"))?;
        let storage = TableId(table.target.table);
        let mut transaction = self.run.context.transaction()?.lock();
        Ok(taken(transaction.lock_row(storage, id, mode, WaitPolicy::Wait)?))
    }

    /// Fails above READ COMMITTED when a row in the way of ON CONFLICT is one that the snapshot does not show.
    pub(super) fn require_visible(&self, target: usize, id: RowId) -> Result<()> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a row of no table"))?;
        if table.made.contains(&id) {
            return Ok(());
        }
        let transaction = self.run.context.transaction()?.lock();
        Ok(transaction.require_visible(TableId(table.target.table), id)?)
    }

    /// Ends the current version of a row, which is to be deleted or, with `new`, replaced.
    pub(super) fn take(
        &mut self,
        target: usize,
        id: RowId,
        change: Option<(&[Datum], &[Datum])>,
    ) -> Result<Taken> {
        let run = self.run;
        let table = self.table(target)?;
        let reference = table.target;
        let keeps_keys = match change {
            Some((old, new)) => self.keeps_keys(reference, old, new)?,
            None => false,
        };
        let storage = TableId(reference.table);
        let outcome = {
            let mut transaction = run.context.transaction()?.lock();
            if keeps_keys {
                transaction.end_row_keeping_keys(storage, id)?
            } else {
                transaction.delete_row(storage, id)?
            }
        };
        Ok(taken(outcome))
    }

    /// Replaces a row that was taken and returns the new one as stored.
    pub(super) fn update(
        &mut self,
        target: usize,
        id: RowId,
        old: &[Datum],
        mut new: Vec<Datum>,
    ) -> Result<(RowId, Vec<Datum>)> {
        self.check_row(target, &mut new)?;
        let newer = self.store_with_keys(target, Some((id, old)), &new)?;
        self.check_exclusions(target, newer, Some(old), &new)?;
        self.check_options(target, &new)?;
        self.parent_event(target, old, Some(&new));
        self.child_event(target, Some(old), &new);
        if !self.plan.foreign_keys.is_empty() {
            self.table(target)?.gone.insert(id);
        }
        Ok((newer, new))
    }

    /// Notes that a row which was taken is deleted.
    pub(super) fn delete(&mut self, target: usize, id: RowId, old: &[Datum]) -> Result<()> {
        let run = self.run;
        let has_references = !self.plan.foreign_keys.is_empty();
        let table = self.table(target)?;
        for key in table.keys.iter_mut().filter(|key| !key.stored) {
            if let Some(freed) = key.bytes(run, old)? {
                key.lock(run, table.target.table, &freed)?;
            }
            key.release(run, old, id)?;
        }
        if has_references {
            table.gone.insert(id);
        }
        self.parent_event(target, old, None);
        Ok(())
    }

    /// Registers the keys of a new row, those of the row it replaces being free. Returns the key that another row has, and
    /// the error.
    pub(super) fn try_keys(
        &mut self,
        target: usize,
        old: Option<(RowId, &[Datum])>,
        new: &[Datum],
    ) -> Result<Option<(usize, PgError)>> {
        let run = self.run;
        let table = self.table(target)?;
        let (reference, types) = (table.target, &table.types);
        for (position, key) in table.keys.iter_mut().enumerate().filter(|(_, key)| !key.stored) {
            let wanted = key.bytes(run, new)?;
            if let Some((id, old)) = old {
                if key.bytes(run, old)? == wanted {
                    key.replace(wanted, id);
                    continue;
                }
                if let Some(freed) = key.bytes(run, old)? {
                    key.lock(run, reference.table, &freed)?;
                }
                key.release(run, old, id)?;
            }
            let Some(wanted) = wanted else { continue };
            if !key.try_lock(run, reference.table, &wanted)? {
                key.recheck(wanted, new);
                continue;
            }
            let taken = key.holder(run, reference, types, &wanted)?.is_some();
            if taken && key.key.deferrable {
                key.recheck(wanted, new);
            } else if taken {
                return Ok(Some((position, key.violation(run, reference, new))));
            } else {
                key.take(wanted, Holder::Fresh);
            }
        }
        Ok(None)
    }
}

/// Returns whether the storage keeps the keys of an index apart.
pub(super) fn keeps(indexes: &[IndexDefinition], index: u32) -> bool {
    indexes.iter().any(|kept| kept.unique && kept.id.0 == u64::from(index))
}

/// What became of a row that a statement wants to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is ended, for this statement to go on.
    Yes,
    /// It is not there any more.
    Gone,
    /// Somebody has replaced it meanwhile: this is the newest version.
    Newer(RowId),
}

fn taken(outcome: WriteOutcome) -> Taken {
    match outcome {
        WriteOutcome::Done(_) => Taken::Yes,
        WriteOutcome::ConcurrentlyUpdated(newest) => Taken::Newer(newest),
        WriteOutcome::SelfModified | WriteOutcome::ConcurrentlyDeleted | WriteOutcome::WouldBlock => {
            Taken::Gone
        }
    }
}

/// Returns the name of a target for errors.
pub(crate) fn name_of(target: &Target) -> TableName<'_> {
    TableName { schema: &target.schema, table: &target.name }
}

/// Describes a row as `ExecBuildSlotValueDescription`: values of at most 64 bytes.
pub(crate) fn failing_row(run: &Run<'_>, row: &[Datum], target: &Target) -> String {
    const FIELD_BYTES_MAX: usize = 64;
    let fields: Vec<String> = row
        .iter()
        .zip(&target.columns)
        .map(|(value, column)| {
            if column.computed.is_some() {
                return "virtual".to_owned();
            }
            if value.is_null() {
                return "null".to_owned();
            }
            let text = crate::functions::output_text(value, column.ty, run.context).unwrap_or_default();
            if text.len() <= FIELD_BYTES_MAX {
                return text;
            }
            let mut end = FIELD_BYTES_MAX;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}...", &text[..end])
        })
        .collect();
    format!("Failing row contains ({}).", fields.join(", "))
}
