//! Integer addition, subtraction and multiplication.

use super::operation::Operation;

/// `left + right`
pub struct Add;
/// `left - right`
pub struct Sub;
/// `left * right`
pub struct Mul;

macro_rules! sums {
    ($($lane:ty),*) => {$(
        impl Operation<$lane> for Add {
            type Output = $lane;
            #[inline(always)]
            fn lane(left: $lane, right: $lane) -> ($lane, bool) {
                left.overflowing_add(right)
            }
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) -> bool {
                let mut lost = 0;
                for lane in 0..64 {
                    let sum = left[lane].wrapping_add(right[lane]);
                    // Overflow: both inputs have the sign that the sum lacks.
                    lost |= (left[lane] ^ sum) & (right[lane] ^ sum);
                    out[lane] = sum;
                }
                lost < 0
            }
            #[inline(always)]
            fn chunk_unchecked(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) {
                for lane in 0..64 {
                    out[lane] = left[lane].wrapping_add(right[lane]);
                }
            }
        }

        impl Operation<$lane> for Sub {
            type Output = $lane;
            #[inline(always)]
            fn lane(left: $lane, right: $lane) -> ($lane, bool) {
                left.overflowing_sub(right)
            }
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) -> bool {
                let mut lost = 0;
                for lane in 0..64 {
                    let difference = left[lane].wrapping_sub(right[lane]);
                    // Overflow: the inputs' signs differ, and the difference lacks the sign of the left one.
                    lost |= (left[lane] ^ right[lane]) & (left[lane] ^ difference);
                    out[lane] = difference;
                }
                lost < 0
            }
            #[inline(always)]
            fn chunk_unchecked(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) {
                for lane in 0..64 {
                    out[lane] = left[lane].wrapping_sub(right[lane]);
                }
            }
        }
    )*};
}

sums!(i16, i32, i64, i128);

macro_rules! narrow_products {
    ($($lane:ty, $wide:ty;)*) => {$(
        impl Operation<$lane> for Mul {
            type Output = $lane;
            #[inline(always)]
            fn lane(left: $lane, right: $lane) -> ($lane, bool) {
                left.overflowing_mul(right)
            }
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) -> bool {
                let mut lost = 0;
                for lane in 0..64 {
                    let product = <$wide>::from(left[lane]) * <$wide>::from(right[lane]);
                    out[lane] = product as $lane;
                    lost |= product ^ <$wide>::from(product as $lane);
                }
                lost != 0
            }
            #[inline(always)]
            fn chunk_unchecked(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) {
                for lane in 0..64 {
                    out[lane] = left[lane].wrapping_mul(right[lane]);
                }
            }
        }
    )*};
}

narrow_products! { i16, i32; }

/// Most products need no look at 64 bits: the spare bits of both sides prove that they fit.
impl Operation<i32> for Mul {
    type Output = i32;
    #[inline(always)]
    fn lane(left: i32, right: i32) -> (i32, bool) {
        left.overflowing_mul(right)
    }
    #[inline(always)]
    fn chunk(left: &[i32; 64], right: &[i32; 64], out: &mut [i32; 64]) -> bool {
        let spare = |lanes: &[i32; 64]| {
            lanes.iter().fold(0, |magnitudes, lane| magnitudes | (lane ^ (lane >> 31))).leading_zeros()
        };
        Self::chunk_unchecked(left, right, out);
        // Magnitudes are at most 2^(32 - spare), so their product is at most 2^30.
        spare(left) + spare(right) < 34
    }
    #[inline(always)]
    fn chunk_unchecked(left: &[i32; 64], right: &[i32; 64], out: &mut [i32; 64]) {
        for lane in 0..64 {
            out[lane] = left[lane].wrapping_mul(right[lane]);
        }
    }
}

/// Returns the leading zeros that the magnitudes of all lanes have, where a negative value counts as its bits inverted.
#[inline(always)]
pub(super) fn spare_bits(lanes: &[i64; 64]) -> u32 {
    lanes.iter().fold(0, |magnitudes, lane| magnitudes | (lane ^ (lane >> 63))).leading_zeros()
}

/// Neither AVX2 nor NEON multiplies 64-bit lanes, and no vector instruction tells whether a product overflowed. The
/// spare bits of both sides usually prove that none can, and that the lanes fit in 32 bits, which do multiply.
impl Operation<i64> for Mul {
    type Output = i64;
    #[inline(always)]
    fn lane(left: i64, right: i64) -> (i64, bool) {
        left.overflowing_mul(right)
    }
    #[inline(always)]
    fn chunk(left: &[i64; 64], right: &[i64; 64], out: &mut [i64; 64]) -> bool {
        let (left_spare, right_spare) = (spare_bits(left), spare_bits(right));
        if left_spare >= 33 && right_spare >= 33 {
            for lane in 0..64 {
                out[lane] = i64::from(left[lane] as i32) * i64::from(right[lane] as i32);
            }
            false
        } else {
            Self::chunk_unchecked(left, right, out);
            // Magnitudes are at most 2^(64 - spare), so their product is at most 2^62.
            left_spare + right_spare < 66
        }
    }
    #[inline(always)]
    fn chunk_unchecked(left: &[i64; 64], right: &[i64; 64], out: &mut [i64; 64]) {
        for lane in 0..64 {
            out[lane] = left[lane].wrapping_mul(right[lane]);
        }
    }
}

impl Operation<i128> for Mul {
    type Output = i128;
    #[inline(always)]
    fn lane(left: i128, right: i128) -> (i128, bool) {
        left.overflowing_mul(right)
    }
    #[inline(always)]
    fn chunk(left: &[i128; 64], right: &[i128; 64], out: &mut [i128; 64]) -> bool {
        let wide = |lanes: &[i128; 64]| {
            // The upper 65 bits are equal when the value fits in 64.
            lanes.iter().fold(0, |lost, lane| lost | (lane ^ (lane >> 127)) >> 63) != 0
        };
        if wide(left) || wide(right) {
            Self::chunk_unchecked(left, right, out);
            true
        } else {
            for lane in 0..64 {
                out[lane] = i128::from(left[lane] as i64) * i128::from(right[lane] as i64);
            }
            false
        }
    }
    #[inline(always)]
    fn chunk_unchecked(left: &[i128; 64], right: &[i128; 64], out: &mut [i128; 64]) {
        for lane in 0..64 {
            out[lane] = left[lane].wrapping_mul(right[lane]);
        }
    }
}
