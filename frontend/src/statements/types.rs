//! CREATE TYPE, CREATE DOMAIN and their relatives.

use ::types::{PgError, Result};
use pg_query::protobuf::DropStmt;

use crate::session::Session;

/// DROP TYPE, DROP DOMAIN.
pub(super) fn drop(_: &mut Session, _: &DropStmt, _: bool) -> Result<String> {
    Err(PgError::not_supported("DROP TYPE"))
}
