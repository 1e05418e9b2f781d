//! ALTER ... RENAME, ALTER ... SET SCHEMA, ALTER ... OWNER TO.

use std::collections::BTreeSet;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterObjectSchemaStmt, AlterOwnerStmt, ObjectType, RangeVar, RenameStmt};
use storage::TableLockMode;
use types::{Oid, PgError, Result, SqlState};

use super::super::{role, statistics_object, unsupported, view_text};
use super::{index_named, lock_changed, lookup, reanalyze, resolve, shown_name, with_context};
use crate::catalog::{ConstraintKind, Index, Relation, RelationKind};
use crate::session::Session;
use crate::session::catalog_claims::Wanted;
use crate::session::names::{self, Found};

fn tag(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectView => "ALTER VIEW",
        ObjectType::ObjectMatview => "ALTER MATERIALIZED VIEW",
        ObjectType::ObjectIndex => "ALTER INDEX",
        ObjectType::ObjectSequence => "ALTER SEQUENCE",
        ObjectType::ObjectType | ObjectType::ObjectAttribute => "ALTER TYPE",
        ObjectType::ObjectSchema => "ALTER SCHEMA",
        _ => "ALTER TABLE",
    }
}

/// Says a relation is of the kind that the statement names.
fn require_kind(relation: &Relation, kind: ObjectType) -> Result<()> {
    let wanted = match kind {
        ObjectType::ObjectView => "view",
        ObjectType::ObjectMatview => "materialized view",
        ObjectType::ObjectSequence => "sequence",
        ObjectType::ObjectIndex => "index",
        _ => return Ok(()),
    };
    if relation.kind.noun() == wanted || wanted == "index" && relation.kind.is_stored() {
        return Ok(());
    }
    let article = if wanted == "index" { "an" } else { "a" };
    let message = format!("\"{}\" is not {article} {wanted}", relation.name);
    Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
}

fn skip_missing(session: &mut Session, name: &RangeVar) {
    let message = format!("relation \"{}\" does not exist, skipping", shown_name(name));
    session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
}

/// ALTER ... RENAME.
pub fn rename(session: &mut Session, statement: &RenameStmt) -> Result<String> {
    if let Some(name) = &statement.relation {
        lock_renamed(session, name)?;
    }
    let kind = statement.rename_type();
    match kind {
        ObjectType::ObjectTable
        | ObjectType::ObjectView
        | ObjectType::ObjectMatview
        | ObjectType::ObjectSequence
        | ObjectType::ObjectIndex
        | ObjectType::ObjectColumn
        | ObjectType::ObjectTabconstraint => {}
        ObjectType::ObjectSchema => return rename_schema(session, statement),
        ObjectType::ObjectStatisticExt => return statistics_object::rename(session, statement),
        _ => return Err(unsupported::error(&NodeEnum::RenameStmt(Box::new(statement.clone())))),
    }
    let Some(name) = &statement.relation else { return Err(PgError::internal("RENAME of no relation")) };
    let of = if kind == ObjectType::ObjectColumn { statement.relation_type() } else { kind };
    let tag = tag(of).to_owned();
    let index = index_named(session, name)?;
    if statement.missing_ok && index.is_none() && lookup(session, name)?.is_none() {
        skip_missing(session, name);
        return Ok(tag);
    }
    let new_name = statement.newname.as_str();
    if let Some((table, index)) = index {
        rename_index(session, &table, &index, new_name)?;
        return Ok(tag);
    }
    let relation = resolve(session, name)?;
    require_kind(&relation, of)?;
    match kind {
        ObjectType::ObjectColumn => rename_column(session, &relation, &statement.subname, new_name)?,
        ObjectType::ObjectTabconstraint => {
            rename_constraint(session, &relation, &statement.subname, new_name)?;
        }
        _ => {
            check_free(session, relation.schema, new_name)?;
            let renamed = Relation { name: new_name.into(), ..Relation::clone(&relation) };
            view_text::rename(session, &relation, &renamed, None)?;
            put(session, renamed)?;
        }
    }
    Ok(tag)
}

/// Locks a relation, or an index, that gets another name, and what names it.
fn lock_renamed(session: &mut Session, name: &RangeVar) -> Result<()> {
    loop {
        let moved = match index_named(session, name)? {
            Some((table, index)) => {
                let mode = TableLockMode::ShareUpdateExclusive;
                session.lock_wanted(&[Wanted::change_index(&table, &index, mode)])?
            }
            None => {
                lock_changed(session, name, TableLockMode::AccessExclusive)?;
                match lookup(session, name)? {
                    Some(Found::User(relation)) => lock_texts_of(session, relation.oid)?,
                    Some(Found::System(_)) | None => false,
                }
            }
        };
        if !moved {
            return Ok(());
        }
    }
}

/// Takes the views that name a relation. Returns whether the catalog is another one now.
fn lock_texts_of(session: &mut Session, relation: Oid) -> Result<bool> {
    let catalog = Arc::clone(&session.open()?.catalog);
    if !view_text::is_used(&catalog, relation) {
        return Ok(false);
    }
    session.lock_texts(true)?;
    let uses = |view: &&Arc<Relation>| view.uses.iter().any(|used| used.oid == relation);
    session.claim_relations(catalog.relations.values().filter(uses).map(|view| view.oid))
}

fn put(session: &mut Session, relation: Relation) -> Result<()> {
    session.change_catalog(|catalog| {
        catalog.put_relation(Arc::new(relation));
        Ok(())
    })
}

fn check_free(session: &Session, schema: Oid, name: &str) -> Result<()> {
    if session.open()?.catalog.is_relation_name_taken(schema, name) {
        let message = format!("relation \"{name}\" already exists");
        return Err(PgError::new(SqlState::DUPLICATE_TABLE, message));
    }
    Ok(())
}

fn rename_index(session: &mut Session, table: &Relation, index: &Index, name: &str) -> Result<()> {
    check_free(session, table.schema, name)?;
    let mut changed = table.clone();
    for known in &mut changed.indexes {
        if known.oid == index.oid {
            *known = Arc::new(Index { name: name.into(), ..Index::clone(known) });
        }
    }
    for constraint in &mut changed.constraints {
        if index.constraint != 0 && constraint.oid == index.constraint {
            constraint.name = name.into();
        }
    }
    put(session, changed)
}

fn rename_constraint(session: &mut Session, table: &Relation, old: &str, new: &str) -> Result<()> {
    let found = table.constraints.iter().position(|constraint| constraint.name == old);
    let at = found.ok_or_else(|| {
        let message = format!("constraint \"{old}\" for table \"{}\" does not exist", table.name);
        PgError::new(SqlState::UNDEFINED_OBJECT, message)
    })?;
    if table.constraints.iter().any(|constraint| constraint.name == new) {
        let message = format!("constraint \"{new}\" for relation \"{}\" already exists", table.name);
        return Err(PgError::new(SqlState::DUPLICATE_OBJECT, message));
    }
    let constraint = &table.constraints[at];
    if let ConstraintKind::PrimaryKey { index, .. }
    | ConstraintKind::Unique { index, .. }
    | ConstraintKind::Exclusion { index } = &constraint.kind
        && let Some(index) = table.index(*index)
    {
        return rename_index(session, table, &Arc::clone(index), new);
    }
    let mut changed = table.clone();
    changed.constraints[at].name = new.into();
    put(session, changed)
}

fn rename_column(session: &mut Session, table: &Arc<Relation>, old: &str, new: &str) -> Result<()> {
    let at = table.column_position(old).ok_or_else(|| {
        PgError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{old}\" does not exist"))
    })?;
    if matches!(table.kind, RelationKind::Sequence(_)) {
        let message = format!("cannot rename columns of relation \"{}\"", table.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
            .with_detail("This operation is not supported for sequences."));
    }
    if table.column_position(new).is_some() {
        let message = format!("column \"{new}\" of relation \"{}\" already exists", table.name);
        return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    if matches!(new, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid") {
        let message = format!("column name \"{new}\" conflicts with a system column name");
        return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    let (renamed, statistics) = with_context(session, |context, _| {
        let mut rename = |table: &mut Relation| table.columns[at].name = new.into();
        let statistics = reanalyze::statistics(context, table, &mut rename)?;
        Ok((reanalyze::relation(context, table, &mut rename)?, statistics))
    })?;
    view_text::rename(session, table, &renamed, None)?;
    session.change_catalog(|catalog| {
        catalog.statistics.extend(statistics.into_iter().map(|changed| (changed.oid, Arc::new(changed))));
        Ok(())
    })?;
    put(session, renamed)
}

fn rename_schema(session: &mut Session, statement: &RenameStmt) -> Result<String> {
    let (old, new) = (statement.subname.as_str(), statement.newname.as_str());
    session.lock_texts(false)?;
    let (catalog, oid) = loop {
        let catalog = Arc::clone(&session.open()?.catalog);
        let oid = names::schema_oid(&catalog, old).ok_or_else(|| {
            PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{old}\" does not exist"))
        })?;
        let inside = catalog.relations.values().filter(|relation| relation.schema == oid);
        let inside: BTreeSet<Oid> = inside.map(|relation| relation.oid).collect();
        let names = |view: &&Arc<Relation>| view.uses.iter().any(|used| inside.contains(&used.oid));
        let views: Vec<Oid> = catalog.relations.values().filter(names).map(|view| view.oid).collect();
        let moved = session.claim_schema(oid)?;
        if !(session.claim_relations(views)? || moved) {
            break (catalog, oid);
        }
    };
    if names::schema_oid(&catalog, new).is_some() {
        return Err(PgError::new(SqlState::DUPLICATE_SCHEMA, format!("schema \"{new}\" already exists")));
    }
    if new.starts_with("pg_") {
        return Err(PgError::new(SqlState::RESERVED_NAME, format!("unacceptable schema name \"{new}\""))
            .with_detail("The prefix \"pg_\" is reserved for system schemas."));
    }
    if !catalog.schemas.contains_key(&oid) {
        let message = format!("permission denied for schema {old}");
        return Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    for relation in catalog.relations.values().filter(|relation| relation.schema == oid) {
        if view_text::is_used(&catalog, relation.oid) {
            view_text::rename(session, relation, relation, Some(new))?;
        }
    }
    session.change_catalog(|catalog| {
        catalog.schemas.insert(oid, new.into());
        Ok(())
    })?;
    Ok("ALTER SCHEMA".to_owned())
}

/// Locks a relation that gets another schema, what names it, its sequences and the schema.
fn lock_moved(session: &mut Session, name: &RangeVar, schema: &str) -> Result<()> {
    loop {
        lock_changed(session, name, TableLockMode::AccessExclusive)?;
        let Some(Found::User(relation)) = lookup(session, name)? else { return Ok(()) };
        let catalog = Arc::clone(&session.open()?.catalog);
        let mut moved = lock_texts_of(session, relation.oid)?;
        if let Some(schema) = names::schema_oid(&catalog, schema) {
            moved |= session.lock_schema(schema, TableLockMode::AccessShare)?;
        }
        let is_owned = |known: &&Arc<Relation>| match &known.kind {
            RelationKind::Sequence(sequence) => {
                sequence.owner.is_some_and(|(table, _)| table == relation.oid)
            }
            RelationKind::Table
            | RelationKind::System
            | RelationKind::View { .. }
            | RelationKind::Materialized { .. }
            | RelationKind::Composite => false,
        };
        let owned = catalog.relations.values().filter(is_owned);
        let owned: Vec<Wanted> =
            owned.map(|owned| Wanted::change(owned, TableLockMode::AccessExclusive)).collect();
        if !(session.lock_wanted(&owned)? || moved) {
            return Ok(());
        }
    }
}

/// ALTER ... SET SCHEMA.
pub fn set_schema(session: &mut Session, statement: &AlterObjectSchemaStmt) -> Result<String> {
    let kind = statement.object_type();
    if kind == ObjectType::ObjectStatisticExt {
        return statistics_object::set_schema(session, statement);
    }
    let Some(name) = &statement.relation else {
        return Err(PgError::not_supported("ALTER ... SET SCHEMA of this kind of object"));
    };
    if statement.missing_ok && lookup(session, name)?.is_none() {
        skip_missing(session, name);
        return Ok(tag(kind).to_owned());
    }
    lock_moved(session, name, &statement.newschema)?;
    let relation = resolve(session, name)?;
    require_kind(&relation, kind)?;
    if statement.newschema == "pg_temp" || statement.newschema.starts_with("pg_temp_") {
        let message = "cannot move objects into or out of temporary schemas";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    let catalog = Arc::clone(&session.open()?.catalog);
    let schema = names::schema_oid(&catalog, &statement.newschema).ok_or_else(|| {
        let message = format!("schema \"{}\" does not exist", statement.newschema);
        PgError::new(SqlState::INVALID_SCHEMA_NAME, message)
    })?;
    if let RelationKind::Sequence(sequence) = &relation.kind
        && let Some((table, _)) = sequence.owner
    {
        let table = catalog.relations.get(&table).map(|table| table.name.clone()).unwrap_or_default();
        let message = "cannot move an owned sequence into another schema";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message)
            .with_detail(format!("Sequence \"{}\" is linked to table \"{table}\".", relation.name)));
    }
    if schema == relation.schema {
        return Ok(tag(kind).to_owned());
    }
    if !catalog.schemas.contains_key(&schema) {
        let message = format!("permission denied for schema {}", statement.newschema);
        return Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    if catalog.is_relation_name_taken(schema, &relation.name) {
        let message =
            format!("relation \"{}\" already exists in schema \"{}\"", relation.name, statement.newschema);
        return Err(PgError::new(SqlState::DUPLICATE_TABLE, message));
    }
    let moved = Relation { schema, ..Relation::clone(&relation) };
    view_text::rename(session, &relation, &moved, None)?;
    session.change_catalog(|catalog| {
        for known in catalog.relations.values_mut() {
            if let RelationKind::Sequence(sequence) = &known.kind
                && sequence.owner.is_some_and(|(table, _)| table == moved.oid)
            {
                *known = Arc::new(Relation { schema, ..Relation::clone(known) });
            }
        }
        catalog.put_relation(Arc::new(moved));
        Ok(())
    })?;
    Ok(tag(kind).to_owned())
}

/// ALTER ... OWNER TO, for what is no relation.
pub fn set_owner(session: &mut Session, statement: &AlterOwnerStmt) -> Result<String> {
    let owner = role::owner(session, statement.newowner.as_ref())?;
    if statement.object_type() == ObjectType::ObjectStatisticExt {
        return statistics_object::set_owner(session, statement, owner);
    }
    if statement.object_type() != ObjectType::ObjectSchema {
        return Err(PgError::not_supported("ALTER ... OWNER TO of this kind of object"));
    }
    let name = match statement.object.as_ref().and_then(|object| object.node.as_ref()) {
        Some(NodeEnum::String(name)) => name.sval.clone(),
        Some(_) | None => String::new(),
    };
    let oid = loop {
        let oid = names::schema_oid(&session.open()?.catalog, &name).ok_or_else(|| {
            PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
        })?;
        if !session.claim_schema(oid)? {
            break oid;
        }
    };
    session.change_catalog(|catalog| {
        catalog.schema_facts.entry(oid).or_default().owner = owner;
        Ok(())
    })?;
    Ok("ALTER SCHEMA".to_owned())
}
