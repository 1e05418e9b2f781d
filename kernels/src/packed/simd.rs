//! Row by row: the columns of a row share their shifts, so the inner loops are plain SIMD, without branches.
#![expect(unsafe_code, reason = "sees words of 64 bits as units")]

use super::{BLOCK_LEN, Packable, unit_bits};

const _: () = assert!(cfg!(target_endian = "little"), "units lie in words in little-endian order");

macro_rules! unpack {
    ($unpack:ident, $unit:ty, $columns:literal) => {
        #[inline(always)]
        fn $unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
            const _: () = assert!($columns * <$unit>::BITS as usize == BLOCK_LEN);
            // SAFETY: the units are integers whose alignment divides that of `u64`.
            let (_, units, _) = unsafe { packed.align_to::<$unit>() };
            let (units, _) = units.as_chunks::<$columns>();
            let keep = <$unit>::MAX >> (<$unit>::BITS - width);
            let row_of = |row: usize| {
                let bit = row as u32 * width;
                let unit = (bit / <$unit>::BITS) as usize;
                // The next unit's bits are shifted out or masked when the value ends in this one.
                (&units[unit], &units[(unit + 1).min(units.len() - 1)], bit % <$unit>::BITS)
            };
            let value = |low: $unit, high: $unit, shift: u32| {
                ((low >> shift) | ((high << 1) << (<$unit>::BITS - 1 - shift))) & keep
            };
            let (rows, rest) = out.as_chunks_mut::<$columns>();
            let row_count = rows.len();
            for (row, slots) in rows.iter_mut().enumerate() {
                let (low, high, shift) = row_of(row);
                for column in 0..$columns {
                    slots[column] = T::from_offset(base, value(low[column], high[column], shift).into());
                }
            }
            if !rest.is_empty() {
                let (low, high, shift) = row_of(row_count);
                for (column, slot) in rest.iter_mut().enumerate() {
                    *slot = T::from_offset(base, value(low[column], high[column], shift).into());
                }
            }
        }
    };
}

unpack!(unpack_8, u8, 128);
unpack!(unpack_16, u16, 64);
unpack!(unpack_32, u32, 32);
unpack!(unpack_64, u64, 16);

#[inline(always)]
pub(super) fn unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
    match unit_bits(width) {
        _ if width == 0 => out.fill(base),
        8 => unpack_8(packed, width, base, out),
        16 => unpack_16(packed, width, base, out),
        32 => unpack_32(packed, width, base, out),
        _ => unpack_64(packed, width, base, out),
    }
}
