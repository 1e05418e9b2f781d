//! VACUUM, ANALYZE, CHECKPOINT, LOCK.

use pg_query::NodeEnum;
use pg_query::protobuf::{LockStmt, VacuumStmt};
use storage::{TableLockMode, WaitPolicy};
use types::{PgError, Result, SqlState};

use super::table::resolve;
use crate::catalog::RelationKind;
use crate::session::Session;

/// VACUUM does now what the storage does from time to time; ANALYZE has nothing to do, since statistics are taken when
/// planning.
pub(super) fn vacuum(session: &mut Session, statement: &VacuumStmt) -> Result<String> {
    if statement.is_vacuumcmd {
        session.prevent_block("VACUUM")?;
    }
    let mut tables = Vec::new();
    for relation in &statement.rels {
        if let Some(NodeEnum::VacuumRelation(relation)) = &relation.node
            && let Some(relation) = &relation.relation
        {
            let relation = resolve(session, relation)?;
            if relation.kind.is_stored() {
                tables.push(relation.table_id());
            }
        }
    }
    if statement.is_vacuumcmd && (statement.rels.is_empty() || !tables.is_empty()) {
        session.engine.store.vacuum(&tables)?;
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
