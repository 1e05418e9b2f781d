//! `kill -9` under a mixed load, again and again: transfers with a constant sum in memory and in segments, appends, COPY,
//! a table that grows and loses its oldest rows, so that row groups freeze and are compacted, tables made, changed and
//! dropped, checkpoints and VACUUM. After each kill `surus verify` finds nothing, and after each restart every commit
//! that a client heard of is there whole, and of others at most the one that each client had in flight.
//!
//! When it fails it says where it was and what the server printed, and keeps the data directory as it found it.
//!
//! The short form runs with the other tests. The long form is a matter of variables:
//!
//! ```text
//! SURUS_CRASH_CYCLES=1000 SURUS_SEED=1 cargo test -p tests --test crash -- --nocapture
//! ```
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::{Path, PathBuf};
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
/// Rows of a batch of the table that grows, and batches after which the oldest go.
const ROWS_OF_A_BATCH: i64 = 4_000;
const BATCHES_KEPT: i64 = 20;
/// Turns after which the table that changes its shape is made anew.
const SHAPES: i64 = 50;

const TABLES: &str = "create table accounts (id int primary key, balance int not null);
    create table frozen (id int primary key, balance int not null, filler text);
    create table transfers (client int, number int, primary key (client, number));
    create table appended (client int, number int, filler text);
    create index on appended (number);
    create table copied (batch int, number int, size int);
    create table grown (batch int, number int, filler text, primary key (batch, number));
    create table shaped (number int primary key)";

/// What a client does, one transaction a turn.
#[derive(Debug, Clone, Copy)]
enum Load {
    /// Moves money between two rows of a table, and notes that.
    Transfer(&'static str, i32),
    Append,
    Copy,
    /// Makes a table and drops an older one.
    Define,
    /// Inserts many rows that stay in memory at first, and deletes the oldest.
    Grow,
    /// Adds and drops columns and indexes, truncates, renames.
    Shape,
    /// Checkpoints and VACUUM, of which nothing is to be seen.
    Tidy,
}

const LOADS: [Load; 10] = [
    Load::Transfer("accounts", ACCOUNTS),
    Load::Transfer("frozen", FROZEN_ROWS),
    Load::Transfer("accounts", ACCOUNTS),
    Load::Append,
    Load::Append,
    Load::Copy,
    Load::Define,
    Load::Grow,
    Load::Shape,
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
            Self::Grow => {
                let old = number - BATCHES_KEPT;
                client
                    .batch_execute(&format!(
                        "begin; insert into grown select {number}, i, repeat('y', i % 20)
                         from generate_series(1, {ROWS_OF_A_BATCH}) i;
                         delete from grown where batch = {old}; commit"
                    ))
                    .await
            }
            Self::Shape => client.batch_execute(&reshape(number)).await,
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
            Self::Grow => {
                let batches = "select batch from grown group by batch order by 1";
                let batches = integers(client, batches).await;
                let count = batches.last().map_or(0, |last| last + 1);
                let expected: Vec<i64> = ((count - BATCHES_KEPT).max(0)..count).collect();
                assert_eq!(batches, expected, "the batches there");
                let parts = format!(
                    "select count(*) from (select batch from grown group by batch
                     having count(*) <> {ROWS_OF_A_BATCH} or count(distinct number) <> {ROWS_OF_A_BATCH}) s"
                );
                assert_eq!(integer(client, &parts).await, 0, "a batch is there in part");
                return Some(count);
            }
            Self::Shape => return Some(shape_count(client).await),
            Self::Tidy => return None,
        };
        let of_own = format!("select count(*) from {numbers} where client = {own}");
        let last = format!("select coalesce(max(number), -1) from {numbers} where client = {own}");
        let count = integer(client, &of_own).await;
        assert_eq!(integer(client, &last).await, count - 1, "{self:?} {own} has a gap");
        Some(count)
    }
}

/// Returns the transaction that gives the table `shaped` its next shape. Each leaves a row with its number.
fn reshape(number: i64) -> String {
    let (column, before) = (format!("c{number}"), format!("c{}", number - 1));
    let insert = format!("insert into shaped (number) values ({number})");
    let change = match number % SHAPES {
        // With all rows that were there, in a new table.
        0 => "create table reshaped as select number from shaped; drop table shaped;
              alter table reshaped rename to shaped; alter table shaped add primary key (number)"
            .to_owned(),
        1 => format!(
            "create temp table kept on commit drop as select number from shaped; truncate shaped;
             insert into shaped select number from kept; alter table shaped add column {column} int"
        ),
        turn if turn % 2 == 0 => {
            format!("create index shaped_{number} on shaped ({before}); update shaped set {before} = number")
        }
        _ => format!(
            "alter table shaped add column {column} int not null default {number};
             alter table shaped drop column if exists c{}; alter table shaped alter column number type bigint",
            number - 2
        ),
    };
    format!("begin; {change}; {insert}; commit")
}

/// Returns how many shapes the table `shaped` has had, after checking that it has the last one.
async fn shape_count(client: &Client) -> i64 {
    let count = integer(client, "select count(*) from shaped").await;
    let last = integer(client, "select coalesce(max(number), -1) from shaped").await;
    assert_eq!(last, count - 1, "shaped has a gap");
    let columns = "select substr(attname, 2)::int from pg_attribute
        where attrelid = 'shaped'::regclass and attname ~ '^c[0-9]+$' and not attisdropped order by 1";
    let columns = integers(client, columns).await;
    let turn = last.rem_euclid(SHAPES);
    let expected = match (count, turn) {
        (0, _) | (_, 0) => Vec::new(),
        _ if turn % 2 == 0 => vec![last - 1],
        _ => vec![last],
    };
    assert_eq!(columns, expected, "the columns of shaped after {count} turns");
    if turn > 0 && turn % 2 == 0 {
        let changed = format!("number < {last} and c{} is distinct from number", last - 1);
        let differing = format!("select count(*) from shaped where {changed}");
        assert_eq!(integer(client, &differing).await, 0, "rows of shaped that were not updated");
    }
    count
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
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success(), "surus verify: {}\n{text}", output.status);
}

/// Says where a test was when it failed, and keeps what it worked on.
struct Witness {
    data_dir: PathBuf,
    kept: PathBuf,
    now: String,
}

impl Witness {
    /// Keeps the data directory as the killed server has left it.
    fn keep(&self) {
        let _ = std::fs::remove_dir_all(&self.kept);
        let copied = Command::new("cp").arg("-r").arg(&self.data_dir).arg(&self.kept).status();
        assert!(copied.is_ok_and(|status| status.success()), "{} is not copied", self.data_dir.display());
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let log = std::fs::read(self.data_dir.with_extension("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(20_000)..]).into_owned();
        eprintln!(
            "failed in {}; the directory is {}, and as the last kill left it {}; the servers printed:\n{log}",
            self.now,
            self.data_dir.display(),
            self.kept.display()
        );
    }
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
    let kept = data_dir.with_file_name("kept");
    let mut witness = Witness { data_dir: data_dir.clone(), kept, now: String::new() };
    for cycle in 0..=cycles {
        let fresh = cycle % LIFE == 0 && cycle < cycles;
        witness.now = format!("cycle {cycle}, seed {seed}, {known:?} acknowledged");
        if fresh {
            data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "crash");
            known = [0; LOADS.len()];
        } else {
            witness.keep();
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
        for (own, (client, known)) in clients.into_iter().zip(&mut known).enumerate() {
            let before = *known;
            *known =
                client.await.unwrap_or_else(|error| panic!("{:?} {own} did not end: {error}", LOADS[own]));
            total += *known - before;
        }
        if cycle % 10 == 9 {
            println!("{} kills, {total} transactions, {:?}", cycle + 1, begun.elapsed());
        }
    }
    assert!(total > 0);
}
