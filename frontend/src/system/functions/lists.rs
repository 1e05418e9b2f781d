//! Set-returning functions that list what the session, the server or the grammar has.

use datasets::catalog as rows;
use executor::functions::{CallContext, FunctionEntry, set};
use types::{Datum, Result, oids};

use super::access;
use crate::system::layout::{Maker, layout, oid};
use crate::system::views;

type Rows = Result<Vec<Vec<Datum>>>;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    set("pg_cursor", |_, context| of_view("pg_cursors", context)),
    set("pg_get_keywords", keywords),
    set("pg_input_error_info", super::objects::input_error_info),
    set("pg_listening_channels", |_, _| Ok(Vec::new())),
    set("pg_lock_status", |_, context| of_view("pg_locks", context)),
    set("pg_options_to_table", options),
    set("pg_partition_ancestors", |_, _| Ok(Vec::new())),
    set("pg_prepared_statement", |_, context| of_view("pg_prepared_statements", context)),
    set("pg_prepared_xact", prepared_transactions),
    set("pg_timezone_abbrevs_abbrevs", |_, context| of_view("pg_timezone_abbrevs", context)),
    set("show_all_settings", |_, context| of_view("pg_settings", context)),
    set("surus_verify", verify),
];

/// The rows of a view that shows exactly what the function returns.
fn of_view(name: &str, context: &CallContext<'_>) -> Rows {
    let relation = crate::catalog::builtin::builtin().relation_by_name(oids::PG_CATALOG_NAMESPACE, name);
    let Some(layout) = relation.and_then(|relation| layout(relation.oid)) else { return Ok(Vec::new()) };
    let mut maker = Maker::new(&layout);
    views::add(access(context)?, name, &mut maker)?;
    Ok(maker.rows)
}

/// What contradicts what in the store, a text each; and all locks that tell readers of tables until the transaction ends.
fn verify(_: &[Datum], context: &CallContext<'_>) -> Rows {
    let transaction = access(context)?.storage();
    let report = storage::verify_in(&mut transaction.lock())?;
    Ok(report.problems.into_iter().map(|problem| vec![Datum::text(problem.as_str())]).collect())
}

fn keywords(_: &[Datum], _: &CallContext<'_>) -> Rows {
    let row = |row: rows::Row<'_>| {
        let category = match row.char("catcode") {
            'C' => "unreserved (cannot be function or type name)",
            'T' => "reserved (can be function or type name)",
            'R' => "reserved",
            _ => "unreserved",
        };
        let bare = row.bool("barelabel");
        vec![
            Datum::text(row.text("word").as_ref()),
            Datum::text(row.text("catcode").as_ref()),
            Datum::Bool(bare),
            Datum::text(category),
            Datum::text(if bare { "can be bare label" } else { "requires AS" }),
        ]
    };
    Ok(rows::rows(rows::PG_KEYWORDS).map(row).collect())
}

fn prepared_transactions(_: &[Datum], context: &CallContext<'_>) -> Rows {
    let row = |prepared: storage::PreparedTransaction| {
        vec![
            Datum::I64((prepared.xid & 0xffff_ffff) as i64),
            Datum::text(prepared.gid),
            Datum::I64(prepared.prepared_at),
            oid(prepared.owner),
            oid(prepared.database),
        ]
    };
    let prepared = access(context)?.engine.store.prepared_transactions();
    Ok(prepared.into_iter().map(row).collect())
}

/// `name=value` as name and value.
fn options(args: &[Datum], _: &CallContext<'_>) -> Rows {
    let Some(Datum::Array(options)) = args.first() else { return Ok(Vec::new()) };
    let split = |option: &Datum| match option {
        Datum::Text(option) => match option.split_once('=') {
            Some((name, value)) => vec![Datum::text(name), Datum::text(value)],
            None => vec![Datum::text(option.clone()), Datum::Null],
        },
        _ => vec![Datum::Null, Datum::Null],
    };
    Ok(options.elements.iter().map(split).collect())
}
