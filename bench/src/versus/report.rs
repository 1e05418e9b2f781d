//! The figures of a `versus` run: as JSON, and as the table that the terminal shows.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::statistics::{Times, geometric_mean, milliseconds, table};

/// A whole run.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) benchmark: &'static str,
    pub(super) scale: f64,
    pub(super) threads: usize,
    pub(super) runs: u32,
    pub(super) machine: String,
    pub(super) commit: String,
    pub(super) engines: Vec<EngineReport>,
}

/// One engine's figures.
#[derive(Serialize)]
pub(super) struct EngineReport {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) load_seconds: Option<f64>,
    /// Milliseconds of each query by its number.
    pub(super) queries: BTreeMap<usize, Times>,
    /// Of the queries that all engines ran.
    pub(super) geometric_mean: Option<f64>,
    /// What was wrong, by query.
    pub(super) failures: BTreeMap<usize, String>,
}

impl EngineReport {
    pub(super) fn new(name: &str, version: &str, load: Option<Duration>) -> Self {
        EngineReport {
            name: name.to_string(),
            version: version.to_string(),
            load_seconds: load.map(|time| time.as_secs_f64()),
            queries: BTreeMap::new(),
            geometric_mean: None,
            failures: BTreeMap::new(),
        }
    }

    /// Returns the median of a query in milliseconds.
    pub(super) fn median(&self, number: usize) -> Option<f64> {
        Some(self.queries.get(&number)?.median)
    }
}

impl Report {
    pub(super) fn new(scale: f64, threads: usize, runs: u32, mut engines: Vec<EngineReport>) -> Self {
        let everywhere: Vec<usize> = match engines.first() {
            None => Vec::new(),
            Some(first) => first.queries.keys().copied().collect(),
        };
        let everywhere: Vec<usize> = everywhere
            .into_iter()
            .filter(|number| engines.iter().all(|engine| engine.queries.contains_key(number)))
            .collect();
        for engine in &mut engines {
            let medians: Vec<f64> = everywhere.iter().filter_map(|&number| engine.median(number)).collect();
            engine.geometric_mean = geometric_mean(&medians);
        }
        Report { benchmark: "versus", scale, threads, runs, machine: machine(), commit: commit(), engines }
    }

    /// Tells whether every query ran everywhere with answers that agree.
    pub(super) fn is_right(&self) -> bool {
        self.engines.iter().all(|engine| engine.failures.is_empty())
    }

    /// Returns, for each engine after the first, how many times as long as the first it takes for a figure.
    pub(super) fn ratios(&self, figure: impl Fn(&EngineReport) -> Option<f64>) -> Vec<Option<f64>> {
        let first = self.engines.first().and_then(&figure);
        self.engines.iter().skip(1).map(|engine| Some(figure(engine)? / first?)).collect()
    }

    /// Lays out medians, ratios and geometric means, and says what was wrong.
    pub(super) fn to_text(&self, numbers: &[usize]) -> String {
        let mut rows = vec![vec!["query, ms".to_string()]];
        rows[0].extend(self.engines.iter().map(|engine| engine.name.clone()));
        if let Some(first) = self.engines.first() {
            let others = self.engines.iter().skip(1);
            rows[0].extend(others.map(|engine| format!("{} / {}", engine.name, first.name)));
        }
        for &number in numbers {
            rows.push(self.row(&format!("Q{number}"), |engine| engine.median(number)));
        }
        let total = |engine: &EngineReport| Some(engine.queries.values().map(|times| times.median).sum());
        rows.push(self.row("total", total));
        rows.push(self.row("geometric mean", |engine| engine.geometric_mean));
        let mut text = format!(
            "TPC-H scale {}, {} threads, medians of {} runs, {}\n",
            self.scale, self.threads, self.runs, self.machine
        );
        text.push_str(&table(&rows));
        for engine in &self.engines {
            if let Some(seconds) = engine.load_seconds {
                text.push_str(&format!("{}: loaded in {seconds:.1} s\n", engine.name));
            }
        }
        for engine in &self.engines {
            for (number, failure) in &engine.failures {
                text.push_str(&format!("{}: Q{number}: {failure}\n", engine.name));
            }
        }
        text
    }

    fn row(&self, name: &str, figure: impl Fn(&EngineReport) -> Option<f64>) -> Vec<String> {
        let mut row = vec![name.to_string()];
        let missing = || "-".to_string();
        row.extend(self.engines.iter().map(|engine| figure(engine).map_or_else(missing, milliseconds)));
        let ratios = self.ratios(figure);
        row.extend(ratios.iter().map(|ratio| ratio.map_or_else(missing, |ratio| format!("{ratio:.2}"))));
        row
    }
}

/// Names the processor, as Linux does.
fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    format!("{} x {model}", std::thread::available_parallelism().map_or(1, usize::from))
}

/// Returns the commit of the working directory, empty when it is none.
fn commit() -> String {
    let output = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_string())
}
