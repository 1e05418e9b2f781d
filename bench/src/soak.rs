//! What a load that runs for long looks like while it runs: in each stretch of time the throughput, the latencies, the
//! server's memory and disk. All of that is to stay flat.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::Failure;
use crate::cpu::ServerProcess;
use crate::direct::Connection;
use crate::statistics::milliseconds;

/// The times of transactions since they were taken last, in microseconds, by kind.
#[derive(Debug, Default)]
pub struct Window(Mutex<BTreeMap<&'static str, Vec<u32>>>);

impl Window {
    /// Notes a transaction that was committed.
    pub fn add(&self, kind: &'static str, time: Duration) {
        self.lock().entry(kind).or_default().push(time.as_micros() as u32);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Vec<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what was noted, and begins anew.
    fn take(&self) -> BTreeMap<&'static str, Vec<u32>> {
        std::mem::take(&mut *self.lock())
    }
}

/// What a load looks like after some time. Megabytes are those of 10^6 bytes; what a server does not tell is missing.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Stretch {
    /// Seconds since the measured time began.
    pub seconds: f64,
    pub per_minute: f64,
    /// Of the kind of transaction that counts.
    pub counted_per_minute: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    pub anonymous_mb: Option<f64>,
    pub mapped_mb: Option<f64>,
    pub disk_mb: Option<f64>,
    pub rows_in_memory: Option<u64>,
}

/// Looks at a server from time to time.
pub struct Observer {
    connection: Connection,
    process: Option<ServerProcess>,
    directory: Option<PathBuf>,
    /// Whether the server says what it has in memory.
    accounts: bool,
    /// The kind of transaction that counts.
    counted: &'static str,
}

impl Observer {
    /// Connects to a server.
    pub fn connect(
        url: &str,
        process: Option<ServerProcess>,
        directory: Option<PathBuf>,
        counted: &'static str,
    ) -> Result<Self, Failure> {
        let mut connection = Connection::connect(url)?;
        let accounts = connection.simple("SELECT surus.memory()").is_ok();
        Ok(Self { connection, process, directory, accounts, counted })
    }

    /// Returns what happened in the last stretch of time, and prints it.
    pub fn look(&mut self, windows: &[Arc<Window>], seconds: f64, lasted: Duration) -> Stretch {
        let mut times: Vec<u32> = Vec::new();
        let mut counted = 0;
        for (kind, of_kind) in windows.iter().flat_map(|window| window.take()) {
            counted += if kind == self.counted { of_kind.len() } else { 0 };
            times.extend(of_kind);
        }
        times.sort_unstable();
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).map_or(0.0, |time| f64::from(*time) / 1e3)
        };
        let minutes = lasted.as_secs_f64() / 60.0;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let stretch = Stretch {
            seconds,
            per_minute: times.len() as f64 / minutes,
            counted_per_minute: counted as f64 / minutes,
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            anonymous_mb: self.process.map(|process| megabytes(process.memory())),
            mapped_mb: self.process.map(|process| megabytes(process.mapped())),
            disk_mb: self.directory.as_deref().map(|directory| megabytes(disk_bytes(directory))),
            rows_in_memory: self.rows_in_memory(),
        };
        println!("{}", stretch.line(self.counted));
        stretch
    }

    fn rows_in_memory(&mut self) -> Option<u64> {
        if !self.accounts {
            return None;
        }
        let query = "SELECT surus.memory() -> 'rows in memory' ->> 'count'";
        let replies = self.connection.simple(query).ok()?;
        replies.iter().find_map(|reply| reply.get(0, 0)?.parse().ok())
    }
}

impl Stretch {
    fn line(&self, counted: &str) -> String {
        let cell = |name: &str, value: Option<f64>| match value {
            Some(value) => format!(", {name} {value:.0} MB"),
            None => String::new(),
        };
        let rows = self.rows_in_memory.map_or(String::new(), |rows| format!(", {rows} rows in memory"));
        format!(
            "  {:>5.0} s: {:.0} {counted}/min, {:.0} tx/min; p95 {}, p99 {}, max {} ms{}{}{}{rows}",
            self.seconds,
            self.counted_per_minute,
            self.per_minute,
            milliseconds(self.p95_ms),
            milliseconds(self.p99_ms),
            milliseconds(self.max_ms),
            cell("anonymous", self.anonymous_mb),
            cell("mapped", self.mapped_mb),
            cell("on disk", self.disk_mb),
        )
    }
}

/// Returns what the files in a directory take; files that go meanwhile do not count.
fn disk_bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => disk_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_anew_when_it_is_taken() {
        let window = Window::default();
        window.add("one", Duration::from_millis(2));
        window.add("one", Duration::from_millis(1));
        assert_eq!(window.take().get("one"), Some(&vec![2000, 1000]));
        assert!(window.take().is_empty());
    }
}
