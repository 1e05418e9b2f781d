//! A `surus serve` process started for a benchmark or a test, killed when dropped.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;
use crate::wire::Server;

/// A debug build on a busy machine needs some time to come up, and to write what it has.
const START_SECONDS_MAX: u64 = 60;
const STOP_SECONDS_MAX: u64 = 60;

/// A running `surus serve`.
#[derive(Debug)]
pub struct SurusProcess {
    child: Child,
    port: u16,
    log: PathBuf,
}

impl SurusProcess {
    /// Starts a server on a data directory, with more arguments, and waits until it accepts connections. What it
    /// prints goes to a file beside the data directory.
    pub async fn start(binary: &Path, data_dir: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = data_dir.with_extension("log");
        let output = File::options().create(true).append(true).open(&log)?;
        let child = Command::new(binary)
            .arg("serve")
            .arg("--data-dir")
            .arg(data_dir)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            // A killed server leaves its socket file behind.
            .arg("--unix-socket-directories=")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", binary.display()))?;
        let mut process = SurusProcess { child, port, log };
        process.wait_until_up().await?;
        Ok(process)
    }

    /// Returns the URL of the server's database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what the server has printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks the server to shut down (SIGTERM) and returns how it went.
    pub fn stop(mut self) -> Result<ExitStatus, Failure> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        if !sent.success() {
            return Err(format!("the server was gone before it was stopped:\n{}", self.output()).into());
        }
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS_MAX);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("SIGTERM did not stop the server:\n{}", self.output()).into())
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    async fn wait_until_up(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            let last = match Server::connect(&self.url()).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended at once ({status}):\n{}", self.output()).into());
            }
            if Instant::now() > deadline {
                return Err(format!("the server does not answer: {last}\n{}", self.output()).into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for SurusProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
