//! Functions on `float8` beyond arithmetic: roots, trigonometry in radians and degrees, hyperbolic and error
//! functions, `width_bucket`; with PostgreSQL's checks and its exact values at round degrees.

use crate::errors::{Result, data};

/// `RADIANS_PER_DEGREE`
const RADIANS_PER_DEGREE: f64 = 0.017_453_292_519_943_295;

fn not_infinite(value: f64) -> Result<f64> {
    if value.is_infinite() { Err(data::input_out_of_range()) } else { Ok(value) }
}

fn no_overflow(result: f64) -> Result<f64> {
    if result.is_infinite() { Err(data::float_overflow()) } else { Ok(result) }
}

/// `cbrt(value)`
pub fn cbrt(value: f64) -> Result<f64> {
    let result = libm::cbrt(value);
    if result.is_infinite() && !value.is_infinite() {
        return Err(data::float_overflow());
    }
    if result == 0.0 && value != 0.0 { Err(data::float_underflow()) } else { Ok(result) }
}

/// `degrees(value)`
pub fn degrees(value: f64) -> Result<f64> {
    crate::arithmetic::float8::div(value, RADIANS_PER_DEGREE)
}

/// `radians(value)`
pub fn radians(value: f64) -> Result<f64> {
    crate::arithmetic::float8::mul(value, RADIANS_PER_DEGREE)
}

/// `cot(value)`
pub fn cot(value: f64) -> Result<f64> {
    Ok(1.0 / not_infinite(value)?.tan())
}

fn asind_q1(value: f64) -> f64 {
    if value <= 0.5 {
        value.asin() / 0.5f64.asin() * 30.0
    } else {
        90.0 - value.acos() / 0.5f64.acos() * 60.0
    }
}

fn acosd_q1(value: f64) -> f64 {
    if value <= 0.5 {
        90.0 - value.asin() / 0.5f64.asin() * 30.0
    } else {
        value.acos() / 0.5f64.acos() * 60.0
    }
}

/// Refuses arguments beyond one.
fn within_one(value: f64) -> Result<f64> {
    if (-1.0..=1.0).contains(&value) || value.is_nan() { Ok(value) } else { Err(data::input_out_of_range()) }
}

/// `acosd(value)`
pub fn acosd(value: f64) -> Result<f64> {
    let value = within_one(value)?;
    Ok(if value.is_nan() {
        value
    } else if value >= 0.0 {
        acosd_q1(value)
    } else {
        90.0 + asind_q1(-value)
    })
}

/// `asind(value)`
pub fn asind(value: f64) -> Result<f64> {
    let value = within_one(value)?;
    Ok(if value.is_nan() {
        value
    } else if value >= 0.0 {
        asind_q1(value)
    } else {
        -asind_q1(-value)
    })
}

/// `atand(value)`
pub fn atand(value: f64) -> f64 {
    value.atan() / 1f64.atan() * 45.0
}

/// `atan2d(y, x)`
pub fn atan2d(y: f64, x: f64) -> f64 {
    y.atan2(x) / 1f64.atan() * 45.0
}

fn sind_0_to_30(degrees: f64) -> f64 {
    (degrees * RADIANS_PER_DEGREE).sin() / (30.0 * RADIANS_PER_DEGREE).sin() / 2.0
}

fn cosd_0_to_60(degrees: f64) -> f64 {
    let unit = 1.0 - (60.0 * RADIANS_PER_DEGREE).cos();
    1.0 - (1.0 - (degrees * RADIANS_PER_DEGREE).cos()) / unit / 2.0
}

fn sind_q1(degrees: f64) -> f64 {
    if degrees <= 30.0 { sind_0_to_30(degrees) } else { cosd_0_to_60(90.0 - degrees) }
}

fn cosd_q1(degrees: f64) -> f64 {
    if degrees <= 60.0 { cosd_0_to_60(degrees) } else { sind_0_to_30(90.0 - degrees) }
}

/// An angle brought to the first quadrant, and the signs that sine and cosine have in its own.
struct Quadrant {
    degrees: f64,
    sine: f64,
    cosine: f64,
}

fn quadrant(value: f64) -> Result<Quadrant> {
    let mut degrees = not_infinite(value)? % 360.0;
    let (mut sine, mut cosine) = (1.0, 1.0);
    if degrees < 0.0 {
        degrees = -degrees;
        sine = -sine;
    }
    if degrees > 180.0 {
        degrees = 360.0 - degrees;
        sine = -sine;
    }
    if degrees > 90.0 {
        degrees = 180.0 - degrees;
        cosine = -cosine;
    }
    Ok(Quadrant { degrees, sine, cosine })
}

/// `sind(value)`
pub fn sind(value: f64) -> Result<f64> {
    let at = quadrant(value)?;
    Ok(at.sine * sind_q1(at.degrees))
}

/// `cosd(value)`
pub fn cosd(value: f64) -> Result<f64> {
    let at = quadrant(value)?;
    Ok(at.cosine * cosd_q1(at.degrees))
}

/// Returns zero without its sign.
fn positive_zero(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value }
}

/// `tand(value)`
pub fn tand(value: f64) -> Result<f64> {
    let at = quadrant(value)?;
    let tangent = sind_q1(at.degrees) / cosd_q1(at.degrees);
    Ok(positive_zero(at.sine * at.cosine * (tangent / (sind_q1(45.0) / cosd_q1(45.0)))))
}

/// `cotd(value)`
pub fn cotd(value: f64) -> Result<f64> {
    let at = quadrant(value)?;
    let cotangent = cosd_q1(at.degrees) / sind_q1(at.degrees);
    Ok(positive_zero(at.sine * at.cosine * (cotangent / (cosd_q1(45.0) / sind_q1(45.0)))))
}

/// `acosh(value)`
pub fn acosh(value: f64) -> Result<f64> {
    if value < 1.0 { Err(data::input_out_of_range()) } else { Ok(libm::acosh(value)) }
}

/// `asinh(value)`
pub fn asinh(value: f64) -> f64 {
    libm::asinh(value)
}

/// `atanh(value)`
pub fn atanh(value: f64) -> Result<f64> {
    within_one(value)?;
    Ok(if value == -1.0 {
        f64::NEG_INFINITY
    } else if value == 1.0 {
        f64::INFINITY
    } else {
        libm::atanh(value)
    })
}

/// `erf(value)`
pub fn erf(value: f64) -> f64 {
    libm::erf(value)
}

/// `erfc(value)`
pub fn erfc(value: f64) -> f64 {
    libm::erfc(value)
}

/// `gamma(value)`
pub fn gamma(value: f64) -> Result<f64> {
    if value.is_nan() || value == f64::INFINITY {
        return Ok(value);
    }
    let pole = value == f64::NEG_INFINITY || value == 0.0 || value < 0.0 && value.floor() == value;
    if pole {
        return Err(data::float_overflow());
    }
    let result = no_overflow(crate::gamma::gamma(value))?;
    if result == 0.0 { Err(data::float_underflow()) } else { Ok(result) }
}

/// `lgamma(value)`
pub fn lgamma(value: f64) -> Result<f64> {
    let result = libm::lgamma(value);
    if result.is_infinite() && !value.is_infinite() { Err(data::float_overflow()) } else { Ok(result) }
}

/// `width_bucket(operand, low, high, count)`
pub fn width_bucket(operand: f64, low: f64, high: f64, count: i32) -> Result<i32> {
    if count <= 0 {
        return Err(data::bucket_count_not_positive());
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(data::bucket_nan());
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(data::bucket_infinite());
    }
    let above = || count.checked_add(1).ok_or_else(data::integer_out_of_range);
    // The ratio of two spans; halves are taken where a span itself would overflow.
    let inside = |from: f64, to: f64, end: f64| {
        let span = end - from;
        let ratio = if span.is_finite() {
            (to - from) / span
        } else {
            (to / 2.0 - from / 2.0) / (end / 2.0 - from / 2.0)
        };
        ((f64::from(count) * ratio) as i32).min(count - 1) + 1
    };
    if low < high {
        if operand < low {
            Ok(0)
        } else if operand >= high {
            above()
        } else {
            Ok(inside(low, operand, high))
        }
    } else if low > high {
        if operand > low {
            Ok(0)
        } else if operand <= high {
            above()
        } else {
            Ok(inside(low, operand, high))
        }
    } else {
        Err(data::bucket_empty())
    }
}
