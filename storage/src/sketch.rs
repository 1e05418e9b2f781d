//! HyperLogLog: how many distinct values, in two kilobytes.
//!
//! Registers are chosen by the low bits of xxh3 (a pinned algorithm: sketches are stored in segments), so
//! sketches of row groups and segments merge by taking the greater register.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

const REGISTER_BITS: u32 = 11;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// A sketch of a set of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sketch {
    registers: Vec<u8>,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { registers: vec![0; REGISTERS] }
    }
}

impl Sketch {
    /// Adds a value by its hash.
    #[inline]
    pub(crate) fn insert_hash(&mut self, hash: u64) {
        let rank = ((hash >> REGISTER_BITS) | 1 << 63 >> (REGISTER_BITS - 1)).trailing_zeros() as u8 + 1;
        let register = &mut self.registers[hash as usize % REGISTERS];
        *register = (*register).max(rank);
    }

    /// Adds a value by its bytes.
    #[inline]
    pub(crate) fn insert(&mut self, bytes: &[u8]) {
        self.insert_hash(xxh3_64(bytes));
    }

    /// Adds the values of another sketch.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (register, other) in self.registers.iter_mut().zip(&other.registers) {
            *register = (*register).max(*other);
        }
    }

    /// Returns the estimated number of distinct values.
    pub(crate) fn estimate(&self) -> u64 {
        let count = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|&rank| 2f64.powi(-i32::from(rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
        let empty = self.registers.iter().filter(|&&rank| rank == 0).count();
        if raw <= 2.5 * count && empty > 0 {
            (count * (count / empty as f64).ln()).round() as u64
        } else {
            raw.round() as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sketch;

    #[test]
    fn estimates_are_near() {
        for distinct in [1u64, 10, 1000, 50_000, 1_000_000] {
            let mut sketch = Sketch::default();
            for value in 0..distinct * 2 {
                sketch.insert(&(value % distinct).to_le_bytes());
            }
            let estimate = sketch.estimate() as f64;
            let error = (estimate / distinct as f64 - 1.0).abs();
            assert!(error < 0.1, "{distinct}: {estimate}");
        }
    }
}
