//! What the program prints and writes: tables, differences, JSON and HTML.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use surus_compat::isolation::Trace;
use surus_compat::report;
use surus_compat::run::Case;

/// Prints without failing when nobody reads on (`| head`).
macro_rules! say {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        drop(write!(std::io::stdout(), $($argument)*));
    }};
}

/// As `say`, with a newline.
macro_rules! sayln {
    ($($argument:tt)*) => {{
        use std::io::Write as _;
        drop(writeln!(std::io::stdout(), $($argument)*));
    }};
}

/// Where the results go.
#[derive(Args, Clone)]
pub struct Output {
    /// Write counts and differences as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write a page with each difference side by side.
    #[arg(long)]
    pub html: Option<PathBuf>,
    /// The list of known differences.
    #[arg(long)]
    pub known: Option<PathBuf>,
    /// Do not use the lists of known differences beside the files.
    #[arg(long)]
    pub no_known: bool,
    /// Print this many reasons and differences.
    #[arg(long, default_value_t = 10)]
    pub show: usize,
    /// Do not print the table of areas.
    #[arg(long)]
    pub summary: bool,
}

/// Prints up to `show` differences, the gravest first; one that is the same in several modes once.
pub fn print_differences(cases: &[&Case], show: usize) {
    let mut sorted: Vec<&&Case> = cases.iter().collect();
    sorted.sort_by_key(|case| std::cmp::Reverse(case.verdict.class));
    let mut groups: Vec<(&Case, Vec<&str>)> = Vec::new();
    for case in sorted {
        let same = |other: &Case| {
            (&other.file, other.line, &other.sql, other.verdict.class)
                == (&case.file, case.line, &case.sql, case.verdict.class)
        };
        match groups.iter_mut().find(|(other, _)| same(other)) {
            Some((_, modes)) => modes.push(case.mode.name()),
            None => groups.push((case, vec![case.mode.name()])),
        }
    }
    for (case, modes) in groups.iter().take(show) {
        let Case { verdict, file, line, sql, expected, actual, .. } = case;
        let class = verdict.class.name();
        sayln!("\n{class} {file}:{line} ({}): {}", modes.join(", "), verdict.reason);
        sayln!("{sql}\n-- reference\n{expected}-- target\n{actual}");
    }
    if groups.len() > show {
        sayln!("\n... and {} more (--show N)", groups.len() - show);
    }
}

/// Prints two traces of an interleaving.
pub fn print_traces(file: &Path, expected: &Trace, actual: &Trace) {
    sayln!("\n{}: {}", file.display(), expected.permutation);
    for (index, line) in actual.lines.iter().enumerate() {
        match expected.lines.get(index) {
            Some(wanted) if wanted == line => sayln!("    {line}"),
            wanted => sayln!("  - {}\n  + {line}", wanted.map_or("", String::as_str)),
        }
    }
    for wanted in expected.lines.iter().skip(actual.lines.len()) {
        sayln!("  - {wanted}");
    }
}

/// Returns the command line without the program.
pub fn command() -> String {
    std::env::args().skip(1).collect::<Vec<_>>().join(" ")
}

/// Prints the summary of a run, writes what was asked for, and returns whether nothing failed.
pub fn finish(output: &Output, cases: &[Case], figures: BTreeMap<String, usize>) -> Result<bool, String> {
    if !output.summary {
        say!("{}", report::table(&report::by_area(cases)));
    }
    for (class, reason, count) in report::reasons(cases).iter().take(output.show) {
        sayln!("{count:>8}  {:<12} {reason}", class.name());
    }
    let failures: Vec<&Case> = cases.iter().filter(|case| case.is_failure()).collect();
    print_differences(&failures, output.show);
    let command = command();
    let mut history = Vec::new();
    if let Some(path) = &output.json {
        history = report::write_json(path, &command, cases, figures)?;
    }
    if let Some(path) = &output.html {
        report::write_html(path, &command, cases, &history)?;
    }
    Ok(failures.is_empty())
}
