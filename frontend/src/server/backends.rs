//! The list of sessions, as cancel requests, `pg_stat_activity` and the shutdown see it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Instant;

use executor::context::CancelFlag;
use parking_lot::Mutex;
use types::{PgError, SqlState, account};

use super::socket::{ClientAddress, Socket};

/// Most sessions at a time.
pub const SESSIONS_MAX: usize = 1000;
const _: () = assert!(SESSIONS_MAX < account::ACCOUNTS_MAX);

/// One session as others see it.
pub struct Backend {
    /// What `pg_backend_pid()` returns and BackendKeyData carries.
    pub process_id: i32,
    /// Secret that a cancel request must know.
    pub secret: Vec<u8>,
    /// Stops the running statement.
    pub cancel: Arc<CancelFlag>,
    /// Where the client is.
    pub client: Option<ClientAddress>,
    /// The client's socket, to watch and to shut down.
    pub stream: Option<Socket>,
    /// What it does.
    pub activity: Mutex<Activity>,
    /// Whether there are `warnings`.
    has_warnings: AtomicBool,
    /// Warnings of functions.
    warnings: Mutex<Vec<PgError>>,
}

impl Backend {
    /// Leaves a warning for the client of the running statement.
    pub fn warn(&self, warning: PgError) {
        self.warnings.lock().push(warning);
        self.has_warnings.store(true, Ordering::Release);
    }

    /// Takes the warnings.
    pub fn take_warnings(&self) -> Vec<PgError> {
        if self.has_warnings.load(Ordering::Acquire) {
            self.has_warnings.store(false, Ordering::Release);
            return std::mem::take(&mut self.warnings.lock());
        }
        Vec::new()
    }
}

/// What a session does.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Role.
    pub user: String,
    /// `application_name`.
    pub application_name: String,
    /// Start of the session, microseconds from 2000-01-01 UTC.
    pub started_at: i64,
    /// Start of the transaction.
    pub transaction_at: Option<i64>,
    /// Start of the latest statement.
    pub query_at: Option<i64>,
    /// When `state` last changed.
    pub state_at: i64,
    /// As in `pg_stat_activity`.
    pub state: &'static str,
    /// The latest statement.
    pub query: Arc<str>,
    /// When the running statement is to be stopped.
    pub deadline: Option<Instant>,
    /// Since when the session works without a look at its socket.
    pub busy_since: Option<Instant>,
    /// When the waiting session is to be ended, and why.
    pub idle_deadline: Option<(Instant, Expiry)>,
    /// When the session is to be ended unless its transaction has.
    pub transaction_deadline: Option<Instant>,
    /// Why the session is to end.
    pub expired: Option<Expiry>,
}

/// Returns an account that no session has, cleared.
fn free_account(list: &BTreeMap<i32, Arc<Backend>>) -> usize {
    let taken: HashSet<usize> = list.values().map(|backend| backend.cancel.account()).collect();
    let free = (1..account::ACCOUNTS_MAX).find(|account| !taken.contains(account)).unwrap_or(0);
    account::clear(free);
    free
}

/// What ends a session that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// `idle_session_timeout`
    IdleSession,
    /// `idle_in_transaction_session_timeout`
    IdleInTransaction,
    /// `transaction_timeout`
    Transaction,
}

impl Expiry {
    /// Returns what the client is told.
    pub fn error(self) -> PgError {
        let (sqlstate, what) = match self {
            Self::IdleSession => (SqlState::IDLE_SESSION_TIMEOUT, "idle-session"),
            Self::IdleInTransaction => (SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT, "idle-in-transaction"),
            Self::Transaction => (SqlState::TRANSACTION_TIMEOUT, "transaction"),
        };
        PgError::new(sqlstate, format!("terminating connection due to {what} timeout"))
    }
}

/// All sessions.
#[derive(Default)]
pub struct Backends {
    next: AtomicI32,
    list: Mutex<BTreeMap<i32, Arc<Backend>>>,
    secrets: RandomState,
}

impl Backends {
    /// Registers a session; `None` when there are too many.
    pub fn register(&self, stream: Option<Socket>, secret_len: usize) -> Option<Arc<Backend>> {
        let mut list = self.list.lock();
        if list.len() >= SESSIONS_MAX {
            return None;
        }
        let base = i32::try_from(std::process::id() % 1_000_000).unwrap_or(0);
        let process_id = base + 1 + self.next.fetch_add(1, Ordering::Relaxed) % 1_000_000_000;
        let now = crate::session::clock::now();
        let backend = Arc::new(Backend {
            process_id,
            secret: self.secret(process_id, secret_len),
            cancel: Arc::new(CancelFlag::of_account(free_account(&list))),
            client: stream.as_ref().and_then(Socket::client),
            stream,
            activity: Mutex::new(Activity {
                user: "postgres".to_owned(),
                application_name: String::new(),
                started_at: now,
                transaction_at: None,
                query_at: None,
                state_at: now,
                state: "active",
                query: "".into(),
                deadline: None,
                busy_since: None,
                idle_deadline: None,
                transaction_deadline: None,
                expired: None,
            }),
            has_warnings: AtomicBool::new(false),
            warnings: Mutex::default(),
        });
        list.insert(process_id, Arc::clone(&backend));
        Some(backend)
    }

    /// Forgets a session.
    pub fn remove(&self, process_id: i32) {
        self.list.lock().remove(&process_id);
    }

    /// Returns all sessions.
    pub fn list(&self) -> Vec<Arc<Backend>> {
        self.list.lock().values().cloned().collect()
    }

    /// Stops the statement of the session that `process_id` and `secret` name, if they name one.
    pub fn cancel(&self, process_id: i32, secret: &[u8]) {
        if let Some(backend) = self.list.lock().get(&process_id)
            && backend.secret == secret
        {
            backend.cancel.cancel();
        }
    }

    /// Returns a secret made of keyed hashes, whose keys come from the system's randomness.
    fn secret(&self, process_id: i32, len: usize) -> Vec<u8> {
        let fresh: HashMap<(), ()> = HashMap::new();
        let mut secret = Vec::with_capacity(len);
        for part in 0u64.. {
            if secret.len() >= len {
                break;
            }
            let word =
                self.secrets.hash_one((process_id, part)) ^ fresh.hasher().hash_one((part, Instant::now()));
            secret.extend_from_slice(&word.to_be_bytes());
        }
        secret.truncate(len);
        secret
    }
}
