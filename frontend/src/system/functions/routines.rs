//! Functions as SQL text: arguments, result, definition (`ruleutils.c` of PostgreSQL gives the layout).

use datasets::catalog::{PG_LANGUAGE, PG_PROC, Row};
use executor::functions::{CallContext, FunctionEntry, row};
use types::{Datum, Oid, PgError, Result, SqlState};

use super::oid_at;
use crate::catalog::builtin::{AggregateKind, Function, FunctionKind, ParameterMode, builtin};
use crate::catalog::type_names::format_type;
use crate::session::settings::quote_identifier;
use crate::system::built_in;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("pg_get_function_arg_default", argument_default),
    row("pg_get_function_arguments", |args, _| Ok(arguments(args, true))),
    row("pg_get_function_identity_arguments", |args, _| Ok(arguments(args, false))),
    row("pg_get_function_result", result),
    row("pg_get_function_sqlbody", sql_body),
    row("pg_get_functiondef", definition),
];

/// Returns the built-in row of `pg_proc`.
fn proc_row(oid: Oid) -> Option<Row<'static>> {
    built_in::row(PG_PROC, oid)
}

fn function_at(args: &[Datum]) -> Option<&'static Function> {
    builtin().function(oid_at(args, 0))
}

fn arguments(args: &[Datum], defaults: bool) -> Datum {
    function_at(args).map_or(Datum::Null, |function| Datum::text(print_arguments(function, defaults, false)))
}

/// Prints the parameters: those of `RETURNS TABLE` or all others.
fn print_arguments(function: &Function, defaults: bool, table: bool) -> String {
    let expressions = split_expressions(&function.defaults);
    let aggregate = builtin().aggregate(function.oid);
    let ordered_from = aggregate.and_then(|aggregate| match aggregate.kind {
        AggregateKind::OrderedSet | AggregateKind::HypotheticalSet => Some(aggregate.direct_args),
        AggregateKind::Normal => None,
    });
    let mut text = String::new();
    let (mut printed, mut input) = (0, 0);
    let first_default = function.args.len() - expressions.len().min(function.args.len());
    for (position, ty) in function.all_args.iter().enumerate() {
        let mode = function.modes.get(position).copied().unwrap_or(ParameterMode::In);
        let (word, is_input) = match mode {
            ParameterMode::In if function.kind == FunctionKind::Procedure => ("IN ", true),
            ParameterMode::In => ("", true),
            ParameterMode::InOut => ("INOUT ", true),
            ParameterMode::Out => ("OUT ", false),
            ParameterMode::Variadic => ("VARIADIC ", true),
            ParameterMode::Table => ("", false),
        };
        input += usize::from(is_input);
        if (mode == ParameterMode::Table) != table {
            continue;
        }
        if ordered_from == Some(printed) {
            text.push_str(if printed > 0 { " ORDER BY " } else { "ORDER BY " });
        } else if printed > 0 {
            text.push_str(", ");
        }
        let mut one = word.to_owned();
        if let Some(name) = function.names.get(position).filter(|name| !name.is_empty()) {
            one.push_str(&quote_identifier(name));
            one.push(' ');
        }
        one.push_str(&format_type(*ty, None));
        let default = (input - usize::from(is_input)).checked_sub(first_default);
        if let Some(default) = default.and_then(|index| expressions.get(index))
            && defaults
            && is_input
        {
            one.push_str(&format!(" DEFAULT {default}"));
        }
        text.push_str(&one);
        printed += 1;
        // A variadic direct argument of an ordered-set aggregate is also the aggregated one.
        if ordered_from == Some(printed) && position + 1 == function.all_args.len() {
            text.push_str(&format!(" ORDER BY {one}"));
        }
    }
    text
}

/// Splits a list of SQL expressions at its outer commas.
fn split_expressions(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    for (at, character) in list.char_indices() {
        match character {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !list[start..].trim().is_empty() {
        parts.push(list[start..].trim());
    }
    parts
}

fn argument_default(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let (Some(function), Some(Datum::I32(number))) = (function_at(args), args.get(1)) else {
        return Ok(Datum::Null);
    };
    let expressions = split_expressions(&function.defaults);
    // Positions count all parameters; defaults belong to the last input parameters.
    let Some(position) = usize::try_from(*number - 1).ok().filter(|at| *at < function.all_args.len()) else {
        return Ok(Datum::Null);
    };
    let is_input = |mode: &ParameterMode| match mode {
        ParameterMode::In | ParameterMode::InOut | ParameterMode::Variadic => true,
        ParameterMode::Out | ParameterMode::Table => false,
    };
    if function.modes.get(position).is_some_and(|mode| !is_input(mode)) {
        return Ok(Datum::Null);
    }
    let inputs_before = match function.modes.is_empty() {
        true => position,
        false => function.modes[..position].iter().filter(|mode| is_input(mode)).count(),
    };
    let default = inputs_before.checked_sub(function.args.len() - expressions.len().min(function.args.len()));
    Ok(default.and_then(|index| expressions.get(index)).map_or(Datum::Null, |text| Datum::text(*text)))
}

fn print_result(function: &Function) -> String {
    if function.modes.contains(&ParameterMode::Table) {
        return format!("TABLE({})", print_arguments(function, false, true));
    }
    let result = format_type(function.result, None);
    if function.returns_set { format!("SETOF {result}") } else { result }
}

fn result(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    Ok(match function_at(args) {
        Some(function) if function.kind != FunctionKind::Procedure => Datum::text(print_result(function)),
        Some(_) | None => Datum::Null,
    })
}

fn sql_body(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let body = proc_row(oid_at(args, 0)).and_then(|row| row.get("prosqlbody"));
    Ok(body.map_or(Datum::Null, |body| Datum::text(body.as_ref())))
}

/// `pg_get_functiondef`
fn definition(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let (Some(function), Some(row)) = (function_at(args), proc_row(oid_at(args, 0))) else {
        return Ok(Datum::Null);
    };
    if function.kind == FunctionKind::Aggregate {
        let message = format!("\"{}\" is an aggregate function", function.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    }
    let access = super::access(context)?;
    let schema = crate::session::names::schema_name(&access.catalog, function.namespace).unwrap_or_default();
    let word = if function.kind == FunctionKind::Procedure { "PROCEDURE" } else { "FUNCTION" };
    let mut text = format!(
        "CREATE OR REPLACE {word} {}.{}({})\n",
        quote_identifier(&schema),
        quote_identifier(&function.name),
        print_arguments(function, true, false)
    );
    if function.kind != FunctionKind::Procedure {
        text.push_str(&format!(" RETURNS {}\n", print_result(function)));
    }
    let language = built_in::row(PG_LANGUAGE, row.oid("prolang"))
        .map_or_else(String::new, |language| language.text("lanname").into_owned());
    text.push_str(&format!(" LANGUAGE {}\n", quote_identifier(&language)));
    let attributes = attributes(function, &row, &language);
    if !attributes.is_empty() {
        text.push_str(&format!(" {}\n", attributes.join(" ")));
    }
    text.push_str(&body(&row));
    text.push('\n');
    Ok(Datum::text(text))
}

fn attributes(function: &Function, row: &Row<'_>, language: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut add = |wanted: bool, text: &str| {
        if wanted {
            list.push(text.to_owned());
        }
    };
    add(function.kind == FunctionKind::Window, "WINDOW");
    add(row.char("provolatile") == 'i', "IMMUTABLE");
    add(row.char("provolatile") == 's', "STABLE");
    add(row.char("proparallel") == 's', "PARALLEL SAFE");
    add(row.char("proparallel") == 'r', "PARALLEL RESTRICTED");
    add(row.bool("proisstrict"), "STRICT");
    add(row.bool("prosecdef"), "SECURITY DEFINER");
    add(row.bool("proleakproof"), "LEAKPROOF");
    let usual_cost = if matches!(language, "internal" | "c") { "1" } else { "100" };
    let cost = row.text("procost");
    add(cost != usual_cost, &format!("COST {cost}"));
    let count = row.text("prorows");
    add(count != "0" && count != "1000", &format!("ROWS {count}"));
    let support = builtin().function(row.oid("prosupport"));
    add(support.is_some(), &format!("SUPPORT {}", support.map_or("", |support| support.name.as_str())));
    list
}

fn body(row: &Row<'_>) -> String {
    if let Some(body) = row.get("prosqlbody") {
        return body.into_owned();
    }
    let source = row.text("prosrc");
    let mut tag = "$function".to_owned();
    while source.contains(&tag) {
        tag.push('x');
    }
    let library = match row.get("probin") {
        Some(library) => format!("'{}', ", library.replace('\'', "''")),
        None => String::new(),
    };
    format!("AS {library}{tag}${source}{tag}$")
}
