//! Masks to selections (ascending `u16` lane numbers) and back.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use crate::isa::{self, Level};

/// Writes the lanes whose bits are set, ascending, to the front of `selection` and returns how many there are.
///
/// Panics when the lanes do not fit in `selection` or in `u16`.
pub fn selection_from_mask(mask: &[u64], selection: &mut [u16]) -> usize {
    assert!(mask.len() <= 1024, "lane numbers do not fit in u16");
    let count = super::count_ones(mask);
    let selection = &mut selection[..count];
    // Few lanes are walked: compression would look at all of them.
    let is_sparse = count <= mask.len();
    match isa::level() {
        _ if is_sparse => scalar::selection_from_mask(mask, selection),
        // A table of the positions in a byte takes six times as long as this on AVX2.
        Level::Scalar | Level::Avx2 | Level::Neon => scalar::selection_from_mask(mask, selection),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::selection_from_mask(mask, selection) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => scalar::selection_from_mask(mask, selection),
    }
    count
}

/// Returns the lanes whose bits are set.
pub fn selection_of(mask: &[u64]) -> Vec<u16> {
    let mut selection = vec![0; super::count_ones(mask)];
    selection_from_mask(mask, &mut selection);
    selection
}

/// Sets the bits of the selected lanes and clears all others. The lanes need not be ascending.
pub fn mask_from_selection(selection: &[u16], mask: &mut [u64]) {
    mask.fill(0);
    for &lane in selection {
        mask[usize::from(lane) / 64] |= 1 << (lane % 64);
    }
}

/// Returns the lanes whose bits are set, one by one; for a mask of any length.
pub fn ones(mask: &[u64]) -> Ones<'_> {
    Ones { words: mask.iter(), word: 0, next_base: 0 }
}

/// The iterator of [`ones`].
#[derive(Clone, Debug)]
pub struct Ones<'a> {
    words: std::slice::Iter<'a, u64>,
    word: u64,
    next_base: usize,
}

impl Iterator for Ones<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.word == 0 {
            self.word = *self.words.next()?;
            self.next_base += 64;
        }
        let lane = self.next_base - 64 + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, bit, each_level, lengths};

    #[test]
    fn selections() {
        let mut random = Random::new();
        for len in lengths() {
            for mask in random.masks(len) {
                let wanted: Vec<usize> = (0..len).filter(|&lane| bit(&mask, lane)).collect();
                assert_eq!(ones(&mask).collect::<Vec<_>>(), wanted);
                let wanted: Vec<u16> = wanted.into_iter().map(|lane| lane as u16).collect();
                each_level(|level| {
                    let mut selection = vec![u16::MAX; len];
                    let count = selection_from_mask(&mask, &mut selection);
                    assert_eq!(selection[..count], wanted, "{level:?} {len}");
                    assert_eq!(selection_of(&mask), wanted, "{level:?} {len}");
                    assert!(selection[count..].iter().all(|&lane| lane == u16::MAX), "writes past the count");
                });
                let mut again = vec![7; mask.len()];
                mask_from_selection(&wanted, &mut again);
                assert_eq!(again, mask);
            }
        }
    }
}
