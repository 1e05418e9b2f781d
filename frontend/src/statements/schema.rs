//! CREATE SCHEMA.

use pg_query::protobuf::CreateSchemaStmt;
use types::{PgError, Result, SqlState};

use crate::session::Session;
use crate::session::names;

/// CREATE SCHEMA.
pub(super) fn create(session: &mut Session, statement: &CreateSchemaStmt) -> Result<String> {
    if !statement.schema_elts.is_empty() {
        return Err(PgError::not_supported("CREATE SCHEMA with elements"));
    }
    if statement.authrole.is_some() {
        return Err(PgError::not_supported("CREATE SCHEMA AUTHORIZATION"));
    }
    let name = statement.schemaname.as_str();
    if name.starts_with("pg_") {
        return Err(PgError::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{name}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    session.claim_catalog()?;
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
    Ok("CREATE SCHEMA".to_owned())
}
