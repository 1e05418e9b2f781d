//! Comparison against definitions written with other means: `Ord` for integers, a three-way order for floats.

use std::cmp::Ordering;

use super::*;
use crate::conformance::{Random, Sample, each_level, lengths, mask_of};

const ALL: [Comparison; 6] =
    [Comparison::Eq, Comparison::Ne, Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge];

fn expected(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Eq => order.is_eq(),
        Comparison::Ne => order.is_ne(),
        Comparison::Lt => order.is_lt(),
        Comparison::Le => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::Ge => order.is_ge(),
    }
}

fn conforms<T: Lane + Sample>(order: impl Fn(T, T) -> Ordering) {
    let mut random = Random::new();
    for len in lengths() {
        let start = len % 3;
        let left = &random.lanes::<T>(len + start)[start..];
        let right = &random.lanes::<T>(len + 1)[1..];
        let bounds = (T::sample(&mut random), T::sample(&mut random));
        each_level(|level| {
            for comparison in ALL {
                let mut mask = vec![u64::MAX; len.div_ceil(64)];
                compare(comparison, left, right, &mut mask);
                let wanted = mask_of(len, |lane| expected(comparison, order(left[lane], right[lane])));
                assert_eq!(mask, wanted, "{level:?} {comparison:?} {len}");
                compare_constant(comparison, left, bounds.0, &mut mask);
                let wanted = mask_of(len, |lane| expected(comparison, order(left[lane], bounds.0)));
                assert_eq!(mask, wanted, "{level:?} {comparison:?} {len} constant {:?}", bounds.0);
            }
            let mut mask = vec![u64::MAX; len.div_ceil(64)];
            between(left, bounds.0, bounds.1, &mut mask);
            let wanted = mask_of(len, |lane| {
                order(bounds.0, left[lane]).is_le() && order(left[lane], bounds.1).is_le()
            });
            assert_eq!(mask, wanted, "{level:?} {len} between {bounds:?}");
        });
    }
}

#[test]
fn integers() {
    conforms::<i16>(|left, right| left.cmp(&right));
    conforms::<i32>(|left, right| left.cmp(&right));
    conforms::<i64>(|left, right| left.cmp(&right));
    conforms::<i128>(|left, right| left.cmp(&right));
    conforms::<u8>(|left, right| left.cmp(&right));
    conforms::<u16>(|left, right| left.cmp(&right));
    conforms::<u32>(|left, right| left.cmp(&right));
    conforms::<u64>(|left, right| left.cmp(&right));
    conforms::<u128>(|left, right| left.cmp(&right));
}

#[test]
fn floats() {
    fn order(left: f64, right: f64) -> Ordering {
        match (left.is_nan(), right.is_nan()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => left.partial_cmp(&right).unwrap(),
        }
    }
    conforms::<f64>(order);
    conforms::<f32>(|left, right| order(left.into(), right.into()));
}
