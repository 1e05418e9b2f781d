//! The key with which a row refers to another, or is referred to.

use storage::{TableId, TableScan};
use types::{Datum, Result, TypeRef};

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
