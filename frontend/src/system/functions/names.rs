//! Names, visibility and SQL text of catalog objects.

use datasets::catalog::{
    PG_COLLATION, PG_CONVERSION, PG_OPCLASS, PG_OPERATOR, PG_OPFAMILY, PG_TS_CONFIG, PG_TS_DICT,
    PG_TS_PARSER, PG_TS_TEMPLATE,
};
use executor::functions::{CallContext, FunctionEntry, row};
use types::io::ObjectNames;
use types::{Datum, Oid, Result, oids};

use super::super::definitions::{
    Index, constraint_definition, relation_is_visible, relation_schema_and_name, role_name,
};
use super::super::layout::array;
use super::super::view_definition::{self, Style};
use super::super::{built_in, built_in_text, definitions, shown};
use super::{access, oid_at, text_at};
use crate::catalog::RelationKind;
use crate::catalog::builtin::builtin;
use crate::catalog::type_names::format_type;
use crate::session::access::Access;
use crate::session::settings::quote_identifier;
use crate::system::encodings;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("PG_char_to_encoding", |args, _| Ok(Datum::I32(encodings::number(text_at(args, 0)).unwrap_or(-1)))),
    row("PG_encoding_to_char", encoding_to_char),
    row("format_type", format_type_row),
    row("pg_collation_is_visible", |args, context| {
        built_in_visible(PG_COLLATION, "collnamespace", args, context)
    }),
    row("pg_conversion_is_visible", |args, context| {
        built_in_visible(PG_CONVERSION, "connamespace", args, context)
    }),
    row("pg_function_is_visible", function_is_visible),
    row("pg_get_constraintdef", constraint),
    row("pg_get_constraintdef_ext", constraint),
    row("pg_get_expr", expression),
    row("pg_get_expr_ext", expression),
    row("pg_get_indexdef", index_definition),
    row("pg_get_indexdef_ext", index_column),
    row("pg_get_statisticsobjdef", statistics_definition),
    row("pg_get_statisticsobjdef_columns", statistics_columns),
    row("pg_get_statisticsobjdef_expressions", statistics_expressions),
    row("pg_get_userbyid", user_by_id),
    row("pg_get_viewdef", view_definition_of),
    row("pg_get_viewdef_ext", view_definition_of),
    row("pg_get_viewdef_name", view_definition_by_name),
    row("pg_get_viewdef_name_ext", view_definition_by_name),
    row("pg_get_viewdef_wrap", view_definition_of),
    row("pg_is_other_temp_schema", |_, _| Ok(Datum::Bool(false))),
    row("pg_my_temp_schema", |_, _| Ok(Datum::I64(0))),
    row("pg_opclass_is_visible", |args, context| built_in_visible(PG_OPCLASS, "opcnamespace", args, context)),
    row("pg_operator_is_visible", |args, context| {
        built_in_visible(PG_OPERATOR, "oprnamespace", args, context)
    }),
    row("pg_opfamily_is_visible", |args, context| {
        built_in_visible(PG_OPFAMILY, "opfnamespace", args, context)
    }),
    row("pg_relation_is_publishable", publishable),
    row("pg_statistics_obj_is_visible", statistics_is_visible),
    row("pg_table_is_visible", table_is_visible),
    row("pg_tablespace_location", |_, _| Ok(Datum::text(""))),
    row("pg_ts_config_is_visible", |args, context| {
        built_in_visible(PG_TS_CONFIG, "cfgnamespace", args, context)
    }),
    row("pg_ts_dict_is_visible", |args, context| {
        built_in_visible(PG_TS_DICT, "dictnamespace", args, context)
    }),
    row("pg_ts_parser_is_visible", |args, context| {
        built_in_visible(PG_TS_PARSER, "prsnamespace", args, context)
    }),
    row("pg_ts_template_is_visible", |args, context| {
        built_in_visible(PG_TS_TEMPLATE, "tmplnamespace", args, context)
    }),
    row("pg_type_is_visible", type_is_visible),
    row("pg_typeof", |_, context| {
        Ok(Datum::I64(context.arg_types.first().map_or(0, |ty| i64::from(ty.oid))))
    }),
    row("text_regclass", text_regclass),
    row("to_regclass", to_regclass),
];

fn statistics_is_visible(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let Some(object) = access.catalog.statistics.get(&oid_at(args, 0)) else { return Ok(Datum::Null) };
    let path = access.path();
    let found = path.iter().find_map(|schema| access.catalog.statistics_in(*schema, &object.name));
    Ok(Datum::Bool(found.is_some_and(|found| found.oid == object.oid)))
}

fn statistics_definition(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let text = definitions::statistics_definition(access(context)?, oid_at(args, 0));
    Ok(text.map_or(Datum::Null, Datum::text))
}

fn statistics_columns(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let object = access.catalog.statistics.get(&oid_at(args, 0));
    Ok(object.map_or(Datum::Null, |object| Datum::text(definitions::statistics_columns(access, object))))
}

fn statistics_expressions(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let object = access.catalog.statistics.get(&oid_at(args, 0));
    let Some(object) = object.filter(|object| !object.expressions.is_empty()) else { return Ok(Datum::Null) };
    let shown = object.expressions.iter().map(|text| shown::shown(access, object.table, text, false));
    Ok(array(oids::TEXT, shown.map(Datum::text).collect()))
}

/// Says whether the schema of a built-in object is in the search path.
fn built_in_visible(
    file: &'static str,
    schema: &str,
    args: &[Datum],
    context: &CallContext<'_>,
) -> Result<Datum> {
    let oid = oid_at(args, 0);
    let Some(row) = built_in::row(file, oid) else { return Ok(Datum::Null) };
    Ok(Datum::Bool(access(context)?.names.in_path(row.oid(schema))))
}

fn function_is_visible(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let Some(function) = builtin().function(oid_at(args, 0)) else { return Ok(Datum::Null) };
    Ok(Datum::Bool(access(context)?.names.in_path(function.namespace)))
}

fn encoding_to_char(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::text(match args.first() {
        Some(Datum::I32(number)) => encodings::name(*number),
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
    let names = &access(context)?.names;
    let oid = oid_at(args, 0);
    Ok(match relation_schema_and_name(names, oid) {
        Some(_) => Datum::Bool(relation_is_visible(names, oid)),
        None => Datum::Null,
    })
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
fn expression(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let text = shown::shown(access(context)?, oid_at(args, 1), text_at(args, 0), pretty(args, 2));
    Ok(Datum::text(text))
}

fn pretty(args: &[Datum], at: usize) -> bool {
    matches!(args.get(at), Some(Datum::Bool(true)))
}

fn constraint(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let oid = oid_at(args, 0);
    let access = access(context)?;
    for table in access.catalog.relations.values() {
        if let Some(found) = table.constraints.iter().find(|constraint| constraint.oid == oid) {
            let found = shown::constraint(access, table, found, pretty(args, 1));
            let path = access.path();
            let excluding = shown::excluding_table(access, table, &found, pretty(args, 1));
            let table = excluding.as_ref().unwrap_or(table);
            return Ok(Datum::text(constraint_definition(&access.catalog, &path, table, &found)));
        }
    }
    Ok(built_in_text::constraint(oid).map_or(Datum::Null, Datum::text))
}

fn index_definition(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let oid = oid_at(args, 0);
    if let Some(text) = built_in_text::index(oid, 0) {
        return Ok(Datum::text(text));
    }
    let Some(index) = definitions::index(&access.catalog, oid) else { return Ok(Datum::Null) };
    let found = std::sync::Arc::new(shown::index(access, index.table, index.index, pretty(args, 2)));
    let index = Index { oid, table: index.table, index: &found };
    // Printed pretty, a table that the search path finds goes without its schema.
    let visible = access.names.find_relation(&quote_identifier(&index.table.name))?;
    if pretty(args, 2) && visible == Some(index.table.oid) {
        return Ok(Datum::text(index.definition_on(&quote_identifier(&index.table.name))));
    }
    Ok(Datum::text(index.definition(&access.catalog)))
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
    let access = access(context)?;
    let oid = oid_at(args, 0);
    let index = definitions::index(&access.catalog, oid);
    let name = index.map(|index| {
        let found = std::sync::Arc::new(shown::index(access, index.table, index.index, pretty(args, 2)));
        Index { oid, table: index.table, index: &found }.column_text(column - 1).unwrap_or_default()
    });
    let name = name.or_else(|| built_in_text::index(oid, column));
    Ok(name.map_or(Datum::Null, Datum::text))
}

fn view_definition_of(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    Ok(view_text(access(context)?, oid_at(args, 0), view_style(args)))
}

/// Reads how a view is printed: pretty or not, or pretty with lines of so many characters.
fn view_style(args: &[Datum]) -> Style {
    match args.get(1) {
        Some(Datum::I32(wrap)) => Style { pretty: true, wrap: usize::try_from(*wrap).ok() },
        Some(Datum::Bool(pretty)) => Style { pretty: *pretty, wrap: Some(0) },
        Some(_) | None => Style { pretty: false, wrap: Some(0) },
    }
}

fn view_definition_by_name(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let oid = access.names.input(oids::REGCLASS, text_at(args, 0))?;
    Ok(view_text(access, oid, view_style(args)))
}

fn view_text(access: &Access, oid: Oid, style: Style) -> Datum {
    if let Some(text) = built_in_text::view(oid) {
        return Datum::text(text);
    }
    let Some(relation) = access.catalog.relations.get(&oid) else { return Datum::Null };
    match &relation.kind {
        RelationKind::View { definition, .. } | RelationKind::Materialized { definition, .. } => {
            if let Some(text) = view_definition::definition(access, relation, definition, style) {
                return Datum::text(text);
            }
            let end = if definition.ends_with(';') { "" } else { ";" };
            Datum::text(format!("{definition}{end}"))
        }
        RelationKind::Table | RelationKind::System | RelationKind::Sequence(_) | RelationKind::Composite => {
            Datum::Null
        }
    }
}

fn publishable(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let relation = access(context)?.catalog.relations.get(&oid_at(args, 0));
    Ok(Datum::Bool(relation.is_some_and(|relation| matches!(relation.kind, RelationKind::Table))))
}

fn to_regclass(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let text = text_at(args, 0);
    if !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(oid) = text.parse::<u32>()
    {
        return Ok(Datum::I64(i64::from(oid)));
    }
    match access(context)?.names.find_relation(text) {
        Ok(found) => Ok(found.map_or(Datum::Null, |oid| Datum::I64(i64::from(oid)))),
        Err(error) if error.sqlstate() == types::SqlState::INVALID_NAME => Ok(Datum::Null),
        Err(error) => Err(error),
    }
}

/// The cast from text, which takes names only.
fn text_regclass(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let oid = access(context)?.names.named_relation(text_at(args, 0))?;
    Ok(Datum::I64(i64::from(oid)))
}
