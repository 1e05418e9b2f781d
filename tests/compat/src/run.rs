//! The differential runner: each statement of a script on the reference (or its recorded answers) and the target.
//!
//! Every file runs in a fresh database on each live server where the server can make one, so that files do not see
//! each other's tables; the whole file runs once per mode. A lost connection is counted and opened anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::client::Client;
use crate::compare::{Class, Verdict, compare, is_ordered};
use crate::corpus::{self, Recorded};
use crate::known::{Known, explain};
use crate::outcome::{Mode, Outcome};
use crate::split::{ScriptStatement, split};
use crate::url::ServerUrl;

/// What a run needs to know.
pub struct RunOptions {
    /// The reference; recorded answers are used without one.
    pub reference: Option<ServerUrl>,
    /// The server under test.
    pub target: ServerUrl,
    /// Modes to run each file in.
    pub modes: Vec<Mode>,
    /// Known differences.
    pub known: Vec<Known>,
    /// Time limit of a statement.
    pub timeout: Duration,
    /// Statements that are run on the target first in every session (settings under test).
    pub target_prelude: Vec<String>,
}

/// One compared statement.
#[derive(Debug, Clone, Serialize)]
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
    #[serde(skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// Target's outcome as text, for differences.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub actual: String,
}

impl Case {
    /// Returns whether this makes the run fail.
    pub fn is_failure(&self) -> bool {
        self.verdict.class != Class::Exact && self.known.is_none()
    }
}

/// Runs `file` in every mode.
///
/// # Errors
/// When a file cannot be read or a server cannot be reached.
pub fn run_file(file: &Path, options: &RunOptions) -> Result<Vec<Case>, String> {
    let statements = read_statements(file)?;
    let mut cases = Vec::new();
    for &mode in &options.modes {
        let expected = match &options.reference {
            Some(url) => run_script(url, &statements, mode, options.timeout, &[])?,
            None => recorded_outcomes(file, &statements, mode)?,
        };
        let actual =
            run_script(&options.target, &statements, mode, options.timeout, &options.target_prelude)?;
        for ((statement, expected), actual) in statements.iter().zip(expected).zip(actual) {
            cases.push(judge(file, statement, mode, &expected, &actual, &options.known));
        }
    }
    Ok(cases)
}

/// Records the reference's answers to `file` in every mode.
///
/// # Errors
/// When the server is not PostgreSQL 18, or files cannot be read or written.
pub fn record_file(
    file: &Path,
    reference: &ServerUrl,
    modes: &[Mode],
    timeout: Duration,
) -> Result<usize, String> {
    let statements = read_statements(file)?;
    let mut recorded = Vec::new();
    for &mode in modes {
        let outcomes = run_script(reference, &statements, mode, timeout, &[])?;
        for (statement, outcome) in statements.iter().zip(outcomes) {
            recorded.push(Recorded { line: statement.line, mode, outcome });
        }
    }
    corpus::write_expected(file, &recorded)?;
    Ok(recorded.len())
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

fn recorded_outcomes(
    file: &Path,
    statements: &[ScriptStatement],
    mode: Mode,
) -> Result<Vec<Outcome>, String> {
    let recorded: Vec<Recorded> =
        corpus::read_expected(file)?.into_iter().filter(|entry| entry.mode == mode).collect();
    let lines_agree = recorded.len() == statements.len()
        && recorded.iter().zip(statements).all(|(entry, statement)| entry.line == statement.line);
    if !lines_agree {
        return Err(format!(
            "{}: the recorded answers ({}) are of another version of the file; run `surus-compat record`",
            file.display(),
            mode.name()
        ));
    }
    Ok(recorded.into_iter().map(|entry| entry.outcome).collect())
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
struct Scratch {
    admin: Option<(ServerUrl, String)>,
    url: ServerUrl,
    timeout: Duration,
}

impl Scratch {
    fn create(url: &ServerUrl, timeout: Duration) -> Result<Self, String> {
        let mut client = connect(url, timeout)?;
        let name = format!("compat_{}_{}", std::process::id(), url.port);
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

/// Drops what a script left in schema `public` of a server without CREATE DATABASE.
fn clear_public(client: &mut Client) {
    for (view, kind) in [("pg_views", "VIEW"), ("pg_tables", "TABLE")] {
        let column = if kind == "VIEW" { "viewname" } else { "tablename" };
        let listing =
            format!("SELECT quote_ident({column}) FROM pg_catalog.{view} WHERE schemaname = 'public'");
        let names = client.run(&listing, Mode::Simple, None);
        for row in names.results.iter().flat_map(|result| &result.rows) {
            if let Some(Some(name)) = row.first() {
                client.run(&format!("DROP {kind} IF EXISTS public.{name} CASCADE"), Mode::Simple, None);
            }
        }
    }
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

fn judge(
    file: &Path,
    statement: &ScriptStatement,
    mode: Mode,
    expected: &Outcome,
    actual: &Outcome,
    known: &[Known],
) -> Case {
    let verdict = compare(expected, actual, is_ordered(&statement.sql));
    let same = verdict.class == Class::Exact;
    let known = if same {
        None
    } else {
        explain(known, verdict.class, &statement.sql).map(|entry| entry.reason.clone())
    };
    Case {
        file: file.display().to_string(),
        area: corpus::area(file),
        line: statement.line,
        mode,
        sql: statement.sql.clone(),
        verdict,
        known,
        expected: if same { String::new() } else { expected.summary() },
        actual: if same { String::new() } else { actual.summary() },
    }
}

/// Returns the files under `paths`, or the whole corpus when none is given.
///
/// # Errors
/// When a path cannot be read.
pub fn files_or_corpus(paths: &[PathBuf], corpus_folder: &Path) -> Result<Vec<PathBuf>, String> {
    if paths.is_empty() { corpus::files(&[corpus_folder.to_owned()]) } else { corpus::files(paths) }
}
