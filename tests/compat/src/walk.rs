//! The built-in walker: calls every immutable or stable built-in function, operator and cast of PostgreSQL's own
//! catalog with edge values of its argument types, on both servers, and counts coverage.
//!
//! Argument combinations: every value of one argument with the first value of the others, then pairs. A built-in is
//! *missing* when the target refuses every call that the reference accepts as unknown or not supported.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;

use crate::client::Client;
use crate::compare::{Class, Verdict, compare};
use crate::known::{Known, explain};
use crate::outcome::{Mode, Outcome};
use crate::run::{Case, connect};
use crate::url::ServerUrl;

/// What the walker needs to know.
pub struct WalkOptions {
    /// The real PostgreSQL: its catalog says what there is.
    pub reference: ServerUrl,
    /// The server under test.
    pub target: ServerUrl,
    /// Part of a built-in's name or type family; empty: all.
    pub only: String,
    /// Calls per built-in at most.
    pub calls_max: usize,
    /// Sessions on each server.
    pub sessions: usize,
    /// Known differences.
    pub known: Vec<Known>,
    /// Time limit of a call.
    pub timeout: Duration,
}

/// A built-in and the calls that probe it.
#[derive(Debug, Clone)]
pub struct BuiltIn {
    /// `function int4pl(integer,integer)`, `operator integer + integer`, `cast integer -> text`.
    pub label: String,
    /// Type family: the type of the first argument.
    pub family: String,
    /// SELECT statements.
    pub calls: Vec<String>,
}

/// Coverage of a type family.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Every call equal.
    pub identical: usize,
    /// Some call different.
    pub different: usize,
    /// Every call refused.
    pub missing: usize,
}

/// Ends calls that take longer than any that answers.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '5s'";

/// Edge values of the types that the walker can make, as SQL literals.
const EDGE_VALUES: &[(&str, &[&str])] = &[
    ("boolean", &["true", "false"]),
    ("smallint", &["1", "0", "-1", "32767", "-32768", "7"]),
    ("integer", &["1", "0", "-1", "2147483647", "-2147483648", "3"]),
    ("bigint", &["1", "0", "-1", "9223372036854775807", "-9223372036854775808", "100"]),
    ("real", &["1.5", "0", "-0", "NaN", "Infinity", "-Infinity", "3.4e38", "1e-45", "-2.5"]),
    (
        "double precision",
        &["1.5", "0", "-0", "NaN", "Infinity", "-Infinity", "1.7e308", "5e-324", "-2.5", "0.5"],
    ),
    (
        "numeric",
        &[
            "1",
            "0",
            "-1.50",
            "123456789012345678901234567890.123456789",
            "NaN",
            "Infinity",
            "-Infinity",
            "0.000000000000000001",
            "2",
            "9.99",
        ],
    ),
    ("text", &["abc", "", "a b  c", "ÄöÜß€", "%_\\", "12", "2024-01-31", "AbC1"]),
    ("character varying", &["abc", "", "ÄöÜß€"]),
    ("character", &["abc", "", "a "]),
    ("\"char\"", &["a", "", "\\377"]),
    ("name", &["abc", "", "pg_class"]),
    ("bytea", &["\\x616263", "\\x", "\\x00ff80"]),
    ("date", &["2024-02-29", "1999-12-31", "infinity", "-infinity", "0044-03-15 BC", "5874897-12-31"]),
    ("time without time zone", &["12:34:56.789", "00:00", "24:00:00", "23:59:59.999999"]),
    ("time with time zone", &["12:34:56.789+02", "00:00-12", "24:00:00+00"]),
    (
        "timestamp without time zone",
        &[
            "2024-02-29 12:34:56.789",
            "1999-12-31 23:59:59.999999",
            "infinity",
            "-infinity",
            "0044-03-15 00:00 BC",
        ],
    ),
    (
        "timestamp with time zone",
        &["2024-02-29 12:34:56.789+02", "2024-03-31 01:00:00+00", "infinity", "-infinity"],
    ),
    ("interval", &["1 day", "0", "-1 mon 2 days 03:04:05.6", "infinity", "1 year 13 mons", "100000 hours"]),
    ("uuid", &["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"]),
    ("oid", &["1", "0", "4294967295", "25"]),
    ("regclass", &["pg_class"]),
    ("regtype", &["integer"]),
    ("json", &["{\"a\": [1, 2, null]}", "[]", "1", "null", "\"x\""]),
    ("jsonb", &["{\"a\": [1, 2, null]}", "[]", "1", "null", "\"x\""]),
    ("bit", &["1", "0"]),
    ("bit varying", &["101", "", "0"]),
    ("money", &["$1.50", "-$2.00"]),
    ("inet", &["192.168.1.5/24", "::1"]),
    ("cidr", &["10.0.0.0/8"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("point", &["(1,2)"]),
    ("box", &["(2,2),(0,0)"]),
    ("lseg", &["[(0,0),(1,1)]"]),
    ("line", &["{1,-1,0}"]),
    ("path", &["[(0,0),(1,1),(2,0)]"]),
    ("polygon", &["((0,0),(1,1),(2,0))"]),
    ("circle", &["<(0,0),1>"]),
    ("int4range", &["[1,5)", "empty", "(,3]"]),
    ("int8range", &["[1,5)", "empty"]),
    ("numrange", &["[1.5,5)", "empty"]),
    ("daterange", &["[2024-01-01,2024-02-01)", "empty"]),
    ("tsrange", &["[2024-01-01,2024-02-01)"]),
    ("int4multirange", &["{[1,5),[7,9)}", "{}"]),
    ("tsvector", &["a:1 b:2"]),
    ("tsquery", &["a & b"]),
    ("pg_lsn", &["16/B374D848"]),
    ("xid8", &["1"]),
    ("xid", &["1"]),
    ("tid", &["(0,1)"]),
    ("integer[]", &["{1,2,3}", "{}", "{{1,2},{3,4}}", "{NULL,1}"]),
    ("bigint[]", &["{1,2}", "{}"]),
    ("text[]", &["{a,b,NULL}", "{}", "{\"x y\",\"\"}"]),
    ("numeric[]", &["{1.50,2}", "{}"]),
    ("double precision[]", &["{1.5,NaN}", "{}"]),
    ("oid[]", &["{1,2}"]),
    ("boolean[]", &["{t,f}"]),
    ("jsonpath", &["$.a"]),
];

/// Concrete types that stand for the polymorphic ones.
const POLYMORPHIC: &[(&str, &str)] = &[
    ("anyelement", "integer"),
    ("anyarray", "integer[]"),
    ("anynonarray", "integer"),
    ("anycompatible", "integer"),
    ("anycompatiblearray", "integer[]"),
    ("anycompatiblenonarray", "integer"),
    ("anyrange", "int4range"),
    ("anycompatiblerange", "int4range"),
    ("anymultirange", "int4multirange"),
    ("anycompatiblemultirange", "int4multirange"),
    ("\"any\"", "integer"),
];

const FUNCTIONS: &str = "SELECT p.proname, CASE WHEN p.proretset THEN 's' ELSE p.prokind END, pg_catalog.array_to_string(ARRAY(SELECT \
    pg_catalog.format_type(t.oid, NULL) FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(oid, n) \
    JOIN pg_catalog.pg_type t ON t.oid = a.oid ORDER BY a.n), ';') \
    FROM pg_catalog.pg_proc p WHERE p.pronamespace = 11 AND p.prokind IN ('f', 'a') AND p.provolatile <> 'v' \
    AND p.prorettype NOT IN (2281, 2279, 3838, 2280, 325, 3115, 3310, 269) AND NOT 2281 = ANY (p.proargtypes) \
    AND NOT 2275 = ANY (p.proargtypes) AND p.provariadic = 0 AND p.oid < 16384 \
    AND p.proname !~ '^(pg_|binary_upgrade|current_|session_|inet_|txid_|query_to|table_to|schema_to|database_to|cursor_to|has_|ts_|gtsvector|ri_|lo_|timeofday)' \
    ORDER BY p.proname, p.oid";

const OPERATORS: &str = "SELECT o.oprname, coalesce(pg_catalog.format_type(nullif(o.oprleft, 0), NULL), ''), \
    pg_catalog.format_type(o.oprright, NULL) FROM pg_catalog.pg_operator o WHERE o.oprcode <> 0 AND o.oid < 16384 \
    ORDER BY o.oprname, o.oid";

const CASTS: &str = "SELECT pg_catalog.format_type(castsource, NULL), pg_catalog.format_type(casttarget, NULL) \
    FROM pg_catalog.pg_cast WHERE oid < 16384 ORDER BY 1, 2";

/// Asks the reference's catalog what there is and makes the calls.
///
/// # Errors
/// When the reference cannot be reached.
pub fn built_ins(options: &WalkOptions) -> Result<Vec<BuiltIn>, String> {
    let mut client = connect(&options.reference, options.timeout)?;
    let mut found = Vec::new();
    for row in rows(&mut client, FUNCTIONS)? {
        if let [name, kind, types] = row.as_slice() {
            let types: Vec<&str> = if types.is_empty() { Vec::new() } else { types.split(';').collect() };
            found.extend(function(name, kind, &types, options.calls_max));
        }
    }
    for row in rows(&mut client, OPERATORS)? {
        if let [symbol, left, right] = row.as_slice() {
            found.extend(operator(symbol, left, right, options.calls_max));
        }
    }
    for row in rows(&mut client, CASTS)? {
        if let [source, target] = row.as_slice() {
            found.extend(cast(source, target, options.calls_max));
        }
    }
    found.retain(|built_in| built_in.label.contains(&options.only) || built_in.family == options.only);
    Ok(found)
}

fn rows(client: &mut Client, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let outcome = client.run(sql, Mode::Simple, None);
    if outcome.error.is_some() || outcome.lost.is_some() {
        return Err(format!("the reference cannot list its built-ins: {}", outcome.summary()));
    }
    let text = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
    Ok(outcome.results.into_iter().flat_map(|result| result.rows).map(text).collect())
}

/// Returns literals of a type, NULL last; `None` when the walker knows no values.
fn literals(type_name: &str) -> Option<Vec<String>> {
    let name =
        POLYMORPHIC.iter().find(|(poly, _)| *poly == type_name).map_or(type_name, |(_, concrete)| concrete);
    let values = EDGE_VALUES.iter().find(|(known, _)| *known == name)?.1;
    let mut literals: Vec<String> =
        values.iter().map(|value| format!("'{}'::{name}", value.replace('\'', "''"))).collect();
    literals.push(format!("NULL::{name}"));
    Some(literals)
}

/// Returns argument lists: each argument through its values with the others at their first, then mixed.
fn combinations(types: &[&str], calls_max: usize) -> Option<Vec<Vec<String>>> {
    let values: Vec<Vec<String>> = types.iter().map(|name| literals(name)).collect::<Option<_>>()?;
    let mut lists = vec![values.iter().map(|column| column[0].clone()).collect::<Vec<String>>()];
    for (position, column) in values.iter().enumerate() {
        for value in &column[1..] {
            let mut list = lists[0].clone();
            list[position].clone_from(value);
            lists.push(list);
        }
    }
    if types.len() > 1 {
        let longest = values.iter().map(Vec::len).max().unwrap_or(0);
        for shift in 0..3 {
            lists.extend((0..longest).map(|step| {
                values
                    .iter()
                    .enumerate()
                    .map(|(position, column)| column[(step + position * shift) % column.len()].clone())
                    .collect()
            }));
        }
    }
    lists.dedup();
    lists.truncate(calls_max);
    Some(lists)
}

/// Values that make a series too long to wait for.
const ENDLESS: [&str; 3] = ["'2147483647'", "'9223372036854775807'", "'infinity'"];

/// Makes the calls of a function; `kind` is `pg_proc.prokind`, or `s` for a set-returning one.
pub fn function(name: &str, kind: &str, types: &[&str], calls_max: usize) -> Option<BuiltIn> {
    let aggregate = kind == "a";
    let label = format!("{} {name}({})", if aggregate { "aggregate" } else { "function" }, types.join(","));
    let family = types.first().map_or("none", |name| name).to_owned();
    let quoted = format!("pg_catalog.\"{name}\"");
    let calls = if aggregate {
        aggregate_calls(&quoted, types)?
    } else {
        let series = kind == "s";
        combinations(types, calls_max)?
            .iter()
            .map(|list| list.join(", "))
            .filter(|args| !(series && ENDLESS.iter().any(|value| args.contains(value))))
            .map(|args| format!("SELECT {quoted}({args}){}", if series { " LIMIT 50" } else { "" }))
            .collect()
    };
    Some(BuiltIn { label, family, calls })
}

/// Calls an aggregate over no row, all values, all values twice, and NULLs only.
fn aggregate_calls(name: &str, types: &[&str]) -> Option<Vec<String>> {
    let columns: Vec<Vec<String>> = types.iter().map(|name| literals(name)).collect::<Option<_>>()?;
    if columns.is_empty() {
        return Some(vec![format!("SELECT {name}(*) FROM (VALUES (1), (2)) AS v(x)")]);
    }
    let longest = columns.iter().map(Vec::len).max()?;
    let row = |step: usize| {
        let values: Vec<&str> = columns.iter().map(|column| column[step % column.len()].as_str()).collect();
        format!("({})", values.join(", "))
    };
    let names: Vec<String> = (0..columns.len()).map(|index| format!("c{index}")).collect();
    let call = format!("{name}({})", names.join(", "));
    let table = |steps: Vec<usize>| {
        let list: Vec<String> = steps.into_iter().map(row).collect();
        format!("(VALUES {}) AS v({})", list.join(", "), names.join(", "))
    };
    let nulls = columns.iter().map(|column| column[column.len() - 1].as_str()).collect::<Vec<_>>().join(", ");
    Some(vec![
        format!("SELECT {call} FROM {} WHERE false", table(vec![0])),
        format!("SELECT {call} FROM {}", table(vec![0])),
        format!("SELECT {call} FROM {}", table((0..longest).collect())),
        format!("SELECT {call} FROM {}", table((0..2.min(longest)).chain(0..2.min(longest)).collect())),
        format!("SELECT {call} FROM (VALUES ({nulls})) AS v({})", names.join(", ")),
    ])
}

fn operator(symbol: &str, left: &str, right: &str, calls_max: usize) -> Option<BuiltIn> {
    let label = format!("operator {left} {symbol} {right}").replace("operator  ", "operator ");
    let types: Vec<&str> = [left, right].into_iter().filter(|name| !name.is_empty()).collect();
    let calls = combinations(&types, calls_max)?
        .iter()
        .map(|list| match list.as_slice() {
            [only] => format!("SELECT OPERATOR(pg_catalog.{symbol}) {only}"),
            _ => format!("SELECT {} OPERATOR(pg_catalog.{symbol}) {}", list[0], list[1]),
        })
        .collect();
    Some(BuiltIn { label, family: types.first().map_or("none", |name| name).to_string(), calls })
}

fn cast(source: &str, target: &str, calls_max: usize) -> Option<BuiltIn> {
    let mut values = literals(source)?;
    values.truncate(calls_max);
    let calls = values.iter().map(|value| format!("SELECT CAST({value} AS {target})")).collect();
    Some(BuiltIn { label: format!("cast {source} -> {target}"), family: source.to_owned(), calls })
}

/// Coverage by type family.
pub type CoverageTable = BTreeMap<String, Coverage>;

/// Runs the calls on both servers; `progress` is told after each built-in.
///
/// # Errors
/// When a server cannot be reached.
pub fn walk(
    options: &WalkOptions,
    built_ins: &[BuiltIn],
    progress: &(dyn Fn() + Sync),
) -> Result<(Vec<Case>, CoverageTable), String> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Vec<Case>)>> = Mutex::new(Vec::new());
    let failed: Mutex<Option<String>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..options.sessions.max(1) {
            scope.spawn(|| {
                let result = walk_session(options, built_ins, &next, &mut |index, cases| {
                    if let Ok(mut done) = done.lock() {
                        done.push((index, cases));
                    }
                    progress();
                });
                if let (Err(error), Ok(mut failed)) = (result, failed.lock()) {
                    *failed = Some(error);
                }
            });
        }
    });
    if let Ok(Some(error)) = failed.into_inner() {
        return Err(error);
    }
    let mut done = done.into_inner().map_err(|_| "a session panicked".to_owned())?;
    done.sort_by_key(|(index, _)| *index);
    let mut coverage = CoverageTable::new();
    for (index, cases) in &done {
        count(coverage.entry(built_ins[*index].family.clone()).or_default(), cases);
    }
    Ok((done.into_iter().flat_map(|(_, cases)| cases).collect(), coverage))
}

/// Calls built-ins that no other session has taken.
fn walk_session(
    options: &WalkOptions,
    built_ins: &[BuiltIn],
    next: &AtomicUsize,
    done: &mut dyn FnMut(usize, Vec<Case>),
) -> Result<(), String> {
    let open = |url: &ServerUrl| -> Result<Client, String> {
        let mut client = connect(url, options.timeout)?;
        // A call that goes on for ever (a series to the largest bigint) ends on both.
        client.run(STATEMENT_TIMEOUT, Mode::Simple, None);
        Ok(client)
    };
    let mut reference = open(&options.reference)?;
    let mut target = open(&options.target)?;
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(built_in) = built_ins.get(index) else { return Ok(()) };
        let mut cases = Vec::with_capacity(built_in.calls.len());
        for sql in &built_in.calls {
            let sent = target.send(sql, Mode::Simple).is_ok();
            let expected = reference.run(sql, Mode::Simple, None);
            let actual = if sent { target.finish(Mode::Simple, None) } else { target.lose() };
            if reference.is_broken() {
                reference = open(&options.reference)?;
            }
            if target.is_broken() {
                std::thread::sleep(Duration::from_millis(500));
                target = open(&options.target)?;
            }
            cases.push(case(built_in, sql, &expected, &actual, &options.known));
        }
        done(index, cases);
    }
}

fn case(built_in: &BuiltIn, sql: &str, expected: &Outcome, actual: &Outcome, known: &[Known]) -> Case {
    let mut verdict: Verdict = compare(expected, actual, true);
    let same = verdict.class == Class::Exact;
    if !same {
        verdict.reason = format!("{}: {}", built_in.label, verdict.reason);
    }
    Case {
        file: built_in.label.clone(),
        area: built_in.family.clone(),
        line: 0,
        mode: Mode::Simple,
        sql: sql.to_owned(),
        known: if same { None } else { explain(known, verdict.class, sql).map(|entry| entry.reason.clone()) },
        verdict,
        expected: if same { String::new() } else { expected.summary() },
        actual: if same { String::new() } else { actual.summary() },
        target_status: actual.status,
    }
}

fn count(coverage: &mut Coverage, cases: &[Case]) {
    let not_there = |case: &Case| matches!(case.verdict.class, Class::Refused) || is_unknown(case);
    if cases.iter().all(|case| case.verdict.class == Class::Exact || case.known.is_some()) {
        coverage.identical += 1;
    } else if cases.iter().filter(|case| case.verdict.class != Class::Exact).all(not_there) {
        // Calls that PostgreSQL refuses, too, say nothing.
        coverage.missing += 1;
    } else {
        coverage.different += 1;
    }
}

/// Returns whether the target does not know the built-in.
fn is_unknown(case: &Case) -> bool {
    ["42883", "42704", "42846"].iter().any(|state| case.actual.contains(&format!("ERROR {state}:")))
}

/// Returns the coverage as a table.
pub fn coverage_table(coverage: &CoverageTable) -> String {
    let mut text = format!(
        "{:<32}{:>12}{:>11}{:>11}{:>9}\n",
        "family", "implemented", "identical", "different", "missing"
    );
    for (family, entry) in coverage {
        text.push_str(&coverage_line(family, entry));
    }
    text.push_str(&coverage_line("total", &total(coverage)));
    text
}

/// Returns the sum of a table.
pub fn total(coverage: &CoverageTable) -> Coverage {
    coverage.values().fold(Coverage::default(), |sum, entry| Coverage {
        identical: sum.identical + entry.identical,
        different: sum.different + entry.different,
        missing: sum.missing + entry.missing,
    })
}

fn coverage_line(family: &str, entry: &Coverage) -> String {
    let implemented = entry.identical + entry.different;
    format!(
        "{family:<32}{implemented:>12}{:>11}{:>11}{:>9}\n",
        entry.identical, entry.different, entry.missing
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_every_argument_is_called() {
        let calls = function("power", "f", &["double precision", "double precision"], 1000).unwrap().calls;
        assert!(calls.iter().any(|call| call.ends_with("'1.5'::double precision, NULL::double precision)")));
        assert!(calls.len() > 20);
        assert!(function("x", "f", &["unheard of"], 10).is_none());
        assert_eq!(
            operator("-", "", "integer", 3).unwrap().calls[0],
            "SELECT OPERATOR(pg_catalog.-) '1'::integer"
        );
    }
}
