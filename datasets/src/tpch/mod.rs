//! TPC-H: the schema with the specification's types, the data at any scale and the 22 queries.
//!
//! ```
//! use datasets::tpch::{self, Format, Table};
//!
//! // CREATE TABLE, COPY … FROM STDIN, the rows in chunks, then the queries.
//! let mut rows = 0;
//! for table in Table::ALL {
//!     let statements = [table.ddl(), &table.copy_from_stdin()];
//!     assert!(statements[0].starts_with("CREATE TABLE"));
//!     if table == Table::Nation {
//!         rows += tpch::chunks(table, 0.01, Format::Copy).map(|chunk| chunk.rows).sum::<usize>();
//!     }
//! }
//! assert_eq!(rows, 25);
//! assert!(tpch::query(6, 1.0).contains("lineitem"));
//! ```

mod answers;
mod data;
mod parameters;
mod queries;
mod recorded;
mod schema;

pub use answers::{answers_match, order_by};
pub use data::{Chunk, Format, chunks, chunks_of_part};
pub use parameters::query_with_random_parameters;
pub use queries::{QUERY_COUNT, TITLES, query};
pub use recorded::recorded_answer;
pub use schema::{Table, schema};
