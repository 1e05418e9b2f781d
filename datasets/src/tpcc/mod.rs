//! TPC-C: the specification's schema, its initial population for any number of warehouses, the random choices of its
//! transactions and the consistency conditions.
//!
//! ```
//! use datasets::tpcc::{self, Table};
//!
//! // CREATE TABLE, COPY … FROM STDIN, the rows in chunks.
//! assert!(Table::Stock.ddl().starts_with("CREATE TABLE stock"));
//! let rows: usize = tpcc::chunks(Table::District, 3).map(|chunk| chunk.rows).sum();
//! assert_eq!(rows, 30);
//! assert_eq!(tpcc::consistency_conditions().len(), 12);
//! ```

mod data;
mod random;
mod schema;

pub use data::{chunks, last_name};
pub use random::{NonUniform, Random};
pub use schema::{Table, consistency_conditions, foreign_keys, indexes};

/// Districts of a warehouse.
pub const DISTRICTS: i32 = 10;
/// Customers of a district.
pub const CUSTOMERS: i32 = 3_000;
/// Items, and so rows of stock in each warehouse.
pub const ITEMS: i32 = 100_000;
/// The first order of a district that is not delivered yet when the tables are loaded.
const FIRST_NEW_ORDER: i32 = 2_101;
