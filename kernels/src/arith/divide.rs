//! Integer division and remainder.
#![expect(unsafe_code, reason = "conversions of doubles that are known to fit")]

use super::integer::spare_bits;
use super::operation::Operation;

/// `left / right`
pub struct Div;
/// The remainder of `left / right`
pub struct Rem;

macro_rules! definitions {
    ($lane:ty) => {
        #[inline(always)]
        fn lane(left: $lane, right: $lane) -> ($lane, bool) {
            let fault = (right == 0) | ((left == <$lane>::MIN) & (right == -1));
            (left / if fault { 1 } else { right }, fault)
        }
    };
    (rem $lane:ty) => {
        #[inline(always)]
        fn lane(left: $lane, right: $lane) -> ($lane, bool) {
            (left.wrapping_rem(if right == 0 { 1 } else { right }), right == 0)
        }
    };
}

/// Quotients of doubles: exact for 32-bit integers once truncated.
macro_rules! by_doubles {
    ($($lane:ty),*) => {$(
        impl Operation<$lane> for Div {
            type Output = $lane;
            definitions!($lane);
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) -> bool {
                let mut any = false;
                for lane in 0..64 {
                    let fault = (right[lane] == 0) | ((left[lane] == <$lane>::MIN) & (right[lane] == -1));
                    let divisor = if fault { 1 } else { right[lane] };
                    // SAFETY: the quotient is no greater than the dividend, a number of the lane's type.
                    out[lane] = unsafe { (f64::from(left[lane]) / f64::from(divisor)).to_int_unchecked::<i32>() } as $lane;
                    any |= fault;
                }
                any
            }
        }

        impl Operation<$lane> for Rem {
            type Output = $lane;
            definitions!(rem $lane);
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) -> bool {
                let mut any = false;
                for lane in 0..64 {
                    let fault = right[lane] == 0;
                    let divisor = if fault { 1 } else { right[lane] };
                    let quotient = f64::from(left[lane]) / f64::from(divisor);
                    // Doubles hold the product and the difference exactly.
                    let remainder = f64::from(left[lane]) - quotient.trunc() * f64::from(divisor);
                    // SAFETY: the remainder is no greater than the dividend.
                    out[lane] = unsafe { remainder.to_int_unchecked::<i32>() } as $lane;
                    any |= fault;
                }
                any
            }
        }
    )*};
}

by_doubles!(i16, i32);

/// Tells whether truncated quotients of doubles are exact: for dividends below 2^53 a quotient just below an
/// integer is further from it than the rounding error.
#[inline(always)]
fn exact_in_doubles(left: &[i64; 64], right: &[i64; 64]) -> bool {
    spare_bits(left) >= 12 && spare_bits(right) >= 12
}

impl Operation<i64> for Div {
    type Output = i64;
    definitions!(i64);
    #[inline(always)]
    fn chunk(left: &[i64; 64], right: &[i64; 64], out: &mut [i64; 64]) -> bool {
        let mut any = false;
        if exact_in_doubles(left, right) {
            for lane in 0..64 {
                let fault = right[lane] == 0;
                let divisor = if fault { 1 } else { right[lane] };
                // SAFETY: the quotient is no greater than the dividend.
                out[lane] = unsafe { (left[lane] as f64 / divisor as f64).to_int_unchecked() };
                any |= fault;
            }
        } else {
            for lane in 0..64 {
                let (quotient, fault) = <Self as Operation<i64>>::lane(left[lane], right[lane]);
                out[lane] = quotient;
                any |= fault;
            }
        }
        any
    }
}

impl Operation<i64> for Rem {
    type Output = i64;
    definitions!(rem i64);
    #[inline(always)]
    fn chunk(left: &[i64; 64], right: &[i64; 64], out: &mut [i64; 64]) -> bool {
        let mut any = false;
        if exact_in_doubles(left, right) {
            for lane in 0..64 {
                let fault = right[lane] == 0;
                let divisor = if fault { 1 } else { right[lane] };
                // SAFETY: the quotient is no greater than the dividend.
                let quotient: i64 = unsafe { (left[lane] as f64 / divisor as f64).to_int_unchecked() };
                out[lane] = left[lane] - quotient.wrapping_mul(divisor);
                any |= fault;
            }
        } else {
            for lane in 0..64 {
                let (remainder, fault) = <Self as Operation<i64>>::lane(left[lane], right[lane]);
                out[lane] = remainder;
                any |= fault;
            }
        }
        any
    }
}

macro_rules! by_lanes {
    ($operation:ty, $($kind:ident)?) => {
        impl Operation<i128> for $operation {
            type Output = i128;
            definitions!($($kind)? i128);
            #[inline(always)]
            fn chunk(left: &[i128; 64], right: &[i128; 64], out: &mut [i128; 64]) -> bool {
                let mut any = false;
                for lane in 0..64 {
                    let (value, fault) = <Self as Operation<i128>>::lane(left[lane], right[lane]);
                    out[lane] = value;
                    any |= fault;
                }
                any
            }
        }
    };
}

by_lanes!(Div,);
by_lanes!(Rem, rem);
