//! The isolation runner: named sessions and steps with written interleavings.
//!
//! A script (`isolation/*.iso`) is a list of lines:
//!
//! ```text
//! levels <level>, <level>      what $level stands for in the statements, one run each
//! setup <statement>            run once before each interleaving
//! teardown <statement>         run once after it
//! session <name>
//! begin <statement>            run in the session before the interleaving begins
//! step <name> <statement>
//! permutation <step> <step> ...
//! ```
//!
//! Each permutation gives the steps in order. A step that waits for another session is *blocked* and left running;
//! after each later step the blocked ones are looked at again. The result, the error and whether each step blocked (and
//! after which step it went on) is one line of the trace; the traces of two servers, or one and what PostgreSQL 18 did
//! (`*.expected`), are compared.
//!
//! Whether a session waits is asked of the server (`pg_blocking_pids`), from a connection of its own; a server that
//! cannot tell is given [`PATIENCE`].

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::outcome::{Mode, Outcome};
use crate::run::connect;
use crate::url::ServerUrl;

/// How long a step may take before it counts as blocked on a server that does not say so.
pub const PATIENCE: Duration = Duration::from_millis(400);

/// How long a step that is said to be blocked is watched before it counts as such: a deadlock may be found.
const SETTLING: Duration = Duration::from_millis(150);

/// A parsed script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Statements before each interleaving.
    pub setup: Vec<String>,
    /// Statements after each interleaving.
    pub teardown: Vec<String>,
    /// Sessions.
    pub sessions: Vec<Session>,
    /// Step names in order, for each interleaving.
    pub permutations: Vec<Vec<String>>,
    /// What `$level` stands for, one after the other; empty: nothing.
    pub levels: Vec<String>,
}

/// A session of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// Name.
    pub name: String,
    /// Statements before the interleaving.
    pub begin: Vec<String>,
    /// (name, statement) of its steps.
    pub steps: Vec<(String, String)>,
}

impl Script {
    /// Parses a script.
    ///
    /// # Errors
    /// With the line that is not of the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let rest = rest.trim().to_owned();
            let session = script.sessions.last_mut();
            match (word, session) {
                ("setup", _) => script.setup.push(rest),
                ("teardown", _) => script.teardown.push(rest),
                ("session", _) => script.sessions.push(Session { name: rest, ..Session::default() }),
                ("permutation", _) => {
                    script.permutations.push(rest.split_whitespace().map(str::to_owned).collect());
                }
                ("levels", _) => {
                    script.levels = rest.split(',').map(|level| level.trim().to_owned()).collect();
                }
                ("begin", Some(session)) => session.begin.push(rest),
                ("step", Some(session)) => {
                    let (name, sql) = rest
                        .split_once(' ')
                        .ok_or_else(|| format!("line {}: a step is a name and a statement", index + 1))?;
                    session.steps.push((name.to_owned(), sql.to_owned()));
                }
                _ => return Err(format!("line {}: {line}", index + 1)),
            }
        }
        for step in script.permutations.iter().flatten() {
            script.find(step).ok_or_else(|| format!("no step is called {step}"))?;
        }
        Ok(script)
    }

    /// Returns the script's text.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |word: &str, rest: &str| text.push_str(&format!("{word} {rest}\n"));
        if !self.levels.is_empty() {
            line("levels", &self.levels.join(", "));
        }
        self.setup.iter().for_each(|sql| line("setup", sql));
        self.teardown.iter().for_each(|sql| line("teardown", sql));
        for session in &self.sessions {
            line("session", &session.name);
            session.begin.iter().for_each(|sql| line("begin", sql));
            session.steps.iter().for_each(|(name, sql)| line("step", &format!("{name} {sql}")));
        }
        self.permutations.iter().for_each(|steps| line("permutation", &steps.join(" ")));
        text
    }

    /// Returns the script for each level, with the level's name.
    fn for_each_level(&self) -> Vec<(String, Self)> {
        if self.levels.is_empty() {
            return vec![(String::new(), self.clone())];
        }
        let with = |level: &String| {
            let mut script = self.clone();
            let put = |sql: &mut String| *sql = sql.replace("$level", level);
            script.setup.iter_mut().chain(&mut script.teardown).for_each(put);
            for session in &mut script.sessions {
                session.begin.iter_mut().for_each(put);
                session.steps.iter_mut().for_each(|(_, sql)| put(sql));
            }
            (format!("{level}: "), script)
        };
        self.levels.iter().map(with).collect()
    }

    /// Returns the session and the statement of a step.
    pub fn find(&self, step: &str) -> Option<(usize, &str)> {
        self.sessions.iter().enumerate().find_map(|(index, session)| {
            session.steps.iter().find(|(name, _)| name == step).map(|(_, sql)| (index, sql.as_str()))
        })
    }
}

/// The trace of one interleaving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The interleaving.
    pub permutation: String,
    /// A line for each event.
    pub lines: Vec<String>,
}

/// A step that was sent and has not answered.
struct Waiting {
    session: usize,
    step: String,
}

/// Runs every interleaving of `script` on one server.
///
/// # Errors
/// When the server cannot be reached or the set-up fails.
pub fn run(script: &Script, url: &ServerUrl, timeout: Duration) -> Result<Vec<Trace>, String> {
    let mut traces = Vec::new();
    for (level, script) in script.for_each_level() {
        for permutation in &script.permutations {
            let mut admin = connect(url, timeout)?;
            for sql in &script.teardown {
                admin.run(sql, Mode::Simple, None);
            }
            let name = format!("{level}{}", permutation.join(" "));
            let refused = script.setup.iter().find_map(|sql| {
                let outcome = admin.run(sql, Mode::Simple, None);
                (outcome.error.is_some() || outcome.lost.is_some())
                    .then(|| format!("setup {sql}: {}", brief(&outcome, false)))
            });
            let lines = match refused {
                Some(refused) => vec![refused],
                None => Stage::open(&script, url, timeout)?.interleave(&script, permutation)?,
            };
            for sql in &script.teardown {
                admin.run(sql, Mode::Simple, None);
            }
            traces.push(Trace { permutation: name, lines });
        }
    }
    Ok(traces)
}

/// The connections of one interleaving.
struct Stage {
    clients: Vec<Client>,
    pids: Vec<String>,
    watcher: Client,
    waiting: Vec<Waiting>,
    lines: Vec<String>,
}

impl Stage {
    fn open(script: &Script, url: &ServerUrl, timeout: Duration) -> Result<Self, String> {
        let mut stage = Self {
            clients: Vec::new(),
            pids: Vec::new(),
            watcher: connect(url, timeout)?,
            waiting: Vec::new(),
            lines: Vec::new(),
        };
        for session in &script.sessions {
            let mut client = connect(url, timeout)?;
            let pid = client.run("SELECT pg_backend_pid()", Mode::Simple, None);
            stage.pids.push(first_value(&pid).unwrap_or_else(|| "0".to_owned()));
            for sql in &session.begin {
                client.run(sql, Mode::Simple, None);
            }
            stage.clients.push(client);
        }
        Ok(stage)
    }

    fn interleave(mut self, script: &Script, permutation: &[String]) -> Result<Vec<String>, String> {
        for step in permutation {
            let (session, sql) = script.find(step).ok_or_else(|| format!("no step is called {step}"))?;
            // A session does one thing at a time: wait for its earlier step.
            if let Some(position) = self.waiting.iter().position(|entry| entry.session == session) {
                let earlier = self.waiting.remove(position);
                let outcome = self.clients[session].finish(Mode::Simple, None);
                self.lines.push(format!(
                    "{} went on before {step}: {}",
                    earlier.step,
                    brief(&outcome, false)
                ));
            }
            if self.clients[session].send(sql, Mode::Simple).is_err() {
                self.lines.push(format!("{step}: connection lost"));
                continue;
            }
            if self.answers(session) {
                let outcome = self.clients[session].finish(Mode::Simple, None);
                self.lines.push(format!("{step}: {}", brief(&outcome, false)));
            } else {
                self.lines.push(format!("{step}: blocked"));
                self.waiting.push(Waiting { session, step: step.clone() });
            }
            self.collect(step);
        }
        for entry in std::mem::take(&mut self.waiting) {
            let outcome = self.clients[entry.session].finish(Mode::Simple, None);
            self.lines.push(format!("{} at the end: {}", entry.step, brief(&outcome, false)));
        }
        Ok(self.lines)
    }

    /// Takes the answers of blocked steps that the last step has let go on.
    fn collect(&mut self, after: &str) {
        for entry in std::mem::take(&mut self.waiting) {
            if entry.step != after && self.answers(entry.session) {
                let outcome = self.clients[entry.session].finish(Mode::Simple, None);
                self.lines.push(format!("{} went on after {after}: {}", entry.step, brief(&outcome, false)));
            } else {
                self.waiting.push(entry);
            }
        }
    }

    /// Waits until a session's statement has an answer (true) or waits for another session (false).
    fn answers(&mut self, session: usize) -> bool {
        let start = Instant::now();
        loop {
            if self.clients[session].answered(Duration::from_millis(10)) {
                return true;
            }
            match self.is_blocked(session) {
                Some(true) => return self.clients[session].answered(SETTLING),
                Some(false) if start.elapsed() < PATIENCE * 6 => {}
                None if start.elapsed() < PATIENCE => {}
                Some(false) | None => return false,
            }
        }
    }

    /// Asks the server; `None` when it cannot tell.
    fn is_blocked(&mut self, session: usize) -> Option<bool> {
        let sql =
            format!("SELECT coalesce(array_length(pg_blocking_pids({}), 1), 0) > 0", self.pids[session]);
        let outcome = self.watcher.run(&sql, Mode::Simple, None);
        first_value(&outcome).map(|value| value == "t")
    }
}

/// Returns the first value of the first row.
pub(crate) fn first_value(outcome: &Outcome) -> Option<String> {
    outcome.results.first()?.rows.first()?.first()?.clone()
}

/// Returns an outcome as a line; rows without an order are sorted.
pub(crate) fn brief(outcome: &Outcome, ordered: bool) -> String {
    let mut parts = Vec::new();
    for result in &outcome.results {
        let mut rows: Vec<String> = result
            .rows
            .iter()
            .map(|row| row.iter().map(|value| value.as_deref().unwrap_or("∅")).collect::<Vec<_>>().join(","))
            .collect();
        if !ordered {
            rows.sort();
        }
        parts.push(format!("{} [{}]", result.tag.as_deref().unwrap_or(""), rows.join("; ")));
    }
    if let Some(state) = outcome.sqlstate() {
        parts.push(format!("{state} {}", outcome.message()));
    }
    if let Some(lost) = outcome.lost {
        parts.push(format!("{lost:?}"));
    }
    format!("{} ({})", parts.join(" "), outcome.status)
}

/// Returns the scripts under `folder`.
///
/// # Errors
/// When it cannot be read.
pub fn scripts(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "iso"))
        .collect();
    files.sort();
    Ok(files)
}

/// Writes what PostgreSQL did beside the script.
///
/// # Errors
/// When the file cannot be written.
pub fn record(file: &Path, traces: &[Trace]) -> Result<(), String> {
    let mut text = String::new();
    for trace in traces {
        text.push_str(&trace.permutation);
        text.push('\n');
        for line in &trace.lines {
            text.push_str(&format!("    {}\n", line.replace('\n', "\\n")));
        }
    }
    let path = file.with_extension("expected");
    std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Reads what PostgreSQL did.
///
/// # Errors
/// When there is no recording.
pub fn recorded(file: &Path) -> Result<Vec<Trace>, String> {
    let path = file.with_extension("expected");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        format!("{}: {error}; `surus-compat isolation --record` makes it", path.display())
    })?;
    let mut traces: Vec<Trace> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("    "), traces.last_mut()) {
            (Some(event), Some(trace)) => trace.lines.push(event.to_owned()),
            _ => traces.push(Trace { permutation: line.to_owned(), lines: Vec::new() }),
        }
    }
    Ok(traces)
}

/// The interleavings of a script that are known to differ: a line each, `interleaving<TAB>reason`, in `*.known`.
#[derive(Debug, Default)]
pub struct KnownTraces(Vec<(String, String)>);

impl KnownTraces {
    /// Reads the list beside a script; there need not be one.
    pub fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file.with_extension("known")).unwrap_or_default();
        let entry =
            |line: &str| line.split_once('\t').map(|(name, reason)| (name.to_owned(), reason.to_owned()));
        Self(text.lines().filter_map(entry).collect())
    }
    /// Returns why an interleaving differs.
    pub fn reason(&self, permutation: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == permutation).map(|(_, reason)| reason.as_str())
    }
    /// Writes the list of the interleavings that differ, with the reasons that were there or `reason`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path, different: &[String], reason: &str) -> Result<(), String> {
        let path = file.with_extension("known");
        if different.is_empty() {
            return if path.exists() {
                std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))
            } else {
                Ok(())
            };
        }
        let line = |name: &String| format!("{name}\t{}\n", self.reason(name).unwrap_or(reason));
        let text: String = different.iter().map(line).collect();
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Reads and parses a script file.
///
/// # Errors
/// When it cannot be read or is not of the form.
pub fn read(path: &Path) -> Result<Script, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Script::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_parse() {
        let script = Script::parse(
            "setup CREATE TABLE t (a int)\nsession s1\nbegin BEGIN\nstep a SELECT 1\nsession s2\nstep b SELECT 2\npermutation a b",
        )
        .unwrap();
        assert_eq!(script.sessions.len(), 2);
        assert_eq!(script.find("b"), Some((1, "SELECT 2")));
        assert!(Script::parse("session s\npermutation nothing").is_err());
        assert!(Script::parse("step a SELECT 1").is_err());
    }
}
