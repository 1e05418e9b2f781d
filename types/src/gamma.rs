//! The gamma function, by the steps of glibc's `tgamma`, whose last digits PostgreSQL's users see: `exp(lgamma)` near
//! one, a product that leads there, Stirling's series for large arguments, reflection for negative ones.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Coefficients of Stirling's series.
const SERIES: [f64; 6] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];

/// Returns gamma of a finite value that is no pole; infinite or zero where the result leaves the range.
pub(crate) fn gamma(value: f64) -> f64 {
    if value.abs() < f64::EPSILON / 4.0 {
        return 1.0 / value;
    }
    if value >= 172.0 {
        return f64::INFINITY;
    }
    if value > 0.0 {
        let (gamma, exponent) = positive(value);
        return libm::scalbn(gamma, exponent);
    }
    let whole = value.trunc();
    let sign = if whole == 2.0 * (whole / 2.0).trunc() { -1.0 } else { 1.0 };
    if value <= -184.0 {
        return 0.0 * sign;
    }
    let mut fraction = whole - value;
    if fraction > 0.5 {
        fraction = 1.0 - fraction;
    }
    let sine = if fraction <= 0.25 { (PI * fraction).sin() } else { (PI * (0.5 - fraction)).cos() };
    let (gamma, exponent) = positive(-value);
    sign * libm::scalbn(PI / (-value * sine * gamma), -exponent)
}

/// Returns gamma of a positive value as a number and an exponent of two.
fn positive(value: f64) -> (f64, i32) {
    if value < 0.5 {
        return (libm::lgamma(value + 1.0).exp() / value, 0);
    }
    if value <= 1.5 {
        return (libm::lgamma(value).exp(), 0);
    }
    if value < 6.5 {
        let count = (value - 1.5).ceil();
        let base = value - count;
        let (product, error) = product(base, 0.0, count as u32);
        return (libm::lgamma(base).exp() * product * (1.0 + error), 0);
    }
    let (mut shifted, mut lost, mut divisor, mut error) = (value, 0.0, 1.0, 0.0);
    if value < 12.0 {
        let count = (12.0 - value).ceil();
        shifted = value + count;
        lost = value - (shifted - count);
        (divisor, error) = product(shifted - count, lost, count as u32);
    }
    let whole = shifted.round();
    let fraction = shifted - whole;
    let (mut mantissa, mut log2) = libm::frexp(shifted);
    if mantissa < FRAC_1_SQRT_2 {
        log2 -= 1;
        mantissa *= 2.0;
    }
    let left = split_product(mantissa.powf(shifted), (f64::from(log2) * fraction).exp2());
    let right = split_product((-shifted).exp(), (2.0 * PI / shifted).sqrt());
    let (high, low) = split_product(left.0, right.0);
    let low = low + (left.0 * right.1 + left.1 * right.0);
    // Divided by the product and its error.
    let quotient = high / divisor;
    let rest = (-quotient).mul_add(divisor, high);
    let low = (rest + low - quotient * (divisor * error)) / divisor;
    let square = shifted * shifted;
    let sum = SERIES.iter().rev().skip(1).fold(SERIES[5], |sum, coefficient| sum / square + coefficient);
    let exponent = lost * shifted.ln() + sum / shifted;
    (quotient + (low + quotient * exponent.exp_m1()), log2 * whole as i32)
}

/// Returns a product and what rounding cut off.
fn split_product(left: f64, right: f64) -> (f64, f64) {
    let high = left * right;
    (high, left.mul_add(right, -high))
}

/// Returns the product of `count` successive numbers from `base + lost`, and its relative error.
fn product(base: f64, lost: f64, count: u32) -> (f64, f64) {
    let (mut product, mut error) = (base, lost / base);
    for step in 1..count {
        let factor = base + f64::from(step);
        error += lost / factor;
        let high = product * factor;
        error += product.mul_add(factor, -high) / high;
        product = high;
    }
    (product, error)
}
