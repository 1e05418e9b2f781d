//! Random numbers as clause 2.1.6 and 4.3.2 of the specification define them.

/// Steele, Lea and Flood's SplitMix64: a seed gives the same draws everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Returns a generator for a seed; near seeds give unrelated draws.
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0xd134_2543_de82_ef95));
        random.bits();
        random
    }

    /// Draws 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number, both ends included.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        assert!(low <= high, "{low} to {high}");
        low + (self.bits() % (i64::from(high) - i64::from(low) + 1) as u64) as i32
    }

    /// Decides with a chance of `percent` in a hundred.
    pub fn chance(&mut self, percent: i32) -> bool {
        self.between(1, 100) <= percent
    }

    /// Appends `low` to `high` random letters and digits ("a-string").
    pub fn letters(&mut self, low: i32, high: i32, out: &mut Vec<u8>) {
        const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let length = self.between(low, high);
        for _ in 0..length {
            out.push(LETTERS[(self.bits() % LETTERS.len() as u64) as usize]);
        }
    }

    /// Appends `low` to `high` random digits ("n-string").
    pub fn digits(&mut self, low: i32, high: i32, out: &mut Vec<u8>) {
        let length = self.between(low, high);
        for _ in 0..length {
            out.push(b'0' + (self.bits() % 10) as u8);
        }
    }

    /// Draws a permutation of 1 to `count`.
    pub fn permutation(&mut self, count: i32) -> Vec<i32> {
        let mut numbers: Vec<i32> = (1..=count).collect();
        for last in (1..numbers.len()).rev() {
            numbers.swap(last, self.between(0, last as i32) as usize);
        }
        numbers
    }
}

/// The constants of the function NURand: one set for the load, one for a run.
#[derive(Clone, Copy, Debug)]
pub struct NonUniform {
    last_name: i32,
    customer: i32,
    item: i32,
}

impl NonUniform {
    /// The constants with which the tables are loaded.
    pub const LOAD: NonUniform = NonUniform { last_name: 157, customer: 0, item: 0 };

    /// Draws the constants of a run; the one for last names differs from the load's as clause 2.1.6.1 asks.
    pub fn run(random: &mut Random) -> Self {
        let last_name = loop {
            let constant = random.between(0, 255);
            let delta = (constant - NonUniform::LOAD.last_name).abs();
            if (65..=119).contains(&delta) && delta != 96 && delta != 112 {
                break constant;
            }
        };
        NonUniform { last_name, customer: random.between(0, 1023), item: random.between(0, 8191) }
    }

    /// Draws the number of a last name, 0 to 999.
    pub fn last_name(self, random: &mut Random) -> i32 {
        non_uniform(random, 255, self.last_name, 0, 999)
    }

    /// Draws a customer's number.
    pub fn customer(self, random: &mut Random) -> i32 {
        non_uniform(random, 1023, self.customer, 1, super::CUSTOMERS)
    }

    /// Draws an item's number.
    pub fn item(self, random: &mut Random) -> i32 {
        non_uniform(random, 8191, self.item, 1, super::ITEMS)
    }
}

/// The specification's NURand(A, x, y) with its constant C.
fn non_uniform(random: &mut Random, a: i32, constant: i32, low: i32, high: i32) -> i32 {
    ((random.between(0, a) | random.between(low, high)) + constant) % (high - low + 1) + low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_ranges() {
        let mut random = Random::new(1);
        let run = NonUniform::run(&mut random);
        for _ in 0..20_000 {
            assert!((0..=999).contains(&run.last_name(&mut random)));
            assert!((1..=3_000).contains(&run.customer(&mut random)));
            assert!((1..=100_000).contains(&run.item(&mut random)));
            assert!((-3..=3).contains(&random.between(-3, 3)));
        }
    }

    #[test]
    fn permutations_hold_every_number() {
        let mut numbers = Random::new(2).permutation(3_000);
        assert_ne!(numbers[..10], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq(1..=3_000));
    }
}
