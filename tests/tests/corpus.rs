//! The corpus of `tests/compat` against the answers recorded from PostgreSQL 18.
//!
//! A file passes when every statement does what PostgreSQL did, or its difference is on the file's list of known
//! differences. With `SURUS_COMPAT_STRICT` set, as `scripts/test` sets it, a listed difference that is gone or has become
//! another one fails too, so that the lists only shrink; without, it is printed.

use std::path::Path;
use std::time::Duration;

use surus_compat::compare::Class;
use surus_compat::outcome::Mode;
use surus_compat::run::{FileRun, RunOptions, files_or_corpus, run_files};
use surus_compat::url::ServerUrl;
use tests::server::{SurusServer, fresh_data_dir};

/// Differences printed in full.
const SHOWN: usize = 20;

#[tokio::test]
async fn statements_do_what_postgresql_recorded() {
    let mut servers = Vec::new();
    for number in 0..2 {
        let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), &format!("corpus{number}"));
        servers.push(SurusServer::start(&data_dir, &[]).await);
    }
    let targets: Vec<ServerUrl> =
        servers.iter().map(|server| ServerUrl::parse(&server.url()).expect("a server's URL")).collect();
    let runs = tokio::task::spawn_blocking(move || run_corpus(targets)).await.expect("the run ends");
    let runs = runs.unwrap_or_else(|error| {
        let output: Vec<String> = servers.iter().map(SurusServer::output).collect();
        panic!("{error}\n{}", output.join("\n"))
    });
    let mut failures = Vec::new();
    let strict = std::env::var_os("SURUS_COMPAT_STRICT").is_some();
    for run in &runs {
        for entry in &run.check.stale {
            let gone = format!("{}: a listed difference is gone: {entry}", run.file.display());
            if strict {
                failures.push(gone);
            } else {
                println!("{gone}");
            }
        }
        for (position, case) in run.cases.iter().enumerate().filter(|(_, case)| case.is_failure()) {
            let difference = format!(
                "{}:{} ({}) {}: {}\n{}\n-- PostgreSQL\n{}-- Surus\n{}",
                case.file,
                case.line,
                case.mode.name(),
                case.verdict.class.name(),
                case.verdict.reason,
                case.sql,
                case.expected,
                case.actual
            );
            if !strict && run.check.moved.contains(&position) && case.verdict.class != Class::CrashOrHang {
                println!("listed as another difference: {difference}");
            } else {
                failures.push(difference);
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} differences are not as listed (with a Surus running: `surus-compat known --update --target URL`):\n{}",
        failures.len(),
        failures.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n\n")
    );
}

fn run_corpus(targets: Vec<ServerUrl>) -> Result<Vec<FileRun>, String> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/corpus");
    let options = RunOptions {
        reference: None,
        targets,
        modes: Mode::ALL.to_vec(),
        known: Vec::new(),
        file_lists: true,
        timeout: Duration::from_secs(60),
        target_prelude: Vec::new(),
    };
    run_files(&files_or_corpus(&[], &corpus)?, &options, &|_| {})
}
