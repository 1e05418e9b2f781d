//! Sort and top-N.
//!
//! Keys become byte strings whose order is the order of the rows (*normalized keys*): a byte for NULL, then the
//! value, inverted for descending keys. Rows are sorted by the first eight bytes, then by the rest, then by
//! position, which makes the sort stable. A key without such bytes (exact numerics, arrays) has the rows compared
//! by value. Top-N drops what lies behind its current last row whenever a worker has collected enough.

use std::cmp::Ordering;
use std::sync::Arc;

use kernels::vector::{VECTOR_LANES, Values, Vector};
use parking_lot::Mutex;
use rayon::slice::ParallelSliceMut;
use types::interrupt::{Pace, stoppable};
use types::{Datum, PhysicalType, Result, TypeRef, oids};

use super::rowset::{Columns, concat};
use super::{Flow, RowSet, Stage, Worker, collect_rows, produce as produce_input, run_morsels};
use crate::batch::Batch;
use crate::convert::{datum_at, physical_type, unpack_interval};
use crate::execute::Run;
use crate::expr::Expr;
use crate::plan::{PlanNode, SortKey};
use crate::values;
use crate::vectors::VectorExpr;

/// (type, descending, nulls first) of each key.
pub(crate) type Directions = [(TypeRef, bool, bool)];

/// Compares rows of key values.
pub(crate) fn compare_keys(left: &[Datum], right: &[Datum], directions: &Directions) -> Ordering {
    for ((l, r), (ty, descending, nulls_first)) in left.iter().zip(right).zip(directions) {
        let order = match (l.is_null(), r.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) if *nulls_first => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if *nulls_first => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if *descending => values::compare(r, l, *ty),
            (false, false) => values::compare(l, r, *ty),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// Returns the positions of the rows in sort order.
pub(crate) fn sorted_positions(
    keys: &[Vector],
    len: usize,
    directions: &Directions,
    threads: usize,
) -> Result<Vec<u32>> {
    if keys.iter().zip(directions).all(|(key, (ty, _, _))| is_normalizable(key, *ty)) {
        sort_normalized(keys, len, directions, threads)
    } else {
        sort_values(keys, len, directions)
    }
}

fn sort_values(keys: &[Vector], len: usize, directions: &Directions) -> Result<Vec<u32>> {
    let mut rows = Vec::with_capacity(len);
    let mut pace = Pace::default();
    for row in 0..len {
        pace.step()?;
        let values = keys
            .iter()
            .zip(directions)
            .map(|(key, (ty, _, _))| datum_at(key, row, *ty))
            .collect::<Result<Vec<_>>>()?;
        rows.push((values, row as u32));
    }
    stoppable(|look| {
        rows.sort_by(|(left, _), (right, _)| {
            look();
            compare_keys(left, right, directions)
        });
    })?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn sort_normalized(keys: &[Vector], len: usize, directions: &Directions, threads: usize) -> Result<Vec<u32>> {
    let mut pace = Pace::default();
    let mut bytes = Vec::with_capacity(len * 16);
    let mut ends = Vec::with_capacity(len + 1);
    ends.push(0usize);
    for row in 0..len {
        pace.step()?;
        for (key, direction) in keys.iter().zip(directions) {
            normalize(key, row, direction, &mut bytes);
        }
        ends.push(bytes.len());
    }
    let string = |row: u32| &bytes[ends[row as usize]..ends[row as usize + 1]];
    let mut rows: Vec<(u64, u32)> = (0..len as u32)
        .map(|row| {
            let string = string(row);
            let mut prefix = [0; 8];
            let taken = string.len().min(8);
            prefix[..taken].copy_from_slice(&string[..taken]);
            (u64::from_be_bytes(prefix), row)
        })
        .collect();
    let compare = |left: &(u64, u32), right: &(u64, u32)| {
        left.0.cmp(&right.0).then_with(|| string(left.1).cmp(string(right.1))).then(left.1.cmp(&right.1))
    };
    stoppable(|look| {
        let compare = |left: &(u64, u32), right: &(u64, u32)| {
            look();
            compare(left, right)
        };
        if threads > 1 && len > 50_000 {
            rows.par_sort_unstable_by(compare);
        } else {
            rows.sort_unstable_by(compare);
        }
    })?;
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn is_normalizable(key: &Vector, ty: TypeRef) -> bool {
    match key.values() {
        Values::Bool(_)
        | Values::I16(_)
        | Values::I32(_)
        | Values::F32(_)
        | Values::F64(_)
        | Values::Fixed64 { .. }
        | Values::Fixed128 { .. }
        | Values::Wide(_) => true,
        // Unsigned in 64 bits, and bytes that are kept as escapes.
        Values::I64(_) => !matches!(ty.oid, types::oids::PG_LSN | types::oids::XID8),
        Values::Views(_) => physical_type(ty) == PhysicalType::Text && ty.oid != types::oids::CHAR,
    }
}

/// Appends the normalized key of a row.
fn normalize(
    key: &Vector,
    row: usize,
    (ty, descending, nulls_first): &(TypeRef, bool, bool),
    out: &mut Vec<u8>,
) {
    if key.is_null(row) {
        out.push(if *nulls_first { 0 } else { 2 });
        return;
    }
    out.push(1);
    let start = out.len();
    let (values, position) = key.locate(row);
    match values {
        Values::Bool(bits) => out.push(u8::from(bits.get(position))),
        Values::I16(lanes) => out.extend((lanes[position] ^ i16::MIN).to_be_bytes()),
        Values::I32(lanes) => out.extend((lanes[position] ^ i32::MIN).to_be_bytes()),
        Values::I64(lanes) => out.extend((lanes[position] ^ i64::MIN).to_be_bytes()),
        Values::Fixed64 { unscaled, .. } => out.extend((unscaled[position] ^ i64::MIN).to_be_bytes()),
        Values::Fixed128 { unscaled, .. } => out.extend((unscaled[position] ^ i128::MIN).to_be_bytes()),
        Values::F32(lanes) => out.extend(float_bits(f64::from(lanes[position])).to_be_bytes()),
        Values::F64(lanes) => out.extend(float_bits(lanes[position]).to_be_bytes()),
        Values::Wide(lanes) if physical_type(*ty) == PhysicalType::Uuid => {
            out.extend(lanes[position].to_be_bytes())
        }
        Values::Wide(lanes) => {
            let span = values::interval_span(&unpack_interval(lanes[position]));
            out.extend((span ^ i128::MIN).to_be_bytes());
        }
        Values::Views(views) => {
            let bytes = views.get(position);
            out.extend(if ty.oid == oids::BPCHAR { values::trim_blanks(bytes) } else { bytes });
            // Text has no zero bytes, so zero ends it before anything longer.
            out.push(0);
        }
    }
    if *descending {
        for byte in &mut out[start..] {
            *byte = !*byte;
        }
    }
}

/// Returns bits that order as PostgreSQL orders floats.
fn float_bits(value: f64) -> u64 {
    let bits = values::canonical_f64(value);
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn directions_of(keys: &[SortKey]) -> Vec<(TypeRef, bool, bool)> {
    keys.iter().map(|key| (key.expr.ty, key.descending, key.nulls_first)).collect()
}

/// Returns the rows' columns and their sorted positions.
fn sort_rows(
    run: &Run<'_>,
    rows: &RowSet,
    exprs: &[VectorExpr],
    directions: &Directions,
    types: &[TypeRef],
) -> Result<(Columns, Vec<u32>)> {
    let columns = rows.columns(types)?;
    let mut keys = Vec::with_capacity(exprs.len());
    for (expr, (ty, _, _)) in exprs.iter().zip(directions) {
        match expr.as_column().and_then(|column| columns.vectors.get(column)) {
            Some(vector) => keys.push(vector.clone()),
            None => {
                let parts =
                    rows.batches.iter().map(|batch| expr.evaluate(run, batch)).collect::<Result<Vec<_>>>()?;
                keys.push(concat(&parts.iter().collect::<Vec<_>>(), *ty)?);
            }
        }
    }
    let positions = sorted_positions(&keys, columns.len, directions, run.threads)?;
    Ok((columns, positions))
}

/// Pushes rows of `columns` in the order of `positions`.
pub(crate) fn push_positions(
    run: &Run<'_>,
    columns: &Columns,
    positions: &[u32],
    stage: &dyn Stage,
) -> Result<()> {
    const MORSEL_ROWS: usize = 32_768;
    let morsels = positions.len().div_ceil(MORSEL_ROWS);
    run_morsels(run.context, run.threads, morsels, stage, &|morsel, worker| {
        let end = positions.len().min((morsel + 1) * MORSEL_ROWS);
        for chunk in positions[morsel * MORSEL_ROWS..end].chunks(VECTOR_LANES) {
            run.context.cancel.check()?;
            if worker.push(columns.batch(chunk))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    })
}

/// Pushes the rows of `input` in order of `keys`.
pub(super) fn produce_sort(
    run: &Run<'_>,
    input: &PlanNode,
    keys: &[SortKey],
    stage: &dyn Stage,
) -> Result<()> {
    let rows = collect_rows(run, input)?;
    let exprs = VectorExpr::compile_all(run, keys.iter().map(|key| &key.expr))?;
    let (columns, positions) = sort_rows(run, &rows, &exprs, &directions_of(keys), &input.output)?;
    drop(rows);
    push_positions(run, &columns, &positions, stage)
}

/// Pushes the first rows of `input` in order of `keys`.
pub(super) fn produce_top(
    run: &Run<'_>,
    input: &PlanNode,
    keys: &[SortKey],
    limit: &Expr,
    offset: Option<&Expr>,
    stage: &dyn Stage,
) -> Result<()> {
    let skip = super::limit::count(run, offset, true)?.unwrap_or(0);
    let Some(limit) = super::limit::count(run, Some(limit), false)? else {
        return super::limit::produce_skipping(run, input, keys, skip, stage);
    };
    let wanted = usize::try_from(limit.saturating_add(skip)).unwrap_or(usize::MAX);
    if limit == 0 {
        return run_morsels(run.context, 1, 0, stage, &|_, _| Ok(Flow::Stop));
    }
    let top = Top {
        run,
        types: &input.output,
        keys: VectorExpr::compile_all(run, keys.iter().map(|key| &key.expr))?,
        directions: directions_of(keys),
        wanted,
        parts: Mutex::default(),
        base: Mutex::new((0, 0)),
    };
    produce_input(run, input, &top)?;
    let rows = top.gathered();
    let (columns, mut positions) = sort_rows(run, &rows, &top.keys, &top.directions, &input.output)?;
    positions.truncate(wanted);
    let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(positions.len());
    push_positions(run, &columns, &positions[skip..], stage)
}

struct Top<'a> {
    run: &'a Run<'a>,
    types: &'a [TypeRef],
    keys: Vec<VectorExpr>,
    directions: Vec<(TypeRef, bool, bool)>,
    wanted: usize,
    parts: Mutex<Vec<(usize, RowSet)>>,
    base: Mutex<(usize, usize)>,
}

/// A tuning constant: rows that a worker collects before it drops those behind the first ones.
const COLLECTED_ROWS: usize = 16_384;

impl Top<'_> {
    fn gathered(&self) -> RowSet {
        let mut parts = std::mem::take(&mut *self.parts.lock());
        parts.sort_by_key(|(morsel, _)| *morsel);
        RowSet { batches: parts.into_iter().flat_map(|(_, rows)| rows.batches).collect() }
    }
}

struct TopWorker<'a> {
    top: &'a Top<'a>,
    first_morsel: Option<usize>,
    rows: RowSet,
    held: usize,
    /// Keys of the last row that can still matter.
    threshold: Option<Vec<Datum>>,
}

impl Stage for Top<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(TopWorker {
            top: self,
            first_morsel: None,
            rows: RowSet::default(),
            held: 0,
            threshold: None,
        }))
    }
    fn begin_round(&self, morsels: usize) {
        let mut base = self.base.lock();
        *base = (base.1, base.1 + morsels);
    }
    fn serial(&self) -> bool {
        false
    }
}

impl TopWorker<'_> {
    fn shrink(&mut self) -> Result<()> {
        let top = self.top;
        let (columns, mut positions) = sort_rows(top.run, &self.rows, &top.keys, &top.directions, top.types)?;
        positions.truncate(top.wanted);
        let last = positions.last().copied();
        // Kept in the order they came, so that ties stay stable.
        positions.sort_unstable();
        self.rows.batches = positions.chunks(VECTOR_LANES).map(|chunk| columns.batch(chunk)).collect();
        self.held = positions.len();
        if let Some(last) = last.filter(|_| positions.len() == top.wanted) {
            let batch = columns.batch(&[last]);
            let row = top
                .keys
                .iter()
                .zip(&top.directions)
                .map(|(key, (ty, _, _))| datum_at(&key.evaluate(top.run, &batch)?, 0, *ty))
                .collect::<Result<Vec<_>>>()?;
            self.threshold = Some(row);
        }
        Ok(())
    }

    /// Drops the rows that lie behind the threshold by their first key.
    fn cut(&self, mut batch: Batch) -> Result<Batch> {
        let top = self.top;
        let (Some(threshold), Some(first), Some(direction)) =
            (&self.threshold, top.keys.first(), top.directions.first())
        else {
            return Ok(batch);
        };
        let key = first.evaluate(top.run, &batch)?;
        let mut kept = Vec::with_capacity(64);
        let mut test = |lane: u16| -> Result<()> {
            let value = datum_at(&key, usize::from(lane), direction.0)?;
            let order = compare_keys(
                std::slice::from_ref(&value),
                threshold.get(..1).unwrap_or_default(),
                std::slice::from_ref(direction),
            );
            if order != Ordering::Greater {
                kept.push(lane);
            }
            Ok(())
        };
        match &batch.selection {
            Some(selection) => selection.iter().try_for_each(|&lane| test(lane))?,
            None => (0..batch.len as u16).try_for_each(test)?,
        }
        batch.selection = Some(Arc::from(kept));
        Ok(batch)
    }
}

impl Worker for TopWorker<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.first_morsel.get_or_insert(self.top.base.lock().0 + index);
        Ok(())
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        self.top.run.context.cancel.check()?;
        let batch = self.cut(batch)?.compact();
        if batch.len == 0 {
            return Ok(Flow::Continue);
        }
        self.top.run.context.memory.grow(super::collect::batch_bytes(&batch))?;
        self.held += batch.len;
        self.rows.batches.push(batch);
        if self.held >= self.top.wanted.saturating_mul(2).max(COLLECTED_ROWS) {
            let before: u64 = self.rows.batches.iter().map(super::collect::batch_bytes).sum();
            self.shrink()?;
            let after: u64 = self.rows.batches.iter().map(super::collect::batch_bytes).sum();
            self.top.run.context.memory.shrink(before.saturating_sub(after));
        }
        Ok(Flow::Continue)
    }
    fn finish(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.rows);
        self.top.parts.lock().push((self.first_morsel.unwrap_or(0), rows));
        Ok(())
    }
}
