//! What is published: the newest commit that snapshots see, and the structure at it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Store;
use crate::mvcc::snapshot::Held;
use crate::version::StoreVersion;

impl Store {
    /// Returns the newest commit, held.
    pub(crate) fn newest(&self) -> Arc<Held> {
        Arc::new(self.registry.hold(&|| self.published_commit()))
    }

    /// Moves a transaction's snapshot and its structure, of which it knows the generation, to the newest commit.
    pub(crate) fn renew(&self, held: &mut Arc<Held>, version: &mut Arc<StoreVersion>, generation: &mut u64) {
        if Arc::get_mut(held).is_none() {
            *held = self.newest();
        }
        let Some(own) = Arc::get_mut(held) else { return };
        let newest = || self.published_commit();
        if self.generation.load(Ordering::SeqCst) == *generation {
            own.renew(&newest);
            if self.generation.load(Ordering::SeqCst) == *generation {
                return;
            }
        }
        let published = self.published.read();
        own.renew(&newest);
        *version = Arc::clone(&published.version);
        *generation = self.generation.load(Ordering::SeqCst);
    }

    pub(crate) fn published_version(&self) -> Arc<StoreVersion> {
        Arc::clone(&self.published.read().version)
    }

    /// Looks at the newest structure, of which the caller knows the generation.
    pub(crate) fn renew_version(&self, version: &mut Arc<StoreVersion>, generation: &mut u64) {
        if self.generation.load(Ordering::SeqCst) != *generation {
            let published = self.published.read();
            *version = Arc::clone(&published.version);
            *generation = self.generation.load(Ordering::SeqCst);
        }
    }

    pub(crate) fn published_commit(&self) -> u64 {
        self.published_commit.load(Ordering::SeqCst)
    }

    /// Returns the oldest commit that anybody may still look at.
    pub(crate) fn horizon(&self) -> u64 {
        self.registry.horizon(|| self.published_commit())
    }

    /// Makes all commits up to `commit` visible.
    pub(crate) fn publish(&self, commit: u64) {
        let mut unpublished = self.unpublished.lock();
        let mut published = self.published.write();
        while let Some(first) = unpublished.front()
            && first.commit <= commit
        {
            if let Some(xid) = &first.xid {
                self.xids.note_commit(first.commit, xid.xid);
                xid.set_committed(first.commit);
            }
            published.commit = first.commit;
            match &first.version {
                Some(version) => {
                    self.generation.fetch_add(1, Ordering::SeqCst);
                    published.version = Arc::clone(version);
                    self.published_commit.store(first.commit, Ordering::SeqCst);
                    self.generation.fetch_add(1, Ordering::SeqCst);
                }
                None => self.published_commit.store(first.commit, Ordering::SeqCst),
            }
            unpublished.pop_front();
        }
    }
}
