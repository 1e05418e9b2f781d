//! VACUUM, ANALYZE, CHECKPOINT, LOCK: accepted where there is nothing to do.

use pg_query::NodeEnum;
use pg_query::protobuf::{LockStmt, VacuumStmt};
use types::{PgError, Result};

use super::table::resolve;
use crate::session::Session;

/// VACUUM and ANALYZE: the storage keeps itself in order, and statistics are taken when planning.
pub(super) fn vacuum(session: &mut Session, statement: &VacuumStmt) -> Result<String> {
    if statement.is_vacuumcmd {
        session.prevent_block("VACUUM")?;
    }
    for relation in &statement.rels {
        if let Some(NodeEnum::VacuumRelation(relation)) = &relation.node
            && let Some(relation) = &relation.relation
        {
            resolve(session, relation)?;
        }
    }
    Ok(if statement.is_vacuumcmd { "VACUUM" } else { "ANALYZE" }.to_owned())
}

/// CHECKPOINT.
pub(super) fn checkpoint(session: &mut Session) -> Result<String> {
    session.engine.store.checkpoint()?;
    Ok("CHECKPOINT".to_owned())
}

/// LOCK TABLE: table locks come with transactions.
pub(super) fn lock(session: &mut Session, statement: &LockStmt) -> Result<String> {
    session.require_block("LOCK TABLE")?;
    let _ = statement;
    Err(PgError::not_supported("LOCK TABLE"))
}
