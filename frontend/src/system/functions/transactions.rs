//! Numbers, snapshots and outcomes of transactions.

use executor::functions::{CallContext, FunctionEntry, row};
use types::{Datum, PgError, Result, SqlState};

use super::access;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("pg_current_snapshot", current_snapshot),
    row("pg_current_xact_id", |_, context| {
        Ok(Datum::I64(context.query.transaction()?.lock().assign_xid() as i64))
    }),
    row("pg_current_xact_id_if_assigned", |_, context| {
        let xid = context.query.transaction()?.lock().xid();
        Ok(xid.map_or(Datum::Null, |xid| Datum::I64(xid as i64)))
    }),
    row("pg_xact_status", status),
];

/// Returns `xmin:xmax:xip_list`: who is in flight now, and the next number.
fn current_snapshot(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let (mut running, mut next) = access(context)?.engine.store.running_xids();
    running.sort_unstable();
    // Numbers after the last transaction that is over are not of the snapshot.
    while running.last() == Some(&(next - 1)) {
        running.pop();
        next -= 1;
    }
    let own = context.query.transaction()?.lock().xid();
    let oldest = running.first().copied().unwrap_or(next);
    running.retain(|xid| Some(*xid) != own);
    let list: Vec<String> = running.iter().map(u64::to_string).collect();
    Ok(Datum::text(format!("{oldest}:{next}:{}", list.join(","))))
}

/// Returns what has become of a transaction; NULL for one before the server's start.
fn status(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let Some(Datum::I64(xid)) = args.first() else { return Ok(Datum::Null) };
    let xid = *xid as u64;
    let engine = &access(context)?.engine;
    let (running, next) = engine.store.running_xids();
    if xid >= next {
        let message = format!("transaction ID {xid} is in the future");
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    let text = match xid {
        // Those of the system's own rows.
        1 | 2 => "committed",
        0 => return Ok(Datum::Null),
        _ if running.contains(&xid) => "in progress",
        _ => match engine.outcomes.committed(xid) {
            Some(true) => "committed",
            Some(false) => "aborted",
            None => return Ok(Datum::Null),
        },
    };
    Ok(Datum::text(text))
}
