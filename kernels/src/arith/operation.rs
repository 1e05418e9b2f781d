//! The loop that all binary operations share, and what an operation has to say.

use crate::isa::{self, Level};

/// One side of an operation.
#[derive(Clone, Copy, Debug)]
pub enum Operand<'a, T> {
    /// A lane for each lane.
    Lanes(&'a [T]),
    /// The same value for all lanes.
    Constant(T),
}

impl<'a, T> From<&'a [T]> for Operand<'a, T> {
    fn from(lanes: &'a [T]) -> Self {
        Self::Lanes(lanes)
    }
}

/// A binary operation on lanes of a physical type.
pub trait Operation<T: Copy> {
    /// The type of the results.
    type Output: Copy;

    /// Returns the result and whether the lane has a fault: the definition.
    fn lane(left: T, right: T) -> (Self::Output, bool);

    /// Writes 64 results, equal to those of `lane`, and returns whether one of the lanes may have a fault.
    fn chunk(left: &[T; 64], right: &[T; 64], out: &mut [Self::Output; 64]) -> bool;

    /// Writes 64 wrapped results whatever their faults.
    fn chunk_unchecked(left: &[T; 64], right: &[T; 64], out: &mut [Self::Output; 64]) {
        Self::chunk(left, right, out);
    }
}

/// Computes all lanes and their faults; returns whether there is a fault.
pub(super) fn run<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
    faults: &mut [u64],
) -> bool {
    assert_len(left, out.len());
    assert_len(right, out.len());
    assert_eq!(faults.len(), out.len().div_ceil(64));
    match isa::level() {
        Level::Scalar => scalar::<O, T>(left, right, out, faults),
        Level::Avx2 | Level::Neon => portable::<O, T>(left, right, out, faults),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512::<O, T>(left, right, out, faults) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => portable::<O, T>(left, right, out, faults),
    }
}

/// Computes all lanes without faults.
pub(super) fn run_unchecked<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
) {
    assert_len(left, out.len());
    assert_len(right, out.len());
    match isa::level() {
        Level::Scalar => {
            for (lane, slot) in out.iter_mut().enumerate() {
                *slot = O::lane(at(left, lane), at(right, lane)).0;
            }
        }
        Level::Avx2 | Level::Neon => portable_unchecked::<O, T>(left, right, out),
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "enters a target_feature function")]
        // SAFETY: `level` returns a level only after detecting its features.
        Level::Avx512 => unsafe { avx512_unchecked::<O, T>(left, right, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx512 => portable_unchecked::<O, T>(left, right, out),
    }
}

fn assert_len<T>(operand: Operand<'_, T>, len: usize) {
    if let Operand::Lanes(lanes) = operand {
        assert_eq!(lanes.len(), len);
    }
}

#[inline(always)]
fn at<T: Copy>(operand: Operand<'_, T>, lane: usize) -> T {
    match operand {
        Operand::Lanes(lanes) => lanes[lane],
        Operand::Constant(constant) => constant,
    }
}

fn scalar<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
    faults: &mut [u64],
) -> bool {
    faults.fill(0);
    let mut any = false;
    for (lane, slot) in out.iter_mut().enumerate() {
        let (value, fault) = O::lane(at(left, lane), at(right, lane));
        *slot = value;
        faults[lane / 64] |= u64::from(fault) << (lane % 64);
        any |= fault;
    }
    any
}

/// The 64 lanes of a side from `start` on; a constant is repeated in memory once and then read like lanes.
#[inline(always)]
fn chunk_at<'a, T>(operand: Operand<'a, T>, constant: &'a [T; 64], start: usize) -> &'a [T; 64] {
    match operand {
        Operand::Lanes(lanes) => lanes[start..].first_chunk().unwrap_or(constant),
        Operand::Constant(_) => constant,
    }
}

#[inline(always)]
fn portable<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
    faults: &mut [u64],
) -> bool {
    if out.is_empty() {
        return false;
    }
    let (left_constant, right_constant) = ([at(left, 0); 64], [at(right, 0); 64]);
    let mut any = false;
    let (chunks, rest) = out.as_chunks_mut::<64>();
    for (index, (out, word)) in chunks.iter_mut().zip(faults.iter_mut()).enumerate() {
        let left = chunk_at(left, &left_constant, index * 64);
        let right = chunk_at(right, &right_constant, index * 64);
        *word = 0;
        if O::chunk(left, right, out) {
            *word = fault_bits::<O, T>(left, right);
            any |= *word != 0;
        }
    }
    if let Some(word) = faults.get_mut(chunks.len()) {
        *word = 0;
        let start = chunks.len() * 64;
        for (lane, slot) in rest.iter_mut().enumerate() {
            let (value, fault) = O::lane(at(left, start + lane), at(right, start + lane));
            *slot = value;
            *word |= u64::from(fault) << lane;
        }
        any |= *word != 0;
    }
    any
}

#[inline(always)]
fn portable_unchecked<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
) {
    if out.is_empty() {
        return;
    }
    let (left_constant, right_constant) = ([at(left, 0); 64], [at(right, 0); 64]);
    let (chunks, rest) = out.as_chunks_mut::<64>();
    for (index, out) in chunks.iter_mut().enumerate() {
        let left = chunk_at(left, &left_constant, index * 64);
        O::chunk_unchecked(left, chunk_at(right, &right_constant, index * 64), out);
    }
    let start = chunks.len() * 64;
    for (lane, slot) in rest.iter_mut().enumerate() {
        *slot = O::lane(at(left, start + lane), at(right, start + lane)).0;
    }
}

#[cold]
#[inline(never)]
fn fault_bits<O: Operation<T>, T: Copy>(left: &[T; 64], right: &[T; 64]) -> u64 {
    let lanes = left.iter().zip(right).enumerate();
    lanes.fold(0, |word, (lane, (&left, &right))| word | u64::from(O::lane(left, right).1) << lane)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
    faults: &mut [u64],
) -> bool {
    portable::<O, T>(left, right, out, faults)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512_unchecked<O: Operation<T>, T: Copy>(
    left: Operand<'_, T>,
    right: Operand<'_, T>,
    out: &mut [O::Output],
) {
    portable_unchecked::<O, T>(left, right, out);
}
