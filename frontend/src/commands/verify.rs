//! `surus verify`: holds every stored thing against every other.

use std::path::Path;

use storage::{Store, StoreOptions};
use types::{PgError, Result, SqlState};

/// Verifies a data directory that no server uses.
pub(super) fn run(data_dir: &Path) -> Result<()> {
    if !data_dir.is_dir() {
        return Err(PgError::new(
            SqlState::UNDEFINED_FILE,
            format!("there is no data directory \"{}\"", data_dir.display()),
        ));
    }
    let store = Store::open(data_dir, StoreOptions::default())?;
    let report = storage::verify(&store)?;
    println!("{}: {} tables, {} visible rows", data_dir.display(), report.tables, report.rows);
    for problem in &report.problems {
        println!("{problem}");
    }
    if report.problems.is_empty() {
        println!("no problems found");
        return Ok(());
    }
    Err(PgError::new(SqlState::DATA_CORRUPTED, format!("{} problems found", report.problems.len())))
}
