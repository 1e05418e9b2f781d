//! Values of one physical type, without nulls.

use arrow_buffer::ScalarBuffer;

use super::{Bitmap, Views};

/// The lanes of a vector, or the entries of a dictionary.
#[derive(Debug, Clone)]
pub enum Values {
    /// One bit a lane.
    Bool(Bitmap),
    /// 16-bit integers.
    I16(ScalarBuffer<i16>),
    /// 32-bit integers and dates.
    I32(ScalarBuffer<i32>),
    /// 64-bit integers, times, timestamps, oids.
    I64(ScalarBuffer<i64>),
    /// Single-precision floats.
    F32(ScalarBuffer<f32>),
    /// Double-precision floats.
    F64(ScalarBuffer<f64>),
    /// Decimal numbers `unscaled * 10^-scale` of one display scale.
    Fixed64 {
        /// The integers.
        unscaled: ScalarBuffer<i64>,
        /// Digits after the point, the same for every lane.
        scale: u8,
    },
    /// As `Fixed64`, with 128-bit integers.
    Fixed128 {
        /// The integers.
        unscaled: ScalarBuffer<i128>,
        /// Digits after the point, the same for every lane.
        scale: u8,
    },
    /// 16 bytes a lane: a uuid as a big-endian number, an interval as its packed fields.
    Wide(ScalarBuffer<u128>),
    /// Text, bytes, exact decimal numbers and every other type in its byte encoding.
    Views(Views),
}

macro_rules! each_values {
    ($self:expr, $buffer:ident => $body:expr) => {
        match $self {
            Values::Bool($buffer) => Values::Bool($body),
            Values::I16($buffer) => Values::I16($body),
            Values::I32($buffer) => Values::I32($body),
            Values::I64($buffer) => Values::I64($body),
            Values::F32($buffer) => Values::F32($body),
            Values::F64($buffer) => Values::F64($body),
            Values::Fixed64 { unscaled: $buffer, scale } => {
                Values::Fixed64 { unscaled: $body, scale: *scale }
            }
            Values::Fixed128 { unscaled: $buffer, scale } => {
                Values::Fixed128 { unscaled: $body, scale: *scale }
            }
            Values::Wide($buffer) => Values::Wide($body),
            Values::Views($buffer) => Values::Views($body),
        }
    };
}

impl Values {
    /// Returns the number of lanes.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(bits) => bits.len(),
            Self::I16(lanes) => lanes.len(),
            Self::I32(lanes) => lanes.len(),
            Self::I64(lanes) => lanes.len(),
            Self::F32(lanes) => lanes.len(),
            Self::F64(lanes) => lanes.len(),
            Self::Fixed64 { unscaled, .. } => unscaled.len(),
            Self::Fixed128 { unscaled, .. } => unscaled.len(),
            Self::Wide(lanes) => lanes.len(),
            Self::Views(views) => views.len(),
        }
    }
    /// Returns whether there are no lanes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Returns the lanes at `positions`.
    #[must_use]
    pub fn gather(&self, positions: &[u16]) -> Self {
        each_values!(self, lanes => lanes.take_positions(positions))
    }
    /// Returns `len` copies of the first lane.
    #[must_use]
    pub fn repeat(&self, len: usize) -> Self {
        each_values!(self, lanes => lanes.repeat_first(len))
    }
}

/// What [`Values`] asks of each buffer type.
trait Lanes {
    fn take_positions(&self, positions: &[u16]) -> Self;
    fn repeat_first(&self, len: usize) -> Self;
}

impl<T: arrow_buffer::ArrowNativeType> Lanes for ScalarBuffer<T> {
    fn take_positions(&self, positions: &[u16]) -> Self {
        positions.iter().map(|&position| self[usize::from(position)]).collect()
    }
    fn repeat_first(&self, len: usize) -> Self {
        vec![self[0]; len].into()
    }
}

impl Lanes for Bitmap {
    fn take_positions(&self, positions: &[u16]) -> Self {
        self.gather(positions)
    }
    fn repeat_first(&self, len: usize) -> Self {
        if self.get(0) { Self::ones(len) } else { Self::zeros(len) }
    }
}

impl Lanes for Views {
    fn take_positions(&self, positions: &[u16]) -> Self {
        Self { views: self.views.take_positions(positions), buffers: self.buffers.clone() }
    }
    fn repeat_first(&self, len: usize) -> Self {
        Self { views: self.views.repeat_first(len), buffers: self.buffers.clone() }
    }
}
