//! A session: settings, transaction, prepared statements, portals; and what statements may ask of it.

pub mod access;
mod blocks;
mod catalog_changes;
pub(crate) mod catalog_claims;
pub mod clock;
pub mod engine;
mod in_use;
mod kept_indexes;
pub mod locks;
pub mod names;
pub mod outcomes;
pub mod plans;
pub mod portal;
pub mod prepared;
mod savepoints;
pub mod sequences;
pub mod settings;
pub mod snapshots;
pub mod temporary;
mod transaction;
mod two_phase;
pub mod values;
pub mod view;
pub mod waiter;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ecow::EcoString;
use executor::context::QueryContext;
use parking_lot::Mutex;
use types::errors::ErrorFields;
use types::{PgError, Result, SqlState};

use crate::server::backends::{Backend, Expiry};
use crate::server::output::Severity;
use crate::server::rows::Forms;
use crate::statements::query::Planned;
use engine::Engine;
use portal::Portals;
use prepared::Prepared;
use settings::Settings;
pub use transaction::Open;
use view::SettingsView;

/// The one role and the one database.
pub const USER: &str = "postgres";
/// See [`USER`].
pub const DATABASE: &str = "postgres";

/// One client's session.
pub struct Session {
    /// What all sessions share.
    pub engine: Arc<Engine>,
    /// This session as others see it.
    pub backend: Arc<Backend>,
    /// Configuration parameters; functions of a running statement change them, too.
    pub settings: Arc<Mutex<Settings>>,
    /// See [`Settings::version`].
    settings_version: Arc<AtomicU64>,
    /// The open transaction.
    pub transaction: Option<Open>,
    /// What is left of the last transaction, for the next one.
    idle: Option<transaction::Parts>,
    /// Prepared statements by name.
    pub prepared: Arc<BTreeMap<String, Arc<Prepared>>>,
    /// Portals and cursors by name.
    pub portals: Portals,
    /// `statement_timestamp()`.
    pub statement_at: i64,
    /// Text that error locations count in.
    pub current_sql: Option<Arc<str>>,
    /// Types of the parameters of the statement that runs.
    pub running_types: Vec<types::Oid>,
    generator: Arc<Mutex<types::random::Generator>>,
    /// The plan that Bind made of the statement that is about to run.
    pub bound_plan: Option<Arc<Planned>>,
    /// The portal that the message before has bound: its snapshot is new.
    pub just_bound: Option<EcoString>,
    /// Memory of the last statement's parameters and result formats, for the next one.
    pub spare_params: Vec<types::Datum>,
    /// See `spare_params`.
    pub spare_formats: Vec<i16>,
    /// See `spare_params`.
    pub spare_forms: Forms,
    /// Settings as they were last looked at, names as statements resolve them, and what the last statement saw.
    kept_view: Mutex<Option<Arc<SettingsView>>>,
    kept_names: Mutex<Option<(Arc<SettingsView>, Arc<crate::system::names::Names>)>>,
    kept_access: Mutex<Option<Arc<access::Access>>>,
    kept_context: Mutex<Option<Arc<QueryContext>>>,
    /// What this session remembers of sequences.
    pub sequences: Arc<Mutex<sequences::SessionSequences>>,
    notices: Vec<(Severity, ErrorFields)>,
}

impl Session {
    /// Returns a new session.
    pub fn new(engine: Arc<Engine>, backend: Arc<Backend>, settings: Settings) -> Self {
        Self {
            engine,
            backend,
            settings_version: settings.shared_version(),
            settings: Arc::new(Mutex::new(settings)),
            transaction: None,
            idle: None,
            prepared: Arc::default(),
            portals: Portals::default(),
            spare_params: Vec::new(),
            spare_formats: Vec::new(),
            spare_forms: Forms::default(),
            statement_at: clock::now(),
            current_sql: None,
            running_types: Vec::new(),
            generator: Arc::new(Mutex::new(types::random::Generator::from_entropy())),
            bound_plan: None,
            just_bound: None,
            kept_view: Mutex::default(),
            kept_names: Mutex::default(),
            kept_access: Mutex::default(),
            kept_context: Mutex::default(),
            sequences: Arc::default(),
            notices: Vec::new(),
        }
    }

    /// Returns [`Settings::version`].
    fn settings_version(&self) -> u64 {
        self.settings_version.load(Ordering::Acquire)
    }

    /// Begins the random numbers that the parameter `seed` stands for.
    ///
    /// # Errors
    /// `22023`.
    pub fn seed(&self) -> Result<()> {
        let seed = self.settings.lock().raw("seed").parse().unwrap_or_default();
        *self.generator.lock() = types::random::Generator::from_fraction(seed)?;
        Ok(())
    }

    /// Queues a WARNING for the client.
    pub fn warn(&mut self, sqlstate: SqlState, message: impl Into<String>) {
        self.report(Severity::Warning, PgError::new(sqlstate, message));
    }

    /// Queues a NOTICE for the client.
    pub fn notice(&mut self, sqlstate: SqlState, message: impl Into<String>) {
        self.report(Severity::Notice, PgError::new(sqlstate, message));
    }

    /// Queues a report unless `client_min_messages` is above it.
    pub fn report(&mut self, severity: Severity, report: PgError) {
        let wanted = match self.settings.lock().raw("client_min_messages").as_str() {
            "error" => severity == Severity::Info,
            "warning" => severity != Severity::Notice,
            _ => true,
        };
        if wanted {
            self.notices.push((severity, report.fields().clone()));
        }
    }

    /// Takes the queued notices.
    pub fn take_notices(&mut self) -> Vec<(Severity, ErrorFields)> {
        for warning in self.backend.take_warnings() {
            self.report(Severity::Warning, warning);
        }
        std::mem::take(&mut self.notices)
    }

    /// Notes that work on `sql` begins: cancel requests from before are void, the timeout runs.
    pub fn start_work(&mut self, sql: &Arc<str>) {
        self.just_bound = None;
        self.backend.cancel.reset();
        if self.portals.is_empty() && self.transaction.is_none() {
            // What earlier statements left behind belongs to the tables now.
            types::account::clear(self.backend.cancel.account());
        }
        let view = self.view();
        let now = Instant::now();
        let at = clock::now();
        let mut activity = self.backend.activity.lock();
        activity.idle_deadline = None;
        if self.transaction.is_none() {
            activity.transaction_deadline = view.transaction_timeout.map(|timeout| now + timeout);
        }
        activity.state = "active";
        if !Arc::ptr_eq(&activity.query, sql) {
            activity.query = Arc::clone(sql);
        }
        activity.query_at = Some(at);
        activity.state_at = at;
        activity.transaction_at = activity.transaction_at.or(activity.query_at);
        activity.busy_since = Some(now);
        activity.deadline = view.statement_timeout.map(|timeout| now + timeout);
    }

    /// Notes that the session waits for the client.
    pub fn end_work(&mut self) {
        self.just_bound = None;
        if let Some(own) = self.kept_context.lock().as_mut().and_then(Arc::get_mut) {
            own.rest();
        }
        let view = self.view();
        let now = Instant::now();
        let status = self.status();
        let idle = match status {
            b'I' => view.idle_session_timeout.map(|timeout| (now + timeout, Expiry::IdleSession)),
            _ => view.idle_in_transaction_timeout.map(|timeout| (now + timeout, Expiry::IdleInTransaction)),
        };
        let mut activity = self.backend.activity.lock();
        activity.busy_since = None;
        activity.deadline = None;
        activity.idle_deadline = idle;
        activity.transaction_deadline = match self.transaction {
            Some(_) => {
                activity.transaction_deadline.or(view.transaction_timeout.map(|timeout| now + timeout))
            }
            None => None,
        };
        activity.state = match status {
            b'E' => "idle in transaction (aborted)",
            b'T' => "idle in transaction",
            _ => "idle",
        };
        if self.transaction.is_none() {
            activity.transaction_at = None;
        }
        if activity.application_name != view.application_name {
            activity.application_name.clone_from(&view.application_name);
        }
        activity.state_at = clock::now();
    }

    /// Returns the types of the parameters of the statement that runs.
    pub fn param_types(&self, count: usize) -> Vec<Option<types::Oid>> {
        (0..count).map(|index| self.running_types.get(index).copied().filter(|oid| *oid != 0)).collect()
    }

    /// Returns the error to end with when the session took too long.
    ///
    /// # Errors
    /// `57P05`, `25P03`, `25P04`.
    pub fn check_expired(&self) -> Result<()> {
        match self.backend.activity.lock().expired {
            Some(expiry) => Err(expiry.error()),
            None => Ok(()),
        }
    }

    /// Returns the error to end with when the server goes down.
    pub fn check_stopping(&self) -> Result<()> {
        if self.engine.stopping.load(Ordering::Acquire) {
            return Err(PgError::new(
                SqlState::ADMIN_SHUTDOWN,
                "terminating connection due to administrator command",
            ));
        }
        Ok(())
    }
}
