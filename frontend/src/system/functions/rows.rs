//! System columns of rows: `xmin`, `xmax`, `cmin` and `cmax`, by table and row id.

use executor::functions::{CallContext, FunctionEntry, row};
use storage::{RowId, SystemColumns};
use types::{Datum, PgError, Result};

use super::{access, oid_at};

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("surus_catalog_xmin", |_, context| {
        Ok(Datum::I64(context.query.transaction()?.lock().store().catalog_xid().into()))
    }),
    row("surus_command", |args, context| system(args, context, |columns| columns.command)),
    row("surus_xmax", |args, context| system(args, context, |columns| columns.xmax)),
    row("surus_xmin", |args, context| system(args, context, |columns| columns.xmin)),
    row("xid_age", |args, context| {
        let Some(Datum::I64(xid)) = args.first() else { return Ok(Datum::Null) };
        if *xid < FIRST_NORMAL_XID {
            return Ok(Datum::I32(i32::MAX));
        }
        let transaction = context.query.transaction()?.lock();
        let now = transaction.xid().unwrap_or_else(|| transaction.store().running_xids().1);
        Ok(Datum::I32((now as u32).wrapping_sub(*xid as u32) as i32))
    }),
];

/// Lesser numbers stand for what is older than every transaction.
const FIRST_NORMAL_XID: i64 = 3;

/// (table, row id): one of the row's system columns.
fn system(args: &[Datum], context: &CallContext<'_>, which: fn(SystemColumns) -> u32) -> Result<Datum> {
    let [_, Datum::I64(row)] = args else { return Err(PgError::internal("a system column of no row")) };
    let oid = oid_at(args, 0);
    let Some(relation) = access(context)?.catalog.relation(oid) else {
        return Err(PgError::internal("a system column of no table"));
    };
    let found =
        context.query.transaction()?.lock().system_columns(relation.table_id(), RowId(*row as u64))?;
    Ok(found.map_or(Datum::Null, |columns| Datum::I64(which(columns).into())))
}
