//! Holds the functions of this crate to answers recorded from PostgreSQL (`data/*.tsv`, written by
//! `record.py`): each line is a name, arguments and the expected text.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod recorded_datetime;
mod recorded_numeric;
mod recorded_text;
mod recorded_values;

use types::PgError;

/// Runs every line of `data` through `call` and reports all differences at once.
fn check(data: &str, call: impl Fn(&str, &[&str]) -> Result<String, PgError>) {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in data.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, arguments, expected) = (fields[0], &fields[1..fields.len() - 1], fields[fields.len() - 1]);
        let actual = match call(name, arguments) {
            Ok(text) => text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t"),
            Err(error) => {
                let detail = error.fields().detail.as_ref().map(|d| format!(" / {d}")).unwrap_or_default();
                format!("ERROR {} {}{detail}", error.sqlstate(), error.fields().message)
            }
        };
        count += 1;
        if actual != expected {
            failures.push(format!("{name}({}): {actual} expected {expected}", arguments.join(", ")));
        }
    }
    assert!(count > 0);
    assert!(failures.is_empty(), "{} of {count} differ:\n{}", failures.len(), failures.join("\n"));
}
