//! Sizes: of relations and databases, and as text.

use executor::functions::{CallContext, FunctionEntry, row};
use types::{Datum, Numeric, Oid, PgError, Result, SqlState};

use super::{access, oid_at, text_at};
use crate::session::DATABASE;
use crate::system::definitions;
use crate::system::relations::{DATABASE_OID, PAGE_BYTES, column_bytes, row_count};

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("pg_database_size_name", |args, context| {
        let name = text_at(args, 0);
        if name != DATABASE {
            let message = format!("database \"{name}\" does not exist");
            return Err(PgError::new(SqlState::INVALID_CATALOG_NAME, message));
        }
        all_tables(context)
    }),
    row("pg_database_size_oid", |args, context| {
        if oid_at(args, 0) == DATABASE_OID { all_tables(context) } else { Ok(Datum::Null) }
    }),
    row("pg_indexes_size", |args, context| {
        let oid = oid_at(args, 0);
        let count = access(context)?.catalog.relations.get(&oid).map_or(0, |relation| relation.indexes.len());
        Ok(if exists(context, oid)? { Datum::I64(count as i64 * PAGE_BYTES as i64) } else { Datum::Null })
    }),
    row("pg_relation_size", |args, context| relation_size(args, context, text_at(args, 1))),
    row("pg_relation_size_2325", |args, context| relation_size(args, context, "main")),
    row("pg_size_bytes", |args, _| parse(text_at(args, 0))),
    row("pg_size_pretty", |args, _| {
        Ok(match args.first() {
            Some(Datum::I64(size)) => Datum::text(pretty(*size)),
            Some(_) | None => Datum::Null,
        })
    }),
    row("pg_size_pretty_numeric", |args, _| {
        Ok(match args.first() {
            Some(Datum::Numeric(size)) => Datum::text(pretty_numeric(size)?),
            Some(_) | None => Datum::Null,
        })
    }),
    row("pg_table_size", |args, context| with_overhead(args, context, false)),
    row("pg_tablespace_size_name", |args, context| match text_at(args, 0) {
        "pg_default" | "pg_global" => all_tables(context),
        name => {
            let message = format!("tablespace \"{name}\" does not exist");
            Err(PgError::new(SqlState::UNDEFINED_OBJECT, message))
        }
    }),
    row("pg_tablespace_size_oid", |args, context| match oid_at(args, 0) {
        1663 | 1664 => all_tables(context),
        _ => Ok(Datum::Null),
    }),
    row("pg_total_relation_size", |args, context| with_overhead(args, context, true)),
    row("surus_memory", memory),
];

/// What is in memory, by what it is, as JSON: `{"part": {"count": …, "bytes": …}, …}`.
fn memory(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    use std::fmt::Write;
    let parts = access(context)?.engine.store.memory();
    let mut text = String::from("{");
    for part in &parts {
        let _ = write!(text, "\"{}\": {{\"count\": {}, \"bytes\": {}}}, ", part.part, part.count, part.bytes);
    }
    let allocated = types::account::total().max(0);
    let _ = write!(text, "\"allocated in all\": {{\"count\": null, \"bytes\": {allocated}}}}}");
    Ok(Datum::text(text))
}

fn exists(context: &CallContext<'_>, oid: Oid) -> Result<bool> {
    Ok(definitions::relation_schema_and_name(&access(context)?.names, oid).is_some())
}

fn relation_size(args: &[Datum], context: &CallContext<'_>, fork: &str) -> Result<Datum> {
    if !matches!(fork, "main" | "fsm" | "vm" | "init") {
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, "invalid fork name")
            .with_hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\"."));
    }
    let oid = oid_at(args, 0);
    if !exists(context, oid)? {
        return Ok(Datum::Null);
    }
    let bytes = if fork == "main" { table_bytes(access(context)?, oid) } else { 0 };
    Ok(Datum::I64(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

/// As PostgreSQL counts them: a table with long values has a page of the index of its TOAST table, an index a page.
fn with_overhead(args: &[Datum], context: &CallContext<'_>, indexes: bool) -> Result<Datum> {
    let oid = oid_at(args, 0);
    let access = access(context)?;
    let Some(relation) = access.catalog.relations.get(&oid) else {
        if definitions::indexes(&access.catalog).any(|index| index.oid == oid) {
            return Ok(Datum::I64(PAGE_BYTES as i64));
        }
        return relation_size(args, context, "main");
    };
    let toasted = relation.kind.is_stored()
        && relation.columns.iter().any(|column| crate::system::relations::is_toasted(column.ty.oid));
    let pages = u64::from(toasted) + if indexes { relation.indexes.len() as u64 } else { 0 };
    let bytes = table_bytes(access, oid) + pages * PAGE_BYTES;
    Ok(Datum::I64(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

fn all_tables(context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let bytes: u64 = access.catalog.relations.keys().map(|oid| table_bytes(access, *oid)).sum();
    Ok(Datum::I64(i64::try_from(bytes).unwrap_or(i64::MAX)))
}

/// A unit of `pg_size_pretty`: its name, the size above which a larger one is used, whether it rounds, its bits.
struct Unit(&'static str, i64, bool, u32);

const UNITS: &[Unit] = &[
    Unit("bytes", 10 * 1024, false, 0),
    Unit("kB", 20 * 1024 - 1, true, 10),
    Unit("MB", 20 * 1024 - 1, true, 20),
    Unit("GB", 20 * 1024 - 1, true, 30),
    Unit("TB", 20 * 1024 - 1, true, 40),
    Unit("PB", 20 * 1024 - 1, true, 50),
];

/// Bits to divide by on the way from a unit to the next: the rounding units keep one bit to round by.
fn step_bits(unit: &Unit, next: &Unit) -> u32 {
    next.3 - unit.3 - u32::from(next.2) + u32::from(unit.2)
}

fn pretty(mut size: i64) -> String {
    for (at, unit) in UNITS.iter().enumerate() {
        let next = UNITS.get(at + 1);
        if next.is_none() || size.unsigned_abs() < unit.1.unsigned_abs() {
            let shown = if unit.2 { (size + if size < 0 { -1 } else { 1 }) / 2 } else { size };
            return format!("{shown} {}", unit.0);
        }
        if let Some(next) = next {
            size /= 1 << step_bits(unit, next);
        }
    }
    size.to_string()
}

fn pretty_numeric(size: &Numeric) -> Result<String> {
    let mut size = size.clone();
    for (at, unit) in UNITS.iter().enumerate() {
        let next = UNITS.get(at + 1);
        if next.is_none() || size.abs() < Numeric::from(unit.1) {
            if unit.2 {
                let one = if size < Numeric::from(0) { Numeric::from(-1) } else { Numeric::from(1) };
                size = size.add(&one)?.div_trunc(&Numeric::from(2))?;
            }
            let mut text = Vec::new();
            size.write_text(&mut text);
            return Ok(format!("{} {}", String::from_utf8_lossy(&text), unit.0));
        }
        if let Some(next) = next {
            size = size.div_trunc(&Numeric::from(1_i64 << step_bits(unit, next)))?;
        }
    }
    Ok(String::new())
}

/// `pg_size_bytes`
fn parse(text: &str) -> Result<Datum> {
    let invalid = || PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("invalid size: \"{text}\""));
    let body = text.trim();
    let bytes = body.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let whole = digits(end);
    end += whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return Err(invalid());
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let exponent = digits((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = Numeric::parse(&body[..end])?;
    let unit = body[end..].trim();
    let known = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let bits =
        match known.iter().zip([0, 10, 20, 30, 40, 50]).find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
            Some((_, bits)) => bits,
            None if unit.is_empty() || unit.eq_ignore_ascii_case("b") => 0,
            None => {
                return Err(invalid().with_detail(format!("Invalid size unit: \"{unit}\".")).with_hint(
                    "Valid units are \"bytes\", \"B\", \"kB\", \"MB\", \"GB\", \"TB\", and \"PB\".",
                ));
            }
        };
    Ok(Datum::I64(number.mul(&Numeric::from(1_i64 << bits))?.to_i64()?))
}

/// Returns the size of a table in bytes as told by its rows: pages are a fiction here.
fn table_bytes(access: &crate::session::access::Access, table: Oid) -> u64 {
    let rows = row_count(access, table).max(0.0) as u64;
    let width: u64 = access
        .catalog
        .relations
        .get(&table)
        .map_or(0, |relation| relation.columns.iter().map(|column| column_bytes(column.ty.oid)).sum());
    (rows * width).div_ceil(PAGE_BYTES) * PAGE_BYTES
}
