//! SAVEPOINT, RELEASE, ROLLBACK TO.

use std::sync::Arc;

use types::{PgError, Result, SqlState};

use super::Session;
use super::transaction::{NamedSavepoint, Open};

impl Session {
    /// SAVEPOINT.
    ///
    /// # Errors
    /// `25P01` outside a block.
    pub fn savepoint(&mut self, name: &str) -> Result<()> {
        self.require_explicit_block("SAVEPOINT")?;
        let settings = self.settings.lock().point();
        let open = self.open_mut()?;
        let storage = open.storage.lock().savepoint();
        let catalog = Arc::clone(&open.catalog);
        let catalog_changed = open.catalog_changed;
        let delta = open.delta.clone();
        let name = name.to_owned();
        let deferred = open.deferred.lock().point();
        let catalog_image = Arc::clone(&open.catalog_image);
        open.savepoints.push(NamedSavepoint {
            name,
            storage,
            catalog,
            catalog_image,
            catalog_changed,
            delta,
            settings,
            deferred,
        });
        open.exports.set_nested(true);
        Ok(())
    }

    /// Returns how many savepoints there are.
    pub fn savepoint_depth(&self) -> usize {
        self.transaction.as_ref().map_or(0, |open| open.savepoints.len())
    }

    /// RELEASE SAVEPOINT.
    ///
    /// # Errors
    /// `25P01` outside a block, `3B001` for an unknown name.
    pub fn release_savepoint(&mut self, name: &str) -> Result<()> {
        self.require_explicit_block("RELEASE SAVEPOINT")?;
        let open = self.open_mut()?;
        let index = open.find_savepoint(name)?;
        open.savepoints.truncate(index);
        open.exports.set_nested(index > 0);
        self.keep_portals_since(index);
        Ok(())
    }

    /// ROLLBACK TO SAVEPOINT; the transaction is not failed any more.
    ///
    /// # Errors
    /// `25P01` outside a block, `3B001` for an unknown name.
    pub fn rollback_to_savepoint(&mut self, name: &str) -> Result<()> {
        self.require_explicit_block("ROLLBACK TO SAVEPOINT")?;
        let open = self.open_mut()?;
        let index = open.find_savepoint(name)?;
        open.savepoints.truncate(index + 1);
        let Some(savepoint) = open.savepoints.last() else { return Ok(()) };
        open.storage.lock().rollback_to(&savepoint.storage);
        open.deferred.lock().rollback_to(&savepoint.deferred);
        // The next statement sees that others have changed the catalog since, if they have.
        open.catalog = Arc::clone(&savepoint.catalog);
        open.catalog_image = Arc::clone(&savepoint.catalog_image);
        open.catalog_changed = savepoint.catalog_changed;
        open.delta = savepoint.delta.clone();
        open.failed = false;
        let settings = savepoint.settings.clone();
        self.settings.lock().rollback_to(&settings);
        self.close_portals_since(index);
        Ok(())
    }
}

impl Open {
    fn find_savepoint(&self, name: &str) -> Result<usize> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| {
            PgError::new(
                SqlState::INVALID_SAVEPOINT_SPECIFICATION,
                format!("savepoint \"{name}\" does not exist"),
            )
        })
    }
}
