//! Sum, difference, product, quotient, remainder, and the scales PostgreSQL gives their results.

use dashu::base::DivRem;
use dashu::integer::IBig;

use super::decimal::{div_round, div_round_i128, leading, pow10, pow10_i128, rescale, rescale_up};
use super::{DISPLAY_SCALE_MAX, Numeric, SCALE_MAX, SIGNIFICANT_DIGITS_MIN, Special};
use crate::errors::{Result, data};

impl Special {
    /// Returns the value.
    pub(crate) fn numeric(self) -> Numeric {
        match self {
            Self::NaN => Numeric::NaN,
            Self::Infinity => Numeric::Infinity,
            Self::NegativeInfinity => Numeric::NegativeInfinity,
        }
    }

    /// Returns infinity with the sign of `sign`.
    pub(crate) fn infinity(sign: i32) -> Numeric {
        if sign < 0 { Numeric::NegativeInfinity } else { Numeric::Infinity }
    }
}

impl Numeric {
    /// Returns the sum; its scale is the larger of the two.
    pub fn add(&self, other: &Self) -> Result<Self> {
        if let (Self::Fixed { unscaled: l, scale: ls }, Self::Fixed { unscaled: r, scale: rs }) =
            (self, other)
        {
            let scale = (*ls).max(*rs);
            let left = i128::from(*l) * 10i128.pow(u32::from(scale - ls));
            let right = i128::from(*r) * 10i128.pow(u32::from(scale - rs));
            // Each product is below 2^63 * 10^18 < 2^123.
            return Ok(Self::from_i128(left + right, u16::from(scale)));
        }
        match (self.parts(), other.parts()) {
            (Ok((l, ls)), Ok((r, rs))) => {
                let scale = ls.max(rs);
                Self::from_big(rescale_up(l, scale - ls) + rescale_up(r, scale - rs), scale)
            }
            (Err(Special::NaN), _) | (_, Err(Special::NaN)) => Ok(Self::NaN),
            (Err(l), Err(r)) if l != r => Ok(Self::NaN),
            (Err(special), _) | (_, Err(special)) => Ok(special.numeric()),
        }
    }

    /// Returns the difference; its scale is the larger of the two.
    pub fn sub(&self, other: &Self) -> Result<Self> {
        self.add(&other.neg())
    }

    /// Returns the product; its scale is the sum of the two (rounded to 16383 digits).
    pub fn mul(&self, other: &Self) -> Result<Self> {
        if let (Self::Fixed { unscaled: l, scale: ls }, Self::Fixed { unscaled: r, scale: rs }) =
            (self, other)
        {
            return Ok(Self::from_i128(i128::from(*l) * i128::from(*r), u16::from(ls + rs)));
        }
        match (self.parts(), other.parts()) {
            (Ok((l, ls)), Ok((r, rs))) => {
                let (scale, scale_max) = (ls + rs, i32::from(SCALE_MAX));
                let product = l * r;
                if scale > scale_max {
                    return Self::from_big(rescale(product, scale, scale_max), scale_max);
                }
                Self::from_big(product, scale)
            }
            (Err(Special::NaN), _) | (_, Err(Special::NaN)) => Ok(Self::NaN),
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => match self.signum() * other.signum() {
                0 => Ok(Self::NaN),
                sign => Ok(Special::infinity(sign)),
            },
        }
    }

    /// Returns the quotient, rounded to the scale that `select_div_scale` chooses.
    pub fn div(&self, other: &Self) -> Result<Self> {
        let ((l, ls), (r, rs)) = match self.finite_operands(other)? {
            Ok(operands) => operands,
            Err(special) => return Ok(special),
        };
        if r.is_zero() {
            return Err(data::division_by_zero());
        }
        let scale = div_scale((&l, ls), (&r, rs));
        Self::from_big(divide((l, ls), (r, rs), scale), scale)
    }

    /// Returns the quotient cut to an integer towards zero.
    pub fn div_trunc(&self, other: &Self) -> Result<Self> {
        let ((l, ls), (r, rs)) = match self.finite_operands(other)? {
            Ok(operands) => operands,
            Err(special) => return Ok(special),
        };
        if r.is_zero() {
            return Err(data::division_by_zero());
        }
        let scale = ls.max(rs);
        Self::from_big(rescale_up(l, scale - ls) / rescale_up(r, scale - rs), 0)
    }

    /// Returns the operands of a division, or its result when one is special.
    #[expect(clippy::type_complexity, reason = "the pair of operands, used twice")]
    fn finite_operands(&self, other: &Self) -> Result<Result<((IBig, i32), (IBig, i32)), Self>> {
        Ok(match (self.parts(), other.parts()) {
            (Ok(l), Ok(r)) => Ok((l, r)),
            (Err(Special::NaN), _) | (_, Err(Special::NaN)) => Err(Self::NaN),
            (Err(_), Err(_)) => Err(Self::NaN),
            (Err(_), Ok(_)) => match other.signum() {
                0 => return Err(data::division_by_zero()),
                sign => Err(Special::infinity(sign * self.signum())),
            },
            (Ok(_), Err(_)) => Err(Self::ZERO),
        })
    }

    /// Returns the remainder with the sign of the dividend; its scale is the larger of the two.
    pub fn rem(&self, other: &Self) -> Result<Self> {
        match (self.parts(), other.parts()) {
            (Ok((l, ls)), Ok((r, rs))) => {
                if r.is_zero() {
                    return Err(data::division_by_zero());
                }
                let scale = ls.max(rs);
                let (_, remainder) = rescale_up(l, scale - ls).div_rem(rescale_up(r, scale - rs));
                Self::from_big(remainder, scale)
            }
            (Err(Special::NaN), _) | (_, Err(Special::NaN)) => Ok(Self::NaN),
            (Err(_), Ok(_)) if other.is_zero() => Err(data::division_by_zero()),
            (Err(_), Ok(_) | Err(_)) => Ok(Self::NaN),
            (Ok(_), Err(_)) => Ok(self.clone()),
        }
    }

    /// Returns the negated value.
    #[must_use]
    pub fn neg(&self) -> Self {
        match self {
            Self::Fixed { unscaled, scale } => Self::from_i128(-i128::from(*unscaled), u16::from(*scale)),
            Self::Big(big) => match i128::try_from(&big.unscaled) {
                Ok(small) if small != i128::MIN => Self::from_i128(-small, big.scale),
                Ok(_) | Err(_) => Self::Big(std::sync::Arc::new(super::BigNumeric {
                    unscaled: -big.unscaled.clone(),
                    scale: big.scale,
                })),
            },
            Self::NaN => Self::NaN,
            Self::Infinity => Self::NegativeInfinity,
            Self::NegativeInfinity => Self::Infinity,
        }
    }

    /// Returns the absolute value.
    #[must_use]
    pub fn abs(&self) -> Self {
        if self.signum() < 0 { self.neg() } else { self.clone() }
    }

    /// Returns -1, 0 or 1, and NaN for NaN.
    #[must_use]
    pub fn sign(&self) -> Self {
        if self.is_nan() { Self::NaN } else { Self::from_i64(i64::from(self.signum())) }
    }

    /// Returns the value plus one, as `numeric_inc`.
    pub fn inc(&self) -> Result<Self> {
        self.add(&Self::ONE)
    }

    /// Returns `sum / count` as `avg(numeric)` does; `count` is positive.
    pub fn average(sum: &Self, count: i64) -> Result<Self> {
        sum.div(&Self::from_i64(count))
    }

    /// `width_bucket(operand, low, high, count)`
    pub fn width_bucket(&self, low: &Self, high: &Self, count: i32) -> Result<i32> {
        if count <= 0 {
            return Err(data::bucket_count_not_positive());
        }
        if self.is_nan() || low.is_nan() || high.is_nan() {
            return Err(data::bucket_nan());
        }
        if !low.is_finite() || !high.is_finite() {
            return Err(data::bucket_infinite());
        }
        let above = || count.checked_add(1).ok_or_else(data::integer_out_of_range);
        let (before, after) = match low.cmp(high) {
            std::cmp::Ordering::Less => (self < low, self >= high),
            std::cmp::Ordering::Greater => (self > low, self <= high),
            std::cmp::Ordering::Equal => return Err(data::bucket_empty()),
        };
        if before {
            return Ok(0);
        }
        if after {
            return above();
        }
        let (part, span) = (self.sub(low)?.abs(), high.sub(low)?.abs());
        part.mul(&Self::from_i64(count.into()))?.div_trunc(&span)?.add(&Self::ONE)?.to_i32()
    }

    /// Returns the greatest common divisor.
    pub fn gcd(&self, other: &Self) -> Result<Self> {
        let (Ok((l, ls)), Ok((r, rs))) = (self.parts(), other.parts()) else { return Ok(Self::NaN) };
        let scale = ls.max(rs);
        let (mut l, mut r) = (rescale_up(l, scale - ls), rescale_up(r, scale - rs));
        while !r.is_zero() {
            let (_, remainder) = l.div_rem(&r);
            l = std::mem::replace(&mut r, remainder);
        }
        Ok(Self::from_big(l, scale)?.abs())
    }

    /// Returns the least common multiple.
    pub fn lcm(&self, other: &Self) -> Result<Self> {
        let (Ok((l, ls)), Ok((r, rs))) = (self.parts(), other.parts()) else { return Ok(Self::NaN) };
        let scale = ls.max(rs);
        if l.is_zero() || r.is_zero() {
            return Self::from_big(IBig::ZERO, scale);
        }
        let (Ok((divisor, _)), r) = (self.gcd(other)?.parts(), rescale_up(r, scale - rs)) else {
            return Ok(Self::NaN);
        };
        Ok(Self::from_big(rescale_up(l, scale - ls) / divisor * r, scale)?.abs())
    }

    /// Returns the factorial of `n`.
    pub fn factorial(n: i64) -> Result<Self> {
        if n < 0 {
            return Err(data::factorial_of_negative());
        }
        if n > 32_177 {
            return Err(data::numeric_overflow());
        }
        let mut product = IBig::ONE;
        for factor in 2..=n {
            crate::interrupt::check()?;
            product *= IBig::from(factor);
        }
        Self::from_big(product, 0)
    }
}

/// Returns the scale of a quotient: at least 16 significant digits and no fewer than either operand shows
/// (`select_div_scale`; it looks at base-10000 digits, which is where its steps of four come from).
pub(crate) fn div_scale(left: (&IBig, i32), right: (&IBig, i32)) -> i32 {
    let (l, r) = (leading(left.0, left.1), leading(right.0, right.1));
    let weight = l.weight - r.weight - i32::from(l.first <= r.first);
    (SIGNIFICANT_DIGITS_MIN - weight * 4).max(left.1).max(right.1).clamp(0, DISPLAY_SCALE_MAX)
}

/// Returns the quotient with `scale` digits after the point, rounded half away from zero.
pub(crate) fn divide(left: (IBig, i32), right: (IBig, i32), scale: i32) -> IBig {
    // left / 10^ls / (right / 10^rs) * 10^scale
    let shift = scale + right.1 - left.1;
    if let (Ok(l), Ok(r)) = (i128::try_from(&left.0), i128::try_from(&right.0)) {
        let scaled = u32::try_from(shift).ok().and_then(pow10_i128).and_then(|power| l.checked_mul(power));
        if let (Some(l), true) = (scaled, r != i128::MIN && scaled != Some(i128::MIN)) {
            let (l, r) = if r < 0 { (-l, -r) } else { (l, r) };
            return IBig::from(div_round_i128(l, r));
        }
    }
    if shift >= 0 {
        div_round(&rescale_up(left.0, shift), &right.0)
    } else {
        div_round(&left.0, &(right.0 * IBig::from(pow10(usize::try_from(-shift).unwrap_or(0)))))
    }
}
