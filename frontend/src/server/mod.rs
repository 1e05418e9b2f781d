//! The server: listens, gives each connection a thread, and goes down in order.

pub mod allocator;
pub mod backends;
pub mod connection;
pub mod messages;
pub mod output;
mod placement;
mod protocol;
mod relief;
pub mod rows;
pub mod socket;
pub mod socket_file;
mod watch;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use storage::{Store, StoreOptions};
use types::{PgError, SqlState};

use self::socket::Socket;
use self::socket_file::{SocketFile, SocketOptions};
use crate::session::engine::Engine;

/// Stack of a session's thread. Only touched pages take memory; deeply nested statements need them.
const SESSION_STACK_BYTES: usize = 64 << 20;
/// How long a shutdown waits for sessions to end.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Data directory; made when there is none.
    pub data_dir: PathBuf,
    /// Address to listen on; loopback only.
    pub listen: SocketAddr,
    /// Sockets of the Unix domain beside it.
    pub sockets: SocketOptions,
    /// Workers of a statement.
    pub threads: usize,
    /// Memory for queries.
    pub memory_bytes_max: u64,
}

/// A tuning constant: rows that are not in segments yet take this part of the memory for queries at most.
const HOT_PART: usize = 4;

/// A tuning constant: how often the storage looks for something to tidy up.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(1);

/// A running server.
pub struct Server {
    /// What its sessions share.
    pub engine: Arc<Engine>,
    /// Why some of the sockets could not be made.
    pub warnings: Vec<PgError>,
    socket_files: Arc<Vec<SocketFile>>,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Opens the data directory and begins to accept connections.
    ///
    /// # Errors
    /// When the address is not loopback or in use, or the data directory cannot be opened.
    pub fn start(options: &Options) -> Result<Self, PgError> {
        if !options.listen.ip().is_loopback() {
            return Err(PgError::not_supported(format!(
                "listening on {} (not a loopback address, so it needs passwords and TLS)",
                options.listen
            )));
        }
        storage::processors::remember_all();
        let _ = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build_global();
        crate::system::functions::register();
        let defaults = StoreOptions::default();
        let memory = usize::try_from(options.memory_bytes_max).unwrap_or(usize::MAX);
        let hot_bytes_max = defaults.hot_bytes_max.min(memory / HOT_PART);
        let storing = StoreOptions { maintenance: Some(MAINTENANCE_INTERVAL), hot_bytes_max, ..defaults };
        let store = Store::open(&options.data_dir, storing)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| system_error("could not start the runtime", &error))?;
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind(options.listen))
            .map_err(|error| system_error(&format!("could not listen on {}", options.listen), &error))?;
        let listen = listener.local_addr().unwrap_or(options.listen);
        let engine = Arc::new(Engine::new(
            store,
            options.memory_bytes_max,
            options.threads,
            listen,
            options.sockets.clone(),
        ));
        let (sockets, warnings) = socket_file::listen(&options.sockets, listen.port(), &options.data_dir)?;
        crate::session::temporary::drop_left_behind(&engine)?;
        runtime.spawn(accept(Arc::clone(&engine), Listener::Tcp(listener)));
        let socket_files = accept_local(&runtime, &engine, sockets)?;
        let watched = Arc::clone(&engine);
        std::thread::Builder::new()
            .name("watcher".into())
            .spawn(move || watch::run(&watched))
            .map_err(|error| system_error("could not start the watcher", &error))?;
        Ok(Self { engine, warnings, socket_files, runtime })
    }

    /// Waits for SIGTERM or Ctrl-C.
    pub fn wait_for_signal(&self) {
        self.runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                return std::future::pending().await;
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
    }

    /// Stops statements and sessions, then makes everything durable.
    ///
    /// # Errors
    /// When the checkpoint fails.
    pub fn shut_down(self) -> Result<(), PgError> {
        self.engine.stopping.store(true, Ordering::Release);
        for backend in self.engine.backends.list() {
            backend.cancel.terminate();
            if let Some(stream) = &backend.stream {
                stream.stop_reading();
            }
        }
        let begun = Instant::now();
        while !self.engine.backends.list().is_empty() && begun.elapsed() < SHUTDOWN_PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.runtime.shutdown_background();
        drop(self.socket_files);
        self.engine.sequences.flush(&self.engine)?;
        Ok(self.engine.store.checkpoint()?)
    }
}

/// Begins to accept connections through socket files, and sees to it that these stay.
fn accept_local(
    runtime: &tokio::runtime::Runtime,
    engine: &Arc<Engine>,
    sockets: Vec<(SocketFile, std::os::unix::net::UnixListener)>,
) -> Result<Arc<Vec<SocketFile>>, PgError> {
    let _entered = runtime.enter();
    let mut files = Vec::new();
    for (file, listener) in sockets {
        files.push(file);
        let listener = listener
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UnixListener::from_std(listener))
            .map_err(|error| system_error("could not listen on a Unix-domain socket", &error))?;
        runtime.spawn(accept(Arc::clone(engine), Listener::Unix(listener)));
    }
    let files = Arc::new(files);
    let touched = Arc::downgrade(&files);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(socket_file::TOUCH_INTERVAL).await;
            let Some(files) = touched.upgrade() else { return };
            files.iter().for_each(SocketFile::touch);
        }
    });
    Ok(files)
}

/// Where connections come from.
enum Listener {
    /// The port.
    Tcp(tokio::net::TcpListener),
    /// A socket file.
    Unix(tokio::net::UnixListener),
}

impl Listener {
    /// Returns the next connection, whose calls wait.
    async fn accept(&self) -> std::io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let stream = listener.accept().await?.0.into_std()?;
                stream.set_nonblocking(false)?;
                Ok(Socket::Tcp(stream))
            }
            Self::Unix(listener) => {
                let stream = listener.accept().await?.0.into_std()?;
                stream.set_nonblocking(false)?;
                Ok(Socket::Unix(stream))
            }
        }
    }
}

/// Accepts connections; each gets a thread.
async fn accept(engine: Arc<Engine>, listener: Listener) {
    loop {
        let Ok(stream) = listener.accept().await else {
            // Out of file descriptors, most likely: some connection will end.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let engine = Arc::clone(&engine);
        // Without a thread the connection is dropped, and the client sees it closed.
        let _ = std::thread::Builder::new()
            .name("session".into())
            .stack_size(SESSION_STACK_BYTES)
            .spawn(move || connection::run(&engine, stream));
    }
}

fn system_error(what: &str, error: &std::io::Error) -> PgError {
    PgError::new(SqlState::SYSTEM_ERROR, format!("{what}: {error}"))
}
