//! The hash functions of the hash operator classes.

use types::hashing::hash_value;
use types::{Datum, PgError, Result};

use super::arguments::int8;
use super::{CallContext, FunctionEntry, row};

fn hash_with(args: &[Datum], call: &CallContext<'_>, seed: Option<u64>) -> Result<u64> {
    match (args.first(), call.arg_types.first()) {
        (Some(value), Some(ty)) => hash_value(ty.oid, value, seed),
        _ => Err(PgError::internal("a hash function without argument")),
    }
}

fn hash(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::I32(hash_with(args, call, None)? as u32 as i32))
}

fn hash_extended(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    Ok(Datum::I64(hash_with(args, call, Some(int8(args, 1)? as u64))? as i64))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("hash_array", hash),
    row("hash_array_extended", hash_extended),
    row("hash_numeric", hash),
    row("hash_numeric_extended", hash_extended),
    row("hashbool", hash),
    row("hashboolextended", hash_extended),
    row("hashbpchar", hash),
    row("hashbpcharextended", hash_extended),
    row("hashbytea", hash),
    row("hashbyteaextended", hash_extended),
    row("hashchar", hash),
    row("hashcharextended", hash_extended),
    row("hashcid", hash),
    row("hashcidextended", hash_extended),
    row("hashdate", hash),
    row("hashdateextended", hash_extended),
    row("hashfloat4", hash),
    row("hashfloat4extended", hash_extended),
    row("hashfloat8", hash),
    row("hashfloat8extended", hash_extended),
    row("hashint2", hash),
    row("hashint2extended", hash_extended),
    row("hashint4", hash),
    row("hashint4extended", hash_extended),
    row("hashint8", hash),
    row("hashint8extended", hash_extended),
    row("hashname", hash),
    row("hashnameextended", hash_extended),
    row("hashoid", hash),
    row("hashoidextended", hash_extended),
    row("hashoidvector", hash),
    row("hashoidvectorextended", hash_extended),
    row("hashtext", hash),
    row("hashtextextended", hash_extended),
    row("hashvarlena", hash),
    row("hashvarlenaextended", hash_extended),
    row("hashxid", hash),
    row("hashxid8", hash),
    row("hashxid8extended", hash_extended),
    row("hashxidextended", hash_extended),
    row("interval_hash", hash),
    row("interval_hash_extended", hash_extended),
    row("pg_lsn_hash", hash),
    row("pg_lsn_hash_extended", hash_extended),
    row("time_hash", hash),
    row("time_hash_extended", hash_extended),
    row("timestamp_hash", hash),
    row("timestamp_hash_extended", hash_extended),
    row("timestamptz_hash", hash),
    row("timestamptz_hash_extended", hash_extended),
    row("timetz_hash", hash),
    row("timetz_hash_extended", hash_extended),
    row("uuid_hash", hash),
    row("uuid_hash_extended", hash_extended),
];
