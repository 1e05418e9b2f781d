//! STORAGE and COMPRESSION of columns: accepted as PostgreSQL accepts them, kept and shown.

use datasets::catalog::{self as rows, PG_TYPE};
use types::{Oid, PgError, Result, SqlState};

use crate::catalog::type_names::type_name;

/// Returns `pg_type.typstorage`.
fn type_storage(ty: Oid) -> char {
    let row = rows::rows(PG_TYPE).find(|row| row.oid("oid") == ty);
    row.map_or('x', |row| row.char("typstorage"))
}

/// Reads STORAGE (`GetAttributeStorage`); `None`: not given.
///
/// # Errors
/// `22023` for an unknown word, `0A000` for one that the type cannot have.
pub fn storage(ty: Oid, name: &str) -> Result<Option<char>> {
    let letter = match name.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "plain" => 'p',
        "external" => 'e',
        "extended" => 'x',
        "main" => 'm',
        "default" => type_storage(ty),
        _ => {
            let message = format!("invalid storage type \"{name}\"");
            return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    };
    if letter != 'p' && type_storage(ty) == 'p' {
        let message = format!("column data type {} can only have storage PLAIN", type_name(ty));
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(Some(letter))
}

/// Reads COMPRESSION (`GetAttributeCompression`); `None`: the default.
///
/// # Errors
/// `0A000` for a type that is not compressed and for lz4, `22023` for an unknown word.
pub fn compression(ty: Oid, name: &str) -> Result<Option<char>> {
    if matches!(name, "" | "default") {
        return Ok(None);
    }
    if type_storage(ty) == 'p' {
        let message = format!("column data type {} does not support compression", type_name(ty));
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    match name {
        "pglz" => Ok(Some('p')),
        "lz4" => Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, "compression method lz4 not supported")
            .with_detail("This functionality requires the server to be built with lz4 support.")),
        _ => {
            let message = format!("invalid compression method \"{name}\"");
            Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message))
        }
    }
}
