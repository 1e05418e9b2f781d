//! One value, as the row path handles it.
//!
//! A datum is stored by *physical* type: a `date` is an `I32` of days, a `timestamp` an `I64` of
//! microseconds, an `oid` (and `regclass`, `xid`, ...) an `I64` between 0 and 2^32-1. The logical type
//! travels beside it as a [`crate::TypeRef`].

use std::sync::Arc;

use ecow::EcoString;
use serde::{Deserialize, Serialize};

use crate::Oid;
use crate::numeric::Numeric;

/// The lane representation of a logical type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PhysicalType {
    /// `bool`, one bit a lane in vectors.
    Bool,
    /// `int2`.
    I16,
    /// `int4`, `date` (days from 2000-01-01).
    I32,
    /// `int8`, `time`, `timestamp`, `timestamptz` (microseconds), `oid` and its relatives, `money`.
    I64,
    /// `float4`.
    F32,
    /// `float8`.
    F64,
    /// `numeric`: fixed 64-bit, fixed 128-bit or exact.
    Numeric,
    /// `interval`: microseconds, days, months; 16 bytes.
    Interval,
    /// `uuid`: 16 bytes in network order.
    Uuid,
    /// Text in UTF-8: `text`, `varchar`, `bpchar`, `name`, `"char"`, `json`, `unknown`, `cstring`, ...
    Text,
    /// `bytea`, and every type whose value has a private encoding in vectors: arrays, records, `timetz`, ...
    Bytes,
}

/// A single SQL value.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub enum Datum {
    /// SQL NULL of any type.
    #[default]
    Null,
    /// See [`PhysicalType::Bool`].
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
    /// See [`PhysicalType::Numeric`].
    Numeric(Numeric),
    /// See [`PhysicalType::Interval`].
    Interval(Interval),
    /// See [`PhysicalType::Uuid`].
    Uuid([u8; 16]),
    /// See [`PhysicalType::Text`].
    Text(EcoString),
    /// See [`PhysicalType::Bytes`].
    Bytes(Arc<[u8]>),
    /// `time with time zone`: microseconds since midnight and seconds *west* of UTC.
    TimeTz(i64, i32),
    /// An array of any element type.
    Array(Arc<ArrayValue>),
    /// A composite value.
    Record(Arc<[Datum]>),
}

/// `interval`, the three fields that PostgreSQL keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[repr(C)]
pub struct Interval {
    /// Microseconds.
    pub microseconds: i64,
    /// Days.
    pub days: i32,
    /// Months.
    pub months: i32,
}

/// An array value: dimensions with lower bounds, elements in row-major order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArrayValue {
    /// Type of the elements.
    pub element_type: Oid,
    /// (length, lower bound) for each dimension; empty for `'{}'`.
    pub dimensions: Vec<(i32, i32)>,
    /// The elements; NULLs are [`Datum::Null`].
    pub elements: Vec<Datum>,
}

impl Datum {
    /// Returns whether this is SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
    /// Returns a text datum.
    pub fn text(value: impl Into<EcoString>) -> Self {
        Self::Text(value.into())
    }
}

impl ArrayValue {
    /// Returns a one-dimensional array with lower bound 1 (no dimensions when `elements` is empty).
    pub fn one_dimensional(element_type: Oid, elements: Vec<Datum>) -> Self {
        let dimensions = match i32::try_from(elements.len()) {
            Ok(0) | Err(_) => Vec::new(),
            Ok(len) => vec![(len, 1)],
        };
        Self { element_type, dimensions, elements }
    }
}
