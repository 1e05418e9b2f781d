//! The definition: the other files must agree with this one bit for bit, up to the bits past the last lane.

use super::{Lane, Primitive};

pub(super) fn compare<T: Lane>(primitive: Primitive, flip: u64, left: &[T], right: &[T], mask: &mut [u64]) {
    match primitive {
        Primitive::Equal => fill(left.len(), flip, mask, |lane| left[lane].equals(right[lane])),
        Primitive::Less => fill(left.len(), flip, mask, |lane| left[lane].less(right[lane])),
        Primitive::Greater => fill(left.len(), flip, mask, |lane| right[lane].less(left[lane])),
    }
}

pub(super) fn compare_constant<T: Lane>(
    primitive: Primitive,
    flip: u64,
    left: &[T],
    right: T,
    mask: &mut [u64],
) {
    match primitive {
        Primitive::Equal => fill(left.len(), flip, mask, |lane| left[lane].equals(right)),
        Primitive::Less => fill(left.len(), flip, mask, |lane| left[lane].less(right)),
        Primitive::Greater => fill(left.len(), flip, mask, |lane| right.less(left[lane])),
    }
}

pub(super) fn between<T: Lane>(values: &[T], low: T, high: T, mask: &mut [u64]) {
    fill(values.len(), 0, mask, |lane| !values[lane].less(low) & !high.less(values[lane]));
}

fn fill(len: usize, flip: u64, mask: &mut [u64], holds: impl Fn(usize) -> bool) {
    mask.fill(flip);
    for lane in 0..len {
        mask[lane / 64] ^= u64::from(holds(lane)) << (lane % 64);
    }
}
