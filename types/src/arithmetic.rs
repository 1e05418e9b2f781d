//! Integer and float arithmetic with PostgreSQL's overflow errors, and casts between number types.

use crate::errors::{PgError, Result, data};

macro_rules! integer_arithmetic {
    ($module:ident, $type:ty, $unsigned:ty, $overflow:path, $name:literal) => {
        #[doc = concat!("Arithmetic on `", $name, "`.")]
        pub mod $module {
            use super::*;

            /// `left + right`
            pub fn add(left: $type, right: $type) -> Result<$type> {
                left.checked_add(right).ok_or_else($overflow)
            }
            /// `left - right`
            pub fn sub(left: $type, right: $type) -> Result<$type> {
                left.checked_sub(right).ok_or_else($overflow)
            }
            /// `left * right`
            pub fn mul(left: $type, right: $type) -> Result<$type> {
                left.checked_mul(right).ok_or_else($overflow)
            }
            /// `left / right`, cut towards zero
            pub fn div(left: $type, right: $type) -> Result<$type> {
                if right == 0 {
                    return Err(data::division_by_zero());
                }
                left.checked_div(right).ok_or_else($overflow)
            }
            /// `left % right`, with the sign of `left`
            pub fn rem(left: $type, right: $type) -> Result<$type> {
                if right == 0 {
                    return Err(data::division_by_zero());
                }
                Ok(left.wrapping_rem(right))
            }
            /// `-value`
            pub fn neg(value: $type) -> Result<$type> {
                value.checked_neg().ok_or_else($overflow)
            }
            /// `abs(value)`
            pub fn abs(value: $type) -> Result<$type> {
                value.checked_abs().ok_or_else($overflow)
            }
            /// `gcd(left, right)`
            pub fn gcd(left: $type, right: $type) -> Result<$type> {
                let (mut left, mut right) = (left.unsigned_abs(), right.unsigned_abs());
                while right != 0 {
                    (left, right) = (right, left % right);
                }
                <$type>::try_from(left).map_err(|_| $overflow())
            }
            /// `lcm(left, right)`
            pub fn lcm(left: $type, right: $type) -> Result<$type> {
                if left == 0 || right == 0 {
                    return Ok(0);
                }
                abs(mul(left / gcd(left, right)?, right)?)
            }
            /// `value << count`; the count is taken modulo the width as the processor does
            pub fn shift_left(value: $type, count: i32) -> $type {
                ((i64::from(value)).wrapping_shl(count as u32 & (if <$type>::BITS == 64 { 63 } else { 31 })))
                    as $type
            }
            /// `value >> count`
            pub fn shift_right(value: $type, count: i32) -> $type {
                ((i64::from(value)).wrapping_shr(count as u32 & (if <$type>::BITS == 64 { 63 } else { 31 })))
                    as $type
            }
            /// Casts a float: half to even.
            pub fn from_f64(value: f64) -> Result<$type> {
                let rounded = value.round_ties_even();
                let limit = -(<$type>::MIN as f64);
                if rounded >= -limit && rounded < limit { Ok(rounded as $type) } else { Err($overflow()) }
            }
            /// Narrows a wider integer.
            pub fn from_i64(value: i64) -> Result<$type> {
                <$type>::try_from(value).map_err(|_| $overflow())
            }
        }
    };
}

integer_arithmetic!(int2, i16, u16, data::smallint_out_of_range, "int2");
integer_arithmetic!(int4, i32, u32, data::integer_out_of_range, "int4");
integer_arithmetic!(int8, i64, u64, data::bigint_out_of_range, "int8");

/// Arithmetic on `float8`.
pub mod float8 {
    use super::*;

    /// Returns `result`, or an overflow error when it is infinite and no operand was.
    fn no_overflow(result: f64, operands_infinite: bool) -> Result<f64> {
        if result.is_infinite() && !operands_infinite { Err(data::float_overflow()) } else { Ok(result) }
    }
    /// `left + right`
    pub fn add(left: f64, right: f64) -> Result<f64> {
        no_overflow(left + right, left.is_infinite() || right.is_infinite())
    }
    /// `left - right`
    pub fn sub(left: f64, right: f64) -> Result<f64> {
        no_overflow(left - right, left.is_infinite() || right.is_infinite())
    }
    /// `left * right`
    pub fn mul(left: f64, right: f64) -> Result<f64> {
        let result = no_overflow(left * right, left.is_infinite() || right.is_infinite())?;
        if result == 0.0 && left != 0.0 && right != 0.0 { Err(data::float_underflow()) } else { Ok(result) }
    }
    /// `left / right`
    pub fn div(left: f64, right: f64) -> Result<f64> {
        if right == 0.0 && !left.is_nan() {
            return Err(data::division_by_zero());
        }
        let result = no_overflow(left / right, left.is_infinite())?;
        if result == 0.0 && left != 0.0 && !right.is_infinite() {
            Err(data::float_underflow())
        } else {
            Ok(result)
        }
    }
    /// Casts to `float4`.
    pub fn to_f32(value: f64) -> Result<f32> {
        let result = value as f32;
        if result.is_infinite() && !value.is_infinite() {
            return Err(data::float_overflow());
        }
        if result == 0.0 && value != 0.0 { Err(data::float_underflow()) } else { Ok(result) }
    }
    /// `sqrt(value)`
    pub fn sqrt(value: f64) -> Result<f64> {
        if value < 0.0 { Err(data::square_root_of_negative()) } else { Ok(value.sqrt()) }
    }
    /// `exp(value)`
    pub fn exp(value: f64) -> Result<f64> {
        let result = no_overflow(value.exp(), value.is_infinite())?;
        if result == 0.0 && !value.is_infinite() { Err(data::float_underflow()) } else { Ok(result) }
    }
    fn check_logarithm(value: f64) -> Result<()> {
        if value == 0.0 {
            return Err(data::logarithm_of_zero());
        }
        if value < 0.0 { Err(data::logarithm_of_negative()) } else { Ok(()) }
    }
    /// `ln(value)`
    pub fn ln(value: f64) -> Result<f64> {
        check_logarithm(value)?;
        Ok(value.ln())
    }
    /// `log(value)`, to base 10
    pub fn log10(value: f64) -> Result<f64> {
        check_logarithm(value)?;
        Ok(value.log10())
    }
    /// `power(base, exponent)`
    pub fn power(base: f64, exponent: f64) -> Result<f64> {
        if base.is_nan() {
            return Ok(if exponent == 0.0 { 1.0 } else { f64::NAN });
        }
        if exponent.is_nan() {
            return Ok(if base == 1.0 { 1.0 } else { f64::NAN });
        }
        if base == 0.0 && exponent < 0.0 {
            return Err(data::zero_to_negative_power());
        }
        if base < 0.0 && exponent.floor() != exponent {
            return Err(data::complex_power());
        }
        let result = no_overflow(base.powf(exponent), base.is_infinite() || exponent.is_infinite())?;
        let vanished = result == 0.0 && base != 0.0 && !base.is_infinite() && !exponent.is_infinite();
        if vanished { Err(data::float_underflow()) } else { Ok(result) }
    }
    /// `round(value)`: half to even
    pub fn round(value: f64) -> f64 {
        value.round_ties_even()
    }
    /// `sign(value)`
    pub fn sign(value: f64) -> f64 {
        if value > 0.0 {
            1.0
        } else if value < 0.0 {
            -1.0
        } else {
            0.0
        }
    }
    /// Returns the result of a trigonometric function that has none for infinities.
    pub fn trigonometric(value: f64, function: fn(f64) -> f64) -> Result<f64> {
        if value.is_infinite() { Err(data::input_out_of_range()) } else { Ok(function(value)) }
    }
    /// `acos` and `asin`: arguments beyond one are refused.
    pub fn inverse(value: f64, function: fn(f64) -> f64) -> Result<f64> {
        if value.abs() > 1.0 { Err(data::input_out_of_range()) } else { Ok(function(value)) }
    }
}

/// Arithmetic on `float4`.
pub mod float4 {
    use super::*;

    fn no_overflow(result: f32, operands_infinite: bool) -> Result<f32> {
        if result.is_infinite() && !operands_infinite { Err(data::float_overflow()) } else { Ok(result) }
    }
    /// `left + right`
    pub fn add(left: f32, right: f32) -> Result<f32> {
        no_overflow(left + right, left.is_infinite() || right.is_infinite())
    }
    /// `left - right`
    pub fn sub(left: f32, right: f32) -> Result<f32> {
        no_overflow(left - right, left.is_infinite() || right.is_infinite())
    }
    /// `left * right`
    pub fn mul(left: f32, right: f32) -> Result<f32> {
        let result = no_overflow(left * right, left.is_infinite() || right.is_infinite())?;
        if result == 0.0 && left != 0.0 && right != 0.0 { Err(data::float_underflow()) } else { Ok(result) }
    }
    /// `left / right`
    pub fn div(left: f32, right: f32) -> Result<f32> {
        if right == 0.0 && !left.is_nan() {
            return Err(data::division_by_zero());
        }
        let result = no_overflow(left / right, left.is_infinite())?;
        if result == 0.0 && left != 0.0 && !right.is_infinite() {
            Err(data::float_underflow())
        } else {
            Ok(result)
        }
    }
}

/// Returns `oid`'s value of an integer (`oid` casts keep the bits of negative `int4`).
pub fn oid_from_i64(value: i64) -> Result<i64> {
    if (0..=i64::from(u32::MAX)).contains(&value) { Ok(value) } else { Err(oid_error()) }
}

fn oid_error() -> PgError {
    data::oid_out_of_range()
}
