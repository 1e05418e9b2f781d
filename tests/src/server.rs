//! A Surus server of a test's own: started on a free port, stopped or killed by the test, killed when dropped.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use bench::process::SurusProcess;
use bench::wire::Server;

/// A running `surus serve`. Whatever goes wrong with it panics.
#[derive(Debug)]
pub struct SurusServer(SurusProcess);

impl SurusServer {
    /// Starts a server on a data directory, with more arguments, and waits until it accepts connections.
    ///
    /// # Panics
    /// When there is no binary, with what to do about it, and when the server does not come up, with its output.
    pub async fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let started = SurusProcess::start(&surus_binary(), data_dir, arguments).await;
        SurusServer(started.unwrap_or_else(|error| panic!("{error}")))
    }

    /// Returns the URL of the server's database.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Connects to the server.
    pub async fn connect(&self) -> Server {
        Server::connect(&self.url()).await.unwrap_or_else(|error| panic!("{error}\n{}", self.output()))
    }

    /// Returns what the server has printed.
    pub fn output(&self) -> String {
        self.0.output()
    }

    /// Asks the server to shut down (SIGTERM) and returns how it went.
    pub fn stop(self) -> ExitStatus {
        self.0.stop().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(self) {
        self.0.kill().expect("the server is killed");
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
