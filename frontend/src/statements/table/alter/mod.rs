//! ALTER TABLE and its relatives for views, sequences and indexes.
//!
//! Commands run in PostgreSQL's passes (drops first, then types, new columns, constraints, the rest), each on the table
//! as the one before left it.

mod attributes;
mod columns;
mod constraints;
mod identity;
mod settings;

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, AlterTableStmt, AlterTableType as Kind, ObjectType, RangeVar};
use storage::TableLockMode;
use types::{Oid, PgError, Result, SqlState};

use super::{find_index, index_named, lookup, resolve, shown_name};
use crate::catalog::{Relation, RelationKind};
use crate::session::Session;
use crate::session::catalog_claims::Wanted;
use crate::session::names::Found;

/// ALTER TABLE.
pub fn alter(session: &mut Session, statement: &AlterTableStmt) -> Result<String> {
    let Some(name) = &statement.relation else { return Err(PgError::internal("ALTER of nothing")) };
    let tag = match statement.objtype() {
        ObjectType::ObjectIndex => "ALTER INDEX",
        ObjectType::ObjectView => "ALTER VIEW",
        ObjectType::ObjectMatview => "ALTER MATERIALIZED VIEW",
        ObjectType::ObjectSequence => "ALTER SEQUENCE",
        ObjectType::ObjectType => "ALTER TYPE",
        ObjectType::ObjectForeignTable => return Err(PgError::not_supported("ALTER FOREIGN TABLE")),
        _ => "ALTER TABLE",
    };
    if index_named(session, name)?.is_some() || statement.objtype() == ObjectType::ObjectIndex {
        return alter_index(session, statement, name, tag);
    }
    if statement.missing_ok && lookup(session, name)?.is_none() {
        let message = format!("relation \"{}\" does not exist, skipping", shown_name(name));
        session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        return Ok(tag.to_owned());
    }
    let found = target(session, name, statement.objtype())?;
    let mut commands: Vec<&AlterTableCmd> = statement
        .cmds
        .iter()
        .filter_map(|node| match &node.node {
            Some(NodeEnum::AlterTableCmd(command)) => Some(command.as_ref()),
            Some(_) | None => None,
        })
        .collect();
    for command in &commands {
        check_kind(&found, command.subtype())?;
    }
    let mode =
        commands.iter().map(|command| lock_mode(command)).max().unwrap_or(TableLockMode::AccessExclusive);
    let find = |session: &Session| target(session, name, statement.objtype());
    let relation = session.lock_to_change(mode, &find)?;
    session.require_unused(&relation, "ALTER TABLE")?;
    commands.sort_by_key(|command| pass(command.subtype()));
    let mut retyped = commands.iter().filter(|command| command.subtype() == Kind::AtAlterColumnType);
    while let Some(command) = retyped.next() {
        if retyped.clone().any(|later| later.name == command.name) {
            let message = format!("cannot alter type of column \"{}\" twice", command.name);
            return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
    }
    for command in commands {
        run(session, relation.oid, command)?;
    }
    Ok(tag.to_owned())
}

/// Returns how a command locks its table (`AlterTableGetLockLevel`).
fn lock_mode(command: &AlterTableCmd) -> TableLockMode {
    match command.subtype() {
        Kind::AtSetStatistics
        | Kind::AtClusterOn
        | Kind::AtDropCluster
        | Kind::AtSetRelOptions
        | Kind::AtResetRelOptions
        | Kind::AtSetOptions
        | Kind::AtResetOptions
        | Kind::AtValidateConstraint => TableLockMode::ShareUpdateExclusive,
        Kind::AtAddConstraint if constraints::is_foreign(command) => TableLockMode::ShareRowExclusive,
        Kind::AtAlterConstraint => TableLockMode::ShareRowExclusive,
        _ => TableLockMode::AccessExclusive,
    }
}

/// Finds the relation that is altered; the statement's word must fit it.
fn target(session: &Session, name: &RangeVar, wanted: ObjectType) -> Result<Arc<Relation>> {
    if let Some(Found::System(relation)) = lookup(session, name)? {
        return Err(super::system_relation(&relation.name));
    }
    let relation = resolve(session, name)?;
    let wrong = |what: &str| {
        Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("\"{}\" is not a {what}", relation.name)))
    };
    match (wanted, &relation.kind) {
        (ObjectType::ObjectView, RelationKind::View { .. })
        | (ObjectType::ObjectMatview, RelationKind::Materialized { .. })
        | (ObjectType::ObjectSequence, RelationKind::Sequence(_))
        | (ObjectType::ObjectType, RelationKind::Composite) => Ok(relation),
        (ObjectType::ObjectView, _) => wrong("view"),
        (ObjectType::ObjectMatview, _) => wrong("materialized view"),
        (ObjectType::ObjectSequence, _) => wrong("sequence"),
        (ObjectType::ObjectType, _) => wrong("composite type"),
        (_, RelationKind::Composite) => {
            let message = format!("\"{}\" is a composite type", relation.name);
            Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message).with_hint("Use ALTER TYPE instead."))
        }
        (_, _) => Ok(relation),
    }
}

fn alter_index(
    session: &mut Session,
    statement: &AlterTableStmt,
    name: &RangeVar,
    tag: &str,
) -> Result<String> {
    if statement.missing_ok && lookup(session, name)?.is_none() && index_named(session, name)?.is_none() {
        let message = format!("relation \"{}\" does not exist, skipping", shown_name(name));
        session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        return Ok(tag.to_owned());
    }
    let (table, index) = loop {
        let (table, index) = find_index(session, name, "index")?;
        let mode = TableLockMode::ShareUpdateExclusive;
        if !session.lock_wanted(&[Wanted::change_index(&table, &index, mode)])? {
            break (table, index);
        }
    };
    for node in &statement.cmds {
        let Some(NodeEnum::AlterTableCmd(command)) = &node.node else { continue };
        match command.subtype() {
            Kind::AtSetRelOptions | Kind::AtResetRelOptions => {
                settings::index_options(session, &table, &index, command)?;
            }
            Kind::AtSetTableSpace => crate::analyzer::ddl::options::check_tablespace(&command.name)?,
            Kind::AtSetStatistics => attributes::index_statistics(session, &table, &index, command)?,
            Kind::AtChangeOwner => {}
            other => return Err(wrong_action(other, &index.name, "indexes")),
        }
    }
    Ok(tag.to_owned())
}

/// Returns the pass that a command runs in.
fn pass(kind: Kind) -> u8 {
    match kind {
        Kind::AtDropColumn | Kind::AtDropConstraint | Kind::AtDropNotNull | Kind::AtDropExpression => 0,
        Kind::AtDropIdentity => 0,
        Kind::AtAlterColumnType => 1,
        Kind::AtAddColumn => 2,
        Kind::AtSetExpression => 3,
        Kind::AtAddConstraint | Kind::AtSetNotNull => 4,
        Kind::AtColumnDefault | Kind::AtAddIdentity | Kind::AtSetIdentity => 5,
        Kind::AtAddIndex | Kind::AtAddIndexConstraint => 6,
        _ => 7,
    }
}

/// Returns what messages call an action.
fn action_name(kind: Kind) -> &'static str {
    match kind {
        Kind::AtAddColumn => "ADD COLUMN",
        Kind::AtColumnDefault => "ALTER COLUMN ... SET DEFAULT",
        Kind::AtAttachPartition => "ATTACH PARTITION",
        Kind::AtDetachPartition => "DETACH PARTITION",
        Kind::AtDropNotNull => "ALTER COLUMN ... DROP NOT NULL",
        Kind::AtSetNotNull => "ALTER COLUMN ... SET NOT NULL",
        Kind::AtSetExpression => "ALTER COLUMN ... SET EXPRESSION",
        Kind::AtDropExpression => "ALTER COLUMN ... DROP EXPRESSION",
        Kind::AtSetStatistics => "ALTER COLUMN ... SET STATISTICS",
        Kind::AtSetOptions => "ALTER COLUMN ... SET",
        Kind::AtResetOptions => "ALTER COLUMN ... RESET",
        Kind::AtSetStorage => "ALTER COLUMN ... SET STORAGE",
        Kind::AtSetCompression => "ALTER COLUMN ... SET COMPRESSION",
        Kind::AtDropColumn => "DROP COLUMN",
        Kind::AtAddConstraint => "ADD CONSTRAINT",
        Kind::AtAlterConstraint => "ALTER CONSTRAINT",
        Kind::AtValidateConstraint => "VALIDATE CONSTRAINT",
        Kind::AtDropConstraint => "DROP CONSTRAINT",
        Kind::AtAlterColumnType => "ALTER COLUMN ... SET DATA TYPE",
        Kind::AtClusterOn => "CLUSTER ON",
        Kind::AtSetLogged => "SET LOGGED",
        Kind::AtSetUnLogged => "SET UNLOGGED",
        Kind::AtAddIdentity => "ALTER COLUMN ... ADD IDENTITY",
        Kind::AtSetIdentity => "ALTER COLUMN ... SET",
        Kind::AtDropIdentity => "ALTER COLUMN ... DROP IDENTITY",
        Kind::AtEnableTrig | Kind::AtEnableTrigAll | Kind::AtEnableTrigUser => "ENABLE TRIGGER",
        Kind::AtDisableTrig | Kind::AtDisableTrigAll | Kind::AtDisableTrigUser => "DISABLE TRIGGER",
        Kind::AtEnableRowSecurity => "ENABLE ROW SECURITY",
        Kind::AtDisableRowSecurity => "DISABLE ROW SECURITY",
        Kind::AtReplicaIdentity => "REPLICA IDENTITY",
        Kind::AtAddInherit => "INHERIT",
        Kind::AtDropInherit => "NO INHERIT",
        _ => "ALTER TABLE",
    }
}

fn wrong_action(kind: Kind, name: &str, objects: &str) -> PgError {
    let message = format!("ALTER action {} cannot be performed on relation \"{name}\"", action_name(kind));
    PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
        .with_detail(format!("This operation is not supported for {objects}."))
}

/// Says a command fits a kind of relation.
fn check_kind(relation: &Relation, kind: Kind) -> Result<()> {
    let fits = match &relation.kind {
        RelationKind::Table => true,
        RelationKind::System => false,
        RelationKind::View { .. } => matches!(
            kind,
            Kind::AtColumnDefault
                | Kind::AtSetRelOptions
                | Kind::AtResetRelOptions
                | Kind::AtChangeOwner
                | Kind::AtAddColumnToView
        ),
        RelationKind::Materialized { .. } => matches!(
            kind,
            Kind::AtSetRelOptions
                | Kind::AtResetRelOptions
                | Kind::AtChangeOwner
                | Kind::AtSetStatistics
                | Kind::AtSetStorage
                | Kind::AtSetCompression
                | Kind::AtSetOptions
                | Kind::AtResetOptions
                | Kind::AtClusterOn
                | Kind::AtDropCluster
                | Kind::AtSetTableSpace
                | Kind::AtSetAccessMethod
        ),
        RelationKind::Sequence(_) => {
            matches!(kind, Kind::AtChangeOwner | Kind::AtSetLogged | Kind::AtSetUnLogged)
        }
        RelationKind::Composite => matches!(
            kind,
            Kind::AtAddColumn | Kind::AtDropColumn | Kind::AtAlterColumnType | Kind::AtChangeOwner
        ),
    };
    if fits { Ok(()) } else { Err(wrong_action(kind, &relation.name, &format!("{}s", relation.kind.noun()))) }
}

/// Returns the table as it is now.
fn current(session: &Session, oid: Oid) -> Result<Arc<Relation>> {
    let found = session.open()?.catalog.relations.get(&oid).cloned();
    found.ok_or_else(|| PgError::internal("the table that is altered is gone"))
}

/// Puts a changed relation into the catalog.
fn put(session: &mut Session, relation: Relation) -> Result<()> {
    session.change_catalog(|catalog| {
        catalog.put_relation(Arc::new(relation));
        Ok(())
    })
}

/// Returns the position of a column.
fn position(relation: &Relation, name: &str) -> Result<usize> {
    relation.column_position(name).ok_or_else(|| {
        if matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid") {
            return PgError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("cannot alter system column \"{name}\""),
            );
        }
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
        PgError::new(SqlState::UNDEFINED_COLUMN, message)
    })
}

fn run(session: &mut Session, oid: Oid, command: &AlterTableCmd) -> Result<()> {
    let table = current(session, oid)?;
    match command.subtype() {
        Kind::AtAddColumn => columns::add(session, &table, command),
        Kind::AtDropColumn => columns::drop(session, &table, command),
        Kind::AtColumnDefault => columns::default(session, &table, command),
        Kind::AtSetNotNull => columns::set_not_null(session, &table, command),
        Kind::AtDropNotNull => columns::drop_not_null(session, &table, command),
        Kind::AtAlterColumnType => columns::set_type(session, &table, command),
        Kind::AtSetExpression => columns::set_expression(session, &table, command),
        Kind::AtDropExpression => columns::drop_expression(session, &table, command),
        Kind::AtAddIdentity => identity::add_identity(session, &table, command),
        Kind::AtSetIdentity => identity::set_identity(session, &table, command),
        Kind::AtDropIdentity => identity::drop_identity(session, &table, command),
        Kind::AtAddConstraint => constraints::add(session, &table, command),
        Kind::AtDropConstraint => constraints::drop(session, &table, command),
        Kind::AtValidateConstraint => constraints::validate(session, &table, command),
        Kind::AtAlterConstraint => constraints::change(session, &table, command),
        _ => settings::set(session, &table, command),
    }
}
