//! Makes a random script: small tables with keys of many kinds, two or three sessions, and an order of their steps.

use crate::interleave::optimistic::BEGIN;
use crate::interleave::stage::GID;
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
    /// REPEATABLE READ by transactions that do not wait.
    Optimistic,
}

/// Returns the script of a seed.
pub fn script(seed: u64, levels: Levels) -> Script {
    let mut random = Random::new(seed);
    let mut script = Script { setup: vec![tables(&mut random)], ..Script::default() };
    script.teardown.push("DROP VIEW IF EXISTS t; DROP TABLE IF EXISTS p, c, u, d CASCADE".to_owned());
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
        "ALTER TABLE u ADD EXCLUDE USING btree (k WITH =)",
        "ALTER TABLE u ADD EXCLUDE USING gist (int4range(k, k + 2) WITH &&) WHERE (v > 5)",
        "ALTER TABLE u ADD EXCLUDE USING gist (int4range(k, k + 1) WITH &&) DEFERRABLE",
        "ALTER TABLE u ADD EXCLUDE USING btree (k WITH =) DEFERRABLE INITIALLY DEFERRED",
    ]);
    let parent = random.pick(&["", "", "", "; CREATE INDEX ON p (v)", "; CREATE UNIQUE INDEX ON p (k)"]);
    let index = random.pick(&["", "; CREATE INDEX ON c (k)"]);
    let rows = "(1, 1, 10), (2, 2, 20), (3, 3, 30)";
    let fourth = fourth(random);
    format!(
        "CREATE TABLE p (id int PRIMARY KEY, k int, v int){parent}; {child}{index}; \
         CREATE TABLE u (id int PRIMARY KEY, k int, v int, g int GENERATED ALWAYS AS (k * 2) STORED, CHECK (v < 200)); {key}; \
         INSERT INTO p VALUES {rows}; INSERT INTO c VALUES (1, 1, 10), (2, 2, 20), (3, 1, 30); \
         INSERT INTO u (id, k, v) VALUES {rows}; {fourth}"
    )
}

/// The fourth relation: what refers to a referring table or to itself, what is partly unique, or a view.
fn fourth(random: &mut Random) -> String {
    let actions = ["NO ACTION", "CASCADE", "SET NULL", "CASCADE"];
    let (on_delete, on_update) = (random.pick(&actions), random.pick(&actions));
    let actions = format!("ON DELETE {on_delete} ON UPDATE {on_update}");
    let rows = "INSERT INTO d VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30)";
    let view = "CREATE VIEW t AS SELECT * FROM d";
    match random.below(6) {
        0 => format!(
            "CREATE TABLE d (id int PRIMARY KEY, k int REFERENCES c {actions}, v int); {rows}; {view}"
        ),
        1 => format!(
            "CREATE TABLE d (id int PRIMARY KEY, k int REFERENCES d {actions}, v int); {rows}; {view}"
        ),
        2 => format!(
            "CREATE TABLE d (id int PRIMARY KEY, k int REFERENCES d {actions} DEFERRABLE INITIALLY DEFERRED, v int); {rows}; {view}"
        ),
        3 => "CREATE VIEW t AS SELECT id, k, v FROM p WHERE v < 25 WITH CHECK OPTION".to_owned(),
        4 => format!(
            "CREATE TABLE d (id int, k int, v int); {rows}; CREATE UNIQUE INDEX ON d (id); {view} WHERE v > 0"
        ),
        _ => format!(
            "CREATE TABLE d (id int PRIMARY KEY, k int, v int, UNIQUE (k, v), FOREIGN KEY (k) REFERENCES p {actions}); {rows}; {view}"
        ),
    }
}

fn session(random: &mut Random, number: usize, levels: Levels) -> Session {
    let mut session = Session { name: format!("s{number}"), ..Session::default() };
    // Who closes a circle of waits is the one that finds it: its statement began to wait last.
    session.begin.push("SET deadlock_timeout = '20ms'; SET statement_timeout = '20s'".to_owned());
    session.begin.extend(PREPARED.map(str::to_owned));
    if levels == Levels::Optimistic {
        session.begin.push(BEGIN.to_owned());
    }
    let mut steps = Vec::new();
    let wanted = 4 + random.below(6);
    while steps.len() < wanted {
        if levels != Levels::Serializable && random.chance(15) {
            steps.push(sound(random, levels, statement));
        } else {
            transaction(random, (levels, number), wanted - steps.len(), &mut steps);
        }
    }
    session.steps = steps
        .into_iter()
        .enumerate()
        .map(|(index, sql)| (format!("{}{index}", ["a", "b", "c"][number - 1]), sql))
        .collect();
    session
}

fn transaction(
    random: &mut Random,
    (levels, number): (Levels, usize),
    steps_max: usize,
    steps: &mut Vec<String>,
) {
    let level = match levels {
        Levels::Snapshots => *random.pick(&["READ COMMITTED", "REPEATABLE READ"]),
        Levels::Serializable => "SERIALIZABLE",
        Levels::Optimistic => "REPEATABLE READ",
    };
    let access = if random.chance(4) { " READ ONLY" } else { "" };
    steps.push(format!("BEGIN ISOLATION LEVEL {level}{access}"));
    if levels == Levels::Snapshots && random.chance(12) {
        // Sooner than anybody looks who waits.
        steps.push("SET LOCAL lock_timeout = '15ms'".to_owned());
    }
    let mut savepoint = false;
    let mut cursor = None;
    for _ in 0..1 + random.below(steps_max.max(2)) {
        let sql = match random.below(20) {
            0 | 1 if !savepoint => {
                savepoint = true;
                "SAVEPOINT a".to_owned()
            }
            0..=2 if savepoint => {
                random.pick(&["ROLLBACK TO a", "ROLLBACK TO a", "RELEASE a", "SAVEPOINT a"]).to_string()
            }
            3 if cursor.is_none() => {
                let table = *random.pick(&TABLES);
                cursor = Some(table);
                let tail =
                    random.pick(&["ORDER BY id", "ORDER BY id FOR UPDATE", "FOR UPDATE", "FOR SHARE", ""]);
                let kind = random.pick(&["", "", "SCROLL ", "NO SCROLL "]);
                let kind = if tail.contains("FOR") { "" } else { kind };
                format!("DECLARE w {kind}CURSOR FOR SELECT * FROM {table} {tail}").trim_end().to_owned()
            }
            3..=7 if cursor.is_some() => on_cursor(random, cursor.unwrap_or(TABLES[0])),
            4 | 5 => reading(random),
            _ => sound(random, levels, statement),
        };
        steps.push(sql);
    }
    match random.below(100) {
        0..10 if levels == Levels::Snapshots => {
            steps.push(format!("PREPARE TRANSACTION '{GID}{number}'"));
            let end = if random.chance(75) { "COMMIT" } else { "ROLLBACK" };
            steps.push(format!("{end} PREPARED '{GID}{number}'"));
        }
        0..75 => steps.push("COMMIT".to_owned()),
        _ => steps.push("ROLLBACK".to_owned()),
    }
}

/// Returns a statement; one that is to wait for others if need be is none for who does not wait.
fn sound(random: &mut Random, levels: Levels, maker: fn(&mut Random) -> String) -> String {
    loop {
        let sql = maker(random);
        if levels != Levels::Optimistic || !sql.contains("SELECT pg_advisory") {
            return sql;
        }
    }
}

fn on_cursor(random: &mut Random, table: &str) -> String {
    match random.below(6) {
        0 => format!("UPDATE {table} SET v = v + 100 WHERE CURRENT OF w RETURNING id, v"),
        1 => format!("DELETE FROM {table} WHERE CURRENT OF w RETURNING id, v"),
        2 => "FETCH ALL FROM w".to_owned(),
        3 => {
            random.pick(&["MOVE 1 IN w", "FETCH BACKWARD 1 FROM w", "FETCH 0 FROM w", "CLOSE w"]).to_string()
        }
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
