//! Powers: integer exponents by repeated squaring with PostgreSQL's intermediate scales, others as
//! `exp(exponent * ln(base))`.

use dashu::integer::IBig;

use super::arithmetic::divide;
use super::decimal::{leading, rescale};
use super::transcendental::{LOG10_E, RESULT_SCALE_MAX, exp_to_scale, ln_to_scale, ln_weight};
use super::{DISPLAY_SCALE_MAX, Numeric, SIGNIFICANT_DIGITS_MIN};
use crate::errors::{Result, data};

/// Largest base-10000 weight (`NUMERIC_WEIGHT_MAX`).
const WEIGHT_MAX: i32 = 32_767;

impl Numeric {
    /// Returns `self` raised to `exponent`.
    pub fn power(&self, exponent: &Self) -> Result<Self> {
        if !self.is_finite() || !exponent.is_finite() {
            return self.power_special(exponent);
        }
        let sign = self.signum();
        if sign == 0 && exponent.signum() < 0 {
            return Err(data::zero_to_negative_power());
        }
        let integral = exponent.is_integral();
        if sign < 0 && !integral {
            return Err(data::complex_power());
        }
        let exponent_scale = exponent.scale().unwrap_or(0);
        if integral && let Some(small) = exponent.to_i64().ok().and_then(|value| i32::try_from(value).ok()) {
            return self.power_integer(small, exponent_scale);
        }
        if sign == 0 {
            return Ok(Self::from_i128(0, 16));
        }
        let result = self.abs().power_real(exponent)?;
        Ok(if sign < 0 && exponent.is_odd() { result.neg() } else { result })
    }

    /// Returns whether the value is an integer; infinities count.
    fn is_integral(&self) -> bool {
        !self.is_nan() && self.min_scale().unwrap_or(0) == 0
    }

    /// Returns whether the value is an odd integer.
    fn is_odd(&self) -> bool {
        match self.trunc(0).map(|whole| whole.parts()) {
            Ok(Ok((whole, _))) => self.is_integral() && !(whole % IBig::from(2)).is_zero(),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Applies the rules of POSIX `pow` for NaN and infinities.
    fn power_special(&self, exponent: &Self) -> Result<Self> {
        if self.is_nan() || exponent.is_nan() {
            let one = (self.is_nan() && exponent.is_zero()) || (exponent.is_nan() && *self == Self::ONE);
            return Ok(if one { Self::ONE } else { Self::NaN });
        }
        let (sign, exponent_sign) = (self.signum(), exponent.signum());
        if sign == 0 && exponent_sign < 0 {
            return Err(data::zero_to_negative_power());
        }
        if sign < 0 && !exponent.is_integral() {
            return Err(data::complex_power());
        }
        if *self == Self::ONE || exponent_sign == 0 {
            return Ok(Self::ONE);
        }
        if sign == 0 {
            return Ok(Self::ZERO);
        }
        if !exponent.is_finite() {
            if self.abs() == Self::ONE {
                return Ok(Self::ONE);
            }
            let grows = (self.abs() > Self::ONE) == (exponent_sign > 0);
            return Ok(if grows { Self::Infinity } else { Self::ZERO });
        }
        Ok(match (exponent_sign > 0, sign < 0 && exponent.is_odd()) {
            (false, _) => Self::ZERO,
            (true, true) => Self::NegativeInfinity,
            (true, false) => Self::Infinity,
        })
    }

    /// Raises to an integer (`power_var_int`).
    fn power_integer(&self, exponent: i32, exponent_scale: i32) -> Result<Self> {
        let (Ok((base, base_scale)), Ok((one, _))) = (self.parts(), Self::ONE.parts()) else {
            return Ok(Self::NaN);
        };
        let weight = if base.is_zero() {
            0.0
        } else {
            let top = leading(&base, base_scale);
            f64::from(exponent) * (top.top.log10() + f64::from(top.top_exponent))
        };
        if weight > f64::from((WEIGHT_MAX + 1) * 4) {
            return Err(data::numeric_overflow());
        }
        if weight + 1.0 < f64::from(-DISPLAY_SCALE_MAX) {
            return Self::from_big(IBig::ZERO, DISPLAY_SCALE_MAX);
        }
        let scale = (SIGNIFICANT_DIGITS_MIN - weight as i32).max(base_scale).max(exponent_scale);
        let scale = scale.clamp(0, DISPLAY_SCALE_MAX);
        match exponent {
            0 => return Self::from_big(rescale(one, 0, scale), scale),
            1 => return self.round(scale),
            -1 => return Self::from_big(divide((one, 0), (base, base_scale), scale), scale),
            2 => return Self::from_big(rescale(&base * &base, 2 * base_scale, scale), scale),
            _ => {}
        }
        if base.is_zero() {
            return if exponent < 0 {
                Err(data::division_by_zero())
            } else {
                Self::from_big(IBig::ZERO, scale)
            };
        }
        let significant = 1 + scale + weight as i32 + f64::from(exponent).abs().ln() as i32 + 8;
        match power_by_squaring((base, base_scale), exponent.unsigned_abs(), significant) {
            Some(power) if exponent < 0 => Self::from_big(divide((one, 0), power, scale), scale),
            Some(power) => Self::from_big(rescale(power.0, power.1, scale), scale),
            None if exponent < 0 => Self::from_big(IBig::ZERO, scale),
            None => Err(data::numeric_overflow()),
        }
    }

    /// Raises a positive value to any power (`power_var`).
    fn power_real(&self, exponent: &Self) -> Result<Self> {
        let (Ok((base, base_scale)), Ok((power, power_scale))) = (self.parts(), exponent.parts()) else {
            return Ok(Self::NaN);
        };
        let weight = ln_weight(&base, base_scale);
        let local = (8 - weight).max(0);
        let product = rescale(ln_to_scale(&base, base_scale, local) * &power, local + power_scale, local);
        let mut value = to_f64(&product, local);
        if value.abs() > RESULT_SCALE_MAX * 3.01 {
            return if value > 0.0 {
                Err(data::numeric_overflow())
            } else {
                Self::from_big(IBig::ZERO, DISPLAY_SCALE_MAX)
            };
        }
        value *= LOG10_E;
        let scale = (SIGNIFICANT_DIGITS_MIN - value as i32).max(base_scale).max(power_scale);
        let scale = scale.clamp(0, DISPLAY_SCALE_MAX);
        let significant = (scale + value as i32).max(0);
        let local = (significant - weight + 8).max(0);
        let product = rescale(ln_to_scale(&base, base_scale, local) * &power, local + power_scale, local);
        exp_to_scale(&product, local, scale)
    }
}

/// Returns the nearest float of `unscaled * 10^-scale`.
fn to_f64(unscaled: &IBig, scale: i32) -> f64 {
    format!("{unscaled}e-{scale}").parse().unwrap_or(f64::INFINITY)
}

/// Raises by the bits of `exponent`, keeping `significant` digits; `None` when the weight leaves the format.
fn power_by_squaring(base: (IBig, i32), exponent: u32, significant: i32) -> Option<(IBig, i32)> {
    let weight = |value: &(IBig, i32)| leading(&value.0, value.1).weight;
    let multiply = |left: &(IBig, i32), right: &(IBig, i32), local: i32| {
        let full = left.1 + right.1;
        let local = local.min(full).max(0);
        (rescale(&left.0 * &right.0, full, local), local)
    };
    let mut mask = exponent;
    let mut result = if mask & 1 == 1 { base.clone() } else { (IBig::ONE, 0) };
    let mut square = base;
    loop {
        mask >>= 1;
        if mask == 0 {
            return Some(result);
        }
        square = multiply(&square, &square, significant - 2 * weight(&square) * 4);
        if mask & 1 == 1 {
            let local = significant - (weight(&square) + weight(&result)) * 4;
            result = multiply(&square, &result, local);
        }
        if weight(&square) > WEIGHT_MAX || weight(&result) > WEIGHT_MAX {
            return None;
        }
    }
}
