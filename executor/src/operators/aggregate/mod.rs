//! Hash aggregation.
//!
//! Each worker finds groups ([`groups`]) and keeps the states of all calls for them ([`accumulate`]); calls with
//! DISTINCT or ORDER BY keep their rows per group instead ([`ordered`]) and run when the group is finished. The
//! workers' groups are merged into one at the end, in worker order; aggregates whose result depends on the
//! order of rows run on one worker. Grouping sets aggregate each set apart, over one pass.

mod accumulate;
mod dense;
mod groups;
mod intern;
mod ordered;

use std::sync::Arc;

use kernels::vector::{VECTOR_LANES, Values, Vector};
use parking_lot::Mutex;
use types::{Result, TypeRef};

use super::{Flow, Stage, Worker, produce as produce_input, run_morsels};
use crate::aggregates::{Signature, order_matters};
use crate::batch::Batch;
use crate::convert::null_vector;
use crate::execute::{FallbackReason, Run};
use crate::plan::{Aggregate, AggregateCall, PlanNode};
use crate::vectors::VectorExpr;
use accumulate::{Accumulator, Rows};
use dense::{DenseLanes, DenseRows};
use groups::Groups;

/// An aggregate call that is ready to run.
struct Call {
    signature: Signature,
    args: Vec<VectorExpr>,
    filter: Option<VectorExpr>,
    ordered: Option<ordered::Order>,
}

struct Aggregation<'a> {
    run: &'a Run<'a>,
    keys: Vec<VectorExpr>,
    key_types: Vec<TypeRef>,
    /// Keys of each grouping set.
    sets: Vec<Vec<usize>>,
    calls: Vec<Call>,
    serial: bool,
    parts: Mutex<Vec<Vec<Part>>>,
}

/// Groups and states of one grouping set.
struct Part {
    groups: Groups,
    states: Vec<State>,
}

enum State {
    Plain(Accumulator),
    Ordered(ordered::Buffer),
}

/// Pushes one row for each group.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Aggregate, stage: &dyn Stage) -> Result<()> {
    let calls = plan.calls.iter().map(|call| Call::new(run, call)).collect::<Result<Vec<_>>>()?;
    let sets = match &plan.sets {
        Some(sets) => sets.clone(),
        None => vec![(0..plan.keys.len()).collect()],
    };
    let aggregation = Aggregation {
        run,
        keys: VectorExpr::compile_all(run, &plan.keys)?,
        key_types: plan.keys.iter().map(|key| key.ty).collect(),
        sets,
        serial: calls.iter().any(|call| call.ordered.is_none() && order_matters(&call.signature)),
        calls,
        parts: Mutex::default(),
    };
    if aggregation.calls.iter().any(|call| call.ordered.is_some()) {
        run.note_row_form(node.id, FallbackReason::RowOperator);
    }
    produce_input(run, &plan.input, &aggregation)?;
    let parts = aggregation.merge()?;
    aggregation.push(node, &parts, plan.sets.is_some(), stage)
}

impl Call {
    fn new(run: &Run<'_>, call: &AggregateCall) -> Result<Self> {
        let signature = Signature {
            name: call.function.name.to_string(),
            args: call.args.iter().map(|arg| arg.ty).collect(),
            result: call.ty,
            io: run.context.session.io().clone().into(),
        };
        let set = match call.within_group() {
            true => Some(ordered::Set::new(run, &signature.name, &call.direct_args)?),
            false => None,
        };
        if set.is_none() {
            crate::aggregates::create(&signature)?;
        }
        // The order of rows is nothing to aggregates that do not look at it.
        let order_by: &[_] = if set.is_some() || order_matters(&signature) { &call.order_by } else { &[] };
        // DISTINCT changes neither the least nor the greatest value.
        let distinct = call.distinct && !matches!(signature.name.as_str(), "min" | "max");
        let ordered = if distinct || !order_by.is_empty() {
            Some(ordered::Order::new(run, distinct, order_by, &signature.args, set)?)
        } else {
            None
        };
        let filter = match &call.filter {
            Some(filter) => Some(VectorExpr::compile(run, filter)?),
            None => None,
        };
        Ok(Self { signature, args: VectorExpr::compile_all(run, &call.args)?, filter, ordered })
    }
}

impl Aggregation<'_> {
    fn new_part(&self, set: &[usize]) -> Result<Part> {
        let types: Vec<TypeRef> = set.iter().map(|&key| self.key_types[key]).collect();
        let states = self
            .calls
            .iter()
            .map(|call| {
                Ok(match &call.ordered {
                    Some(_) => State::Ordered(ordered::Buffer::default()),
                    None => State::Plain(Accumulator::new(&call.signature)?),
                })
            })
            .collect::<Result<_>>()?;
        let mut part = Part { groups: Groups::new(&types), states };
        if set.is_empty() && self.key_types.is_empty() || set.is_empty() {
            // Without keys there is one group, rows or not.
            let mut one = Vec::new();
            part.groups.assign(&[], &[0], &mut one)?;
            part.resize()?;
        }
        Ok(part)
    }

    /// Joins the workers' parts, in worker order.
    fn merge(&self) -> Result<Vec<Part>> {
        let mut workers = std::mem::take(&mut *self.parts.lock()).into_iter();
        let Some(mut parts) = workers.next() else {
            return self.sets.iter().map(|set| self.new_part(set)).collect();
        };
        for worker in workers {
            self.run.context.cancel.check()?;
            for (mine, theirs) in parts.iter_mut().zip(worker) {
                mine.absorb(theirs)?;
            }
        }
        Ok(parts)
    }

    fn push(&self, node: &PlanNode, parts: &[Part], numbered: bool, stage: &dyn Stage) -> Result<()> {
        const MORSEL_GROUPS: usize = 32_768;
        let mut morsels = Vec::new();
        for (set, part) in parts.iter().enumerate() {
            for start in (0..part.groups.len()).step_by(MORSEL_GROUPS) {
                morsels.push((set, start..part.groups.len().min(start + MORSEL_GROUPS)));
            }
        }
        run_morsels(self.run.context, self.run.threads, morsels.len(), stage, &|morsel, worker| {
            let (set, range) = &morsels[morsel];
            for start in range.clone().step_by(VECTOR_LANES) {
                self.run.context.cancel.check()?;
                let groups = start..range.end.min(start + VECTOR_LANES);
                let batch = self.batch(node, &parts[*set], *set, groups, numbered)?;
                if worker.push(batch)? == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            Ok(Flow::Continue)
        })
    }

    fn batch(
        &self,
        node: &PlanNode,
        part: &Part,
        set: usize,
        groups: std::ops::Range<usize>,
        numbered: bool,
    ) -> Result<Batch> {
        let len = groups.len();
        let mut columns = Vec::with_capacity(node.output.len());
        for (key, ty) in self.key_types.iter().enumerate() {
            columns.push(match self.sets[set].iter().position(|member| *member == key) {
                Some(index) => part.groups.key(index, groups.clone())?,
                None => null_vector(*ty, len),
            });
        }
        for (state, call) in part.states.iter().zip(&self.calls) {
            columns.push(match (state, &call.ordered) {
                (State::Ordered(buffer), Some(order)) => {
                    buffer.finish(groups.clone(), order, &call.signature)?
                }
                (State::Plain(accumulator), _) => {
                    accumulator.finish(groups.clone(), call.signature.result)?
                }
                (State::Ordered(_), None) => null_vector(call.signature.result, len),
            });
        }
        if numbered {
            let lanes = match node.output.last().map(|ty| crate::convert::physical_type(*ty)) {
                Some(types::PhysicalType::I64) => Values::I64(vec![set as i64].into()),
                Some(_) | None => Values::I32(vec![set as i32].into()),
            };
            columns.push(Vector::constant(lanes, len));
        }
        Ok(Batch::new(columns, len))
    }
}

impl Part {
    fn resize(&mut self) -> Result<()> {
        let len = self.groups.len();
        for state in &mut self.states {
            match state {
                State::Plain(accumulator) => accumulator.resize(len)?,
                State::Ordered(buffer) => buffer.resize(len),
            }
        }
        Ok(())
    }

    fn absorb(&mut self, other: Self) -> Result<()> {
        let groups = self.groups.absorb(&other.groups);
        self.resize()?;
        for (mine, theirs) in self.states.iter_mut().zip(other.states) {
            match (mine, theirs) {
                (State::Plain(mine), State::Plain(theirs)) => mine.merge(&theirs, &groups)?,
                (State::Ordered(mine), State::Ordered(theirs)) => mine.absorb(theirs, &groups),
                (State::Plain(_) | State::Ordered(_), _) => {}
            }
        }
        Ok(())
    }
}

struct AggregateWorker<'a> {
    aggregation: &'a Aggregation<'a>,
    parts: Vec<Part>,
    all_lanes: Arc<[u16]>,
    charged: u64,
}

impl Stage for Aggregation<'_> {
    fn worker(&self) -> Result<Box<dyn Worker + '_>> {
        let parts = self.sets.iter().map(|set| self.new_part(set)).collect::<Result<_>>()?;
        let all_lanes = (0..VECTOR_LANES as u16).collect();
        Ok(Box::new(AggregateWorker { aggregation: self, parts, all_lanes, charged: 0 }))
    }
    fn begin_round(&self, _morsels: usize) {}
    fn serial(&self) -> bool {
        self.serial
    }
}

impl Worker for AggregateWorker<'_> {
    fn begin_morsel(&mut self, _index: usize) -> Result<()> {
        Ok(())
    }
    fn push(&mut self, batch: Batch) -> Result<Flow> {
        let aggregation = self.aggregation;
        let run = aggregation.run;
        run.context.cancel.check()?;
        let lanes = match &batch.selection {
            Some(selection) => Arc::clone(selection),
            None if batch.len <= VECTOR_LANES => Arc::clone(&self.all_lanes),
            None => (0..batch.len as u16).collect(),
        };
        let lanes = if batch.selection.is_some() { &lanes[..] } else { &lanes[..batch.len] };
        let keys =
            aggregation.keys.iter().map(|key| key.evaluate(run, &batch)).collect::<Result<Vec<_>>>()?;
        let dense_lanes = DenseLanes::new(&batch);
        let mut groups: Vec<Vec<u32>> = Vec::with_capacity(self.parts.len());
        for (part, set) in self.parts.iter_mut().zip(&aggregation.sets) {
            let members: Vec<Vector> = set.iter().map(|&key| keys[key].clone()).collect();
            let mut out = Vec::with_capacity(lanes.len());
            if members.is_empty() {
                out.resize(lanes.len(), 0);
            } else {
                part.groups.assign(&members, lanes, &mut out)?;
            }
            part.resize()?;
            groups.push(out);
        }
        let dense: Vec<Option<DenseRows<'_>>> = groups
            .iter()
            .zip(&self.parts)
            .map(|(groups, part)| dense_lanes.as_ref()?.rows(lanes, groups, part.groups.len()))
            .collect();
        for (index, call) in aggregation.calls.iter().enumerate() {
            self.update_call(index, call, &batch, lanes, &groups, &dense)?;
        }
        self.charge()?;
        Ok(Flow::Continue)
    }
    fn finish(&mut self) -> Result<()> {
        self.aggregation.parts.lock().push(std::mem::take(&mut self.parts));
        Ok(())
    }
}

impl AggregateWorker<'_> {
    fn update_call(
        &mut self,
        index: usize,
        call: &Call,
        batch: &Batch,
        lanes: &[u16],
        groups: &[Vec<u32>],
        dense: &[Option<DenseRows<'_>>],
    ) -> Result<()> {
        let run = self.aggregation.run;
        let mut narrowed = None;
        if let Some(filter) = &call.filter
            && let Some(selection) = filter.filter(run, batch)?
        {
            if selection.is_empty() {
                return Ok(());
            }
            narrowed = Some(Batch { selection: Some(selection), ..batch.clone() });
        }
        let batch = narrowed.as_ref().unwrap_or(batch);
        let args = call.args.iter().map(|arg| arg.evaluate(run, batch)).collect::<Result<Vec<_>>>()?;
        for ((part, groups), dense) in self.parts.iter_mut().zip(groups).zip(dense) {
            let kept;
            let rows = match (&narrowed, &batch.selection) {
                (Some(_), Some(selection)) => {
                    kept = narrow(lanes, groups, selection);
                    Rows { lanes: selection, groups: &kept, dense: None }
                }
                (Some(_), None) => Rows { lanes, groups, dense: None },
                (None, _) => Rows { lanes, groups, dense: dense.as_ref() },
            };
            match (&mut part.states[index], &call.ordered) {
                (State::Plain(accumulator), _) => accumulator.update(rows, &args, &call.signature.args)?,
                (State::Ordered(buffer), Some(order)) => {
                    buffer.update(run, rows, batch, &args, order, &call.signature)?;
                }
                (State::Ordered(_), None) => {}
            }
        }
        Ok(())
    }

    /// Accounts for the growth of groups and states.
    fn charge(&mut self) -> Result<()> {
        let mut bytes = 0;
        for part in &self.parts {
            let state: usize = part
                .states
                .iter()
                .map(|state| match state {
                    State::Plain(accumulator) => accumulator.state_bytes() * part.groups.len(),
                    State::Ordered(buffer) => buffer.bytes(),
                })
                .sum();
            bytes += (part.groups.bytes() + state) as u64;
        }
        if bytes > self.charged {
            self.aggregation.run.context.memory.grow(bytes - self.charged)?;
            self.charged = bytes;
        }
        Ok(())
    }
}

/// Returns the groups of the lanes in `selection`, an ascending part of `lanes`.
fn narrow(lanes: &[u16], groups: &[u32], selection: &[u16]) -> Vec<u32> {
    let mut position = 0;
    selection
        .iter()
        .filter_map(|wanted| {
            while lanes.get(position).is_some_and(|lane| lane < wanted) {
                position += 1;
            }
            groups.get(position).copied()
        })
        .collect()
}
