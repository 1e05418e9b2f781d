//! Frame-of-reference bit packing in blocks of 1,024 lanes.
//!
//! A block stores `(lane - base) / multiplier` in as few bits as its greatest value needs. Its words are laid
//! out in columns: with words of B bits there are 1024 / B columns side by side, lane `i` is in column
//! `i % columns`, and each column is a bit stream of its own. One row of columns is unpacked with the same
//! shift and mask, so the inner loop is plain vector code in every instruction set, and lanes come out in
//! order. B is the narrowest of 8, 16, 32 and 64 that holds the width: predicates are evaluated on lanes of B
//! bits, without widening them first. A block of width w takes 128 * w bytes. The layout is that
//! of `kernels::packed`.

use kernels::vector::VECTOR_LANES;
use serde::{Deserialize, Serialize};

use super::encoding::align;
use crate::filter::for_lanes;

/// Lanes of a block.
pub(crate) const BLOCK_LANES: usize = 1024;
/// Mask words of a block.
const BLOCK_WORDS: usize = BLOCK_LANES / 64;

/// Where and how the integers of a column chunk are packed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Packed {
    /// The least value.
    pub(crate) base: i128,
    /// Every value is `base` plus a multiple of this.
    pub(crate) multiplier: u64,
    /// Number of lanes.
    pub(crate) len: u32,
    /// Position of the first block in the chunk.
    pub(crate) start: u32,
    /// For each block its least value, in multiples above `base`.
    pub(crate) lows: Vec<u64>,
    /// For each block its greatest value, in multiples above its least.
    pub(crate) spans: Vec<u64>,
    /// For each block its position after `start`; derived.
    #[serde(skip)]
    offsets: Vec<u32>,
}

fn width_of(span: u64) -> usize {
    64 - span.leading_zeros() as usize
}

impl Packed {
    /// Packs `(value - base) / multiplier` of all values behind what `out` holds.
    pub(crate) fn pack(units: &[u64], base: i128, multiplier: u64, out: &mut Vec<u8>) -> Self {
        let start = align(out);
        let (mut lows, mut spans) = (Vec::new(), Vec::new());
        for block in units.chunks(BLOCK_LANES) {
            let low = block.iter().copied().min().unwrap_or(0);
            let span = block.iter().copied().max().unwrap_or(0) - low;
            let mut lanes = [0; BLOCK_LANES];
            for (lane, unit) in lanes.iter_mut().zip(block) {
                *lane = unit - low;
            }
            pack_block(&lanes, width_of(span), out);
            lows.push(low);
            spans.push(span);
        }
        let mut packed =
            Self { base, multiplier, len: units.len() as u32, start, lows, spans, offsets: Vec::new() };
        packed.derive();
        packed
    }

    /// Computes the positions of blocks.
    pub(crate) fn derive(&mut self) {
        let mut offset = 0u32;
        self.offsets = self
            .spans
            .iter()
            .map(|&span| {
                let start = offset;
                offset = offset.saturating_add(width_of(span) as u32 * 128);
                start
            })
            .collect();
    }

    /// Returns whether the block table agrees with the number of lanes and everything lies in `chunk_len` bytes.
    pub(crate) fn is_sound(&self, chunk_len: usize) -> bool {
        let blocks = (self.len as usize).div_ceil(BLOCK_LANES);
        let bytes: usize = self.spans.iter().map(|&span| width_of(span) * 128).sum();
        self.lows.len() == blocks
            && self.spans.len() == blocks
            && self.offsets.len() == blocks
            && self.start.is_multiple_of(16)
            && self.start as usize + bytes <= chunk_len
    }

    /// Returns the blocks of a vector with the number of their lanes.
    fn blocks(&self, vector_index: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let first = vector_index * (VECTOR_LANES / BLOCK_LANES);
        (first..(first + VECTOR_LANES / BLOCK_LANES).min(self.spans.len()))
            .map(|block| (block, (self.len as usize - block * BLOCK_LANES).min(BLOCK_LANES)))
    }

    fn bytes<'a>(&self, chunk: &'a [u8], block: usize) -> &'a [u8] {
        let start = (self.start + self.offsets[block]) as usize;
        &chunk[start..start + width_of(self.spans[block]) * 128]
    }

    /// Returns the lanes of a vector; `lane(base, unit)` makes them, wrapping, from the block's base.
    pub(crate) fn unpack<O: Copy + Default>(
        &self,
        chunk: &[u8],
        vector_index: usize,
        lane: impl Fn(i128) -> O,
        add: impl Fn(O, u64, u64) -> O,
    ) -> Vec<O> {
        let len = (self.len as usize).saturating_sub(vector_index * VECTOR_LANES).min(VECTOR_LANES);
        let mut out = vec![O::default(); len.next_multiple_of(BLOCK_LANES)];
        let (outs, _) = out.as_chunks_mut::<BLOCK_LANES>();
        for ((block, _), out) in self.blocks(vector_index).zip(outs) {
            let multiplier = self.multiplier;
            let low = i128::from(self.lows[block]) * i128::from(multiplier);
            let base = lane(self.base.wrapping_add(low));
            let (bytes, width) = (self.bytes(chunk, block), width_of(self.spans[block]));
            if multiplier == 1 {
                unpack_block(bytes, width, out, |unit| add(base, unit, 1));
            } else {
                unpack_block(bytes, width, out, |unit| add(base, unit, multiplier));
            }
        }
        out.truncate(len);
        out
    }

    /// Returns the lane at `position` of a vector, in multiples of `multiplier` above `base`.
    pub(crate) fn unit_at(&self, chunk: &[u8], vector_index: usize, position: usize) -> u64 {
        let block = vector_index * (VECTOR_LANES / BLOCK_LANES) + position / BLOCK_LANES;
        let width = width_of(self.spans[block]);
        let bytes = self.bytes(chunk, block);
        self.lows[block] + unpack_one(bytes, width, position % BLOCK_LANES)
    }

    /// Clears the bits of `mask` whose lanes are not within `low..=high`.
    pub(crate) fn filter(&self, chunk: &[u8], vector_index: usize, low: i128, high: i128, mask: &mut [u64]) {
        // The bounds in multiples above the base; both round towards the inside of the range.
        let multiplier = i128::from(self.multiplier);
        let low = low.saturating_sub(self.base);
        let low_unit = low.div_euclid(multiplier) + i128::from(low.rem_euclid(multiplier) != 0);
        let high_unit = high.saturating_sub(self.base).div_euclid(multiplier);
        for ((block, lanes), mask) in self.blocks(vector_index).zip(mask.chunks_mut(BLOCK_WORDS)) {
            let (block_low, span) = (i128::from(self.lows[block]), self.spans[block]);
            let low = low_unit.saturating_sub(block_low).max(0);
            let high = high_unit.saturating_sub(block_low).min(i128::from(span));
            if low > high {
                mask.fill(0);
            } else if low > 0 || high < i128::from(span) {
                let bytes = self.bytes(chunk, block);
                filter_block(bytes, width_of(span), low as u64, high as u64, lanes, mask);
            }
        }
    }

    /// Returns an upper bound of all values; `None` when there is none or the block table is absurd.
    pub(crate) fn greatest(&self) -> Option<i128> {
        let mut tops = self.lows.iter().zip(&self.spans).map(|(&low, &span)| low.checked_add(span));
        let top = tops.try_fold(None, |top: Option<u64>, next| {
            next.map(|next| Some(top.map_or(next, |top| top.max(next))))
        });
        let top = i128::from(top??).checked_mul(i128::from(self.multiplier))?;
        self.base.checked_add(top)
    }
}

macro_rules! word_width {
    ($pack:ident, $unpack:ident, $one:ident, $word:ty, $bits:literal) => {
        fn $pack(lanes: &[u64; BLOCK_LANES], width: usize, out: &mut Vec<u8>) {
            const COLUMNS: usize = BLOCK_LANES / $bits;
            let mut words = [0 as $word; BLOCK_LANES];
            for row in 0..$bits {
                let (word, shift) = (row * width / $bits, row * width % $bits);
                for column in 0..COLUMNS {
                    let lane = lanes[row * COLUMNS + column] as $word;
                    words[word * COLUMNS + column] |= lane << shift;
                    if shift + width > $bits {
                        words[(word + 1) * COLUMNS + column] |= lane >> ($bits - shift);
                    }
                }
            }
            out.extend(words[..width * COLUMNS].iter().flat_map(|word| word.to_le_bytes()));
        }

        /// `bytes` are `128 * width`, `width` is at least 1.
        #[inline(always)]
        fn $unpack<O: Copy>(
            bytes: &[u8],
            width: usize,
            out: &mut [O; BLOCK_LANES],
            map: impl Fn($word) -> O,
        ) {
            const COLUMNS: usize = BLOCK_LANES / $bits;
            const BYTES: usize = $bits / 8;
            let (words, _) = bytes.as_chunks::<BYTES>();
            let (rows, _) = words.as_chunks::<COLUMNS>();
            let (outs, _) = out.as_chunks_mut::<COLUMNS>();
            let mask = <$word>::MAX >> ($bits - width);
            for (row, out) in outs.iter_mut().enumerate() {
                let (word, shift) = (row * width / $bits, row * width % $bits);
                let low = &rows[word];
                if shift + width <= $bits {
                    for column in 0..COLUMNS {
                        out[column] = map(<$word>::from_le_bytes(low[column]) >> shift & mask);
                    }
                } else {
                    let high = &rows[word + 1];
                    for column in 0..COLUMNS {
                        let low = <$word>::from_le_bytes(low[column]) >> shift;
                        let high = <$word>::from_le_bytes(high[column]) << ($bits - shift);
                        out[column] = map((low | high) & mask);
                    }
                }
            }
        }

        fn $one(bytes: &[u8], width: usize, lane: usize) -> u64 {
            const COLUMNS: usize = BLOCK_LANES / $bits;
            let (words, _) = bytes.as_chunks::<{ $bits / 8 }>();
            let (row, column) = (lane / COLUMNS, lane % COLUMNS);
            let (word, shift) = (row * width / $bits, row * width % $bits);
            let mut unit = <$word>::from_le_bytes(words[word * COLUMNS + column]) >> shift;
            if shift + width > $bits {
                unit |= <$word>::from_le_bytes(words[(word + 1) * COLUMNS + column]) << ($bits - shift);
            }
            u64::from(unit & (<$word>::MAX >> ($bits - width)))
        }
    };
}

word_width!(pack_8, unpack_8, one_8, u8, 8);
word_width!(pack_16, unpack_16, one_16, u16, 16);
word_width!(pack_32, unpack_32, one_32, u32, 32);
word_width!(pack_64, unpack_64, one_64, u64, 64);

fn pack_block(lanes: &[u64; BLOCK_LANES], width: usize, out: &mut Vec<u8>) {
    match width {
        0 => {}
        1..=8 => pack_8(lanes, width, out),
        9..=16 => pack_16(lanes, width, out),
        17..=32 => pack_32(lanes, width, out),
        _ => pack_64(lanes, width, out),
    }
}

#[inline(always)]
fn unpack_block<O: Copy>(bytes: &[u8], width: usize, out: &mut [O; BLOCK_LANES], map: impl Fn(u64) -> O) {
    match width {
        0 => out.fill(map(0)),
        1..=8 => unpack_8(bytes, width, out, |unit| map(u64::from(unit))),
        9..=16 => unpack_16(bytes, width, out, |unit| map(u64::from(unit))),
        17..=32 => unpack_32(bytes, width, out, |unit| map(u64::from(unit))),
        _ => unpack_64(bytes, width, out, map),
    }
}

fn unpack_one(bytes: &[u8], width: usize, lane: usize) -> u64 {
    match width {
        0 => 0,
        1..=8 => one_8(bytes, width, lane),
        9..=16 => one_16(bytes, width, lane),
        17..=32 => one_32(bytes, width, lane),
        _ => one_64(bytes, width, lane),
    }
}

/// Keeps lanes between `low` and `high`, which are within the block's span.
fn filter_block(bytes: &[u8], width: usize, low: u64, high: u64, lanes: usize, mask: &mut [u64]) {
    macro_rules! narrow {
        ($unpack:ident, $word:ty) => {{
            let mut units = [0 as $word; BLOCK_LANES];
            $unpack(bytes, width, &mut units, |unit| unit);
            let (low, span) = (low as $word, (high - low) as $word);
            for_lanes(&units[..lanes], mask, |unit| unit.wrapping_sub(low) <= span);
        }};
    }
    match width {
        0 => {}
        1..=8 => narrow!(unpack_8, u8),
        9..=16 => narrow!(unpack_16, u16),
        17..=32 => narrow!(unpack_32, u32),
        _ => narrow!(unpack_64, u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        let mut state = 7u64;
        for width in 0..=64usize {
            let units: Vec<u64> = (0..2500)
                .map(|lane| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
                    if lane % 97 == 0 { mask } else { (state >> 7 ^ state << 40) & mask }
                })
                .collect();
            let mut bytes = vec![1, 2, 3];
            let packed = Packed::pack(&units, -5, 1, &mut bytes);
            assert!(packed.is_sound(bytes.len()));
            for vector in 0..2 {
                let lanes = packed.unpack(
                    &bytes,
                    vector,
                    |base| base,
                    |base, unit, multiplier| base + i128::from(unit) * i128::from(multiplier),
                );
                for (position, lane) in lanes.iter().enumerate() {
                    let unit = units[vector * 2048 + position];
                    assert_eq!(*lane, i128::from(unit) - 5, "width {width}");
                    assert_eq!(packed.unit_at(&bytes, vector, position), unit);
                }
                let (low, high) = (i128::from(units[3]) / 2 - 5, i128::from(units[3]) - 5);
                let mut mask = vec![u64::MAX; lanes.len().div_ceil(64)];
                packed.filter(&bytes, vector, low, high, &mut mask);
                for (position, lane) in lanes.iter().enumerate() {
                    let bit = mask[position / 64] >> (position % 64) & 1 == 1;
                    assert_eq!(bit, (low..=high).contains(lane), "width {width}");
                }
            }
        }
    }
}
