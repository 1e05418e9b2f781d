//! The tables that random queries read: mixed types with NULLs and duplicates, empty, small and of several row groups.

use crate::client::Client;
use crate::outcome::Mode;
use crate::random::Random;

/// Types of columns and expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// numeric
    Numeric,
    /// double precision
    Float8,
    /// text
    Text,
    /// date
    Date,
    /// timestamp
    Timestamp,
    /// interval
    Interval,
}

impl Type {
    /// All types.
    pub const ALL: [Self; 10] = [
        Self::Bool,
        Self::Int2,
        Self::Int4,
        Self::Int8,
        Self::Numeric,
        Self::Float8,
        Self::Text,
        Self::Date,
        Self::Timestamp,
        Self::Interval,
    ];
    /// Returns the SQL name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Float8 => "double precision",
            Self::Text => "text",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Interval => "interval",
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct ColumnDef {
    /// Name.
    pub name: &'static str,
    /// Type of its values.
    pub ty: Type,
    /// Type as declared.
    pub declared: &'static str,
}

/// Columns that every table has.
pub const COLUMNS: [ColumnDef; 13] = [
    ColumnDef { name: "id", ty: Type::Int4, declared: "integer NOT NULL" },
    ColumnDef { name: "b", ty: Type::Bool, declared: "boolean" },
    ColumnDef { name: "i2", ty: Type::Int2, declared: "smallint" },
    ColumnDef { name: "i4", ty: Type::Int4, declared: "integer" },
    ColumnDef { name: "k", ty: Type::Int4, declared: "integer" },
    ColumnDef { name: "i8", ty: Type::Int8, declared: "bigint" },
    ColumnDef { name: "n", ty: Type::Numeric, declared: "numeric(12,2)" },
    ColumnDef { name: "x", ty: Type::Numeric, declared: "numeric" },
    ColumnDef { name: "f", ty: Type::Float8, declared: "double precision" },
    ColumnDef { name: "t", ty: Type::Text, declared: "text" },
    ColumnDef { name: "c", ty: Type::Text, declared: "varchar(10)" },
    ColumnDef { name: "d", ty: Type::Date, declared: "date" },
    ColumnDef { name: "ts", ty: Type::Timestamp, declared: "timestamp" },
];

/// Tables and their rows; the largest spans several row groups.
pub const TABLES: [(&str, usize); 5] = [("t0", 0), ("t1", 1), ("t2", 30), ("t3", 3000), ("t4", 140_000)];

/// Indexes of each table.
const INDEXES: [&str; 9] = [
    "(i4)",
    "(t, d)",
    "(k, i2 DESC)",
    "(b, n)",
    "(c text_pattern_ops)",
    "(ts DESC NULLS LAST)",
    "(f) INCLUDE (k)",
    "(x) WHERE k > 5",
    "USING hash (i8)",
];

/// Creates and fills the tables, with `rows_max` rows at most in each.
///
/// # Errors
/// When a statement fails.
pub fn install(client: &mut Client, seed: u64, rows_max: usize) -> Result<(), String> {
    let mut random = Random::new(seed ^ 0x5EED);
    for (table, rows) in TABLES {
        let columns: Vec<String> =
            COLUMNS.iter().map(|column| format!("{} {}", column.name, column.declared)).collect();
        run(client, &format!("DROP TABLE IF EXISTS {table}"), None)?;
        run(client, &format!("CREATE TABLE {table} ({}, PRIMARY KEY (id))", columns.join(", ")), None)?;
        let mut data = String::new();
        for id in 0..rows.min(rows_max) {
            push_row(&mut random, id, &mut data);
        }
        run(client, &format!("COPY {table} FROM STDIN"), Some(&data))?;
        for keys in INDEXES {
            // An index is no part of an answer: a server without them is asked the same.
            client.run(&format!("CREATE INDEX ON {table} {keys}"), Mode::Simple, None);
        }
        run(client, &format!("ANALYZE {table}"), None)?;
    }
    Ok(())
}

fn run(client: &mut Client, sql: &str, data: Option<&str>) -> Result<(), String> {
    let outcome = client.run(sql, Mode::Simple, data.map(str::as_bytes));
    match (&outcome.error, outcome.lost) {
        (None, None) => Ok(()),
        _ => Err(format!("{sql}: {}", outcome.summary())),
    }
}

fn push_row(random: &mut Random, id: usize, data: &mut String) {
    let texts =
        ["", "a", "b", "ab", "abc", "Abc", "xyz", "a%b", "ünï", "a long text that does not fit a view", "12"];
    for (index, column) in COLUMNS.iter().enumerate() {
        if index > 0 {
            data.push('\t');
        }
        if index > 0 && random.chance(12) {
            data.push_str("\\N");
            continue;
        }
        let value = match column.name {
            "id" => id.to_string(),
            "b" => if random.chance(50) { "t" } else { "f" }.to_owned(),
            "i2" => (random.below(21) as i32 - 10).to_string(),
            "k" => random.below(12).to_string(),
            "i4" => (random.below(2001) as i32 - 1000).to_string(),
            "i8" => (random.below(1 << 40) as i64 - (1 << 39)).to_string(),
            "n" => format!("{}.{:02}", random.below(20001) as i32 - 10_000, random.below(100)),
            "x" => format!(
                "{}.{}",
                random.below(2001) as i32 - 1000,
                "123456".get(..random.below(6) + 1).unwrap_or("1")
            ),
            "f" => format!("{}", (random.below(4001) as f64 - 2000.0) / 16.0),
            "t" => (*random.pick(&texts)).to_owned(),
            "c" => format!("c{}", random.below(40)),
            "d" => format!(
                "20{:02}-{:02}-{:02}",
                10 + random.below(15),
                1 + random.below(12),
                1 + random.below(28)
            ),
            _ => format!(
                "2024-{:02}-{:02} {:02}:00:00",
                1 + random.below(12),
                1 + random.below(28),
                random.below(24)
            ),
        };
        data.push_str(&value);
    }
    data.push('\n');
}
