//! Moving bits by position, a word of results at a time.

use super::{Position, assert_inside};

/// Writes the bit of `source` at `positions[lane]` to each lane of `out`.
///
/// Panics when a position is not inside `source`.
pub fn gather_bits<P: Position>(source: &[u64], positions: &[P], out: &mut [u64]) {
    assert_eq!(out.len(), positions.len().div_ceil(64));
    assert_inside(positions, source.len() * 64);
    for (word, positions) in out.iter_mut().zip(positions.chunks(64)) {
        *word = 0;
        for (lane, position) in positions.iter().enumerate() {
            let index = position.index();
            // SAFETY: all positions are inside `source`.
            let bits = unsafe { *source.get_unchecked(index / 64) };
            *word |= (bits >> (index % 64) & 1) << lane;
        }
    }
}

/// Writes the bit of `if_set` where the mask's bit is set and the bit of `if_clear` elsewhere.
pub fn blend_bits(mask: &[u64], if_set: &[u64], if_clear: &[u64], out: &mut [u64]) {
    assert_eq!(mask.len(), if_set.len());
    assert_eq!(mask.len(), if_clear.len());
    assert_eq!(mask.len(), out.len());
    for (index, slot) in out.iter_mut().enumerate() {
        *slot = (mask[index] & if_set[index]) | (!mask[index] & if_clear[index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, bit, lengths, mask_of};

    #[test]
    fn bits_by_position() {
        let mut random = Random::new();
        for len in lengths() {
            let source: Vec<u64> = random.lanes(3);
            let positions: Vec<u16> = (0..len).map(|_| random.below(192) as u16).collect();
            let mut out = vec![7; len.div_ceil(64)];
            gather_bits(&source, &positions, &mut out);
            assert_eq!(out, mask_of(len, |lane| bit(&source, positions[lane].into())));
        }
        let mut out = [0];
        blend_bits(&[0b1100], &[0b1010], &[0b0110], &mut out);
        assert_eq!(out, [0b1010]);
    }
}
