//! PREPARE, EXECUTE, DEALLOCATE.

use std::sync::Arc;

use parking_lot::Mutex;
use pg_query::NodeEnum;
use pg_query::protobuf::{DeallocateStmt, ExecuteStmt, PrepareStmt};
use types::{Datum, PgError, Result, SqlState};

use super::query;
use crate::server::connection::Client;
use crate::server::rows::Destination;
use crate::session::prepared::{Prepared, Runs, Source};
use crate::session::{Session, clock};

/// PREPARE.
pub(super) fn prepare(session: &mut Session, source: &Source, statement: &PrepareStmt) -> Result<String> {
    if statement.name.is_empty() {
        return Err(PgError::new(
            SqlState::INVALID_PREPARED_STATEMENT_DEFINITION,
            "invalid statement name: must not be empty",
        ));
    }
    let inner = source.inner();
    let types = query::type_names(session, &statement.argtypes)?;
    let description = super::describe(session, &inner, &types)?;
    session.keep_prepared(Prepared {
        name: statement.name.clone(),
        text: Arc::clone(&source.parsed.text),
        source: Some(inner),
        param_types: description.param_types,
        columns: description.columns,
        from_sql: true,
        prepared_at: clock::now(),
        runs: Runs::default(),
        plan: Mutex::default(),
    })?;
    Ok("PREPARE".to_owned())
}

/// EXECUTE.
pub(super) fn execute(
    session: &mut Session,
    client: &mut Client,
    statement: &ExecuteStmt,
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<String> {
    let (prepared, values) = bind(session, statement, params)?;
    let Some(inner) = &prepared.source else { return Ok(String::new()) };
    let outer = session.current_sql.replace(Arc::clone(&inner.parsed.text));
    let types = std::mem::replace(&mut session.running_types, prepared.param_types.clone());
    session.bound_plan = session.plan_prepared(&prepared, &values)?;
    let tag = super::run(session, client, inner, &values, destination)?;
    session.running_types = types;
    session.current_sql = outer;
    Ok(tag)
}

/// Finds the statement of EXECUTE and computes its parameters.
pub(super) fn bind(
    session: &mut Session,
    statement: &ExecuteStmt,
    params: &[Datum],
) -> Result<(Arc<Prepared>, Vec<Datum>)> {
    let prepared = session.find_prepared(&statement.name)?;
    let (wanted, given) = (prepared.param_types.len(), statement.params.len());
    if wanted != given {
        return Err(PgError::new(
            SqlState::SYNTAX_ERROR,
            format!("wrong number of parameters for prepared statement \"{}\"", statement.name),
        )
        .with_detail(format!("Expected {wanted} parameters but got {given}.")));
    }
    let mut values = Vec::with_capacity(wanted);
    for (node, oid) in statement.params.iter().zip(&prepared.param_types) {
        let node: Option<&NodeEnum> = node.node.as_ref();
        let node = node.ok_or_else(|| PgError::internal("an EXECUTE parameter of no kind"))?;
        if let Some(location) = subquery_in(node) {
            return Err(PgError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot use subquery in EXECUTE parameter",
            )
            .at(usize::try_from(location).ok()));
        }
        values.push(query::evaluate(session, node, *oid, params)?);
    }
    Ok((prepared, values))
}

/// Returns where a subquery stands in an expression.
fn subquery_in(node: &NodeEnum) -> Option<i32> {
    if let NodeEnum::SubLink(link) = node {
        return Some(link.location);
    }
    node.nodes().iter().find_map(|(node, ..)| match node {
        pg_query::NodeRef::SubLink(link) => Some(link.location),
        _ => None,
    })
}

/// DEALLOCATE.
pub(super) fn deallocate(session: &mut Session, statement: &DeallocateStmt) -> Result<String> {
    if statement.isall || statement.name.is_empty() {
        session.prepared = Arc::default();
        return Ok("DEALLOCATE ALL".to_owned());
    }
    session.find_prepared(&statement.name)?;
    Arc::make_mut(&mut session.prepared).remove(&statement.name);
    Ok("DEALLOCATE".to_owned())
}
