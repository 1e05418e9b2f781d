//! Broken data, lost power, a full disk: what was committed is there, what was not is not, and what cannot be read is
//! an error that names the file.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;

use futures::SinkExt;
use tests::server::{SurusServer, fresh_data_dir, surus_binary};
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, NoTls};

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server accepts clients");
    tokio::spawn(connection);
    client
}

/// Sends a COPY's data; returns the rows or the error.
async fn copy(client: &Client, statement: &str, data: String) -> Result<u64, tokio_postgres::Error> {
    let mut sink = pin!(client.copy_in(statement).await?);
    sink.send(bytes::Bytes::from(data)).await?;
    sink.finish().await
}

fn as_error(error: &tokio_postgres::Error) -> &DbError {
    error.as_db_error().unwrap_or_else(|| panic!("not the server's error: {error:?}"))
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Returns the only value of a query, or the error.
async fn value(client: &Client, sql: &str) -> Result<String, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let row = messages.iter().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_string),
        _ => None,
    });
    Ok(row.expect("a row with a value"))
}

/// Rows that no encoding makes small: a number and 40 letters.
fn rows(count: u64) -> String {
    let mut random = datasets::tpcc::Random::new(7);
    let mut text = String::new();
    for row in 0..count {
        let mut letters = Vec::new();
        random.letters(40, 40, &mut letters);
        text.push_str(&format!("{row}\t{}\n", String::from_utf8_lossy(&letters)));
    }
    text
}

/// Messages and contexts are PostgreSQL's.
#[tokio::test]
async fn a_broken_line_keeps_nothing() {
    let (_server, url) = match std::env::var("SURUS_TEST_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-copy");
            let server = SurusServer::start(&data_dir, &[]).await;
            let url = server.url();
            (Some(server), url)
        }
    };
    let client = connect(&url).await;
    run(
        &client,
        "drop table if exists lines; create table lines (a int not null, b varchar(3), c numeric(4,1))",
    )
    .await;
    let good = "1\tx\t1.5\n".repeat(70_000);
    let cases = [
        ("x\ty\t1\n", "22P02", "invalid input syntax for type integer: \"x\"", "column a: \"x\""),
        ("1\tlong\t1\n", "22001", "value too long for type character varying(3)", "column b: \"long\""),
        ("1\ty\t12345\n", "22003", "numeric field overflow", "column c: \"12345\""),
        (
            "\\N\ty\t1\n",
            "23502",
            "null value in column \"a\" of relation \"lines\" violates not-null constraint",
            "\"\\N\ty\t1\"",
        ),
        ("1\ty\n", "22P04", "missing data for column \"c\"", "\"1\ty\""),
        ("1\ty\t1\t2\n", "22P04", "extra data after last expected column", "\"1\ty\t1\t2\""),
        (
            "99999999999\ty\t1\n",
            "22003",
            "value \"99999999999\" is out of range for type integer",
            "column a: \"99999999999\"",
        ),
    ];
    for (line, state, message, place) in cases {
        let failed = copy(&client, "copy lines from stdin", format!("{good}{line}{good}")).await;
        let failed = failed.expect_err("the line is wrong");
        let error = as_error(&failed);
        assert_eq!((error.code().code(), error.message()), (state, message));
        let separator = if place.starts_with("column") { "," } else { ":" };
        assert_eq!(error.where_(), Some(format!("COPY lines, line 70001{separator} {place}").as_str()));
    }
    assert_eq!(value(&client, "select count(*) from lines").await.expect("a count"), "0");
    assert_eq!(copy(&client, "copy lines from stdin", good).await.expect("the lines are right"), 70_000);
    assert_eq!(value(&client, "select count(*) from lines").await.expect("a count"), "70000");
    run(&client, "drop table lines").await;
}

/// Makes a data directory with the table `whole` and the table `broken`, whose file is returned.
async fn two_tables(data_dir: &Path) -> PathBuf {
    let server = SurusServer::start(data_dir, &[]).await;
    let client = connect(&server.url()).await;
    run(&client, "create table whole (a int, b text); create table broken (a int, b text)").await;
    copy(&client, "copy whole from stdin", rows(1_000)).await.expect("rows are loaded");
    copy(&client, "copy broken from stdin", rows(80_000)).await.expect("rows are loaded");
    drop(client);
    assert!(server.stop().success());
    let entries = fs::read_dir(data_dir.join("segments")).expect("the directory of segments");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let size = |file: &PathBuf| fs::metadata(file).expect("a segment").len();
    files.max_by_key(size).expect("a segment")
}

/// Wherever a segment is damaged, its rows are read right or not at all.
#[tokio::test]
async fn a_damaged_segment_is_named_and_never_read_wrong() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-segment");
    let file = two_tables(&data_dir).await;
    let sound = fs::read(&file).expect("the segment");
    let expected = "3203160000";
    let sums = "select sum(a + length(b)) from broken";
    let size = sound.len() as u64;
    for at in [size / 5, size / 2, size * 9 / 10] {
        let handle = fs::File::options().write(true).open(&file).expect("the segment");
        handle.write_all_at(&[!sound[at as usize], 0x5a, 0xa5], at).expect("the damage");
        drop(handle);
        let server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await;
        let failed = value(&client, sums).await.expect_err("the damage is seen");
        let error = as_error(&failed);
        assert_eq!(error.code().code(), "XX001", "{error:?}");
        assert!(error.message().contains(&file.display().to_string()), "{error:?}");
        assert_eq!(value(&client, "select count(*) from whole").await.expect("another table"), "1000");
        drop(client);
        assert!(server.stop().success());
        let verify = Command::new(surus_binary()).arg("verify").arg("--data-dir").arg(&data_dir).output();
        assert!(!verify.expect("surus verify runs").status.success(), "surus verify saw nothing");
        fs::write(&file, &sound).expect("the repair");
    }
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    assert_eq!(value(&client, sums).await.expect("a sound segment"), expected);
}

/// After `kill -9` every acknowledged commit is there and nothing else.
#[tokio::test]
async fn killed_servers_keep_what_was_acknowledged() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-kill");
    let mut expected = 0;
    for round in 0..5 {
        let server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await;
        run(&client, "create table if not exists kept (round int, a int)").await;
        let counted = value(&client, "select count(*) from kept").await.expect("a count");
        assert_eq!(counted, expected.to_string(), "round {round}");
        run(&client, &format!("insert into kept values ({round}, 1)")).await;
        let lines = format!("{round}\t2\n").repeat(3_000);
        copy(&client, "copy kept from stdin", lines).await.expect("rows are loaded");
        expected += 3_001;
        let open = connect(&server.url()).await;
        run(&open, &format!("begin; insert into kept values ({round}, 3)")).await;
        copy(&open, "copy kept from stdin", format!("{round}\t4\n")).await.expect("rows are loaded");
        server.kill();
    }
}

/// A full disk ends the statement with 53100; room is used when there is some again.
#[tokio::test]
async fn a_full_disk_ends_statements() {
    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("not tried: a small file system of the test's own needs `unshare -rm`");
        return;
    }
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-full");
    let disk = data_dir.with_file_name("disk");
    fs::create_dir_all(&disk).expect("a place to mount");
    // The server runs where a file system of 8 MB is mounted that nobody else sees and that ends with it.
    let wrapper = data_dir.with_file_name("surus-on-a-small-disk");
    let script = format!(
        "#!/bin/sh\nexec unshare -rm sh -c 'mount -t tmpfs -o size=8m small \"$0\" && exec \"$@\"' '{}' '{}' \"$@\"\n",
        disk.display(),
        surus_binary().display()
    );
    fs::write(&wrapper, script).expect("the wrapper");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("the wrapper runs");
    let place = disk.join("data");
    let server = bench::process::SurusProcess::start(&wrapper, &place, &[]).await;
    let server = server.unwrap_or_else(|error| panic!("{error}"));
    let client = connect(&server.url()).await;
    run(&client, "create table small (a int, b text); create table large (a int, b text)").await;
    copy(&client, "copy small from stdin", rows(1_000)).await.expect("there is room");
    for _ in 0..2 {
        let failed =
            copy(&client, "copy large from stdin", rows(300_000)).await.expect_err("there is no room");
        let error = as_error(&failed);
        assert_eq!(error.code().code(), "53100", "{error:?}");
        assert!(error.message().contains("No space left on device"), "{error:?}");
        assert_eq!(value(&client, "select count(*) from large").await.expect("a count"), "0");
        assert_eq!(value(&client, "select count(*) from small").await.expect("a count"), "1000");
    }
    // What the failed loads had written is gone: there is room for this one.
    copy(&client, "copy large from stdin", rows(60_000)).await.expect("there is room");
    assert_eq!(value(&client, "select count(*) from large").await.expect("a count"), "60000");
}
