//! Access privileges as values: `acldefault`, `aclexplode`, `makeaclitem`.

use executor::functions::{CallContext, FunctionEntry, row, set};
use types::{Datum, Oid, PgError, Result, SqlState, oids};

use super::{oid_at, text_at};
use crate::system::definitions::{role_name, role_oid};
use crate::system::layout::array;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] =
    &[row("acldefault_sql", default), set("aclexplode", explode), row("makeaclitem", make)];

/// Letters of privileges and their names.
const PRIVILEGES: &[(char, &str)] = &[
    ('a', "INSERT"),
    ('r', "SELECT"),
    ('w', "UPDATE"),
    ('d', "DELETE"),
    ('D', "TRUNCATE"),
    ('x', "REFERENCES"),
    ('t', "TRIGGER"),
    ('X', "EXECUTE"),
    ('U', "USAGE"),
    ('C', "CREATE"),
    ('T', "TEMPORARY"),
    ('c', "CONNECT"),
    ('s', "SET"),
    ('A', "ALTER SYSTEM"),
    ('m', "MAINTAIN"),
];

/// `acldefault(kind, owner)`
fn default(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let kind = text_at(args, 0);
    let owner = oid_at(args, 1);
    let (public, own) = match kind {
        "c" => ("", ""),
        "r" => ("", "arwdDxtm"),
        "s" => ("", "rwU"),
        "d" => ("Tc", "CTc"),
        "f" => ("X", "X"),
        "l" | "T" => ("U", "U"),
        "L" => ("", "rw"),
        "n" => ("", "UC"),
        "t" => ("", "C"),
        "F" | "S" => ("", "U"),
        "p" => ("", "sA"),
        _ => return Err(PgError::internal(format!("unrecognized object type abbreviation: {kind}"))),
    };
    let owner = role_name(owner).unwrap_or_else(|| owner.to_string());
    let mut items = Vec::new();
    if !public.is_empty() {
        items.push(Datum::text(format!("={public}/{owner}")));
    }
    if !own.is_empty() {
        items.push(Datum::text(format!("{owner}={own}/{owner}")));
    }
    Ok(array(oids::ACLITEM, items))
}

fn role(name: &str) -> Oid {
    let name = name.trim_matches('"');
    if name.is_empty() { 0 } else { role_oid(name).or_else(|| name.parse().ok()).unwrap_or(0) }
}

/// Rows of grantor, grantee, privilege, whether it is grantable.
fn explode(args: &[Datum], _: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    let Some(Datum::Array(items)) = args.first() else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for item in &items.elements {
        let Datum::Text(item) = item else { continue };
        let Some((grantee, rest)) = item.split_once('=') else { continue };
        let (letters, grantor) = rest.split_once('/').unwrap_or((rest, ""));
        let mut letters = letters.chars().peekable();
        let mut found = Vec::new();
        while let Some(letter) = letters.next() {
            found.push((letter, letters.next_if_eq(&'*').is_some()));
        }
        for (letter, name) in PRIVILEGES {
            if let Some((_, grantable)) = found.iter().find(|(found, _)| found == letter) {
                rows.push(vec![
                    Datum::I64(i64::from(role(grantor))),
                    Datum::I64(i64::from(role(grantee))),
                    Datum::text(*name),
                    Datum::Bool(*grantable),
                ]);
            }
        }
    }
    Ok(rows)
}

fn make(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let shown =
        |oid: Oid| if oid == 0 { String::new() } else { role_name(oid).unwrap_or_else(|| oid.to_string()) };
    let grantable = args.get(3) == Some(&Datum::Bool(true));
    let mut wanted = Vec::new();
    for word in text_at(args, 2).split(',') {
        let word = word.trim().to_ascii_uppercase();
        let name = if word == "TEMP" { "TEMPORARY" } else { word.as_str() };
        match PRIVILEGES.iter().find(|(_, privilege)| *privilege == name) {
            Some((letter, _)) => wanted.push(*letter),
            None => {
                let message = format!("unrecognized privilege type: \"{}\"", word.to_ascii_lowercase());
                return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        }
    }
    let mut letters = String::new();
    for (letter, _) in PRIVILEGES.iter().filter(|(letter, _)| wanted.contains(letter)) {
        letters.push(*letter);
        if grantable {
            letters.push('*');
        }
    }
    Ok(Datum::text(format!("{}={letters}/{}", shown(oid_at(args, 0)), shown(oid_at(args, 1)))))
}
