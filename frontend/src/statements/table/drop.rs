//! DROP TABLE, DROP VIEW, DROP SCHEMA, and what depends on what is dropped.

use std::sync::Arc;

use pg_query::protobuf::{DropBehavior, DropStmt, Node, ObjectType, RangeVar};
use pg_query::{NodeEnum, NodeRef};
use types::{Oid, PgError, Result, SqlState};

use super::super::{schema, unsupported};
use super::{lookup, shown_name, system_relation};
use crate::catalog::{Catalog, Relation, RelationKind};
use crate::parser;
use crate::server::output::Severity;
use crate::session::Session;
use crate::session::names::{self, Found};

/// DROP.
pub fn drop(session: &mut Session, statement: &DropStmt) -> Result<String> {
    let cascade = statement.behavior() == DropBehavior::DropCascade;
    match statement.remove_type() {
        ObjectType::ObjectSchema => {
            let schemas: Vec<String> = statement.objects.iter().flat_map(words).collect();
            schema::drop(session, &schemas, statement.missing_ok, cascade)
        }
        ObjectType::ObjectTable => drop_kind(session, statement, "table", "DROP TABLE", cascade),
        ObjectType::ObjectView => drop_kind(session, statement, "view", "DROP VIEW", cascade),
        ObjectType::ObjectIndex => Err(PgError::not_supported("DROP INDEX")),
        _ if statement.missing_ok => Err(PgError::not_supported("DROP of this kind of object")),
        _ => Err(unsupported::error(&NodeEnum::DropStmt(statement.clone()))),
    }
}

fn words(object: &Node) -> Vec<String> {
    match &object.node {
        Some(NodeEnum::String(word)) => vec![word.sval.clone()],
        Some(NodeEnum::List(list)) => list.items.iter().flat_map(words).collect(),
        _ => Vec::new(),
    }
}

fn drop_kind(
    session: &mut Session,
    statement: &DropStmt,
    kind: &str,
    tag: &str,
    cascade: bool,
) -> Result<String> {
    session.claim_catalog()?;
    let mut dropped: Vec<Arc<Relation>> = Vec::new();
    for object in &statement.objects {
        let words = words(object);
        let name = match words.as_slice() {
            [name] => RangeVar { relname: name.clone(), ..RangeVar::default() },
            [schema, name] => {
                RangeVar { schemaname: schema.clone(), relname: name.clone(), ..RangeVar::default() }
            }
            _ => return Err(PgError::not_supported("cross-database references")),
        };
        match lookup(session, &name)? {
            Some(Found::System(relation)) => return Err(system_relation(&relation.name)),
            Some(Found::User(relation)) => {
                check_kind(&relation, kind)?;
                if dropped.iter().all(|known| known.oid != relation.oid) {
                    dropped.push(relation);
                }
            }
            None => missing(session, &name, kind, statement.missing_ok)?,
        }
    }
    let subject = match dropped.as_slice() {
        [relation] => describe(&session.open()?.catalog, &session.search_path(), relation),
        _ => "desired object(s)".to_owned(),
    };
    drop_relations(session, &dropped, &subject, None, cascade)?;
    Ok(tag.to_owned())
}

fn check_kind(relation: &Relation, wanted: &str) -> Result<()> {
    let (kind, hint) = match relation.kind {
        RelationKind::Table | RelationKind::System => ("table", "Use DROP TABLE to remove a table."),
        RelationKind::View { .. } => ("view", "Use DROP VIEW to remove a view."),
        RelationKind::Materialized { .. } => {
            ("materialized view", "Use DROP MATERIALIZED VIEW to remove a materialized view.")
        }
        RelationKind::Sequence(_) => ("sequence", "Use DROP SEQUENCE to remove a sequence."),
        RelationKind::Composite => ("type", "Use DROP TYPE to remove a type."),
    };
    if kind == wanted {
        return Ok(());
    }
    Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a {wanted}", relation.name))
        .with_hint(hint))
}

fn missing(session: &mut Session, name: &RangeVar, kind: &str, missing_ok: bool) -> Result<()> {
    let no_schema = !name.schemaname.is_empty()
        && names::schema_oid(&session.open()?.catalog, &name.schemaname).is_none();
    let (sqlstate, message) = if no_schema {
        (SqlState::INVALID_SCHEMA_NAME, format!("schema \"{}\" does not exist", name.schemaname))
    } else {
        let shown = if missing_ok { name.relname.clone() } else { shown_name(name) };
        (SqlState::UNDEFINED_TABLE, format!("{kind} \"{shown}\" does not exist"))
    };
    if !missing_ok {
        return Err(PgError::new(sqlstate, message));
    }
    session.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
    Ok(())
}

/// Returns a relation with its kind, its name qualified when the search path does not find it.
fn describe(catalog: &Catalog, search_path: &[String], relation: &Relation) -> String {
    let kind = relation.kind.noun();
    let found = names::find(catalog, search_path, "", &relation.name);
    if matches!(found, Some(Found::User(found)) if found.oid == relation.oid) {
        return format!("{kind} {}", relation.name);
    }
    let schema = names::schema_name(catalog, relation.schema).unwrap_or_default();
    format!("{kind} {schema}.{}", relation.name)
}

/// Drops relations and, with `cascade`, what depends on them. `container` is the schema that is dropped around them.
///
/// # Errors
/// `2BP01` when something depends on them and `cascade` is not set.
pub fn drop_relations(
    session: &mut Session,
    dropped: &[Arc<Relation>],
    subject: &str,
    container: Option<&str>,
    cascade: bool,
) -> Result<()> {
    let catalog = Arc::clone(&session.open()?.catalog);
    let search_path = session.search_path();
    let mut all: Vec<Arc<Relation>> = dropped.to_vec();
    let mut dependents: Vec<(Arc<Relation>, String)> = Vec::new();
    if let Some(container) = container {
        dependents.extend(dropped.iter().map(|relation| (Arc::clone(relation), container.to_owned())));
    }
    let mut next = 0;
    while let Some(relation) = all.get(next).cloned() {
        for view in views_on(&catalog, &relation) {
            if all.iter().all(|known| known.oid != view.oid) {
                dependents.push((Arc::clone(&view), describe(&catalog, &search_path, &relation)));
                all.push(view);
            }
        }
        next += 1;
    }
    if !dependents.is_empty() {
        report_dependents(session, &catalog, &search_path, subject, &dependents, cascade)?;
    }
    {
        let mut storage = session.open()?.storage.lock();
        for relation in &all {
            if relation.kind.is_stored() {
                storage.drop_table(relation.table_id())?;
            }
        }
    }
    session.change_catalog(|catalog| {
        all.iter().for_each(|relation| drop_one(catalog, relation.oid));
        Ok(())
    })
}

fn drop_one(catalog: &mut Catalog, oid: Oid) {
    catalog.relations.remove(&oid);
}

fn report_dependents(
    session: &mut Session,
    catalog: &Catalog,
    search_path: &[String],
    subject: &str,
    dependents: &[(Arc<Relation>, String)],
    cascade: bool,
) -> Result<()> {
    if !cascade {
        let lines: Vec<String> = dependents
            .iter()
            .map(|(relation, on)| format!("{} depends on {on}", describe(catalog, search_path, relation)))
            .collect();
        return Err(PgError::new(
            SqlState::DEPENDENT_OBJECTS_STILL_EXIST,
            format!("cannot drop {subject} because other objects depend on it"),
        )
        .with_detail(lines.join("\n"))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    let lines: Vec<String> = dependents
        .iter()
        .map(|(relation, _)| format!("drop cascades to {}", describe(catalog, search_path, relation)))
        .collect();
    let notice = match lines.as_slice() {
        [line] => PgError::new(SqlState::SUCCESSFUL_COMPLETION, line.clone()),
        _ => PgError::new(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("drop cascades to {} other objects", lines.len()),
        )
        .with_detail(lines.join("\n")),
    };
    session.report(Severity::Notice, notice);
    Ok(())
}

/// Returns the views whose text names `relation`.
fn views_on(catalog: &Catalog, relation: &Relation) -> Vec<Arc<Relation>> {
    catalog
        .relations
        .values()
        .filter(|view| match &view.kind {
            RelationKind::View { definition, .. } => {
                relations_named_in(catalog, definition).contains(&relation.oid)
            }
            _ => false,
        })
        .cloned()
        .collect()
}

/// Returns the user's relations that a stored definition names.
fn relations_named_in(catalog: &Catalog, definition: &str) -> Vec<Oid> {
    let Ok(parsed) = parser::parse(definition) else { return Vec::new() };
    let path = ["public".to_owned()];
    let mut oids = Vec::new();
    for statement in &parsed.statements {
        for (node, ..) in statement.node.nodes() {
            if let NodeRef::RangeVar(name) = node
                && let Some(Found::User(relation)) =
                    names::find(catalog, &path, &name.schemaname, &name.relname)
            {
                oids.push(relation.oid);
            }
        }
    }
    oids
}
