//! `surus-bench record`: writes PostgreSQL's answers to the TPC-H queries as the tests' expected results.
//!
//! The server must be PostgreSQL 18 itself: expected results never come from Surus.

use std::path::PathBuf;

use clap::Args;
use datasets::tpch::{QUERY_COUNT, query, query_with_random_parameters};

use crate::Failure;
use crate::wire::{Server, TPCH_INDEXES, progress};

/// What `surus-bench record` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// A PostgreSQL 18 server and a database that may be overwritten
    #[arg(long)]
    url: String,
    /// The scale factor
    #[arg(long)]
    scale: f64,
    /// Make the tables anew and load them first
    #[arg(long)]
    load: bool,
    /// How many choices of random parameters to record of each query besides the validation parameters
    #[arg(long, default_value_t = 0)]
    variants: u64,
    /// The directory that gets q01.tsv, q01-1.tsv, …
    #[arg(long)]
    answers: PathBuf,
}

/// Records the answers.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let server = Server::connect(&options.url).await?;
    if !server.name.starts_with("postgres 18") {
        return Err(format!("answers are recorded from PostgreSQL 18, this is {}", server.version).into());
    }
    if options.load {
        server.load_tpch(options.scale, &TPCH_INDEXES).await?;
    }
    std::fs::create_dir_all(&options.answers)?;
    let bar = progress(QUERY_COUNT as u64 * (1 + options.variants), "recording");
    for number in 1..=QUERY_COUNT {
        let answer = server.query(&query(number, options.scale)).await?;
        std::fs::write(options.answers.join(format!("q{number:02}.tsv")), answer.text)?;
        bar.inc(1);
        for seed in 1..=options.variants {
            let answer = server.query(&query_with_random_parameters(number, options.scale, seed)).await?;
            std::fs::write(options.answers.join(format!("q{number:02}-{seed}.tsv")), answer.text)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    println!("recorded {} in {}", server.version, options.answers.display());
    Ok(true)
}
