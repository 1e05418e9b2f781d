//! The differential runner: each statement of a script on the reference (or its recorded answers) and the target.
//!
//! Every file runs in a fresh database on each live server where the server can make one, so that files do not see
//! each other's tables; the whole file runs once per mode. A lost connection is counted and opened anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::compare::{Class, Verdict, compare, is_ordered};
use crate::corpus::{self, Recorded};
use crate::known::{Check, FileList, Known, explain};
use crate::outcome::{Mode, Outcome};
use crate::split::{ScriptStatement, split};
use crate::url::ServerUrl;

/// What a run needs to know.
pub struct RunOptions {
    /// The reference; recorded answers are used without one.
    pub reference: Option<ServerUrl>,
    /// The server under test; with more than one, files are shared out among them.
    pub targets: Vec<ServerUrl>,
    /// Modes to run each file in.
    pub modes: Vec<Mode>,
    /// Known differences of the framework's list.
    pub known: Vec<Known>,
    /// Whether the lists beside the files are used.
    pub file_lists: bool,
    /// Time limit of a statement.
    pub timeout: Duration,
    /// Statements that are run on the target first in every session (settings under test).
    pub target_prelude: Vec<String>,
}

/// One compared statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Case {
    /// File.
    pub file: String,
    /// Area.
    pub area: String,
    /// Line in the file.
    pub line: usize,
    /// Mode.
    pub mode: Mode,
    /// The statement.
    pub sql: String,
    /// Verdict.
    pub verdict: Verdict,
    /// Reason, when the difference is known.
    pub known: Option<String>,
    /// Reference's outcome as text, for differences.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// Target's outcome as text, for differences.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actual: String,
    /// The target's transaction status afterwards.
    #[serde(skip)]
    pub target_status: char,
}

impl Case {
    /// Returns whether this makes the run fail.
    pub fn is_failure(&self) -> bool {
        self.verdict.class != Class::Exact && self.known.is_none()
    }
}

/// The cases of one file, and what its list of known differences says of them.
#[derive(Debug)]
pub struct FileRun {
    /// The file.
    pub file: PathBuf,
    /// Its statements in each mode.
    pub cases: Vec<Case>,
    /// Entries of the list whose difference is gone.
    pub check: Check,
}

/// Runs files on the targets, one thread per target; `progress` is told after each file.
///
/// # Errors
/// When a file cannot be read or a server cannot be reached.
pub fn run_files(
    files: &[PathBuf],
    options: &RunOptions,
    progress: &(dyn Fn(&Path) + Sync),
) -> Result<Vec<FileRun>, String> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Result<FileRun, String>>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for target in &options.targets {
            let (next, done) = (&next, &done);
            scope.spawn(move || {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let run = run_file(file, target, options);
                    let failed = run.is_err();
                    match done.lock() {
                        Ok(mut done) => done.push(run),
                        Err(_) => return,
                    }
                    if failed {
                        next.store(files.len(), Ordering::Relaxed);
                    }
                    progress(file);
                }
            });
        }
    });
    let done = done.into_inner().map_err(|_| "a worker panicked".to_owned())?;
    let mut runs = done.into_iter().collect::<Result<Vec<_>, _>>()?;
    runs.sort_by(|left, right| left.file.cmp(&right.file));
    Ok(runs)
}

/// Runs `file` in every mode on one target.
///
/// # Errors
/// When the file cannot be read or a server cannot be reached.
pub fn run_file(file: &Path, target: &ServerUrl, options: &RunOptions) -> Result<FileRun, String> {
    let statements = read_statements(file)?;
    let recorded = recorded_answers(file, &statements);
    // What does not repeat is known from the recording, if there is one.
    let volatile =
        |index: usize, mode| recorded.as_ref().is_ok_and(|recorded| recorded[index].volatile.contains(&mode));
    let recorded = match (&options.reference, &recorded) {
        (Some(_), _) => None,
        (None, Ok(recorded)) => Some(recorded),
        (None, Err(error)) => return Err(error.clone()),
    };
    let mut cases = Vec::new();
    for &mode in &options.modes {
        let actual = run_script(target, &statements, mode, options.timeout, &options.target_prelude)
            .map_err(|error| format!("{} ({}): {error}", file.display(), mode.name()))?;
        let live = match &options.reference {
            Some(url) => run_script(url, &statements, mode, options.timeout, &[])?,
            None => Vec::new(),
        };
        for (index, (statement, actual)) in statements.iter().zip(&actual).enumerate() {
            let expected = recorded.map_or_else(|| &live[index], |recorded| recorded[index].outcome(mode));
            let ordered = is_ordered(&statement.sql);
            let verdict = if volatile(index, mode) {
                compare(&shape(expected), &shape(actual), ordered)
            } else {
                compare(expected, actual, ordered)
            };
            cases.push(case(file, statement, mode, verdict, expected, actual));
        }
    }
    let list = if options.file_lists { FileList::read(file)? } else { FileList::default() };
    let check = list.check(&mut cases);
    for case in cases.iter_mut().filter(|case| case.is_failure()) {
        case.known = explain(&options.known, case.verdict.class, &case.sql).map(|entry| entry.reason.clone());
    }
    Ok(FileRun { file: file.to_owned(), cases, check })
}

/// Returns an outcome without what changes from run to run.
fn shape(outcome: &Outcome) -> Outcome {
    let mut shape = outcome.clone();
    for result in &mut shape.results {
        result.rows.iter_mut().for_each(Vec::clear);
        result.copied = result.copied.as_ref().map(|_| String::new());
    }
    for fields in shape.error.iter_mut().chain(&mut shape.notices) {
        fields.retain(|letter, _| matches!(letter, 'S' | 'C' | 'P'));
    }
    shape
}

fn case(
    file: &Path,
    statement: &ScriptStatement,
    mode: Mode,
    verdict: Verdict,
    expected: &Outcome,
    actual: &Outcome,
) -> Case {
    let same = verdict.class == Class::Exact;
    Case {
        file: file.display().to_string(),
        area: corpus::area(file),
        line: statement.line,
        mode,
        sql: statement.sql.clone(),
        verdict,
        known: None,
        expected: if same { String::new() } else { expected.summary() },
        actual: if same { String::new() } else { actual.summary() },
        target_status: actual.status,
    }
}

/// Records the reference's answers to `file` in every mode, twice, to see what does not repeat; returns the number of
/// statements and the lines of those that do not.
///
/// # Errors
/// When files cannot be read or written, or the server cannot be reached.
pub fn record_file(
    file: &Path,
    reference: &ServerUrl,
    timeout: Duration,
) -> Result<(usize, Vec<usize>), String> {
    let statements = read_statements(file)?;
    let run = |mode| run_script(reference, &statements, mode, timeout, &[]);
    let first = [run(Mode::Simple)?, run(Mode::Extended)?, run(Mode::Binary)?];
    let again = [run(Mode::Simple)?, run(Mode::Extended)?, run(Mode::Binary)?];
    let mut recorded = Vec::new();
    let mut volatile = Vec::new();
    for (index, statement) in statements.iter().enumerate() {
        if let Some(lost) = first.iter().find_map(|outcomes| outcomes[index].lost) {
            return Err(format!("{}:{}: {lost:?}", file.display(), statement.line));
        }
        let repeats = |number: usize| {
            let ordered = is_ordered(&statement.sql);
            compare(&first[number][index], &again[number][index], ordered).class == Class::Exact
        };
        let modes = Mode::ALL.into_iter().enumerate().filter(|(number, _)| !repeats(*number));
        let modes: Vec<Mode> = modes.map(|(_, mode)| mode).collect();
        if !modes.is_empty() {
            volatile.push(statement.line);
        }
        let [simple, extended, binary] = &first;
        recorded.push(Recorded::new(
            &statement.sql,
            modes,
            simple[index].clone(),
            extended[index].clone(),
            binary[index].clone(),
        ));
    }
    corpus::write_expected(file, &recorded)?;
    Ok((recorded.len(), volatile))
}

/// Refuses a server that is not the real PostgreSQL 18.
///
/// # Errors
/// When it is another one.
pub fn demand_postgres_18(url: &ServerUrl, timeout: Duration) -> Result<(), String> {
    let mut client = connect(url, timeout)?;
    let outcome = client.run("SELECT version()", Mode::Simple, None);
    let version = outcome
        .results
        .first()
        .and_then(|result| result.rows.first())
        .and_then(|row| row.first())
        .and_then(Option::as_deref)
        .unwrap_or("");
    if version.starts_with("PostgreSQL 18.") && version.contains("compiled by") && !version.contains("Surus")
    {
        return Ok(());
    }
    Err(format!("expectations are recorded from PostgreSQL 18 only; this server says: {version}"))
}

fn read_statements(file: &Path) -> Result<Vec<ScriptStatement>, String> {
    let script = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(split(&script))
}

fn recorded_answers(file: &Path, statements: &[ScriptStatement]) -> Result<Vec<Recorded>, String> {
    let recorded = corpus::read_expected(file)?;
    let agree = recorded.len() == statements.len()
        && recorded.iter().zip(statements).all(|(entry, statement)| entry.sql == statement.sql);
    if !agree {
        return Err(format!(
            "{}: the recorded answers are of another version of the file; run `surus-compat record`",
            file.display()
        ));
    }
    Ok(recorded)
}

/// Connects.
///
/// # Errors
/// With the address in the message.
pub fn connect(url: &ServerUrl, timeout: Duration) -> Result<Client, String> {
    Client::connect(url, timeout)
        .map_err(|error| format!("{}:{}/{}: {error}", url.host, url.port, url.database))
}

/// A database of its own for one script, dropped at the end; the connection's own database where the server has none.
pub struct Scratch {
    admin: Option<(ServerUrl, String)>,
    url: ServerUrl,
    timeout: Duration,
}

impl Scratch {
    /// Makes it.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn create(url: &ServerUrl, timeout: Duration) -> Result<Self, String> {
        let mut client = connect(url, timeout)?;
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("compat_{}_{number}", std::process::id());
        client.run(&format!("DROP DATABASE IF EXISTS {name}"), Mode::Simple, None);
        let made = client.run(&format!("CREATE DATABASE {name}"), Mode::Simple, None);
        if made.error.is_none() && made.lost.is_none() {
            return Ok(Self {
                admin: Some((url.clone(), name.clone())),
                url: url.with_database(&name),
                timeout,
            });
        }
        clear_public(&mut client);
        Ok(Self { admin: None, url: url.clone(), timeout })
    }
}

impl Scratch {
    /// Returns where it is.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let url = self.admin.as_ref().map_or(&self.url, |(admin, _)| admin);
        let Ok(mut client) = connect(url, self.timeout) else { return };
        match &self.admin {
            Some((_, name)) => {
                drop(client.run(&format!("DROP DATABASE IF EXISTS {name} (FORCE)"), Mode::Simple, None))
            }
            None => clear_public(&mut client),
        }
    }
}

/// Drops what a script left behind on a server without CREATE DATABASE: every schema that is not the system's.
fn clear_public(client: &mut Client) {
    let names = client.run("SELECT nspname FROM pg_catalog.pg_namespace", Mode::Simple, None);
    for row in names.results.iter().flat_map(|result| &result.rows) {
        if let Some(Some(name)) = row.first()
            && !name.starts_with("pg_")
            && name != "information_schema"
        {
            let quoted = name.replace('"', "\"\"");
            client.run(&format!("DROP SCHEMA IF EXISTS \"{quoted}\" CASCADE"), Mode::Simple, None);
        }
    }
    client.run("CREATE SCHEMA IF NOT EXISTS public", Mode::Simple, None);
}

fn run_script(
    url: &ServerUrl,
    statements: &[ScriptStatement],
    mode: Mode,
    timeout: Duration,
    prelude: &[String],
) -> Result<Vec<Outcome>, String> {
    let scratch = Scratch::create(url, timeout)?;
    let mut client = connect(&scratch.url, timeout)?;
    run_prelude(&mut client, prelude);
    let mut outcomes = Vec::with_capacity(statements.len());
    for statement in statements {
        if client.is_broken() {
            match connect(&scratch.url, timeout) {
                Ok(fresh) => client = fresh,
                Err(_) => {
                    std::thread::sleep(Duration::from_secs(1));
                    client = connect(&scratch.url, timeout)?;
                }
            }
            run_prelude(&mut client, prelude);
        }
        outcomes.push(client.run(&statement.sql, mode, statement.copy_data.as_deref().map(str::as_bytes)));
    }
    Ok(outcomes)
}

fn run_prelude(client: &mut Client, prelude: &[String]) {
    for sql in prelude {
        client.run(sql, Mode::Simple, None);
    }
}

/// Returns the files under `paths`, or the whole corpus when none is given.
///
/// # Errors
/// When a path cannot be read.
pub fn files_or_corpus(paths: &[PathBuf], corpus_folder: &Path) -> Result<Vec<PathBuf>, String> {
    if paths.is_empty() { corpus::files(&[corpus_folder.to_owned()]) } else { corpus::files(paths) }
}
