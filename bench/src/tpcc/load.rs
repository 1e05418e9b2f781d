//! Making and loading the tables.

use std::time::{Duration, Instant};

use datasets::tpcc::{Table, chunks, foreign_keys, indexes};

use crate::Failure;
use crate::wire::Server;

/// Makes the schema `tpcc` anew and loads it by COPY; returns how long it took.
pub async fn load(server: &Server, warehouses: i32, with_foreign_keys: bool) -> Result<Duration, Failure> {
    let start = Instant::now();
    server.query("DROP SCHEMA IF EXISTS tpcc CASCADE").await?;
    server.query("CREATE SCHEMA tpcc").await?;
    server.query("SET search_path = tpcc").await?;
    for table in Table::ALL {
        server.query(table.ddl()).await?;
        let statement = format!("COPY {} FROM STDIN", table.name());
        let rows = table.rows(warehouses);
        let copied = server.copy_in(&statement, table.name(), rows, move || chunks(table, warehouses)).await;
        copied.map_err(|error| format!("loading {}: {error}", table.name()))?;
    }
    let mut statements = indexes();
    if with_foreign_keys {
        statements.extend(foreign_keys());
    }
    for statement in statements {
        server.query(statement).await?;
    }
    // A server without statistics to gather need not know these statements.
    for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
        if let Err(error) = server.query(statement).await {
            eprintln!("{}: {statement} was not run: {error}", server.name);
        }
    }
    server.query("RESET search_path").await?;
    Ok(start.elapsed())
}
