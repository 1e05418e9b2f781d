//! Cursors and portals over more rows than there is memory for: rows are made as they are asked for.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::time::Duration;

use tests::server::{SurusServer, fresh_data_dir};
use tokio_postgres::{NoTls, SimpleQueryMessage};

const ENDLESS: &str = "select x from generate_series(1, 1000000000) x";
/// What all of it may take, were rows held.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the first value of each row.
fn values(messages: &[SimpleQueryMessage]) -> Vec<String> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    });
    rows.collect()
}

async fn take_some(server: &SurusServer) {
    let connected = tokio_postgres::connect(&server.url(), NoTls).await;
    let (mut client, connection) = connected.expect("the server accepts clients");
    tokio::spawn(connection);
    let declared = format!("begin; declare c cursor for {ENDLESS}; declare d no scroll cursor for {ENDLESS}");
    client.simple_query(&declared).await.expect("cursors are declared");
    let first = client.simple_query("fetch 10 from c").await.expect("rows");
    assert_eq!(values(&first), (1..=10).map(|row| row.to_string()).collect::<Vec<_>>());
    client.simple_query("move 3000000 in c; move 3000000 in d").await.expect("the cursors move");
    let next = client.simple_query("fetch from c; fetch from d; fetch backward 2 from c").await;
    assert_eq!(values(&next.expect("rows")), ["3000011", "3000001", "3000010", "3000009"]);
    client.simple_query("close c; rollback").await.expect("the transaction ends");

    let transaction = client.transaction().await.expect("a transaction");
    let portal = transaction.bind(ENDLESS, &[]).await.expect("a portal");
    for piece in 0..3 {
        let rows = transaction.query_portal(&portal, 1000).await.expect("rows");
        assert_eq!(rows.len(), 1000);
        assert_eq!(rows.first().map(|row| row.get::<_, i32>(0)), Some(piece * 1000 + 1));
    }
    // The connection ends in the middle of both.
    transaction.simple_query(&format!("declare c cursor for {ENDLESS}; fetch from c")).await.expect("a row");
}

#[tokio::test]
async fn rows_are_made_as_they_are_asked_for() {
    let directory = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "cursors");
    let server = SurusServer::start(&directory, &["--memory-limit", "32MB"]).await;
    for _ in 0..3 {
        tokio::time::timeout(PATIENCE, take_some(&server)).await.expect("the first rows come at once");
    }
    assert!(server.stop().success());
}
