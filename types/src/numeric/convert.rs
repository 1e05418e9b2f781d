//! Numeric to and from integers and floats.

use dashu::integer::IBig;

use super::decimal::rescale;
use super::{Numeric, Special};
use crate::errors::{PgError, Result, data};

/// Floats up to here are exact integers.
const EXACT_FLOAT_MAX: i64 = 1 << 53;

impl Special {
    fn name(self) -> &'static str {
        match self {
            Self::NaN => "NaN",
            Self::Infinity | Self::NegativeInfinity => "infinity",
        }
    }
}

impl Numeric {
    /// Rounds half away from zero to an integer.
    fn to_whole<T: for<'a> TryFrom<&'a IBig>>(
        &self,
        type_name: &str,
        overflow: fn() -> PgError,
    ) -> Result<T> {
        let (unscaled, scale) =
            self.parts().map_err(|special| data::cannot_convert_special(special.name(), type_name))?;
        T::try_from(&rescale(unscaled, scale, 0)).map_err(|_| overflow())
    }

    /// Casts to `int2`.
    pub fn to_i16(&self) -> Result<i16> {
        self.to_whole("smallint", data::smallint_out_of_range)
    }

    /// Casts to `int4`.
    pub fn to_i32(&self) -> Result<i32> {
        self.to_whole("integer", data::integer_out_of_range)
    }

    /// Casts to `int8`.
    pub fn to_i64(&self) -> Result<i64> {
        self.to_whole("bigint", data::bigint_out_of_range)
    }

    /// Returns the nearest float; beyond the range that is an infinity.
    pub(crate) fn to_f64_lossy(&self) -> f64 {
        match self {
            Self::Fixed { unscaled, scale } if unscaled.abs() <= EXACT_FLOAT_MAX => {
                // Both are exact in a float, so the quotient is rounded once.
                *unscaled as f64 / 10i64.pow(u32::from(*scale)) as f64
            }
            Self::Fixed { .. } | Self::Big(_) => self.to_string().parse().unwrap_or(f64::NAN),
            Self::NaN => f64::NAN,
            Self::Infinity => f64::INFINITY,
            Self::NegativeInfinity => f64::NEG_INFINITY,
        }
    }

    /// Casts to `float8`.
    pub fn to_f64(&self) -> Result<f64> {
        let value = self.to_f64_lossy();
        let lost = self.is_finite() && (value.is_infinite() || (value == 0.0 && !self.is_zero()));
        if lost {
            Err(data::float_input_out_of_range("double precision", &self.to_string()))
        } else {
            Ok(value)
        }
    }

    /// Casts to `float4`.
    pub fn to_f32(&self) -> Result<f32> {
        let value = match self {
            Self::Fixed { .. } | Self::Big(_) => self.to_string().parse().unwrap_or(f32::NAN),
            Self::NaN => f32::NAN,
            Self::Infinity => f32::INFINITY,
            Self::NegativeInfinity => f32::NEG_INFINITY,
        };
        let lost = self.is_finite() && (value.is_infinite() || (value == 0.0 && !self.is_zero()));
        if lost { Err(data::float_input_out_of_range("real", &self.to_string())) } else { Ok(value) }
    }

    /// Casts from `float8`: 15 significant digits.
    pub fn from_f64(value: f64) -> Result<Self> {
        match special_of(value) {
            Some(special) => Ok(special),
            None => Self::parse(&format!("{value:.14e}")).and_then(|value| value.trim_exponent()),
        }
    }

    /// Casts from `float4`: 6 significant digits.
    pub fn from_f32(value: f32) -> Result<Self> {
        match special_of(f64::from(value)) {
            Some(special) => Ok(special),
            None => Self::parse(&format!("{value:.5e}")).and_then(|value| value.trim_exponent()),
        }
    }

    /// Drops the zeros that `%.15g` would not print.
    fn trim_exponent(&self) -> Result<Self> {
        self.trim_scale()
    }
}

fn special_of(value: f64) -> Option<Numeric> {
    if value.is_nan() {
        Some(Numeric::NaN)
    } else if value.is_infinite() {
        Some(if value > 0.0 { Numeric::Infinity } else { Numeric::NegativeInfinity })
    } else {
        None
    }
}
