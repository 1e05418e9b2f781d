//! A Surus server of a test's own: started on a free port, stopped or killed by the test, killed when dropped.

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bench::wire::Server;

/// A debug build on a busy machine needs some time to come up.
const START_SECONDS_MAX: u64 = 60;
const STOP_SECONDS_MAX: u64 = 60;

/// A running `surus serve`.
#[derive(Debug)]
pub struct SurusServer {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl SurusServer {
    /// Starts a server on a data directory and waits until it accepts connections.
    ///
    /// # Panics
    /// When there is no binary, with what to do about it, and when the server does not come up, with its output.
    pub async fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[]).await
    }

    /// Starts a server as [`SurusServer::start`] does, with more command-line arguments.
    pub async fn start_with(data_dir: &Path, arguments: &[&str]) -> Self {
        let binary = surus_binary();
        let port = free_port().expect("a free port");
        let log = data_dir.with_extension("log");
        let output = File::options().create(true).append(true).open(&log).expect("the server's log opens");
        let child = Command::new(&binary)
            .arg("serve")
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("the log's handle is copied"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        let mut server = SurusServer { child, port, log };
        server.wait_until_up().await;
        server
    }

    /// Returns the URL of the server's database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Connects to the server.
    pub async fn connect(&self) -> Server {
        Server::connect(&self.url()).await.unwrap_or_else(|error| panic!("{error}\n{}", self.output()))
    }

    /// Returns what the server has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks the server to shut down (SIGTERM) and returns how it went.
    pub fn stop(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success(), "the server was gone before it was stopped:\n{}", self.output());
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
        loop {
            if let Some(status) = self.child.try_wait().expect("the server is waited for") {
                return status;
            }
            assert!(Instant::now() < deadline, "SIGTERM did not stop the server:\n{}", self.output());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().expect("the server is killed");
        self.child.wait().expect("the server is waited for");
    }

    async fn wait_until_up(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            let last = match Server::connect(&self.url()).await {
                Ok(_) => return,
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait().expect("the server is waited for") {
                panic!("the server ended at once ({status}):\n{}", self.output());
            }
            assert!(Instant::now() < deadline, "the server does not answer: {last}\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for SurusServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the path of the `surus` binary: `SURUS_BIN`, or the one beside the running test in the target directory.
///
/// # Panics
/// When it is not there: cargo builds another package's binary for a test only when it is asked to.
pub fn surus_binary() -> PathBuf {
    let path = std::env::var_os("SURUS_BIN").map(PathBuf::from).unwrap_or_else(|| {
        // target/debug/deps/test-0123456789abcdef
        let test = std::env::current_exe().expect("the test knows its path");
        test.ancestors().nth(2).expect("tests run below the target directory").join("surus")
    });
    assert!(
        path.exists(),
        "{} is not there: build it with `cargo build -p frontend` (and the test's profile), or set SURUS_BIN",
        path.display()
    );
    path
}

/// Finds a port that nobody listens on.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Makes an empty directory for a test below `parent` and returns the path of a data directory in it that does not
/// exist yet.
pub fn fresh_data_dir(parent: &str, test: &str) -> PathBuf {
    let directory = Path::new(parent).join(test);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).expect("the last run's directory is removed");
    }
    std::fs::create_dir_all(&directory).expect("the test's directory is made");
    directory.join("data")
}
