//! Compression in registers, stored whole: the form that compresses to memory is microcoded on Zen 4.
#![expect(unsafe_code, reason = "loads and stores of registers")]

use std::arch::x86_64::*;

use crate::plain::Plain;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi2")]
pub(super) fn filter<T: Plain>(values: &[T], mask: &[u64], out: &mut [T]) {
    let (chunks, rest) = values.as_chunks::<64>();
    let mut written = 0;
    for (chunk, &word) in chunks.iter().zip(mask) {
        if word == 0 {
            continue;
        }
        let count = word.count_ones() as usize;
        // Each store writes a whole register, so 64 slots must be left.
        if written + 64 <= out.len() {
            let slots = out[written..written + 64].as_mut_ptr();
            // SAFETY: 64 lanes are readable and 64 slots are writable; `T` is plain bytes of its size.
            unsafe {
                match size_of::<T>() {
                    1 => chunk_of_1(chunk.as_ptr().cast(), word, slots.cast()),
                    2 => chunk_of_2(chunk.as_ptr().cast(), word, slots.cast()),
                    4 => chunk_of_4(chunk.as_ptr().cast(), word, slots.cast()),
                    8 => chunk_of_8(chunk.as_ptr().cast(), word, slots.cast()),
                    _ => chunk_of_16(chunk.as_ptr().cast(), word, slots.cast()),
                }
            }
        } else {
            super::scalar::filter(chunk, &[word], &mut out[written..written + count]);
        }
        written += count;
    }
    super::scalar::filter(rest, &mask[chunks.len()..], &mut out[written..]);
}

macro_rules! chunk {
    ($name:ident, $lane:ty, $bits:ty, $lanes:literal, $load:ident, $compress:ident, $store:ident) => {
        /// Compacts 64 lanes.
        ///
        /// # Safety
        /// `lanes` points to 64 readable lanes and `out` to 64 writable ones.
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2")]
        #[inline]
        unsafe fn $name(lanes: *const $lane, word: u64, out: *mut $lane) {
            let mut written = 0;
            for start in (0..64).step_by($lanes) {
                let bits = (word >> start) as $bits;
                // SAFETY: `start + LANES <= 64`, and `written <= start`.
                unsafe { $store(out.add(written), $compress(bits, $load(lanes.add(start)))) };
                written += bits.count_ones() as usize;
            }
        }
    };
}

chunk!(chunk_of_1, i8, u64, 64, _mm512_loadu_epi8, _mm512_maskz_compress_epi8, _mm512_storeu_epi8);
chunk!(chunk_of_2, i16, u32, 32, _mm512_loadu_epi16, _mm512_maskz_compress_epi16, _mm512_storeu_epi16);
chunk!(chunk_of_4, i32, u16, 16, _mm512_loadu_epi32, _mm512_maskz_compress_epi32, _mm512_storeu_epi32);
chunk!(chunk_of_8, i64, u8, 8, _mm512_loadu_epi64, _mm512_maskz_compress_epi64, _mm512_storeu_epi64);

/// Compacts 64 lanes of 16 bytes as pairs of halves.
///
/// # Safety
/// `lanes` points to 128 readable halves and `out` to 128 writable ones.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi2,bmi2")]
#[inline]
unsafe fn chunk_of_16(lanes: *const i64, word: u64, out: *mut i64) {
    let mut written = 0;
    for start in (0..64).step_by(4) {
        let bits = _pdep_u32((word >> start) as u32 & 15, 0b0101_0101) as u8 * 3;
        // SAFETY: `2 * start + 8 <= 128`, and `written <= 2 * start`.
        unsafe {
            let halves = _mm512_loadu_epi64(lanes.add(2 * start));
            _mm512_storeu_epi64(out.add(written), _mm512_maskz_compress_epi64(bits, halves));
        }
        written += bits.count_ones() as usize;
    }
}
