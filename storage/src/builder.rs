//! Appending vectors of any form to plain lanes of one column.

use kernels::vector::{Bitmap, Values, Vector, VectorData, Views, ViewsBuilder};
use types::PhysicalType;

use crate::error::{Result, StorageError};
use crate::heap::row::Lane;
use crate::table::ColumnDefinition;

/// Plain lanes that grow.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    lanes: Lanes,
    /// Present from the first null on.
    validity: Option<Vec<u64>>,
    len: usize,
}

#[derive(Debug)]
enum Lanes {
    Bool(Vec<u64>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Fixed64(Vec<i64>, u8),
    Fixed128(Vec<i128>, u8),
    Wide(Vec<u128>),
    Views(ViewsBuilder),
}

impl ColumnBuilder {
    /// Returns an empty builder for `column`.
    pub(crate) fn new(column: &ColumnDefinition, capacity: usize) -> Self {
        let lanes = match (column.physical, column.fixed_scale) {
            (PhysicalType::Bool, _) => Lanes::Bool(Vec::with_capacity(capacity.div_ceil(64))),
            (PhysicalType::I16, _) => Lanes::I16(Vec::with_capacity(capacity)),
            (PhysicalType::I32, _) => Lanes::I32(Vec::with_capacity(capacity)),
            (PhysicalType::I64, _) => Lanes::I64(Vec::with_capacity(capacity)),
            (PhysicalType::F32, _) => Lanes::F32(Vec::with_capacity(capacity)),
            (PhysicalType::F64, _) => Lanes::F64(Vec::with_capacity(capacity)),
            (PhysicalType::Numeric, Some(scale)) => Lanes::Fixed64(Vec::with_capacity(capacity), scale),
            (PhysicalType::Interval | PhysicalType::Uuid, _) => Lanes::Wide(Vec::with_capacity(capacity)),
            (PhysicalType::Numeric, None) | (PhysicalType::Text | PhysicalType::Bytes, _) => {
                Lanes::Views(ViewsBuilder::with_capacity(capacity))
            }
        };
        Self { lanes, validity: None, len: 0 }
    }

    /// Returns one lane of the column's lane type.
    pub(crate) fn zero(column: &ColumnDefinition) -> Values {
        let mut builder = Self::new(column, 1);
        builder.push_zero();
        builder.finish().0
    }

    /// Appends a value that nobody looks at.
    pub(crate) fn push_zero(&mut self) {
        self.push_zero_lane();
        if let Some(words) = &mut self.validity {
            push_bit(words, self.len, true);
        }
        self.len += 1;
    }

    fn push_zero_lane(&mut self) {
        match &mut self.lanes {
            Lanes::Bool(words) => push_bit(words, self.len, false),
            Lanes::I16(lanes) => lanes.push(0),
            Lanes::I32(lanes) => lanes.push(0),
            Lanes::I64(lanes) | Lanes::Fixed64(lanes, _) => lanes.push(0),
            Lanes::F32(lanes) => lanes.push(0.0),
            Lanes::F64(lanes) => lanes.push(0.0),
            Lanes::Fixed128(lanes, _) => lanes.push(0),
            Lanes::Wide(lanes) => lanes.push(0),
            Lanes::Views(views) => views.push(b""),
        }
    }

    /// Appends one value.
    pub(crate) fn push(&mut self, value: Lane<'_>) -> Result<()> {
        let len = self.len;
        match (&mut self.lanes, value) {
            (_, Lane::Null) => {
                self.push_zero_lane();
                let words = self.validity.get_or_insert_with(|| {
                    let mut words = Vec::new();
                    append_ones(&mut words, 0, len);
                    words
                });
                push_bit(words, len, false);
                self.len += 1;
                return Ok(());
            }
            (Lanes::Bool(words), Lane::Bool(flag)) => push_bit(words, len, flag),
            (Lanes::I16(lanes), Lane::I16(value)) => lanes.push(value),
            (Lanes::I32(lanes), Lane::I32(value)) => lanes.push(value),
            (Lanes::I64(lanes), Lane::I64(value)) => lanes.push(value),
            (Lanes::F32(lanes), Lane::F32(value)) => lanes.push(value),
            (Lanes::F64(lanes), Lane::F64(value)) => lanes.push(value),
            (Lanes::Fixed128(lanes, _), Lane::Fixed(value)) => lanes.push(value),
            (Lanes::Wide(lanes), Lane::Wide(value)) => lanes.push(value),
            (Lanes::Views(lanes), Lane::Bytes(value)) => lanes.push(value),
            (Lanes::Fixed64(lanes, scale), Lane::Fixed(value)) => match i64::try_from(value) {
                Ok(value) => lanes.push(value),
                Err(_) => {
                    let mut wide: Vec<i128> = lanes.iter().map(|&lane| lane.into()).collect();
                    wide.push(value);
                    self.lanes = Lanes::Fixed128(wide, *scale);
                }
            },
            _ => return Err(mismatch()),
        }
        if let Some(words) = &mut self.validity {
            push_bit(words, len, true);
        }
        self.len += 1;
        Ok(())
    }

    /// Returns the number of lanes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the bytes of strings held outside the lanes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.lanes {
            Lanes::Views(views) => views.heap_bytes(),
            Lanes::Bool(_)
            | Lanes::I16(_)
            | Lanes::I32(_)
            | Lanes::I64(_)
            | Lanes::F32(_)
            | Lanes::F64(_)
            | Lanes::Fixed64(..)
            | Lanes::Fixed128(..)
            | Lanes::Wide(_) => 0,
        }
    }

    /// Appends lanes `from..from + count` of `vector`.
    pub(crate) fn append(&mut self, vector: &Vector, from: usize, count: usize) -> Result<()> {
        assert!(from + count <= vector.len());
        self.widen_for(vector.values());
        match &vector.data {
            VectorData::Flat(values) => {
                let lanes = from..from + count;
                append_flat(&mut self.lanes, self.len, values, lanes)?;
            }
            VectorData::Constant(values) => {
                append_mapped(&mut self.lanes, self.len, values, (0..count).map(|_| 0))?;
            }
            VectorData::Dictionary { codes, dictionary } => {
                let codes = codes[from..from + count].iter().map(|&code| usize::from(code));
                append_mapped(&mut self.lanes, self.len, dictionary, codes)?;
            }
        }
        self.append_validity(vector.validity.as_ref(), from, count);
        self.len += count;
        Ok(())
    }

    fn append_validity(&mut self, validity: Option<&Bitmap>, from: usize, count: usize) {
        match (validity, &mut self.validity) {
            (None, None) => {}
            (None, Some(words)) => append_ones(words, self.len, count),
            (Some(bits), Some(words)) => append_bits(words, self.len, bits, from, count),
            (Some(bits), none @ None) => {
                let mut words = Vec::with_capacity((self.len + count).div_ceil(64));
                append_ones(&mut words, 0, self.len);
                append_bits(&mut words, self.len, bits, from, count);
                *none = Some(words);
            }
        }
    }

    /// Turns 64-bit decimals into 128-bit ones when `values` are.
    fn widen_for(&mut self, values: &Values) {
        if let (Lanes::Fixed64(lanes, scale), Values::Fixed128 { .. }) = (&self.lanes, values) {
            self.lanes = Lanes::Fixed128(lanes.iter().map(|&lane| i128::from(lane)).collect(), *scale);
        }
    }

    /// Returns the lanes and their validity (`None` when nothing is null).
    pub(crate) fn finish(self) -> (Values, Option<Bitmap>) {
        let len = self.len;
        let values = match self.lanes {
            Lanes::Bool(words) => Values::Bool(Bitmap::from_words(words, len)),
            Lanes::I16(lanes) => Values::I16(lanes.into()),
            Lanes::I32(lanes) => Values::I32(lanes.into()),
            Lanes::I64(lanes) => Values::I64(lanes.into()),
            Lanes::F32(lanes) => Values::F32(lanes.into()),
            Lanes::F64(lanes) => Values::F64(lanes.into()),
            Lanes::Fixed64(lanes, scale) => Values::Fixed64 { unscaled: lanes.into(), scale },
            Lanes::Fixed128(lanes, scale) => Values::Fixed128 { unscaled: lanes.into(), scale },
            Lanes::Wide(lanes) => Values::Wide(lanes.into()),
            Lanes::Views(views) => Values::Views(views.finish()),
        };
        let validity = self
            .validity
            .map(|words| Bitmap::from_words(words, len))
            .filter(|validity| validity.count_ones() < len);
        (values, validity)
    }

    /// Returns the lanes as one flat vector.
    pub(crate) fn finish_vector(self) -> Vector {
        let (values, validity) = self.finish();
        Vector::flat(values, validity)
    }
}

fn mismatch() -> StorageError {
    StorageError::Misuse("a vector's lane type differs from its column's".to_owned())
}

fn append_flat(lanes: &mut Lanes, len: usize, values: &Values, range: std::ops::Range<usize>) -> Result<()> {
    match (lanes, values) {
        (Lanes::Bool(words), Values::Bool(bits)) => append_bits(words, len, bits, range.start, range.len()),
        (Lanes::I16(lanes), Values::I16(from)) => lanes.extend_from_slice(&from[range]),
        (Lanes::I32(lanes), Values::I32(from)) => lanes.extend_from_slice(&from[range]),
        (Lanes::I64(lanes), Values::I64(from)) => lanes.extend_from_slice(&from[range]),
        (Lanes::F32(lanes), Values::F32(from)) => lanes.extend_from_slice(&from[range]),
        (Lanes::F64(lanes), Values::F64(from)) => lanes.extend_from_slice(&from[range]),
        (Lanes::Fixed64(lanes, scale), Values::Fixed64 { unscaled, scale: from }) if scale == from => {
            lanes.extend_from_slice(&unscaled[range]);
        }
        (Lanes::Fixed128(lanes, scale), Values::Fixed128 { unscaled, scale: from }) if scale == from => {
            lanes.extend_from_slice(&unscaled[range]);
        }
        (Lanes::Fixed128(lanes, scale), Values::Fixed64 { unscaled, scale: from }) if scale == from => {
            lanes.extend(unscaled[range].iter().map(|&lane| i128::from(lane)));
        }
        (Lanes::Wide(lanes), Values::Wide(from)) => lanes.extend_from_slice(&from[range]),
        (Lanes::Views(lanes), Values::Views(from)) => append_views(lanes, from, range),
        _ => return Err(mismatch()),
    }
    Ok(())
}

fn append_views(lanes: &mut ViewsBuilder, from: &Views, positions: impl Iterator<Item = usize>) {
    for position in positions {
        lanes.push(from.get(position));
    }
}

fn append_mapped(
    lanes: &mut Lanes,
    len: usize,
    values: &Values,
    positions: impl Iterator<Item = usize>,
) -> Result<()> {
    match (lanes, values) {
        (Lanes::Bool(words), Values::Bool(bits)) => {
            for (lane, position) in positions.enumerate() {
                push_bit(words, len + lane, bits.get(position));
            }
        }
        (Lanes::I16(lanes), Values::I16(from)) => lanes.extend(positions.map(|p| from[p])),
        (Lanes::I32(lanes), Values::I32(from)) => lanes.extend(positions.map(|p| from[p])),
        (Lanes::I64(lanes), Values::I64(from)) => lanes.extend(positions.map(|p| from[p])),
        (Lanes::F32(lanes), Values::F32(from)) => lanes.extend(positions.map(|p| from[p])),
        (Lanes::F64(lanes), Values::F64(from)) => lanes.extend(positions.map(|p| from[p])),
        (Lanes::Fixed64(lanes, scale), Values::Fixed64 { unscaled, scale: from }) if scale == from => {
            lanes.extend(positions.map(|p| unscaled[p]));
        }
        (Lanes::Fixed128(lanes, scale), Values::Fixed128 { unscaled, scale: from }) if scale == from => {
            lanes.extend(positions.map(|p| unscaled[p]));
        }
        (Lanes::Fixed128(lanes, scale), Values::Fixed64 { unscaled, scale: from }) if scale == from => {
            lanes.extend(positions.map(|p| i128::from(unscaled[p])));
        }
        (Lanes::Wide(lanes), Values::Wide(from)) => lanes.extend(positions.map(|p| from[p])),
        (Lanes::Views(lanes), Values::Views(from)) => append_views(lanes, from, positions),
        _ => return Err(mismatch()),
    }
    Ok(())
}

fn push_bit(words: &mut Vec<u64>, position: usize, bit: bool) {
    if position.is_multiple_of(64) {
        words.push(0);
    }
    if let Some(word) = words.last_mut() {
        *word |= u64::from(bit) << (position % 64);
    }
}

/// Appends `count` bits of `bits` from `from` to `words`, which hold `len` bits.
fn append_bits(words: &mut Vec<u64>, len: usize, bits: &Bitmap, from: usize, count: usize) {
    append_words(words, len, count, |index| {
        let (word, shift) = ((from + index) / 64, (from + index) % 64);
        let low = bits.words()[word] >> shift;
        match (shift, bits.words().get(word + 1)) {
            (0, _) | (_, None) => low,
            (shift, Some(next)) => low | next << (64 - shift),
        }
    });
}

fn append_ones(words: &mut Vec<u64>, len: usize, count: usize) {
    append_words(words, len, count, |_| u64::MAX);
}

/// Appends `count` bits; `source(i)` gives the 64 bits from bit `i` on (those past `count` are ignored).
fn append_words(words: &mut Vec<u64>, len: usize, count: usize, source: impl Fn(usize) -> u64) {
    words.resize((len + count).div_ceil(64), 0);
    for index in (0..count).step_by(64) {
        let bits = (count - index).min(64);
        let value = if bits == 64 { source(index) } else { source(index) & ((1 << bits) - 1) };
        let (word, shift) = ((len + index) / 64, (len + index) % 64);
        words[word] |= value << shift;
        if shift + bits > 64 {
            words[word + 1] |= value >> (64 - shift);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lanes that nobody looks at lie between nulls and values where rows of other snapshots do.
    #[test]
    fn unseen_lanes_have_a_validity_bit_too() {
        let column = ColumnDefinition {
            name: "a".to_owned(),
            physical: PhysicalType::I32,
            fixed_scale: None,
            nullable: true,
        };
        let mut builder = ColumnBuilder::new(&column, 300);
        for lane in 0..300 {
            match lane % 3 {
                0 => builder.push(Lane::Null).unwrap(),
                1 => builder.push_zero(),
                _ => builder.push(Lane::I32(lane)).unwrap(),
            }
        }
        let vector = builder.finish_vector();
        assert_eq!(vector.len(), 300);
        for lane in 0..300 {
            assert_eq!(vector.is_null(lane), lane % 3 == 0, "lane {lane}");
        }
    }
}
