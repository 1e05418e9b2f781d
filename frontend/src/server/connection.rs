//! One client: the startup conversation, then messages until the client leaves.
//!
//! A session has a thread of its own, as PostgreSQL's has a process: point statements need no hop between threads,
//! and deeply nested statements find a large stack. The watcher stops statements whose client is gone.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use types::{PgError, Result, SqlState};

use super::backends::Backend;
use super::messages::{Body, Input, Message, ReadError, protocol_violation};
use super::output::{Output, Severity, put_string};
use super::socket::Socket;
use crate::session::engine::Engine;
use crate::session::settings::Settings;
use crate::session::{DATABASE, Session, USER};

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;
/// The newest protocol that is spoken: 3.2, with long cancel keys.
const PROTOCOL_LATEST: u32 = 3 << 16 | 2;

/// Both halves of a connection.
pub struct Client {
    /// From the client.
    pub input: Input,
    /// To the client.
    pub output: Output,
}

/// What a startup packet asks for.
struct Startup {
    version: u32,
    user: String,
    database: String,
    parameters: Vec<(String, String)>,
    unknown_options: Vec<String>,
}

/// Serves one connection to its end.
pub fn run(engine: &Arc<Engine>, stream: Socket) {
    stream.send_at_once();
    let (Ok(reader), Ok(watched)) = (stream.try_clone(), stream.try_clone()) else { return };
    let looks = Arc::new(AtomicBool::new(false));
    let mut client = Client {
        input: Input::new(reader, Arc::clone(&looks)),
        output: Output::new(stream, Arc::clone(&looks)),
    };
    let startup = match converse(engine, &mut client) {
        Ok(Some(startup)) => startup,
        Ok(None) | Err(ReadError::Closed) => return,
        Err(ReadError::Fatal(error)) => return fatal(&mut client, &error),
    };
    let secret_len = if startup.version >= PROTOCOL_LATEST { 32 } else { 4 };
    let Some(backend) = engine.backends.register(Some(watched), secret_len) else {
        return fatal(
            &mut client,
            &PgError::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already"),
        );
    };
    let process_id = backend.process_id;
    let _entered = types::interrupt::enter(&backend.cancel);
    match open_session(engine, &backend, &startup, &mut client) {
        Ok(mut session) => {
            if let Err(error) = serve(&mut session, &mut client) {
                fatal(&mut client, &error);
            }
            session.close();
        }
        Err(error) => fatal(&mut client, &error),
    }
    engine.store.unlock_session(process_id);
    engine.backends.remove(process_id);
}

/// Sends the error that ends the connection.
fn fatal(client: &mut Client, error: &PgError) {
    client.output.report(Severity::Fatal, error.fields(), None);
    client.output.flush();
}

/// Reads startup packets until one starts a session; `None` when there is nothing more to do.
fn converse(engine: &Engine, client: &mut Client) -> Result<Option<Startup>, ReadError> {
    loop {
        let (code, body) = client.input.startup()?;
        match code {
            SSL_REQUEST | GSSENC_REQUEST => {
                client.input.check_nothing_buffered()?;
                client.output.raw_byte(b'N')?;
            }
            CANCEL_REQUEST => {
                if let Some((process_id, secret)) = body.split_first_chunk::<4>() {
                    engine.backends.cancel(i32::from_be_bytes(*process_id), secret);
                }
                return Ok(None);
            }
            version => {
                let startup = decode_startup(version, &body).map_err(ReadError::Fatal)?;
                negotiate(client, &startup);
                return Ok(Some(startup));
            }
        }
    }
}

fn decode_startup(version: u32, body: &[u8]) -> Result<Startup> {
    if version >> 16 != 3 {
        return Err(PgError::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "unsupported frontend protocol {}.{}: server supports 3.0 to 3.2",
                version >> 16,
                version & 0xffff
            ),
        ));
    }
    let mut startup = Startup {
        version: version.min(PROTOCOL_LATEST),
        user: String::new(),
        database: String::new(),
        parameters: Vec::new(),
        unknown_options: if version > PROTOCOL_LATEST { vec![String::new()] } else { Vec::new() },
    };
    let bad_layout = || protocol_violation("invalid startup packet layout: expected terminator as last byte");
    let mut body = Body { bytes: body };
    loop {
        let name = body.string().map_err(|_| bad_layout())?;
        if name.is_empty() {
            break;
        }
        let value = body.string().map_err(|_| bad_layout())?;
        match name {
            "user" => value.clone_into(&mut startup.user),
            "database" => value.clone_into(&mut startup.database),
            "options" => startup.parameters.extend(command_line_options(value)),
            "replication" if !matches!(value, "false" | "off" | "no" | "0") => {
                return Err(PgError::not_supported("replication"));
            }
            "replication" => {}
            _ if name.starts_with("_pq_.") => startup.unknown_options.push(name.to_owned()),
            _ => startup.parameters.push((name.to_owned(), value.to_owned())),
        }
    }
    if !body.bytes.is_empty() {
        return Err(bad_layout());
    }
    if startup.user.is_empty() {
        return Err(PgError::new(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "no PostgreSQL user name specified in startup packet",
        ));
    }
    if startup.database.is_empty() {
        startup.database.clone_from(&startup.user);
    }
    Ok(startup)
}

/// Reads `-c name=value` and `--name=value` out of the `options` parameter; a backslash keeps a blank.
fn command_line_options(options: &str) -> Vec<(String, String)> {
    let mut words = vec![String::new()];
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => words.last_mut().into_iter().for_each(|word| word.extend(characters.next())),
            blank if blank.is_whitespace() => words.push(String::new()),
            other => words.last_mut().into_iter().for_each(|word| word.push(other)),
        }
    }
    let mut parameters = Vec::new();
    let mut words = words.into_iter().filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let setting = match word.as_str() {
            "-c" => words.next(),
            other => other.strip_prefix("--").or_else(|| other.strip_prefix("-c")).map(str::to_owned),
        };
        if let Some((name, value)) = setting.as_deref().and_then(|setting| setting.split_once('=')) {
            parameters.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    parameters
}

/// Tells a client that asks for more than is spoken what it gets.
fn negotiate(client: &mut Client, startup: &Startup) {
    if startup.unknown_options.is_empty() {
        return;
    }
    let names: Vec<&String> = startup.unknown_options.iter().filter(|name| !name.is_empty()).collect();
    client.output.message(b'v', |body| {
        body.extend_from_slice(&startup.version.to_be_bytes());
        body.extend_from_slice(&(names.len() as u32).to_be_bytes());
        for name in names {
            put_string(body, name);
        }
    });
}

/// Checks who connects to what, and greets.
fn open_session(
    engine: &Arc<Engine>,
    backend: &Arc<Backend>,
    startup: &Startup,
    client: &mut Client,
) -> Result<Session> {
    if engine.is_stopping() {
        return Err(PgError::new(SqlState::CANNOT_CONNECT_NOW, "the database system is shutting down"));
    }
    // Who the client says it is is believed; what it asks for comes next.
    client.output.message(b'R', |body| body.extend_from_slice(&0u32.to_be_bytes()));
    if startup.user != USER {
        return Err(PgError::new(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            format!("role \"{}\" does not exist", startup.user),
        ));
    }
    if startup.database != DATABASE {
        return Err(PgError::new(
            SqlState::INVALID_CATALOG_NAME,
            format!("database \"{}\" does not exist", startup.database),
        ));
    }
    let mut settings = Settings::default();
    settings.set_server("port", &engine.listen.port().to_string());
    settings.set_server("listen_addresses", &engine.listen.ip().to_string());
    settings.set_server("unix_socket_directories", &engine.socket_options.directories);
    settings.set_server("unix_socket_permissions", &engine.socket_options.permissions.to_string());
    settings.set_server("surus.memory_limit", &(engine.memory_bytes_max >> 10).to_string());
    settings.set_server("surus.threads", &engine.threads.to_string());
    settings.set_server("data_directory", &engine.store.directory().display().to_string());
    for (name, value) in &startup.parameters {
        settings.set_start(name, value)?;
    }
    for (name, value) in settings.take_reports() {
        client.output.parameter_status(name, &value);
    }
    client.output.message(b'K', |body| {
        body.extend_from_slice(&backend.process_id.to_be_bytes());
        body.extend_from_slice(&backend.secret);
    });
    let mut session = Session::new(Arc::clone(engine), Arc::clone(backend), settings);
    session.end_work();
    client.output.ready(session.status());
    client.output.flush();
    Ok(session)
}

/// Handles messages until the client leaves.
///
/// # Errors
/// The error that ends the connection.
fn serve(session: &mut Session, client: &mut Client) -> Result<()> {
    let mut discarding = false;
    loop {
        session.check_stopping()?;
        // Row versions that this session has made are removed by others most often.
        types::account::collect_now_and_then();
        let raw = match client.input.message() {
            Ok(raw) => raw,
            Err(ReadError::Closed) => {
                session.check_expired()?;
                return session.check_stopping();
            }
            Err(ReadError::Fatal(error)) => {
                session.check_expired()?;
                return Err(error);
            }
        };
        if discarding && !matches!(raw.tag, b'S' | b'X') {
            continue;
        }
        if raw.tag == b'S' {
            discarding = false;
        }
        let extended = !matches!(raw.tag, b'Q' | b'F' | b'S');
        let result = raw.decode().and_then(|message| match message {
            Message::Terminate => Ok(false),
            message => session.handle(client, message).map(|()| true),
        });
        client.input.recycle(raw);
        session.finish_reports(client);
        match result {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) if error.sqlstate() == SqlState::ADMIN_SHUTDOWN => {
                session.check_expired()?;
                return Err(error);
            }
            Err(error) => {
                client.output.report(Severity::Error, error.fields(), session.current_sql.as_deref());
                session.fail();
                discarding = extended;
                if !extended && !client.input.is_lost() {
                    session.ready(client);
                }
            }
        }
        if client.output.is_broken() {
            return Ok(());
        }
    }
}
