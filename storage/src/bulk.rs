//! Writing many rows.

use kernels::vector::Vector;

use crate::error::Result;
use crate::table::TableId;
use crate::transaction::Transaction;

/// Takes rows for one table; they are part of the transaction once it is finished.
#[derive(Debug)]
pub struct BulkWriter<'a> {
    transaction: &'a mut Transaction,
    table: TableId,
    rows: u64,
}

impl<'a> BulkWriter<'a> {
    pub(crate) fn new(transaction: &'a mut Transaction, table: TableId) -> Self {
        Self { transaction, table, rows: 0 }
    }

    /// Appends rows: a vector for each column.
    pub fn append(&mut self, vectors: &[Vector]) -> Result<()> {
        self.rows += self.transaction.insert(self.table, vectors)? as u64;
        Ok(())
    }

    /// Writes what is left and makes the rows visible to the transaction. Returns how many were appended.
    pub fn finish(self) -> Result<u64> {
        Ok(self.rows)
    }
}
