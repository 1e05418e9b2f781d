//! `kill -9` with prepared transactions: they are there after each restart with their rows, their tables and their locks,
//! until somebody ends them. Snapshots that one transaction takes from another.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::Path;
use std::process::Command;

use tests::server::{SurusServer, fresh_data_dir, surus_binary};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

async fn sqlstate(client: &Client, sql: &str) -> String {
    let error = client.batch_execute(sql).await.expect_err(sql);
    error.code().map_or_else(String::new, |code| code.code().to_owned())
}

/// Returns the first column of what a query gives, in one line.
async fn list(client: &Client, sql: &str) -> String {
    let messages = client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    messages.iter().filter_map(row).collect::<Vec<_>>().join(" ")
}

fn verify(data_dir: &Path) {
    let output = Command::new(surus_binary()).arg("verify").arg("--data-dir").arg(data_dir).output();
    let output = output.expect("verify runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

const NAMES: &str = "select gid from pg_prepared_xacts order by gid";

#[tokio::test]
async fn prepared_transactions_survive_kills() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "prepared");
    let mut server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    run(
        &client,
        "create table t (id int primary key, v int); insert into t select n, n from generate_series(1, 9) n",
    )
    .await;
    for (name, sql) in [
        (
            "rows",
            "update t set v = 100 where id = 1; delete from t where id = 2; insert into t values (10, 10)",
        ),
        ("locks", "select * from t where id = 3 for update; select pg_advisory_xact_lock(7)"),
        ("gone", "update t set v = 0 where id = 4"),
        (
            "tables",
            "create table made as select n as id from generate_series(1, 20000) n; create index on made (id)",
        ),
    ] {
        run(&client, "begin").await;
        run(&client, sql).await;
        run(&client, &format!("prepare transaction '{name}'")).await;
    }
    for round in 0..3 {
        if round == 1 {
            let client = connect(&server.url()).await;
            run(&client, "checkpoint").await;
        }
        server.kill();
        verify(&data_dir);
        server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await;
        assert_eq!(list(&client, NAMES).await, "gone locks rows tables");
        assert_eq!(list(&client, "select sum(v) from t").await, "45");
        assert_eq!(list(&client, "select id from t order by id for update skip locked").await, "5 6 7 8 9");
        assert_eq!(list(&client, "select pg_try_advisory_lock(7)").await, "f");
        assert_eq!(sqlstate(&client, "begin; lock table t in share mode nowait").await, "55P03");
        run(&client, "rollback").await;
        assert_eq!(sqlstate(&client, "select * from made").await, "42P01");
    }
    let client = connect(&server.url()).await;
    run(&client, "rollback prepared 'gone'").await;
    run(&client, "commit prepared 'rows'").await;
    run(&client, "commit prepared 'tables'").await;
    for _ in 0..2 {
        server.kill();
        verify(&data_dir);
        server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await;
        assert_eq!(list(&client, NAMES).await, "locks");
        assert_eq!(list(&client, "select v from t order by id").await, "100 3 4 5 6 7 8 9 10");
        assert_eq!(list(&client, "select count(*) from made where id <= 10").await, "10");
        assert_eq!(sqlstate(&client, "select * from t where id = 3 for update nowait").await, "55P03");
    }
    let client = connect(&server.url()).await;
    run(&client, "commit prepared 'locks'").await;
    run(&client, "select * from t where id = 3 for update nowait").await;
    run(&client, "drop table t, made").await;
    assert_eq!(sqlstate(&client, "commit prepared 'locks'").await, "42704");
    server.stop();
    verify(&data_dir);
}

#[tokio::test]
async fn snapshots_are_exported_and_imported() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "snapshots");
    let server = SurusServer::start(&data_dir, &[]).await;
    let (source, writer) = (connect(&server.url()).await, connect(&server.url()).await);
    run(&source, "create table t (id int primary key, v int); insert into t values (1, 1), (2, 2)").await;
    for level in ["read committed", "repeatable read", "serializable"] {
        let serializable = level == "serializable";
        run(&source, &format!("begin isolation level {level}")).await;
        run(&source, "update t set v = 1000 where id = 2").await;
        let identifier = list(&source, "select pg_export_snapshot()").await;
        run(&writer, "update t set v = v + 1 where id = 1; insert into t values (3, 3)").await;
        run(&writer, "vacuum t").await;
        let importer = connect(&server.url()).await;
        let importing = if serializable { "serializable" } else { "repeatable read" };
        run(&importer, &format!("begin isolation level {importing}")).await;
        run(&importer, &format!("set transaction snapshot '{identifier}'")).await;
        for _ in 0..2 {
            assert_eq!(list(&importer, "select v from t order by id").await, "1 2", "{level}");
        }
        assert_eq!(sqlstate(&importer, "update t set v = 7 where id = 1").await, "40001", "{level}");
        run(&importer, "rollback").await;
        run(&source, "rollback").await;
        run(&importer, &format!("begin isolation level {importing}")).await;
        let late = sqlstate(&importer, &format!("set transaction snapshot '{identifier}'")).await;
        assert_eq!(late, "42704", "{level}");
        run(&writer, "delete from t where id = 3; update t set v = v - 1 where id = 1").await;
    }
    // Write skew over an imported snapshot is found.
    run(&source, "begin isolation level serializable").await;
    assert_eq!(list(&source, "select sum(v) from t").await, "3");
    let identifier = list(&source, "select pg_export_snapshot()").await;
    let importer = connect(&server.url()).await;
    run(&importer, "begin isolation level serializable").await;
    run(&importer, &format!("set transaction snapshot '{identifier}'")).await;
    assert_eq!(list(&importer, "select sum(v) from t").await, "3");
    run(&source, "update t set v = 0 where id = 1").await;
    run(&importer, "update t set v = 0 where id = 2").await;
    run(&source, "commit").await;
    assert_eq!(sqlstate(&importer, "commit").await, "40001");
    server.stop();
}
