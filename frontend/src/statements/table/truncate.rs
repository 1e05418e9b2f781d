//! TRUNCATE.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{DropBehavior, TruncateStmt};
use storage::{TableLockMode, WaitPolicy};
use types::{PgError, Result, SqlState};

use super::{require_table, resolve};
use crate::catalog::{Relation, RelationKind};
use crate::session::Session;

/// TRUNCATE.
pub fn truncate(session: &mut Session, statement: &TruncateStmt) -> Result<String> {
    let mut tables: Vec<Arc<Relation>> = Vec::new();
    for name in &statement.relations {
        let Some(NodeEnum::RangeVar(name)) = &name.node else { continue };
        let relation =
            session.lock_relation(TableLockMode::AccessExclusive, WaitPolicy::Wait, &|session| {
                let relation = resolve(session, name)?;
                require_table(&relation)?;
                Ok(relation)
            })?;
        session.require_unused(&relation, "TRUNCATE")?;
        add(&mut tables, relation);
    }
    let cascade = statement.behavior == DropBehavior::DropCascade as i32;
    let mut next = 0;
    while let Some(table) = tables.get(next).cloned() {
        for child in referencing(session, &table)? {
            if tables.iter().any(|known| known.oid == child.oid) {
                continue;
            }
            if !cascade {
                return Err(referenced(&table, &child));
            }
            session.lock_tables(std::slice::from_ref(&child), TableLockMode::AccessExclusive)?;
            session.notice(
                SqlState::SUCCESSFUL_COMPLETION,
                format!("truncate cascades to table \"{}\"", child.name),
            );
            session.require_unused(&child, "TRUNCATE")?;
            add(&mut tables, child);
        }
        next += 1;
    }
    for table in &tables {
        session.open()?.storage.lock().truncate(table.table_id())?;
        if statement.restart_seqs {
            restart_sequences(session, table)?;
        }
    }
    Ok("TRUNCATE TABLE".to_owned())
}

fn add(tables: &mut Vec<Arc<Relation>>, table: Arc<Relation>) {
    if tables.iter().all(|known| known.oid != table.oid) {
        tables.push(table);
    }
}

/// Returns the tables with foreign keys to `table`.
fn referencing(session: &Session, table: &Relation) -> Result<Vec<Arc<Relation>>> {
    let catalog = &session.open()?.catalog;
    let refers = |child: &&Arc<Relation>| child.foreign_keys().any(|(_, key)| key.table == table.oid);
    Ok(catalog.relations.values().filter(refers).cloned().collect())
}

fn referenced(table: &Relation, child: &Relation) -> PgError {
    PgError::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "cannot truncate a table referenced in a foreign key constraint",
    )
    .with_detail(format!("Table \"{}\" references \"{}\".", child.name, table.name))
    .with_hint(format!("Truncate table \"{}\" at the same time, or use TRUNCATE ... CASCADE.", child.name))
}

/// RESTART IDENTITY: the sequences of the table's columns begin anew.
fn restart_sequences(session: &mut Session, table: &Relation) -> Result<()> {
    let catalog = Arc::clone(&session.open()?.catalog);
    let mut restarted = Vec::new();
    for relation in catalog.relations.values() {
        let RelationKind::Sequence(sequence) = &relation.kind else { continue };
        if sequence.owner.is_none_or(|(owner, _)| owner != table.oid) {
            continue;
        }
        let mut sequence = sequence.clone();
        sequence.initial = (sequence.start, false);
        sequence.generation = session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?;
        restarted.push(Relation { kind: RelationKind::Sequence(sequence), ..Relation::clone(relation) });
    }
    super::put_sequences(session, restarted)
}
