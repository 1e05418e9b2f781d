//! CREATE FUNCTION and its relatives.

use ::types::{PgError, Result};
use pg_query::protobuf::DropStmt;

use crate::session::Session;

/// DROP FUNCTION.
pub(super) fn drop(_: &mut Session, _: &DropStmt, _: bool) -> Result<String> {
    Err(PgError::not_supported("DROP FUNCTION"))
}
