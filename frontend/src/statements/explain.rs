//! EXPLAIN.

use pg_query::NodeEnum;
use pg_query::protobuf::{DefElem, ExplainStmt};
use types::{Datum, PgError, Result, SqlState};

use super::fields::text_field;
use super::query;
use super::variable::constant_text;
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
    let (options, analyze) = options(statement)?;
    let inner = source.inner();
    if !matches!(
        inner.node()?,
        NodeEnum::SelectStmt(_) | NodeEnum::InsertStmt(_) | NodeEnum::UpdateStmt(_) | NodeEnum::DeleteStmt(_)
    ) {
        return Err(PgError::not_supported("EXPLAIN of this statement"));
    }
    let planned = query::plan(session, &inner, params)?;
    let report = if analyze {
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

fn options(statement: &ExplainStmt) -> Result<(Options, bool)> {
    let mut options = Options::default();
    let mut analyze = false;
    for option in &statement.options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        match option.defname.as_str() {
            "analyze" => analyze = flag(option)?,
            "verbose" => options.verbose = flag(option)?,
            "costs" => options.costs = flag(option)?,
            "timing" => options.timing = flag(option)?,
            // Accepted: there is nothing of these to show.
            "buffers" | "wal" | "settings" | "summary" | "memory" => {
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
    Ok((options, analyze))
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
        other => Err(PgError::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("unrecognized value for EXPLAIN option \"format\": \"{other}\""),
        )),
    }
}
