//! New versions of rows that differ from the old ones in some columns.

use types::{Datum, Oid};

use super::Transaction;
use crate::error::{Result, StorageError};
use crate::heap::row::{Lane, NewRow, lane_of};
use crate::table::{RowId, TableId};

impl Transaction {
    /// Returns a row of a table with other values in some columns (position and type); `None` when it is not there.
    ///
    /// # Errors
    /// [`StorageError::NullInColumn`], and when a segment is damaged.
    pub fn replaced_row(
        &self,
        table: TableId,
        row: RowId,
        columns: &[(usize, Oid)],
        values: &[Datum],
    ) -> Result<Option<NewRow>> {
        let heap = &self.table(table)?.heap;
        let Some(group) = heap.group(row.group()) else { return Ok(None) };
        let mut encoded: Vec<Vec<u8>> = vec![Vec::new(); columns.len()];
        let mut changes = Vec::with_capacity(columns.len());
        for ((&(column, oid), value), encoded) in columns.iter().zip(values).zip(&mut encoded) {
            let definition = heap
                .columns()
                .get(column)
                .ok_or_else(|| StorageError::Misuse("a change of no column".to_owned()))?;
            let lane = lane_of(definition, value, oid, encoded)?;
            if lane == Lane::Null && !definition.nullable {
                return Err(StorageError::NullInColumn { column: definition.name.clone() });
            }
            changes.push((column, lane));
        }
        Ok(group.replaced(&heap.layout, row.lane(), &changes)?.map(NewRow))
    }
}
