//! Statements of many rows in several sessions at once: more workers than threads, all of which write segments.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::sync::Arc;
use std::time::Duration;

use tests::server::{SurusServer, fresh_data_dir};
use tokio_postgres::NoTls;

const SESSIONS: u32 = 5;
/// What all of it may take before the sessions wait for each other for good.
const PATIENCE: Duration = Duration::from_secs(240);

async fn change_much(server: Arc<SurusServer>, session: u32) {
    let connected = tokio_postgres::connect(&server.url(), NoTls).await;
    let (client, connection) = connected.expect("the server accepts clients");
    tokio::spawn(connection);
    let (from, to) = (format!("source_{session}"), format!("target_{session}"));
    let statements = [
        "set surus.threads = 4".to_owned(),
        format!(
            "create table {from} as select i as id, i % 10 as a, i::text as t from generate_series(1, 100000) i"
        ),
        format!("insert into {from} select id + 200000, a, t from {from}"),
        format!("update {from} set a = a + 1"),
        format!("create table {to} as select * from {from} where a > 3"),
        format!("insert into {to} select * from {from}"),
        format!("alter table {to} add column more int default 5"),
        format!("update {to} set t = 'x' where a > 5"),
    ];
    for statement in &statements {
        client.batch_execute(statement).await.expect("the statement succeeds");
    }
    let sums = format!("select count(*), sum(a), sum(more), count(*) filter (where t = 'x') from {to}");
    let row = client.query_one(&sums, &[]).await.expect("a row");
    // As PostgreSQL 18 has them.
    let found: [i64; 4] = std::array::from_fn(|column| row.get(column));
    assert_eq!(found, [340_000, 2_080_000, 1_700_000, 200_000]);
}

#[tokio::test]
async fn sessions_write_segments_beside_each_other() {
    let directory = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "many_rows");
    let server = Arc::new(SurusServer::start(&directory, &[]).await);
    let sessions: Vec<_> =
        (0..SESSIONS).map(|session| tokio::spawn(change_much(Arc::clone(&server), session))).collect();
    for session in sessions {
        let ended = tokio::time::timeout(PATIENCE, session).await.expect("no session waits for good");
        ended.expect("the session's statements succeed");
    }
    let server = Arc::into_inner(server).expect("nobody else has the server");
    assert!(server.stop().success());
}
