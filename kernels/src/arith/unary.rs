//! Negation and absolute value.

/// A signed physical type.
pub trait Negatable: Copy + 'static {
    /// Returns the negated value and whether it does not fit.
    fn negated(self) -> (Self, bool);
    /// Returns the absolute value and whether it does not fit.
    fn absolute(self) -> (Self, bool);
}

macro_rules! integers {
    ($($lane:ty),*) => {$(
        impl Negatable for $lane {
            #[inline(always)]
            fn negated(self) -> (Self, bool) {
                (self.wrapping_neg(), self == <$lane>::MIN)
            }
            #[inline(always)]
            fn absolute(self) -> (Self, bool) {
                (self.wrapping_abs(), self == <$lane>::MIN)
            }
        }
    )*};
}

integers!(i16, i32, i64, i128);

macro_rules! floats {
    ($($lane:ty),*) => {$(
        impl Negatable for $lane {
            #[inline(always)]
            fn negated(self) -> (Self, bool) {
                (-self, false)
            }
            #[inline(always)]
            fn absolute(self) -> (Self, bool) {
                (self.abs(), false)
            }
        }
    )*};
}

floats!(f32, f64);

/// Writes the negated lanes; the least integer is a fault. Returns whether there is one.
pub fn neg<T: Negatable>(values: &[T], out: &mut [T], faults: &mut [u64]) -> bool {
    each(values, out, faults, T::negated)
}

/// Writes the absolute values; that of the least integer is a fault. Returns whether there is one.
pub fn abs<T: Negatable>(values: &[T], out: &mut [T], faults: &mut [u64]) -> bool {
    each(values, out, faults, T::absolute)
}

/// Computes all lanes in a loop that only notices faults, and finds them in the words where there are some.
#[inline(always)]
pub(crate) fn each<T: Copy, U: Copy>(
    values: &[T],
    out: &mut [U],
    faults: &mut [u64],
    body: impl Fn(T) -> (U, bool),
) -> bool {
    assert_eq!(values.len(), out.len());
    assert_eq!(faults.len(), out.len().div_ceil(64));
    let mut any_fault = false;
    for ((values, out), word) in values.chunks(64).zip(out.chunks_mut(64)).zip(faults) {
        let mut any = false;
        for (slot, &value) in out.iter_mut().zip(values) {
            let (result, fault) = body(value);
            *slot = result;
            any |= fault;
        }
        *word = 0;
        if any {
            for (lane, &value) in values.iter().enumerate() {
                *word |= u64::from(body(value).1) << lane;
            }
            any_fault = true;
        }
    }
    any_fault
}
