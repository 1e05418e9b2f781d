//! `surus-compat`: runs statements on a reference PostgreSQL 18 and a target and compares every observable.

#[macro_use]
mod output;
mod interleave;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use surus_compat::fuzz::{self, FuzzOptions, Oracle};
use surus_compat::isolation::{self, KnownTraces};
use surus_compat::known::{self, FileList, Known};
use surus_compat::outcome::Mode;
use surus_compat::readme;
use surus_compat::report::{self, Summary};
use surus_compat::run::{self, Case, FileRun, RunOptions};
use surus_compat::url::ServerUrl;
use surus_compat::walk::{self, WalkOptions};

use output::Output;

#[derive(Parser)]
#[command(about = "Measures how a server differs from PostgreSQL 18")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs SQL files (default: the corpus) on both servers, or on the target against recorded answers.
    Run {
        #[command(flatten)]
        servers: Servers,
        #[command(flatten)]
        output: Output,
        /// Modes: simple, extended, binary.
        #[arg(long, value_delimiter = ',', default_value = "simple,extended,binary")]
        modes: Vec<String>,
        /// Statements to run on the target first in each session, e.g. "SET surus.execution = row".
        #[arg(long)]
        prelude: Vec<String>,
        /// SQL files or folders.
        files: Vec<PathBuf>,
    },
    /// Calls every built-in function, operator, cast and aggregate with edge values.
    Walk {
        #[command(flatten)]
        servers: Servers,
        #[command(flatten)]
        output: Output,
        /// Only built-ins whose name contains this, or of this type family.
        #[arg(long, default_value = "")]
        only: String,
        /// Calls per built-in at most.
        #[arg(long, default_value_t = 60)]
        calls: usize,
        /// Sessions on each server.
        #[arg(long, default_value_t = 4)]
        sessions: usize,
    },
    /// Runs random queries.
    Fuzz {
        #[command(flatten)]
        servers: Servers,
        #[command(flatten)]
        output: Output,
        /// First seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Queries to run.
        #[arg(long, default_value_t = 1000)]
        count: u64,
        /// reference, tlp, norec, settings.
        #[arg(long, value_delimiter = ',', default_value = "reference")]
        oracles: Vec<String>,
        /// Do not shrink failing queries.
        #[arg(long)]
        no_reduce: bool,
        /// Sessions that share the work.
        #[arg(long, default_value_t = 2)]
        sessions: usize,
        /// Rows of the largest table.
        #[arg(long, default_value_t = 140_000)]
        rows: usize,
    },
    /// Runs isolation scripts (default: all) and compares the traces, blocking included.
    Isolation {
        #[command(flatten)]
        servers: Servers,
        /// Record what the reference, a PostgreSQL 18, does.
        #[arg(long)]
        record: bool,
        /// Write the counts as JSON.
        #[arg(long)]
        json: Option<PathBuf>,
        /// Bring the lists of known differences up to date, new ones with this reason.
        #[arg(long)]
        update: Option<String>,
        /// Scripts.
        files: Vec<PathBuf>,
    },
    /// Plays random interleavings of random statements on both servers.
    Interleave(interleave::Interleave),
    /// Records the reference's answers beside the SQL files.
    Record {
        #[command(flatten)]
        servers: Servers,
        /// SQL files or folders.
        files: Vec<PathBuf>,
    },
    /// Keeps the lists of known differences beside the SQL files, from a run against the recorded answers.
    Known {
        #[command(flatten)]
        servers: Servers,
        /// Write the lists: what is exact comes off, what is refused with 0A000 and what follows from it comes on.
        #[arg(long)]
        update: bool,
        /// List every other difference of these files too, with this reason.
        #[arg(long)]
        reason: Option<String>,
        /// Print this many of the differences that need a reason, per file.
        #[arg(long, default_value_t = 20)]
        show: usize,
        /// SQL files or folders.
        files: Vec<PathBuf>,
    },
    /// Makes the README's compatibility section from the JSON of the other commands.
    Report {
        /// JSON of `run`, `walk`, `fuzz` and `isolation`.
        #[arg(long, value_delimiter = ',', required = true)]
        json: Vec<PathBuf>,
        /// Put the tables into this file, between its marks.
        #[arg(long)]
        readme: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Servers {
    /// The reference PostgreSQL 18; recorded answers are used without one.
    #[arg(long)]
    reference: Option<String>,
    /// The server under test; several, with commas, share the work.
    #[arg(long, value_delimiter = ',', default_value = "postgres://postgres@127.0.0.1:5433/postgres")]
    target: Vec<String>,
    /// Time limit of a statement in seconds.
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

impl Servers {
    fn reference(&self) -> Result<Option<ServerUrl>, String> {
        self.reference.as_deref().map(ServerUrl::parse).transpose()
    }
    fn needed_reference(&self) -> Result<ServerUrl, String> {
        self.reference()?.ok_or_else(|| {
            "this command needs a live PostgreSQL 18: --reference postgres://... (tests/compat/reference start)".to_owned()
        })
    }
    fn targets(&self) -> Result<Vec<ServerUrl>, String> {
        self.target.iter().map(|url| ServerUrl::parse(url)).collect()
    }
    fn target(&self) -> Result<ServerUrl, String> {
        self.targets()?.into_iter().next().ok_or_else(|| "no target".to_owned())
    }
    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// The folder of this package: of the source tree one is in, or of the one that built the program.
fn package_folder() -> PathBuf {
    let here = PathBuf::from("tests/compat");
    if here.is_dir() { here } else { PathBuf::from(env!("CARGO_MANIFEST_DIR")) }
}

fn known_differences(output: &Output) -> Result<Vec<Known>, String> {
    known::read(&output.known.clone().unwrap_or_else(|| package_folder().join("known.tsv")))
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run { servers, output, modes, prelude, files } => {
            run_files(&servers, &output, &modes, prelude, &files)
        }
        Command::Walk { servers, output, only, calls, sessions } => {
            run_walk(&servers, &output, only, calls, sessions)
        }
        Command::Fuzz { servers, output, seed, count, oracles, no_reduce, sessions, rows } => {
            let oracles = oracles.iter().map(|name| oracle(name)).collect::<Result<Vec<_>, _>>();
            oracles.and_then(|oracles| {
                run_fuzz(
                    &output,
                    FuzzOptions {
                        reference: servers.reference()?,
                        target: servers.target()?,
                        seed,
                        count,
                        oracles,
                        reduce: !no_reduce,
                        sessions,
                        rows_max: rows,
                        known: known_differences(&output)?,
                        timeout: servers.timeout(),
                    },
                )
            })
        }
        Command::Isolation { servers, record: true, files, .. } => record_isolation(&servers, &files),
        Command::Isolation { servers, record: false, update, json, files } => {
            run_isolation(&servers, update.as_deref(), json.as_deref(), &files)
        }
        Command::Interleave(command) => interleave::run(&command),
        Command::Record { servers, files } => record(&servers, &files),
        Command::Known { servers, update, reason, show, files } => {
            known_lists(&servers, update, reason.as_deref(), show, &files)
        }
        Command::Report { json, readme } => render(&json, readme.as_deref()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("surus-compat: {message}");
            ExitCode::from(2)
        }
    }
}

fn progress(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:40} {pos}/{len} {msg} {eta}") {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar
}

fn mode(name: &str) -> Result<Mode, String> {
    [Mode::Simple, Mode::Extended, Mode::Binary]
        .into_iter()
        .find(|mode| mode.name() == name)
        .ok_or_else(|| format!("{name} is not a mode: simple, extended, binary"))
}

fn run_files(
    servers: &Servers,
    output: &Output,
    modes: &[String],
    prelude: Vec<String>,
    files: &[PathBuf],
) -> Result<bool, String> {
    let options = RunOptions {
        reference: servers.reference()?,
        targets: servers.targets()?,
        modes: modes.iter().map(|name| mode(name)).collect::<Result<_, _>>()?,
        known: known_differences(output)?,
        file_lists: !output.no_known,
        timeout: servers.timeout(),
        target_prelude: prelude,
    };
    let runs = run_with_bar(files, &options)?;
    let stale: Vec<String> = runs
        .iter()
        .flat_map(|run| run.check.stale.iter().map(|entry| format!("{}: {entry}", run.file.display())))
        .collect();
    let cases: Vec<Case> = runs.into_iter().flat_map(|run| run.cases).collect();
    let passed = output::finish(output, &cases, BTreeMap::new())?;
    if !stale.is_empty() {
        sayln!(
            "\n{} listed differences are gone; `surus-compat known --update` takes them off:",
            stale.len()
        );
        for entry in stale.iter().take(output.show) {
            sayln!("  {entry}");
        }
    }
    Ok(passed && stale.is_empty())
}

fn run_with_bar(files: &[PathBuf], options: &RunOptions) -> Result<Vec<FileRun>, String> {
    let files = run::files_or_corpus(files, &package_folder().join("corpus"))?;
    let bar = progress(files.len() as u64, "files");
    let runs = run::run_files(&files, options, &|file| {
        bar.set_message(file.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        bar.inc(1);
    });
    bar.finish_and_clear();
    runs
}

/// Compares with the recorded answers and brings the files' lists of known differences up to date.
fn known_lists(
    servers: &Servers,
    update: bool,
    reason: Option<&str>,
    show: usize,
    files: &[PathBuf],
) -> Result<bool, String> {
    let options = RunOptions {
        reference: servers.reference()?,
        targets: servers.targets()?,
        modes: Mode::ALL.to_vec(),
        known: Vec::new(),
        file_lists: true,
        timeout: servers.timeout(),
        target_prelude: Vec::new(),
    };
    let (mut open, mut added, mut removed) = (0, 0, 0);
    for run in run_with_bar(files, &options)? {
        let list = FileList::read(&run.file)?;
        let (updated, unexplained) = list.updated(&run.cases, reason);
        added += updated.count_not_in(&list);
        removed += list.count_not_in(&updated);
        let cases: Vec<&Case> = unexplained.iter().map(|&position| &run.cases[position]).collect();
        output::print_differences(&cases, show);
        open += unexplained.len();
        if update && updated != list {
            updated.write(&run.file)?;
        }
    }
    let verb = if update { "" } else { " (not written: --update)" };
    sayln!(
        "{added} differences listed, {removed} taken off{verb}; {open} need a reason (--reason TEXT) or a repair"
    );
    Ok(open == 0)
}

fn run_walk(
    servers: &Servers,
    output: &Output,
    only: String,
    calls_max: usize,
    sessions: usize,
) -> Result<bool, String> {
    let options = WalkOptions {
        reference: servers.needed_reference()?,
        target: servers.target()?,
        only,
        calls_max,
        sessions,
        known: known_differences(output)?,
        timeout: servers.timeout(),
    };
    let built_ins = walk::built_ins(&options)?;
    let bar = progress(built_ins.len() as u64, "built-ins");
    let (cases, coverage) = walk::walk(&options, &built_ins, &|| bar.inc(1))?;
    bar.finish_and_clear();
    let total = walk::total(&coverage);
    let figures = [
        ("built-ins".to_owned(), built_ins.len()),
        ("identical".to_owned(), total.identical),
        ("different".to_owned(), total.different),
        ("missing".to_owned(), total.missing),
    ];
    // The families stand in the coverage's table.
    let quiet = Output { summary: true, ..output.clone() };
    let passed = output::finish(&quiet, &cases, figures.into())?;
    say!("\n{}", walk::coverage_table(&coverage));
    Ok(passed)
}

fn oracle(name: &str) -> Result<Oracle, String> {
    match name {
        "reference" => Ok(Oracle::Reference),
        "tlp" => Ok(Oracle::Tlp),
        "norec" => Ok(Oracle::NoRec),
        "settings" => Ok(Oracle::Settings),
        _ => Err(format!("{name} is not an oracle: reference, tlp, norec, settings")),
    }
}

fn run_fuzz(output: &Output, options: FuzzOptions) -> Result<bool, String> {
    if options.oracles.contains(&Oracle::Reference) && options.reference.is_none() {
        return Err("the oracle `reference` needs --reference postgres://...".to_owned());
    }
    let FuzzOptions { seed, count, .. } = options;
    sayln!("seeds {seed} to {}", seed + count.saturating_sub(1));
    let bar = progress(count, "queries");
    let findings = fuzz::fuzz(&options, &|failures| {
        bar.inc(1);
        bar.set_message(format!("{failures} differ"));
    })?;
    bar.finish_and_clear();
    let states: Vec<String> =
        findings.states.iter().map(|(state, count)| format!("{state} {count}")).collect();
    sayln!(
        "{count} queries, {} differ; the reference's answers by SQLSTATE: {}",
        findings.cases.len(),
        states.join(", ")
    );
    let figures = [("queries".to_owned(), count as usize), ("differ".to_owned(), findings.cases.len())];
    output::finish(output, &findings.cases, figures.into())
}

fn isolation_scripts(files: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    if files.is_empty() {
        isolation::scripts(&package_folder().join("isolation"))
    } else {
        Ok(files.to_vec())
    }
}

fn record_isolation(servers: &Servers, files: &[PathBuf]) -> Result<bool, String> {
    let reference = servers.needed_reference()?;
    run::demand_postgres_18(&reference, servers.timeout())?;
    for file in &isolation_scripts(files)? {
        let scratch = run::Scratch::create(&reference, servers.timeout())?;
        let traces = isolation::run(&isolation::read(file)?, scratch.url(), servers.timeout())?;
        isolation::record(file, &traces)?;
        sayln!("{}: {} interleavings recorded", file.display(), traces.len());
    }
    Ok(true)
}

fn run_isolation(
    servers: &Servers,
    update: Option<&str>,
    json: Option<&Path>,
    files: &[PathBuf],
) -> Result<bool, String> {
    let target = servers.target()?;
    let (mut same, mut known_count, mut failed) = (0, 0, 0);
    for file in &isolation_scripts(files)? {
        let script = isolation::read(file)?;
        let expected = match servers.reference()? {
            Some(url) => {
                let scratch = run::Scratch::create(&url, servers.timeout())?;
                isolation::run(&script, scratch.url(), servers.timeout())?
            }
            None => isolation::recorded(file)?,
        };
        let scratch = run::Scratch::create(&target, servers.timeout())?;
        let actual = isolation::run(&script, scratch.url(), servers.timeout())?;
        let known = KnownTraces::read(file);
        let mut different = Vec::new();
        for (expected, actual) in expected.iter().zip(&actual) {
            if expected == actual {
                same += 1;
                continue;
            }
            different.push(actual.permutation.clone());
            if known.reason(&actual.permutation).is_some() {
                known_count += 1;
            } else {
                failed += 1;
                output::print_traces(file, expected, actual);
            }
        }
        if let Some(reason) = update {
            known.write(file, &different, reason)?;
        }
    }
    if let Some(path) = json {
        let figures = [("identical".to_owned(), same), ("different".to_owned(), known_count + failed)];
        report::write_json(path, &output::command(), &[], figures.into())?;
    }
    sayln!("{same} interleavings identical, {known_count} known to differ, {failed} different");
    Ok(failed == 0)
}

fn record(servers: &Servers, files: &[PathBuf]) -> Result<bool, String> {
    let reference = servers.needed_reference()?;
    run::demand_postgres_18(&reference, servers.timeout())?;
    let files = run::files_or_corpus(files, &package_folder().join("corpus"))?;
    let bar = progress(files.len() as u64, "files");
    let (mut statements, mut odd) = (0, Vec::new());
    for file in &files {
        let (count, volatile) = run::record_file(file, &reference, servers.timeout())?;
        statements += count;
        odd.extend(volatile.into_iter().map(|line| format!("{}:{line}", file.display())));
        bar.inc(1);
    }
    bar.finish_and_clear();
    sayln!("{statements} statements of {} files recorded", files.len());
    if !odd.is_empty() {
        sayln!("answers that do not repeat (only their shape will be compared):\n  {}", odd.join("\n  "));
    }
    Ok(true)
}

fn render(json: &[PathBuf], readme: Option<&Path>) -> Result<bool, String> {
    let summaries = json.iter().map(|path| Summary::read(path)).collect::<Result<Vec<_>, _>>()?;
    let section = readme::section(&summaries, &readme::lists(&package_folder().join("corpus"))?);
    match readme {
        Some(path) => readme::put(path, &section)?,
        None => say!("{section}"),
    }
    Ok(true)
}
