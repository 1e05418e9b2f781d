//! Window functions.
//!
//! The input is held, sorted by the partition and order keys, and walked partition by partition. Peers (rows with
//! equal order keys) are found once; ranking functions count along, the others look at their frame, which is a
//! range of positions less what EXCLUDE takes out. A frame that only grows keeps one aggregate state; any other
//! frame is aggregated anew for each row.

mod frame;

use types::interrupt::Pace;
use types::{Datum, PgError, Result, SqlState, TypeRef};

use super::rowset::concat;
use super::sort::{compare_keys, sorted_positions};
use super::{RowSet, Stage, collect_rows, produce_rowset};
use crate::aggregates::{Signature, create};
use crate::convert::rows_of;
use crate::execute::{FallbackReason, Run};
use crate::plan::{PlanNode, Window, WindowCall};
use crate::rows::RowEvaluator;
use crate::vectors::VectorExpr;

/// A partition in order.
pub(super) struct Partition<'a> {
    pub(super) rows: &'a [Vec<Datum>],
    /// Values of the order keys.
    pub(super) order: &'a [Vec<Datum>],
    /// For each row the first row of its peers and the row after the last.
    pub(super) peers: Vec<(usize, usize)>,
    pub(super) plan: &'a Window,
}

/// Pushes the input's rows beside the values of the window calls.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Window, stage: &dyn Stage) -> Result<()> {
    run.note_row_form(node.id, FallbackReason::RowOperator);
    let held = collect_rows(run, &plan.input)?;
    let rows = sorted_rows(run, plan, &held)?;
    drop(held);
    let evaluator = RowEvaluator::new(run);
    let partition_types: Vec<_> = plan.partition_by.iter().map(|key| (key.ty, false, false)).collect();
    let order_types: Vec<_> =
        plan.order_by.iter().map(|key| (key.expr.ty, key.descending, key.nulls_first)).collect();
    let mut keys = Vec::with_capacity(rows.len());
    let mut order = Vec::with_capacity(rows.len());
    let mut pace = Pace::default();
    for row in &rows {
        pace.step()?;
        keys.push(
            plan.partition_by.iter().map(|key| evaluator.evaluate(key, row)).collect::<Result<Vec<_>>>()?,
        );
        order.push(
            plan.order_by.iter().map(|key| evaluator.evaluate(&key.expr, row)).collect::<Result<Vec<_>>>()?,
        );
    }
    let mut out = Vec::with_capacity(rows.len());
    let mut start = 0;
    while start < rows.len() {
        run.context.cancel.check()?;
        let mut end = start + 1;
        while end < rows.len() && compare_keys(&keys[start], &keys[end], &partition_types).is_eq() {
            end += 1;
        }
        let order = &order[start..end];
        let partition =
            Partition { rows: &rows[start..end], order, peers: find_peers(order, &order_types), plan };
        let results =
            plan.calls.iter().map(|call| evaluate_call(run, call, &partition)).collect::<Result<Vec<_>>>()?;
        for (index, row) in partition.rows.iter().enumerate() {
            pace.step()?;
            let mut row = row.clone();
            row.extend(results.iter().map(|values| values[index].clone()));
            out.push(row);
        }
        start = end;
    }
    produce_rowset(run, &RowSet::from_rows(&out, &node.output)?, stage)
}

fn sorted_rows(run: &Run<'_>, plan: &Window, held: &RowSet) -> Result<Vec<Vec<Datum>>> {
    let mut exprs = Vec::new();
    let mut directions: Vec<(TypeRef, bool, bool)> = Vec::new();
    for key in &plan.partition_by {
        exprs.push(key);
        directions.push((key.ty, false, false));
    }
    for key in &plan.order_by {
        exprs.push(&key.expr);
        directions.push((key.expr.ty, key.descending, key.nulls_first));
    }
    let mut keys = Vec::with_capacity(exprs.len());
    for (expr, (ty, _, _)) in VectorExpr::compile_all(run, exprs)?.iter().zip(&directions) {
        let parts = held.batches.iter().map(|batch| expr.evaluate(run, batch)).collect::<Result<Vec<_>>>()?;
        keys.push(concat(&parts.iter().collect::<Vec<_>>(), *ty)?);
    }
    let positions = sorted_positions(&keys, held.len(), &directions, run.threads)?;
    let mut all = Vec::with_capacity(held.len());
    for batch in &held.batches {
        all.extend(rows_of(batch, &plan.input.output)?);
    }
    Ok(positions.iter().map(|&position| std::mem::take(&mut all[position as usize])).collect())
}

fn find_peers(order: &[Vec<Datum>], types: &[(TypeRef, bool, bool)]) -> Vec<(usize, usize)> {
    let mut peers = Vec::with_capacity(order.len());
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && compare_keys(&order[start], &order[end], types).is_eq() {
            end += 1;
        }
        peers.resize(end, (start, end));
        start = end;
    }
    peers
}

fn evaluate_call(run: &Run<'_>, call: &WindowCall, partition: &Partition<'_>) -> Result<Vec<Datum>> {
    let evaluator = RowEvaluator::new(run);
    if call.aggregate {
        return aggregate(run, call, partition);
    }
    let len = partition.rows.len();
    let args = |row: usize| {
        call.args.iter().map(|arg| evaluator.evaluate(arg, &partition.rows[row])).collect::<Result<Vec<_>>>()
    };
    match call.function.name.as_str() {
        "row_number" => Ok((1..=len as i64).map(Datum::I64).collect()),
        "rank" => Ok(partition.peers.iter().map(|(start, _)| Datum::I64(*start as i64 + 1)).collect()),
        "dense_rank" => {
            let mut rank = 0;
            Ok(partition
                .peers
                .iter()
                .enumerate()
                .map(|(row, (start, _))| {
                    rank += i64::from(row == *start);
                    Datum::I64(rank)
                })
                .collect())
        }
        "percent_rank" => Ok(partition
            .peers
            .iter()
            .map(|(start, _)| Datum::F64(if len > 1 { *start as f64 / (len - 1) as f64 } else { 0.0 }))
            .collect()),
        "cume_dist" => {
            Ok(partition.peers.iter().map(|(_, end)| Datum::F64(*end as f64 / len as f64)).collect())
        }
        "ntile" => ntile(&args(0)?, len),
        name @ ("lag" | "lead") => (0..len)
            .map(|row| shifted(name == "lag", row, &args(row)?, &evaluator, call, partition))
            .collect(),
        name @ ("first_value" | "last_value" | "nth_value") => {
            let mut values = Vec::with_capacity(len);
            let mut pace = Pace::default();
            for row in 0..len {
                pace.step()?;
                let frame = frame::frame_of(run, &call.frame, partition, row)?;
                let position = match name {
                    "first_value" => frame.first(),
                    "last_value" => frame.last(),
                    _ => nth(&args(row)?, &frame)?,
                };
                values.push(match (position, call.args.first()) {
                    (Some(position), Some(arg)) => evaluator.evaluate(arg, &partition.rows[position])?,
                    (Some(_) | None, _) => Datum::Null,
                });
            }
            Ok(values)
        }
        name => Err(PgError::not_supported(format!("window function {name}"))),
    }
}

fn nth(args: &[Datum], frame: &frame::Frame) -> Result<Option<usize>> {
    match args.get(1) {
        Some(Datum::I32(n)) => match usize::try_from(*n) {
            Ok(n) if n > 0 => Ok(frame.iter().nth(n - 1)),
            Ok(_) | Err(_) => Err(PgError::new(
                SqlState([b'2', b'2', b'0', b'1', b'6']),
                "argument of nth_value must be greater than zero",
            )),
        },
        _ => Ok(None),
    }
}

fn ntile(args: &[Datum], len: usize) -> Result<Vec<Datum>> {
    let buckets = match args.first() {
        Some(Datum::I32(buckets)) if *buckets > 0 => *buckets as usize,
        Some(Datum::I32(_)) => {
            return Err(PgError::new(
                SqlState([b'2', b'2', b'0', b'1', b'4']),
                "argument of ntile must be greater than zero",
            ));
        }
        _ => return Ok(vec![Datum::Null; len]),
    };
    let (size, larger) = (len / buckets, len % buckets);
    Ok((0..len)
        .map(|row| {
            let bucket = if row < larger * (size + 1) {
                row / (size + 1)
            } else {
                larger + (row - larger * (size + 1)) / size.max(1)
            };
            Datum::I32(bucket as i32 + 1)
        })
        .collect())
}

fn shifted(
    back: bool,
    row: usize,
    args: &[Datum],
    evaluator: &RowEvaluator<'_>,
    call: &WindowCall,
    partition: &Partition<'_>,
) -> Result<Datum> {
    let offset = match args.get(1) {
        None => 1,
        Some(Datum::I32(offset)) => i64::from(*offset),
        Some(_) => return Ok(Datum::Null),
    };
    let target = row as i64 + if back { -offset } else { offset };
    match (usize::try_from(target), call.args.first()) {
        (Ok(target), Some(arg)) if target < partition.rows.len() => {
            evaluator.evaluate(arg, &partition.rows[target])
        }
        (Ok(_) | Err(_), _) => Ok(args.get(2).cloned().unwrap_or_default()),
    }
}

fn aggregate(run: &Run<'_>, call: &WindowCall, partition: &Partition<'_>) -> Result<Vec<Datum>> {
    let evaluator = RowEvaluator::new(run);
    let signature = Signature {
        name: call.function.name.to_string(),
        args: call.args.iter().map(|arg| arg.ty).collect(),
        result: call.ty,
        io: run.context.session.io().clone().into(),
    };
    let mut inputs = Vec::with_capacity(partition.rows.len());
    let mut pace = Pace::default();
    for row in partition.rows {
        pace.step()?;
        let passes = match &call.filter {
            Some(filter) => evaluator.is_true(filter, row)?,
            None => true,
        };
        let args = call.args.iter().map(|arg| evaluator.evaluate(arg, row)).collect::<Result<Vec<_>>>()?;
        inputs.push(passes.then_some(args));
    }
    let mut values: Vec<Datum> = Vec::with_capacity(inputs.len());
    let mut state = create(&signature)?;
    let mut before: Option<frame::Frame> = None;
    for row in 0..inputs.len() {
        run.context.cancel.check()?;
        let frame = frame::frame_of(run, &call.frame, partition, row)?;
        if before.as_ref() == Some(&frame)
            && let Some(last) = values.last()
        {
            values.push(last.clone());
            continue;
        }
        // A frame that begins where the last one did and goes on from its end only adds rows.
        let mut from = frame.start;
        match &before {
            Some(before) if before.grows_to(&frame) => from = before.end,
            Some(_) | None => state = create(&signature)?,
        }
        for position in frame.iter().filter(|position| *position >= from) {
            pace.step()?;
            if let Some(args) = &inputs[position] {
                state.add(args)?;
            }
        }
        values.push(state.finish()?);
        before = Some(frame);
    }
    Ok(values)
}
