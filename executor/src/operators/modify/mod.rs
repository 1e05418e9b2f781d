//! INSERT, UPDATE, DELETE and MERGE.
//!
//! All rows of the input are read before the first change, so a statement never sees its own changes; what other parts
//! of the statement read later is the table as it was ([`Run::keep_table`]). Rows are changed one by one in input
//! order by a [`Changer`], which checks what the table demands as PostgreSQL does row by row; foreign keys are checked
//! when the statement's rows are done. Where nothing but NOT NULL is demanded of the rows, whole batches are stored.

mod bulk;
mod changer;
mod conflict;
mod events;
mod exclusion;
mod foreign;
mod keys;
mod lookup;
mod merge;
mod reference;
mod row_by_row;
mod settle;
mod spans;
mod stored;
mod stream;
mod temporal;
mod wide;

use types::{Datum, PgError, Result, TypeRef};

use super::{RowSet, Stage, collect_rows, produce_rowset};
use crate::convert::rows_of;
use crate::execute::Run;
use crate::expr::Expr;
use crate::on_demand::is_volatile_call;
use crate::plan::{InputShape, Modify, ModifyKind, NodeKind, PlanNode};
use crate::rows::RowEvaluator;
use changer::{Change, Taken};
pub(crate) use changer::{Changer, failing_row, name_of};
pub(crate) use events::Event;
pub use exclusion::check_exclusion;
use storage::{RowId, RowLockMode};
pub use stored::to_storage;
use stream::Streamed;

/// Changes the table and pushes the rows of RETURNING, or the number of rows.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Modify, stage: &dyn Stage) -> Result<()> {
    if row_by_row::is_needed(run, plan, stage) {
        return row_by_row::produce(run, node, plan, stage);
    }
    let (input, late) = late_values(run, plan)?;
    let rows = match stream::change(run, plan)? {
        Some(Streamed::Changed(count)) => return produce_rowset(run, &count_row(count)?, stage),
        Some(Streamed::Few(rows)) => rows,
        None => collect_rows(run, input)?,
    };
    for target in &plan.targets {
        run.keep_table(target.table)?;
    }
    let whole = if late.is_some() { None } else { bulk::change(run, plan, &rows)? };
    let output = match whole {
        Some(count) => count_row(count)?,
        None => {
            let changer = Changer::new(run, plan)?;
            let mut statement = Statement { changer, plan, returned: Vec::new(), input: None, single: false };
            if late.is_none() {
                statement.changer.expect_keys(&rows)?;
            }
            let evaluator = RowEvaluator::new(run);
            let mut number = 0;
            for batch in &rows.batches {
                run.context.cancel.check()?;
                for row in rows_of(batch, &input.output)? {
                    *run.state.changing_row.lock() = Some(number);
                    number += 1;
                    statement.row(match late {
                        Some(exprs) => {
                            exprs.iter().map(|expr| evaluator.evaluate(expr, &row)).collect::<Result<_>>()?
                        }
                        None => row,
                    })?;
                }
            }
            *run.state.changing_row.lock() = None;
            let count = statement.changer.finish()?;
            match plan.returning {
                Some(_) => RowSet::from_rows(&statement.returned, &node.output)?,
                None => count_row(count)?,
            }
        }
    };
    produce_rowset(run, &output, stage)
}

/// Returns what is read before the first change, and what is computed for a row when its turn comes: a row that is refused
/// ends the statement, and a sequence is not asked for those that would have followed.
fn late_values<'r>(run: &Run<'_>, plan: &'r Modify) -> Result<(&'r PlanNode, Option<&'r [Expr]>)> {
    match (&plan.kind, &plan.input.kind) {
        (ModifyKind::Insert, NodeKind::Project { input, exprs })
            if exprs.iter().any(is_volatile_call) && !bulk::is_possible(run, plan)? =>
        {
            Ok((input, Some(exprs)))
        }
        _ => Ok((&plan.input, None)),
    }
}

/// What computes the input over one version of a row of the target.
pub(crate) type Recheck<'a> = &'a (dyn Fn(&Run<'_>) -> Result<Vec<Vec<Datum>>> + Sync);

/// Changes rows that are at hand, without batches. Returns the rows of RETURNING and how many rows were changed.
pub(crate) fn change_rows<'r>(
    run: &'r Run<'r>,
    plan: &'r Modify,
    rows: impl ExactSizeIterator<Item = Result<Vec<Datum>>>,
    input: Recheck<'r>,
) -> Result<(Vec<Vec<Datum>>, i64)> {
    let changer = Changer::new(run, plan)?;
    let single = rows.len() == 1;
    let mut statement = Statement { changer, plan, returned: Vec::new(), input: Some(input), single };
    for row in rows {
        statement.row(row?)?;
    }
    let count = statement.changer.finish()?;
    Ok((statement.returned, count))
}

fn count_row(count: i64) -> Result<RowSet> {
    RowSet::from_rows(&[vec![Datum::I64(count)]], &[TypeRef::plain(types::oids::INT8)])
}

/// A running statement with the rows of its RETURNING.
struct Statement<'r> {
    changer: Changer<'r>,
    plan: &'r Modify,
    returned: Vec<Vec<Datum>>,
    /// How the input is computed again; by the batch operators when not said.
    input: Option<Recheck<'r>>,
    /// Whether there is one row only, which need not be kept from being changed twice.
    single: bool,
}

impl Statement<'_> {
    /// Handles one input row.
    fn row(&mut self, input: Vec<Datum>) -> Result<()> {
        let shape = self.plan.shape;
        match self.plan.kind {
            ModifyKind::Insert => {
                let new = part(&input, shape.new, self.changer.width())?;
                match &self.plan.conflict {
                    Some(conflict) => self.insert_or(conflict, new, &input),
                    None => {
                        let (id, new) = self.changer.insert(0, new)?;
                        self.changed(Change::inserted(id, new, "INSERT"), &input)
                    }
                }
            }
            ModifyKind::Update => {
                let Some((row_id, input)) = self.take(input)? else { return Ok(()) };
                let width = self.changer.width();
                let old = part(&input, shape.old, width)?;
                let new = part(&input, shape.new, width)?;
                let new = self.changer.update(0, row_id, &old, new)?;
                self.changed(Change { old: Some((row_id, old)), new: Some(new), action: "UPDATE" }, &input)
            }
            ModifyKind::Delete => {
                let Some((row_id, input)) = self.take(input)? else { return Ok(()) };
                let old = part(&input, shape.old, self.changer.width())?;
                self.changer.delete(0, row_id, &old)?;
                self.changed(Change { old: Some((row_id, old)), new: None, action: "DELETE" }, &input)
            }
            ModifyKind::Merge => self.merge(&input),
        }
    }

    /// Takes the row that an input row is about. Where somebody else has replaced it meanwhile, the input is computed
    /// again over its newest version, as PostgreSQL's `EvalPlanQual` does; `None` when there is nothing to change.
    fn take(&mut self, mut input: Vec<Datum>) -> Result<Option<(RowId, Vec<Datum>)>> {
        let shape = self.plan.shape;
        let width = self.changer.width();
        loop {
            let Some(id) = row_id(&input, &shape)? else { return Ok(None) };
            // One row is not changed twice.
            if !self.single && !self.changer.claim(id) {
                return Ok(None);
            }
            let part = |start: Option<usize>| start.and_then(|start| input.get(start..start + width));
            let change = match (part(shape.old), part(shape.new)) {
                (Some(old), Some(new)) if self.plan.kind == ModifyKind::Update => Some((old, new)),
                _ => None,
            };
            match self.changer.take(0, id, change)? {
                Taken::Yes => return Ok(Some((id, input))),
                Taken::Gone => return Ok(None),
                Taken::Newer(newest) => {
                    // It may meet another row of the other tables that it goes together with still.
                    self.changer.disclaim(id);
                    match self.recheck_newest(newest, &input)? {
                        Some((_, again)) => input = again,
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    /// Computes an input row again over the newest version of its row of the target. A version that is not to be changed
    /// stays locked, as in PostgreSQL.
    fn recheck_newest(&self, mut newest: RowId, input: &[Datum]) -> Result<Option<(RowId, Vec<Datum>)>> {
        let mode = match self.plan.kind {
            ModifyKind::Delete => RowLockMode::Update,
            ModifyKind::Insert | ModifyKind::Update | ModifyKind::Merge => RowLockMode::NoKeyUpdate,
        };
        loop {
            if let Some(again) = self.recheck(newest, input)? {
                return Ok(Some((newest, again)));
            }
            match self.changer.lock(0, newest, mode)? {
                Taken::Newer(newer) => newest = newer,
                Taken::Yes | Taken::Gone => return Ok(None),
            }
        }
    }

    /// Computes an input row again over a version of its row of the target.
    fn recheck(&self, row: RowId, input: &[Datum]) -> Result<Option<Vec<Datum>>> {
        for again in self.input_over(Some(row), input)? {
            if row_id(&again, &self.plan.shape)? == Some(row) && self.has_same_others(&again, input) {
                return Ok(Some(again));
            }
        }
        Ok(None)
    }

    /// Returns whether two input rows are made of the same rows beside the target, as far as those have no ids.
    fn has_same_others(&self, one: &[Datum], other: &[Datum]) -> bool {
        self.plan.copies.iter().all(|position| one.get(*position) == other.get(*position))
    }

    /// Computes the input over a row of the target, if there is one, and the rows of the other tables that `input` is
    /// made of.
    fn input_over(&self, row: Option<RowId>, input: &[Datum]) -> Result<Vec<Vec<Datum>>> {
        let mut only = marked_rows(&self.plan.marks, |position| input.get(position).cloned());
        if let Some(scan) = self.plan.target_scan {
            only.insert(scan, row);
        }
        let run = self.changer.run.over_rows(only);
        match self.input {
            Some(input) => input(&run),
            None => collect_rows(&run, &self.plan.input)?.rows(&self.plan.input.output),
        }
    }

    /// Counts a change and computes RETURNING.
    fn changed(&mut self, change: Change, input: &[Datum]) -> Result<()> {
        self.changer.count += 1;
        if let Some(exprs) = &self.plan.returning {
            let wide = wide::row(&change, self.changer.width(), &input[self.plan.shape.extra..]);
            let evaluator = self.changer.evaluator();
            let row = exprs.iter().map(|expr| evaluator.evaluate(expr, &wide)).collect::<Result<Vec<_>>>()?;
            self.returned.push(row);
        }
        Ok(())
    }
}

/// Returns the rows that the row ids at some positions of a row name, by scan.
pub(super) fn marked_rows(
    marks: &[crate::plan::ScanMark],
    value_at: impl Fn(usize) -> Option<Datum>,
) -> crate::execute::OnlyRows {
    let row = |mark: &crate::plan::ScanMark| match value_at(mark.position) {
        Some(Datum::I64(id)) => Some(RowId(id as u64)),
        Some(_) | None => None,
    };
    marks.iter().map(|mark| (mark.scan, row(mark))).collect()
}

/// Returns the row that starts at `start` of an input row.
fn part(input: &[Datum], start: Option<usize>, width: usize) -> Result<Vec<Datum>> {
    let part = start.and_then(|start| input.get(start..start + width));
    part.map(<[Datum]>::to_vec).ok_or_else(|| PgError::internal("a changed row lacks its columns"))
}

/// Returns the row id of an input row; `None` when it is NULL.
fn row_id(input: &[Datum], shape: &InputShape) -> Result<Option<RowId>> {
    match shape.row_id.and_then(|position| input.get(position)) {
        Some(Datum::I64(id)) => Ok(Some(RowId(*id as u64))),
        Some(Datum::Null) => Ok(None),
        _ => Err(PgError::internal("row ids are not int8")),
    }
}
