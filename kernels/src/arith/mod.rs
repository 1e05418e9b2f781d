//! Arithmetic of lanes with faults.
//!
//! A checked operation writes every lane and a mask of *faults*: lanes whose true result does not fit, or whose
//! divisor is zero. It returns whether there is any, so that the usual case needs no look at the mask. Null lanes are
//! computed like any other: the caller masks the faults with validity. The value of a lane with a fault is the wrapped
//! result, or what a divisor of one would give.
//!
//! Chunks of 64 lanes are computed in a loop that the compiler vectorizes and that only finds out whether a fault is
//! possible in it; the bits are made lane by lane in the rare chunks where one is. `Operation::lane` is the definition of each
//! operation, and the only thing the scalar level uses.

mod divide;
mod float;
mod integer;
mod operation;
mod rescale;
#[cfg(test)]
mod tests;
mod unary;
mod widen;

pub use divide::{Div, Rem};
pub use integer::{Add, Mul, Sub};
pub use operation::{Operand, Operation};
pub use rescale::{power_of_ten, rescale_down, rescale_up, rescale_up_wide};
pub(crate) use unary::each;
pub use unary::{Negatable, abs, neg};
pub use widen::{MulWide, mul_wide};

use operation::{run, run_unchecked};

/// Writes `left + right`; see the module's documentation for faults. For i16, i32, i64, i128, f32 and f64.
///
/// A float sum faults when it is infinite although both sides are finite.
pub fn add<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T], faults: &mut [u64]) -> bool
where
    Add: Operation<T, Output = T>,
{
    run::<Add, T>(left, right, out, faults)
}

/// Writes `left - right`; see the module's documentation for faults. For i16, i32, i64, i128, f32 and f64.
///
/// A float difference faults when it is infinite although both sides are finite.
pub fn sub<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T], faults: &mut [u64]) -> bool
where
    Sub: Operation<T, Output = T>,
{
    run::<Sub, T>(left, right, out, faults)
}

/// Writes `left * right`; see the module's documentation for faults. For i16, i32, i64, i128, f32 and f64.
///
/// A float product faults when it is infinite although both sides are finite, or zero although neither is.
pub fn mul<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T], faults: &mut [u64]) -> bool
where
    Mul: Operation<T, Output = T>,
{
    run::<Mul, T>(left, right, out, faults)
}

/// Writes `left / right`, truncated towards zero for integers; see the module's documentation for faults.
/// For i16, i32, i64, i128, f32 and f64.
///
/// Integers fault for a zero divisor and for the least value divided by -1. Floats fault for a zero divisor unless the
/// dividend is NaN, for an infinite quotient of a finite dividend, and for a zero quotient of a non-zero dividend
/// and a finite divisor.
pub fn div<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T], faults: &mut [u64]) -> bool
where
    Div: Operation<T, Output = T>,
{
    run::<Div, T>(left, right, out, faults)
}

/// Writes the remainder of `left / right`, which has the sign of `left`; a zero divisor is a fault, and a divisor of -1
/// gives zero. For i16, i32, i64 and i128.
pub fn rem<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T], faults: &mut [u64]) -> bool
where
    Rem: Operation<T, Output = T>,
{
    run::<Rem, T>(left, right, out, faults)
}

/// Writes the wrapped `left + right`, for callers that know bounds of both sides.
pub fn add_unchecked<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T])
where
    Add: Operation<T, Output = T>,
{
    run_unchecked::<Add, T>(left, right, out);
}

/// Writes the wrapped `left - right`, for callers that know bounds of both sides.
pub fn sub_unchecked<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T])
where
    Sub: Operation<T, Output = T>,
{
    run_unchecked::<Sub, T>(left, right, out);
}

/// Writes the wrapped `left * right`, for callers that know bounds of both sides.
pub fn mul_unchecked<T: Copy>(left: Operand<'_, T>, right: Operand<'_, T>, out: &mut [T])
where
    Mul: Operation<T, Output = T>,
{
    run_unchecked::<Mul, T>(left, right, out);
}
