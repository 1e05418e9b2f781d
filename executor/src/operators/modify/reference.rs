//! The key with which a row refers to another, or is referred to.

use std::collections::HashSet;

use storage::{TableId, TableScan};
use types::{Datum, PgError, Result, TypeRef};

use super::changer::Changer;
use super::lookup;
use crate::execute::Run;

/// A key of a foreign key.
pub(super) enum ReferenceKey {
    /// Refers to nothing.
    Null,
    /// Some columns are null, and MATCH FULL forbids that.
    Mixed,
    /// Refers to a row.
    Bytes(Vec<u8>),
}

/// Which rows of a table are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum View {
    /// Those that are there now.
    Newest,
    /// Those that a new reference can mean.
    Referred,
}

impl View {
    /// Returns a table in this view.
    pub(super) fn scan(self, run: &Run<'_>, table: u64) -> Result<TableScan> {
        match self {
            Self::Newest => lookup::current(run, table),
            Self::Referred => Ok(run.context.transaction()?.lock().scan_referred(TableId(table))?),
        }
    }
}

/// Returns the key of a row in some columns.
pub(super) fn reference_key(row: &[Datum], columns: &[usize], types: &[TypeRef], full: bool) -> ReferenceKey {
    let mut bytes = Vec::new();
    let mut nulls = 0;
    for column in columns {
        let (Some(value), Some(ty)) = (row.get(*column), types.get(*column)) else { continue };
        nulls += usize::from(value.is_null());
        lookup::append_key(value, *ty, &mut bytes);
    }
    match nulls {
        0 => ReferenceKey::Bytes(bytes),
        some if full && some < columns.len() => ReferenceKey::Mixed,
        _ => ReferenceKey::Null,
    }
}

impl Changer<'_> {
    /// Notes for SERIALIZABLE that rows with some keys are read.
    pub(super) fn track(&self, target: usize, columns: &[usize], wanted: &HashSet<Vec<u8>>) -> Result<()> {
        let table = self.tables.get(target).ok_or_else(|| PgError::internal("a foreign key of no table"))?;
        let transaction = self.run.context.transaction()?.lock();
        if wanted.is_empty() || !transaction.is_tracked() {
            return Ok(());
        }
        let scan = transaction.scan(TableId(table.target.table))?;
        drop(transaction);
        for key in wanted {
            lookup::track(&scan, lookup::ScanRange::of_key(columns, &table.types, key))?;
        }
        Ok(())
    }
}
