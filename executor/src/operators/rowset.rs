//! Rows that are held in memory: a list of batches, or whole columns end to end.

use std::sync::Arc;

use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};
use kernels::vector::{Bitmap, VECTOR_LANES, Values, Vector, VectorData, Views};
use types::{Datum, Numeric, PgError, Result, TypeRef};

use crate::batch::Batch;
use crate::convert::{self, datum_at, numeric_views, rows_of};

/// Batches without selections, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowSet {
    pub(crate) batches: Vec<Batch>,
}

impl RowSet {
    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.batches.iter().map(|batch| batch.len).sum()
    }
    /// Returns the rows as datums.
    pub(crate) fn rows(&self, types: &[TypeRef]) -> Result<Vec<Vec<Datum>>> {
        let mut rows = Vec::with_capacity(self.len());
        for batch in &self.batches {
            rows.extend(rows_of(batch, types)?);
        }
        Ok(rows)
    }
    /// Returns batches of `rows`.
    pub(crate) fn from_rows(rows: &[Vec<Datum>], types: &[TypeRef]) -> Result<Self> {
        let batches =
            rows.chunks(VECTOR_LANES).map(|rows| convert::batch_of(rows, types)).collect::<Result<_>>()?;
        Ok(Self { batches })
    }
    /// Returns the rows with the columns at `columns`.
    pub(crate) fn select(&self, columns: &[usize]) -> Self {
        let batches = self
            .batches
            .iter()
            .map(|batch| {
                Batch::new(
                    columns.iter().filter_map(|&column| batch.columns.get(column).cloned()).collect(),
                    batch.len,
                )
            })
            .collect();
        Self { batches }
    }
    /// Returns the columns end to end, each one flat vector.
    pub(crate) fn columns(&self, types: &[TypeRef]) -> Result<Columns> {
        let vectors = (0..types.len())
            .map(|index| {
                let parts: Vec<&Vector> = self.batches.iter().map(|batch| &batch.columns[index]).collect();
                concat(&parts, types[index])
            })
            .collect::<Result<_>>()?;
        Ok(Columns { vectors, len: self.len() })
    }
}

/// Whole columns: flat vectors of any length.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) vectors: Vec<Vector>,
    pub(crate) len: usize,
}

impl Columns {
    /// Returns the rows at `positions` as a batch.
    pub(crate) fn batch(&self, positions: &[u32]) -> Batch {
        Batch::new(self.vectors.iter().map(|vector| gather(vector, positions)).collect(), positions.len())
    }
    /// Returns the row at `position`.
    pub(crate) fn row(&self, position: usize, types: &[TypeRef]) -> Result<Vec<Datum>> {
        self.vectors.iter().zip(types).map(|(vector, ty)| datum_at(vector, position, *ty)).collect()
    }
}

/// Returns the lanes of a flat vector at `positions`.
pub(crate) fn gather(vector: &Vector, positions: &[u32]) -> Vector {
    let validity = vector.validity.as_ref().map(|validity| {
        Bitmap::from_bools(positions.iter().map(|&position| validity.get(position as usize)))
    });
    Vector::flat(gather_values(vector.values(), positions), validity)
}

fn take<T: ArrowNativeType>(lanes: &ScalarBuffer<T>, positions: &[u32]) -> ScalarBuffer<T> {
    let lanes: &[T] = lanes;
    let taken: Vec<T> = positions.iter().map(|&position| lanes[position as usize]).collect();
    taken.into()
}

/// Returns the values at `positions`.
pub(crate) fn gather_values(values: &Values, positions: &[u32]) -> Values {
    match values {
        Values::Bool(bits) => {
            Values::Bool(Bitmap::from_bools(positions.iter().map(|&position| bits.get(position as usize))))
        }
        Values::I16(lanes) => Values::I16(take(lanes, positions)),
        Values::I32(lanes) => Values::I32(take(lanes, positions)),
        Values::I64(lanes) => Values::I64(take(lanes, positions)),
        Values::F32(lanes) => Values::F32(take(lanes, positions)),
        Values::F64(lanes) => Values::F64(take(lanes, positions)),
        Values::Fixed64 { unscaled, scale } => {
            Values::Fixed64 { unscaled: take(unscaled, positions), scale: *scale }
        }
        Values::Fixed128 { unscaled, scale } => {
            Values::Fixed128 { unscaled: take(unscaled, positions), scale: *scale }
        }
        Values::Wide(lanes) => Values::Wide(take(lanes, positions)),
        Values::Views(views) => {
            Values::Views(Views { views: take(&views.views, positions), buffers: Arc::clone(&views.buffers) })
        }
    }
}

/// Returns the lanes of all `parts`, one after another, flat.
pub(crate) fn concat(parts: &[&Vector], ty: TypeRef) -> Result<Vector> {
    let len = parts.iter().map(|part| part.len()).sum();
    types::interrupt::check()?;
    let Some(first) = parts.iter().find(|part| has_values(part)).or(parts.first()) else {
        return Ok(convert::null_vector(ty, 0).to_flat());
    };
    let values = match first.values() {
        Values::Bool(_) => concat_bools(parts),
        Values::I16(_) => concat_lanes(parts, len, |values| match values {
            Values::I16(lanes) => Some(lanes),
            _ => None,
        })
        .map(Values::I16),
        Values::I32(_) => concat_lanes(parts, len, |values| match values {
            Values::I32(lanes) => Some(lanes),
            _ => None,
        })
        .map(Values::I32),
        Values::I64(_) => concat_lanes(parts, len, |values| match values {
            Values::I64(lanes) => Some(lanes),
            _ => None,
        })
        .map(Values::I64),
        Values::F32(_) => concat_lanes(parts, len, |values| match values {
            Values::F32(lanes) => Some(lanes),
            _ => None,
        })
        .map(Values::F32),
        Values::F64(_) => concat_lanes(parts, len, |values| match values {
            Values::F64(lanes) => Some(lanes),
            _ => None,
        })
        .map(Values::F64),
        Values::Wide(_) => concat_lanes(parts, len, |values| match values {
            Values::Wide(lanes) => Some(lanes),
            _ => None,
        })
        .map(Values::Wide),
        Values::Views(_) if convert::physical_type(ty) != types::PhysicalType::Numeric => {
            concat_views(parts, len)
        }
        Values::Fixed64 { .. } | Values::Fixed128 { .. } | Values::Views(_) => {
            Some(concat_numerics(parts, len, ty)?)
        }
    };
    let values = values.ok_or_else(|| PgError::internal("batches of one column have different lanes"))?;
    Ok(Vector::flat(values, concat_validity(parts, len)))
}

/// Whether any lane is not null (a vector of nulls may have any lane type).
fn has_values(vector: &Vector) -> bool {
    !vector.is_empty() && vector.validity.as_ref().is_none_or(|validity| validity.count_ones() > 0)
}

fn concat_validity(parts: &[&Vector], len: usize) -> Option<Bitmap> {
    if parts.iter().all(|part| part.validity.is_none()) {
        return None;
    }
    let mut words = vec![0u64; len.div_ceil(64)];
    let mut base = 0;
    for part in parts {
        for lane in 0..part.len() {
            words[(base + lane) / 64] |= u64::from(!part.is_null(lane)) << ((base + lane) % 64);
        }
        base += part.len();
    }
    Some(Bitmap::from_words(words, len))
}

fn concat_bools(parts: &[&Vector]) -> Option<Values> {
    let mut bits = Vec::new();
    for part in parts {
        for lane in 0..part.len() {
            let (values, position) = part.locate(lane);
            bits.push(matches!(values, Values::Bool(bits) if bits.get(position)));
        }
    }
    Some(Values::Bool(Bitmap::from_bools(bits)))
}

fn concat_lanes<T: ArrowNativeType>(
    parts: &[&Vector],
    len: usize,
    lanes_of: impl Fn(&Values) -> Option<&ScalarBuffer<T>>,
) -> Option<ScalarBuffer<T>> {
    let mut out: Vec<T> = Vec::with_capacity(len);
    for part in parts {
        let Some(lanes) = lanes_of(part.values()) else {
            if has_values(part) {
                return None;
            }
            out.resize(out.len() + part.len(), T::default());
            continue;
        };
        match &part.data {
            VectorData::Flat(_) => out.extend_from_slice(lanes),
            VectorData::Constant(_) => out.resize(out.len() + part.len(), lanes[0]),
            VectorData::Dictionary { codes, .. } => {
                out.extend(codes.iter().map(|&code| lanes[usize::from(code)]))
            }
        }
    }
    Some(out.into())
}

/// Joins views by joining their lists of buffers; a list that parts share is taken once.
fn concat_views(parts: &[&Vector], len: usize) -> Option<Values> {
    let mut out: Vec<u128> = Vec::with_capacity(len);
    let mut buffers: Vec<Buffer> = Vec::new();
    let mut bases: Vec<(*const Buffer, u128)> = Vec::new();
    for part in parts {
        let Values::Views(views) = part.values() else {
            if has_values(part) {
                return None;
            }
            out.resize(out.len() + part.len(), 0);
            continue;
        };
        let list = views.buffers.as_ptr();
        let known =
            bases.iter().rev().take(64).find(|(other, _)| *other == list && !views.buffers.is_empty());
        let base = match known {
            Some((_, base)) => *base,
            None => {
                let base = buffers.len() as u128;
                buffers.extend(views.buffers.iter().cloned());
                bases.push((list, base));
                base
            }
        };
        let moved = |view: u128| {
            if (view as u32) as usize > kernels::vector::INLINE_BYTES { view + (base << 64) } else { view }
        };
        match &part.data {
            VectorData::Flat(_) => out.extend(views.views.iter().map(|&view| moved(view))),
            VectorData::Constant(_) => out.resize(out.len() + part.len(), moved(views.views[0])),
            VectorData::Dictionary { codes, .. } => {
                out.extend(codes.iter().map(|&code| moved(views.views[usize::from(code)])));
            }
        }
    }
    Some(Values::Views(Views { views: out.into(), buffers: buffers.into() }))
}

fn concat_numerics(parts: &[&Vector], len: usize, ty: TypeRef) -> Result<Values> {
    let mut common: Option<u8> = None;
    let (mut same, mut narrow) = (true, true);
    for part in parts.iter().filter(|part| has_values(part)) {
        match part.values() {
            Values::Fixed64 { scale, .. } => same &= *common.get_or_insert(*scale) == *scale,
            Values::Fixed128 { scale, .. } => {
                narrow = false;
                same &= *common.get_or_insert(*scale) == *scale;
            }
            _ => same = false,
        }
    }
    let scale = common.unwrap_or(0);
    if same && narrow {
        let lanes = concat_lanes(parts, len, |values| match values {
            Values::Fixed64 { unscaled, .. } => Some(unscaled),
            _ => None,
        });
        if let Some(unscaled) = lanes {
            return Ok(Values::Fixed64 { unscaled, scale });
        }
    }
    if same {
        let mut unscaled: Vec<i128> = Vec::with_capacity(len);
        for part in parts {
            for lane in 0..part.len() {
                let (values, position) = part.locate(lane);
                unscaled.push(match values {
                    Values::Fixed64 { unscaled, .. } => i128::from(unscaled[position]),
                    Values::Fixed128 { unscaled, .. } => unscaled[position],
                    _ => 0,
                });
            }
        }
        return Ok(Values::Fixed128 { unscaled: unscaled.into(), scale });
    }
    let mut numerics = Vec::with_capacity(len);
    let mut nulls = Vec::with_capacity(len);
    for part in parts {
        for lane in 0..part.len() {
            let value = match datum_at(part, lane, ty)? {
                Datum::Numeric(value) => Some(value),
                _ => None,
            };
            nulls.push(value.is_none());
            numerics.push(value.unwrap_or(Numeric::ZERO));
        }
    }
    Ok(Values::Views(numeric_views(&numerics, &nulls)))
}
