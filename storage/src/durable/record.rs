//! The journal's records: a commit's writes, logically.
//!
//! A record turns back into the same [`Writes`] that the commit applied, and recovery applies them with the
//! same function, so row groups and lanes get the numbers that they had.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::vectors::StoredVector;
use crate::error::Result;
use crate::segment::Segment;
use crate::table::{ColumnDefinition, PRIVATE_GROUP, TableId};
use crate::transaction::{Base, TableWrites, Writes, surviving_rows};
use crate::version::{DeleteMask, Group, GroupData, StoreVersion, TableVersion};

/// One commit.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    pub(crate) commit: u64,
    tables: Vec<(TableId, TableRecord)>,
    catalog: Option<Vec<u8>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TableRecord {
    base: BaseRecord,
    deleted: Vec<(u64, Vec<u16>)>,
    inserted: Vec<InsertRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
enum BaseRecord {
    Committed,
    Created { columns: Vec<ColumnDefinition>, key: Option<Vec<u32>> },
    Truncated,
    Dropped,
}

#[derive(Debug, Serialize, Deserialize)]
enum InsertRecord {
    Rows(Vec<StoredVector>),
    Group { segment: String, index: u32, deleted: Vec<u16> },
}

impl CommitRecord {
    /// Returns the record of `writes`.
    pub(crate) fn new(commit: u64, writes: &Writes) -> Result<Self> {
        let mut tables = Vec::with_capacity(writes.tables.len());
        for (&table, writes) in &writes.tables {
            tables.push((table, TableRecord::new(writes)?));
        }
        Ok(Self { commit, tables, catalog: writes.catalog.as_ref().map(|(image, _)| image.to_vec()) })
    }

    /// Returns the writes; `open` opens a segment by name. Fails with what is wrong in the record.
    pub(crate) fn writes(
        self,
        version: &StoreVersion,
        mut open: impl FnMut(&str) -> Result<Arc<Segment>>,
    ) -> Result<Result<Writes, String>> {
        let mut writes =
            Writes { catalog: self.catalog.map(|image| (Arc::new(image), u64::MAX)), ..Writes::default() };
        for (table, record) in self.tables {
            let columns: Option<Arc<[ColumnDefinition]>> = match &record.base {
                BaseRecord::Created { columns, .. } => Some(columns.clone().into()),
                BaseRecord::Committed | BaseRecord::Truncated | BaseRecord::Dropped => {
                    version.tables.get(&table).map(|table| Arc::clone(&table.columns))
                }
            };
            let Some(columns) = columns else { return Ok(Err(format!("there is no table {}", table.0))) };
            match record.writes(columns, &mut open)? {
                Some(table_writes) => writes.tables.insert(table, table_writes),
                None => return Ok(Err(format!("unreadable rows of table {}", table.0))),
            };
        }
        Ok(Ok(writes))
    }
}

impl TableRecord {
    fn new(writes: &TableWrites) -> Result<Self> {
        let base = match writes.base {
            Base::Committed => BaseRecord::Committed,
            Base::Created => BaseRecord::Created {
                columns: writes.inserted.columns.to_vec(),
                key: writes
                    .inserted
                    .key
                    .as_ref()
                    .map(|key| key.iter().map(|&column| column as u32).collect()),
            },
            Base::Truncated(_) => BaseRecord::Truncated,
            Base::Dropped => BaseRecord::Dropped,
        };
        let mut inserted = Vec::new();
        for group in &writes.inserted.groups {
            match &group.data {
                GroupData::Hot(_) => {
                    for batch in surviving_rows(group, &writes.inserted.columns)? {
                        inserted.push(InsertRecord::Rows(batch.iter().map(StoredVector::new).collect()));
                    }
                }
                GroupData::Frozen { segment, index } => inserted.push(InsertRecord::Group {
                    segment: segment.name.clone(),
                    index: *index as u32,
                    deleted: group.deleted.as_ref().map_or_else(Vec::new, |deleted| deleted.lanes()),
                }),
            }
        }
        let deleted = writes.deleted.iter().map(|(&id, mask)| (id, mask.lanes())).collect();
        Ok(Self { base, deleted, inserted })
    }

    fn writes(
        self,
        columns: Arc<[ColumnDefinition]>,
        open: &mut impl FnMut(&str) -> Result<Arc<Segment>>,
    ) -> Result<Option<TableWrites>> {
        let (base, key) = match self.base {
            BaseRecord::Committed => (Base::Committed, None),
            BaseRecord::Created { key, .. } => {
                (Base::Created, key.map(|key| key.into_iter().map(|column| column as usize).collect()))
            }
            BaseRecord::Truncated => (Base::Truncated(u64::MAX), None),
            BaseRecord::Dropped => (Base::Dropped, None),
        };
        let mut inserted = TableVersion::new(columns, key, PRIVATE_GROUP);
        for insert in self.inserted {
            match insert {
                InsertRecord::Rows(vectors) => {
                    let vectors: Option<Vec<_>> = vectors.into_iter().map(StoredVector::vector).collect();
                    let Some(vectors) = vectors else { return Ok(None) };
                    crate::version::check_rows(&inserted.columns, &vectors)?;
                    inserted.append(&vectors)?;
                }
                InsertRecord::Group { segment, index, deleted } => {
                    let segment = open(&segment)?;
                    let index = index as usize;
                    if index >= segment.group_count() || segment.column_count() != inserted.columns.len() {
                        return Ok(None);
                    }
                    let mask = (!deleted.is_empty()).then(|| Arc::new(DeleteMask::from_lanes(&deleted)));
                    let data = GroupData::Frozen { segment, index };
                    inserted.groups.push(Group { id: inserted.next_group, data, deleted: mask });
                    inserted.next_group += 1;
                }
            }
        }
        let deleted =
            self.deleted.iter().map(|(id, lanes)| (*id, Arc::new(DeleteMask::from_lanes(lanes)))).collect();
        Ok(Some(TableWrites { base, inserted, deleted, checked_at: u64::MAX }))
    }
}
