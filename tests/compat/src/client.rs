//! A small blocking client that keeps every field the protocol carries.
//!
//! Drivers hide what this framework compares (typmods, notices, transaction status, exact error fields), so the
//! messages are written and read here. Trust authentication only: the servers compared are local.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::outcome::{Column, Fields, Lost, Mode, Outcome, ResultSet, Value};
use crate::url::ServerUrl;

/// A connection.
pub struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    status: char,
    timeout: Duration,
    broken: Option<Lost>,
    parameters: ParameterStatus,
}

type ParameterStatus = std::collections::BTreeMap<String, String>;

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the server is not there or refuses.
    pub fn connect(url: &ServerUrl, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect((url.host.as_str(), url.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        let mut client = Self {
            reader: BufReader::with_capacity(1 << 16, stream.try_clone()?),
            writer: stream,
            status: 'I',
            timeout,
            broken: None,
            parameters: ParameterStatus::new(),
        };
        let mut startup = Vec::new();
        startup.extend_from_slice(&196_608_u32.to_be_bytes());
        for (name, value) in
            [("user", url.user.as_str()), ("database", &url.database), ("application_name", "surus-compat")]
        {
            startup.extend_from_slice(name.as_bytes());
            startup.push(0);
            startup.extend_from_slice(value.as_bytes());
            startup.push(0);
        }
        startup.push(0);
        let mut packet = (startup.len() as u32 + 4).to_be_bytes().to_vec();
        packet.extend_from_slice(&startup);
        client.writer.write_all(&packet)?;
        loop {
            let (tag, body) = client.read_message()?;
            match tag {
                b'R' if body.get(..4) != Some(&[0, 0, 0, 0]) => {
                    return Err(io::Error::other("the server asks for a password; only trust is supported"));
                }
                b'S' => {
                    let mut parts =
                        body.split(|&byte| byte == 0).map(|part| String::from_utf8_lossy(part).into_owned());
                    if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
                        client.parameters.insert(name, value);
                    }
                }
                b'E' => {
                    return Err(io::Error::other(
                        crate::outcome::Outcome { error: Some(read_fields(&body)), ..Outcome::default() }
                            .message()
                            .to_owned(),
                    ));
                }
                b'Z' => return Ok(client),
                _ => {}
            }
        }
    }

    /// Returns a ParameterStatus value of the start-up.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Returns whether the connection is lost.
    pub fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Runs one statement; `copy_data` is sent when it asks for COPY data.
    pub fn run(&mut self, sql: &str, mode: Mode, copy_data: Option<&[u8]>) -> Outcome {
        if self.send(sql, mode).is_err() {
            return self.lost(Lost::Crash);
        }
        self.finish(mode, copy_data)
    }

    /// Gives the connection up, and returns that as the answer to what could not be sent.
    pub fn lose(&mut self) -> Outcome {
        self.lost(Lost::Crash)
    }

    /// Sends a statement without waiting.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn send(&mut self, sql: &str, mode: Mode) -> io::Result<()> {
        let mut packet = Vec::new();
        match mode {
            Mode::Simple => message(&mut packet, b'Q', |body| text(body, sql)),
            Mode::Extended | Mode::Binary => {
                let format: u16 = u16::from(mode == Mode::Binary);
                message(&mut packet, b'P', |body| {
                    body.push(0);
                    text(body, sql);
                    body.extend_from_slice(&0_u16.to_be_bytes());
                });
                message(&mut packet, b'B', |body| {
                    body.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
                    body.extend_from_slice(&1_u16.to_be_bytes());
                    body.extend_from_slice(&format.to_be_bytes());
                });
                message(&mut packet, b'D', |body| body.extend_from_slice(b"P\0"));
                message(&mut packet, b'E', |body| body.extend_from_slice(&[0, 0, 0, 0, 0]));
                message(&mut packet, b'S', |_| {});
            }
        }
        self.writer.write_all(&packet)
    }

    /// Reads the answer to what was sent in `mode`, to the end.
    pub fn finish(&mut self, mode: Mode, copy_data: Option<&[u8]>) -> Outcome {
        let mut outcome = Outcome { status: self.status, ..Outcome::default() };
        let mut current = ResultSet::default();
        loop {
            let (tag, body) = match self.read_message() {
                Ok(read) => read,
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Outcome { lost: self.lost(Lost::Hang).lost, ..outcome };
                }
                Err(_) => return Outcome { lost: self.lost(Lost::Crash).lost, ..outcome },
            };
            match tag {
                b'T' => current.columns = Some(read_columns(&body)),
                b'D' => current.rows.push(read_row(&body)),
                b'C' => {
                    current.tag =
                        Some(String::from_utf8_lossy(&body[..body.len().saturating_sub(1)]).into_owned());
                    outcome.results.push(std::mem::take(&mut current));
                }
                b'I' => outcome.results.push(std::mem::take(&mut current)),
                b'E' => {
                    if current.columns.is_some() || current.copied.is_some() {
                        outcome.results.push(std::mem::take(&mut current));
                    }
                    outcome.error = Some(read_fields(&body));
                }
                b'N' => outcome.notices.push(read_fields(&body)),
                b'G' if self.send_copy(copy_data, mode).is_err() => {
                    return Outcome { lost: self.lost(Lost::Crash).lost, ..outcome };
                }
                b'H' => current.copied = Some(String::new()),
                b'd' => {
                    if let Some(copied) = &mut current.copied {
                        copied.push_str(&printable(&body));
                    }
                }
                b'Z' => {
                    self.status = char::from(body.first().copied().unwrap_or(b'?'));
                    outcome.status = self.status;
                    return outcome;
                }
                _ => {}
            }
        }
    }

    /// Waits up to `patience` for the first byte of an answer; true when one is there.
    pub fn answered(&mut self, patience: Duration) -> bool {
        if !self.reader.buffer().is_empty() {
            return true;
        }
        let stream = self.reader.get_ref();
        if stream.set_read_timeout(Some(patience)).is_err() {
            return true;
        }
        let mut byte = [0];
        let seen = stream.peek(&mut byte).is_ok();
        let restored = stream.set_read_timeout(Some(self.timeout)).is_ok();
        seen || !restored
    }

    fn send_copy(&mut self, data: Option<&[u8]>, mode: Mode) -> io::Result<()> {
        let mut packet = Vec::new();
        match data {
            Some(data) => {
                for chunk in data.chunks(1 << 16) {
                    message(&mut packet, b'd', |body| body.extend_from_slice(chunk));
                }
                message(&mut packet, b'c', |_| {});
            }
            None => message(&mut packet, b'f', |body| text(body, "no data in the script")),
        }
        if mode != Mode::Simple {
            // The server leaves out the Sync that came before the data.
            message(&mut packet, b'S', |_| {});
        }
        self.writer.write_all(&packet)
    }

    fn lost(&mut self, lost: Lost) -> Outcome {
        self.broken = Some(lost);
        Outcome { status: '?', lost: Some(lost), ..Outcome::default() }
    }

    fn read_message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.reader.read_exact(&mut head)?;
        let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if len < 4 {
            return Err(io::Error::other("message shorter than its length"));
        }
        let mut body = vec![0; len - 4];
        self.reader.read_exact(&mut body)?;
        Ok((head[0], body))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The server notices the closed socket anyway.
        let _ = self.writer.write_all(&[b'X', 0, 0, 0, 4]);
    }
}

fn message(packet: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    packet.push(tag);
    let start = packet.len();
    packet.extend_from_slice(&[0; 4]);
    fill(packet);
    let len = (packet.len() - start) as u32;
    packet[start..start + 4].copy_from_slice(&len.to_be_bytes());
}

fn text(body: &mut Vec<u8>, value: &str) {
    body.extend_from_slice(value.as_bytes());
    body.push(0);
}

fn read_fields(body: &[u8]) -> Fields {
    let mut fields = Fields::new();
    for part in body.split(|&byte| byte == 0) {
        if let Some((&letter, value)) = part.split_first()
            && !matches!(letter, b'F' | b'L' | b'R' | b'V')
        {
            fields.insert(char::from(letter), String::from_utf8_lossy(value).into_owned());
        }
    }
    fields
}

/// Reads big-endian fields; short input reads as zeros (the message is compared, not trusted).
struct MessageReader<'a>(&'a [u8]);

impl<'a> MessageReader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
    fn u16(&mut self) -> u16 {
        self.take(2).try_into().map_or(0, u16::from_be_bytes)
    }
    fn i32(&mut self) -> i32 {
        self.take(4).try_into().map_or(0, i32::from_be_bytes)
    }
    fn string(&mut self) -> String {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        let text = String::from_utf8_lossy(self.take(end)).into_owned();
        self.take(1);
        text
    }
}

fn read_columns(body: &[u8]) -> Vec<Column> {
    let mut fields = MessageReader(body);
    let count = fields.u16();
    (0..count)
        .map(|_| {
            let name = fields.string();
            fields.take(6);
            let type_oid = fields.i32() as u32;
            fields.take(2);
            let typmod = fields.i32();
            fields.take(2);
            Column { name, type_oid, typmod }
        })
        .collect()
}

fn read_row(body: &[u8]) -> Vec<Value> {
    let mut fields = MessageReader(body);
    let count = fields.u16();
    (0..count)
        .map(|_| match fields.i32() {
            -1 => None,
            len => Some(printable(fields.take(len as usize))),
        })
        .collect()
}

/// Returns UTF-8 without control characters as it is, anything else as `\x` and hex digits.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) => {
            text.to_owned()
        }
        _ => bytes.iter().fold(String::from("\\x"), |hex, byte| hex + &format!("{byte:02x}")),
    }
}
