//! Random interleavings: sessions that read and write a few rows of a few tables, on two servers.
//!
//! A seed gives the tables, the statements of two or three sessions, and an order (`generate.rs`, `statement.rs`).
//! Both servers play it (`stage.rs`): each next step of a session that does not wait; what is compared are the answers,
//! which steps block and when they go on, and what is left in the tables. What the reference itself does not repeat is
//! left out: who of several is let go on first, or found in a deadlock. A difference is shrunk by leaving out sessions
//! and steps as long as there is one, and printed as a script for `surus-compat isolation`. Who of SERIALIZABLE
//! transactions is refused is no difference; that those that commit are serializable is found out (`serial.rs`). What
//! transactions that do not wait have to keep is in `optimistic.rs`.

pub mod generate;
mod optimistic;
mod serial;
mod stage;
mod statement;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use generate::Levels;
pub use stage::Played;

use crate::isolation::Script;
use crate::run::Scratch;
use crate::url::ServerUrl;
use optimistic::Broken;
use serial::Verdict;
use stage::Server;

/// What to run.
#[derive(Debug, Clone)]
pub struct InterleaveOptions {
    /// A PostgreSQL 18.
    pub reference: ServerUrl,
    /// The server under test; several share the work.
    pub targets: Vec<ServerUrl>,
    /// First seed.
    pub seed: u64,
    /// How many.
    pub count: u64,
    /// The transactions' levels.
    pub levels: Levels,
    /// Leave differences as they are.
    pub reduce: bool,
    /// How many are played at a time.
    pub stages: usize,
    /// Time limit of an answer.
    pub timeout: Duration,
}

/// An interleaving that differs.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its seed.
    pub seed: u64,
    /// The shrunk script.
    pub script: Script,
    /// What the reference did.
    pub expected: Played,
    /// What the target did.
    pub actual: Played,
    /// What this does not keep.
    pub promise: &'static str,
}

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// How many did the same on both.
    pub identical: u64,
    /// How many the reference does not repeat.
    pub unrepeatable: u64,
    /// SERIALIZABLE: in how many others were refused than on the reference, and some order of those that committed
    /// answers the same.
    pub serializable: u64,
    /// The same, where no order could be tried.
    pub unknown: Vec<u64>,
    /// The differences, by seed.
    pub differences: Vec<Difference>,
}

/// Two servers, each with a schema for one script at a time.
struct Pair {
    reference: Server,
    target: Server,
}

/// Plays the interleavings of all seeds; `progress` is told of each difference as it is found.
///
/// # Errors
/// When a server cannot be reached.
pub fn interleave(
    options: &InterleaveOptions,
    progress: &(dyn Fn(Option<&Difference>) + Sync),
) -> Result<Findings, String> {
    let targets = options
        .targets
        .iter()
        .map(|url| Scratch::create(url, options.timeout))
        .collect::<Result<Vec<_>, _>>()?;
    let next = AtomicU64::new(0);
    let findings = Mutex::new(Findings::default());
    std::thread::scope(|scope| {
        let begin = |number: usize| {
            let target = &targets[number % targets.len()];
            let stage = (target.url(), number);
            let (next, findings) = (&next, &findings);
            scope.spawn(move || work(options, stage, next, findings, progress))
        };
        let workers: Vec<_> = (0..options.stages.max(1)).map(begin).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a stage panicked".to_owned())?)
    })?;
    let mut findings = findings.into_inner().map_err(|_| "a stage panicked".to_owned())?;
    findings.differences.sort_by_key(|difference| difference.seed);
    Ok(findings)
}

fn work(
    options: &InterleaveOptions,
    (target, number): (&ServerUrl, usize),
    next: &AtomicU64,
    findings: &Mutex<Findings>,
    progress: &(dyn Fn(Option<&Difference>) + Sync),
) -> Result<(), String> {
    let reference = Scratch::create(&options.reference, options.timeout)?;
    let schema = format!("stage{number}");
    let mut pair = Pair {
        reference: Server::connect(reference.url(), &schema, options.timeout)?,
        target: Server::connect(target, &schema, options.timeout)?,
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.count {
            return Ok(());
        }
        let seed = options.seed.wrapping_add(number);
        let script = generate::script(seed, options.levels);
        let found = pair.find(options, script)?;
        let mut findings = findings.lock().map_err(|_| "a stage panicked".to_owned())?;
        match found {
            Found::Identical => findings.identical += 1,
            Found::Unrepeatable => findings.unrepeatable += 1,
            Found::Refused(Verdict::Unknown) => findings.unknown.push(seed),
            Found::Refused(Verdict::Serializable | Verdict::Anomaly) => findings.serializable += 1,
            Found::Broken(script, Broken { promise, expected, actual }) => {
                let difference = Difference { seed, script, expected, actual, promise };
                progress(Some(&difference));
                findings.differences.push(difference);
            }
            Found::Different(script, expected, actual) => {
                let difference =
                    Difference { seed, script, expected, actual, promise: "it is as on the reference" };
                progress(Some(&difference));
                findings.differences.push(difference);
            }
        }
        progress(None);
    }
}

/// What came out of one script.
enum Found {
    Identical,
    Unrepeatable,
    /// Others were refused by SSI.
    Refused(Verdict),
    Different(Script, Played, Played),
    /// Transactions that do not wait do not keep something.
    Broken(Script, Broken),
}

impl Pair {
    fn find(&mut self, options: &InterleaveOptions, script: Script) -> Result<Found, String> {
        if options.levels == Levels::Optimistic {
            return self.find_broken(options, script);
        }
        let Some(first) = self.play(&script)? else { return Ok(Found::Identical) };
        if options.levels == Levels::Serializable && is_refusal(&first.0, &first.1) {
            return Ok(match serial::verdict(&mut self.reference, &script, &first.1)? {
                // A wrong order of steps would not be found again by leaving out some.
                Verdict::Anomaly => Found::Different(script, first.0, first.1),
                verdict @ (Verdict::Serializable | Verdict::Unknown) => Found::Refused(verdict),
            });
        }
        if !self.repeats(&script, &first.0)? {
            return Ok(Found::Unrepeatable);
        }
        let (script, (expected, actual)) = self.shrunk(options, script, first)?;
        Ok(Found::Different(script, expected, actual))
    }

    fn find_broken(&mut self, options: &InterleaveOptions, mut script: Script) -> Result<Found, String> {
        let Some(mut broken) = self.broken(&script)? else { return Ok(Found::Identical) };
        let mut changed = options.reduce;
        while changed {
            changed = false;
            for candidate in smaller(&script) {
                if let Some(again) = self.broken(&candidate)?
                    && again.promise == broken.promise
                {
                    (script, broken, changed) = (candidate, again, true);
                    break;
                }
            }
        }
        Ok(Found::Broken(script, broken))
    }

    /// Plays a script on both at the same time; returns what they did when it is not the same.
    fn play(&mut self, script: &Script) -> Result<Option<(Played, Played)>, String> {
        let Self { reference, target } = self;
        let (expected, actual) = std::thread::scope(|scope| {
            let expected = scope.spawn(|| reference.play(script));
            let actual = target.play(script);
            (expected.join().map_err(|_| "the reference's stage panicked".to_owned()), actual)
        });
        let (expected, actual) = (expected??, actual?);
        Ok((expected.lines != actual.lines).then_some((expected, actual)))
    }

    /// Returns whether the reference does the same once more, and again.
    fn repeats(&mut self, script: &Script, expected: &Played) -> Result<bool, String> {
        Ok(self.reference.play(script)? == *expected && self.reference.play(script)? == *expected)
    }

    /// Leaves out sessions and steps as long as the servers differ.
    fn shrunk(
        &mut self,
        options: &InterleaveOptions,
        mut script: Script,
        mut found: (Played, Played),
    ) -> Result<(Script, (Played, Played)), String> {
        let mut changed = options.reduce;
        while changed {
            changed = false;
            for candidate in smaller(&script) {
                if let Some(different) = self.play(&candidate)?
                    && (options.levels == Levels::Snapshots || !is_refusal(&different.0, &different.1))
                    && self.repeats(&candidate, &different.0)?
                {
                    (script, found, changed) = (candidate, different, true);
                    break;
                }
            }
        }
        script.permutations[0] = found.0.order.clone();
        Ok((script, found))
    }
}

/// Returns scripts with fewer sessions or steps.
fn smaller(script: &Script) -> Vec<Script> {
    let mut candidates: Vec<Script> =
        script.sessions.iter().map(|session| without_session(script, &session.name)).collect();
    let pairs = script.sessions.iter().flat_map(|session| pairs(&session.steps));
    candidates.extend(pairs.map(|names| without(script, &names)));
    let steps = script.permutations[0].iter();
    candidates.extend(steps.map(|step| without(script, std::slice::from_ref(step))));
    candidates
}

/// Returns whether the first difference is that a transaction is refused or is not.
fn is_refusal(expected: &Played, actual: &Played) -> bool {
    let first = expected.lines.iter().zip(&actual.lines).find(|(wanted, line)| wanted != line);
    first.is_some_and(|(wanted, line)| {
        [wanted, line].iter().any(|line| line.contains("could not serialize access due to read/write"))
    })
}

/// The steps that begin and end a transaction, to be left out together.
fn pairs(steps: &[(String, String)]) -> Vec<Vec<String>> {
    let is_end = |sql: &str| sql == "COMMIT" || sql == "ROLLBACK" || sql.starts_with("PREPARE TRANSACTION");
    let mut open = None;
    let mut pairs = Vec::new();
    for (name, sql) in steps {
        if sql.starts_with("BEGIN") {
            open = Some(name.clone());
        } else if is_end(sql)
            && let Some(begin) = open.take()
        {
            pairs.push(vec![begin, name.clone()]);
        }
    }
    pairs
}

fn without_session(script: &Script, name: &str) -> Script {
    let names: Vec<String> = script
        .sessions
        .iter()
        .filter(|session| session.name == name)
        .flat_map(|session| session.steps.iter().map(|(step, _)| step.clone()))
        .collect();
    without(script, &names)
}

fn without(script: &Script, names: &[String]) -> Script {
    let mut script = script.clone();
    for session in &mut script.sessions {
        session.steps.retain(|(step, _)| !names.contains(step));
    }
    script.sessions.retain(|session| !session.steps.is_empty());
    script.permutations[0].retain(|step| !names.contains(step));
    script
}
