//! Products in the next wider type, which cannot overflow.

use super::operation::{Operand, Operation, run_unchecked};

/// `left * right` in a type twice as wide.
pub struct MulWide;

macro_rules! products {
    ($($lane:ty, $wide:ty;)*) => {$(
        impl Operation<$lane> for MulWide {
            type Output = $wide;
            #[inline(always)]
            fn lane(left: $lane, right: $lane) -> ($wide, bool) {
                (<$wide>::from(left) * <$wide>::from(right), false)
            }
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$wide; 64]) -> bool {
                for lane in 0..64 {
                    out[lane] = <$wide>::from(left[lane]) * <$wide>::from(right[lane]);
                }
                false
            }
        }
    )*};
}

products! { i16, i32; i32, i64; i64, i128; }

/// Writes `left * right`: i16 to i32, i32 to i64, i64 to i128.
pub fn mul_wide<T: Copy, W: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [W])
where
    MulWide: Operation<T, Output = W>,
{
    run_unchecked::<MulWide, T>(left, right, out);
}
