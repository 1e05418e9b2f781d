//! Errors of array and record functions.

use super::{PgError, SqlState};

fn subscript(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::ARRAY_SUBSCRIPT_ERROR, message)
}
/// `cannot concatenate incompatible arrays`, with why.
pub fn incompatible_dimensions(detail: &str) -> PgError {
    subscript("cannot concatenate incompatible arrays").with_detail(detail)
}
/// `argument must be empty or one-dimensional array`
pub fn not_one_dimensional() -> PgError {
    PgError::new(SqlState::DATA_EXCEPTION, "argument must be empty or one-dimensional array")
}
/// `searching for elements in multidimensional arrays is not supported` and the like.
pub fn multidimensional(action: &str) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!(
            "{action} elements {} multidimensional arrays is not supported",
            if action == "searching for" { "in" } else { "from" }
        ),
    )
}
/// `initial position must not be null`
pub fn null_position() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null")
}
/// `dimension array or low bound array cannot be null`
pub fn null_dimensions() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null")
}
/// `dimension values cannot be null`
pub fn null_dimension_values() -> PgError {
    PgError::new(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null")
}
/// `wrong number of array subscripts` with its detail.
pub fn wrong_subscripts(detail: &str) -> PgError {
    subscript("wrong number of array subscripts").with_detail(detail)
}
/// `array size exceeds the maximum allowed (1073741823)`
pub fn size_too_large(size: usize) -> PgError {
    PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("array size exceeds the maximum allowed ({size})"))
}
/// `array size exceeds the maximum allowed (134217727)`
pub fn too_large() -> PgError {
    PgError::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "array size exceeds the maximum allowed (134217727)")
}
/// `number of array dimensions (7) exceeds the maximum allowed (6)`
pub fn too_many_dimensions(count: usize) -> PgError {
    PgError::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("number of array dimensions ({count}) exceeds the maximum allowed (6)"),
    )
}
/// `number of elements to trim must be between 0 and 3`
pub fn trim_count(length: i32) -> PgError {
    subscript(format!("number of elements to trim must be between 0 and {length}"))
}
/// `sample size must be between 0 and 2`
pub fn sample_size(length: i32) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("sample size must be between 0 and {length}"))
}
/// `cannot compare arrays of different element types`
pub fn different_element_types() -> PgError {
    PgError::new(SqlState::DATATYPE_MISMATCH, "cannot compare arrays of different element types")
}
/// `could not identify an equality operator for type json` and the like.
pub fn no_operator(what: &str, type_name: &str) -> PgError {
    PgError::new(SqlState::UNDEFINED_FUNCTION, format!("could not identify {what} for type {type_name}"))
}
/// `cannot accumulate arrays of different dimensionality` and its relatives.
pub fn accumulate(what: &str) -> PgError {
    let sqlstate = if what.starts_with("null") {
        SqlState::NULL_VALUE_NOT_ALLOWED
    } else {
        SqlState::ARRAY_SUBSCRIPT_ERROR
    };
    PgError::new(sqlstate, format!("cannot accumulate {what}"))
}
/// `cannot compare dissimilar column types integer and text at record column 1`
pub fn dissimilar_columns(left: &str, right: &str, column: usize) -> PgError {
    PgError::new(
        SqlState::DATATYPE_MISMATCH,
        format!("cannot compare dissimilar column types {left} and {right} at record column {column}"),
    )
}
/// `cannot compare record types with different numbers of columns`
pub fn different_columns() -> PgError {
    PgError::new(SqlState::DATATYPE_MISMATCH, "cannot compare record types with different numbers of columns")
}
/// `thresholds must be one-dimensional array` and the like, of width_bucket.
pub fn thresholds(what: &str) -> PgError {
    let sqlstate = if what.contains("NULL") {
        SqlState::NULL_VALUE_NOT_ALLOWED
    } else {
        SqlState::ARRAY_SUBSCRIPT_ERROR
    };
    PgError::new(sqlstate, format!("thresholds {what}"))
}
