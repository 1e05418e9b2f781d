//! Comparisons, order and the larger of two values, for types that compare by their default order
//! (`types::compare`) and have no kernel.

use std::cmp::Ordering;

use types::{Datum, PgError, Result};

use super::{CallContext, FunctionEntry, row};

/// Returns the order of the first two arguments; texts of two types compare by the first one's rules.
fn order(args: &[Datum], call: &CallContext<'_>) -> Result<Ordering> {
    match (args, call.arg_types.first()) {
        ([left, right, ..], Some(ty)) => Ok(types::compare::compare(ty.oid, left, right)),
        _ => Err(PgError::internal("a comparison without two arguments")),
    }
}

macro_rules! test {
    ($name:literal, $test:ident) => {
        row($name, |args, call| Ok(Datum::Bool(order(args, call)?.$test())))
    };
}

macro_rules! order {
    ($name:literal) => {
        row($name, |args, call| Ok(Datum::I32(order(args, call)? as i32)))
    };
}

/// As `memcmp` answers: the difference of the first bytes that differ, else by length.
macro_rules! bytewise {
    ($name:literal) => {
        row($name, |args, call| match order(args, call)? {
            Ordering::Equal => Ok(Datum::I32(0)),
            order => Ok(Datum::I32(first_difference(args, call).unwrap_or(order as i32))),
        })
    };
}

/// Returns the difference of the first bytes that differ; none where values compare otherwise than by bytes.
fn first_difference(args: &[Datum], call: &CallContext<'_>) -> Option<i32> {
    let packed = |bits: &[u8]| -> Vec<u8> {
        let mut bytes = Vec::new();
        types::bits::write_binary(bits, &mut bytes);
        bytes.split_off(4)
    };
    let bits = matches!(call.arg_types.first()?.oid, types::oids::BIT | types::oids::VARBIT);
    let differing = |left: &[u8], right: &[u8]| {
        left.iter().zip(right).find(|(l, r)| l != r).map(|(l, r)| i32::from(*l) - i32::from(*r))
    };
    match (args.first()?, args.get(1)?) {
        (Datum::Bytes(left), Datum::Bytes(right)) if bits => differing(&packed(left), &packed(right)),
        (Datum::Bytes(left), Datum::Bytes(right)) => differing(left, right),
        (Datum::Uuid(left), Datum::Uuid(right)) => differing(left, right),
        (Datum::Text(left), Datum::Text(right)) if bytes_decide(call) => {
            differing(left.as_bytes(), right.as_bytes())
        }
        _ => None,
    }
}

/// Whether texts compare by their bytes.
fn bytes_decide(call: &CallContext<'_>) -> bool {
    matches!(call.collation, 0 | types::oids::DEFAULT_COLLATION | types::oids::C_COLLATION)
}

/// The difference of two small numbers.
fn difference(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    match args {
        [Datum::I16(left), Datum::I16(right)] => Ok(Datum::I32(i32::from(*left) - i32::from(*right))),
        [Datum::Text(left), Datum::Text(right)] => {
            let byte = |text: &str| i32::from(types::compare::char_byte(text));
            Ok(Datum::I32(byte(left) - byte(right)))
        }
        _ => Err(PgError::internal("a comparison of other values")),
    }
}

/// The larger or smaller of two values; the second when they are equal.
macro_rules! pick {
    ($name:literal, $test:ident) => {
        row($name, |args, call| {
            let first = order(args, call)?.$test();
            args.get(usize::from(!first)).cloned().ok_or_else(|| PgError::internal("a missing argument"))
        })
    };
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    bytewise!("bitcmp"),
    test!("biteq", is_eq),
    test!("bitge", is_ge),
    test!("bitgt", is_gt),
    test!("bitle", is_le),
    test!("bitlt", is_lt),
    test!("bitne", is_ne),
    row("bpcharcmp", |args, call| Ok(Datum::I32(order(args, call)? as i32))),
    order!("btboolcmp"),
    row("btcharcmp", difference),
    order!("btfloat4cmp"),
    order!("btfloat8cmp"),
    row("btint2cmp", difference),
    order!("btint4cmp"),
    order!("btint8cmp"),
    bytewise!("btnamecmp"),
    bytewise!("btnametextcmp"),
    order!("btoidcmp"),
    bytewise!("bttextcmp"),
    bytewise!("bttextnamecmp"),
    pick!("bytea_larger", is_gt),
    pick!("bytea_smaller", is_lt),
    bytewise!("byteacmp"),
    test!("byteaeq", is_eq),
    test!("byteage", is_ge),
    test!("byteagt", is_gt),
    test!("byteale", is_le),
    test!("bytealt", is_lt),
    test!("byteane", is_ne),
    order!("cash_cmp"),
    test!("cash_eq", is_eq),
    test!("cash_ge", is_ge),
    test!("cash_gt", is_gt),
    test!("cash_le", is_le),
    test!("cash_lt", is_lt),
    test!("cash_ne", is_ne),
    pick!("cashlarger", is_gt),
    pick!("cashsmaller", is_lt),
    test!("chareq", is_eq),
    test!("charge", is_ge),
    test!("chargt", is_gt),
    test!("charle", is_le),
    test!("charlt", is_lt),
    test!("charne", is_ne),
    test!("cideq", is_eq),
    order!("date_cmp"),
    pick!("float4larger", is_gt),
    pick!("float4smaller", is_lt),
    pick!("float8larger", is_gt),
    pick!("float8smaller", is_lt),
    order!("interval_cmp"),
    pick!("interval_larger", is_gt),
    pick!("interval_smaller", is_lt),
    test!("namege", is_ge),
    test!("namegetext", is_ge),
    test!("namegt", is_gt),
    test!("namegttext", is_gt),
    test!("namele", is_le),
    test!("nameletext", is_le),
    test!("namelt", is_lt),
    test!("namelttext", is_lt),
    pick!("oidlarger", is_gt),
    pick!("oidsmaller", is_lt),
    order!("pg_lsn_cmp"),
    test!("pg_lsn_eq", is_eq),
    test!("pg_lsn_ge", is_ge),
    test!("pg_lsn_gt", is_gt),
    pick!("pg_lsn_larger", is_gt),
    test!("pg_lsn_le", is_le),
    test!("pg_lsn_lt", is_lt),
    test!("pg_lsn_ne", is_ne),
    pick!("pg_lsn_smaller", is_lt),
    test!("texteqname", is_eq),
    test!("textgename", is_ge),
    test!("textgtname", is_gt),
    test!("textlename", is_le),
    test!("textltname", is_lt),
    test!("textnename", is_ne),
    order!("time_cmp"),
    pick!("time_larger", is_gt),
    pick!("time_smaller", is_lt),
    order!("timestamp_cmp"),
    pick!("timestamp_larger", is_gt),
    pick!("timestamp_smaller", is_lt),
    order!("timetz_cmp"),
    test!("timetz_eq", is_eq),
    test!("timetz_ge", is_ge),
    test!("timetz_gt", is_gt),
    pick!("timetz_larger", is_gt),
    test!("timetz_le", is_le),
    test!("timetz_lt", is_lt),
    test!("timetz_ne", is_ne),
    pick!("timetz_smaller", is_lt),
    bytewise!("uuid_cmp"),
    test!("uuid_eq", is_eq),
    test!("uuid_ge", is_ge),
    test!("uuid_gt", is_gt),
    test!("uuid_le", is_le),
    test!("uuid_lt", is_lt),
    test!("uuid_ne", is_ne),
    pick!("xid8_larger", is_gt),
    pick!("xid8_smaller", is_lt),
    order!("xid8cmp"),
    test!("xid8eq", is_eq),
    test!("xid8ge", is_ge),
    test!("xid8gt", is_gt),
    test!("xid8le", is_le),
    test!("xid8lt", is_lt),
    test!("xid8ne", is_ne),
];
