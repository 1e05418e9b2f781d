//! Transaction blocks: BEGIN's, and the implicit ones of several statements in one text or in a pipeline; who needs one,
//! and who must not be in one.

use types::errors::transactions as errors;
use types::{PgError, Result, SqlState};

use super::Session;

impl Session {
    /// BEGIN.
    ///
    /// # Errors
    /// When the transaction cannot begin.
    pub fn begin_block(&mut self) -> Result<()> {
        if self.open()?.explicit {
            self.warn(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
            return Ok(());
        }
        if self.open()?.has_modes {
            // It has its modes, and goes on under another name.
            self.open_mut()?.implicit_block = false;
            self.open_mut()?.explicit = true;
            return Ok(());
        }
        self.open_mut()?.explicit = true;
        self.set_default_modes()
    }

    /// Makes the implicit transaction a block of several statements, unless it is a block.
    ///
    /// # Errors
    /// As [`Self::begin_block`].
    pub fn begin_implicit_block(&mut self) -> Result<()> {
        if self.open()?.in_block() {
            return Ok(());
        }
        self.open_mut()?.implicit_block = true;
        self.own_modes()
    }

    /// Gives the transaction modes that SET TRANSACTION can change, unless it has them.
    ///
    /// # Errors
    /// As [`Self::begin_block`].
    pub fn own_modes(&mut self) -> Result<()> {
        let open = self.open_mut()?;
        if open.explicit || open.has_modes {
            return Ok(());
        }
        open.has_modes = true;
        self.set_default_modes()
    }

    /// Says a transaction may become one that writes (`check_transaction_read_only`).
    ///
    /// # Errors
    /// `25001` once a read-only transaction has had a query, or inside a savepoint.
    pub fn check_read_write(&self) -> Result<()> {
        let open = self.open()?;
        if !self.view().read_only || !open.in_block() {
            return Ok(());
        }
        let message = if !open.savepoints.is_empty() {
            "cannot set transaction read-write mode inside a read-only transaction"
        } else if open.used {
            "transaction read-write mode must be set before any query"
        } else {
            return Ok(());
        };
        Err(PgError::new(SqlState::ACTIVE_SQL_TRANSACTION, message))
    }

    fn set_default_modes(&mut self) -> Result<()> {
        if self.view().begins_as_is {
            return Ok(());
        }
        let (isolation, read_only, deferrable) = {
            let settings = self.settings.lock();
            (
                settings.raw("default_transaction_isolation"),
                settings.raw("default_transaction_read_only"),
                settings.raw("default_transaction_deferrable"),
            )
        };
        let mut settings = self.settings.lock();
        settings.set_for_transaction("transaction_deferrable", &deferrable)?;
        settings.set_for_transaction("transaction_isolation", &isolation)?;
        settings.set_for_transaction("transaction_read_only", &read_only)
    }

    /// Begins the transaction that AND CHAIN asks for, with the modes of the last one.
    ///
    /// # Errors
    /// When the transaction cannot begin.
    pub fn chain(&mut self, isolation: &str, read_only: &str) -> Result<()> {
        self.begin_statement()?;
        self.begin_block()?;
        let mut settings = self.settings.lock();
        settings.set("transaction_isolation", isolation, true)?;
        settings.set("transaction_read_only", read_only, true)
    }

    /// Says `what` can only be used in transaction blocks, when there is none.
    ///
    /// # Errors
    /// `25P01`.
    pub fn require_block(&self, what: &str) -> Result<()> {
        if self.open()?.in_block() {
            return Ok(());
        }
        Err(errors::only_in_blocks(what))
    }

    /// As [`Self::require_block`], and an implicit block will not do.
    ///
    /// # Errors
    /// `25P01`.
    pub fn require_explicit_block(&self, what: &str) -> Result<()> {
        if self.open()?.explicit {
            return Ok(());
        }
        Err(errors::only_in_blocks(what))
    }

    /// Says `what` cannot run inside a transaction block, when there is one. Otherwise the statement is the last one of
    /// its transaction.
    ///
    /// # Errors
    /// `25001`.
    pub fn prevent_block(&mut self, what: &str) -> Result<()> {
        let open = self.open_mut()?;
        if open.in_block() {
            return Err(errors::not_in_blocks(what));
        }
        open.commits_at_once = true;
        Ok(())
    }
}
