//! Errors of row locks and of transactions that cannot be serialized.

use super::{PgError, SqlState};

/// `could not obtain lock on row in relation "t"`
pub fn row_lock_not_available(table: &str) -> PgError {
    PgError::new(
        SqlState::LOCK_NOT_AVAILABLE,
        format!("could not obtain lock on row in relation \"{table}\""),
    )
}

/// `could not obtain lock on relation "t"`
pub fn table_lock_not_available(table: &str) -> PgError {
    PgError::new(SqlState::LOCK_NOT_AVAILABLE, format!("could not obtain lock on relation \"{table}\""))
}

/// `cannot lock rows in sequence "s"` and its like.
pub fn cannot_lock_rows(kind: &str, name: &str) -> PgError {
    PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot lock rows in {kind} \"{name}\""))
}

/// `you don't own a lock of type ExclusiveLock`, a warning
pub fn lock_not_owned(mode: &str) -> PgError {
    PgError::new(SqlState::WARNING, format!("you don't own a lock of type {mode}"))
}
