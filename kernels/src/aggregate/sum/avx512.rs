//! Sums of the lanes of a mask: a mask's word selects lanes in mask registers. The compiler tests a bit per lane instead,
//! which takes nearly twice as long.
#![expect(unsafe_code, reason = "loads of registers")]

use std::arch::x86_64::*;

/// Returns the wrapped sum of the lanes whose bits are set; `mask` has no bits past the last lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn sum_i64(values: &[i64], mask: &[u64]) -> i64 {
    let mut sums = [_mm512_setzero_si512(); 4];
    let (chunks, rest) = values.as_chunks::<64>();
    for (chunk, &word) in chunks.iter().zip(mask) {
        for part in 0..8 {
            // SAFETY: `8 * part + 8 <= 64`, the length of the chunk.
            let lanes = unsafe { _mm512_loadu_epi64(chunk.as_ptr().add(8 * part)) };
            let sum = &mut sums[part % 4];
            *sum = _mm512_mask_add_epi64(*sum, (word >> (8 * part)) as u8, *sum, lanes);
        }
    }
    total(sums).wrapping_add(super::scalar(rest, Some(&mask[chunks.len()..]), super::Bounded).0)
}

/// Returns the sum of the lanes whose bits are set; `mask` has no bits past the last lane.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn sum_i32(values: &[i32], mask: &[u64]) -> i64 {
    let mut sums = [_mm512_setzero_si512(); 4];
    let (chunks, rest) = values.as_chunks::<64>();
    for (chunk, &word) in chunks.iter().zip(mask) {
        for part in 0..8 {
            // SAFETY: `8 * part + 8 <= 64`, the length of the chunk.
            let lanes = unsafe { _mm256_loadu_epi32(chunk.as_ptr().add(8 * part)) };
            let sum = &mut sums[part % 4];
            *sum =
                _mm512_mask_add_epi64(*sum, (word >> (8 * part)) as u8, *sum, _mm512_cvtepi32_epi64(lanes));
        }
    }
    total(sums).wrapping_add(super::scalar(rest, Some(&mask[chunks.len()..]), |value: i32| value).0)
}

#[target_feature(enable = "avx512f")]
fn total(sums: [__m512i; 4]) -> i64 {
    let low = _mm512_add_epi64(sums[0], sums[1]);
    let high = _mm512_add_epi64(sums[2], sums[3]);
    _mm512_reduce_add_epi64(_mm512_add_epi64(low, high))
}
