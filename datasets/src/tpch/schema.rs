//! The eight tables: names, DDL with the specification's types, and row counts.

const SCHEMA: &str = include_str!("../../tpch/schema.sql");

/// A table of TPC-H, in the order in which foreign keys allow loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Table {
    Region,
    Nation,
    Part,
    Supplier,
    Partsupp,
    Customer,
    Orders,
    Lineitem,
}

impl Table {
    /// All tables, in loading order.
    pub const ALL: [Table; 8] = [
        Table::Region,
        Table::Nation,
        Table::Part,
        Table::Supplier,
        Table::Partsupp,
        Table::Customer,
        Table::Orders,
        Table::Lineitem,
    ];

    /// Returns the table's name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Table::Region => "region",
            Table::Nation => "nation",
            Table::Part => "part",
            Table::Supplier => "supplier",
            Table::Partsupp => "partsupp",
            Table::Customer => "customer",
            Table::Orders => "orders",
            Table::Lineitem => "lineitem",
        }
    }

    /// Returns the table's CREATE TABLE statement, with its primary key and without a semicolon.
    pub fn ddl(self) -> &'static str {
        let head = format!("CREATE TABLE {} (", self.name());
        SCHEMA.split(";\n").map(str::trim).find(|statement| statement.starts_with(&head)).unwrap_or_default()
    }

    /// Returns the COPY statement that takes this table's chunks ([`super::Format::Copy`]).
    pub fn copy_from_stdin(self) -> String {
        format!("COPY {} FROM STDIN", self.name())
    }

    /// Returns the number of rows at a scale: exact for all but lineitem, where it is within a percent.
    pub fn rows(self, scale: f64) -> u64 {
        let scaled = |base: f64| (base * scale) as u64;
        match self {
            Table::Region => 5,
            Table::Nation => 25,
            Table::Part => scaled(200_000.0),
            Table::Supplier => scaled(10_000.0),
            Table::Partsupp => scaled(800_000.0),
            Table::Customer => scaled(150_000.0),
            Table::Orders => scaled(1_500_000.0),
            Table::Lineitem => scaled(6_001_215.0),
        }
    }
}

/// Returns the whole schema as one SQL script.
pub fn schema() -> &'static str {
    SCHEMA
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_statement() {
        for table in Table::ALL {
            assert!(table.ddl().starts_with("CREATE TABLE"), "{table:?}");
            assert!(table.ddl().ends_with(")\n)"), "{table:?}");
        }
        assert_eq!(SCHEMA.matches("CREATE TABLE").count(), Table::ALL.len());
    }
}
