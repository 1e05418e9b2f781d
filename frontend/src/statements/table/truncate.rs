//! TRUNCATE.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{DropBehavior, TruncateStmt};
use storage::{TableLockMode, WaitPolicy};
use types::{PgError, Result, SqlState};

use super::{require_table, resolve};
use crate::catalog::{Relation, RelationKind};
use crate::session::Session;
use crate::session::catalog_claims::Wanted;

/// TRUNCATE.
pub fn truncate(session: &mut Session, statement: &TruncateStmt) -> Result<String> {
    let cascade = statement.behavior == DropBehavior::DropCascade as i32;
    let (tables, named) = loop {
        let (tables, named) = collect(session, statement, cascade)?;
        if !session.lock_tables(&tables, TableLockMode::AccessExclusive)? {
            break (tables, named);
        }
    };
    for child in &tables[named..] {
        session.notice(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("truncate cascades to table \"{}\"", child.name),
        );
    }
    for child in &tables[named..] {
        session.require_unused(child, "TRUNCATE")?;
    }
    for table in &tables {
        session.open()?.storage.lock().truncate(table.table_id())?;
        if statement.restart_seqs {
            restart_sequences(session, table)?;
        }
    }
    Ok("TRUNCATE TABLE".to_owned())
}

/// Returns the tables that are named, each locked, how many they are, and those that they take along.
fn collect(
    session: &mut Session,
    statement: &TruncateStmt,
    cascade: bool,
) -> Result<(Vec<Arc<Relation>>, usize)> {
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
    let named = tables.len();
    let mut next = 0;
    while let Some(table) = tables.get(next).cloned() {
        for child in referencing(session, &table)? {
            if tables.iter().any(|known| known.oid == child.oid) {
                continue;
            }
            if !cascade {
                return Err(referenced(&table, &child));
            }
            add(&mut tables, child);
        }
        next += 1;
    }
    Ok((tables, named))
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
    let owned = |session: &Session| -> Result<Vec<Arc<Relation>>> {
        let of_table = |relation: &&Arc<Relation>| match &relation.kind {
            RelationKind::Sequence(sequence) => sequence.owner.is_some_and(|(owner, _)| owner == table.oid),
            RelationKind::Table
            | RelationKind::System
            | RelationKind::View { .. }
            | RelationKind::Materialized { .. }
            | RelationKind::Composite => false,
        };
        Ok(session.open()?.catalog.relations.values().filter(of_table).cloned().collect())
    };
    loop {
        let wanted: Vec<Wanted> = owned(session)?
            .iter()
            .map(|sequence| Wanted::change(sequence, TableLockMode::AccessExclusive))
            .collect();
        if !session.lock_wanted(&wanted)? {
            break;
        }
    }
    let mut restarted = Vec::new();
    for relation in &owned(session)? {
        let RelationKind::Sequence(sequence) = &relation.kind else { continue };
        let mut sequence = sequence.clone();
        sequence.initial = (sequence.start, false);
        sequence.generation = session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?;
        restarted.push(Relation { kind: RelationKind::Sequence(sequence), ..Relation::clone(relation) });
    }
    super::put_sequences(session, restarted)
}
