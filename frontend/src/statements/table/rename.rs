//! ALTER ... RENAME.

use std::sync::Arc;

use pg_query::protobuf::{ObjectType, RenameStmt};
use types::{PgError, Result, SqlState};

use super::super::unsupported;
use super::{lookup, resolve, shown_name};
use crate::catalog::{Relation, RelationKind};
use crate::session::{Session, names};

/// ALTER TABLE / VIEW ... RENAME [COLUMN] and ALTER SCHEMA ... RENAME.
pub fn rename(session: &mut Session, statement: &RenameStmt) -> Result<String> {
    session.claim_catalog()?;
    let tag = match statement.relation_type() {
        _ if statement.rename_type() == ObjectType::ObjectView => "ALTER VIEW",
        ObjectType::ObjectView => "ALTER VIEW",
        _ => "ALTER TABLE",
    };
    match statement.rename_type() {
        ObjectType::ObjectTable | ObjectType::ObjectView | ObjectType::ObjectColumn => {}
        ObjectType::ObjectSchema => return rename_schema(session, statement),
        _ => return Err(unsupported::error(&pg_query::NodeEnum::RenameStmt(Box::new(statement.clone())))),
    }
    let Some(name) = &statement.relation else { return Err(PgError::internal("RENAME of no relation")) };
    if statement.missing_ok && lookup(session, name)?.is_none() {
        session.notice(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("relation \"{}\" does not exist, skipping", shown_name(name)),
        );
        return Ok(tag.to_owned());
    }
    let relation = resolve(session, name)?;
    refuse_dependents(session, &relation)?;
    let new_name = statement.newname.as_str();
    let renamed = if statement.rename_type() == ObjectType::ObjectColumn {
        rename_column(&relation, &statement.subname, new_name)?
    } else {
        if names::find_in(&session.open()?.catalog, relation.schema, new_name).is_some() {
            return Err(PgError::new(
                SqlState::DUPLICATE_TABLE,
                format!("relation \"{new_name}\" already exists"),
            ));
        }
        Relation { name: new_name.into(), ..Relation::clone(&relation) }
    };
    session.change_catalog(|catalog| {
        catalog.relations.insert(renamed.oid, Arc::new(renamed));
        Ok(())
    })?;
    Ok(tag.to_owned())
}

fn rename_column(relation: &Relation, old: &str, new: &str) -> Result<Relation> {
    let mut renamed = Relation::clone(relation);
    if renamed.columns.iter().any(|column| column.name == new) {
        return Err(PgError::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{new}\" of relation \"{}\" already exists", relation.name),
        ));
    }
    let column = renamed.columns.iter_mut().find(|column| column.name == old).ok_or_else(|| {
        PgError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{old}\" does not exist"))
    })?;
    column.name = new.into();
    Ok(renamed)
}

/// Views are stored as text, which a rename would break.
fn refuse_dependents(session: &Session, relation: &Relation) -> Result<()> {
    let used = session.open()?.catalog.relations.values().any(|view| match &view.kind {
        RelationKind::View { definition, .. } => definition.contains(relation.name.as_str()),
        _ => false,
    });
    if used { Err(PgError::not_supported("RENAME of a relation that views use")) } else { Ok(()) }
}

fn rename_schema(session: &mut Session, statement: &RenameStmt) -> Result<String> {
    let (old, new) = (statement.subname.as_str(), statement.newname.as_str());
    let catalog = &session.open()?.catalog;
    let oid = names::schema_oid(catalog, old).ok_or_else(|| {
        PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{old}\" does not exist"))
    })?;
    if names::schema_oid(catalog, new).is_some() {
        return Err(PgError::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{new}\" already exists")));
    }
    if !catalog.schemas.contains_key(&oid) {
        return Err(PgError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied for schema {old}"),
        ));
    }
    session.change_catalog(|catalog| {
        catalog.schemas.insert(oid, new.into());
        Ok(())
    })?;
    Ok("ALTER SCHEMA".to_owned())
}
