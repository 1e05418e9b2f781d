//! The portable body: 64 lanes become 64 bytes, which the compiler vectorizes, and the bytes become a word.
//!
//! One word at a time by shifting bits, as in `scalar.rs`, the compiler makes 64-bit lanes of every bit.

use wide::u8x32;

use super::{Lane, Primitive};

pub(super) fn compare<T: Lane>(primitive: Primitive, flip: u64, left: &[T], right: &[T], mask: &mut [u64]) {
    match primitive {
        Primitive::Equal => fill_two(flip, left, right, mask, T::equals),
        Primitive::Less => fill_two(flip, left, right, mask, T::less),
        Primitive::Greater => fill_two(flip, right, left, mask, T::less),
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
        Primitive::Equal => fill_one(flip, left, mask, |lane| lane.equals(right)),
        Primitive::Less => fill_one(flip, left, mask, |lane| lane.less(right)),
        Primitive::Greater => fill_one(flip, left, mask, |lane| right.less(lane)),
    }
}

pub(super) fn between<T: Lane>(values: &[T], low: T, high: T, mask: &mut [u64]) {
    fill_one(0, values, mask, |lane| !lane.less(low) & !high.less(lane));
}

#[inline(always)]
fn fill_one<T: Lane>(flip: u64, values: &[T], mask: &mut [u64], holds: impl Fn(T) -> bool) {
    let (chunks, rest) = values.as_chunks::<64>();
    for (chunk, word) in chunks.iter().zip(mask.iter_mut()) {
        let mut bytes = [0u8; 64];
        for (byte, &lane) in bytes.iter_mut().zip(chunk) {
            *byte = u8::from(holds(lane)).wrapping_neg();
        }
        *word = word_of(&bytes) ^ flip;
    }
    if let Some(word) = mask.get_mut(chunks.len()) {
        *word = flip;
        for (lane, &value) in rest.iter().enumerate() {
            *word ^= u64::from(holds(value)) << lane;
        }
    }
}

#[inline(always)]
fn fill_two<T: Lane>(flip: u64, left: &[T], right: &[T], mask: &mut [u64], holds: impl Fn(T, T) -> bool) {
    let (left_chunks, left_rest) = left.as_chunks::<64>();
    let (right_chunks, right_rest) = right.as_chunks::<64>();
    for ((left, right), word) in left_chunks.iter().zip(right_chunks).zip(mask.iter_mut()) {
        let mut bytes = [0u8; 64];
        for ((byte, &left), &right) in bytes.iter_mut().zip(left).zip(right) {
            *byte = u8::from(holds(left, right)).wrapping_neg();
        }
        *word = word_of(&bytes) ^ flip;
    }
    if let Some(word) = mask.get_mut(left_chunks.len()) {
        *word = flip;
        for (lane, (&left, &right)) in left_rest.iter().zip(right_rest).enumerate() {
            *word ^= u64::from(holds(left, right)) << lane;
        }
    }
}

/// Gathers the top bit of each byte.
#[inline(always)]
pub(crate) fn word_of(bytes: &[u8; 64]) -> u64 {
    let (halves, _) = bytes.as_chunks::<32>();
    let low = u8x32::new(halves[0]).to_bitmask();
    let high = u8x32::new(halves[1]).to_bitmask();
    u64::from(low) | u64::from(high) << 32
}
