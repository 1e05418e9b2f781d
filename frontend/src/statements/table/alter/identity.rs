//! Identity of columns, and the sequences behind it.

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, Constraint as RawConstraint, Node};
use storage::TableLockMode;
use types::{PgError, Result, SqlState, oids};

use super::super::{put_sequences, with_context};
use super::columns::not_in_state;
use super::{current, position, put};
use crate::analyzer::base_type;
use crate::analyzer::ddl::Builder;
use crate::catalog::{Relation, RelationKind};
use crate::session::Session;

/// Locks the sequence of an identity column, which is going to change.
fn locked(session: &mut Session, sequence: types::Oid, mode: TableLockMode) -> Result<Arc<Relation>> {
    session.lock_to_change(mode, &|session| current(session, sequence))
}

/// Gives the sequence of an identity column the column's new type.
pub(super) fn retype_sequence(session: &mut Session, sequence: types::Oid, ty: types::Oid) -> Result<()> {
    let relation = locked(session, sequence, TableLockMode::ShareRowExclusive)?;
    let RelationKind::Sequence(old) = &relation.kind else { return Ok(()) };
    let bound = |ty: types::Oid| match ty {
        types::oids::INT2 => i64::from(i16::MAX),
        types::oids::INT4 => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    let mut changed = old.clone();
    if changed.increment > 0 && changed.max == bound(changed.ty) {
        changed.max = bound(ty);
    }
    changed.ty = ty;
    put(session, Relation { kind: RelationKind::Sequence(changed), ..Relation::clone(&relation) })
}

/// ADD GENERATED ... AS IDENTITY.
pub(super) fn add_identity(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    let column = &table.columns[at];
    let refuse = |what: &str| {
        Err(not_in_state(format!("column \"{}\" of relation \"{}\" {what}", column.name, table.name)))
    };
    if !matches!(base_type(column.ty.oid), oids::INT2 | oids::INT4 | oids::INT8) {
        let message = "identity column type must be smallint, integer, or bigint";
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if !column.not_null {
        return refuse("must be declared NOT NULL before identity can be added");
    }
    if column.identity.is_some() {
        return refuse("is already an identity column");
    }
    if column.default.is_some() {
        return refuse("already has a default value");
    }
    let raw: &RawConstraint = match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::Constraint(raw)) => raw,
        Some(_) | None => return Err(PgError::internal("an identity without options")),
    };
    let (changed, sequences) = with_context(session, |context, allocate| {
        let mut builder = Builder::new(Relation::clone(table), allocate, context);
        builder.identity(at, raw)?;
        Ok((builder.relation, builder.sequences))
    })?;
    put_sequences(session, sequences)?;
    put(session, changed)
}

/// SET GENERATED, SET and RESTART of an identity column.
pub(super) fn set_identity(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    let Some(mut identity) = table.columns[at].identity else {
        let message =
            format!("column \"{}\" of relation \"{}\" is not an identity column", command.name, table.name);
        return Err(not_in_state(message));
    };
    let Some(NodeEnum::List(list)) = command.def.as_ref().and_then(|def| def.node.as_ref()) else {
        return Ok(());
    };
    let mut options: Vec<Node> = Vec::new();
    for node in &list.items {
        match &node.node {
            Some(NodeEnum::DefElem(option)) if option.defname == "generated" => {
                if let Some(NodeEnum::Integer(kind)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
                    identity.always = kind.ival == i32::from(b'a');
                }
            }
            Some(_) => options.push(node.clone()),
            None => {}
        }
    }
    let mut changed = Relation::clone(table);
    changed.columns[at].identity = Some(identity);
    put(session, changed)?;
    if options.is_empty() {
        return Ok(());
    }
    let sequence = locked(session, identity.sequence, TableLockMode::ShareRowExclusive)?;
    let RelationKind::Sequence(old) = &sequence.kind else { return Ok(()) };
    let read = with_context(session, |context, _| {
        crate::analyzer::ddl::sequence::sequence_options(context, &options, Some(old), old.ty, true)
    })?;
    super::super::super::sequence::change(session, &sequence, old, read, None)
}

/// DROP IDENTITY.
pub(super) fn drop_identity(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    let Some(identity) = table.columns[at].identity else {
        let message =
            format!("column \"{}\" of relation \"{}\" is not an identity column", command.name, table.name);
        if command.missing_ok {
            session.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
            return Ok(());
        }
        return Err(not_in_state(message));
    };
    locked(session, identity.sequence, TableLockMode::AccessExclusive)?;
    let mut changed = Relation::clone(table);
    changed.columns[at].identity = None;
    session.change_catalog(|catalog| {
        catalog.relations.remove(&identity.sequence);
        catalog.put_relation(Arc::new(changed));
        Ok(())
    })
}
