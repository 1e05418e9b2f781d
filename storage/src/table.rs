//! Names and shapes: tables, columns, rows.

use kernels::vector::{VECTOR_LANES, Values};
use serde::{Deserialize, Serialize};
use types::PhysicalType;

/// Rows of a full row group.
pub const ROW_GROUP_ROWS: usize = 65_536;
/// Row groups of a full segment.
pub const SEGMENT_ROW_GROUPS: usize = 16;

/// Identifies a table for ever; the frontend assigns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableId(pub u64);

/// The shape of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnDefinition {
    /// The physical type of the lanes.
    pub physical: PhysicalType,
    /// For `Numeric`: the scale of a `numeric(p,s)` column with p <= 38, whose lanes are `Fixed64` or
    /// `Fixed128` (a vector has either, whichever holds its row group's values). `None`: exact values in
    /// `Views`, in the byte codec of `types`.
    pub fixed_scale: Option<u8>,
    /// Whether nulls are accepted.
    pub nullable: bool,
    /// The column's name, for messages.
    pub name: String,
}

impl ColumnDefinition {
    /// Returns whether zone maps and ranges mean something for this column: its lanes' order (or the order
    /// of its bytes) is an order of its values.
    pub fn is_ordered(&self) -> bool {
        match self.physical {
            PhysicalType::Bool
            | PhysicalType::I16
            | PhysicalType::I32
            | PhysicalType::I64
            | PhysicalType::F32
            | PhysicalType::F64
            | PhysicalType::Uuid
            | PhysicalType::Text
            | PhysicalType::Bytes => true,
            PhysicalType::Numeric => self.fixed_scale.is_some(),
            PhysicalType::Interval => false,
        }
    }

    /// Returns one lane of this column's lane type (zero, false, the empty string).
    pub fn zero(&self) -> Values {
        crate::builder::ColumnBuilder::zero(self)
    }
}

/// A stored row: row group and lane, packed so that it can travel in an `I64` vector. Stable within a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RowId(pub u64);

impl RowId {
    /// Packs a row group's number and a lane of it.
    pub(crate) fn new(group: u64, lane: usize) -> Self {
        debug_assert!(lane < ROW_GROUP_ROWS);
        Self(group << 16 | lane as u64)
    }
    /// Returns the row group's number and the position of the vector in it.
    pub fn vector(self) -> (u64, usize) {
        (self.group(), self.lane() / VECTOR_LANES)
    }
    /// Returns the lane of the vector.
    pub fn lane_of_vector(self) -> u16 {
        (self.lane() % VECTOR_LANES) as u16
    }
    /// Returns a number of the row's page that no other page of the table has.
    pub(crate) fn page(self) -> u64 {
        self.0 / VECTOR_LANES as u64
    }
    /// Returns the row's place in its page.
    pub(crate) fn place(self) -> usize {
        self.lane() % VECTOR_LANES
    }
    /// Returns the row group's number.
    pub(crate) fn group(self) -> u64 {
        self.0 >> 16
    }
    /// Returns the lane.
    pub(crate) fn lane(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}
