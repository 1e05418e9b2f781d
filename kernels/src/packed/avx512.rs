//! The portable body compiled with AVX-512. The compiler does not vectorize rows of 16 columns, those of the widths
//! above 32, so these are written with intrinsics, which take less than half of the time.
#![expect(unsafe_code, reason = "loads and stores of registers")]

use std::arch::x86_64::*;

use super::{BLOCK_LEN, Packable, unit_bits};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
pub(super) fn unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
    if unit_bits(width) < 64 {
        return super::simd::unpack(packed, width, base, out);
    }
    let mut offsets = [0; BLOCK_LEN];
    rows(packed, width, out.len().div_ceil(16), &mut offsets);
    for (slot, &offset) in out.iter_mut().zip(&offsets) {
        *slot = T::from_offset(base, offset);
    }
}

/// Unpacks the first rows of a block with units of 64 bits.
#[target_feature(enable = "avx512f")]
fn rows(packed: &[u64], width: u32, row_count: usize, offsets: &mut [u64; BLOCK_LEN]) {
    let (units, _) = packed.as_chunks::<16>();
    let keep = _mm512_set1_epi64((u64::MAX >> (64 - width)) as i64);
    for (row, slots) in offsets.as_chunks_mut::<16>().0.iter_mut().enumerate().take(row_count) {
        let bit = row as u32 * width;
        let (unit, shift) = ((bit / 64) as usize, bit % 64);
        let right = _mm_cvtsi32_si128(shift as i32);
        // A shift by 64 leaves nothing.
        let left = _mm_cvtsi32_si128((64 - shift) as i32);
        let (low, high) = (&units[unit], &units[(unit + 1).min(units.len() - 1)]);
        for half in [0, 8] {
            // SAFETY: `half + 8 <= 16`, the length of the arrays.
            unsafe {
                let low = _mm512_srl_epi64(_mm512_loadu_epi64(low.as_ptr().add(half).cast()), right);
                let high = _mm512_sll_epi64(_mm512_loadu_epi64(high.as_ptr().add(half).cast()), left);
                let values = _mm512_and_si512(_mm512_or_si512(low, high), keep);
                _mm512_storeu_epi64(slots.as_mut_ptr().add(half).cast(), values);
            }
        }
    }
}
