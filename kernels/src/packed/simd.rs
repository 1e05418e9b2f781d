//! Row by row: the columns of a row share their shift, so the inner loops are plain SIMD.
#![expect(unsafe_code, reason = "sees words of 64 bits as units")]

use super::{BLOCK_LEN, Packable, unit_bits};

const _: () = assert!(cfg!(target_endian = "little"), "units lie in words in little-endian order");

macro_rules! rows {
    ($rows:ident, $unit:ty, $columns:literal) => {
        /// Calls `sink` with each row's number and values, up to `row_count` rows.
        #[inline(always)]
        pub(super) fn $rows(
            packed: &[u64],
            width: u32,
            row_count: usize,
            mut sink: impl FnMut(usize, &[$unit; $columns]),
        ) {
            const _: () = assert!($columns * <$unit>::BITS as usize == BLOCK_LEN);
            // SAFETY: the units are integers whose alignment divides that of `u64`.
            let (_, units, _) = unsafe { packed.align_to::<$unit>() };
            let (units, _) = units.as_chunks::<$columns>();
            let keep = <$unit>::MAX >> (<$unit>::BITS - width);
            for row in 0..row_count {
                let bit = row as u32 * width;
                let (unit, shift) = ((bit / <$unit>::BITS) as usize, bit % <$unit>::BITS);
                let mut values = [0; $columns];
                let low = &units[unit];
                if shift + width <= <$unit>::BITS {
                    for (value, low) in values.iter_mut().zip(low) {
                        *value = (low >> shift) & keep;
                    }
                } else {
                    let high = &units[unit + 1];
                    for ((value, low), high) in values.iter_mut().zip(low).zip(high) {
                        *value = ((low >> shift) | (high << (<$unit>::BITS - shift))) & keep;
                    }
                }
                sink(row, &values);
            }
        }
    };
}

rows!(rows_of_8, u8, 128);
rows!(rows_of_16, u16, 64);
rows!(rows_of_32, u32, 32);
rows!(rows_of_64, u64, 16);

#[inline(always)]
pub(super) fn unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
    macro_rules! with {
        ($rows:ident, $columns:literal) => {
            $rows(packed, width, out.len().div_ceil($columns), |row, values| {
                let slots = &mut out[row * $columns..];
                if let Some(slots) = slots.first_chunk_mut::<$columns>() {
                    for (slot, &value) in slots.iter_mut().zip(values) {
                        *slot = T::from_offset(base, value.into());
                    }
                } else {
                    for (slot, &value) in slots.iter_mut().zip(values) {
                        *slot = T::from_offset(base, value.into());
                    }
                }
            })
        };
    }

    if width == 0 {
        out.fill(base);
        return;
    }
    match unit_bits(width) {
        8 => with!(rows_of_8, 128),
        16 => with!(rows_of_16, 64),
        32 => with!(rows_of_32, 32),
        _ => with!(rows_of_64, 16),
    }
}
