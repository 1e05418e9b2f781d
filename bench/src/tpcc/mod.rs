//! `surus-bench tpcc`: TPC-C against any server that speaks PostgreSQL's protocol.
//!
//! The tables live in a schema of their own, `tpcc`. Each terminal has a home warehouse, no think times, and draws its
//! transactions with the specification's mix; an attempt that ends with a serialization failure or a deadlock is
//! made again with the same input. With --analytics the run is made again beside an analyst. With two servers the runs alternate. At the end the consistency conditions 1 to
//! 12 are checked on each.

mod analyst;
mod analytics;
mod dialogue;
mod load;
mod report;
mod statements;
mod terminal;
mod transactions;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use datasets::tpcc::{NonUniform, Random, consistency_conditions};

use crate::Failure;
use crate::cpu::ServerProcess;
use crate::direct::{Address, Connection};
use crate::soak::Observer;
use crate::terminals::{self, Figures, Span, Terminal};
use crate::wire::Server;
use analyst::Findings;

/// What `surus-bench tpcc` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The server, as in postgres://127.0.0.1:5433/postgres; given twice, the runs alternate and are compared
    #[arg(long = "url", required = true)]
    urls: Vec<String>,
    /// Warehouses: each is about 100 MB of rows
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    warehouses: i32,
    /// Terminals, each with a connection and a home warehouse
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    terminals: u32,
    /// Measured seconds of each run
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds before each measured run that do not count
    #[arg(long, default_value_t = 5)]
    warmup: u64,
    /// Runs against each server
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Make the tables anew and load them first
    #[arg(long)]
    load: bool,
    /// With --load, also create the references between the tables
    #[arg(long, requires = "load")]
    foreign_keys: bool,
    /// Send the statements of a transaction that do not depend on each other together
    #[arg(long)]
    pipelined: bool,
    /// After each run, run again while another connection asks whole-table questions, and print what that costs
    #[arg(long)]
    analytics: bool,
    /// Print throughput and the server's memory every so many seconds
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// Look at each minute (or --sample seconds): throughput, latencies, the server's memory, what is on its disk
    #[arg(long)]
    soak: bool,
    /// The data directory of the server on this machine, for --soak; by default what the server says it is
    #[arg(long, requires = "soak")]
    data_dir: Option<PathBuf>,
    /// A setting of the terminals' sessions, as in default_transaction_isolation=serializable
    #[arg(long = "set")]
    settings: Vec<String>,
    /// The process id of the server, once for each --url; by default the process that listens on the port
    #[arg(long = "server-pid")]
    server_pids: Vec<u32>,
    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A server with what was measured on it.
struct Measured {
    name: String,
    version: String,
    url: String,
    process: Option<ServerProcess>,
    load_seconds: Option<f64>,
    runs: Vec<Figures>,
    /// The runs beside the analyst, and what it saw.
    beside: Vec<(Figures, Findings)>,
    /// For each condition, how many rows break it, or why it could not be checked.
    consistency: Vec<Result<u64, String>>,
}

/// Runs the benchmark; false when a consistency condition does not hold.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let mut servers = Vec::new();
    for (at, url) in options.urls.iter().enumerate() {
        let server = Server::connect(url).await?;
        let load_seconds = match options.load {
            true => Some(load::load(&server, options.warehouses, options.foreign_keys).await?.as_secs_f64()),
            false => None,
        };
        if let Some(seconds) = load_seconds {
            println!("{}: loaded {} warehouses in {seconds:.1} s", server.name, options.warehouses);
        }
        let by_address = || ServerProcess::listening_at(&Address::of(url).ok()?);
        servers.push(Measured {
            name: server.name.clone(),
            version: server.version.clone(),
            url: url.clone(),
            process: options.server_pids.get(at).map(|&id| ServerProcess::with_id(id)).or_else(by_address),
            load_seconds,
            runs: Vec::new(),
            beside: Vec::new(),
            consistency: Vec::new(),
        });
    }
    for run in 0..options.runs {
        for server in &mut servers {
            let figures = tokio::task::block_in_place(|| measure(server, &options, run))?;
            report::print_run(server, &figures, &options);
            if options.analytics {
                let beside = with_analyst(server, &options, run).await?;
                report::print_beside(server, &figures, &beside);
                server.beside.push(beside);
            }
            server.runs.push(figures);
        }
    }
    for server in &mut servers {
        server.consistency = check(&server.url).await?;
    }
    report::finish(&servers, &options)
}

/// Runs the terminals against one server.
fn measure(server: &Measured, options: &Options, run: u32) -> Result<Figures, Failure> {
    let mut random = Random::new(options.seed.wrapping_add(u64::from(run) << 32));
    let constants = NonUniform::run(&mut random);
    let mut terminals: Vec<Box<dyn Terminal>> = Vec::new();
    for number in 0..options.terminals {
        let mut connection = Connection::connect(&server.url)?;
        connection.simple("SET search_path = tpcc")?;
        for setting in &options.settings {
            let (name, value) = setting.split_once('=').ok_or("--set wants name=value")?;
            connection.simple(&format!("SET {name} = '{}'", value.replace('\'', "''")))?;
        }
        let place = terminal::Place {
            home: (number as i32) % options.warehouses + 1,
            district: (number as i32) / options.warehouses % datasets::tpcc::DISTRICTS + 1,
            warehouses: options.warehouses,
        };
        let random = Random::new(random.bits());
        let terminal = terminal::TpccTerminal::new(connection, place, constants, random, options.pipelined)?;
        terminals.push(Box::new(terminal));
    }
    let span = Span {
        warmup: Duration::from_secs(options.warmup),
        measured: Duration::from_secs(options.seconds),
        sample: options.sample.or(options.soak.then_some(SOAK_SECONDS)).map(Duration::from_secs),
    };
    let observer = match options.soak {
        true => Some(observer(server, options)?),
        false => None,
    };
    terminals::run(terminals, span, server.process, observer)
}

/// How often --soak looks.
const SOAK_SECONDS: u64 = 60;

fn observer(server: &Measured, options: &Options) -> Result<Observer, Failure> {
    let mut connection = Connection::connect(&server.url)?;
    // Nobody but its superusers is told.
    let said = connection.simple("SHOW data_directory").ok();
    let said = said.and_then(|replies| Some(PathBuf::from(replies.first()?.get(0, 0)?)));
    let directory = options.data_dir.clone().or(said.filter(|directory| directory.is_dir()));
    Observer::connect(&server.url, server.process, directory, terminal::KINDS[0])
}

/// Runs the terminals while an analyst asks.
async fn with_analyst(
    server: &Measured,
    options: &Options,
    run: u32,
) -> Result<(Figures, Findings), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let analyst = tokio::spawn({
        let (url, stop) = (server.url.clone(), stop.clone());
        async move { analyst::ask(&url, &stop).await }
    });
    let figures = tokio::task::block_in_place(|| measure(server, options, run));
    stop.store(true, Ordering::Relaxed);
    let findings = analyst.await??;
    Ok((figures?, findings))
}

/// Counts what breaks each consistency condition.
async fn check(url: &str) -> Result<Vec<Result<u64, String>>, Failure> {
    let server = Server::connect(url).await?;
    server.query("SET search_path = tpcc").await?;
    let mut counts = Vec::new();
    for query in consistency_conditions() {
        counts.push(match server.query(query).await {
            Ok(answer) => answer.text.trim().parse::<u64>().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        });
    }
    Ok(counts)
}
