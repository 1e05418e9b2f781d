//! AND, OR and CASE on selections: what a row would not evaluate is dead for the parts that follow.

use kernels::vector::{Bitmap, Values, Vector};
use types::TypeRef;

use super::evaluate::bool_words;
use super::{Live, Node, Stop, true_words};
use crate::batch::Batch;
use crate::convert::{VectorBuilder, datum_at};
use crate::execute::Run;

/// Evaluates AND (`any` false) or OR (`any` true), three-valued; an item sees only lanes not decided before it.
pub(super) fn connect(
    run: &Run<'_>,
    items: &[Node],
    any: bool,
    batch: &Batch,
    live: Live<'_>,
) -> Result<Vector, Stop> {
    let words = batch.len.div_ceil(64);
    let mut decided = vec![0u64; words];
    let mut unknown = vec![0u64; words];
    let mut left: Option<Vec<u16>> = match live {
        Live::All => None,
        Live::Some(lanes) => Some(lanes.to_vec()),
    };
    for item in items {
        let live = left.as_deref().map_or(Live::All, Live::Some);
        let vector = item.evaluate(run, batch, live)?;
        let is_true = bool_words(&vector);
        for index in 0..words {
            let known = vector.validity.as_ref().map_or(u64::MAX, |validity| validity.words()[index]);
            decided[index] |= known & if any { is_true[index] } else { !is_true[index] };
            unknown[index] |= !known;
        }
        left = Some(match left {
            None => {
                let open: Vec<u64> = decided.iter().map(|word| !word).collect();
                kernels::bitmap::selection_of(Bitmap::from_words(open, batch.len).words())
            }
            Some(lanes) => lanes
                .into_iter()
                .filter(|lane| decided[usize::from(*lane) / 64] >> (lane % 64) & 1 == 0)
                .collect(),
        });
        if left.as_ref().is_some_and(Vec::is_empty) {
            break;
        }
    }
    let values: Vec<u64> = decided.iter().map(|word| if any { *word } else { !word }).collect();
    let valid: Vec<u64> = decided.iter().zip(&unknown).map(|(decided, unknown)| decided | !unknown).collect();
    let valid = Bitmap::from_words(valid, batch.len);
    let validity = if valid.count_ones() == batch.len { None } else { Some(valid) };
    Ok(Vector::flat(Values::Bool(Bitmap::from_words(values, batch.len)), validity))
}

/// Evaluates a searched CASE: each result only on the lanes that its condition chooses.
pub(super) fn case(
    run: &Run<'_>,
    arms: &[(Node, Node)],
    otherwise: &Node,
    ty: TypeRef,
    batch: &Batch,
    live: Live<'_>,
) -> Result<Vector, Stop> {
    let mut open: Vec<u16> = match live {
        Live::All => (0..batch.len as u16).collect(),
        Live::Some(lanes) => lanes.to_vec(),
    };
    let mut parts: Vec<(Vec<u16>, Vector)> = Vec::new();
    for (condition, result) in arms {
        if open.is_empty() {
            break;
        }
        let words = true_words(&condition.evaluate(run, batch, Live::Some(&open))?);
        let (chosen, rest): (Vec<u16>, Vec<u16>) =
            open.iter().partition(|lane| words[usize::from(**lane) / 64] >> (**lane % 64) & 1 == 1);
        if !chosen.is_empty() {
            let vector = result.evaluate(run, batch, Live::Some(&chosen))?;
            parts.push((chosen, vector));
        }
        open = rest;
    }
    if !open.is_empty() {
        let vector = otherwise.evaluate(run, batch, Live::Some(&open))?;
        parts.push((open, vector));
    }
    Ok(merge(parts, ty, batch.len)?)
}

/// Puts the lanes of several vectors side by side.
fn merge(mut parts: Vec<(Vec<u16>, Vector)>, ty: TypeRef, len: usize) -> types::Result<Vector> {
    if parts.len() == 1
        && let Some((_, vector)) = parts.pop()
    {
        return Ok(vector);
    }
    if let Some(vector) = merge_fixed(&parts, len) {
        return Ok(vector);
    }
    let mut owner = vec![(usize::MAX, 0u16); len];
    for (part, (lanes, _)) in parts.iter().enumerate() {
        for &lane in lanes {
            owner[usize::from(lane)] = (part, lane);
        }
    }
    let mut builder = VectorBuilder::new(ty, len);
    for (part, lane) in owner {
        match parts.get(part) {
            Some((_, vector)) => builder.push(&datum_at(vector, usize::from(lane), ty)?)?,
            None => builder.push_null(),
        }
    }
    Ok(builder.finish())
}

/// Merges vectors without nulls of plain lanes.
fn merge_fixed(parts: &[(Vec<u16>, Vector)], len: usize) -> Option<Vector> {
    if parts.iter().any(|(_, vector)| vector.validity.is_some()) {
        return None;
    }
    macro_rules! scatter {
        ($variant:ident, $zero:expr) => {{
            let mut out = vec![$zero; len];
            for (lanes, vector) in parts {
                match vector.values() {
                    Values::$variant(_) => {}
                    _ => return None,
                }
                for &lane in lanes {
                    let (values, position) = vector.locate(usize::from(lane));
                    if let Values::$variant(values) = values {
                        out[usize::from(lane)] = values[position];
                    }
                }
            }
            Some(Vector::flat(Values::$variant(out.into()), None))
        }};
    }
    match parts.first()?.1.values() {
        Values::I16(_) => scatter!(I16, 0),
        Values::I32(_) => scatter!(I32, 0),
        Values::I64(_) => scatter!(I64, 0),
        Values::F64(_) => scatter!(F64, 0.0),
        Values::Fixed64 { .. } => merge_decimals(parts, len),
        Values::Bool(_) | Values::F32(_) | Values::Fixed128 { .. } | Values::Wide(_) | Values::Views(_) => {
            None
        }
    }
}

/// Merges 64-bit decimals that show the same scale.
fn merge_decimals(parts: &[(Vec<u16>, Vector)], len: usize) -> Option<Vector> {
    let mut common = None;
    let mut out = vec![0i64; len];
    for (lanes, vector) in parts {
        let Values::Fixed64 { unscaled, scale } = vector.values() else { return None };
        if common.is_some_and(|common| common != *scale) {
            return None;
        }
        common = Some(*scale);
        for &lane in lanes {
            let (_, position) = vector.locate(usize::from(lane));
            out[usize::from(lane)] = unscaled[position];
        }
    }
    Some(Vector::flat(Values::Fixed64 { unscaled: out.into(), scale: common? }, None))
}
