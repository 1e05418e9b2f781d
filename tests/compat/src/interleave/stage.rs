//! Plays a script on one server. Unlike the runner of written scripts it passes over the steps of a session that waits
//! and comes back to them, so that no order is impossible.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::interleave::generate::CHECK;
use crate::isolation::{Script, brief, first_value};
use crate::outcome::{Mode, Outcome};
use crate::run::connect;
use crate::url::ServerUrl;

/// How long all that wait are watched before they count as blocked: a deadlock may be found, and who is let go on
/// may let go on others. Longer than the sessions' `deadlock_timeout`.
const SETTLING: Duration = Duration::from_millis(60);

/// How long a statement may run that does not wait for another session.
const PATIENCE: Duration = Duration::from_secs(10);

/// A script has no more sessions.
pub const SESSIONS_MAX: usize = 3;

/// Stands in scripts for what makes a transaction's name different from those of others on the server.
pub const GID: &str = "@gid";

/// What a script did on a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Played {
    /// A line for each event.
    pub lines: Vec<String>,
    /// The steps in the order in which they could be sent.
    pub order: Vec<String>,
}

/// Connections that are kept from one script to the next.
pub struct Server {
    url: ServerUrl,
    timeout: Duration,
    schema: String,
    /// What stands for [`GID`].
    gid: String,
    admin: Client,
}

/// A step that was sent and has not answered.
struct Waiting {
    session: usize,
    step: String,
    sql: String,
}

struct Stage<'a> {
    admin: &'a mut Client,
    gid: String,
    clients: Vec<Client>,
    pids: Vec<String>,
    waiting: Vec<Waiting>,
    lines: Vec<String>,
}

impl Server {
    /// Connects, and makes the schema in which the tables will be.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn connect(url: &ServerUrl, schema: &str, timeout: Duration) -> Result<Self, String> {
        let mut admin = connect(url, timeout)?;
        admin.run("SET client_min_messages = error", Mode::Simple, None);
        admin.run(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE"), Mode::Simple, None);
        admin.run(&format!("CREATE SCHEMA {schema}"), Mode::Simple, None);
        admin.run(&settings(schema), Mode::Simple, None);
        let gid = format!("{}_{schema}_", url.database);
        Ok(Self { url: url.clone(), timeout, schema: schema.to_owned(), gid, admin })
    }

    /// Plays `script`, in its first order.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn play(&mut self, script: &Script) -> Result<Played, String> {
        if self.admin.is_broken() {
            *self = Self::connect(&self.url, &self.schema, self.timeout)?;
        }
        for number in 1..=SESSIONS_MAX {
            let gid = &self.gid;
            self.admin.run(&format!("ROLLBACK PREPARED '{gid}{number}'"), Mode::Simple, None);
        }
        for sql in script.teardown.iter().chain(&script.setup) {
            let outcome = self.admin.run(sql, Mode::Simple, None);
            if outcome.error.is_some() || outcome.lost.is_some() {
                let lines = vec![format!("setup {sql}: {}", brief(&outcome, false))];
                return Ok(Played { lines, order: Vec::new() });
            }
        }
        let mut stage = Stage {
            admin: &mut self.admin,
            gid: self.gid.clone(),
            clients: Vec::new(),
            pids: Vec::new(),
            waiting: Vec::new(),
            lines: Vec::new(),
        };
        for session in &script.sessions {
            let mut client = connect(&self.url, self.timeout)?;
            let pid = client.run("SELECT pg_backend_pid()", Mode::Simple, None);
            stage.pids.push(first_value(&pid).unwrap_or_else(|| "0".to_owned()));
            client.run(&settings(&self.schema), Mode::Simple, None);
            for sql in &session.begin {
                client.run(sql, Mode::Simple, None);
            }
            stage.clients.push(client);
        }
        let order = stage.play(script);
        Ok(Played { lines: stage.lines, order })
    }

    /// Does `parts` of `script` one after the other; returns which of them answered what it was not to.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn serially<'a>(
        &mut self,
        script: &Script,
        parts: impl Iterator<Item = &'a Vec<(String, Option<String>)>>,
    ) -> Result<Option<usize>, String> {
        for sql in script.teardown.iter().chain(&script.setup) {
            self.admin.run(sql, Mode::Simple, None);
        }
        let mut client = connect(&self.url, self.timeout)?;
        client.run(&settings(&self.schema), Mode::Simple, None);
        for sql in script.sessions.first().into_iter().flat_map(|session| &session.begin) {
            client.run(sql, Mode::Simple, None);
        }
        for (index, part) in parts.enumerate() {
            for (sql, wanted) in part {
                let outcome = client.run(sql, Mode::Simple, None);
                if wanted.as_ref().is_some_and(|wanted| *wanted != told(sql, &outcome)) {
                    return Ok(Some(index));
                }
            }
        }
        Ok(None)
    }
}

fn settings(schema: &str) -> String {
    format!("SET synchronous_commit = off; SET search_path = {schema}")
}

impl Stage<'_> {
    fn play(&mut self, script: &Script) -> Vec<String> {
        let mut performed = Vec::new();
        let mut left: VecDeque<(usize, &str, &str)> = VecDeque::new();
        let mut checks = Vec::new();
        for step in script.permutations.first().into_iter().flatten() {
            let Some((session, sql)) = script.find(step) else { continue };
            if script.sessions[session].name == CHECK {
                checks.push((session, step.as_str(), sql));
            } else {
                left.push_back((session, step, sql));
            }
        }
        while let Some((session, step, sql)) = self.next(&mut left) {
            performed.push(step.to_owned());
            self.send(session, step, sql);
        }
        self.drain();
        for (session, step, sql) in checks {
            performed.push(step.to_owned());
            self.send(session, step, sql);
            self.drain();
        }
        performed
    }

    /// Takes the first step whose session does not wait; waits for one where all do.
    fn next<'s>(
        &mut self,
        left: &mut VecDeque<(usize, &'s str, &'s str)>,
    ) -> Option<(usize, &'s str, &'s str)> {
        loop {
            let free = left
                .iter()
                .position(|(session, ..)| self.waiting.iter().all(|entry| entry.session != *session));
            match free {
                Some(position) => return left.remove(position),
                None if left.is_empty() => return None,
                None => self.wait_for_one(),
            }
        }
    }

    fn drain(&mut self) {
        while !self.waiting.is_empty() {
            self.wait_for_one();
        }
    }

    /// Every session that has something to do waits for another, which does nothing more.
    fn wait_for_one(&mut self) {
        let entry = self.waiting.remove(0);
        let is_stuck = self.is_blocked(entry.session);
        if is_stuck {
            let cancel = format!("SELECT pg_cancel_backend({})", self.pids[entry.session]);
            self.admin.run(&cancel, Mode::Simple, None);
        }
        let outcome = self.clients[entry.session].finish(Mode::Simple, None);
        let line = if is_stuck { "stuck".to_owned() } else { self.told(&entry.sql, &outcome) };
        self.lines.push(format!("{} went on at last: {line}", entry.step));
        self.settle(None);
    }

    fn send(&mut self, session: usize, step: &str, sql: &str) {
        if self.clients[session].send(&sql.replace(GID, &self.gid), Mode::Simple).is_err() {
            self.lines.push(format!("{step}: connection lost"));
            return;
        }
        self.waiting.push(Waiting { session, step: step.to_owned(), sql: sql.to_owned() });
        self.settle(Some(step));
    }

    /// Takes the answers that come until nothing moves any more. The order of those that `step` lets go on is chance.
    fn settle(&mut self, step: Option<&str>) {
        let mut own = step.map(|step| format!("{step}: blocked"));
        let mut others = Vec::new();
        let start = Instant::now();
        let mut still_since = None;
        while !self.waiting.is_empty() && start.elapsed() < PATIENCE {
            let mut moved = false;
            let mut blocked = true;
            for entry in std::mem::take(&mut self.waiting) {
                if self.clients[entry.session].answered(Duration::from_millis(1)) {
                    moved = true;
                    let outcome = self.clients[entry.session].finish(Mode::Simple, None);
                    let line = self.told(&entry.sql, &outcome);
                    if step == Some(entry.step.as_str()) {
                        own = Some(format!("{}: {line}", entry.step));
                    } else {
                        others.push(format!("{} went on: {line}", entry.step));
                    }
                } else {
                    blocked &= self.is_blocked(entry.session);
                    self.waiting.push(entry);
                }
            }
            if moved || !blocked {
                still_since = None;
            } else if still_since.get_or_insert_with(Instant::now).elapsed() > SETTLING {
                break;
            } else {
                std::thread::sleep(Duration::from_millis(4));
            }
        }
        others.sort();
        self.lines.extend(own.into_iter().chain(others));
    }

    fn told(&self, sql: &str, outcome: &Outcome) -> String {
        told(sql, outcome).replace(&self.gid, GID)
    }

    fn is_blocked(&mut self, session: usize) -> bool {
        let sql =
            format!("SELECT coalesce(array_length(pg_blocking_pids({}), 1), 0) > 0", self.pids[session]);
        first_value(&self.admin.run(&sql, Mode::Simple, None)).as_deref() == Some("t")
    }
}

fn told(sql: &str, outcome: &Outcome) -> String {
    let mut line = brief(outcome, crate::compare::is_ordered(sql));
    if let Some(detail) = outcome.error.as_ref().and_then(|fields| fields.get(&'D'))
        && outcome.sqlstate() != Some("40P01")
    {
        line.push_str(&format!(" DETAIL {detail}"));
    }
    line
}
