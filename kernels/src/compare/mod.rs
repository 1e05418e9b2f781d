//! Comparison of lanes: the mask of the lanes for which a comparison holds.
//!
//! Floats have PostgreSQL's order: NaN equals NaN and is greater than everything else, and -0 equals 0.
//! Null lanes are compared like any other: the caller combines the mask with validity.
//! Bits past the last lane are zero in the mask.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;
mod simd;
#[cfg(test)]
mod tests;

use crate::isa::{self, Level};

/// The six comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `left = right`
    Eq,
    /// `left <> right`
    Ne,
    /// `left < right`
    Lt,
    /// `left <= right`
    Le,
    /// `left > right`
    Gt,
    /// `left >= right`
    Ge,
}

impl Comparison {
    /// Returns the comparison that holds for exchanged sides.
    pub fn swapped(self) -> Self {
        match self {
            Self::Eq => Self::Eq,
            Self::Ne => Self::Ne,
            Self::Lt => Self::Gt,
            Self::Le => Self::Ge,
            Self::Gt => Self::Lt,
            Self::Ge => Self::Le,
        }
    }

    /// Returns the comparison that holds exactly when this one does not.
    pub fn negated(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
        }
    }

    /// Tells whether the comparison holds for two lanes.
    #[inline(always)]
    pub fn holds<T: Lane>(self, left: T, right: T) -> bool {
        match self {
            Self::Eq => left.equals(right),
            Self::Ne => !left.equals(right),
            Self::Lt => left.less(right),
            Self::Le => !right.less(left),
            Self::Gt => right.less(left),
            Self::Ge => !left.less(right),
        }
    }
}

pub(crate) use simd::word_of;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Registers;
/// Stands for the register form of a lane where there is none.
#[cfg(not(target_arch = "x86_64"))]
pub trait Registers {}
#[cfg(not(target_arch = "x86_64"))]
impl<T> Registers for T {}

/// A physical type with a total order. Sealed: the registers are out of reach of other crates.
pub trait Lane: Copy + Registers + 'static {
    /// Tells whether two lanes are equal.
    fn equals(self, other: Self) -> bool;
    /// Tells whether this lane is before the other.
    fn less(self, other: Self) -> bool;
}

macro_rules! integer_lanes {
    ($($lane:ty),*) => {$(
        impl Lane for $lane {
            #[inline(always)]
            fn equals(self, other: Self) -> bool {
                self == other
            }
            #[inline(always)]
            fn less(self, other: Self) -> bool {
                self < other
            }
        }
    )*};
}

integer_lanes!(i16, i32, i64, i128, u8, u16, u32, u64, u128);

macro_rules! float_lanes {
    ($($lane:ty),*) => {$(
        impl Lane for $lane {
            #[inline(always)]
            fn equals(self, other: Self) -> bool {
                (self == other) | ((self != self) & (other != other))
            }
            #[inline(always)]
            fn less(self, other: Self) -> bool {
                (self < other) | ((other != other) & (self == self))
            }
        }
    )*};
}

float_lanes!(f32, f64);

/// The two comparisons the others are made of: a comparison is one of these, perhaps with its sides exchanged,
/// perhaps inverted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Primitive {
    Equal,
    Less,
    Greater,
}

fn primitive(comparison: Comparison) -> (Primitive, u64) {
    match comparison {
        Comparison::Eq => (Primitive::Equal, 0),
        Comparison::Ne => (Primitive::Equal, u64::MAX),
        Comparison::Lt => (Primitive::Less, 0),
        Comparison::Ge => (Primitive::Less, u64::MAX),
        Comparison::Gt => (Primitive::Greater, 0),
        Comparison::Le => (Primitive::Greater, u64::MAX),
    }
}

/// Sets the bits of the lanes for which `left comparison right` holds.
pub fn compare<T: Lane>(comparison: Comparison, left: &[T], right: &[T], mask: &mut [u64]) {
    assert_eq!(left.len(), right.len());
    assert_eq!(mask.len(), left.len().div_ceil(64));
    let (primitive, flip) = primitive(comparison);
    let (primitive, left, right) = match primitive {
        Primitive::Greater => (Primitive::Less, right, left),
        Primitive::Equal | Primitive::Less => (primitive, left, right),
    };
    match isa::level() {
        Level::Scalar => scalar::compare(primitive, flip, left, right, mask),
        Level::Avx2 | Level::Neon => simd::compare(primitive, flip, left, right, mask),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::compare(primitive, flip, left, right, mask) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => simd::compare(primitive, flip, left, right, mask),
    }
    clear_tail(left.len(), mask);
}

/// Sets the bits of the lanes for which `lane comparison right` holds.
pub fn compare_constant<T: Lane>(comparison: Comparison, left: &[T], right: T, mask: &mut [u64]) {
    assert_eq!(mask.len(), left.len().div_ceil(64));
    let (primitive, flip) = primitive(comparison);
    match isa::level() {
        Level::Scalar => scalar::compare_constant(primitive, flip, left, right, mask),
        Level::Avx2 | Level::Neon => simd::compare_constant(primitive, flip, left, right, mask),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::compare_constant(primitive, flip, left, right, mask) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => simd::compare_constant(primitive, flip, left, right, mask),
    }
    clear_tail(left.len(), mask);
}

/// Sets the bits of the lanes for which `low <= lane` and `lane <= high`.
pub fn between<T: Lane>(values: &[T], low: T, high: T, mask: &mut [u64]) {
    assert_eq!(mask.len(), values.len().div_ceil(64));
    match isa::level() {
        Level::Scalar => scalar::between(values, low, high, mask),
        Level::Avx2 | Level::Neon => simd::between(values, low, high, mask),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::between(values, low, high, mask) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => simd::between(values, low, high, mask),
    }
    clear_tail(values.len(), mask);
}

fn clear_tail(len: usize, mask: &mut [u64]) {
    if let Some(last) = mask.last_mut() {
        *last &= crate::bitmap::last_word_bits(len);
    }
}
