//! Implicit transaction blocks: of several statements in one text, and of statements that are sent before their Sync.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use tests::raw::{Raw, message, query};
use tests::server::{SurusServer, fresh_data_dir};

/// Texts, and the tags and SQLSTATEs with which PostgreSQL 18 answers.
const TEXTS: [(&str, &str); 14] = [
    ("CREATE TABLE t (a int PRIMARY KEY)", "CREATE TABLE"),
    ("VACUUM; SELECT 1", "25001"),
    ("SELECT 1; VACUUM", "SELECT 1,25001"),
    ("CREATE INDEX CONCURRENTLY i ON t (a); SELECT 1", "25001"),
    ("SELECT 1; SAVEPOINT a", "SELECT 1,25P01"),
    ("LOCK TABLE t; SELECT 1", "LOCK TABLE,SELECT 1"),
    ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation", "SET,SHOW"),
    ("INSERT INTO t VALUES (1); COMMIT; SELECT 1/0", "INSERT 0 1,25P01,COMMIT,22012"),
    ("INSERT INTO t VALUES (2); COMMIT AND CHAIN", "INSERT 0 1,25P01"),
    (
        "INSERT INTO t VALUES (3); BEGIN; INSERT INTO t VALUES (4); ROLLBACK",
        "INSERT 0 1,BEGIN,INSERT 0 1,ROLLBACK",
    ),
    ("INSERT INTO t VALUES (5); PREPARE TRANSACTION 'p'", "INSERT 0 1,25P01,PREPARE TRANSACTION"),
    ("SELECT 1; COMMIT PREPARED 'p'", "SELECT 1,25001"),
    ("COMMIT PREPARED 'p'", "COMMIT PREPARED"),
    ("SELECT FROM t", "SELECT 2"),
];

/// Pipelines, likewise.
const PIPELINES: [(&[&str], &str); 11] = [
    (&["SELECT 1", "VACUUM"], "SELECT 1,25001"),
    (&["VACUUM", "SELECT 1"], "VACUUM,SELECT 1"),
    (&["VACUUM", "VACUUM"], "VACUUM,25001"),
    (&["DISCARD ALL", "DISCARD ALL"], "DISCARD ALL,DISCARD ALL"),
    (&["LOCK TABLE t"], "25P01"),
    (&["SELECT 1", "LOCK TABLE t"], "SELECT 1,LOCK TABLE"),
    (&["SELECT 1", "SAVEPOINT a"], "SELECT 1,25P01"),
    (&["INSERT INTO t VALUES (6)", "COMMIT", "SELECT 1/0"], "INSERT 0 1,25P01,COMMIT,22012"),
    (&["VACUUM", "INSERT INTO t VALUES (7)", "SELECT 1/0"], "VACUUM,INSERT 0 1,22012"),
    (&["SELECT 1", "ROLLBACK PREPARED 'p'"], "SELECT 1,25001"),
    (&["SELECT FROM t"], "SELECT 3"),
];

#[tokio::test]
async fn blocks_are_those_of_postgresql() {
    // PostgreSQL itself, for instance: that is where the answers come from.
    let given = std::env::var("SURUS_TEST_URL").ok();
    let server = match given {
        Some(_) => None,
        None => Some(SurusServer::start(&fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "blocks"), &[]).await),
    };
    let url = server.as_ref().map(SurusServer::url).or(given).expect("a server");
    let mut raw = Raw::start(&url);
    for (text, expected) in TEXTS {
        raw.send(&query(text));
        assert_eq!(outline(&raw.until_ready()), expected, "{text}");
    }
    for (statements, expected) in PIPELINES {
        for statement in statements {
            raw.send(&message(b'P', &[b"\0", statement.as_bytes(), b"\0\0\0"].concat()));
            raw.send(&message(b'B', &[0; 8]));
            raw.send(&message(b'E', &[0; 5]));
        }
        raw.send(&message(b'S', b""));
        assert_eq!(outline(&raw.until_ready()), expected, "{statements:?}");
    }
    raw.send(&query("DROP TABLE t"));
    raw.until_ready();
    assert!(server.is_none_or(|server| server.stop().success()));
}

/// Returns the tags and the SQLSTATEs of errors and warnings.
fn outline(messages: &[String]) -> String {
    let parts = messages.iter().filter_map(|message| match message.split_once(' ') {
        Some(("C", tag)) => Some(tag),
        Some(("E" | "N", report)) => Some(report.split(" | ").nth(1).expect("a report has a SQLSTATE")),
        Some(_) | None => None,
    });
    parts.collect::<Vec<_>>().join(",")
}
