//! The isolation runner: named sessions and steps with written interleavings.
//!
//! A script (`*.iso`) is a list of lines:
//!
//! ```text
//! setup <statement>            run once before each interleaving
//! teardown <statement>         run once after it
//! session <name>
//! begin <statement>            run in the session before the interleaving begins
//! step <name> <statement>
//! permutation <step> <step> ...
//! ```
//!
//! Each permutation gives the steps in order. A step that does not answer within [`PATIENCE`] is taken as *blocked* and
//! left running; after each later step the blocked ones are looked at again. The result, the error and whether each step
//! blocked (and after which step it went on) is one line of the trace; the traces of two servers are compared.

use std::path::Path;
use std::time::Duration;

use crate::client::Client;
use crate::outcome::{Mode, Outcome};
use crate::run::connect;
use crate::url::ServerUrl;

/// How long a step may take before it counts as blocked.
pub const PATIENCE: Duration = Duration::from_millis(250);

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

    fn find(&self, step: &str) -> Option<(usize, &str)> {
        self.sessions.iter().enumerate().find_map(|(index, session)| {
            session.steps.iter().find(|(name, _)| name == step).map(|(_, sql)| (index, sql.as_str()))
        })
    }
}

/// The trace of one interleaving.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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
    for permutation in &script.permutations {
        let mut admin = connect(url, timeout)?;
        for sql in &script.setup {
            let outcome = admin.run(sql, Mode::Simple, None);
            if outcome.error.is_some() || outcome.lost.is_some() {
                return Err(format!("setup {sql}: {}", outcome.summary()));
            }
        }
        let lines = interleave(script, permutation, url, timeout)?;
        for sql in &script.teardown {
            admin.run(sql, Mode::Simple, None);
        }
        traces.push(Trace { permutation: permutation.join(" "), lines });
    }
    Ok(traces)
}

fn interleave(
    script: &Script,
    permutation: &[String],
    url: &ServerUrl,
    timeout: Duration,
) -> Result<Vec<String>, String> {
    let mut clients = Vec::new();
    for session in &script.sessions {
        let mut client = connect(url, timeout)?;
        for sql in &session.begin {
            client.run(sql, Mode::Simple, None);
        }
        clients.push(client);
    }
    let mut lines = Vec::new();
    let mut waiting: Vec<Waiting> = Vec::new();
    for step in permutation {
        let (session, sql) = script.find(step).ok_or_else(|| format!("no step is called {step}"))?;
        // A session does one thing at a time: wait for its earlier step.
        if let Some(position) = waiting.iter().position(|entry| entry.session == session) {
            let earlier = waiting.remove(position);
            let outcome = clients[session].finish(Mode::Simple, None);
            lines.push(format!("{} went on before {step}: {}", earlier.step, brief(&outcome)));
        }
        if clients[session].send(sql, Mode::Simple).is_err() {
            lines.push(format!("{step}: connection lost"));
            continue;
        }
        if clients[session].answered(PATIENCE) {
            lines.push(format!("{step}: {}", brief(&clients[session].finish(Mode::Simple, None))));
        } else {
            lines.push(format!("{step}: blocked"));
            waiting.push(Waiting { session, step: step.clone() });
        }
        collect(&mut clients, &mut waiting, &mut lines, step);
    }
    for entry in waiting {
        let outcome = clients[entry.session].finish(Mode::Simple, None);
        lines.push(format!("{} at the end: {}", entry.step, brief(&outcome)));
    }
    Ok(lines)
}

/// Takes the answers of blocked steps that the last step has let go on.
fn collect(clients: &mut [Client], waiting: &mut Vec<Waiting>, lines: &mut Vec<String>, after: &str) {
    let mut still = Vec::new();
    for entry in waiting.drain(..) {
        if entry.step != after && clients[entry.session].answered(PATIENCE) {
            let outcome = clients[entry.session].finish(Mode::Simple, None);
            lines.push(format!("{} went on after {after}: {}", entry.step, brief(&outcome)));
        } else {
            still.push(entry);
        }
    }
    *waiting = still;
}

fn brief(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    for result in &outcome.results {
        let mut rows: Vec<String> = result
            .rows
            .iter()
            .map(|row| row.iter().map(|value| value.as_deref().unwrap_or("∅")).collect::<Vec<_>>().join(","))
            .collect();
        rows.sort();
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
