#![doc = include_str!("../README.md")]

mod builder;
mod bulk;
mod compaction;
pub mod disk;
mod durable;
mod error;
mod filter;
mod heap;
mod index;
mod key;
mod locks;
mod maintenance;
mod memory;
mod mvcc;
mod predicate;
mod prepared;
pub mod processors;
mod relocation;
mod scan;
mod segment;
mod serializable;
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
pub use disk::guard::{check_losses, losses};
pub use error::{Result, StorageError};
pub use heap::row::{Lane, NewRow, StoredRow};
pub use heap::{RowState, SystemColumns};
pub use index::{IndexColumn, IndexCursor, IndexDefinition, IndexId, IndexRange};
pub use locks::{Acquired, AdvisoryKey, LockInfo, LockTag, RowLockMode, TableLockMode};
pub use memory::MemoryPart;
pub use mvcc::waits::Waiter;
pub use predicate::{DictionaryMask, KeyFilter, Pruned, RangeEnd, ScanPredicate, ScanValue};
pub use prepared::PreparedTransaction;
pub use scan::{RowGroup, TableScan};
pub use store::{Store, StoreOptions};
pub use table::{ColumnDefinition, ROW_GROUP_ROWS, RowId, SEGMENT_ROW_GROUPS, TableId};
pub use transaction::{
    Ages, CommitNumber, ExportedSnapshot, InsertOutcome, IsolationLevel, Savepoint, Transaction, WaitPolicy,
    WriteOutcome,
};
pub use verify::{Report, verify, verify_in};
pub use version::counted_rows;
pub use zone_map::ZoneMap;
