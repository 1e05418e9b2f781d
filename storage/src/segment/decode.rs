//! Reading encoded column chunks: vectors, chosen lanes, predicates.

use std::sync::{Arc, OnceLock};

use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};
use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector, Views};

use super::bitpack::Packed;
use super::encoding::{Encoding, LaneType, Layout};
use super::strings::SymbolTable;
use crate::error::Result;
use crate::filter;
use crate::predicate::{RangeEnd, ScanPredicate, ScanValue};

/// What is decoded once per chunk and kept.
#[derive(Debug)]
pub(crate) enum Kept {
    /// The entries of a dictionary, or the single lane of a constant.
    Entries(Arc<Values>),
    /// Ends and values of runs.
    Runs(Vec<u32>, Values),
    /// Symbols of compressed strings.
    Symbols(SymbolTable),
    /// The encoding needs nothing.
    Nothing,
}

/// A column chunk: its bytes (verified), its layout, and what is kept decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub(crate) bytes: &'a Buffer,
    pub(crate) layout: &'a Layout,
    pub(crate) kept: &'a OnceLock<Kept>,
}

impl<'a> Chunk<'a> {
    fn lanes(&self, vector_index: usize) -> usize {
        (self.layout.len as usize).saturating_sub(vector_index * VECTOR_LANES).min(VECTOR_LANES)
    }

    pub(super) fn kept(&self) -> Option<&'a Kept> {
        if self.kept.get().is_none() {
            let lane_type = self.layout.lane_type;
            let kept = match &self.layout.encoding {
                Encoding::Constant(inner) => Kept::Entries(Arc::new(self.decode_small(inner, lane_type, 1)?)),
                Encoding::Dictionary { entries, count, .. } => {
                    Kept::Entries(Arc::new(self.decode_small(entries, lane_type, *count as usize)?))
                }
                Encoding::RunLength { ends, values, count } => {
                    let ends =
                        unpack_all(ends, self.bytes, |base| base as u32, |base, unit, _| base + unit as u32);
                    Kept::Runs(ends, self.decode_small(values, lane_type, *count as usize)?)
                }
                Encoding::Fsst(fsst) => Kept::Symbols(fsst.symbol_table()),
                Encoding::Null
                | Encoding::Packed(_)
                | Encoding::Plain(_)
                | Encoding::Bits(_)
                | Encoding::Strings(_) => Kept::Nothing,
            };
            // Another thread may have been quicker; its dictionary is the one that everybody uses.
            let _ = self.kept.set(kept);
        }
        self.kept.get()
    }

    /// Decodes all of an inner encoding.
    fn decode_small(&self, encoding: &Encoding, lane_type: LaneType, len: usize) -> Option<Values> {
        match encoding {
            Encoding::Packed(packed) => unpack_values(packed, self.bytes, lane_type, None),
            Encoding::Plain(position) => Some(plain_values(self.bytes, *position, lane_type, 0, len)),
            Encoding::Bits(position) => Some(Values::Bool(bits_at(self.bytes, *position, 0, len))),
            Encoding::Strings(strings) => strings.decode_all(self.bytes).map(Values::Views),
            Encoding::Null
            | Encoding::Constant(_)
            | Encoding::Fsst(_)
            | Encoding::Dictionary { .. }
            | Encoding::RunLength { .. } => None,
        }
    }

    /// Returns the validity of a vector; `None` when nothing is null.
    fn validity(&self, vector_index: usize) -> Option<Bitmap> {
        let position = self.layout.validity?;
        let lanes = self.lanes(vector_index);
        let validity = bits_at(self.bytes, position, vector_index * VECTOR_LANES, lanes);
        (validity.count_ones() < lanes).then_some(validity)
    }

    /// Returns a vector; `None` when the chunk contradicts itself.
    pub(crate) fn vector(&self, vector_index: usize) -> Option<Vector> {
        let lanes = self.lanes(vector_index);
        let (bytes, lane_type) = (self.bytes, self.layout.lane_type);
        let validity = self.validity(vector_index);
        let values = match (&self.layout.encoding, self.kept()?) {
            (Encoding::Null, _) => return Some(Vector::null(zero(lane_type), lanes)),
            (Encoding::Constant(_), Kept::Entries(value)) => {
                let mut vector = Vector::constant(Values::clone(value), lanes);
                vector.validity = validity;
                return Some(vector);
            }
            (Encoding::Packed(packed), _) => unpack_values(packed, bytes, lane_type, Some(vector_index))?,
            (Encoding::Plain(position), _) => {
                plain_values(bytes, *position, lane_type, vector_index * VECTOR_LANES, lanes)
            }
            (Encoding::Bits(position), _) => {
                Values::Bool(bits_at(bytes, *position, vector_index * VECTOR_LANES, lanes))
            }
            (Encoding::Strings(strings), _) => Values::Views(strings.decode(bytes, vector_index)?),
            (Encoding::Fsst(fsst), Kept::Symbols(table)) => {
                Values::Views(fsst.decode(table, bytes, vector_index)?)
            }
            (Encoding::Dictionary { codes, .. }, Kept::Entries(entries)) => {
                let codes =
                    codes.unpack(bytes, vector_index, |base| base as u16, |base, unit, _| base + unit as u16);
                return Some(Vector::dictionary(codes.into(), Arc::clone(entries), validity));
            }
            (Encoding::RunLength { .. }, Kept::Runs(ends, values)) => {
                values.gather(&run_positions(ends, vector_index * VECTOR_LANES, lanes))
            }
            _ => return None,
        };
        Some(Vector::flat(values, validity))
    }

    /// Returns lanes of a vector.
    pub(crate) fn vector_at(&self, vector_index: usize, positions: &[u16]) -> Option<Vector> {
        let lanes = self.lanes(vector_index);
        assert!(positions.iter().all(|&position| usize::from(position) < lanes));
        let few = positions.len() * 8 < lanes;
        let validity = || self.validity(vector_index).map(|validity| validity.gather(positions));
        match (&self.layout.encoding, self.kept()?) {
            (Encoding::Packed(packed), _) if few => {
                let values = packed_at(packed, self.bytes, self.layout.lane_type, vector_index, positions)?;
                Some(Vector::flat(values, validity()))
            }
            (Encoding::Dictionary { codes, .. }, Kept::Entries(entries)) if few => {
                let code = |&position: &u16| codes.unit_at(self.bytes, vector_index, position.into()) as u16;
                let codes: ScalarBuffer<u16> = positions.iter().map(code).collect();
                Some(Vector::dictionary(codes, Arc::clone(entries), validity()))
            }
            (Encoding::Strings(strings), _) => Some(Vector::flat(
                Values::Views(strings.decode_at(self.bytes, vector_index, positions)?),
                validity(),
            )),
            (Encoding::Fsst(fsst), Kept::Symbols(table)) => {
                let views = fsst.decode_at(table, self.bytes, vector_index, positions)?;
                Some(Vector::flat(Values::Views(views), validity()))
            }
            _ => Some(self.vector(vector_index)?.gather(positions)),
        }
    }

    /// Clears the bits of lanes that do not qualify; `None` when the chunk contradicts itself.
    pub(crate) fn filter(
        &self,
        vector_index: usize,
        predicate: &ScanPredicate,
        mask: &mut [u64],
    ) -> Option<Result<()>> {
        assert_eq!(mask.len(), self.lanes(vector_index).div_ceil(64));
        match predicate {
            ScanPredicate::IsNull | ScanPredicate::NotNull => {
                self.filter_nulls(vector_index, matches!(predicate, ScanPredicate::IsNull), mask);
                return Some(Ok(()));
            }
            ScanPredicate::Range { .. }
            | ScanPredicate::Equals(_)
            | ScanPredicate::NotEquals(_)
            | ScanPredicate::In(_)
            | ScanPredicate::DictionaryMask(_)
            | ScanPredicate::Key(_) => {}
        }
        match (&self.layout.encoding, self.kept()?) {
            (Encoding::Packed(packed), _) if is_comparison(predicate) => {
                if let Err(error) = filter_packed(packed, self.bytes, vector_index, predicate, mask) {
                    return Some(Err(error));
                }
            }
            (Encoding::Dictionary { codes, .. }, Kept::Entries(entries)) if is_range(predicate) => {
                match code_range(entries, predicate) {
                    Some(Some((low, high))) => codes.filter(self.bytes, vector_index, low, high, mask),
                    Some(None) => mask.fill(0),
                    None => return Some(filter::filter_vector(&self.vector(vector_index)?, predicate, mask)),
                }
            }
            _ => return Some(filter::filter_vector(&self.vector(vector_index)?, predicate, mask)),
        }
        if let Some(validity) = self.validity(vector_index) {
            filter::and(mask, validity.words());
        }
        Some(Ok(()))
    }

    fn filter_nulls(&self, vector_index: usize, want_null: bool, mask: &mut [u64]) {
        match (&self.layout.encoding, self.validity(vector_index), want_null) {
            (Encoding::Null, _, true) | (_, None, false) => {}
            (Encoding::Null, _, false) | (_, None, true) => mask.fill(0),
            (_, Some(validity), true) => filter::and_not(mask, validity.words()),
            (_, Some(validity), false) => filter::and(mask, validity.words()),
        }
        if matches!(self.layout.encoding, Encoding::Null) && !want_null {
            mask.fill(0);
        }
    }

    /// Returns the dictionary of a chunk that is encoded so.
    pub(crate) fn dictionary(&self) -> Option<&Arc<Values>> {
        match (&self.layout.encoding, self.kept()?) {
            (Encoding::Dictionary { .. }, Kept::Entries(entries)) => Some(entries),
            _ => None,
        }
    }

    /// Clears the bits of lanes whose dictionary entry's bit is clear; false for other encodings.
    pub(crate) fn filter_by_entry(&self, vector_index: usize, matching: &Bitmap, mask: &mut [u64]) -> bool {
        let Encoding::Dictionary { codes, count, .. } = &self.layout.encoding else { return false };
        if matching.len() < *count as usize {
            return false;
        }
        let codes =
            codes.unpack(self.bytes, vector_index, |base| base as u16, |base, unit, _| base + unit as u16);
        filter::filter_codes(&codes, matching, mask);
        if let Some(validity) = self.validity(vector_index) {
            filter::and(mask, validity.words());
        }
        true
    }
}

fn is_range(predicate: &ScanPredicate) -> bool {
    matches!(predicate, ScanPredicate::Range { .. } | ScanPredicate::Equals(_))
}

fn is_comparison(predicate: &ScanPredicate) -> bool {
    is_range(predicate) || matches!(predicate, ScanPredicate::NotEquals(_) | ScanPredicate::In(_))
}

fn filter_packed(
    packed: &Packed,
    bytes: &Buffer,
    vector_index: usize,
    predicate: &ScanPredicate,
    mask: &mut [u64],
) -> Result<()> {
    let equals = |value: &ScanValue, mask: &mut [u64]| -> Result<()> {
        let end = RangeEnd { value: value.clone(), inclusive: true };
        match filter::integer_range(Some(&end), Some(&end), i128::MIN, i128::MAX)? {
            None => mask.fill(0),
            Some((low, high)) => packed.filter(bytes, vector_index, low, high, mask),
        }
        Ok(())
    };
    match predicate {
        ScanPredicate::Range { low, high } => {
            match filter::integer_range(low.as_ref(), high.as_ref(), i128::MIN, i128::MAX)? {
                None => mask.fill(0),
                Some((low, high)) => packed.filter(bytes, vector_index, low, high, mask),
            }
        }
        ScanPredicate::Equals(value) => equals(value, mask)?,
        ScanPredicate::NotEquals(value) => {
            let mut equal = vec![u64::MAX; mask.len()];
            equals(value, &mut equal)?;
            filter::and_not(mask, &equal);
        }
        ScanPredicate::In(values) => {
            let mut any = vec![0; mask.len()];
            for value in values {
                let mut equal = mask.to_vec();
                equals(value, &mut equal)?;
                any.iter_mut().zip(&equal).for_each(|(any, equal)| *any |= equal);
            }
            filter::and(mask, &any);
        }
        ScanPredicate::IsNull
        | ScanPredicate::NotNull
        | ScanPredicate::DictionaryMask(_)
        | ScanPredicate::Key(_) => {}
    }
    Ok(())
}

/// Returns the codes (inclusive) of the sorted entries within a range; `None` when it must be done by entry.
fn code_range(entries: &Values, predicate: &ScanPredicate) -> Option<Option<(i128, i128)>> {
    let (low, high) = match predicate {
        ScanPredicate::Range { low, high } => (low.clone(), high.clone()),
        ScanPredicate::Equals(value) => {
            let end = RangeEnd { value: value.clone(), inclusive: true };
            (Some(end.clone()), Some(end))
        }
        ScanPredicate::NotEquals(_)
        | ScanPredicate::In(_)
        | ScanPredicate::IsNull
        | ScanPredicate::NotNull
        | ScanPredicate::DictionaryMask(_)
        | ScanPredicate::Key(_) => return None,
    };
    let Values::Views(views) = entries else { return None };
    let first = match &low {
        None => 0,
        Some(RangeEnd { value: ScanValue::Bytes(low), inclusive }) => {
            partition_point(views, |entry| entry < low.as_slice() || !inclusive && entry == low.as_slice())
        }
        Some(_) => return None,
    };
    let end = match &high {
        None => views.len(),
        Some(RangeEnd { value: ScanValue::Bytes(high), inclusive }) => {
            partition_point(views, |entry| entry < high.as_slice() || *inclusive && entry == high.as_slice())
        }
        Some(_) => return None,
    };
    Some((first < end).then(|| (first as i128, end as i128 - 1)))
}

fn partition_point(views: &Views, before: impl Fn(&[u8]) -> bool) -> usize {
    let (mut low, mut high) = (0, views.len());
    while low < high {
        let middle = low.midpoint(high);
        if before(views.get(middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Returns for each lane from `first` on the index of its run.
fn run_positions(ends: &[u32], first: usize, lanes: usize) -> Vec<u16> {
    let mut run = ends.partition_point(|&end| end as usize <= first);
    let mut positions = Vec::with_capacity(lanes);
    while positions.len() < lanes && run < ends.len() {
        let until = (ends[run] as usize - first).min(lanes);
        positions.resize(until, run as u16);
        run += 1;
    }
    positions
}

fn unpack_all<O: Copy + Default>(
    packed: &Packed,
    bytes: &[u8],
    lane: impl Fn(i128) -> O + Copy,
    add: impl Fn(O, u64, u64) -> O + Copy,
) -> Vec<O> {
    let vectors = (packed.len as usize).div_ceil(VECTOR_LANES);
    (0..vectors).flat_map(|vector_index| packed.unpack(bytes, vector_index, lane, add)).collect()
}

/// Unpacks a vector, or all.
fn unpack_values(
    packed: &Packed,
    bytes: &[u8],
    lane_type: LaneType,
    vector: Option<usize>,
) -> Option<Values> {
    macro_rules! lanes {
        ($lane:ty, $unit:ty) => {{
            let lane = |base: i128| base as $lane;
            // Lanes are at least as wide as what is packed, so wrapping arithmetic in them is exact.
            let add = |base: $lane, unit: u64, multiplier: u64| {
                base.wrapping_add((unit as $unit).wrapping_mul(multiplier as $unit) as $lane)
            };
            match vector {
                Some(vector_index) => packed.unpack(bytes, vector_index, lane, add).into(),
                None => unpack_all(packed, bytes, lane, add).into(),
            }
        }};
    }
    Some(match lane_type {
        LaneType::I16 => Values::I16(lanes!(i16, u16)),
        LaneType::I32 => Values::I32(lanes!(i32, u32)),
        LaneType::I64 => Values::I64(lanes!(i64, u64)),
        LaneType::Fixed64(scale) => Values::Fixed64 { unscaled: lanes!(i64, u64), scale },
        LaneType::Bool
        | LaneType::F32
        | LaneType::F64
        | LaneType::Fixed128(_)
        | LaneType::Wide
        | LaneType::Views => return None,
    })
}

fn packed_at(
    packed: &Packed,
    bytes: &[u8],
    lane_type: LaneType,
    vector_index: usize,
    positions: &[u16],
) -> Option<Values> {
    macro_rules! lanes {
        ($lane:ty) => {
            positions
                .iter()
                .map(|&position| {
                    let unit = packed.unit_at(bytes, vector_index, position.into());
                    packed.base.wrapping_add(i128::from(unit) * i128::from(packed.multiplier)) as $lane
                })
                .collect()
        };
    }
    Some(match lane_type {
        LaneType::I16 => Values::I16(lanes!(i16)),
        LaneType::I32 => Values::I32(lanes!(i32)),
        LaneType::I64 => Values::I64(lanes!(i64)),
        LaneType::Fixed64(scale) => Values::Fixed64 { unscaled: lanes!(i64), scale },
        LaneType::Bool
        | LaneType::F32
        | LaneType::F64
        | LaneType::Fixed128(_)
        | LaneType::Wide
        | LaneType::Views => return None,
    })
}

/// Returns mapped lanes; nothing is copied.
fn plain_values(bytes: &Buffer, position: u32, lane_type: LaneType, first: usize, len: usize) -> Values {
    fn lanes<T: ArrowNativeType>(bytes: &Buffer, position: u32, first: usize, len: usize) -> ScalarBuffer<T> {
        ScalarBuffer::new(bytes.clone(), position as usize / size_of::<T>() + first, len)
    }
    match lane_type {
        LaneType::I16 => Values::I16(lanes(bytes, position, first, len)),
        LaneType::I32 => Values::I32(lanes(bytes, position, first, len)),
        LaneType::I64 => Values::I64(lanes(bytes, position, first, len)),
        LaneType::F32 => Values::F32(lanes(bytes, position, first, len)),
        LaneType::F64 => Values::F64(lanes(bytes, position, first, len)),
        LaneType::Fixed64(scale) => Values::Fixed64 { unscaled: lanes(bytes, position, first, len), scale },
        LaneType::Fixed128(scale) => Values::Fixed128 { unscaled: lanes(bytes, position, first, len), scale },
        // Not reached: layouts are checked when a segment is opened. Zeros are better than a panic.
        LaneType::Bool | LaneType::Views => zero(lane_type).repeat(len),
        LaneType::Wide => Values::Wide(lanes(bytes, position, first, len)),
    }
}

/// Returns `len` bits from bit `first` (a multiple of 64) on.
fn bits_at(bytes: &Buffer, position: u32, first: usize, len: usize) -> Bitmap {
    let words: ScalarBuffer<u64> =
        ScalarBuffer::new(bytes.clone(), position as usize / 8 + first / 64, len.div_ceil(64));
    if len.is_multiple_of(64) {
        Bitmap::from_shared(words, len)
    } else {
        Bitmap::from_words(words.to_vec(), len)
    }
}

/// Returns one zero lane.
pub(crate) fn zero(lane_type: LaneType) -> Values {
    match lane_type {
        LaneType::Bool => Values::Bool(Bitmap::zeros(1)),
        LaneType::I16 => Values::I16(vec![0].into()),
        LaneType::I32 => Values::I32(vec![0].into()),
        LaneType::I64 => Values::I64(vec![0].into()),
        LaneType::F32 => Values::F32(vec![0.0].into()),
        LaneType::F64 => Values::F64(vec![0.0].into()),
        LaneType::Fixed64(scale) => Values::Fixed64 { unscaled: vec![0].into(), scale },
        LaneType::Fixed128(scale) => Values::Fixed128 { unscaled: vec![0].into(), scale },
        LaneType::Wide => Values::Wide(vec![0].into()),
        LaneType::Views => Values::Views(Views { views: vec![0].into(), buffers: Vec::new().into() }),
    }
}
