//! Errors of class 23 (integrity constraint violations) and of rows that a statement would change twice.

use super::{PgError, SqlState};

/// The table that an error names.
#[derive(Debug, Clone, Copy)]
pub struct TableName<'a> {
    /// Schema.
    pub schema: &'a str,
    /// Name.
    pub table: &'a str,
}

fn of_table(sqlstate: SqlState, message: String, table: TableName<'_>) -> PgError {
    let mut error = PgError::new(sqlstate, message);
    error.fields_mut().schema = Some(table.schema.to_owned());
    error.fields_mut().table = Some(table.table.to_owned());
    error
}

fn of_constraint(sqlstate: SqlState, message: String, table: TableName<'_>, constraint: &str) -> PgError {
    let mut error = of_table(sqlstate, message, table);
    error.fields_mut().constraint = Some(constraint.to_owned());
    error
}

/// `null value in column "a" of relation "t" violates not-null constraint`
pub fn null_in_column(table: TableName<'_>, column: &str, failing_row: &str) -> PgError {
    let message = format!(
        "null value in column \"{column}\" of relation \"{}\" violates not-null constraint",
        table.table
    );
    let mut error = of_table(SqlState::NOT_NULL_VIOLATION, message, table).with_detail(failing_row);
    error.fields_mut().column = Some(column.to_owned());
    error
}
/// `new row for relation "t" violates check constraint "c"`
pub fn check_violated(table: TableName<'_>, constraint: &str, failing_row: &str) -> PgError {
    let message =
        format!("new row for relation \"{}\" violates check constraint \"{constraint}\"", table.table);
    of_constraint(SqlState::CHECK_VIOLATION, message, table, constraint).with_detail(failing_row)
}
/// `new row violates check option for view "v"`
pub fn check_option_violated(view: &str, failing_row: &str) -> PgError {
    PgError::new(
        SqlState::WITH_CHECK_OPTION_VIOLATION,
        format!("new row violates check option for view \"{view}\""),
    )
    .with_detail(failing_row)
}
/// `duplicate key value violates unique constraint "t_pkey"`; `key` is `(a)=(1)`.
pub fn duplicate_key(table: TableName<'_>, constraint: &str, key: &str) -> PgError {
    let message = format!("duplicate key value violates unique constraint \"{constraint}\"");
    of_constraint(SqlState::UNIQUE_VIOLATION, message, table, constraint)
        .with_detail(format!("Key {key} already exists."))
}
/// `conflicting key value violates exclusion constraint "t_r_excl"`; keys are `(r)=([1,2))`.
pub fn excluded(table: TableName<'_>, constraint: &str, new: &str, old: &str) -> PgError {
    let message = format!("conflicting key value violates exclusion constraint \"{constraint}\"");
    of_constraint(SqlState::EXCLUSION_VIOLATION, message, table, constraint)
        .with_detail(format!("Key {new} conflicts with existing key {old}."))
}
/// `could not create exclusion constraint "t_r_excl"`
pub fn cannot_exclude(table: TableName<'_>, constraint: &str, new: &str, old: &str) -> PgError {
    let message = format!("could not create exclusion constraint \"{constraint}\"");
    of_constraint(SqlState::EXCLUSION_VIOLATION, message, table, constraint)
        .with_detail(format!("Key {new} conflicts with key {old}."))
}
/// `empty WITHOUT OVERLAPS value found in column "r" in relation "t"`
pub fn empty_period(table: TableName<'_>, column: &str) -> PgError {
    let message =
        format!("empty WITHOUT OVERLAPS value found in column \"{column}\" in relation \"{}\"", table.table);
    PgError::new(SqlState::CHECK_VIOLATION, message)
}
/// `insert or update on table "child" violates foreign key constraint "c"`, for a key that the parent does not have.
pub fn missing_parent(child: TableName<'_>, constraint: &str, key: &str, parent: &str) -> PgError {
    child_violation(child, constraint).with_detail(format!("Key {key} is not present in table \"{parent}\"."))
}
/// The same for MATCH FULL with some columns null.
pub fn mixed_null_key(child: TableName<'_>, constraint: &str) -> PgError {
    child_violation(child, constraint)
        .with_detail("MATCH FULL does not allow mixing of null and nonnull key values.")
}

fn child_violation(child: TableName<'_>, constraint: &str) -> PgError {
    let message = format!(
        "insert or update on table \"{}\" violates foreign key constraint \"{constraint}\"",
        child.table
    );
    of_constraint(SqlState::FOREIGN_KEY_VIOLATION, message, child, constraint)
}
/// `update or delete on table "parent" violates foreign key constraint "c" on table "child"`
pub fn still_referenced(
    parent: &str,
    constraint: &str,
    child: TableName<'_>,
    key: &str,
    restrict: bool,
) -> PgError {
    let (sqlstate, which, verb) = if restrict {
        (SqlState::RESTRICT_VIOLATION, "RESTRICT setting of foreign key constraint", "is referenced")
    } else {
        (SqlState::FOREIGN_KEY_VIOLATION, "foreign key constraint", "is still referenced")
    };
    let message = format!(
        "update or delete on table \"{parent}\" violates {which} \"{constraint}\" on table \"{}\"",
        child.table
    );
    of_constraint(sqlstate, message, child, constraint)
        .with_detail(format!("Key {key} {verb} from table \"{}\".", child.table))
}
/// `ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters`
pub fn deferrable_arbiter(table: TableName<'_>, constraint: &str) -> PgError {
    of_constraint(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters"
            .to_owned(),
        table,
        constraint,
    )
}
/// `ON CONFLICT DO UPDATE command cannot affect row a second time`
pub fn conflict_row_twice() -> PgError {
    PgError::new(
        SqlState::CARDINALITY_VIOLATION,
        "ON CONFLICT DO UPDATE command cannot affect row a second time",
    )
    .with_hint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
}
/// `MERGE command cannot affect row a second time`
pub fn merge_row_twice() -> PgError {
    PgError::new(SqlState::CARDINALITY_VIOLATION, "MERGE command cannot affect row a second time")
        .with_hint("Ensure that not more than one source row matches any one target row.")
}

/// `foreign key uses PERIOD on the referenced table but not the referencing table`
pub fn period_not_referencing() -> PgError {
    PgError::new(
        SqlState::INVALID_FOREIGN_KEY,
        "foreign key uses PERIOD on the referenced table but not the referencing table",
    )
}

/// `foreign key uses PERIOD on the referencing table but not the referenced table`
pub fn period_not_referenced() -> PgError {
    PgError::new(
        SqlState::INVALID_FOREIGN_KEY,
        "foreign key uses PERIOD on the referencing table but not the referenced table",
    )
}

/// `foreign key must use PERIOD when referencing a primary key using WITHOUT OVERLAPS`
pub fn period_needed() -> PgError {
    PgError::new(
        SqlState::INVALID_FOREIGN_KEY,
        "foreign key must use PERIOD when referencing a primary key using WITHOUT OVERLAPS",
    )
}

/// `unsupported ON DELETE action for foreign key constraint using PERIOD`
pub fn period_action(event: &str) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("unsupported ON {event} action for foreign key constraint using PERIOD"),
    )
}

/// `could not identify an overlaps operator for foreign key`: the key is one of a btree index.
pub fn no_overlaps_operator() -> PgError {
    PgError::new(SqlState::UNDEFINED_OBJECT, "could not identify an overlaps operator for foreign key")
        .with_detail("Could not translate compare type 7 for operator family \"range_ops\" of access method \"btree\".")
}
