//! Rows to vectors (the columnarizer, [`VectorBuilder`]) and vectors to rows (the materializer, [`datum_at`]).

use kernels::vector::{Bitmap, Values, Vector, Views, ViewsBuilder};
use types::{Datum, Interval, Numeric, PgError, PhysicalType, Result, TypeRef, oids};

use crate::batch::Batch;
use crate::values;

/// Returns the lane representation of `ty`; types of which nothing is known travel as bytes.
pub fn physical_type(ty: TypeRef) -> PhysicalType {
    types::physical_type(ty.oid).unwrap_or(PhysicalType::Bytes)
}

/// Packs an interval into a lane of [`Values::Wide`].
pub fn pack_interval(interval: Interval) -> u128 {
    u128::from(interval.microseconds as u64)
        | u128::from(interval.days as u32) << 64
        | u128::from(interval.months as u32) << 96
}

/// Unpacks what [`pack_interval`] packed.
pub fn unpack_interval(lane: u128) -> Interval {
    Interval { microseconds: lane as i64, days: (lane >> 64) as i32, months: (lane >> 96) as i32 }
}

/// Returns the value of `lane`.
///
/// # Errors
/// `XX000` when the lanes are not those of `ty`.
pub fn datum_at(vector: &Vector, lane: usize, ty: TypeRef) -> Result<Datum> {
    if vector.is_null(lane) {
        return Ok(Datum::Null);
    }
    let (values, lane) = vector.locate(lane);
    value_at(values, lane, ty)
}

/// Returns the value at position `lane` of `values`.
///
/// # Errors
/// As [`datum_at`].
pub fn value_at(values: &Values, lane: usize, ty: TypeRef) -> Result<Datum> {
    Ok(match values {
        Values::Bool(bits) => Datum::Bool(bits.get(lane)),
        Values::I16(lanes) => Datum::I16(lanes[lane]),
        Values::I32(lanes) => Datum::I32(lanes[lane]),
        Values::I64(lanes) => Datum::I64(lanes[lane]),
        Values::F32(lanes) => Datum::F32(lanes[lane]),
        Values::F64(lanes) => Datum::F64(lanes[lane]),
        Values::Fixed64 { unscaled, scale } => {
            Datum::Numeric(Numeric::from_i128(i128::from(unscaled[lane]), u16::from(*scale)))
        }
        Values::Fixed128 { unscaled, scale } => {
            Datum::Numeric(Numeric::from_i128(unscaled[lane], u16::from(*scale)))
        }
        Values::Wide(lanes) if physical_type(ty) == PhysicalType::Uuid => {
            Datum::Uuid(lanes[lane].to_be_bytes())
        }
        Values::Wide(lanes) => Datum::Interval(unpack_interval(lanes[lane])),
        Values::Views(views) => view_datum(views.get(lane), ty)?,
    })
}

fn view_datum(bytes: &[u8], ty: TypeRef) -> Result<Datum> {
    match physical_type(ty) {
        PhysicalType::Text => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Datum::text(text)),
            Err(_) => Err(PgError::internal("a text lane is not UTF-8")),
        },
        PhysicalType::Bytes if ty.oid == oids::BYTEA => Ok(Datum::Bytes(bytes.into())),
        PhysicalType::Bool
        | PhysicalType::I16
        | PhysicalType::I32
        | PhysicalType::I64
        | PhysicalType::F32
        | PhysicalType::F64
        | PhysicalType::Numeric
        | PhysicalType::Interval
        | PhysicalType::Uuid
        | PhysicalType::Bytes => values::decode(bytes),
    }
}

/// Returns the live rows of a batch.
///
/// # Errors
/// As [`datum_at`].
pub fn rows_of(batch: &Batch, types: &[TypeRef]) -> Result<Vec<Vec<Datum>>> {
    types::interrupt::check()?;
    let row = |lane: usize| {
        batch
            .columns
            .iter()
            .zip(types)
            .map(|(column, ty)| datum_at(column, lane, *ty))
            .collect::<Result<Vec<_>>>()
    };
    match &batch.selection {
        Some(selection) => selection.iter().map(|&lane| row(usize::from(lane))).collect(),
        None => (0..batch.len).map(row).collect(),
    }
}

/// Returns a batch of rows, each of which has a value for each of `types`.
///
/// # Errors
/// `XX000` when a value is not of its column's type.
pub fn batch_of(rows: &[Vec<Datum>], types: &[TypeRef]) -> Result<Batch> {
    types::interrupt::check()?;
    let mut columns = Vec::with_capacity(types.len());
    for (index, ty) in types.iter().enumerate() {
        let mut builder = VectorBuilder::new(*ty, rows.len());
        for row in rows {
            builder.push(row.get(index).unwrap_or(&Datum::Null))?;
        }
        columns.push(builder.finish());
    }
    Ok(Batch::new(columns, rows.len()))
}

/// Returns `len` lanes of one value.
///
/// # Errors
/// As [`VectorBuilder::push`].
pub fn constant_vector(value: &Datum, ty: TypeRef, len: usize) -> Result<Vector> {
    let mut builder = VectorBuilder::new(ty, 1);
    builder.push(value)?;
    let values = builder.finish().values().clone();
    Ok(if value.is_null() { Vector::null(values, len) } else { Vector::constant(values, len) })
}

/// Returns `len` null lanes of `ty`.
pub fn null_vector(ty: TypeRef, len: usize) -> Vector {
    let mut builder = VectorBuilder::new(ty, 1);
    builder.push_null();
    Vector::null(builder.finish().values().clone(), len)
}

/// Builds a flat vector from single values.
pub struct VectorBuilder {
    ty: TypeRef,
    lanes: Lanes,
    nulls: Vec<bool>,
    any_null: bool,
}

enum Lanes {
    Bool(Vec<bool>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Numeric(Vec<Numeric>),
    Wide(Vec<u128>),
    Views(ViewsBuilder),
}

impl VectorBuilder {
    /// Returns a builder for values of `ty`.
    pub fn new(ty: TypeRef, capacity: usize) -> Self {
        let lanes = match physical_type(ty) {
            PhysicalType::Bool => Lanes::Bool(Vec::with_capacity(capacity)),
            PhysicalType::I16 => Lanes::I16(Vec::with_capacity(capacity)),
            PhysicalType::I32 => Lanes::I32(Vec::with_capacity(capacity)),
            PhysicalType::I64 => Lanes::I64(Vec::with_capacity(capacity)),
            PhysicalType::F32 => Lanes::F32(Vec::with_capacity(capacity)),
            PhysicalType::F64 => Lanes::F64(Vec::with_capacity(capacity)),
            PhysicalType::Numeric => Lanes::Numeric(Vec::with_capacity(capacity)),
            PhysicalType::Interval | PhysicalType::Uuid => Lanes::Wide(Vec::with_capacity(capacity)),
            PhysicalType::Text | PhysicalType::Bytes => Lanes::Views(ViewsBuilder::with_capacity(capacity)),
        };
        Self { ty, lanes, nulls: Vec::with_capacity(capacity), any_null: false }
    }
    /// Returns the number of lanes.
    pub fn len(&self) -> usize {
        self.nulls.len()
    }
    /// Returns whether there are no lanes.
    pub fn is_empty(&self) -> bool {
        self.nulls.is_empty()
    }
    /// Appends a null.
    pub fn push_null(&mut self) {
        self.any_null = true;
        self.nulls.push(true);
        match &mut self.lanes {
            Lanes::Bool(lanes) => lanes.push(false),
            Lanes::I16(lanes) => lanes.push(0),
            Lanes::I32(lanes) => lanes.push(0),
            Lanes::I64(lanes) => lanes.push(0),
            Lanes::F32(lanes) => lanes.push(0.0),
            Lanes::F64(lanes) => lanes.push(0.0),
            Lanes::Numeric(lanes) => lanes.push(Numeric::ZERO),
            Lanes::Wide(lanes) => lanes.push(0),
            Lanes::Views(views) => views.push(b""),
        }
    }
    /// Appends a value.
    ///
    /// # Errors
    /// `XX000` when it is not of the builder's type.
    pub fn push(&mut self, value: &Datum) -> Result<()> {
        match (&mut self.lanes, value) {
            (_, Datum::Null) => {
                self.push_null();
                return Ok(());
            }
            (Lanes::Bool(lanes), Datum::Bool(value)) => lanes.push(*value),
            (Lanes::I16(lanes), Datum::I16(value)) => lanes.push(*value),
            (Lanes::I32(lanes), Datum::I32(value)) => lanes.push(*value),
            (Lanes::I64(lanes), Datum::I64(value)) => lanes.push(*value),
            (Lanes::F32(lanes), Datum::F32(value)) => lanes.push(*value),
            (Lanes::F64(lanes), Datum::F64(value)) => lanes.push(*value),
            (Lanes::Numeric(lanes), Datum::Numeric(value)) => lanes.push(value.clone()),
            (Lanes::Wide(lanes), Datum::Interval(value)) => lanes.push(pack_interval(*value)),
            (Lanes::Wide(lanes), Datum::Uuid(value)) => lanes.push(u128::from_be_bytes(*value)),
            (Lanes::Views(views), Datum::Text(value)) if physical_type(self.ty) == PhysicalType::Text => {
                views.push(value.as_bytes());
            }
            (Lanes::Views(views), Datum::Bytes(value)) if self.ty.oid == oids::BYTEA => views.push(value),
            (Lanes::Views(views), value)
                if physical_type(self.ty) == PhysicalType::Bytes && self.ty.oid != oids::BYTEA =>
            {
                let mut bytes = Vec::new();
                values::encode(value, &mut bytes)?;
                views.push(&bytes);
            }
            (
                Lanes::Bool(_)
                | Lanes::I16(_)
                | Lanes::I32(_)
                | Lanes::I64(_)
                | Lanes::F32(_)
                | Lanes::F64(_)
                | Lanes::Numeric(_)
                | Lanes::Wide(_)
                | Lanes::Views(_),
                _,
            ) => {
                return Err(PgError::internal(format!(
                    "a value of type {} has another representation: {value:?}",
                    self.ty.oid
                )));
            }
        }
        self.nulls.push(false);
        Ok(())
    }
    /// Returns the vector with numerics in the exact form, as a column without a fixed scale stores them.
    pub fn finish_exact(mut self) -> Vector {
        let Lanes::Numeric(lanes) = &mut self.lanes else { return self.finish() };
        let lanes = std::mem::take(lanes);
        let validity = self.any_null.then(|| Bitmap::from_bools(self.nulls.iter().map(|null| !null)));
        Vector::flat(Values::Views(numeric_views(&lanes, &self.nulls)), validity)
    }
    /// Returns the vector.
    pub fn finish(self) -> Vector {
        let validity = self.any_null.then(|| Bitmap::from_bools(self.nulls.iter().map(|null| !null)));
        let values = match self.lanes {
            Lanes::Bool(lanes) => Values::Bool(Bitmap::from_bools(lanes)),
            Lanes::I16(lanes) => Values::I16(lanes.into()),
            Lanes::I32(lanes) => Values::I32(lanes.into()),
            Lanes::I64(lanes) => Values::I64(lanes.into()),
            Lanes::F32(lanes) => Values::F32(lanes.into()),
            Lanes::F64(lanes) => Values::F64(lanes.into()),
            Lanes::Numeric(lanes) => numeric_values(&lanes, &self.nulls),
            Lanes::Wide(lanes) => Values::Wide(lanes.into()),
            Lanes::Views(views) => Values::Views(views.finish()),
        };
        Vector::flat(values, validity)
    }
}

/// Returns numerics in the narrowest form that holds them: fixed when all show one scale, else exact.
pub(crate) fn numeric_values(lanes: &[Numeric], nulls: &[bool]) -> Values {
    let mut common: Option<u16> = None;
    let mut wide = false;
    for (lane, null) in lanes.iter().zip(nulls) {
        if *null {
            continue;
        }
        match lane.to_fixed() {
            Some((unscaled, scale)) if scale <= 38 && common.is_none_or(|common| common == scale) => {
                common = Some(scale);
                wide |= i64::try_from(unscaled).is_err();
            }
            Some(_) | None => return Values::Views(numeric_views(lanes, nulls)),
        }
    }
    let scale = common.unwrap_or(0);
    let unscaled = lanes.iter().zip(nulls).map(|(lane, null)| match lane.to_fixed() {
        Some((unscaled, _)) if !null => unscaled,
        Some(_) | None => 0,
    });
    if wide {
        Values::Fixed128 { unscaled: unscaled.collect(), scale: scale as u8 }
    } else {
        Values::Fixed64 { unscaled: unscaled.map(|lane| lane as i64).collect(), scale: scale as u8 }
    }
}

/// Returns numerics in the exact form.
pub(crate) fn numeric_views(lanes: &[Numeric], nulls: &[bool]) -> Views {
    let mut views = ViewsBuilder::with_capacity(lanes.len());
    let mut bytes = Vec::new();
    for (lane, null) in lanes.iter().zip(nulls) {
        bytes.clear();
        if !null {
            // Encoding a number cannot fail; an empty lane would be caught when it is read.
            let _ = values::encode(&Datum::Numeric(lane.clone()), &mut bytes);
        }
        views.push(&bytes);
    }
    views.finish()
}
