//! Who and where: the session, its settings, the server.

use executor::context::SessionAccess;
use executor::functions::{CallContext, FunctionEntry, row};
use types::{Datum, PgError, Result, SqlState, oids};

use super::super::layout::array;
use super::{access, text_at};
use crate::server::socket::ClientAddress;
use crate::session::{DATABASE, USER, clock, names};

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("clock_timestamp", clock_timestamp),
    row("current_database", |_, _| Ok(Datum::text(DATABASE))),
    row("current_query", |_, context| {
        let query = access(context)?.backend.activity.lock().query.clone();
        Ok(Datum::text(&*query))
    }),
    row("current_schema", current_schema),
    row("current_schemas", current_schemas),
    row("current_user", |_, _| Ok(Datum::text(USER))),
    row("getdatabaseencoding", |_, _| Ok(Datum::text("UTF8"))),
    row("inet_client_addr", inet_client_addr),
    row("inet_client_port", inet_client_port),
    row("inet_server_addr", inet_server_addr),
    row("inet_server_port", inet_server_port),
    row("now", now),
    row("pg_backend_pid", pg_backend_pid),
    row("pg_blocking_pids", pg_blocking_pids),
    row("pg_cancel_backend", pg_cancel_backend),
    row("pg_client_encoding", |_, _| Ok(Datum::text("UTF8"))),
    row("pg_conf_load_time", |_, context| Ok(Datum::I64(access(context)?.engine.started_at))),
    row("pg_export_snapshot", export_snapshot),
    row("pg_is_in_recovery", |_, _| Ok(Datum::Bool(false))),
    row("pg_isolation_test_session_is_blocked", session_is_blocked),
    row("pg_postmaster_start_time", |_, context| Ok(Datum::I64(access(context)?.engine.started_at))),
    row("pg_safe_snapshot_blocking_pids", |args, context| {
        let pids = endangering(args, context)?.into_iter().map(Datum::I32);
        Ok(array(oids::INT4, pids.collect()))
    }),
    row("pg_sleep", pg_sleep),
    row("pg_terminate_backend", pg_terminate_backend),
    row("pgsql_version", |_, _| Ok(Datum::text(version()))),
    row("session_user", |_, _| Ok(Datum::text(USER))),
    row("set_config_by_name", set_config),
    row("show_config_by_name", show_config),
    row("show_config_by_name_missing_ok", show_config),
    row("statement_timestamp", statement_timestamp),
];

fn export_snapshot(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let transaction = context.query.transaction()?;
    crate::session::snapshots::export(access(context)?, &transaction.lock()).map(Datum::text)
}

/// The version that clients are told.
pub const VERSION: &str = "18.4";

/// Returns what `version()` says.
pub fn version() -> String {
    format!(
        "PostgreSQL {VERSION} (Surus {}) on {}-unknown-linux-gnu, compiled by rustc, 64-bit",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    )
}

fn blockers(args: &[Datum], context: &CallContext<'_>) -> Result<Vec<i32>> {
    let Some(Datum::I32(process_id)) = args.first() else { return Ok(Vec::new()) };
    Ok(access(context)?.engine.store.blocking_processes(*process_id))
}

fn pg_blocking_pids(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let blockers = blockers(args, context)?;
    Ok(array(oids::INT4, blockers.into_iter().map(Datum::I32).collect()))
}

fn endangering(args: &[Datum], context: &CallContext<'_>) -> Result<Vec<i32>> {
    let Some(Datum::I32(process_id)) = args.first() else { return Ok(Vec::new()) };
    Ok(access(context)?.engine.store.processes_that_endanger(*process_id))
}

/// `pg_isolation_test_session_is_blocked`: whether a process waits for one of a list, or for a safe snapshot.
fn session_is_blocked(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    if !endangering(args, context)?.is_empty() {
        return Ok(Datum::Bool(true));
    }
    let blockers = blockers(args, context)?;
    let Some(Datum::Array(interesting)) = args.get(1) else { return Ok(Datum::Bool(false)) };
    let blocked = blockers.iter().any(|blocker| interesting.elements.contains(&Datum::I32(*blocker)));
    Ok(Datum::Bool(blocked))
}

fn now(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::I64(context.query.session.transaction_timestamp()))
}

fn statement_timestamp(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::I64(access(context)?.statement_timestamp()))
}

fn clock_timestamp(_: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::I64(clock::now()))
}

fn current_schema(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let schema = names::creation_schema(&access.catalog, access.search_path());
    Ok(schema.and_then(|schema| names::schema_name(&access.catalog, schema)).map_or(Datum::Null, Datum::text))
}

fn current_schemas(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let implicit = args.first() == Some(&Datum::Bool(true));
    let explicit = access.search_path().iter().any(|name| name == "pg_catalog");
    let schemas = access
        .path()
        .into_iter()
        .filter(|schema| implicit || explicit || *schema != oids::PG_CATALOG_NAMESPACE);
    let schemas = schemas
        .filter_map(|schema| names::schema_name(&access.catalog, schema))
        .filter(|name| implicit || !crate::session::temporary::is_temporary_schema(name))
        .map(Datum::text);
    Ok(array(oids::NAME, schemas.collect()))
}

/// Returns an address without a length of its network, as `inet_client_addr` and its relatives give it.
pub(in super::super) fn address(address: std::net::IpAddr) -> Datum {
    let address = match address {
        std::net::IpAddr::V4(address) => address.octets().to_vec(),
        std::net::IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bits = (address.len() * 8) as u8;
    types::network::Inet { address, bits }.datum()
}

fn inet_client_addr(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let client = access(context)?.backend.client.and_then(ClientAddress::tcp);
    Ok(client.map_or(Datum::Null, |client| address(client.ip())))
}

fn inet_server_addr(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let tcp = access.backend.client.and_then(ClientAddress::tcp);
    Ok(tcp.map_or(Datum::Null, |_| address(access.engine.listen.ip())))
}

fn inet_client_port(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let client = access(context)?.backend.client.and_then(ClientAddress::tcp);
    Ok(client.map_or(Datum::Null, |client| Datum::I32(i32::from(client.port()))))
}

fn inet_server_port(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let tcp = access.backend.client.and_then(ClientAddress::tcp);
    Ok(tcp.map_or(Datum::Null, |_| Datum::I32(i32::from(access.engine.listen.port()))))
}

fn pg_backend_pid(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::I32(access(context)?.backend.process_id))
}

fn pg_cancel_backend(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    signal(args, context, false)
}

fn pg_terminate_backend(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    signal(args, context, true)
}

fn signal(args: &[Datum], context: &CallContext<'_>, terminate: bool) -> Result<Datum> {
    let Some(Datum::I32(process_id)) = args.first() else { return Ok(Datum::Null) };
    let backends = access(context)?.engine.backends.list();
    let Some(backend) = backends.iter().find(|backend| backend.process_id == *process_id) else {
        return Ok(Datum::Bool(false));
    };
    if terminate {
        backend.cancel.terminate();
        if let Some(stream) = &backend.stream {
            stream.stop_reading();
        }
    } else {
        backend.cancel.cancel();
    }
    Ok(Datum::Bool(true))
}

fn pg_sleep(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let seconds = match args.first() {
        Some(Datum::F64(seconds)) if *seconds > 0.0 => *seconds,
        Some(_) | None => 0.0,
    };
    let until = clock::now().saturating_add((seconds * 1e6) as i64);
    loop {
        context.query.cancel.check()?;
        let left = until - clock::now();
        if left <= 0 {
            return Ok(Datum::text(""));
        }
        std::thread::sleep(std::time::Duration::from_micros(left.unsigned_abs().min(5_000)));
    }
}

fn show_config(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let shown = access(context)?.settings.lock().show(text_at(args, 0));
    match (shown, args.get(1)) {
        (Ok(value), _) => Ok(Datum::text(value)),
        (Err(_), Some(Datum::Bool(true))) => Ok(Datum::Null),
        (Err(error), _) => Err(error),
    }
}

fn set_config(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let Some(Datum::Text(name)) = args.first() else {
        return Err(PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
    };
    let local = args.get(2) == Some(&Datum::Bool(true));
    let mut settings = access(context)?.settings.lock();
    match args.get(1) {
        Some(Datum::Text(value)) => settings.set(name, value, local)?,
        Some(_) | None => settings.reset(name, local)?,
    }
    Ok(Datum::text(settings.show(name)?))
}
