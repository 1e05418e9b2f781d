//! CREATE TABLE.

use std::sync::Arc;

use executor::context::SessionAccess;
use pg_query::protobuf::{CreateStmt, RangeVar};
use storage::ColumnDefinition;
use types::{Oid, PgError, PhysicalType, Result, SqlState, TypeRef, oids};

use super::shown_name;
use crate::analyzer::{AnalyzerContext, ddl};
use crate::catalog::{Catalog, ConstraintKind, Relation};
use crate::session::Session;
use crate::session::names;

/// CREATE TABLE.
pub fn create(session: &mut Session, statement: &CreateStmt) -> Result<String> {
    let Some(name) = &statement.relation else {
        return Err(PgError::internal("CREATE TABLE without a name"));
    };
    let tag = || Ok("CREATE TABLE".to_owned());
    let Some(schema) = free_name(session, name, statement.if_not_exists)? else { return tag() };
    let access = session.access()?;
    let mut next_oid = access.catalog.next_oid;
    let relation = {
        let search_path: Vec<ecow::EcoString> =
            access.search_path.iter().map(ecow::EcoString::from).collect();
        let context = AnalyzerContext {
            catalog: &access.catalog,
            search_path: &search_path,
            param_types: &[],
            fixed_params: true,
            io: access.io(),
        };
        let mut allocate = || {
            next_oid += 1;
            next_oid - 1
        };
        ddl::create_table(statement, schema, &mut allocate, &context)?
    };
    session.change_catalog(|catalog| {
        catalog.next_oid = next_oid;
        Ok(())
    })?;
    make(session, relation)?;
    tag()
}

/// Returns the schema that a new relation goes to; `None` when a relation of that name exists and that is allowed
/// (a notice is queued then).
///
/// # Errors
/// `3F000`, `42P07`, `42501`.
pub fn free_name(session: &mut Session, name: &RangeVar, exists_ok: bool) -> Result<Option<Oid>> {
    if name.relpersistence == "t" {
        return Err(PgError::not_supported("temporary tables"));
    }
    session.claim_catalog()?;
    let search_path = session.search_path();
    let catalog = Arc::clone(&session.open()?.catalog);
    let location = usize::try_from(name.location).ok();
    let schema = if name.schemaname.is_empty() {
        names::creation_schema(&catalog, &search_path).ok_or_else(|| {
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
    if !is_taken(&catalog, schema, &name.relname) {
        return Ok(Some(schema));
    }
    let message = format!("relation \"{}\" already exists", name.relname);
    if exists_ok {
        session.notice(SqlState::DUPLICATE_TABLE, format!("{message}, skipping"));
        return Ok(None);
    }
    Err(PgError::new(SqlState::DUPLICATE_TABLE, message))
}

/// Says whether a relation or index of that name exists.
fn is_taken(catalog: &Catalog, schema: Oid, name: &str) -> bool {
    names::find_in(catalog, schema, name).is_some()
        || catalog
            .relations
            .values()
            .filter(|relation| relation.schema == schema)
            .flat_map(|relation| &relation.constraints)
            .any(|constraint| {
                matches!(constraint.kind, ConstraintKind::PrimaryKey { .. } | ConstraintKind::Unique { .. })
                    && constraint.name == name
            })
}

/// Makes a table: rows in the storage, the relation in the catalog.
///
/// # Errors
/// `0A000` for a column type without a stored form, or for UNIQUE constraints.
pub fn make(session: &mut Session, relation: Relation) -> Result<Arc<Relation>> {
    let mut key = None;
    for constraint in &relation.constraints {
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } => key = Some(columns.clone()),
            ConstraintKind::Unique { .. } => return Err(PgError::not_supported("UNIQUE constraints")),
            ConstraintKind::NotNull { .. } | ConstraintKind::Check { .. } | ConstraintKind::ForeignKey(_) => {
            }
        }
    }
    let columns = relation
        .columns
        .iter()
        .map(|column| {
            let physical = types::physical_type(column.ty.oid).ok_or_else(|| {
                PgError::not_supported(format!("storing columns of type {}", column.ty.oid))
            })?;
            Ok(ColumnDefinition {
                physical,
                fixed_scale: (physical == PhysicalType::Numeric).then(|| fixed_scale(column.ty)).flatten(),
                nullable: !column.not_null,
                name: column.name.to_string(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let table = relation.table_id();
    session.open()?.storage.lock().create_table(table, columns, key)?;
    let relation = Arc::new(relation);
    let made = Arc::clone(&relation);
    session.change_catalog(|catalog| {
        catalog.put_relation(relation);
        Ok(())
    })?;
    Ok(made)
}

/// Returns the scale of a `numeric(p, s)` column that is stored as integers.
pub fn fixed_scale(ty: TypeRef) -> Option<u8> {
    let packed = u32::try_from(ty.typmod.checked_sub(4)?).ok()?;
    let precision = packed >> 16;
    // As numeric_typmod_scale: eleven bits, signed.
    let scale = ((packed & 0x7ff) ^ 1024) as i32 - 1024;
    let scale = u8::try_from(scale).ok()?;
    (ty.oid == oids::NUMERIC && precision <= 38 && u32::from(scale) <= precision).then_some(scale)
}
