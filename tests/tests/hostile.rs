//! Clients that break the protocol, in writing or by leaving: each ends its own statement or connection as it does
//! with PostgreSQL, and nothing else.
//!
//! `SURUS_TEST_URL=postgres://…` takes a running server instead, such as PostgreSQL itself: that is where the
//! expected answers come from.

use std::time::{Duration, Instant};

use bench::direct::Connection;
use datasets::tpcc::Random;
use tests::raw::{Raw, message, query, startup};
use tests::server::{SurusServer, fresh_data_dir};

/// A server of the test's own, or the one that `SURUS_TEST_URL` names.
struct Target {
    url: String,
    _server: Option<SurusServer>,
}

async fn target(test: &str) -> Target {
    if let Ok(url) = std::env::var("SURUS_TEST_URL") {
        return Target { url, _server: None };
    }
    let server = SurusServer::start(&fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), test), &[]).await;
    Target { url: server.url(), _server: Some(server) }
}

const SYNC: &[u8] = b"S\0\0\0\x04";
const ANSWER: [&str; 4] = ["T", "D", "C SELECT 1", "Z I"];

/// A Parse of the unnamed statement.
fn parse(sql: &str) -> Vec<u8> {
    message(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

/// A Bind of the unnamed statement: what follows the two names.
fn bind(rest: &[u8]) -> Vec<u8> {
    message(b'B', &[b"\0\0", rest].concat())
}

/// Sends bytes in a session, ended by another query, and compares what comes back.
fn check(url: &str, sent: &[&[u8]], expected: &[&str]) {
    let mut raw = Raw::start(url);
    raw.send(&sent.concat());
    let answers = raw.rest();
    assert_eq!(answers, expected, "{}", String::from_utf8_lossy(&sent.concat()).escape_debug());
}

#[tokio::test]
async fn malformed_messages_end_statements() {
    let target = target("hostile-messages").await;
    let url = target.url.as_str();
    let select = query("select 2");
    let select = select.as_slice();
    let short = "E ERROR | 08P01 | insufficient data left in message";
    let and_answer = |first: &[&'static str]| [first, &ANSWER].concat();
    let unterminated = and_answer(&["E ERROR | 08P01 | invalid string in message", "Z I"]);
    check(url, &[&message(b'Q', b"select 1"), select], &unterminated);
    let longer = and_answer(&["E ERROR | 08P01 | invalid message format", "Z I"]);
    check(url, &[&message(b'Q', b"select 1\0x"), select], &longer);
    let bytes = "E ERROR | 22021 | invalid byte sequence for encoding \"UTF8\": 0xff";
    check(url, &[&message(b'Q', b"select '\xff'\0"), select], &and_answer(&[bytes, "Z I"]));
    check(url, &[&message(b'P', b"\0select 1\0\0\x05"), SYNC], &[short, "Z I"]);
    let integer = parse("select $1::int");
    // PostgreSQL adds that it was parameter $1.
    let mut raw = Raw::start(url);
    raw.send(&[&integer[..], &bind(b"\0\0\0\x01\xff\xff\xff\xf9\0\0"), SYNC].concat());
    let answers = raw.rest();
    assert!(answers[1].starts_with(short), "{answers:?}");
    let wrong_count =
        "E ERROR | 08P01 | bind message supplies 2 parameters, but prepared statement \"\" requires 1";
    let nulls = b"\0\0\0\x02\xff\xff\xff\xff\xff\xff\xff\xff\0\0";
    check(url, &[&integer, &bind(nulls), SYNC], &["1", wrong_count, "Z I"]);
    let format = "E ERROR | 22023 | unsupported format code: 7 | unnamed portal parameter $1";
    let sevens = b"\0\x01\0\x07\0\x01\0\0\0\x011\0\0";
    check(url, &[&integer, &bind(sevens), SYNC], &["1", format, "Z I"]);
    let zero =
        "E ERROR | 22021 | invalid byte sequence for encoding \"UTF8\": 0x00 | unnamed portal parameter $1";
    let text = parse("select $1::text");
    check(url, &[&text, &bind(b"\0\0\0\x01\0\0\0\x03a\0c\0\0"), SYNC], &["1", zero, "Z I"]);
    check(
        url,
        &[&message(b'D', b"Z\0"), SYNC],
        &["E ERROR | 08P01 | invalid DESCRIBE message subtype 90", "Z I"],
    );
    check(
        url,
        &[&message(b'C', b"Z\0"), SYNC],
        &["E ERROR | 08P01 | invalid CLOSE message subtype 90", "Z I"],
    );
    check(url, &[&message(b'E', b"\0"), SYNC], &[short, "Z I"]);
    check(url, &[&message(b'd', b"abc"), &message(b'c', b""), select], &ANSWER);
}

#[tokio::test]
async fn lost_framing_ends_connections() {
    let target = target("hostile-framing").await;
    let url = target.url.as_str();
    check(url, &[&message(b'z', b"abc")], &["E FATAL | 08P01 | invalid frontend message type 122"]);
    check(url, &[&message(b'p', b"abc\0")], &["E FATAL | 08P01 | invalid frontend message type 112"]);
    for head in [&b"Q\xff\xff\xff\xfb"[..], b"Q\0\0\0\x03", b"Q\x7f\xff\xff\xffselect", b"S\0\x7f\xff\xffabc"]
    {
        check(url, &[head], &[]);
    }
    let opening = |bytes: &[u8]| {
        let mut raw = Raw::open(url);
        raw.send(bytes);
        raw.rest()
    };
    let nothing: [&str; 0] = [];
    assert_eq!(opening(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), nothing);
    assert_eq!(opening(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), nothing);
    assert_eq!(opening(b"\0\0\0\x04"), nothing);
    assert_eq!(opening(b"\0\0\0\x0c\x04\xd2\x16\x2e\0\0\0\x01"), nothing);
    let layout = "E FATAL | 08P01 | invalid startup packet layout: expected terminator as last byte";
    assert_eq!(opening(b"\0\0\0\x0d\0\x03\0\0user\0"), [layout]);
    let nobody = "E FATAL | 28000 | no PostgreSQL user name specified in startup packet";
    assert_eq!(opening(&startup(3 << 16, &[])), [nobody]);
    let version = "E FATAL | 0A000 | unsupported frontend protocol 4.0: server supports 3.0 to 3.2";
    assert_eq!(opening(&startup(4 << 16, &[("user", "postgres")])), [version]);
}

#[tokio::test]
async fn a_copy_is_left_in_every_wrong_way() {
    let target = target("hostile-copy").await;
    let url = target.url.as_str();
    let mut raw = Raw::start(url);
    raw.send(&query("drop table if exists copied"));
    raw.until_ready();
    raw.send(&query("create table copied (a int)"));
    raw.until_ready();
    let copy = query("copy copied from stdin");
    let select = query("select 2");
    let lost = "E FATAL | 08P01 | terminating connection because protocol synchronization was lost";
    let unexpected = |kind: &str| {
        format!(
            "E ERROR | 08P01 | unexpected message type 0x{kind} during COPY from stdin | COPY copied, line 1"
        )
    };
    check(url, &[&copy, &parse("x"), &select], &["G", &unexpected("50"), lost]);
    check(url, &[&copy, &message(b'z', b"x"), &select], &["G", &unexpected("7A"), lost]);
    let given_up = "E ERROR | 57014 | COPY from stdin failed: why not | COPY copied, line 1";
    check(
        url,
        &[&copy, &message(b'f', b"why not\0"), &select],
        &[&["G", given_up, "Z I"][..], &ANSWER].concat(),
    );
    // The client hangs up after a whole line and half of one.
    let mut raw = Raw::start(url);
    raw.send(&[copy, message(b'd', b"1\n2\n"), message(b'd', b"3")].concat());
    drop(raw);
    let mut raw = Raw::start(url);
    raw.send(&[&query("copy copied from stdin")[..], &message(b'd', b"1\n"), b"d\0\0\xff\xff7"].concat());
    drop(raw);
    let mut connection = Connection::connect(url).expect("the server is up");
    let rows = connection.simple("select count(*) from copied").expect("the table is whole");
    assert_eq!(rows[0].get(0, 0), Some("0"));
    connection.simple("drop table copied").expect("nobody holds the table");
}

/// Whatever bytes come, before the session or in it, another client is served.
#[tokio::test]
async fn random_bytes_end_connections_only() {
    let target = target("hostile-random").await;
    let url = target.url.as_str();
    let seed = 20_251_125;
    let mut random = Random::new(seed);
    let sound = [
        parse("select $1::int, $2::text"),
        bind(b"\0\x01\0\x01\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x01x\0\0"),
        message(b'D', b"P\0"),
        message(b'E', b"\0\0\0\0\0"),
        SYNC.to_vec(),
        query("select 'x' || 1; select 2"),
    ]
    .concat();
    for round in 0..150 {
        let mut bytes = sound.clone();
        for _ in 0..random.between(1, 4) {
            let at = random.between(0, bytes.len() as i32 - 1) as usize;
            match random.between(0, 2) {
                0 => bytes[at] = random.bits() as u8,
                1 => bytes.truncate(at + 1),
                _ => bytes.insert(at, random.bits() as u8),
            }
        }
        let mut raw = if round % 5 == 0 { Raw::open(url) } else { Raw::start(url) };
        raw.send(&bytes);
        // What comes back depends on the bytes; the server hangs up in the end.
        raw.rest();
    }
    let rows = Connection::connect(url).and_then(|mut connection| Ok(connection.simple("select 41 + 1")?));
    assert_eq!(rows.expect("the server is up")[0].get(0, 0), Some("42"), "seed {seed}");
}

#[tokio::test]
async fn hundreds_of_clients_are_served_at_once() {
    let target = target("hostile-many").await;
    let clients = if target._server.is_some() { 400 } else { 50 };
    let mut connections: Vec<Connection> =
        (0..clients).map(|_| Connection::connect(&target.url).expect("one more client")).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        let rows = connection.simple(&format!("select {number} + 1")).expect("an answer");
        assert_eq!(rows[0].int(0, 0).expect("a number"), number as i32 + 1);
    }
}

/// A statement whose client is gone stops.
#[tokio::test]
async fn statements_stop_when_their_client_is_gone() {
    let target = target("hostile-gone").await;
    let url = target.url.as_str();
    let mut raw = Raw::start(url);
    raw.send(&query("select count(*) from generate_series(1, 2000000000) as abandoned"));
    let mut connection = Connection::connect(url).expect("the server is up");
    let mut running = || {
        let rows = connection.simple(
            "select count(*) from pg_stat_activity \
             where state = 'active' and query like '%abandoned' and pid <> pg_backend_pid()",
        );
        rows.expect("sessions are counted")[0].int(0, 0).expect("a number")
    };
    let begun = Instant::now();
    while running() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the statement does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(raw);
    if target._server.is_none() {
        // PostgreSQL looks for the client only when client_connection_check_interval is set.
        return;
    }
    let begun = Instant::now();
    while running() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the statement goes on without its client");
        std::thread::sleep(Duration::from_millis(50));
    }
}
