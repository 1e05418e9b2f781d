//! Rows as point statements read and write them: one run of bytes.
//!
//! ```text
//! null bits | fixed part: a place for every column | origin | strings
//! ```
//! The origin is the number of the transaction that has made the row (its last 32 bits).
//! The place of a string holds its offset and length. A decimal has eight bytes; one that does not fit is a string of
//! sixteen bytes, and its place holds the offset below the least 64-bit numbers, which are decimals of that kind, too.

use std::sync::Arc;

use kernels::vector::{Values, Vector};
use types::{Datum, Interval, Numeric, Oid, PhysicalType, oids};

use crate::error::{Result, StorageError};
use crate::table::ColumnDefinition;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lane<'a> {
    /// Null.
    Null,
    /// A bool.
    Bool(bool),
    /// See [`PhysicalType::I16`].
    I16(i16),
    /// See [`PhysicalType::I32`].
    I32(i32),
    /// See [`PhysicalType::I64`].
    I64(i64),
    /// See [`PhysicalType::F32`].
    F32(f32),
    /// See [`PhysicalType::F64`].
    F64(f64),
    /// A decimal at its column's scale.
    Fixed(i128),
    /// A uuid or an interval.
    Wide(u128),
    /// Text, bytes, exact decimals, and all that is kept as bytes.
    Bytes(&'a [u8]),
}

/// Where the columns are in a row's bytes.
#[derive(Debug, Clone)]
pub(crate) struct RowLayout {
    columns: Arc<[ColumnDefinition]>,
    offsets: Vec<u32>,
    /// Where the origin is.
    origin_at: usize,
    /// Bytes before the strings.
    fixed_bytes: usize,
}

/// A row, read.
#[derive(Debug, Clone)]
pub struct StoredRow {
    pub(crate) layout: Arc<RowLayout>,
    pub(crate) bytes: Box<[u8]>,
}

/// A decimal whose place holds less than this is kept outside of its place.
const OUTSIDE_LIMIT: i64 = i64::MIN + (1 << 32);

fn fixed_size(column: &ColumnDefinition) -> usize {
    match column.physical {
        PhysicalType::Bool => 1,
        PhysicalType::I16 => 2,
        PhysicalType::I32 | PhysicalType::F32 => 4,
        PhysicalType::I64
        | PhysicalType::F64
        | PhysicalType::Numeric
        | PhysicalType::Text
        | PhysicalType::Bytes => 8,
        PhysicalType::Interval | PhysicalType::Uuid => 16,
    }
}

fn mismatch() -> StorageError {
    StorageError::Misuse("a vector's lane type differs from its column's".to_owned())
}

impl RowLayout {
    pub(crate) fn new(columns: Arc<[ColumnDefinition]>) -> Self {
        let mut end = columns.len().div_ceil(8);
        let mut offsets = Vec::with_capacity(columns.len());
        for column in columns.iter() {
            offsets.push(end as u32);
            end += fixed_size(column);
        }
        Self { columns, offsets, origin_at: end, fixed_bytes: end + 4 }
    }

    pub(crate) fn columns(&self) -> &Arc<[ColumnDefinition]> {
        &self.columns
    }

    pub(crate) fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Returns the number of the transaction that has made a row.
    pub(crate) fn origin(&self, bytes: &[u8]) -> u32 {
        u32::from_le_bytes(array(bytes, self.origin_at))
    }

    /// Sets that number.
    pub(crate) fn set_origin(&self, bytes: &mut [u8], origin: u32) {
        if let Some(place) = bytes.get_mut(self.origin_at..self.origin_at + 4) {
            place.copy_from_slice(&origin.to_le_bytes());
        }
    }

    /// Returns the bytes of the row in `lane` of `vectors`.
    pub(crate) fn encode(&self, vectors: &[Vector], lane: usize) -> Result<Box<[u8]>> {
        let mut bytes = vec![0; self.fixed_bytes];
        for (index, (column, vector)) in self.columns.iter().zip(vectors).enumerate() {
            if vector.is_null(lane) {
                bytes[index / 8] |= 1 << (index % 8);
                continue;
            }
            let at = self.offsets[index] as usize;
            let value = lane_at(column, vector, lane)?;
            put(&mut bytes, at, value);
        }
        u32::try_from(bytes.len())
            .map_err(|_| StorageError::NotSupported("a row of more than 4 GB".to_owned()))?;
        Ok(bytes.into())
    }

    /// Returns the bytes of a row of datums; `types` are those of the columns.
    pub(crate) fn encode_datums(&self, values: &[Datum], types: &[Oid]) -> Result<Box<[u8]>> {
        if values.len() != self.columns.len() || types.len() != self.columns.len() {
            return Err(StorageError::Misuse("a row of another number of columns".to_owned()));
        }
        let mut bytes = vec![0; self.fixed_bytes];
        let mut encoded = Vec::new();
        for (index, (column, value)) in self.columns.iter().zip(values).enumerate() {
            encoded.clear();
            let lane = lane_of(column, value, types[index], &mut encoded)?;
            if lane == Lane::Null {
                if !column.nullable {
                    return Err(StorageError::NullInColumn { column: column.name.clone() });
                }
                bytes[index / 8] |= 1 << (index % 8);
            }
            put(&mut bytes, self.offsets[index] as usize, lane);
        }
        u32::try_from(bytes.len())
            .map_err(|_| StorageError::NotSupported("a row of more than 4 GB".to_owned()))?;
        Ok(bytes.into())
    }

    /// Returns the bytes of a row whose columns `lane` gives.
    pub(crate) fn assemble(
        &self,
        mut lane: impl FnMut(usize, &mut dyn FnMut(Lane<'_>)) -> Result<()>,
    ) -> Result<Box<[u8]>> {
        let mut bytes = vec![0; self.fixed_bytes];
        for (index, offset) in self.offsets.iter().enumerate() {
            lane(index, &mut |value| {
                if value == Lane::Null {
                    bytes[index / 8] |= 1 << (index % 8);
                }
                put(&mut bytes, *offset as usize, value);
            })?;
        }
        u32::try_from(bytes.len())
            .map_err(|_| StorageError::NotSupported("a row of more than 4 GB".to_owned()))?;
        Ok(bytes.into())
    }

    /// Returns a row with other values in some columns.
    pub(crate) fn replace(&self, bytes: &[u8], changes: &[(usize, Lane<'_>)]) -> Result<Box<[u8]>> {
        let in_place = |&(index, value): &(usize, Lane<'_>)| match (self.lane(bytes, index), value) {
            (Lane::Bytes(_), _) | (_, Lane::Bytes(_)) => false,
            (Lane::Fixed(old), Lane::Fixed(new)) => is_short(old) && is_short(new),
            (Lane::Fixed(old), _) => is_short(old),
            (_, Lane::Fixed(new)) => is_short(new),
            _ => true,
        };
        if changes.iter().all(in_place) {
            let mut new = bytes.to_vec();
            for &(index, value) in changes {
                if value == Lane::Null {
                    new[index / 8] |= 1 << (index % 8);
                } else {
                    new[index / 8] &= !(1 << (index % 8));
                    put(&mut new, self.offsets[index] as usize, value);
                }
            }
            return Ok(new.into());
        }
        self.assemble(|index, take| {
            match changes.iter().find(|(changed, _)| *changed == index) {
                Some((_, value)) => take(*value),
                None => take(self.lane(bytes, index)),
            }
            Ok(())
        })
    }

    /// Returns a column of a row.
    pub(crate) fn lane<'a>(&self, bytes: &'a [u8], index: usize) -> Lane<'a> {
        if bytes[index / 8] >> (index % 8) & 1 == 1 {
            return Lane::Null;
        }
        let at = self.offsets[index] as usize;
        let column = &self.columns[index];
        match column.physical {
            PhysicalType::Bool => Lane::Bool(bytes[at] != 0),
            PhysicalType::I16 => Lane::I16(i16::from_le_bytes(array(bytes, at))),
            PhysicalType::I32 => Lane::I32(i32::from_le_bytes(array(bytes, at))),
            PhysicalType::I64 => Lane::I64(i64::from_le_bytes(array(bytes, at))),
            PhysicalType::F32 => Lane::F32(f32::from_le_bytes(array(bytes, at))),
            PhysicalType::F64 => Lane::F64(f64::from_le_bytes(array(bytes, at))),
            PhysicalType::Numeric if column.fixed_scale.is_some() => {
                match i64::from_le_bytes(array(bytes, at)) {
                    outside if outside < OUTSIDE_LIMIT => {
                        let offset = outside.wrapping_sub(i64::MIN) as usize;
                        Lane::Fixed(i128::from_le_bytes(array(bytes, offset)))
                    }
                    unscaled => Lane::Fixed(unscaled.into()),
                }
            }
            PhysicalType::Interval | PhysicalType::Uuid => Lane::Wide(u128::from_le_bytes(array(bytes, at))),
            PhysicalType::Numeric | PhysicalType::Text | PhysicalType::Bytes => {
                let offset = u32::from_le_bytes(array(bytes, at)) as usize;
                let len = u32::from_le_bytes(array(bytes, at + 4)) as usize;
                Lane::Bytes(bytes.get(offset..offset + len).unwrap_or_default())
            }
        }
    }

    /// Returns whether stored bytes can be a row of this layout.
    pub(crate) fn accepts(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.fixed_bytes
            && self.columns.iter().enumerate().all(|(index, column)| {
                if bytes[index / 8] >> (index % 8) & 1 == 1 {
                    return column.nullable;
                }
                let at = self.offsets[index] as usize;
                match column.physical {
                    PhysicalType::Numeric if column.fixed_scale.is_some() => {
                        let value = i64::from_le_bytes(array(bytes, at));
                        let offset = value.wrapping_sub(i64::MIN) as usize;
                        value >= OUTSIDE_LIMIT || offset + 16 <= bytes.len()
                    }
                    PhysicalType::Numeric | PhysicalType::Text | PhysicalType::Bytes => {
                        let offset = u32::from_le_bytes(array(bytes, at)) as usize;
                        offset + u32::from_le_bytes(array(bytes, at + 4)) as usize <= bytes.len()
                    }
                    PhysicalType::Bool
                    | PhysicalType::I16
                    | PhysicalType::I32
                    | PhysicalType::I64
                    | PhysicalType::F32
                    | PhysicalType::F64
                    | PhysicalType::Interval
                    | PhysicalType::Uuid => true,
                }
            })
    }
}

/// Returns `N` bytes at `at`; zeros where there are none, which [`RowLayout::accepts`] excludes.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}

/// Returns whether a decimal is kept in its place.
fn is_short(number: i128) -> bool {
    i64::try_from(number).is_ok_and(|number| number >= OUTSIDE_LIMIT)
}

fn put(bytes: &mut Vec<u8>, at: usize, value: Lane<'_>) {
    let mut place = |value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    match value {
        Lane::Null => {}
        Lane::Bool(flag) => place(&[u8::from(flag)]),
        Lane::I16(number) => place(&number.to_le_bytes()),
        Lane::I32(number) => place(&number.to_le_bytes()),
        Lane::I64(number) => place(&number.to_le_bytes()),
        Lane::F32(number) => place(&number.to_le_bytes()),
        Lane::F64(number) => place(&number.to_le_bytes()),
        Lane::Wide(number) => place(&number.to_le_bytes()),
        Lane::Fixed(number) => match i64::try_from(number) {
            Ok(short) if short >= OUTSIDE_LIMIT => place(&short.to_le_bytes()),
            Ok(_) | Err(_) => {
                let outside = i64::MIN.wrapping_add(bytes.len() as i64);
                bytes[at..at + 8].copy_from_slice(&outside.to_le_bytes());
                bytes.extend(number.to_le_bytes());
            }
        },
        Lane::Bytes(string) => {
            let offset = bytes.len() as u32;
            bytes[at..at + 4].copy_from_slice(&offset.to_le_bytes());
            bytes[at + 4..at + 8].copy_from_slice(&(string.len() as u32).to_le_bytes());
            bytes.extend_from_slice(string);
        }
    }
}

/// Returns a value of a vector, which must be of its column's lane type.
pub(crate) fn lane_at<'a>(column: &ColumnDefinition, vector: &'a Vector, lane: usize) -> Result<Lane<'a>> {
    if vector.is_null(lane) {
        return Ok(Lane::Null);
    }
    let (values, at) = vector.locate(lane);
    value_at(column, values, at)
}

/// Returns one of values of a column's lane type.
pub(crate) fn value_at<'a>(column: &ColumnDefinition, values: &'a Values, at: usize) -> Result<Lane<'a>> {
    Ok(match (column.physical, values) {
        (PhysicalType::Bool, Values::Bool(bits)) => Lane::Bool(bits.get(at)),
        (PhysicalType::I16, Values::I16(lanes)) => Lane::I16(lanes[at]),
        (PhysicalType::I32, Values::I32(lanes)) => Lane::I32(lanes[at]),
        (PhysicalType::I64, Values::I64(lanes)) => Lane::I64(lanes[at]),
        (PhysicalType::F32, Values::F32(lanes)) => Lane::F32(lanes[at]),
        (PhysicalType::F64, Values::F64(lanes)) => Lane::F64(lanes[at]),
        (PhysicalType::Numeric, Values::Fixed64 { unscaled, scale })
            if column.fixed_scale == Some(*scale) =>
        {
            Lane::Fixed(unscaled[at].into())
        }
        (PhysicalType::Numeric, Values::Fixed128 { unscaled, scale })
            if column.fixed_scale == Some(*scale) =>
        {
            Lane::Fixed(unscaled[at])
        }
        (PhysicalType::Interval | PhysicalType::Uuid, Values::Wide(lanes)) => Lane::Wide(lanes[at]),
        (PhysicalType::Text | PhysicalType::Bytes, Values::Views(views)) => Lane::Bytes(views.get(at)),
        (PhysicalType::Numeric, Values::Views(views)) if column.fixed_scale.is_none() => {
            Lane::Bytes(views.get(at))
        }
        _ => return Err(mismatch()),
    })
}

/// Returns a datum of type `oid` as a column stores it; `encoded` is room for bytes.
pub(crate) fn lane_of<'a>(
    column: &ColumnDefinition,
    value: &'a Datum,
    oid: Oid,
    encoded: &'a mut Vec<u8>,
) -> Result<Lane<'a>> {
    Ok(match (column.physical, value) {
        (_, Datum::Null) => Lane::Null,
        (PhysicalType::Bool, Datum::Bool(flag)) => Lane::Bool(*flag),
        (PhysicalType::I16, Datum::I16(number)) => Lane::I16(*number),
        (PhysicalType::I32, Datum::I32(number)) => Lane::I32(*number),
        (PhysicalType::I64, Datum::I64(number)) => Lane::I64(*number),
        (PhysicalType::F32, Datum::F32(number)) => Lane::F32(*number),
        (PhysicalType::F64, Datum::F64(number)) => Lane::F64(*number),
        (PhysicalType::Interval, Datum::Interval(span)) => Lane::Wide(
            u128::from(span.microseconds as u64)
                | u128::from(span.days as u32) << 64
                | u128::from(span.months as u32) << 96,
        ),
        (PhysicalType::Uuid, Datum::Uuid(uuid)) => Lane::Wide(u128::from_be_bytes(*uuid)),
        (PhysicalType::Text, Datum::Text(text)) => Lane::Bytes(text.as_bytes()),
        (PhysicalType::Bytes, Datum::Bytes(bytes)) if oid == oids::BYTEA => Lane::Bytes(bytes),
        (PhysicalType::Numeric, Datum::Numeric(number)) if column.fixed_scale.is_some() => {
            let scale = column.fixed_scale.unwrap_or(0);
            Lane::Fixed(number.to_fixed_scale(scale.into()).ok_or_else(|| {
                StorageError::NotSupported(
                    "a numeric value without fixed digits in a numeric(p,s) column".to_owned(),
                )
            })?)
        }
        (PhysicalType::Numeric, Datum::Numeric(_)) | (PhysicalType::Bytes, _) if oid != oids::BYTEA => {
            types::codec::encode_value(value, encoded);
            Lane::Bytes(encoded)
        }
        _ => return Err(StorageError::Misuse(format!("a value of type {oid} has another representation"))),
    })
}

/// A row in the form in which a table stores it.
#[derive(Debug, Clone)]
pub struct NewRow(pub(crate) Box<[u8]>);

/// Returns a value as a datum of type `oid`.
pub(crate) fn datum_of(column: &ColumnDefinition, lane: Lane<'_>, oid: Oid) -> Result<Datum> {
    Ok(match lane {
        Lane::Null => Datum::Null,
        Lane::Bool(flag) => Datum::Bool(flag),
        Lane::I16(number) => Datum::I16(number),
        Lane::I32(number) => Datum::I32(number),
        Lane::I64(number) => Datum::I64(number),
        Lane::F32(number) => Datum::F32(number),
        Lane::F64(number) => Datum::F64(number),
        Lane::Fixed(unscaled) => {
            Datum::Numeric(Numeric::from_i128(unscaled, column.fixed_scale.unwrap_or(0).into()))
        }
        Lane::Wide(number) if column.physical == PhysicalType::Uuid => Datum::Uuid(number.to_be_bytes()),
        Lane::Wide(number) => Datum::Interval(Interval {
            microseconds: number as i64,
            days: (number >> 64) as i32,
            months: (number >> 96) as i32,
        }),
        Lane::Bytes(bytes) => match column.physical {
            PhysicalType::Text => Datum::text(
                std::str::from_utf8(bytes)
                    .map_err(|_| StorageError::Misuse("a stored text is not UTF-8".to_owned()))?,
            ),
            PhysicalType::Bytes if oid == oids::BYTEA => Datum::Bytes(bytes.into()),
            PhysicalType::Bool
            | PhysicalType::I16
            | PhysicalType::I32
            | PhysicalType::I64
            | PhysicalType::F32
            | PhysicalType::F64
            | PhysicalType::Numeric
            | PhysicalType::Interval
            | PhysicalType::Uuid
            | PhysicalType::Bytes => types::codec::decode_value(bytes)
                .map_err(|_| StorageError::Misuse("a stored value does not decode".to_owned()))?,
        },
    })
}

impl StoredRow {
    /// Returns a column's value.
    ///
    /// # Panics
    /// When the table has no such column.
    pub fn lane(&self, column: usize) -> Lane<'_> {
        self.layout.lane(&self.bytes, column)
    }

    /// Returns a column's value as a datum of type `oid`.
    ///
    /// # Errors
    /// When the stored value does not decode.
    ///
    /// # Panics
    /// As [`Self::lane`].
    pub fn datum(&self, column: usize, oid: Oid) -> Result<Datum> {
        datum_of(&self.layout.columns[column], self.lane(column), oid)
    }

    /// Returns the row as vectors of one lane.
    ///
    /// # Errors
    /// Never for rows that storage gave.
    pub fn vectors(&self) -> Result<Vec<Vector>> {
        let one = |(index, column): (usize, &ColumnDefinition)| {
            let mut builder = crate::builder::ColumnBuilder::new(column, 1);
            builder.push(self.lane(index))?;
            Ok(builder.finish_vector())
        };
        self.layout.columns.iter().enumerate().map(one).collect()
    }
}
