//! `has_*_privilege` and `pg_has_role`: who may do what. There is one role that logs in, a superuser; of the others
//! (`pg_monitor`, ...) what PUBLIC has by default is told.

use executor::functions::{CallContext, FunctionEntry, row};
use types::io::ObjectNames;
use types::{Datum, Oid, PgError, Result, SqlState, oids};

use super::{access, oid_at, text_at};
use crate::catalog::builtin::builtin;
use crate::session::access::Access;
use crate::session::names as lookup;
use crate::session::settings::split_identifiers;
use crate::system::relations::{DATABASE_OID, OWNER};
use crate::system::{built_in, definitions};

/// Kinds of objects that privileges are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    AnyColumn,
    Column,
    Sequence,
    Database,
    Function,
    Language,
    Schema,
    Tablespace,
    Type,
    ForeignDataWrapper,
    Server,
    LargeObject,
    Parameter,
    Role,
}

macro_rules! entries {
    ($($function:literal $kind:ident: $($suffix:literal)*;)*) => {
        /// One entry for each signature.
        pub(super) const TABLE: &[FunctionEntry] = &[$($(
            row(concat!($function, "_", $suffix), |args, context| check(Kind::$kind, args, context)),
        )*)*];
    };
}

entries! {
    "has_any_column_privilege" AnyColumn: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_column_privilege" Column: "id_attnum" "id_id_attnum" "id_id_name" "id_name" "id_name_attnum"
        "id_name_name" "name_attnum" "name_id_attnum" "name_id_name" "name_name" "name_name_attnum"
        "name_name_name";
    "has_database_privilege" Database: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_foreign_data_wrapper_privilege" ForeignDataWrapper:
        "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_function_privilege" Function: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_language_privilege" Language: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_largeobject_privilege" LargeObject: "id" "id_id" "name_id";
    "has_parameter_privilege" Parameter: "id_name" "name" "name_name";
    "has_schema_privilege" Schema: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_sequence_privilege" Sequence: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_server_privilege" Server: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_table_privilege" Table: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_tablespace_privilege" Tablespace: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "has_type_privilege" Type: "id" "id_id" "id_name" "name" "name_id" "name_name";
    "pg_has_role" Role: "id" "id_id" "id_name" "name" "name_id" "name_name";
}

impl Kind {
    /// The privileges that may be asked for.
    fn privileges(self) -> &'static [&'static str] {
        match self {
            Self::Table => &[
                "SELECT",
                "INSERT",
                "UPDATE",
                "DELETE",
                "TRUNCATE",
                "REFERENCES",
                "TRIGGER",
                "MAINTAIN",
                "RULE",
            ],
            Self::AnyColumn | Self::Column => &["SELECT", "INSERT", "UPDATE", "REFERENCES"],
            Self::Sequence => &["USAGE", "SELECT", "UPDATE"],
            Self::Database => &["CREATE", "TEMPORARY", "TEMP", "CONNECT"],
            Self::Function => &["EXECUTE"],
            Self::Language | Self::Type | Self::ForeignDataWrapper | Self::Server => &["USAGE"],
            Self::Schema => &["CREATE", "USAGE"],
            Self::Tablespace => &["CREATE"],
            Self::LargeObject => &["SELECT", "UPDATE"],
            Self::Parameter => &["SET", "ALTER SYSTEM"],
            Self::Role => &["USAGE", "MEMBER", "SET"],
        }
    }

    /// Says whether PUBLIC has a privilege on new objects of this kind.
    fn public(self, privilege: &str) -> bool {
        match self {
            Self::Database => privilege != "CREATE",
            Self::Function | Self::Language | Self::Type => true,
            Self::Table
            | Self::AnyColumn
            | Self::Column
            | Self::Sequence
            | Self::Schema
            | Self::Tablespace
            | Self::ForeignDataWrapper
            | Self::Server
            | Self::LargeObject
            | Self::Parameter
            | Self::Role => false,
        }
    }
}

fn undefined(what: &str, name: &str) -> PgError {
    PgError::new(SqlState::UNDEFINED_OBJECT, format!("{what} \"{name}\" does not exist"))
}

/// Reads `SELECT, INSERT WITH GRANT OPTION` (`convert_any_priv_string`).
fn privileges(kind: Kind, text: &str) -> Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for word in text.split(',') {
        let word = word.trim().to_ascii_uppercase();
        let option = if kind == Kind::Role { " WITH ADMIN OPTION" } else { " WITH GRANT OPTION" };
        let plain = word.strip_suffix(option).unwrap_or(&word);
        let plain = if kind == Kind::Role {
            plain.strip_suffix(" WITH GRANT OPTION").unwrap_or(plain)
        } else {
            plain
        };
        match kind.privileges().iter().find(|privilege| **privilege == plain) {
            Some(privilege) => found.push(*privilege),
            None => {
                let message = format!("unrecognized privilege type: \"{}\"", shown(text, &word));
                return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        }
    }
    Ok(found)
}

/// Returns the word as it was written.
fn shown(text: &str, upper: &str) -> String {
    text.split(',').map(str::trim).find(|word| word.to_ascii_uppercase() == upper).unwrap_or(upper).to_owned()
}

fn type_at(context: &CallContext<'_>, index: usize) -> Oid {
    context.arg_types.get(index).map_or(0, |ty| ty.oid)
}

fn check(kind: Kind, args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let fixed = if kind == Kind::Column { 3 } else { 2 };
    let with_role = args.len() > fixed;
    let role = if with_role { role_at(args, context)? } else { Some(OWNER) };
    let first = usize::from(with_role);
    let access = access(context)?;
    let Some(object) = object(kind, access, args, context, first)? else { return Ok(Datum::Null) };
    if kind == Kind::Column && !has_column(access, object, args, context, first + 1)? {
        return Ok(Datum::Null);
    }
    let wanted = privileges(kind, text_at(args, args.len() - 1))?;
    let superuser = role == Some(OWNER);
    if kind == Kind::Role {
        return Ok(Datum::Bool(superuser || role.is_some_and(|role| is_member(role, object))));
    }
    let public = |privilege: &&str| kind.public(privilege) || public_reads(kind, object, privilege);
    Ok(Datum::Bool(superuser || wanted.iter().any(public)))
}

/// System relations may be read by everyone.
fn public_reads(kind: Kind, object: Oid, privilege: &str) -> bool {
    let relation = matches!(kind, Kind::Table | Kind::AnyColumn | Kind::Column);
    let readable = || {
        built_in::row(datasets::catalog::PG_CLASS, object)
            .and_then(|row| row.array("relacl"))
            .is_some_and(|acl| acl.iter().any(|item| item.starts_with("=r")))
    };
    relation && privilege == "SELECT" && readable()
}

fn is_member(role: Oid, of: Oid) -> bool {
    role == of
        || datasets::catalog::rows(datasets::catalog::PG_AUTH_MEMBERS)
            .any(|row| row.oid("member") == role && is_member(row.oid("roleid"), of))
}

/// Returns the role that is asked about; `None` is PUBLIC or a role that does not exist.
fn role_at(args: &[Datum], context: &CallContext<'_>) -> Result<Option<Oid>> {
    if type_at(context, 0) == oids::OID {
        let oid = oid_at(args, 0);
        return Ok(definitions::role_name(oid).map(|_| oid));
    }
    match text_at(args, 0) {
        "public" => Ok(None),
        name => definitions::role_oid(name).map(Some).ok_or_else(|| undefined("role", name)),
    }
}

/// Returns the object that is asked about; `None` for an oid without object.
fn object(
    kind: Kind,
    access: &Access,
    args: &[Datum],
    context: &CallContext<'_>,
    at: usize,
) -> Result<Option<Oid>> {
    let by_oid = type_at(context, at) == oids::OID;
    let (oid, name) = (oid_at(args, at), text_at(args, at));
    let single = || split_identifiers(name).concat();
    Ok(match kind {
        Kind::Table | Kind::AnyColumn | Kind::Column | Kind::Sequence => {
            let oid = if by_oid { oid } else { access.names.input(oids::REGCLASS, name)? };
            match definitions::relation_schema_and_name(&access.names, oid) {
                Some((_, name)) if kind == Kind::Sequence && !is_sequence(access, oid) => {
                    let message = format!("\"{name}\" is not a sequence");
                    return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
                }
                Some(_) => Some(oid),
                None => None,
            }
        }
        Kind::Database if by_oid => (oid == DATABASE_OID).then_some(oid),
        Kind::Database if name == crate::session::DATABASE => Some(DATABASE_OID),
        Kind::Database => {
            let message = format!("database \"{name}\" does not exist");
            return Err(PgError::new(SqlState::INVALID_CATALOG_NAME, message));
        }
        Kind::Function if by_oid => builtin().function(oid).map(|function| function.oid),
        Kind::Function => Some(access.names.input(oids::REGPROCEDURE, name)?),
        Kind::Type if by_oid => builtin().type_by_oid(oid).map(|ty| ty.oid),
        Kind::Type => Some(access.names.type_input(name)?.oid),
        Kind::Schema if by_oid => lookup::schema_name(&access.catalog, oid).map(|_| oid),
        Kind::Schema => match lookup::schema_oid(&access.catalog, name) {
            Some(oid) => Some(oid),
            None => {
                let message = format!("schema \"{name}\" does not exist");
                return Err(PgError::new(SqlState::INVALID_SCHEMA_NAME, message));
            }
        },
        Kind::Role if by_oid => definitions::role_name(oid).map(|_| oid),
        Kind::Role => Some(definitions::role_oid(name).ok_or_else(|| undefined("role", name))?),
        Kind::Language => built_in(datasets::catalog::PG_LANGUAGE, "lanname", by_oid, oid, name, "language")?,
        Kind::Tablespace => {
            built_in(datasets::catalog::PG_TABLESPACE, "spcname", by_oid, oid, name, "tablespace")?
        }
        Kind::ForeignDataWrapper | Kind::Server | Kind::LargeObject if by_oid => None,
        Kind::ForeignDataWrapper => return Err(undefined("foreign-data wrapper", &single())),
        Kind::Server => return Err(undefined("server", &single())),
        Kind::LargeObject => None,
        Kind::Parameter => Some(0),
    })
}

fn built_in(file: &str, column: &str, by_oid: bool, oid: Oid, name: &str, what: &str) -> Result<Option<Oid>> {
    let mut rows = datasets::catalog::rows(file);
    if by_oid {
        return Ok(rows.find(|row| row.oid("oid") == oid).map(|row| row.oid("oid")));
    }
    let found = rows.find(|row| row.text(column) == name).map(|row| row.oid("oid"));
    found.map(Some).ok_or_else(|| undefined(what, name))
}

fn is_sequence(access: &Access, oid: Oid) -> bool {
    definitions::relation_kind(&access.names, oid) == Some('S')
}

/// Says whether the column exists; a name that does not is an error.
fn has_column(
    access: &Access,
    relation: Oid,
    args: &[Datum],
    context: &CallContext<'_>,
    at: usize,
) -> Result<bool> {
    let columns = definitions::relation_columns(&access.names, relation);
    if let Some(Datum::I16(number)) = args.get(at) {
        return Ok(usize::try_from(*number).is_ok_and(|number| (1..=columns.len()).contains(&number)));
    }
    let _ = context;
    let name = text_at(args, at);
    if columns.iter().any(|column| column == name) {
        return Ok(true);
    }
    let shown = definitions::relation_schema_and_name(&access.names, relation)
        .map_or_else(String::new, |(_, name)| name);
    let message = format!("column \"{name}\" of relation \"{shown}\" does not exist");
    Err(PgError::new(SqlState::UNDEFINED_COLUMN, message))
}
