//! Hashes of byte strings and of columns of 16-byte views (layout: [`crate::vector`]).
//!
//! Up to 12 bytes, padded with zeros, make one 64-bit and one 32-bit number `a` and `b`; the bits are
//! `fold(a ^ SEED, (b | len << 32) ^ MULTIPLIER)`, which a view holds without any memory access. Longer strings are folded 16 bytes
//! at a time into a state, the last 16 bytes (which may overlap) at the end.

use std::ops::Deref;

use super::{MULTIPLIER, MULTIPLIER_COMBINE, SEED, fold};

/// The longest string inside a view.
const INLINE_BYTES: usize = 12;

/// Returns the hash bits of a byte string; as a lane its hash is that of these bits.
#[inline]
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    if bytes.len() <= INLINE_BYTES {
        let mut padded = [0; 16];
        padded[..bytes.len()].copy_from_slice(bytes);
        short(u128::from_le_bytes(padded), bytes.len() as u32)
    } else {
        long(bytes)
    }
}

/// Writes the hash of each lane's string; a lane that is null by `validity` gets [`super::hash_null`].
///
/// Panics when the view of a lane that is not null points outside its buffers.
pub fn hash_views<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    validity: Option<&[u64]>,
    hashes: &mut [u64],
) {
    super::each(views, validity, hashes, |view| view_bits(view, buffers), |_, bits| super::first(bits));
}

/// Combines each lane's string into the hash of its row.
///
/// Panics when the view of a lane that is not null points outside its buffers.
pub fn combine_views<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    validity: Option<&[u64]>,
    hashes: &mut [u64],
) {
    super::each(views, validity, hashes, |view| view_bits(view, buffers), super::next);
}

#[inline(always)]
fn view_bits<B: Deref<Target = [u8]>>(view: u128, buffers: &[B]) -> u64 {
    let len = view as u32;
    if len as usize <= INLINE_BYTES {
        return short(view >> 32, len);
    }
    let (buffer, offset) = ((view >> 64) as u32 as usize, (view >> 96) as u32 as usize);
    long(&buffers[buffer][offset..offset + len as usize])
}

#[inline(always)]
fn short(padded: u128, len: u32) -> u64 {
    let (low, high) = (padded as u64, (padded >> 64) as u64);
    fold(low ^ SEED, (high | u64::from(len) << 32) ^ MULTIPLIER)
}

#[inline(never)]
fn long(bytes: &[u8]) -> u64 {
    let pair = |bytes: &[u8; 16]| {
        let bits = u128::from_le_bytes(*bytes);
        (bits as u64, (bits >> 64) as u64)
    };
    let mut state = SEED ^ bytes.len() as u64;
    let mut rest = bytes;
    if rest.len() > 64 {
        // Four states hide the latency of the multiplication.
        let mut states = [state, state ^ MULTIPLIER, state ^ MULTIPLIER_COMBINE, !state];
        while let Some((chunk, after)) = rest.split_first_chunk::<64>() {
            for (state, part) in states.iter_mut().zip(chunk.as_chunks::<16>().0) {
                let (low, high) = pair(part);
                *state = fold(low ^ MULTIPLIER, high ^ *state);
            }
            rest = after;
        }
        state = fold(states[0] ^ MULTIPLIER_COMBINE, states[1]) ^ fold(states[2] ^ MULTIPLIER, states[3]);
    }
    while let Some((part, after)) = rest.split_first_chunk::<16>() {
        let (low, high) = pair(part);
        state = fold(low ^ MULTIPLIER, high ^ state);
        rest = after;
    }
    let (low, high) = match bytes.last_chunk::<16>() {
        Some(part) => pair(part),
        None => {
            // 13 to 15 bytes: the first and the last eight.
            let eight = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
            (eight(bytes.first_chunk()), eight(bytes.last_chunk()))
        }
    };
    fold(low ^ MULTIPLIER_COMBINE, high ^ state)
}
