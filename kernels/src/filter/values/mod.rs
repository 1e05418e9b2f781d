//! Compaction of lanes by a mask.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
mod simd;

use crate::isa::{self, Level};
use crate::plain::Plain;

/// Masks with one in so many bits set count as sparse. A tuning constant; it does not affect results.
const SPARSE: usize = 12;

/// Writes the lanes whose bits are set to the front of `out` and returns how many there are.
///
/// Panics when a bit past the last lane is set or when the lanes do not fit in `out`.
pub fn filter<T: Plain>(values: &[T], mask: &[u64], out: &mut [T]) -> usize {
    assert_eq!(mask.len(), values.len().div_ceil(64));
    if let Some(last) = mask.last() {
        assert_eq!(last & !crate::bitmap::last_word_bits(values.len()), 0);
    }
    let count = crate::bitmap::count_ones(mask);
    let out = &mut out[..count];
    if count == values.len() {
        out.copy_from_slice(values);
        return count;
    }
    // Few lanes are walked: a wider set would look at all of them.
    let is_sparse = count * SPARSE <= values.len();
    match isa::level() {
        _ if is_sparse => scalar::filter(values, mask, out),
        Level::Scalar => scalar::filter(values, mask, out),
        Level::Avx2 | Level::Neon => simd::filter(values, mask, out),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::filter(values, mask, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => simd::filter(values, mask, out),
    }
    count
}

/// Returns the lanes whose bits are set.
pub fn filter_to_vec<T: Plain + Default>(values: &[T], mask: &[u64]) -> Vec<T> {
    let mut out = vec![T::default(); crate::bitmap::count_ones(mask)];
    filter(values, mask, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, Sample, bit, each_level, lengths};

    fn conforms<T: Plain + Sample>(bytes: impl Fn(T) -> u128) {
        let mut random = Random::new();
        for len in lengths() {
            let values = &random.lanes::<T>(len + 1)[1..];
            for mask in random.masks(len) {
                let wanted: Vec<u128> =
                    (0..len).filter(|&lane| bit(&mask, lane)).map(|lane| bytes(values[lane])).collect();
                each_level(|level| {
                    let mut out = random.lanes::<T>(wanted.len() + 2);
                    let sentinel = bytes(out[wanted.len()]);
                    assert_eq!(filter(values, &mask, &mut out), wanted.len());
                    let found: Vec<u128> = out[..wanted.len()].iter().map(|&lane| bytes(lane)).collect();
                    assert_eq!(found, wanted, "{level:?} {len}");
                    assert_eq!(bytes(out[wanted.len()]), sentinel, "writes past the count");
                });
            }
        }
    }

    #[test]
    fn every_width() {
        conforms::<u8>(u128::from);
        conforms::<i16>(|lane| lane as u128);
        conforms::<i32>(|lane| lane as u128);
        conforms::<i64>(|lane| lane as u128);
        conforms::<f64>(|lane| lane.to_bits().into());
        conforms::<i128>(|lane| lane as u128);
    }
}
