//! Runtime filters: what a finished build side tells the scans of its probe side.

use kernels::vector::{Vector, VectorData};
use storage::{KeyFilter, ScanValue};

use super::keys::for_each_integer;
use super::table::hash_word;

/// A filter on one integer key: its range, and which of its values (or their hashes) occur.
pub(super) struct IntegerFilter {
    low: i64,
    high: i64,
    bits: Bits,
    /// The values, ascending, if they are few.
    few: Option<Vec<i64>>,
}

enum Bits {
    /// A bit for each value from `low` on.
    Exact(Vec<u64>),
    /// A bit pair for each hash, in one word of 64 bits.
    Bloom(Vec<u64>),
}

/// A tuning constant: the widest range of an exact filter, for few keys.
const EXACT_VALUES_MAX: u64 = 1 << 23;
/// A tuning constant: the most keys that are told one by one, for look-ups in an index.
const FEW_KEYS_MAX: usize = 1024;

impl IntegerFilter {
    /// Returns the filter of a build key, or `None` when its lanes are not integers.
    pub(super) fn new(key: &Vector) -> Option<Self> {
        let (mut low, mut high, mut count) = (i64::MAX, i64::MIN, 0usize);
        let integers = for_each_integer(key, |lane, value| {
            if !key.is_null(lane) {
                low = low.min(value);
                high = high.max(value);
                count += 1;
            }
        });
        if !integers {
            return None;
        }
        if count == 0 {
            return Some(Self { low: 0, high: -1, bits: Bits::Exact(vec![0]), few: Some(Vec::new()) });
        }
        let span = high.wrapping_sub(low) as u64;
        let bits = if span < EXACT_VALUES_MAX {
            let mut bits = vec![0u64; span as usize / 64 + 1];
            for_each_integer(key, |lane, value| {
                if !key.is_null(lane) {
                    let offset = value.wrapping_sub(low) as u64;
                    bits[offset as usize / 64] |= 1 << (offset % 64);
                }
            });
            Bits::Exact(bits)
        } else {
            let mut bits = vec![0u64; (count / 4).next_power_of_two().max(64)];
            let last = bits.len() - 1;
            for_each_integer(key, |lane, value| {
                if !key.is_null(lane) {
                    let hash = hash_word(value as u64);
                    bits[(hash >> 32) as usize & last] |= pattern(hash);
                }
            });
            Bits::Bloom(bits)
        };
        let few = (count <= FEW_KEYS_MAX).then(|| {
            let mut few = Vec::with_capacity(count);
            for_each_integer(key, |lane, value| {
                if !key.is_null(lane) {
                    few.push(value);
                }
            });
            few.sort_unstable();
            few.dedup();
            few
        });
        Some(Self { low, high, bits, few })
    }

    #[inline]
    fn may_contain(&self, value: i64) -> bool {
        if value < self.low || value > self.high {
            return false;
        }
        match &self.bits {
            Bits::Exact(bits) => {
                let offset = value.wrapping_sub(self.low) as u64;
                bits.get(offset as usize / 64).is_some_and(|word| word >> (offset % 64) & 1 == 1)
            }
            Bits::Bloom(bits) => {
                let hash = hash_word(value as u64);
                let wanted = pattern(hash);
                bits[(hash >> 32) as usize & (bits.len() - 1)] & wanted == wanted
            }
        }
    }
}

/// The bits of a hash in its word of a bloom filter.
fn pattern(hash: u64) -> u64 {
    1 << (hash & 63) | 1 << (hash >> 6 & 63) | 1 << (hash >> 12 & 63)
}

impl KeyFilter for IntegerFilter {
    fn bounds(&self) -> (Option<ScanValue>, Option<ScanValue>) {
        (Some(ScanValue::Int(i128::from(self.low))), Some(ScanValue::Int(i128::from(self.high))))
    }
    fn keys(&self) -> Option<Vec<ScanValue>> {
        let few = self.few.as_ref()?;
        Some(few.iter().map(|key| ScanValue::Int(i128::from(*key))).collect())
    }
    fn test(&self, vector: &Vector, mask: &mut [u64]) {
        use kernels::vector::Values;
        match (&vector.data, &self.bits) {
            (VectorData::Flat(Values::I32(lanes)), Bits::Exact(bits)) => {
                exact_lanes(lanes, i64::from, self.low, self.high, bits, mask);
            }
            (VectorData::Flat(Values::I64(lanes)), Bits::Exact(bits)) => {
                exact_lanes(lanes, |value| value, self.low, self.high, bits, mask);
            }
            _ => {
                for_each_integer(vector, |lane, value| {
                    if mask[lane / 64] >> (lane % 64) & 1 == 1 && !self.may_contain(value) {
                        mask[lane / 64] &= !(1 << (lane % 64));
                    }
                });
            }
        }
    }
}

/// Tests lanes against a bitmap, without branches within a word of the mask.
fn exact_lanes<T: Copy>(
    lanes: &[T],
    widen: impl Fn(T) -> i64,
    low: i64,
    high: i64,
    bits: &[u64],
    mask: &mut [u64],
) {
    if low > high {
        // The build side is empty: its bounds are not those of any key.
        mask.iter_mut().take(lanes.len().div_ceil(64)).for_each(|mask| *mask = 0);
        return;
    }
    let span = high.wrapping_sub(low) as u64;
    for (chunk, mask) in lanes.chunks(64).zip(mask.iter_mut()) {
        if *mask == 0 {
            continue;
        }
        let mut word = 0u64;
        for (bit, lane) in chunk.iter().enumerate() {
            let offset = widen(*lane).wrapping_sub(low) as u64;
            let inside = offset <= span;
            let offset = if inside { offset } else { 0 };
            let found = bits[offset as usize / 64] >> (offset % 64) & u64::from(inside);
            word |= (found & 1) << bit;
        }
        *mask &= word;
    }
}
