//! Aggregates against plain loops.

use super::*;
use crate::compare::Lane;
use crate::conformance::{Random, bit, each_level, lengths};

fn live<T: Copy>(values: &[T], mask: &[u64]) -> Vec<T> {
    (0..values.len()).filter(|&lane| bit(mask, lane)).map(|lane| values[lane]).collect()
}

#[test]
fn sums() {
    let mut random = Random::new();
    for len in lengths() {
        let narrow = &random.lanes::<i32>(len + 1)[1..];
        let wide = &random.lanes::<i64>(len + 1)[1..];
        let floats: Vec<f64> = (0..len).map(|_| random.bits() as f64 / 3.0).collect();
        for mask in random.masks(len) {
            let narrow_sum: i64 = live(narrow, &mask).into_iter().map(i64::from).sum();
            let wide_sum: i128 = live(wide, &mask).into_iter().map(i128::from).sum();
            let float_sum = live(&floats, &mask).into_iter().fold(0.5, |sum, value| sum + value);
            each_level(|level| {
                assert_eq!(sum_i32(narrow, Some(&mask)), narrow_sum, "{level:?} {len}");
                assert_eq!(sum_i64(wide, Some(&mask)), wide_sum, "{level:?} {len}");
                assert_eq!(sum_i64_unchecked(wide, Some(&mask)), wide_sum as i64, "{level:?} {len}");
                assert_eq!(sum_f64(0.5, &floats, Some(&mask)).to_bits(), f64::to_bits(float_sum));
            });
        }
        each_level(|_| {
            assert_eq!(sum_i64(wide, None), wide.iter().map(|&value| i128::from(value)).sum());
            let shorts: Vec<i16> = narrow.iter().map(|&value| value as i16).collect();
            assert_eq!(sum_i16(&shorts, None), shorts.iter().map(|&value| i64::from(value)).sum());
        });
    }
    assert_eq!(sum_i128(&[i128::MAX, 1], None), (i128::MIN, true));
    assert_eq!(sum_i128(&[i128::MAX, -1], None), (i128::MAX - 1, false));
}

fn extremes_of<T: Lane + crate::conformance::Sample>() {
    let mut random = Random::new();
    for len in lengths() {
        let values = &random.lanes::<T>(len + 1)[1..];
        for mask in random.masks(len) {
            let by = |better: fn(T, T) -> bool| {
                live(values, &mask)
                    .into_iter()
                    .reduce(|best, lane| if better(lane, best) { lane } else { best })
            };
            let same = |left: Option<T>, right: Option<T>| match (left, right) {
                (None, None) => true,
                (Some(left), Some(right)) => left.equals(right),
                (None, Some(_)) | (Some(_), None) => false,
            };
            let (least, greatest) = (by(|lane, best| lane.less(best)), by(|lane, best| best.less(lane)));
            each_level(|level| {
                assert!(same(min(values, Some(&mask)), least), "{level:?} {len}");
                assert!(same(max(values, Some(&mask)), greatest), "{level:?} {len}");
            });
        }
        let all = values.iter().copied().reduce(|best, lane| if lane.less(best) { lane } else { best });
        assert!(all.is_none() && len == 0 || min(values, None).unwrap().equals(all.unwrap()));
    }
}

#[test]
fn extremes() {
    extremes_of::<i32>();
    extremes_of::<i64>();
    extremes_of::<f64>();
}

fn groups_of<G: grouped::Group>(group_count: usize) {
    let mut random = Random::new();
    for len in [0, 1, 63, 64, 65, 200, 256, 300, 1025, 2048] {
        let groups: Vec<G> = (0..len).map(|_| G::try_from(random.below(group_count)).ok().unwrap()).collect();
        let wide = random.lanes::<i64>(len);
        let narrow = random.lanes::<i32>(len);
        let small: Vec<i64> = (0..len).map(|_| random.below(10_000_000) as i64 - 5_000_000).collect();
        let floats: Vec<f64> = (0..len).map(|_| random.bits() as f64 / 3.0).collect();
        for mask in random.masks(len) {
            let of_group = |group: usize| {
                (0..len).filter(|&lane| bit(&mask, lane) && groups[lane].index() == group).collect::<Vec<_>>()
            };
            each_level(|level| {
                let mut counts = vec![1i64; group_count];
                let (mut sums, mut small_sums) = (vec![1i128; group_count], vec![1i128; group_count]);
                let (mut narrow_sums, mut float_sums) = (vec![1i64; group_count], vec![0.5; group_count]);
                let (mut least, mut seen) = (vec![0i64; group_count], vec![0; group_count.div_ceil(64)]);
                let (mut greatest, mut seen_greatest) = (least.clone(), seen.clone());
                let some = Some(mask.as_slice());
                grouped::count(&groups, some, &mut counts);
                grouped::sum_i64(&wide, &groups, some, &mut sums);
                grouped::sum_i64(&small, &groups, some, &mut small_sums);
                grouped::sum_i32(&narrow, &groups, some, &mut narrow_sums);
                grouped::sum_f64(&floats, &groups, some, &mut float_sums);
                grouped::min(&wide, &groups, some, &mut least, &mut seen);
                grouped::max(&wide, &groups, some, &mut greatest, &mut seen_greatest);
                for group in 0..group_count.min(20) {
                    let lanes = of_group(group);
                    let sum =
                        |values: &[i64]| 1 + lanes.iter().map(|&lane| i128::from(values[lane])).sum::<i128>();
                    assert_eq!(counts[group], 1 + lanes.len() as i64, "{level:?} {len}");
                    assert_eq!(sums[group], sum(&wide), "{level:?} {len}");
                    assert_eq!(small_sums[group], sum(&small), "{level:?} {len}");
                    let narrow_sum: i64 = lanes.iter().map(|&lane| i64::from(narrow[lane])).sum();
                    assert_eq!(narrow_sums[group], 1 + narrow_sum);
                    let float_sum = lanes.iter().fold(0.5, |sum, &lane| sum + floats[lane]);
                    assert_eq!(float_sums[group].to_bits(), float_sum.to_bits());
                    let lanes: Vec<i64> = lanes.into_iter().map(|lane| wide[lane]).collect();
                    let (is_seen, wanted) = (bit(&seen, group), lanes.iter().copied().min());
                    assert_eq!(is_seen.then_some(least[group]), wanted);
                    assert_eq!(is_seen.then_some(greatest[group]), lanes.iter().copied().max());
                }
            });
        }
    }
}

#[test]
fn groups() {
    groups_of::<u8>(1);
    groups_of::<u8>(4);
    groups_of::<u32>(7);
    groups_of::<u16>(16);
    groups_of::<u32>(100);
}

#[test]
#[should_panic(expected = "position 4 of 4")]
fn a_group_without_a_state_is_a_panic() {
    grouped::count(&[0u8, 4], None, &mut [0; 4]);
}
