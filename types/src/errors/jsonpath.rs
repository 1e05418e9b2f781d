//! Errors of jsonpath.

use super::{PgError, SqlState};

/// `invalid input syntax for type jsonpath: ""`
pub fn invalid_input(input: &str) -> PgError {
    PgError::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type jsonpath: \"{input}\""),
    )
}
/// `syntax error at or near "x" of jsonpath input`, or at its end.
pub fn syntax(near: Option<&str>) -> PgError {
    let place = near.map_or("at end".to_string(), |near| format!("at or near \"{near}\""));
    PgError::new(SqlState::SYNTAX_ERROR, format!("syntax error {place} of jsonpath input"))
}
/// Other refusals of the parser.
pub fn refused(message: &str) -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, message)
}
/// `Unrecognized flag character "z" in LIKE_REGEX predicate.`
pub fn unknown_flag(flag: char) -> PgError {
    PgError::new(SqlState::SYNTAX_ERROR, "invalid input syntax for type jsonpath")
        .with_detail(format!("Unrecognized flag character \"{flag}\" in LIKE_REGEX predicate."))
}
/// `could not find jsonpath variable "x"`
pub fn unknown_variable(name: &str) -> PgError {
    PgError::new(SqlState::UNDEFINED_OBJECT, format!("could not find jsonpath variable \"{name}\""))
}
/// `"vars" argument is not an object`
pub fn vars_not_an_object() -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, "\"vars\" argument is not an object")
        .with_detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object.")
}
/// `JSON object does not contain key "b"`
pub fn no_key(key: &str) -> PgError {
    PgError::new(SqlState::SQL_JSON_MEMBER_NOT_FOUND, format!("JSON object does not contain key \"{key}\""))
}
/// `jsonpath member accessor can only be applied to an object`
pub fn not_an_object(what: &str) -> PgError {
    PgError::new(
        if what == "member" {
            SqlState::SQL_JSON_MEMBER_NOT_FOUND
        } else {
            SqlState::SQL_JSON_OBJECT_NOT_FOUND
        },
        format!("jsonpath {what} accessor can only be applied to an object"),
    )
}
/// `jsonpath array accessor can only be applied to an array`
pub fn not_an_array(what: &str) -> PgError {
    PgError::new(
        SqlState::SQL_JSON_ARRAY_NOT_FOUND,
        format!("jsonpath {what} can only be applied to an array"),
    )
}
/// `jsonpath array subscript is out of bounds` and its relatives.
pub fn subscript(problem: &str) -> PgError {
    PgError::new(SqlState::INVALID_SQL_JSON_SUBSCRIPT, format!("jsonpath array subscript is {problem}"))
}
/// `left operand of jsonpath operator + is not a single numeric value`
pub fn operand(side: &str, operator: &str) -> PgError {
    PgError::new(
        SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED,
        format!("{side} operand of jsonpath operator {operator} is not a single numeric value"),
    )
}
/// `operand of unary jsonpath operator - is not a numeric value`
pub fn unary_operand(operator: &str) -> PgError {
    PgError::new(
        SqlState::SQL_JSON_NUMBER_NOT_FOUND,
        format!("operand of unary jsonpath operator {operator} is not a numeric value"),
    )
}
/// `single boolean result is expected`
pub fn single_boolean() -> PgError {
    PgError::new(SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED, "single boolean result is expected")
}
/// `jsonpath item method .floor() can only be applied to a numeric value`
pub fn method_applied(method: &str, to: &str) -> PgError {
    let sqlstate = match method {
        "keyvalue" => SqlState::SQL_JSON_OBJECT_NOT_FOUND,
        "datetime" | "date" | "time" | "time_tz" | "timestamp" | "timestamp_tz" => {
            SqlState::INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION
        }
        "size" => SqlState::SQL_JSON_ARRAY_NOT_FOUND,
        _ => SqlState::NON_NUMERIC_SQL_JSON_ITEM,
    };
    PgError::new(sqlstate, format!("jsonpath item method .{method}() can only be applied to {to}"))
}
/// `argument "x" of jsonpath item method .double() is invalid for type double precision`
pub fn method_argument(argument: &str, method: &str, type_name: &str) -> PgError {
    PgError::new(
        SqlState::NON_NUMERIC_SQL_JSON_ITEM,
        format!(
            "argument \"{argument}\" of jsonpath item method .{method}() is invalid for type {type_name}"
        ),
    )
}
/// `date format is not recognized: "x"`
pub fn datetime_format(kind: &str, input: &str) -> PgError {
    let error = PgError::new(
        SqlState::INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION,
        format!("{kind} format is not recognized: \"{input}\""),
    );
    if kind == "datetime" {
        error.with_hint("Use a datetime template argument to specify the input data format.")
    } else {
        error
    }
}
