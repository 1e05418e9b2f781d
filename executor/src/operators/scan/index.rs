//! Scan through an index.
//!
//! Rows that are wanted in the index's order are read a batch at a time, small batches first, so that a LIMIT above
//! reads little more than it needs. Otherwise all rows of the ranges are found first and read in the table's order.

use storage::{IndexCursor, IndexDefinition, IndexId, IndexRange, RowId};
use types::{Datum, PgError, Result, TypeRef};

use super::fetch::{Fetched, ROWS};
use super::{Scanner, only_row, produce_row, ranges};
use crate::execute::Run;
use crate::expr::Expr;
use crate::operators::{Flow, Stage, Worker, run_morsels};
use crate::plan::{IndexDirection, IndexScan, PlanNode};
use crate::rows::RowEvaluator;

/// A tuning constant: rows of the first batch of an ordered scan; each one after it has four times as many.
const FIRST_ROWS: usize = 32;
/// A tuning constant: rows of a morsel.
const MORSEL_ROWS: usize = 8 * ROWS;

/// Pushes the visible rows of an index's ranges that pass the filters.
pub(in super::super) fn produce_index(
    run: &Run<'_>,
    node: &PlanNode,
    plan: &IndexScan,
    stage: &dyn Stage,
) -> Result<()> {
    if let Some(row) = only_row(run, &plan.scan) {
        return produce_row(run, node, &plan.scan, (row, &plan.conditions), stage);
    }
    let lookup = IndexLookup::new(run, node, plan)?;
    let evaluator = RowEvaluator::new(run);
    let ranges = lookup.ranges(&mut |expr| evaluator.evaluate(expr, &[]))?;
    if plan.direction.is_some() {
        return run_morsels(run.context, 1, 1, stage, &|_, worker| lookup.push_ordered(&ranges, worker));
    }
    let mut rows = Vec::new();
    for range in &ranges {
        lookup.add_rows(range, &mut rows)?;
    }
    if ranges.len() > 1 || !lookup.one_row {
        rows.sort_unstable();
    }
    let bytes = (rows.len() * size_of::<RowId>()) as u64;
    run.context.memory.grow(bytes)?;
    let morsels = rows.len().div_ceil(MORSEL_ROWS).max(1);
    let done = run_morsels(run.context, run.threads, morsels, stage, &|morsel, worker| {
        let start = morsel * MORSEL_ROWS;
        let rows = &rows[start..rows.len().min(start + MORSEL_ROWS)];
        lookup.scanner.push_fetched(rows, lookup.types, worker)
    });
    run.context.memory.shrink(bytes);
    done
}

/// An index of a table, ready to be looked into.
pub(crate) struct IndexLookup<'a> {
    scanner: Scanner<'a>,
    plan: &'a IndexScan,
    types: &'a [TypeRef],
    definition: IndexDefinition,
    /// Whether a range has one row at most.
    pub(crate) one_row: bool,
}

impl<'a> IndexLookup<'a> {
    /// Opens the index of an index scan.
    pub(crate) fn new(run: &'a Run<'a>, node: &'a PlanNode, plan: &'a IndexScan) -> Result<Self> {
        let scanner = Scanner::new(run, node.id, &plan.scan, None, &[])?;
        let definition = scanner
            .table
            .index(IndexId(plan.index))
            .ok_or_else(|| PgError::internal(format!("the storage has no index \"{}\"", plan.index_name)))?;
        let one_row = plan.one_row && !run.context.transaction()?.lock().may_see_keys_twice();
        Ok(Self { scanner, plan, types: &node.output, definition, one_row })
    }

    /// Returns the ranges to look into, in the order of the index.
    pub(crate) fn ranges(&self, evaluate: &mut dyn FnMut(&Expr) -> Result<Datum>) -> Result<Vec<IndexRange>> {
        ranges::of(&self.definition, &self.plan.keys, evaluate)
    }

    /// Returns the rows of a range, in the order of the index.
    pub(crate) fn cursor(&self, range: &IndexRange) -> Result<IndexCursor> {
        Ok(self.scanner.table.index_rows(self.definition.id, range, false)?)
    }

    /// Adds the rows of a range, in the order of the index.
    fn add_rows(&self, range: &IndexRange, rows: &mut Vec<RowId>) -> Result<()> {
        let mut cursor = self.cursor(range)?;
        while let Some(row) = cursor.next_row()? {
            rows.push(row);
            if self.one_row {
                break;
            }
            if rows.len().is_multiple_of(ROWS) {
                self.scanner.run.context.cancel.check()?;
            }
        }
        Ok(())
    }

    /// Reads rows that were found.
    pub(crate) fn fetch(&self, rows: &[RowId]) -> Result<Fetched> {
        self.scanner.fetch(rows, self.types)
    }

    fn push_ordered(&self, ranges: &[IndexRange], worker: &mut dyn Worker) -> Result<Flow> {
        let backward = self.plan.direction == Some(IndexDirection::Backward);
        let mut wanted = FIRST_ROWS;
        let mut rows = Vec::with_capacity(wanted);
        for at in 0..ranges.len() {
            let range = &ranges[if backward { ranges.len() - 1 - at } else { at }];
            let mut cursor = self.scanner.table.index_rows(self.definition.id, range, backward)?;
            while let Some(row) = cursor.next_row()? {
                rows.push(row);
                if rows.len() == wanted {
                    if self.scanner.push_fetched(&rows, self.types, worker)? == Flow::Stop {
                        return Ok(Flow::Stop);
                    }
                    rows.clear();
                    wanted = (wanted * 4).min(ROWS);
                }
            }
        }
        self.scanner.push_fetched(&rows, self.types, worker)
    }
}
