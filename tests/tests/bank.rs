//! A bank under `kill -9`: clients move money between accounts and note every transfer, the server is killed while
//! they do, and after each restart every acknowledged transfer is there whole, and no other but at most the one that
//! each client had in flight.
#![expect(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use bench::direct::Parameter::Int;
use bench::direct::{Connection, Failed};
use datasets::tpcc::Random;
use tests::server::{SurusServer, fresh_data_dir};

const ACCOUNTS: i32 = 200;
const CLIENTS: i32 = 4;
const ROUNDS: u64 = 3;
const ROUND: Duration = Duration::from_millis(1500);

/// Moves money until the server is gone or the round is over; returns how many transfers were acknowledged.
fn client(
    url: &str,
    number: i32,
    first: i32,
    seed: u64,
    start: &Barrier,
    stop: &AtomicBool,
) -> Result<i32, Failed> {
    let mut connection = Connection::connect(url).expect("a connection");
    let mut prepare = |sql| connection.prepare(sql).expect("a statement");
    let begin = prepare("begin");
    let update = prepare("update accounts set balance = balance + $2 where id = $1 returning balance");
    let note = prepare("insert into transfers values ($1, $2, $3, $4, $5)");
    let commit = prepare("commit");
    let rollback = prepare("rollback");
    let mut random = Random::new(seed);
    let mut acknowledged = 0;
    start.wait();
    while !stop.load(Ordering::Relaxed) {
        // The lower account first, so that no two clients wait for each other.
        let from = random.between(1, ACCOUNTS - 1);
        let (from, to, amount) = (from, random.between(from + 1, ACCOUNTS), random.between(-100, 100));
        let row = [Int(number), Int(first + acknowledged), Int(from), Int(to), Int(amount)];
        connection.queue(&begin, &[]);
        connection.queue(&update, &[Int(from), Int(-amount)]);
        connection.queue(&update, &[Int(to), Int(amount)]);
        connection.queue(&note, &row);
        let sent = connection.run();
        let done = sent.and_then(|_| {
            connection.queue(&commit, &[]);
            connection.run()
        });
        match done {
            Ok(_) => acknowledged += 1,
            Err(failed) if failed.retryable() => {
                connection.queue(&rollback, &[]);
                connection.run()?;
            }
            // The server is gone.
            Err(Failed::Lost(_)) => break,
            Err(failed) => return Err(failed),
        }
    }
    Ok(acknowledged)
}

/// Returns the integers of a query's rows.
fn integers(connection: &mut Connection, sql: &str, columns: usize) -> Vec<Vec<i32>> {
    let replies = connection.simple(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let reply = &replies[0];
    let row = |row| (0..columns).map(|column| reply.int(row, column).expect("an integer")).collect();
    (0..reply.rows).map(row).collect()
}

#[tokio::test]
async fn acknowledged_transfers_survive_kills_and_are_whole() {
    let data_dir = fresh_data_dir(env!("CARGO_TARGET_TMPDIR"), "bank");
    let mut noted = vec![0; CLIENTS as usize];
    for round in 0..=ROUNDS {
        let server = SurusServer::start(&data_dir, &[]).await;
        let url = server.url();
        let mut connection = Connection::connect(&url).expect("the server is up");
        if round == 0 {
            let accounts: Vec<String> = (1..=ACCOUNTS).map(|id| format!("({id}, 0)")).collect();
            let tables = "create table accounts (id int primary key, balance int not null); \
                 create table transfers (client int, number int, source int, target int, amount int, \
                 primary key (client, number)); insert into accounts values";
            connection.simple(&format!("{tables} {}", accounts.join(", "))).expect("the tables");
        }
        assert_eq!(integers(&mut connection, "select sum(balance) from accounts", 1), [[0]], "round {round}");
        let differing = "select count(*) from accounts where balance <> \
             coalesce((select sum(amount) from transfers where target = id), 0) \
             - coalesce((select sum(amount) from transfers where source = id), 0)";
        assert_eq!(integers(&mut connection, differing, 1), [[0]], "round {round}");
        let counts = "select client, count(*), max(number) from transfers group by client order by client";
        let counts = integers(&mut connection, counts, 3);
        for (at, noted) in noted.iter_mut().enumerate() {
            let (count, last) = counts.get(at).map_or((0, -1), |row| (row[1], row[2]));
            assert_eq!(count, last + 1, "client {at}'s transfers have a gap in round {round}");
            let known = *noted..=*noted + 1;
            assert!(known.contains(&count), "client {at} has {count} transfers, {noted} were acknowledged");
            *noted = count;
        }
        if round == ROUNDS {
            break;
        }
        let start = Arc::new(Barrier::new(CLIENTS as usize + 1));
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (url, start, stop) = (url.clone(), start.clone(), stop.clone());
                let (first, seed) = (noted[number as usize], round * 100 + number as u64);
                std::thread::spawn(move || client(&url, number, first, seed, &start, &stop))
            })
            .collect();
        start.wait();
        std::thread::sleep(ROUND);
        server.kill();
        stop.store(true, Ordering::Relaxed);
        for (client, noted) in clients.into_iter().zip(&mut noted) {
            let done = client.join().expect("a client ends");
            *noted += done.unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
        assert!(noted.iter().sum::<i32>() > 0, "no transfer was acknowledged");
    }
}
