//! One value, as the row path handles it.
//!
//! A datum is stored by *physical* type: a `date` is an `I32` of days, a `timestamp` an `I64` of
//! microseconds, an `oid` (and `regclass`, `xid`, ...) an `I64` between 0 and 2^32-1. The logical type
//! travels beside it as a [`crate::TypeRef`].

use std::sync::Arc;

use ecow::EcoString;
use serde::{Deserialize, Serialize};

use crate::json::Json;
use crate::numeric::Numeric;
use crate::{Oid, TypeRef, oids};

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
    Record(Arc<RecordValue>),
    /// A `jsonb` value.
    Json(Arc<Json>),
    /// A value of a range type.
    Range(Arc<RangeValue>),
    /// A value of a multirange type.
    Multirange(Arc<MultirangeValue>),
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

/// A composite value: its fields and what is known of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordValue {
    /// The composite type, or `record`.
    pub row_type: Oid,
    /// Name and type of each field.
    pub columns: Arc<[(EcoString, TypeRef)]>,
    /// The fields.
    pub fields: Vec<Datum>,
}

impl RecordValue {
    /// Returns an anonymous record, whose fields are called `f1`, `f2`, ...
    pub fn anonymous(types: impl IntoIterator<Item = TypeRef>, fields: Vec<Datum>) -> Self {
        let named = |(index, ty): (usize, TypeRef)| (EcoString::from(format!("f{}", index + 1)), ty);
        Self { row_type: oids::RECORD, columns: types.into_iter().enumerate().map(named).collect(), fields }
    }
    /// Returns an anonymous record whose field types are those that the values are usually used for.
    pub fn untyped(fields: Vec<Datum>) -> Self {
        let types: Vec<TypeRef> = fields.iter().map(Datum::usual_type).collect();
        Self::anonymous(types, fields)
    }
    /// Returns the type of a field.
    pub fn field_type(&self, index: usize) -> TypeRef {
        self.columns.get(index).map_or(TypeRef::plain(oids::TEXT), |(_, ty)| *ty)
    }
}

/// A range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeValue {
    /// The range type.
    pub range_type: Oid,
    /// Whether it contains nothing; the bounds mean nothing then.
    pub empty: bool,
    /// Lower bound.
    pub lower: RangeBound,
    /// Upper bound.
    pub upper: RangeBound,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RangeBound {
    /// The value; none for an infinite bound.
    pub value: Option<Datum>,
    /// Whether the value itself belongs to the range.
    pub inclusive: bool,
}

/// A multirange: ranges that are not empty, ascending, and neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultirangeValue {
    /// The multirange type.
    pub multirange_type: Oid,
    /// The ranges.
    pub ranges: Vec<RangeValue>,
}

impl Datum {
    /// Returns the type that values of this form usually have; for records of which nothing else is known.
    pub fn usual_type(&self) -> TypeRef {
        TypeRef::plain(match self {
            Self::Null | Self::Text(_) => oids::TEXT,
            Self::Bool(_) => oids::BOOL,
            Self::I16(_) => oids::INT2,
            Self::I32(_) => oids::INT4,
            Self::I64(_) => oids::INT8,
            Self::F32(_) => oids::FLOAT4,
            Self::F64(_) => oids::FLOAT8,
            Self::Numeric(_) => oids::NUMERIC,
            Self::Interval(_) => oids::INTERVAL,
            Self::Uuid(_) => oids::UUID,
            Self::Bytes(_) => oids::BYTEA,
            Self::TimeTz(..) => oids::TIMETZ,
            Self::Array(array) => crate::array_type(array.element_type).unwrap_or(oids::TEXT_ARRAY),
            Self::Record(_) => oids::RECORD,
            Self::Json(_) => oids::JSONB,
            Self::Range(range) => range.range_type,
            Self::Multirange(value) => value.multirange_type,
        })
    }
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
