//! `to_char`, `to_number`, `to_date`, `to_timestamp`.

use types::formatting;
use types::{Datum, Result};

use super::arguments::{float4, float8, int4, int8, interval, numeric, text};
use super::zones::session_zone;
use super::{FunctionEntry, row};

fn shown(text: String) -> Result<Datum> {
    Ok(Datum::text(text))
}

fn optional(text: Option<String>) -> Result<Datum> {
    Ok(text.map_or(Datum::Null, Datum::text))
}

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("float4_to_char", |args, _| shown(formatting::float4_to_char(float4(args, 0)?, text(args, 1)?)?)),
    row("float8_to_char", |args, _| shown(formatting::float8_to_char(float8(args, 0)?, text(args, 1)?)?)),
    row("int4_to_char", |args, _| shown(formatting::int4_to_char(int4(args, 0)?, text(args, 1)?)?)),
    row("int8_to_char", |args, _| shown(formatting::int8_to_char(int8(args, 0)?, text(args, 1)?)?)),
    row("interval_to_char", |args, _| {
        optional(formatting::interval_to_char(&interval(args, 0)?, text(args, 1)?)?)
    }),
    row("numeric_to_char", |args, _| shown(formatting::numeric_to_char(numeric(args, 0)?, text(args, 1)?)?)),
    row("numeric_to_number", |args, _| {
        Ok(formatting::to_number(text(args, 0)?, text(args, 1)?)?.map_or(Datum::Null, Datum::Numeric))
    }),
    row("timestamp_to_char", |args, _| {
        optional(formatting::timestamp_to_char(int8(args, 0)?, text(args, 1)?)?)
    }),
    row("timestamptz_to_char", |args, call| {
        optional(formatting::timestamptz_to_char(int8(args, 0)?, session_zone(call), text(args, 1)?)?)
    }),
    row("to_date", |args, _| formatting::to_date(text(args, 0)?, text(args, 1)?).map(Datum::I32)),
    row("to_timestamp", |args, call| {
        formatting::to_timestamp(text(args, 0)?, text(args, 1)?, session_zone(call)).map(Datum::I64)
    }),
];
