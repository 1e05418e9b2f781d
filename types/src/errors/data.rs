//! Errors of class 22 (data exceptions): the statement's values are at fault.

use super::{PgError, SqlState};

fn out_of_range(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
}

/// `smallint out of range`
pub fn smallint_out_of_range() -> PgError {
    out_of_range("smallint out of range")
}
/// `integer out of range`
pub fn integer_out_of_range() -> PgError {
    out_of_range("integer out of range")
}
/// `bigint out of range`
pub fn bigint_out_of_range() -> PgError {
    out_of_range("bigint out of range")
}
/// `"char" out of range`
pub fn char_out_of_range() -> PgError {
    out_of_range("\"char\" out of range")
}
/// `OID out of range`
pub fn oid_out_of_range() -> PgError {
    out_of_range("OID out of range")
}
/// `division by zero`
pub fn division_by_zero() -> PgError {
    PgError::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}
/// `value out of range: overflow`
pub fn float_overflow() -> PgError {
    out_of_range("value out of range: overflow")
}
/// `value out of range: underflow`
pub fn float_underflow() -> PgError {
    out_of_range("value out of range: underflow")
}
/// `input is out of range`
pub fn input_out_of_range() -> PgError {
    out_of_range("input is out of range")
}
/// `value overflows numeric format`
pub fn numeric_overflow() -> PgError {
    out_of_range("value overflows numeric format")
}
/// `numeric field overflow` for a value with too many digits before the point.
pub fn numeric_field_overflow(precision: i32, scale: i32) -> PgError {
    let digits = precision - scale;
    let bound = if digits == 0 { "1".to_string() } else { format!("10^{digits}") };
    out_of_range("numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than {bound}."
    ))
}
/// `numeric field overflow` for an infinite value.
pub fn numeric_field_infinite(precision: i32, scale: i32) -> PgError {
    out_of_range("numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} cannot hold an infinite value."
    ))
}
/// `cannot convert NaN to integer` and its relatives.
pub fn cannot_convert_special(special: &str, type_name: &str) -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot convert {special} to {type_name}"))
}
/// `invalid input syntax for type integer: "x"`
pub fn invalid_input_syntax(type_name: &str, input: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {type_name}: \"{input}\""),
    )
}
/// `value "99999999999" is out of range for type integer`
pub fn value_out_of_range(type_name: &str, input: &str) -> PgError {
    out_of_range(format!("value \"{input}\" is out of range for type {type_name}"))
}
/// `"1e400" is out of range for type double precision`
pub fn float_input_out_of_range(type_name: &str, input: &str) -> PgError {
    out_of_range(format!("\"{input}\" is out of range for type {type_name}"))
}
/// `cannot take square root of a negative number`
pub fn square_root_of_negative() -> PgError {
    PgError::new(
        SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
        "cannot take square root of a negative number",
    )
}
/// `cannot take logarithm of zero`
pub fn logarithm_of_zero() -> PgError {
    PgError::new(SqlState::INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of zero")
}
/// `cannot take logarithm of a negative number`
pub fn logarithm_of_negative() -> PgError {
    PgError::new(SqlState::INVALID_ARGUMENT_FOR_LOG, "cannot take logarithm of a negative number")
}
/// `zero raised to a negative power is undefined`
pub fn zero_to_negative_power() -> PgError {
    PgError::new(
        SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
        "zero raised to a negative power is undefined",
    )
}
/// `a negative number raised to a non-integer power yields a complex result`
pub fn complex_power() -> PgError {
    PgError::new(
        SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
        "a negative number raised to a non-integer power yields a complex result",
    )
}
/// `invalid byte sequence`-like failures of binary input: `insufficient data left in message`.
pub fn binary_too_short() -> PgError {
    PgError::new(SqlState::PROTOCOL_VIOLATION, "insufficient data left in message")
}
/// `invalid sign in external "numeric" value` and other faults of binary input, with the whole text.
pub fn invalid_binary(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_BINARY_REPRESENTATION, message)
}
/// `incorrect binary data format`, as the protocol layer words it for parameters.
pub fn invalid_parameter(message: impl Into<String>) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, message)
}
/// `factorial of a negative number is undefined`
pub fn factorial_of_negative() -> PgError {
    out_of_range("factorial of a negative number is undefined")
}
/// `stack depth limit exceeded`
pub fn stack_depth_exceeded() -> PgError {
    PgError::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
        .with_hint("Increase the configuration parameter \"max_stack_depth\" (currently 2048kB), after ensuring the platform's stack depth limit is adequate.")
}
/// `unsupported jsonb version number 2`
pub fn invalid_jsonb_version(version: u8) -> PgError {
    PgError::internal(format!("unsupported jsonb version number {version}"))
}
/// `setseed parameter 2 is out of allowed range [-1,1]`
pub fn seed_out_of_range(seed: f64) -> PgError {
    let shown = crate::float::format_general(seed);
    invalid_parameter(format!("setseed parameter {shown} is out of allowed range [-1,1]"))
}
/// `lower bound must be less than or equal to upper bound`
pub fn random_bounds_reversed() -> PgError {
    invalid_parameter("lower bound must be less than or equal to upper bound")
}
/// `lower bound cannot be NaN`
pub fn bound_cannot_be(bound: &str, value: &str) -> PgError {
    invalid_parameter(format!("{bound} bound cannot be {value}"))
}
fn width_bucket(message: &str) -> PgError {
    PgError::new(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET, message)
}
/// `count must be greater than zero`
pub fn bucket_count_not_positive() -> PgError {
    width_bucket("count must be greater than zero")
}
/// `operand, lower bound, and upper bound cannot be NaN`
pub fn bucket_nan() -> PgError {
    width_bucket("operand, lower bound, and upper bound cannot be NaN")
}
/// `lower and upper bounds must be finite`
pub fn bucket_infinite() -> PgError {
    width_bucket("lower and upper bounds must be finite")
}
/// `lower bound cannot equal upper bound`
pub fn bucket_empty() -> PgError {
    width_bucket("lower bound cannot equal upper bound")
}
/// `invalid preceding or following size in window function`
pub fn invalid_preceding_or_following() -> PgError {
    PgError::new(
        SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE,
        "invalid preceding or following size in window function",
    )
}
/// `money out of range`
pub fn money_out_of_range() -> PgError {
    out_of_range("money out of range")
}
/// `floating-point exception`, as PostgreSQL reports the processor's signal.
pub fn floating_point_exception() -> PgError {
    PgError::new(SqlState::FLOATING_POINT_EXCEPTION, "floating-point exception").with_detail(
        "An invalid floating-point operation was signaled. This probably means an out-of-range result or an \
         invalid operation, such as division by zero.",
    )
}
/// `pg_lsn out of range`
pub fn lsn_out_of_range() -> PgError {
    invalid_parameter("pg_lsn out of range")
}
/// `cannot add NaN to pg_lsn`
pub fn lsn_nan(what: &str) -> PgError {
    PgError::new(SqlState::FEATURE_NOT_SUPPORTED, format!("cannot {what} pg_lsn"))
}
/// `percentile value 2 is not between 0 and 1`
pub fn percentile_out_of_range(fraction: f64) -> PgError {
    let shown = crate::float::format_general(fraction);
    out_of_range(format!("percentile value {shown} is not between 0 and 1"))
}

/// `canceling statement due to user request`
pub fn canceled() -> PgError {
    PgError::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}
/// `canceling statement due to statement timeout`
pub fn timed_out() -> PgError {
    PgError::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
}
/// `terminating connection due to administrator command`
pub fn terminated() -> PgError {
    PgError::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
}
/// `out of memory`: the server's statements together need more than it may use, and this one needs most.
pub fn server_out_of_memory() -> PgError {
    PgError::new(SqlState::OUT_OF_MEMORY, "out of memory")
        .with_detail("The statement needs more memory than surus.memory_limit leaves.")
}
/// `invalid memory alloc request size 1200000004`
pub fn invalid_allocation(size: u64) -> PgError {
    PgError::internal(format!("invalid memory alloc request size {size}"))
}
/// `string buffer exceeds maximum allowed length (1073741823 bytes)`
pub fn string_buffer_too_long(held: usize, more: usize) -> PgError {
    PgError::new(
        SqlState::PROGRAM_LIMIT_EXCEEDED,
        format!("string buffer exceeds maximum allowed length ({} bytes)", crate::size::ALLOCATION_MAX),
    )
    .with_detail(format!("Cannot enlarge string buffer containing {held} bytes by {more} more bytes."))
}
