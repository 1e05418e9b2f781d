//! The session as a running statement sees it: settings, times, the catalog of its snapshot.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use executor::context::{MemoryTracker, QueryContext, SessionAccess};
use parking_lot::Mutex;
use types::io::IoContext;
use types::{Datum, Oid, Result};

use super::engine::Engine;
use super::portal::Cursor;
use super::prepared::Prepared;
use super::settings::Settings;
use super::snapshots::Exports;
use super::view::SettingsView;
use super::{Open, Session};
use crate::catalog::Catalog;
use crate::server::backends::Backend;
use crate::system::{self, names::Names};

/// What one statement sees of its session.
pub struct Access {
    /// What all sessions share.
    pub engine: Arc<Engine>,
    /// The session as others see it.
    pub backend: Arc<Backend>,
    /// Settings; `set_config` changes them.
    pub settings: Arc<Mutex<Settings>>,
    /// The catalog of the statement's snapshot.
    pub catalog: Arc<Catalog>,
    /// The catalog and the schemas that names are looked for in, as values of `regclass`, ... need them.
    pub names: Arc<Names>,
    /// Prepared statements, for `pg_prepared_statements`.
    pub prepared: Arc<BTreeMap<String, Arc<Prepared>>>,
    /// Cursors, for `pg_cursors`.
    pub cursors: Vec<(String, Cursor)>,
    /// The session's random numbers.
    pub generator: Arc<Mutex<types::random::Generator>>,
    /// What the session remembers of sequences.
    pub sequences: Arc<Mutex<super::sequences::SessionSequences>>,
    /// Whether BEGIN was executed.
    in_block: AtomicBool,
    /// Snapshots that the transaction has exported.
    pub exports: Arc<Exports>,
    io: IoContext,
    transaction_at: i64,
    statement_at: AtomicI64,
    /// The version of the settings that this shows.
    settings_version: u64,
    storage: Arc<Mutex<storage::Transaction>>,
}

impl Access {
    /// Returns the schemas of the search path by oid, `pg_catalog` included.
    pub fn path(&self) -> Vec<Oid> {
        self.names.path()
    }
    /// Returns the schemas that names are looked for in.
    pub fn search_path(&self) -> &[String] {
        &self.names.search_path
    }
    /// Says whether BEGIN was executed.
    pub fn in_block(&self) -> bool {
        self.in_block.load(Ordering::Relaxed)
    }
    /// Returns the storage's transaction.
    pub fn storage(&self) -> &Arc<Mutex<storage::Transaction>> {
        &self.storage
    }
}

/// What a statement of another moment saw, for a statement that begins.
trait Follow {
    /// Moves on to a statement of a transaction. Returns whether that is what it shows now.
    fn follow(&mut self, open: &Open, statement_at: i64) -> bool;
}

impl Follow for Arc<Access> {
    fn follow(&mut self, open: &Open, statement_at: i64) -> bool {
        if !Arc::ptr_eq(&self.storage, &open.storage) || !Arc::ptr_eq(&self.exports, &open.exports) {
            return false;
        }
        if self.transaction_at != open.started_at {
            let Some(own) = Self::get_mut(self) else { return false };
            own.transaction_at = open.started_at;
            own.io.now = open.started_at;
        }
        self.statement_at.store(statement_at, Ordering::Relaxed);
        self.in_block.store(open.in_block(), Ordering::Relaxed);
        true
    }
}

impl SessionAccess for Access {
    fn io(&self) -> &IoContext {
        &self.io
    }
    fn transaction_timestamp(&self) -> i64 {
        self.transaction_at
    }
    fn statement_timestamp(&self) -> i64 {
        self.statement_at.load(Ordering::Relaxed)
    }
    fn generator(&self) -> &Mutex<types::random::Generator> {
        &self.generator
    }
    fn virtual_rows(&self, relation: Oid, columns: &[usize]) -> Result<Vec<Vec<Datum>>> {
        system::rows(self, relation, columns)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Session {
    /// Returns what a statement sees of this session now.
    ///
    /// # Errors
    /// When no transaction is open: a bug of ours.
    pub fn access(&self) -> Result<Arc<Access>> {
        let open = self.open()?;
        let mut kept = self.kept_access.lock();
        if let Some(access) = &mut *kept
            && access.settings_version == self.settings_version()
            && Arc::ptr_eq(&access.catalog, &open.catalog)
            && Arc::ptr_eq(&access.prepared, &self.prepared)
            && access.cursors.is_empty()
            && self.portals.cursors().next().is_none()
            && access.follow(open, self.statement_at)
        {
            return Ok(Arc::clone(access));
        }
        let view = self.view();
        let names = self.names(&view, &open.catalog);
        let mut io = view.io.clone();
        io.now = open.started_at;
        io.names = Some(Arc::<Names>::clone(&names));
        let access = Arc::new(Access {
            engine: Arc::clone(&self.engine),
            backend: Arc::clone(&self.backend),
            settings: Arc::clone(&self.settings),
            catalog: Arc::clone(&open.catalog),
            names,
            prepared: Arc::clone(&self.prepared),
            cursors: self.portals.cursors().map(|(name, cursor)| (name.clone(), cursor.clone())).collect(),
            generator: Arc::clone(&self.generator),
            sequences: Arc::clone(&self.sequences),
            in_block: AtomicBool::new(open.in_block()),
            exports: Arc::clone(&open.exports),
            io,
            transaction_at: open.started_at,
            statement_at: AtomicI64::new(self.statement_at),
            settings_version: view.version(),
            storage: Arc::clone(&open.storage),
        });
        *kept = Some(Arc::clone(&access));
        Ok(access)
    }

    /// Returns how names are resolved with these settings in this catalog.
    fn names(&self, view: &Arc<SettingsView>, catalog: &Arc<Catalog>) -> Arc<Names> {
        let mut kept = self.kept_names.lock();
        match &*kept {
            Some((of, names)) if Arc::ptr_eq(of, view) && Arc::ptr_eq(&names.catalog, catalog) => {
                Arc::clone(names)
            }
            Some(_) | None => {
                let names = Arc::new(Names { catalog: Arc::clone(catalog), search_path: self.search_path() });
                *kept = Some((Arc::clone(view), Arc::clone(&names)));
                names
            }
        }
    }

    /// Returns the context for a statement to run in.
    ///
    /// # Errors
    /// As [`Self::access`].
    pub fn context(&mut self, params: &[Datum]) -> Result<Arc<QueryContext>> {
        let access = self.access()?;
        let view = self.view();
        let mut options = view.options;
        if options.threads == 0 {
            options.threads = self.engine.threads;
        }
        self.begin_serializable()?;
        let deferred = match &mut self.transaction {
            Some(open) => {
                open.used = true;
                Arc::clone(&open.deferred)
            }
            None => Arc::default(),
        };
        let limit_bytes = match view.statement_memory_bytes {
            0 => u64::MAX,
            limit => limit,
        };
        let mut kept = self.kept_context.lock();
        if let Some(context) = &mut *kept
            && let Some(own) = Arc::get_mut(context)
        {
            own.renew(params, access, options, limit_bytes);
            if !Arc::ptr_eq(&own.deferred, &deferred) {
                own.deferred = deferred;
            }
            return Ok(Arc::clone(context));
        }
        let context = Arc::new(QueryContext {
            transaction: Some(Arc::clone(access.storage())),
            params: params.to_vec(),
            session: access,
            memory: MemoryTracker::new(Arc::clone(&self.engine.memory)).with_limit(limit_bytes),
            cancel: Arc::clone(&self.backend.cancel),
            options,
            deferred,
        });
        *kept = Some(Arc::clone(&context));
        Ok(context)
    }

    /// Returns what SHOW prints.
    ///
    /// # Errors
    /// `42704`.
    pub fn show_setting(&self, name: &str) -> Result<String> {
        self.settings.lock().show(name)
    }
}
