//! Counts and sums per group.
#![expect(unsafe_code, reason = "groups and lanes are checked before the loops instead of in them")]

#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::{Group, assert_groups, by_masks, for_each_lane};
use crate::aggregate;
#[cfg(target_arch = "x86_64")]
use crate::isa::{self, Level};

/// Up to how many groups are counted by masks. A tuning constant; it does not affect results.
const COUNT_MASKS_MAX: usize = 12;

/// Up to how many groups are summed by masks. A tuning constant; it does not affect results.
const SUM_MASKS_MAX: usize = 6;

/// With up to how many groups the states take turns. A tuning constant; it does not affect results.
const COPIES_MAX: usize = 64;

/// How many copies of the states take turns.
const COPIES: usize = 4;

/// Adds the number of lanes of each group.
///
/// Panics when a group has no state.
pub fn count<G: Group>(groups: &[G], mask: Option<&[u64]>, counts: &mut [i64]) {
    assert_groups(groups.len(), groups, mask, counts.len());
    let group_count = counts.len();
    let done = by_masks(groups, mask, group_count, COUNT_MASKS_MAX, |group, mask| {
        counts[group] += crate::bitmap::count_ones(mask) as i64;
    });
    if !done {
        add_integers(groups, mask, counts, |_| 1);
    }
}

macro_rules! narrow {
    ($name:ident, $lane:ty, $doc:literal, $total:path) => {
        #[doc = $doc]
        ///
        /// Panics when a group has no state.
        pub fn $name<G: Group>(values: &[$lane], groups: &[G], mask: Option<&[u64]>, sums: &mut [i64]) {
            assert_groups(values.len(), groups, mask, sums.len());
            let group_count = sums.len();
            let done = by_masks(groups, mask, group_count, SUM_MASKS_MAX, |group, mask| {
                sums[group] = sums[group].wrapping_add($total(values, Some(mask)).into());
            });
            if !done {
                // SAFETY: lanes are below `values.len()`, which `assert_groups` compares with `groups`.
                add_integers(groups, mask, sums, |lane| unsafe { *values.get_unchecked(lane) }.into());
            }
        }
    };
}

narrow!(sum_i16, i16, "Adds each lane to its group's sum, which wraps.", aggregate::sum_i16);
narrow!(sum_i32, i32, "Adds each lane to its group's sum, which wraps.", aggregate::sum_i32);
/// Adds each lane to its group's sum, which wraps: for callers that know that it fits.
///
/// Panics when a group has no state.
pub fn sum_i64_unchecked<G: Group>(values: &[i64], groups: &[G], mask: Option<&[u64]>, sums: &mut [i64]) {
    assert_groups(values.len(), groups, mask, sums.len());
    #[cfg(target_arch = "x86_64")]
    if isa::level() == Level::Avx512 && (1..=avx512::GROUPS_MAX).contains(&sums.len()) {
        // SAFETY: `level` returns a level only after detecting its features.
        return unsafe { avx512::sum_i64(values, groups, mask, sums) };
    }
    // SAFETY: lanes are below `values.len()`, which `assert_groups` compares with `groups`.
    add_integers(groups, mask, sums, |lane| unsafe { *values.get_unchecked(lane) });
}

/// Adds each lane to its group's sum, which wraps.
///
/// Panics when a group has no state.
pub fn sum_i64<G: Group>(values: &[i64], groups: &[G], mask: Option<&[u64]>, sums: &mut [i128]) {
    assert_groups(values.len(), groups, mask, sums.len());
    // Values with enough spare bits are summed in 64 bits first.
    let fits = aggregate::sum::fits_in_64_bits(values);
    if fits && sums.len() <= COPIES_MAX {
        let mut narrow = [0i64; COPIES_MAX];
        let narrow = &mut narrow[..sums.len()];
        sum_i64_unchecked(values, groups, mask, narrow);
        for (sum, &narrow) in sums.iter_mut().zip(narrow.iter()) {
            *sum = sum.wrapping_add(narrow.into());
        }
    } else {
        for_each_lane(values.len(), mask, |lane| {
            // SAFETY: `assert_groups` compares lanes with groups, and groups with states.
            unsafe {
                let sum = sums.get_unchecked_mut(groups.get_unchecked(lane).index());
                *sum = sum.wrapping_add((*values.get_unchecked(lane)).into());
            }
        });
    }
}

/// Adds each lane to its group's sum, which wraps; returns whether one overflowed.
///
/// Panics when a group has no state.
pub fn sum_i128<G: Group>(values: &[i128], groups: &[G], mask: Option<&[u64]>, sums: &mut [i128]) -> bool {
    assert_groups(values.len(), groups, mask, sums.len());
    let mut any = false;
    for_each_lane(values.len(), mask, |lane| {
        // SAFETY: `assert_groups` compares lanes with groups, and groups with states.
        unsafe {
            let sum = sums.get_unchecked_mut(groups.get_unchecked(lane).index());
            let (next, overflowed) = sum.overflowing_add(*values.get_unchecked(lane));
            *sum = next;
            any |= overflowed;
        }
    });
    any
}

/// Adds each lane to its group's sum, strictly in the order of the lanes.
///
/// Panics when a group has no state.
pub fn sum_f64<G: Group>(values: &[f64], groups: &[G], mask: Option<&[u64]>, sums: &mut [f64]) {
    assert_groups(values.len(), groups, mask, sums.len());
    for_each_lane(values.len(), mask, |lane| {
        // SAFETY: `assert_groups` compares lanes with groups, and groups with states.
        unsafe { *sums.get_unchecked_mut(groups.get_unchecked(lane).index()) += *values.get_unchecked(lane) };
    });
}

/// Adds a term for each lane; the groups have been checked.
#[inline(always)]
fn add_integers<G: Group>(
    groups: &[G],
    mask: Option<&[u64]>,
    sums: &mut [i64],
    term: impl Fn(usize) -> i64 + Copy,
) {
    if sums.len() > COPIES_MAX {
        for_each_lane(groups.len(), mask, |lane| {
            // SAFETY: lanes are below the number of groups, and `assert_groups` compares these with the states.
            unsafe {
                let sum = sums.get_unchecked_mut(groups.get_unchecked(lane).index());
                *sum = sum.wrapping_add(term(lane));
            }
        });
        return;
    }
    let mut copies = [[0i64; COPIES_MAX]; COPIES];
    for_each_lane(groups.len(), mask, |lane| {
        // SAFETY: as above; there are at most `COPIES_MAX` states.
        unsafe {
            let group = groups.get_unchecked(lane).index();
            let sum = copies.get_unchecked_mut(lane % COPIES).get_unchecked_mut(group);
            *sum = sum.wrapping_add(term(lane));
        }
    });
    for copy in &copies {
        for (sum, &part) in sums.iter_mut().zip(copy) {
            *sum = sum.wrapping_add(part);
        }
    }
}
