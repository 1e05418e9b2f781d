//! Vectors: one column of a batch, at most [`VECTOR_LANES`] lanes, in Arrow's layouts.
//!
//! A vector is *flat* (a lane a value), *constant* (one value for all lanes) or *dictionary* (codes into a
//! shared dictionary), so that work on a constant or on a dictionary is done once per distinct value.
//! Buffers are `arrow-buffer`'s: cloning and slicing share memory, and a mapped file can back a vector.

mod bitmap;
mod values;
mod views;

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

pub use bitmap::Bitmap;
pub use values::Values;
pub use views::{INLINE_BYTES, Views, ViewsBuilder};

/// Lanes of a full vector.
pub const VECTOR_LANES: usize = 2048;

/// One column of a batch.
#[derive(Debug, Clone)]
pub struct Vector {
    /// The values and their form.
    pub data: VectorData,
    /// 1 = not null; `None` when no lane is null. Has [`Vector::len`] bits.
    pub validity: Option<Bitmap>,
    len: usize,
}

/// The form of a vector.
#[derive(Debug, Clone)]
pub enum VectorData {
    /// A value for each lane.
    Flat(Values),
    /// One lane that stands for all of them (whatever it holds when every lane is null).
    Constant(Values),
    /// `dictionary[codes[lane]]`. Codes of null lanes are in range too. The dictionary holds no nulls.
    Dictionary {
        /// A code for each lane.
        codes: ScalarBuffer<u16>,
        /// The distinct values, shared by all vectors of a row group.
        dictionary: Arc<Values>,
    },
}

impl Vector {
    /// Returns a flat vector.
    ///
    /// # Panics
    /// When `validity` has another length than `values`.
    pub fn flat(values: Values, validity: Option<Bitmap>) -> Self {
        let len = values.len();
        if let Some(validity) = &validity {
            assert_eq!(validity.len(), len);
        }
        Self { data: VectorData::Flat(values), validity, len }
    }
    /// Returns `len` lanes of the single value in `values`.
    pub fn constant(values: Values, len: usize) -> Self {
        assert_eq!(values.len(), 1);
        Self { data: VectorData::Constant(values), validity: None, len }
    }
    /// Returns `len` null lanes; `values` (one lane) gives the physical type.
    pub fn null(values: Values, len: usize) -> Self {
        assert_eq!(values.len(), 1);
        Self { data: VectorData::Constant(values), validity: Some(Bitmap::zeros(len)), len }
    }
    /// Returns a dictionary vector.
    pub fn dictionary(codes: ScalarBuffer<u16>, dictionary: Arc<Values>, validity: Option<Bitmap>) -> Self {
        let len = codes.len();
        if let Some(validity) = &validity {
            assert_eq!(validity.len(), len);
        }
        Self { data: VectorData::Dictionary { codes, dictionary }, validity, len }
    }
    /// Returns the number of lanes.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Returns whether there are no lanes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Returns whether `lane` is null.
    pub fn is_null(&self, lane: usize) -> bool {
        self.validity.as_ref().is_some_and(|validity| !validity.get(lane))
    }
    /// Returns the values that lanes point into and, for `lane`, the position in them.
    pub fn locate(&self, lane: usize) -> (&Values, usize) {
        match &self.data {
            VectorData::Flat(values) => (values, lane),
            VectorData::Constant(values) => (values, 0),
            VectorData::Dictionary { codes, dictionary } => (dictionary, usize::from(codes[lane])),
        }
    }
    /// Returns the underlying values: all lanes, the constant, or the dictionary.
    pub fn values(&self) -> &Values {
        match &self.data {
            VectorData::Flat(values) | VectorData::Constant(values) => values,
            VectorData::Dictionary { dictionary, .. } => dictionary,
        }
    }
    /// Returns the same lanes in flat form (no copy when flat already).
    #[must_use]
    pub fn to_flat(&self) -> Self {
        let values = match &self.data {
            VectorData::Flat(_) => return self.clone(),
            VectorData::Constant(values) => values.repeat(self.len),
            VectorData::Dictionary { codes, dictionary } => dictionary.gather(codes),
        };
        Self { data: VectorData::Flat(values), validity: self.validity.clone(), len: self.len }
    }
    /// Returns the lanes at `positions`, which may repeat and come in any order. Keeps the form.
    #[must_use]
    pub fn gather(&self, positions: &[u16]) -> Self {
        let validity = self.validity.as_ref().map(|validity| validity.gather(positions));
        let data = match &self.data {
            VectorData::Flat(values) => VectorData::Flat(values.gather(positions)),
            VectorData::Constant(values) => VectorData::Constant(values.clone()),
            VectorData::Dictionary { codes, dictionary } => VectorData::Dictionary {
                codes: positions.iter().map(|&position| codes[usize::from(position)]).collect(),
                dictionary: Arc::clone(dictionary),
            },
        };
        Self { data, validity, len: positions.len() }
    }
}
