//! Names, visibility and SQL text of catalog objects; privileges (there is one role, a superuser).

use executor::functions::{CallContext, FunctionEntry, row};
use types::{Datum, Result};

use super::super::definitions::{constraint_definition, indexes, relation_is_visible, role_name};
use super::{access, oid_at, text_at};
use crate::catalog::RelationKind;
use crate::catalog::builtin::builtin;
use crate::catalog::type_names::format_type;
use crate::session::settings::quote_identifier;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("PG_char_to_encoding", |args, _| {
        Ok(Datum::I32(if text_at(args, 0).eq_ignore_ascii_case("utf8") { 6 } else { -1 }))
    }),
    row("PG_encoding_to_char", encoding_to_char),
    row("format_type", format_type_row),
    row("has_any_column_privilege_id", allowed),
    row("has_any_column_privilege_name", allowed),
    row("has_column_privilege_name_name", allowed),
    row("has_database_privilege_id", allowed),
    row("has_database_privilege_name", allowed),
    row("has_database_privilege_name_id", allowed),
    row("has_function_privilege_id", allowed),
    row("has_function_privilege_name", allowed),
    row("has_schema_privilege_id", allowed),
    row("has_schema_privilege_name", allowed),
    row("has_schema_privilege_name_name", allowed),
    row("has_table_privilege_id", allowed),
    row("has_table_privilege_name", allowed),
    row("has_table_privilege_name_id", allowed),
    row("has_table_privilege_name_name", allowed),
    row("pg_collation_is_visible", visible),
    row("pg_function_is_visible", visible),
    row("pg_get_constraintdef", constraint),
    row("pg_get_constraintdef_ext", constraint),
    row("pg_get_expr", expression),
    row("pg_get_expr_ext", expression),
    row("pg_get_function_result", function_result),
    row("pg_get_indexdef", index_definition),
    row("pg_get_indexdef_ext", index_column),
    row("pg_get_userbyid", user_by_id),
    row("pg_get_viewdef", view_definition),
    row("pg_get_viewdef_ext", view_definition),
    row("pg_has_role_id", allowed),
    row("pg_has_role_name", allowed),
    row("pg_is_other_temp_schema", |_, _| Ok(Datum::Bool(false))),
    row("pg_my_temp_schema", |_, _| Ok(Datum::I64(0))),
    row("pg_opclass_is_visible", visible),
    row("pg_operator_is_visible", visible),
    row("pg_relation_is_publishable", publishable),
    row("pg_table_is_visible", table_is_visible),
    row("pg_tablespace_location", |_, _| Ok(Datum::text(""))),
    row("pg_type_is_visible", type_is_visible),
    row("to_regclass", to_regclass),
];

fn allowed(_: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::Bool(true))
}

/// Every object of these kinds is built in and in `pg_catalog`.
fn visible(_: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::Bool(true))
}

fn encoding_to_char(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::text(match args.first() {
        Some(Datum::I32(0)) => "SQL_ASCII",
        Some(Datum::I32(6)) => "UTF8",
        Some(Datum::I32(8)) => "LATIN1",
        Some(_) | None => "",
    }))
}

fn format_type_row(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    if args.first().is_none_or(Datum::is_null) {
        return Ok(Datum::Null);
    }
    let typmod = match args.get(1) {
        Some(Datum::I32(typmod)) => Some(*typmod),
        Some(_) | None => None,
    };
    Ok(Datum::text(format_type(oid_at(args, 0), typmod)))
}

fn table_is_visible(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::Bool(relation_is_visible(access(context)?, oid_at(args, 0))))
}

fn type_is_visible(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let path = access(context)?.path();
    let ty = builtin().type_by_oid(oid_at(args, 0));
    Ok(ty.map_or(Datum::Null, |ty| Datum::Bool(path.contains(&ty.namespace))))
}

fn user_by_id(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let oid = oid_at(args, 0);
    Ok(Datum::text(role_name(oid).unwrap_or_else(|| format!("unknown (OID={oid})"))))
}

/// Expressions are kept as SQL text.
fn expression(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::text(text_at(args, 0)))
}

fn constraint(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let oid = oid_at(args, 0);
    for table in access(context)?.catalog.relations.values() {
        if let Some(found) = table.constraints.iter().find(|constraint| constraint.oid == oid) {
            return Ok(Datum::text(constraint_definition(&access(context)?.catalog, table, found)));
        }
    }
    Ok(Datum::Null)
}

fn index_definition(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let catalog = &access(context)?.catalog;
    let oid = oid_at(args, 0);
    let index = indexes(catalog).find(|index| index.oid == oid);
    Ok(index.map_or(Datum::Null, |index| Datum::text(index.definition(catalog))))
}

/// `pg_get_indexdef(index, column, pretty)`: one column, or the whole for column 0.
fn index_column(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let column = match args.get(1) {
        Some(Datum::I32(column)) => usize::try_from(*column).unwrap_or(0),
        Some(_) | None => 0,
    };
    if column == 0 {
        return index_definition(args, context);
    }
    let catalog = &access(context)?.catalog;
    let oid = oid_at(args, 0);
    let index = indexes(catalog).find(|index| index.oid == oid);
    let name = index.and_then(|index| index.column_text(column - 1));
    Ok(Datum::text(name.unwrap_or_default()))
}

fn view_definition(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let oid = oid_at(args, 0);
    Ok(match access(context)?.catalog.relations.get(&oid).map(|relation| &relation.kind) {
        Some(RelationKind::View { definition, .. }) => Datum::text(format!("{definition};")),
        Some(_) | None => Datum::Null,
    })
}

fn function_result(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(function) = builtin().function(oid_at(args, 0)) else { return Ok(Datum::Null) };
    let result = format_type(function.result, None);
    Ok(Datum::text(if function.returns_set { format!("SETOF {result}") } else { result }))
}

fn publishable(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let relation = access(context)?.catalog.relations.get(&oid_at(args, 0));
    Ok(Datum::Bool(relation.is_some_and(|relation| matches!(relation.kind, RelationKind::Table))))
}

fn to_regclass(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let found = super::super::find_relation(access(context)?, text_at(args, 0))?;
    let _ = quote_identifier;
    Ok(found.map_or(Datum::Null, |oid| Datum::I64(i64::from(oid))))
}
