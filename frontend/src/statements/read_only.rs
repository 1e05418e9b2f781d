//! Which statements a read-only transaction refuses (`ClassifyUtilityCommandAsReadOnly`), and what they are called
//! (`CreateCommandTag`).

use executor::plan::{LockStrength, NodeKind, Plan};
use pg_query::NodeEnum;
use pg_query::protobuf::{CmdType, ObjectType};
use storage::TableLockMode;
use types::{PgError, Result, SqlState};

use super::query::Planned;
use crate::catalog::{Persistence, Relation};
use crate::session::Session;

/// Refuses a plan that changes or locks rows of tables that are not temporary in a read-only transaction
/// (`ExecCheckXactReadOnly`).
///
/// # Errors
/// `25006`.
pub(crate) fn refuse_plan(session: &mut Session, planned: &Planned, node: &NodeEnum) -> Result<()> {
    let mut locks = planned.locks.iter().filter(|(_, mode)| *mode >= TableLockMode::RowShare).peekable();
    if locks.peek().is_none() || !is_read_only(session)? || is_idle(node) {
        return Ok(());
    }
    let catalog = &session.open()?.catalog;
    let temporary = |relation: &Relation| matches!(relation.persistence, Persistence::Temporary(_));
    let lasting = |table: u64| {
        let mut tables = catalog.relations.values().filter(|relation| relation.kind.is_stored());
        tables.any(|relation| relation.table_id().0 == table && !temporary(relation))
    };
    if !locks.any(|(table, _)| lasting(*table)) {
        return Ok(());
    }
    let command = match node {
        NodeEnum::SelectStmt(select) => {
            let below = || lock_below(&planned.plan).map(crate::analyzer::command_of);
            crate::analyzer::locking_command(select).or_else(below).unwrap_or("SELECT")
        }
        // The tag of INSERT has an oid behind it.
        _ => planned.tag.split(' ').next().unwrap_or_default(),
    };
    Err(refused(command))
}

/// Returns how a subquery locks rows.
fn lock_below(plan: &Plan) -> Option<LockStrength> {
    let mut found = None;
    for root in [&plan.root].into_iter().chain(&plan.shared).chain(&plan.subplans) {
        root.walk(&mut |node| {
            if let NodeKind::LockRows(rows) = &node.kind {
                found = found.or(rows.locks.first().map(|lock| lock.strength));
            }
        });
    }
    found
}

/// Says a MERGE has nothing to do.
fn is_idle(node: &NodeEnum) -> bool {
    let NodeEnum::MergeStmt(merge) = node else { return false };
    merge.merge_when_clauses.iter().all(|clause| match &clause.node {
        Some(NodeEnum::MergeWhenClause(clause)) => clause.command_type() == CmdType::CmdNothing,
        Some(_) | None => false,
    })
}

/// Says the transaction is one that only reads.
pub(super) fn is_read_only(session: &mut Session) -> Result<bool> {
    let view = session.view();
    Ok(if session.open()?.in_block() { view.read_only } else { view.default_read_only })
}

pub(super) fn refused(command: &str) -> PgError {
    PgError::new(
        SqlState::READ_ONLY_SQL_TRANSACTION,
        format!("cannot execute {command} in a read-only transaction"),
    )
}

/// Returns the name of a command that changes data or catalog. Plans are judged by what they do ([`refuse_plan`]).
pub(super) fn writes(node: &NodeEnum) -> Option<&'static str> {
    Some(match node {
        NodeEnum::SelectStmt(select) if crate::analyzer::into::into_of(select).is_some() => "SELECT INTO",
        NodeEnum::CreateStmt(_) => "CREATE TABLE",
        NodeEnum::CreateTableAsStmt(statement) => match statement.objtype() {
            ObjectType::ObjectMatview => "CREATE MATERIALIZED VIEW",
            _ => "CREATE TABLE AS",
        },
        NodeEnum::TruncateStmt(_) => "TRUNCATE TABLE",
        NodeEnum::CreateSchemaStmt(_) => "CREATE SCHEMA",
        NodeEnum::ViewStmt(_) => "CREATE VIEW",
        NodeEnum::IndexStmt(_) => "CREATE INDEX",
        NodeEnum::CreateSeqStmt(_) => "CREATE SEQUENCE",
        NodeEnum::AlterSeqStmt(_) => "ALTER SEQUENCE",
        NodeEnum::CreateStatsStmt(_) => "CREATE STATISTICS",
        NodeEnum::AlterStatsStmt(_) => "ALTER STATISTICS",
        NodeEnum::CommentStmt(_) => "COMMENT",
        NodeEnum::RefreshMatViewStmt(_) => "REFRESH MATERIALIZED VIEW",
        NodeEnum::DropStmt(statement) => drop_tag(statement.remove_type()),
        NodeEnum::RenameStmt(statement) => {
            // A column is renamed by an ALTER of its relation.
            let is_part =
                matches!(statement.rename_type(), ObjectType::ObjectColumn | ObjectType::ObjectAttribute);
            alter_tag(if is_part { statement.relation_type() } else { statement.rename_type() })
        }
        NodeEnum::AlterTableStmt(statement) => alter_tag(statement.objtype()),
        NodeEnum::AlterObjectSchemaStmt(statement) => alter_tag(statement.object_type()),
        NodeEnum::AlterOwnerStmt(statement) => alter_tag(statement.object_type()),
        _ => return None,
    })
}

fn drop_tag(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectView => "DROP VIEW",
        ObjectType::ObjectMatview => "DROP MATERIALIZED VIEW",
        ObjectType::ObjectSequence => "DROP SEQUENCE",
        ObjectType::ObjectIndex => "DROP INDEX",
        ObjectType::ObjectSchema => "DROP SCHEMA",
        ObjectType::ObjectStatisticExt => "DROP STATISTICS",
        ObjectType::ObjectType => "DROP TYPE",
        ObjectType::ObjectDomain => "DROP DOMAIN",
        ObjectType::ObjectFunction => "DROP FUNCTION",
        _ => "DROP TABLE",
    }
}

fn alter_tag(kind: ObjectType) -> &'static str {
    match kind {
        ObjectType::ObjectView => "ALTER VIEW",
        ObjectType::ObjectMatview => "ALTER MATERIALIZED VIEW",
        ObjectType::ObjectSequence => "ALTER SEQUENCE",
        ObjectType::ObjectIndex => "ALTER INDEX",
        ObjectType::ObjectSchema => "ALTER SCHEMA",
        ObjectType::ObjectStatisticExt => "ALTER STATISTICS",
        ObjectType::ObjectType => "ALTER TYPE",
        ObjectType::ObjectDomain => "ALTER DOMAIN",
        ObjectType::ObjectFunction => "ALTER FUNCTION",
        _ => "ALTER TABLE",
    }
}
