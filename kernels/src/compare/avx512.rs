//! Comparison into mask registers: no packing is needed, a word is eight compares of 64-bit lanes.
#![expect(unsafe_code, reason = "loads of registers and intrinsics behind a trait")]

use std::arch::x86_64::*;

use super::{Lane, Primitive};

/// A physical type's registers of one or two times 64 bytes.
pub trait Registers: Sized {
    /// The register or pair of registers.
    type Register: Copy;
    /// Lanes per register.
    const LANES: usize;

    /// Loads `LANES` lanes.
    ///
    /// # Safety
    /// `lanes` points to `LANES` readable lanes, and the machine has AVX-512.
    unsafe fn load(lanes: *const Self) -> Self::Register;
    /// Repeats a lane.
    ///
    /// # Safety
    /// The machine has AVX-512.
    unsafe fn splat(self) -> Self::Register;
    /// Returns the bits of the equal lanes.
    ///
    /// # Safety
    /// The machine has AVX-512.
    unsafe fn equal_bits(left: Self::Register, right: Self::Register) -> u64;
    /// Returns the bits of the lanes where `left` is before `right`.
    ///
    /// # Safety
    /// The machine has AVX-512.
    unsafe fn less_bits(left: Self::Register, right: Self::Register) -> u64;
}

macro_rules! integer_registers {
    ($($lane:ty: $lanes:literal, $as:ty, $load:ident, $splat:ident, $equal:ident, $less:ident;)*) => {$(
        impl Registers for $lane {
            type Register = __m512i;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn load(lanes: *const Self) -> __m512i {
                // SAFETY: the caller vouches for 64 readable bytes and for AVX-512.
                unsafe { $load(lanes.cast()) }
            }
            #[inline(always)]
            unsafe fn splat(self) -> __m512i {
                // SAFETY: the caller vouches for AVX-512.
                unsafe { $splat(self as $as) }
            }
            #[inline(always)]
            unsafe fn equal_bits(left: __m512i, right: __m512i) -> u64 {
                // SAFETY: the caller vouches for AVX-512.
                u64::from(unsafe { $equal(left, right) })
            }
            #[inline(always)]
            unsafe fn less_bits(left: __m512i, right: __m512i) -> u64 {
                // SAFETY: the caller vouches for AVX-512.
                u64::from(unsafe { $less(left, right) })
            }
        }
    )*};
}

integer_registers! {
    u8: 64, i8, _mm512_loadu_epi8, _mm512_set1_epi8, _mm512_cmpeq_epu8_mask, _mm512_cmplt_epu8_mask;
    u16: 32, i16, _mm512_loadu_epi16, _mm512_set1_epi16, _mm512_cmpeq_epu16_mask, _mm512_cmplt_epu16_mask;
    u32: 16, i32, _mm512_loadu_epi32, _mm512_set1_epi32, _mm512_cmpeq_epu32_mask, _mm512_cmplt_epu32_mask;
    u64: 8, i64, _mm512_loadu_epi64, _mm512_set1_epi64, _mm512_cmpeq_epu64_mask, _mm512_cmplt_epu64_mask;
    i16: 32, i16, _mm512_loadu_epi16, _mm512_set1_epi16, _mm512_cmpeq_epi16_mask, _mm512_cmplt_epi16_mask;
    i32: 16, i32, _mm512_loadu_epi32, _mm512_set1_epi32, _mm512_cmpeq_epi32_mask, _mm512_cmplt_epi32_mask;
    i64: 8, i64, _mm512_loadu_epi64, _mm512_set1_epi64, _mm512_cmpeq_epi64_mask, _mm512_cmplt_epi64_mask;
}

macro_rules! float_registers {
    ($($lane:ty: $lanes:literal, $register:ty, $load:ident, $splat:ident, $compare:ident;)*) => {$(
        impl Registers for $lane {
            type Register = $register;
            const LANES: usize = $lanes;
            #[inline(always)]
            unsafe fn load(lanes: *const Self) -> $register {
                // SAFETY: the caller vouches for 64 readable bytes and for AVX-512.
                unsafe { $load(lanes) }
            }
            #[inline(always)]
            unsafe fn splat(self) -> $register {
                // SAFETY: the caller vouches for AVX-512.
                unsafe { $splat(self) }
            }
            #[inline(always)]
            unsafe fn equal_bits(left: $register, right: $register) -> u64 {
                // SAFETY: the caller vouches for AVX-512.
                unsafe {
                    let equal = $compare::<_CMP_EQ_OQ>(left, right);
                    let left_nan = $compare::<_CMP_UNORD_Q>(left, left);
                    let right_nan = $compare::<_CMP_UNORD_Q>(right, right);
                    u64::from(equal | (left_nan & right_nan))
                }
            }
            #[inline(always)]
            unsafe fn less_bits(left: $register, right: $register) -> u64 {
                // SAFETY: the caller vouches for AVX-512.
                unsafe {
                    let not_greater_or_equal = $compare::<_CMP_NGE_UQ>(left, right);
                    let left_number = $compare::<_CMP_ORD_Q>(left, left);
                    u64::from(not_greater_or_equal & left_number)
                }
            }
        }
    )*};
}

float_registers! {
    f32: 16, __m512, _mm512_loadu_ps, _mm512_set1_ps, _mm512_cmp_ps_mask;
    f64: 8, __m512d, _mm512_loadu_pd, _mm512_set1_pd, _mm512_cmp_pd_mask;
}

macro_rules! pairs {
    ($($lane:ty: $less:ident;)*) => {$(
/// The low and the high halves of eight lanes.
impl Registers for $lane {
    type Register = (__m512i, __m512i);
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn load(lanes: *const Self) -> Self::Register {
        // SAFETY: the caller vouches for 128 readable bytes and for AVX-512.
        unsafe {
            let first = _mm512_loadu_epi64(lanes.cast());
            let second = _mm512_loadu_epi64(lanes.add(4).cast());
            let even = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
            let odd = _mm512_setr_epi64(1, 3, 5, 7, 9, 11, 13, 15);
            (_mm512_permutex2var_epi64(first, even, second), _mm512_permutex2var_epi64(first, odd, second))
        }
    }
    #[inline(always)]
    unsafe fn splat(self) -> Self::Register {
        // SAFETY: the caller vouches for AVX-512.
        unsafe { (_mm512_set1_epi64(self as i64), _mm512_set1_epi64((self >> 64) as i64)) }
    }
    #[inline(always)]
    unsafe fn equal_bits(left: Self::Register, right: Self::Register) -> u64 {
        // SAFETY: the caller vouches for AVX-512.
        unsafe {
            let low = _mm512_cmpeq_epi64_mask(left.0, right.0);
            u64::from(low & _mm512_cmpeq_epi64_mask(left.1, right.1))
        }
    }
    #[inline(always)]
    unsafe fn less_bits(left: Self::Register, right: Self::Register) -> u64 {
        // SAFETY: the caller vouches for AVX-512.
        unsafe {
            let high_less = $less(left.1, right.1);
            let high_equal = _mm512_cmpeq_epi64_mask(left.1, right.1);
            u64::from(high_less | (high_equal & _mm512_cmplt_epu64_mask(left.0, right.0)))
        }
    }
}
    )*};
}

pairs! { i128: _mm512_cmplt_epi64_mask; u128: _mm512_cmplt_epu64_mask; }

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn compare<T: Lane>(primitive: Primitive, flip: u64, left: &[T], right: &[T], mask: &mut [u64]) {
    match primitive {
        Primitive::Equal => lanes::<T, true>(flip, left, right, mask),
        Primitive::Less => lanes::<T, false>(flip, left, right, mask),
        Primitive::Greater => lanes::<T, false>(flip, right, left, mask),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn compare_constant<T: Lane>(
    primitive: Primitive,
    flip: u64,
    left: &[T],
    right: T,
    mask: &mut [u64],
) {
    match primitive {
        Primitive::Equal => constant::<T, 0>(flip, left, right, mask),
        Primitive::Less => constant::<T, 1>(flip, left, right, mask),
        Primitive::Greater => constant::<T, 2>(flip, left, right, mask),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn between<T: Lane>(values: &[T], low: T, high: T, mask: &mut [u64]) {
    // SAFETY: this function's features are AVX-512.
    let (low_register, high_register) = unsafe { (low.splat(), high.splat()) };
    let (chunks, rest) = values.as_chunks::<64>();
    for (chunk, word) in chunks.iter().zip(mask.iter_mut()) {
        let mut outside = 0;
        for start in (0..64).step_by(T::LANES) {
            // SAFETY: `start + LANES <= 64`, the length of the chunk.
            unsafe {
                let lanes = T::load(chunk.as_ptr().add(start));
                let bits = T::less_bits(lanes, low_register);
                outside |= (bits | T::less_bits(high_register, lanes)) << start;
            }
        }
        *word = !outside;
    }
    super::scalar::between(rest, low, high, &mut mask[chunks.len()..]);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn lanes<T: Lane, const EQUAL: bool>(flip: u64, left: &[T], right: &[T], mask: &mut [u64]) {
    let (left_chunks, left_rest) = left.as_chunks::<64>();
    let (right_chunks, right_rest) = right.as_chunks::<64>();
    for ((left, right), word) in left_chunks.iter().zip(right_chunks).zip(mask.iter_mut()) {
        let mut bits = 0;
        for start in (0..64).step_by(T::LANES) {
            // SAFETY: `start + LANES <= 64`, the length of the chunks.
            unsafe {
                let left = T::load(left.as_ptr().add(start));
                let right = T::load(right.as_ptr().add(start));
                let holds = if EQUAL { T::equal_bits(left, right) } else { T::less_bits(left, right) };
                bits |= holds << start;
            }
        }
        *word = bits ^ flip;
    }
    let primitive = if EQUAL { Primitive::Equal } else { Primitive::Less };
    super::scalar::compare(primitive, flip, left_rest, right_rest, &mut mask[left_chunks.len()..]);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn constant<T: Lane, const PRIMITIVE: u8>(flip: u64, left: &[T], right: T, mask: &mut [u64]) {
    // SAFETY: this function's features are AVX-512.
    let register = unsafe { right.splat() };
    let (chunks, rest) = left.as_chunks::<64>();
    for (chunk, word) in chunks.iter().zip(mask.iter_mut()) {
        let mut bits = 0;
        for start in (0..64).step_by(T::LANES) {
            // SAFETY: `start + LANES <= 64`, the length of the chunk.
            unsafe {
                let lanes = T::load(chunk.as_ptr().add(start));
                let holds = match PRIMITIVE {
                    0 => T::equal_bits(lanes, register),
                    1 => T::less_bits(lanes, register),
                    _ => T::less_bits(register, lanes),
                };
                bits |= holds << start;
            }
        }
        *word = bits ^ flip;
    }
    let primitive = [Primitive::Equal, Primitive::Less, Primitive::Greater][usize::from(PRIMITIVE.min(2))];
    super::scalar::compare_constant(primitive, flip, rest, right, &mut mask[chunks.len()..]);
}
