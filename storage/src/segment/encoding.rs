//! How a column chunk is laid out, and the choice between the encodings.
//!
//! | encoding | for |
//! |---|---|
//! | null, constant | one value |
//! | packed | integers and decimals: frame of reference, common divisor, bit packing |
//! | run length | integers in long runs |
//! | dictionary | few distinct values; entries sorted, codes packed |
//! | FSST | long strings: a symbol table for the chunk, random access by string |
//! | strings, plain, bits | the rest |
//!
//! The choice looks at the chunk's bounds, common divisor, number of runs and distinct estimate (from its
//! sketch), not at a cascade of trials. Lanes that are null hold whatever packs best.

use kernels::vector::{Bitmap, Values};
use serde::{Deserialize, Serialize};

use super::bitpack::Packed;
use super::strings::{Fsst, Strings, encode_strings};
use crate::predicate::ScanValue;
use crate::sketch::Sketch;
use crate::zone_map::ZoneMap;

/// The lane type of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LaneType {
    Bool,
    I16,
    I32,
    I64,
    F32,
    F64,
    Fixed64(u8),
    Fixed128(u8),
    Wide,
    Views,
}

/// A column chunk without its bytes. Positions count from the chunk's first byte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(crate) len: u32,
    pub(crate) lane_type: LaneType,
    /// Position of the validity bitmap, if some lanes are null.
    pub(crate) validity: Option<u32>,
    pub(crate) encoding: Encoding,
}

/// How lanes are encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// All lanes are null.
    Null,
    /// All lanes hold the one value of the inner encoding.
    Constant(Box<Encoding>),
    /// Integers.
    Packed(Packed),
    /// Little-endian lanes at a position.
    Plain(u32),
    /// Bits at a position.
    Bits(u32),
    /// Strings as they are.
    Strings(Strings),
    /// Strings compressed with a symbol table.
    Fsst(Fsst),
    /// Codes into sorted entries.
    Dictionary { codes: Packed, entries: Box<Encoding>, count: u32 },
    /// The position after each run, and the runs' values.
    RunLength { ends: Packed, values: Box<Encoding>, count: u32 },
}

/// A column chunk, encoded.
pub(crate) struct EncodedChunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) layout: Layout,
    pub(crate) zone_map: ZoneMap,
    pub(crate) sketch: Sketch,
}

/// Encodes a column's lanes of one row group.
pub(crate) fn encode_chunk(values: &Values, validity: Option<&Bitmap>, ordered: bool) -> EncodedChunk {
    let values = &narrow(values, validity);
    let len = values.len();
    let mut zone_map = ZoneMap::of(values, validity, ordered);
    let mut bytes = Vec::new();
    let mut sketch = Sketch::default();
    let validity = validity.filter(|validity| validity.count_ones() < len);
    let (encoding, distinct) = if validity.is_some_and(|validity| validity.count_ones() == 0) {
        (Encoding::Null, 0)
    } else {
        add_to_sketch(values, validity, &mut sketch);
        (encode_values(values, validity, sketch.estimate(), &mut bytes), sketch.estimate())
    };
    zone_map.distinct_estimate = distinct.min(len as u64) as u32;
    let validity = match (&encoding, validity) {
        (Encoding::Null, _) | (_, None) => None,
        (_, Some(validity)) => {
            let position = align(&mut bytes);
            bytes.extend(validity.words().iter().flat_map(|word| word.to_le_bytes()));
            Some(position)
        }
    };
    align(&mut bytes);
    let layout = Layout { len: len as u32, lane_type: lane_type(values), validity, encoding };
    EncodedChunk { bytes, layout, zone_map, sketch }
}

fn lane_type(values: &Values) -> LaneType {
    match values {
        Values::Bool(_) => LaneType::Bool,
        Values::I16(_) => LaneType::I16,
        Values::I32(_) => LaneType::I32,
        Values::I64(_) => LaneType::I64,
        Values::F32(_) => LaneType::F32,
        Values::F64(_) => LaneType::F64,
        Values::Fixed64 { scale, .. } => LaneType::Fixed64(*scale),
        Values::Fixed128 { scale, .. } => LaneType::Fixed128(*scale),
        Values::Wide(_) => LaneType::Wide,
        Values::Views(_) => LaneType::Views,
    }
}

/// Pads to the alignment of the widest lane and returns the position.
pub(super) fn align(bytes: &mut Vec<u8>) -> u32 {
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    bytes.len() as u32
}

/// Turns 128-bit decimals that all fit into 64-bit ones.
fn narrow(values: &Values, validity: Option<&Bitmap>) -> Values {
    if let Values::Fixed128 { unscaled, scale } = values
        && let Some((ScanValue::Int(min), ScanValue::Int(max))) = crate::zone_map::bounds(values, validity)
        && i64::try_from(min).is_ok()
        && i64::try_from(max).is_ok()
    {
        return Values::Fixed64 {
            unscaled: unscaled.iter().map(|&lane| lane as i64).collect(),
            scale: *scale,
        };
    }
    values.clone()
}

fn add_to_sketch(values: &Values, validity: Option<&Bitmap>, sketch: &mut Sketch) {
    macro_rules! lanes {
        ($lanes:expr, $bytes:expr) => {
            for (lane, value) in $lanes.iter().enumerate() {
                if validity.is_none_or(|validity| validity.get(lane)) {
                    sketch.insert(&$bytes(*value));
                }
            }
        };
    }
    match values {
        Values::Bool(bits) => {
            let ones = bits.count_ones();
            [ones < bits.len(), ones > 0].iter().enumerate().filter(|(_, present)| **present).for_each(
                |(value, _)| {
                    sketch.insert(&(value as i64).to_le_bytes());
                },
            );
        }
        Values::I16(lanes) => lanes!(lanes, |lane: i16| i64::from(lane).to_le_bytes()),
        Values::I32(lanes) => lanes!(lanes, |lane: i32| i64::from(lane).to_le_bytes()),
        Values::I64(lanes) | Values::Fixed64 { unscaled: lanes, .. } => lanes!(lanes, i64::to_le_bytes),
        Values::F32(lanes) => lanes!(lanes, f32::to_le_bytes),
        Values::F64(lanes) => lanes!(lanes, f64::to_le_bytes),
        Values::Fixed128 { unscaled, .. } => lanes!(unscaled, i128::to_le_bytes),
        Values::Wide(lanes) => lanes!(lanes, u128::to_le_bytes),
        Values::Views(views) => {
            for (lane, bytes) in views.iter().enumerate() {
                if validity.is_none_or(|validity| validity.get(lane)) {
                    sketch.insert(bytes);
                }
            }
        }
    }
}

fn encode_values(values: &Values, validity: Option<&Bitmap>, distinct: u64, out: &mut Vec<u8>) -> Encoding {
    match values {
        Values::Bool(bits) => encode_bools(bits, validity, out),
        Values::I16(lanes) => encode_integers(lanes.iter().map(|&lane| lane.into()), validity, distinct, out),
        Values::I32(lanes) => encode_integers(lanes.iter().map(|&lane| lane.into()), validity, distinct, out),
        Values::I64(lanes) | Values::Fixed64 { unscaled: lanes, .. } => {
            encode_integers(lanes.iter().copied(), validity, distinct, out)
        }
        Values::F32(lanes) => encode_fixed(
            &lanes.iter().map(|lane| lane.to_bits()).collect::<Vec<_>>(),
            validity,
            distinct,
            out,
            |a, b| f32::from_bits(*a).total_cmp(&f32::from_bits(*b)),
            |lane| lane.to_le_bytes(),
        ),
        Values::F64(lanes) => encode_fixed(
            &lanes.iter().map(|lane| lane.to_bits()).collect::<Vec<_>>(),
            validity,
            distinct,
            out,
            |a, b| f64::from_bits(*a).total_cmp(&f64::from_bits(*b)),
            |lane| lane.to_le_bytes(),
        ),
        Values::Fixed128 { unscaled, .. } => {
            encode_fixed(unscaled, validity, distinct, out, Ord::cmp, |lane| lane.to_le_bytes())
        }
        Values::Wide(lanes) => {
            encode_fixed(lanes, validity, distinct, out, Ord::cmp, |lane| lane.to_le_bytes())
        }
        Values::Views(views) => encode_strings(views, validity, distinct, out),
    }
}

fn encode_bools(bits: &Bitmap, validity: Option<&Bitmap>, out: &mut Vec<u8>) -> Encoding {
    let valid = |lane: &usize| validity.is_none_or(|validity| validity.get(*lane));
    let mut lanes = (0..bits.len()).filter(valid).map(|lane| bits.get(lane));
    let first = lanes.next();
    let constant = first.filter(|first| lanes.all(|bit| bit == *first));
    let position = align(out);
    match constant {
        Some(bit) => {
            out.extend(u64::from(bit).to_le_bytes());
            Encoding::Constant(Box::new(Encoding::Bits(position)))
        }
        None => {
            out.extend(bits.words().iter().flat_map(|word| word.to_le_bytes()));
            Encoding::Bits(position)
        }
    }
}

/// A tuning constant: a run-length encoding must have at most one run for so many lanes.
const LANES_PER_RUN: usize = 8;

fn encode_integers(
    lanes: impl Iterator<Item = i64>,
    validity: Option<&Bitmap>,
    distinct: u64,
    out: &mut Vec<u8>,
) -> Encoding {
    let mut lanes: Vec<i64> = lanes.collect();
    let Some((min, max)) = crate::zone_map::extremes(lanes.iter().copied(), validity) else {
        return Encoding::Null;
    };
    if let Some(validity) = validity {
        for (lane, value) in lanes.iter_mut().enumerate() {
            if !validity.get(lane) {
                *value = min;
            }
        }
    }
    if min == max {
        return Encoding::Constant(Box::new(Encoding::Packed(Packed::pack(&[0], min.into(), 1, out))));
    }
    let mut units: Vec<u64> = lanes.iter().map(|lane| lane.wrapping_sub(min) as u64).collect();
    let divisor = common_divisor(&units);
    if divisor > 1 {
        units.iter_mut().for_each(|unit| *unit /= divisor);
    }
    let base = i128::from(min);
    let bits = 64 - (max.wrapping_sub(min) as u64 / divisor).leading_zeros() as usize;
    let runs = 1 + units.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if bits > 1 && runs * LANES_PER_RUN < units.len() {
        return encode_runs(&units, runs, base, divisor, out);
    }
    let code_bits = 64 - distinct.max(1).leading_zeros() as usize;
    if bits > 24 && code_bits * 2 < bits && distinct < 1 << 14 {
        return encode_integer_dictionary(&units, base, divisor, out);
    }
    Encoding::Packed(Packed::pack(&units, base, divisor, out))
}

/// Returns the greatest common divisor, at least 1.
fn common_divisor(units: &[u64]) -> u64 {
    let mut divisor = 0;
    for &unit in units {
        let (mut a, mut b) = (divisor, unit);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        divisor = a;
        if divisor == 1 {
            break;
        }
    }
    divisor.max(1)
}

fn encode_runs(units: &[u64], runs: usize, base: i128, divisor: u64, out: &mut Vec<u8>) -> Encoding {
    let (mut ends, mut values) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    for (lane, unit) in units.iter().enumerate() {
        if units.get(lane + 1) != Some(unit) {
            ends.push(lane as u64 + 1);
            values.push(*unit);
        }
    }
    let ends = Packed::pack(&ends, 0, 1, out);
    let values = Box::new(Encoding::Packed(Packed::pack(&values, base, divisor, out)));
    Encoding::RunLength { ends, values, count: runs as u32 }
}

fn encode_integer_dictionary(units: &[u64], base: i128, divisor: u64, out: &mut Vec<u8>) -> Encoding {
    let (entries, codes) = sorted_dictionary(units, Ord::cmp);
    let entries_packed = Packed::pack(&entries, base, divisor, out);
    Encoding::Dictionary {
        codes: Packed::pack(&codes, 0, 1, out),
        entries: Box::new(Encoding::Packed(entries_packed)),
        count: entries.len() as u32,
    }
}

/// Returns the distinct lanes in order and each lane's position among them.
fn sorted_dictionary<T: Copy + Eq + std::hash::Hash>(
    lanes: &[T],
    compare: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> (Vec<T>, Vec<u64>) {
    let mut positions: hashbrown::HashMap<T, u64, foldhash::fast::FixedState> = hashbrown::HashMap::default();
    for lane in lanes {
        positions.entry(*lane).or_insert(0);
    }
    let mut entries: Vec<T> = positions.keys().copied().collect();
    entries.sort_unstable_by(&compare);
    for (position, entry) in entries.iter().enumerate() {
        positions.insert(*entry, position as u64);
    }
    let codes = lanes.iter().map(|lane| positions.get(lane).copied().unwrap_or(0)).collect();
    (entries, codes)
}

/// Encodes lanes that are not packed: constant, dictionary or plain.
fn encode_fixed<T: Copy + Eq + std::hash::Hash, const N: usize>(
    lanes: &[T],
    validity: Option<&Bitmap>,
    distinct: u64,
    out: &mut Vec<u8>,
    compare: impl Fn(&T, &T) -> std::cmp::Ordering,
    to_bytes: impl Fn(T) -> [u8; N],
) -> Encoding {
    let valid = |lane: usize| validity.is_none_or(|validity| validity.get(lane));
    let Some(first) = (0..lanes.len()).find(|&lane| valid(lane)).map(|lane| lanes[lane]) else {
        return Encoding::Null;
    };
    let filled: Vec<T> =
        lanes.iter().enumerate().map(|(lane, value)| if valid(lane) { *value } else { first }).collect();
    let plain = |lanes: &[T], out: &mut Vec<u8>| {
        let position = align(out);
        out.extend(lanes.iter().flat_map(|lane| to_bytes(*lane)));
        Encoding::Plain(position)
    };
    if filled.iter().all(|lane| *lane == first) {
        return Encoding::Constant(Box::new(plain(&[first], out)));
    }
    if distinct.saturating_mul(8) < filled.len() as u64 {
        let (entries, codes) = sorted_dictionary(&filled, compare);
        if entries.len() <= 1 << 16 {
            let encoded = plain(&entries, out);
            return Encoding::Dictionary {
                codes: Packed::pack(&codes, 0, 1, out),
                entries: Box::new(encoded),
                count: entries.len() as u32,
            };
        }
    }
    plain(&filled, out)
}

impl Layout {
    /// Computes what is derived from what is stored, and checks that every part lies in `chunk_len` bytes.
    pub(crate) fn derive_and_check(&mut self, chunk_len: usize) -> bool {
        let len = self.len as usize;
        let validity_fits = self.validity.is_none_or(|position| {
            position.is_multiple_of(16) && position as usize + len.div_ceil(64) * 8 <= chunk_len
        });
        len <= crate::table::ROW_GROUP_ROWS
            && validity_fits
            && self.encoding.derive_and_check(self.lane_type, len, chunk_len)
    }
}

impl LaneType {
    /// Returns the bytes of a plain lane.
    fn lane_bytes(self) -> usize {
        match self {
            Self::Bool | Self::Views => 0,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 | Self::Fixed64(_) => 8,
            Self::Fixed128(_) | Self::Wide => 16,
        }
    }
}

impl Encoding {
    fn derive_and_check(&mut self, lane_type: LaneType, len: usize, chunk_len: usize) -> bool {
        let sound = |packed: &mut Packed, len: usize| {
            packed.derive();
            packed.len as usize == len && packed.multiplier > 0 && packed.is_sound(chunk_len)
        };
        match self {
            Self::Null => true,
            Self::Constant(inner) => inner.derive_and_check(lane_type, 1, chunk_len),
            Self::Packed(packed) => {
                matches!(lane_type, LaneType::I16 | LaneType::I32 | LaneType::I64 | LaneType::Fixed64(_))
                    && sound(packed, len)
            }
            Self::Plain(position) => {
                let bytes = lane_type.lane_bytes() * len;
                position.is_multiple_of(16) && bytes > 0 && *position as usize + bytes <= chunk_len
            }
            Self::Bits(position) => {
                lane_type == LaneType::Bool
                    && position.is_multiple_of(16)
                    && *position as usize + len.div_ceil(64) * 8 <= chunk_len
            }
            Self::Strings(strings) => {
                lane_type == LaneType::Views && strings.derive_and_check(len, chunk_len)
            }
            Self::Fsst(fsst) => lane_type == LaneType::Views && fsst.derive_and_check(len, chunk_len),
            Self::Dictionary { codes, entries, count } => {
                let count = *count as usize;
                let codes_fit =
                    sound(codes, len) && codes.greatest().is_some_and(|code| code < count as i128);
                codes_fit && count <= 1 << 16 && entries.derive_and_check(lane_type, count, chunk_len)
            }
            Self::RunLength { ends, values, count } => {
                let count = *count as usize;
                sound(ends, count)
                    && ends.greatest() == Some(len as i128)
                    && values.derive_and_check(lane_type, count, chunk_len)
            }
        }
    }
}
