//! Names of catalog objects as literals of the `reg*` types.

use types::oids;
use types::{Oid, PgError, Result, SqlState};

use super::AnalyzerContext;
use crate::catalog::builtin::{Function, builtin};

/// Returns the oid that `text` names when `target` is one of the `reg*` types, else `None`.
///
/// # Errors
/// PostgreSQL's, when there is no such object.
pub fn object_oid(context: &AnalyzerContext<'_>, text: &str, target: Oid) -> Result<Option<Oid>> {
    let known = matches!(
        target,
        oids::REGCLASS
            | oids::REGTYPE
            | oids::REGPROC
            | oids::REGPROCEDURE
            | oids::REGNAMESPACE
            | oids::REGROLE
            | oids::REGCOLLATION
    );
    if !known {
        return Ok(None);
    }
    if text == "-" {
        return Ok(Some(0));
    }
    if let Ok(number) = text.trim().parse::<Oid>() {
        return Ok(Some(number));
    }
    if target == oids::REGTYPE {
        return super::typename::from_text(context, text).map(|ty| Some(ty.oid));
    }
    if target == oids::REGPROCEDURE {
        return procedure(context, text).map(Some);
    }
    let parts = name_parts(text)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name.as_str()),
        [schema, name] => (Some(schema.as_str()), name.as_str()),
        [database, schema, name] if database == "postgres" => (Some(schema.as_str()), name.as_str()),
        _ => return Err(PgError::new(SqlState::INVALID_NAME, "invalid name syntax")),
    };
    match target {
        oids::REGCLASS => relation(context, schema, name).map(Some),
        oids::REGPROC => function(schema, name, text).map(Some),
        oids::REGNAMESPACE => {
            let oid = context.catalog.schema_oid(name);
            oid.map(Some).ok_or_else(|| {
                missing(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
            })
        }
        oids::REGROLE => {
            let role =
                datasets::catalog::rows(datasets::catalog::PG_AUTHID).find(|row| row.text("rolname") == name);
            let oid = role.map(|row| row.oid("oid"));
            oid.map(Some)
                .ok_or_else(|| missing(SqlState::UNDEFINED_OBJECT, format!("role \"{name}\" does not exist")))
        }
        _ => {
            let message = || format!("collation \"{text}\" for encoding \"UTF8\" does not exist");
            builtin().collation(name).map(Some).ok_or_else(|| missing(SqlState::UNDEFINED_OBJECT, message()))
        }
    }
}

fn missing(sqlstate: SqlState, message: String) -> PgError {
    PgError::new(sqlstate, message)
}

fn relation(context: &AnalyzerContext<'_>, schema: Option<&str>, name: &str) -> Result<Oid> {
    let found = match schema {
        None => context.catalog.find_relation(context.search_path, name),
        Some(schema) => {
            context.catalog.schema_oid(schema).and_then(|oid| context.catalog.relation_in(oid, name))
        }
    };
    let shown = schema.map_or_else(|| name.to_string(), |schema| format!("{schema}.{name}"));
    let message = || format!("relation \"{shown}\" does not exist");
    found.map(|relation| relation.oid).ok_or_else(|| missing(SqlState::UNDEFINED_TABLE, message()))
}

fn function(schema: Option<&str>, name: &str, text: &str) -> Result<Oid> {
    let found: Vec<&Function> = functions_of(schema, name);
    match found.as_slice() {
        [one] => Ok(one.oid),
        [] => Err(missing(SqlState::UNDEFINED_FUNCTION, format!("function \"{text}\" does not exist"))),
        _ => Err(missing(SqlState::AMBIGUOUS_FUNCTION, format!("more than one function named \"{text}\""))),
    }
}

fn functions_of(schema: Option<&str>, name: &str) -> Vec<&'static Function> {
    let namespace = schema
        .map(|schema| builtin().namespaces().iter().find(|(_, name)| name == schema).map(|(oid, _)| *oid));
    let fits = |function: &&Function| match namespace {
        None => function.namespace == oids::PG_CATALOG_NAMESPACE,
        Some(oid) => Some(function.namespace) == oid,
    };
    builtin().functions_by_name(name).filter(fits).collect()
}

/// `name(type, ...)`.
fn procedure(context: &AnalyzerContext<'_>, text: &str) -> Result<Oid> {
    let invalid = || PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, "expected a left parenthesis");
    let (name, rest) = text.split_once('(').ok_or_else(invalid)?;
    let inside = rest
        .trim_end()
        .strip_suffix(')')
        .ok_or_else(|| PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, "expected a right parenthesis"))?;
    let mut args = Vec::new();
    for part in inside.split(',').filter(|part| !part.trim().is_empty()) {
        args.push(super::typename::from_text(context, part.trim())?.oid);
    }
    let parts = name_parts(name)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name.as_str()),
        [schema, name] => (Some(schema.as_str()), name.as_str()),
        _ => return Err(PgError::new(SqlState::INVALID_NAME, "invalid name syntax")),
    };
    let found = functions_of(schema, name).into_iter().find(|function| function.args == args);
    let message = || format!("function \"{text}\" does not exist");
    found.map(|function| function.oid).ok_or_else(|| missing(SqlState::UNDEFINED_FUNCTION, message()))
}

/// Splits a qualified name: unquoted parts are folded to lower case, quoted ones kept.
///
/// # Errors
/// `42602` for what is not a name.
pub fn name_parts(text: &str) -> Result<Vec<String>> {
    let invalid = || PgError::new(SqlState::INVALID_NAME, "invalid name syntax");
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_part(quoted).ok_or_else(invalid)?
        } else {
            let end = rest.find(['.', ' ']).unwrap_or(rest.len());
            (rest[..end].to_lowercase(), &rest[end..])
        };
        if part.is_empty() {
            return Err(invalid());
        }
        parts.push(part);
        let after = after.trim_start();
        match after.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

/// Reads up to the closing quote; doubled quotes stand for one.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((position, character)) = characters.next() {
        if character != '"' {
            part.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == '"') {
            part.push('"');
            characters.next();
        } else {
            return Some((part, &text[position + 1..]));
        }
    }
    None
}
