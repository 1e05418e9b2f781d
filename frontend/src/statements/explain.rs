//! EXPLAIN.

use pg_query::protobuf::ExplainStmt;
use types::{Datum, PgError, Result};

use super::fields::text_field;
use crate::server::connection::Client;
use crate::server::output::FieldDescription;
use crate::server::rows::Destination;
use crate::session::Session;
use crate::session::prepared::Source;

/// Returns the column of EXPLAIN.
pub(super) fn columns() -> Vec<FieldDescription> {
    vec![text_field("QUERY PLAN")]
}

/// EXPLAIN.
pub(super) fn run(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    statement: &ExplainStmt,
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<String> {
    let _ = (session, client, source, statement, params, destination);
    Err(PgError::not_supported("EXPLAIN"))
}
