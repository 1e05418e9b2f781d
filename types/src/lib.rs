#![doc = include_str!("../README.md")]

pub mod account;
pub mod arithmetic;
pub mod bits;
pub mod bytes;
pub mod codec;
pub mod compare;
pub mod datetime;
pub mod datum;
pub mod errors;
pub mod fast;
pub mod float;
pub mod float_functions;
pub mod formatting;
mod gamma;
pub mod geometry;
pub mod hashing;
pub mod identifiers;
pub mod interrupt;
pub mod io;
pub mod json;
pub mod jsonpath;
pub mod key;
pub mod money;
pub mod network;
pub mod numeric;
pub mod oids;
pub mod physical;
pub mod random;
pub mod range;
pub mod size;
pub mod text;
pub mod uuid;

pub use datum::{
    ArrayValue, Datum, Interval, MultirangeValue, PhysicalType, RangeBound, RangeValue, RecordValue,
};
pub use errors::{PgError, Result, SqlState};
pub use numeric::Numeric;
pub use physical::{array_type, element_type, physical_type};

/// Object identifier of a catalog row, as PostgreSQL's `oid`.
pub type Oid = u32;

/// A type as an expression carries it: the `pg_type` row, its modifier and the collation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct TypeRef {
    /// `pg_type.oid`.
    pub oid: Oid,
    /// Type modifier as in `pg_attribute.atttypmod`; -1 when there is none.
    pub typmod: i32,
    /// `pg_collation.oid`, 0 for a type that has none.
    pub collation: Oid,
}

impl TypeRef {
    /// Returns the type without modifier, with the default collation where `oid` is collatable text.
    pub fn plain(oid: Oid) -> Self {
        let collation = match oid {
            oids::TEXT | oids::VARCHAR | oids::BPCHAR => oids::DEFAULT_COLLATION,
            oids::NAME => oids::C_COLLATION,
            _ => 0,
        };
        Self { oid, typmod: -1, collation }
    }
    /// Returns the same type with modifier `typmod`.
    pub fn with_typmod(self, typmod: i32) -> Self {
        Self { typmod, ..self }
    }
}
