//! Sums. The loops are plain; AVX-512 runs the same loops compiled for it, where a mask's word selects lanes in
//! a mask register; sums under masks are written with its instructions.

#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::isa::{self, Level};

/// What a sum of integers is made of: a lane becomes one or two 64-bit terms whose sums cannot overflow in 2^31 lanes.
trait Terms: Copy {
    fn low(self) -> i64;
    fn high(self) -> i64;
}

impl Terms for i16 {
    #[inline(always)]
    fn low(self) -> i64 {
        self.into()
    }
    #[inline(always)]
    fn high(self) -> i64 {
        0
    }
}

impl Terms for i32 {
    #[inline(always)]
    fn low(self) -> i64 {
        self.into()
    }
    #[inline(always)]
    fn high(self) -> i64 {
        0
    }
}

/// Halves of 32 bits.
impl Terms for i64 {
    #[inline(always)]
    fn low(self) -> i64 {
        self & 0xFFFF_FFFF
    }
    #[inline(always)]
    fn high(self) -> i64 {
        self >> 32
    }
}

/// A value known to be small enough.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Bounded(i64);

impl Terms for Bounded {
    #[inline(always)]
    fn low(self) -> i64 {
        self.0
    }
    #[inline(always)]
    fn high(self) -> i64 {
        0
    }
}

/// Returns the sum of the lanes whose bits are set (of all lanes without a mask).
pub fn sum_i16(values: &[i16], mask: Option<&[u64]>) -> i64 {
    sums(values, mask, |value| value).0
}

/// Returns the sum of the lanes whose bits are set (of all lanes without a mask).
pub fn sum_i32(values: &[i32], mask: Option<&[u64]>) -> i64 {
    #[cfg(target_arch = "x86_64")]
    if let (Level::Avx512, Some(mask)) = (isa::level(), mask) {
        assert_eq!(mask.len(), values.len().div_ceil(64));
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        return unsafe { avx512::sum_i32(values, mask) };
    }
    sums(values, mask, |value| value).0
}

/// Returns the sum of the lanes whose bits are set (of all lanes without a mask).
pub fn sum_i64(values: &[i64], mask: Option<&[u64]>) -> i128 {
    if mask.is_some() && fits_in_64_bits(values) {
        return sum_i64_unchecked(values, mask).into();
    }
    let (low, high) = sums(values, mask, |value| value);
    (i128::from(high) << 32) + i128::from(low)
}

/// Returns the wrapped sum of the lanes whose bits are set, for callers that know that it fits.
pub fn sum_i64_unchecked(values: &[i64], mask: Option<&[u64]>) -> i64 {
    #[cfg(target_arch = "x86_64")]
    if let (Level::Avx512, Some(mask)) = (isa::level(), mask) {
        assert_eq!(mask.len(), values.len().div_ceil(64));
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        return unsafe { avx512::sum_i64(values, mask) };
    }
    sums(values, mask, Bounded).0
}

/// Returns the wrapped sum of the lanes whose bits are set, and whether it overflowed.
pub fn sum_i128(values: &[i128], mask: Option<&[u64]>) -> (i128, bool) {
    let mut sum = (0i128, false);
    for_each(values, mask, |value| {
        let (next, overflowed) = sum.0.overflowing_add(value);
        sum = (next, sum.1 | overflowed);
    });
    sum
}

/// Returns `start` plus the lanes whose bits are set, added one by one in their order.
pub fn sum_f64(start: f64, values: &[f64], mask: Option<&[u64]>) -> f64 {
    let mut sum = start;
    for_each(values, mask, |value| sum += value);
    sum
}

/// Tells whether the sum of any of the lanes fits in 64 bits, by their greatest magnitude.
#[inline]
pub(super) fn fits_in_64_bits(values: &[i64]) -> bool {
    let magnitudes = values.iter().fold(0, |magnitudes, value| magnitudes | (value ^ (value >> 63)));
    // Magnitudes are at most 2^(64 - spare), and there are less than 2^bits of them.
    let bits = usize::BITS - values.len().leading_zeros();
    64 - magnitudes.leading_zeros() + bits <= 63
}

/// Calls `body` with each lane whose bit is set, in order.
#[inline(always)]
fn for_each<T: Copy>(values: &[T], mask: Option<&[u64]>, mut body: impl FnMut(T)) {
    let Some(mask) = mask else {
        values.iter().for_each(|&value| body(value));
        return;
    };
    assert_eq!(mask.len(), values.len().div_ceil(64));
    for (chunk, &word) in values.chunks(64).zip(mask) {
        if word == u64::MAX {
            chunk.iter().for_each(|&value| body(value));
        } else {
            let mut bits = word;
            while bits != 0 {
                if let Some(&value) = chunk.get(bits.trailing_zeros() as usize) {
                    body(value);
                }
                bits &= bits - 1;
            }
        }
    }
}

#[inline(always)]
fn sums<T: Copy, U: Terms>(values: &[T], mask: Option<&[u64]>, terms: impl Fn(T) -> U + Copy) -> (i64, i64) {
    if let Some(mask) = mask {
        assert_eq!(mask.len(), values.len().div_ceil(64));
    }
    match isa::level() {
        Level::Scalar => scalar(values, mask, terms),
        Level::Avx2 | Level::Neon => portable(values, mask, terms),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512(values, mask, terms) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => portable(values, mask, terms),
    }
}

/// The definition.
fn scalar<T: Copy, U: Terms>(
    values: &[T],
    mask: Option<&[u64]>,
    terms: impl Fn(T) -> U + Copy,
) -> (i64, i64) {
    let (mut low, mut high) = (0i64, 0i64);
    for_each(values, mask, |value| {
        low = low.wrapping_add(terms(value).low());
        high = high.wrapping_add(terms(value).high());
    });
    (low, high)
}

#[inline(always)]
fn portable<T: Copy, U: Terms>(
    values: &[T],
    mask: Option<&[u64]>,
    terms: impl Fn(T) -> U + Copy,
) -> (i64, i64) {
    let Some(mask) = mask else {
        return values.iter().fold((0, 0), |(low, high), &value| {
            (low.wrapping_add(terms(value).low()), high.wrapping_add(terms(value).high()))
        });
    };
    let (chunks, rest) = values.as_chunks::<64>();
    let (mut low, mut high) = (0i64, 0i64);
    for (chunk, &word) in chunks.iter().zip(mask) {
        if word == 0 {
            continue;
        }
        let (mut chunk_low, mut chunk_high) = (0i64, 0i64);
        for (lane, &value) in chunk.iter().enumerate() {
            let keep = ((word >> lane & 1) as i64).wrapping_neg();
            chunk_low = chunk_low.wrapping_add(terms(value).low() & keep);
            chunk_high = chunk_high.wrapping_add(terms(value).high() & keep);
        }
        low = low.wrapping_add(chunk_low);
        high = high.wrapping_add(chunk_high);
    }
    let (rest_low, rest_high) = scalar(rest, Some(&mask[chunks.len()..]), terms);
    (low.wrapping_add(rest_low), high.wrapping_add(rest_high))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<T: Copy, U: Terms>(
    values: &[T],
    mask: Option<&[u64]>,
    terms: impl Fn(T) -> U + Copy,
) -> (i64, i64) {
    portable(values, mask, terms)
}
