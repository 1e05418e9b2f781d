//! Sums of a few groups in one pass: each group has a register of sums, and a word of lanes is added to it under
//! the mask of the lanes in that group.
#![expect(unsafe_code, reason = "loads of registers")]

use std::arch::x86_64::*;

use super::Group;

/// The most groups that [`sum_i64`] takes.
pub(super) const GROUPS_MAX: usize = 8;

/// Adds each lane to its group's sum, which wraps. There are 1 to [`GROUPS_MAX`] sums, and lengths are checked.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn sum_i64<G: Group>(values: &[i64], groups: &[G], mask: Option<&[u64]>, sums: &mut [i64]) {
    match sums.len() {
        1 => sum_groups::<G, 1>(values, groups, mask, sums),
        2 => sum_groups::<G, 2>(values, groups, mask, sums),
        3 => sum_groups::<G, 3>(values, groups, mask, sums),
        4 => sum_groups::<G, 4>(values, groups, mask, sums),
        5 => sum_groups::<G, 5>(values, groups, mask, sums),
        6 => sum_groups::<G, 6>(values, groups, mask, sums),
        7 => sum_groups::<G, 7>(values, groups, mask, sums),
        _ => sum_groups::<G, 8>(values, groups, mask, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn sum_groups<G: Group, const N: usize>(
    values: &[i64],
    groups: &[G],
    mask: Option<&[u64]>,
    sums: &mut [i64],
) {
    // SAFETY: this function's features are AVX-512.
    let mut numbers = [unsafe { G::default().splat() }; N];
    for (group, number) in numbers.iter_mut().enumerate() {
        // SAFETY: as above. Group numbers below 8 fit in any type of groups.
        *number = unsafe { G::try_from(group).unwrap_or_default().splat() };
    }
    let mut totals = [_mm512_setzero_si512(); N];
    let (value_chunks, value_rest) = values.as_chunks::<64>();
    let (group_chunks, group_rest) = groups.as_chunks::<64>();
    for (index, (values, groups)) in value_chunks.iter().zip(group_chunks).enumerate() {
        let live = mask.map_or(u64::MAX, |mask| mask[index]);
        let mut words = [0u64; N];
        for start in (0..64).step_by(G::LANES) {
            // SAFETY: `start + LANES <= 64`, the length of the chunk.
            let lanes = unsafe { G::load(groups.as_ptr().add(start)) };
            for group in 0..N {
                // SAFETY: this function's features are AVX-512.
                words[group] |= (unsafe { G::equal_bits(lanes, numbers[group]) } << start) & live;
            }
        }
        for part in 0..8 {
            // SAFETY: `8 * part + 8 <= 64`, the length of the chunk.
            let lanes = unsafe { _mm512_loadu_epi64(values.as_ptr().add(8 * part)) };
            for group in 0..N {
                let bits = (words[group] >> (8 * part)) as u8;
                totals[group] = _mm512_mask_add_epi64(totals[group], bits, totals[group], lanes);
            }
        }
    }
    for (sum, total) in sums.iter_mut().zip(totals) {
        *sum = sum.wrapping_add(_mm512_reduce_add_epi64(total));
    }
    let live = mask.map_or(u64::MAX, |mask| mask.get(value_chunks.len()).copied().unwrap_or(0));
    for (lane, (&value, group)) in value_rest.iter().zip(group_rest).enumerate() {
        if live >> lane & 1 == 1 {
            let sum = &mut sums[group.index()];
            *sum = sum.wrapping_add(value);
        }
    }
}
