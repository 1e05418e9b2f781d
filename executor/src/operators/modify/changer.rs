//! Changes row by row, with the checks that PostgreSQL makes at each row.

use std::collections::HashSet;
use std::sync::Arc;

use storage::{ColumnDefinition, RowId, TableId};
use types::errors::integrity::{self, TableName};
use types::{Datum, PgError, Result, TypeRef};

use super::foreign::Event;
use super::keys::{Holder, KeyIndex};
use super::{lookup, stored};
use crate::convert::batch_of;
use crate::deferred::{DoubtfulKey, Pending, nothing};
use crate::execute::Run;
use crate::plan::{Modify, Target};
use crate::rows::RowEvaluator;
use kernels::vector::VECTOR_LANES;

/// What happened to one row.
pub(super) struct Change {
    /// The row before.
    pub(super) old: Option<(RowId, Vec<Datum>)>,
    /// The row after.
    pub(super) new: Option<Vec<Datum>>,
    /// `xmax` of the new row.
    pub(super) xmax: i64,
    /// What `merge_action()` says.
    pub(super) action: &'static str,
}

impl Change {
    /// Returns the change that an inserted row is.
    pub(super) fn inserted(new: Vec<Datum>, action: &'static str) -> Self {
        Self { old: None, new: Some(new), xmax: 0, action }
    }
}

/// The changes of one statement. They reach storage in [`Changer::finish`].
pub(crate) struct Changer<'r> {
    pub(super) run: &'r Run<'r>,
    pub(super) plan: &'r Modify,
    pub(super) tables: Vec<Table<'r>>,
    pub(super) events: Vec<Event>,
    /// Events that the transaction has put off.
    pub(super) late_events: Vec<Event>,
    /// Whether these are checks that were put off.
    pub(super) late: bool,
    /// Rows changed.
    pub(super) count: i64,
}

/// One target with what is pending for it.
pub(super) struct Table<'r> {
    pub(super) target: &'r Target,
    pub(super) types: Vec<TypeRef>,
    definitions: Vec<ColumnDefinition>,
    inserts: Vec<Vec<Datum>>,
    deletes: Vec<RowId>,
    /// Rows that this statement has deleted or replaced.
    pub(super) gone: HashSet<RowId>,
    pub(super) keys: Vec<KeyIndex<'r>>,
}

impl<'r> Changer<'r> {
    /// Returns a changer with nothing changed.
    pub(crate) fn new(run: &'r Run<'r>, plan: &'r Modify) -> Result<Self> {
        let mut tables = Vec::with_capacity(plan.targets.len());
        for target in &plan.targets {
            let definitions = lookup::current(run, target.table)?.columns().to_vec();
            tables.push(Table {
                target,
                types: target.columns.iter().map(|column| column.ty).collect(),
                definitions,
                inserts: Vec::new(),
                deletes: Vec::new(),
                gone: HashSet::new(),
                keys: target.keys.iter().map(KeyIndex::new).collect(),
            });
        }
        Ok(Self { run, plan, tables, events: Vec::new(), late_events: Vec::new(), late: false, count: 0 })
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
        let evaluator = self.evaluator();
        let run = self.run;
        let table = self.table(target)?;
        for (view, condition) in &table.target.check_options {
            if !evaluator.is_true(condition, row)? {
                return Err(integrity::check_option_violated(view, &failing_row(run, row, table.target)));
            }
        }
        Ok(())
    }

    /// Returns who holds a key of `row`: the first of the arbiters (all keys when there are none named).
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
            if arbiters.is_some_and(|arbiters| !arbiters.contains(&position)) {
                continue;
            }
            if let Some(bytes) = key.bytes(run, row)?
                && let Some(holder) = key.holder(run, reference, types, &bytes)?
            {
                return Ok(Some(holder));
            }
        }
        Ok(None)
    }

    /// Inserts a row and returns it as stored.
    pub(super) fn insert(&mut self, target: usize, mut row: Vec<Datum>) -> Result<Vec<Datum>> {
        self.check_row(target, &mut row)?;
        self.insert_checked(target, row)
    }

    /// Inserts a row that [`Self::check_row`] has passed.
    pub(super) fn insert_checked(&mut self, target: usize, row: Vec<Datum>) -> Result<Vec<Datum>> {
        self.take_keys(target, None, &row)?;
        self.check_options(target, &row)?;
        self.child_event(target, None, &row);
        self.table(target)?.inserts.push(row.clone());
        Ok(row)
    }

    /// Replaces a stored row and returns the new one as stored.
    pub(super) fn update(
        &mut self,
        target: usize,
        id: RowId,
        old: &[Datum],
        mut new: Vec<Datum>,
    ) -> Result<Vec<Datum>> {
        self.check_row(target, &mut new)?;
        self.take_keys(target, Some((id, old)), &new)?;
        self.check_options(target, &new)?;
        self.parent_event(target, old, Some(&new));
        self.child_event(target, Some(old), &new);
        let table = self.table(target)?;
        table.gone.insert(id);
        table.deletes.push(id);
        table.inserts.push(new.clone());
        Ok(new)
    }

    /// Deletes a stored row.
    pub(super) fn delete(&mut self, target: usize, id: RowId, old: &[Datum]) -> Result<()> {
        let run = self.run;
        let table = self.table(target)?;
        for key in &mut table.keys {
            key.release(run, old, id)?;
        }
        table.gone.insert(id);
        table.deletes.push(id);
        self.parent_event(target, old, None);
        Ok(())
    }

    /// Registers the keys of a new row, those of the row it replaces being free.
    fn take_keys(&mut self, target: usize, old: Option<(RowId, &[Datum])>, new: &[Datum]) -> Result<()> {
        let run = self.run;
        let table = self.table(target)?;
        let (reference, types) = (table.target, &table.types);
        for key in &mut table.keys {
            let wanted = key.bytes(run, new)?;
            if let Some((id, old)) = old {
                if key.bytes(run, old)? == wanted {
                    key.replace(wanted, id);
                    continue;
                }
                key.release(run, old, id)?;
            }
            let Some(wanted) = wanted else { continue };
            let taken = key.holder(run, reference, types, &wanted)?.is_some();
            if taken && key.key.deferrable {
                key.recheck(wanted, new);
            } else if taken {
                return Err(key.violation(run, reference, new));
            } else {
                key.take(wanted, Holder::Fresh);
            }
        }
        Ok(())
    }

    /// Writes what is pending to storage.
    pub(super) fn flush(&mut self) -> Result<()> {
        for table in &mut self.tables {
            let mut transaction = self.run.context.transaction()?.lock();
            let id = TableId(table.target.table);
            if !table.deletes.is_empty() {
                transaction.delete(id, &std::mem::take(&mut table.deletes))?;
            }
            for rows in std::mem::take(&mut table.inserts).chunks(VECTOR_LANES) {
                let batch = batch_of(rows, &table.types)?;
                let columns = batch.columns.iter().zip(&table.definitions).zip(&table.types);
                let vectors = columns
                    .map(|((vector, definition), ty)| stored::to_storage(vector, definition, *ty))
                    .collect::<Result<Vec<_>>>()?;
                transaction.insert(id, &vectors)?;
            }
        }
        Ok(())
    }

    /// Stores everything, settles foreign keys and deferred keys, and returns how many rows were changed.
    pub(super) fn finish(&mut self) -> Result<i64> {
        self.flush()?;
        let keys = self.settle_keys()?;
        self.settle_foreign_keys()?;
        let events = std::mem::take(&mut self.late_events);
        if !events.is_empty() || !keys.is_empty() {
            let plan = Modify { input: Box::new(nothing()), ..self.plan.clone() };
            self.run.context.deferred.lock().push(Pending { plan: Arc::new(plan), events, keys });
        }
        Ok(self.count)
    }

    /// Makes checks that were put off.
    pub(crate) fn settle_late(&mut self, events: &[Event], keys: &[DoubtfulKey]) -> Result<()> {
        self.late = true;
        for doubtful in keys {
            let key = self.table(doubtful.target)?.keys.get_mut(doubtful.key);
            if let Some(key) = key {
                key.recheck(doubtful.bytes.clone(), &doubtful.row);
            }
        }
        self.settle_keys()?;
        self.events = events.to_vec();
        self.settle_foreign_keys()
    }
}

/// Returns the name of a target for errors.
pub(super) fn name_of(target: &Target) -> TableName<'_> {
    TableName { schema: &target.schema, table: &target.name }
}

/// Describes a row as `ExecBuildSlotValueDescription`: values of at most 64 bytes.
fn failing_row(run: &Run<'_>, row: &[Datum], target: &Target) -> String {
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
