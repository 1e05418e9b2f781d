//! Compaction of a bitmap by a mask. A word is one PEXT where there is one.

/// Writes the bits of `source` at the lanes whose bits are set in `mask` to the front of `out` and returns how
/// many there are. The rest of `out` is cleared.
///
/// Panics when the bits do not fit in `out`.
pub fn filter_bits(source: &[u64], mask: &[u64], out: &mut [u64]) -> usize {
    assert_eq!(source.len(), mask.len());
    let count = crate::bitmap::count_ones(mask);
    assert!(count <= out.len() * 64);
    out.fill(0);
    let mut written = 0;
    for (&source, &mask) in source.iter().zip(mask) {
        if mask == 0 {
            continue;
        }
        let bits = extract(source, mask);
        let (word, shift) = (written / 64, written % 64);
        out[word] |= bits << shift;
        let taken = mask.count_ones() as usize;
        if shift + taken > 64 {
            out[word + 1] = bits >> (64 - shift);
        }
        written += taken;
    }
    count
}

#[cfg(all(target_arch = "x86_64", target_feature = "bmi2"))]
#[expect(unsafe_code, reason = "an intrinsic")]
fn extract(source: u64, mask: u64) -> u64 {
    // SAFETY: this function exists only where the build has BMI2.
    unsafe { std::arch::x86_64::_pext_u64(source, mask) }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "bmi2")))]
fn extract(source: u64, mask: u64) -> u64 {
    if mask == u64::MAX {
        return source;
    }
    let (mut bits, mut rest, mut position) = (0, mask, 0);
    while rest != 0 {
        bits |= (source >> rest.trailing_zeros() & 1) << position;
        position += 1;
        rest &= rest - 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, bit, lengths, mask_of};

    #[test]
    fn bits_keep_their_order() {
        let mut random = Random::new();
        for len in lengths() {
            let source: Vec<u64> = random.lanes(len.div_ceil(64));
            for mask in random.masks(len) {
                let wanted: Vec<bool> =
                    (0..len).filter(|&lane| bit(&mask, lane)).map(|lane| bit(&source, lane)).collect();
                let mut out = vec![u64::MAX; wanted.len().div_ceil(64)];
                assert_eq!(filter_bits(&source, &mask, &mut out), wanted.len());
                assert_eq!(out, mask_of(wanted.len(), |lane| wanted[lane]));
            }
        }
    }
}
