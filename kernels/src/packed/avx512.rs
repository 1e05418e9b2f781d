//! The portable body compiled with AVX-512.

use super::Packable;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2")]
pub(super) fn unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
    super::simd::unpack(packed, width, base, out);
}
