//! Blocks of 1,024 unsigned values packed at 0 to 64 bits each.
//!
//! # Layout
//! A block of width `w` takes `16 * w` words of 64 bits, whatever its values are. It is cut into *units* of 8, 16, 32
//! or 64 bits, the smallest that hold `w` bits ([`unit_bits`]). With `b`-bit units the values form `b` rows of
//! `1024 / b` columns: value `i` is at row `i / (1024 / b)` and column `i % (1024 / b)`. The bits of a column's values,
//! one row after the other and least significant first, fill the column's `w` units; unit `k` of all columns lie
//! side by side, and those of unit `k + 1` follow:
//!
//! ```text
//! unit index in the block = k * (1024 / b) + column
//! value (row, column)     = bits row * w .. row * w + w of the column's units
//! ```
//!
//! A row is unpacked by one or two loads, a shift that is the same for all its columns, and a mask, and comes out in the
//! order of its values: plain SIMD loops of any width do it, without permutations and without a
//! transposed order. Narrow values use narrow units, so that a filter on 4-bit values compares 64 of them at once.
//!
//! The layout is stored in files and must not change.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod range;
mod scalar;
mod simd;
#[cfg(test)]
mod tests;
mod unit;

pub use range::{PackedRange, filter_packed};
pub use unit::unit_bits;

use crate::isa::{self, Level};

/// Values in a block.
pub const BLOCK_LEN: usize = 1024;

/// The greatest width in bits.
pub const WIDTH_MAX: u32 = 64;

/// Returns the words of 64 bits that a block of `width` bits takes.
pub const fn packed_words(width: u32) -> usize {
    width as usize * (BLOCK_LEN / 64)
}

/// A physical type that can be packed relative to a base.
pub trait Packable: Copy + PartialOrd + sealed::Sealed + 'static {
    /// Returns `self - base` modulo 2^64.
    fn offset_from(self, base: Self) -> u64;
    /// Returns `base + offset`, truncated to the type.
    fn from_offset(base: Self, offset: u64) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! packable {
    ($($lane:ty),*) => {$(
        impl sealed::Sealed for $lane {}
        impl Packable for $lane {
            #[inline(always)]
            fn offset_from(self, base: Self) -> u64 {
                self.wrapping_sub(base) as u64
            }
            #[inline(always)]
            fn from_offset(base: Self, offset: u64) -> Self {
                base.wrapping_add(offset as $lane)
            }
        }
    )*};
}

packable!(u8, i16, i32, i64, i128, u16, u32);

impl sealed::Sealed for u64 {}
impl Packable for u64 {
    #[inline(always)]
    fn offset_from(self, base: Self) -> u64 {
        self.wrapping_sub(base)
    }
    #[inline(always)]
    fn from_offset(base: Self, offset: u64) -> Self {
        base.wrapping_add(offset)
    }
}

/// Returns the least value and the width at which all values can be packed relative to it, or `None` when there are no
/// values or when the width would exceed 64 bits.
pub fn frame_of_reference<T: Packable + Ord + Into<i128>>(values: &[T]) -> Option<(T, u32)> {
    let (first, rest) = values.split_first()?;
    let least = rest.iter().fold(*first, |least, &value| least.min(value));
    let greatest = rest.iter().fold(*first, |greatest, &value| greatest.max(value));
    let span = greatest.into().checked_sub(least.into())?;
    let span = u64::try_from(span).ok()?;
    Some((least, u64::BITS - span.leading_zeros()))
}

/// Packs up to 1,024 values relative to `base`; the block is filled up with zeros.
///
/// Panics when `packed` has not `packed_words(width)` words. Offsets that need more than `width` bits lose their upper
/// bits.
pub fn pack<T: Packable>(values: &[T], base: T, width: u32, packed: &mut [u64]) {
    assert!(values.len() <= BLOCK_LEN);
    assert!(width <= WIDTH_MAX);
    assert_eq!(packed.len(), packed_words(width));
    packed.fill(0);
    unit::pack(values, base, width, packed);
}

/// Unpacks the first `out.len()` values of a block and adds the base.
///
/// Panics when `packed` has not `packed_words(width)` words or `out` has more than 1,024 lanes.
pub fn unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
    assert!(out.len() <= BLOCK_LEN);
    assert!(width <= WIDTH_MAX);
    assert_eq!(packed.len(), packed_words(width));
    match isa::level() {
        Level::Scalar => scalar::unpack(packed, width, base, out),
        Level::Avx2 | Level::Neon => simd::unpack(packed, width, base, out),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::unpack(packed, width, base, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => simd::unpack(packed, width, base, out),
    }
}

/// Returns one value of a block, without a base.
///
/// Panics when `packed` has not `packed_words(width)` words or the position is not below 1,024.
#[inline]
pub fn unpack_one(packed: &[u64], width: u32, position: usize) -> u64 {
    assert!(position < BLOCK_LEN);
    assert!(width <= WIDTH_MAX);
    assert_eq!(packed.len(), packed_words(width));
    unit::value(packed, width, position)
}

/// Writes the values of a block at `positions`, with the base added.
///
/// Panics when `packed` has not `packed_words(width)` words or a position is not below 1,024.
pub fn unpack_selected<T: Packable>(packed: &[u64], width: u32, base: T, positions: &[u16], out: &mut [T]) {
    assert_eq!(positions.len(), out.len());
    assert!(width <= WIDTH_MAX);
    assert_eq!(packed.len(), packed_words(width));
    if width == 0 {
        crate::gather::assert_inside(positions, BLOCK_LEN);
        out.fill(base);
        return;
    }
    for (slot, &position) in out.iter_mut().zip(positions) {
        assert!(usize::from(position) < BLOCK_LEN);
        *slot = T::from_offset(base, unit::value(packed, width, position.into()));
    }
}
