//! `surus demo`: TPC-H from nothing: makes the data, serves, loads over the wire, runs the 22 queries.

use std::time::{Duration, Instant};

use bytes::Bytes;
use datasets::tpch::{self, Format, QUERY_COUNT, TITLES, Table};
use futures::{SinkExt, StreamExt};
use indicatif::{ProgressBar, ProgressStyle};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use types::{PgError, Result, SqlState};

use super::ServerArguments;
use crate::server::Server;

/// Chunks of data that wait for the wire.
const CHUNKS_WAITING: usize = 8;

/// Runs the demo and leaves the server up.
pub(super) fn run(arguments: &ServerArguments, scale: f64) -> Result<()> {
    let server = Server::start(&arguments.options())?;
    let listen = server.engine.listen;
    println!("surus serves {} on {listen}", arguments.data_dir.display());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(
            |error| PgError::new(SqlState::SYSTEM_ERROR, format!("could not start the runtime: {error}")),
        )?;
    let result = runtime.block_on(async {
        let config = format!("host={} port={} user=postgres dbname=postgres", listen.ip(), listen.port());
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
        let driver = tokio::spawn(connection);
        load(&client, scale).await?;
        let failed = queries(&client, scale).await?;
        drop(client);
        let _ = driver.await;
        Ok::<usize, tokio_postgres::Error>(failed)
    });
    let failed = result.map_err(|error| client_error(&error))?;
    println!("\n{} of {QUERY_COUNT} queries ran. The server stays up; try:", QUERY_COUNT - failed);
    println!("    psql -h {} -p {} -U postgres", listen.ip(), listen.port());
    println!("Ctrl-C ends it.");
    server.wait_for_signal();
    server.shut_down()
}

fn client_error(error: &tokio_postgres::Error) -> PgError {
    let text = match error.as_db_error() {
        Some(error) => format!("{}: {}", error.code().code(), error.message()),
        None => error.to_string(),
    };
    PgError::new(SqlState::CONNECTION_FAILURE, text)
}

/// Makes and loads the tables, unless a demo has done so before.
async fn load(client: &Client, scale: f64) -> std::result::Result<(), tokio_postgres::Error> {
    let wanted = i64::try_from(Table::Orders.rows(scale)).unwrap_or(i64::MAX);
    if let Ok(row) = client.query_one("SELECT count(*) FROM orders", &[]).await
        && row.try_get::<_, i64>(0).ok() == Some(wanted)
    {
        println!("TPC-H at scale {scale} is loaded already");
        return Ok(());
    }
    println!("loading TPC-H at scale {scale} over the wire");
    for table in Table::ALL {
        client.batch_execute(&format!("DROP TABLE IF EXISTS {}", table.name())).await?;
        client.batch_execute(table.ddl()).await?;
        let begun = Instant::now();
        let bar = bar(table, scale);
        let (sender, mut chunks) = tokio::sync::mpsc::channel(CHUNKS_WAITING);
        std::thread::spawn(move || {
            for chunk in tpch::chunks(table, scale, Format::Copy) {
                if sender.blocking_send(chunk).is_err() {
                    return;
                }
            }
        });
        let sink = client.copy_in::<_, Bytes>(&table.copy_from_stdin()).await?;
        let mut sink = std::pin::pin!(sink);
        while let Some(chunk) = chunks.recv().await {
            bar.inc(chunk.rows as u64);
            sink.send(Bytes::from(chunk.data)).await?;
        }
        let rows = sink.finish().await?;
        bar.finish_and_clear();
        println!("  {:<10} {rows:>10} rows  {:>8.2} s", table.name(), begun.elapsed().as_secs_f64());
    }
    Ok(())
}

fn bar(table: Table, scale: f64) -> ProgressBar {
    let bar = ProgressBar::new(table.rows(scale));
    if let Ok(style) = ProgressStyle::with_template("  {prefix:10} {wide_bar} {human_pos}/{human_len} {eta}")
    {
        bar.set_style(style);
    }
    bar.set_prefix(table.name());
    bar
}

/// Runs the queries and prints rows and times. Returns how many failed.
async fn queries(client: &Client, scale: f64) -> std::result::Result<usize, tokio_postgres::Error> {
    println!("\nthe 22 queries");
    let mut failed = 0;
    let mut total = Duration::ZERO;
    for number in 1..=QUERY_COUNT {
        let begun = Instant::now();
        let title = TITLES.get(number - 1).copied().unwrap_or_default();
        match run_query(client, &tpch::query(number, scale)).await {
            Ok(rows) => {
                let time = begun.elapsed();
                total += time;
                println!(
                    "  Q{number:<3} {title:<45} {rows:>7} rows {:>10.1} ms",
                    time.as_secs_f64() * 1000.0
                );
            }
            Err(error) => {
                failed += 1;
                println!("  Q{number:<3} {title:<45} {}", client_error(&error).fields().message);
                if error.is_closed() {
                    return Err(error);
                }
            }
        }
    }
    println!("  all {:>67.1} ms", total.as_secs_f64() * 1000.0);
    Ok(failed)
}

/// Runs the statements of a query; returns the rows of all results.
async fn run_query(client: &Client, sql: &str) -> std::result::Result<usize, tokio_postgres::Error> {
    let messages = client.simple_query_raw(sql).await?;
    let mut messages = std::pin::pin!(messages);
    let mut rows = 0;
    while let Some(message) = messages.next().await {
        if let SimpleQueryMessage::Row(_) = message? {
            rows += 1;
        }
    }
    Ok(rows)
}
