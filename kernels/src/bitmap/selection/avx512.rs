//! Compression of lane numbers, 32 at a time. The result is compressed in a register and stored whole: the form that
//! compresses to memory is microcoded on Zen 4.
#![expect(unsafe_code, reason = "stores of registers")]

use std::arch::x86_64::*;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2")]
pub(super) fn selection_from_mask(mask: &[u64], selection: &mut [u16]) {
    let mut lanes = _mm512_set_epi16(
        31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6,
        5, 4, 3, 2, 1, 0,
    );
    let step = _mm512_set1_epi16(32);
    let mut written = 0;
    for &word in mask {
        for half in [word as u32, (word >> 32) as u32] {
            let compressed = _mm512_maskz_compress_epi16(half, lanes);
            let count = half.count_ones() as usize;
            if written + 32 <= selection.len() {
                // SAFETY: 32 slots from `written` on are inside the slice.
                unsafe { _mm512_storeu_epi16(selection.as_mut_ptr().add(written).cast(), compressed) };
            } else {
                let slots = &mut selection[written..written + count];
                let live = ((1u64 << count) - 1) as u32;
                // SAFETY: the mask writes `count` slots, the length of `slots`.
                unsafe { _mm512_mask_storeu_epi16(slots.as_mut_ptr().cast(), live, compressed) };
            }
            written += count;
            lanes = _mm512_add_epi16(lanes, step);
        }
    }
}
