//! DECLARE, FETCH, MOVE, CLOSE. A cursor's rows are made (and those of FOR UPDATE locked) when they are fetched. Those that may be
//! fetched again are held in memory.

use executor::execute::ResultSink;
use pg_query::NodeEnum;
use pg_query::protobuf::{ClosePortalStmt, DeclareCursorStmt, FetchDirection, FetchStmt};
use types::errors::cursors as errors;
use types::{Datum, PgError, Result, SqlState};

use crate::server::connection::Client;
use crate::server::output::FieldDescription;
use crate::server::rows::{Destination, Sink};
use crate::session::portal::{Cursor, Held, Keep, Portal, PortalState, ROWS_AT_A_TIME};
use crate::session::prepared::Source;
use crate::session::{Session, clock};

/// `CURSOR_OPT_BINARY` and its relatives of parsenodes.h.
const BINARY: i32 = 0x0001;
const SCROLL: i32 = 0x0002;
const NO_SCROLL: i32 = 0x0004;
const INSENSITIVE: i32 = 0x0008;
const ASENSITIVE: i32 = 0x0010;
const HOLD: i32 = 0x0020;
/// `FETCH_ALL` of parsenodes.h.
const FETCH_ALL: i64 = i64::MAX;

/// DECLARE.
pub(super) fn declare(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    statement: &DeclareCursorStmt,
    params: &[Datum],
) -> Result<String> {
    let options = statement.options;
    let holdable = options & HOLD != 0;
    for (one, other, both) in
        [("SCROLL", "NO SCROLL", SCROLL | NO_SCROLL), ("ASENSITIVE", "INSENSITIVE", ASENSITIVE | INSENSITIVE)]
    {
        if options & both == both {
            return Err(errors::both_specified(one, other));
        }
    }
    let query = source.inner();
    let clause = match query.node()? {
        NodeEnum::SelectStmt(select) => {
            crate::analyzer::into::refuse_into(select)?;
            crate::analyzer::locking_words(select)
        }
        _ => None,
    };
    let admit = |session: &mut Session| {
        match clause {
            Some(clause) if holdable => return Err(errors::holdable_locks(clause)),
            Some(clause) if options & SCROLL != 0 => return Err(errors::scrollable_locks(clause)),
            Some(clause) if options & INSENSITIVE != 0 => return Err(errors::insensitive_locks(clause)),
            Some(_) | None => {}
        }
        if statement.portalname.is_empty() {
            return Err(errors::empty_name());
        }
        if !holdable {
            session.require_block("DECLARE CURSOR")?;
        }
        if session.portals.get(&statement.portalname).is_some() {
            return Err(errors::duplicate(&statement.portalname));
        }
        Ok(())
    };
    let mut held = Held::default();
    let query = super::query::hold(session, client, &query, params, &mut held, &admit)?;
    held.keep_for(query.backward && options & NO_SCROLL == 0);
    held.runs_again = holdable && query.backward && options & NO_SCROLL == 0;
    if options & SCROLL != 0 {
        held.keep = Keep::All;
    }
    let cursor = Cursor {
        // PostgreSQL keeps the whole text that the client has sent.
        text: source.parsed.text.to_string(),
        holdable,
        binary: options & BINARY != 0,
        scrollable: statement.options & SCROLL != 0 || (statement.options & NO_SCROLL == 0 && query.backward),
        committed: false,
        failed: false,
        tables: query.tables,
        created_at: clock::now(),
    };
    let portal = Portal {
        prepared: None,
        params: Vec::new(),
        formats: Vec::new(),
        state: PortalState::Held(held),
        planned: None,
        cursor: Some(cursor),
        depth: session.savepoint_depth(),
    };
    session.portals.insert(&statement.portalname, portal);
    Ok("DECLARE CURSOR".to_owned())
}

/// Returns the columns of FETCH; `None` when there is no such cursor.
pub(super) fn columns(session: &Session, statement: &FetchStmt) -> Option<Vec<FieldDescription>> {
    match &session.portals.get(&statement.portalname)?.state {
        PortalState::Held(held) => Some(held.columns.clone()),
        PortalState::New | PortalState::Done => None,
    }
}

/// FETCH and MOVE.
pub(super) fn fetch(
    session: &mut Session,
    client: &mut Client,
    statement: &FetchStmt,
    destination: &mut Destination<'_>,
) -> Result<String> {
    let name = &statement.portalname;
    let missing = || PgError::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"));
    let portal = session.portals.get_mut(name).ok_or_else(missing)?;
    let is_binary = portal.cursor.as_ref().is_some_and(|cursor| cursor.binary);
    let scrollable = portal.cursor.as_ref().is_some_and(|cursor| cursor.scrollable);
    if portal.cursor.as_ref().is_some_and(|cursor| cursor.failed) {
        let message = format!("portal \"{name}\" cannot be run");
        return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    let PortalState::Held(held) = &mut portal.state else { return Err(missing()) };
    let mut held = std::mem::take(held);
    // Only the simple protocol leaves the format to the cursor.
    let mut binary = Destination::Wire { formats: &[1], describe: true };
    let destination = match destination {
        Destination::Wire { describe: true, .. } if is_binary => &mut binary,
        other => other,
    };
    let fetched = match forward(statement) {
        Some(count) => fetch_forward(session, client, statement, &mut held, count, destination),
        None => fetch_other(session, client, statement, &mut held, scrollable, destination),
    };
    held.let_go();
    let portal = session.portals.get_mut(name).ok_or_else(missing)?;
    portal.state = PortalState::Held(held);
    if let Some(cursor) = &mut portal.cursor {
        cursor.failed = fetched.is_err();
    }
    let command = if statement.ismove { "MOVE" } else { "FETCH" };
    fetched.map(|count| format!("{command} {count}"))
}

/// Returns how many rows a FETCH wants that come next.
fn forward(statement: &FetchStmt) -> Option<u64> {
    let count = u64::try_from(statement.how_many).ok().filter(|count| *count > 0);
    count.filter(|_| statement.direction() == FetchDirection::FetchForward)
}

/// FETCH FORWARD: many rows are not held together. An error comes before all rows unless these are many.
fn fetch_forward(
    session: &mut Session,
    client: &mut Client,
    statement: &FetchStmt,
    held: &mut Held,
    count: u64,
    destination: &mut Destination<'_>,
) -> Result<u64> {
    let access = session.access()?;
    let columns = held.columns.clone();
    let mut step = ROWS_AT_A_TIME.min(count);
    session.make_rows(held, held.position.saturating_add(step))?;
    let mut sink = match statement.ismove {
        true => Sink::discarding(),
        false => destination.open(client, &columns, &access)?,
    };
    let mut fetched = 0;
    loop {
        let motion = motion(held, FetchDirection::FetchForward, step as i64, statement.ismove);
        held.position = motion.position;
        fetched += motion.rows.len();
        let is_last = motion.rows.len() < step || fetched == count;
        for mut batch in held.slice(motion.rows.start, motion.rows.end) {
            batch.columns.truncate(columns.len());
            if sink.push(batch)?.is_break() {
                return Ok(fetched);
            }
        }
        if is_last {
            return Ok(fetched);
        }
        held.let_go();
        step = ROWS_AT_A_TIME.min(count - fetched);
        session.make_rows(held, held.position.saturating_add(step))?;
    }
}

/// The other directions.
fn fetch_other(
    session: &mut Session,
    client: &mut Client,
    statement: &FetchStmt,
    held: &mut Held,
    scrollable: bool,
    destination: &mut Destination<'_>,
) -> Result<u64> {
    session.make_rows(held, reach(held, statement))?;
    let motion = motion(held, statement.direction(), statement.how_many, statement.ismove);
    let from_end = statement.direction() == FetchDirection::FetchAbsolute && statement.how_many < 0;
    if (motion.backward || from_end) && !scrollable {
        return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward")
            .with_hint("Declare it with SCROLL option to enable backward scan."));
    }
    let count = motion.rows.len();
    if count > 0 {
        session.make_again(held, motion.rows.start)?;
    }
    held.position = motion.position;
    if statement.ismove {
        return Ok(count);
    }
    let columns = held.columns.clone();
    let batches: Vec<_> = if motion.descending {
        motion.rows.rev().flat_map(|row| held.slice(row, row + 1)).collect()
    } else {
        held.slice(motion.rows.start, motion.rows.end)
    };
    let access = session.access()?;
    let mut sink = destination.open(client, &columns, &access)?;
    for mut batch in batches {
        batch.columns.truncate(columns.len());
        let _ = sink.push(batch)?;
    }
    Ok(count)
}

/// Returns how many rows of a cursor a FETCH needs to have been made.
fn reach(held: &Held, statement: &FetchStmt) -> u64 {
    let count = statement.how_many;
    let forward = u64::try_from(count);
    match statement.direction() {
        FetchDirection::FetchForward | FetchDirection::FetchRelative => {
            forward.map_or(0, |count| held.position.saturating_add(count))
        }
        FetchDirection::FetchBackward => count
            .checked_neg()
            .and_then(|count| u64::try_from(count).ok())
            .map_or(0, |count| held.position.saturating_add(count)),
        FetchDirection::FetchAbsolute => forward.unwrap_or(u64::MAX),
        FetchDirection::Undefined => 0,
    }
}

/// What a FETCH does: the rows (from 0) it returns and where the cursor stands afterwards (0: before the first row).
struct Motion {
    rows: RowRange,
    descending: bool,
    backward: bool,
    position: u64,
}

/// A range of rows that knows its length.
struct RowRange {
    start: u64,
    end: u64,
}

impl RowRange {
    fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
    fn rev(self) -> impl Iterator<Item = u64> {
        (self.start..self.end).rev()
    }
}

fn motion(held: &Held, direction: FetchDirection, count: i64, is_move: bool) -> Motion {
    let (total, position) = (held.rows, held.position);
    let single = |target: i128, backward: bool| {
        let target = target.clamp(0, i128::from(total) + 1) as u64;
        let rows = if (1..=total).contains(&target) {
            RowRange { start: target - 1, end: target }
        } else {
            RowRange { start: 0, end: 0 }
        };
        Motion { rows, descending: false, backward, position: target }
    };
    // Showing the current row again means to go back to it.
    let refetches = !is_move && (1..=total).contains(&position);
    match direction {
        FetchDirection::FetchForward if count < 0 => backward(position, count.unsigned_abs()),
        FetchDirection::FetchBackward if count >= 0 => match count {
            0 => single(i128::from(position), !is_move),
            _ => backward(position, count.unsigned_abs()),
        },
        FetchDirection::FetchForward | FetchDirection::FetchBackward => {
            let count = count.unsigned_abs();
            if count == 0 {
                return single(i128::from(position), refetches);
            }
            let start = position.min(total);
            let end = start.saturating_add(count).min(total);
            let reached_end = count == FETCH_ALL.unsigned_abs() || end - start < count;
            Motion {
                rows: RowRange { start, end },
                descending: false,
                backward: false,
                position: if reached_end { total + 1 } else { end },
            }
        }
        FetchDirection::FetchAbsolute | FetchDirection::Undefined => {
            let target =
                if count < 0 { i128::from(total) + 1 + i128::from(count) } else { i128::from(count) };
            let target = if count < 0 { target.max(0) } else { target };
            // Absolute positions at or behind the current one need a rewind.
            single(target, target <= i128::from(position) && position > 0)
        }
        FetchDirection::FetchRelative => {
            single(i128::from(position) + i128::from(count), count < 0 || (count == 0 && refetches))
        }
    }
}

/// FETCH BACKWARD: the rows before the current one, nearest first.
fn backward(position: u64, count: u64) -> Motion {
    let end = position.saturating_sub(1);
    let start = end.saturating_sub(count);
    let reached_start = end - start < count;
    Motion {
        rows: RowRange { start, end },
        descending: true,
        backward: true,
        position: if reached_start { 0 } else { start + 1 },
    }
}

/// CLOSE.
pub(super) fn close(session: &mut Session, statement: &ClosePortalStmt) -> Result<String> {
    if statement.portalname.is_empty() {
        session.portals.retain(|portal| portal.cursor.is_none());
        return Ok("CLOSE CURSOR ALL".to_owned());
    }
    if session.portals.remove(&statement.portalname).is_none() {
        return Err(PgError::new(
            SqlState::INVALID_CURSOR_NAME,
            format!("cursor \"{}\" does not exist", statement.portalname),
        ));
    }
    Ok("CLOSE CURSOR".to_owned())
}
