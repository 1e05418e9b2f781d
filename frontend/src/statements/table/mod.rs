//! CREATE TABLE, DROP, TRUNCATE, RENAME, ALTER TABLE.

mod alter;
mod batch_writer;
mod create;
mod drop;
mod reanalyze;
mod rename;
mod rewrite;
pub mod stored_indexes;
mod truncate;

use std::sync::Arc;

use pg_query::protobuf::RangeVar;
use storage::TableLockMode;
use types::{Oid, PgError, Result, SqlState};

use crate::catalog::{Index, Relation, RelationKind};
use crate::session::Session;
use crate::session::catalog_claims::Wanted;
use crate::session::names::{self, Found};

pub(super) use alter::alter;
pub(super) use batch_writer::BatchWriter;
pub(crate) use create::fixed_scale;
pub(super) use create::{create, make, make_file, on_commit, place, put_sequences, with_context};
pub(super) use drop::{drop, drop_objects, range_var, words};
pub(super) use rename::{rename, set_owner, set_schema};
pub(super) use rewrite::rewrite_ordered;
pub(super) use truncate::truncate;

/// Finds a relation of the user.
///
/// # Errors
/// `42P01`, `3F000`; `42501` for a system relation.
pub fn resolve(session: &Session, name: &RangeVar) -> Result<Arc<Relation>> {
    match lookup(session, name)? {
        Some(Found::User(relation)) => Ok(relation),
        Some(Found::System(relation)) => Err(system_relation(&relation.name)),
        None => Err(PgError::new(
            SqlState::UNDEFINED_TABLE,
            format!("relation \"{}\" does not exist", shown_name(name)),
        )),
    }
}

/// Locks the relation that a name stands for, or that has the index of that name, if there is one.
///
/// # Errors
/// What ends a wait, and what is wrong with the name.
pub(super) fn lock_named(session: &mut Session, name: &RangeVar, mode: TableLockMode) -> Result<()> {
    lock_found(session, name, &|relation| Wanted::lock(relation, mode))
}

/// As [`lock_named`], for a relation whose entry is going to change.
///
/// # Errors
/// As there.
pub(super) fn lock_changed(session: &mut Session, name: &RangeVar, mode: TableLockMode) -> Result<()> {
    lock_found(session, name, &|relation| Wanted::change(relation, mode))
}

/// As [`lock_named`], for a table that gets an index.
///
/// # Errors
/// As there.
pub(super) fn lock_indexed(session: &mut Session, name: &RangeVar, mode: TableLockMode) -> Result<()> {
    lock_found(session, name, &|relation| Wanted::add(relation, mode))
}

fn lock_found(session: &mut Session, name: &RangeVar, wanted: &dyn Fn(&Relation) -> Wanted) -> Result<()> {
    let find = |session: &Session| -> Result<Option<Arc<Relation>>> {
        if let Some((table, _)) = index_named(session, name)? {
            return Ok(Some(table));
        }
        Ok(match lookup(session, name)? {
            Some(Found::User(relation)) => Some(relation),
            Some(Found::System(_)) | None => None,
        })
    };
    loop {
        let Some(relation) = find(session)? else { return Ok(()) };
        let held = session.open()?.storage.lock().locks_len();
        if !session.lock_wanted(&[wanted(&relation)])? {
            return Ok(());
        }
        match find(session)? {
            Some(again) if again.table_id() == relation.table_id() => return Ok(()),
            Some(_) | None => session.open()?.storage.lock().unlock_objects_to(held),
        }
    }
}

/// Locks the tables that new foreign keys of `changed` refer to: no row that they may need goes meanwhile. Returns whether
/// the catalog is another one now.
///
/// # Errors
/// What ends a wait.
pub(super) fn lock_referenced(session: &mut Session, changed: &Relation, known: &[Oid]) -> Result<bool> {
    let catalog = Arc::clone(&session.open()?.catalog);
    let keys = changed.foreign_keys().filter(|(constraint, _)| !known.contains(&constraint.oid));
    let others = keys.filter(|(_, key)| key.table != changed.oid);
    let tables: Vec<_> = others.filter_map(|(_, key)| catalog.relation(key.table).cloned()).collect();
    session.lock_tables(&tables, TableLockMode::ShareRowExclusive)
}

/// Finds a relation; `None` when there is none.
pub(super) fn lookup(session: &Session, name: &RangeVar) -> Result<Option<Found>> {
    if !name.catalogname.is_empty() && name.catalogname != crate::session::DATABASE {
        return Err(PgError::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "cross-database references are not implemented: \"{}.{}.{}\"",
                name.catalogname, name.schemaname, name.relname
            ),
        ));
    }
    Ok(names::find(&session.open()?.catalog, &session.search_path(), &name.schemaname, &name.relname))
}

/// Returns the `42501` of a change to a system relation.
pub(super) fn system_relation(name: &str) -> PgError {
    PgError::new(
        SqlState::INSUFFICIENT_PRIVILEGE,
        format!("permission denied: \"{name}\" is a system catalog"),
    )
}

/// Finds the index that a name means, with its table.
pub(crate) fn index_named(session: &Session, name: &RangeVar) -> Result<Option<(Arc<Relation>, Arc<Index>)>> {
    let catalog = &session.open()?.catalog;
    let schemas = if name.schemaname.is_empty() {
        names::effective_path(catalog, &session.search_path())
    } else {
        names::schema_oid(catalog, &name.schemaname).into_iter().collect()
    };
    for schema in schemas {
        if let Some((table, index)) = catalog.relations.index_named(schema, &name.relname) {
            return Ok(Some((Arc::clone(table), Arc::clone(index))));
        }
        if names::find_in(catalog, schema, &name.relname).is_some() {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Finds an index.
///
/// # Errors
/// `42P01`; `42809` for another kind of relation.
pub(super) fn find_index(
    session: &Session,
    name: &RangeVar,
    kind: &str,
) -> Result<(Arc<Relation>, Arc<Index>)> {
    match index_named(session, name)? {
        Some(found) => Ok(found),
        None => {
            let relation = resolve(session, name)?;
            let message = format!("\"{}\" is not an {kind}", relation.name);
            Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
        }
    }
}

/// Returns a name as it was written.
pub(super) fn shown_name(name: &RangeVar) -> String {
    if name.schemaname.is_empty() {
        name.relname.clone()
    } else {
        format!("{}.{}", name.schemaname, name.relname)
    }
}

/// Says a relation is a table.
///
/// # Errors
/// `42809`.
pub(super) fn require_table(relation: &Relation) -> Result<()> {
    match relation.kind {
        RelationKind::Table => Ok(()),
        RelationKind::System
        | RelationKind::View { .. }
        | RelationKind::Materialized { .. }
        | RelationKind::Sequence(_)
        | RelationKind::Composite => {
            Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a table", relation.name)))
        }
    }
}
