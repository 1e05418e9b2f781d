//! Type names with modifiers, from the grammar or from text.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, TypeName, a_const};
use types::oids;
use types::{Oid, PgError, Result, SqlState, TypeRef};

use super::AnalyzerContext;
use super::coerce::plain;
use super::raw;
use super::state::{Location, at, error, unsupported};
use crate::catalog::builtin::{Type, TypeKind, builtin};
use crate::catalog::type_names::type_name;

/// `pg_namespace.oid` of `information_schema`.
const INFORMATION_SCHEMA: Oid = 13144;

/// Resolves a type name.
///
/// # Errors
/// `42704` when there is no such type, and what its modifiers raise.
pub(super) fn resolve(context: &AnalyzerContext<'_>, name: &TypeName) -> Result<TypeRef> {
    let location = at(name.location);
    if name.pct_type {
        return Err(unsupported("%TYPE", location));
    }
    if name.setof {
        return Err(unsupported("SETOF in a type name", location));
    }
    let ty = lookup(context, name, location)?;
    let typmod = modifier(ty, name, location)?;
    let oid = if name.array_bounds.is_empty() || ty.is_array { ty.oid } else { ty.array };
    if oid == 0 {
        let message = format!("could not find array type for data type {}", type_name(ty.oid));
        return Err(error(SqlState::UNDEFINED_OBJECT, message, location));
    }
    // The domains of information_schema only name what a column is for; their checks hold for all that it shows.
    if ty.namespace == INFORMATION_SCHEMA && ty.kind == TypeKind::Domain && oid == ty.oid {
        return Ok(plain(ty.base).with_typmod(ty.base_modifier));
    }
    Ok(plain(oid).with_typmod(typmod))
}

fn lookup(context: &AnalyzerContext<'_>, name: &TypeName, location: Location) -> Result<&'static Type> {
    let parts = raw::strings(&name.names);
    let (found, shown) = match parts.as_slice() {
        [one] => (context.catalog.find_type(context.search_path, one), (*one).to_string()),
        [schema, one] => {
            let Some(oid) = context.catalog.schema_oid(schema) else {
                let message = format!("schema \"{schema}\" does not exist");
                return Err(error(SqlState::INVALID_SCHEMA_NAME, message, location));
            };
            (builtin().type_by_name(oid, one), format!("{schema}.{one}"))
        }
        [_, schema, one] => {
            let oid = context.catalog.schema_oid(schema).unwrap_or(0);
            (builtin().type_by_name(oid, one), parts.join("."))
        }
        _ => (None, parts.join(".")),
    };
    let suffix = if name.array_bounds.is_empty() { "" } else { "[]" };
    let message = || format!("type \"{shown}{suffix}\" does not exist");
    found.ok_or_else(|| error(SqlState::UNDEFINED_OBJECT, message(), location))
}

/// Reads the modifiers.
fn modifier(ty: &Type, name: &TypeName, location: Location) -> Result<i32> {
    if name.typmods.is_empty() {
        return Ok(name.typemod);
    }
    if ty.modifier_input == 0 {
        let message = format!("type modifier is not allowed for type \"{}\"", type_name(ty.oid));
        return Err(error(SqlState::SYNTAX_ERROR, message, location));
    }
    let mut numbers = Vec::with_capacity(name.typmods.len());
    for node in &name.typmods {
        numbers.push(modifier_number(node, location)?);
    }
    let value = encode(if ty.is_array { ty.element } else { ty.oid }, &numbers);
    value.map_err(|error| error.at(location))
}

fn modifier_number(node: &Node, location: Location) -> Result<i32> {
    match &node.node {
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(a_const::Val::Ival(value)) => return Ok(value.ival),
            Some(a_const::Val::Fval(value)) => return invalid_number(&value.fval),
            Some(a_const::Val::Sval(value)) => {
                return value.sval.trim().parse().or_else(|_| invalid_number(&value.sval));
            }
            _ => {}
        },
        // A sign: the grammar's a_expr.
        Some(NodeEnum::ColumnRef(reference)) => {
            if let [only] = raw::strings(&reference.fields).as_slice() {
                return invalid_number(only);
            }
        }
        _ => {}
    }
    Err(error(SqlState::SYNTAX_ERROR, "type modifiers must be simple constants or identifiers", location))
}

fn invalid_number(text: &str) -> Result<i32> {
    let message = format!("invalid input syntax for type integer: \"{text}\"");
    Err(PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, message))
}

/// Encodes the modifiers of a type as its `typmodin` function does.
fn encode(ty: Oid, numbers: &[i32]) -> Result<i32> {
    let invalid = |message: String| Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    match (ty, numbers) {
        (oids::NUMERIC, [precision]) => numeric(*precision, 0),
        (oids::NUMERIC, [precision, scale]) => numeric(*precision, *scale),
        (oids::NUMERIC, _) => invalid("invalid NUMERIC type modifier".into()),
        (oids::BPCHAR | oids::VARCHAR, [len]) => {
            let name = if ty == oids::BPCHAR { "char" } else { "varchar" };
            match *len {
                len if len < 1 => invalid(format!("length for type {name} must be at least 1")),
                len if len > 10_485_760 => invalid(format!("length for type {name} cannot exceed 10485760")),
                len => Ok(len + 4),
            }
        }
        (oids::BIT | oids::VARBIT, [len]) => {
            let name = if ty == oids::BIT { "bit" } else { "varbit" };
            match *len {
                len if len < 1 => invalid(format!("length for type {name} must be at least 1")),
                len if len > 83_886_080 => invalid(format!("length for type {name} cannot exceed 83886080")),
                len => Ok(len),
            }
        }
        (oids::TIME | oids::TIMETZ | oids::TIMESTAMP | oids::TIMESTAMPTZ, [precision]) => {
            let (name, zone) = match ty {
                oids::TIME => ("TIME", ""),
                oids::TIMETZ => ("TIME", " WITH TIME ZONE"),
                oids::TIMESTAMP => ("TIMESTAMP", ""),
                _ => ("TIMESTAMP", " WITH TIME ZONE"),
            };
            if *precision < 0 {
                return invalid(format!("{name}({precision}){zone} precision must not be negative"));
            }
            Ok((*precision).min(6))
        }
        (oids::INTERVAL, [fields]) => Ok((fields << 16) | 0xffff),
        (oids::INTERVAL, [fields, precision]) => {
            if *precision < 0 {
                return invalid(format!("INTERVAL({precision}) precision must not be negative"));
            }
            Ok((fields << 16) | (*precision).min(6))
        }
        _ => invalid("invalid type modifier".into()),
    }
}

fn numeric(precision: i32, scale: i32) -> Result<i32> {
    let invalid = |message: String| Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    if !(1..=1000).contains(&precision) {
        return invalid(format!("NUMERIC precision {precision} must be between 1 and 1000"));
    }
    if !(-1000..=1000).contains(&scale) {
        return invalid(format!("NUMERIC scale {scale} must be between -1000 and 1000"));
    }
    Ok(((precision << 16) | (scale & 0x7ff)) + 4)
}

/// Reads a type from text (`regtype`, `to_regtype`).
///
/// # Errors
/// `42704` and syntax errors.
pub fn from_text(context: &AnalyzerContext<'_>, text: &str) -> Result<TypeRef> {
    let parsed = crate::parser::parse(&format!("SELECT NULL::{text}"));
    let invalid = || PgError::new(SqlState::SYNTAX_ERROR, format!("invalid type name \"{text}\""));
    let parsed = parsed.map_err(|_| invalid())?;
    let mut found = None;
    if let [statement] = parsed.statements.as_slice()
        && let NodeEnum::SelectStmt(select) = &statement.node
        && let [target] = select.target_list.as_slice()
        && let Some(NodeEnum::ResTarget(target)) = &target.node
        && let Some(NodeEnum::TypeCast(cast)) = raw::inner(&target.val)
    {
        found = cast.type_name.as_ref();
    }
    let resolved = resolve(context, found.ok_or_else(invalid)?);
    resolved.map_err(|mut error| {
        error.fields_mut().location = None;
        error
    })
}
