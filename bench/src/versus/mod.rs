//! `surus-bench versus`: the 22 queries on Surus beside engines that run in process, in one run on one machine.
//!
//! All engines get the same rows and the specification's types, DECIMAL(15,2) above all. Each query runs once to
//! warm up, when the answers are compared with the first engine's; then the measured runs go round the engines, so
//! that the machine's drift meets all of them. Surus is measured as a client sees it, over the wire and with all
//! rows received as text; the others inside their own process, with the answer taken but not converted.

mod compare;
mod engine;
mod files;
mod html;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use datasets::tpch::{QUERY_COUNT, query};

use crate::Failure;
use crate::statistics::Times;
use crate::wire::progress;
use compare::answers_agree;
use engine::Engine;
use report::{EngineReport, Report};

/// What `surus-bench versus` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The scale factor: 1 is about one gigabyte
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// The engines beside Surus
    #[arg(long, value_delimiter = ',', default_value = "duckdb,hyper")]
    engines: Vec<Peer>,
    /// Threads of each engine; default: the machine's
    #[arg(long)]
    threads: Option<usize>,
    /// Measured runs of each query, after one to warm up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Which queries to run, as in 1,6,14
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=QUERY_COUNT as u64))]
    queries: Vec<u64>,
    /// A running Surus; default: start the `surus` binary beside this one on a fresh directory
    #[arg(long)]
    url: Option<String>,
    /// With --url, the tables are loaded already
    #[arg(long, requires = "url")]
    loaded: bool,
    /// Measure the other engines alone
    #[arg(long, conflicts_with = "url")]
    without_surus: bool,
    /// Write the figures to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write a page with plots to this file
    #[arg(long)]
    html: Option<PathBuf>,
    /// Where the Python environment, the rows and the engines' files are kept; default: the target directory
    #[arg(long)]
    cache: Option<PathBuf>,
}

/// An engine that runs in process, from PyPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// DuckDB
    Duckdb,
    /// Tableau's Hyper
    Hyper,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Peer::Duckdb => "duckdb",
            Peer::Hyper => "hyper",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Peer::Duckdb => "duckdb",
            Peer::Hyper => "tableauhyperapi",
        }
    }
}

/// Runs the benchmark; false when a query failed or answers differed.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let threads = match options.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism()?.get(),
    };
    let mut numbers: Vec<usize> = options.queries.iter().map(|&number| number as usize).collect();
    if numbers.is_empty() {
        numbers.extend(1..=QUERY_COUNT);
    }
    let mut engines = start_all(&options, threads).await?;
    let mut reports: Vec<EngineReport> = Vec::new();
    for engine in &mut engines {
        println!("{}", engine.version());
        let time = engine.load(options.scale).await?;
        reports.push(EngineReport::new(engine.name(), engine.version(), time));
    }
    let bar = progress(numbers.len() as u64, "queries");
    for &number in &numbers {
        bar.set_message(format!("Q{number}"));
        measure(&mut engines, &mut reports, number, &options).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = Report::new(options.scale, threads, options.runs, reports);
    print!("{}", report.to_text(&numbers));
    if let Some(path) = &options.json {
        write(path, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(path) = &options.html {
        write(path, &html::page(&report, &numbers))?;
    }
    Ok(report.is_right())
}

/// Starts Surus and the other engines; Surus comes first.
async fn start_all(options: &Options, threads: usize) -> Result<Vec<Engine>, Failure> {
    let cache = match &options.cache {
        Some(cache) => cache.clone(),
        None => files::target_directory()?,
    };
    let mut engines = Vec::new();
    if let Some(url) = &options.url {
        engines.push(Engine::connect(url, options.loaded).await?);
    } else if !options.without_surus {
        engines.push(Engine::start_surus(&cache, threads).await?);
    }
    let python = files::python_environment(&cache, &options.engines)?;
    let rows = files::rows(&cache, options.scale)?;
    for &peer in &options.engines {
        engines.push(Engine::start_peer(peer, &python, &cache, &rows, threads)?);
    }
    Ok(engines)
}

/// Warms up and compares one query everywhere, then measures it in turns.
async fn measure(engines: &mut [Engine], reports: &mut [EngineReport], number: usize, options: &Options) {
    let sql = query(number, options.scale);
    let mut expected = None;
    for (engine, report) in engines.iter_mut().zip(reports.iter_mut()) {
        match engine.answer(&sql).await {
            Err(error) => _ = report.failures.insert(number, error.to_string()),
            Ok(answer) => match &expected {
                None => expected = Some(answer),
                Some(expected) => {
                    if let Err(difference) = answers_agree(expected, &answer) {
                        report.failures.insert(number, difference);
                    }
                }
            },
        }
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); engines.len()];
    for run in 0..options.runs as usize {
        for turn in 0..engines.len() {
            // Each engine is first as often as any other.
            let at = (run + turn) % engines.len();
            match engines[at].time(&sql).await {
                Ok(time) => times[at].push(time),
                Err(error) => _ = reports[at].failures.entry(number).or_insert(error.to_string()),
            }
        }
    }
    for (report, times) in reports.iter_mut().zip(&times) {
        if !times.is_empty() {
            report.queries.insert(number, Times::of(times));
        }
    }
}

fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    Ok(std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?)
}
