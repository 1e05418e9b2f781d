//! The small TPC-H check: at scale 0.01, all 22 queries with the validation parameters and with random ones answer
//! what PostgreSQL 18 answered (`tests/tpch/answers/sf0.01`, written by `tests/record_tpch.sh`), before and after a
//! restart.
//!
//! The server is the `surus` binary beside this test. `SURUS_TEST_URL=postgres://…` takes a running server
//! instead, such as PostgreSQL itself; its TPC-H tables are dropped and made anew.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::Path;

use bench::wire::Server;
use datasets::tpch::{QUERY_COUNT, Table, answers_match, query, query_with_random_parameters};
use tests::server::{SurusServer, fresh_data_dir};

const SCALE: f64 = 0.01;
const VARIANTS: u64 = 3;
const ANSWERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tpch/answers/sf0.01");

/// Runs one query and tells how its answer differs from the recorded one.
async fn check(server: &Server, number: usize, sql: &str, recorded: &str) -> Result<(), String> {
    let expected = std::fs::read_to_string(Path::new(ANSWERS).join(recorded))
        .map_err(|error| format!("{recorded}: {error}"))?;
    let answer = server.query(sql).await.map_err(|error| format!("{recorded}: {error}"))?;
    answers_match(number, &expected, &answer.text).map_err(|difference| format!("{recorded}: {difference}"))
}

/// Runs all queries; panics with every difference.
async fn check_all(server: &Server, when: &str) {
    let mut failures = Vec::new();
    for number in 1..=QUERY_COUNT {
        failures
            .extend(check(server, number, &query(number, SCALE), &format!("q{number:02}.tsv")).await.err());
        for seed in 1..=VARIANTS {
            let sql = query_with_random_parameters(number, SCALE, seed);
            failures.extend(check(server, number, &sql, &format!("q{number:02}-{seed}.tsv")).await.err());
        }
    }
    let total = QUERY_COUNT as u64 * (1 + VARIANTS);
    assert!(failures.is_empty(), "{when}, {} of {total} are wrong:\n{}", failures.len(), failures.join("\n"));
}

/// Each table has as many rows as were sent.
async fn check_counts(server: &Server) {
    for table in Table::ALL {
        let count = server.query(&format!("SELECT count(*) FROM {}", table.name())).await;
        let count: u64 = count.expect("rows are counted").text.trim().parse().expect("a number");
        match table {
            Table::Lineitem => assert_eq!(count, 60_175),
            other => assert_eq!(count, other.rows(SCALE), "{other:?}"),
        }
    }
}

#[tokio::test]
async fn answers_are_postgresqls() {
    if let Ok(url) = std::env::var("SURUS_TEST_URL") {
        let server = Server::connect(&url).await.expect("the server of SURUS_TEST_URL");
        server.load_tpch(SCALE, &[]).await.expect("the load");
        check_counts(&server).await;
        check_all(&server, "loaded").await;
        return;
    }
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "tpch");
    let surus = SurusServer::start(&data_dir, &[]).await;
    let server = surus.connect().await;
    server.load_tpch(SCALE, &[]).await.unwrap_or_else(|error| panic!("{error}\n{}", surus.output()));
    check_counts(&server).await;
    check_all(&server, "loaded").await;
    drop(server);
    let status = surus.stop();
    assert!(status.success(), "a stopped server ends with {status}");

    let surus = SurusServer::start(&data_dir, &[]).await;
    let server = surus.connect().await;
    check_counts(&server).await;
    check_all(&server, "restarted").await;
}
