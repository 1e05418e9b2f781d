//! The corpus and its recorded expectations.
//!
//! `corpus/<area>/<file>.sql` holds statements written from the manual; `corpus/<area>/<file>.expected` what PostgreSQL
//! 18 answered, one JSON object a line: mode and outcome of each statement in order.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::outcome::{Mode, Outcome};

/// One recorded answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// Line of the statement in its file.
    pub line: usize,
    /// Mode.
    pub mode: Mode,
    /// What PostgreSQL did.
    pub outcome: Outcome,
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
    let reader =
        BufReader::new(fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?);
    reader
        .lines()
        .map(|line| {
            let line = line.map_err(|error| error.to_string())?;
            serde_json::from_str(&line).map_err(|error| format!("{}: {error}", path.display()))
        })
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
