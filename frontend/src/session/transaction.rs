//! The transaction state machine: implicit and explicit blocks, savepoints, the failed state.
//!
//! Each statement runs in a transaction; without BEGIN it is an implicit one that ends with the statement (with the
//! whole message for several statements, with Sync in the extended protocol). READ COMMITTED: each statement moves
//! the snapshot forward. Changes of the catalog live in the transaction's own overlay, which is brought onto what others
//! have committed before each statement and at the commit ([`super::catalog_changes`]).

use std::sync::Arc;

use executor::deferred::{DeferredChecks, DeferredPoint};
use parking_lot::Mutex;
use storage::{IsolationLevel, Savepoint};
use types::{PgError, Result, SqlState};

use super::engine::Engine;
use super::settings::SettingsPoint;
use super::snapshots::Exports;
use super::waiter::SessionWaiter;
use super::{Session, clock};
use crate::catalog::Catalog;
use crate::catalog::delta::Delta;

/// An open transaction.
pub struct Open {
    /// The storage's part; operators share it.
    pub storage: Arc<Mutex<storage::Transaction>>,
    /// The catalog as this transaction sees it.
    pub catalog: Arc<Catalog>,
    /// What `catalog` was made of.
    pub(super) catalog_image: Arc<Vec<u8>>,
    /// Whether `catalog` holds changes of this transaction.
    pub(super) catalog_changed: bool,
    /// Which they are.
    pub(super) delta: Delta,
    /// `now()`.
    pub started_at: i64,
    /// BEGIN was executed (else it is an implicit transaction).
    pub explicit: bool,
    /// The implicit transaction is one of several statements: of a text, or of a pipeline.
    pub(super) implicit_block: bool,
    /// SET TRANSACTION has given an implicit transaction modes of its own.
    pub(super) has_modes: bool,
    /// A statement of the extended protocol has run to its end: those that follow belong to a pipeline.
    pub pipelined: bool,
    /// The statement ends the transaction, whatever follows in the pipeline.
    pub commits_at_once: bool,
    /// A statement failed: only ROLLBACK (TO) goes on.
    pub failed: bool,
    /// Whether any statement has run, so that the isolation level is fixed.
    pub used: bool,
    /// Checks of constraints that wait for the transaction's end.
    pub deferred: Arc<Mutex<DeferredChecks>>,
    /// Snapshots that it has exported.
    pub(super) exports: Arc<Exports>,
    settings: SettingsPoint,
    pub(super) savepoints: Vec<NamedSavepoint>,
}

/// How a statement treats the transactions of others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concurrency {
    level: IsolationLevel,
    /// Conflicts are errors where other sessions wait.
    optimistic: bool,
}

/// What a transaction has of its own and leaves to the next one of its session.
pub(super) struct Parts {
    storage: Arc<Mutex<storage::Transaction>>,
    deferred: Arc<Mutex<DeferredChecks>>,
    exports: Arc<Exports>,
}

/// A savepoint, and what was there when it was made.
pub(super) struct NamedSavepoint {
    pub(super) name: String,
    pub(super) storage: Savepoint,
    pub(super) catalog: Arc<Catalog>,
    /// What the catalog was read from.
    pub(super) catalog_image: Arc<Vec<u8>>,
    pub(super) catalog_changed: bool,
    pub(super) delta: Delta,
    pub(super) settings: SettingsPoint,
    pub(super) deferred: DeferredPoint,
}

impl Open {
    fn new(
        engine: &Arc<Engine>,
        Parts { storage, deferred, exports }: Parts,
        settings: SettingsPoint,
    ) -> Result<Self> {
        let image = storage.lock().catalog_image();
        let catalog = engine.catalog(&image)?;
        Ok(Self {
            storage,
            catalog,
            catalog_image: image,
            catalog_changed: false,
            delta: Delta::default(),
            started_at: clock::now(),
            explicit: false,
            implicit_block: false,
            has_modes: false,
            pipelined: false,
            commits_at_once: false,
            failed: false,
            used: false,
            deferred,
            exports,
            settings,
            savepoints: Vec::new(),
        })
    }

    /// Says whether it is a block of statements, if only an implicit one.
    pub fn in_block(&self) -> bool {
        self.explicit || self.implicit_block
    }

    /// Moves the catalog and, unless `keep_rows`, the snapshot to the newest commit, and begins a new command.
    fn refresh(
        &mut self,
        engine: &Engine,
        Concurrency { level, optimistic }: Concurrency,
        keep_rows: bool,
    ) -> Result<()> {
        let storage = Arc::clone(&self.storage);
        let mut storage = storage.lock();
        if keep_rows {
            storage.refresh_tables();
        } else {
            storage.refresh_snapshot();
        }
        storage.set_isolation(level);
        storage.set_optimistic(optimistic);
        // What a failed transaction has changed is given back already.
        if self.failed { Ok(()) } else { self.rebase(engine, &mut storage) }
    }
}

impl Session {
    /// Returns the transaction's status as ReadyForQuery tells it.
    pub fn status(&self) -> u8 {
        match &self.transaction {
            Some(open) if open.failed => b'E',
            Some(open) if open.explicit => b'T',
            Some(_) | None => b'I',
        }
    }

    /// Says whether a transaction has failed and waits for its end.
    pub fn is_failed(&self) -> bool {
        self.transaction.as_ref().is_some_and(|open| open.failed)
    }

    /// Returns the error of a statement in a failed transaction.
    pub fn failed_transaction() -> PgError {
        PgError::new(
            SqlState::IN_FAILED_SQL_TRANSACTION,
            "current transaction is aborted, commands ignored until end of transaction block",
        )
    }

    /// Begins an implicit transaction unless one is open; takes a new snapshot for the statement.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn begin_statement(&mut self) -> Result<()> {
        self.statement_at = clock::now();
        let concurrency = self.concurrency();
        match &mut self.transaction {
            None => {
                let storage = self.begin_storage();
                let mut open = Open::new(&self.engine, storage, self.settings.lock().point())?;
                open.started_at = self.statement_at;
                let mut storage = open.storage.lock();
                storage.set_isolation(concurrency.level);
                storage.set_optimistic(concurrency.optimistic);
                drop(storage);
                self.transaction = Some(open);
            }
            Some(open) => {
                if open.pipelined && !open.in_block() {
                    return self.begin_implicit_block().and_then(|()| self.begin_statement());
                }
                // REPEATABLE READ and SERIALIZABLE keep one snapshot.
                let keep_rows = concurrency.level != IsolationLevel::ReadCommitted && open.used;
                open.refresh(&self.engine, concurrency, keep_rows)?;
            }
        }
        Ok(())
    }

    /// Begins the storage's part of a transaction: what the last one had is used again, unless somebody still has it.
    fn begin_storage(&mut self) -> Parts {
        // The session itself may still have what its last statement saw.
        let users_max = 1 + usize::from(self.kept_access.lock().is_some());
        *self.kept_context.lock() = None;
        match self.idle.take() {
            Some(parts) if Arc::strong_count(&parts.storage) <= users_max => {
                parts.storage.lock().restart();
                *parts.deferred.lock() = DeferredChecks::default();
                parts.exports.set_nested(false);
                parts
            }
            Some(_) | None => {
                *self.kept_access.lock() = None;
                let waiter = SessionWaiter::new(Arc::clone(&self.backend), Arc::clone(&self.settings));
                let storage = self.engine.store.begin_as(Arc::new(waiter));
                Parts {
                    storage: Arc::new(Mutex::new(storage)),
                    deferred: Arc::default(),
                    exports: Arc::default(),
                }
            }
        }
    }

    /// Leaves nothing of the last transaction to the next one.
    pub(super) fn forget_idle(&mut self) {
        self.idle = None;
        *self.kept_access.lock() = None;
        *self.kept_context.lock() = None;
    }

    /// Takes the snapshot of a transaction at SERIALIZABLE with its first query. Whoever does not wait finds out later
    /// whether the catalog has changed.
    ///
    /// # Errors
    /// What ends the wait of a READ ONLY DEFERRABLE transaction.
    pub fn begin_serializable(&self) -> Result<()> {
        let Some(open) = &self.transaction else { return Ok(()) };
        if open.used {
            return Ok(open.storage.lock().require_catalog()?);
        }
        if self.isolation_level() == IsolationLevel::Serializable {
            let view = self.view();
            let (read_only, deferrable) = match open.in_block() {
                true => (view.read_only, view.deferrable),
                false => (view.default_read_only, view.default_deferrable),
            };
            open.storage.lock().begin_serializable(read_only, deferrable)?;
        }
        Ok(())
    }

    /// Fixes the snapshot of a transaction that keeps one, and its level.
    ///
    /// # Errors
    /// As [`Self::begin_serializable`].
    pub fn take_snapshot(&mut self) -> Result<()> {
        if self.transaction.as_ref().is_some_and(|open| !open.used) {
            self.begin_serializable()?;
            self.open_mut()?.used = true;
        }
        Ok(())
    }

    /// Returns the isolation level of the statement that begins.
    pub(super) fn isolation_level(&self) -> IsolationLevel {
        self.concurrency().level
    }

    /// Returns how the statement that begins treats others.
    fn concurrency(&self) -> Concurrency {
        let view = self.view();
        let own = self.transaction.as_ref().is_some_and(|open| open.in_block() || open.has_modes);
        let level = if own { view.isolation } else { view.default_isolation };
        let optimistic = view.optimistic;
        // Who does not wait keeps the snapshot.
        let keeps = optimistic && level == IsolationLevel::ReadCommitted;
        Concurrency { level: if keeps { IsolationLevel::RepeatableRead } else { level }, optimistic }
    }

    /// Looks at the newest catalog and, at READ COMMITTED, rows after a wait for others.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn refresh_after_wait(&mut self) -> Result<()> {
        let concurrency = self.concurrency();
        let keep_rows = concurrency.level != IsolationLevel::ReadCommitted && self.open()?.used;
        let engine = Arc::clone(&self.engine);
        self.open_mut()?.refresh(&engine, concurrency, keep_rows)
    }

    /// Lets go of a snapshot that the next statement will not use: the session waits for its client.
    pub fn rest(&self) {
        if let Some(open) = self.transaction.as_ref().filter(|open| open.explicit) {
            open.storage.lock().release_snapshot();
        }
    }

    /// Returns the open transaction.
    ///
    /// # Errors
    /// When there is none: a bug of ours.
    pub fn open(&self) -> Result<&Open> {
        self.transaction.as_ref().ok_or_else(|| PgError::internal("no transaction is open"))
    }

    pub(super) fn open_mut(&mut self) -> Result<&mut Open> {
        self.transaction.as_mut().ok_or_else(|| PgError::internal("no transaction is open"))
    }

    /// Does something that reads all rows that are there, not those of the transaction's snapshot: what changes a table or
    /// checks it.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn over_newest_rows<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let storage = Arc::clone(&self.open()?.storage);
        let snapshot = storage.lock().look_at_newest();
        let result = read(self);
        storage.lock().look_back(snapshot);
        result
    }

    /// Commits the open transaction, or rolls a failed one back. Returns whether it was committed.
    ///
    /// # Errors
    /// Those of the storage; the transaction is over then, too.
    pub fn commit(&mut self) -> Result<bool> {
        if !self.is_failed()
            && let Err(error) = self.settle_deferred(true).and_then(|()| self.hold_cursors())
        {
            self.rollback();
            return Err(error);
        }
        if self.transaction.is_none() {
            return Ok(true);
        }
        if self.is_failed() {
            self.rollback();
            return Ok(false);
        }
        let prepared = self.before_commit();
        let Some(mut open) = self.transaction.take() else { return Ok(true) };
        let published = prepared.and_then(|()| open.publish(&self.engine));
        let committed = published.and_then(|()| self.commit_storage(&open));
        if committed.is_err() {
            self.give_up(&open);
        }
        self.end(open, committed.is_ok());
        committed.map(|()| true)
    }

    /// Makes the checks of constraints that do not wait any more; `finally`: all of them.
    ///
    /// # Errors
    /// `23503`, `23505`.
    pub fn settle_deferred(&mut self, finally: bool) -> Result<()> {
        let Some(open) = &self.transaction else { return Ok(()) };
        if open.deferred.lock().is_idle() {
            return Ok(());
        }
        let context = self.context(&[])?;
        executor::deferred::settle(&context, finally)
    }

    fn commit_storage(&self, open: &Open) -> Result<()> {
        let mut storage = open.storage.lock();
        if storage.has_writes() || storage.is_tracked() {
            storage.set_asynchronous(self.view().asynchronous_commit);
            storage.commit_in_place()?;
        } else {
            storage.give_up();
        }
        Ok(())
    }

    /// Rolls the open transaction back.
    pub fn rollback(&mut self) {
        if let Some(open) = self.transaction.take() {
            self.give_up(&open);
            self.end(open, false);
        }
    }

    /// Undoes what a transaction has written.
    fn give_up(&self, open: &Open) {
        let mut storage = open.storage.lock();
        let xid = storage.xid();
        storage.give_up();
        if let Some(xid) = xid {
            self.engine.outcomes.note_aborted(xid);
        }
    }

    /// Ends a transaction of which the storage has nothing any more.
    pub(super) fn end(&mut self, open: Open, committed: bool) {
        open.exports.clear(&self.engine.snapshots);
        let mut settings = self.settings.lock();
        if !committed {
            settings.rollback_to(&open.settings);
        }
        settings.end_transaction();
        drop(settings);
        self.close_portals(committed);
        open.storage.lock().rest();
        let Open { storage, deferred, exports, .. } = open;
        self.idle = Some(Parts { storage, deferred, exports });
    }

    /// Notes that a statement failed: an implicit transaction is over, an explicit one waits for its end.
    pub fn fail(&mut self) {
        match &mut self.transaction {
            Some(open) if open.explicit && open.failed => {}
            Some(open) if open.explicit => {
                // What the (sub)transaction has done is undone at once, so that nobody waits for it any more.
                open.failed = true;
                let mut storage = open.storage.lock();
                match open.savepoints.last() {
                    Some(savepoint) => storage.rollback_to(&savepoint.storage),
                    None => {
                        let xid = storage.xid();
                        storage.give_up();
                        if let Some(xid) = xid {
                            self.engine.outcomes.note_aborted(xid);
                        }
                        open.exports.clear(&self.engine.snapshots);
                    }
                }
            }
            Some(_) => self.rollback(),
            None => {}
        }
    }
}
