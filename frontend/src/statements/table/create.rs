//! CREATE TABLE: where a relation goes, the relation itself, its sequences.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use executor::context::SessionAccess;
use pg_query::NodeEnum;
use pg_query::protobuf::{CreateStmt, OnCommitAction, RangeVar};
use storage::{ColumnDefinition, TableLockMode};
use types::{Oid, PgError, PhysicalType, Result, SqlState, TypeRef, oids};

use super::shown_name;
use crate::analyzer::{AnalyzerContext, ddl};
use crate::catalog::delta::name_taken;
use crate::catalog::{Catalog, OnCommit, Persistence, Relation, RelationKind};
use crate::session::Session;
use crate::session::names::{self, Found};
use crate::statements::statistics_object;

/// Where a new relation goes.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// `pg_namespace.oid`.
    pub schema: Oid,
    /// How long it lives.
    pub persistence: Persistence,
}

/// CREATE TABLE.
pub fn create(session: &mut Session, statement: &CreateStmt) -> Result<String> {
    let Some(name) = &statement.relation else {
        return Err(PgError::internal("CREATE TABLE without a name"));
    };
    let tag = || Ok("CREATE TABLE".to_owned());
    let on_commit = on_commit(statement.oncommit);
    let Some(place) = place(session, name, on_commit, statement.if_not_exists, true)? else { return tag() };
    for element in &statement.table_elts {
        if let Some(NodeEnum::TableLikeClause(like)) = &element.node
            && let Some(source) = &like.relation
        {
            super::lock_named(session, source, TableLockMode::AccessShare)?;
        }
    }
    let (relation, sequences, comments) = loop {
        let made = with_context(session, |context, allocate| {
            let relation = Relation {
                oid: allocate(),
                name: name.relname.as_str().into(),
                schema: place.schema,
                kind: RelationKind::Table,
                persistence: place.persistence,
                ..Relation::default()
            };
            let builder = ddl::create_table(statement, relation, allocate, context)?;
            Ok((builder.relation, builder.sequences, builder.comments))
        })?;
        if !super::lock_referenced(session, &made.0, &[])? {
            break made;
        }
    };
    let relation = make(session, relation)?;
    put_sequences(session, sequences)?;
    copy_statistics(session, statement, &relation)?;
    session.change_catalog(|catalog| {
        catalog.comments.extend(comments);
        Ok(())
    })?;
    tag()
}

/// LIKE ... INCLUDING STATISTICS.
fn copy_statistics(session: &mut Session, statement: &CreateStmt, made: &Relation) -> Result<()> {
    const STATISTICS: u32 = 1 << 7;
    for element in &statement.table_elts {
        if let Some(NodeEnum::TableLikeClause(like)) = &element.node
            && like.options & STATISTICS != 0
            && let Some(source) = &like.relation
            && let Some(Found::User(source)) = super::lookup(session, source)?
        {
            statistics_object::copy(session, &source, made)?;
        }
    }
    Ok(())
}

/// Runs an analysis that allocates oids; they are taken from the catalog when it succeeds.
///
/// # Errors
/// Those of `analyze`.
pub fn with_context<T>(
    session: &mut Session,
    analyze: impl FnOnce(&AnalyzerContext<'_>, &mut dyn FnMut() -> Oid) -> Result<T>,
) -> Result<T> {
    let access = session.access()?;
    let oids = Arc::clone(&access.catalog.oids);
    let mut last = None;
    let search_path: Vec<ecow::EcoString> = access.search_path().iter().map(ecow::EcoString::from).collect();
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &search_path,
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let mut allocate = || {
        let oid = oids.fetch_add(1, Ordering::Relaxed);
        last = Some(oid);
        oid
    };
    let result = analyze(&context, &mut allocate)?;
    if let Some(last) = last {
        session.change_catalog(|catalog| {
            catalog.next_oid = catalog.next_oid.max(last + 1);
            Ok(())
        })?;
    }
    Ok(result)
}

/// Adds sequences to the catalog; each begins at its first value.
///
/// # Errors
/// Those of the storage.
pub fn put_sequences(session: &mut Session, sequences: Vec<Relation>) -> Result<()> {
    for sequence in sequences {
        if let RelationKind::Sequence(parameters) = &sequence.kind {
            session.engine.sequences.begin(&session.engine, parameters)?;
        }
        session.change_catalog(|catalog| {
            catalog.put_relation(Arc::new(sequence));
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads ON COMMIT.
pub fn on_commit(action: i32) -> Option<OnCommit> {
    match OnCommitAction::try_from(action).unwrap_or(OnCommitAction::Undefined) {
        OnCommitAction::Undefined | OnCommitAction::OncommitNoop => None,
        OnCommitAction::OncommitPreserveRows => Some(OnCommit::Preserve),
        OnCommitAction::OncommitDeleteRows => Some(OnCommit::Delete),
        OnCommitAction::OncommitDrop => Some(OnCommit::Drop),
    }
}

/// Returns where a new relation goes, which `has_type` of its rows or not; `None` when a relation of that name exists and that is allowed (a notice is queued
/// then).
///
/// # Errors
/// `3F000`, `42P07`, `42501`, `42P16`.
pub fn place(
    session: &mut Session,
    name: &RangeVar,
    on_commit: Option<OnCommit>,
    exists_ok: bool,
    has_type: bool,
) -> Result<Option<Place>> {
    let location = usize::try_from(name.location).ok();
    let temporary = name.relpersistence == "t" || name.schemaname == "pg_temp";
    let persistence = match name.relpersistence.as_str() {
        _ if temporary => Persistence::Temporary(on_commit.unwrap_or(OnCommit::Preserve)),
        "u" => Persistence::Unlogged,
        _ => Persistence::Permanent,
    };
    if on_commit.is_some() && !temporary {
        let message = "ON COMMIT can only be used on temporary tables";
        return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    let schema = if temporary {
        if !name.schemaname.is_empty() && name.schemaname != "pg_temp" {
            let message = "cannot create temporary relation in non-temporary schema";
            return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message).at(location));
        }
        session.temporary_schema()?
    } else {
        locked_schema(session, name)?
    };
    let waited = !temporary && session.claim_name(schema, &name.relname)?;
    let catalog = Arc::clone(&session.open()?.catalog);
    if waited && is_taken(&catalog, schema, &name.relname) {
        let other = catalog.relation_in(schema, &name.relname);
        let types = has_type && other.is_some_and(|other| !matches!(other.kind, RelationKind::Sequence(_)));
        return Err(name_taken(&name.relname, schema, types));
    }
    if !is_taken(&catalog, schema, &name.relname) {
        return Ok(Some(Place { schema, persistence }));
    }
    let message = format!("relation \"{}\" already exists", name.relname);
    if exists_ok {
        session.notice(SqlState::DUPLICATE_TABLE, format!("{message}, skipping"));
        return Ok(None);
    }
    Err(PgError::new(SqlState::DUPLICATE_TABLE, message))
}

/// Finds the schema of a new relation; nobody drops it meanwhile (`RangeVarGetAndCheckCreationNamespace`).
fn locked_schema(session: &mut Session, name: &RangeVar) -> Result<Oid> {
    loop {
        let schema = permanent_schema(session, name)?;
        let held = session.open()?.storage.lock().locks_len();
        if !session.lock_schema(schema, TableLockMode::AccessShare)?
            || permanent_schema(session, name)? == schema
        {
            return Ok(schema);
        }
        session.open()?.storage.lock().unlock_objects_to(held);
    }
}

fn permanent_schema(session: &Session, name: &RangeVar) -> Result<Oid> {
    let location = usize::try_from(name.location).ok();
    let catalog = Arc::clone(&session.open()?.catalog);
    let schema = if name.schemaname.is_empty() {
        names::creation_schema(&catalog, &session.search_path()).ok_or_else(|| {
            PgError::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in")
                .at(location)
        })?
    } else {
        names::schema_oid(&catalog, &name.schemaname).ok_or_else(|| {
            let message = format!("schema \"{}\" does not exist", name.schemaname);
            PgError::new(SqlState::INVALID_SCHEMA_NAME, message).at(location)
        })?
    };
    if !catalog.schemas.contains_key(&schema) {
        return Err(PgError::new(
            SqlState::INSUFFICIENT_PRIVILEGE,
            format!("permission denied to create \"{}\"", shown_name(name)),
        )
        .with_detail("System catalog modifications are currently disallowed."));
    }
    Ok(schema)
}

/// Says whether a relation or index of that name exists.
fn is_taken(catalog: &Catalog, schema: Oid, name: &str) -> bool {
    names::find_in(catalog, schema, name).is_some() || catalog.is_relation_name_taken(schema, name)
}

/// Makes a relation: rows in the storage when it has any, the entry in the catalog.
///
/// # Errors
/// `0A000` for a column type without a stored form.
pub fn make(session: &mut Session, mut relation: Relation) -> Result<Arc<Relation>> {
    if relation.kind.is_stored() {
        relation.file = relation.oid;
        make_file(session, &relation)?;
    }
    if relation.row_type == 0 && !matches!(relation.kind, RelationKind::Sequence(_)) {
        relation.row_type = session.change_catalog(|catalog| {
            let row_type = catalog.allocate_oid();
            catalog.allocate_oid();
            Ok(row_type)
        })?;
    }
    let relation = Arc::new(relation);
    let made = Arc::clone(&relation);
    session.change_catalog(|catalog| {
        catalog.put_relation(relation);
        Ok(())
    })?;
    Ok(made)
}

/// Makes the storage's table of a relation.
///
/// # Errors
/// `0A000` for a column type without a stored form.
pub fn make_file(session: &Session, relation: &Relation) -> Result<()> {
    let columns = relation
        .columns
        .iter()
        .map(|column| {
            let physical = types::physical_type(column.ty.oid).ok_or_else(|| {
                let name = crate::catalog::type_names::type_name(column.ty.oid);
                PgError::not_supported(format!("storing columns of type {name}"))
            })?;
            Ok(ColumnDefinition {
                physical,
                fixed_scale: (physical == PhysicalType::Numeric).then(|| fixed_scale(column.ty)).flatten(),
                nullable: true,
                name: column.name.to_string(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let indexes = super::stored_indexes::of(relation);
    session.open()?.storage.lock().create_table(relation.table_id(), columns, indexes)?;
    Ok(())
}

/// Returns the scale of a `numeric(p, s)` column that is stored as integers.
pub(crate) fn fixed_scale(ty: TypeRef) -> Option<u8> {
    let packed = u32::try_from(ty.typmod.checked_sub(4)?).ok()?;
    let precision = packed >> 16;
    // As numeric_typmod_scale: eleven bits, signed.
    let scale = ((packed & 0x7ff) ^ 1024) as i32 - 1024;
    let scale = u8::try_from(scale).ok()?;
    (ty.oid == oids::NUMERIC && precision <= 38 && u32::from(scale) <= precision).then_some(scale)
}
