//! CREATE TABLE AS, SELECT INTO.

use pg_query::NodeEnum;
use pg_query::protobuf::{CreateTableAsStmt, IntoClause, ObjectType, SelectStmt};
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::query::{self, Planned};
use super::table;
use super::variable::constant_text;
use crate::analyzer::ddl::options;
use crate::analyzer::into::{into_of, refuse_into, without_into};
use crate::catalog::{ColumnInfo, Relation, RelationKind};
use crate::session::Session;
use crate::session::plans::plan_analyzed;
use crate::session::prepared::Source;

/// CREATE TABLE AS.
pub(super) fn create(
    session: &mut Session,
    source: &Source,
    statement: &CreateTableAsStmt,
    params: &[Datum],
) -> Result<String> {
    if statement.objtype() != ObjectType::ObjectTable {
        return Err(PgError::not_supported("CREATE MATERIALIZED VIEW"));
    }
    let Some(into) = &statement.into else { return Err(PgError::internal("CREATE TABLE AS without a name")) };
    let source = source.inner();
    if let NodeEnum::SelectStmt(select) = source.node()? {
        refuse_into(select)?;
    }
    if let NodeEnum::ExecuteStmt(execute) = source.node()? {
        let (prepared, values) = super::prepare::bind(session, execute, params)?;
        let inner = prepared.source.as_ref().filter(|_| prepared.columns.is_some());
        let inner = inner
            .ok_or_else(|| PgError::new(SqlState::WRONG_OBJECT_TYPE, "prepared statement is not a SELECT"))?;
        let types = std::mem::replace(&mut session.running_types, prepared.param_types.clone());
        let planned = query::plan(session, inner, &values);
        session.running_types = types;
        let tag = fill(session, into, statement.if_not_exists, &planned?, &values)?;
        return Ok(if into.skip_data { "SELECT 0".to_owned() } else { tag });
    }
    let planned = query::plan(session, &source, params)?;
    fill(session, into, statement.if_not_exists, &planned, params)
}

/// SELECT INTO.
pub(super) fn select_into(
    session: &mut Session,
    source: &Source,
    statement: &SelectStmt,
    params: &[Datum],
) -> Result<String> {
    let Some(into) = into_of(statement) else {
        return Err(PgError::internal("SELECT INTO without a name"));
    };
    let plain = without_into(source.node()?);
    let types = session.param_types(params.len());
    let planned = loop {
        let analyzed = query::analyze(&*session.access()?, &plain, &types, false)?;
        let planned = plan_analyzed(session, &analyzed, &[])?;
        if !session.lock_planned(&planned)? {
            break planned;
        }
    };
    fill(session, into, false, &planned, params)
}

/// Makes the table and writes the query's rows to it.
fn fill(
    session: &mut Session,
    into: &IntoClause,
    exists_ok: bool,
    planned: &Planned,
    params: &[Datum],
) -> Result<String> {
    let Some(name) = &into.rel else { return Err(PgError::internal("CREATE TABLE AS without a name")) };
    let on_commit = table::on_commit(into.on_commit);
    let Some(place) = table::place(session, name, on_commit, exists_ok, true)? else {
        return Ok("CREATE TABLE AS".to_owned());
    };
    let columns = columns(into, planned)?;
    let oid = session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?;
    let relation = Relation {
        oid,
        name: name.relname.as_str().into(),
        schema: place.schema,
        persistence: place.persistence,
        kind: RelationKind::Table,
        columns,
        options: options::table_options(&into.options)?,
        ..Relation::default()
    };
    let relation = table::make(session, relation)?;
    if into.skip_data {
        return Ok("CREATE TABLE AS".to_owned());
    }
    let storage = std::sync::Arc::clone(&session.open()?.storage);
    let mut writer = table::BatchWriter::new(&mut storage.lock(), &relation)?;
    query::execute_plan(session, planned, params, &mut writer)?;
    let rows = writer.rows.finish(&mut storage.lock())?;
    Ok(format!("SELECT {rows}"))
}

fn columns(into: &IntoClause, planned: &Planned) -> Result<Vec<ColumnInfo>> {
    let names: Vec<String> = into.col_names.iter().filter_map(constant_text).collect();
    if names.len() > planned.columns.len() {
        return Err(PgError::new(SqlState::SYNTAX_ERROR, "too many column names were specified"));
    }
    let mut columns: Vec<ColumnInfo> = Vec::with_capacity(planned.columns.len());
    for (index, column) in planned.columns.iter().enumerate() {
        let name = names.get(index).unwrap_or(&column.name);
        if columns.iter().any(|known| known.name == *name) {
            return Err(PgError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{name}\" specified more than once"),
            ));
        }
        let ty = if column.ty.oid == oids::UNKNOWN { TypeRef::plain(oids::TEXT) } else { column.ty };
        if matches!(ty.oid, oids::VOID | oids::RECORD) {
            return Err(PgError::new(
                SqlState::INVALID_TABLE_DEFINITION,
                format!(
                    "column \"{name}\" has pseudo-type {}",
                    crate::catalog::type_names::type_name(ty.oid)
                ),
            ));
        }
        columns.push(ColumnInfo::new(name.as_str(), ty));
    }
    Ok(columns)
}
