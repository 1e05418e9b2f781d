#![doc = include_str!("../README.md")]

mod builder;
mod bulk;
mod disk;
mod durable;
mod error;
mod filter;
mod hot;
mod key;
mod predicate;
mod scan;
mod segment;
mod sketch;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod transaction;
mod verify;
mod version;
mod zone_map;

pub use bulk::BulkWriter;
pub use error::{Result, StorageError};
pub use predicate::{DictionaryMask, KeyFilter, Pruned, RangeEnd, ScanPredicate, ScanValue};
pub use scan::{RowGroup, TableScan};
pub use store::{Store, StoreOptions};
pub use table::{ColumnDefinition, ROW_GROUP_ROWS, RowId, SEGMENT_ROW_GROUPS, TableId};
pub use transaction::{CommitNumber, Savepoint, Transaction};
pub use verify::{Report, verify};
pub use zone_map::ZoneMap;
