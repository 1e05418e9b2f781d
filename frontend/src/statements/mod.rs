//! Statements: one file for each kind, found from the tree's node.

mod absent;
mod cluster;
mod comment;
mod constraint_check;
mod constraints;
mod current_of;
mod cursor;
mod explain;
pub mod fields;
mod index;
mod internal;
mod maintenance;
mod point;
mod prepare;
pub mod query;
mod read_only;
mod role;
mod samples;
mod schema;
mod sequence;
mod statistics;
mod statistics_object;
pub(crate) mod table;
mod table_as;
mod transaction;
mod unsupported;
mod variable;
mod view;
mod view_text;

pub use samples::SampleCache;

use ::types::{Datum, Oid, PgError, Result, SqlState, oids};
use pg_query::NodeEnum;

use crate::analyzer::into::into_of;

pub(crate) use query::{default_value, execute_plan, plan};
pub(crate) use read_only::refuse_plan;
pub(crate) use table::stored_indexes::of as stored_indexes;
pub(crate) use table::{index_named, resolve};
pub(crate) use variable::constant_text;

use crate::copy;
use crate::server::connection::Client;
use crate::server::output::FieldDescription;
use crate::server::rows::Destination;
use crate::session::Session;
use crate::session::prepared::Source;

/// What Parse finds out about a statement.
#[derive(Debug, Default)]
pub struct Description {
    /// Types of the parameters.
    pub param_types: Vec<Oid>,
    /// Result columns; `None` when it returns no rows.
    pub columns: Option<Vec<FieldDescription>>,
}

/// Says whether a statement may run in a failed transaction.
pub fn ends_transaction(node: &NodeEnum) -> bool {
    matches!(node, NodeEnum::TransactionStmt(statement) if transaction::ends(statement))
}

/// Refuses statements that change something in a read-only transaction.
///
/// # Errors
/// `25006`.
pub fn refuse_read_only(session: &mut Session, node: &NodeEnum) -> Result<()> {
    let Some(command) = read_only::writes(node) else { return Ok(()) };
    if read_only::is_read_only(session)? { Err(read_only::refused(command)) } else { Ok(()) }
}

/// Refuses a command in a read-only transaction.
///
/// # Errors
/// `25006`.
pub(crate) fn refuse_write(session: &mut Session, command: &str) -> Result<()> {
    if read_only::is_read_only(session)? { Err(read_only::refused(command)) } else { Ok(()) }
}

/// Returns whether a statement may be one of few rows, or has next to nothing to do.
fn may_be_small(node: &NodeEnum) -> bool {
    matches!(
        node,
        NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::ExecuteStmt(_)
            | NodeEnum::TransactionStmt(_)
            | NodeEnum::VariableSetStmt(_)
            | NodeEnum::VariableShowStmt(_)
    )
}

/// Returns whether a statement has a snapshot before it does anything (`PlannedStmtRequiresSnapshot`).
fn takes_snapshot(node: &NodeEnum) -> bool {
    !matches!(
        node,
        NodeEnum::TransactionStmt(_)
            | NodeEnum::LockStmt(_)
            | NodeEnum::VariableSetStmt(_)
            | NodeEnum::VariableShowStmt(_)
            | NodeEnum::ConstraintsSetStmt(_)
            | NodeEnum::FetchStmt(_)
            | NodeEnum::UnlistenStmt(_)
            | NodeEnum::CheckPointStmt(_)
    )
}

/// Runs a statement and returns its command tag.
///
/// # Errors
/// The statement's error.
pub fn run(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<String> {
    session.backend.cancel.check()?;
    let node = source.node()?;
    refuse_read_only(session, node)?;
    if !may_be_small(node) {
        client.output.other_statement();
    }
    if takes_snapshot(node) {
        session.take_snapshot()?;
    }
    match node {
        NodeEnum::SelectStmt(select) if into_of(select).is_some() => {
            table_as::select_into(session, source, select, params)
        }
        NodeEnum::SelectStmt(_)
        | NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => query::run(session, client, source, params, destination),
        NodeEnum::TransactionStmt(statement) => transaction::run(session, statement),
        NodeEnum::ConstraintsSetStmt(statement) => constraints::set(session, statement),
        NodeEnum::VariableSetStmt(statement) => variable::set(session, statement),
        NodeEnum::VariableShowStmt(statement) => variable::show(session, client, statement, destination),
        NodeEnum::DiscardStmt(statement) => variable::discard(session, statement),
        // Nobody listens, as LISTEN is not there yet: there is nothing to stop.
        NodeEnum::UnlistenStmt(_) => Ok("UNLISTEN".to_owned()),
        NodeEnum::PrepareStmt(statement) => prepare::prepare(session, source, statement),
        NodeEnum::ExecuteStmt(statement) => prepare::execute(session, client, statement, params, destination),
        NodeEnum::DeallocateStmt(statement) => prepare::deallocate(session, statement),
        NodeEnum::DeclareCursorStmt(statement) => cursor::declare(session, client, source, statement, params),
        NodeEnum::FetchStmt(statement) => cursor::fetch(session, client, statement, destination),
        NodeEnum::ClosePortalStmt(statement) => cursor::close(session, statement),
        NodeEnum::ExplainStmt(statement) => {
            explain::run(session, client, source, statement, params, destination)
        }
        NodeEnum::CreateStmt(statement) => table::create(session, statement),
        NodeEnum::CreateTableAsStmt(statement) => table_as::create(session, source, statement, params),
        NodeEnum::DropStmt(statement) => table::drop(session, statement),
        NodeEnum::TruncateStmt(statement) => table::truncate(session, statement),
        NodeEnum::RenameStmt(statement) => table::rename(session, statement),
        NodeEnum::AlterObjectSchemaStmt(statement) => table::set_schema(session, statement),
        NodeEnum::AlterOwnerStmt(statement) => table::set_owner(session, statement),
        NodeEnum::AlterTableStmt(statement) => table::alter(session, statement),
        NodeEnum::CreateSchemaStmt(statement) => schema::create(session, client, destination, statement),
        NodeEnum::ViewStmt(statement) => view::create(session, source, statement),
        NodeEnum::CopyStmt(statement) => copy::run(session, client, source, statement),
        NodeEnum::LockStmt(statement) => maintenance::lock(session, statement),
        NodeEnum::VacuumStmt(statement) => maintenance::vacuum(session, statement),
        NodeEnum::CheckPointStmt(_) => maintenance::checkpoint(session),
        NodeEnum::ReindexStmt(statement) => index::reindex(session, statement),
        NodeEnum::ClusterStmt(statement) => cluster::run(session, statement),
        NodeEnum::CommentStmt(statement) => comment::run(session, statement),
        NodeEnum::IndexStmt(statement) => index::create(session, statement),
        NodeEnum::CreateStatsStmt(statement) => statistics_object::create(session, statement),
        NodeEnum::AlterStatsStmt(statement) => statistics_object::alter(session, statement),
        NodeEnum::CreateSeqStmt(statement) => sequence::create(session, statement),
        NodeEnum::AlterSeqStmt(statement) => sequence::alter(session, statement),
        NodeEnum::DropRoleStmt(statement) => {
            absent::drop_roles(session, &statement.roles, statement.missing_ok)
        }
        NodeEnum::DropdbStmt(statement) => {
            absent::drop_database(session, &statement.dbname, statement.missing_ok)
        }
        other => {
            if let Some(command) = unsupported::outside_blocks(other) {
                session.prevent_block(command)?;
            }
            Err(unsupported::error(other))
        }
    }
}

/// Finds out parameter types and result columns of a statement.
///
/// # Errors
/// The analyzer's.
pub fn describe(session: &mut Session, source: &Source, types: &[Oid]) -> Result<Description> {
    let columns = match source.node()? {
        NodeEnum::SelectStmt(select) if into_of(select).is_none() => {
            return query::describe(session, source, types);
        }
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => {
            return query::describe(session, source, types);
        }
        NodeEnum::VariableShowStmt(statement) => Some(variable::columns(session, statement)?),
        // SELECT INTO.
        NodeEnum::SelectStmt(_) => {
            let param_types = query::describe(session, source, types)?.param_types;
            return Ok(Description { param_types, columns: None });
        }
        NodeEnum::ExplainStmt(_) => {
            let param_types = describe_inner(session, source, types)?;
            return Ok(Description { param_types, columns: Some(explain::columns()) });
        }
        NodeEnum::DeclareCursorStmt(_) | NodeEnum::CreateTableAsStmt(_) => {
            return Ok(Description { param_types: describe_inner(session, source, types)?, columns: None });
        }
        NodeEnum::ExecuteStmt(statement) => session.find_prepared(&statement.name)?.columns.clone(),
        NodeEnum::FetchStmt(statement) if !statement.ismove => cursor::columns(session, statement),
        _ => None,
    };
    Ok(Description { param_types: known(types)?, columns })
}

/// Refuses types that the client has not told and that nothing tells.
fn known(types: &[Oid]) -> Result<Vec<Oid>> {
    match types.iter().position(|oid| [0, oids::UNKNOWN].contains(oid)) {
        None => Ok(types.to_vec()),
        Some(at) => {
            let message = format!("could not determine data type of parameter ${}", at + 1);
            Err(PgError::new(SqlState::INDETERMINATE_DATATYPE, message))
        }
    }
}

/// Finds out parameter types of a statement that has another one inside.
fn describe_inner(session: &mut Session, source: &Source, types: &[Oid]) -> Result<Vec<Oid>> {
    let inner = source.inner();
    match inner.node()? {
        // Looked for when it runs.
        NodeEnum::ExecuteStmt(_) => known(types),
        _ => Ok(describe(session, &inner, types)?.param_types),
    }
}
