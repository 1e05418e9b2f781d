//! Errors of cursors.

use super::{PgError, SqlState};

/// `cannot specify both SCROLL and NO SCROLL` and its like.
pub fn both_specified(one: &str, other: &str) -> PgError {
    PgError::new(SqlState::INVALID_CURSOR_DEFINITION, format!("cannot specify both {one} and {other}"))
}
/// `DECLARE CURSOR must not contain data-modifying statements in WITH`
pub fn modifying_with() -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "DECLARE CURSOR must not contain data-modifying statements in WITH",
    )
}
/// `DECLARE CURSOR WITH HOLD ... FOR UPDATE is not supported`
pub fn holdable_locks(clause: &str) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("DECLARE CURSOR WITH HOLD ... {clause} is not supported"),
    )
    .with_detail("Holdable cursors must be READ ONLY.")
}
/// `DECLARE SCROLL CURSOR ... FOR UPDATE is not supported`
pub fn scrollable_locks(clause: &str) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("DECLARE SCROLL CURSOR ... {clause} is not supported"),
    )
    .with_detail("Scrollable cursors must be READ ONLY.")
}
/// `DECLARE INSENSITIVE CURSOR ... FOR UPDATE is not valid`
pub fn insensitive_locks(clause: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_CURSOR_DEFINITION,
        format!("DECLARE INSENSITIVE CURSOR ... {clause} is not valid"),
    )
    .with_detail("Insensitive cursors must be READ ONLY.")
}
/// `invalid cursor name: must not be empty`
pub fn empty_name() -> PgError {
    PgError::new(SqlState::INVALID_CURSOR_NAME, "invalid cursor name: must not be empty")
}
/// `cursor "c" already exists`
pub fn duplicate(name: &str) -> PgError {
    PgError::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{name}\" already exists"))
}
/// `WHERE CURRENT OF on a view is not implemented`
pub fn current_of_view() -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, "WHERE CURRENT OF on a view is not implemented")
}
/// `could not start a thread for a query: reason`
pub fn no_thread(reason: &str) -> PgError {
    PgError::new(SqlState::INSUFFICIENT_RESOURCES, format!("could not start a thread for a query: {reason}"))
}
/// `cannot ALTER TABLE "t" because it is being used by active queries in this session`
pub fn table_in_use(command: &str, table: &str) -> PgError {
    let message =
        format!("cannot {command} \"{table}\" because it is being used by active queries in this session");
    PgError::new(SqlState::OBJECT_IN_USE, message)
}
/// `cannot ALTER TABLE "t" because it has pending trigger events`
pub fn pending_checks(command: &str, table: &str) -> PgError {
    let message = format!("cannot {command} \"{table}\" because it has pending trigger events");
    PgError::new(SqlState::OBJECT_IN_USE, message)
}
