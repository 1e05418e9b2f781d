//! Decimal arithmetic on big integers: powers of ten, rounding division, digit counts, and the base-10000
//! weight that PostgreSQL's scale rules speak of.

use dashu::base::{BitTest, DivRem, Sign, UnsignedAbs};
use dashu::integer::{IBig, UBig};

/// Powers of ten that fit 128 bits.
const POWERS: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut index = 1;
    while index < 39 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Returns `10^exponent` when 128 bits hold it.
pub fn pow10_i128(exponent: u32) -> Option<i128> {
    POWERS.get(exponent as usize).copied()
}

/// Returns `10^exponent`.
pub(crate) fn pow10(exponent: usize) -> UBig {
    match POWERS.get(exponent) {
        Some(power) => UBig::from(power.unsigned_abs()),
        None => UBig::from(10u8).pow(exponent),
    }
}

/// Returns `value * 10^digits`.
pub(crate) fn rescale_up(value: IBig, digits: i32) -> IBig {
    match usize::try_from(digits) {
        Ok(digits) if digits > 0 && !value.is_zero() => value * IBig::from(pow10(digits)),
        Ok(_) | Err(_) => value,
    }
}

/// Returns `value` with its scale changed from `from` to `to`, rounding half away from zero.
pub(crate) fn rescale(value: IBig, from: i32, to: i32) -> IBig {
    if to >= from {
        return rescale_up(value, to - from);
    }
    let digits = usize::try_from(from - to).unwrap_or(0);
    if i64::try_from(digits).unwrap_or(i64::MAX) > digit_count(&value) {
        return IBig::ZERO;
    }
    div_round(&value, &IBig::from(pow10(digits)))
}

/// Returns `value` with its scale lowered from `from` to `to` towards zero.
pub(crate) fn rescale_truncating(value: IBig, from: i32, to: i32) -> IBig {
    if to >= from {
        return rescale_up(value, to - from);
    }
    let digits = usize::try_from(from - to).unwrap_or(0);
    if i64::try_from(digits).unwrap_or(i64::MAX) > digit_count(&value) {
        return IBig::ZERO;
    }
    value / IBig::from(pow10(digits))
}

/// Returns the quotient rounded half away from zero; `divisor` is not zero.
pub(crate) fn div_round(dividend: &IBig, divisor: &IBig) -> IBig {
    let (quotient, remainder) = dividend.div_rem(divisor);
    let negative = dividend.sign() != divisor.sign();
    let twice: UBig = remainder.unsigned_abs() << 1;
    if twice < divisor.unsigned_abs() {
        quotient
    } else if negative {
        quotient - IBig::ONE
    } else {
        quotient + IBig::ONE
    }
}

/// Returns the quotient rounded half away from zero, in 128 bits; `divisor` is positive.
pub(crate) fn div_round_i128(dividend: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (dividend / divisor, dividend % divisor);
    if remainder.unsigned_abs() >= divisor.unsigned_abs().div_ceil(2) {
        quotient + dividend.signum()
    } else {
        quotient
    }
}

/// Returns the number of decimal digits of `value`; zero has none.
pub(crate) fn digit_count(value: &IBig) -> i64 {
    if value.is_zero() {
        return 0;
    }
    let (_, magnitude) = value.clone().into_parts();
    // log10(2) bounds the count from the bit length; one comparison settles it.
    let bits = magnitude.bit_len() as u64;
    let guess = usize::try_from((bits - 1) * 30_103 / 100_000).unwrap_or(0);
    let mut count = guess.saturating_sub(usize::from(bits > 100_000) * (guess / 1_000_000 + 1));
    while magnitude >= pow10(count) {
        count += 1;
    }
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value as PostgreSQL's `NumericVar` describes it: position and value of the leading base-10000 digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Leading {
    /// Weight of the first digit: it counts `10000^weight`; 0 for zero.
    pub weight: i32,
    /// The first base-10000 digit; 0 for zero.
    pub first: i32,
    /// First up to four digits as one number, and the weight of the last of them.
    pub top: f64,
    /// Decimal exponent of `top`.
    pub top_exponent: i32,
    /// The first two digits as one number where there are two, and the decimal exponent of that number.
    pub pair: (i32, i32),
}

/// Returns the leading base-10000 digits of `unscaled * 10^-scale`.
pub(crate) fn leading(unscaled: &IBig, scale: i32) -> Leading {
    let digits = digit_count(unscaled);
    if digits == 0 {
        return Leading { weight: 0, first: 0, top: 0.0, top_exponent: 0, pair: (0, 0) };
    }
    let exponent = i32::try_from(digits).unwrap_or(i32::MAX) - scale - 1;
    let weight = exponent.div_euclid(4);
    let magnitude = IBig::from_parts(Sign::Positive, unscaled.clone().unsigned_abs());
    let at = |exponent: i32| -> IBig { rescale_truncating(magnitude.clone(), scale, -exponent) };
    let first = i32::try_from(&at(weight * 4)).unwrap_or(0);
    let exact = |value: &IBig, exponent: i32| rescale_up(value.clone(), exponent + scale) == magnitude;
    // A second digit exists unless the first is the whole value.
    let pair = if weight * 4 + scale >= 0 && exact(&IBig::from(first), weight * 4) {
        (first, weight * 4)
    } else {
        (i32::try_from(&at(weight * 4 - 4)).unwrap_or(0), weight * 4 - 4)
    };
    let (top, top_exponent) =
        top_digits(&at, weight, |value, exponent| exponent + scale >= 0 && exact(value, exponent));
    Leading { weight, first, top, top_exponent, pair }
}

/// Returns up to four base-10000 digits as a float and the decimal exponent of that number.
fn top_digits(at: &dyn Fn(i32) -> IBig, weight: i32, exact: impl Fn(&IBig, i32) -> bool) -> (f64, i32) {
    let mut exponent = weight * 4;
    let mut value = at(exponent);
    for _ in 0..3 {
        if exact(&value, exponent) {
            break;
        }
        exponent -= 4;
        value = at(exponent);
    }
    (i64::try_from(&value).unwrap_or(0) as f64, exponent)
}
