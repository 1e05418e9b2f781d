//! Hash join.
//!
//! *Build*: all rows of the build side are held as whole columns in row order; their keys become words
//! ([`keys`]) and the words a table ([`table`]). Runtime filters are published before the probe side starts.
//! *Probe*: a batch's keys become words, the table gives candidate pairs (lane, row), the residual condition
//! thins them out, and the kind of join decides what is pushed; only projected columns are gathered. *Rest*:
//! kinds that return build rows without partner mark the rows that had one, and push the others at the end.
//! Workers share the finished table read-only; marks are atomic bits.

mod filter;
mod keys;
mod probe;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernels::vector::Vector;
use types::{Result, TypeRef};

use super::rowset::Columns;
use super::{Flow, Stage, Worker, collect_rows, produce as produce_input};
use crate::batch::Batch;
use crate::convert::null_vector;
use crate::execute::Run;
use crate::plan::{HashJoin, JoinKind, PlanNode};
use crate::vectors::VectorExpr;

pub(crate) use keys::{hash_bytes, key_bytes};
pub(crate) use table::hash_word;

/// The build side and what the probing workers need.
pub(super) struct Join<'a> {
    run: &'a Run<'a>,
    plan: &'a HashJoin,
    rows: Columns,
    build_keys: Columns,
    key_types: Vec<TypeRef>,
    encoder: keys::Encoder,
    table: table::Table,
    /// Build rows with a NULL in a key.
    null_rows: Vec<u32>,
    probe_keys: Vec<VectorExpr>,
    residual: Option<VectorExpr>,
    residual_columns: Vec<usize>,
    probe_types: Vec<TypeRef>,
    build_types: Vec<TypeRef>,
    /// Bits of build rows that had a partner.
    marks: Vec<AtomicU64>,
    next: &'a dyn Stage,
}

/// Pushes the rows of a join.
pub(super) fn produce(run: &Run<'_>, _node: &PlanNode, plan: &HashJoin, stage: &dyn Stage) -> Result<()> {
    for (number, _) in &plan.runtime_filters {
        run.runtime_filters.withdraw(*number);
    }
    let join = Join::build(run, plan, stage)?;
    for (number, position) in &plan.runtime_filters {
        if let Some(key) = join.build_keys.vectors.get(*position)
            && let Some(filter) = filter::IntegerFilter::new(key)
        {
            run.runtime_filters.publish(*number, Arc::new(filter));
        }
    }
    let needs_build = match plan.kind {
        JoinKind::Inner
        | JoinKind::BuildOuter
        | JoinKind::ProbeSemi
        | JoinKind::BuildSemi
        | JoinKind::BuildAnti => true,
        JoinKind::ProbeOuter
        | JoinKind::FullOuter
        | JoinKind::ProbeAnti
        | JoinKind::ProbeMark
        | JoinKind::ProbeSingle => false,
    };
    if join.rows.len > 0 || !needs_build {
        produce_input(run, &plan.probe, &join)?;
    } else {
        // Nothing can match: the probe side is not run.
        super::run_morsels(run.context, 1, 0, stage, &|_, _| Ok(Flow::Stop))?;
    }
    join.push_rest()
}

impl<'a> Join<'a> {
    fn build(run: &'a Run<'a>, plan: &'a HashJoin, next: &'a dyn Stage) -> Result<Self> {
        let held = collect_rows(run, &plan.build)?;
        let rows = held.columns(&plan.build.output)?;
        let key_types: Vec<TypeRef> = plan.keys.iter().map(|key| key.build.ty).collect();
        let exprs = VectorExpr::compile_all(run, plan.keys.iter().map(|key| &key.build))?;
        let mut parts: Vec<Vec<Vector>> = vec![Vec::new(); exprs.len()];
        let mut vectors = Vec::with_capacity(exprs.len());
        for (index, expr) in exprs.iter().enumerate() {
            if let Some(column) = expr.as_column()
                && let Some(vector) = rows.vectors.get(column)
            {
                vectors.push(vector.clone());
                continue;
            }
            for batch in &held.batches {
                parts[index].push(expr.evaluate(run, batch)?);
            }
            let all: Vec<&Vector> = parts[index].iter().collect();
            vectors.push(super::rowset::concat(&all, key_types[index])?);
        }
        let build_keys = Columns { vectors, len: rows.len };
        drop(held);
        let nulls_equal: Vec<bool> = plan.keys.iter().map(|key| key.nulls_equal).collect();
        let encoder = keys::Encoder::choose(&build_keys, &key_types, &nulls_equal);
        let mut pairs = Vec::with_capacity(rows.len);
        let mut null_rows = Vec::new();
        encoder.words(&build_keys.vectors, &mut (0..rows.len), &mut pairs, &mut null_rows)?;
        let words: Vec<u64> = pairs.iter().map(|(_, word)| *word).collect();
        let positions: Vec<u32> = pairs.iter().map(|(row, _)| *row).collect();
        drop(pairs);
        run.context.cancel.check()?;
        let table = table::Table::build(&words, &positions, encoder.domain());
        run.context.memory.grow(table.bytes())?;
        let marks = if marks_build(plan.kind) {
            (0..rows.len.div_ceil(64)).map(|_| AtomicU64::new(0)).collect()
        } else {
            Vec::new()
        };
        let residual = match &plan.residual {
            Some(residual) => Some(VectorExpr::compile(run, residual)?),
            None => None,
        };
        let residual_columns = plan.residual.as_ref().map(crate::vectors::columns_of).unwrap_or_default();
        Ok(Self {
            run,
            plan,
            rows,
            build_keys,
            key_types,
            encoder,
            table,
            null_rows,
            probe_keys: VectorExpr::compile_all(run, plan.keys.iter().map(|key| &key.probe))?,
            residual,
            residual_columns,
            probe_types: plan.probe.output.clone(),
            build_types: plan.build.output.clone(),
            marks,
            next,
        })
    }

    fn mark(&self, row: u32) {
        let (word, bit) = (row as usize / 64, 1u64 << (row % 64));
        // Most rows are marked again and again; a load is cheaper than a locked write.
        if self.marks[word].load(Ordering::Relaxed) & bit == 0 {
            self.marks[word].fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Pushes the build rows that the kind of join returns after the probe.
    fn push_rest(&self) -> Result<()> {
        let wanted = match self.plan.kind {
            JoinKind::BuildOuter | JoinKind::FullOuter | JoinKind::BuildAnti => false,
            JoinKind::BuildSemi => true,
            JoinKind::Inner
            | JoinKind::ProbeOuter
            | JoinKind::ProbeSemi
            | JoinKind::ProbeAnti
            | JoinKind::ProbeMark
            | JoinKind::ProbeSingle => return Ok(()),
        };
        let marked = |row: usize| self.marks[row / 64].load(Ordering::Relaxed) >> (row % 64) & 1 == 1;
        let rows: Vec<u32> =
            (0..self.rows.len).filter(|&row| marked(row) == wanted).map(|row| row as u32).collect();
        const MORSEL_ROWS: usize = 32_768;
        let morsels = rows.len().div_ceil(MORSEL_ROWS);
        super::run_morsels(self.run.context, self.run.threads, morsels, self.next, &|morsel, worker| {
            let end = rows.len().min((morsel + 1) * MORSEL_ROWS);
            for chunk in rows[morsel * MORSEL_ROWS..end].chunks(kernels::vector::VECTOR_LANES) {
                if worker.push(self.build_batch(chunk))? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            Ok(Flow::Continue)
        })
    }

    /// Returns projected rows of the build side with NULLs for the probe side.
    fn build_batch(&self, rows: &[u32]) -> Batch {
        let probe_width = self.probe_types.len();
        let columns = self
            .plan
            .projection
            .iter()
            .map(|&position| match self.probe_types.get(position) {
                Some(ty) => null_vector(*ty, rows.len()),
                None => super::rowset::gather(&self.rows.vectors[position - probe_width], rows),
            })
            .collect();
        Batch::new(columns, rows.len())
    }
}

fn marks_build(kind: JoinKind) -> bool {
    match kind {
        JoinKind::BuildOuter | JoinKind::FullOuter | JoinKind::BuildSemi | JoinKind::BuildAnti => true,
        JoinKind::Inner
        | JoinKind::ProbeOuter
        | JoinKind::ProbeSemi
        | JoinKind::ProbeAnti
        | JoinKind::ProbeMark
        | JoinKind::ProbeSingle => false,
    }
}

impl Stage for Join<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        Ok(Box::new(probe::Prober::new(self)?))
    }
    fn begin_round(&self, morsels: usize) {
        self.next.begin_round(morsels);
    }
    fn serial(&self) -> bool {
        self.next.serial()
    }
    fn singly(&self) -> bool {
        self.next.singly()
    }
}
