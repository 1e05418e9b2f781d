//! Aggregates of lanes: over all lanes, over the lanes of a mask, and per group.
//!
//! Sums of integers are exact in a wider type. Sums of floats add strictly in the order of the lanes: another order gives
//! another result.

mod extreme;
pub mod grouped;
mod sum;
#[cfg(test)]
mod tests;

pub use extreme::{max, min};
pub use sum::{sum_f64, sum_i16, sum_i32, sum_i64, sum_i64_unchecked, sum_i128};
