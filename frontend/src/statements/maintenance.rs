//! VACUUM, ANALYZE, CHECKPOINT, LOCK.

use pg_query::NodeEnum;
use pg_query::protobuf::{LockStmt, VacuumStmt};
use storage::{TableLockMode, WaitPolicy};
use types::{PgError, Result, SqlState};

use super::table::resolve;
use crate::catalog::RelationKind;
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

/// LOCK TABLE.
pub(super) fn lock(session: &mut Session, statement: &LockStmt) -> Result<String> {
    session.require_block("LOCK TABLE")?;
    let policy = if statement.nowait { WaitPolicy::NoWait } else { WaitPolicy::Wait };
    let mode = *MODES
        .get(usize::try_from(statement.mode - 1).unwrap_or(usize::MAX))
        .ok_or_else(|| PgError::internal("a lock mode of no kind"))?;
    for name in &statement.relations {
        let Some(NodeEnum::RangeVar(name)) = &name.node else { continue };
        session.lock_relation(mode, policy, &|session| {
            let relation = resolve(session, name)?;
            match &relation.kind {
                RelationKind::Table | RelationKind::View { .. } => Ok(relation),
                RelationKind::System
                | RelationKind::Materialized { .. }
                | RelationKind::Sequence(_)
                | RelationKind::Composite => Err(PgError::new(
                    SqlState::WRONG_OBJECT_TYPE,
                    format!("cannot lock relation \"{}\"", relation.name),
                )),
            }
        })?;
    }
    Ok("LOCK TABLE".to_owned())
}

/// The modes as the grammar numbers them, from 1 on.
const MODES: [TableLockMode; 8] = [
    TableLockMode::AccessShare,
    TableLockMode::RowShare,
    TableLockMode::RowExclusive,
    TableLockMode::ShareUpdateExclusive,
    TableLockMode::Share,
    TableLockMode::ShareRowExclusive,
    TableLockMode::Exclusive,
    TableLockMode::AccessExclusive,
];
