//! Conversion between physical types.

use crate::arith;

/// Writes each lane in a type that holds every value of its own.
pub fn widen<T: Copy, U: From<T>>(values: &[T], out: &mut [U]) {
    assert_eq!(values.len(), out.len());
    for (slot, &value) in out.iter_mut().zip(values) {
        *slot = value.into();
    }
}

/// An integer type that may not hold every value of another one.
pub trait NarrowFrom<T>: Copy + 'static {
    /// Returns the truncated value and whether it differs.
    fn narrow(value: T) -> (Self, bool);
}

macro_rules! narrowings {
    ($($wide:ty => $($narrow:ty),*;)*) => {$($(
        impl NarrowFrom<$wide> for $narrow {
            #[inline(always)]
            fn narrow(value: $wide) -> (Self, bool) {
                let narrow = value as $narrow;
                (narrow, <$wide>::from(narrow) != value)
            }
        }
    )*)*};
}

narrowings! {
    i32 => i16, u8, u16;
    i64 => i16, i32, u8, u16, u32;
    i128 => i16, i32, i64, u8, u16, u32, u64;
}

/// Writes each lane in a narrower type; lanes that do not fit are faults. Returns whether there is one.
pub fn narrow<T: Copy, U: NarrowFrom<T>>(values: &[T], out: &mut [U], faults: &mut [u64]) -> bool {
    arith::each(values, out, faults, U::narrow)
}

/// An integer type that floats are rounded to.
pub trait RoundFrom<T>: Copy + 'static {
    /// Returns the nearest integer, the even one of two, and whether there is none (the value is then zero).
    fn round(value: T) -> (Self, bool);
}

macro_rules! roundings {
    ($($float:ident => $($lane:ident: $limit:expr),*;)*) => {$($(
        impl RoundFrom<$float> for $lane {
            #[inline(always)]
            fn round(value: $float) -> (Self, bool) {
                let rounded = value.round_ties_even();
                // The least integer is a power of two, so it and its negation are exact.
                let fits = (rounded >= $lane::MIN as $float) & (rounded < $limit);
                (if fits { rounded as $lane } else { 0 }, !fits)
            }
        }
    )*)*};
}

roundings! {
    f32 => i16: -(i16::MIN as f32), i32: -(i32::MIN as f32), i64: -(i64::MIN as f32);
    f64 => i16: -(i16::MIN as f64), i32: -(i32::MIN as f64), i64: -(i64::MIN as f64);
}

/// Writes the nearest integer of each lane, the even one of two; NaN and lanes that do not fit are faults.
/// Returns whether there is one.
pub fn round<T: Copy, U: RoundFrom<T>>(values: &[T], out: &mut [U], faults: &mut [u64]) -> bool {
    arith::each(values, out, faults, U::round)
}

/// Writes the nearest double of each integer.
pub fn i64_to_f64(values: &[i64], out: &mut [f64]) {
    assert_eq!(values.len(), out.len());
    for (slot, &value) in out.iter_mut().zip(values) {
        *slot = value as f64;
    }
}

/// Writes the nearest single float of each integer.
pub fn i64_to_f32(values: &[i64], out: &mut [f32]) {
    assert_eq!(values.len(), out.len());
    for (slot, &value) in out.iter_mut().zip(values) {
        *slot = value as f32;
    }
}

/// Writes the nearest single float of each double; an infinite one of a finite double and a zero of a double that is not
/// zero are faults. Returns whether there is one.
pub fn f64_to_f32(values: &[f64], out: &mut [f32], faults: &mut [u64]) -> bool {
    arith::each(values, out, faults, |value| {
        let narrow = value as f32;
        let overflow = narrow.is_infinite() & !value.is_infinite();
        (narrow, overflow | ((narrow == 0.0) & (value != 0.0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, lengths, mask_of};

    #[test]
    fn integers() {
        let mut random = Random::new();
        for len in lengths() {
            let values = random.lanes::<i64>(len);
            let (mut out, mut faults) = (vec![7i32; len], vec![7; len.div_ceil(64)]);
            narrow(&values, &mut out, &mut faults);
            assert_eq!(faults, mask_of(len, |lane| i32::try_from(values[lane]).is_err()));
            assert!(out.iter().zip(&values).all(|(&out, &value)| out == value as i32));
            let mut wide = vec![0i128; len];
            widen(&values, &mut wide);
            assert!(wide.iter().zip(&values).all(|(&wide, &value)| wide == i128::from(value)));
        }
    }

    #[test]
    fn floats() {
        let values = [0.5, 1.5, -2.5, 32767.5, -32768.5, f64::NAN, f64::INFINITY, 32767.4];
        let (mut out, mut faults) = ([7i16; 8], [0]);
        assert!(round(&values, &mut out, &mut faults));
        assert_eq!((out, faults), ([0, 2, -2, 0, -32768, 0, 0, 32767], [0b0110_1000]));
        let mut out = [0i64; 2];
        assert!(round(&[9_223_372_036_854_775_808.0, -9_223_372_036_854_775_808.0], &mut out, &mut faults));
        assert_eq!((out, faults), ([0, i64::MIN], [1]));
        let mut out = [0.0; 4];
        assert!(f64_to_f32(&[1e300, 1e-300, f64::INFINITY, 0.5], &mut out, &mut faults));
        assert_eq!(faults, [3]);
    }
}
