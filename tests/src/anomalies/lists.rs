//! Lists that clients append to and read, a few of them at a time, each by not too many transactions.
//!
//! Half of the lists are there from the start; the others come with their first element, so that reads of what is not
//! there yet count, too.

use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use bench::Failure;
use bench::direct::Parameter::Int;
use bench::direct::{Connection, Failed, Reply, Statement};
use datasets::tpcc::Random;

use super::{Op, Transaction};

/// Lists in use at a time, and elements after which another one takes a list's place.
const WINDOW: usize = 6;
const ELEMENTS: i32 = 24;
const OPS_MAX: i32 = 5;

/// A session that runs transactions and notes what it sees.
pub struct Client {
    connection: Connection,
    begin: Statement,
    commit: Statement,
    rollback: Statement,
    read: Statement,
    update: Statement,
    upsert: Statement,
    /// What it did.
    pub history: Vec<Transaction>,
}

/// What clients share.
pub struct Lists {
    keys: [AtomicI32; WINDOW],
    sizes: [AtomicI32; WINDOW],
    next_key: AtomicI32,
    next_element: AtomicI32,
    left: AtomicI64,
}

impl Lists {
    /// Makes the table, for so many transactions.
    pub fn prepare(url: &str, transactions: i64) -> Result<Self, Failure> {
        let mut connection = Connection::connect(url)?;
        let lists = transactions * i64::from(OPS_MAX) / i64::from(ELEMENTS) + 100;
        connection.simple(&format!(
            "drop table if exists lists; create table lists (key int primary key, elements int[] not null);
             insert into lists select i, '{{}}' from generate_series(0, {lists}, 2) i"
        ))?;
        Ok(Self {
            keys: std::array::from_fn(|at| AtomicI32::new(at as i32)),
            sizes: Default::default(),
            next_key: AtomicI32::new(WINDOW as i32),
            next_element: AtomicI32::new(1),
            left: AtomicI64::new(transactions),
        })
    }

    fn choose(&self, random: &mut Random) -> i32 {
        self.keys[random.between(0, WINDOW as i32 - 1) as usize].load(Ordering::Relaxed)
    }

    fn note_append(&self, key: i32) {
        for (at, other) in self.keys.iter().enumerate() {
            if other.load(Ordering::Relaxed) == key
                && self.sizes[at].fetch_add(1, Ordering::Relaxed) == ELEMENTS
            {
                other.store(self.next_key.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
                self.sizes[at].store(0, Ordering::Relaxed);
            }
        }
    }

    /// Returns a new element.
    pub fn element(&self) -> i32 {
        self.next_element.fetch_add(1, Ordering::Relaxed)
    }

    /// Runs the transactions on so many connections; `settings` are statements before the first.
    pub fn run(
        &self,
        url: &str,
        settings: &str,
        clients: u64,
        seed: u64,
    ) -> Result<Vec<Transaction>, Failure> {
        let start = Barrier::new(clients as usize);
        let run = |client: u64| -> Result<Vec<Transaction>, String> {
            let connected = Client::connect(url, settings).map_err(|error| error.to_string());
            start.wait();
            let mut client_of = connected?;
            let mut random = Random::new(seed << 8 | client);
            while self.left.fetch_sub(1, Ordering::Relaxed) > 0 {
                client_of.random(self, &mut random).map_err(|error| error.to_string())?;
            }
            Ok(client_of.history)
        };
        let done: Vec<_> = std::thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || run(client))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err("a client died".into())))
                .collect()
        });
        let histories: Result<Vec<_>, String> = done.into_iter().collect();
        Ok(histories?.concat())
    }

    /// Returns all lists as they are.
    pub fn last(url: &str) -> Result<HashMap<i32, Vec<i32>>, Failure> {
        let mut connection = Connection::connect(url)?;
        let replies = connection.simple("select key, elements from lists")?;
        let reply = &replies[0];
        (0..reply.rows).map(|row| Ok((reply.int(row, 0)?, elements(reply, row, 1)?))).collect()
    }
}

/// Reads an array of integers.
fn elements(reply: &Reply, row: usize, column: usize) -> Result<Vec<i32>, Failed> {
    let text = reply.get(row, column).unwrap_or("?").trim_matches(['{', '}']);
    let wrong = || Failed::Lost(format!("an array was expected, not {text:?}"));
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts.map(|part| part.parse().map_err(|_| wrong())).collect()
}

impl Client {
    /// Connects and prepares.
    pub fn connect(url: &str, settings: &str) -> Result<Self, Failure> {
        let mut connection = Connection::connect(url)?;
        connection.simple(settings)?;
        Ok(Self {
            begin: connection.prepare("begin")?,
            commit: connection.prepare("commit")?,
            rollback: connection.prepare("rollback")?,
            read: connection.prepare("select elements from lists where key = $1")?,
            update: connection.prepare("update lists set elements = elements || $2::int where key = $1")?,
            upsert: connection.prepare(
                "insert into lists values ($1, array[$2::int])
                 on conflict (key) do update set elements = lists.elements || excluded.elements",
            )?,
            connection,
            history: Vec::new(),
        })
    }

    fn execute(&mut self, statement: &Statement, parameters: &[i32]) -> Result<Reply, Failed> {
        let parameters: Vec<_> = parameters.iter().map(|&parameter| Int(parameter)).collect();
        self.connection.queue(statement, &parameters);
        let replies = self.connection.run()?;
        replies.into_iter().next().ok_or_else(|| Failed::Lost("a statement without a reply".to_owned()))
    }

    /// Begins a transaction.
    pub fn begin(&mut self) -> Result<(), Failed> {
        self.history.push(Transaction { ops: Vec::new(), committed: false });
        self.execute(&self.begin.clone(), &[]).map(drop)
    }

    /// Reads a list.
    pub fn read(&mut self, key: i32) -> Result<(), Failed> {
        let reply = self.execute(&self.read.clone(), &[key])?;
        let list = if reply.rows == 0 { Vec::new() } else { elements(&reply, 0, 0)? };
        self.note(Op::Read { key, list });
        Ok(())
    }

    /// Appends to a list.
    pub fn append(&mut self, key: i32, element: i32) -> Result<(), Failed> {
        // It may be done although it fails.
        self.note(Op::Append { key, element });
        let statement = if key % 2 == 0 { &self.update } else { &self.upsert };
        let done = self.execute(&statement.clone(), &[key, element])?.affected;
        if done == 1 { Ok(()) } else { Err(Failed::Lost(format!("{done} rows of list {key} were changed"))) }
    }

    /// Commits; an error that asks for another attempt is as good, and ends the transaction, too.
    pub fn commit(&mut self) -> Result<bool, Failed> {
        let done = self.execute(&self.commit.clone(), &[]);
        self.end(done.map(drop))
    }

    fn end(&mut self, done: Result<(), Failed>) -> Result<bool, Failed> {
        match done {
            Ok(()) => {
                if let Some(transaction) = self.history.last_mut() {
                    transaction.committed = true;
                }
                Ok(true)
            }
            Err(failed) if failed.retryable() => {
                self.execute(&self.rollback.clone(), &[])?;
                Ok(false)
            }
            Err(failed) => Err(failed),
        }
    }

    fn note(&mut self, op: Op) {
        if let Some(transaction) = self.history.last_mut() {
            transaction.ops.push(op);
        }
    }

    /// Runs a transaction of random reads and appends; one in twenty rolls back.
    fn random(&mut self, lists: &Lists, random: &mut Random) -> Result<(), Failed> {
        self.begin()?;
        let done = self.random_ops(lists, random);
        if done.is_ok() && !random.chance(5) {
            return self.commit().map(drop);
        }
        match done {
            Err(failed) if !failed.retryable() => Err(failed),
            Ok(()) | Err(_) => self.execute(&self.rollback.clone(), &[]).map(drop),
        }
    }

    fn random_ops(&mut self, lists: &Lists, random: &mut Random) -> Result<(), Failed> {
        for _ in 0..random.between(1, OPS_MAX) {
            let key = lists.choose(random);
            if random.chance(50) {
                self.read(key)?;
            } else {
                self.append(key, lists.element())?;
                lists.note_append(key);
            }
        }
        Ok(())
    }
}
