//! Decoding of runs and differences. Dictionary codes are decoded by [`crate::gather::gather`].

/// Repeats each value up to its end: `out[end of the previous run..ends[run]]` becomes `values[run]`.
///
/// Panics when the ends descend or the last one is not the length of `out`.
pub fn expand_runs<T: Copy>(values: &[T], ends: &[u32], out: &mut [T]) {
    assert_eq!(values.len(), ends.len());
    assert_eq!(ends.last().map_or(0, |&end| end as usize), out.len());
    let mut start = 0;
    for (&value, &end) in values.iter().zip(ends) {
        out[start..end as usize].fill(value);
        start = end as usize;
    }
}

/// A physical type whose sums wrap.
pub trait Wrapping: Copy {
    /// Returns the sum modulo the type's size.
    fn wrapping_sum(self, other: Self) -> Self;
}

macro_rules! wrapping {
    ($($lane:ty),*) => {$(
        impl Wrapping for $lane {
            #[inline(always)]
            fn wrapping_sum(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
        }
    )*};
}

wrapping!(i16, i32, i64, i128, u32, u64);

/// Replaces each lane by the wrapping sum of `start` and the lanes up to it, and returns the last sum.
pub fn prefix_sum<T: Wrapping>(start: T, lanes: &mut [T]) -> T {
    let mut sum = start;
    // One dependent addition per lane. Sums within groups of eight lanes first, as vectors would have them, take ten
    // times as long in plain code.
    for lane in lanes {
        sum = sum.wrapping_sum(*lane);
        *lane = sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, lengths};

    #[test]
    fn runs() {
        let mut out = [0; 6];
        expand_runs(&[7, 8, 9, 7], &[1, 4, 4, 6], &mut out);
        assert_eq!(out, [7, 8, 8, 8, 7, 7]);
        expand_runs::<i32>(&[], &[], &mut []);
    }

    #[test]
    fn sums() {
        let mut random = Random::new();
        for len in lengths() {
            let deltas = random.lanes::<i64>(len);
            let mut sum = 5i64;
            let wanted: Vec<i64> = deltas
                .iter()
                .map(|&delta| {
                    sum = sum.wrapping_add(delta);
                    sum
                })
                .collect();
            let mut lanes = deltas.clone();
            assert_eq!(prefix_sum(5, &mut lanes), sum);
            assert_eq!(lanes, wanted);
        }
    }
}
