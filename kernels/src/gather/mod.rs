//! Moving lanes by position: gather, scatter, blend.
//!
//! Gathers are plain loads: the gather instructions of AVX2 and AVX-512 are no faster than loads on Zen 4, and ARM64
//! has none. All positions are checked first, in a loop that the compiler vectorizes, so the moving loop
//! has no checks.
#![expect(unsafe_code, reason = "positions are checked before the loop instead of in it")]

mod bits;

pub use bits::{blend_bits, gather_bits};

use crate::plain::Plain;

/// A type of positions.
pub trait Position: Copy + Ord + Default + 'static {
    /// Returns the position as an index.
    fn index(self) -> usize;
}

macro_rules! position {
    ($($position:ty),*) => {$(
        impl Position for $position {
            #[inline(always)]
            fn index(self) -> usize {
                self as usize
            }
        }
    )*};
}

position!(u8, u16, u32, u64, usize);

/// Writes `values[positions[lane]]` to each lane of `out`; positions may repeat and need no order.
///
/// Panics when a position is not inside `values`.
pub fn gather<T: Plain, P: Position>(values: &[T], positions: &[P], out: &mut [T]) {
    assert_eq!(positions.len(), out.len());
    assert_inside(positions, values.len());
    for (slot, position) in out.iter_mut().zip(positions) {
        // SAFETY: all positions are inside `values`.
        *slot = unsafe { *values.get_unchecked(position.index()) };
    }
}

/// Returns `values[positions[lane]]` for each lane.
pub fn gather_to_vec<T: Plain, P: Position>(values: &[T], positions: &[P]) -> Vec<T> {
    assert_inside(positions, values.len());
    // SAFETY: all positions are inside `values`.
    positions.iter().map(|position| unsafe { *values.get_unchecked(position.index()) }).collect()
}

/// Writes each lane of `values` to `out[positions[lane]]`; of lanes with one position the last one stays.
///
/// Panics when a position is not inside `out`.
pub fn scatter<T: Plain, P: Position>(values: &[T], positions: &[P], out: &mut [T]) {
    assert_eq!(positions.len(), values.len());
    assert_inside(positions, out.len());
    for (value, position) in values.iter().zip(positions) {
        // SAFETY: all positions are inside `out`.
        unsafe { *out.get_unchecked_mut(position.index()) = *value };
    }
}

/// Writes the lane of `if_set` where the mask's bit is set and the lane of `if_clear` elsewhere.
pub fn blend<T: Plain>(mask: &[u64], if_set: &[T], if_clear: &[T], out: &mut [T]) {
    assert_eq!(if_set.len(), if_clear.len());
    assert_eq!(if_set.len(), out.len());
    assert_eq!(mask.len(), out.len().div_ceil(64));
    let sides = if_set.chunks(64).zip(if_clear.chunks(64));
    for ((out, (if_set, if_clear)), &word) in out.chunks_mut(64).zip(sides).zip(mask) {
        for (lane, slot) in out.iter_mut().enumerate() {
            *slot = if word >> lane & 1 == 1 { if_set[lane] } else { if_clear[lane] };
        }
    }
}

/// Asserts that all positions are below `bound`.
pub(crate) fn assert_inside<P: Position>(positions: &[P], bound: usize) {
    let greatest = positions.iter().fold(P::default(), |greatest, &position| greatest.max(position));
    assert!(positions.is_empty() || greatest.index() < bound, "position {} of {bound}", greatest.index());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Random, bit, lengths};

    #[test]
    fn gather_scatter_blend() {
        let mut random = Random::new();
        for len in lengths() {
            let values = &random.lanes::<i64>(len + 1)[1..];
            let narrow: Vec<u16> = (0..len).map(|_| random.below(len) as u16).collect();
            let wide: Vec<u32> = narrow.iter().map(|&position| position.into()).collect();
            let wanted: Vec<i64> = narrow.iter().map(|&position| values[usize::from(position)]).collect();
            let mut out = vec![0; len];
            gather(values, &narrow, &mut out);
            assert_eq!(out, wanted);
            gather(values, &wide, &mut out);
            assert_eq!(out, wanted);
            assert_eq!(gather_to_vec(values, &narrow), wanted);

            let reversed: Vec<u16> = (0..len as u16).rev().collect();
            scatter(values, &reversed, &mut out);
            assert!(out.iter().eq(values.iter().rev()));
            for mask in random.masks(len) {
                let mut blended = vec![0; len];
                blend(&mask, values, &wanted, &mut blended);
                for lane in 0..len {
                    let side = if bit(&mask, lane) { values } else { &wanted };
                    assert_eq!(blended[lane], side[lane]);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "position 4 of 4")]
    fn a_position_outside_is_a_panic() {
        gather(&[1i32, 2, 3, 4], &[0u16, 4], &mut [0; 2]);
    }
}
