//! Existing rows against a new constraint or index.

use types::{Datum, PgError, Result, SqlState};

use executor::context::SessionAccess;

use super::internal::{qualified, rows};
use crate::analyzer::AnalyzerContext;
use crate::catalog::{ForeignKey, Index, IndexKeySource, Relation};
use crate::session::Session;
use crate::session::settings::quote_identifier;

fn text_of(value: Option<&Datum>) -> String {
    match value {
        Some(Datum::Text(text)) => text.to_string(),
        Some(_) | None => "null".to_owned(),
    }
}

/// Names the table in an error's fields.
fn name_objects(session: &Session, relation: &Relation, error: &mut PgError) -> Result<()> {
    let schema = session.open()?.catalog.schema_name(relation.schema).map(str::to_owned);
    let fields = error.fields_mut();
    fields.schema = schema;
    fields.table = Some(relation.name.to_string());
    Ok(())
}

/// Says no two rows have the same key.
///
/// # Errors
/// `23505`.
pub(super) fn unique(session: &mut Session, relation: &Relation, index: &Index) -> Result<()> {
    let table = qualified(&session.open()?.catalog, relation);
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| match &key.source {
            IndexKeySource::Column(position) => quote_identifier(&relation.columns[*position].name),
            IndexKeySource::Expression { definition, .. } => definition.to_string(),
        })
        .collect();
    let mut conditions: Vec<String> = index.predicate.iter().map(ToString::to_string).collect();
    if !index.nulls_not_distinct {
        conditions.extend(keys.iter().map(|key| format!("({key}) IS NOT NULL")));
    }
    let shown: Vec<String> = keys.iter().map(|key| format!("({key})::text")).collect();
    let filter =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let sql = format!(
        "SELECT {} FROM {table}{filter} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
        shown.join(", "),
        keys.iter().map(|key| format!("({key})")).collect::<Vec<_>>().join(", ")
    );
    let found = rows(session, &sql)?;
    let Some(row) = found.first() else { return Ok(()) };
    let values: Vec<String> = (0..keys.len()).map(|at| text_of(row.get(at))).collect();
    let message = format!("could not create unique index \"{}\"", index.name);
    let detail = format!("Key ({})=({}) is duplicated.", keys.join(", "), values.join(", "));
    let mut error = PgError::new(SqlState::UNIQUE_VIOLATION, message).with_detail(detail);
    name_objects(session, relation, &mut error)?;
    error.fields_mut().constraint = Some(index.name.to_string());
    Err(error)
}
/// Says no two rows exclude each other.
///
/// # Errors
/// `23P01`.
pub(super) fn exclusion(session: &mut Session, relation: &Relation, index: &Index) -> Result<()> {
    let access = session.access()?;
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let target = crate::analyzer::target_of(relation, &context)?;
    session.over_newest_rows(|session| executor::check_exclusion(&session.context(&[])?, &target, index.oid))
}

/// Says a column has no NULL.
///
/// # Errors
/// `23502`.
pub(super) fn not_null(session: &mut Session, relation: &Relation, column: usize) -> Result<()> {
    let table = qualified(&session.open()?.catalog, relation);
    let name = relation.columns[column].name.clone();
    let sql = format!("SELECT 1 FROM {table} WHERE {} IS NULL LIMIT 1", quote_identifier(&name));
    if rows(session, &sql)?.is_empty() {
        return Ok(());
    }
    let message = format!("column \"{name}\" of relation \"{}\" contains null values", relation.name);
    let mut error = PgError::new(SqlState::NOT_NULL_VIOLATION, message);
    name_objects(session, relation, &mut error)?;
    error.fields_mut().column = Some(name.to_string());
    Err(error)
}

/// Says all rows pass a CHECK.
///
/// # Errors
/// `23514`.
pub(super) fn check(session: &mut Session, relation: &Relation, name: &str, condition: &str) -> Result<()> {
    let table = qualified(&session.open()?.catalog, relation);
    let sql = format!("SELECT 1 FROM {table} WHERE NOT ({condition}) LIMIT 1");
    if rows(session, &sql)?.is_empty() {
        return Ok(());
    }
    let message =
        format!("check constraint \"{name}\" of relation \"{}\" is violated by some row", relation.name);
    let mut error = PgError::new(SqlState::CHECK_VIOLATION, message);
    name_objects(session, relation, &mut error)?;
    error.fields_mut().constraint = Some(name.to_owned());
    Err(error)
}

/// Says every row refers to a row of the referenced table.
///
/// # Errors
/// `23503`.
pub(super) fn foreign(
    session: &mut Session,
    relation: &Relation,
    name: &str,
    key: &ForeignKey,
) -> Result<()> {
    let catalog = std::sync::Arc::clone(&session.open()?.catalog);
    let Some(referenced) = catalog.relations.get(&key.table).cloned() else { return Ok(()) };
    let own: Vec<String> =
        key.columns.iter().map(|position| quote_identifier(&relation.columns[*position].name)).collect();
    let target: Vec<String> = key
        .referenced
        .iter()
        .filter_map(|attnum| referenced.position_of(*attnum))
        .map(|position| quote_identifier(&referenced.columns[position].name))
        .collect();
    let mut joined: Vec<String> =
        own.iter().zip(&target).map(|(own, target)| format!("fk.{own} = pk.{target}")).collect();
    let parents = qualified(&catalog, &referenced);
    let present = match (joined.last_mut(), own.last(), target.last()) {
        (Some(last), Some(own), Some(target)) if key.has_period(&referenced) => {
            *last = format!("fk.{own} && pk.{target}");
            let joined = joined.join(" AND ");
            // VALIDATE CONSTRAINT is content with rows that overlap (`RI_Initial_Check` does not know of the period there).
            if relation.foreign_keys().any(|(known, _)| known.name == name && !known.validated) {
                format!("EXISTS (SELECT 1 FROM {parents} pk WHERE {joined})")
            } else {
                let cover = format!("SELECT range_agg(pk.{target}) FROM {parents} pk WHERE {joined}");
                format!("coalesce(fk.{own} <@ ({cover}), false)")
            }
        }
        _ => format!("EXISTS (SELECT 1 FROM {parents} pk WHERE {})", joined.join(" AND ")),
    };
    let null = |test: &str, word: &str| {
        let tests: Vec<String> = own.iter().map(|own| format!("fk.{own} {test}")).collect();
        tests.join(word)
    };
    let applies = if key.full { null("IS NOT NULL", " OR ") } else { null("IS NOT NULL", " AND ") };
    let shown: Vec<String> = own.iter().map(|own| format!("(fk.{own})::text")).collect();
    let sql = format!(
        "SELECT {} FROM {} fk WHERE ({applies}) AND NOT {present} LIMIT 1",
        shown.join(", "),
        qualified(&catalog, relation),
    );
    let found = rows(session, &sql)?;
    let Some(row) = found.first() else { return Ok(()) };
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{name}\"", relation.name);
    let values: Vec<String> = (0..own.len()).map(|at| text_of(row.get(at))).collect();
    let mixed = key.full && row.iter().any(|value| matches!(value, Datum::Null));
    let detail = if mixed {
        "MATCH FULL does not allow mixing of null and nonnull key values.".to_owned()
    } else {
        format!(
            "Key ({})=({}) is not present in table \"{}\".",
            own.join(", "),
            values.join(", "),
            referenced.name
        )
    };
    let mut error = PgError::new(SqlState::FOREIGN_KEY_VIOLATION, message).with_detail(detail);
    name_objects(session, relation, &mut error)?;
    error.fields_mut().constraint = Some(name.to_owned());
    Err(error)
}
