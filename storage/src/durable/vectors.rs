//! Vectors in journal records.

use kernels::vector::{Bitmap, Values, Vector, ViewsBuilder};
use serde::{Deserialize, Serialize};

/// A vector, flat, in a form that can be written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredVector {
    lanes: StoredLanes,
    validity: Option<Vec<u64>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum StoredLanes {
    Bool(Vec<u64>, u32),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Fixed64(Vec<i64>, u8),
    Fixed128(Vec<i128>, u8),
    Wide(Vec<u128>),
    Bytes(Vec<u32>, Vec<u8>),
}

impl StoredVector {
    /// Returns what is stored for `vector`.
    pub(crate) fn new(vector: &Vector) -> Self {
        let flat = vector.to_flat();
        let lanes = match flat.values() {
            Values::Bool(bits) => StoredLanes::Bool(bits.words().to_vec(), bits.len() as u32),
            Values::I16(lanes) => StoredLanes::I16(lanes.to_vec()),
            Values::I32(lanes) => StoredLanes::I32(lanes.to_vec()),
            Values::I64(lanes) => StoredLanes::I64(lanes.to_vec()),
            Values::F32(lanes) => StoredLanes::F32(lanes.to_vec()),
            Values::F64(lanes) => StoredLanes::F64(lanes.to_vec()),
            Values::Fixed64 { unscaled, scale } => StoredLanes::Fixed64(unscaled.to_vec(), *scale),
            Values::Fixed128 { unscaled, scale } => StoredLanes::Fixed128(unscaled.to_vec(), *scale),
            Values::Wide(lanes) => StoredLanes::Wide(lanes.to_vec()),
            Values::Views(views) => {
                let lengths = views.iter().map(|bytes| bytes.len() as u32).collect();
                StoredLanes::Bytes(lengths, views.iter().flatten().copied().collect())
            }
        };
        Self { lanes, validity: flat.validity.as_ref().map(|validity| validity.words().to_vec()) }
    }

    /// Returns the vector; `None` when the parts disagree.
    pub(crate) fn vector(self) -> Option<Vector> {
        let values = match self.lanes {
            StoredLanes::Bool(words, len) => {
                (words.len() == (len as usize).div_ceil(64)).then(|| Bitmap::from_words(words, len as usize))
            }
            .map(Values::Bool)?,
            StoredLanes::I16(lanes) => Values::I16(lanes.into()),
            StoredLanes::I32(lanes) => Values::I32(lanes.into()),
            StoredLanes::I64(lanes) => Values::I64(lanes.into()),
            StoredLanes::F32(lanes) => Values::F32(lanes.into()),
            StoredLanes::F64(lanes) => Values::F64(lanes.into()),
            StoredLanes::Fixed64(lanes, scale) => Values::Fixed64 { unscaled: lanes.into(), scale },
            StoredLanes::Fixed128(lanes, scale) => Values::Fixed128 { unscaled: lanes.into(), scale },
            StoredLanes::Wide(lanes) => Values::Wide(lanes.into()),
            StoredLanes::Bytes(lengths, bytes) => {
                let (mut builder, mut rest) = (ViewsBuilder::with_capacity(lengths.len()), bytes.as_slice());
                for length in lengths {
                    let (string, after) = rest.split_at_checked(length as usize)?;
                    builder.push(string);
                    rest = after;
                }
                Values::Views(builder.finish())
            }
        };
        let len = values.len();
        let validity = match self.validity {
            None => None,
            Some(words) if words.len() == len.div_ceil(64) => Some(Bitmap::from_words(words, len)),
            Some(_) => return None,
        };
        Some(Vector::flat(values, validity))
    }
}
