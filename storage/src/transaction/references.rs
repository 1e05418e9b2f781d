//! What the checks of foreign keys see.

use super::{IsolationLevel, Transaction};
use crate::error::Result;
use crate::mvcc::snapshot::Snapshot;
use crate::mvcc::stamp::COMMANDS_MAX;
use crate::scan::TableScan;
use crate::table::TableId;

impl Transaction {
    /// Returns a view of a table in which a new reference must find its row: the newest at READ COMMITTED, that of the
    /// transaction's snapshot above; and all own writes.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn scan_referred(&self, table: TableId) -> Result<TableScan> {
        if self.isolation == IsolationLevel::ReadCommitted {
            return self.scan_newest(table);
        }
        let snapshot = Snapshot { command: COMMANDS_MAX + 1, ..self.snapshot() };
        Ok(TableScan::new(&self.table(table)?.heap, snapshot))
    }
}
