//! Encodings of strings.
//!
//! Lengths are bit-packed, bytes follow each other, and the position of each vector's first byte is kept, so
//! any vector can be read alone. Compressed strings (FSST) also keep their compressed lengths, so that a few
//! strings of a vector can be decompressed without the others.
#![expect(unsafe_code, reason = "takes over the bytes that the decompressor has written")]

use std::ops::Range;
use std::sync::OnceLock;

use arrow_buffer::Buffer;
use kernels::vector::{Bitmap, INLINE_BYTES, VECTOR_LANES, Views};
use serde::{Deserialize, Serialize};

use super::bitpack::Packed;
use super::encoding::{Encoding, align};

/// Strings as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Strings {
    pub(crate) lengths: Packed,
    /// For each vector, and after the last one, the position of its first byte.
    pub(crate) starts: Vec<u32>,
    /// The position of the first byte of every `MARK_LANES`th string, made when a few strings are first asked for; empty
    /// when lengths and positions disagree.
    #[serde(skip)]
    marks: OnceLock<Vec<u32>>,
}

/// Strings compressed with a symbol table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fsst {
    /// Symbols of up to eight bytes, and how many bytes each has.
    pub(crate) symbols: Vec<(u64, u8)>,
    pub(crate) lengths: Packed,
    pub(crate) compressed: Strings,
}

/// Symbols in the form that the decompressor takes.
#[derive(Debug)]
pub(crate) struct SymbolTable {
    symbols: Box<[fsst::Symbol; 255]>,
    lengths: [u8; 255],
}

/// Tuning constants: strings between two marks, and the most strings that are found by marks.
const MARK_LANES: usize = 8;
const MARKED_MAX: usize = 8;
/// A tuning constant: chunks with fewer bytes of strings are not compressed.
const FSST_BYTES_MIN: usize = 4096;
/// A tuning constant: bytes shown to the training of the symbol table.
const TRAINING_BYTES: usize = 1 << 17;

/// Encodes strings: constant, dictionary, FSST or plain.
pub(super) fn encode_strings(
    views: &Views,
    validity: Option<&Bitmap>,
    distinct: u64,
    out: &mut Vec<u8>,
) -> Encoding {
    let valid = |lane: usize| validity.is_none_or(|validity| validity.get(lane));
    let Some(first) = (0..views.len()).find(|&lane| valid(lane)).map(|lane| views.get(lane)) else {
        return Encoding::Null;
    };
    let lanes: Vec<&[u8]> =
        (0..views.len()).map(|lane| if valid(lane) { views.get(lane) } else { first }).collect();
    if lanes.iter().all(|lane| *lane == first) {
        return Encoding::Constant(Box::new(Encoding::Strings(Strings::encode(&[first], out))));
    }
    if distinct.saturating_mul(4) <= lanes.len() as u64 + 8
        && let Some(encoding) = encode_dictionary(&lanes, out)
    {
        return encoding;
    }
    let bytes: usize = lanes.iter().map(|lane| lane.len()).sum();
    if bytes >= FSST_BYTES_MIN
        && let Some(fsst) = Fsst::encode(&lanes, bytes, out)
    {
        return Encoding::Fsst(fsst);
    }
    Encoding::Strings(Strings::encode(&lanes, out))
}

fn encode_dictionary(lanes: &[&[u8]], out: &mut Vec<u8>) -> Option<Encoding> {
    let mut positions: hashbrown::HashMap<&[u8], u64, foldhash::fast::FixedState> =
        hashbrown::HashMap::default();
    for lane in lanes {
        positions.entry(lane).or_insert(0);
    }
    let mut entries: Vec<&[u8]> = positions.keys().copied().collect();
    if entries.len() > 1 << 16 {
        return None;
    }
    entries.sort_unstable();
    for (position, entry) in entries.iter().enumerate() {
        positions.insert(entry, position as u64);
    }
    let codes: Vec<u64> = lanes.iter().map(|lane| positions.get(lane).copied().unwrap_or(0)).collect();
    let codes = Packed::pack(&codes, 0, 1, out);
    let strings = Strings::encode(&entries, out);
    Some(Encoding::Dictionary {
        codes,
        entries: Box::new(Encoding::Strings(strings)),
        count: entries.len() as u32,
    })
}

fn pack_lengths<'a>(lanes: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Packed {
    let lengths: Vec<u64> = lanes.map(|lane| lane.len() as u64).collect();
    Packed::pack(&lengths, 0, 1, out)
}

impl Strings {
    fn encode(lanes: &[&[u8]], out: &mut Vec<u8>) -> Self {
        let lengths = pack_lengths(lanes.iter().copied(), out);
        align(out);
        let mut starts = Vec::new();
        for vector in lanes.chunks(VECTOR_LANES) {
            starts.push(out.len() as u32);
            vector.iter().for_each(|lane| out.extend_from_slice(lane));
        }
        starts.push(out.len() as u32);
        Self { lengths, starts, marks: OnceLock::new() }
    }

    pub(super) fn derive_and_check(&mut self, len: usize, chunk_len: usize) -> bool {
        self.lengths.derive();
        self.lengths.len as usize == len
            && self.lengths.is_sound(chunk_len)
            && self.starts.len() == len.div_ceil(VECTOR_LANES) + 1
            && self.starts.is_sorted()
            && self.starts.last().is_none_or(|&end| end as usize <= chunk_len)
    }

    /// Returns the lengths of a vector's strings and where its bytes are; `None` when they disagree.
    fn vector(&self, chunk: &[u8], vector_index: usize) -> Option<(Vec<u32>, usize, usize)> {
        let lengths = unpack_lengths(&self.lengths, chunk, vector_index);
        let start = *self.starts.get(vector_index)? as usize;
        let end = *self.starts.get(vector_index + 1)? as usize;
        let total: usize = lengths.iter().map(|&length| length as usize).sum();
        (start + total == end).then_some((lengths, start, end))
    }

    /// Returns where the string at a position of a vector is, and its length.
    fn locate(&self, chunk: &[u8], vector_index: usize, position: usize) -> Option<(usize, u32)> {
        let marks = self.marks.get_or_init(|| self.make_marks(chunk).unwrap_or_default());
        let mark = position / MARK_LANES;
        let mut offset = *marks.get(vector_index * (VECTOR_LANES / MARK_LANES) + mark)? as usize;
        for before in mark * MARK_LANES..position {
            offset += length_at(&self.lengths, chunk, vector_index, before) as usize;
        }
        Some((offset, length_at(&self.lengths, chunk, vector_index, position)))
    }

    /// Returns the bytes of the string at a position of a vector; `None` when they are not in the chunk.
    pub(super) fn range(&self, chunk: &[u8], vector_index: usize, position: usize) -> Option<Range<usize>> {
        let (offset, length) = self.locate(chunk, vector_index, position)?;
        let end = offset + length as usize;
        (end <= chunk.len()).then_some(offset..end)
    }

    fn make_marks(&self, chunk: &[u8]) -> Option<Vec<u32>> {
        let mut marks = Vec::with_capacity(self.lengths.len as usize / MARK_LANES + 1);
        for vector_index in 0..self.starts.len().saturating_sub(1) {
            let (lengths, start, _) = self.vector(chunk, vector_index)?;
            marks.extend(offsets_of(&lengths, start).iter().step_by(MARK_LANES));
        }
        Some(marks)
    }

    /// Returns the strings of a vector; they refer to `chunk`.
    pub(crate) fn decode(&self, chunk: &Buffer, vector_index: usize) -> Option<Views> {
        let (lengths, start, _) = self.vector(chunk, vector_index)?;
        let mut views = Vec::with_capacity(lengths.len());
        push_views(chunk, start, &lengths, &mut views);
        Some(Views { views: views.into(), buffers: vec![chunk.clone()].into() })
    }

    /// Returns the strings of all vectors.
    pub(crate) fn decode_all(&self, chunk: &Buffer) -> Option<Views> {
        let mut views = Vec::with_capacity(self.lengths.len as usize);
        for vector_index in 0..self.starts.len().saturating_sub(1) {
            let (lengths, start, _) = self.vector(chunk, vector_index)?;
            push_views(chunk, start, &lengths, &mut views);
        }
        Some(Views { views: views.into(), buffers: vec![chunk.clone()].into() })
    }

    /// Returns the strings at `positions` of a vector.
    pub(crate) fn decode_at(&self, chunk: &Buffer, vector_index: usize, positions: &[u16]) -> Option<Views> {
        if positions.len() <= MARKED_MAX {
            let view = |&position: &u16| {
                let (offset, length) = self.locate(chunk, vector_index, position.into())?;
                Some(view_of(chunk, offset, length))
            };
            let views = positions.iter().map(view).collect::<Option<Vec<u128>>>()?;
            return Some(Views { views: views.into(), buffers: vec![chunk.clone()].into() });
        }
        let (lengths, start, _) = self.vector(chunk, vector_index)?;
        let offsets = offsets_of(&lengths, start);
        let views = positions
            .iter()
            .map(|&position| {
                let (offset, length) = (*offsets.get(usize::from(position))?, lengths[usize::from(position)]);
                Some(view_of(chunk, offset as usize, length))
            })
            .collect::<Option<Vec<u128>>>()?;
        Some(Views { views: views.into(), buffers: vec![chunk.clone()].into() })
    }
}

fn unpack_lengths(lengths: &Packed, chunk: &[u8], vector_index: usize) -> Vec<u32> {
    lengths.unpack(
        chunk,
        vector_index,
        |base| base as u32,
        |base, unit, multiplier| base.wrapping_add((unit * multiplier) as u32),
    )
}

/// Returns the length of one string.
fn length_at(lengths: &Packed, chunk: &[u8], vector_index: usize, position: usize) -> u32 {
    let unit = lengths.unit_at(chunk, vector_index, position);
    (lengths.base as u32).wrapping_add((unit * lengths.multiplier) as u32)
}

fn offsets_of(lengths: &[u32], start: usize) -> Vec<u32> {
    let mut offset = start as u32;
    let next = |&length: &u32| {
        let this = offset;
        offset += length;
        this
    };
    lengths.iter().map(next).collect()
}

/// Appends views of strings that follow each other from `start` on; they must lie within `bytes`.
fn push_views(bytes: &[u8], start: usize, lengths: &[u32], views: &mut Vec<u128>) {
    let mut offset = start;
    for &length in lengths {
        views.push(view_of(bytes, offset, length));
        offset += length as usize;
    }
}

/// Returns the view of a string in buffer 0.
#[inline]
fn view_of(bytes: &[u8], offset: usize, length: u32) -> u128 {
    if length as usize <= INLINE_BYTES {
        let string = match bytes.get(offset..offset + 16).and_then(|bytes| bytes.first_chunk::<16>()) {
            Some(word) => u128::from_le_bytes(*word) & !(u128::MAX << (length * 8)),
            None => {
                let mut word = [0; 16];
                word[..length as usize].copy_from_slice(&bytes[offset..offset + length as usize]);
                u128::from_le_bytes(word)
            }
        };
        string << 32 | u128::from(length)
    } else {
        let string = &bytes[offset..offset + length as usize];
        let prefix = string.first_chunk::<4>().map_or(0, |prefix| u32::from_le_bytes(*prefix));
        u128::from(length) | u128::from(prefix) << 32 | (offset as u128) << 96
    }
}

impl Fsst {
    /// Compresses strings; `None` when that does not pay.
    fn encode(lanes: &[&[u8]], bytes: usize, out: &mut Vec<u8>) -> Option<Self> {
        let step = (bytes / TRAINING_BYTES).max(1);
        let training: Vec<&[u8]> = lanes.iter().step_by(step).copied().collect();
        let compressor = fsst::Compressor::train(&training);
        let compressed = compressor.compress_bulk(&lanes.to_vec());
        let compressed_bytes: usize = compressed.iter().map(Vec::len).sum();
        if compressed_bytes * 10 > bytes * 8 {
            return None;
        }
        let lengths = pack_lengths(lanes.iter().copied(), out);
        let compressed: Vec<&[u8]> = compressed.iter().map(Vec::as_slice).collect();
        let symbols = compressor
            .symbol_table()
            .iter()
            .zip(compressor.symbol_lengths())
            .map(|(symbol, length)| (symbol.to_u64(), *length))
            .collect();
        Some(Self { symbols, lengths, compressed: Strings::encode(&compressed, out) })
    }

    pub(super) fn derive_and_check(&mut self, len: usize, chunk_len: usize) -> bool {
        self.lengths.derive();
        self.symbols.len() <= 255
            && self.symbols.iter().all(|(_, length)| (1..=8).contains(length))
            && self.lengths.len as usize == len
            && self.lengths.is_sound(chunk_len)
            && self.compressed.derive_and_check(len, chunk_len)
    }

    /// Returns the symbol table.
    pub(crate) fn symbol_table(&self) -> SymbolTable {
        let mut table = SymbolTable { symbols: Box::new([fsst::Symbol::from_u8(0); 255]), lengths: [1; 255] };
        for (index, (symbol, length)) in self.symbols.iter().enumerate() {
            table.symbols[index] = fsst::Symbol::from_slice(&symbol.to_le_bytes());
            table.lengths[index] = *length;
        }
        table
    }

    /// Returns the strings of a vector.
    pub(crate) fn decode(&self, table: &SymbolTable, chunk: &Buffer, vector_index: usize) -> Option<Views> {
        let (_, start, end) = self.compressed.vector(chunk, vector_index)?;
        let lengths = unpack_lengths(&self.lengths, chunk, vector_index);
        let total = lengths.iter().map(|&length| length as usize).sum();
        let bytes = Buffer::from(table.decompress(&chunk[start..end], total)?);
        let mut views = Vec::with_capacity(lengths.len());
        push_views(&bytes, 0, &lengths, &mut views);
        Some(Views { views: views.into(), buffers: vec![bytes].into() })
    }

    /// Puts the string at a position of a vector into `string`.
    pub(super) fn decode_one(
        &self,
        table: &SymbolTable,
        chunk: &[u8],
        vector_index: usize,
        position: usize,
        string: &mut Vec<u8>,
    ) -> Option<()> {
        let codes = self.compressed.range(chunk, vector_index, position)?;
        let total = length_at(&self.lengths, chunk, vector_index, position) as usize;
        table.decompress_into(&chunk[codes], total, string)
    }

    /// Returns the strings at `positions` of a vector.
    pub(crate) fn decode_at(
        &self,
        table: &SymbolTable,
        chunk: &Buffer,
        vector_index: usize,
        positions: &[u16],
    ) -> Option<Views> {
        let (mut codes, mut chosen) = (Vec::new(), Vec::with_capacity(positions.len()));
        if positions.len() <= MARKED_MAX {
            for &position in positions {
                let (offset, length) = self.compressed.locate(chunk, vector_index, position.into())?;
                codes.extend_from_slice(&chunk[offset..offset + length as usize]);
                chosen.push(length_at(&self.lengths, chunk, vector_index, position.into()));
            }
        } else {
            let (compressed, start, _) = self.compressed.vector(chunk, vector_index)?;
            let offsets = offsets_of(&compressed, start);
            let lengths = unpack_lengths(&self.lengths, chunk, vector_index);
            for position in positions.iter().map(|&position| usize::from(position)) {
                let (offset, length) = (*offsets.get(position)?, compressed[position]);
                codes.extend_from_slice(&chunk[offset as usize..(offset + length) as usize]);
                chosen.push(lengths[position]);
            }
        }
        let total = chosen.iter().map(|&length| length as usize).sum();
        let bytes = Buffer::from(table.decompress(&codes, total)?);
        let mut views = Vec::with_capacity(chosen.len());
        push_views(&bytes, 0, &chosen, &mut views);
        Some(Views { views: views.into(), buffers: vec![bytes].into() })
    }
}

impl SymbolTable {
    /// Decompresses strings that follow each other; `None` when they are not `total` bytes.
    fn decompress(&self, codes: &[u8], total: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.decompress_into(codes, total, &mut bytes)?;
        Some(bytes)
    }

    /// As [`Self::decompress`], into a buffer that is there.
    fn decompress_into(&self, codes: &[u8], total: usize, bytes: &mut Vec<u8>) -> Option<()> {
        bytes.clear();
        // Eight bytes more let the decompressor store whole words up to the end.
        bytes.reserve(total + 8);
        let decompressor = fsst::Decompressor::new(&self.symbols, &self.lengths);
        let len = decompressor.decompress_into(codes, bytes.spare_capacity_mut());
        if len != total {
            return None;
        }
        // SAFETY: the decompressor has initialized the first `len` bytes of the capacity.
        unsafe { bytes.set_len(len) };
        Some(())
    }
}
