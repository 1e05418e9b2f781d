//! Hashes of lanes: 64 bits, pinned, the same on every machine.
//!
//! The hash of a lane is `fold(bits ^ SEED, MULTIPLIER)`, where `fold` multiplies to 128 bits and combines the halves with
//! XOR, and `bits` are 64 bits that are equal for equal values: an integer of any width counts as its value, a float
//! as the double of its value with one zero and one NaN, a byte string as its own hash ([`hash_bytes`]).
//! A further column is combined by `fold(hash ^ bits, MULTIPLIER_COMBINE)`.
//!
//! The hashes may be stored and may travel between nodes: the constants and the formulas are pinned by test vectors.
//! There is no SIMD form: neither AVX2, AVX-512 nor NEON multiplies 64 by 64 bits to 128, and one multiplication
//! per lane is faster than the several that a hash of vector instructions needs.

mod bytes;
#[cfg(test)]
mod tests;

pub use bytes::{combine_views, hash_bytes, hash_views};

const SEED: u64 = 0x2D35_8DCC_AA6C_78A5;
const MULTIPLIER: u64 = 0x8BB8_4B93_962E_ACC9;
const MULTIPLIER_COMBINE: u64 = 0x4B33_A62E_D433_D4A3;

/// The bits of a null lane.
const NULL_BITS: u64 = 0x4D5A_2DA5_1DE1_AA47;

/// A physical type with a hash.
pub trait HashLane: Copy + 'static {
    /// Returns 64 bits that are equal for equal values.
    fn hash_bits(self) -> u64;
}

macro_rules! integer {
    ($($lane:ty),*) => {$(
        impl HashLane for $lane {
            #[inline(always)]
            fn hash_bits(self) -> u64 {
                i64::from(self) as u64
            }
        }
    )*};
}

integer!(bool, u8, u16, u32, i16, i32, i64);

impl HashLane for u64 {
    #[inline(always)]
    fn hash_bits(self) -> u64 {
        self
    }
}

impl HashLane for i128 {
    #[inline(always)]
    fn hash_bits(self) -> u64 {
        let (low, high) = (self as i64, (self >> 64) as i64);
        // A value that fits in an `i64` hashes like that.
        if high == low >> 63 { low as u64 } else { fold(low as u64 ^ SEED, high as u64 ^ MULTIPLIER) }
    }
}

/// The bytes of a UUID, not a number.
impl HashLane for [u8; 16] {
    #[inline(always)]
    fn hash_bits(self) -> u64 {
        let bits = u128::from_le_bytes(self);
        fold(bits as u64 ^ SEED, (bits >> 64) as u64 ^ MULTIPLIER)
    }
}

impl HashLane for f64 {
    #[inline(always)]
    fn hash_bits(self) -> u64 {
        // Adding zero turns -0 into 0.
        if self.is_nan() { 0x7FF8_0000_0000_0000 } else { (self + 0.0).to_bits() }
    }
}

impl HashLane for f32 {
    #[inline(always)]
    fn hash_bits(self) -> u64 {
        f64::from(self).hash_bits()
    }
}

/// Returns the hash of one value.
#[inline(always)]
pub fn hash_one<T: HashLane>(value: T) -> u64 {
    first(value.hash_bits())
}

/// Returns the hash of a null.
#[inline(always)]
pub const fn hash_null() -> u64 {
    first(NULL_BITS)
}

/// Returns a row's hash with one more value.
#[inline(always)]
pub fn combine_one<T: HashLane>(hash: u64, value: T) -> u64 {
    next(hash, value.hash_bits())
}

/// Returns a row's hash with one more null.
#[inline(always)]
pub const fn combine_null(hash: u64) -> u64 {
    next(hash, NULL_BITS)
}

/// Writes the hash of each lane; a lane that is null by `validity` gets [`hash_null`].
pub fn hash<T: HashLane>(values: &[T], validity: Option<&[u64]>, hashes: &mut [u64]) {
    each(values, validity, hashes, T::hash_bits, |_, bits| first(bits));
}

/// Combines each lane into the hash of its row.
pub fn combine<T: HashLane>(values: &[T], validity: Option<&[u64]>, hashes: &mut [u64]) {
    each(values, validity, hashes, T::hash_bits, next);
}

/// Returns the halves of the 128-bit product combined with XOR.
#[inline(always)]
const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
const fn first(bits: u64) -> u64 {
    fold(bits ^ SEED, MULTIPLIER)
}

#[inline(always)]
const fn next(hash: u64, bits: u64) -> u64 {
    fold(hash ^ bits, MULTIPLIER_COMBINE)
}

#[inline(always)]
fn each<T: Copy>(
    values: &[T],
    validity: Option<&[u64]>,
    hashes: &mut [u64],
    bits_of: impl Fn(T) -> u64,
    write: impl Fn(u64, u64) -> u64,
) {
    assert_eq!(values.len(), hashes.len());
    let Some(validity) = validity else {
        for (hash, &value) in hashes.iter_mut().zip(values) {
            *hash = write(*hash, bits_of(value));
        }
        return;
    };
    assert_eq!(validity.len(), values.len().div_ceil(64));
    for ((hashes, values), &word) in hashes.chunks_mut(64).zip(values.chunks(64)).zip(validity) {
        for (lane, (hash, &value)) in hashes.iter_mut().zip(values).enumerate() {
            let bits = if word >> lane & 1 == 1 { bits_of(value) } else { NULL_BITS };
            *hash = write(*hash, bits);
        }
    }
}
