//! `kill -9` under a mixed load, again and again: transfers with a constant sum in memory and in segments, appends, COPY,
//! DDL, checkpoints and VACUUM. After each kill `surus verify` finds nothing, and after each restart every commit that a
//! client heard of is there whole, and of others at most the one that each client had in flight.
//!
//! The short form runs with the other tests. The long form is a matter of variables:
//!
//! ```text
//! SURUS_CRASH_CYCLES=1000 SURUS_SEED=1 cargo test -p tests --test crash -- --nocapture
//! ```
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::time::{Duration, Instant};

use datasets::tpcc::Random;
use futures::SinkExt;
use tests::server::{SurusServer, fresh_data_dir, surus_binary};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};

/// Cycles on one data directory.
const LIFE: u64 = 50;
const CYCLES: u64 = 3;
const ACCOUNTS: i32 = 100;
/// Rows that are in segments from the start.
const FROZEN_ROWS: i32 = 9_000;
const ROWS_OF_A_TABLE: i64 = 5;
const TABLES_KEPT: i64 = 3;

const TABLES: &str = "create table accounts (id int primary key, balance int not null);
    create table frozen (id int primary key, balance int not null, filler text);
    create table transfers (client int, number int, primary key (client, number));
    create table appended (client int, number int, filler text);
    create index on appended (number);
    create table copied (batch int, number int, size int)";

/// What a client does, one transaction a turn.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// Moves money between two rows of a table, and notes that.
    Transfer(&'static str, i32),
    Append,
    Copy,
    /// Makes a table and drops an older one.
    Define,
    /// Checkpoints and VACUUM, of which nothing is to be seen.
    Tidy,
}

const LOADS: [Load; 8] = [
    Load::Transfer("accounts", ACCOUNTS),
    Load::Transfer("frozen", FROZEN_ROWS),
    Load::Transfer("accounts", ACCOUNTS),
    Load::Append,
    Load::Append,
    Load::Copy,
    Load::Define,
    Load::Tidy,
];

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn copy(client: &Client, statement: &str, data: String) -> Result<(), Error> {
    let mut sink = pin!(client.copy_in(statement).await?);
    sink.send(bytes::Bytes::from(data)).await?;
    sink.finish().await.map(drop)
}

impl Load {
    /// Does the transaction of a number; an error of the server other than a conflict fails the test.
    async fn turn(self, client: &Client, own: usize, number: i64, random: &mut Random) -> Result<(), Error> {
        match self {
            Self::Transfer(table, rows) => {
                // The lower one first, so that no two clients wait for each other.
                let from = random.between(1, rows - 1);
                let (to, amount) = (random.between(from + 1, rows), random.between(1, 100));
                client
                    .batch_execute(&format!(
                        "begin; update {table} set balance = balance - {amount} where id = {from};
                         savepoint s; delete from {table} where id = {to}; rollback to s;
                         update {table} set balance = balance + {amount} where id = {to};
                         insert into transfers values ({own}, {number}); commit"
                    ))
                    .await
            }
            Self::Append => {
                let insert =
                    format!("insert into appended values ({own}, {number}, repeat('x', {number} % 500))");
                client.batch_execute(&insert).await
            }
            Self::Copy => {
                let size = if random.between(0, 9) == 0 { 9_000 } else { random.between(1, 400) };
                let lines: String = (0..size).map(|row| format!("{number}\t{row}\t{size}\n")).collect();
                copy(client, "copy copied from stdin", lines).await
            }
            Self::Define => {
                let old = (number - TABLES_KEPT).max(-1);
                client
                    .batch_execute(&format!(
                        "begin; create table made_{number} (a int primary key);
                         insert into made_{number} select generate_series(1, {ROWS_OF_A_TABLE});
                         drop table if exists \"made_{old}\"; commit"
                    ))
                    .await
            }
            Self::Tidy => {
                tokio::time::sleep(Duration::from_millis(random.between(1, 60) as u64)).await;
                client.batch_execute(if random.between(0, 3) == 0 { "vacuum" } else { "checkpoint" }).await
            }
        }
    }

    /// Works until the server is gone; returns how many transactions were acknowledged, `known` ones included.
    async fn run(self, url: String, own: usize, mut known: i64, seed: u64) -> i64 {
        let mut random = Random::new(seed);
        let Ok(client) = connect(&url).await else { return known };
        loop {
            match self.turn(&client, own, known, &mut random).await {
                Ok(()) => known += 1,
                Err(error) => match error.as_db_error() {
                    None => return known,
                    Some(error) if ["40001", "40P01"].contains(&error.code().code()) => {
                        let _ = client.batch_execute("rollback").await;
                    }
                    Some(error) => panic!("{self:?} {own}, turn {known}: {error:?}"),
                },
            }
        }
    }

    /// Returns how many transactions of this load are there, after checking that they are whole.
    async fn count(self, client: &Client, own: usize) -> Option<i64> {
        let numbers = match self {
            Self::Transfer(table, _) => {
                assert_eq!(integer(client, &format!("select sum(balance) from {table}")).await, 0, "{table}");
                "transfers"
            }
            Self::Append => "appended",
            Self::Copy => {
                let parts = "select count(*) from (select batch from copied group by batch
                    having count(*) <> max(size) or count(distinct number) <> max(size)) s";
                assert_eq!(integer(client, parts).await, 0, "a COPY is there in part");
                return Some(integer(client, "select count(distinct batch) from copied").await);
            }
            Self::Define => {
                let names =
                    "select substr(relname, 6)::int from pg_class where relname ~ '^made_[0-9]+$' order by 1";
                let names = integers(client, names).await;
                let count = names.last().map_or(0, |last| last + 1);
                let expected: Vec<i64> = ((count - TABLES_KEPT).max(0)..count).collect();
                assert_eq!(names, expected, "the tables made");
                for name in names {
                    let rows = integer(client, &format!("select count(*) from made_{name}")).await;
                    assert_eq!(rows, ROWS_OF_A_TABLE, "made_{name}");
                }
                return Some(count);
            }
            Self::Tidy => return None,
        };
        let of_own = format!("select count(*) from {numbers} where client = {own}");
        let last = format!("select coalesce(max(number), -1) from {numbers} where client = {own}");
        let count = integer(client, &of_own).await;
        assert_eq!(integer(client, &last).await, count - 1, "{self:?} {own} has a gap");
        Some(count)
    }
}

async fn integers(client: &Client, sql: &str) -> Vec<i64> {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let value = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).expect("a value").parse().expect("an integer")),
        _ => None,
    };
    messages.iter().filter_map(value).collect()
}

async fn integer(client: &Client, sql: &str) -> i64 {
    integers(client, sql).await[0]
}

fn verify(data_dir: &Path) {
    let output = Command::new(surus_binary()).arg("verify").arg("--data-dir").arg(data_dir).output();
    let output = output.expect("surus verify runs");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

async fn prepare(client: &Client) {
    client.batch_execute(TABLES).await.expect("the tables");
    let accounts = format!("insert into accounts select i, 0 from generate_series(1, {ACCOUNTS}) i");
    client.batch_execute(&accounts).await.expect("the accounts");
    let lines: String = (1..=FROZEN_ROWS).map(|id| format!("{id}\t0\tfiller {id}\n")).collect();
    copy(client, "copy frozen from stdin", lines).await.expect("the rows in segments");
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

#[tokio::test]
async fn kills_lose_nothing_that_was_acknowledged() {
    let (cycles, seed) =
        (variable("SURUS_CRASH_CYCLES").unwrap_or(CYCLES), variable("SURUS_SEED").unwrap_or(1));
    let (begun, mut total) = (Instant::now(), 0);
    let mut random = Random::new(seed);
    let mut known = [0; LOADS.len()];
    let mut data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "crash");
    for cycle in 0..=cycles {
        let fresh = cycle % LIFE == 0 && cycle < cycles;
        if fresh {
            data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "crash");
            known = [0; LOADS.len()];
        } else {
            verify(&data_dir);
        }
        let server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await.expect("a connection");
        if fresh {
            prepare(&client).await;
        }
        for (own, load) in LOADS.into_iter().enumerate() {
            let Some(count) = load.count(&client, own).await else { continue };
            let what = format!("cycle {cycle}, seed {seed}: {load:?} {own}: {count} are there");
            assert!((known[own]..=known[own] + 1).contains(&count), "{what}, {} acknowledged", known[own]);
            total += count - known[own];
            known[own] = count;
        }
        if cycle == cycles {
            break;
        }
        let clients: Vec<_> = (0..LOADS.len())
            .map(|own| {
                let seed = seed << 32 | cycle << 8 | own as u64;
                tokio::spawn(LOADS[own].run(server.url(), own, known[own], seed))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.between(100, 500) as u64)).await;
        server.kill();
        for (client, known) in clients.into_iter().zip(&mut known) {
            let before = *known;
            *known = client.await.expect("a client ends");
            total += *known - before;
        }
        if cycle % 10 == 9 {
            println!("{} kills, {total} transactions, {:?}", cycle + 1, begun.elapsed());
        }
    }
    assert!(total > 0);
}
