//! Input and output functions of every built-in type, by type oid.
//!
//! * `text`: text form of single values; `array`: arrays, vectors and records
//! * `binary`: binary wire form
//! * `integer`: integer syntax; the other types' syntax lives with the type

mod array;
mod binary;
mod bytea;
pub mod integer;
mod text;

pub use array::{array_input, array_output, record_output};
pub use binary::{binary_input, binary_output};
pub use bytea::{decode_escape, decode_hex, encode_hex};
pub use text::{text_input, text_output, truncate_name};

use crate::datetime::zone::Zone;

/// `DateStyle`, first part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the setting's own words")]
pub enum DateStyle {
    #[default]
    Iso,
    Sql,
    Postgres,
    German,
}

/// `DateStyle`, second part: how to read and write ambiguous dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the setting's own words")]
pub enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// `IntervalStyle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the setting's own words")]
pub enum IntervalStyle {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

/// `bytea_output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the setting's own words")]
pub enum ByteaOutput {
    #[default]
    Hex,
    Escape,
}

/// Names of catalog objects, which values of `regclass`, `regtype`, ... are read and written with.
pub trait ObjectNames: std::fmt::Debug + Send + Sync {
    /// Returns the name of object `oid` as type `ty` writes it; `None` when there is no such object.
    fn output(&self, ty: crate::Oid, oid: crate::Oid) -> Option<String>;
    /// Reads a name as type `ty` does.
    ///
    /// # Errors
    /// PostgreSQL's for a name that stands for nothing.
    fn input(&self, ty: crate::Oid, text: &str) -> crate::errors::Result<crate::Oid>;
}

/// The session's settings that input and output depend on, its clock, and the names it knows.
#[derive(Debug, Clone)]
pub struct IoContext {
    /// `DateStyle`, first part.
    pub date_style: DateStyle,
    /// `DateStyle`, second part.
    pub date_order: DateOrder,
    /// `IntervalStyle`.
    pub interval_style: IntervalStyle,
    /// `TimeZone`.
    pub time_zone: Zone,
    /// `extra_float_digits`.
    pub extra_float_digits: i32,
    /// `bytea_output`.
    pub bytea_output: ByteaOutput,
    /// `array_nulls`: an unquoted NULL in an array's text is a null.
    pub array_nulls: bool,
    /// `quote_all_identifiers`.
    pub quote_all_identifiers: bool,
    /// `transform_null_equals`: `expr = NULL` means `expr IS NULL`.
    pub transform_null_equals: bool,
    /// Start of the transaction: microseconds from 2000-01-01 UTC.
    pub now: i64,
    /// Names of catalog objects; without them, they are numbers.
    pub names: Option<std::sync::Arc<dyn ObjectNames>>,
}

impl Default for IoContext {
    fn default() -> Self {
        Self {
            date_style: DateStyle::Iso,
            date_order: DateOrder::Mdy,
            interval_style: IntervalStyle::Postgres,
            time_zone: Zone::UTC,
            extra_float_digits: 1,
            bytea_output: ByteaOutput::Hex,
            array_nulls: true,
            quote_all_identifiers: false,
            transform_null_equals: false,
            now: 0,
            names: None,
        }
    }
}

impl IoContext {
    /// Returns the transaction's start in local time.
    pub fn local_now(&self) -> i64 {
        self.now + i64::from(self.time_zone.offset_at(self.now)) * crate::datetime::MICROSECONDS_PER_SECOND
    }
}
