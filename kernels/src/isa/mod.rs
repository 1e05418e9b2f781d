//! Which instruction sets this machine has and which one the kernels use.
//!
//! The level is detected once. The environment variable `SURUS_ISA` (`scalar`, `avx2`, `avx512` or `neon`)
//! forces a level that the machine has, so that every level is tested on one machine; a test may force one for
//! its own thread with [`with_level`].

use std::cell::Cell;
use std::sync::OnceLock;

/// An instruction set level, from the definition upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The definitions in `scalar.rs`.
    Scalar,
    /// The portable bodies built for x86-64-v3, and `avx2.rs` where there is one.
    Avx2,
    /// AVX-512 with F, BW, DQ, VL, CD, VBMI and VBMI2 (Ice Lake, Zen 4 and later).
    Avx512,
    /// The portable bodies built for ARM64, and `neon.rs` where there is one.
    Neon,
}

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

static LEVEL: OnceLock<Level> = OnceLock::new();

/// Returns the level that kernels called from this thread use.
#[inline]
pub fn level() -> Level {
    match FORCED.get() {
        Some(forced) => forced,
        None => *LEVEL.get_or_init(initial_level),
    }
}

/// Forces a level for the whole process; the first decision wins.
///
/// Returns `false` when this machine lacks the level or when another level is in use already.
pub fn force_level(level: Level) -> bool {
    available().contains(&level) && *LEVEL.get_or_init(|| level) == level
}

/// Runs `body` with a level forced for this thread. Levels the machine lacks are ignored.
pub fn with_level<R>(level: Level, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Level>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }

    let _restore = Restore(FORCED.get());
    if available().contains(&level) {
        FORCED.set(Some(level));
    }
    body()
}

/// Returns the levels this machine has, lowest first.
pub fn available() -> &'static [Level] {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            &[Level::Scalar, Level::Avx2, Level::Avx512]
        } else {
            &[Level::Scalar, Level::Avx2]
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        &[Level::Scalar, Level::Neon]
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        &[Level::Scalar]
    }
}

/// Checks that the machine has the instructions the whole program is compiled for; the error names the first
/// one that is missing.
pub fn check_baseline() -> Result<(), &'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let features = [
            ("AVX2", is_x86_feature_detected!("avx2")),
            ("BMI1", is_x86_feature_detected!("bmi1")),
            ("BMI2", is_x86_feature_detected!("bmi2")),
            ("F16C", is_x86_feature_detected!("f16c")),
            ("FMA", is_x86_feature_detected!("fma")),
            ("LZCNT", is_x86_feature_detected!("lzcnt")),
            ("MOVBE", is_x86_feature_detected!("movbe")),
            ("POPCNT", is_x86_feature_detected!("popcnt")),
        ];
        for (name, present) in features {
            if !present {
                return Err(name);
            }
        }
    }
    Ok(())
}

fn initial_level() -> Level {
    let best = available().last().copied().unwrap_or(Level::Scalar);
    let wanted = match std::env::var("SURUS_ISA").as_deref() {
        Ok("scalar") => Level::Scalar,
        Ok("avx2") => Level::Avx2,
        Ok("avx512") => Level::Avx512,
        Ok("neon") => Level::Neon,
        Ok(_) | Err(_) => best,
    };
    if available().contains(&wanted) { wanted } else { best }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512vbmi")
        && is_x86_feature_detected!("avx512vbmi2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_level_holds_for_its_scope() {
        let before = level();
        let inside = with_level(Level::Scalar, level);
        assert_eq!(inside, Level::Scalar);
        assert_eq!(level(), before);
    }

    #[test]
    fn this_machine_has_the_baseline() {
        assert_eq!(check_baseline(), Ok(()));
    }
}
