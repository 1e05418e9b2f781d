//! The store: the published version, the newest version, and the commits between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::error::{Result, StorageError};
use crate::transaction::{Base, CommitNumber, Transaction, Writes};
use crate::version::{StoreVersion, TableVersion};

/// How a store works.
#[derive(Debug, Clone, Default)]
pub struct StoreOptions {}

/// A data directory, open.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    published: RwLock<Arc<StoreVersion>>,
    head: Mutex<Arc<StoreVersion>>,
}

impl Store {
    /// Opens a data directory; makes it if there is none.
    pub fn open(directory: &Path, _options: StoreOptions) -> Result<Arc<Self>> {
        let version = Arc::new(StoreVersion::default());
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            published: RwLock::new(Arc::clone(&version)),
            head: Mutex::new(version),
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
            for batch in writes.surviving_rows()? {
                version.append(&batch)?;
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
