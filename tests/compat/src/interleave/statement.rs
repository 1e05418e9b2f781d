//! Random statements over the tables of `schema.rs`, all of which have the columns `id`, `k` and `v`.

use crate::random::Random;

/// The tables: a parent, its child, one with the rarer keys, and a view.
pub const TABLES: [&str; 4] = ["p", "c", "u", "t"];

/// How often DDL comes, in a hundred statements.
const DDL_PERCENT: usize = 4;

/// Returns a statement that reads or writes rows, or once in a while changes a table.
pub fn statement(random: &mut Random) -> String {
    if random.chance(DDL_PERCENT) {
        return ddl(random);
    }
    let makers: [fn(&mut Random) -> String; 23] = [
        update,
        update,
        update,
        update,
        update_from,
        insert,
        insert,
        upsert,
        upsert,
        delete,
        delete,
        merge,
        merge,
        locking,
        locking,
        locking,
        select,
        data_modifying_with,
        prepared,
        other,
        locking_more,
        locking_more,
        locking_input,
    ];
    random.pick(&makers)(random)
}

/// Returns a statement that only reads, or locks.
pub fn reading(random: &mut Random) -> String {
    match random.below(4) {
        0 | 1 => select(random),
        2 => locking(random),
        _ => locking_more(random),
    }
}

/// Prepared in every session, for `EXECUTE`.
pub const PREPARED: [&str; 6] = [
    "PREPARE add(int, int) AS UPDATE p SET v = v + $2 WHERE id = $1 RETURNING *",
    "PREPARE get(int) AS SELECT * FROM p WHERE id = $1",
    "PREPARE lock(int) AS SELECT * FROM p WHERE id = $1 FOR UPDATE",
    "PREPARE put(int, int) AS INSERT INTO u (id, k, v) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING RETURNING id",
    "PREPARE del(int) AS DELETE FROM c WHERE id = $1 RETURNING *",
    "PREPARE child(int, int) AS INSERT INTO c VALUES ($1, $2, 5)",
];

fn prepared(random: &mut Random) -> String {
    let (a, b) = (key(random), key(random));
    match random.below(6) {
        0 => format!("EXECUTE add({a}, {b})"),
        1 => format!("EXECUTE get({a})"),
        2 => format!("EXECUTE lock({a})"),
        3 => format!("EXECUTE put({a}, {b})"),
        4 => format!("EXECUTE del({a})"),
        _ => format!("EXECUTE child({a}, {b})"),
    }
}

/// A key that is there, or nearly.
fn key(random: &mut Random) -> usize {
    let rows = if random.chance(80) { 3 } else { 5 };
    1 + random.below(rows)
}

fn table(random: &mut Random) -> &'static str {
    TABLES[random.below(TABLES.len())]
}

fn predicate(random: &mut Random, name: &str) -> String {
    let other = table(random);
    let n = key(random);
    match random.below(16) {
        0..=5 => format!("{name}.id = {n}"),
        6 => format!("{name}.id IN ({n}, {})", key(random)),
        7 => format!("{name}.k = {n}"),
        8 => format!("{name}.v > {}", n * 10 - 5),
        9 => format!("{name}.v < {}", n * 10 + 5),
        10 => format!("{name}.k BETWEEN {n} AND {}", n + 1),
        11 => format!("EXISTS (SELECT FROM {other} AS o WHERE o.k = {name}.id AND o.v > {})", n * 5),
        12 => format!("{name}.id = (SELECT max(o.id) FROM {other} AS o WHERE o.v < {})", n * 10 + 1),
        13 => format!("{name}.id NOT IN (SELECT o.k FROM {other} AS o WHERE o.k IS NOT NULL)"),
        14 => format!("{name}.v % 2 = {}", n % 2),
        _ => "true".to_owned(),
    }
}

fn assignment(random: &mut Random, name: &str) -> String {
    let n = key(random);
    match random.below(12) {
        0..=3 => format!("v = {name}.v + {n}"),
        4 => format!("v = {name}.v * 2"),
        5 => format!("k = {n}"),
        6 => format!("k = {name}.k + 1"),
        7 => format!("id = {name}.id + {}", n + 2),
        8 => format!("v = (SELECT count(*) FROM {} AS o)", table(random)),
        9 => format!("v = -{name}.v"),
        10 => "k = NULL".to_owned(),
        _ => format!("(k, v) = ({n}, {name}.v + 1)"),
    }
}

fn returning(random: &mut Random, name: &str) -> String {
    match random.below(4) {
        0 => String::new(),
        1 => " RETURNING old.v, new.v".to_owned(),
        _ => format!(" RETURNING {name}.id, {name}.k, {name}.v"),
    }
}

fn update(random: &mut Random) -> String {
    let name = table(random);
    let (set, filter) = (assignment(random, name), predicate(random, name));
    format!("UPDATE {name} SET {set} WHERE {filter}{}", returning(random, name))
}

fn update_from(random: &mut Random) -> String {
    let (name, n) = (table(random), key(random));
    let other = table(random);
    match random.below(3) {
        0 => {
            let (set, tail) = (assignment(random, name), returning(random, name));
            format!(
                "UPDATE {name} SET {set} FROM {other} AS f WHERE f.id = {name}.id AND f.v > {}{tail}",
                n * 5
            )
        }
        1 => format!(
            "DELETE FROM {name} USING {other} AS f WHERE f.id = {name}.id AND f.k = {n} RETURNING {name}.*"
        ),
        _ => format!(
            "UPDATE {name} SET v = 0 WHERE id = (SELECT id FROM {name} ORDER BY id LIMIT 1 FOR UPDATE{}) RETURNING id",
            if random.chance(60) { " SKIP LOCKED" } else { "" }
        ),
    }
}

fn row(random: &mut Random) -> String {
    let id = if random.chance(40) { key(random) } else { 4 + random.below(4) };
    let k = if random.chance(8) { "NULL".to_owned() } else { key(random).to_string() };
    format!("({id}, {k}, {})", random.below(6) * 10)
}

fn insert(random: &mut Random) -> String {
    let name = table(random);
    let tail = if random.chance(40) { format!(" RETURNING {name}.*") } else { String::new() };
    match random.below(4) {
        0 => format!("INSERT INTO {name} (id, k, v) VALUES {}, {}{tail}", row(random), row(random)),
        1 => {
            let (other, n) = (table(random), 2 + random.below(4));
            format!(
                "INSERT INTO {name} (id, k, v) SELECT id + {n}, k + {n}, v FROM {other} WHERE v > {}{tail}",
                n * 5
            )
        }
        _ => format!("INSERT INTO {name} (id, k, v) VALUES {}{tail}", row(random)),
    }
}

fn upsert(random: &mut Random) -> String {
    let name = table(random);
    let mut rows = row(random);
    if random.chance(30) {
        rows = format!("{rows}, {}", row(random));
    }
    let action = match random.below(6) {
        0 => " DO NOTHING".to_owned(),
        1 => "(id) DO NOTHING".to_owned(),
        2 => format!("(id) DO UPDATE SET v = excluded.v WHERE {name}.v > {}", key(random) * 8),
        3 => "(id) DO UPDATE SET k = excluded.k, v = excluded.v".to_owned(),
        4 if name == "u" => format!("(k) DO UPDATE SET v = {name}.v + 1"),
        _ => format!("(id) DO UPDATE SET v = {name}.v + excluded.v"),
    };
    let space = if action.starts_with('(') { " " } else { "" };
    format!(
        "INSERT INTO {name} (id, k, v) VALUES {rows} ON CONFLICT{space}{action}{}",
        returning(random, name)
    )
}

fn delete(random: &mut Random) -> String {
    let name = table(random);
    let filter = predicate(random, name);
    let tail = if random.chance(50) { format!(" RETURNING {name}.*") } else { String::new() };
    format!("DELETE FROM {name} WHERE {filter}{tail}")
}

fn merge(random: &mut Random) -> String {
    let name = table(random);
    let source = if random.chance(30) {
        table(random).to_owned()
    } else {
        format!("(VALUES {}, {})", row(random), row(random))
    };
    let on = if random.chance(75) { "id" } else { "k" };
    let n = key(random);
    let mut branches = match random.below(5) {
        0 => format!("WHEN MATCHED AND t.v > {} THEN UPDATE SET v = t.v + s.v", n * 6),
        1 => format!("WHEN MATCHED AND t.v > {} THEN DELETE", n * 6),
        2 => {
            format!("WHEN MATCHED AND t.v > {} THEN DELETE WHEN MATCHED THEN UPDATE SET v = t.v + 50", n * 6)
        }
        3 => format!("WHEN MATCHED THEN UPDATE SET k = {n}"),
        _ => format!("WHEN MATCHED THEN UPDATE SET v = t.v + {n}"),
    };
    match random.below(4) {
        0 => {}
        1 => branches.push_str(" WHEN NOT MATCHED BY SOURCE THEN UPDATE SET v = t.v + 1"),
        2 => branches.push_str(" WHEN NOT MATCHED THEN DO NOTHING WHEN NOT MATCHED BY SOURCE THEN DELETE"),
        _ => branches.push_str(" WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, s.k, s.v)"),
    }
    let tail = if random.chance(60) { " RETURNING merge_action(), t.id, t.k, t.v" } else { "" };
    format!("MERGE INTO {name} AS t USING {source} AS s(id, k, v) ON t.{on} = s.{on} {branches}{tail}")
}

fn lock_clause(random: &mut Random) -> String {
    let strength = random.pick(&["UPDATE", "UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"]);
    let wait = random.pick(&["", "", "", " NOWAIT", " SKIP LOCKED"]);
    format!("FOR {strength}{{}}{wait}")
}

fn locking(random: &mut Random) -> String {
    let (name, clause) = (table(random), lock_clause(random));
    match random.below(6) {
        0 => {
            let of = random.pick(&["", " OF p", " OF c"]);
            format!(
                "SELECT p.id, c.id, p.v, c.v FROM p JOIN c ON c.k = p.id WHERE {} ORDER BY p.id, c.id {}",
                predicate(random, "p"),
                clause.replace("{}", of)
            )
        }
        1 => {
            let filter = predicate(random, name);
            format!(
                "SELECT sum(v), count(*) FROM (SELECT * FROM {name} WHERE {filter} {}) AS q",
                clause.replace("{}", "")
            )
        }
        2 => {
            format!("SELECT * FROM {name} ORDER BY v, id LIMIT {} {}", key(random), clause.replace("{}", ""))
        }
        _ => {
            format!(
                "SELECT * FROM {name} WHERE {} ORDER BY id {}",
                predicate(random, name),
                clause.replace("{}", "")
            )
        }
    }
}

/// Rows are locked that stand beside what has no rows to lock.
fn locking_more(random: &mut Random) -> String {
    let (name, other, n) = (table(random), table(random), key(random));
    let clause = lock_clause(random).replace("{}", " OF a");
    let filter = predicate(random, "a");
    let source = match random.below(9) {
        0 => format!("LATERAL (SELECT o.v FROM {other} AS o WHERE o.k = a.id ORDER BY o.id LIMIT 1) AS x(y)"),
        1 => format!("LATERAL (SELECT sum(o.v), count(*) FROM {other} AS o WHERE o.k = a.id) AS x(y, z)"),
        2 => "(VALUES (1, 5), (2, 6), (3, 7)) AS x(i, y)".to_owned(),
        3 => "generate_series(1, 3) AS x(y)".to_owned(),
        4 => "LATERAL generate_series(1, least(a.k, 3)) AS x(y)".to_owned(),
        5 => "LATERAL (VALUES (a.v), (a.k)) AS x(y)".to_owned(),
        6 => format!("(SELECT k, sum(v) FROM {other} GROUP BY k) AS x(i, y)"),
        7 => format!("(SELECT k, v FROM {other} UNION SELECT id, k FROM {name}) AS x(i, y)"),
        _ => format!("{other} AS x(i, y)"),
    };
    let on = match (source.contains("x(i"), source.starts_with("generate")) {
        (true, _) => "x.i = a.id",
        (_, true) => "x.y = a.k",
        (false, false) => "true",
    };
    let join = if random.chance(30) { "LEFT JOIN" } else { "JOIN" };
    let shown =
        random.pick(&["x.y", "x.y + a.v", "(SELECT max(v) FROM p WHERE p.k = x.y)", "coalesce(x.y, 0)"]);
    let tail = if random.chance(20) { format!(" LIMIT {n}") } else { String::new() };
    format!(
        "SELECT a.id, a.v, {shown} FROM {name} AS a {join} {source} ON {on} WHERE {filter} ORDER BY a.id, x.y{tail} {clause}"
    )
}

/// What locks rows on its way to changing others.
fn locking_input(random: &mut Random) -> String {
    let (name, other, n) = (table(random), table(random), key(random));
    let filter = predicate(random, "a");
    let rows = format!("(SELECT * FROM {other} AS a WHERE {filter} ORDER BY a.id FOR UPDATE) AS x");
    match random.below(6) {
        0 => format!(
            "UPDATE {name} SET v = {name}.v + x.v FROM {rows} WHERE x.id = {name}.id RETURNING {name}.id, {name}.v"
        ),
        1 => format!("DELETE FROM {name} USING {rows} WHERE x.k = {name}.id RETURNING {name}.*"),
        2 => format!(
            "INSERT INTO {name} (id, k, v) SELECT id + {n}, k + {n}, v FROM {rows} ON CONFLICT DO NOTHING RETURNING id"
        ),
        3 => format!(
            "WITH x AS (SELECT * FROM {other} WHERE v > {} ORDER BY id FOR UPDATE) SELECT * FROM x LIMIT 1",
            n * 5
        ),
        4 => format!(
            "UPDATE {name} SET v = {name}.v + x.y FROM (VALUES (1, 100), (2, 200), (3, 300)) AS x(i, y) WHERE x.i = {name}.k RETURNING {name}.v"
        ),
        _ => format!(
            "UPDATE {name} SET v = {name}.v + x.s FROM (SELECT k, sum(v) AS s FROM {other} GROUP BY k) AS x WHERE x.k = {name}.id AND {name}.v > {} RETURNING {name}.v",
            n * 5
        ),
    }
}

fn select(random: &mut Random) -> String {
    let (name, other) = (table(random), table(random));
    match random.below(5) {
        0 => format!("SELECT count(*), sum(v), max(k) FROM {name} WHERE {}", predicate(random, name)),
        1 => format!(
            "SELECT a.id, b.id, a.v + b.v FROM {name} AS a JOIN {other} AS b ON a.k = b.id ORDER BY 1, 2"
        ),
        2 => format!("SELECT k, count(*), sum(v) FROM {name} GROUP BY k ORDER BY k"),
        3 => format!(
            "SELECT a.id, (SELECT sum(v) FROM {other} AS b WHERE b.k = a.id) FROM {name} AS a ORDER BY 1"
        ),
        _ => format!("SELECT * FROM {name} WHERE {} ORDER BY id", predicate(random, name)),
    }
}

fn data_modifying_with(random: &mut Random) -> String {
    let (name, other) = (table(random), table(random));
    let filter = predicate(random, name);
    match random.below(4) {
        0 => format!(
            "WITH d AS (DELETE FROM {name} WHERE {filter} RETURNING *) INSERT INTO {other} (id, k, v) SELECT id + 4, k, v FROM d RETURNING id"
        ),
        1 => format!(
            "WITH d AS (UPDATE {name} SET v = v + 1 WHERE {filter} RETURNING *) SELECT count(*), sum(d.v), (SELECT sum(v) FROM {name}) FROM d"
        ),
        2 => format!(
            "WITH d AS (SELECT * FROM {name} WHERE {filter} FOR UPDATE) UPDATE {other} SET v = {other}.v + d.v FROM d WHERE {other}.id = d.id RETURNING {other}.v"
        ),
        _ => format!(
            "WITH d AS (INSERT INTO {name} (id, k, v) VALUES {} ON CONFLICT DO NOTHING RETURNING *) DELETE FROM {other} WHERE id IN (SELECT k FROM d) RETURNING id",
            row(random)
        ),
    }
}

fn other(random: &mut Random) -> String {
    match random.below(8) {
        5 => format!("SELECT pg_advisory_xact_lock_shared({})", random.below(2)),
        6 => format!("SELECT pg_advisory_lock({}) IS NULL", random.below(2)),
        7 => format!("SELECT pg_advisory_unlock({})", random.below(2)),
        0 => format!("SELECT pg_advisory_xact_lock({})", random.below(2)),
        1 => format!("SELECT pg_try_advisory_xact_lock({})", random.below(2)),
        2 => "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
        3 => "SET CONSTRAINTS ALL DEFERRED".to_owned(),
        _ => format!("SELECT * FROM {} WHERE id = {}", table(random), key(random)),
    }
}

fn ddl(random: &mut Random) -> String {
    let name = table(random);
    match random.below(11) {
        0 => format!("TRUNCATE {name}"),
        1 => format!("TRUNCATE {name} CASCADE"),
        2 => format!("ALTER TABLE {name} ADD COLUMN x int DEFAULT 7"),
        3 => format!("CREATE INDEX ON {name} (v)"),
        4 => format!("CREATE UNIQUE INDEX ON {name} (v)"),
        5 => format!("DROP TABLE {name}"),
        6 => format!("ALTER TABLE {name} ADD CHECK (v < 55)"),
        7 => "DROP INDEX IF EXISTS ku".to_owned(),
        8 => format!("ALTER TABLE {name} ALTER COLUMN v TYPE bigint"),
        _ => format!(
            "LOCK TABLE {name} IN {} MODE{}",
            random.pick(&[
                "ROW SHARE",
                "ROW EXCLUSIVE",
                "SHARE",
                "SHARE ROW EXCLUSIVE",
                "EXCLUSIVE",
                "ACCESS EXCLUSIVE"
            ]),
            random.pick(&["", " NOWAIT"])
        ),
    }
}
