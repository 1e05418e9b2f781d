//! Least and greatest lanes, in the order of [`Lane`]: PostgreSQL's for floats.
//!
//! The compiler vectorizes the loops over integers; compiled for AVX-512 they gain little, and those over floats lose.

use crate::compare::Lane;

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
    Some(from(first, values, mask, better))
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
