//! A connection that sends any bytes and shows what comes back in a line for each message.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bench::direct::Address;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection without any protocol of its own.
#[derive(Debug)]
pub struct Raw(TcpStream);

/// Makes a message of a type byte and a body.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Makes a simple query.
pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

/// Makes a startup packet of pairs of names and values.
pub fn startup(version: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend_from_slice(name.as_bytes());
        body.push(0);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    [&(body.len() as u32 + 4).to_be_bytes()[..], &body].concat()
}

impl Raw {
    /// Opens a connection and sends nothing.
    ///
    /// # Panics
    /// When the server does not listen.
    pub fn open(url: &str) -> Self {
        let address = Address::of(url).ok().and_then(Address::tcp);
        let (host, port) = address.expect("a URL with a host");
        let stream = TcpStream::connect((host.as_str(), port)).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Raw(stream)
    }

    /// Opens a connection and starts a session of user and database `postgres`.
    ///
    /// # Panics
    /// When the server does not greet.
    pub fn start(url: &str) -> Self {
        let mut raw = Raw::open(url);
        raw.send(&startup(3 << 16, &[("user", "postgres"), ("database", "postgres")]));
        assert_eq!(raw.until_ready().last().map(String::as_str), Some("Z I"), "the server greets");
        raw
    }

    /// Sends bytes; a server that has hung up already is not minded.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Ends what is sent, and returns the messages until the server hangs up.
    pub fn rest(mut self) -> Vec<String> {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
        let mut messages = Vec::new();
        while let Some(message) = self.next() {
            messages.push(message);
        }
        messages
    }

    /// Returns the messages to the next ReadyForQuery, or until the server hangs up.
    pub fn until_ready(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        while let Some(message) = self.next() {
            let ready = message.starts_with("Z ");
            messages.push(message);
            if ready {
                break;
            }
        }
        messages
    }

    /// Returns the next message as text; parameters, keys and authentication are passed over.
    fn next(&mut self) -> Option<String> {
        loop {
            let mut head = [0; 5];
            self.0.read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
            let mut body = vec![0; length.checked_sub(4)?];
            self.0.read_exact(&mut body).ok()?;
            match head[0] {
                b'S' | b'K' | b'R' => {}
                b'E' | b'N' => return Some(format!("{} {}", char::from(head[0]), report(&body))),
                b'Z' | b'C' => {
                    let text = String::from_utf8_lossy(&body);
                    return Some(format!("{} {}", char::from(head[0]), text.trim_end_matches('\0')));
                }
                kind => return Some(char::from(kind).to_string()),
            }
        }
    }
}

/// Shows severity, SQLSTATE, message and context of an error or a notice.
fn report(body: &[u8]) -> String {
    let field = |wanted: u8| {
        let mut fields = body.split(|&byte| byte == 0).filter_map(|field| field.split_first());
        fields.find(|(kind, _)| **kind == wanted).map(|(_, text)| String::from_utf8_lossy(text).into_owned())
    };
    let parts = [field(b'S'), field(b'C'), field(b'M'), field(b'W')];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}
