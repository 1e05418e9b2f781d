//! Least and greatest lanes, in the order of [`Lane`]: PostgreSQL's for floats.

use crate::compare::Lane;
use crate::isa::{self, Level};

/// Returns the least lane whose bit is set (of all lanes without a mask), or `None` when there is none. Of equal lanes
/// the first one is returned.
pub fn min<T: Lane>(values: &[T], mask: Option<&[u64]>) -> Option<T> {
    best(values, mask, |lane, best| lane.less(best))
}

/// Returns the greatest lane whose bit is set (of all lanes without a mask), or `None` when there is none. Of equal lanes
/// the first one is returned.
pub fn max<T: Lane>(values: &[T], mask: Option<&[u64]>) -> Option<T> {
    best(values, mask, |lane, best| best.less(lane))
}

#[inline(always)]
fn best<T: Lane>(values: &[T], mask: Option<&[u64]>, better: impl Fn(T, T) -> bool + Copy) -> Option<T> {
    if let Some(mask) = mask {
        assert_eq!(mask.len(), values.len().div_ceil(64));
    }
    let first = *match mask {
        None => values.first(),
        Some(mask) => crate::bitmap::ones(mask).next().and_then(|lane| values.get(lane)),
    }?;
    Some(match isa::level() {
        Level::Scalar | Level::Avx2 | Level::Neon => from(first, values, mask, better),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512(first, values, mask, better) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => from(first, values, mask, better),
    })
}

/// Returns the best of `first`, which is a lane of the mask, and the lanes of the mask.
#[inline(always)]
fn from<T: Lane>(first: T, values: &[T], mask: Option<&[u64]>, better: impl Fn(T, T) -> bool + Copy) -> T {
    let pick = |best: T, lane: T| if better(lane, best) { lane } else { best };
    let Some(mask) = mask else {
        return values.iter().fold(first, |best, &lane| pick(best, lane));
    };
    let mut best = first;
    for (chunk, &word) in values.chunks(64).zip(mask) {
        if word == 0 {
            continue;
        }
        // A lane outside the mask counts as `first`, which changes nothing.
        for (lane, &value) in chunk.iter().enumerate() {
            best = pick(best, if word >> lane & 1 == 1 { value } else { first });
        }
    }
    best
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<T: Lane>(first: T, values: &[T], mask: Option<&[u64]>, better: impl Fn(T, T) -> bool + Copy) -> T {
    from(first, values, mask, better)
}
