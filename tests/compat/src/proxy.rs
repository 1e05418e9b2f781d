//! A proxy that plants defects: it passes a server's messages on and alters the answers, to show that each layer of
//! the framework sees what it is there to see. Test code only; it is never between a server and its measurement.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::url::ServerUrl;

/// A deliberate wrong behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// Nothing: what the other defects are compared with.
    None,
    /// Decimal fractions have one zero more.
    ScaleOffByOne,
    /// `22012` is called `22003`.
    WrongSqlstate,
    /// NULL arrives as an empty string.
    MissingNull,
    /// The first two rows of an ordered result change places.
    WrongOrder,
    /// An error is answered as if the statement had done nothing.
    SwallowedError,
    /// Notices and warnings are lost.
    LostNotice,
    /// `INSERT 0 n` counts one row too many.
    WrongTag,
    /// Type modifiers are lost.
    LostTypmod,
    /// Error positions are off by one.
    WrongPosition,
    /// An open transaction block is reported as idle.
    WrongStatus,
    /// The last bit of binary integers flips.
    WrongBinary,
    /// The hint of an error is lost.
    LostHint,
    /// No answer to `SELECT 'hang'`.
    Hang,
    /// The connection is closed at `SELECT 'crash'`.
    Crash,
    /// `abs` returns negative numbers.
    WrongFunction,
    /// A filtered UNION ALL loses a row.
    LostRowWithFilter,
    /// A filtered count is one too high.
    WrongCount,
    /// Row execution loses a row.
    LostRowInRowExecution,
    /// Joins lose a row.
    LostRowInJoin,
    /// A statement that would wait for a row lock is answered at once.
    UnlockedUpdate,
}

/// A running proxy; it takes connections until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    url: ServerUrl,
    stopped: Arc<AtomicBool>,
}

/// What one connection has seen.
#[derive(Debug, Default)]
struct State {
    sql: String,
    row_execution: bool,
    rows: usize,
    held: Option<Vec<u8>>,
}

impl Proxy {
    /// Starts a proxy before a server.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(server: &ServerUrl, defect: Defect) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, server_url) = (Arc::clone(&stopped), server.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let server_url = server_url.clone();
                if let Ok(client) = client {
                    // A connection that fails ends; the client sees that.
                    std::thread::spawn(move || drop(serve(client, &server_url, defect)));
                }
            }
        });
        let url = ServerUrl { host: "127.0.0.1".to_owned(), port, ..server.clone() };
        Ok(Self { url, stopped })
    }

    /// Returns the address to connect to.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener.
        drop(TcpStream::connect(("127.0.0.1", self.url.port)));
    }
}

fn serve(client: TcpStream, server: &ServerUrl, defect: Defect) -> io::Result<()> {
    let server = TcpStream::connect((server.host.as_str(), server.port))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let state = Arc::new(Mutex::new(State::default()));
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let (mut from_server, to_client) = (server, Arc::new(Mutex::new(client)));
    let (requests, direct) = (Arc::clone(&state), Arc::clone(&to_client));
    std::thread::spawn(move || {
        drop(pass_requests(&mut from_client, &mut to_server, &direct, &requests, defect));
        drop(to_server.shutdown(std::net::Shutdown::Both));
    });
    loop {
        let mut head = [0; 5];
        if from_server.read_exact(&mut head).is_err() {
            if let Ok(client) = to_client.lock() {
                drop(client.shutdown(std::net::Shutdown::Both));
            }
            return Ok(());
        }
        let body = read_body(&mut from_server, [head[1], head[2], head[3], head[4]])?;
        let mut out = Vec::new();
        if let Ok(mut state) = state.lock() {
            answer(&mut state, defect, head[0], body, &mut out);
        }
        if let Ok(mut client) = to_client.lock() {
            client.write_all(&out)?;
        }
    }
}

fn read_body(stream: &mut TcpStream, len: [u8; 4]) -> io::Result<Vec<u8>> {
    let mut body = vec![0; (u32::from_be_bytes(len) as usize).saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn put(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    out.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
    out.extend_from_slice(body);
}

/// Passes the client's messages on and notes the statement that runs.
fn pass_requests(
    from: &mut TcpStream,
    to: &mut TcpStream,
    client: &Mutex<TcpStream>,
    state: &Mutex<State>,
    defect: Defect,
) -> io::Result<()> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let startup = read_body(from, len)?;
    to.write_all(&len)?;
    to.write_all(&startup)?;
    loop {
        let mut head = [0; 5];
        from.read_exact(&mut head)?;
        let body = read_body(from, [head[1], head[2], head[3], head[4]])?;
        let text = match head[0] {
            b'Q' => Some(body.as_slice()),
            b'P' => body.iter().position(|&byte| byte == 0).map(|at| &body[at + 1..]),
            _ => None,
        };
        if let Some(text) = text {
            let sql: Vec<u8> = text.iter().copied().take_while(|&byte| byte != 0).collect();
            let sql = String::from_utf8_lossy(&sql).into_owned();
            if defect == Defect::Crash && sql.contains("'crash'") {
                return Ok(());
            }
            if defect == Defect::UnlockedUpdate && sql.starts_with("UPDATE") && sql.contains("v = 12") {
                let mut out = Vec::new();
                put(&mut out, b'C', b"UPDATE 1\0");
                put(&mut out, b'Z', b"T");
                if let Ok(mut client) = client.lock() {
                    client.write_all(&out)?;
                }
                continue;
            }
            if let Ok(mut state) = state.lock() {
                if sql.starts_with("SET surus.execution") {
                    state.row_execution = true;
                } else if sql.starts_with("RESET surus.execution") {
                    state.row_execution = false;
                }
                state.sql = sql;
                state.rows = 0;
            }
        }
        let mut packet = Vec::new();
        put(&mut packet, head[0], &body);
        to.write_all(&packet)?;
    }
}

/// Appends what the client gets for a message of the server.
fn answer(state: &mut State, defect: Defect, tag: u8, mut body: Vec<u8>, out: &mut Vec<u8>) {
    match (defect, tag) {
        (Defect::Hang, _) if state.sql.contains("'hang'") => return,
        (Defect::SwallowedError, b'E') if state.sql.starts_with("SELECT") => {
            return put(out, b'C', b"SELECT 0\0");
        }
        (Defect::LostNotice, b'N') => return,
        (Defect::WrongSqlstate, b'E') => replace(&mut body, b"C22012\0", b"C22003\0"),
        (Defect::LostHint, b'E') => body = without_field(&body, b'H'),
        (Defect::WrongPosition, b'E') => body = shifted_position(&body),
        (Defect::WrongStatus, b'Z') => replace(&mut body, b"T", b"I"),
        (Defect::WrongTag, b'C') if body.starts_with(b"INSERT 0 ") => {
            let text = String::from_utf8_lossy(&body[9..body.len() - 1]).into_owned();
            let count = text.parse::<u64>().unwrap_or(0) + 1;
            body = format!("INSERT 0 {count}\0").into_bytes();
        }
        (Defect::LostTypmod, b'T') => body = without_typmods(&body),
        (_, b'D') => return row(state, defect, &body, out),
        (Defect::WrongOrder, b'C') => {
            if let Some(held) = state.held.take() {
                put(out, b'D', &held);
            }
        }
        _ => {}
    }
    put(out, tag, &body);
}

fn row(state: &mut State, defect: Defect, body: &[u8], out: &mut Vec<u8>) {
    state.rows += 1;
    let sql = state.sql.as_str();
    let lost = match defect {
        Defect::LostRowWithFilter => sql.contains(" UNION ALL ") && sql.contains(" IS NULL"),
        Defect::LostRowInRowExecution => state.row_execution,
        Defect::LostRowInJoin => sql.contains(" JOIN ") && !sql.contains("LIMIT"),
        _ => false,
    };
    if lost && state.rows == 1 {
        return;
    }
    if defect == Defect::WrongOrder && sql.contains("ORDER BY") {
        match state.held.take() {
            None if state.rows == 1 => state.held = Some(body.to_vec()),
            Some(held) => {
                put(out, b'D', body);
                put(out, b'D', &held);
            }
            None => put(out, b'D', body),
        }
        return;
    }
    let sql = state.sql.clone();
    put(out, b'D', &map_values(body, &|value| altered(defect, &sql, value)));
}

fn altered(defect: Defect, sql: &str, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let Some(mut value) = value else {
        return (defect == Defect::MissingNull).then(Vec::new);
    };
    let digits =
        !value.is_empty() && value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    match defect {
        Defect::ScaleOffByOne if digits && value.contains(&b'.') => value.push(b'0'),
        Defect::WrongBinary if value.len() == 4 && value[0] == 0 => value[3] ^= 1,
        Defect::WrongFunction if digits && sql.contains("\"abs\"(") && value[0] != b'-' => {
            value.insert(0, b'-')
        }
        Defect::WrongCount if digits && sql.starts_with("SELECT count(*)") && sql.contains(" WHERE ") => {
            let count: u64 = String::from_utf8_lossy(&value).parse().unwrap_or(0);
            value = (count + 1).to_string().into_bytes();
        }
        _ => {}
    }
    Some(value)
}

fn map_values(body: &[u8], change: &dyn Fn(Option<Vec<u8>>) -> Option<Vec<u8>>) -> Vec<u8> {
    let mut out = body[..2].to_vec();
    let mut rest = &body[2..];
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let len = i32::from_be_bytes(*len);
        let (value, after) = after.split_at(usize::try_from(len).unwrap_or(0));
        rest = after;
        match change((len >= 0).then(|| value.to_vec())) {
            Some(value) => {
                out.extend_from_slice(&(value.len() as u32).to_be_bytes());
                out.extend_from_slice(&value);
            }
            None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
    out
}

fn replace(body: &mut [u8], from: &[u8], to: &[u8]) {
    if let Some(at) = body.windows(from.len()).position(|window| window == from) {
        body[at..at + to.len()].copy_from_slice(to);
    }
}

fn fields(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&byte| byte == 0).filter(|field| !field.is_empty())
}

fn join_fields<'a>(fields: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for field in fields {
        body.extend_from_slice(field);
        body.push(0);
    }
    body.push(0);
    body
}

fn without_field(body: &[u8], letter: u8) -> Vec<u8> {
    join_fields(fields(body).filter(|field| field[0] != letter))
}

fn shifted_position(body: &[u8]) -> Vec<u8> {
    let shifted: Vec<Vec<u8>> = fields(body)
        .map(|field| match field.split_first() {
            Some((b'P', number)) => {
                let position: u32 = String::from_utf8_lossy(number).parse().unwrap_or(0);
                format!("P{}", position + 1).into_bytes()
            }
            _ => field.to_vec(),
        })
        .collect();
    join_fields(shifted.iter().map(Vec::as_slice))
}

/// Sets the modifier of each column to -1: the name, then table, attribute, type, length, modifier, format.
fn without_typmods(body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    let mut at = 2;
    while let Some(end) = out[at..].iter().position(|&byte| byte == 0) {
        let typmod = at + end + 1 + 4 + 2 + 4 + 2;
        if typmod + 6 > out.len() {
            break;
        }
        out[typmod..typmod + 4].copy_from_slice(&(-1_i32).to_be_bytes());
        at = typmod + 6;
        if at >= out.len() {
            break;
        }
    }
    out
}
