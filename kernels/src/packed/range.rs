//! Filters on the packed form: a range of values becomes a range of offsets, and rows are compared as they are
//! unpacked, in units no wider than they need to be.

use super::{BLOCK_LEN, WIDTH_MAX, packed_words, unit_bits};
use crate::compare;

/// A range of values in terms of a block's offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedRange {
    /// No value of a block can be in the range.
    None,
    /// Every value of a block is in the range.
    All,
    /// The values whose offsets are in this inclusive range.
    Offsets {
        /// The least offset.
        low: u64,
        /// The greatest offset.
        high: u64,
    },
}

impl PackedRange {
    /// Returns the range `low..=high` for blocks of `width` bits over `base`.
    pub fn new(base: impl Into<i128>, width: u32, low: impl Into<i128>, high: impl Into<i128>) -> Self {
        assert!(width <= WIDTH_MAX);
        let (base, low, high) = (base.into(), low.into(), high.into());
        let offset_max = (1i128 << width) - 1;
        let low = low.saturating_sub(base).max(0);
        let high = high.saturating_sub(base).min(offset_max);
        if low > high {
            Self::None
        } else if low == 0 && high == offset_max {
            Self::All
        } else {
            // Both are between 0 and `offset_max`, which fits in 64 bits.
            Self::Offsets { low: low as u64, high: high as u64 }
        }
    }
}

/// Sets the bits of the first `len` values of a block that are in the range.
///
/// Panics when `packed` has not `packed_words(width)` words, when `len` exceeds 1,024, or when `mask` has not
/// the words for `len` bits.
pub fn filter_packed(packed: &[u64], width: u32, range: PackedRange, len: usize, mask: &mut [u64]) {
    assert!(len <= BLOCK_LEN);
    assert!(width <= WIDTH_MAX);
    assert_eq!(packed.len(), packed_words(width));
    assert_eq!(mask.len(), len.div_ceil(64));
    match range {
        PackedRange::None => mask.fill(0),
        PackedRange::All => crate::bitmap::fill(mask, len),
        PackedRange::Offsets { low, high } => match unit_bits(width) {
            _ if width == 0 => mask.fill(if low == 0 { u64::MAX } else { 0 }),
            8 => filter_8(packed, width, (low, high), len, mask),
            16 => filter_16(packed, width, (low, high), len, mask),
            32 => filter_32(packed, width, (low, high), len, mask),
            _ => filter_64(packed, width, (low, high), len, mask),
        },
    }
    crate::bitmap::clear_tail(mask, len);
}

macro_rules! filter {
    ($name:ident, $unit:ty) => {
        fn $name(packed: &[u64], width: u32, (low, high): (u64, u64), len: usize, mask: &mut [u64]) {
            // The offsets of a block, in the first cache level.
            let mut offsets = [0 as $unit; BLOCK_LEN];
            let offsets = &mut offsets[..len];
            super::unpack(packed, width, 0, offsets);
            let high = <$unit>::try_from(high).unwrap_or(<$unit>::MAX);
            match <$unit>::try_from(low) {
                Ok(low) => compare::between(offsets, low, high, mask),
                Err(_) => mask.fill(0),
            }
        }
    };
}

filter!(filter_8, u8);
filter!(filter_16, u16);
filter!(filter_32, u32);
filter!(filter_64, u64);
