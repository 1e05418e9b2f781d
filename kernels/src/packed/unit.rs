//! Units: the arithmetic of the layout for single values.

use super::{BLOCK_LEN, Packable};

/// Returns the bits of a unit of a block of `width` bits: 8, 16, 32 or 64.
#[inline(always)]
pub const fn unit_bits(width: u32) -> u32 {
    match width {
        0..=8 => 8,
        9..=16 => 16,
        17..=32 => 32,
        _ => 64,
    }
}

/// Where the low end of a value is: the 64-bit word and the bit in it, how many bits its unit has left there, and the
/// same word and bit for the rest of it in the column's next unit.
struct Place {
    word: usize,
    bit: u32,
    bits_left: u32,
    next_word: usize,
    next_bit: u32,
}

#[inline(always)]
fn place(width: u32, position: usize) -> Place {
    let unit_bits = unit_bits(width);
    let columns = BLOCK_LEN / unit_bits as usize;
    let (row, column) = (position / columns, position % columns);
    let first_bit = row as u32 * width;
    let (unit, shift) = (first_bit / unit_bits, first_bit % unit_bits);
    let unit_start = (unit as usize * columns + column) * unit_bits as usize;
    let next_start = unit_start + BLOCK_LEN;
    Place {
        word: unit_start / 64,
        bit: (unit_start % 64) as u32 + shift,
        bits_left: unit_bits - shift,
        next_word: next_start / 64,
        next_bit: (next_start % 64) as u32,
    }
}

const fn low_bits(width: u32) -> u64 {
    if width == 64 { u64::MAX } else { (1 << width) - 1 }
}

/// Returns the value at a position.
#[inline(always)]
pub(super) fn value(packed: &[u64], width: u32, position: usize) -> u64 {
    if width == 0 {
        return 0;
    }
    let place = place(width, position);
    let unit_rest = low_bits(place.bits_left);
    let mut value = packed[place.word] >> place.bit & unit_rest;
    if place.bits_left < width {
        value |= packed[place.next_word] >> place.next_bit << place.bits_left;
    }
    value & low_bits(width)
}

/// Packs values into a block of zeros.
pub(super) fn pack<T: Packable>(values: &[T], base: T, width: u32, packed: &mut [u64]) {
    if width == 0 {
        return;
    }
    for (position, &value) in values.iter().enumerate() {
        let offset = value.offset_from(base) & low_bits(width);
        let place = place(width, position);
        packed[place.word] |= (offset & low_bits(place.bits_left)) << place.bit;
        if place.bits_left < width {
            packed[place.next_word] |= offset >> place.bits_left << place.next_bit;
        }
    }
}
