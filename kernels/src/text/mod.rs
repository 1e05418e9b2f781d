//! Predicates on columns of byte strings in 16-byte views (layout: [`crate::vector`]).
//!
//! A view is a `u128`: length (32 bits), then up to 12 bytes padded with zeros, or a prefix of 4 bytes, the index of a buffer
//! and an offset in it. Length and prefix lie in the lower half, so most comparisons end there.
//!
//! Every predicate writes a mask over all lanes. With `live`, lanes whose bits are clear are not looked at and are clear
//! in the result. A view that points outside its buffers (a null lane may hold anything) matches nothing.

mod compare;
mod like;
mod search;
#[cfg(test)]
mod tests;

pub use compare::{compare, compare_constant, equal_constant, order, starts_with};
pub use like::{LikePattern, like};
pub use search::{Finder, contains};

use std::ops::Deref;

/// The longest string that a view holds itself, in bytes.
pub const INLINE_BYTES: usize = 12;

/// Returns a view's bytes, or `None` when it points outside its buffers.
#[inline(always)]
pub fn bytes_of<'a, B: Deref<Target = [u8]>>(view: &'a u128, buffers: &'a [B]) -> Option<&'a [u8]> {
    let len = *view as u32 as usize;
    if len <= INLINE_BYTES {
        inline_bytes(view).get(4..4 + len)
    } else {
        let (buffer, offset) = ((*view >> 64) as u32 as usize, (*view >> 96) as u32 as usize);
        buffers.get(buffer)?.get(offset..offset + len)
    }
}

#[expect(unsafe_code, reason = "borrows the bytes inside a view")]
#[inline(always)]
fn inline_bytes(view: &u128) -> &[u8; 16] {
    const { assert!(cfg!(target_endian = "little")) };
    // SAFETY: 16 bytes of plain data with alignment 1, borrowed as long as `view`.
    unsafe { &*std::ptr::from_ref(view).cast() }
}

/// Returns the view of a string that fits in it.
#[inline]
fn inline_view(bytes: &[u8]) -> Option<u128> {
    let mut view = [0; 16];
    view[..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    view.get_mut(4..4 + bytes.len())?.copy_from_slice(bytes);
    Some(u128::from_le_bytes(view))
}

/// Writes the mask of the live lanes for which `holds`.
#[inline(always)]
fn fill(len: usize, live: Option<&[u64]>, mask: &mut [u64], holds: impl Fn(usize) -> bool) {
    assert_eq!(mask.len(), len.div_ceil(64));
    if let Some(live) = live {
        assert_eq!(live.len(), mask.len());
    }
    for (index, word) in mask.iter_mut().enumerate() {
        let start = index * 64;
        let lanes = (len - start).min(64);
        let live = live.map_or(u64::MAX, |live| live[index]) & crate::bitmap::last_word_bits(lanes);
        *word = 0;
        if live == u64::MAX {
            for lane in 0..64 {
                *word |= u64::from(holds(start + lane)) << lane;
            }
        } else {
            let mut bits = live;
            while bits != 0 {
                let lane = bits.trailing_zeros() as usize;
                *word |= u64::from(holds(start + lane)) << lane;
                bits &= bits - 1;
            }
        }
    }
}

/// Writes the mask of the live lanes for which `holds`, which is asked only where the view's lower half (length and
/// prefix) may match. The lower halves of a word's lanes are tested without branches.
#[inline(always)]
fn fill_filtered(
    views: &[u128],
    live: Option<&[u64]>,
    mask: &mut [u64],
    may_match: impl Fn(u64) -> bool,
    holds: impl Fn(&u128) -> bool,
) {
    assert_eq!(mask.len(), views.len().div_ceil(64));
    if let Some(live) = live {
        assert_eq!(live.len(), mask.len());
    }
    for (index, (views, word)) in views.chunks(64).zip(mask.iter_mut()).enumerate() {
        let mut bytes = [0u8; 64];
        for (byte, view) in bytes.iter_mut().zip(views) {
            *byte = u8::from(may_match(*view as u64)).wrapping_neg();
        }
        let mut bits = crate::compare::word_of(&bytes) & live.map_or(u64::MAX, |live| live[index]);
        *word = 0;
        while bits != 0 {
            let lane = bits.trailing_zeros() as usize;
            *word |= u64::from(holds(&views[lane])) << lane;
            bits &= bits - 1;
        }
    }
}
