//! Aggregates per group: a lane's group number selects the state that the lane is added to.
//!
//! Group numbers are u8, u16 or u32 and index the slice of states; a number outside it is a panic. Lanes outside the mask
//! leave their group's state as it is. Two strategies:
//!
//! * *By masks*, for a few groups on vectors of some length with AVX-512: the group numbers are compared with each group, and
//!   each group is summed under its mask. It costs a pass over the values per group, without any dependency
//!   between lanes. [`group_masks`] makes the masks once for many aggregates.
//! * *By lanes*: load, add and store each lane's state. Neighbouring lanes of one group wait for each other, so
//!   with few groups four copies of the states take turns.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod extreme;
mod sum;

pub use extreme::{max, min};
pub use sum::{count, sum_f64, sum_i16, sum_i32, sum_i64, sum_i64_unchecked, sum_i128};

use crate::compare::{self, Comparison, Lane};
use crate::gather::Position;
use crate::isa::{self, Level};

/// Shorter vectors are summed lane by lane. A tuning constant; it does not affect results.
const MASKS_LEN_MIN: usize = 256;

/// A type of group numbers.
pub trait Group: Position + Lane + TryFrom<usize> {}

impl Group for u8 {}
impl Group for u16 {}
impl Group for u32 {}

/// Writes a mask for each group, one after the other: `masks[group * words..][..words]` has the bits of the lanes
/// in that group which are also set in `mask`.
///
/// Panics when `masks` is not a whole number of masks.
pub fn group_masks<G: Group>(groups: &[G], mask: Option<&[u64]>, masks: &mut [u64]) {
    let words = groups.len().div_ceil(64);
    if words == 0 {
        assert!(masks.is_empty());
        return;
    }
    assert!(masks.len().is_multiple_of(words));
    for (group, group_mask) in masks.chunks_mut(words).enumerate() {
        match G::try_from(group) {
            Ok(number) => compare::compare_constant(Comparison::Eq, groups, number, group_mask),
            Err(_) => group_mask.fill(0),
        }
        if let Some(mask) = mask {
            crate::bitmap::and_with(group_mask, mask);
        }
    }
}

/// Calls `body` with the number and the mask of each group when there are few groups, and returns whether it did.
fn by_masks<G: Group>(
    groups: &[G],
    mask: Option<&[u64]>,
    group_count: usize,
    group_count_max: usize,
    mut body: impl FnMut(usize, &[u64]),
) -> bool {
    // Without mask registers, lanes with copies of the states are faster from two groups on.
    if group_count > group_count_max || groups.len() < MASKS_LEN_MIN || isa::level() != Level::Avx512 {
        return false;
    }
    let mut group_mask = vec![0; groups.len().div_ceil(64)];
    for group in 0..group_count {
        let Ok(number) = G::try_from(group) else { return false };
        compare::compare_constant(Comparison::Eq, groups, number, &mut group_mask);
        if let Some(mask) = mask {
            crate::bitmap::and_with(&mut group_mask, mask);
        }
        body(group, &group_mask);
    }
    true
}

/// Asserts the lengths and that every lane's group has a state.
fn assert_groups<G: Group>(len: usize, groups: &[G], mask: Option<&[u64]>, group_count: usize) {
    assert_eq!(len, groups.len());
    if let Some(mask) = mask {
        assert_eq!(mask.len(), len.div_ceil(64));
        if let Some(last) = mask.last() {
            assert_eq!(last & !crate::bitmap::last_word_bits(len), 0);
        }
    }
    crate::gather::assert_inside(groups, group_count);
}

/// Calls `body` with each lane whose bit is set, in order.
#[inline(always)]
fn for_each_lane(len: usize, mask: Option<&[u64]>, mut body: impl FnMut(usize)) {
    let Some(mask) = mask else {
        (0..len).for_each(body);
        return;
    };
    for (index, &word) in mask.iter().enumerate() {
        let start = index * 64;
        if word == u64::MAX {
            (start..start + 64).for_each(&mut body);
        } else {
            let mut bits = word;
            while bits != 0 {
                body(start + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}
