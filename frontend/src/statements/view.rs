//! CREATE VIEW.

use pg_query::protobuf::ViewStmt;
use types::{PgError, Result};

use crate::session::Session;
use crate::session::prepared::Source;

/// CREATE VIEW.
pub(super) fn create(session: &mut Session, source: &Source, statement: &ViewStmt) -> Result<String> {
    let _ = (session, source, statement);
    Err(PgError::not_supported("CREATE VIEW"))
}
