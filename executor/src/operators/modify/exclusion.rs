//! Exclusion constraints: of any two rows, one of the operators must not say yes.
//!
//! As in PostgreSQL a row is stored first and checked then, so that of two sessions at least one sees the other's row;
//! it waits for the other's transaction and looks again. [`Spans`] tells which rows to look at.

use std::sync::Arc;

use parking_lot::Mutex;
use storage::{RowId, RowState, TableId};
use types::errors::integrity;
use types::{Datum, PgError, Result, TypeRef};

use super::changer::{Changer, name_of};
use super::lookup;
use super::settle::Time;
use super::spans::{Probe, Span, Spans};
use crate::context::QueryContext;
use crate::deferred::{DoubtfulRow, nothing};
use crate::execute::{Run, with_run};
use crate::expr::ExprKind;
use crate::plan::{ElementKind, Plan, Target, TargetExclusion};
use crate::rows::RowEvaluator;

/// What is known of one exclusion constraint.
pub(super) struct Excluder<'r> {
    pub(super) exclusion: &'r TargetExclusion,
    /// Rows to be checked when the statement is done.
    doubtful: Vec<RowId>,
}

/// Whether to wait for transactions in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    /// What is in flight counts as there.
    Suspects,
}

/// A table as the checks see it.
#[derive(Clone, Copy)]
pub(super) struct Checked<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) target: &'a Target,
    pub(super) types: &'a [TypeRef],
}

impl<'r> Excluder<'r> {
    /// Returns one without rows to be checked.
    pub(super) fn new(exclusion: &'r TargetExclusion) -> Self {
        Self { exclusion, doubtful: Vec::new() }
    }

    /// Returns the values of a row's elements; `None` when it conflicts with nothing: a null in it, or outside the
    /// constraint's predicate.
    fn values(&self, run: &Run<'_>, row: &[Datum]) -> Result<Option<Vec<Datum>>> {
        let evaluator = RowEvaluator::new(run);
        if let Some(predicate) = &self.exclusion.predicate
            && !evaluator.is_true(predicate, row)?
        {
            return Ok(None);
        }
        let mut values = Vec::with_capacity(self.exclusion.elements.len());
        for element in &self.exclusion.elements {
            let value = evaluator.evaluate(&element.expr, row)?;
            // Nothing overlaps what is empty.
            if value.is_null() || element.kind == ElementKind::Span && is_empty(&value) {
                return Ok(None);
            }
            values.push(value);
        }
        Ok(Some(values))
    }

    fn probe(&self, values: &[Datum]) -> Probe {
        let (mut group, mut span) = (Vec::new(), None);
        for (element, value) in self.exclusion.elements.iter().zip(values) {
            match element.kind {
                ElementKind::Equal => lookup::append_key(value, element.expr.ty, &mut group),
                ElementKind::Span if span.is_none() => span = Some(Span::of(value, element.expr.ty)),
                ElementKind::Span | ElementKind::Other => {}
            }
        }
        Probe { group, span: span.unwrap_or(Span::ALL) }
    }

    /// Returns the map of the table's rows, made if it is not there or rows have moved since.
    fn spans(&self, at: Checked<'_>) -> Result<Arc<Mutex<Spans>>> {
        let table = TableId(at.target.table);
        let make = || Arc::new(Mutex::new(Spans::default())) as Arc<dyn std::any::Any + Send + Sync>;
        let (attached, moves, scan) = {
            let transaction = at.run.context.transaction()?.lock();
            let attached = transaction.attachment(table, u64::from(self.exclusion.index), &make)?;
            (attached, transaction.moves(table)?, transaction.scan_held(table)?)
        };
        let spans: Arc<Mutex<Spans>> =
            attached.downcast().map_err(|_| PgError::internal("an index of another kind"))?;
        {
            let mut map = spans.lock();
            if map.moves != Some(moves) {
                map.clear();
                lookup::scan_table(at.run, &scan, at.types, &|_| true, Vec::new(), &mut |id, row| {
                    if let Some(values) = self.values(at.run, &row)? {
                        map.add(&self.probe(&values), id);
                    }
                    Ok(())
                })?;
                map.moves = Some(moves);
            }
        }
        Ok(spans)
    }

    /// Returns whether all operators say yes.
    fn excludes(&self, run: &Run<'_>, new: &[Datum], old: &[Datum]) -> Result<bool> {
        let evaluator = RowEvaluator::new(run);
        for ((element, new), old) in self.exclusion.elements.iter().zip(new).zip(old) {
            if !evaluator.is_true(&element.test, &[new.clone(), old.clone()])? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns a row that is in the way of these values, other than `own`.
    fn conflict(
        &self,
        at: Checked<'_>,
        own: Option<RowId>,
        new: &[Datum],
        patience: Patience,
    ) -> Result<Option<(RowId, Vec<Datum>)>> {
        let (probe, table) = (self.probe(new), TableId(at.target.table));
        'again: loop {
            let spans = self.spans(at)?;
            let found = spans.lock().find(&probe);
            for entry in found {
                let id = entry.row();
                if own == Some(id) {
                    continue;
                }
                let state = at.run.context.transaction()?.lock().row_state(table, id)?;
                let other = match state {
                    RowState::Gone => {
                        spans.lock().remove(&probe.group, entry);
                        continue;
                    }
                    RowState::Ended => continue,
                    RowState::There => None,
                    RowState::InFlight(xid) => Some(xid),
                };
                let Some(row) = lookup::row(at.run, at.target, at.types, id)? else { continue };
                let Some(old) = self.values(at.run, &row)? else { continue };
                if !self.excludes(at.run, new, &old)? {
                    continue;
                }
                if let (Some(xid), Patience::Waits) = (other, patience) {
                    at.run.context.transaction()?.lock().wait_for_transaction(xid)?;
                    continue 'again;
                }
                return Ok(Some((id, old)));
            }
            return Ok(None);
        }
    }

    /// Enters a row that is stored.
    fn enter(&self, at: Checked<'_>, id: RowId, values: &[Datum]) -> Result<()> {
        let spans = self.spans(at)?;
        spans.lock().add(&self.probe(values), id);
        Ok(())
    }

    /// Says that an element of WITHOUT OVERLAPS holds something.
    fn check_period(&self, at: Checked<'_>, row: &[Datum]) -> Result<()> {
        let Some(element) = self.exclusion.elements.last().filter(|_| self.exclusion.period) else {
            return Ok(());
        };
        if is_empty(&RowEvaluator::new(at.run).evaluate(&element.expr, row)?) {
            return Err(integrity::empty_period(name_of(at.target), &element.shown));
        }
        Ok(())
    }

    /// Enters a row that is stored, and checks it. `kept`: it replaces one with the same values.
    fn check(&mut self, at: Checked<'_>, id: RowId, row: &[Datum], kept: bool) -> Result<()> {
        self.check_period(at, row)?;
        let Some(values) = self.values(at.run, row)? else { return Ok(()) };
        self.enter(at, id, &values)?;
        if self.exclusion.deferrable {
            if self.conflict(at, Some(id), &values, Patience::Suspects)?.is_some() {
                self.doubtful.push(id);
            }
            return Ok(());
        }
        if kept {
            return Ok(());
        }
        match self.conflict(at, Some(id), &values, Patience::Waits)? {
            Some((_, old)) => Err(self.violation(at, &values, &old)),
            None => Ok(()),
        }
    }

    fn key(&self, run: &Run<'_>, values: &[Datum]) -> String {
        let elements = &self.exclusion.elements;
        let names: Vec<&str> = elements.iter().map(|element| element.shown.as_str()).collect();
        let shown =
            elements.iter().zip(values).map(|(element, value)| lookup::shown(run, value, element.expr.ty));
        format!("({})=({})", names.join(", "), shown.collect::<Vec<_>>().join(", "))
    }

    fn violation(&self, at: Checked<'_>, new: &[Datum], old: &[Datum]) -> PgError {
        let (new, old) = (self.key(at.run, new), self.key(at.run, old));
        integrity::excluded(name_of(at.target), &self.exclusion.name, &new, &old)
    }

    /// Returns whether a change leaves the values as they are.
    fn keeps(&self, old: &[Datum], new: &[Datum]) -> bool {
        self.exclusion.predicate.is_none()
            && self.exclusion.elements.iter().all(|element| match &element.expr.kind {
                ExprKind::Column(id) => old.get(id.0 as usize) == new.get(id.0 as usize),
                _ => false,
            })
    }

    /// Checks all rows that are there, for a constraint that is new.
    fn check_all(&self, at: Checked<'_>) -> Result<()> {
        // A constraint that was not committed may have left a map under the same number.
        self.spans(at)?.lock().moves = None;
        let mut rows = Vec::new();
        lookup::scan(at.run, at.target.table, at.types, &|_| true, None, &mut |id, row| {
            self.check_period(at, &row)?;
            if let Some(values) = self.values(at.run, &row)? {
                rows.push((id, values));
            }
            Ok(())
        })?;
        for (id, values) in rows {
            at.run.context.cancel.check()?;
            if let Some((_, old)) = self.conflict(at, Some(id), &values, Patience::Waits)? {
                let (new, old) = (self.key(at.run, &values), self.key(at.run, &old));
                return Err(integrity::cannot_exclude(name_of(at.target), &self.exclusion.name, &new, &old));
            }
        }
        Ok(())
    }
}

impl Changer<'_> {
    /// Checks a row that was stored against the table's exclusion constraints. `old` is what it replaces.
    pub(super) fn check_exclusions(
        &mut self,
        target: usize,
        id: RowId,
        old: Option<&[Datum]>,
        row: &[Datum],
    ) -> Result<()> {
        let run = self.run;
        let table = self.table(target)?;
        let at = Checked { run, target: table.target, types: &table.types };
        for excluder in &mut table.exclusions {
            let kept = old.is_some_and(|old| excluder.keeps(old, row));
            excluder.check(at, id, row, kept)?;
        }
        Ok(())
    }

    /// Returns a row that is in the way of a row to be inserted, in an exclusion constraint among the arbiters (any,
    /// when there are none named); `own`: the row itself, when it is there.
    pub(super) fn excluding(
        &mut self,
        target: usize,
        own: Option<RowId>,
        row: &[Datum],
        arbiters: Option<&[usize]>,
    ) -> Result<Option<RowId>> {
        let run = self.run;
        let table = self.table(target)?;
        let first = table.target.keys.len();
        let at = Checked { run, target: table.target, types: &table.types };
        for (position, excluder) in table.exclusions.iter().enumerate() {
            let counts = match arbiters {
                Some(arbiters) => arbiters.contains(&(first + position)),
                None => !excluder.exclusion.deferrable,
            };
            if !counts {
                continue;
            }
            let Some(values) = excluder.values(run, row)? else { continue };
            if let Some(own) = own {
                excluder.enter(at, own, &values)?;
            }
            if let Some((id, _)) = excluder.conflict(at, own, &values, Patience::Waits)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Checks rows that could wait for the statement's end; notes those that wait longer.
    pub(super) fn settle_exclusions(&mut self) -> Result<()> {
        let (run, late) = (self.run, self.time == Time::Late);
        let mut waiting = Vec::new();
        for (target, table) in self.tables.iter_mut().enumerate() {
            let at = Checked { run, target: table.target, types: &table.types };
            for (position, excluder) in table.exclusions.iter_mut().enumerate() {
                let doubtful = excluder.take_doubtful();
                let exclusion = excluder.exclusion;
                let waits =
                    !late && run.context.deferred.lock().is_deferred(exclusion.oid, exclusion.deferred);
                for row in doubtful {
                    if waits {
                        waiting.push(DoubtfulRow { target, exclusion: position, row });
                    } else {
                        excluder.settle(at, row)?;
                    }
                }
            }
        }
        self.late_rows.append(&mut waiting);
        Ok(())
    }

    /// Says that rows are to be checked.
    pub(super) fn doubt(&mut self, rows: &[DoubtfulRow]) -> Result<()> {
        for doubtful in rows {
            if let Some(excluder) = self.table(doubtful.target)?.exclusions.get_mut(doubtful.exclusion) {
                excluder.doubtful.push(doubtful.row);
            }
        }
        Ok(())
    }
}

impl Excluder<'_> {
    /// Takes the rows that others were in the way of.
    pub(super) fn take_doubtful(&mut self) -> Vec<RowId> {
        std::mem::take(&mut self.doubtful)
    }

    /// Checks a row again, if it is still there.
    fn settle(&self, at: Checked<'_>, id: RowId) -> Result<()> {
        let state = at.run.context.transaction()?.lock().row_state(TableId(at.target.table), id)?;
        if state != RowState::There {
            return Ok(());
        }
        let Some(row) = lookup::row(at.run, at.target, at.types, id)? else { return Ok(()) };
        let Some(values) = self.values(at.run, &row)? else { return Ok(()) };
        match self.conflict(at, Some(id), &values, Patience::Waits)? {
            Some((_, old)) => Err(self.violation(at, &values, &old)),
            None => Ok(()),
        }
    }
}

/// Returns whether a value is a range or multirange without elements.
fn is_empty(value: &Datum) -> bool {
    match value {
        Datum::Range(range) => range.empty,
        Datum::Multirange(ranges) => ranges.ranges.is_empty(),
        _ => false,
    }
}

/// Holds all rows of a table against one of its exclusion constraints, which is new.
///
/// # Errors
/// `23P01`.
pub fn check_exclusion(context: &Arc<QueryContext>, target: &Target, index: u32) -> Result<()> {
    let plan = Plan { root: nothing(), shared: Vec::new(), changing: Vec::new(), subplans: Vec::new() };
    let types: Vec<TypeRef> = target.columns.iter().map(|column| column.ty).collect();
    with_run(&plan, context, &mut |run| {
        let at = Checked { run, target, types: &types };
        match target.exclusions.iter().find(|exclusion| exclusion.index == index) {
            Some(exclusion) => Excluder::new(exclusion).check_all(at),
            None => Ok(()),
        }
    })
}
