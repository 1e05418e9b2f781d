//! A bank whose transfers keep the sum of all balances, and pairs of accounts whose sum nobody may take below zero.

use std::sync::Barrier;
use std::sync::atomic::{AtomicI64, Ordering};

use bench::Failure;
use bench::direct::Parameter::Int;
use bench::direct::{Connection, Failed, Reply, Statement};
use datasets::tpcc::Random;

use super::{Anomaly, Findings};

const ACCOUNTS: i32 = 20;
const PAIRS: i32 = 10;
const BALANCE: i32 = 1000;

struct Client {
    connection: Connection,
    begin: Statement,
    commit: Statement,
    rollback: Statement,
    /// The sum of the accounts in a range.
    sum: Statement,
    add: Statement,
    /// The sum of a pair, and a change of one of the two.
    pair: Statement,
    change: Statement,
    findings: Findings,
}

/// Makes the tables.
pub fn prepare(url: &str) -> Result<(), Failure> {
    Connection::connect(url)?.simple(&format!(
        "drop table if exists accounts; create table accounts (id int primary key, balance int not null);
         insert into accounts select i, {BALANCE} from generate_series(1, {ACCOUNTS}) i;
         drop table if exists pairs; create table pairs (pair int, side int, balance int not null,
             primary key (pair, side));
         insert into pairs select i / 2, i % 2, 0 from generate_series(0, {PAIRS} * 2 - 1) i"
    ))?;
    Ok(())
}

/// Runs so many transactions on so many connections.
pub fn run(
    url: &str,
    settings: &str,
    transactions: i64,
    clients: u64,
    seed: u64,
) -> Result<Findings, Failure> {
    let (start, left) = (Barrier::new(clients as usize), AtomicI64::new(transactions));
    let run = |number: u64| -> Result<Findings, String> {
        let connected = Client::connect(url, settings).map_err(|error| error.to_string());
        start.wait();
        let mut client = connected?;
        let mut random = Random::new(seed << 8 | number);
        while left.fetch_sub(1, Ordering::Relaxed) > 0 {
            client.turn(&mut random).map_err(|error| error.to_string())?;
        }
        Ok(client.findings)
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || run(client))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a client died".into())))
            .collect()
    });
    let mut findings = Findings::default();
    for found in done {
        findings.merge(found?);
    }
    Ok(findings)
}

impl Client {
    fn connect(url: &str, settings: &str) -> Result<Self, Failure> {
        let mut connection = Connection::connect(url)?;
        connection.simple(settings)?;
        Ok(Self {
            begin: connection.prepare("begin")?,
            commit: connection.prepare("commit")?,
            rollback: connection.prepare("rollback")?,
            sum: connection.prepare("select sum(balance) from accounts where id between $1 and $2")?,
            add: connection.prepare("update accounts set balance = balance + $2 where id = $1")?,
            pair: connection.prepare("select sum(balance) from pairs where pair = $1")?,
            change: connection
                .prepare("update pairs set balance = balance + $3 where pair = $1 and side = $2")?,
            connection,
            findings: Findings::default(),
        })
    }

    fn execute(&mut self, statement: &Statement, parameters: &[i32]) -> Result<Reply, Failed> {
        let parameters: Vec<_> = parameters.iter().map(|&parameter| Int(parameter)).collect();
        self.connection.queue(statement, &parameters);
        let replies = self.connection.run()?;
        replies.into_iter().next().ok_or_else(|| Failed::Lost("a statement without a reply".to_owned()))
    }

    fn sum(&mut self, from: i32, to: i32) -> Result<i32, Failed> {
        self.execute(&self.sum.clone(), &[from, to])?.int(0, 0)
    }

    fn turn(&mut self, random: &mut Random) -> Result<(), Failed> {
        self.execute(&self.begin.clone(), &[])?;
        let mut found = None;
        let done = match random.between(0, 9) {
            0..=4 => self.transfer(random),
            5..=6 => self.look(&mut found),
            _ => self.withdraw(random, &mut found),
        };
        let done = done.and_then(|()| self.execute(&self.commit.clone(), &[]));
        match done {
            // What a transaction saw counts if it commits.
            Ok(_) => found.into_iter().for_each(|(anomaly, what)| self.findings.add(anomaly, || what)),
            Err(failed) if failed.retryable() => drop(self.execute(&self.rollback.clone(), &[])?),
            Err(failed) => return Err(failed),
        }
        Ok(())
    }

    fn transfer(&mut self, random: &mut Random) -> Result<(), Failed> {
        let from = random.between(1, ACCOUNTS - 1);
        let (to, amount) = (random.between(from + 1, ACCOUNTS), random.between(-50, 50));
        self.execute(&self.add.clone(), &[from, -amount])?;
        self.execute(&self.add.clone(), &[to, amount]).map(drop)
    }

    /// Sums up all accounts in one statement, and in two.
    fn look(&mut self, found: &mut Option<(Anomaly, String)>) -> Result<(), Failed> {
        let total = ACCOUNTS * BALANCE;
        let low = self.sum(1, ACCOUNTS / 2)?;
        let high = self.sum(ACCOUNTS / 2 + 1, ACCOUNTS)?;
        let all = self.sum(1, ACCOUNTS)?;
        if low + high != total {
            *found = Some((Anomaly::ReadSkew, format!("{low} + {high}, not {total}")));
        }
        if all != total {
            *found = Some((Anomaly::WrongSum, format!("{all}, not {total}")));
        }
        Ok(())
    }

    /// Takes from one of a pair what both together have, or puts something there.
    fn withdraw(&mut self, random: &mut Random, found: &mut Option<(Anomaly, String)>) -> Result<(), Failed> {
        let (pair, side) = (random.between(0, PAIRS - 1), random.between(0, 1));
        let both = self.execute(&self.pair.clone(), &[pair])?.int(0, 0)?;
        if both < 0 {
            *found = Some((Anomaly::WriteSkew, format!("pair {pair} has {both}")));
        }
        let amount = if both > 0 { -both } else { 100 - both };
        self.execute(&self.change.clone(), &[pair, side, amount]).map(drop)
    }
}
