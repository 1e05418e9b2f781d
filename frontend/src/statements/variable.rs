//! SET, RESET, SHOW, DISCARD.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    DiscardMode, DiscardStmt, Node, VariableSetKind as Kind, VariableSetStmt, VariableShowStmt, a_const,
};
use types::{Datum, PgError, Result, SqlState};

use super::fields::text_field;
use super::transaction::set_modes;
use crate::server::connection::Client;
use crate::server::output::FieldDescription;
use crate::server::rows::Destination;
use crate::session::Session;
use crate::session::portal::Portals;
use crate::session::sequences::SessionSequences;
use crate::session::settings::definition::find;
use crate::session::settings::{one_argument, quote_identifier};

/// SET and RESET.
pub(super) fn set(session: &mut Session, statement: &VariableSetStmt) -> Result<String> {
    let local = statement.is_local;
    let name = statement.name.as_str();
    if local && !session.open()?.in_block() && statement.kind() != Kind::VarSetMulti {
        session.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET LOCAL can only be used in transaction blocks");
    }
    match statement.kind() {
        Kind::VarSetValue => {
            let value = set_value(session, name, &statement.args)?;
            session.settings.lock().set(name, &value, local)?;
            if name.eq_ignore_ascii_case("seed") {
                session.seed()?;
            }
        }
        Kind::VarSetDefault => session.settings.lock().reset(name, local)?,
        Kind::VarReset => {
            session.settings.lock().reset(name, false)?;
            return Ok("RESET".to_owned());
        }
        Kind::VarResetAll => {
            session.settings.lock().reset_all();
            return Ok("RESET".to_owned());
        }
        Kind::VarSetCurrent => {
            let value = session.settings.lock().raw(name);
            session.settings.lock().set(name, &value, local)?;
        }
        Kind::VarSetMulti => set_multi(session, statement)?,
        Kind::Undefined => return Err(PgError::internal("a SET of no kind")),
    }
    Ok("SET".to_owned())
}

/// SET TRANSACTION and SET SESSION CHARACTERISTICS.
fn set_multi(session: &mut Session, statement: &VariableSetStmt) -> Result<()> {
    match statement.name.as_str() {
        "TRANSACTION" => {
            if !session.open()?.in_block() {
                session.warn(
                    SqlState::NO_ACTIVE_SQL_TRANSACTION,
                    "SET TRANSACTION can only be used in transaction blocks",
                );
            }
            set_modes(session, &statement.args, true)
        }
        "TRANSACTION SNAPSHOT" => {
            if statement.is_local {
                return Err(types::errors::transactions::cannot_import(
                    "SET LOCAL TRANSACTION SNAPSHOT is not implemented",
                ));
            }
            if !session.open()?.in_block() {
                session.warn(
                    SqlState::NO_ACTIVE_SQL_TRANSACTION,
                    "SET TRANSACTION can only be used in transaction blocks",
                );
            }
            let identifier = statement.args.first().and_then(constant_text).unwrap_or_default();
            session.import_snapshot(&identifier)
        }
        "SESSION CHARACTERISTICS" => set_modes(session, &statement.args, false),
        other => Err(PgError::not_supported(format!("SET {other}"))),
    }
}

/// Joins the arguments of SET to one value, as `flatten_set_variable_args`.
fn set_value(session: &Session, name: &str, args: &[Node]) -> Result<String> {
    let list_quoted = name.eq_ignore_ascii_case("search_path");
    let list = list_quoted
        || matches!(
            name.to_ascii_lowercase().as_str(),
            "datestyle" | "local_preload_libraries" | "session_preload_libraries" | "temp_tablespaces"
        );
    if args.len() > 1 && !list {
        return Err(one_argument(name));
    }
    let mut words = Vec::with_capacity(args.len());
    for arg in args {
        if let Some(NodeEnum::TypeCast(cast)) = &arg.node {
            let text = cast.arg.as_ref().and_then(|arg| constant_text(arg)).unwrap_or_default();
            words.push(interval_zone(session, &text)?);
            continue;
        }
        let text = constant_text(arg).ok_or_else(|| PgError::internal("an argument of SET of no kind"))?;
        words.push(if list_quoted { quote_identifier(&text) } else { text });
    }
    Ok(words.join(", "))
}

/// SET TIME ZONE INTERVAL: hours and minutes east become a fixed zone.
fn interval_zone(session: &Session, text: &str) -> Result<String> {
    let access = session.access()?;
    let interval = types::TypeRef::plain(types::oids::INTERVAL);
    match crate::session::values::read_text(text, interval, &access)? {
        Datum::Interval(interval) if interval.months == 0 && interval.days == 0 => {
            Ok(format!("{}", interval.microseconds as f64 / 3.6e9))
        }
        _ => Err(PgError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("invalid interval value for time zone: \"{text}\""),
        )),
    }
}

/// Returns the text of a constant node.
pub fn constant_text(node: &Node) -> Option<String> {
    match &node.node {
        Some(NodeEnum::AConst(constant)) => Some(match constant.val.as_ref()? {
            a_const::Val::Ival(value) => value.ival.to_string(),
            a_const::Val::Fval(value) => value.fval.clone(),
            a_const::Val::Boolval(value) => value.boolval.to_string(),
            a_const::Val::Sval(value) => value.sval.clone(),
            a_const::Val::Bsval(value) => value.bsval.clone(),
        }),
        Some(NodeEnum::String(value)) => Some(value.sval.clone()),
        Some(NodeEnum::Integer(value)) => Some(value.ival.to_string()),
        Some(NodeEnum::Float(value)) => Some(value.fval.clone()),
        Some(NodeEnum::Boolean(value)) => Some(value.boolval.to_string()),
        _ => None,
    }
}

/// Returns the columns of SHOW.
///
/// # Errors
/// `42704`.
pub(super) fn columns(session: &Session, statement: &VariableShowStmt) -> Result<Vec<FieldDescription>> {
    if statement.name == "all" {
        return Ok(["name", "setting", "description"].into_iter().map(text_field).collect());
    }
    session.settings.lock().show(&statement.name)?;
    let name = find(&statement.name).map_or(statement.name.as_str(), |definition| definition.name.as_str());
    Ok(vec![text_field(name)])
}

/// SHOW.
pub(super) fn show(
    session: &mut Session,
    client: &mut Client,
    statement: &VariableShowStmt,
    destination: &mut Destination<'_>,
) -> Result<String> {
    let rows = if statement.name == "all" {
        let settings = session.settings.lock();
        settings
            .list()
            .into_iter()
            .map(|(definition, raw, _)| {
                vec![
                    Datum::text(definition.name.as_str()),
                    Datum::text(definition.show(&raw)),
                    Datum::text(""),
                ]
            })
            .collect()
    } else {
        vec![vec![Datum::text(session.show_setting(&statement.name)?)]]
    };
    let access = session.access()?;
    destination.deliver(client, &columns(session, statement)?, &access, &rows)?;
    Ok("SHOW".to_owned())
}

/// DISCARD.
pub(super) fn discard(session: &mut Session, statement: &DiscardStmt) -> Result<String> {
    let tag = match statement.target() {
        DiscardMode::DiscardAll => {
            session.prevent_block("DISCARD ALL")?;
            session.portals = Portals::default();
            session.prepared = Arc::default();
            session.settings.lock().reset_all();
            *session.sequences.lock() = SessionSequences::default();
            let process = session.backend.process_id;
            session.engine.store.unlock_session(process);
            session.drop_temporary_relations()?;
            "DISCARD ALL"
        }
        DiscardMode::DiscardPlans => "DISCARD PLANS",
        DiscardMode::DiscardSequences => {
            *session.sequences.lock() = SessionSequences::default();
            "DISCARD SEQUENCES"
        }
        DiscardMode::DiscardTemp => {
            session.drop_temporary_relations()?;
            "DISCARD TEMP"
        }
        DiscardMode::Undefined => return Err(PgError::internal("a DISCARD of no kind")),
    };
    Ok(tag.to_owned())
}
