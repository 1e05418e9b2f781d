//! What a transaction changes in the catalog: its own overlay, and how that reaches the others.
//!
//! Entries that a transaction has changed are brought onto what others have committed before each statement and at the
//! commit. What others could change, too, is changed by one transaction at a time, which claims the catalog.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use storage::{Acquired, WaitPolicy};
use types::{Oid, PgError, Result};

use super::Session;
use super::engine::{Engine, encode};
use super::transaction::Open;
use crate::catalog::delta::Delta;
use crate::catalog::{Catalog, Relation};

/// `pg_class_relname_nsp_index`, of which a name of a relation is a key.
const RELATION_NAMES: u64 = 2663;

/// Returns whether changes are of relations only that nobody else can see or touch.
fn is_own(delta: &Delta, open: &Open, temporary: &str) -> bool {
    let schema = open.catalog.schema_oid(temporary);
    let was_there = |oid| match open.catalog.relations.get(&oid) {
        Some(relation) => Some(relation.schema),
        None => open.catalog.schemas.contains_key(&oid).then_some(oid),
    };
    let known = open.delta.relations().collect::<BTreeSet<_>>();
    delta.is_within(|oid| known.contains(&oid) || was_there(oid).is_none_or(|found| Some(found) == schema))
}

impl Open {
    /// Brings the catalog onto what others have committed.
    pub(super) fn rebase(&mut self, engine: &Engine, storage: &storage::Transaction) -> Result<()> {
        if storage.has_catalog_image(&self.catalog_image) {
            return Ok(());
        }
        let image = storage.catalog_image();
        let newest = engine.catalog(&image)?;
        self.catalog = match self.catalog_changed {
            true => Arc::new(self.delta.onto(&self.catalog, &newest)?),
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
        self.rebase(engine, &storage)?;
        storage.set_catalog_image(encode(&self.catalog)?);
        Ok(())
    }
}

impl Session {
    /// Changes the catalog in this transaction.
    ///
    /// # Errors
    /// Those of `change`; then nothing is changed.
    pub fn change_catalog<T>(&mut self, change: impl FnOnce(&mut Catalog) -> Result<T>) -> Result<T> {
        self.claim_catalog()?;
        let temporary = self.temporary_schema_name();
        let open = self.open_mut()?;
        let mut catalog = Catalog::clone(&open.catalog);
        let result = change(&mut catalog)?;
        catalog.version += 1;
        let mut delta = open.delta.clone();
        delta.note(&open.catalog, &catalog);
        if !open.catalog_claimed && !is_own(&delta, open, &temporary) {
            return Err(PgError::internal("a change of the catalog that others do not wait for"));
        }
        open.delta = delta;
        super::kept_indexes::follow(open, &catalog)?;
        open.catalog = Arc::new(catalog);
        open.catalog_changed = true;
        Ok(result)
    }

    /// Waits until no other transaction changes the catalog and looks at its newest state.
    ///
    /// # Errors
    /// When the statement is canceled while it waits.
    pub fn claim_catalog(&mut self) -> Result<()> {
        let open = self.open()?;
        if open.catalog_claimed || open.changes_own {
            return Ok(());
        }
        open.storage.lock().lock_catalog(WaitPolicy::Wait)?;
        self.refresh_after_wait()?;
        self.open_mut()?.catalog_claimed = true;
        Ok(())
    }

    /// Says that the statement changes nothing of the catalog but what nobody else touches: relations that it makes, and
    /// those of the session's own schema of temporary ones.
    ///
    /// # Errors
    /// None while a transaction is open.
    pub fn change_own(&mut self) -> Result<()> {
        self.open_mut()?.changes_own = true;
        Ok(())
    }

    /// Says the same if a relation is a temporary one of this session.
    ///
    /// # Errors
    /// As [`Self::change_own`].
    pub fn change_own_if_temporary(&mut self, relation: &Relation) -> Result<()> {
        if self.open()?.catalog.schema_oid(&self.temporary_schema_name()) == Some(relation.schema) {
            self.change_own()?;
        }
        Ok(())
    }

    /// Waits for whoever else makes a relation of a name, until the end of the transaction. Returns whether it had to wait.
    ///
    /// # Errors
    /// What ends the wait.
    pub fn claim_name(&mut self, schema: Oid, name: &str) -> Result<bool> {
        let mut hasher = DefaultHasher::new();
        (schema, name).hash(&mut hasher);
        let hash = hasher.finish();
        let acquired = self.open()?.storage.lock().lock_key(RELATION_NAMES, hash, WaitPolicy::Wait)?;
        let waited = acquired == Acquired::AfterWaiting;
        if waited {
            self.refresh_after_wait()?;
        }
        Ok(waited)
    }
}
