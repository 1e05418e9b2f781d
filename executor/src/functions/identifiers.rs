//! Functions on uuid, `pg_lsn`, transaction ids and snapshots, and random numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use types::identifiers::{self, SnapshotParts};
use types::random::Generator;
use types::{Datum, PgError, Result, uuid};

use super::arguments::{float8, int4, int8, interval, numeric, text, uuid as argument};
use super::{CallContext, FunctionEntry, row, set};

/// Microseconds from 1970-01-01 to 2000-01-01.
const UNIX_TO_POSTGRES: i64 = 10_957 * 86_400_000_000;

fn nanoseconds() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .ok_or_else(|| PgError::internal("the clock is before 1970"))
}

fn uuid_v7(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let now = nanoseconds()?;
    let mut shift = 0;
    if !args.is_empty() {
        let zone = &call.query.session.io().time_zone;
        let at = now / 1000 - UNIX_TO_POSTGRES;
        let shifted = types::datetime::arithmetic::timestamptz_plus_interval(at, &interval(args, 0)?, zone)?;
        shift = shifted - at;
    }
    uuid::ordered_uuid(now, shift).map(Datum::Uuid)
}

fn with_generator<T>(call: &CallContext<'_>, draw: impl FnOnce(&mut Generator) -> T) -> T {
    draw(&mut call.query.session.generator().lock())
}

fn set_seed(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let seeded = Generator::from_fraction(float8(args, 0)?)?;
    with_generator(call, |generator| *generator = seeded);
    Ok(Datum::text(""))
}

fn snapshot(args: &[Datum], index: usize) -> Result<SnapshotParts> {
    SnapshotParts::parse(text(args, index)?)
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("drandom", |_, call| Ok(Datum::F64(with_generator(call, Generator::next_f64)))),
    row("drandom_normal", |args, call| {
        let (mean, deviation) = (float8(args, 0)?, float8(args, 1)?);
        Ok(Datum::F64(with_generator(call, |generator| generator.next_normal(mean, deviation))))
    }),
    row("gen_random_uuid", |_, _| uuid::random_uuid().map(Datum::Uuid)),
    row("int4random", |args, call| {
        let (low, high) = (int4(args, 0)?.into(), int4(args, 1)?.into());
        let value = with_generator(call, |generator| generator.next_between(low, high))?;
        Ok(Datum::I32(value as i32))
    }),
    row("int8random", |args, call| {
        let (low, high) = (int8(args, 0)?, int8(args, 1)?);
        with_generator(call, |generator| generator.next_between(low, high)).map(Datum::I64)
    }),
    row("numeric_pg_lsn", |args, _| identifiers::lsn_from_numeric(numeric(args, 0)?).map(Datum::I64)),
    row("numeric_random", |args, call| {
        let (low, high) = (numeric(args, 0)?, numeric(args, 1)?);
        with_generator(call, |generator| generator.next_numeric(low, high)).map(Datum::Numeric)
    }),
    row("pg_lsn_mi", |args, _| {
        identifiers::lsn_difference(int8(args, 0)?, int8(args, 1)?).map(Datum::Numeric)
    }),
    row("pg_lsn_mii", |args, _| identifiers::lsn_minus(int8(args, 0)?, numeric(args, 1)?).map(Datum::I64)),
    row("pg_lsn_pli", |args, _| identifiers::lsn_plus(int8(args, 0)?, numeric(args, 1)?).map(Datum::I64)),
    set("pg_snapshot_xip", |args, _| {
        Ok(snapshot(args, 0)?.running.into_iter().map(|xid| vec![Datum::I64(xid as i64)]).collect())
    }),
    row("pg_snapshot_xmax", |args, _| Ok(Datum::I64(snapshot(args, 0)?.xmax as i64))),
    row("pg_snapshot_xmin", |args, _| Ok(Datum::I64(snapshot(args, 0)?.xmin as i64))),
    row("pg_visible_in_snapshot", |args, _| Ok(Datum::Bool(snapshot(args, 1)?.sees(int8(args, 0)? as u64)))),
    row("pg_wal_lsn_diff", |args, _| {
        identifiers::lsn_difference(int8(args, 0)?, int8(args, 1)?).map(Datum::Numeric)
    }),
    row("setseed", set_seed),
    row("uuid_extract_timestamp", |args, _| {
        Ok(uuid::timestamp(&argument(args, 0)?).map_or(Datum::Null, Datum::I64))
    }),
    row("uuid_extract_version", |args, _| {
        Ok(uuid::version(&argument(args, 0)?).map_or(Datum::Null, Datum::I16))
    }),
    row("uuidv7", uuid_v7),
    row("uuidv7_interval", uuid_v7),
    row("xid8toxid", |args, _| Ok(Datum::I64(int8(args, 0)? & 0xffff_ffff))),
];
