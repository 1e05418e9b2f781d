//! The random query generator and its oracles.
//!
//! A seed gives a schema's data and a stream of typed queries ([`generate`]). Each is checked by one or more oracles:
//! the reference server, and others that need none: TLP (a predicate splits any result in three), NoREC (a filtered
//! count equals a sum over the unfiltered rows), and the same query under other settings (row execution, one thread,
//! tiny batches). A failing query is shrunk by [`reduce`] as long as it still fails.

mod choice;
pub mod generate;
pub mod query;
pub mod reduce;
pub mod schema;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::client::Client;
use crate::compare::{Class, Verdict, compare, is_ordered};
use crate::known::{Known, explain};
use crate::outcome::{Mode, Outcome};
use crate::random::Random;
use crate::run::{Case, connect};
use crate::url::ServerUrl;
use query::Select;

/// What checks a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oracle {
    /// The reference's answer.
    Reference,
    /// Ternary logic partitioning on the target.
    Tlp,
    /// Optimized against unoptimizable count on the target.
    NoRec,
    /// Default settings against each of [`SETTINGS`] on the target.
    Settings,
}

/// Settings that must not change an answer.
pub const SETTINGS: [&str; 6] = [
    "surus.execution = 'row'",
    "surus.threads = 1",
    "surus.batch_lanes = 3",
    "surus.statement_memory = '64kB'",
    "enable_seqscan = off",
    "enable_sort = off",
];

/// A query that takes longer is skipped: the generator is after wrong answers, not slow ones.
const STATEMENT_TIMEOUT: &str = "SET statement_timeout = '2s'";

/// What the fuzzer needs to know.
pub struct FuzzOptions {
    /// The reference, for [`Oracle::Reference`].
    pub reference: Option<ServerUrl>,
    /// The server under test.
    pub target: ServerUrl,
    /// First seed; each query has its own.
    pub seed: u64,
    /// Queries to run.
    pub count: u64,
    /// The oracles.
    pub oracles: Vec<Oracle>,
    /// Whether failing queries are shrunk.
    pub reduce: bool,
    /// Sessions that share the work.
    pub sessions: usize,
    /// Rows of the largest table.
    pub rows_max: usize,
    /// Known differences.
    pub known: Vec<Known>,
    /// Time limit of a query.
    pub timeout: Duration,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Findings {
    /// The failing queries.
    pub cases: Vec<Case>,
    /// How often the reference ended a query with which SQLSTATE (`00000`: with an answer).
    pub states: BTreeMap<String, usize>,
}

/// The connections of a run.
struct Servers<'a> {
    options: &'a FuzzOptions,
    reference: Option<Client>,
    target: Client,
    states: BTreeMap<String, usize>,
}

impl Servers<'_> {
    /// Connects to the target anew when its connection is lost.
    fn mend_target(&mut self) -> Result<(), String> {
        if self.target.is_broken() {
            std::thread::sleep(Duration::from_millis(500));
            self.target = connect(&self.options.target, self.options.timeout)?;
            self.target.run(STATEMENT_TIMEOUT, Mode::Simple, None);
        }
        Ok(())
    }
}

/// Runs the fuzzer; `progress` is told after each query with the number of failures so far.
///
/// # Errors
/// When a server cannot be reached or the schema cannot be made.
pub fn fuzz(options: &FuzzOptions, progress: &(dyn Fn(usize) + Sync)) -> Result<Findings, String> {
    for url in options.reference.iter().chain([&options.target]) {
        schema::install(&mut connect(url, options.timeout)?, options.seed, options.rows_max)?;
    }
    let next = AtomicU64::new(0);
    let findings = Mutex::new(Findings::default());
    let failed: Mutex<Option<String>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..options.sessions.max(1) {
            scope.spawn(|| {
                if let Err(error) = fuzz_session(options, &next, &findings, progress) {
                    next.store(options.count, Ordering::Relaxed);
                    if let Ok(mut failed) = failed.lock() {
                        *failed = Some(error);
                    }
                }
            });
        }
    });
    if let Ok(Some(error)) = failed.into_inner() {
        return Err(error);
    }
    let mut findings = findings.into_inner().map_err(|_| "a session panicked".to_owned())?;
    findings.cases.sort_by(|left, right| (&left.file, &left.area).cmp(&(&right.file, &right.area)));
    Ok(findings)
}

/// Runs queries that no other session has taken.
fn fuzz_session(
    options: &FuzzOptions,
    next: &AtomicU64,
    findings: &Mutex<Findings>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(), String> {
    let mut servers = Servers {
        options,
        reference: options.reference.as_ref().map(|url| connect(url, options.timeout)).transpose()?,
        target: connect(&options.target, options.timeout)?,
        states: BTreeMap::new(),
    };
    for client in servers.reference.iter_mut().chain([&mut servers.target]) {
        client.run(STATEMENT_TIMEOUT, Mode::Simple, None);
    }
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.count {
            break;
        }
        let seed = options.seed.wrapping_add(number);
        let query = generate::query(&mut Random::new(seed));
        let mut found = Vec::new();
        for &oracle in &options.oracles {
            found.extend(check(&mut servers, oracle, seed, &query)?);
        }
        let mut findings = findings.lock().map_err(|_| "a session panicked".to_owned())?;
        findings.cases.extend(found);
        progress(findings.cases.len());
    }
    let mut findings = findings.lock().map_err(|_| "a session panicked".to_owned())?;
    for (state, count) in servers.states {
        *findings.states.entry(state).or_default() += count;
    }
    Ok(())
}

fn check(
    servers: &mut Servers<'_>,
    oracle: Oracle,
    seed: u64,
    query: &Select,
) -> Result<Option<Case>, String> {
    let Some((verdict, expected, actual)) = judge(servers, oracle, query)? else { return Ok(None) };
    let mut smallest = (query.clone(), verdict, expected, actual);
    if servers.options.reduce {
        let class = smallest.1.class;
        let mut best = None;
        let reduced = reduce::shrink(&smallest.0, &mut |candidate| match judge(servers, oracle, candidate) {
            Ok(Some(found)) if found.0.class == class => {
                best = Some(found);
                true
            }
            _ => false,
        });
        if let Some((verdict, expected, actual)) = best {
            smallest = (reduced, verdict, expected, actual);
        }
    }
    let (query, verdict, expected, actual) = smallest;
    let known = explain(&servers.options.known, verdict.class, &query.to_sql());
    let known = known.map(|entry| entry.reason.clone());
    Ok(Some(Case {
        file: format!("seed {seed}"),
        area: format!("fuzz/{oracle:?}").to_lowercase(),
        line: 0,
        mode: Mode::Simple,
        sql: query.to_sql(),
        verdict,
        known,
        expected: expected.summary(),
        actual: actual.summary(),
        target_status: actual.status,
    }))
}

type Finding = Option<(Verdict, Outcome, Outcome)>;

/// Returns the finding of `oracle` on `query`; `None` when nothing is wrong.
fn judge(servers: &mut Servers<'_>, oracle: Oracle, query: &Select) -> Result<Finding, String> {
    match oracle {
        Oracle::Reference => judge_reference(servers, query),
        Oracle::Tlp => judge_partition(servers, query),
        Oracle::NoRec => judge_count(servers, query),
        Oracle::Settings => judge_settings(servers, query),
    }
}

fn run_target(servers: &mut Servers<'_>, sql: &str) -> Result<Outcome, String> {
    let outcome = servers.target.run(sql, Mode::Simple, None);
    servers.mend_target()?;
    Ok(outcome)
}

fn judge_reference(servers: &mut Servers<'_>, query: &Select) -> Result<Finding, String> {
    let sql = query.to_sql();
    let Some(reference) = &mut servers.reference else { return Ok(None) };
    // Both work at the same time.
    let sent = servers.target.send(&sql, Mode::Simple).is_ok();
    let expected = reference.run(&sql, Mode::Simple, None);
    let actual = if sent { servers.target.finish(Mode::Simple, None) } else { servers.target.lose() };
    let reference_is_broken = reference.is_broken();
    servers.mend_target()?;
    *servers.states.entry(expected.sqlstate().unwrap_or("00000").to_owned()).or_default() += 1;
    if reference_is_broken {
        let url = servers.options.reference.as_ref().ok_or("no reference")?;
        let mut fresh = connect(url, servers.options.timeout)?;
        fresh.run(STATEMENT_TIMEOUT, Mode::Simple, None);
        servers.reference = Some(fresh);
        return Ok(None);
    }
    let verdict = compare(&expected, &actual, is_ordered(&sql));
    let found = verdict.class != Class::Exact
        && !depends_on_order(&expected, &actual)
        && !(verdict.class == Class::RowsDiffer && choice::among_equals(&sql, &expected, &actual));
    Ok(found.then_some((verdict, expected, actual)))
}

/// Which row or branch raises a data error first is the plan's choice, and so is the time a query takes: no finding
/// when one side has met an error or its time limit.
fn depends_on_order(expected: &Outcome, actual: &Outcome) -> bool {
    let data_error = |outcome: &Outcome| {
        outcome
            .sqlstate()
            .is_some_and(|state| state.starts_with("22") || state == "57014" || state == "53200")
    };
    let fine = |outcome: &Outcome| outcome.lost.is_none() && (outcome.error.is_none() || data_error(outcome));
    (data_error(expected) && fine(actual)) || (data_error(actual) && fine(expected))
}

fn judge_partition(servers: &mut Servers<'_>, query: &Select) -> Result<Finding, String> {
    let Some([whole, parts]) = query.partitioned() else { return Ok(None) };
    let expected = run_target(servers, &whole)?;
    let actual = run_target(servers, &parts)?;
    Ok(different(expected, actual, "TLP: the three parts are not the whole"))
}

fn judge_count(servers: &mut Servers<'_>, query: &Select) -> Result<Finding, String> {
    let Some([filtered, summed]) = query.counted() else { return Ok(None) };
    let expected = run_target(servers, &summed)?;
    let actual = run_target(servers, &filtered)?;
    Ok(different(expected, actual, "NoREC: a filtered count is not the sum"))
}

fn judge_settings(servers: &mut Servers<'_>, query: &Select) -> Result<Finding, String> {
    let sql = query.to_sql();
    let expected = run_target(servers, &sql)?;
    if expected.lost.is_some() {
        return Ok(different(expected.clone(), expected, "lost"));
    }
    for setting in SETTINGS {
        let name = setting.split(' ').next().unwrap_or(setting);
        let set = run_target(servers, &format!("SET {setting}"))?;
        if set.error.is_some() {
            continue;
        }
        let actual = run_target(servers, &sql)?;
        run_target(servers, &format!("RESET {name}"))?;
        if let Some(found) = different(expected.clone(), actual, &format!("another answer with {setting}")) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Compares two runs on one server; data errors count as equal to anything that is not a loss.
fn different(expected: Outcome, actual: Outcome, reason: &str) -> Finding {
    let mut verdict = compare(&expected, &actual, false);
    if expected.lost.is_some() {
        verdict.class = Class::CrashOrHang;
    } else if expected.error.is_some() && actual.error.is_some() {
        return None;
    }
    let rows_differ =
        !matches!(verdict.class, Class::Exact | Class::SameStateOtherText | Class::MetadataDiffers);
    if !rows_differ || depends_on_order(&expected, &actual) {
        return None;
    }
    verdict.reason = reason.to_owned();
    Some((verdict, expected, actual))
}
