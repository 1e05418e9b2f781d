//! The nine tables: names, DDL, row counts, and the conditions that hold between them.

const SCHEMA: &str = include_str!("../../tpcc/schema.sql");
const INDEXES: &str = include_str!("../../tpcc/indexes.sql");
const FOREIGN_KEYS: &str = include_str!("../../tpcc/foreign_keys.sql");
const CONSISTENCY: &str = include_str!("../../tpcc/consistency.sql");

/// A table of TPC-C, in the order in which foreign keys allow loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Table {
    Warehouse,
    District,
    Customer,
    History,
    Orders,
    NewOrder,
    Item,
    Stock,
    OrderLine,
}

impl Table {
    /// All tables, in loading order.
    pub const ALL: [Table; 9] = [
        Table::Warehouse,
        Table::District,
        Table::Customer,
        Table::History,
        Table::Orders,
        Table::NewOrder,
        Table::Item,
        Table::Stock,
        Table::OrderLine,
    ];

    /// Returns the table's name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Table::Warehouse => "warehouse",
            Table::District => "district",
            Table::Customer => "customer",
            Table::History => "history",
            Table::Orders => "orders",
            Table::NewOrder => "new_order",
            Table::Item => "item",
            Table::Stock => "stock",
            Table::OrderLine => "order_line",
        }
    }

    /// Returns the table's CREATE TABLE statement, with its primary key and without a semicolon.
    pub fn ddl(self) -> &'static str {
        let head = format!("CREATE TABLE {} (", self.name());
        statements(SCHEMA).find(|statement| statement.starts_with(&head)).unwrap_or_default()
    }

    /// Returns the number of rows for some warehouses: exact for all but order lines, which have 5 to 15 an order.
    pub fn rows(self, warehouses: i32) -> u64 {
        let per_warehouse = match self {
            Table::Item => return 100_000,
            Table::Warehouse => 1,
            Table::District => 10,
            Table::Customer | Table::History | Table::Orders => 30_000,
            Table::NewOrder => 9_000,
            Table::Stock => 100_000,
            Table::OrderLine => 300_000,
        };
        per_warehouse * warehouses.unsigned_abs() as u64
    }
}

/// Returns the statements of a script, without semicolons and without the comments before them.
fn statements(script: &'static str) -> impl Iterator<Item = &'static str> {
    script.split(";\n").filter_map(|statement| {
        let mut rest = statement.trim();
        while rest.starts_with("--") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after.trim_start());
        }
        (!rest.is_empty()).then_some(rest)
    })
}

/// Returns the statements that create the indexes which the transactions need beside the primary keys.
pub fn indexes() -> Vec<&'static str> {
    statements(INDEXES).collect()
}

/// Returns the statements that add the references between the tables.
pub fn foreign_keys() -> Vec<&'static str> {
    statements(FOREIGN_KEYS).collect()
}

/// Returns the queries of the conditions 1 to 12 of clause 3.3.2: each counts what breaks the condition.
pub fn consistency_conditions() -> Vec<&'static str> {
    statements(CONSISTENCY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_statement() {
        for table in Table::ALL {
            assert!(table.ddl().ends_with("\n)"), "{table:?}");
        }
        assert_eq!(statements(SCHEMA).count(), Table::ALL.len());
    }

    #[test]
    fn scripts_fall_into_statements() {
        assert_eq!(indexes().len(), 2);
        assert_eq!(foreign_keys().len(), 10);
        assert_eq!(consistency_conditions().len(), 12);
        assert!(consistency_conditions().iter().all(|query| query.starts_with("SELECT count(*)")));
    }
}
