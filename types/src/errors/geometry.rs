//! Errors of geometric types.

use super::{PgError, SqlState};

fn invalid(message: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
/// `cannot convert circle with radius zero to polygon`
pub fn radius_zero() -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot convert circle with radius zero to polygon")
}
/// `must request at least 2 points`
pub fn too_few_points() -> PgError {
    invalid("must request at least 2 points")
}
/// `too many points requested`
pub fn too_many_points() -> PgError {
    PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "too many points requested")
}
/// `invalid line specification: must be two distinct points`
pub fn points_not_distinct() -> PgError {
    invalid("invalid line specification: must be two distinct points")
}
/// `open path cannot be converted to polygon`
pub fn open_path() -> PgError {
    invalid("open path cannot be converted to polygon")
}
