//! What a transaction changes in the catalog: its own overlay, and how that reaches the others.
//!
//! Entries that a transaction has changed are brought onto what others have committed before each statement and at the
//! commit. Whoever changes an entry that is not its own has it to itself until its end, and so it is with a new name; both
//! are taken here at the latest, and earlier where a statement is to wait before it looks
//! ([`super::catalog_claims`]).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use storage::{Acquired, WaitPolicy};
use types::{Oid, Result};

use super::Session;
use super::engine::{Engine, encode, encode_changes};
use super::transaction::Open;
use crate::catalog::Catalog;
use crate::catalog::delta::{Delta, Name};

/// `pg_class_relname_nsp_index` and `pg_namespace_nspname_index`, of which names are keys.
const RELATION_NAMES: u64 = 2663;
const SCHEMA_NAMES: u64 = 2684;

impl Name {
    /// Returns the index that keeps names apart, and the hash of this one.
    fn key(&self) -> (u64, u64) {
        let mut hasher = DefaultHasher::new();
        let index = match self {
            Self::Relation(schema, name) => {
                (schema, name.as_str()).hash(&mut hasher);
                RELATION_NAMES
            }
            Self::Schema(name) => {
                name.as_str().hash(&mut hasher);
                SCHEMA_NAMES
            }
        };
        (index, hasher.finish())
    }
}

impl Open {
    /// Brings the catalog onto what others have committed.
    pub(super) fn rebase(&mut self, engine: &Engine, storage: &mut storage::Transaction) -> Result<()> {
        if storage.has_catalog_image(&self.catalog_image) {
            return Ok(());
        }
        let image = storage.catalog_image();
        let newest = engine.catalog(&image)?;
        self.catalog = match self.catalog_changed {
            true => {
                storage.rebase_indexes();
                Arc::new(self.delta.onto(&self.catalog, &newest)?)
            }
            false => newest,
        };
        self.catalog_image = image;
        Ok(())
    }

    /// Hands the changed catalog to the storage, which is about to commit; others wait until it has.
    ///
    /// # Errors
    /// What ends a wait, and conflicts with what others have committed.
    pub(super) fn publish(&mut self, engine: &Engine) -> Result<()> {
        if !self.catalog_changed {
            return Ok(());
        }
        let storage = Arc::clone(&self.storage);
        let mut storage = storage.lock();
        storage.lock_publication(WaitPolicy::Wait)?;
        storage.refresh_tables();
        self.rebase(engine, &mut storage)?;
        storage.set_catalog_image(encode(&self.catalog)?);
        Ok(())
    }

    /// Hands what a prepared transaction has made of the catalog to the storage; COMMIT PREPARED brings it onto what others
    /// commit until then.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub(super) fn publish_later(&mut self, engine: &Engine) -> Result<()> {
        if !self.catalog_changed {
            return Ok(());
        }
        let storage = Arc::clone(&self.storage);
        let mut storage = storage.lock();
        // Nobody adds to what it has changed from now on.
        for entry in self.delta.held_entries() {
            storage.lock_entry(entry, false, WaitPolicy::Wait)?;
        }
        storage.lock_publication(WaitPolicy::Wait)?;
        storage.refresh_tables();
        self.rebase(engine, &mut storage)?;
        storage.set_catalog_image(encode_changes(&self.delta, &self.catalog)?);
        Ok(())
    }

    /// Takes what a change of the catalog needs for itself: entries of others, and new names.
    ///
    /// # Errors
    /// What ends a wait; `XX000` and `23505` when somebody else was first.
    fn take(&self, engine: &Engine, change: &Delta, changed: &Catalog) -> Result<()> {
        {
            let mut storage = self.storage.lock();
            for (entry, shared) in change.entries(&self.delta, changed) {
                storage.lock_entry(entry, shared, WaitPolicy::Wait)?;
            }
            for name in change.new_names(changed) {
                let (index, hash) = name.key();
                storage.lock_key(index, hash, WaitPolicy::Wait)?;
            }
        }
        let newest = engine.store.newest_catalog_image();
        if Arc::ptr_eq(&newest, &self.catalog_image) {
            return Ok(());
        }
        let newest = engine.catalog(&newest)?;
        change.require_unchanged(&self.delta, changed, &newest)?;
        change.require_free(&self.delta, changed, &newest)
    }
}

impl Session {
    /// Changes the catalog in this transaction.
    ///
    /// # Errors
    /// Those of `change`; then nothing is changed.
    pub fn change_catalog<T>(&mut self, change: impl FnOnce(&mut Catalog) -> Result<T>) -> Result<T> {
        let engine = Arc::clone(&self.engine);
        let open = self.open_mut()?;
        let mut catalog = Catalog::clone(&open.catalog);
        let result = change(&mut catalog)?;
        catalog.version += 1;
        let delta = Delta::between(&open.catalog, &catalog);
        open.take(&engine, &delta, &catalog)?;
        open.delta.absorb(delta);
        super::kept_indexes::follow(open, &catalog)?;
        open.catalog = Arc::new(catalog);
        open.catalog_changed = true;
        Ok(result)
    }

    /// Waits for whoever else makes a relation of a name, until the end of the transaction. Returns whether it had to wait.
    ///
    /// # Errors
    /// What ends the wait.
    pub fn claim_name(&mut self, schema: Oid, name: &str) -> Result<bool> {
        self.claim(&Name::Relation(schema, name.into()))
    }

    /// Returns whether another transaction makes a relation of a name; if none does, none can until the end of this one.
    ///
    /// # Errors
    /// None that are the user's.
    pub fn is_name_claimed(&self, schema: Oid, name: &str) -> Result<bool> {
        let (index, hash) = Name::Relation(schema, name.into()).key();
        let acquired = self.open()?.storage.lock().lock_key(index, hash, WaitPolicy::NoWait)?;
        Ok(acquired == Acquired::No)
    }

    /// Waits for whoever else makes a schema of a name.
    ///
    /// # Errors
    /// What ends the wait.
    pub fn claim_schema_name(&mut self, name: &str) -> Result<bool> {
        self.claim(&Name::Schema(name.into()))
    }

    fn claim(&mut self, name: &Name) -> Result<bool> {
        let (index, hash) = name.key();
        let acquired = self.open()?.storage.lock().lock_key(index, hash, WaitPolicy::Wait)?;
        let waited = acquired == Acquired::AfterWaiting;
        if waited {
            self.refresh_after_wait()?;
        }
        Ok(waited)
    }
}
