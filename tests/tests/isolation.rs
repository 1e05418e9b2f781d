//! The isolation scripts of `tests/compat` against what PostgreSQL 18 did: the result of each step, its error, and
//! whether it blocks.
//!
//! An interleaving passes when its trace is PostgreSQL's or it is on the script's list of known differences. With
//! `SURUS_COMPAT_STRICT` set, one that is listed and no longer differs fails too.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::Path;
use std::time::Duration;

use surus_compat::isolation::{self, KnownTraces};
use surus_compat::run::Scratch;
use surus_compat::url::ServerUrl;
use tests::server::{SurusServer, fresh_data_dir};

const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn interleavings_do_what_postgresql_recorded() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "isolation");
    let server = SurusServer::start(&data_dir, &[]).await;
    let url = ServerUrl::parse(&server.url()).expect("a server's URL");
    let failures = tokio::task::spawn_blocking(move || run_all(&url)).await.expect("the run ends");
    assert!(
        failures.is_empty(),
        "{} interleavings are not as listed (`surus-compat isolation --target URL` shows them):\n{}\n{}",
        failures.len(),
        failures.iter().take(10).cloned().collect::<Vec<_>>().join("\n"),
        server.output()
    );
}

fn run_all(url: &ServerUrl) -> Vec<String> {
    let strict = std::env::var_os("SURUS_COMPAT_STRICT").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("compat/isolation");
    let mut failures = Vec::new();
    for file in isolation::scripts(&folder).expect("the scripts") {
        let script = isolation::read(&file).expect("a script");
        let expected = isolation::recorded(&file).expect("a recording");
        let known = KnownTraces::read(&file);
        let scratch = Scratch::create(url, TIMEOUT).expect("a database");
        let actual = isolation::run(&script, scratch.url(), TIMEOUT).expect("a running server");
        assert_eq!(expected.len(), actual.len(), "{}: record it again", file.display());
        for (expected, actual) in expected.iter().zip(&actual) {
            let listed = known.reason(&actual.permutation).is_some();
            if expected == actual && strict && listed {
                failures.push(format!("{}: no longer differs: {}", file.display(), actual.permutation));
            } else if expected != actual && !listed {
                failures.push(format!(
                    "{}: {}\n  {}\nnot\n  {}",
                    file.display(),
                    actual.permutation,
                    actual.lines.join("\n  "),
                    expected.lines.join("\n  ")
                ));
            }
        }
    }
    failures
}
