//! CREATE SCHEMA, DROP SCHEMA.

use pg_query::protobuf::CreateSchemaStmt;
use types::{PgError, Result, SqlState};

use super::table::drop_relations;
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
        let oid = catalog.next_oid;
        catalog.next_oid += 1;
        catalog.schemas.insert(oid, name.into());
        Ok(())
    })?;
    Ok("CREATE SCHEMA".to_owned())
}

/// DROP SCHEMA.
pub(super) fn drop(
    session: &mut Session,
    schemas: &[String],
    missing_ok: bool,
    cascade: bool,
) -> Result<String> {
    session.claim_catalog()?;
    let mut dropped = Vec::new();
    for name in schemas {
        match names::schema_oid(&session.open()?.catalog, name) {
            Some(oid) if session.open()?.catalog.schemas.contains_key(&oid) => dropped.push((oid, name)),
            Some(_) => {
                return Err(PgError::new(
                    SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                    format!("cannot drop schema {name} because it is required by the database system"),
                ));
            }
            None if missing_ok => session.notice(
                SqlState::SUCCESSFUL_COMPLETION,
                format!("schema \"{name}\" does not exist, skipping"),
            ),
            None => {
                return Err(PgError::new(
                    SqlState::INVALID_SCHEMA_NAME,
                    format!("schema \"{name}\" does not exist"),
                ));
            }
        }
    }
    let oids: Vec<_> = dropped.iter().map(|(oid, _)| *oid).collect();
    let catalog = std::sync::Arc::clone(&session.open()?.catalog);
    let inside: Vec<_> =
        catalog.relations.values().filter(|relation| oids.contains(&relation.schema)).cloned().collect();
    let subject = match dropped.as_slice() {
        [(_, name)] => format!("schema {name}"),
        _ => "desired object(s)".to_owned(),
    };
    let container = dropped.first().map(|(_, name)| format!("schema {name}")).unwrap_or_default();
    drop_relations(session, &inside, &subject, Some(&container), cascade)?;
    session.change_catalog(|catalog| {
        oids.iter().for_each(|oid| drop_one(catalog, *oid));
        Ok(())
    })?;
    Ok("DROP SCHEMA".to_owned())
}

fn drop_one(catalog: &mut crate::catalog::Catalog, oid: types::Oid) {
    catalog.schemas.remove(&oid);
}
