//! UPDATE of single rows, column by column: only what the statement asks for is read as values, and the new version of a
//! row is the stored form of the old one with the changed columns replaced.
//!
//! This is for statements that change no key and of whose rows nothing is demanded but NOT NULL; all others go through
//! [`crate::operators::change_rows`], which sees whole rows.

use std::cell::Cell;

use storage::{RowId, RowLockMode, TableId, WaitPolicy, WriteOutcome};
use types::errors::integrity;
use types::{Datum, Oid, PgError, Result};

use super::buffer::Buffer;
use super::expr::RowExpr;
use super::lookup::Lookup;
use super::node::PointNode;
use super::{PointRun, Tables};
use crate::expr::{ColumnId, Expr, ExprKind};
use crate::operators::{failing_row, name_of};
use crate::plan::{Modify, ModifyKind, NodeKind, PlanNode, SYSTEM_COLUMNS, Scan, Target};

/// How to run an UPDATE.
#[derive(Debug)]
pub(crate) struct PointUpdate {
    /// Gives the columns that the expressions read, then the row id.
    lookup: Lookup,
    /// The scan's number.
    scan: u32,
    /// Columns that change (position and type), and their values over the lookup's row.
    columns: Vec<(usize, Oid)>,
    values: Vec<RowExpr>,
    /// RETURNING over the lookup's row without the row id, followed by the new values.
    returning: Option<Vec<RowExpr>>,
}

/// A row to change.
struct Change {
    row: RowId,
    read: Buffer,
    new: Buffer,
}

/// The columns that expressions read, as positions in the table, in the order in which they were met.
#[derive(Default)]
struct Read(Vec<usize>);

impl Read {
    /// Returns where a column is among those read.
    fn place(&mut self, column: usize) -> usize {
        self.0.iter().position(|read| *read == column).unwrap_or_else(|| {
            self.0.push(column);
            self.0.len() - 1
        })
    }
}

/// The parts of the input of an UPDATE of one table.
struct Input<'a> {
    node: &'a PlanNode,
    scan: &'a Scan,
    scan_number: u32,
    exprs: Vec<Expr>,
}

impl<'a> Input<'a> {
    fn of(plan: &'a Modify) -> Option<Self> {
        let NodeKind::Project { input, exprs } = &plan.input.kind else { return None };
        let (mut node, mut exprs) = (&**input, exprs.clone());
        while let NodeKind::Project { input, exprs: below } = &node.kind {
            exprs = exprs.iter().map(|expr| substitute(expr, below)).collect::<Option<_>>()?;
            node = input;
        }
        let scan = match &node.kind {
            NodeKind::Scan(scan) => scan,
            NodeKind::IndexScan(plan) => &plan.scan,
            _ => return None,
        };
        Some(Self { node, scan, scan_number: scan.row_id?, exprs })
    }

    /// Returns the column of the table that an output column of the scan is; `None` for the row id.
    fn column(&self, output: usize) -> Option<usize> {
        self.scan.columns.get(*self.scan.projection.get(output)?).copied()
    }

    /// Returns an expression over the scan's output as one over the columns read.
    fn over_read(&self, expr: &Expr, read: &mut Read) -> Option<Expr> {
        remap(expr, &mut |output| Some(read.place(self.column(output)?)))
    }

    /// Returns the scan, narrowed to the columns read.
    fn narrowed(&self, target: &Target, read: &mut Read) -> Option<PlanNode> {
        let mut narrow = |scan: &mut Scan| {
            for filter in &mut scan.filters {
                *filter = remap(filter, &mut |at| Some(read.place(*self.scan.columns.get(at)?)))?;
            }
            Some(())
        };
        let mut node = self.node.clone();
        match &mut node.kind {
            NodeKind::Scan(scan) => narrow(scan)?,
            NodeKind::IndexScan(plan) => {
                narrow(&mut plan.scan)?;
                for condition in &mut plan.conditions {
                    *condition = remap(condition, &mut |at| Some(read.place(*self.scan.columns.get(at)?)))?;
                }
            }
            _ => return None,
        }
        let (NodeKind::Scan(scan) | NodeKind::IndexScan(crate::plan::IndexScan { scan, .. })) =
            &mut node.kind
        else {
            return None;
        };
        scan.columns.clone_from(&read.0);
        scan.projection = (0..read.0.len()).collect();
        let ty = |column: &usize| target.columns.get(*column).map(|column| column.ty);
        node.output = read.0.iter().map(ty).collect::<Option<Vec<_>>>()?;
        node.output.push(types::TypeRef::plain(types::oids::INT8));
        Some(node)
    }
}

impl PointUpdate {
    /// Returns how to run `plan`; `None` when it is nothing for this.
    pub(super) fn new(plan: &Modify, tables: &Tables<'_>) -> Option<Self> {
        let [target] = plan.targets.as_slice() else { return None };
        let demands_nothing = target.generated.is_empty()
            && target.checks.is_empty()
            && plan.check_options.is_empty()
            && target.columns.iter().all(|column| column.computed.is_none())
            && plan.foreign_keys.is_empty()
            && plan.marks.is_empty();
        if plan.kind != ModifyKind::Update || !demands_nothing {
            return None;
        }
        let input = Input::of(plan)?;
        let width = target.columns.len();
        let (mut read, mut columns, mut values) = (Read::default(), Vec::new(), Vec::new());
        let start = plan.shape.new?;
        for (position, expr) in input.exprs.get(start..start + width)?.iter().enumerate() {
            let same =
                matches!(&expr.kind, ExprKind::Column(id) if input.column(id.0 as usize) == Some(position));
            if !same {
                columns.push((position, target.columns[position].ty.oid));
                values.push(RowExpr::new(&input.over_read(expr, &mut read)?));
            }
        }
        let keeps = |expr: &Expr| match &expr.kind {
            ExprKind::Column(id) => columns.iter().all(|(changed, _)| *changed != id.0 as usize),
            _ => false,
        };
        let keeps_keys = target
            .keys
            .iter()
            .all(|key| key.predicate.is_none() && key.columns.iter().all(|(expr, _)| keeps(expr)));
        if !keeps_keys {
            return None;
        }
        let returning = match &plan.returning {
            None => None,
            Some(exprs) => Some(
                exprs
                    .iter()
                    .map(|expr| over_change(expr, width, &columns, &mut read))
                    .collect::<Option<Vec<_>>>()?,
            ),
        };
        let node = input.narrowed(target, &mut read)?;
        let PointNode::Lookup(lookup) = PointNode::new(&node, tables)? else { return None };
        let returning = returning.map(|exprs| {
            let shifted = |expr: &Expr| {
                remap(expr, &mut |at| Some(if at < CHANGED { at } else { at - CHANGED + read.0.len() }))
            };
            exprs.iter().map(|expr| shifted(expr).as_ref().map(RowExpr::new)).collect::<Option<Vec<_>>>()
        });
        let returning = match returning {
            Some(exprs) => Some(exprs?),
            None => None,
        };
        Some(Self { lookup, scan: input.scan_number, columns, values, returning })
    }

    /// Changes the rows. Returns the rows of RETURNING and how many rows were changed; `None` when the batch operators
    /// are to run the statement, and nothing was done.
    pub(super) fn run(&self, point: &PointRun<'_>, plan: &Modify) -> Result<Option<(Vec<Vec<Datum>>, i64)>> {
        let target = plan.target().ok_or_else(|| PgError::internal("a change of no table"))?;
        let changes = self.changes(point)?;
        if point.declined.get() {
            return Ok(None);
        }
        let (mut returned, mut count) = (Vec::new(), 0);
        for change in changes {
            let Some(change) = self.take(point, TableId(target.table), change)? else { continue };
            self.store(point, target, &change)?;
            count += 1;
            if let Some(exprs) = &self.returning {
                let (mut row, mut new) = (change.read, change.new);
                row.append(&mut new);
                returned
                    .push(exprs.iter().map(|expr| expr.evaluate(point.run, &row)).collect::<Result<_>>()?);
            }
        }
        Ok(Some((returned, count)))
    }

    /// Returns the rows to change, with their new values.
    fn changes(&self, point: &PointRun<'_>) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        self.lookup.rows(point, &[], &mut |row| {
            let Some((Datum::I64(id), read)) = row.split_last() else {
                return Err(PgError::internal("row ids are not int8"));
            };
            let (mut kept, mut new) = (Buffer::new(), Buffer::new());
            for value in &self.values {
                new.push(value.evaluate(point.run, read)?);
            }
            // Read again by RETURNING only.
            if self.returning.is_some() {
                kept.extend_from_slice(read);
            }
            changes.push(Change { row: RowId(*id as u64), read: kept, new });
            Ok(true)
        })?;
        Ok(changes)
    }

    /// Ends the old version of a row. Where somebody else has replaced it meanwhile, the statement is computed again
    /// over its newest version; `None` when there is nothing to change.
    fn take(&self, point: &PointRun<'_>, table: TableId, mut change: Change) -> Result<Option<Change>> {
        loop {
            let outcome = point.run.context.transaction()?.lock().end_row_keeping_keys(table, change.row)?;
            let newest = match outcome {
                WriteOutcome::Done(_) => return Ok(Some(change)),
                WriteOutcome::ConcurrentlyUpdated(newest) => newest,
                WriteOutcome::SelfModified | WriteOutcome::ConcurrentlyDeleted | WriteOutcome::WouldBlock => {
                    return Ok(None);
                }
            };
            match self.recheck(point, table, newest)? {
                Some(again) => change = again,
                None => return Ok(None),
            }
        }
    }

    /// Computes the statement again over the newest version of a row. A version that is not to be changed stays locked, as
    /// in PostgreSQL.
    fn recheck(&self, point: &PointRun<'_>, table: TableId, mut newest: RowId) -> Result<Option<Change>> {
        loop {
            let run = point.run.over_rows([(self.scan, Some(newest))].into());
            let again = self.changes(&PointRun { run: &run, declined: Cell::new(false) })?;
            if let Some(change) = again.into_iter().next() {
                return Ok(Some(change));
            }
            let mut transaction = point.run.context.transaction()?.lock();
            match transaction.lock_row(table, newest, RowLockMode::NoKeyUpdate, WaitPolicy::Wait)? {
                WriteOutcome::ConcurrentlyUpdated(newer) => newest = newer,
                WriteOutcome::Done(_)
                | WriteOutcome::SelfModified
                | WriteOutcome::ConcurrentlyDeleted
                | WriteOutcome::WouldBlock => return Ok(None),
            }
        }
    }

    /// Stores the new version of a row.
    fn store(&self, point: &PointRun<'_>, target: &Target, change: &Change) -> Result<()> {
        let table = TableId(target.table);
        for (&(position, _), value) in self.columns.iter().zip(change.new.iter()) {
            let column = target.columns.get(position);
            if let Some(column) = column.filter(|column| column.not_null && value.is_null()) {
                let shown = failing_row(point.run, &self.whole(point, target, change)?, target);
                return Err(integrity::null_in_column(name_of(target), &column.name, &shown));
            }
        }
        let mut transaction = point.run.context.transaction()?.lock();
        let new = transaction.replaced_row(table, change.row, &self.columns, &change.new)?;
        let new = new.ok_or_else(|| PgError::internal("a row that is gone"))?;
        transaction.insert_successor_keeping_keys(table, change.row, new)?;
        Ok(())
    }

    /// Returns all values of the new version of a row.
    fn whole(&self, point: &PointRun<'_>, target: &Target, change: &Change) -> Result<Vec<Datum>> {
        let all: Vec<(usize, Oid)> =
            target.columns.iter().enumerate().map(|(position, column)| (position, column.ty.oid)).collect();
        let mut row = Vec::with_capacity(all.len());
        let transaction = point.run.context.transaction()?.lock();
        transaction.row_datums(TableId(target.table), change.row, &all, &mut row)?;
        for (&(position, _), value) in self.columns.iter().zip(change.new.iter()) {
            if let Some(place) = row.get_mut(position) {
                place.clone_from(value);
            }
        }
        Ok(row)
    }
}

/// Positions from here on stand for new values, as long as it is not known how many columns are read.
const CHANGED: usize = 1 << 20;

/// Returns an expression of RETURNING as one over the columns read and the new values; `None` when it asks for more.
fn over_change(expr: &Expr, width: usize, columns: &[(usize, Oid)], read: &mut Read) -> Option<Expr> {
    let part_width = width + SYSTEM_COLUMNS;
    remap(expr, &mut |at| {
        let (part, column) = (at / part_width, at % part_width);
        if part > 2 || column >= width {
            return None;
        }
        let changed = columns.iter().position(|(changed, _)| *changed == column).filter(|_| part > 0);
        Some(match changed {
            Some(changed) => CHANGED + changed,
            None => read.place(column),
        })
    })
}

/// Returns an expression with other expressions in the place of its columns. Only columns stand for columns that are
/// used more than once, so that nothing is computed twice.
fn substitute(expr: &Expr, below: &[Expr]) -> Option<Expr> {
    if let ExprKind::Column(id) = &expr.kind {
        return below.get(id.0 as usize).cloned();
    }
    remap(expr, &mut |at| match &below.get(at)?.kind {
        ExprKind::Column(id) => Some(id.0 as usize),
        _ => None,
    })
}

/// Returns an expression with other columns; `None` when one has no other, or when the expression has a subquery.
fn remap(expr: &Expr, place: &mut dyn FnMut(usize) -> Option<usize>) -> Option<Expr> {
    let mut expr = expr.clone();
    let mut complete = true;
    match &mut expr.kind {
        ExprKind::Column(id) => *id = ColumnId(u32::try_from(place(id.0 as usize)?).ok()?),
        ExprKind::Outer(_) | ExprKind::Subquery { .. } | ExprKind::SubqueryColumn(_) => return None,
        _ => expr.for_each_child_mut(&mut |child| match remap(child, place) {
            Some(value) => *child = value,
            None => complete = false,
        }),
    }
    complete.then_some(expr)
}
