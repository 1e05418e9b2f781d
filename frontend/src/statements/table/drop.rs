//! DROP of every kind of object, and what depends on what is dropped.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{DropBehavior, DropStmt, Node, ObjectType, RangeVar};
use storage::TableLockMode;
use types::{Oid, PgError, Result, SqlState};

use super::{lock_changed, lookup, shown_name, system_relation};
use crate::catalog::dependency::{self, classes, collect, describe, whole};
use crate::catalog::{Catalog, ConstraintKind, Index, ObjectRef, Relation, RelationKind};
use crate::server::output::Severity;
use crate::session::Session;
use crate::session::names::{self, Found};

/// The most objects that a message lists (`MAX_REPORTED_DEPS`).
const LISTED_MAX: usize = 100;

/// DROP.
pub fn drop(session: &mut Session, statement: &DropStmt) -> Result<String> {
    let cascade = statement.behavior() == DropBehavior::DropCascade;
    let kind = match statement.remove_type() {
        ObjectType::ObjectTable => "table",
        ObjectType::ObjectView => "view",
        ObjectType::ObjectMatview => "materialized view",
        ObjectType::ObjectSequence => "sequence",
        ObjectType::ObjectIndex => "index",
        ObjectType::ObjectStatisticExt => {
            return super::super::statistics_object::drop(session, statement, cascade);
        }
        ObjectType::ObjectSchema => return drop_schemas(session, statement, cascade),
        _ => return super::super::absent::drop(session, statement),
    };
    if statement.concurrent {
        session.prevent_block("DROP INDEX CONCURRENTLY")?;
        let refuse = |what: &str| {
            let message = format!("DROP INDEX CONCURRENTLY does not support {what}");
            Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
        };
        if statement.objects.len() > 1 {
            return refuse("dropping multiple objects");
        }
        if cascade {
            return refuse("CASCADE");
        }
    }
    let mut roots: Vec<ObjectRef> = Vec::new();
    for object in &statement.objects {
        let name = range_var(&words(object))?;
        lock_changed(session, &name, TableLockMode::AccessExclusive)?;
        if let Some(root) = find(session, &name, kind, statement.missing_ok)?
            && !roots.contains(&root)
        {
            roots.push(root);
        }
    }
    drop_objects(session, &roots, cascade)?;
    Ok(format!("DROP {}", kind.to_uppercase()))
}

/// Returns the words of a name.
pub fn words(object: &Node) -> Vec<String> {
    match &object.node {
        Some(NodeEnum::String(word)) => vec![word.sval.clone()],
        Some(NodeEnum::List(list)) => list.items.iter().flat_map(words).collect(),
        Some(NodeEnum::TypeName(name)) => name.names.iter().flat_map(words).collect(),
        Some(_) | None => Vec::new(),
    }
}

/// Returns words as the name of a relation.
///
/// # Errors
/// `0A000` for a name with a database.
pub fn range_var(words: &[String]) -> Result<RangeVar> {
    match words {
        [name] => Ok(RangeVar { relname: name.clone(), ..RangeVar::default() }),
        [schema, name] => {
            Ok(RangeVar { schemaname: schema.clone(), relname: name.clone(), ..RangeVar::default() })
        }
        [database, schema, name] => Ok(RangeVar {
            catalogname: database.clone(),
            schemaname: schema.clone(),
            relname: name.clone(),
            ..RangeVar::default()
        }),
        _ => Err(PgError::new(SqlState::SYNTAX_ERROR, "improper relation name (too many dotted names)")),
    }
}

fn find(session: &mut Session, name: &RangeVar, kind: &str, missing_ok: bool) -> Result<Option<ObjectRef>> {
    if let Some((table, index)) = super::index_named(session, name)? {
        if kind != "index" {
            return Err(wrong_kind(&index.name, kind, "index"));
        }
        if index.constraint != 0 {
            return Err(required_by_constraint(session, &table, &index)?);
        }
        return Ok(Some(whole(classes::RELATION, index.oid)));
    }
    match lookup(session, name)? {
        Some(Found::System(relation)) => Err(system_relation(&relation.name)),
        Some(Found::User(relation)) => {
            let found = relation.kind.noun();
            if found != kind {
                return Err(wrong_kind(&relation.name, kind, found));
            }
            if let RelationKind::Sequence(sequence) = &relation.kind
                && sequence.identity
            {
                return Err(required_by_column(session, &relation, sequence.owner)?);
            }
            Ok(Some(whole(classes::RELATION, relation.oid)))
        }
        None => missing(session, name, kind, missing_ok).map(|()| None),
    }
}

fn wrong_kind(name: &str, wanted: &str, found: &str) -> PgError {
    let article = if wanted == "index" { "an" } else { "a" };
    let error = PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{name}\" is not {article} {wanted}"));
    let (found, article) = match found {
        "composite type" => ("type", "a"),
        "index" => ("index", "an"),
        found => (found, "a"),
    };
    error.with_hint(format!("Use DROP {} to remove {article} {found}.", found.to_uppercase()))
}

fn required_by_constraint(session: &Session, table: &Relation, index: &Index) -> Result<PgError> {
    let open = session.open()?;
    let path = names::effective_path(&open.catalog, &session.search_path());
    let shown = describe(&open.catalog, &path, whole(classes::RELATION, index.oid));
    let constraint = describe(&open.catalog, &path, whole(classes::CONSTRAINT, index.constraint));
    let _ = table;
    Ok(requires(&shown, &constraint))
}

fn required_by_column(session: &Session, relation: &Relation, owner: Option<(Oid, i16)>) -> Result<PgError> {
    let open = session.open()?;
    let path = names::effective_path(&open.catalog, &session.search_path());
    let shown = describe(&open.catalog, &path, whole(classes::RELATION, relation.oid));
    let (table, attnum) = owner.unwrap_or_default();
    let column = describe(&open.catalog, &path, dependency::column(table, attnum));
    Ok(requires(&shown, &column))
}

/// Returns the error of an object that is part of another.
pub fn requires(object: &str, other: &str) -> PgError {
    PgError::new(
        SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
        format!("cannot drop {object} because {other} requires it"),
    )
    .with_hint(format!("You can drop {other} instead."))
}

fn missing(session: &mut Session, name: &RangeVar, kind: &str, missing_ok: bool) -> Result<()> {
    let no_schema = !name.schemaname.is_empty()
        && names::schema_oid(&session.open()?.catalog, &name.schemaname).is_none();
    let (sqlstate, message) = if no_schema {
        (SqlState::INVALID_SCHEMA_NAME, format!("schema \"{}\" does not exist", name.schemaname))
    } else {
        let shown = if missing_ok { name.relname.clone() } else { shown_name(name) };
        let sqlstate = if kind == "index" { SqlState::UNDEFINED_OBJECT } else { SqlState::UNDEFINED_TABLE };
        (sqlstate, format!("{kind} \"{shown}\" does not exist"))
    };
    if !missing_ok {
        return Err(PgError::new(sqlstate, message));
    }
    session.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
    Ok(())
}

/// Finds a schema that is dropped.
fn locked_schema(session: &mut Session, name: &str) -> Result<(Arc<Catalog>, Option<Oid>)> {
    loop {
        let catalog = Arc::clone(&session.open()?.catalog);
        let found = names::schema_oid(&catalog, name);
        match found.filter(|oid| catalog.schemas.contains_key(oid)) {
            Some(oid) if session.lock_schema(oid, TableLockMode::AccessExclusive)? => {}
            Some(_) | None => return Ok((catalog, found)),
        }
    }
}

fn drop_schemas(session: &mut Session, statement: &DropStmt, cascade: bool) -> Result<String> {
    let mut roots = Vec::new();
    for name in statement.objects.iter().flat_map(words) {
        let (catalog, found) = locked_schema(session, &name)?;
        match found {
            Some(oid) if catalog.schemas.contains_key(&oid) => roots.push(whole(classes::SCHEMA, oid)),
            Some(_) => {
                return Err(PgError::new(
                    SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
                    format!("cannot drop schema {name} because it is required by the database system"),
                ));
            }
            None if statement.missing_ok => session.notice(
                SqlState::SUCCESSFUL_COMPLETION,
                format!("schema \"{name}\" does not exist, skipping"),
            ),
            None => {
                let message = format!("schema \"{name}\" does not exist");
                return Err(PgError::new(SqlState::INVALID_SCHEMA_NAME, message));
            }
        }
    }
    drop_objects(session, &roots, cascade)?;
    Ok("DROP SCHEMA".to_owned())
}

/// Drops objects and, with `cascade`, what depends on them.
///
/// # Errors
/// `2BP01` when something depends on them and `cascade` is not set.
pub fn drop_objects(session: &mut Session, roots: &[ObjectRef], cascade: bool) -> Result<()> {
    if roots.is_empty() {
        return Ok(());
    }
    let (catalog, collected) = loop {
        let catalog = Arc::clone(&session.open()?.catalog);
        let collected = collect(&catalog, roots);
        if !session.lock_dropped(&collected.objects)? {
            break (catalog, collected);
        }
    };
    let path = names::effective_path(&catalog, &session.search_path());
    if !collected.dependents.is_empty() {
        if !cascade {
            let subject = match roots {
                [only] => Some(describe(&catalog, &path, *only)),
                _ => None,
            };
            return Err(restricted(&catalog, &path, subject, &collected.dependents));
        }
        report_cascade(session, &catalog, &path, &collected.dependents);
    }
    remove(session, &catalog, &collected.objects)
}

fn restricted(
    catalog: &Catalog,
    path: &[Oid],
    subject: Option<String>,
    dependents: &[(ObjectRef, ObjectRef)],
) -> PgError {
    let message = match subject {
        Some(subject) => format!("cannot drop {subject} because other objects depend on it"),
        None => "cannot drop desired object(s) because other objects depend on them".to_owned(),
    };
    let mut lines: Vec<String> = dependents
        .iter()
        .take(LISTED_MAX)
        .map(|(object, on)| {
            format!("{} depends on {}", describe(catalog, path, *object), describe(catalog, path, *on))
        })
        .collect();
    lines.extend(rest(dependents.len()));
    PgError::new(SqlState::DEPENDENT_OBJECTS_STILL_EXIST, message)
        .with_detail(lines.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too.")
}

fn rest(count: usize) -> Option<String> {
    let more = count.checked_sub(LISTED_MAX).filter(|more| *more > 0)?;
    let noun = if more == 1 { "object" } else { "objects" };
    Some(format!("and {more} other {noun} (see server log for list)"))
}

fn report_cascade(
    session: &mut Session,
    catalog: &Catalog,
    path: &[Oid],
    dependents: &[(ObjectRef, ObjectRef)],
) {
    let mut lines: Vec<String> = dependents
        .iter()
        .take(LISTED_MAX)
        .map(|(object, _)| format!("drop cascades to {}", describe(catalog, path, *object)))
        .collect();
    lines.extend(rest(dependents.len()));
    let notice = match lines.as_slice() {
        [line] => PgError::new(SqlState::SUCCESSFUL_COMPLETION, line.clone()),
        _ => {
            let message = format!("drop cascades to {} other objects", dependents.len());
            PgError::new(SqlState::SUCCESSFUL_COMPLETION, message).with_detail(lines.join("\n"))
        }
    };
    session.report(Severity::Notice, notice);
}

/// Removes objects from catalog and storage.
fn remove(session: &mut Session, catalog: &Arc<Catalog>, objects: &[ObjectRef]) -> Result<()> {
    for object in objects {
        if object.class == classes::RELATION
            && object.column == 0
            && let Some(relation) = catalog.relations.get(&object.oid)
            && relation.kind.is_stored()
        {
            session.require_unused(relation, "DROP TABLE")?;
            session.open()?.storage.lock().drop_table(relation.table_id())?;
        }
    }
    // Columns are taken out of their tables last, table by table, with their stored values.
    let mut columns: Vec<(Oid, i16)> = Vec::new();
    session.change_catalog(|changed| {
        for object in objects {
            if object.class == classes::RELATION && object.column != 0 {
                columns.push((object.oid, object.column));
            } else {
                remove_one(changed, *object);
            }
        }
        Ok(())
    })?;
    for (table, attnum) in columns {
        if session.open()?.catalog.relations.contains_key(&table) {
            super::rewrite::drop_column(session, table, attnum)?;
        }
    }
    Ok(())
}

fn remove_one(catalog: &mut Catalog, object: ObjectRef) {
    catalog.comments.retain(|known, _| known.class != object.class || known.oid != object.oid);
    match object.class {
        classes::RELATION => {
            let removed = catalog.relations.remove(&object.oid);
            if removed.is_none() {
                change_owner(catalog, |relation| {
                    let before = relation.indexes.len();
                    relation.indexes.retain(|index| index.oid != object.oid);
                    relation.indexes.len() != before
                });
            }
        }
        classes::CONSTRAINT => change_owner(catalog, |relation| {
            let Some(at) = relation.constraints.iter().position(|known| known.oid == object.oid) else {
                return false;
            };
            let removed = relation.constraints.remove(at);
            if let ConstraintKind::NotNull { column } = removed.kind {
                relation.columns[column].not_null = false;
            }
            relation.indexes.retain(|index| index.constraint != object.oid);
            true
        }),
        classes::DEFAULT => change_owner(catalog, |relation| {
            let position = relation.position_of(object.column);
            match position.filter(|_| relation.oid == object.oid) {
                Some(position) if relation.columns[position].generated.is_none() => {
                    relation.columns[position].default.take().is_some()
                }
                Some(_) | None => false,
            }
        }),
        classes::TYPE => drop(catalog.types.remove(&object.oid)),
        classes::FUNCTION => drop(catalog.functions.remove(&object.oid)),
        classes::STATISTICS => drop(catalog.statistics.remove(&object.oid)),
        classes::SCHEMA => {
            catalog.schemas.remove(&object.oid);
            catalog.schema_facts.remove(&object.oid);
        }
        _ => {}
    }
    fn drop<T>(_: T) {}
}

/// Changes the first relation that `change` says it has changed.
fn change_owner(catalog: &mut Catalog, change: impl Fn(&mut Relation) -> bool) {
    for relation in catalog.relations.values_mut() {
        let mut changed = Relation::clone(relation);
        if change(&mut changed) {
            *relation = Arc::new(changed);
            return;
        }
    }
}
