//! Arithmetic against definitions written with other means: checked operations, and wider types.

use super::*;
use crate::conformance::{Random, Sample, each_level, lengths, mask_of};

type Checked<T> = fn(Operand<'_, T>, Operand<'_, T>, &mut [T], &mut [u64]) -> bool;

fn conforms<T: Sample>(
    operation: Checked<T>,
    wanted: impl Fn(T, T) -> (Option<T>, bool),
    same: fn(T, T) -> bool,
) {
    let mut random = Random::new();
    // Lengths of a few chunks come again and again, so that most single faults are seen.
    for len in lengths().chain([64; 150]) {
        let kind = random.below(3);
        let draw = |random: &mut Random| match kind {
            0 => random.lanes::<T>(len + 1),
            // Chunks without faults take other paths: small numbers only, or one lane of both sides that is not.
            1 => (0..=len).map(|_| small(random)).collect(),
            _ => {
                let any = |lane| lane == len / 2;
                (0..=len).map(|lane| if any(lane) { T::sample(random) } else { small(random) }).collect()
            }
        };
        let left = &draw(&mut random)[1..];
        let right = &draw(&mut random)[1..];
        let constant = if random.below(2) == 0 { T::sample(&mut random) } else { small(&mut random) };
        let operands = [
            (Operand::Lanes(left), Operand::Lanes(right)),
            (Operand::Lanes(left), Operand::Constant(constant)),
            (Operand::Constant(constant), Operand::Lanes(right)),
        ];
        for (left, right) in operands {
            let at = |operand, lane: usize| match operand {
                Operand::Lanes(lanes) => {
                    let lanes: &[T] = lanes;
                    lanes[lane]
                }
                Operand::Constant(constant) => constant,
            };
            let pairs: Vec<(T, T)> = (0..len).map(|lane| (at(left, lane), at(right, lane))).collect();
            let faults_wanted = mask_of(len, |lane| wanted(pairs[lane].0, pairs[lane].1).1);
            each_level(|level| {
                let mut out = vec![constant; len];
                let mut faults = vec![u64::MAX; len.div_ceil(64)];
                let any = operation(left, right, &mut out, &mut faults);
                assert_eq!(faults, faults_wanted, "{level:?} {len}");
                assert_eq!(any, faults.iter().any(|&word| word != 0));
                for (&(left, right), &found) in pairs.iter().zip(&out) {
                    if let (Some(value), _) = wanted(left, right) {
                        assert!(same(found, value), "{level:?} {left:?} {right:?}: {found:?} {value:?}");
                    }
                }
            });
        }
    }
}

/// Draws until the value is a small one.
fn small<T: Sample>(random: &mut Random) -> T {
    for _ in 0..50 {
        let value = T::sample(random);
        let text = format!("{value:?}");
        if text.len() < 4 && text != "NaN" && text != "inf" {
            return value;
        }
    }
    T::sample(random)
}

macro_rules! integer_tests {
    ($($name:ident: $lane:ty;)*) => {$(
        #[test]
        fn $name() {
            let same = |found, wanted| found == wanted;
            let checked = |value: Option<$lane>, wrapped: $lane| (Some(wrapped), value.is_none());
            conforms::<$lane>(add, |l, r| checked(l.checked_add(r), l.wrapping_add(r)), same);
            conforms::<$lane>(sub, |l, r| checked(l.checked_sub(r), l.wrapping_sub(r)), same);
            conforms::<$lane>(mul, |l, r| checked(l.checked_mul(r), l.wrapping_mul(r)), same);
            conforms::<$lane>(div, |l, r| (l.checked_div(r), l.checked_div(r).is_none()), same);
            conforms::<$lane>(rem, |l, r| {
                let remainder = if r == -1 { Some(0) } else { l.checked_rem(r) };
                (remainder, remainder.is_none())
            }, same);
            conforms::<$lane>(|left, right, out, faults| {
                faults.fill(0);
                add_unchecked(left, right, out);
                false
            }, |l, r| (Some(l.wrapping_add(r)), false), same);
            conforms::<$lane>(|left, right, out, faults| {
                faults.fill(0);
                sub_unchecked(left, right, out);
                false
            }, |l, r| (Some(l.wrapping_sub(r)), false), same);
            conforms::<$lane>(|left, right, out, faults| {
                faults.fill(0);
                mul_unchecked(left, right, out);
                false
            }, |l, r| (Some(l.wrapping_mul(r)), false), same);
        }
    )*};
}

integer_tests! {
    integers_16: i16;
    integers_32: i32;
    integers_64: i64;
    integers_128: i128;
}

#[test]
fn floats() {
    let same =
        |found: f64, wanted: f64| found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
    // The faults of PostgreSQL's float8pl, float8mi, float8mul and float8div.
    let overflow = |l: f64, r: f64, result: f64| result.is_infinite() && !l.is_infinite() && !r.is_infinite();
    conforms::<f64>(add, |l, r| (Some(l + r), overflow(l, r, l + r)), same);
    conforms::<f64>(sub, |l, r| (Some(l - r), overflow(l, r, l - r)), same);
    conforms::<f64>(
        mul,
        |l, r| {
            let underflow = l * r == 0.0 && l != 0.0 && r != 0.0;
            (Some(l * r), overflow(l, r, l * r) || underflow)
        },
        same,
    );
    let div_fault = |l: f64, r: f64, quotient: f64| {
        let by_zero = r == 0.0 && !l.is_nan();
        let overflow = quotient.is_infinite() && !l.is_infinite();
        by_zero || overflow || quotient == 0.0 && l != 0.0 && !r.is_infinite()
    };
    conforms::<f64>(div, |l, r| (Some(l / r), div_fault(l, r, l / r)), same);
    let same =
        |found: f32, wanted: f32| found.to_bits() == wanted.to_bits() || found.is_nan() && wanted.is_nan();
    conforms::<f32>(div, |l, r| (Some(l / r), div_fault(l.into(), r.into(), (l / r).into())), same);
    conforms::<f32>(add, |l, r| (Some(l + r), overflow(l.into(), r.into(), (l + r).into())), same);
}

#[test]
fn wide_products() {
    let mut random = Random::new();
    for len in lengths() {
        let (left, right) = (random.lanes::<i64>(len), random.lanes::<i64>(len));
        each_level(|_| {
            let mut out = vec![0i128; len];
            mul_wide(Operand::Lanes(&left), Operand::Lanes(&right), &mut out);
            assert!((0..len).all(|lane| out[lane] == i128::from(left[lane]) * i128::from(right[lane])));
        });
    }
}

#[test]
fn negation_and_absolute_value() {
    let values = [i32::MIN, -5, 0, 7, i32::MAX];
    let (mut out, mut faults) = ([0; 5], [7]);
    assert!(neg(&values, &mut out, &mut faults));
    assert_eq!((out, faults), ([i32::MIN, 5, 0, -7, -i32::MAX], [1]));
    assert!(abs(&values, &mut out, &mut faults));
    assert_eq!((out, faults), ([i32::MIN, 5, 0, 7, i32::MAX], [1]));
    let mut out = [0.0; 2];
    assert!(!neg(&[0.0f64, -1.5], &mut out, &mut faults));
    assert!(out[0].is_sign_negative() && out[1] == 1.5);
}

#[test]
fn scales() {
    let (mut out, mut faults) = ([0i64; 4], [0]);
    assert!(rescale_up(&[1, -25, i64::MAX / 10, 0], 2, &mut out, &mut faults));
    assert_eq!((out[0], out[1], faults), (100, -2500, [4]));
    assert!(rescale_up(&[1, 0, -1, 0], 30, &mut out, &mut faults));
    assert_eq!(faults, [5]);
    let mut wide = [0i128; 2];
    assert!(!rescale_up_wide(&[i64::MAX, i64::MIN], 19, &mut wide, &mut faults));
    assert_eq!(wide[1], i128::from(i64::MIN) * 10i128.pow(19));
    assert!(rescale_up_wide(&[i64::MAX, 1], 20, &mut wide, &mut faults));
    assert_eq!((wide[1], faults), (10i128.pow(20), [1]));
    let mut out = [0i64; 8];
    rescale_down(&[149, 150, -149, -150, 50, 49, -50, i64::MAX], 2, &mut out);
    assert_eq!(out, [1, 2, -1, -2, 1, 0, -1, 92_233_720_368_547_758]);
    let mut out = [0i64; 4];
    rescale_down(&[5_000_000_000_000_000_000, -5_000_000_000_000_000_000, i64::MAX, 1], 19, &mut out);
    assert_eq!(out, [1, -1, 1, 0]);
    let mut out = [0i128; 3];
    rescale_down(&[i128::MAX, i128::MIN, 4 * 10i128.pow(37)], 38, &mut out);
    assert_eq!(out, [2, -2, 0]);
}
