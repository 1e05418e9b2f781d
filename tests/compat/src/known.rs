//! Known differences: beside each corpus file a list of the statements that do not yet do what PostgreSQL does.
//!
//! `corpus/<area>/<file>.known` has a line per statement and class, `class<TAB>modes<TAB>statement<TAB>reason`. A
//! file without differences has no such list. `known --update` keeps it: what has become exact is taken off, what the
//! target refuses with `0A000` is put on with the refusal as its reason, and what can only follow from a refused
//! statement before it is put on as *after* that one. Anything else needs a reason that a person has written; a
//! crash or hang is never listed. The list of the whole framework, `known.tsv`, holds patterns for statements that
//! are not in the corpus (the walker's).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::compare::Class;
use crate::outcome::Mode;
use crate::run::Case;

/// What the reasons of differences begin with that follow from an earlier one.
const AFTER: &str = "after: ";

/// A pattern of the framework's list, or a statement of a corpus file's list.
#[derive(Debug, Clone)]
pub struct Known {
    /// The class it explains (`any`: every class but a crash or hang).
    pub class: Option<Class>,
    /// A part of the statement.
    pub pattern: String,
    /// Why.
    pub reason: String,
}

/// Reads the framework's list; lines that are empty or begin with `#` are left out.
///
/// # Errors
/// When the file cannot be read or a line is not of the form.
pub fn read(path: &Path) -> Result<Vec<Known>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            parse(line).ok_or_else(|| format!("{}:{}: not class, pattern, reason", path.display(), index + 1))
        })
        .collect()
}

fn parse(line: &str) -> Option<Known> {
    let mut parts = line.splitn(3, '\t');
    let (class, pattern, reason) = (parts.next()?, parts.next()?, parts.next()?);
    let class = match class {
        "any" => None,
        name => Some(Class::named(name)?),
    };
    Some(Known { class, pattern: pattern.to_owned(), reason: reason.to_owned() })
}

/// Returns the entry that explains a difference of `class` in `sql`.
pub fn explain<'a>(known: &'a [Known], class: Class, sql: &str) -> Option<&'a Known> {
    known.iter().find(|entry| {
        entry.class.map_or(class != Class::CrashOrHang, |wanted| wanted == class)
            && sql.contains(&entry.pattern)
    })
}

/// The list of one corpus file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileList {
    entries: BTreeMap<Key, Entry>,
    /// Keys in the order of the file they were read from or found in.
    order: Vec<Key>,
}

/// A statement's text on one line with its occurrence, and the class of its difference.
type Key = (String, Class);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    modes: Vec<Mode>,
    reason: String,
}

/// What a run says of a file's list.
#[derive(Debug, Default)]
pub struct Check {
    /// Differences without an entry, as positions in the cases.
    pub unlisted: Vec<usize>,
    /// Those of them whose statement is on the list for a difference of another class.
    pub moved: Vec<usize>,
    /// Entries whose difference is gone, as text.
    pub stale: Vec<String>,
}

/// Returns where the list of `file` is.
pub fn path_of(file: &Path) -> PathBuf {
    file.with_extension("known")
}

impl FileList {
    /// Reads the list beside a corpus file; there need not be one.
    ///
    /// # Errors
    /// When a line is not of the form.
    pub fn read(file: &Path) -> Result<Self, String> {
        let path = path_of(file);
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Self::default()) };
        let mut list = Self::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let (key, entry) = parse_entry(line).ok_or_else(|| {
                format!("{}:{}: not class, modes, statement, reason", path.display(), index + 1)
            })?;
            list.insert(key, entry);
        }
        Ok(list)
    }

    /// Writes the list, or removes the file when nothing is on it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), String> {
        let path = path_of(file);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        if self.order.is_empty() {
            return if path.exists() { std::fs::remove_file(&path).map_err(failed) } else { Ok(()) };
        }
        let mut text = String::new();
        for key in &self.order {
            if let Some(entry) = self.entries.get(key) {
                let _ = writeln!(
                    text,
                    "{}\t{}\t{}\t{}",
                    key.1.name(),
                    modes_text(&entry.modes),
                    key.0,
                    entry.reason
                );
            }
        }
        std::fs::write(&path, text).map_err(failed)
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        if self.entries.insert(key.clone(), entry).is_none() {
            self.order.push(key);
        }
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns the class and the reason of each entry.
    pub fn reasons(&self) -> impl Iterator<Item = (Class, &str)> {
        self.entries.iter().map(|((_, class), entry)| (*class, entry.reason.as_str()))
    }

    /// Returns how many entries are not in the other list.
    pub fn count_not_in(&self, other: &Self) -> usize {
        self.order.iter().filter(|key| !other.entries.contains_key(key)).count()
    }

    /// Returns whether nothing is on the list.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Sets `known` of the cases that the list explains, and tells what is missing from the list or too much on it.
    ///
    /// `cases` are all statements of the file in order, for each mode that was run.
    pub fn check(&self, cases: &mut [Case]) -> Check {
        let found = differences(cases);
        let mut check = Check::default();
        for difference in &found {
            let listed = self.entries.get(&difference.key).filter(|entry| {
                let causeless = entry.reason.starts_with(AFTER) && difference.cause.is_none();
                entry.modes.contains(&difference.mode) && !causeless
            });
            match listed {
                Some(entry) => cases[difference.case].known = Some(entry.reason.clone()),
                None => {
                    check.unlisted.push(difference.case);
                    if self.order.iter().any(|(statement, _)| *statement == difference.key.0) {
                        check.moved.push(difference.case);
                    }
                }
            }
        }
        let mut modes: Vec<Mode> = cases.iter().map(|case| case.mode).collect();
        modes.dedup();
        for (key, entry) in self.order.iter().filter_map(|key| Some((key, self.entries.get(key)?))) {
            let gone = entry.modes.iter().filter(|mode| {
                modes.contains(mode)
                    && !found.iter().any(|difference| difference.key == *key && difference.mode == **mode)
            });
            let gone: Vec<&str> = gone.map(|mode| mode.name()).collect();
            if !gone.is_empty() {
                check.stale.push(format!("{} ({}): {}", key.1.name(), gone.join(", "), key.0));
            }
        }
        check
    }

    /// Returns the list as it should be after a run of every mode, and the differences that need a person's reason,
    /// which are listed with `reason` when there is one.
    pub fn updated(&self, cases: &[Case], reason: Option<&str>) -> (Self, Vec<usize>) {
        let mut list = Self::default();
        let mut unexplained = Vec::new();
        for difference in differences(cases) {
            let Difference { key, mode, cause, case } = difference;
            let written = self.entries.get(&key).map(|entry| &entry.reason);
            let written = written.filter(|reason| !reason.starts_with(AFTER) && key.1 != Class::Refused);
            let why = match (key.1, written, cause) {
                (Class::CrashOrHang, _, _) => None,
                (Class::Refused, _, _) => Some(one_line(&cases[case].verdict.reason)),
                (_, Some(written), _) => Some(written.clone()),
                (_, None, Some(cause)) => Some(format!("{AFTER}{cause}")),
                (_, None, None) => reason.map(one_line),
            };
            match (why, list.entries.get_mut(&key)) {
                (None, _) => unexplained.push(case),
                (Some(_), Some(entry)) => entry.modes.push(mode),
                (Some(why), None) => list.insert(key, Entry { modes: vec![mode], reason: why }),
            }
        }
        (list, unexplained)
    }
}

fn parse_entry(line: &str) -> Option<(Key, Entry)> {
    let mut parts = line.splitn(4, '\t');
    let class = Class::named(parts.next()?)?;
    let modes = match parts.next()? {
        "all" => Mode::ALL.to_vec(),
        names => names
            .split(',')
            .map(|name| Mode::ALL.into_iter().find(|mode| mode.name() == name))
            .collect::<Option<_>>()?,
    };
    let statement = parts.next()?.to_owned();
    let reason = parts.next().filter(|reason| !reason.trim().is_empty())?.to_owned();
    Some(((statement, class), Entry { modes, reason }))
}

fn modes_text(modes: &[Mode]) -> String {
    if modes.len() == Mode::ALL.len() {
        return "all".to_owned();
    }
    modes.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(",")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Difference {
    key: Key,
    mode: Mode,
    case: usize,
    /// The earlier difference that this one may follow from.
    cause: Option<String>,
}

/// Returns the differences of a file's run with their keys and causes.
fn differences(cases: &[Case]) -> Vec<Difference> {
    let mut found: Vec<Difference> = Vec::new();
    for mode in Mode::ALL {
        let mut occurrences: BTreeMap<String, usize> = BTreeMap::new();
        let mut cause: Option<String> = None;
        let mut failed_block = None;
        for (index, case) in cases.iter().enumerate().filter(|(_, case)| case.mode == mode) {
            let text = one_line(&case.sql);
            let count = occurrences.entry(text.clone()).or_default();
            *count += 1;
            let text = if *count == 1 { text } else { format!("{text} #{count}") };
            let same = case.verdict.class == Class::Exact;
            if !same {
                let cause = failed_block.clone().or_else(|| cause.clone());
                found.push(Difference { key: (text, case.verdict.class), mode, case: index, cause });
            }
            let refused = case.verdict.class == Class::Refused;
            if refused && changes_state(&case.sql) {
                cause = Some(one_line(&case.verdict.reason));
            }
            if case.target_status != 'E' {
                failed_block = None;
            } else if refused && failed_block.is_none() {
                failed_block = Some(one_line(&case.verdict.reason));
            }
        }
    }
    // The file's order, so that lists of two runs can be compared line by line.
    found.sort_by_key(|difference| (cases[difference.case].line, difference.case));
    found
}

/// Returns whether later statements may depend on what this one does.
fn changes_state(sql: &str) -> bool {
    let first = sql.split_whitespace().next().unwrap_or("").to_ascii_lowercase();
    let reads = ["select", "values", "table", "explain", "show", "("];
    !reads.iter().any(|word| first.starts_with(word)) || sql.to_ascii_lowercase().contains("nextval")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Verdict;

    fn case(sql: &str, line: usize, class: Class, reason: &str) -> Case {
        Case {
            file: "f".to_owned(),
            area: "a".to_owned(),
            line,
            mode: Mode::Simple,
            sql: sql.to_owned(),
            verdict: Verdict { class, reason: reason.to_owned() },
            known: None,
            expected: String::new(),
            actual: String::new(),
            target_status: 'I',
        }
    }

    #[test]
    fn a_crash_is_never_explained_by_any() {
        let known = vec![
            parse("any\tnow()\tvolatile").unwrap(),
            parse("rows differ\tpg_backend_pid\tvolatile").unwrap(),
        ];
        assert!(explain(&known, Class::RowsDiffer, "select now()").is_some());
        assert!(explain(&known, Class::CrashOrHang, "select now()").is_none());
        assert!(explain(&known, Class::TargetFails, "select pg_backend_pid()").is_none());
        assert!(parse("unheard of\tx\ty").is_none());
    }

    #[test]
    fn refusals_are_listed_and_what_follows_and_nothing_else() {
        let mut cases = vec![
            case("select 1", 1, Class::RowsDiffer, "rows"),
            case("create type e", 2, Class::Refused, "CREATE TYPE is not supported yet"),
            case("create table t (a e)", 3, Class::TargetFails, "42704"),
            case("select 2", 4, Class::CrashOrHang, "lost"),
        ];
        let (list, unexplained) = FileList::default().updated(&cases, None);
        assert_eq!((list.len(), unexplained), (2, vec![0, 3]));
        let (list, unexplained) = FileList::default().updated(&cases, Some("why"));
        assert_eq!((list.len(), unexplained), (3, vec![3]));
        // A reason that was written stays.
        assert_eq!(list.updated(&cases, None).0, list);

        let check = list.check(&mut cases);
        assert_eq!((check.unlisted, check.stale.len()), (vec![3], 0));
        assert_eq!(cases[2].known.as_deref(), Some("after: CREATE TYPE is not supported yet"));
        // The refusal is gone: its entry is stale, and what followed from it is no longer explained.
        cases[1].verdict = Verdict { class: Class::Exact, reason: String::new() };
        let check = list.check(&mut cases);
        assert_eq!((check.unlisted, check.stale.len()), (vec![2, 3], 1));
    }

    #[test]
    fn entries_survive_writing() {
        let line = "missing\tsimple,binary\tselect 1 #2\tnot yet";
        let (key, entry) = parse_entry(line).unwrap();
        assert_eq!((key.0.as_str(), entry.modes.len(), entry.reason.as_str()), ("select 1 #2", 2, "not yet"));
        assert!(parse_entry("missing\tall\tselect 1\t").is_none());
    }
}
