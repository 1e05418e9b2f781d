//! What concurrent transactions see at each isolation level, checked for cycles (`tests::anomalies`): nothing that
//! PostgreSQL forbids, and write skew at REPEATABLE READ, which it does not.
//!
//! The short form runs with the other tests. The long form, and the calibration on PostgreSQL, are a matter of variables:
//!
//! ```text
//! SURUS_TRANSACTIONS=1000000 cargo test -p tests --profile quick --test anomalies -- --nocapture
//! SURUS_TRANSACTIONS=100000 SURUS_TEST_URL=postgres://postgres@127.0.0.1:5432/anomalies cargo test …
//! ```
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::time::Instant;

use bench::direct::Failed;
use tests::anomalies::lists::{Client, Lists};
use tests::anomalies::{Anomaly, Findings, Level, Transaction, bank, check};
use tests::server::{SurusServer, fresh_data_dir};

const TRANSACTIONS: i64 = 1_800;
/// Transactions whose history is checked at a time.
const ROUND: i64 = 20_000;
const CLIENTS: u64 = 8;

/// A level, what else is set, and whether only Surus has that.
const MODES: [(Level, &str, bool); 9] = [
    (Level::ReadCommitted, "", false),
    (Level::RepeatableRead, "", false),
    (Level::Serializable, "", false),
    (Level::ReadCommitted, "set surus.concurrency_control = optimistic", true),
    (Level::RepeatableRead, "set surus.concurrency_control = optimistic", true),
    (Level::Serializable, "set surus.concurrency_control = optimistic", true),
    (Level::ReadCommitted, MIXED, true),
    (Level::RepeatableRead, MIXED, true),
    (Level::Serializable, MIXED, true),
];

/// Half of the sessions wait for others, half do not.
const MIXED: &str = "select set_config('surus.concurrency_control',
    case pg_backend_pid() % 2 when 0 then 'optimistic' else 'pessimistic' end, false)";

/// Two transactions that each read what the other one appends to; returns whether both committed.
fn skew(url: &str, settings: &str, lists: &Lists) -> Result<(Vec<Transaction>, bool), Failed> {
    let connect = || Client::connect(url, settings).map_err(|error| Failed::Lost(error.to_string()));
    let (mut one, mut other) = (connect()?, connect()?);
    let mut run = || -> Result<bool, Failed> {
        one.begin()?;
        other.begin()?;
        // Lists that the load does not come to.
        for key in [-1, -3] {
            one.read(key)?;
            other.read(key)?;
        }
        one.append(-1, lists.element())?;
        other.append(-3, lists.element())?;
        Ok(one.commit()? & other.commit()?)
    };
    let committed = match run() {
        Err(failed) if failed.retryable() => false,
        committed => committed?,
    };
    Ok(([one.history, other.history].concat(), committed))
}

fn settings(level: Level, more: &str) -> String {
    // Transactions meet in any order, so that many deadlocks are to be found.
    let level = level.sql();
    format!("set deadlock_timeout = '5ms'; set default_transaction_isolation = '{level}'; {more}")
}

/// Runs the loads at a level; returns what was found, and how many transactions committed.
fn run(url: &str, level: Level, more: &str, transactions: i64, seed: u64) -> (Findings, usize) {
    let settings = settings(level, more);
    let of_lists = transactions * 2 / 3;
    let lists = Lists::prepare(url, of_lists).expect("the lists");
    let mut history = lists.run(url, &settings, CLIENTS, seed).expect("transactions on lists");
    let (skewed, both) = skew(url, &settings, &lists).expect("two transactions");
    assert_eq!(both, level.allows(Anomaly::G2Item), "write skew at {level:?} {more}");
    history.extend(skewed);
    let last = Lists::last(url).expect("the lists");
    let mut findings = check(&history, &last);
    bank::prepare(url).expect("the bank");
    let of_bank = bank::run(url, &settings, transactions - of_lists, CLIENTS, seed);
    findings.merge(of_bank.expect("transactions of the bank"));
    (findings, history.iter().filter(|transaction| transaction.committed).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_seen_that_the_level_forbids() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<i64>().ok());
    let transactions = number("SURUS_TRANSACTIONS").unwrap_or(TRANSACTIONS);
    let seed = number("SURUS_SEED").unwrap_or(1) as u64;
    let (server, url) = match std::env::var("SURUS_TEST_URL") {
        Ok(url) => (None, url),
        Err(_) => {
            let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "anomalies");
            let server = SurusServer::start(&data_dir, &[]).await;
            let url = server.url();
            (Some(server), url)
        }
    };
    let modes: Vec<_> = MODES.iter().filter(|(_, _, own)| !own || server.is_some()).collect();
    let each = transactions / modes.len() as i64;
    for (level, more, _) in modes {
        let (begun, mut found, mut committed, mut left) = (Instant::now(), Findings::default(), 0, each);
        while left > 0 {
            let round = left.min(ROUND);
            let seed = seed << 32 | left as u64;
            let (findings, count) = tokio::task::block_in_place(|| run(&url, *level, more, round, seed));
            found.merge(findings);
            committed += count;
            left -= round;
            let forbidden = found.forbidden(*level);
            let output = server.as_ref().map_or(String::new(), SurusServer::output);
            assert!(forbidden.is_empty(), "{level:?} {more}:\n{}\n{output}", forbidden.join("\n"));
        }
        let took = begun.elapsed();
        println!("{level:?} {more}: {each} transactions, {committed} on lists committed, {took:?}: {found}");
        assert_eq!(
            found.count(Anomaly::G2Item) > 0,
            *level != Level::Serializable,
            "write skew is to be seen"
        );
    }
}
