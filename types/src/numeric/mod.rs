//! `numeric`: PostgreSQL's exact decimal with a display scale per value, NaN and infinities.
//!
//! A finite value is `unscaled * 10^-scale`. Values whose unscaled integer fits 64 bits and whose scale is
//! at most 18 are kept inline ([`Numeric::Fixed`]); everything else is a shared big integer
//! ([`Numeric::Big`]). The constructors choose the form, so a value with its scale has exactly one.
//! Equality, ordering and hashing go by value: `1.0` equals `1.00`.
//!
//! * `arithmetic`: sum, product, quotient and their result scales
//! * `rounding`: round, trunc, ceil, floor, scales, type modifiers
//! * `transcendental`: sqrt, exp, ln, log, power
//! * `text`, `binary`: input and output
//! * `convert`: integers and floats
//! * `decimal`: the working form over big integers and powers of ten

mod arithmetic;
mod binary;
mod convert;
mod decimal;
mod power;
mod rounding;
mod text;
mod transcendental;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use dashu::integer::IBig;
use serde::{Deserialize, Serialize};

use crate::errors::{Result, data};
pub use decimal::pow10_i128;
use decimal::{digit_count, pow10};
pub use rounding::Modifier;

/// Digits before the decimal point that the format can hold.
pub const DIGITS_BEFORE_MAX: i64 = 131_072;
/// Largest display scale of any value.
pub const SCALE_MAX: u16 = 16_383;
/// Largest scale of [`Numeric::Fixed`].
pub const FIXED_SCALE_MAX: u8 = 18;
/// Significant digits that division and the functions aim for (`NUMERIC_MIN_SIG_DIGITS`).
pub(crate) const SIGNIFICANT_DIGITS_MIN: i32 = 16;
/// Largest scale that a function chooses by itself (`NUMERIC_MAX_DISPLAY_SCALE`).
pub(crate) const DISPLAY_SCALE_MAX: i32 = 1000;

/// A numeric value. Finite values are `unscaled * 10^-scale`; the scale is the display scale.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Numeric {
    /// A value whose unscaled integer fits 64 bits.
    Fixed {
        /// The integer.
        unscaled: i64,
        /// Display scale, at most 18 here.
        scale: u8,
    },
    /// Any other finite value.
    Big(Arc<BigNumeric>),
    /// Not a number; equal to itself and above every number, as PostgreSQL orders it.
    NaN,
    /// Positive infinity.
    Infinity,
    /// Negative infinity.
    NegativeInfinity,
}

/// A finite value that [`Numeric::Fixed`] cannot hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "BigParts", into = "BigParts")]
pub struct BigNumeric {
    unscaled: IBig,
    scale: u16,
}

/// What is serialized of a [`BigNumeric`]: two's complement little-endian bytes and the scale.
#[derive(Serialize, Deserialize)]
struct BigParts(Vec<u8>, u16);

impl From<BigParts> for BigNumeric {
    fn from(parts: BigParts) -> Self {
        Self { unscaled: IBig::from_le_bytes(&parts.0), scale: parts.1 }
    }
}

impl From<BigNumeric> for BigParts {
    fn from(value: BigNumeric) -> Self {
        Self(value.unscaled.to_le_bytes().into_vec(), value.scale)
    }
}

/// The three kinds of value that are not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    NaN,
    Infinity,
    NegativeInfinity,
}

impl Numeric {
    /// Zero with scale 0.
    pub const ZERO: Self = Self::Fixed { unscaled: 0, scale: 0 };
    /// One with scale 0.
    pub const ONE: Self = Self::Fixed { unscaled: 1, scale: 0 };

    /// Returns an integer with scale 0.
    pub fn from_i64(value: i64) -> Self {
        Self::Fixed { unscaled: value, scale: 0 }
    }

    /// Returns `unscaled * 10^-scale`, shown with `scale` digits after the point (at most [`SCALE_MAX`]).
    pub fn from_i128(unscaled: i128, scale: u16) -> Self {
        assert!(scale <= SCALE_MAX, "numeric scale {scale}");
        match (i64::try_from(unscaled), u8::try_from(scale)) {
            (Ok(unscaled), Ok(scale)) if scale <= FIXED_SCALE_MAX => Self::Fixed { unscaled, scale },
            _ => Self::Big(Arc::new(BigNumeric { unscaled: unscaled.into(), scale })),
        }
    }

    /// Returns `unscaled * 10^-scale`, or the error that PostgreSQL raises when the format cannot hold it.
    pub(crate) fn from_big(unscaled: IBig, scale: i32) -> Result<Self> {
        let Some(scale) = u16::try_from(scale).ok().filter(|scale| *scale <= SCALE_MAX) else {
            return Err(data::numeric_overflow());
        };
        if let Ok(small) = i128::try_from(&unscaled) {
            return Ok(Self::from_i128(small, scale));
        }
        if digit_count(&unscaled) - i64::from(scale) > DIGITS_BEFORE_MAX {
            return Err(data::numeric_overflow());
        }
        Ok(Self::Big(Arc::new(BigNumeric { unscaled, scale })))
    }

    /// Returns the unscaled integer and the scale of a finite value that fits 128 bits.
    pub fn to_fixed(&self) -> Option<(i128, u16)> {
        match self {
            Self::Fixed { unscaled, scale } => Some((i128::from(*unscaled), u16::from(*scale))),
            Self::Big(big) => i128::try_from(&big.unscaled).ok().map(|unscaled| (unscaled, big.scale)),
            Self::NaN | Self::Infinity | Self::NegativeInfinity => None,
        }
    }

    /// Returns the value with exactly `scale` digits after the point as an integer, when no digit is lost
    /// and 128 bits hold it.
    pub fn to_fixed_scale(&self, scale: u16) -> Option<i128> {
        let (unscaled, own) = self.to_fixed()?;
        if own <= scale {
            return unscaled.checked_mul(pow10_i128(u32::from(scale - own))?);
        }
        let divisor = pow10_i128(u32::from(own - scale))?;
        (unscaled % divisor == 0).then_some(unscaled / divisor)
    }

    /// Returns the unscaled integer and scale of a finite value, else which special value it is.
    pub(crate) fn parts(&self) -> Result<(IBig, i32), Special> {
        match self {
            Self::Fixed { unscaled, scale } => Ok((IBig::from(*unscaled), i32::from(*scale))),
            Self::Big(big) => Ok((big.unscaled.clone(), i32::from(big.scale))),
            Self::NaN => Err(Special::NaN),
            Self::Infinity => Err(Special::Infinity),
            Self::NegativeInfinity => Err(Special::NegativeInfinity),
        }
    }

    /// Returns whether the value is NaN.
    pub fn is_nan(&self) -> bool {
        matches!(self, Self::NaN)
    }

    /// Returns whether the value is neither NaN nor infinite.
    pub fn is_finite(&self) -> bool {
        matches!(self, Self::Fixed { .. } | Self::Big(_))
    }

    /// Returns whether the value is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Fixed { unscaled: 0, .. })
            || matches!(self, Self::Big(big) if big.unscaled.is_zero())
    }

    /// Returns -1, 0 or 1; NaN counts as positive.
    pub(crate) fn signum(&self) -> i32 {
        match self {
            Self::Fixed { unscaled, .. } => unscaled.signum() as i32,
            Self::Big(big) if big.unscaled.is_zero() => 0,
            Self::Big(big) if big.unscaled < IBig::ZERO => -1,
            Self::Big(_) | Self::NaN | Self::Infinity => 1,
            Self::NegativeInfinity => -1,
        }
    }

    /// Returns where the value stands among the special ones: -infinity, finite, infinity, NaN.
    fn rank(&self) -> u8 {
        match self {
            Self::NegativeInfinity => 0,
            Self::Fixed { .. } | Self::Big(_) => 1,
            Self::Infinity => 2,
            Self::NaN => 3,
        }
    }

    /// Returns the value without trailing zeros after the point, and negative scale for trailing zeros
    /// before it: the form that equal values share.
    pub(crate) fn stripped(&self) -> Option<(IBig, i32)> {
        if let Self::Fixed { unscaled, scale } = self {
            let (mut unscaled, mut scale) = (*unscaled, i32::from(*scale));
            if unscaled == 0 {
                return Some((IBig::ZERO, 0));
            }
            while unscaled % 10 == 0 {
                unscaled /= 10;
                scale -= 1;
            }
            return Some((unscaled.into(), scale));
        }
        let (unscaled, scale) = self.parts().ok()?;
        if unscaled.is_zero() {
            return Some((IBig::ZERO, 0));
        }
        let digits = unscaled.to_string();
        let zeros = digits.bytes().rev().take_while(|byte| *byte == b'0').count();
        let zeros_i32 = i32::try_from(zeros).unwrap_or(i32::MAX);
        Some((unscaled / IBig::from(pow10(zeros)), scale - zeros_i32))
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Self::Fixed { unscaled: l, scale: ls }, Self::Fixed { unscaled: r, scale: rs }) =
            (self, other)
        {
            if ls == rs {
                return l.cmp(r);
            }
            // Both products stay below 2^63 * 10^18 < 2^127.
            let scale = (*ls).max(*rs);
            let left = i128::from(*l) * 10i128.pow(u32::from(scale - ls));
            let right = i128::from(*r) * 10i128.pow(u32::from(scale - rs));
            return left.cmp(&right);
        }
        match (self.parts(), other.parts()) {
            (Ok((l, ls)), Ok((r, rs))) => {
                let scale = ls.max(rs);
                decimal::rescale_up(l, scale - ls).cmp(&decimal::rescale_up(r, scale - rs))
            }
            (Ok(_) | Err(_), Err(_)) | (Err(_), Ok(_)) => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Numeric {}

impl Hash for Numeric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.rank().hash(state);
        if let Some((unscaled, scale)) = self.stripped() {
            scale.hash(state);
            match i64::try_from(&unscaled) {
                Ok(small) => small.hash(state),
                Err(_) => unscaled.to_le_bytes().hash(state),
            }
        }
    }
}

impl From<i64> for Numeric {
    fn from(value: i64) -> Self {
        Self::from_i64(value)
    }
}
