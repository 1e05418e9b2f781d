//! CREATE SEQUENCE, ALTER SEQUENCE.

use std::sync::Arc;

use pg_query::protobuf::{AlterSeqStmt, CreateSeqStmt, RangeVar};
use storage::TableLockMode;
use types::{PgError, Result, SqlState, oids};

use super::table::{self, lookup, shown_name};
use crate::analyzer::ddl::sequence::{SequenceOptions, sequence_options, sequence_relation};
use crate::catalog::{Relation, RelationKind, Sequence};
use crate::session::Session;
use crate::session::names::Found;

/// CREATE SEQUENCE.
pub(super) fn create(session: &mut Session, statement: &CreateSeqStmt) -> Result<String> {
    let Some(name) = &statement.sequence else { return Err(PgError::internal("CREATE SEQUENCE of nothing")) };
    let tag = || Ok("CREATE SEQUENCE".to_owned());
    let Some(place) = table::place(session, name, None, statement.if_not_exists, false)? else {
        return tag();
    };
    let (oid, options) = table::with_context(session, |context, allocate| {
        let options = sequence_options(context, &statement.options, None, oids::INT8, false)?;
        Ok((allocate(), options))
    })?;
    let mut relation = sequence_relation(oid, &name.relname, place.schema, options.sequence.clone());
    relation.persistence = place.persistence;
    let owner = owner(session, &options, &relation)?.flatten();
    if let RelationKind::Sequence(sequence) = &mut relation.kind {
        sequence.generation = oid;
        sequence.owner = owner;
    }
    table::put_sequences(session, vec![relation])?;
    tag()
}

/// Finds what OWNED BY names; the outer `None` when it was not written.
fn owner(
    session: &mut Session,
    options: &SequenceOptions,
    relation: &Relation,
) -> Result<Option<Option<(types::Oid, i16)>>> {
    let Some(parts) = &options.owned_by else { return Ok(None) };
    let (table, column) = match parts.as_slice() {
        [none] if none == "none" => return Ok(Some(None)),
        [table, column] => (RangeVar { relname: table.clone(), ..RangeVar::default() }, column),
        [schema, table, column] => {
            (RangeVar { schemaname: schema.clone(), relname: table.clone(), ..RangeVar::default() }, column)
        }
        _ => {
            return Err(PgError::new(SqlState::SYNTAX_ERROR, "invalid OWNED BY option")
                .with_hint("Specify OWNED BY table.column or OWNED BY NONE."));
        }
    };
    table::lock_named(session, &table, TableLockMode::AccessShare)?;
    let table = table::resolve(session, &table)?;
    if !matches!(table.kind, RelationKind::Table | RelationKind::View { .. }) {
        let message = format!("sequence cannot be owned by relation \"{}\"", table.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
            .with_detail(format!("This operation is not supported for {}s.", table.kind.noun())));
    }
    if table.schema != relation.schema {
        let message = "sequence must be in same schema as table it is linked to";
        return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    let position = table.column_position(column).ok_or_else(|| {
        let message = format!("column \"{column}\" of relation \"{}\" does not exist", table.name);
        PgError::new(SqlState::UNDEFINED_COLUMN, message)
    })?;
    Ok(Some(Some((table.oid, table.attnum(position)))))
}

/// ALTER SEQUENCE.
pub(super) fn alter(session: &mut Session, statement: &AlterSeqStmt) -> Result<String> {
    let Some(name) = &statement.sequence else { return Err(PgError::internal("ALTER SEQUENCE of nothing")) };
    table::lock_changed(session, name, TableLockMode::ShareRowExclusive)?;
    let tag = || Ok("ALTER SEQUENCE".to_owned());
    let cannot_open = |name: &str, objects: &str| {
        PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{name}\""))
            .with_detail(format!("This operation is not supported for {objects}."))
    };
    if let Some((_, index)) = table::index_named(session, name)? {
        return Err(cannot_open(&index.name, "indexes"));
    }
    let relation = match lookup(session, name)? {
        Some(Found::User(relation)) => relation,
        None if statement.missing_ok => {
            let message = format!("relation \"{}\" does not exist, skipping", shown_name(name));
            session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return tag();
        }
        _ => table::resolve(session, name)?,
    };
    let RelationKind::Sequence(old) = &relation.kind else {
        return Err(cannot_open(&relation.name, &format!("{}s", relation.kind.noun())));
    };
    let options = table::with_context(session, |context, _| {
        sequence_options(context, &statement.options, Some(old), old.ty, old.identity)
    })?;
    let owner = owner(session, &options, &relation)?;
    if owner.is_some() && old.identity {
        let message = "cannot change ownership of identity sequence";
        let refusal = PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message);
        let table = old.owner.and_then(|(table, _)| session.open().ok()?.catalog.relation(table).cloned());
        return Err(match table {
            Some(table) => refusal.with_detail(format!(
                "Sequence \"{}\" is linked to table \"{}\".",
                relation.name, table.name
            )),
            None => refusal,
        });
    }
    change(session, &relation, old, options, owner)?;
    tag()
}

/// Puts the changed parameters of a sequence in place.
pub(super) fn change(
    session: &mut Session,
    relation: &Arc<Relation>,
    old: &Sequence,
    options: SequenceOptions,
    owner: Option<Option<(types::Oid, i16)>>,
) -> Result<()> {
    let mut sequence = options.sequence;
    if let Some(owner) = owner {
        sequence.owner = owner;
    }
    if options.changed {
        let state = session.engine.sequences.peek(&session.engine, old)?;
        if !options.restarted {
            sequence.initial = (state.last, state.called);
            let invalid = |message: String| Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
            if state.last < sequence.min {
                return invalid(format!(
                    "RESTART value ({}) cannot be less than MINVALUE ({})",
                    state.last, sequence.min
                ));
            }
            if state.last > sequence.max {
                return invalid(format!(
                    "RESTART value ({}) cannot be greater than MAXVALUE ({})",
                    state.last, sequence.max
                ));
            }
        }
        sequence.generation = session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?;
    }
    let changed = Relation { kind: RelationKind::Sequence(sequence), ..Relation::clone(relation) };
    if options.changed {
        table::put_sequences(session, vec![changed])
    } else {
        session.change_catalog(|catalog| {
            catalog.put_relation(Arc::new(changed));
            Ok(())
        })
    }
}
