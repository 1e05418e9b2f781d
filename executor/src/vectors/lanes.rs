//! Vector forms of comparisons and arithmetic: from vectors to slices and constants, and to the kernels.
//!
//! Each function returns `None` where it has no form for the physical values at hand; the row function runs then.

use std::cmp::Ordering;

use kernels::compare::{Comparison, Lane, compare, compare_constant};
use kernels::vector::{Bitmap, Values, Vector, VectorData};

/// `=`
pub(crate) const EQUAL: u8 = 0;
/// `<>`
pub(crate) const NOT_EQUAL: u8 = 1;
/// `<`
pub(crate) const LESS: u8 = 2;
/// `<=`
pub(crate) const LESS_EQUAL: u8 = 3;
/// `>`
pub(crate) const GREATER: u8 = 4;
/// `>=`
pub(crate) const GREATER_EQUAL: u8 = 5;

fn comparison(code: u8) -> Comparison {
    match code {
        EQUAL => Comparison::Eq,
        NOT_EQUAL => Comparison::Ne,
        LESS => Comparison::Lt,
        LESS_EQUAL => Comparison::Le,
        GREATER => Comparison::Gt,
        _ => Comparison::Ge,
    }
}

fn holds(code: u8, order: Ordering) -> bool {
    match code {
        EQUAL => order.is_eq(),
        NOT_EQUAL => order.is_ne(),
        LESS => order.is_lt(),
        LESS_EQUAL => order.is_le(),
        GREATER => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// One argument: a value for all lanes, or one for each.
enum Side<'a, T> {
    One(T),
    Many(&'a [T]),
}

fn bools(mask: Vec<u64>, len: usize) -> Vector {
    Vector::flat(Values::Bool(Bitmap::from_words(mask, len)), None)
}

fn compare_sides<T: Lane>(code: u8, left: Side<'_, T>, right: Side<'_, T>, len: usize) -> Vector {
    let comparison = comparison(code);
    let mut mask = vec![0; len.div_ceil(64)];
    match (left, right) {
        (Side::Many(left), Side::Many(right)) => compare(comparison, left, right, &mut mask),
        (Side::Many(left), Side::One(right)) => compare_constant(comparison, left, right, &mut mask),
        (Side::One(left), Side::Many(right)) => {
            compare_constant(comparison.swapped(), right, left, &mut mask)
        }
        (Side::One(left), Side::One(right)) => {
            if comparison.holds(left, right) {
                mask.fill(u64::MAX);
            }
        }
    }
    bools(mask, len)
}

fn is_constant(vector: &Vector) -> bool {
    matches!(vector.data, VectorData::Constant(_))
}

/// Integers of any width as 64-bit lanes.
fn widened(vector: &Vector) -> Option<Vec<i64>> {
    let flat = vector.to_flat();
    match if is_constant(vector) { vector.values() } else { flat.values() } {
        Values::I16(lanes) => Some(lanes.iter().map(|lane| i64::from(*lane)).collect()),
        Values::I32(lanes) => Some(lanes.iter().map(|lane| i64::from(*lane)).collect()),
        Values::I64(lanes) => Some(lanes.to_vec()),
        Values::Bool(_)
        | Values::F32(_)
        | Values::F64(_)
        | Values::Fixed64 { .. }
        | Values::Fixed128 { .. }
        | Values::Wide(_)
        | Values::Views(_) => None,
    }
}

fn side_of<'a, T: Copy>(vector: &Vector, lanes: &'a [T]) -> Option<Side<'a, T>> {
    if is_constant(vector) { lanes.first().map(|value| Side::One(*value)) } else { Some(Side::Many(lanes)) }
}

/// Compares integers of any two widths.
pub(crate) fn compare_integers<const CODE: u8>(
    args: &[Vector],
    len: usize,
    _faults: &mut [u64],
) -> Option<Vector> {
    let [left, right] = args else { return None };
    let (left_flat, right_flat) = (left_values(left), left_values(right));
    match (left_flat.values(), right_flat.values()) {
        (Values::I32(l), Values::I32(r)) => {
            Some(compare_sides(CODE, side_of(left, l)?, side_of(right, r)?, len))
        }
        (Values::I64(l), Values::I64(r)) => {
            Some(compare_sides(CODE, side_of(left, l)?, side_of(right, r)?, len))
        }
        _ => {
            let (l, r) = (widened(left)?, widened(right)?);
            Some(compare_sides(CODE, side_of(left, &l)?, side_of(right, &r)?, len))
        }
    }
}

/// Returns a vector whose values are lanes, or the one lane of a constant.
fn left_values(vector: &Vector) -> Vector {
    match vector.data {
        VectorData::Flat(_) | VectorData::Constant(_) => vector.clone(),
        VectorData::Dictionary { .. } => vector.to_flat(),
    }
}

/// The integer operations.
#[derive(Clone, Copy)]
enum Operation {
    Add,
    Subtract,
    Multiply,
}

impl Operation {
    #[inline(always)]
    fn apply(self, left: i64, right: i64) -> (i64, bool) {
        match self {
            Self::Add => left.overflowing_add(right),
            Self::Subtract => left.overflowing_sub(right),
            Self::Multiply => left.overflowing_mul(right),
        }
    }
}

/// Computes lanes; a lane whose result does not lie between `low` and `high` is a fault.
fn integer_lanes(
    operation: Operation,
    left: Side<'_, i64>,
    right: Side<'_, i64>,
    len: usize,
    (low, high): (i64, i64),
    faults: &mut [u64],
) -> Vec<i64> {
    let at = |side: &Side<'_, i64>, lane: usize| match side {
        Side::One(value) => *value,
        Side::Many(lanes) => lanes[lane],
    };
    let mut out = vec![0; len];
    let mut any = false;
    for (lane, out) in out.iter_mut().enumerate() {
        let (value, overflow) = operation.apply(at(&left, lane), at(&right, lane));
        any |= overflow | (value < low) | (value > high);
        *out = value;
    }
    if any {
        for lane in 0..len {
            let (value, overflow) = operation.apply(at(&left, lane), at(&right, lane));
            if overflow || value < low || value > high {
                faults[lane / 64] |= 1 << (lane % 64);
            }
        }
    }
    out
}

fn integers(operation: Operation, args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    let [left, right] = args else { return None };
    let width = |vector: &Vector| match vector.values() {
        Values::I16(_) => Some(2),
        Values::I32(_) => Some(4),
        Values::I64(_) => Some(8),
        _ => None,
    };
    let width = width(left)?.max(width(right)?);
    let (l, r) = (widened(left)?, widened(right)?);
    let (l, r) = (side_of(left, &l)?, side_of(right, &r)?);
    let out = match width {
        2 => {
            let range = (i64::from(i16::MIN), i64::from(i16::MAX));
            let out = integer_lanes(operation, l, r, len, range, faults);
            Values::I16(out.into_iter().map(|value| value as i16).collect())
        }
        4 => {
            let range = (i64::from(i32::MIN), i64::from(i32::MAX));
            let out = integer_lanes(operation, l, r, len, range, faults);
            Values::I32(out.into_iter().map(|value| value as i32).collect())
        }
        _ => Values::I64(integer_lanes(operation, l, r, len, (i64::MIN, i64::MAX), faults).into()),
    };
    Some(Vector::flat(out, None))
}

/// Adds integers; the result has the wider type.
pub(crate) fn add_integers(args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    integers(Operation::Add, args, len, faults)
}
/// Subtracts integers.
pub(crate) fn subtract_integers(args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    integers(Operation::Subtract, args, len, faults)
}
/// Multiplies integers.
pub(crate) fn multiply_integers(args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    integers(Operation::Multiply, args, len, faults)
}

/// The lanes and the scale of 64-bit decimals.
fn decimals(vector: &Vector) -> Option<(&[i64], u8)> {
    match vector.values() {
        Values::Fixed64 { unscaled, scale } => Some((unscaled, *scale)),
        _ => None,
    }
}

/// Returns lanes at a higher scale, or `None` when one does not fit.
fn rescaled(lanes: &[i64], by: u8) -> Option<Vec<i64>> {
    let factor = 10i64.checked_pow(u32::from(by))?;
    let limit = i64::MAX / factor;
    if lanes.iter().any(|lane| *lane > limit || *lane < -limit) {
        return None;
    }
    Some(lanes.iter().map(|lane| lane * factor).collect())
}

/// Calls `body` with both sides at the larger of the two scales.
fn at_common_scale<R>(
    left: &Vector,
    right: &Vector,
    body: impl FnOnce(Side<'_, i64>, Side<'_, i64>, u8) -> R,
) -> Option<R> {
    let (left_flat, right_flat) = (left_values(left), left_values(right));
    let ((l, ls), (r, rs)) = (decimals(&left_flat)?, decimals(&right_flat)?);
    let (moved_left, moved_right);
    let scale = ls.max(rs);
    let l = if ls < scale {
        moved_left = rescaled(l, scale - ls)?;
        &moved_left
    } else {
        l
    };
    let r = if rs < scale {
        moved_right = rescaled(r, scale - rs)?;
        &moved_right
    } else {
        r
    };
    Some(body(side_of(left, l)?, side_of(right, r)?, scale))
}

/// Compares decimals.
pub(crate) fn compare_decimals<const CODE: u8>(
    args: &[Vector],
    len: usize,
    _faults: &mut [u64],
) -> Option<Vector> {
    let [left, right] = args else { return None };
    at_common_scale(left, right, |left, right, _| compare_sides(CODE, left, right, len))
}

fn decimal(operation: Operation, args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    let [left, right] = args else { return None };
    at_common_scale(left, right, |left, right, scale| {
        let out = integer_lanes(operation, left, right, len, (i64::MIN, i64::MAX), faults);
        Vector::flat(Values::Fixed64 { unscaled: out.into(), scale }, None)
    })
}

/// Adds decimals.
pub(crate) fn add_decimals(args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    decimal(Operation::Add, args, len, faults)
}
/// Subtracts decimals.
pub(crate) fn subtract_decimals(args: &[Vector], len: usize, faults: &mut [u64]) -> Option<Vector> {
    decimal(Operation::Subtract, args, len, faults)
}

/// Returns the largest magnitude of the lanes.
fn magnitude(side: &Side<'_, i64>) -> u64 {
    match side {
        Side::One(value) => value.unsigned_abs(),
        Side::Many(lanes) => {
            // The sign folded in: x ^ (x >> 63) is x or -x - 1.
            lanes.iter().fold(0u64, |all, lane| all | (lane ^ (lane >> 63)) as u64).saturating_add(1)
        }
    }
}

/// Multiplies decimals; the scales add up. Products past 64 bits continue in 128.
pub(crate) fn multiply_decimals(args: &[Vector], len: usize, _faults: &mut [u64]) -> Option<Vector> {
    let [left, right] = args else { return None };
    let (left_flat, right_flat) = (left_values(left), left_values(right));
    let ((l, ls), (r, rs)) = (decimals(&left_flat)?, decimals(&right_flat)?);
    let scale = ls.checked_add(rs).filter(|scale| *scale <= 36)?;
    let (l, r) = (side_of(left, l)?, side_of(right, r)?);
    // The bounds decide for the whole vector, so that the loop has nothing to check.
    if magnitude(&l).checked_mul(magnitude(&r)).is_some_and(|product| product <= i64::MAX as u64) {
        let out: Vec<i64> = match (&l, &r) {
            (Side::Many(l), Side::Many(r)) => l.iter().zip(*r).map(|(l, r)| l.wrapping_mul(*r)).collect(),
            (Side::Many(l), Side::One(r)) => l.iter().map(|l| l.wrapping_mul(*r)).collect(),
            (Side::One(l), Side::Many(r)) => r.iter().map(|r| l.wrapping_mul(*r)).collect(),
            (Side::One(l), Side::One(r)) => vec![l.wrapping_mul(*r); len],
        };
        return Some(Vector::flat(Values::Fixed64 { unscaled: out.into(), scale }, None));
    }
    let at = |side: &Side<'_, i64>, lane: usize| match side {
        Side::One(value) => i128::from(*value),
        Side::Many(lanes) => i128::from(lanes[lane]),
    };
    let out: Vec<i128> = (0..len).map(|lane| at(&l, lane) * at(&r, lane)).collect();
    Some(Vector::flat(Values::Fixed128 { unscaled: out.into(), scale }, None))
}

/// Compares strings by bytes; `BLANK`: without trailing blanks.
pub(crate) fn compare_texts<const CODE: u8, const BLANK: bool>(
    args: &[Vector],
    len: usize,
    _faults: &mut [u64],
) -> Option<Vector> {
    let [left, right] = args else { return None };
    let (left, right) = (left_values(left), left_values(right));
    let (Values::Views(l), Values::Views(r)) = (left.values(), right.values()) else { return None };
    let trim = |bytes| if BLANK { crate::values::trim_blanks(bytes) } else { bytes };
    let (left_constant, right_constant) = (is_constant(&left), is_constant(&right));
    let test = |lane: usize| {
        let l = trim(l.get(if left_constant { 0 } else { lane }));
        let r = trim(r.get(if right_constant { 0 } else { lane }));
        holds(CODE, l.cmp(r))
    };
    Some(Vector::flat(Values::Bool(Bitmap::from_bools((0..len).map(test))), None))
}

/// Compares dates with timestamps, as moments at midnight.
pub(crate) fn compare_dates_with_timestamps<const CODE: u8>(
    args: &[Vector],
    len: usize,
    _faults: &mut [u64],
) -> Option<Vector> {
    let [left, right] = args else { return None };
    let (left, right) = (left_values(left), left_values(right));
    let (Values::I32(l), Values::I64(r)) = (left.values(), right.values()) else { return None };
    let (left_constant, right_constant) = (is_constant(&left), is_constant(&right));
    let test = |lane: usize| {
        let l = l[if left_constant { 0 } else { lane }];
        let r = r[if right_constant { 0 } else { lane }];
        holds(CODE, crate::functions::date_timestamp_order(l, r))
    };
    Some(Vector::flat(Values::Bool(Bitmap::from_bools((0..len).map(test))), None))
}
