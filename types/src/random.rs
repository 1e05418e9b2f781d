//! The generator behind `random()`: xoroshiro128** seeded by splitmix64, as PostgreSQL's `pg_prng`, so that
//! `setseed` gives the same numbers.

use crate::errors::{PgError, Result, data};
use crate::numeric::Numeric;

/// A generator of pseudo-random numbers.
#[derive(Debug, Clone)]
pub struct Generator {
    first: u64,
    second: u64,
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Generator {
    /// Returns a generator with that seed.
    pub fn from_seed(seed: u64) -> Self {
        let mut state = seed;
        let (first, second) = (split_mix(&mut state), split_mix(&mut state));
        Self { first, second }
    }

    /// Returns a generator that starts anywhere.
    pub fn from_entropy() -> Self {
        let mut seed = [0; 8];
        // Without random bytes any start does: nothing secret depends on this generator.
        let _ = getrandom::fill(&mut seed);
        Self::from_seed(u64::from_le_bytes(seed))
    }

    /// Returns a generator with `setseed`'s seed.
    ///
    /// # Errors
    /// `22023` outside -1 to 1.
    pub fn from_fraction(seed: f64) -> Result<Self> {
        if !(-1.0..=1.0).contains(&seed) {
            return Err(data::seed_out_of_range(seed));
        }
        Ok(Self::from_seed((((1u64 << 52) - 1) as f64 * seed) as i64 as u64))
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let mixed = self.second ^ self.first;
        let value = self.first.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        self.first = self.first.rotate_left(24) ^ mixed ^ (mixed << 16);
        self.second = mixed.rotate_left(37);
        value
    }

    /// Returns a number from 0 to below 1.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 12) as f64 * 2f64.powi(-52)
    }

    /// Returns a number from 0 to `range`, both included.
    fn next_up_to(&mut self, range: u64) -> u64 {
        if range == 0 {
            return 0;
        }
        loop {
            let value = self.next_u64() >> range.leading_zeros();
            if value <= range {
                return value;
            }
        }
    }

    /// Returns an integer from `low` to `high`, both included.
    ///
    /// # Errors
    /// `22023` when `low` is above `high`.
    pub fn next_between(&mut self, low: i64, high: i64) -> Result<i64> {
        if low > high {
            return Err(data::random_bounds_reversed());
        }
        Ok((low as u64).wrapping_add(self.next_up_to((high as u64).wrapping_sub(low as u64))) as i64)
    }

    /// Returns a number of the normal distribution (`pg_prng_double_normal`).
    pub fn next_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        let first = 1.0 - self.next_f64();
        let second = 1.0 - self.next_f64();
        let normal = (-2.0 * first.ln()).sqrt() * (2.0 * std::f64::consts::PI * second).sin();
        deviation * normal + mean
    }

    /// Returns a numeric from `low` to `high` with the larger of their scales (`random_numeric`).
    ///
    /// # Errors
    /// `22023` for bounds that are not finite or reversed.
    pub fn next_numeric(&mut self, low: &Numeric, high: &Numeric) -> Result<Numeric> {
        for (bound, name) in [(low, "lower"), (high, "upper")] {
            if bound.is_nan() {
                return Err(data::bound_cannot_be(name, "NaN"));
            }
            if !bound.is_finite() {
                return Err(data::bound_cannot_be(name, "infinity"));
            }
        }
        if low > high {
            return Err(data::random_bounds_reversed());
        }
        let scale = low.scale().unwrap_or(0).max(high.scale().unwrap_or(0));
        let length = high.sub(low)?;
        if length.is_zero() {
            return low.round(scale);
        }
        let mut wire = Vec::new();
        length.write_binary(&mut wire);
        let words: Vec<u16> =
            wire.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        let weight = i32::from(words.get(1).copied().unwrap_or(0) as i16);
        let digits: Vec<u64> = words.iter().skip(4).map(|digit| u64::from(*digit)).collect();
        let count = usize::try_from(weight + 1 + (scale + 3) / 4).map_err(|_| PgError::internal("digits"))?;
        loop {
            let offset = self.digits_up_to(&digits, count, scale);
            let value = Numeric::from_base_10000(&offset, weight, scale)?;
            if value <= length {
                return low.add(&value)?.round(scale);
            }
        }
    }

    /// Returns base-10000 digits that are not far above `digits` (at most four leading ones are compared).
    fn digits_up_to(&mut self, digits: &[u64], count: usize, scale: i32) -> Vec<u64> {
        const BASE: u64 = 10_000;
        let unit = 10u64.pow(((4 - scale % 4) % 4) as u32);
        let leading = count.min(4);
        let length = (0..leading).fold(0, |value, at| value * BASE + digits.get(at).copied().unwrap_or(0));
        let mut out = Vec::with_capacity(count);
        let mut push = |value: u64, width: u32| {
            for place in (0..width).rev() {
                out.push(value / BASE.pow(place) % BASE);
            }
        };
        let value = if leading == count && unit != 1 {
            self.next_up_to(length / unit) * unit
        } else {
            self.next_up_to(length)
        };
        push(value, leading as u32);
        let whole = count - usize::from(unit != 1);
        let mut at = leading;
        while at + 3 < whole {
            push(self.next_up_to(BASE.pow(4) - 1), 4);
            at += 4;
        }
        while at < whole {
            push(self.next_up_to(BASE - 1), 1);
            at += 1;
        }
        if at < count {
            push(self.next_up_to(BASE / unit - 1) * unit, 1);
        }
        out
    }
}
