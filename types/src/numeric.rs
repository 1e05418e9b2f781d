//! `numeric`: PostgreSQL's exact decimal with a display scale per value, NaN and infinities.

use serde::{Deserialize, Serialize};

/// A numeric value. Finite values are `unscaled * 10^-scale`; the scale is the display scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Numeric {
    /// A value whose unscaled integer fits 64 bits.
    Fixed {
        /// The integer.
        unscaled: i64,
        /// Display scale, at most 18 here.
        scale: u8,
    },
    /// Not a number; equal to itself and above every number, as PostgreSQL orders it.
    NaN,
    /// Positive infinity.
    Infinity,
    /// Negative infinity.
    NegativeInfinity,
}
