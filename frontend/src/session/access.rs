//! The session as a running statement sees it: settings, times, the catalog of its snapshot.

use std::any::Any;
use std::sync::Arc;

use executor::context::{ExecutionOptions, MemoryTracker, QueryContext, SessionAccess};
use parking_lot::Mutex;
use types::io::IoContext;
use types::{Datum, Oid, Result};

use super::Session;
use super::engine::Engine;
use super::portal::Cursor;
use super::prepared::Prepared;
use super::settings::Settings;
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
    /// Schemas that names are looked for in.
    pub search_path: Vec<String>,
    /// Both, as values of `regclass`, ... need them.
    pub names: Arc<Names>,
    /// Prepared statements, for `pg_prepared_statements`.
    pub prepared: Vec<Arc<Prepared>>,
    /// Cursors, for `pg_cursors`.
    pub cursors: Vec<(String, Cursor)>,
    /// The session's random numbers.
    pub generator: Arc<Mutex<types::random::Generator>>,
    /// What the session remembers of sequences.
    pub sequences: Arc<Mutex<super::sequences::SessionSequences>>,
    /// Whether BEGIN was executed.
    pub in_block: bool,
    io: IoContext,
    transaction_at: i64,
    statement_at: i64,
    storage: Arc<Mutex<storage::Transaction>>,
}

impl Access {
    /// Returns the schemas of the search path by oid, `pg_catalog` included.
    pub fn path(&self) -> Vec<Oid> {
        self.names.path()
    }
    /// Returns the storage's transaction.
    pub fn storage(&self) -> &Arc<Mutex<storage::Transaction>> {
        &self.storage
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
        self.statement_at
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
        let names = Arc::new(Names { catalog: Arc::clone(&open.catalog), search_path: self.search_path() });
        let mut io = io_context(&self.settings.lock(), open.started_at);
        io.names = Some(Arc::<Names>::clone(&names));
        Ok(Arc::new(Access {
            engine: Arc::clone(&self.engine),
            backend: Arc::clone(&self.backend),
            settings: Arc::clone(&self.settings),
            catalog: Arc::clone(&open.catalog),
            search_path: names.search_path.clone(),
            names,
            prepared: self.prepared.values().filter(|prepared| !prepared.name.is_empty()).cloned().collect(),
            cursors: self
                .portals
                .iter()
                .filter_map(|(name, portal)| Some((name.clone(), portal.cursor.clone()?)))
                .collect(),
            generator: Arc::clone(&self.generator),
            sequences: Arc::clone(&self.sequences),
            in_block: open.explicit,
            io,
            transaction_at: open.started_at,
            statement_at: self.statement_at,
            storage: Arc::clone(&open.storage),
        }))
    }

    /// Returns the context for a statement to run in.
    ///
    /// # Errors
    /// As [`Self::access`].
    pub fn context(&mut self, params: &[Datum]) -> Result<Arc<QueryContext>> {
        let access = self.access()?;
        let mut memory = MemoryTracker::new(Arc::clone(&self.engine.memory));
        let options = {
            let settings = self.settings.lock();
            let limit = u64::try_from(settings.integer("surus.statement_memory")).unwrap_or(0);
            if limit > 0 {
                memory = memory.with_limit(limit << 10);
            }
            let threads = usize::try_from(settings.integer("surus.threads")).unwrap_or(0);
            ExecutionOptions {
                threads: if threads == 0 { self.engine.threads } else { threads },
                force_row: settings.raw("surus.execution") == "row",
                batch_lanes: usize::try_from(settings.integer("surus.batch_lanes"))
                    .unwrap_or(2048)
                    .clamp(1, 2048),
            }
        };
        self.begin_serializable()?;
        let deferred = match &mut self.transaction {
            Some(open) => {
                open.used = true;
                Arc::clone(&open.deferred)
            }
            None => Arc::default(),
        };
        Ok(Arc::new(QueryContext {
            transaction: Some(Arc::clone(access.storage())),
            params: params.to_vec(),
            session: access,
            memory,
            cancel: Arc::clone(&self.backend.cancel),
            options,
            deferred,
        }))
    }

    /// Returns what SHOW prints.
    ///
    /// # Errors
    /// `42704`.
    pub fn show_setting(&self, name: &str) -> Result<String> {
        self.settings.lock().show(name)
    }
}

/// Returns the settings that input and output of values depend on.
fn io_context(settings: &Settings, now: i64) -> IoContext {
    use types::io::{ByteaOutput, DateOrder, DateStyle, IntervalStyle};
    let date_style = settings.raw("datestyle");
    let (style, order) = date_style.split_once(", ").unwrap_or(("ISO", "MDY"));
    IoContext {
        date_style: match style {
            "SQL" => DateStyle::Sql,
            "Postgres" => DateStyle::Postgres,
            "German" => DateStyle::German,
            _ => DateStyle::Iso,
        },
        date_order: match order {
            "DMY" => DateOrder::Dmy,
            "YMD" => DateOrder::Ymd,
            _ => DateOrder::Mdy,
        },
        interval_style: match settings.raw("intervalstyle").as_str() {
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            "iso_8601" => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        },
        time_zone: super::settings::time_zone(&settings.raw("timezone")),
        extra_float_digits: i32::try_from(settings.integer("extra_float_digits")).unwrap_or(1),
        bytea_output: if settings.raw("bytea_output") == "escape" {
            ByteaOutput::Escape
        } else {
            ByteaOutput::Hex
        },
        array_nulls: settings.raw("array_nulls") != "off",
        quote_all_identifiers: settings.raw("quote_all_identifiers") == "on",
        transform_null_equals: settings.raw("transform_null_equals") == "on",
        now,
        names: None,
    }
}
