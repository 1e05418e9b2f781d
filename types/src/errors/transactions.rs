//! Errors of prepared transactions and of exported snapshots.

use super::{PgError, SqlState};

/// `cannot PREPARE a transaction that ...`
pub fn cannot_prepare(that: &str) -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot PREPARE a transaction that {that}"))
}

/// `transaction identifier "t" is too long`
pub fn identifier_too_long(gid: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("transaction identifier \"{gid}\" is too long"))
}

/// `cannot export a snapshot from a subtransaction`
pub fn export_from_subtransaction() -> PgError {
    PgError::new(SqlState::ACTIVE_SQL_TRANSACTION, "cannot export a snapshot from a subtransaction")
}

/// `SET TRANSACTION SNAPSHOT must be called before any query`
pub fn import_too_late() -> PgError {
    PgError::new(SqlState::ACTIVE_SQL_TRANSACTION, "SET TRANSACTION SNAPSHOT must be called before any query")
}

/// `invalid snapshot identifier: "s"`
pub fn invalid_snapshot(identifier: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid snapshot identifier: \"{identifier}\""))
}

/// `snapshot "s" does not exist`
pub fn unknown_snapshot(identifier: &str) -> PgError {
    PgError::new(SqlState::UNDEFINED_OBJECT, format!("snapshot \"{identifier}\" does not exist"))
}

/// Refuses a snapshot that `reason` keeps from being imported.
pub fn cannot_import(reason: &str) -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, reason)
}

/// `SAVEPOINT can only be used in transaction blocks` and its like.
pub fn only_in_blocks(what: &str) -> PgError {
    PgError::new(
        SqlState::NO_ACTIVE_SQL_TRANSACTION,
        format!("{what} can only be used in transaction blocks"),
    )
}

/// `VACUUM cannot run inside a transaction block` and its like.
pub fn not_in_blocks(what: &str) -> PgError {
    PgError::new(SqlState::ACTIVE_SQL_TRANSACTION, format!("{what} cannot run inside a transaction block"))
}
