//! Float arithmetic with PostgreSQL's faults: overflow, underflow to zero, and division by zero.
//!
//! The last expression of each operation is what a chunk looks for: it holds for every fault, and costs less.

use super::operation::Operation;
use super::{Add, Div, Mul, Sub};

macro_rules! operation {
    ($name:ident, $lane:ty, $left:ident, $right:ident, $result:ident, $value:expr, $fault:expr, $may:expr) => {
        impl Operation<$lane> for $name {
            type Output = $lane;
            #[inline(always)]
            fn lane($left: $lane, $right: $lane) -> ($lane, bool) {
                let $result = $value;
                ($result, $fault)
            }
            #[inline(always)]
            fn chunk(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) -> bool {
                let mut any = false;
                for lane in 0..64 {
                    let ($left, $right) = (left[lane], right[lane]);
                    let $result = $value;
                    out[lane] = $result;
                    any |= $may;
                }
                any
            }
            #[inline(always)]
            fn chunk_unchecked(left: &[$lane; 64], right: &[$lane; 64], out: &mut [$lane; 64]) {
                for lane in 0..64 {
                    out[lane] = <Self as Operation<$lane>>::lane(left[lane], right[lane]).0;
                }
            }
        }
    };
}

macro_rules! operations {
    ($($lane:ty),*) => {$(
        operation!(Add, $lane, left, right, sum, left + right,
            is_infinite(sum) & !is_infinite(left) & !is_infinite(right),
            is_infinite(sum));
        operation!(Sub, $lane, left, right, difference, left - right,
            is_infinite(difference) & !is_infinite(left) & !is_infinite(right),
            is_infinite(difference));
        operation!(Mul, $lane, left, right, product, left * right,
            (is_infinite(product) & !is_infinite(left) & !is_infinite(right))
                | ((product == 0.0) & (left != 0.0) & (right != 0.0)),
            is_infinite(product) | ((product == 0.0) & (left != 0.0) & (right != 0.0)));
        operation!(Div, $lane, left, right, quotient, left / right,
            ((right == 0.0) & !left.is_nan())
                | (is_infinite(quotient) & !is_infinite(left))
                | ((quotient == 0.0) & (left != 0.0) & !is_infinite(right)),
            (right == 0.0) | is_infinite(quotient) | ((quotient == 0.0) & (left != 0.0)));
    )*};
}

operations!(f32, f64);

#[inline(always)]
fn is_infinite<T: FloatLane>(value: T) -> bool {
    value.infinite()
}

trait FloatLane {
    fn infinite(self) -> bool;
}

impl FloatLane for f32 {
    #[inline(always)]
    fn infinite(self) -> bool {
        self.abs() == f32::INFINITY
    }
}

impl FloatLane for f64 {
    #[inline(always)]
    fn infinite(self) -> bool {
        self.abs() == f64::INFINITY
    }
}
