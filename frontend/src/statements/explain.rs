//! EXPLAIN.

use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, ExplainStmt};
use types::{Datum, PgError, Result, SqlState};

use super::fields::text_field;
use super::query;
use super::variable::constant_text;
use crate::analyzer::into::into_of;
use crate::explain::{Format, Options, render};
use crate::server::connection::Client;
use crate::server::output::FieldDescription;
use crate::server::rows::Destination;
use crate::session::Session;
use crate::session::prepared::Source;
use crate::session::settings::definition::parse_bool;

/// Returns the column of EXPLAIN.
pub(super) fn columns() -> Vec<FieldDescription> {
    vec![text_field("QUERY PLAN")]
}

/// EXPLAIN.
pub(super) fn run(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    statement: &ExplainStmt,
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<String> {
    let (options, analyze, generic) = options(statement)?;
    let mut inner = source.inner();
    if let NodeEnum::CreateTableAsStmt(_) | NodeEnum::DeclareCursorStmt(_) = inner.node()? {
        if analyze && matches!(inner.node()?, NodeEnum::CreateTableAsStmt(_)) {
            return Err(PgError::not_supported("EXPLAIN ANALYZE of CREATE TABLE AS"));
        }
        inner = inner.inner();
    }
    if let NodeEnum::SelectStmt(select) = inner.node()?
        && analyze
        && into_of(select).is_some()
    {
        return Err(PgError::not_supported("EXPLAIN ANALYZE of SELECT INTO"));
    }
    let mut bound = None;
    if let NodeEnum::ExecuteStmt(execute) = inner.node()? {
        let (prepared, values) = super::prepare::bind(session, execute, params)?;
        let Some(source) = prepared.source.clone() else { return Ok("EXPLAIN".to_owned()) };
        inner = source;
        session.running_types.clone_from(&prepared.param_types);
        bound = Some(values);
    }
    if !matches!(
        inner.node()?,
        NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
    ) {
        return Err(PgError::not_supported("EXPLAIN of this statement"));
    }
    let params = if generic { &[] } else { bound.as_deref().unwrap_or(params) };
    let planned = match generic {
        true => query::plan_generic(session, &inner)?,
        false => query::plan(session, &inner, params)?,
    };
    let report = if analyze {
        super::refuse_plan(session, &planned, inner.node()?)?;
        let access = session.access()?;
        let mut discard = Destination::Discard;
        let mut sink = discard.open(client, &planned.columns, &access)?;
        Some(query::execute_plan(session, &planned, params, &mut sink)?)
    } else {
        None
    };
    let access = session.access()?;
    let lines = render(&planned.plan, report.as_ref(), &options, &access.catalog);
    let rows: Vec<Vec<Datum>> = lines.into_iter().map(|line| vec![Datum::text(line)]).collect();
    destination.deliver(client, &columns(), &access, &rows)?;
    Ok("EXPLAIN".to_owned())
}

/// Returns what to show, and whether ANALYZE and GENERIC_PLAN are given.
fn options(statement: &ExplainStmt) -> Result<(Options, bool, bool)> {
    let mut options = Options::default();
    let mut analyze = false;
    let (mut timing, mut wal, mut serialize, mut generic) = (false, false, false, false);
    for option in &statement.options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        match option.defname.as_str() {
            "analyze" => analyze = flag(option)?,
            "verbose" => options.verbose = flag(option)?,
            "costs" => options.costs = flag(option)?,
            "timing" => {
                options.timing = flag(option)?;
                timing = options.timing;
            }
            "wal" => wal = flag(option)?,
            "generic_plan" => generic = flag(option)?,
            "serialize" => serialize = serialization(option)?,
            // Accepted: there is nothing of these to show.
            "buffers" | "settings" | "summary" | "memory" => {
                flag(option)?;
            }
            "format" => options.format = format(option)?,
            other => {
                return Err(PgError::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized EXPLAIN option \"{other}\""),
                )
                .at(usize::try_from(option.location).ok()));
            }
        }
    }
    for (name, given) in [("WAL", wal), ("TIMING", timing), ("SERIALIZE", serialize)] {
        if given && !analyze {
            let message = format!("EXPLAIN option {name} requires ANALYZE");
            return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    }
    if generic && analyze {
        let message = "EXPLAIN options ANALYZE and GENERIC_PLAN cannot be used together";
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    Ok((options, analyze, generic))
}

/// Reads the SERIALIZE option: whether results are to be turned into their wire form, which happens anyway.
fn serialization(option: &DefElem) -> Result<bool> {
    let text = option.arg.as_ref().map(|arg| constant_text(arg).unwrap_or_default());
    match text.as_deref() {
        None | Some("text" | "binary") => Ok(true),
        Some("none" | "off") => Ok(false),
        Some(other) => Err(unknown_value(option, other)),
    }
}

/// Returns the `22023` of an option's value.
fn unknown_value(option: &DefElem, value: &str) -> PgError {
    let name = &option.defname;
    let message = format!("unrecognized value for EXPLAIN option \"{name}\": \"{value}\"");
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message).at(usize::try_from(option.location).ok())
}

pub(super) fn flag(option: &DefElem) -> Result<bool> {
    let Some(arg) = &option.arg else { return Ok(true) };
    let text = constant_text(arg).unwrap_or_default();
    parse_bool(&text).ok_or_else(|| {
        PgError::new(SqlState::SYNTAX_ERROR, format!("{} requires a Boolean value", option.defname))
    })
}

fn format(option: &DefElem) -> Result<Format> {
    let text = option.arg.as_ref().and_then(|arg| constant_text(arg)).unwrap_or_default();
    match text.as_str() {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        "xml" | "yaml" => Err(PgError::not_supported(format!("EXPLAIN (FORMAT {text})"))),
        other => Err(unknown_value(option, other)),
    }
}
