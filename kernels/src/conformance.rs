//! The conformance suite: the inputs that every kernel is tried with.
//!
//! A kernel's test runs over all [`lengths`], at every level of this machine ([`each_level`]), with values
//! that mix random lanes and extremes ([`Random::lanes`]), with slices that start unaligned, and with masks that have
//! no, some and all bits set. A failing assertion prints the seed because [`Random`] names it when it is dropped in a panic.

use crate::isa::{self, Level};

/// All lengths from nothing past two words, and those around a block and a vector.
pub fn lengths() -> impl Iterator<Item = usize> {
    (0..=131).chain([255, 256, 257, 1023, 1024, 1025, 2047, 2048])
}

/// Runs `body` once at each level this machine has.
pub fn each_level(mut body: impl FnMut(Level)) {
    for &level in isa::available() {
        isa::with_level(level, || body(level));
    }
}

/// A random source (SplitMix64) that prints its seed when a test fails.
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// Starts from `SURUS_TEST_SEED`, or from the clock.
    pub fn new() -> Self {
        let clock = || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |elapsed| elapsed.as_nanos() as u64)
        };
        let seed =
            std::env::var("SURUS_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(clock);
        Self { seed, state: seed }
    }

    /// Returns the next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }

    /// Returns lanes that mix extremes, small values with many ties, and anything.
    pub fn lanes<T: Sample>(&mut self, len: usize) -> Vec<T> {
        (0..len).map(|_| T::sample(self)).collect()
    }

    /// Returns a mask over `len` lanes for each of: none, all, some, few and most bits set.
    pub fn masks(&mut self, len: usize) -> Vec<Vec<u64>> {
        let words = len.div_ceil(64);
        let mut masks = vec![vec![0; words], vec![u64::MAX; words]];
        masks.push((0..words).map(|_| self.bits()).collect());
        masks.push((0..words).map(|_| self.bits() & self.bits() & self.bits() & self.bits()).collect());
        masks.push((0..words).map(|_| self.bits() | self.bits() | self.bits() | self.bits()).collect());
        for mask in &mut masks {
            if !len.is_multiple_of(64) {
                let last = words - 1;
                mask[last] &= (1 << (len % 64)) - 1;
            }
        }
        masks
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("SURUS_TEST_SEED={}", self.seed);
        }
    }
}

/// Returns `len` bits of which `lane` is what `bit` says; the reference way to make a mask.
pub fn mask_of(len: usize, mut bit: impl FnMut(usize) -> bool) -> Vec<u64> {
    let mut mask = vec![0; len.div_ceil(64)];
    for lane in 0..len {
        mask[lane / 64] |= u64::from(bit(lane)) << (lane % 64);
    }
    mask
}

/// Tells whether a lane's bit is set.
pub fn bit(mask: &[u64], lane: usize) -> bool {
    mask[lane / 64] >> (lane % 64) & 1 == 1
}

/// A physical type whose lanes can be drawn.
pub trait Sample: Copy + PartialEq + std::fmt::Debug + 'static {
    /// Draws one lane.
    fn sample(random: &mut Random) -> Self;
}

macro_rules! sample_integer {
    ($($lane:ty),*) => {$(
        impl Sample for $lane {
            fn sample(random: &mut Random) -> Self {
                let wide = (u128::from(random.bits()) << 64 | u128::from(random.bits())) as $lane;
                match random.below(8) {
                    0 => [<$lane>::MIN, <$lane>::MAX, <$lane>::MIN + 1, <$lane>::MAX - 1, 0, 1][random.below(6)],
                    1..=3 => random.below(5) as $lane,
                    4 => wide >> (<$lane>::BITS / 2),
                    5 => (0 as $lane).wrapping_sub(random.below(3) as $lane),
                    _ => wide,
                }
            }
        }
    )*};
}

sample_integer!(i16, i32, i64, i128, u8, u16, u32, u64, u128);

macro_rules! sample_float {
    ($($lane:ident: $bits:ty),*) => {$(
        impl Sample for $lane {
            fn sample(random: &mut Random) -> Self {
                let extremes = [
                    $lane::NAN, -$lane::NAN, $lane::INFINITY, $lane::NEG_INFINITY, 0.0, -0.0,
                    $lane::MAX, $lane::MIN, $lane::MIN_POSITIVE, $lane::EPSILON,
                ];
                match random.below(4) {
                    0 => extremes[random.below(extremes.len())],
                    1 => random.below(5) as $lane - 2.0,
                    2 => $lane::from_bits(random.bits() as $bits),
                    _ => random.below(1_000_000) as $lane / 128.0,
                }
            }
        }
    )*};
}

sample_float!(f32: u32, f64: u64);
