//! The store: the published version, the newest version, and the commits between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::disk::{LocalSegments, SegmentStore};
use crate::error::{Result, StorageError};
use crate::segment::SegmentWriter;
use crate::table::TableId;
use crate::transaction::{Base, CommitNumber, Transaction, Writes, surviving_rows};
use crate::version::{Group, GroupData, StoreVersion, TableVersion};

/// How a store works.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {}

/// A data directory, open.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    published: RwLock<Arc<StoreVersion>>,
    head: Mutex<Arc<StoreVersion>>,
    segments: Arc<dyn SegmentStore>,
    /// Number of the next segment file.
    next_segment: AtomicU64,
}

impl Store {
    /// Opens a data directory; makes it if there is none.
    pub fn open(directory: &Path, _options: StoreOptions) -> Result<Arc<Self>> {
        let version = Arc::new(StoreVersion::default());
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            published: RwLock::new(Arc::clone(&version)),
            head: Mutex::new(version),
            segments: Arc::new(LocalSegments::new(directory.join("segments"))?),
            next_segment: AtomicU64::new(1),
        }))
    }

    /// Returns the data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the frontend's catalog as of the last commit; empty in a new store.
    pub fn catalog_image(&self) -> Vec<u8> {
        self.published().catalog.to_vec()
    }

    /// Begins a transaction.
    pub fn begin(self: &Arc<Self>) -> Transaction {
        Transaction::new(Arc::clone(self))
    }

    /// Makes everything durable and the journal short; the store stays usable.
    pub fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    /// Returns where segments are.
    pub(crate) fn segments(&self) -> &Arc<dyn SegmentStore> {
        &self.segments
    }

    /// Begins a segment of `table`.
    pub(crate) fn create_segment(&self, table: TableId, columns: usize) -> Result<SegmentWriter> {
        let number = self.next_segment.fetch_add(1, Ordering::Relaxed);
        SegmentWriter::create(self.segments.as_ref(), format!("{}-{number}.segment", table.0), columns)
    }

    pub(crate) fn published(&self) -> Arc<StoreVersion> {
        Arc::clone(&self.published.read())
    }

    pub(crate) fn commit(&self, writes: Writes) -> Result<CommitNumber> {
        let mut head = self.head.lock();
        let mut next = StoreVersion::clone(&head);
        next.commit += 1;
        let commit = next.commit;
        for (&table, writes) in &writes.tables {
            let conflict = || StorageError::WriteConflict { table };
            let mut version = match writes.base {
                Base::Created if next.tables.contains_key(&table) => {
                    return Err(StorageError::TableExists(table));
                }
                Base::Created => {
                    TableVersion::new(Arc::clone(&writes.inserted.columns), writes.inserted.key.clone(), 0)
                }
                Base::Committed => TableVersion::clone(next.tables.get(&table).ok_or_else(conflict)?),
                Base::Truncated(since) => {
                    let old = next.tables.get(&table).ok_or_else(conflict)?;
                    if old.changed_at > since {
                        return Err(conflict());
                    }
                    TableVersion { groups: Vec::new(), ..TableVersion::clone(old) }
                }
                Base::Dropped => {
                    next.tables.remove(&table).ok_or_else(conflict)?;
                    continue;
                }
            };
            for (&id, deleted) in &writes.deleted {
                version.delete(table, id, deleted)?;
            }
            for group in &writes.inserted.groups {
                match &group.data {
                    GroupData::Hot(_) => {
                        for batch in surviving_rows(group, &writes.inserted.columns)? {
                            version.append(&batch)?;
                        }
                    }
                    GroupData::Frozen { segment, .. } => {
                        segment.set_temporary(false);
                        let id = version.next_group;
                        version.next_group += 1;
                        version.groups.push(Group { id, ..group.clone() });
                    }
                }
            }
            version.changed_at = commit;
            next.tables.insert(table, Arc::new(version));
        }
        if let Some((image, since)) = writes.catalog {
            if next.catalog_commit > since {
                return Err(StorageError::CatalogConflict);
            }
            next.catalog = image;
            next.catalog_commit = commit;
        }
        *head = Arc::new(next);
        *self.published.write() = Arc::clone(&head);
        Ok(CommitNumber(commit))
    }
}
