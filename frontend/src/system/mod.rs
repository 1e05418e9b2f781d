//! System relations and the functions that need the session.

mod definitions;
pub mod functions;
mod layout;
mod relations;
mod views;

use types::{Datum, Oid, PgError, Result, SqlState, oids};

use crate::catalog::builtin::builtin;
use crate::catalog::type_names::format_type;
use crate::session::access::Access;
use crate::session::names;
use crate::session::settings::{quote_identifier, split_identifiers};
use layout::{Maker, layout};

/// Returns the rows of a system relation.
///
/// # Errors
/// `0A000` for a relation that cannot be made yet.
pub fn rows(access: &Access, relation: Oid, columns: &[usize]) -> Result<Vec<Vec<Datum>>> {
    let layout = layout(relation)
        .ok_or_else(|| PgError::internal(format!("there is no system relation {relation}")))?;
    let builtin = layout::builtin_rows(&layout)?;
    let mut maker = Maker::new(&layout);
    let known = match layout.kind {
        'r' => relations::add(access, &layout.name, &mut maker)?,
        _ => views::add(access, &layout.name, &mut maker)?,
    };
    if !known {
        return Err(PgError::not_supported(format!("reading system relation \"{}\"", layout.name)));
    }
    let pick = |row: &Vec<Datum>| {
        columns.iter().map(|column| row.get(*column).cloned().unwrap_or_default()).collect::<Vec<_>>()
    };
    Ok(builtin.iter().chain(&maker.rows).map(pick).collect())
}

/// Returns the text of a value of a type that stands for catalog objects (`regclass`, ...); `None` for other types.
pub fn object_name(access: &Access, ty: Oid, value: &Datum) -> Option<String> {
    if !crate::session::values::is_named(ty) {
        return None;
    }
    let Datum::I64(value) = value else { return None };
    let oid = Oid::try_from(*value).ok()?;
    if oid == 0 {
        return Some("-".to_owned());
    }
    let name = match ty {
        oids::REGCLASS => relation_name(access, oid),
        oids::REGTYPE => builtin().type_by_oid(oid).map(|_| format_type(oid, None)),
        oids::REGPROC => function_name(oid),
        oids::REGPROCEDURE => function_signature(oid),
        oids::REGNAMESPACE => names::schema_name(&access.catalog, oid).map(|name| quote_identifier(&name)),
        oids::REGROLE => definitions::role_name(oid).map(|name| quote_identifier(&name)),
        oids::REGCOLLATION => builtin().collation_name(oid).map(quote_identifier),
        oids::REGOPER => builtin().operator(oid).map(|operator| operator.name.to_string()),
        _ => None,
    };
    Some(name.unwrap_or_else(|| oid.to_string()))
}

/// Returns a relation's name as `regclass` prints it: qualified when the search path does not find it.
pub fn relation_name(access: &Access, oid: Oid) -> Option<String> {
    let (schema, name) = definitions::relation_schema_and_name(access, oid)?;
    if definitions::relation_is_visible(access, oid) {
        return Some(quote_identifier(&name));
    }
    let schema = names::schema_name(&access.catalog, schema)?;
    Some(format!("{}.{}", quote_identifier(&schema), quote_identifier(&name)))
}

fn function_name(oid: Oid) -> Option<String> {
    let function = builtin().function(oid)?;
    let unique = builtin().functions_by_name(&function.name).count() == 1;
    let name = quote_identifier(&function.name);
    Some(if unique { name } else { format!("pg_catalog.{name}") })
}

fn function_signature(oid: Oid) -> Option<String> {
    let function = builtin().function(oid)?;
    let args: Vec<String> = function.args.iter().map(|arg| format_type(*arg, None)).collect();
    Some(format!("{}({})", quote_identifier(&function.name), args.join(",")))
}

/// Reads the name of a catalog object; `None` for types that do not stand for any.
///
/// # Errors
/// PostgreSQL's for a name that stands for nothing.
pub fn object_oid(access: &Access, ty: Oid, text: &str) -> Result<Option<Oid>> {
    if !crate::session::values::is_named(ty) {
        return Ok(None);
    }
    let text = text.trim();
    if text == "-" {
        return Ok(Some(0));
    }
    if let Ok(oid) = text.parse::<Oid>() {
        return Ok(Some(oid));
    }
    match ty {
        oids::REGCLASS => find_relation(access, text)?.map(Some).ok_or_else(|| {
            PgError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{text}\" does not exist"))
        }),
        oids::REGNAMESPACE => {
            let name = split_identifiers(text).concat();
            names::schema_oid(&access.catalog, &name).map(Some).ok_or_else(|| {
                PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
            })
        }
        oids::REGROLE => {
            definitions::role_oid(&split_identifiers(text).concat()).map(Some).ok_or_else(|| {
                PgError::new(SqlState::UNDEFINED_OBJECT, format!("role \"{text}\" does not exist"))
            })
        }
        _ => Err(PgError::not_supported(format!("input of type {}", format_type(ty, None)))),
    }
}

/// Finds a relation (or index) by a possibly qualified name.
///
/// # Errors
/// `42602` for text that is not a name.
pub fn find_relation(access: &Access, text: &str) -> Result<Option<Oid>> {
    let parts = name_parts(text)?;
    let (schema, name) = match parts.as_slice() {
        [name] => (None, name),
        [schema, name] | [_, schema, name] => (Some(schema), name),
        _ => return Err(PgError::new(SqlState::INVALID_NAME, "invalid name syntax")),
    };
    let schemas = match schema {
        None => access.path(),
        Some(schema) => names::schema_oid(&access.catalog, schema).into_iter().collect(),
    };
    Ok(schemas.into_iter().find_map(|schema| definitions::relation_oid_in(access, schema, name)))
}

/// Splits a qualified name at its dots, unquoting its parts.
fn name_parts(text: &str) -> Result<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = text.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let Some(part) = parts.last_mut() else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                part.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            other if quoted => part.push(other),
            other => part.extend(other.to_lowercase()),
        }
    }
    if quoted || parts.iter().any(String::is_empty) {
        return Err(PgError::new(SqlState::INVALID_NAME, "invalid name syntax"));
    }
    Ok(parts)
}
