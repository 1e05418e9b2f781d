//! Scan of a stored table: one morsel a row group.
//!
//! Conjuncts that storage understands ([`predicates`]) are decided on zone maps and encoded vectors; runtime
//! filters of joins above run beside them. The other conjuncts run on decoded vectors, and the columns that only the
//! output needs are decoded last, for the lanes that are left.

mod fetch;
mod index;
mod lookup;
mod predicates;
mod ranges;

pub(crate) use predicates::{Operator, operator_of};

use std::sync::Arc;

use kernels::bitmap;
use kernels::vector::{Bitmap, Values, Vector};
use storage::{Pruned, RowGroup, RowId, ScanPredicate, TableId, TableScan};
use types::Result;

use super::{Flow, Stage, Worker, run_morsels};
use crate::batch::Batch;
use crate::execute::Run;
use crate::expr::Expr;
use crate::plan::{PlanNode, Scan};
use crate::vectors::{VectorExpr, columns_of};

/// A tuning constant: with at least this share (in 1/8) of lanes alive, vectors are decoded whole.
const DENSE_EIGHTHS: usize = 6;

pub(super) use index::{IndexLookup, produce_index};
pub(super) use lookup::{rows as looked_up, track};

struct Scanner<'a> {
    run: &'a Run<'a>,
    scan: &'a Scan,
    table: TableScan,
    pushed: Vec<(usize, ScanPredicate)>,
    rest: Vec<VectorExpr>,
    /// Positions in `scan.columns` that `rest` reads.
    rest_columns: Vec<usize>,
    /// Whether `rest` looks at each row no sooner than the one before it was taken.
    singly: bool,
}

/// The lanes of a vector that are left, and the columns decoded so far (by position in `scan.columns`).
struct Lanes {
    /// Ascending; `None`: all.
    positions: Option<Vec<u16>>,
    /// Whether `loaded` has all lanes (else those at `positions`).
    whole: bool,
    loaded: Vec<Option<Vector>>,
}

/// Pushes the visible rows of a table that pass the filters.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, scan: &Scan, stage: &dyn Stage) -> Result<()> {
    if let Some(row) = only_row(run, scan) {
        return produce_row(run, node, scan, (row, &[]), stage);
    }
    let mut scanner = Scanner::new(run, node.id, scan, None, &[])?;
    scanner.singly = stage.singly() && !scanner.rest.is_empty();
    if let Some(rows) = lookup::rows(&scanner.table, &scanner.pushed)? {
        return run_morsels(run.context, 1, 1, stage, &|_, worker| scanner.rows(&rows, worker));
    }
    scanner.table.track_read()?;
    run_morsels(run.context, run.threads, scanner.table.row_group_count(), stage, &|morsel, worker| {
        scanner.row_group(&scanner.table.row_group(morsel), worker)
    })
}

/// Returns the row version that stands for all rows of the scan, if one does (or none).
pub(super) fn only_row(run: &Run<'_>, scan: &Scan) -> Option<Option<RowId>> {
    run.only_rows.as_ref().and_then(|rows| rows.get(&scan.row_id?).copied())
}

/// Pushes the row version that stands for all rows, if it passes the filters and conditions.
fn produce_row(
    run: &Run<'_>,
    node: &PlanNode,
    scan: &Scan,
    (row, conditions): (Option<RowId>, &[Expr]),
    stage: &dyn Stage,
) -> Result<()> {
    let Some(row) = row else {
        return run_morsels(run.context, 1, 0, stage, &|_, _| Ok(Flow::Continue));
    };
    let scanner = Scanner::new(run, node.id, scan, Some(row), conditions)?;
    run_morsels(run.context, 1, 1, stage, &|_, worker| scanner.rows(&[row], worker))
}

impl<'a> Scanner<'a> {
    /// Prepares a scan with its filters and `conditions`.
    fn new(
        run: &'a Run<'a>,
        node: u32,
        scan: &'a Scan,
        only_row: Option<RowId>,
        conditions: &'a [Expr],
    ) -> Result<Self> {
        let table = match only_row {
            Some(row) => run.context.transaction()?.lock().scan_row(TableId(scan.table), row)?,
            None => run.table_scan(scan.table)?,
        };
        let mut scanner = Self {
            run,
            scan,
            table,
            pushed: Vec::new(),
            rest: Vec::new(),
            rest_columns: Vec::new(),
            singly: false,
        };
        let mut rest = Vec::new();
        for filter in conditions.iter().chain(&scan.filters) {
            let pushed = if run.context.options.force_row {
                None
            } else {
                predicates::translate(run, filter, &scan.columns, scanner.table.columns())?
            };
            match pushed {
                Some(predicate) => scanner.pushed.push(predicate),
                None => rest.push(filter),
            }
        }
        predicates::merge_ranges(&mut scanner.pushed);
        for (number, position) in &scan.runtime_filters {
            if let Some(filter) = run.runtime_filters.get(*number)
                && let Some(column) = scan.columns.get(*position)
            {
                scanner.pushed.push((*column, ScanPredicate::Key(filter)));
            }
        }
        scanner.rest = VectorExpr::compile_all(run, rest.iter().copied())?;
        scanner.rest_columns = rest.iter().flat_map(|filter| columns_of(filter)).collect();
        scanner.rest_columns.sort_unstable();
        scanner.rest_columns.dedup();
        if let Some(reason) = scanner.rest.iter().find_map(|filter| filter.fallback) {
            run.note_row_form(node, reason);
        }
        Ok(scanner)
    }

    /// Pushes those of some visible rows (ascending) that pass the filters.
    fn rows(&self, rows: &[RowId], worker: &mut dyn Worker) -> Result<Flow> {
        for rows in rows.chunk_by(|left, right| left.vector() == right.vector()) {
            let positions = rows.iter().map(|row| row.lane_of_vector()).collect();
            let Some((group, index, left)) = self.lanes(rows.first(), positions)? else { continue };
            if self.push(&group, index, left, worker)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Returns those of some lanes (ascending) of the vector in which `first` is that pass the filters.
    fn lanes(
        &self,
        first: Option<&RowId>,
        mut positions: Vec<u16>,
    ) -> Result<Option<(RowGroup, usize, Lanes)>> {
        self.run.context.cancel.check()?;
        let Some((group, index)) =
            first.and_then(|first| Some((self.table.row_group_of(*first)?, first.vector().1)))
        else {
            return Ok(None);
        };
        for (column, predicate) in &self.pushed {
            let vector = group.vector_at(*column, index, &positions)?;
            let mut mask = vec![u64::MAX; positions.len().div_ceil(64)];
            predicate.filter(&vector, &mut mask)?;
            let mut lane = 0;
            positions.retain(|_| {
                lane += 1;
                mask[(lane - 1) / 64] >> ((lane - 1) % 64) & 1 == 1
            });
            if positions.is_empty() {
                return Ok(None);
            }
        }
        let loaded = vec![None; self.scan.columns.len()];
        let mut left = Lanes { positions: Some(positions), whole: false, loaded };
        if !self.rest.is_empty() && !self.filter_rest(&group, index, &mut left)? {
            return Ok(None);
        }
        Ok(Some((group, index, left)))
    }

    fn row_group(&self, group: &RowGroup, worker: &mut dyn Worker) -> Result<Flow> {
        group.check()?;
        let mut pushed = Vec::with_capacity(self.pushed.len());
        for (column, predicate) in &self.pushed {
            match group.prune(*column, predicate) {
                Pruned::None => return Ok(Flow::Continue),
                Pruned::All => {}
                Pruned::Unknown => pushed.push((*column, predicate)),
            }
        }
        for index in 0..group.vector_count() {
            self.run.context.cancel.check()?;
            if self.vector(group, index, &pushed, worker)? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    fn vector(
        &self,
        group: &RowGroup,
        index: usize,
        pushed: &[(usize, &ScanPredicate)],
        worker: &mut dyn Worker,
    ) -> Result<Flow> {
        let lanes = group.lanes(index);
        let visible = group.visible(index);
        let mut positions = None;
        if visible.is_some() || !pushed.is_empty() {
            let mut mask =
                visible.map_or_else(|| Bitmap::ones(lanes).words().to_vec(), |bits| bits.words().to_vec());
            for (column, predicate) in pushed {
                group.filter(*column, index, predicate, &mut mask)?;
                if !bitmap::any(&mask) {
                    return Ok(Flow::Continue);
                }
            }
            if !bitmap::all(&mask, lanes) {
                positions = Some(bitmap::selection_of(&mask));
            }
        }
        if self.singly {
            return self.one_by_one(group, index, positions.unwrap_or((0..lanes as u16).collect()), worker);
        }
        let whole = is_dense(positions.as_deref(), lanes);
        let mut left = Lanes { positions, whole, loaded: vec![None; self.scan.columns.len()] };
        if !self.rest.is_empty() && !self.filter_rest(group, index, &mut left)? {
            return Ok(Flow::Continue);
        }
        self.push(group, index, left, worker)
    }

    /// Filters and pushes lanes one after the other.
    fn one_by_one(
        &self,
        group: &RowGroup,
        index: usize,
        positions: Vec<u16>,
        worker: &mut dyn Worker,
    ) -> Result<Flow> {
        for position in positions {
            let loaded = vec![None; self.scan.columns.len()];
            let mut left = Lanes { positions: Some(vec![position]), whole: false, loaded };
            if self.filter_rest(group, index, &mut left)?
                && self.push(group, index, left, worker)? == Flow::Stop
            {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Runs the filters on decoded vectors; returns whether any lane is left.
    fn filter_rest(&self, group: &RowGroup, index: usize, left: &mut Lanes) -> Result<bool> {
        let lanes = group.lanes(index);
        for &position in &self.rest_columns {
            self.load(group, index, left, position)?;
        }
        let len = match &left.positions {
            Some(positions) if !left.whole => positions.len(),
            Some(_) | None => lanes,
        };
        let placeholder = Vector::constant(Values::Bool(Bitmap::zeros(1)), len);
        let columns = left.loaded.iter().map(|vector| vector.clone().unwrap_or_else(|| placeholder.clone()));
        let selection: Option<Arc<[u16]>> =
            if left.whole { left.positions.as_deref().map(Into::into) } else { None };
        let mut batch = Batch { columns: columns.collect(), len, selection };
        for filter in &self.rest {
            if let Some(selection) = filter.filter(self.run, &batch)? {
                if selection.is_empty() {
                    return Ok(false);
                }
                batch.selection = Some(selection);
            }
        }
        let Some(selection) = batch.selection else { return Ok(true) };
        if left.whole {
            if !is_dense(Some(&selection), lanes) {
                left.compact(&selection);
                left.whole = false;
            }
            left.positions = Some(selection.to_vec());
        } else {
            left.compact(&selection);
            left.positions = Some(match left.positions.take() {
                Some(positions) => selection.iter().map(|&lane| positions[usize::from(lane)]).collect(),
                None => selection.to_vec(),
            });
        }
        Ok(true)
    }

    fn load(&self, group: &RowGroup, index: usize, left: &mut Lanes, position: usize) -> Result<()> {
        if left.loaded[position].is_some() {
            return Ok(());
        }
        let column = self.scan.columns[position];
        left.loaded[position] = Some(match &left.positions {
            Some(positions) if !left.whole => group.vector_at(column, index, positions)?,
            Some(_) | None => group.vector(column, index)?,
        });
        Ok(())
    }

    /// Returns the columns of the output.
    fn columns(&self, group: &RowGroup, index: usize, left: &mut Lanes) -> Result<Vec<Vector>> {
        let mut columns = Vec::with_capacity(self.scan.projection.len() + 1);
        for &position in &self.scan.projection {
            self.load(group, index, left, position)?;
            columns.extend(left.loaded[position].clone());
        }
        if self.scan.row_id.is_some() {
            let ids = group.row_ids(index);
            columns.push(match &left.positions {
                Some(positions) if !left.whole => ids.gather(positions),
                Some(_) | None => ids,
            });
        }
        Ok(columns)
    }

    fn push(&self, group: &RowGroup, index: usize, mut left: Lanes, worker: &mut dyn Worker) -> Result<Flow> {
        let columns = self.columns(group, index, &mut left)?;
        let batch = match left.positions {
            Some(positions) if left.whole => {
                Batch { columns, len: group.lanes(index), selection: Some(positions.into()) }
            }
            Some(positions) => Batch::new(columns, positions.len()),
            None => Batch::new(columns, group.lanes(index)),
        };
        push_in_pieces(worker, batch, self.run.context.options.batch_lanes)
    }
}

/// Pushes a batch, cut to the statement's batch length (which is shorter than a vector in tests only).
fn push_in_pieces(worker: &mut dyn Worker, batch: Batch, lanes_max: usize) -> Result<Flow> {
    if batch.len <= lanes_max || lanes_max == 0 {
        return worker.push(batch);
    }
    let batch = batch.compact();
    let all: Vec<u16> = (0..batch.len as u16).collect();
    for piece in all.chunks(lanes_max) {
        let part = Batch { selection: Some(piece.into()), ..batch.clone() }.compact();
        if worker.push(part)? == Flow::Stop {
            return Ok(Flow::Stop);
        }
    }
    Ok(Flow::Continue)
}

impl Lanes {
    fn compact(&mut self, selection: &[u16]) {
        for vector in self.loaded.iter_mut().flatten() {
            *vector = vector.gather(selection);
        }
    }
}

fn is_dense(positions: Option<&[u16]>, lanes: usize) -> bool {
    positions.is_none_or(|positions| positions.len() * 8 >= lanes * DENSE_EIGHTHS)
}
