//! `surus-bench pgbench`: pgbench's tables and built-in scripts, driven by the same terminals as TPC-C with prepared
//! statements, so that figures agree with `pgbench -M prepared` and come with the server's processor time.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use datasets::tpcc::Random;
use datasets::tpch::Chunk;
use serde_json::json;

use crate::Failure;
use crate::cpu::ServerProcess;
use crate::direct::Parameter::Int;
use crate::direct::{Address, Connection, Failed, Parameter, Statement};
use crate::statistics::table;
use crate::terminals::{self, Figures, Span, Tally, Terminal};
use crate::wire::Server;

const ACCOUNTS: i32 = 100_000;
const TELLERS: i32 = 10;

/// pgbench's built-in scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Script {
    /// Three updates, a select and an insert in a transaction
    TpcbLike,
    /// The same without tellers and branches
    SimpleUpdate,
    /// One select
    SelectOnly,
}

impl Script {
    fn name(self) -> &'static str {
        match self {
            Script::TpcbLike => "tpcb-like",
            Script::SimpleUpdate => "simple-update",
            Script::SelectOnly => "select-only",
        }
    }
}

/// What `surus-bench pgbench` is told.
#[derive(Args, Debug)]
pub struct Options {
    /// The server; given more than once, the runs alternate
    #[arg(long = "url", required = true)]
    urls: Vec<String>,
    /// Which script
    #[arg(long, value_enum, default_value = "tpcb-like")]
    script: Script,
    /// The scale: 100,000 accounts each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i32).range(1..=20_000))]
    scale: i32,
    /// Clients, each with a connection
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    clients: u32,
    /// Measured seconds of each run
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Seconds before each measured run that do not count
    #[arg(long, default_value_t = 2)]
    warmup: u64,
    /// Runs against each server
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Make the tables anew and load them first, as pgbench -i does
    #[arg(long)]
    load: bool,
    /// Write the figures to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs the benchmark; false when the sums of the balances differ.
pub async fn run(options: Options) -> Result<bool, Failure> {
    let mut servers = Vec::new();
    for url in &options.urls {
        let server = Server::connect(url).await?;
        if options.load {
            let start = Instant::now();
            load(&server, options.scale).await?;
            println!("{}: loaded in {:.1} s", server.name, start.elapsed().as_secs_f64());
        }
        servers.push(server);
    }
    let mut all: Vec<Vec<Figures>> = vec![Vec::new(); servers.len()];
    for run in 0..options.runs {
        for (at, url) in options.urls.iter().enumerate() {
            let figures = tokio::task::block_in_place(|| measure(url, &options, run))?;
            println!("{}: {}, {} clients", servers[at].name, options.script.name(), options.clients);
            print!("{}", table(&figures.rows(&[options.script.name()])));
            println!("{}", figures.summary());
            all[at].push(figures);
        }
    }
    let mut right = true;
    for server in &servers {
        let sums = check(server, options.script).await?;
        if sums.windows(2).any(|pair| pair[0] != pair[1]) {
            println!("{}: the sums of the balances differ: {sums:?}", server.name);
            right = false;
        }
    }
    if let Some(path) = &options.json {
        let servers: Vec<_> = servers
            .iter()
            .zip(&all)
            .map(|(server, runs)| json!({"name": server.name, "version": server.version, "runs": runs}))
            .collect();
        let report = json!({
            "benchmark": "pgbench", "script": options.script.name(), "scale": options.scale,
            "clients": options.clients, "servers": servers,
        });
        std::fs::write(path, serde_json::to_string_pretty(&report)?)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(right)
}

/// Makes what `pgbench -i` makes.
async fn load(server: &Server, scale: i32) -> Result<(), Failure> {
    for statement in [
        "DROP TABLE IF EXISTS pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers",
        "CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
        "CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84))",
        "CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84))",
        "CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88))",
    ] {
        server.query(statement).await?;
    }
    for (name, each) in
        [("pgbench_branches", 1), ("pgbench_tellers", TELLERS), ("pgbench_accounts", ACCOUNTS)]
    {
        let rows = each * scale;
        let make = move || rows_of(name, each, rows);
        server.copy_in(&format!("COPY {name} FROM STDIN"), name, rows.unsigned_abs().into(), make).await?;
    }
    for statement in [
        "ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid)",
        "ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid)",
        "ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid)",
    ] {
        server.query(statement).await?;
    }
    if let Err(error) = server.query("VACUUM ANALYZE").await {
        eprintln!("{}: VACUUM ANALYZE was not run: {error}", server.name);
    }
    Ok(())
}

/// Makes a table's rows, `each` for a branch.
fn rows_of(name: &'static str, each: i32, rows: i32) -> impl Iterator<Item = Chunk> {
    const CHUNK_ROWS: i32 = 4096;
    (0..rows).step_by(CHUNK_ROWS as usize).map(move |first| {
        let last = (first + CHUNK_ROWS).min(rows);
        let mut text = String::new();
        for row in first..last {
            match name {
                "pgbench_branches" => text.push_str(&format!("{}\t0\t\\N\n", row + 1)),
                "pgbench_tellers" => text.push_str(&format!("{}\t{}\t0\t\\N\n", row + 1, row / each + 1)),
                _ => text.push_str(&format!("{}\t{}\t0\t\n", row + 1, row / each + 1)),
            }
        }
        Chunk { data: text.into_bytes(), rows: (last - first) as usize }
    })
}

fn measure(url: &str, options: &Options, run: u32) -> Result<Figures, Failure> {
    let mut terminals: Vec<Box<dyn Terminal>> = Vec::new();
    for client in 0..options.clients {
        let seed = u64::from(run) << 32 | u64::from(client);
        let connection = Connection::connect(url)?;
        terminals.push(Box::new(Client::new(connection, options.script, options.scale, seed)?));
    }
    let span = Span {
        warmup: Duration::from_secs(options.warmup),
        measured: Duration::from_secs(options.seconds),
        sample: None,
    };
    terminals::run(terminals, span, ServerProcess::listening_at(&Address::of(url)?), None)
}

/// Returns the sums that the script keeps equal: of accounts and history, and for TPC-B of tellers and branches.
async fn check(server: &Server, script: Script) -> Result<Vec<i64>, Failure> {
    let queries: &[&str] = match script {
        Script::SelectOnly => &[],
        // With only this script accounts alone are held against the history.
        Script::SimpleUpdate => {
            &["SELECT sum(abalance) FROM pgbench_accounts", "SELECT sum(delta) FROM pgbench_history"]
        }
        Script::TpcbLike => {
            &["SELECT sum(tbalance) FROM pgbench_tellers", "SELECT sum(bbalance) FROM pgbench_branches"]
        }
    };
    let mut sums = Vec::new();
    for query in queries {
        sums.push(server.query(query).await?.text.trim().parse()?);
    }
    Ok(sums)
}

/// A client with its prepared statements, in the order in which the script runs them.
struct Client {
    connection: Connection,
    script: Script,
    scale: i32,
    random: Random,
    begin: Statement,
    commit: Statement,
    rollback: Statement,
    update_account: Statement,
    select: Statement,
    update_teller: Statement,
    update_branch: Statement,
    insert: Statement,
}

impl Client {
    fn new(mut connection: Connection, script: Script, scale: i32, seed: u64) -> Result<Self, Failure> {
        let mut prepare = |sql: &str| connection.prepare(sql);
        Ok(Client {
            begin: prepare("BEGIN")?,
            commit: prepare("END")?,
            rollback: prepare("ROLLBACK")?,
            update_account: prepare("UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2")?,
            select: prepare("SELECT abalance FROM pgbench_accounts WHERE aid = $1")?,
            update_teller: prepare("UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2")?,
            update_branch: prepare("UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2")?,
            insert: prepare(
                "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) \
                 VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP)",
            )?,
            connection,
            script,
            scale,
            random: Random::new(seed),
        })
    }

    /// Runs the script once with a round trip per statement.
    fn attempt(&mut self, account: i32, teller: i32, branch: i32, delta: i32) -> Result<(), Failed> {
        let (aid, tid, bid, delta) = (Int(account), Int(teller), Int(branch), Int(delta));
        let history = [tid, bid, aid, delta];
        let (update, change) = (&self.update_account, [delta, aid]);
        let (teller, branch) = ([delta, tid], [delta, bid]);
        let steps: Vec<(&Statement, &[Parameter<'_>])> = match self.script {
            Script::SelectOnly => vec![(&self.select, std::slice::from_ref(&aid))],
            Script::SimpleUpdate => vec![
                (&self.begin, &[]),
                (update, &change),
                (&self.select, std::slice::from_ref(&aid)),
                (&self.insert, &history),
                (&self.commit, &[]),
            ],
            Script::TpcbLike => vec![
                (&self.begin, &[]),
                (update, &change),
                (&self.select, std::slice::from_ref(&aid)),
                (&self.update_teller, &teller),
                (&self.update_branch, &branch),
                (&self.insert, &history),
                (&self.commit, &[]),
            ],
        };
        for (statement, parameters) in steps {
            self.connection.queue(statement, parameters);
            self.connection.run()?;
        }
        Ok(())
    }
}

impl Terminal for Client {
    fn transact(&mut self, tally: &mut Tally) -> Result<(), Failed> {
        let account = self.random.between(1, ACCOUNTS * self.scale);
        let teller = self.random.between(1, TELLERS * self.scale);
        let branch = self.random.between(1, self.scale);
        let delta = self.random.between(-5000, 5000);
        let start = Instant::now();
        loop {
            match self.attempt(account, teller, branch, delta) {
                Ok(()) => break,
                Err(failed) if failed.retryable() => {
                    tally.aborted(&failed);
                    self.connection.queue(&self.rollback, &[]);
                    self.connection.run()?;
                }
                Err(failed) => return Err(failed),
            }
        }
        tally.committed(self.script.name(), start.elapsed());
        Ok(())
    }
}
