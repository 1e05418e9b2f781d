//! CREATE SCHEMA.

use pg_query::NodeEnum;
use pg_query::protobuf::{CreateSchemaStmt, Node, ParseResult, RawStmt, RoleSpecType};
use types::{PgError, Result, SqlState};

use crate::server::connection::Client;
use crate::server::rows::Destination;
use crate::session::Session;
use crate::session::names;
use crate::session::prepared::Source;
use crate::session::settings::quote_identifier;

/// CREATE SCHEMA.
pub(super) fn create(
    session: &mut Session,
    client: &mut Client,
    destination: &mut Destination<'_>,
    statement: &CreateSchemaStmt,
) -> Result<String> {
    let mut name = statement.schemaname.as_str();
    if let Some(role) = &statement.authrole {
        super::role::owner(session, Some(role))?;
        name = match role.roletype() {
            RoleSpecType::RolespecCstring if name.is_empty() => &role.rolename,
            _ if name.is_empty() => crate::session::USER,
            _ => name,
        };
    }
    if name.starts_with("pg_") {
        return Err(PgError::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    if names::schema_oid(&session.open()?.catalog, name).is_some() {
        let message = format!("schema \"{name}\" already exists");
        if statement.if_not_exists {
            session.notice(SqlState::DUPLICATE_SCHEMA, format!("{message}, skipping"));
            return Ok("CREATE SCHEMA".to_owned());
        }
        return Err(PgError::new(SqlState::DUPLICATE_SCHEMA, message));
    }
    session.change_catalog(|catalog| {
        // The schema that a new database has keeps its number.
        let first = types::oids::PUBLIC_NAMESPACE;
        let oid = if name == "public" && !catalog.schemas.contains_key(&first) {
            first
        } else {
            catalog.allocate_oid()
        };
        catalog.schemas.insert(oid, name.into());
        Ok(())
    })?;
    if !statement.schema_elts.is_empty() {
        let before = session.settings.lock().raw("search_path");
        let path = format!("{}, {before}", quote_identifier(name));
        session.settings.lock().set("search_path", &path, true)?;
        elements(session, client, destination, (name, &statement.schema_elts))?;
        session.settings.lock().set("search_path", &before, true)?;
    }
    Ok("CREATE SCHEMA".to_owned())
}

/// Makes what stands in CREATE SCHEMA: sequences, tables, views, indexes (`transformCreateSchemaStmtElements`).
fn elements(
    session: &mut Session,
    client: &mut Client,
    destination: &mut Destination<'_>,
    (schema, elements): (&str, &[Node]),
) -> Result<()> {
    let mut sorted: Vec<(u8, &Node)> = Vec::with_capacity(elements.len());
    for element in elements {
        let (rank, name) = match &element.node {
            Some(NodeEnum::CreateSeqStmt(statement)) => (0, statement.sequence.as_ref()),
            Some(NodeEnum::CreateStmt(statement)) => (1, statement.relation.as_ref()),
            Some(NodeEnum::ViewStmt(statement)) => (2, statement.view.as_ref()),
            Some(NodeEnum::IndexStmt(statement)) => (3, statement.relation.as_ref()),
            Some(_) | None => return Err(PgError::not_supported("this element of CREATE SCHEMA")),
        };
        let given = name.map_or("", |name| name.schemaname.as_str());
        if !given.is_empty() && given != schema {
            let message = format!(
                "CREATE specifies a schema ({given}) different from the one being created ({schema})"
            );
            return Err(PgError::new(SqlState::INVALID_SCHEMA_DEFINITION, message));
        }
        sorted.push((rank, element));
    }
    sorted.sort_by_key(|(rank, _)| *rank);
    for (_, element) in sorted {
        let raw = RawStmt { stmt: Some(Box::new(element.clone())), stmt_location: 0, stmt_len: 0 };
        let tree = ParseResult { version: 180_000, stmts: vec![raw] };
        let text = pg_query::deparse(&tree, pg_query::DeparseOptions::default());
        let text = text.map_err(|error| PgError::internal(error.to_string()))?;
        let source = Source::new(crate::parser::parse(&text)?, 0);
        super::run(session, client, &source, &[], destination)?;
    }
    Ok(())
}
