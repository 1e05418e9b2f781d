//! Square root, exponential and logarithms.
//!
//! The scales are PostgreSQL's. The digits are computed in binary fixed point with enough guard bits that
//! rounding to the result scale is right: logarithms as `k ln 2 + 2 atanh z`, exponentials by halving the
//! argument, a Taylor series, and squaring back.

use dashu::base::{BitTest, SquareRoot};
use dashu::integer::{IBig, UBig};

use super::decimal::{leading, pow10};
use super::{DISPLAY_SCALE_MAX, Numeric, SIGNIFICANT_DIGITS_MIN, Special};
use crate::errors::{Result, data};

/// Fixed-point bits beyond what the result shows.
const GUARD_BITS: usize = 96;
/// Largest decimal weight of an exponential (`NUMERIC_MAX_RESULT_SCALE`).
pub(crate) const RESULT_SCALE_MAX: f64 = 2000.0;
#[expect(clippy::approx_constant, reason = "the digits that PostgreSQL uses decide the scale")]
pub(crate) const LOG10_E: f64 = 0.434_294_481_903_252;
#[expect(clippy::approx_constant, reason = "the digits that PostgreSQL uses decide the scale")]
const LN_10: f64 = 2.302_585_092_994_046;

impl Numeric {
    /// Returns the square root.
    pub fn sqrt(&self) -> Result<Self> {
        if self.signum() < 0 {
            return Err(data::square_root_of_negative());
        }
        let (unscaled, own) = match self.parts() {
            Ok(parts) => parts,
            Err(special) => return Ok(special.numeric()),
        };
        let weight = leading(&unscaled, own).weight * 2 + 1;
        let scale = (SIGNIFICANT_DIGITS_MIN - weight).max(own).clamp(0, DISPLAY_SCALE_MAX.max(own));
        Self::root(unscaled, own, scale.min(DISPLAY_SCALE_MAX))
    }

    /// Returns the square root of a value that is not negative with the display scale that the value has.
    pub fn sqrt_at_own_scale(&self) -> Result<Self> {
        match self.parts() {
            Ok((unscaled, own)) => Self::root(unscaled, own, own),
            Err(special) => Ok(special.numeric()),
        }
    }

    fn root(unscaled: IBig, own: i32, scale: i32) -> Result<Self> {
        // One digit more than asked, cut; rounding it is then exact.
        let wide = rescale_up_or_down(unscaled, own, 2 * (scale + 1));
        let (_, magnitude) = wide.into_parts();
        let root = IBig::from(magnitude.sqrt());
        Self::from_big(super::decimal::rescale(root, scale + 1, scale), scale)
    }

    /// Returns e raised to the value.
    pub fn exp(&self) -> Result<Self> {
        let (unscaled, own) = match self.parts() {
            Ok(parts) => parts,
            Err(Special::NegativeInfinity) => return Ok(Self::ZERO),
            Err(special) => return Ok(special.numeric()),
        };
        let weight = (self.to_f64_lossy() * LOG10_E).clamp(-RESULT_SCALE_MAX, RESULT_SCALE_MAX);
        let scale = (SIGNIFICANT_DIGITS_MIN - weight as i32).max(own).clamp(0, DISPLAY_SCALE_MAX);
        exp_to_scale(&unscaled, own, scale)
    }

    /// Returns the natural logarithm.
    pub fn ln(&self) -> Result<Self> {
        self.check_logarithm()?;
        let (unscaled, own) = match self.parts() {
            Ok(parts) => parts,
            Err(special) => return Ok(special.numeric()),
        };
        let weight = ln_weight(&unscaled, own);
        let scale = (SIGNIFICANT_DIGITS_MIN - weight).max(own).clamp(0, DISPLAY_SCALE_MAX);
        Self::from_big(ln_to_scale(&unscaled, own, scale), scale)
    }

    /// Returns the logarithm of `self` to `base`.
    pub fn log(&self, base: &Self) -> Result<Self> {
        if base.is_nan() || self.is_nan() {
            return Ok(Self::NaN);
        }
        if base.signum() < 0 || self.signum() < 0 {
            return Err(data::logarithm_of_negative());
        }
        if base.is_zero() || self.is_zero() {
            return Err(data::logarithm_of_zero());
        }
        let ((b, bs), (n, ns)) = match (base.parts(), self.parts()) {
            (Ok(b), Ok(n)) => (b, n),
            (Err(_), Err(_)) => return Ok(Self::NaN),
            (Err(_), Ok(_)) => return Ok(Self::ZERO),
            (Ok(_), Err(_)) => return Ok(Self::Infinity),
        };
        let (base_weight, value_weight) = (ln_weight(&b, bs), ln_weight(&n, ns));
        let weight = value_weight - base_weight;
        let scale = (SIGNIFICANT_DIGITS_MIN - weight).max(bs).max(ns).clamp(0, DISPLAY_SCALE_MAX);
        let base_scale = (scale + weight - base_weight + 8).max(0);
        let value_scale = (scale + weight - value_weight + 8).max(0);
        let divisor = ln_to_scale(&b, bs, base_scale);
        if divisor.is_zero() {
            return Err(data::division_by_zero());
        }
        let dividend = ln_to_scale(&n, ns, value_scale);
        let quotient = super::arithmetic::divide((dividend, value_scale), (divisor, base_scale), scale);
        Self::from_big(quotient, scale)
    }

    /// Returns the logarithm to base 10.
    pub fn log10(&self) -> Result<Self> {
        self.log(&Self::from_i64(10))
    }

    fn check_logarithm(&self) -> Result<()> {
        match self.signum() {
            0 => Err(data::logarithm_of_zero()),
            -1 => Err(data::logarithm_of_negative()),
            _ => Ok(()),
        }
    }
}

/// Changes the scale, cutting when it shrinks.
fn rescale_up_or_down(value: IBig, from: i32, to: i32) -> IBig {
    super::decimal::rescale_truncating(value, from, to)
}

/// Returns e raised to `unscaled * 10^-own`, rounded to `scale`.
pub(crate) fn exp_to_scale(unscaled: &IBig, own: i32, scale: i32) -> Result<Numeric> {
    let approximate = Numeric::from_big(unscaled.clone(), own)?.to_f64_lossy();
    if approximate.abs() >= RESULT_SCALE_MAX * 3.0 {
        return if approximate > 0.0 {
            Err(data::numeric_overflow())
        } else {
            Numeric::from_big(IBig::ZERO, scale)
        };
    }
    let result_digits = (f64::from(scale) + approximate * LOG10_E).max(0.0) as usize;
    let bits = bits_for(result_digits) + GUARD_BITS;
    let x: IBig = (unscaled.clone() << bits) / IBig::from(pow10(usize::try_from(own).unwrap_or(0)));
    let (mantissa, exponent) = exp_fixed(&x, bits);
    // The value is mantissa * 2^(exponent - bits).
    let scaled = mantissa * IBig::from(pow10(usize::try_from(scale).unwrap_or(0)));
    let shift = bits as i64 - exponent;
    let rounded = if shift <= 0 {
        scaled << usize::try_from(-shift).unwrap_or(0)
    } else {
        let shift = usize::try_from(shift).unwrap_or(0);
        let half: IBig = IBig::ONE << (shift - 1);
        (scaled + half) >> shift
    };
    Numeric::from_big(rounded, scale)
}

/// Returns the natural logarithm of the positive `unscaled * 10^-own`, rounded to `scale`.
pub(crate) fn ln_to_scale(unscaled: &IBig, own: i32, scale: i32) -> IBig {
    let bits = bits_for(usize::try_from(scale).unwrap_or(0)) + GUARD_BITS;
    let logarithm = ln_fixed(unscaled, own, bits);
    let scaled = logarithm * IBig::from(pow10(usize::try_from(scale).unwrap_or(0)));
    super::decimal::div_round(&scaled, &(IBig::ONE << bits))
}

/// Returns how many bits `digits` decimal digits need.
fn bits_for(digits: usize) -> usize {
    digits * 3322 / 1000 + 1
}

/// Returns `ln(unscaled * 10^-own) * 2^bits`.
fn ln_fixed(unscaled: &IBig, own: i32, bits: usize) -> IBig {
    let (_, magnitude) = unscaled.clone().into_parts();
    let divisor = pow10(usize::try_from(own).unwrap_or(0));
    // mantissa = value * 2^(bits - k), between 2^(bits - 1) and 2^(bits + 1)
    let k = magnitude.bit_len() as i64 - divisor.bit_len() as i64;
    let shift = bits as i64 - k;
    let mantissa: UBig = if shift >= 0 {
        (magnitude << usize::try_from(shift).unwrap_or(0)) / divisor
    } else {
        magnitude / (divisor << usize::try_from(-shift).unwrap_or(0))
    };
    let one: IBig = IBig::ONE << bits;
    let (mut mantissa, mut k) = (IBig::from(mantissa), k);
    // Bring it near one: the series converges fastest there. 1.4142 is the upper end.
    if mantissa > (&one * IBig::from(14_142)) / IBig::from(10_000) {
        k += 1;
        mantissa >>= 1;
    } else if mantissa < (&one * IBig::from(7_071)) / IBig::from(10_000) {
        k -= 1;
        mantissa <<= 1;
    }
    let z = ((&mantissa - &one) << bits) / (&mantissa + &one);
    let series = atanh_fixed(&z, bits) << 1;
    if k == 0 { series } else { series + ln2_fixed(bits) * IBig::from(k) }
}

/// Returns `atanh(z / 2^bits) * 2^bits` for small `z`.
fn atanh_fixed(z: &IBig, bits: usize) -> IBig {
    let square: IBig = (z * z) >> bits;
    let mut power = z.clone();
    let mut sum = z.clone();
    let mut odd = 1u32;
    loop {
        power = (power * &square) >> bits;
        odd += 2;
        let term = &power / IBig::from(odd);
        // A negative power shifts down to -1, never to 0.
        if term.is_zero() {
            return sum;
        }
        sum += term;
    }
}

/// Returns `ln 2 * 2^bits` as `2 atanh(1/3)`.
fn ln2_fixed(bits: usize) -> IBig {
    let nine = IBig::from(9);
    let mut power: IBig = (IBig::ONE << (bits + 33)) / IBig::from(3);
    let mut sum = power.clone();
    let mut odd = 1u32;
    while !power.is_zero() {
        power /= &nine;
        odd += 2;
        sum += &power / IBig::from(odd);
    }
    sum >> 32
}

/// Returns `m` and `n` with `exp(x / 2^bits) = m * 2^(n - bits)`.
fn exp_fixed(x: &IBig, bits: usize) -> (IBig, i64) {
    let ln2 = ln2_fixed(bits);
    let n = super::decimal::div_round(x, &ln2);
    let exponent = i64::try_from(&n).unwrap_or(0);
    let halvings = 8 + bits.isqrt() / 8;
    // Work with extra bits: each squaring doubles the error.
    let wide = bits + halvings + 8;
    let reduced: IBig = ((x - n * ln2) << (wide - bits)) >> halvings;
    let one: IBig = IBig::ONE << wide;
    let mut sum = &one + &reduced;
    let mut term = reduced.clone();
    let mut index = 1u32;
    loop {
        index += 1;
        term = ((term * &reduced) >> wide) / IBig::from(index);
        if term.is_zero() {
            break;
        }
        sum += &term;
    }
    for _ in 0..halvings {
        sum = (&sum * &sum) >> wide;
    }
    (sum >> (wide - bits), exponent)
}

/// Returns the decimal weight of the logarithm of a positive value (`estimate_ln_dweight`).
pub(crate) fn ln_weight(unscaled: &IBig, scale: i32) -> i32 {
    if *unscaled <= IBig::ZERO {
        return 0;
    }
    let one = IBig::from(pow10(usize::try_from(scale).unwrap_or(0)));
    let ten_times = unscaled * IBig::from(10);
    if ten_times >= &one * IBig::from(9) && ten_times <= &one * IBig::from(11) {
        let distance = unscaled - one;
        if distance.is_zero() {
            return 0;
        }
        let top = leading(&distance, scale);
        return top.weight * 4 + f64::from(top.first).log10() as i32;
    }
    let (digits, exponent) = leading(unscaled, scale).pair;
    let logarithm = f64::from(digits).ln() + f64::from(exponent) * LN_10;
    logarithm.abs().log10() as i32
}
