//! The rows of a query, into a new table.

use std::ops::ControlFlow;
use std::sync::Arc;

use executor::batch::Batch;
use executor::execute::ResultSink;
use executor::to_storage;
use kernels::vector::Vector;
use storage::{BulkWriter, ColumnDefinition, Transaction};
use types::{Result, TypeRef};

use crate::catalog::Relation;

/// Takes batches whose columns are those of a table.
pub(crate) struct BatchWriter {
    /// Where they go.
    pub(crate) rows: BulkWriter,
    stored: Arc<[ColumnDefinition]>,
    types: Vec<TypeRef>,
}

impl BatchWriter {
    /// Returns a writer for a table that is there, and locked.
    ///
    /// # Errors
    /// Those of the storage.
    pub(crate) fn new(transaction: &mut Transaction, table: &Relation) -> Result<Self> {
        let (stored, _) = transaction.shape(table.table_id())?;
        let rows = transaction.bulk_writer(table.table_id())?;
        let types = table.columns.iter().map(|column| column.ty).collect();
        Ok(Self { rows, stored, types })
    }

    /// Returns the columns of a batch as they are stored.
    ///
    /// # Errors
    /// For a value that the column cannot hold.
    pub(crate) fn stored(&self, batch: &Batch) -> Result<Vec<Vector>> {
        let columns = batch.columns.iter().zip(self.stored.iter()).zip(&self.types);
        let vectors = columns.map(|((vector, stored), ty)| to_storage(vector, stored, *ty));
        Ok(storage::counted_rows(vectors.collect::<Result<_>>()?, batch.len))
    }
}

impl ResultSink for BatchWriter {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        if batch.len > 0 {
            let columns = self.stored(&batch.compact())?;
            self.rows.append(&columns)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}
