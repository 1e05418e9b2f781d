//! Sessions that change the catalog at the same time, in blocks with savepoints and rollbacks: their own objects, columns and
//! indexes of tables that all of them change, and objects of names that all of them use. Then the server is killed. After the
//! restart `surus verify` finds nothing, everything that a session was told to be committed is there and nothing else
//! but what it had in flight, every relation can be read, and nothing refers to what is not there.
//!
//! `SURUS_DDL_SECONDS=300 SURUS_SEED=1` is a longer form.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use datasets::tpcc::Random;
use tests::server::{SurusServer, fresh_data_dir, surus_binary};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

const SESSIONS: i64 = 4;
const SECONDS: u64 = 4;

/// What a session has made: tables, columns and indexes of the tables that all change, by their names.
type Made = BTreeSet<String>;

/// A statement, and what it adds to what its session has made and takes from it.
struct Step {
    text: String,
    adds: Option<String>,
    takes: Option<String>,
}

/// What became of a session.
#[derive(Default)]
struct Outcome {
    committed: Made,
    /// What there is if the last transaction, of which nothing was heard, has committed.
    perhaps: Option<Made>,
}

/// Returns the table of a column.
fn home(column: &str) -> &'static str {
    if column.ends_with(['1', '3', '5', '7', '9']) { "all1" } else { "all0" }
}

fn step(own: i64, number: i64, made: &Made, random: &mut Random) -> Step {
    let name = |kind: &str| format!("{kind}{own}_{number}");
    let mut pick = |kind: &str| {
        let known: Vec<&String> = made.iter().filter(|name| name.starts_with(kind)).collect();
        let last = i32::try_from(known.len()).unwrap_or(0) - 1;
        (last >= 0).then(|| known[usize::try_from(random.between(0, last)).unwrap_or(0)].clone())
    };
    let (table, column, index) = (pick("t_"), pick("c_"), pick("i_"));
    let (one, two) = (random.between(0, 1), random.between(0, 1));
    let adds = |kind: &str, text: String| Step { text, adds: Some(name(kind)), takes: None };
    let takes = |known: String, text: String| Step { text, adds: None, takes: Some(known) };
    let plain = |text: String| Step { text, adds: None, takes: None };
    match (random.between(0, 16), table, column, index) {
        (0 | 1, ..) => adds(
            "t_",
            format!("create table {} (id serial primary key, p int references all{one})", name("t_")),
        ),
        (2, Some(table), ..) => takes(table.clone(), format!("drop table {table}")),
        (3, Some(table), ..) => plain(format!("alter table {table} add column c{number} int default 3")),
        (4 | 5, ..) => {
            let column = name("c_");
            adds("c_", format!("alter table {} add column {column} int", home(&column)))
        }
        (6, _, Some(column), _) => {
            takes(column.clone(), format!("alter table {} drop column {column}", home(&column)))
        }
        (7 | 8, ..) => adds("i_", format!("create index {} on all{one} (id, v)", name("i_"))),
        (9, .., Some(index)) => takes(index.clone(), format!("drop index {index}")),
        (10, ..) => plain(format!("create table room{one}.t{two} (a int primary key)")),
        (11, ..) => plain(format!("create schema room{one}")),
        (12, ..) => plain(format!("drop schema room{one} cascade")),
        (13, ..) => plain(format!("create view seen{one} as select a from room{one}.t{two}")),
        (14, ..) => plain(format!("alter table if exists room{one}.t{two} rename to t{one}")),
        (15, ..) => plain(format!("truncate all{one} cascade")),
        _ => plain(format!("insert into all{one} (id, v) values ({own} * 1000000 + {number}, 1)")),
    }
}

/// Changes the catalog until the server is gone.
async fn work(url: String, own: i64, seed: u64) -> Outcome {
    let mut outcome = Outcome::default();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let run = async |text: &str| client.batch_execute(text).await;
    run("set lock_timeout = '2s'; set client_min_messages = error").await.expect("settings");
    let mut random = Random::new(seed + own as u64);
    let mut number = 0;
    loop {
        let (mut made, mut saved, mut failed) = (outcome.committed.clone(), None, false);
        if run("begin").await.is_err() {
            return outcome;
        }
        for _ in 0..random.between(1, 6) {
            number += 1;
            if saved.is_none() && random.between(0, 5) == 0 {
                failed |= run("savepoint a").await.is_err();
                saved = Some(made.clone());
            }
            let step = step(own, number, &made, &mut random);
            match run(&step.text).await {
                Ok(()) => {
                    made.retain(|name| Some(name) != step.takes.as_ref());
                    made.extend(step.adds);
                }
                Err(error) => {
                    let Some(refusal) = error.as_db_error() else { return outcome };
                    assert_ne!(refusal.code().code(), "XX000", "{}: {refusal}", step.text);
                    failed = saved.is_none() || run("rollback to a").await.is_err();
                    made = saved.clone().unwrap_or(made);
                }
            }
            if failed {
                break;
            }
        }
        if failed || random.between(0, 3) == 0 {
            if run("rollback").await.is_err() {
                return outcome;
            }
            continue;
        }
        match run("commit").await {
            Ok(()) => outcome.committed = made,
            Err(error) if error.as_db_error().is_some() => {}
            Err(_) => {
                outcome.perhaps = Some(made);
                return outcome;
            }
        }
    }
}

async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client.simple_query(query).await.expect("the catalog is readable");
    let first = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    rows.iter().filter_map(first).collect()
}

const DANGLING: [&str; 6] = [
    "select indexrelid::text from pg_index where indrelid not in (select oid from pg_class)
        or indexrelid not in (select oid from pg_class)",
    "select attname::text from pg_attribute where attrelid not in (select oid from pg_class)",
    "select conname::text from pg_constraint where conrelid <> 0 and conrelid not in (select oid from pg_class)
        or confrelid <> 0 and confrelid not in (select oid from pg_class)",
    "select objid::text from pg_depend where classid = 'pg_class'::regclass and objid not in (select oid from pg_class)
        or refclassid = 'pg_class'::regclass and refobjid not in (select oid from pg_class)",
    "select relname::text from pg_class group by relname, relnamespace having count(*) > 1",
    "select relname::text from pg_class where relnamespace not in (select oid from pg_namespace)",
];

async fn check(url: &str, outcomes: &[Outcome]) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    for query in DANGLING {
        assert_eq!(texts(&client, query).await, Vec::<String>::new(), "{query}");
    }
    let relations =
        "select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace
        where c.oid >= 16384 and relkind in ('r', 'v', 'S')";
    for relation in texts(&client, relations).await {
        client.batch_execute(&format!("select * from {relation}")).await.expect("every relation is readable");
    }
    let found = texts(
        &client,
        "select relname::text from pg_class where relname ~ '^[ti]_._[0-9]+$' union all
         select attname::text from pg_attribute where attname ~ '^c_._[0-9]+$' and attnum > 0 and not attisdropped",
    );
    let found: Made = found.await.into_iter().collect();
    for (own, outcome) in (0..).zip(outcomes) {
        let is_own = |name: &&String| name[2..].starts_with(&format!("{own}_"));
        let found: Made = found.iter().filter(is_own).cloned().collect();
        assert!(
            found == outcome.committed || Some(&found) == outcome.perhaps.as_ref(),
            "session {own}: {found:?} is there, {:?} was committed and {:?} perhaps",
            outcome.committed,
            outcome.perhaps
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_catalog_beside_each_other() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (seconds, seed) = (number("SURUS_DDL_SECONDS", SECONDS), number("SURUS_SEED", 1));
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "catalog_changes");
    let server = SurusServer::start(&data_dir, &[]).await;
    let url = server.url();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let setup =
        "create table all0 (id int primary key, v int); create table all1 (id int primary key, v int)";
    client.batch_execute(setup).await.expect("tables");
    let sessions: Vec<_> = (0..SESSIONS).map(|own| tokio::spawn(work(url.clone(), own, seed))).collect();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        assert!(sessions.iter().all(|session| !session.is_finished()), "{}", server.output());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.kill();
    let mut outcomes = Vec::new();
    for session in sessions {
        outcomes.push(session.await.expect("a session meets no error that it must not"));
    }
    let verify = Command::new(surus_binary()).arg("verify").arg("--data-dir").arg(&data_dir).output();
    let verify = verify.expect("surus verify runs");
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
    let server = SurusServer::start(&data_dir, &[]).await;
    check(&server.url(), &outcomes).await;
    assert!(server.stop().success());
}
