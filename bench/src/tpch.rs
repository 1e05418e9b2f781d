//! `surus-bench tpch`: the 22 queries against one server, or two beside each other.
//!
//! Each query runs once to warm up, which is also when its answer is checked against PostgreSQL's recorded one (at
//! the scales that have it) and, with two servers, against the other's. Then the measured runs alternate between
//! the servers, so that the machine's drift meets both.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use datasets::tpch::{QUERY_COUNT, answers_match, query, recorded_answer};
use serde::Serialize;

use crate::Failure;
use crate::statistics::{Times, geometric_mean, milliseconds, table};
use crate::wire::{Server, TPCH_INDEXES, progress};

/// What `surus-bench tpch` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The server, as in postgres://127.0.0.1:5433/postgres; given twice, both are measured and compared
    #[arg(long = "url", required = true)]
    urls: Vec<String>,
    /// The scale factor: 1 is about one gigabyte
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Make the tables anew and load them first
    #[arg(long)]
    load: bool,
    /// With --load, also create indexes on foreign keys; PostgreSQL needs them for Q17 and Q20
    #[arg(long, requires = "load")]
    indexes: bool,
    /// Measured runs of each query, after one to warm up
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Which queries to run, as in 1,6,14
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=QUERY_COUNT as u64))]
    queries: Vec<u64>,
    /// Write the figures to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// The figures of one run, as written to JSON.
#[derive(Serialize)]
struct Report {
    benchmark: &'static str,
    scale: f64,
    runs: u32,
    servers: Vec<Measured>,
}

/// One server's figures.
#[derive(Serialize)]
struct Measured {
    name: String,
    version: String,
    load_seconds: Option<f64>,
    /// Milliseconds of each query by its number.
    queries: BTreeMap<usize, Times>,
    geometric_mean: Option<f64>,
    /// What was wrong, by query.
    failures: BTreeMap<usize, String>,
}

/// Runs the benchmark; false when a query failed or an answer was wrong.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let mut servers = Vec::new();
    let mut measured = Vec::new();
    for url in &options.urls {
        let server = Server::connect(url).await?;
        let indexes: &[&str] = if options.indexes { &TPCH_INDEXES } else { &[] };
        let load = if options.load { Some(server.load_tpch(options.scale, indexes).await?) } else { None };
        if let Some(time) = load {
            println!("{}: loaded scale {} in {:.1} s", server.name, options.scale, time.as_secs_f64());
        }
        measured.push(Measured {
            name: server.name.clone(),
            version: server.version.clone(),
            load_seconds: load.map(|time| time.as_secs_f64()),
            queries: BTreeMap::new(),
            geometric_mean: None,
            failures: BTreeMap::new(),
        });
        servers.push(server);
    }
    let mut numbers: Vec<usize> = options.queries.iter().map(|&number| number as usize).collect();
    if numbers.is_empty() {
        numbers.extend(1..=QUERY_COUNT);
    }
    let bar = progress(numbers.len() as u64, "queries");
    for &number in &numbers {
        bar.set_message(format!("Q{number}"));
        measure(&servers, &mut measured, number, &options).await;
        bar.inc(1);
    }
    bar.finish_and_clear();
    finish(measured, &numbers, &options)
}

/// Warms up and checks one query everywhere, then measures it in turns where it worked.
async fn measure(servers: &[Server], measured: &mut [Measured], number: usize, options: &Options) {
    let sql = query(number, options.scale);
    let mut expected = recorded_answer(number, options.scale).map(str::to_string);
    for (server, measured) in servers.iter().zip(measured.iter_mut()) {
        match server.query(&sql).await {
            Err(error) => _ = measured.failures.insert(number, error.to_string()),
            Ok(answer) => {
                let expected = expected.get_or_insert_with(|| answer.text.clone());
                if let Err(difference) = answers_match(number, expected, &answer.text) {
                    measured.failures.insert(number, difference);
                }
            }
        }
    }
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); servers.len()];
    for _ in 0..options.runs {
        for (at, server) in servers.iter().enumerate() {
            if let Ok(answer) = server.query(&sql).await {
                times[at].push(answer.time);
            }
        }
    }
    for (measured, times) in measured.iter_mut().zip(&times) {
        if !times.is_empty() {
            measured.queries.insert(number, Times::of(times));
        }
    }
}

/// Prints the table and the failures, and writes the JSON file.
fn finish(mut measured: Vec<Measured>, numbers: &[usize], options: &Options) -> Result<bool, Failure> {
    for server in &mut measured {
        let medians: Vec<f64> = server.queries.values().map(|times| times.median).collect();
        server.geometric_mean = geometric_mean(&medians);
    }
    print!("{}", table(&table_rows(&measured, numbers)));
    let mut right = true;
    for server in &measured {
        for (number, failure) in &server.failures {
            right = false;
            println!("{}: Q{number}: {failure}", server.name);
        }
    }
    match recorded_answer(1, options.scale) {
        Some(_) if right => println!("{} of {} answers are PostgreSQL's", numbers.len(), numbers.len()),
        Some(_) => {}
        None => println!(
            "no answers are recorded for scale {}: none was checked against PostgreSQL",
            options.scale
        ),
    }
    if let Some(path) = &options.json {
        let report =
            Report { benchmark: "tpch", scale: options.scale, runs: options.runs, servers: measured };
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(right)
}

/// Lays out medians in milliseconds, and with two servers how many times longer the first takes.
fn table_rows(measured: &[Measured], numbers: &[usize]) -> Vec<Vec<String>> {
    let mut header = vec!["query, ms".to_string()];
    header.extend(measured.iter().map(|server| server.name.clone()));
    let ratio = |values: &[Option<f64>]| match values {
        [Some(first), Some(second)] => format!("{:.2}", second / first),
        _ => String::new(),
    };
    if measured.len() == 2 {
        header.push(format!("{} / {}", measured[1].name, measured[0].name));
    }
    let mut rows = vec![header];
    let mut push = |name: String, values: Vec<Option<f64>>| {
        let mut row = vec![name];
        row.extend(values.iter().map(|value| value.map_or("-".to_string(), milliseconds)));
        if values.len() == 2 {
            row.push(ratio(&values));
        }
        rows.push(row);
    };
    for number in numbers {
        let medians = measured.iter().map(|server| Some(server.queries.get(number)?.median));
        push(format!("Q{number}"), medians.collect());
    }
    let total = |server: &Measured| Some(server.queries.values().map(|times| times.median).sum());
    push("total".to_string(), measured.iter().map(total).collect());
    push("geometric mean".to_string(), measured.iter().map(|server| server.geometric_mean).collect());
    rows
}
