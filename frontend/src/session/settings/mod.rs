//! The configuration parameters of a session: what SET, SHOW and RESET see.
//!
//! Values that differ from the session's start are kept in two maps: what SET changed, and what SET LOCAL
//! changed on top until the end of the transaction. A rollback restores the map of SET as it was when the transaction
//! (or savepoint) began.

mod check;
pub mod definition;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use types::{PgError, Result, SqlState};

use definition::{DEFINITIONS, Definition, find, unrecognized};

/// Parameters that are announced to the client at the start and on change, as PostgreSQL's `GUC_REPORT`.
const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "scram_iterations",
    "search_path",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

type Values = BTreeMap<String, String>;

/// The parameters of one session.
#[derive(Debug, Default)]
pub struct Settings {
    /// Raw values from the startup packet and the server's options, by lower-case name.
    start: Values,
    /// Raw values of SET.
    session: Arc<Values>,
    /// Raw values of SET LOCAL.
    local: Arc<Values>,
    /// What the client was last told, and at which version.
    reported: BTreeMap<&'static str, String>,
    reported_version: Option<u64>,
    /// Grows with every change, so that derived state can be kept; for those without the settings' lock, too.
    version: Arc<AtomicU64>,
}

/// The values at a point to which a rollback returns.
#[derive(Debug, Clone, Default)]
pub struct SettingsPoint {
    session: Arc<Values>,
    local: Arc<Values>,
}

impl Settings {
    /// Sets a value that RESET returns to.
    ///
    /// # Errors
    /// As SET, but parameters of connection start are allowed.
    pub fn set_start(&mut self, name: &str, value: &str) -> Result<()> {
        let raw = self.parse(name, value)?;
        self.start.insert(name.to_ascii_lowercase(), raw);
        self.note_change();
        Ok(())
    }

    /// Sets a value of the server's own, unchecked.
    pub fn set_server(&mut self, name: &str, raw: &str) {
        self.start.insert(name.to_ascii_lowercase(), raw.to_owned());
        self.note_change();
    }

    /// SET and SET LOCAL.
    ///
    /// # Errors
    /// `42704`, `55P02`, `22023`.
    pub fn set(&mut self, name: &str, value: &str, local: bool) -> Result<()> {
        if let Some(definition) = DEFINITIONS.get(&name.to_ascii_lowercase()) {
            definition.check_changeable()?;
        }
        let raw = self.parse(name, value)?;
        // What belongs to the transaction ends with it.
        let of_transaction = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];
        let local = local || of_transaction.contains(&name.to_ascii_lowercase().as_str());
        self.store(name, Some(raw), local);
        Ok(())
    }

    /// Sets what belongs to a transaction that begins.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_for_transaction(&mut self, name: &str, value: &str) -> Result<()> {
        if self.raw(name) == value { Ok(()) } else { self.set(name, value, true) }
    }

    /// SET ... TO DEFAULT and RESET.
    ///
    /// # Errors
    /// `42704`, `55P02`.
    pub fn reset(&mut self, name: &str, local: bool) -> Result<()> {
        match DEFINITIONS.get(&name.to_ascii_lowercase()) {
            Some(definition) => definition.check_changeable()?,
            None if is_custom(name) => {}
            None => return Err(unrecognized(name)),
        }
        self.store(name, None, local);
        Ok(())
    }

    fn store(&mut self, name: &str, raw: Option<String>, local: bool) {
        let key = name.to_ascii_lowercase();
        let raw = raw.unwrap_or_else(|| self.start_value(&key));
        if local {
            Arc::make_mut(&mut self.local).insert(key, raw);
        } else {
            Arc::make_mut(&mut self.local).remove(&key);
            Arc::make_mut(&mut self.session).insert(key, raw);
        }
        self.note_change();
    }

    fn start_value(&self, key: &str) -> String {
        match self.start.get(key) {
            Some(raw) => raw.clone(),
            None => DEFINITIONS.get(key).map_or_else(String::new, |definition| definition.default.clone()),
        }
    }

    /// RESET ALL.
    pub fn reset_all(&mut self) {
        let kept = ["role", "session_authorization", "transaction_isolation", "transaction_read_only"];
        Arc::make_mut(&mut self.session).retain(|name, _| kept.contains(&name.as_str()));
        Arc::make_mut(&mut self.local).retain(|name, _| kept.contains(&name.as_str()));
        self.note_change();
    }

    fn parse(&self, name: &str, value: &str) -> Result<String> {
        let definition = match find(name) {
            Ok(definition) => definition,
            Err(_) if is_custom(name) => {
                check::custom_name(name)?;
                return Ok(value.to_owned());
            }
            Err(error) => return Err(error),
        };
        match definition.name.as_str() {
            "TimeZone" => check::time_zone(value),
            "DateStyle" => check::date_style(&self.raw("datestyle"), value),
            _ => definition.parse(value),
        }
    }

    /// Returns the raw value of a parameter; empty when there is none.
    pub fn raw(&self, name: &str) -> String {
        let key = name.to_ascii_lowercase();
        match self.local.get(&key).or_else(|| self.session.get(&key)) {
            Some(raw) => raw.clone(),
            None => self.start_value(&key),
        }
    }

    /// Returns a boolean parameter.
    pub fn bool(&self, name: &str) -> bool {
        self.raw(name) == "on"
    }

    /// Returns an integer parameter in its own unit.
    pub fn integer(&self, name: &str) -> i64 {
        self.raw(name).parse().unwrap_or(0)
    }

    /// Returns what SHOW prints.
    ///
    /// # Errors
    /// `42704`.
    pub fn show(&self, name: &str) -> Result<String> {
        let key = name.to_ascii_lowercase();
        match DEFINITIONS.get(&key) {
            // What is random is not shown, as PostgreSQL's `show_random_seed`.
            Some(_) if key == "seed" => Ok("unavailable".to_owned()),
            Some(definition) => Ok(definition.show(&self.raw(&key))),
            None => {
                match [&*self.local, &*self.session, &self.start].into_iter().find_map(|map| map.get(&key)) {
                    Some(raw) => Ok(raw.clone()),
                    None => Err(unrecognized(name)),
                }
            }
        }
    }

    /// Returns every parameter that SHOW ALL and `pg_settings` list, with its raw value and where it comes from.
    pub fn list(&self) -> Vec<(&'static Definition, String, &'static str)> {
        DEFINITIONS
            .iter()
            .filter(|(_, definition)| definition.category != definition::HIDDEN)
            .map(|(key, definition)| {
                let source = if self.local.contains_key(key) || self.session.contains_key(key) {
                    "session"
                } else if self.start.contains_key(key) {
                    "client"
                } else {
                    "default"
                };
                (definition, self.raw(key), source)
            })
            .collect()
    }

    /// Returns the schemas of `search_path` in order, `"$user"` included as such.
    pub fn search_path(&self) -> Vec<String> {
        split_identifiers(&self.raw("search_path"))
    }

    /// Returns the reported parameters whose value the client does not know.
    pub fn take_reports(&mut self) -> Vec<(&'static str, String)> {
        let mut changed = Vec::new();
        if self.reported_version == Some(self.version()) {
            return changed;
        }
        self.reported_version = Some(self.version());
        for name in REPORTED {
            let value = self.raw(name);
            if self.reported.get(name) != Some(&value) {
                self.reported.insert(name, value.clone());
                changed.push((*name, value));
            }
        }
        changed
    }

    /// Returns a number that changes whenever a value does.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns where that number is.
    pub fn shared_version(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.version)
    }

    fn note_change(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Returns the point to which a rollback of what follows returns.
    pub fn point(&self) -> SettingsPoint {
        SettingsPoint { session: Arc::clone(&self.session), local: Arc::clone(&self.local) }
    }

    /// Forgets what was set since `point`.
    pub fn rollback_to(&mut self, point: &SettingsPoint) {
        if self.session == point.session && self.local == point.local {
            return;
        }
        self.session = Arc::clone(&point.session);
        self.local = Arc::clone(&point.local);
        self.note_change();
    }

    /// Ends a transaction: SET LOCAL is over.
    pub fn end_transaction(&mut self) {
        if !self.local.is_empty() {
            self.local = Arc::default();
            self.note_change();
        }
    }
}

/// Returns the zone that a checked value of `TimeZone` stands for.
pub fn time_zone(value: &str) -> types::datetime::zone::Zone {
    check::zone(value).unwrap_or(types::datetime::zone::Zone::UTC)
}

/// Names with a point belong to extensions and take any value.
fn is_custom(name: &str) -> bool {
    name.contains('.') && !name.to_ascii_lowercase().starts_with("surus.")
}

/// Splits a list of identifiers as PostgreSQL's `SplitIdentifierString`: unquoted ones fold to lower case.
pub fn split_identifiers(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut name = String::new();
    let mut quoted = false;
    let mut characters = list.trim().chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            other if quoted => name.push(other),
            other if other.is_whitespace() => {}
            other => name.extend(other.to_lowercase()),
        }
    }
    if !name.is_empty() || !names.is_empty() {
        names.push(name);
    }
    names
}

/// Returns `name` quoted where SQL needs it, as PostgreSQL's `quote_identifier`.
pub fn quote_identifier(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        })
        && !is_keyword(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Returns whether `word` is a keyword that cannot stand for a name without quotes.
fn is_keyword(word: &str) -> bool {
    use std::collections::HashSet;
    use std::sync::LazyLock;
    static KEYWORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        datasets::catalog::rows(datasets::catalog::PG_KEYWORDS)
            .filter(|row| row.char("catcode") != 'U')
            .map(|row| row.text("word").into_owned())
            .collect()
    });
    KEYWORDS.contains(word)
}

/// Returns the `22023` for SET with several values where one is expected.
pub fn one_argument(name: &str) -> PgError {
    PgError::new(SqlState::INVALID_PARAMETER_VALUE, format!("SET {name} takes only one argument"))
}
