//! Bitmaps: one bit per lane, least significant bit first, in words of 64.
//!
//! A mask over `len` lanes has `word_count(len)` words. Masks that kernels write have zeros past the last lane.
//! Of masks that kernels read, the bits past the last lane do not matter where the kernel is told the number of lanes;
//! where it is not ([`count_ones`], [`ones`], [`selection_from_mask`]) they must be zero.

mod count;
mod logic;
mod selection;

pub use count::{all, any, count_ones};
pub use logic::{and, and_not, and_three_valued, and_with, not, or, or_three_valued, or_with, xor};
pub use selection::{Ones, mask_from_selection, ones, selection_from_mask, selection_of};

/// Returns the number of words of a mask over `len` lanes.
#[inline(always)]
pub const fn word_count(len: usize) -> usize {
    len.div_ceil(64)
}

/// Returns the bits of the last word that belong to lanes (all of them when `len` is a multiple of 64).
#[inline(always)]
pub const fn last_word_bits(len: usize) -> u64 {
    u64::MAX >> ((64 - len % 64) % 64)
}

/// Sets the bits of all `len` lanes and clears those past them.
pub fn fill(mask: &mut [u64], len: usize) {
    assert_eq!(mask.len(), word_count(len));
    mask.fill(u64::MAX);
    clear_tail(mask, len);
}

/// Clears the bits past the last lane.
pub fn clear_tail(mask: &mut [u64], len: usize) {
    if let Some(last) = mask.last_mut() {
        *last &= last_word_bits(len);
    }
}

/// Returns a lane's bit.
#[inline(always)]
pub fn get(mask: &[u64], lane: usize) -> bool {
    mask[lane / 64] >> (lane % 64) & 1 == 1
}

/// Writes a lane's bit.
#[inline(always)]
pub fn set(mask: &mut [u64], lane: usize, value: bool) {
    let word = &mut mask[lane / 64];
    *word = *word & !(1 << (lane % 64)) | u64::from(value) << (lane % 64);
}

/// Copies `len` bits of `source`, from bit `start` on, to the front of `out`.
pub fn copy_bits(source: &[u64], start: usize, len: usize, out: &mut [u64]) {
    assert!(start + len <= source.len() * 64);
    assert_eq!(out.len(), word_count(len));
    let (first, shift) = (start / 64, start % 64);
    let source = &source[first..];
    for (index, word) in out.iter_mut().enumerate() {
        let low = source[index] >> shift;
        let high = source.get(index + 1).copied().unwrap_or(0);
        *word = if shift == 0 { low } else { low | high << (64 - shift) };
    }
    clear_tail(out, len);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{self, Random, lengths};

    #[test]
    fn copied_bits_keep_their_order() {
        let mut random = Random::new();
        for len in lengths() {
            let start = random.below(130);
            let source: Vec<u64> = random.lanes(word_count(start + len));
            let mut out = vec![u64::MAX; word_count(len)];
            copy_bits(&source, start, len, &mut out);
            assert_eq!(out, conformance::mask_of(len, |lane| conformance::bit(&source, start + lane)));
        }
    }

    #[test]
    fn single_bits() {
        let mut mask = vec![0; 3];
        fill(&mut mask, 130);
        assert_eq!(mask, [u64::MAX, u64::MAX, 3]);
        set(&mut mask, 64, false);
        assert!(!get(&mask, 64) && get(&mask, 65));
    }
}
