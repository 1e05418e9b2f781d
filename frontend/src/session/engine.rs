//! What all sessions share: the store, the catalog decoded from it, memory, the list of sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use executor::context::MemoryPool;
use parking_lot::Mutex;
use storage::Store;
use types::{PgError, Result};

use crate::catalog::Catalog;
use crate::catalog::delta::Delta;
use crate::server::backends::Backends;
use crate::statements::SampleCache;

/// An open database.
pub struct Engine {
    /// The data.
    pub store: Arc<Store>,
    /// Memory for queries.
    pub memory: Arc<MemoryPool>,
    /// Size of `memory` in bytes.
    pub memory_bytes_max: u64,
    /// The sessions.
    pub backends: Backends,
    /// Workers of a statement unless `surus.threads` says otherwise.
    pub threads: usize,
    /// Address that clients connect to.
    pub listen: std::net::SocketAddr,
    /// Its sockets of the Unix domain.
    pub socket_options: crate::server::socket_file::SocketOptions,
    /// Start of the server, microseconds from 2000-01-01 UTC.
    pub started_at: i64,
    /// Set when the server goes down: no new sessions.
    pub stopping: AtomicBool,
    /// Samples of tables, for the optimizer.
    pub samples: SampleCache,
    /// Values of sequences.
    pub sequences: super::sequences::Sequences,
    /// Snapshots that open transactions have exported.
    pub snapshots: super::snapshots::Snapshots,
    /// What has become of transactions.
    pub outcomes: super::outcomes::Outcomes,
    /// The last catalog image and what it decodes to.
    decoded: Mutex<Option<(Arc<Vec<u8>>, Arc<Catalog>)>>,
    /// The next oid to hand out.
    oids: Arc<AtomicU32>,
}

impl Engine {
    /// Returns the engine over an open store.
    pub fn new(
        store: Arc<Store>,
        memory_bytes_max: u64,
        threads: usize,
        listen: std::net::SocketAddr,
        socket_options: crate::server::socket_file::SocketOptions,
    ) -> Self {
        let outcomes = super::outcomes::Outcomes::new(store.running_xids().1);
        Self {
            store,
            outcomes,
            memory: MemoryPool::new(memory_bytes_max),
            memory_bytes_max,
            backends: Backends::default(),
            threads,
            listen,
            socket_options,
            started_at: super::clock::now(),
            stopping: AtomicBool::new(false),
            samples: SampleCache::default(),
            oids: Arc::default(),
            sequences: super::sequences::Sequences::default(),
            snapshots: super::snapshots::Snapshots::default(),
            decoded: Mutex::default(),
        }
    }

    /// Decodes a catalog image; the newest one is kept.
    ///
    /// # Errors
    /// `XX001` for an image that does not decode.
    pub fn catalog(&self, image: &Arc<Vec<u8>>) -> Result<Arc<Catalog>> {
        let mut decoded = self.decoded.lock();
        if let Some((kept, catalog)) = decoded.as_ref()
            && Arc::ptr_eq(kept, image)
        {
            return Ok(Arc::clone(catalog));
        }
        let mut catalog = decode(image)?;
        self.oids.fetch_max(catalog.next_oid, Ordering::Relaxed);
        catalog.oids = Arc::clone(&self.oids);
        let catalog = Arc::new(catalog);
        *decoded = Some((Arc::clone(image), Arc::clone(&catalog)));
        Ok(catalog)
    }

    /// Says whether the server is going down.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// Encodes a catalog for the store.
///
/// # Errors
/// Never for catalogs that decoding gave.
pub fn encode(catalog: &Catalog) -> Result<Vec<u8>> {
    let failed = |error| PgError::internal(format!("catalog does not encode: {error}"));
    let mut image = postcard::to_stdvec(catalog).map_err(failed)?;
    // Catalogs without them look as they did before there were any.
    if !catalog.statistics.is_empty() {
        image.extend(postcard::to_stdvec(&catalog.statistics).map_err(failed)?);
    }
    Ok(image)
}

/// What stands before the catalog of a prepared transaction.
const CHANGES: &[u8] = b"surus delta 1\n";

/// Encodes what a prepared transaction has changed, and the catalog that has the changes.
///
/// # Errors
/// As [`encode`].
pub fn encode_changes(delta: &Delta, catalog: &Catalog) -> Result<Vec<u8>> {
    postcard::to_extend(&(delta, encode(catalog)?), CHANGES.to_vec())
        .map_err(|error| PgError::internal(format!("changes of the catalog do not encode: {error}")))
}

/// Decodes what [`encode_changes`] gave; `None` when it is a whole catalog.
///
/// # Errors
/// `XX001`
pub fn decode_changes(image: &[u8]) -> Result<Option<(Delta, Catalog)>> {
    let Some(changes) = image.strip_prefix(CHANGES) else { return Ok(None) };
    let (delta, catalog): (Delta, Vec<u8>) = postcard::from_bytes(changes).map_err(|error| {
        let message = format!("the stored changes of a prepared transaction are corrupt: {error}");
        PgError::new(types::SqlState::DATA_CORRUPTED, message)
    })?;
    Ok(Some((delta, decode(&catalog)?)))
}

fn decode(image: &[u8]) -> Result<Catalog> {
    if image.is_empty() {
        return Ok(initial());
    }
    let corrupt = |error| {
        PgError::new(types::SqlState::DATA_CORRUPTED, format!("the stored catalog is corrupt: {error}"))
    };
    let (mut catalog, rest): (Catalog, &[u8]) = postcard::take_from_bytes(image).map_err(corrupt)?;
    if !rest.is_empty() {
        catalog.statistics = postcard::from_bytes(rest).map_err(corrupt)?;
    }
    Ok(catalog)
}

/// Returns the catalog of a new database.
fn initial() -> Catalog {
    let mut catalog = Catalog { next_oid: 16384, ..Catalog::default() };
    catalog.schemas.insert(types::oids::PUBLIC_NAMESPACE, "public".into());
    catalog
}
