//! The corpus and its recorded expectations.
//!
//! `corpus/<area>/<file>.sql` holds statements written from the manual; `corpus/<area>/<file>.expected` what PostgreSQL
//! 18 answered, one JSON object a statement, in order: the text, and the outcome of each mode. An outcome that is the
//! same as that of the mode before it is left out, so that most lines hold one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outcome::{Mode, Outcome};

/// The recorded answers to one statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// The statement.
    pub sql: String,
    /// Modes in which two recordings had other rows or texts: only the shape and the SQLSTATE are compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volatile: Vec<Mode>,
    /// What PostgreSQL did over the simple protocol.
    pub simple: Outcome,
    /// Over the extended protocol with text results, when that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended: Option<Outcome>,
    /// With binary results, when that is another than with text results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<Outcome>,
}

impl Recorded {
    /// Makes an entry from the outcomes of the three modes.
    pub fn new(sql: &str, volatile: Vec<Mode>, simple: Outcome, extended: Outcome, binary: Outcome) -> Self {
        let binary = (binary != extended).then_some(binary);
        let extended = (extended != simple).then_some(extended);
        Self { sql: sql.to_owned(), volatile, simple, extended, binary }
    }

    /// Returns the outcome of a mode.
    pub fn outcome(&self, mode: Mode) -> &Outcome {
        let extended = self.extended.as_ref().unwrap_or(&self.simple);
        match mode {
            Mode::Simple => &self.simple,
            Mode::Extended => extended,
            Mode::Binary => self.binary.as_ref().unwrap_or(extended),
        }
    }
}

/// Returns the SQL files under `paths` (files, or folders searched deep), sorted.
///
/// # Errors
/// When a path cannot be read.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    found.sort();
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if fs::metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?.path();
            if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "sql") {
                collect(&entry, found)?;
            }
        }
    } else {
        found.push(path.to_owned());
    }
    Ok(())
}

/// Returns the area of a file: the name of its folder.
pub fn area(file: &Path) -> String {
    file.parent()
        .and_then(Path::file_name)
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Returns where the expectations of `file` are recorded.
pub fn expected_path(file: &Path) -> PathBuf {
    file.with_extension("expected")
}

/// Reads the expectations of `file`.
///
/// # Errors
/// When there are none or they do not parse.
pub fn read_expected(file: &Path) -> Result<Vec<Recorded>, String> {
    let path = expected_path(file);
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("{}: {error}; `surus-compat record` makes it", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{}: {error}", path.display())))
        .collect()
}

/// Writes the expectations of `file`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_expected(file: &Path, recorded: &[Recorded]) -> Result<(), String> {
    let path = expected_path(file);
    let mut text = Vec::new();
    for entry in recorded {
        serde_json::to_writer(&mut text, entry).map_err(|error| error.to_string())?;
        text.push(b'\n');
    }
    fs::File::create(&path)
        .and_then(|mut output| output.write_all(&text))
        .map_err(|error| format!("{}: {error}", path.display()))
}
