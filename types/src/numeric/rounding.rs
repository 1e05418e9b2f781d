//! Rounding to a scale, scales themselves, and type modifiers (`numeric(precision, scale)`).

use dashu::base::DivRem;
use dashu::integer::IBig;

use super::decimal::{digit_count, pow10, rescale, rescale_truncating};
use super::{Numeric, SCALE_MAX, Special};
use crate::errors::{Result, data};

/// What a type modifier of numeric says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modifier {
    /// Digits in all, 1 to 1000.
    pub precision: i32,
    /// Digits after the point, -1000 to 1000.
    pub scale: i32,
}

impl Modifier {
    /// Returns the meaning of `typmod`, `None` when it sets no limit.
    pub fn from_typmod(typmod: i32) -> Option<Self> {
        let bits = typmod.checked_sub(4).filter(|bits| *bits >= 0)?;
        Some(Self { precision: (bits >> 16) & 0xffff, scale: ((bits & 0x7ff) ^ 1024) - 1024 })
    }

    /// Returns the type modifier that stands for these limits.
    pub fn typmod(self) -> i32 {
        ((self.precision << 16) | (self.scale & 0x7ff)) + 4
    }
}

impl Numeric {
    /// Returns the value rounded half away from zero to `scale` digits after the point (before it, when
    /// negative).
    pub fn round(&self, scale: i32) -> Result<Self> {
        self.to_scale(scale, rescale)
    }

    /// Returns the value cut towards zero to `scale` digits after the point.
    pub fn trunc(&self, scale: i32) -> Result<Self> {
        self.to_scale(scale, rescale_truncating)
    }

    fn to_scale(&self, scale: i32, change: fn(IBig, i32, i32) -> IBig) -> Result<Self> {
        let (unscaled, own) = match self.parts() {
            Ok(parts) => parts,
            Err(special) => return Ok(special.numeric()),
        };
        // The bounds of numeric_round: what the format could hold at most.
        let scale = scale.clamp(-131_072, i32::from(SCALE_MAX));
        let changed = change(unscaled, own, scale);
        if scale >= 0 {
            Self::from_big(changed, scale)
        } else {
            Self::from_big(super::decimal::rescale_up(changed, -scale), 0)
        }
    }

    /// Returns the smallest integer not below the value.
    pub fn ceil(&self) -> Result<Self> {
        self.to_integer(1)
    }

    /// Returns the largest integer not above the value.
    pub fn floor(&self) -> Result<Self> {
        self.to_integer(-1)
    }

    /// Rounds to an integer in the direction of `sign`.
    fn to_integer(&self, sign: i32) -> Result<Self> {
        let (unscaled, scale) = match self.parts() {
            Ok(parts) => parts,
            Err(special) => return Ok(special.numeric()),
        };
        let divisor = IBig::from(pow10(usize::try_from(scale).unwrap_or(0)));
        let (quotient, remainder) = unscaled.div_rem(divisor);
        let step = !remainder.is_zero() && (self.signum() == sign);
        Self::from_big(if step { quotient + IBig::from(sign) } else { quotient }, 0)
    }

    /// Returns the display scale; `None` for NaN and infinities.
    pub fn scale(&self) -> Option<i32> {
        self.parts().ok().map(|(_, scale)| scale)
    }

    /// Returns the digits after the point that are needed to show the value exactly.
    pub fn min_scale(&self) -> Option<i32> {
        self.stripped().map(|(_, scale)| scale.max(0))
    }

    /// Returns the value with the smallest scale that shows it exactly.
    pub fn trim_scale(&self) -> Result<Self> {
        match self.min_scale() {
            Some(scale) => self.round(scale),
            None => Ok(self.clone()),
        }
    }

    /// Returns the value as a column of type modifier `typmod` keeps it: rounded, or an error when it has too
    /// many digits before the point.
    pub fn apply_typmod(&self, typmod: i32) -> Result<Self> {
        let Some(Modifier { precision, scale }) = Modifier::from_typmod(typmod) else {
            return Ok(self.clone());
        };
        let (unscaled, own) = match self.parts() {
            Ok(parts) => parts,
            Err(Special::NaN) => return Ok(Self::NaN),
            Err(Special::Infinity | Special::NegativeInfinity) => {
                return Err(data::numeric_field_infinite(precision, scale));
            }
        };
        let rounded = rescale(unscaled, own, scale);
        if digit_count(&rounded) > i64::from(precision) {
            return Err(data::numeric_field_overflow(precision, scale));
        }
        if scale >= 0 {
            Self::from_big(rounded, scale)
        } else {
            Self::from_big(super::decimal::rescale_up(rounded, -scale), 0)
        }
    }
}
