//! Makes a random script: small tables with keys of many kinds, two or three sessions, and an order of their steps.

use crate::interleave::statement::{PREPARED, TABLES, reading, statement};
use crate::isolation::{Script, Session};
use crate::random::Random;

/// The session that reads what is left of the tables.
pub const CHECK: &str = "check";

/// What the isolation levels of a script's transactions are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Levels {
    /// READ COMMITTED and REPEATABLE READ.
    Snapshots,
    /// SERIALIZABLE alone.
    Serializable,
}

/// Returns the script of a seed.
pub fn script(seed: u64, levels: Levels) -> Script {
    let mut random = Random::new(seed);
    let mut script = Script { setup: vec![tables(&mut random)], ..Script::default() };
    script.teardown.push(format!("DROP TABLE IF EXISTS {} CASCADE", TABLES.join(", ")));
    let count = if random.chance(60) { 2 } else { 3 };
    for number in 1..=count {
        script.sessions.push(session(&mut random, number, levels));
    }
    let mut order = shuffled(&mut random, &script.sessions);
    script.sessions.push(check(&mut order));
    script.permutations.push(order);
    script
}

/// The tables, with constraints drawn from what makes sessions meet in different ways.
fn tables(random: &mut Random) -> String {
    let actions = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT", "CASCADE"];
    let (on_delete, on_update) = (*random.pick(&actions), *random.pick(&actions));
    let deferred = random.pick(&["", "", " DEFERRABLE", " DEFERRABLE INITIALLY DEFERRED"]);
    let child = format!(
        "CREATE TABLE c (id int PRIMARY KEY, k int DEFAULT 1 REFERENCES p ON DELETE {on_delete} ON UPDATE {on_update}{deferred}, v int)"
    );
    let key = *random.pick(&[
        "ALTER TABLE u ADD UNIQUE (k)",
        "ALTER TABLE u ADD UNIQUE NULLS NOT DISTINCT (k)",
        "ALTER TABLE u ADD UNIQUE (k) DEFERRABLE",
        "ALTER TABLE u ADD UNIQUE (k) DEFERRABLE INITIALLY DEFERRED",
        "CREATE UNIQUE INDEX ku ON u (k) WHERE v > 15",
        "CREATE UNIQUE INDEX ku ON u (abs(k))",
        "CREATE UNIQUE INDEX ku ON u (k, (v / 10))",
        "CREATE INDEX ku ON u (k)",
        "ALTER TABLE u ADD UNIQUE (g)",
    ]);
    let parent = random.pick(&["", "", "", "; CREATE INDEX ON p (v)", "; CREATE UNIQUE INDEX ON p (k)"]);
    let index = random.pick(&["", "; CREATE INDEX ON c (k)"]);
    let rows = "(1, 1, 10), (2, 2, 20), (3, 3, 30)";
    format!(
        "CREATE TABLE p (id int PRIMARY KEY, k int, v int){parent}; {child}{index}; \
         CREATE TABLE u (id int PRIMARY KEY, k int, v int, g int GENERATED ALWAYS AS (k * 2) STORED, CHECK (v < 200)); {key}; \
         INSERT INTO p VALUES {rows}; INSERT INTO c VALUES (1, 1, 10), (2, 2, 20), (3, 1, 30); \
         INSERT INTO u (id, k, v) VALUES {rows}"
    )
}

fn session(random: &mut Random, number: usize, levels: Levels) -> Session {
    let mut session = Session { name: format!("s{number}"), ..Session::default() };
    // Who closes a circle of waits is the one that finds it: its statement began to wait last.
    session.begin.push("SET deadlock_timeout = '20ms'; SET statement_timeout = '20s'".to_owned());
    session.begin.extend(PREPARED.map(str::to_owned));
    let mut steps = Vec::new();
    let wanted = 4 + random.below(6);
    while steps.len() < wanted {
        if levels == Levels::Snapshots && random.chance(15) {
            steps.push(statement(random));
        } else {
            transaction(random, levels, wanted - steps.len(), &mut steps);
        }
    }
    session.steps = steps
        .into_iter()
        .enumerate()
        .map(|(index, sql)| (format!("{}{index}", ["a", "b", "c"][number - 1]), sql))
        .collect();
    session
}

fn transaction(random: &mut Random, levels: Levels, steps_max: usize, steps: &mut Vec<String>) {
    let level = match levels {
        Levels::Snapshots => *random.pick(&["READ COMMITTED", "REPEATABLE READ"]),
        Levels::Serializable => "SERIALIZABLE",
    };
    steps.push(format!("BEGIN ISOLATION LEVEL {level}"));
    let mut savepoint = false;
    let mut cursor = None;
    for _ in 0..1 + random.below(steps_max.max(2)) {
        let sql = match random.below(20) {
            0 | 1 if !savepoint => {
                savepoint = true;
                "SAVEPOINT a".to_owned()
            }
            0..=2 if savepoint => random.pick(&["ROLLBACK TO a", "ROLLBACK TO a", "RELEASE a"]).to_string(),
            3 if cursor.is_none() => {
                let table = *random.pick(&TABLES);
                cursor = Some(table);
                let tail = random.pick(&["ORDER BY id", "ORDER BY id FOR UPDATE", "FOR UPDATE", "FOR SHARE"]);
                format!("DECLARE w CURSOR FOR SELECT * FROM {table} {tail}")
            }
            3..=7 if cursor.is_some() => on_cursor(random, cursor.unwrap_or(TABLES[0])),
            4 | 5 => reading(random),
            _ => statement(random),
        };
        steps.push(sql);
    }
    steps.push(if random.chance(75) { "COMMIT" } else { "ROLLBACK" }.to_owned());
}

fn on_cursor(random: &mut Random, table: &str) -> String {
    match random.below(5) {
        0 => format!("UPDATE {table} SET v = v + 100 WHERE CURRENT OF w RETURNING id, v"),
        1 => format!("DELETE FROM {table} WHERE CURRENT OF w RETURNING id, v"),
        2 => "FETCH ALL FROM w".to_owned(),
        _ => "FETCH 1 FROM w".to_owned(),
    }
}

/// Returns the steps of all sessions in a random order that keeps each session's own.
fn shuffled(random: &mut Random, sessions: &[Session]) -> Vec<String> {
    let mut next = vec![0; sessions.len()];
    let mut order = Vec::new();
    loop {
        let open: Vec<usize> =
            (0..sessions.len()).filter(|&index| next[index] < sessions[index].steps.len()).collect();
        if open.is_empty() {
            return order;
        }
        let index = *random.pick(&open);
        order.push(sessions[index].steps[next[index]].0.clone());
        next[index] += 1;
    }
}

/// The session that reads everything at the end, by scans and by keys.
fn check(order: &mut Vec<String>) -> Session {
    let mut session = Session { name: CHECK.to_owned(), ..Session::default() };
    for table in TABLES {
        let keys = format!(
            "SELECT x, (SELECT v FROM {table} WHERE id = x), (SELECT count(*) FROM {table} WHERE k = x) FROM generate_series(0, 12) AS x"
        );
        for (name, sql) in [("all", format!("SELECT * FROM {table}")), ("keys", keys)] {
            let name = format!("{name}_{table}");
            order.push(name.clone());
            session.steps.push((name, sql));
        }
    }
    session
}
