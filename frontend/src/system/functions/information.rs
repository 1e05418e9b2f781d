//! The functions that `information_schema` is built on; written in SQL there, so they go by name and oid.

use executor::functions::{CallContext, FunctionEntry, row, set};
use types::{Datum, Oid, Result, oids};

use super::{access, oid_at};
use crate::catalog::builtin::builtin;
use crate::catalog::type_names::format_type;
use crate::system::definitions;

/// Sorted by name.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("_pg_char_max_length_13149", |args, _| Ok(integer(max_length(oid_at(args, 0), typmod(args))))),
    row("_pg_char_octet_length_13150", |args, _| Ok(integer(octet_length(oid_at(args, 0), typmod(args))))),
    row("_pg_datetime_precision_13155", |args, _| Ok(integer(time_precision(oid_at(args, 0), typmod(args))))),
    set("_pg_expandarray_13145", expand_array),
    row("_pg_index_position_13146", index_position),
    row("_pg_interval_type_13156", |args, _| Ok(interval_type(oid_at(args, 0), typmod(args)))),
    row("_pg_numeric_precision_13152", |args, _| Ok(integer(precision(oid_at(args, 0), typmod(args))))),
    row("_pg_numeric_precision_radix_13153", |args, _| Ok(integer(radix(oid_at(args, 0))))),
    row("_pg_numeric_scale_13154", |args, _| Ok(integer(scale(oid_at(args, 0), typmod(args))))),
    row("_pg_truetypid_13147", |args, _| Ok(true_type(args, "typbasetype", "atttypid"))),
    row("_pg_truetypmod_13148", |args, _| Ok(true_type(args, "typtypmod", "atttypmod"))),
];

fn integer(value: Option<i32>) -> Datum {
    value.map_or(Datum::Null, Datum::I32)
}

fn typmod(args: &[Datum]) -> i32 {
    match args.get(1) {
        Some(Datum::I32(typmod)) => *typmod,
        Some(_) | None => -1,
    }
}

fn max_length(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        _ if typmod == -1 => None,
        oids::BPCHAR | oids::VARCHAR => Some(typmod - 4),
        oids::BIT | oids::VARBIT => Some(typmod),
        _ => None,
    }
}

fn octet_length(ty: Oid, typmod: i32) -> Option<i32> {
    /// Bytes of a character of UTF-8, at most.
    const CHARACTER_SIZE_MAX: i32 = 4;
    if !matches!(ty, oids::TEXT | oids::BPCHAR | oids::VARCHAR) {
        return None;
    }
    if typmod == -1 { Some(1 << 30) } else { Some(max_length(ty, typmod)? * CHARACTER_SIZE_MAX) }
}

fn time_precision(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oids::DATE => Some(0),
        oids::TIME | oids::TIMETZ | oids::TIMESTAMP | oids::TIMESTAMPTZ => {
            Some(if typmod < 0 { 6 } else { typmod })
        }
        oids::INTERVAL if typmod < 0 || typmod & 0xffff == 0xffff => Some(6),
        oids::INTERVAL => Some(typmod & 0xffff),
        _ => None,
    }
}

fn precision(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oids::INT2 => Some(16),
        oids::INT4 => Some(32),
        oids::INT8 => Some(64),
        oids::FLOAT4 => Some(24),
        oids::FLOAT8 => Some(53),
        oids::NUMERIC if typmod != -1 => Some(((typmod - 4) >> 16) & 0xffff),
        _ => None,
    }
}

fn radix(ty: Oid) -> Option<i32> {
    match ty {
        oids::INT2 | oids::INT4 | oids::INT8 | oids::FLOAT4 | oids::FLOAT8 => Some(2),
        oids::NUMERIC => Some(10),
        _ => None,
    }
}

fn scale(ty: Oid, typmod: i32) -> Option<i32> {
    match ty {
        oids::INT2 | oids::INT4 | oids::INT8 => Some(0),
        oids::NUMERIC if typmod != -1 => Some((typmod - 4) & 0xffff),
        _ => None,
    }
}

/// The fields of an interval type: `YEAR TO MONTH`.
fn interval_type(ty: Oid, typmod: i32) -> Datum {
    if ty != oids::INTERVAL {
        return Datum::Null;
    }
    let name = format_type(ty, Some(typmod));
    let rest = name.trim_start_matches("interval");
    Datum::text(rest.trim_start_matches(|letter: char| "()0123456789".contains(letter)).to_uppercase())
}

/// Returns a field of a row of `pg_attribute` (first argument), or of `pg_type` (second) when that is a domain.
fn true_type(args: &[Datum], of_domain: &str, of_column: &str) -> Datum {
    /// `pg_class.oid` of `pg_attribute` and `pg_type`.
    const ROWS: [Oid; 2] = [1249, 1247];
    let field = |index: usize, name: &str| match args.get(index) {
        Some(Datum::Record(record)) => {
            let relation = ROWS.get(index).and_then(|relation| builtin().relation(*relation));
            let at = relation.and_then(|relation| relation.column_position(name));
            at.and_then(|at| record.fields.get(at)).cloned().unwrap_or_default()
        }
        Some(_) | None => Datum::Null,
    };
    if field(1, "typtype") == Datum::text("d") { field(1, of_domain) } else { field(0, of_column) }
}

fn expand_array(args: &[Datum], _: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    let Some(Datum::Array(array)) = args.first() else { return Ok(Vec::new()) };
    Ok(array
        .elements
        .iter()
        .cloned()
        .zip(1..)
        .map(|(element, number)| vec![element, Datum::I32(number)])
        .collect())
}

fn index_position(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let (oid, number) = (oid_at(args, 0), args.get(1));
    let Some(Datum::I16(number)) = number else { return Ok(Datum::Null) };
    let Some(index) = definitions::index(&access.catalog, oid) else {
        return Ok(Datum::Null);
    };
    let columns = definitions::index_attnums(&index);
    let found = columns.iter().position(|column| column == number);
    Ok(found.map_or(Datum::Null, |at| Datum::I32(i32::try_from(at + 1).unwrap_or(i32::MAX))))
}
