//! Errors of ranges and multiranges.

use super::{PgError, SqlState};

/// `malformed range literal: "x"` with its detail.
pub fn malformed_range(input: &str, detail: &str) -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed range literal: \"{input}\""))
        .with_detail(detail)
}
/// `malformed multirange literal: "x"` with its detail.
pub fn malformed_multirange(input: &str, detail: &str) -> PgError {
    PgError::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed multirange literal: \"{input}\""))
        .with_detail(detail)
}
/// `range lower bound must be less than or equal to range upper bound`
pub fn bounds_out_of_order() -> PgError {
    PgError::new(
        SqlState::DATA_EXCEPTION,
        "range lower bound must be less than or equal to range upper bound",
    )
}
/// `result of range union would not be contiguous`
pub fn union_not_contiguous() -> PgError {
    PgError::new(SqlState::DATA_EXCEPTION, "result of range union would not be contiguous")
}
/// `result of range difference would not be contiguous`
pub fn difference_not_contiguous() -> PgError {
    PgError::new(SqlState::DATA_EXCEPTION, "result of range difference would not be contiguous")
}
/// `range constructor flags argument must not be null`
pub fn flags_null() -> PgError {
    PgError::new(SqlState::DATA_EXCEPTION, "range constructor flags argument must not be null")
}
/// `invalid range bound flags`
pub fn invalid_flags() -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, "invalid range bound flags")
        .with_hint("Valid values are \"[]\", \"[)\", \"(]\", and \"()\".")
}
/// `multirange values cannot contain null members`
pub fn null_member() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "multirange values cannot contain null members")
}
/// `multiranges cannot be constructed from multidimensional arrays`
pub fn multidimensional() -> PgError {
    PgError::new(
        SqlState::CARDINALITY_VIOLATION,
        "multiranges cannot be constructed from multidimensional arrays",
    )
}
