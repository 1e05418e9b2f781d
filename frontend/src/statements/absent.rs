//! DROP of kinds of objects that users cannot make yet: those of the system stay, and others are not there, which is a
//! notice with IF EXISTS (`does_not_exist_skipping`) and an error without.

use datasets::catalog as rows;
use pg_query::NodeEnum;
use pg_query::protobuf::{DropStmt, Node, ObjectType, ObjectWithArgs, TypeName};
use types::{PgError, Result, SqlState, oids};

use super::table::{lookup, range_var, shown_name, words};
use super::unsupported;
use crate::catalog::builtin::builtin;
use crate::catalog::type_names::type_name;
use crate::session::Session;

/// What is said of an object that is not there.
struct Missing {
    sqlstate: SqlState,
    error: String,
    /// Without `does not exist, skipping`.
    notice: String,
}

impl Missing {
    fn named(kind: &str, name: &str) -> Self {
        let text = format!("{kind} \"{name}\"");
        let error = format!("{text} does not exist");
        Self { sqlstate: SqlState::UNDEFINED_OBJECT, error, notice: text }
    }
}

/// DROP of one of these kinds.
///
/// # Errors
/// `0A000` for an object of the system, `42704` and its like for one that is not there.
pub(super) fn drop(session: &mut Session, statement: &DropStmt) -> Result<String> {
    let kind = statement.remove_type();
    let refuse = || unsupported::error(&NodeEnum::DropStmt(statement.clone()));
    let tag = tag(kind).ok_or_else(refuse)?;
    for object in &statement.objects {
        let missing = missing(session, kind, object)?.ok_or_else(refuse)?;
        if !statement.missing_ok {
            return Err(PgError::new(missing.sqlstate, missing.error));
        }
        let message = format!("{} does not exist, skipping", missing.notice);
        session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
    }
    Ok(format!("DROP {tag}"))
}

/// DROP ROLE.
///
/// # Errors
/// `0A000` for a role that is there, `42704` for one that is not.
pub(super) fn drop_roles(session: &mut Session, names: &[Node], missing_ok: bool) -> Result<String> {
    for node in names {
        let Some(NodeEnum::RoleSpec(role)) = &node.node else { continue };
        match super::role::owner(session, Some(role)) {
            Ok(_) => return Err(PgError::not_supported("DROP ROLE")),
            Err(error) if !missing_ok => return Err(error),
            Err(_) => {
                let message = format!("role \"{}\" does not exist, skipping", role.rolename);
                session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            }
        }
    }
    Ok("DROP ROLE".to_owned())
}

/// DROP DATABASE.
///
/// # Errors
/// `0A000` for a database that is there, `3D000` for one that is not.
pub(super) fn drop_database(session: &mut Session, name: &str, missing_ok: bool) -> Result<String> {
    session.prevent_block("DROP DATABASE")?;
    if [crate::session::DATABASE, "template0", "template1"].contains(&name) {
        return Err(PgError::not_supported("DROP DATABASE"));
    }
    let message = format!("database \"{name}\" does not exist");
    if !missing_ok {
        return Err(PgError::new(SqlState::INVALID_CATALOG_NAME, message));
    }
    session.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
    Ok("DROP DATABASE".to_owned())
}

fn tag(kind: ObjectType) -> Option<&'static str> {
    Some(match kind {
        ObjectType::ObjectTrigger => "TRIGGER",
        ObjectType::ObjectRule => "RULE",
        ObjectType::ObjectPolicy => "POLICY",
        ObjectType::ObjectFunction => "FUNCTION",
        ObjectType::ObjectProcedure => "PROCEDURE",
        ObjectType::ObjectRoutine => "ROUTINE",
        ObjectType::ObjectAggregate => "AGGREGATE",
        ObjectType::ObjectOperator => "OPERATOR",
        ObjectType::ObjectType => "TYPE",
        ObjectType::ObjectDomain => "DOMAIN",
        _ => plain(kind)?.0,
    })
}

/// Returns, of kinds whose objects have plain names, the tag, what messages call them, and where those of the system are.
#[expect(clippy::type_complexity, reason = "a table of words")]
fn plain(kind: ObjectType) -> Option<(&'static str, &'static str, Option<(&'static str, &'static str)>)> {
    Some(match kind {
        ObjectType::ObjectExtension => ("EXTENSION", "extension", Some((rows::PG_EXTENSION, "extname"))),
        ObjectType::ObjectLanguage => ("LANGUAGE", "language", Some((rows::PG_LANGUAGE, "lanname"))),
        ObjectType::ObjectPublication => ("PUBLICATION", "publication", None),
        ObjectType::ObjectForeignServer => ("SERVER", "server", None),
        ObjectType::ObjectFdw => ("FOREIGN DATA WRAPPER", "foreign-data wrapper", None),
        ObjectType::ObjectForeignTable => ("FOREIGN TABLE", "foreign table", None),
        ObjectType::ObjectStatisticExt => ("STATISTICS", "statistics object", None),
        ObjectType::ObjectEventTrigger => ("EVENT TRIGGER", "event trigger", None),
        ObjectType::ObjectAccessMethod => ("ACCESS METHOD", "access method", Some((rows::PG_AM, "amname"))),
        ObjectType::ObjectCollation => ("COLLATION", "collation", Some((rows::PG_COLLATION, "collname"))),
        ObjectType::ObjectConversion => ("CONVERSION", "conversion", Some((rows::PG_CONVERSION, "conname"))),
        ObjectType::ObjectTsconfiguration => {
            ("TEXT SEARCH CONFIGURATION", "text search configuration", Some((rows::PG_TS_CONFIG, "cfgname")))
        }
        ObjectType::ObjectTsdictionary => {
            ("TEXT SEARCH DICTIONARY", "text search dictionary", Some((rows::PG_TS_DICT, "dictname")))
        }
        _ => return None,
    })
}

fn is_of_system(file: &'static str, column: &str, name: &str) -> bool {
    rows::rows(file).any(|row| row.text(column) == name)
}

/// Returns what to say of an object; `None` when it is there.
fn missing(session: &Session, kind: ObjectType, object: &Node) -> Result<Option<Missing>> {
    let names = words(object);
    match (kind, &object.node) {
        (
            ObjectType::ObjectFunction
            | ObjectType::ObjectProcedure
            | ObjectType::ObjectRoutine
            | ObjectType::ObjectAggregate
            | ObjectType::ObjectOperator,
            Some(NodeEnum::ObjectWithArgs(routine)),
        ) => Ok(routine_missing(kind, routine)),
        (ObjectType::ObjectTrigger | ObjectType::ObjectRule | ObjectType::ObjectPolicy, _) => {
            part_missing(session, kind, &names)
        }
        _ if missing_schema(session, &names)?.is_some() => missing_schema(session, &names),
        (ObjectType::ObjectType | ObjectType::ObjectDomain, Some(NodeEnum::TypeName(name))) => {
            let last = names.last().map_or("", String::as_str);
            let relation = lookup(session, &range_var(&names)?)?;
            if relation.is_some() || is_of_system(rows::PG_TYPE, "typname", last) {
                return Ok(None);
            }
            Ok(Some(Missing::named("type", &type_text(name))))
        }
        _ => {
            let Some((_, words, system)) = plain(kind) else { return Ok(None) };
            let last = names.last().map_or("", String::as_str);
            if system.is_some_and(|(file, column)| is_of_system(file, column, last)) {
                return Ok(None);
            }
            if kind == ObjectType::ObjectForeignTable && lookup(session, &range_var(&names)?)?.is_some() {
                return Ok(None);
            }
            let mut missing = Missing::named(words, &names.join("."));
            if kind == ObjectType::ObjectCollation {
                missing.error = format!("{} for encoding \"UTF8\" does not exist", missing.notice);
            }
            Ok(Some(missing))
        }
    }
}

/// Returns what to say when a qualified name is of a schema that is not there.
fn missing_schema(session: &Session, names: &[String]) -> Result<Option<Missing>> {
    let [schema, _] = names else { return Ok(None) };
    if session.open()?.catalog.schema_oid(schema).is_some() {
        return Ok(None);
    }
    let missing = Missing::named("schema", schema);
    Ok(Some(Missing { sqlstate: SqlState::INVALID_SCHEMA_NAME, ..missing }))
}

/// A trigger, rule or policy of a relation.
fn part_missing(session: &Session, kind: ObjectType, names: &[String]) -> Result<Option<Missing>> {
    let Some((name, relation)) = names.split_last() else { return Ok(None) };
    let range = range_var(relation)?;
    if lookup(session, &range)?.is_none() {
        let missing = Missing::named("relation", &shown_name(&range));
        return Ok(Some(Missing { sqlstate: SqlState::UNDEFINED_TABLE, ..missing }));
    }
    if name == "_RETURN" {
        return Ok(None);
    }
    let (word, table) = match kind {
        ObjectType::ObjectTrigger => ("trigger", "table"),
        ObjectType::ObjectPolicy => ("policy", "table"),
        _ => ("rule", "relation"),
    };
    let relation = &range.relname;
    Ok(Some(Missing {
        sqlstate: SqlState::UNDEFINED_OBJECT,
        error: format!("{word} \"{name}\" for {table} \"{relation}\" does not exist"),
        notice: format!("{word} \"{name}\" for relation \"{relation}\""),
    }))
}

/// A function or operator; one of the system's names stays as it is.
fn routine_missing(kind: ObjectType, routine: &ObjectWithArgs) -> Option<Missing> {
    let names: Vec<String> = routine.objname.iter().flat_map(words).collect();
    let last = names.last()?;
    let name = names.join(".");
    let args = |shown: &dyn Fn(&TypeName) -> String| -> Vec<String> {
        let types = routine.objargs.iter().filter_map(|arg| match &arg.node {
            Some(NodeEnum::TypeName(name)) => Some(shown(name)),
            Some(_) | None => None,
        });
        types.collect()
    };
    if kind == ObjectType::ObjectOperator {
        if is_of_system(rows::PG_OPERATOR, "oprname", last) {
            return None;
        }
        let shown = args(&resolved_text);
        let error = match shown.as_slice() {
            [right] => format!("operator does not exist: {name} {right}"),
            [left, right] => format!("operator does not exist: {left} {name} {right}"),
            _ => format!("operator does not exist: {name}"),
        };
        return Some(Missing {
            sqlstate: SqlState::UNDEFINED_FUNCTION,
            error,
            notice: format!("operator {name}"),
        });
    }
    if is_of_system(rows::PG_PROC, "proname", last) || routine.args_unspecified {
        return None;
    }
    let word = match kind {
        ObjectType::ObjectProcedure => "procedure",
        ObjectType::ObjectAggregate => "aggregate",
        ObjectType::ObjectRoutine => "routine",
        _ => "function",
    };
    Some(Missing {
        sqlstate: SqlState::UNDEFINED_FUNCTION,
        error: format!("{word} {name}({}) does not exist", args(&resolved_text).join(", ")),
        notice: format!("{word} {name}({})", args(&type_text).join(",")),
    })
}

/// Returns a type's name as it was written (`TypeNameToString`).
fn type_text(name: &TypeName) -> String {
    let names: Vec<String> = name.names.iter().flat_map(words).collect();
    let array = if name.array_bounds.is_empty() { "" } else { "[]" };
    format!("{}{array}", names.join("."))
}

/// Returns the name of the type that is meant.
fn resolved_text(name: &TypeName) -> String {
    let names: Vec<String> = name.names.iter().flat_map(words).collect();
    let found = names.last().and_then(|name| builtin().type_by_name(oids::PG_CATALOG_NAMESPACE, name));
    let array = if name.array_bounds.is_empty() { "" } else { "[]" };
    found.map_or_else(|| type_text(name), |ty| format!("{}{array}", type_name(ty.oid)))
}
