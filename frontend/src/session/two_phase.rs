//! PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.
//!
//! What a transaction has changed in the catalog is kept with it as a list of changes, which COMMIT PREPARED brings into the
//! newest catalog. Its locks keep others from changing the same until then.

use std::collections::BTreeSet;

use storage::{PreparedTransaction, WaitPolicy};
use types::errors::transactions as errors;
use types::{Oid, Result, SqlState};

use super::engine::{decode_changes, encode};
use super::temporary::{drop_left_behind, is_temporary_schema};
use super::{Open, Session};
use crate::catalog::Catalog;

/// `max_prepared_transactions`
const COUNT_MAX: usize = 64;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 199;
/// The oids of the one role and the one database.
const ROLE_OID: Oid = 10;
const DATABASE_OID: Oid = 5;

impl Session {
    /// PREPARE TRANSACTION. Returns whether the transaction is prepared; one that has failed, or is none, is rolled back.
    ///
    /// # Errors
    /// Those of checks that were put off, of the name, and of what cannot be prepared; the transaction is rolled back
    /// then, too.
    pub fn prepare_transaction(&mut self, gid: &str) -> Result<bool> {
        if !self.open()?.explicit {
            self.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
        }
        if !self.open()?.in_block() || self.is_failed() {
            self.rollback();
            return Ok(false);
        }
        let checked = self.settle_deferred(true).and_then(|()| self.refuse_unpreparable(gid));
        if checked.is_err() {
            self.rollback();
        }
        checked?;
        let Some(mut open) = self.transaction.take() else { return Ok(false) };
        let prepared = open.publish_later(&self.engine).and_then(|()| self.prepare_storage(&open, gid));
        self.end(open, prepared.is_ok());
        // Its storage belongs to nobody now.
        self.forget_idle();
        prepared.map(|()| true)
    }

    fn refuse_unpreparable(&self, gid: &str) -> Result<()> {
        if self.portals.cursors().any(|(_, cursor)| cursor.holdable && !cursor.committed) {
            return Err(errors::cannot_prepare("has created a cursor WITH HOLD"));
        }
        if self.has_touched_temporary()? {
            return Err(errors::cannot_prepare("has operated on temporary objects"));
        }
        if self.open()?.exports.any() {
            return Err(errors::cannot_prepare("has exported snapshots"));
        }
        if gid.len() > NAME_BYTES_MAX {
            return Err(errors::identifier_too_long(gid));
        }
        Ok(())
    }

    /// Returns whether the transaction has read or changed a temporary relation.
    fn has_touched_temporary(&self) -> Result<bool> {
        let open = self.open()?;
        let before = self.engine.catalog(&self.engine.store.begin().catalog_image())?;
        let touched = [temporary(&before), temporary(&open.catalog)];
        if open.delta.relations().any(|oid| touched.iter().any(|oids| oids.contains(&oid))) {
            return Ok(true);
        }
        let storage = open.storage.lock();
        let touched = temporary(&open.catalog).into_iter().any(|oid| {
            let relation = open.catalog.relations.get(&oid).filter(|relation| relation.kind.is_stored());
            relation.is_some_and(|relation| storage.has_locked(relation.table_id()))
        });
        Ok(touched)
    }

    fn prepare_storage(&self, open: &Open, gid: &str) -> Result<()> {
        let mut storage = open.storage.lock();
        let about = PreparedTransaction {
            gid: gid.to_owned(),
            xid: 0,
            owner: ROLE_OID,
            database: DATABASE_OID,
            prepared_at: super::clock::now(),
        };
        let finished = std::mem::replace(&mut *storage, self.engine.store.begin());
        Ok(finished.prepare(about, COUNT_MAX)?)
    }

    /// COMMIT PREPARED and ROLLBACK PREPARED.
    ///
    /// # Errors
    /// `25001` in a block, `42704` for an unknown name, failures of the disk.
    pub fn finish_prepared(&mut self, gid: &str, commit: bool) -> Result<()> {
        self.prevent_block(if commit { "COMMIT PREPARED" } else { "ROLLBACK PREPARED" })?;
        if commit {
            self.commit_prepared(gid)?;
        } else {
            self.engine.store.rollback_prepared(gid)?;
        }
        // What cannot be dropped now is dropped at the next start.
        let _ = drop_left_behind(&self.engine);
        Ok(())
    }
}

impl Session {
    /// Commits a prepared transaction; what it has changed in the catalog comes onto what others have committed since.
    fn commit_prepared(&self, gid: &str) -> Result<()> {
        let store = &self.engine.store;
        let Some(changes) = store.prepared_catalog(gid) else { return Ok(store.commit_prepared(gid)?) };
        let Some((mut delta, own)) = decode_changes(&changes)? else {
            return Ok(store.commit_prepared(gid)?);
        };
        let storage = &self.open()?.storage;
        storage.lock().lock_publication(WaitPolicy::Wait)?;
        let newest = self.engine.catalog(&store.newest_catalog_image())?;
        let merged = delta.onto(&own, &newest)?;
        store.commit_prepared_with(gid, encode(&merged)?)?;
        storage.lock().unlock_publication();
        Ok(())
    }
}

/// Returns the oids of all temporary relations.
fn temporary(catalog: &Catalog) -> BTreeSet<Oid> {
    let is_temporary =
        |schema: Oid| catalog.schemas.get(&schema).is_some_and(|name| is_temporary_schema(name));
    let relations = catalog.relations.iter().filter(|(_, relation)| is_temporary(relation.schema));
    relations.map(|(oid, _)| *oid).collect()
}
