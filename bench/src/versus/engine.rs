//! The engines behind one face: Surus over the wire, the others through a Python worker each.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use datasets::tpch::Table;
use serde_json::{Value, json};

use super::Peer;
use crate::Failure;
use crate::process::SurusProcess;
use crate::wire::Server;

const WORKER: &str = include_str!("worker.py");

/// Rows of fields, `None` for NULL.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// An engine under measurement.
pub(super) enum Engine {
    /// A server, with its process when it was started for this run.
    Wire { server: Server, loaded: bool, _process: Option<SurusProcess> },
    /// An engine inside a Python process.
    Worker(Worker),
}

impl Engine {
    /// Takes a running server.
    pub(super) async fn connect(url: &str, loaded: bool) -> Result<Self, Failure> {
        Ok(Engine::Wire { server: Server::connect(url).await?, loaded, _process: None })
    }

    /// Starts the `surus` binary beside this program on a fresh directory.
    pub(super) async fn start_surus(cache: &Path, threads: usize) -> Result<Self, Failure> {
        let binary = std::env::current_exe()?.with_file_name("surus");
        if !binary.exists() {
            let what = "build it with `cargo build --release --workspace`, or use --url or --without-surus";
            return Err(format!("{} is not there: {what}", binary.display()).into());
        }
        let data_dir = fresh_directory(cache, "surus")?.join("data");
        let threads = threads.to_string();
        let process = SurusProcess::start(&binary, &data_dir, &["--threads", &threads]).await?;
        let server = Server::connect(&process.url()).await?;
        Ok(Engine::Wire { server, loaded: false, _process: Some(process) })
    }

    /// Starts an engine that runs in process, in a process of its own.
    pub(super) fn start_peer(
        peer: Peer,
        python: &Path,
        cache: &Path,
        rows: &Path,
        threads: usize,
    ) -> Result<Self, Failure> {
        let directory = fresh_directory(cache, peer.name())?;
        let mut process = Command::new(python)
            .args(["-c", WORKER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", python.display()))?;
        let input = process.stdin.take();
        let output = process.stdout.take().map(BufReader::new).ok_or("the worker has no output")?;
        let mut worker =
            Worker { peer, version: String::new(), rows: rows.to_path_buf(), process, input, output };
        let answer =
            worker.request(&json!({"open": peer.name(), "directory": directory, "threads": threads}))?;
        worker.version = answer["version"].as_str().unwrap_or(peer.name()).to_string();
        Ok(Engine::Worker(worker))
    }

    /// Returns the engine's short name.
    pub(super) fn name(&self) -> &str {
        match self {
            Engine::Wire { server, .. } => &server.name,
            Engine::Worker(worker) => worker.peer.name(),
        }
    }

    /// Returns the engine's name with its version.
    pub(super) fn version(&self) -> &str {
        match self {
            Engine::Wire { server, .. } => &server.version,
            Engine::Worker(worker) => &worker.version,
        }
    }

    /// Loads the tables; returns how long it took, `None` when they were there.
    pub(super) async fn load(&mut self, scale: f64) -> Result<Option<Duration>, Failure> {
        match self {
            Engine::Wire { loaded: true, .. } => Ok(None),
            Engine::Wire { server, .. } => Ok(Some(server.load_tpch(scale, &[]).await?)),
            Engine::Worker(worker) => Ok(Some(worker.load()?)),
        }
    }

    /// Runs a query and returns its rows.
    pub(super) async fn answer(&mut self, sql: &str) -> Result<Rows, Failure> {
        match self {
            Engine::Wire { server, .. } => {
                let answer = server.query(sql).await?;
                let field = |field: &str| (field != "\\N").then(|| field.to_string());
                Ok(answer.text.lines().map(|row| row.split('\t').map(field).collect()).collect())
            }
            Engine::Worker(worker) => {
                let mut answer = worker.request(&json!({ "answer": sql }))?;
                Ok(serde_json::from_value(answer["rows"].take())?)
            }
        }
    }

    /// Runs a query and returns how long it took.
    pub(super) async fn time(&mut self, sql: &str) -> Result<Duration, Failure> {
        match self {
            Engine::Wire { server, .. } => Ok(server.query(sql).await?.time),
            Engine::Worker(worker) => seconds(&worker.request(&json!({ "query": sql }))?),
        }
    }
}

/// A Python process that drives one engine.
pub(super) struct Worker {
    peer: Peer,
    version: String,
    rows: PathBuf,
    process: Child,
    /// Closed, it tells the worker to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    fn load(&mut self) -> Result<Duration, Failure> {
        let mut total = Duration::ZERO;
        for table in Table::ALL {
            let file = self.rows.join(format!("{}.tbl", table.name()));
            let request = json!({"load": table.name(), "ddl": without_key(table.ddl()), "file": file});
            total += seconds(&self.request(&request)?)?;
        }
        Ok(total + seconds(&self.request(&json!({"finish": true}))?)?)
    }

    fn request(&mut self, request: &Value) -> Result<Value, Failure> {
        let name = self.peer.name();
        let input = self.input.as_mut().ok_or("the worker's input is closed")?;
        writeln!(input, "{request}").map_err(|error| format!("{name}: {error}"))?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("{name}: the worker ended").into());
        }
        let answer: Value =
            serde_json::from_str(&line).map_err(|error| format!("{name}: {error}: {line}"))?;
        match answer["error"].as_str() {
            Some(error) => Err(format!("{name}: {error}").into()),
            None => Ok(answer),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.input.take());
        // It ends when its input does; nobody is left to tell if it does not.
        let _ = self.process.wait();
    }
}

/// Takes the primary key out of a table's DDL: the engines in process would build an index that no query uses.
fn without_key(ddl: &str) -> String {
    let columns = ddl.lines().filter(|line| !line.trim_start().starts_with("PRIMARY KEY"));
    let text = columns.collect::<Vec<_>>().join("\n");
    match text.rsplit_once(',') {
        // The comma before the key's line.
        Some((before, after)) if after.trim() == ")" => format!("{before}\n)"),
        _ => text,
    }
}

fn seconds(answer: &Value) -> Result<Duration, Failure> {
    Ok(Duration::from_secs_f64(answer["seconds"].as_f64().ok_or("the worker gave no time")?))
}

/// Makes an empty directory for an engine's files.
fn fresh_directory(cache: &Path, name: &str) -> Result<PathBuf, Failure> {
    let directory = cache.join("bench-engines").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_out() {
        for table in Table::ALL {
            let ddl = without_key(table.ddl());
            assert!(!ddl.contains("PRIMARY") && ddl.ends_with("NOT NULL\n)"), "{ddl}");
        }
    }
}
