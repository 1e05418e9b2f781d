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

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
enum Harm {
    /// A byte is another one; the distance from the start.
    At(usize),
    /// The same, from the end.
    FromEnd(usize),
    /// So many thousandths of the file are left.
    Shortened(usize),
    Emptied,
    Gone,
    /// It is the file of table `whole`, which has other rows.
    Exchanged,
}

/// Every region of a segment: magic, padding, column chunks from the first byte to the last, the footer with its zone
/// maps, and the parts of the trailer; and files that lack a part, or all.
fn harms(footer: usize, size: usize) -> Vec<Harm> {
    let chunk = |thousandth: usize| Harm::At(64 + (footer - 65) * thousandth / 1000);
    let foot = |thousandth: usize| Harm::At(footer + (size - 29 - footer) * thousandth / 1000);
    let mut harms = vec![Harm::At(0), Harm::At(7), Harm::At(20), Harm::Emptied, Harm::Gone, Harm::Exchanged];
    harms.extend([0, 1, 300, 600, 900, 1000].map(chunk));
    harms.extend([0, 5, 20, 100, 500, 1000].map(foot));
    harms.extend([28, 20, 12, 8, 1].map(Harm::FromEnd));
    harms.extend([1, 250, 500, 999].map(Harm::Shortened));
    harms
}

fn damage(file: &Path, harm: Harm) {
    let mut bytes = fs::read(file).expect("the file");
    match harm {
        Harm::At(at) => bytes[at] ^= 0x10,
        Harm::FromEnd(distance) => {
            let at = bytes.len() - distance;
            bytes[at] ^= 0x10;
        }
        Harm::Shortened(thousandths) => bytes.truncate(bytes.len() * thousandths / 1000),
        Harm::Emptied => bytes.clear(),
        Harm::Gone => return fs::remove_file(file).expect("the file goes"),
        Harm::Exchanged => {
            let first = segments(file.parent().expect("a directory")).remove(0);
            bytes = fs::read(first).expect("another segment");
        }
    }
    fs::write(file, bytes).expect("the damage");
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn copy_directory(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp runs");
    assert!(copied.success());
}

fn verify(data_dir: &Path) -> (bool, String) {
    let output = Command::new(surus_binary()).arg("verify").arg("--data-dir").arg(data_dir).output();
    let output = output.expect("surus verify runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Checks that a statement fails because a file is damaged, and says which.
async fn refused(client: &Client, sql: &str, file: &Path) {
    let failed = client.batch_execute(sql).await;
    let failed = failed.expect_err(&format!("{sql}: the damage of {} is seen", file.display()));
    let error = as_error(&failed);
    assert_eq!(error.code().code(), "XX001", "{sql}: {error:?}");
    assert!(error.message().contains(&file.display().to_string()), "{sql}: {error:?}");
}

/// A file that is damaged anywhere is the matter of those who need it.
#[tokio::test]
async fn damage_anywhere_in_a_segment_stops_only_those_who_need_it() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-regions");
    let directory = data_dir.join("segments");
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    run(&client, "create table whole (a int, b text)").await;
    // As many rows as in the others, and of the same size, but others.
    let others = rows(9_001).split_once('\n').map(|(_, rest)| rest.to_owned()).expect("lines");
    copy(&client, "copy whole from stdin", others).await.expect("rows are loaded");
    let whole = segments(&directory).remove(0);
    let sound = fs::read(&whole).expect("a segment");
    let footer_len = sound[sound.len() - 28..].first_chunk().map(|len| u64::from_le_bytes(*len));
    let footer = sound.len() - 28 - footer_len.expect("a trailer") as usize;
    let harms = harms(footer, sound.len());
    let mut files = Vec::new();
    for number in 0..harms.len() {
        run(&client, &format!("create table t{number} (a int, b text)")).await;
        copy(&client, &format!("copy t{number} from stdin"), rows(9_000)).await.expect("rows are loaded");
        let new = segments(&directory).into_iter().find(|file| *file != whole && !files.contains(file));
        files.push(new.expect("a new segment"));
    }
    drop(client);
    server.kill();
    let sound: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("a segment")).collect();
    harms.iter().zip(&files).for_each(|(harm, file)| damage(file, *harm));
    let sums = |table: &str| format!("select sum(a) + sum(length(b)) from {table}");
    let expected = (9_000 * 8_999 / 2 + 9_000 * 40).to_string();
    let of_whole = (9_000 * 9_001 / 2 + 9_000 * 40).to_string();
    // The second time from the manifest instead of the journal.
    for _ in 0..2 {
        let server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await;
        assert_eq!(value(&client, &sums("whole")).await.expect("a sound table"), of_whole);
        for (number, (harm, file)) in harms.iter().zip(&files).enumerate() {
            // Nobody reads what is between magic and data.
            if !matches!(harm, Harm::At(20)) {
                refused(&client, &sums(&format!("t{number}")), file).await;
            }
        }
        run(&client, "insert into whole values (1, 'x'); delete from whole where b = 'x'; checkpoint").await;
        drop(client);
        assert!(server.stop().success());
        let (clean, text) = verify(&data_dir);
        assert!(!clean, "{text}");
        for (harm, file) in harms.iter().zip(&files) {
            assert!(text.contains(&file.display().to_string()), "{harm:?} of {} in {text}", file.display());
        }
    }
    // What comes back is as it was, and what is dropped is gone.
    for (file, sound) in files.iter().zip(&sound).skip(harms.len() / 2) {
        fs::write(file, sound).expect("the repair");
    }
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    for number in 0..harms.len() {
        if number < harms.len() / 2 {
            run(&client, &format!("drop table t{number}")).await;
        } else {
            assert_eq!(value(&client, &sums(&format!("t{number}"))).await.expect("repaired"), expected);
        }
    }
    drop(client);
    assert!(server.stop().success());
    let (clean, text) = verify(&data_dir);
    assert!(clean, "{text}");
    assert_eq!(segments(&directory).len(), harms.len() - harms.len() / 2 + 1);
}

/// A file that is damaged while the server has it open, and has read it.
#[tokio::test]
async fn damage_under_a_running_server_is_seen() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-running");
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    let sums = |table: &str| format!("select sum(a) + sum(length(b)) from {table}");
    let expected = (9_000 * 8_999 / 2 + 9_000 * 40).to_string();
    let mut files: Vec<PathBuf> = Vec::new();
    for table in ["flipped", "shortened", "whole"] {
        run(&client, &format!("create table {table} (a int, b text)")).await;
        copy(&client, &format!("copy {table} from stdin"), rows(9_000)).await.expect("rows are loaded");
        assert_eq!(value(&client, &sums(table)).await.expect("a sound table"), expected);
        let new = segments(&data_dir.join("segments")).into_iter().find(|file| !files.contains(file));
        files.push(new.expect("a new segment"));
    }
    let open = |file: &PathBuf| fs::File::options().read(true).write(true).open(file).expect("the segment");
    let mut byte = [0];
    open(&files[0]).read_exact_at(&mut byte, 1000).expect("a byte");
    open(&files[0]).write_all_at(&[!byte[0]], 1000).expect("the damage");
    open(&files[1]).set_len(5000).expect("the damage");
    // The operating system tells the server of it.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    refused(&client, &sums("flipped"), &files[0]).await;
    refused(&client, &sums("shortened"), &files[1]).await;
    assert_eq!(value(&client, &sums("whole")).await.expect("a sound table"), expected);
    open(&files[0]).write_all_at(&byte, 1000).expect("the repair");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(value(&client, &sums("flipped")).await.expect("a repaired table"), expected);
}

/// The same for the file of rows that are in memory, where several tables have parts.
#[tokio::test]
async fn damage_in_the_file_of_rows_stops_only_those_who_need_it() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "damage-rows");
    let server = SurusServer::start(&data_dir, &[]).await;
    let client = connect(&server.url()).await;
    for number in 0..3 {
        run(&client, &format!("create table t{number} (a int primary key, b text)")).await;
        copy(&client, &format!("copy t{number} from stdin"), rows(1_000)).await.expect("rows are loaded");
    }
    run(&client, "create table whole (a int, b text)").await;
    copy(&client, "copy whole from stdin", rows(9_000)).await.expect("rows are loaded");
    run(&client, "checkpoint; delete from t0 where a < 10; delete from t1 where a < 20").await;
    drop(client);
    server.kill();
    let rows_file = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rows");
    let file = segments(&data_dir.join("segments")).into_iter().find(rows_file).expect("a file of rows");
    let sound = fs::read(&file).expect("the file");
    let size = sound.len();
    let kept = data_dir.with_file_name("kept");
    copy_directory(&data_dir, &kept);
    let counts = ["990", "980", "1000"];
    for (harm, hit) in [
        (Harm::At(size / 6), vec![0]),
        (Harm::At(size / 2), vec![1]),
        (Harm::FromEnd(1), vec![2]),
        (Harm::Shortened(500), vec![1, 2]),
        (Harm::Emptied, vec![0, 1, 2]),
        (Harm::Gone, vec![0, 1, 2]),
    ] {
        fs::remove_dir_all(&data_dir).expect("the last turn's directory");
        copy_directory(&kept, &data_dir);
        damage(&file, harm);
        for _ in 0..2 {
            let server = SurusServer::start(&data_dir, &[]).await;
            let client = connect(&server.url()).await;
            assert_eq!(value(&client, "select count(*) from whole").await.expect("a sound table"), "9000");
            for (number, count) in counts.iter().enumerate() {
                let sql = format!("select count(*) from t{number}");
                if hit.contains(&number) {
                    refused(&client, &sql, &file).await;
                    refused(&client, &format!("insert into t{number} values (5, 'x')"), &file).await;
                } else {
                    assert_eq!(value(&client, &sql).await.expect("a sound table"), *count, "{harm:?}");
                }
            }
            run(&client, "checkpoint").await;
            drop(client);
            assert!(server.stop().success());
            let (clean, text) = verify(&data_dir);
            assert!(!clean && text.contains(&file.display().to_string()), "{harm:?}: {text}");
        }
        fs::write(&file, &sound).expect("the repair");
        let server = SurusServer::start(&data_dir, &[]).await;
        let client = connect(&server.url()).await;
        for (number, count) in counts.iter().enumerate() {
            let sql = format!("select count(*) from t{number}");
            assert_eq!(value(&client, &sql).await.expect("it is repaired"), *count, "{harm:?}");
        }
        drop(client);
        server.kill();
        let (clean, text) = verify(&data_dir);
        assert!(clean, "{text}");
    }
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
    // The server runs where a file system of 16 MB is mounted that nobody else sees and that ends with it.
    let wrapper = data_dir.with_file_name("surus-on-a-small-disk");
    let signal = data_dir.with_file_name("make-room");
    let mount =
        "mount -t tmpfs -o size=16m small \"$0\" && head -c 8000000 /dev/zero > \"$0\"/ballast || exit 1";
    let wait = format!("until [ -e {} ]; do sleep 0.1; done", signal.display());
    let make_room = format!("( {wait}; rm \"$0\"/ballast ) > /dev/null 2>&1");
    let script = format!(
        "#!/bin/sh\nexec unshare -rm sh -c '{mount}; {make_room} & exec \"$@\"' '{}' '{}' \"$@\"\n",
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
    copy(&client, "copy large from stdin", rows(50_000)).await.expect("there is room");
    assert_eq!(value(&client, "select count(*) from large").await.expect("a count"), "50000");
    // Commits fill the rest.
    let refused = |failed: Result<(), tokio_postgres::Error>, what: &str| {
        let failed = failed.expect_err(what);
        let error = as_error(&failed);
        assert_eq!(error.code().code(), "53100", "{what}: {error:?}");
    };
    run(&client, "create table notes (a int, b text)").await;
    let mut noted = 0;
    let note = "insert into notes select i, repeat(md5(i::text), 3) from generate_series(1, 200) i";
    let failed = loop {
        match client.batch_execute(note).await {
            Ok(()) => noted += 200,
            Err(failed) => break failed,
        }
    };
    refused(Err(failed), "a commit");
    run(&client, "begin; delete from notes where a = 1").await;
    run(&client, note).await;
    refused(client.batch_execute("commit").await, "COMMIT");
    refused(client.batch_execute("checkpoint").await, "CHECKPOINT");
    let count = "select count(*) from notes";
    assert!(noted > 0);
    assert_eq!(value(&client, count).await.expect("a count"), noted.to_string());
    fs::write(&signal, "").expect("the signal");
    let mut turns = 0;
    while let Err(failed) = client.batch_execute("checkpoint").await {
        refused(Err(failed), "CHECKPOINT");
        turns += 1;
        assert!(turns < 300, "there is room, but no checkpoint");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    run(&client, note).await;
    assert_eq!(value(&client, count).await.expect("a count"), (noted + 200).to_string());
    copy(&client, "copy small from stdin", rows(1_000)).await.expect("there is room");
    assert_eq!(value(&client, "select count(*) from large").await.expect("a count"), "50000");
}
