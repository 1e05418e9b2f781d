//! The probe side of a hash join, as one worker runs it.

use std::sync::Arc;

use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector};
use types::Result;

use super::{Join, keys};
use crate::batch::Batch;
use crate::convert::{datum_at, null_vector};
use crate::operators::rowset::gather;
use crate::operators::{Flow, Worker};
use crate::plan::JoinKind;
use crate::rows::RowEvaluator;
use crate::values;

pub(super) struct Prober<'a> {
    join: &'a Join<'a>,
    next: Box<dyn Worker + 'a>,
    words: Vec<(u32, u64)>,
    null_lanes: Vec<u32>,
}

/// Candidate pairs of a batch, by lane.
struct Pairs {
    lanes: Vec<u16>,
    rows: Vec<u32>,
}

impl<'a> Prober<'a> {
    pub(super) fn new(join: &'a Join<'a>) -> Result<Self> {
        Ok(Self { join, next: join.next.worker()?, words: Vec::new(), null_lanes: Vec::new() })
    }

    /// Finds the pairs of `batch` that satisfy keys and residual.
    fn pairs(&mut self, batch: &Batch, key_vectors: &[Vector]) -> Result<Pairs> {
        let join = self.join;
        let lanes: Vec<(u16, u64)> = self.words.iter().map(|(lane, word)| (*lane as u16, *word)).collect();
        let mut pairs =
            Pairs { lanes: Vec::with_capacity(lanes.len()), rows: Vec::with_capacity(lanes.len()) };
        join.table.probe(&lanes, &mut pairs.lanes, &mut pairs.rows);
        if !join.encoder.exact() {
            let mut kept = 0;
            for index in 0..pairs.lanes.len() {
                let (lane, row) = (pairs.lanes[index], pairs.rows[index]);
                if keys::equal(
                    key_vectors,
                    usize::from(lane),
                    &join.build_keys,
                    row as usize,
                    &join.key_types,
                )? {
                    pairs.lanes[kept] = lane;
                    pairs.rows[kept] = row;
                    kept += 1;
                }
            }
            pairs.lanes.truncate(kept);
            pairs.rows.truncate(kept);
        }
        if join.residual.is_some() { self.residual(batch, pairs) } else { Ok(pairs) }
    }

    fn residual(&self, batch: &Batch, pairs: Pairs) -> Result<Pairs> {
        let join = self.join;
        let Some(residual) = &join.residual else { return Ok(pairs) };
        let mut kept = Pairs { lanes: Vec::new(), rows: Vec::new() };
        for (lanes, rows) in pairs.lanes.chunks(VECTOR_LANES).zip(pairs.rows.chunks(VECTOR_LANES)) {
            join.run.context.cancel.check()?;
            let placeholder = Vector::constant(Values::Bool(Bitmap::zeros(1)), lanes.len());
            let width = join.residual_columns.last().map_or(0, |last| last + 1);
            let mut columns = vec![placeholder; width];
            for &position in &join.residual_columns {
                columns[position] = self.candidate_column(batch, position, lanes, rows);
            }
            let candidates = Batch { columns, len: lanes.len(), selection: None };
            match residual.filter(join.run, &candidates)? {
                None => {
                    kept.lanes.extend_from_slice(lanes);
                    kept.rows.extend_from_slice(rows);
                }
                Some(selection) => {
                    kept.lanes.extend(selection.iter().map(|&index| lanes[usize::from(index)]));
                    kept.rows.extend(selection.iter().map(|&index| rows[usize::from(index)]));
                }
            }
        }
        Ok(kept)
    }

    fn candidate_column(&self, batch: &Batch, position: usize, lanes: &[u16], rows: &[u32]) -> Vector {
        let width = self.join.probe_types.len();
        match batch.columns.get(position) {
            Some(column) if position < width => column.gather(lanes),
            Some(_) | None => gather(&self.join.rows.vectors[position - width], rows),
        }
    }

    /// Pushes pairs.
    fn push_pairs(&mut self, batch: &Batch, pairs: &Pairs) -> Result<Flow> {
        let whole = pairs.lanes.len() == batch.len
            && pairs.lanes.iter().enumerate().all(|(index, lane)| index == usize::from(*lane));
        for (lanes, rows) in pairs.lanes.chunks(VECTOR_LANES).zip(pairs.rows.chunks(VECTOR_LANES)) {
            self.join.run.context.cancel.check()?;
            let width = self.join.probe_types.len();
            let columns = self
                .join
                .plan
                .projection
                .iter()
                .map(|&position| match batch.columns.get(position) {
                    Some(column) if whole && position < width => column.clone(),
                    _ => self.candidate_column(batch, position, lanes, rows),
                })
                .collect();
            if self.next.push(Batch::new(columns, lanes.len()))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    /// Pushes probe lanes with NULLs for the build side.
    fn push_unmatched(&mut self, batch: &Batch, lanes: Vec<u16>) -> Result<Flow> {
        if lanes.is_empty() {
            return Ok(Flow::Continue);
        }
        let width = self.join.probe_types.len();
        let columns = self
            .join
            .plan
            .projection
            .iter()
            .map(|&position| match batch.columns.get(position) {
                Some(column) if position < width => column.gather(&lanes),
                Some(_) | None => null_vector(self.join.build_types[position - width], lanes.len()),
            })
            .collect();
        self.next.push(Batch::new(columns, lanes.len()))
    }

    /// Pushes some probe lanes as they are (semi and anti joins return probe columns only).
    fn push_lanes(&mut self, batch: &Batch, lanes: Vec<u16>) -> Result<Flow> {
        if lanes.is_empty() {
            return Ok(Flow::Continue);
        }
        let columns =
            self.join.plan.projection.iter().map(|&position| batch.columns[position].clone()).collect();
        let selection: Option<Arc<[u16]>> = if lanes.len() == batch.len { None } else { Some(lanes.into()) };
        let projected = Batch { columns, len: batch.len, selection };
        // A thin selection is not worth carrying on.
        let projected = if projected.rows() * 2 < projected.len { projected.compact() } else { projected };
        self.next.push(projected)
    }

    /// Returns the lanes that have a partner.
    fn matched(&mut self, batch: &Batch, key_vectors: &[Vector]) -> Result<Vec<bool>> {
        let mut matched = vec![false; batch.len];
        if self.join.encoder.exact() && self.join.residual.is_none() {
            let lanes: Vec<(u16, u64)> =
                self.words.iter().map(|(lane, word)| (*lane as u16, *word)).collect();
            let mut found = Vec::with_capacity(lanes.len());
            self.join.table.probe_exists(&lanes, &mut found);
            for lane in found {
                matched[usize::from(lane)] = true;
            }
        } else {
            for lane in self.pairs(batch, key_vectors)?.lanes {
                matched[usize::from(lane)] = true;
            }
        }
        Ok(matched)
    }

    /// Returns the lanes without partner whose comparison with some build row is unknown.
    fn unknown(&self, batch: &Batch, key_vectors: &[Vector], matched: &[bool]) -> Result<Vec<bool>> {
        let join = self.join;
        let mut unknown = vec![false; batch.len];
        if join.rows.len == 0 {
            return Ok(unknown);
        }
        let single = join.plan.keys.len() == 1 && join.plan.residual.is_none();
        let null_lane = |lane: usize| key_vectors.iter().any(|key| key.is_null(lane));
        for &lane in live_lanes(batch).iter() {
            let lane = usize::from(lane);
            if matched[lane] {
                continue;
            }
            let has_null = null_lane(lane);
            if single {
                unknown[lane] = has_null || !join.null_rows.is_empty();
                continue;
            }
            let all = 0..join.rows.len as u32;
            unknown[lane] = if has_null {
                self.any_unknown(batch, key_vectors, lane, &mut all.into_iter())?
            } else {
                self.any_unknown(batch, key_vectors, lane, &mut join.null_rows.iter().copied())?
            };
        }
        Ok(unknown)
    }

    /// Returns whether comparing `lane` with one of `rows` is unknown: no key pair differs, some has a NULL.
    fn any_unknown(
        &self,
        batch: &Batch,
        key_vectors: &[Vector],
        lane: usize,
        rows: &mut dyn Iterator<Item = u32>,
    ) -> Result<bool> {
        let join = self.join;
        'rows: for row in rows {
            for ((left, right), ty) in key_vectors.iter().zip(&join.build_keys.vectors).zip(&join.key_types) {
                let (left, right) = (datum_at(left, lane, *ty)?, datum_at(right, row as usize, *ty)?);
                if !left.is_null() && !right.is_null() && values::compare(&left, &right, *ty).is_ne() {
                    continue 'rows;
                }
            }
            let Some(residual) = &join.plan.residual else { return Ok(true) };
            let mut candidate = Vec::with_capacity(join.probe_types.len() + join.build_types.len());
            for (column, ty) in batch.columns.iter().zip(&join.probe_types) {
                candidate.push(datum_at(column, lane, *ty)?);
            }
            candidate.extend(join.rows.row(row as usize, &join.build_types)?);
            if RowEvaluator::new(join.run).is_true(residual, &candidate)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn push_marks(&mut self, batch: &Batch, matched: &[bool], unknown: Option<Vec<bool>>) -> Result<Flow> {
        let values = Values::Bool(Bitmap::from_bools(matched.iter().copied()));
        let validity = unknown
            .filter(|unknown| unknown.contains(&true))
            .map(|unknown| Bitmap::from_bools(unknown.into_iter().map(|unknown| !unknown)));
        let mark = Vector::flat(values, validity);
        let (width, build_width) = (self.join.probe_types.len(), self.join.build_types.len());
        let columns = self
            .join
            .plan
            .projection
            .iter()
            .map(|&position| {
                if position < width {
                    batch.columns[position].clone()
                } else if position == width + build_width || position == width {
                    mark.clone()
                } else {
                    null_vector(self.join.build_types[position - width], batch.len)
                }
            })
            .collect();
        self.next.push(Batch { columns, len: batch.len, selection: batch.selection.clone() })
    }
}

/// Returns the live lanes of a batch.
fn live_lanes(batch: &Batch) -> Arc<[u16]> {
    match &batch.selection {
        Some(selection) => Arc::clone(selection),
        None => (0..batch.len as u16).collect(),
    }
}

impl Worker for Prober<'_> {
    fn begin_morsel(&mut self, index: usize) -> Result<()> {
        self.next.begin_morsel(index)
    }

    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let join = self.join;
        let key_vectors =
            join.probe_keys.iter().map(|key| key.evaluate(join.run, &batch)).collect::<Result<Vec<_>>>()?;
        self.words.clear();
        self.null_lanes.clear();
        match &batch.selection {
            Some(selection) => {
                let mut lanes = selection.iter().map(|&lane| usize::from(lane));
                join.encoder.words(&key_vectors, &mut lanes, &mut self.words, &mut self.null_lanes)?;
            }
            None => {
                join.encoder.words(
                    &key_vectors,
                    &mut (0..batch.len),
                    &mut self.words,
                    &mut self.null_lanes,
                )?;
            }
        }
        match join.plan.kind {
            JoinKind::Inner => {
                let pairs = self.pairs(&batch, &key_vectors)?;
                self.push_pairs(&batch, &pairs)
            }
            JoinKind::ProbeOuter | JoinKind::FullOuter | JoinKind::BuildOuter | JoinKind::ProbeSingle => {
                self.push_outer(&batch, &key_vectors)
            }
            JoinKind::ProbeSemi | JoinKind::ProbeAnti => {
                let matched = self.matched(&batch, &key_vectors)?;
                let semi = join.plan.kind == JoinKind::ProbeSemi;
                let unknown = match join.plan.null_aware && !semi {
                    true => Some(self.unknown(&batch, &key_vectors, &matched)?),
                    false => None,
                };
                let kept = live_lanes(&batch)
                    .iter()
                    .copied()
                    .filter(|&lane| {
                        let lane = usize::from(lane);
                        matched[lane] == semi && !unknown.as_ref().is_some_and(|unknown| unknown[lane])
                    })
                    .collect();
                self.push_lanes(&batch, kept)
            }
            JoinKind::BuildSemi | JoinKind::BuildAnti => {
                for row in self.pairs(&batch, &key_vectors)?.rows {
                    join.mark(row);
                }
                Ok(Flow::Continue)
            }
            JoinKind::ProbeMark => {
                let matched = self.matched(&batch, &key_vectors)?;
                let unknown = match join.plan.null_aware {
                    true => Some(self.unknown(&batch, &key_vectors, &matched)?),
                    false => None,
                };
                self.push_marks(&batch, &matched, unknown)
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.next.finish()
    }
}

impl Prober<'_> {
    fn push_outer(&mut self, batch: &Batch, key_vectors: &[Vector]) -> Result<Flow> {
        let join = self.join;
        let pairs = self.pairs(batch, key_vectors)?;
        if join.plan.kind == JoinKind::ProbeSingle && pairs.lanes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(crate::rows::more_than_one_row());
        }
        if matches!(join.plan.kind, JoinKind::BuildOuter | JoinKind::FullOuter) {
            for &row in &pairs.rows {
                join.mark(row);
            }
        }
        if join.plan.kind == JoinKind::BuildOuter {
            return self.push_pairs(batch, &pairs);
        }
        let mut matched = vec![false; batch.len];
        for &lane in &pairs.lanes {
            matched[usize::from(lane)] = true;
        }
        let open: Vec<u16> =
            live_lanes(batch).iter().copied().filter(|&lane| !matched[usize::from(lane)]).collect();
        if open.is_empty() {
            self.push_pairs(batch, &pairs)
        } else if pairs.lanes.is_empty() {
            self.push_unmatched(batch, open)
        } else {
            self.push_padded(batch, &padded(pairs, &open))
        }
    }

    /// Pushes pairs of which some have no row of the build side, in the order of the lanes.
    fn push_padded(&mut self, batch: &Batch, pairs: &Pairs) -> Result<Flow> {
        let width = self.join.probe_types.len();
        for (lanes, rows) in pairs.lanes.chunks(VECTOR_LANES).zip(pairs.rows.chunks(VECTOR_LANES)) {
            self.join.run.context.cancel.check()?;
            let any: Vec<u32> = rows.iter().map(|&row| if row == NO_ROW { 0 } else { row }).collect();
            let is_there = Bitmap::from_bools(rows.iter().map(|&row| row != NO_ROW));
            let column = |&position: &usize| {
                if position < width {
                    return self.candidate_column(batch, position, lanes, rows);
                }
                let found = self.candidate_column(batch, position, lanes, &any);
                let validity = match &found.validity {
                    None => is_there.clone(),
                    Some(valid) => {
                        Bitmap::from_bools((0..rows.len()).map(|at| is_there.get(at) && valid.get(at)))
                    }
                };
                Vector::flat(found.values().clone(), Some(validity))
            };
            let columns = self.join.plan.projection.iter().map(column).collect();
            if self.next.push(Batch::new(columns, lanes.len()))? == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
}

/// Stands for a row of the build side where a lane has none.
const NO_ROW: u32 = u32::MAX;

/// Adds lanes without partner to pairs, in the order of the lanes.
fn padded(pairs: Pairs, open: &[u16]) -> Pairs {
    let matched = pairs.lanes.into_iter().zip(pairs.rows);
    let mut all: Vec<(u16, u32)> = matched.chain(open.iter().map(|&lane| (lane, NO_ROW))).collect();
    all.sort_by_key(|(lane, _)| *lane);
    let (lanes, rows) = all.into_iter().unzip();
    Pairs { lanes, rows }
}
