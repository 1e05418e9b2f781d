//! Least and greatest lanes per group, in the order of [`Lane`].

use super::{Group, assert_groups, by_masks, for_each_lane};
use crate::aggregate;
use crate::compare::Lane;

/// Lowers each group's state to the least of its lanes; `seen` has the bits of the groups that have a state.
///
/// Panics when a group has no state.
pub fn min<T: Lane, G: Group>(
    values: &[T],
    groups: &[G],
    mask: Option<&[u64]>,
    states: &mut [T],
    seen: &mut [u64],
) {
    each(
        values,
        groups,
        mask,
        states,
        seen,
        |values, mask| aggregate::min(values, Some(mask)),
        |lane, state| lane.less(state),
    );
}

/// Raises each group's state to the greatest of its lanes; `seen` has the bits of the groups that have a state.
///
/// Panics when a group has no state.
pub fn max<T: Lane, G: Group>(
    values: &[T],
    groups: &[G],
    mask: Option<&[u64]>,
    states: &mut [T],
    seen: &mut [u64],
) {
    each(
        values,
        groups,
        mask,
        states,
        seen,
        |values, mask| aggregate::max(values, Some(mask)),
        |lane, state| state.less(lane),
    );
}

/// Up to how many groups go by masks. A tuning constant; it does not affect results.
const MASKS_MAX: usize = 3;

#[inline(always)]
fn each<T: Lane, G: Group>(
    values: &[T],
    groups: &[G],
    mask: Option<&[u64]>,
    states: &mut [T],
    seen: &mut [u64],
    best: impl Fn(&[T], &[u64]) -> Option<T>,
    better: impl Fn(T, T) -> bool,
) {
    let group_count = states.len();
    assert_groups(values.len(), groups, mask, group_count);
    assert_eq!(seen.len(), group_count.div_ceil(64));
    let mut offer = |group: usize, value: T| {
        let (word, bit) = (group / 64, 1 << (group % 64));
        if seen[word] & bit == 0 || better(value, states[group]) {
            states[group] = value;
            seen[word] |= bit;
        }
    };
    let done = by_masks(groups, mask, group_count, MASKS_MAX, |group, mask| {
        if let Some(value) = best(values, mask) {
            offer(group, value);
        }
    });
    if !done {
        for_each_lane(values.len(), mask, |lane| offer(groups[lane].index(), values[lane]));
    }
}
