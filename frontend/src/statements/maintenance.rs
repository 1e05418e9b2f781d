//! VACUUM, ANALYZE, CHECKPOINT, LOCK.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{LockStmt, VacuumStmt};
use storage::{Acquired, TableId, TableLockMode, WaitPolicy};
use types::errors::locking::table_lock_not_available;
use types::{Oid, PgError, Result, SqlState};

use super::table::{index_named, lookup, resolve};
use crate::catalog::{Relation, RelationKind};
use crate::session::Session;
use crate::session::names::{Found, SystemRelation};

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
        if let Some(Found::System(relation)) = lookup(session, name)? {
            lock_system(session, &relation, mode, policy)?;
            continue;
        }
        if let Some((_, index)) = index_named(session, name)? {
            return Err(cannot_lock(&index.name, "indexes"));
        }
        let locked = session.lock_relation(mode, policy, &|session| {
            let relation = resolve(session, name)?;
            match &relation.kind {
                RelationKind::Table | RelationKind::View { .. } => Ok(relation),
                RelationKind::System
                | RelationKind::Materialized { .. }
                | RelationKind::Sequence(_)
                | RelationKind::Composite => {
                    Err(cannot_lock(&relation.name, &format!("{}s", relation.kind.noun())))
                }
            }
        })?;
        lock_below(session, &locked, mode, policy)?;
    }
    Ok("LOCK TABLE".to_owned())
}

/// Locks a relation of the system, which nothing changes but what queries read.
fn lock_system(
    session: &Session,
    relation: &SystemRelation,
    mode: TableLockMode,
    policy: WaitPolicy,
) -> Result<()> {
    if !matches!(relation.kind, 'r' | 'v') {
        let objects = if relation.kind == 'i' { "indexes" } else { "TOAST tables" };
        return Err(cannot_lock(&relation.name, objects));
    }
    let table = TableId(u64::from(relation.oid));
    match session.open()?.storage.lock().lock_table(table, mode, policy)? {
        Acquired::No => Err(table_lock_not_available(&relation.name)),
        Acquired::AtOnce | Acquired::AfterWaiting => Ok(()),
    }
}

fn cannot_lock(name: &str, objects: &str) -> PgError {
    PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot lock relation \"{name}\""))
        .with_detail(format!("This operation is not supported for {objects}."))
}

/// Locks a view and what it reads.
fn lock_below(
    session: &mut Session,
    relation: &Arc<Relation>,
    mode: TableLockMode,
    policy: WaitPolicy,
) -> Result<()> {
    if !matches!(relation.kind, RelationKind::View { .. }) {
        return Ok(());
    }
    let mut below: Vec<Oid> = relation.uses.iter().map(|used| used.oid).collect();
    below.sort_unstable();
    below.dedup();
    for oid in below {
        let Some(used) = session.open()?.catalog.relations.get(&oid).cloned() else { continue };
        session.lock_relation(mode, policy, &|session| {
            let found = session.open()?.catalog.relations.get(&oid).cloned();
            found.ok_or_else(|| PgError::internal("a view of nothing"))
        })?;
        lock_below(session, &used, mode, policy)?;
    }
    Ok(())
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
