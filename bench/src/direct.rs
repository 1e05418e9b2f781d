//! A client with as little of its own as possible: one blocking socket, prepared statements, and batches of them
//! sent together.
//!
//! A load shares the machine with the server that it measures, so every cycle of the client is missing there.
//! Parameters go as binary integers or as text, results come as text.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::Failure;

/// Protocol version 3.0.
const PROTOCOL: i32 = 3 << 16;
const READ_BYTES: usize = 64 * 1024;

/// Why a batch did not go through.
#[derive(Debug)]
pub enum Failed {
    /// The server's error: its SQLSTATE and message.
    Sql {
        /// The five characters.
        state: String,
        /// The message with the detail, if there is one.
        message: String,
    },
    /// The connection is of no more use.
    Lost(String),
}

impl Failed {
    /// Tells whether the same transaction may succeed when it is tried again: serialization failures and deadlocks.
    pub fn retryable(&self) -> bool {
        matches!(self, Failed::Sql { state, .. } if state == "40001" || state == "40P01")
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failed::Sql { state, message } => write!(f, "{message} ({state})"),
            Failed::Lost(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Failed {}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Failed::Lost(error.to_string())
    }
}

/// A value for a statement's `$1`, `$2`, …
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// An `integer`.
    Int(i32),
    /// Any type, as text.
    Text(&'a str),
}

/// A statement that the server has prepared.
#[derive(Clone, Debug)]
pub struct Statement(String);

/// What one statement gave.
#[derive(Debug, Default)]
pub struct Reply {
    text: Vec<u8>,
    /// Where each field of each row lies in `text`; `None` for NULL.
    fields: Vec<Option<(u32, u32)>>,
    columns: usize,
    /// How many rows were returned.
    pub rows: usize,
    /// The number at the end of the command tag.
    pub affected: u64,
}

impl Reply {
    /// Returns a field as text, `None` for NULL and for what is not there.
    pub fn get(&self, row: usize, column: usize) -> Option<&str> {
        let (start, end) = (*self.fields.get(row * self.columns + column)?)?;
        std::str::from_utf8(&self.text[start as usize..end as usize]).ok()
    }

    /// Returns a field as an integer; what is not one is an error of the benchmark's server.
    pub fn int(&self, row: usize, column: usize) -> Result<i32, Failed> {
        let text = self.get(row, column);
        text.and_then(|text| text.parse().ok())
            .ok_or_else(|| Failed::Lost(format!("an integer was expected, not {text:?}")))
    }

    fn push_row(&mut self, body: &[u8]) -> Option<()> {
        let mut rest = body;
        self.columns = usize::from(u16::from_be_bytes(take(&mut rest)?));
        for _ in 0..self.columns {
            let length = i32::from_be_bytes(take(&mut rest)?);
            let field = match usize::try_from(length) {
                Err(_) => None,
                Ok(length) => {
                    let start = self.text.len();
                    self.text.extend_from_slice(rest.get(..length)?);
                    rest = &rest[length..];
                    Some((start as u32, self.text.len() as u32))
                }
            };
            self.fields.push(field);
        }
        self.rows += 1;
        Some(())
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// A connection to a server that trusts its user.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    out: Vec<u8>,
    input: Vec<u8>,
    /// The part of `input` that is not read yet.
    unread: std::ops::Range<usize>,
    prepared: usize,
}

/// The socket of a connection.
#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn connect(address: &Address) -> std::io::Result<Self> {
        match address {
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port))?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Address::Unix(path, _) => UnixStream::connect(path).map(Stream::Unix),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// On a host's port.
    Tcp(String, u16),
    /// On a socket file of this machine; the port is a part of its name.
    Unix(PathBuf, u16),
}

impl Address {
    /// Reads a `postgres://` URL, or a string of `host=… port=…`.
    pub fn of(url: &str) -> Result<Self, Failure> {
        let config: Config = url.parse()?;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts().first() {
            Some(Host::Tcp(host)) => Ok(Address::Tcp(host.clone(), port)),
            Some(Host::Unix(directory)) => {
                Ok(Address::Unix(directory.join(format!(".s.PGSQL.{port}")), port))
            }
            None => Err(format!("{url} names no host").into()),
        }
    }

    /// Returns the host and port of a server behind TCP.
    pub fn tcp(self) -> Option<(String, u16)> {
        match self {
            Address::Tcp(host, port) => Some((host, port)),
            Address::Unix(..) => None,
        }
    }
}

impl Connection {
    /// Connects to a `postgres://` URL (or `host=…`); the user is `postgres` unless it names one.
    pub fn connect(url: &str) -> Result<Self, Failure> {
        let config: Config = url.parse()?;
        let stream = Stream::connect(&Address::of(url)?).map_err(|error| format!("{url}: {error}"))?;
        let mut connection =
            Connection { stream, out: Vec::new(), input: vec![0; READ_BYTES], unread: 0..0, prepared: 0 };
        let user = config.get_user().unwrap_or("postgres");
        let database = config.get_dbname().unwrap_or(user);
        connection.out.extend_from_slice(&[0; 4]);
        connection.out.extend_from_slice(&PROTOCOL.to_be_bytes());
        for text in ["user", user, "database", database, "application_name", "surus-bench", ""] {
            connection.text(text);
        }
        connection.close_message(0);
        connection.flush()?;
        connection.replies()?;
        Ok(connection)
    }

    /// Runs statements by the simple protocol.
    pub fn simple(&mut self, sql: &str) -> Result<Vec<Reply>, Failed> {
        let start = self.open_message(b'Q');
        self.text(sql);
        self.close_message(start);
        self.flush()?;
        self.replies()
    }

    /// Prepares a statement; the server infers the parameters' types.
    pub fn prepare(&mut self, sql: &str) -> Result<Statement, Failure> {
        self.prepared += 1;
        let statement = Statement(format!("s{}", self.prepared));
        let start = self.open_message(b'P');
        self.text(&statement.0);
        self.text(sql);
        self.out.extend_from_slice(&0_i16.to_be_bytes());
        self.close_message(start);
        self.run().map_err(|error| format!("{error}, preparing: {sql}"))?;
        Ok(statement)
    }

    /// Adds a prepared statement to what [`Connection::run`] sends.
    pub fn queue(&mut self, statement: &Statement, parameters: &[Parameter<'_>]) {
        let start = self.open_message(b'B');
        self.text("");
        self.text(&statement.0);
        let count = (parameters.len() as i16).to_be_bytes();
        self.out.extend_from_slice(&count);
        for parameter in parameters {
            let format: i16 = match parameter {
                Parameter::Int(_) => 1,
                Parameter::Text(_) => 0,
            };
            self.out.extend_from_slice(&format.to_be_bytes());
        }
        self.out.extend_from_slice(&count);
        for parameter in parameters {
            match parameter {
                Parameter::Int(value) => {
                    self.out.extend_from_slice(&4_i32.to_be_bytes());
                    self.out.extend_from_slice(&value.to_be_bytes());
                }
                Parameter::Text(value) => {
                    self.out.extend_from_slice(&(value.len() as i32).to_be_bytes());
                    self.out.extend_from_slice(value.as_bytes());
                }
            }
        }
        self.out.extend_from_slice(&0_i16.to_be_bytes());
        self.close_message(start);
        let start = self.open_message(b'E');
        self.text("");
        self.out.extend_from_slice(&0_i32.to_be_bytes());
        self.close_message(start);
    }

    /// Sends what was queued in one go and returns what each statement gave. After an error the server skips the
    /// rest.
    pub fn run(&mut self) -> Result<Vec<Reply>, Failed> {
        let start = self.open_message(b'S');
        self.close_message(start);
        self.flush()?;
        self.replies()
    }

    fn open_message(&mut self, kind: u8) -> usize {
        self.out.push(kind);
        self.out.extend_from_slice(&[0; 4]);
        self.out.len() - 4
    }

    /// Fills in the length of the message whose length field is at `start`.
    fn close_message(&mut self, start: usize) {
        let length = (self.out.len() - start) as i32;
        self.out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(0);
    }

    fn flush(&mut self) -> Result<(), Failed> {
        let sent = self.stream.write_all(&self.out);
        self.out.clear();
        Ok(sent?)
    }

    /// Takes messages until the server is ready for more.
    fn replies(&mut self) -> Result<Vec<Reply>, Failed> {
        let mut replies = Vec::new();
        let mut reply = Reply::default();
        let mut failed = None;
        loop {
            let (kind, body) = self.message()?;
            let body = &self.input[body];
            match kind {
                b'D' => {
                    let read = reply.push_row(body);
                    read.ok_or_else(|| Failed::Lost("a row ends early".to_string()))?;
                }
                b'C' => {
                    let tag = String::from_utf8_lossy(body);
                    let number = tag.trim_end_matches('\0').rsplit(' ').next();
                    reply.affected = number.and_then(|number| number.parse().ok()).unwrap_or(0);
                    replies.push(std::mem::take(&mut reply));
                }
                b'E' => failed = failed.or_else(|| Some(error(body))),
                b'R' if body != [0; 4] => {
                    return Err(Failed::Lost("the server asks for a password".to_string()));
                }
                b'Z' => return failed.map_or(Ok(replies), Err),
                _ => {}
            }
        }
    }

    /// Returns the next message's kind and where its body lies in the input.
    fn message(&mut self) -> Result<(u8, std::ops::Range<usize>), Failed> {
        self.fill(5)?;
        let head = &self.input[self.unread.start..];
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let kind = head[0];
        self.fill(1 + length)?;
        let start = self.unread.start;
        self.unread.start += 1 + length;
        Ok((kind, start + 5..start + 1 + length))
    }

    /// Reads until `bytes` are unread.
    fn fill(&mut self, bytes: usize) -> Result<(), Failed> {
        while self.unread.len() < bytes {
            if self.input.len() - self.unread.start < bytes.max(1024) {
                self.input.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
                self.input.resize(self.input.len().max(bytes), 0);
            }
            match self.stream.read(&mut self.input[self.unread.end..])? {
                0 => return Err(Failed::Lost("the server closed the connection".to_string())),
                read => self.unread.end += read,
            }
        }
        Ok(())
    }
}

/// Reads an ErrorResponse.
fn error(body: &[u8]) -> Failed {
    let mut state = String::new();
    let mut message = String::new();
    for field in body.split(|&byte| byte == 0) {
        let Some((kind, text)) = field.split_first() else { continue };
        let text = String::from_utf8_lossy(text);
        match kind {
            b'C' => state = text.into_owned(),
            b'M' => message.insert_str(0, &text),
            b'D' => {
                message.push_str("; ");
                message.push_str(&text);
            }
            _ => {}
        }
    }
    Failed::Sql { state, message }
}
