//! `surus-bench settle`: scans of a table that was updated heavily and has settled, beside the same table just loaded.
//!
//! TPC-H's lineitem is loaded twice, with its primary key. One copy is updated: in each round orders are drawn until
//! their rows are the wanted part of the table, and many small transactions set their columns to what these hold, so that
//! answers stay comparable. Then VACUUM runs (or, with --wait, nothing does for so many seconds: the server has to settle
//! by itself), and scans of both copies alternate.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use datasets::tpcc::Random;
use datasets::tpch::{Format, Table, chunks, query};

use crate::Failure;
use crate::cpu::ServerProcess;
use crate::direct::Parameter::Int;
use crate::direct::{Address, Connection};
use crate::statistics::{Times, milliseconds, table};
use crate::wire::Server;

/// What `surus-bench settle` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The server, as in postgres://127.0.0.1:5433/postgres
    #[arg(long)]
    url: String,
    /// TPC-H's scale factor: at 1 the table has six million rows
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Percent of the rows that a round updates
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100))]
    percent: u64,
    /// Rounds of updates
    #[arg(long, default_value_t = 3)]
    rounds: u64,
    /// Orders that one transaction changes, each of one to seven rows
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    orders: u64,
    /// Measured runs of each scan on each copy
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Wait so many seconds instead of running VACUUM
    #[arg(long)]
    wait: Option<u64>,
    /// The server's data directory, to print how large its files are
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// The tables are there from an earlier run with --scale as now
    #[arg(long)]
    keep: bool,
}

const SCHEMAS: [&str; 2] = ["fresh", "settled"];
const SUM: &str = "SELECT sum(l_quantity) FROM lineitem";

/// Runs the benchmark; false when an answer differs between the copies.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let server = Server::connect(&options.url).await?;
    let process = ServerProcess::listening_at(&Address::of(&options.url)?);
    if !options.keep {
        for schema in SCHEMAS {
            load(&server, schema, options.scale).await?;
        }
    }
    show(&options, process, "loaded");
    let begun = Instant::now();
    for round in 0..options.rounds {
        tokio::task::block_in_place(|| update(&options, round))?;
        show(&options, process, &format!("round {} of updates done", round + 1));
    }
    println!("updates took {:.1} s", begun.elapsed().as_secs_f64());
    let unsettled = compare(&server, &options, 3.min(options.runs)).await?;
    print_times("before settling", &unsettled);
    let begun = Instant::now();
    match options.wait {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => drop(server.query("VACUUM settled.lineitem").await?),
    }
    println!("settling took {:.1} s", begun.elapsed().as_secs_f64());
    let settled = compare(&server, &options, options.runs).await?;
    show(&options, process, "settled");
    print_times("settled", &settled);
    Ok(settled.iter().chain(&unsettled).all(|compared| compared.same))
}

async fn load(server: &Server, schema: &str, scale: f64) -> Result<(), Failure> {
    let table = Table::Lineitem;
    server.query(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await?;
    server.query(&format!("CREATE SCHEMA {schema}")).await?;
    server.query(&format!("SET search_path = {schema}")).await?;
    server.query(table.ddl()).await?;
    let make = move || chunks(table, scale, Format::Copy);
    server.copy_in(&table.copy_from_stdin(), schema, table.rows(scale), make).await?;
    // It may be part of the table's definition already.
    let _ = server.query("ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber)").await;
    server.query("VACUUM ANALYZE lineitem").await.map(drop)
}

/// Updates the wanted part of the rows once.
fn update(options: &Options, round: u64) -> Result<(), Failure> {
    let mut connection = Connection::connect(&options.url)?;
    connection.simple("SET search_path = settled")?;
    let (begin, commit) = (connection.prepare("BEGIN")?, connection.prepare("COMMIT")?);
    let update = connection
        .prepare("UPDATE lineitem SET l_quantity = l_quantity, l_tax = l_tax WHERE l_orderkey = $1")?;
    let orders = Table::Orders.rows(options.scale);
    let wanted = Table::Lineitem.rows(options.scale) * options.percent / 100;
    let mut random = Random::new(round + 1);
    let mut updated = 0;
    while updated < wanted {
        connection.queue(&begin, &[]);
        for _ in 0..options.orders {
            // Of 32 keys in a row the first eight are used.
            let order = random.between(1, i32::try_from(orders)?);
            connection.queue(&update, &[Int((order >> 3 << 5) | (order & 7))]);
        }
        connection.queue(&commit, &[]);
        updated += connection.run()?.iter().map(|reply| reply.affected).sum::<u64>();
    }
    Ok(())
}

/// What a scan took on each copy.
struct Compared {
    name: &'static str,
    times: [Times; 2],
    /// Whether both gave the same.
    same: bool,
}

/// Runs each scan on both copies in turns.
async fn compare(server: &Server, options: &Options, runs: u32) -> Result<Vec<Compared>, Failure> {
    let scans = [("Q1", query(1, options.scale)), ("Q6", query(6, options.scale)), ("sum", SUM.to_owned())];
    let mut compared = Vec::new();
    for (name, sql) in scans {
        let mut times: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
        let mut answers = [String::new(), String::new()];
        // The first run warms up.
        for run in 0..=runs {
            for (copy, schema) in SCHEMAS.into_iter().enumerate() {
                server.query(&format!("SET search_path = {schema}")).await?;
                let answer = server.query(&sql).await?;
                if run > 0 {
                    times[copy].push(answer.time);
                }
                answers[copy] = answer.text;
            }
        }
        let same = answers[0] == answers[1];
        compared.push(Compared { name, times: times.map(|times| Times::of(&times)), same });
    }
    Ok(compared)
}

fn print_times(when: &str, compared: &[Compared]) {
    let mut rows = vec![
        ["ms, median", "fresh", when, "ratio", "ratio of the fastest", "answers"].map(str::to_owned).to_vec(),
    ];
    for Compared { name, times: [fresh, settled], same } in compared {
        rows.push(vec![
            (*name).to_owned(),
            milliseconds(fresh.median),
            milliseconds(settled.median),
            format!("{:.3}", settled.median / fresh.median),
            format!("{:.3}", settled.min / fresh.min),
            if *same { "equal" } else { "DIFFER" }.to_owned(),
        ]);
    }
    print!("{}", table(&rows));
}

/// Prints the server's memory, and the size of its files.
fn show(options: &Options, process: Option<ServerProcess>, when: &str) {
    let megabytes = |bytes: u64| bytes >> 20;
    let memory =
        process.map_or(String::new(), |process| format!(", {} MB of memory", megabytes(process.memory())));
    let disk =
        options.data_dir.as_ref().map(|directory| format!(", {} MB on disk", megabytes(size(directory))));
    println!("{when}{memory}{}", disk.unwrap_or_default());
}

/// Returns the bytes of the files in a directory.
fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let about = entry.metadata().ok()?;
        Some(if about.is_dir() { size(&entry.path()) } else { about.len() })
    });
    sizes.sum()
}
