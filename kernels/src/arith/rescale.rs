//! Fixed-point numbers from one decimal scale to another.

use super::integer::Mul;
use super::operation::{Operand, Operation, run};
use super::unary::each;

/// Returns `10^digits`, or `None` when it does not fit in an `i128`.
pub const fn power_of_ten(digits: u32) -> Option<i128> {
    10i128.checked_pow(digits)
}

/// Writes `value * 10^digits`; products that do not fit are faults. For i64 and i128. Returns whether there is a fault.
///
/// When the factor itself does not fit, all values but zero are faults.
pub fn rescale_up<T>(values: &[T], digits: u32, out: &mut [T], faults: &mut [u64]) -> bool
where
    T: Copy + Default + PartialEq + TryFrom<i128>,
    Mul: Operation<T, Output = T>,
{
    match power_of_ten(digits).and_then(|factor| T::try_from(factor).ok()) {
        Some(factor) => run::<Mul, T>(Operand::Lanes(values), Operand::Constant(factor), out, faults),
        None => each(values, out, faults, |value| (T::default(), value != T::default())),
    }
}

/// Writes `value * 10^digits` of 64-bit values in 128 bits; products that do not fit are faults.
/// Returns whether there is a fault.
pub fn rescale_up_wide(values: &[i64], digits: u32, out: &mut [i128], faults: &mut [u64]) -> bool {
    match power_of_ten(digits) {
        Some(factor) if digits <= 19 => {
            // Below 2^63 * 10^19 < 2^127.
            each(values, out, faults, |value| (i128::from(value).wrapping_mul(factor), false))
        }
        Some(factor) => each(values, out, faults, |value| i128::from(value).overflowing_mul(factor)),
        None => each(values, out, faults, |value| (0, value != 0)),
    }
}

/// A physical type of fixed-point numbers.
pub trait Fixed: Copy + 'static {
    /// Returns `self / 10^digits`, rounded to the nearest, ties away from zero.
    fn divided(self, digits: u32) -> Self;
}

macro_rules! fixed {
    ($($lane:ty),*) => {$(
        impl Fixed for $lane {
            #[inline(always)]
            fn divided(self, digits: u32) -> Self {
                let Some(divisor) = (10 as $lane).checked_pow(digits) else {
                    // Half of the divisor may still be reached by 128 bits: 10^39 is above 2^127 * 2.
                    let half = (10 as $lane).checked_pow(digits.saturating_sub(1)).and_then(|power| power.checked_mul(5));
                    return match half {
                        Some(half) if self >= half => 1,
                        Some(half) if self <= -half => -1,
                        Some(_) | None => 0,
                    };
                };
                let (quotient, remainder) = (self / divisor, self % divisor);
                // Twice the remainder may not fit, the divisor less the remainder does.
                let up = remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs();
                quotient + if up & (remainder != 0) { self.signum() } else { 0 }
            }
        }
    )*};
}

fixed!(i64, i128);

/// Writes `value / 10^digits`, rounded to the nearest, ties away from zero. For i64 and i128.
pub fn rescale_down<T: Fixed>(values: &[T], digits: u32, out: &mut [T]) {
    assert_eq!(values.len(), out.len());
    for (slot, &value) in out.iter_mut().zip(values) {
        *slot = value.divided(digits);
    }
}
