//! Rows in the form that the grouped kernels take: a group number for every lane of the batch, and a mask of the lanes
//! that count.
//!
//! The form pays when most lanes count and the groups are few: the kernels then sum without waiting for the last
//! lane's store.

use std::borrow::Cow;
use std::cell::OnceCell;

use kernels::aggregate::grouped;
use kernels::vector::{Bitmap, Values, Vector};

use crate::batch::Batch;

/// A tuning constant: with more groups, states are updated lane by lane.
const GROUPS_MAX: usize = 64;
/// A tuning constant: the smallest share of live lanes, in halves.
const LIVE_HALVES: usize = 1;

/// Which lanes of a batch count.
pub(super) struct DenseLanes {
    len: usize,
    /// `None`: all.
    mask: Option<Vec<u64>>,
}

/// Groups by lane.
pub(super) struct DenseRows<'a> {
    groups: Cow<'a, [u32]>,
    mask: Option<&'a [u64]>,
    group_count: usize,
    /// Live lanes of each group.
    counts: OnceCell<Vec<i64>>,
}

impl DenseLanes {
    /// Returns the lanes of a batch, unless too few are alive.
    pub(super) fn new(batch: &Batch) -> Option<Self> {
        let Some(selection) = &batch.selection else { return Some(Self { len: batch.len, mask: None }) };
        if selection.len() * 2 < batch.len * LIVE_HALVES {
            return None;
        }
        let mut mask = vec![0u64; batch.len.div_ceil(64)];
        for &lane in selection.iter() {
            mask[usize::from(lane) / 64] |= 1 << (lane % 64);
        }
        Some(Self { len: batch.len, mask: Some(mask) })
    }

    /// Returns the groups by lane, unless there are too many; `lanes` are the live lanes, `groups` theirs.
    pub(super) fn rows<'a>(
        &'a self,
        lanes: &[u16],
        groups: &'a [u32],
        group_count: usize,
    ) -> Option<DenseRows<'a>> {
        // Without GROUP BY there is one group, which the groups do not list.
        let group_count = group_count.max(1);
        if group_count > GROUPS_MAX {
            return None;
        }
        let groups = if self.mask.is_none() {
            Cow::Borrowed(groups)
        } else {
            let mut by_lane = vec![0; self.len];
            for (lane, group) in lanes.iter().zip(groups) {
                by_lane[usize::from(*lane)] = *group;
            }
            Cow::Owned(by_lane)
        };
        Some(DenseRows { groups, mask: self.mask.as_deref(), group_count, counts: OnceCell::new() })
    }
}

impl DenseRows<'_> {
    /// Adds the number of live, not null lanes of each group.
    pub(super) fn count(&self, validity: Option<&Bitmap>, counts: &mut [i64]) {
        match validity {
            Some(_) => {
                let mask = self.live(validity);
                grouped::count(&self.groups, mask.as_deref(), &mut counts[..self.group_count]);
            }
            None => {
                let all = self.counts.get_or_init(|| {
                    let mut all = vec![0; self.group_count];
                    grouped::count(&self.groups, self.mask, &mut all);
                    all
                });
                counts.iter_mut().zip(all).for_each(|(count, more)| *count += more);
            }
        }
    }

    /// Adds the live, not null lanes of `arg`; returns false when it holds no 64-bit integers.
    pub(super) fn sum(&self, arg: &Vector, sums: &mut [i128], counts: &mut [i64]) -> bool {
        let flat = arg.to_flat();
        let (Values::I64(values) | Values::Fixed64 { unscaled: values, .. }) = flat.values() else {
            return false;
        };
        let mask = self.live(flat.validity.as_ref());
        grouped::sum_i64(values, &self.groups, mask.as_deref(), &mut sums[..self.group_count]);
        self.count(flat.validity.as_ref(), counts);
        true
    }

    fn live(&self, validity: Option<&Bitmap>) -> Option<Cow<'_, [u64]>> {
        match (self.mask, validity) {
            (mask, None) => mask.map(Cow::Borrowed),
            (None, Some(validity)) => Some(Cow::Owned(validity.words().to_vec())),
            (Some(mask), Some(validity)) => {
                Some(Cow::Owned(mask.iter().zip(validity.words()).map(|(one, other)| one & other).collect()))
            }
        }
    }
}
