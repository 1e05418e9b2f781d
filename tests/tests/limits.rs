//! Limits and endings: memory, time, cancel requests, signals, addresses. A statement may fail; the server lives.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::pin::pin;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::SinkExt;
use tests::raw::{Raw, query};
use tests::server::{SurusServer, fresh_data_dir, surus_binary};
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, NoTls};

const LONG: &str = "select count(*) from generate_series(1, 2000000000)";

async fn start(test: &str, arguments: &[&str]) -> (SurusServer, Client) {
    let server = SurusServer::start(&fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), test), arguments).await;
    let client = connect(&server).await;
    (server, client)
}

async fn connect(server: &SurusServer) -> Client {
    let (client, connection) =
        tokio_postgres::connect(&server.url(), NoTls).await.expect("the server accepts clients");
    tokio::spawn(connection);
    client
}

/// Runs a statement that has to fail and returns the error.
async fn error(client: &Client, sql: &str) -> DbError {
    let error = client.simple_query(sql).await.expect_err("the statement fails");
    error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}")).clone()
}

/// Returns the only value of a query.
async fn value(client: &Client, sql: &str) -> String {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_string),
        _ => None,
    });
    row.expect("a row with a value")
}

#[tokio::test]
async fn a_query_beyond_the_memory_limit_fails_alone() {
    let (server, client) = start("limits-memory", &["--memory-limit", "4MB"]).await;
    assert_eq!(value(&client, "show surus.memory_limit").await, "4MB");
    client.simple_query("create table numbers (a int)").await.expect("a table");
    let rows: String = (0..200_000).map(|row| format!("{row}\n")).collect();
    let mut sink = pin!(client.copy_in("copy numbers from stdin").await.expect("a COPY"));
    sink.send(bytes::Bytes::from(rows)).await.expect("rows are sent");
    sink.finish().await.expect("rows are loaded");
    let many = "select count(*) from (select a::text || 'some more bytes' as b from numbers group by 1) as x";
    let failed = error(&client, many).await;
    assert_eq!((failed.code().code(), failed.message()), ("53200", "out of memory"));
    // The same session goes on, and what the query held is free again.
    for _ in 0..3 {
        let few = "select count(*) from (select a % 10 from numbers group by 1) as x";
        assert_eq!(value(&client, few).await, "10");
        assert_eq!(error(&client, many).await.code().code(), "53200");
    }
    drop(client);
    assert!(server.stop().success());
}

#[tokio::test]
async fn statements_end_in_time_and_on_request() {
    let (server, client) = start("limits-time", &[]).await;
    client.simple_query("set statement_timeout = '100ms'").await.expect("a setting");
    let begun = Instant::now();
    let failed = error(&client, LONG).await;
    assert_eq!(failed.code().code(), "57014");
    assert_eq!(failed.message(), "canceling statement due to statement timeout");
    assert!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    // A transaction is failed by it.
    client.simple_query("begin").await.expect("a transaction");
    assert_eq!(error(&client, LONG).await.code().code(), "57014");
    assert_eq!(error(&client, "select 1").await.code().code(), "25P02");
    client.simple_query("rollback; set statement_timeout = 0").await.expect("a setting");

    let token = client.cancel_token();
    let long = error(&client, LONG);
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel_query(NoTls).await.expect("the request is sent");
    };
    let (failed, ()) = tokio::join!(long, cancel);
    assert_eq!(failed.code().code(), "57014");
    assert_eq!(failed.message(), "canceling statement due to user request");
    // A request that comes between statements is for nobody.
    token.cancel_query(NoTls).await.expect("the request is sent");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(value(&client, "select 41 + 1").await, "42");
    drop(client);
    assert!(server.stop().success());
}

#[tokio::test]
async fn sigterm_ends_sessions_and_keeps_what_was_committed() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "limits-sigterm");
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server).await;
    client.simple_query("create table kept (a int); insert into kept values (1), (2)").await.expect("rows");
    let mut idle = Raw::start(&server.url());
    let mut open = Raw::start(&server.url());
    open.send(&query("begin; insert into kept values (3)"));
    open.until_ready();
    let mut busy = Raw::start(&server.url());
    busy.send(&query(LONG));
    std::thread::sleep(Duration::from_millis(100));
    drop(client);
    let status = server.stop();
    assert!(status.success(), "{status}");
    let farewell = "E FATAL | 57P01 | terminating connection due to administrator command";
    for session in [&mut idle, &mut open, &mut busy] {
        assert_eq!(session.until_ready().last().map(String::as_str), Some(farewell));
    }
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server).await;
    assert_eq!(value(&client, "select count(*) from kept").await, "2");
}

#[test]
fn only_loopback_is_listened_on() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "limits-listen");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:5433"] {
        let mut command = Command::new(surus_binary());
        command.arg("serve").arg("--data-dir").arg(&data_dir).args(["--listen", address]);
        let output = command.output().expect("the server runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{address} was accepted");
        assert!(text.contains("not a loopback address"), "{address}: {text}");
    }
}
