//! Functions and operators that evaluate jsonpath.

use types::errors::jsonpath as errors;
use types::json::Json;
use types::jsonpath::{Evaluation, Outcome, parse, query};
use types::{Datum, Result};

use super::{jsonb, shown};
use crate::functions::arguments::{boolean, text};
use crate::functions::{CallContext, FunctionEntry, row, set};

/// Evaluates the path; with `silent` an error ends the search quietly.
fn evaluated(args: &[Datum], call: &CallContext<'_>, time_zones: bool) -> Result<(Outcome, bool)> {
    let none = Json::Object(Vec::new());
    let vars = if args.len() > 2 { jsonb(args, 2)? } else { &none };
    // The operators are silent.
    let silent = if args.len() > 3 { boolean(args, 3)? } else { args.len() == 2 };
    let path = parse(text(args, 1)?)?;
    let check = || call.query.cancel.check();
    let with = Evaluation { vars, io: call.query.session.io(), time_zones, check: &check };
    let mut outcome = query(&path, jsonb(args, 0)?, &with)?;
    match outcome.error.take() {
        Some(error) if !silent => Err(error),
        error => {
            outcome.error = error;
            Ok((outcome, silent))
        }
    }
}

fn exists(args: &[Datum], call: &CallContext<'_>, time_zones: bool) -> Result<Datum> {
    let (outcome, _) = evaluated(args, call, time_zones)?;
    Ok(match outcome.error {
        Some(_) if outcome.items.is_empty() => Datum::Null,
        Some(_) | None => Datum::Bool(!outcome.items.is_empty()),
    })
}

fn matches(args: &[Datum], call: &CallContext<'_>, time_zones: bool) -> Result<Datum> {
    let (outcome, silent) = evaluated(args, call, time_zones)?;
    match outcome.items.as_slice() {
        [Json::Bool(truth)] => Ok(Datum::Bool(*truth)),
        [Json::Null] => Ok(Datum::Null),
        _ if silent => Ok(Datum::Null),
        _ => Err(errors::single_boolean()),
    }
}

fn all(args: &[Datum], call: &CallContext<'_>, time_zones: bool) -> Result<Vec<Vec<Datum>>> {
    let (outcome, _) = evaluated(args, call, time_zones)?;
    Ok(outcome.items.into_iter().map(|item| vec![Datum::Json(item.into())]).collect())
}

fn array(args: &[Datum], call: &CallContext<'_>, time_zones: bool) -> Result<Datum> {
    let (outcome, _) = evaluated(args, call, time_zones)?;
    shown(Json::Array(outcome.items))
}

fn first(args: &[Datum], call: &CallContext<'_>, time_zones: bool) -> Result<Datum> {
    let (outcome, _) = evaluated(args, call, time_zones)?;
    outcome.items.into_iter().next().map_or(Ok(Datum::Null), shown)
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("jsonb_path_exists", |args, call| exists(args, call, false)),
    row("jsonb_path_exists_opr", |args, call| exists(args, call, false)),
    row("jsonb_path_exists_tz", |args, call| exists(args, call, true)),
    row("jsonb_path_match", |args, call| matches(args, call, false)),
    row("jsonb_path_match_opr", |args, call| matches(args, call, false)),
    row("jsonb_path_match_tz", |args, call| matches(args, call, true)),
    set("jsonb_path_query", |args, call| all(args, call, false)),
    row("jsonb_path_query_array", |args, call| array(args, call, false)),
    row("jsonb_path_query_array_tz", |args, call| array(args, call, true)),
    row("jsonb_path_query_first", |args, call| first(args, call, false)),
    row("jsonb_path_query_first_tz", |args, call| first(args, call, true)),
    set("jsonb_path_query_tz", |args, call| all(args, call, true)),
];
