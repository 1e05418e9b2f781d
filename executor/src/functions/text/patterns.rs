//! Regular expressions and SIMILAR TO.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use types::errors::regular as errors;
use types::text::regular::{Flags, Instance, Locale, Regular};
use types::text::similar::similar_to_regular;
use types::{Datum, Oid, Result, oids};

use super::pieces::text_array;
use crate::functions::arguments::{int4, text};
use crate::functions::{CallContext, FunctionEntry, row, set};

/// A tuning constant: compiled patterns that a thread keeps.
const CACHE_LEN: usize = 32;

/// `pg_collation.oid` of `POSIX`.
pub(super) const POSIX_COLLATION: Oid = 951;

/// `pg_collation.oid` of `ucs_basic`.
pub(super) const UCS_BASIC_COLLATION: Oid = 962;

type Cached = (String, Flags, Rc<Regular>);

thread_local! {
    static CACHE: RefCell<VecDeque<Cached>> = const { RefCell::new(VecDeque::new()) };
}

/// Returns the compiled pattern; the least recently compiled one leaves when there are too many.
fn compiled(pattern: &str, flags: Flags) -> Result<Rc<Regular>> {
    let known = CACHE.with_borrow(|cache| {
        let found = cache.iter().find(|(known, with, _)| known == pattern && *with == flags);
        found.map(|(_, _, regular)| regular.clone())
    });
    if let Some(regular) = known {
        return Ok(regular);
    }
    let regular = Rc::new(Regular::new(pattern, flags)?);
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= CACHE_LEN {
            cache.pop_front();
        }
        cache.push_back((pattern.to_string(), flags, regular.clone()));
    });
    Ok(regular)
}

fn plain_flags(call: &CallContext<'_>) -> Flags {
    let ascii = matches!(call.collation, oids::C_COLLATION | POSIX_COLLATION | UCS_BASIC_COLLATION);
    Flags::new(if ascii { Locale::Ascii } else { Locale::Unicode })
}

/// Reads option letters; returns the flags and whether `g` was there.
fn options(letters: &str, call: &CallContext<'_>) -> Result<(Flags, bool)> {
    let mut flags = plain_flags(call);
    let mut global = false;
    for letter in letters.chars() {
        if letter == 'g' {
            global = true;
        } else if !flags.apply(letter) {
            return Err(errors::invalid_option(letter));
        }
    }
    Ok((flags, global))
}

/// Compiles the pattern in argument 1 under the options in argument `at`, which must not have `g`.
fn single(args: &[Datum], at: usize, function: &str, call: &CallContext<'_>) -> Result<Rc<Regular>> {
    let letters = if args.len() > at { text(args, at)? } else { "" };
    let (flags, global) = options(letters, call)?;
    if global {
        return Err(errors::global_not_supported(function));
    }
    compiled(text(args, 1)?, flags)
}

fn matches(args: &[Datum], call: &CallContext<'_>, ignore_case: bool) -> Result<bool> {
    let mut flags = plain_flags(call);
    flags.ignore_case = ignore_case;
    compiled(text(args, 1)?, flags)?.is_match(text(args, 0)?, &|| call.query.cancel.check())
}

/// Returns argument `at` as a number of at least `least`, or `default` where it was not given.
fn number(args: &[Datum], at: usize, name: &str, least: i32, default: i32) -> Result<usize> {
    let value = if args.len() > at { int4(args, at)? } else { default };
    if value < least {
        return Err(errors::invalid_parameter(name, value));
    }
    Ok(value as usize)
}

fn replace(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let letters = if args.len() > 3 { text(args, 3)? } else { "" };
    if let Some(digit) = letters.chars().next().filter(char::is_ascii_digit) {
        return Err(errors::option_is_a_digit(digit));
    }
    let (flags, global) = options(letters, call)?;
    let instance = if global { Instance::All } else { Instance::Nth(1) };
    replaced(args, flags, 0, instance, call)
}

fn replace_extended(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let start = number(args, 3, "start", 1, 1)?;
    let n = number(args, 4, "n", 0, 1)?;
    let letters = if args.len() > 5 { text(args, 5)? } else { "" };
    let (flags, global) = options(letters, call)?;
    let given = args.len() > 4;
    let instance = match n {
        0 => Instance::All,
        _ if !given && global => Instance::All,
        n => Instance::Nth(n),
    };
    replaced(args, flags, start - 1, instance, call)
}

fn replaced(
    args: &[Datum],
    flags: Flags,
    from: usize,
    instance: Instance,
    call: &CallContext<'_>,
) -> Result<Datum> {
    let regular = compiled(text(args, 1)?, flags)?;
    let check = || call.query.cancel.check();
    Ok(Datum::text(regular.replace(text(args, 0)?, text(args, 2)?, from, instance, &check)?))
}

fn captured(groups: Vec<Option<String>>) -> Datum {
    text_array(groups.into_iter().map(|group| group.map_or(Datum::Null, Datum::text)).collect())
}

fn first_match(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let regular = single(args, 2, "regexp_match", call)?;
    let mut found = regular.captures(text(args, 0)?, false, &|| call.query.cancel.check())?;
    Ok(found.pop().map_or(Datum::Null, captured))
}

fn all_matches(args: &[Datum], call: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    let letters = if args.len() > 2 { text(args, 2)? } else { "" };
    let (flags, global) = options(letters, call)?;
    let regular = compiled(text(args, 1)?, flags)?;
    let found = regular.captures(text(args, 0)?, global, &|| call.query.cancel.check())?;
    Ok(found.into_iter().map(|groups| vec![captured(groups)]).collect())
}

fn split(args: &[Datum], function: &str, call: &CallContext<'_>) -> Result<Vec<Datum>> {
    let regular = single(args, 2, function, call)?;
    let pieces = regular.split(text(args, 0)?, &|| call.query.cancel.check())?;
    Ok(pieces.into_iter().map(Datum::text).collect())
}

fn split_to_array(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    Ok(text_array(split(args, "regexp_split_to_array", call)?))
}

fn split_to_table(args: &[Datum], call: &CallContext<'_>) -> Result<Vec<Vec<Datum>>> {
    Ok(split(args, "regexp_split_to_table", call)?.into_iter().map(|piece| vec![piece]).collect())
}

fn count(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let start = number(args, 2, "start", 1, 1)?;
    let regular = single(args, 3, "regexp_count", call)?;
    let count = regular.count(text(args, 0)?, start - 1, &|| call.query.cancel.check())?;
    Ok(Datum::I32(i32::try_from(count).unwrap_or(i32::MAX)))
}

fn instr(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let start = number(args, 2, "start", 1, 1)?;
    let n = number(args, 3, "n", 1, 1)?;
    let end = if args.len() > 4 { int4(args, 4)? } else { 0 };
    if end != 0 && end != 1 {
        return Err(errors::invalid_parameter("endoption", end));
    }
    let group = number(args, 6, "subexpr", 0, 0)?;
    let regular = single(args, 5, "regexp_instr", call)?;
    if group > regular.groups().max(1) {
        return Ok(Datum::I32(0));
    }
    let found = regular
        .locate(text(args, 0)?, start - 1, n, group.min(regular.groups()), &|| call.query.cancel.check())?;
    Ok(Datum::I32(found.map_or(0, |(from, to)| 1 + if end == 1 { to } else { from } as i32)))
}

fn substr(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let start = number(args, 2, "start", 1, 1)?;
    let n = number(args, 3, "n", 1, 1)?;
    let group = number(args, 5, "subexpr", 0, 0)?;
    let regular = single(args, 4, "regexp_substr", call)?;
    if group > regular.groups().max(1) {
        return Ok(Datum::Null);
    }
    let value = text(args, 0)?;
    let found =
        regular.locate(value, start - 1, n, group.min(regular.groups()), &|| call.query.cancel.check())?;
    Ok(found.map_or(Datum::Null, |(from, to)| {
        Datum::text(value.chars().skip(from).take(to - from).collect::<String>())
    }))
}

fn substring(value: &str, pattern: &str, call: &CallContext<'_>) -> Result<Datum> {
    let found = compiled(pattern, plain_flags(call))?.substring(value, &|| call.query.cancel.check())?;
    Ok(found.map_or(Datum::Null, Datum::text))
}

fn like(args: &[Datum], call: &CallContext<'_>) -> Result<Datum> {
    let regular = single(args, 2, "regexp_like", call)?;
    Ok(Datum::Bool(regular.is_match(text(args, 0)?, &|| call.query.cancel.check())?))
}

fn similar_escape(args: &[Datum], _: &CallContext<'_>) -> Result<Datum> {
    let Some(Datum::Text(pattern)) = args.first() else { return Ok(Datum::Null) };
    let escape = match args.get(1) {
        Some(Datum::Text(escape)) => Some(escape.as_str()),
        Some(_) | None => None,
    };
    Ok(Datum::text(similar_to_regular(pattern, escape)?))
}

macro_rules! operator {
    ($name:literal, $ignore_case:literal, $wanted:literal) => {
        row($name, |args, call| Ok(Datum::Bool(matches(args, call, $ignore_case)? == $wanted)))
    };
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    operator!("nameicregexeq", true, true),
    operator!("nameicregexne", true, false),
    operator!("nameregexeq", false, true),
    operator!("nameregexne", false, false),
    row("regexp_count", count),
    row("regexp_count_no_flags", count),
    row("regexp_count_no_start", count),
    row("regexp_instr", instr),
    row("regexp_instr_no_endoption", instr),
    row("regexp_instr_no_flags", instr),
    row("regexp_instr_no_n", instr),
    row("regexp_instr_no_start", instr),
    row("regexp_instr_no_subexpr", instr),
    row("regexp_like", like),
    row("regexp_like_no_flags", like),
    row("regexp_match", first_match),
    row("regexp_match_no_flags", first_match),
    set("regexp_matches", all_matches),
    set("regexp_matches_no_flags", all_matches),
    row("regexp_split_to_array", split_to_array),
    row("regexp_split_to_array_no_flags", split_to_array),
    set("regexp_split_to_table", split_to_table),
    set("regexp_split_to_table_no_flags", split_to_table),
    row("regexp_substr", substr),
    row("regexp_substr_no_flags", substr),
    row("regexp_substr_no_n", substr),
    row("regexp_substr_no_start", substr),
    row("regexp_substr_no_subexpr", substr),
    row("similar_escape", similar_escape),
    row("similar_to_escape_1", similar_escape),
    row("similar_to_escape_2", similar_escape),
    row("substring_2074", |args, call| {
        substring(text(args, 0)?, &similar_to_regular(text(args, 1)?, Some(text(args, 2)?))?, call)
    }),
    operator!("texticregexeq", true, true),
    operator!("texticregexne", true, false),
    operator!("textregexeq", false, true),
    operator!("textregexne", false, false),
    row("textregexreplace", replace),
    row("textregexreplace_extended", replace_extended),
    row("textregexreplace_extended_no_flags", replace_extended),
    row("textregexreplace_extended_no_n", replace_extended),
    row("textregexreplace_noopt", replace),
    row("textregexsubstr", |args, call| substring(text(args, 0)?, text(args, 1)?, call)),
];
