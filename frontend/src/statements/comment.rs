//! COMMENT ON.

use std::sync::Arc;

use ::types::{PgError, Result, SqlState};
use pg_query::NodeEnum;
use pg_query::protobuf::{CommentStmt, ObjectType};
use storage::{TableId, TableLockMode};

use super::table::{find_index, lock_named, range_var, resolve, words};
use crate::catalog::dependency::{classes, column, whole};
use crate::catalog::{ObjectRef, Relation};
use crate::session::catalog_claims::Wanted;
use crate::session::{DATABASE, Session, names};

/// `pg_class.oid` of `pg_database`.
const PG_DATABASE: ::types::Oid = 1262;

/// How what gets a comment is locked.
const MODE: TableLockMode = TableLockMode::ShareUpdateExclusive;

/// COMMENT ON.
pub(super) fn run(session: &mut Session, statement: &CommentStmt) -> Result<String> {
    let kind = statement.objtype();
    let parts = statement.object.as_ref().map(|object| words(object)).unwrap_or_default();
    let object = match kind {
        ObjectType::ObjectTable
        | ObjectType::ObjectView
        | ObjectType::ObjectMatview
        | ObjectType::ObjectSequence => {
            lock_named(session, &range_var(&parts)?, MODE)?;
            whole(classes::RELATION, relation(session, &parts, kind)?.oid)
        }
        ObjectType::ObjectIndex => of_index(session, &parts)?,
        ObjectType::ObjectColumn => of_column(session, &parts)?,
        ObjectType::ObjectTabconstraint => of_constraint(session, &parts)?,
        ObjectType::ObjectSchema => {
            let name = parts.first().cloned().unwrap_or_default();
            loop {
                let oid = names::schema_oid(&session.open()?.catalog, &name).ok_or_else(|| {
                    PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
                })?;
                if !session.lock_schema(oid, MODE)? {
                    break whole(classes::SCHEMA, oid);
                }
            }
        }
        ObjectType::ObjectDatabase => {
            let name = parts.first().cloned().unwrap_or_default();
            if name != DATABASE {
                let message = format!("database \"{name}\" does not exist");
                session.warn(SqlState::INVALID_CATALOG_NAME, message);
                return Ok("COMMENT".to_owned());
            }
            whole(PG_DATABASE, 5)
        }
        ObjectType::ObjectStatisticExt => {
            whole(classes::STATISTICS, super::statistics_object::find(session, &parts)?.oid)
        }
        ObjectType::ObjectRole => {
            let name = parts.first().cloned().unwrap_or_default();
            whole(classes::ROLE, super::role::find(session, &name)?)
        }
        _ => return Err(super::unsupported::error(&NodeEnum::CommentStmt(Box::new(statement.clone())))),
    };
    let comment = statement.comment.as_str();
    session.change_catalog(|catalog| {
        if comment.is_empty() {
            catalog.comments.remove(&object);
        } else {
            catalog.comments.insert(object, comment.into());
        }
        Ok(())
    })?;
    Ok("COMMENT".to_owned())
}

fn relation(session: &Session, parts: &[String], kind: ObjectType) -> Result<Arc<Relation>> {
    let found = resolve(session, &range_var(parts)?)?;
    let wanted = match kind {
        ObjectType::ObjectView => "view",
        ObjectType::ObjectMatview => "materialized view",
        ObjectType::ObjectSequence => "sequence",
        _ => "table",
    };
    if found.kind.noun() == wanted {
        return Ok(found);
    }
    let message = format!("\"{}\" is not a {wanted}", found.name);
    Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
}

fn of_index(session: &mut Session, parts: &[String]) -> Result<ObjectRef> {
    let name = range_var(parts)?;
    loop {
        let index = find_index(session, &name, "index")?.1.oid;
        let wanted = Wanted { table: TableId(u64::from(index)), mode: MODE, entry: None };
        if !session.lock_wanted(&[wanted])? {
            return Ok(whole(classes::RELATION, index));
        }
    }
}

fn of_column(session: &mut Session, parts: &[String]) -> Result<ObjectRef> {
    let Some((name, table)) = parts.split_last() else {
        return Err(PgError::internal("a column of nothing"));
    };
    lock_named(session, &range_var(table)?, MODE)?;
    let table = resolve(session, &range_var(table)?)?;
    let position = table.column_position(name).ok_or_else(|| {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
        PgError::new(SqlState::UNDEFINED_COLUMN, message)
    })?;
    Ok(column(table.oid, table.attnum(position)))
}

fn of_constraint(session: &mut Session, parts: &[String]) -> Result<ObjectRef> {
    let Some((name, table)) = parts.split_last() else {
        return Err(PgError::internal("a constraint of nothing"));
    };
    lock_named(session, &range_var(table)?, MODE)?;
    let table = resolve(session, &range_var(table)?)?;
    let found = table.constraints.iter().find(|constraint| constraint.name == name.as_str());
    let found = found.ok_or_else(|| {
        let message = format!("constraint \"{name}\" for table \"{}\" does not exist", table.name);
        PgError::new(SqlState::UNDEFINED_OBJECT, message)
    })?;
    Ok(whole(classes::CONSTRAINT, found.oid))
}
