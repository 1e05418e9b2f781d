//! What a running statement sees of the world: data, parameters, settings, memory, cancellation.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use types::interrupt::CancelFlag;
use types::{Datum, Oid, PgError, Result, SqlState};

/// Everything that operators and functions may ask for while a statement runs. Shared by its workers.
pub struct QueryContext {
    /// The transaction: scans and changes go through it. None where expressions are evaluated without tables.
    pub transaction: Option<Arc<parking_lot::Mutex<storage::Transaction>>>,
    /// Values of `$1`, `$2`, ...
    pub params: Vec<Datum>,
    /// The session as functions and system relations see it.
    pub session: Arc<dyn SessionAccess>,
    /// Memory of this statement.
    pub memory: MemoryTracker,
    /// Set to stop the statement; looked at once a batch.
    pub cancel: Arc<CancelFlag>,
    /// How to run.
    pub options: ExecutionOptions,
    /// What the transaction has put off.
    pub deferred: Arc<parking_lot::Mutex<crate::deferred::DeferredChecks>>,
}

impl QueryContext {
    /// Returns a context for expressions that read no table: constant folding, defaults.
    pub fn without_tables(session: Arc<dyn SessionAccess>, params: Vec<Datum>) -> Self {
        Self {
            transaction: None,
            params,
            session,
            memory: MemoryTracker::new(MemoryPool::new(u64::MAX)),
            cancel: types::interrupt::current(),
            options: ExecutionOptions {
                threads: 1,
                force_row: true,
                batch_lanes: kernels::vector::VECTOR_LANES,
            },
            deferred: Arc::default(),
        }
    }
    /// Makes this the context of another statement of the same session: the memory that it holds is kept.
    pub fn renew<S: SessionAccess + 'static>(
        &mut self,
        params: &[Datum],
        session: Arc<S>,
        options: ExecutionOptions,
        limit_bytes: u64,
    ) {
        self.params.clear();
        self.params.extend_from_slice(params);
        self.session = session;
        self.options = options;
        self.memory.renew(limit_bytes);
    }
    /// Lets go of what the statement had: it is over.
    pub fn rest(&mut self) {
        self.params.clear();
        self.memory.renew(self.memory.limit_bytes);
    }
    /// Returns the transaction.
    ///
    /// # Errors
    /// `XX000` in a context without tables.
    pub fn transaction(&self) -> Result<&parking_lot::Mutex<storage::Transaction>> {
        match &self.transaction {
            Some(transaction) => Ok(transaction),
            None => Err(PgError::internal("a table was read outside a transaction")),
        }
    }
}

/// Settings that change how, never what, a statement computes.
#[derive(Debug, Clone, Copy)]
pub struct ExecutionOptions {
    /// Workers; 1 runs on the calling thread.
    pub threads: usize,
    /// Evaluate every expression by row functions (`surus.execution = row`).
    pub force_row: bool,
    /// Lanes per batch, at most [`kernels::vector::VECTOR_LANES`]; small values are for tests.
    pub batch_lanes: usize,
}

/// The session behind a statement.
pub trait SessionAccess: Send + Sync {
    /// Input and output settings: DateStyle, TimeZone, ...
    fn io(&self) -> &types::io::IoContext;
    /// Start of the transaction (`now()`) and of the statement, microseconds from 2000-01-01 UTC.
    fn transaction_timestamp(&self) -> i64;
    /// See `transaction_timestamp`.
    fn statement_timestamp(&self) -> i64;
    /// The session's generator of random numbers.
    fn generator(&self) -> &parking_lot::Mutex<types::random::Generator>;
    /// Rows of a system relation, with the columns at `columns` (positions in the relation).
    ///
    /// # Errors
    /// When the relation cannot be made.
    fn virtual_rows(&self, relation: Oid, columns: &[usize]) -> Result<Vec<Vec<Datum>>>;
    /// The session itself, for the functions that the frontend registers.
    fn as_any(&self) -> &dyn Any;
}

/// Memory of one statement, charged against a limit that all statements of the server share.
#[derive(Debug, Clone)]
pub struct MemoryTracker {
    server: Arc<MemoryPool>,
    used: Arc<AtomicU64>,
    /// What this statement alone may use.
    limit_bytes: u64,
}

/// The server's memory for queries.
#[derive(Debug)]
pub struct MemoryPool {
    limit_bytes: u64,
    used_bytes: AtomicU64,
}

impl MemoryPool {
    /// Returns a pool of `limit_bytes`.
    pub fn new(limit_bytes: u64) -> Arc<Self> {
        Arc::new(Self { limit_bytes, used_bytes: AtomicU64::new(0) })
    }
}

impl MemoryTracker {
    /// Returns a tracker that draws on `server`.
    pub fn new(server: Arc<MemoryPool>) -> Self {
        Self { server, used: Arc::new(AtomicU64::new(0)), limit_bytes: u64::MAX }
    }
    /// Sets what the statement alone may use (`surus.statement_memory`).
    #[must_use]
    pub fn with_limit(mut self, limit_bytes: u64) -> Self {
        self.limit_bytes = limit_bytes;
        self
    }
    /// Begins anew, for a statement that may use `limit_bytes`.
    fn renew(&mut self, limit_bytes: u64) {
        self.limit_bytes = limit_bytes;
        match Arc::get_mut(&mut self.used) {
            Some(used) => {
                let held = std::mem::take(used.get_mut());
                if held > 0 {
                    self.server.used_bytes.fetch_sub(held, Ordering::Relaxed);
                }
            }
            None => self.used = Arc::default(),
        }
    }
    /// Takes `bytes`.
    ///
    /// # Errors
    /// `53200` when the limit does not allow it; nothing is taken then.
    pub fn grow(&self, bytes: u64) -> Result<()> {
        if self.used_bytes().saturating_add(bytes) > self.limit_bytes {
            return Err(PgError::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(format!(
                "Failed on request of {bytes} bytes: surus.statement_memory is {} bytes.",
                self.limit_bytes
            )));
        }
        let before = self.server.used_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.server.limit_bytes {
            self.server.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(PgError::new(SqlState::OUT_OF_MEMORY, "out of memory").with_detail(format!(
                "Failed on request of {bytes} bytes: surus.memory_limit is {} bytes.",
                self.server.limit_bytes
            )));
        }
        self.used.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
    /// Gives `bytes` back.
    pub fn shrink(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.server.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
    /// Returns the bytes in use by the statement.
    pub fn used_bytes(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

impl Drop for MemoryTracker {
    fn drop(&mut self) {
        if Arc::strong_count(&self.used) == 1 {
            self.server.used_bytes.fetch_sub(self.used.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
