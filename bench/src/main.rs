//! The `surus-bench` command: benchmarks over the wire protocol, and beside engines that run in process.

use std::process::ExitCode;

use bench::{Failure, pgbench, record, settle, tpcc, tpch, versus};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "surus-bench", version, about = "Benchmarks for Surus, PostgreSQL and their peers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// TPC-H against one server that speaks PostgreSQL's protocol, or two beside each other
    Tpch(tpch::Options),
    /// TPC-C against one server that speaks PostgreSQL's protocol, or two beside each other
    Tpcc(tpcc::Options),
    /// pgbench's built-in scripts with prepared statements and the server's CPU time
    Pgbench(pgbench::Options),
    /// Scans of a table that was updated heavily and has settled, beside the same table just loaded
    Settle(settle::Options),
    /// Record PostgreSQL's answers to TPC-H as the expected results of the tests
    Record(record::Options),
    /// TPC-H on Surus beside DuckDB and Hyper, alternating between the engines
    Versus(versus::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(arguments.command)));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("surus-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command; false when it ran and an answer was wrong.
async fn run(command: Command) -> Result<bool, Failure> {
    match command {
        Command::Tpch(options) => tpch::run(options).await,
        Command::Tpcc(options) => tpcc::run(options).await,
        Command::Pgbench(options) => pgbench::run(options).await,
        Command::Settle(options) => settle::run(options).await,
        Command::Record(options) => record::run(options).await,
        Command::Versus(options) => versus::run(options).await,
    }
}
