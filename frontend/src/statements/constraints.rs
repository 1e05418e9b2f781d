//! SET CONSTRAINTS.

use pg_query::NodeEnum;
use pg_query::protobuf::{ConstraintsSetStmt, RangeVar};
use types::{Oid, PgError, Result, SqlState};

use crate::catalog::Catalog;
use crate::session::Session;

/// SET CONSTRAINTS ALL or names.
pub(super) fn set(session: &mut Session, statement: &ConstraintsSetStmt) -> Result<String> {
    if !session.open()?.in_block() {
        session.warn(
            SqlState::NO_ACTIVE_SQL_TRANSACTION,
            "SET CONSTRAINTS can only be used in transaction blocks",
        );
    }
    if statement.constraints.is_empty() {
        session.open()?.deferred.lock().set_all(statement.deferred);
    } else {
        let path = session.access()?.path();
        let mut oids = Vec::new();
        for node in &statement.constraints {
            if let Some(NodeEnum::RangeVar(name)) = &node.node {
                oids.extend(find(&session.open()?.catalog, &path, name)?);
            }
        }
        let mut deferred = session.open()?.deferred.lock();
        oids.into_iter().for_each(|oid| deferred.set(oid, statement.deferred));
    }
    if !statement.deferred {
        session.settle_deferred(false)?;
    }
    Ok("SET CONSTRAINTS".to_owned())
}

/// Returns the constraints of a name in the first schema that has any.
fn find(catalog: &Catalog, path: &[Oid], name: &RangeVar) -> Result<Vec<Oid>> {
    let schemas = match name.schemaname.as_str() {
        "" => path.to_vec(),
        schema => vec![catalog.schema_oid(schema).ok_or_else(|| {
            PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
        })?],
    };
    for schema in schemas {
        let relations = catalog.relations.values().filter(|relation| relation.schema == schema);
        let found: Vec<_> = relations
            .flat_map(|relation| &relation.constraints)
            .filter(|constraint| constraint.name == name.relname.as_str())
            .collect();
        if found.is_empty() {
            continue;
        }
        let deferrable: Vec<Oid> = found
            .iter()
            .filter(|constraint| constraint.deferrable)
            .map(|constraint| constraint.oid)
            .collect();
        if deferrable.is_empty() {
            let message = format!("constraint \"{}\" is not deferrable", name.relname);
            return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
        }
        return Ok(deferrable);
    }
    let shown = if name.schemaname.is_empty() {
        name.relname.clone()
    } else {
        format!("{}.{}", name.schemaname, name.relname)
    };
    Err(PgError::new(SqlState::UNDEFINED_OBJECT, format!("constraint \"{shown}\" does not exist")))
}
