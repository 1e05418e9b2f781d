//! Item methods.

use std::cmp::Ordering;

use super::evaluate::{Evaluation, Fault, Found, Item, soft};
use crate::datum::Datum;
use crate::errors::{PgError, Result, jsonpath as errors};
use crate::io::{DateStyle, IoContext, text_input, text_output};
use crate::json::Json;
use crate::numeric::Numeric;
use crate::{Oid, oids};

/// Methods and how many arguments they take at most. Sorted.
const METHODS: &[(&str, usize)] = &[
    ("abs", 0),
    ("bigint", 0),
    ("boolean", 0),
    ("ceiling", 0),
    ("date", 0),
    ("datetime", 1),
    ("decimal", 2),
    ("double", 0),
    ("floor", 0),
    ("integer", 0),
    ("keyvalue", 0),
    ("number", 0),
    ("size", 0),
    ("string", 0),
    ("time", 1),
    ("time_tz", 1),
    ("timestamp", 1),
    ("timestamp_tz", 1),
    ("type", 0),
];

pub(super) fn is_method(name: &str) -> bool {
    METHODS.binary_search_by(|(known, _)| (*known).cmp(name)).is_ok()
}

pub(super) fn arguments_max(name: &str) -> usize {
    METHODS.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
}

/// Applies a method to an item.
pub(super) fn apply(
    name: &str,
    args: &[Json],
    item: Item,
    lax: bool,
    at_root: bool,
    with: &Evaluation<'_>,
) -> Found<Vec<Item>> {
    let one = |value: Json| Ok(vec![Item::Json(value)]);
    match name {
        "type" => one(Json::string(type_name(&item))),
        "size" => match &item {
            Item::Json(Json::Array(items)) => one(Json::Number(Numeric::from_i64(items.len() as i64))),
            _ if lax => one(Json::Number(Numeric::from_i64(1))),
            _ => soft(errors::method_applied(name, "an array")),
        },
        "abs" | "floor" | "ceiling" => match item {
            Item::Json(Json::Number(number)) => {
                let result = match name {
                    "abs" => Ok(number.abs()),
                    "floor" => number.floor(),
                    _ => number.ceil(),
                };
                one(Json::Number(result.map_err(Fault::Soft)?))
            }
            Item::Json(_) | Item::Moment(..) => soft(errors::method_applied(name, "a numeric value")),
        },
        "double" | "number" | "decimal" | "integer" | "bigint" => {
            one(Json::Number(number(name, args, &item)?))
        }
        "boolean" => one(Json::Bool(boolean(&item)?)),
        "string" => match &item {
            Item::Json(Json::Array(_) | Json::Object(_) | Json::Null) => {
                soft(errors::method_applied(name, "a boolean, string, numeric, or datetime value"))
            }
            Item::Json(value) => one(Json::string(value.as_text().unwrap_or_default())),
            Item::Moment(oid, value) => {
                one(Json::string(moment_text(*oid, value, with.io).map_err(Fault::Hard)?))
            }
        },
        "keyvalue" => match item {
            Item::Json(Json::Object(_)) if !at_root => {
                Err(Fault::Hard(PgError::not_supported("keyvalue() of an object inside another value")))
            }
            Item::Json(Json::Object(fields)) => {
                let pair = |(key, value)| {
                    let id = Json::Number(Numeric::from_i64(0));
                    let fields =
                        vec![("key".into(), Json::String(key)), ("value".into(), value), ("id".into(), id)];
                    Item::Json(Json::object(fields))
                };
                Ok(fields.into_iter().map(pair).collect())
            }
            Item::Json(_) | Item::Moment(..) => soft(errors::method_applied(name, "an object")),
        },
        _ => moment(name, args, &item, with),
    }
}

fn type_name(item: &Item) -> &'static str {
    match item {
        Item::Json(value) => value.type_name(),
        Item::Moment(oids::DATE, _) => "date",
        Item::Moment(oids::TIME, _) => "time without time zone",
        Item::Moment(oids::TIMETZ, _) => "time with time zone",
        Item::Moment(oids::TIMESTAMP, _) => "timestamp without time zone",
        Item::Moment(..) => "timestamp with time zone",
    }
}

fn number(name: &str, args: &[Json], item: &Item) -> Found<Numeric> {
    let type_name = match name {
        "double" => "double precision",
        "integer" => "integer",
        "bigint" => "bigint",
        _ => "numeric",
    };
    let (text, number) = match item {
        Item::Json(Json::Number(number)) => (item_text(item), Some(number.clone())),
        Item::Json(Json::String(text)) => (text.to_string(), None),
        Item::Json(_) | Item::Moment(..) => {
            return soft(errors::method_applied(name, "a string or numeric value"));
        }
    };
    let invalid = || Fault::Soft(errors::method_argument(&text, name, type_name));
    match name {
        "double" => {
            let value = crate::float::parse_f64(&text).map_err(|_| invalid())?;
            if !value.is_finite() {
                return soft(errors::method_argument(&text, name, type_name));
            }
            Numeric::parse(&crate::float::format_f64(value, 1)).map_err(|_| invalid())
        }
        "integer" | "bigint" => {
            let (low, high) = if name == "integer" {
                (i64::from(i32::MIN), i64::from(i32::MAX))
            } else {
                (i64::MIN, i64::MAX)
            };
            let value = match number {
                Some(number) => number.to_i64(),
                None => crate::io::integer::parse_integer(&text, type_name, low, high),
            };
            let value = value.map_err(|_| invalid())?;
            if !(low..=high).contains(&value) {
                return Err(invalid());
            }
            Ok(Numeric::from_i64(value))
        }
        _ => {
            let value = match number {
                Some(number) => number,
                None => Numeric::parse(&text).map_err(|_| invalid())?,
            };
            if !value.is_finite() {
                return Err(invalid());
            }
            let whole = |arg: &Json| match arg {
                Json::Number(number) => number.to_i32().ok(),
                _ => None,
            };
            let Some(precision) = args.first() else { return Ok(value) };
            let (Some(precision), Some(scale)) = (whole(precision), args.get(1).map_or(Some(0), whole))
            else {
                return Err(invalid());
            };
            if !(1..=1000).contains(&precision) || !(-1000..=1000).contains(&scale) {
                return Err(Fault::Soft(PgError::not_supported("decimal() outside the range of numeric")));
            }
            value.apply_typmod(((precision << 16) | (scale & 0x7ff)) + 4).map_err(|_| invalid())
        }
    }
}

fn item_text(item: &Item) -> String {
    match item {
        Item::Json(value) => value.as_text().map(|text| text.to_string()).unwrap_or_default(),
        Item::Moment(..) => String::new(),
    }
}

fn boolean(item: &Item) -> Found<bool> {
    let text = item_text(item);
    let invalid = || Fault::Soft(errors::method_argument(&text, "boolean", "boolean"));
    match item {
        Item::Json(Json::Bool(value)) => Ok(*value),
        Item::Json(Json::Number(number)) => {
            let whole = number.min_scale().is_some_and(|scale| scale == 0);
            number.to_i32().ok().filter(|_| whole).map(|value| value != 0).ok_or_else(invalid)
        }
        Item::Json(Json::String(text)) => match text_input(oids::BOOL, -1, text, &IoContext::default()) {
            Ok(Datum::Bool(value)) => Ok(value),
            Ok(_) | Err(_) => Err(invalid()),
        },
        Item::Json(_) | Item::Moment(..) => {
            soft(errors::method_applied("boolean", "a boolean, string, or numeric value"))
        }
    }
}

/// Returns which type the text of a date or time in ISO form has.
fn moment_type(text: &str) -> Option<Oid> {
    let is_date = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() == 3
            && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let time = |text: &str| {
        let at = text.find(['+', '-', 'Z']).unwrap_or(text.len());
        let (clock, zone) = text.split_at(at);
        let parts: Vec<&str> = clock.trim().split(':').collect();
        let digits = |part: &&str| part.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !part.is_empty();
        (parts.len() == 3 && parts.iter().all(digits)).then_some(!zone.is_empty())
    };
    if is_date(text) {
        return Some(oids::DATE);
    }
    if let Some(zoned) = time(text) {
        return Some(if zoned { oids::TIMETZ } else { oids::TIME });
    }
    let (date, clock) = text.split_once([' ', 'T'])?;
    let zoned = time(clock).filter(|_| is_date(date))?;
    Some(if zoned { oids::TIMESTAMPTZ } else { oids::TIMESTAMP })
}

fn moment(name: &str, args: &[Json], item: &Item, with: &Evaluation<'_>) -> Found<Vec<Item>> {
    let text = match item {
        Item::Json(Json::String(text)) => text.as_str(),
        Item::Moment(..) if name != "datetime" => {
            return Err(Fault::Hard(PgError::not_supported(
                "conversion between dates and times in jsonpath",
            )));
        }
        Item::Json(_) | Item::Moment(..) => return soft(errors::method_applied(name, "a string")),
    };
    if name == "datetime" && !args.is_empty() {
        return Err(Fault::Hard(PgError::not_supported("datetime() with a template")));
    }
    let found = moment_type(text);
    let target = match name {
        "date" => Some(oids::DATE),
        "time" => Some(oids::TIME),
        "time_tz" => Some(oids::TIMETZ),
        "timestamp" => Some(oids::TIMESTAMP),
        "timestamp_tz" => Some(oids::TIMESTAMPTZ),
        _ => found,
    };
    let (Some(found), Some(target)) = (found, target) else {
        return soft(errors::datetime_format(name, text));
    };
    let widens = found == oids::DATE && target == oids::TIMESTAMP
        || found == oids::TIMESTAMP && matches!(target, oids::DATE | oids::TIME);
    if found != target && !widens {
        return Err(Fault::Hard(PgError::not_supported("conversion between dates and times in jsonpath")));
    }
    let typmod = match args.first() {
        Some(Json::Number(precision)) => precision.to_i32().unwrap_or(6).min(6),
        Some(_) | None => -1,
    };
    match text_input(target, typmod, text, with.io) {
        Ok(value) => Ok(vec![Item::Moment(target, value)]),
        Err(error) => soft(error),
    }
}

/// Compares values of different types: date beside timestamp; everything else needs a time zone.
pub(super) fn compare_moments(
    (left_type, left): (Oid, &Datum),
    (right_type, right): (Oid, &Datum),
    _: &Evaluation<'_>,
) -> Option<Ordering> {
    let micros = |oid: Oid, value: &Datum| match (oid, value) {
        (oids::DATE, Datum::I32(day)) => {
            Some(i128::from(*day) * i128::from(crate::datetime::MICROSECONDS_PER_DAY))
        }
        (oids::TIMESTAMP, Datum::I64(value)) => Some(i128::from(*value)),
        _ => None,
    };
    Some(micros(left_type, left)?.cmp(&micros(right_type, right)?))
}

/// Returns the text of a date or time as JSON has it.
pub(super) fn moment_text(oid: Oid, value: &Datum, io: &IoContext) -> Result<String> {
    let iso = IoContext { date_style: DateStyle::Iso, ..io.clone() };
    let mut text = String::new();
    text_output(oid, value, &iso, &mut text)?;
    if matches!(oid, oids::TIMESTAMP | oids::TIMESTAMPTZ) {
        text = text.replacen(' ', "T", 1);
    }
    let zone = text.rfind(['+', '-']).filter(|_| matches!(oid, oids::TIMESTAMPTZ | oids::TIMETZ));
    if zone.is_some_and(|zone| text.len() - zone == 3) {
        text.push_str(":00");
    }
    Ok(text)
}
