//! `surus.verify()` in a running server, beside writers; and segments that become shorter while queries read them: an
//! error that names the file, never a wrong answer or a dead server.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tests::server::{SurusServer, fresh_data_dir};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server accepts clients");
    tokio::spawn(connection);
    client
}

async fn values(client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let value = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    };
    Ok(messages.iter().filter_map(value).collect())
}

#[tokio::test]
async fn a_running_server_is_verified_beside_writers() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "verify");
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    let tables = "create table t (id int primary key, v int, w text);
        insert into t select i, i % 100, 'row ' || i from generate_series(1, 30000) i; create index on t (v)";
    client.batch_execute(tables).await.expect("the tables");
    let writer = connect(&server.url()).await;
    let writing = tokio::spawn(async move {
        for turn in 0..20 {
            let changes = format!(
                "update t set v = v + 1 where id % 40 = {turn}; delete from t where id = {turn};
                 insert into t values ({turn} + 100000, 1, 'new')"
            );
            writer.batch_execute(&changes).await.expect("a change");
            let after = ["", "checkpoint", "vacuum t"][turn % 3];
            writer.batch_execute(after).await.expect("tidying up");
        }
    });
    while !writing.is_finished() {
        let found = values(&client, "select * from surus.verify()").await.expect("a report");
        assert_eq!(found, Vec::<String>::new());
    }
    writing.await.expect("the writer ends");
    client.batch_execute("checkpoint; delete from t where id % 50 = 7").await.expect("rows that are dead");
    assert_eq!(values(&client, "select surus.verify()").await.expect("a report"), Vec::<String>::new());
    let parts = "select count(*) from json_each(surus.memory()) where (value ->> 'bytes')::bigint >= 0";
    assert!(
        values(&client, parts).await.expect("an account")[0].parse::<u32>().is_ok_and(|count| count > 10)
    );
    let report = "select count(*) from surus.verify() as v(problem) where problem is not null";
    assert_eq!(values(&client, report).await.expect("a report"), ["0"]);
    drop(client);
    assert!(server.stop().success());
}

fn largest_segment(directory: &std::path::Path) -> PathBuf {
    let files = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    files.max_by_key(|file| fs::metadata(file).map_or(0, |about| about.len())).expect("a segment")
}

#[tokio::test]
async fn a_segment_that_becomes_shorter_under_queries_kills_nobody() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "verify-shorter");
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    let tables = "create table t (id int, v float8, w text); create table whole (a int);
        insert into t select i, sqrt(i), md5(i::text) from generate_series(1, 200000) i;
        insert into whole select generate_series(1, 20000); checkpoint";
    client.batch_execute(tables).await.expect("the tables");
    client.batch_execute("vacuum").await.expect("rows in segments");
    let sums = "select sum(id) || ' ' || sum(v)::numeric(20, 3) || ' ' || max(w) from t";
    let expected = values(&client, sums).await.expect("a sum");
    let file = largest_segment(&data_dir.join("segments"));
    let url = server.url();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (url, expected) = (url.clone(), expected.clone());
            tokio::spawn(async move {
                let client = connect(&url).await;
                let begun = Instant::now();
                loop {
                    match values(&client, sums).await {
                        Ok(found) => assert_eq!(found, expected),
                        Err(error) => {
                            let error = error.as_db_error().expect("the server's error").clone();
                            return (error.code().code().to_owned(), error.message().to_owned());
                        }
                    }
                    assert!(begun.elapsed() < Duration::from_secs(60), "nobody has noticed");
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let size = fs::metadata(&file).expect("a segment").len();
    fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_len(size / 3))
        .expect("a shorter file");
    for reader in readers {
        let (state, message) = reader.await.expect("a reader ends");
        assert_eq!(state, "XX001", "{message}");
        assert!(message.contains(&file.display().to_string()), "{message}");
    }
    assert_eq!(values(&client, "select count(*) from whole").await.expect("another table"), ["20000"]);
    let failed = values(&client, sums).await.expect_err("it is still shorter");
    assert_eq!(failed.code().map(|code| code.code()), Some("XX001"));
    let problems = values(&client, "select * from surus.verify()").await.expect("a report");
    assert!(problems.iter().any(|problem| problem.contains(&file.display().to_string())), "{problems:?}");
}
