//! Planted defects: a server behind a proxy that alters its answers is compared with itself, and each layer of
//! `tests/compat` must see what it is there to see.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::path::PathBuf;
use std::time::Duration;

use surus_compat::compare::Class;
use surus_compat::fuzz::{self, FuzzOptions, Oracle};
use surus_compat::isolation::{self, Script};
use surus_compat::outcome::Mode;
use surus_compat::proxy::{Defect, Proxy};
use surus_compat::run::{Case, RunOptions, run_file};
use surus_compat::url::ServerUrl;
use surus_compat::walk::{self, WalkOptions};
use tests::server::{SurusServer, fresh_data_dir};

const SCRIPT: &str = "CREATE TABLE p (a integer, b numeric(6,2), c text);
INSERT INTO p VALUES (1, 1.50, NULL), (2, 2.25, 'x'), (3, NULL, 'y');
SELECT a, b FROM p ORDER BY a;
SELECT c FROM p;
SELECT 1 / 0;
SELECT nope FROM p;
SELECT foo(1);
DROP TABLE IF EXISTS nope;
BEGIN;
COMMIT;
SELECT 'hang';
SELECT 'crash';
";

/// Each defect that the runner is to see, and as what.
const RUNNER: [(Defect, Class); 14] = [
    (Defect::ScaleOffByOne, Class::RowsDiffer),
    (Defect::WrongSqlstate, Class::OtherError),
    (Defect::MissingNull, Class::RowsDiffer),
    (Defect::WrongOrder, Class::RowsDiffer),
    (Defect::SwallowedError, Class::TargetAccepts),
    (Defect::LostNotice, Class::SameStateOtherText),
    (Defect::LostHint, Class::SameStateOtherText),
    (Defect::WrongPosition, Class::SameStateOtherText),
    (Defect::WrongTag, Class::MetadataDiffers),
    (Defect::LostTypmod, Class::MetadataDiffers),
    (Defect::WrongStatus, Class::MetadataDiffers),
    (Defect::WrongBinary, Class::RowsDiffer),
    (Defect::Hang, Class::CrashOrHang),
    (Defect::Crash, Class::CrashOrHang),
];

const INTERLEAVING: &str = "setup CREATE TABLE t (id int, v int)
setup INSERT INTO t VALUES (1, 10)
teardown DROP TABLE IF EXISTS t
session s1
begin BEGIN
step w1 UPDATE t SET v = 11
step c1 COMMIT
session s2
begin BEGIN
step w2 UPDATE t SET v = 12
step r2 SELECT * FROM t
step c2 COMMIT
permutation w1 c1 w2 r2 c2
permutation w1 w2 c1 r2 c2";

fn compared(server: &ServerUrl, defect: Defect) -> Vec<Case> {
    let proxy = Proxy::start(server, defect).expect("a proxy");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("planted.sql");
    std::fs::write(&file, SCRIPT).expect("the script is written");
    let options = RunOptions {
        reference: Some(server.clone()),
        targets: vec![proxy.url().clone()],
        modes: Mode::ALL.to_vec(),
        known: Vec::new(),
        file_lists: false,
        timeout: Duration::from_secs(if defect == Defect::Hang { 2 } else { 60 }),
        target_prelude: Vec::new(),
    };
    let run = run_file(&file, proxy.url(), &options).expect("the run");
    run.cases.into_iter().filter(|case| case.verdict.class != Class::Exact).collect()
}

fn the_runner_sees(server: &ServerUrl) {
    assert_eq!(compared(server, Defect::None).len(), 0, "a server against itself through the proxy");
    for (defect, class) in RUNNER {
        let seen: Vec<Class> = compared(server, defect).iter().map(|case| case.verdict.class).collect();
        assert!(seen.contains(&class), "{defect:?} is to be seen as {class:?}: {seen:?}");
    }
    let binary_only = compared(server, Defect::WrongBinary);
    assert!(binary_only.iter().all(|case| case.mode == Mode::Binary), "text results are right");
}

fn the_walker_sees(server: &ServerUrl) {
    let built_in = walk::function("abs", "f", &["integer"], 20).expect("calls of abs");
    for (defect, different) in [(Defect::None, 0), (Defect::WrongFunction, 1)] {
        let proxy = Proxy::start(server, defect).expect("a proxy");
        let options = WalkOptions {
            reference: server.clone(),
            target: proxy.url().clone(),
            only: String::new(),
            calls_max: 20,
            sessions: 1,
            known: Vec::new(),
            timeout: Duration::from_secs(60),
        };
        let (_, coverage) = walk::walk(&options, std::slice::from_ref(&built_in), &|| {}).expect("the walk");
        assert_eq!(walk::total(&coverage).different, different, "{defect:?}");
    }
}

fn the_oracles_see(server: &ServerUrl) {
    let oracles = [
        (Defect::LostRowWithFilter, Oracle::Tlp),
        (Defect::WrongCount, Oracle::NoRec),
        (Defect::LostRowInRowExecution, Oracle::Settings),
        (Defect::LostRowInJoin, Oracle::Reference),
    ];
    for (defect, oracle) in oracles {
        for defect in [Defect::None, defect] {
            let proxy = Proxy::start(server, defect).expect("a proxy");
            let options = FuzzOptions {
                reference: Some(server.clone()),
                target: proxy.url().clone(),
                seed: 1,
                count: 25,
                oracles: vec![oracle],
                reduce: false,
                sessions: 1,
                rows_max: 100,
                known: Vec::new(),
                timeout: Duration::from_secs(60),
            };
            let found = fuzz::fuzz(&options, &|_| {}).expect("the fuzzer runs").cases;
            let shown = found.first().map(|case| format!("{}\n{}\n{}", case.sql, case.expected, case.actual));
            let planted = defect != Defect::None;
            assert_eq!(
                !found.is_empty(),
                planted,
                "{defect:?} and {oracle:?}: {}",
                shown.unwrap_or_default()
            );
        }
    }
}

fn the_isolation_runner_sees(server: &ServerUrl) {
    let script = Script::parse(INTERLEAVING).expect("a script");
    let timeout = Duration::from_secs(30);
    let direct = isolation::run(&script, server, timeout).expect("the interleavings");
    for (defect, same) in [(Defect::None, true), (Defect::UnlockedUpdate, false)] {
        let proxy = Proxy::start(server, defect).expect("a proxy");
        let traces = isolation::run(&script, proxy.url(), timeout).expect("the interleavings");
        assert_eq!(traces == direct, same, "{defect:?}: {traces:?} and {direct:?}");
    }
}

#[tokio::test]
async fn each_layer_sees_what_is_planted() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "planted");
    let server = SurusServer::start(&data_dir, &[]).await;
    let url = ServerUrl::parse(&server.url()).expect("a server's URL");
    let layers = tokio::task::spawn_blocking(move || {
        the_runner_sees(&url);
        the_walker_sees(&url);
        the_oracles_see(&url);
        the_isolation_runner_sees(&url);
    });
    layers.await.unwrap_or_else(|error| panic!("{error}\n{}", server.output()));
}
