//! nextval, currval, setval, lastval and what else asks sequences.

use std::sync::Arc;

use ecow::EcoString;
use executor::functions::{CallContext, FunctionEntry, row};
use storage::{Acquired, TableLockMode, WaitPolicy};
use types::{Datum, PgError, RecordValue, Result, SqlState, TypeRef, oids};

use super::{access, oid_at, text_at};
use crate::catalog::{Relation, RelationKind, Sequence};
use crate::session::access::Access;
use crate::session::sequences::Known;
use crate::session::settings::quote_identifier;

/// Sorted by `prosrc`.
pub(super) const TABLE: &[FunctionEntry] = &[
    row("currval_oid", currval),
    row("lastval", lastval),
    row("nextval_oid", nextval),
    row("pg_get_serial_sequence", serial_sequence),
    row("pg_sequence_last_value", last_value),
    row("pg_sequence_parameters", parameters),
    row("setval3_oid", setval),
    row("setval_oid", setval),
];

/// Finds a sequence.
fn find<'a>(access: &'a Access, args: &[Datum]) -> Result<(&'a Arc<Relation>, &'a Sequence)> {
    let oid = oid_at(args, 0);
    let Some(relation) = access.catalog.relations.get(&oid) else {
        let index = || super::super::definitions::index(&access.catalog, oid);
        if let Some(relation) = crate::catalog::builtin::builtin().relation(oid) {
            return Err(not_a_sequence(&relation.name, relation.kind.noun()));
        }
        if let Some(index) = index() {
            return Err(not_a_sequence(&index.index.name, "indexe"));
        }
        let message = format!("could not open relation with OID {oid}");
        return Err(PgError::new(SqlState::UNDEFINED_TABLE, message));
    };
    match &relation.kind {
        RelationKind::Sequence(sequence) => Ok((relation, sequence)),
        RelationKind::Table
        | RelationKind::System
        | RelationKind::View { .. }
        | RelationKind::Materialized { .. }
        | RelationKind::Composite => Err(not_a_sequence(&relation.name, relation.kind.noun())),
    }
}

/// Locks a sequence whose value is used until the end of the transaction, and returns it as it is then
/// (`lock_and_open_sequence`).
fn lock<'a>(
    access: &Access,
    relation: &'a Arc<Relation>,
    sequence: &'a Sequence,
) -> Result<std::borrow::Cow<'a, Sequence>> {
    let (table, mode) = (relation.table_id(), TableLockMode::RowExclusive);
    if access.storage().lock().lock_table(table, mode, WaitPolicy::Wait)? == Acquired::AtOnce {
        return Ok(std::borrow::Cow::Borrowed(sequence));
    }
    let newest = access.engine.catalog(&access.engine.store.newest_catalog_image())?;
    match newest.relations.get(&relation.oid).map(|relation| &relation.kind) {
        Some(RelationKind::Sequence(sequence)) => Ok(std::borrow::Cow::Owned(sequence.clone())),
        Some(_) | None => {
            Err(PgError::internal(format!("could not open relation with OID {}", relation.oid)))
        }
    }
}

/// Returns the error of `sequence_open`.
fn not_a_sequence(name: &str, noun: &str) -> PgError {
    PgError::new(SqlState::WRONG_OBJECT_TYPE, format!("cannot open relation \"{name}\""))
        .with_detail(format!("This operation is not supported for {noun}s."))
}

fn refuse_read_only(access: &Access, function: &str) -> Result<()> {
    if access.settings.lock().bool("transaction_read_only") {
        let message = format!("cannot execute {function}() in a read-only transaction");
        return Err(PgError::new(SqlState::READ_ONLY_SQL_TRANSACTION, message));
    }
    Ok(())
}

fn nextval(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let (relation, sequence) = find(access, args)?;
    if !matches!(relation.persistence, crate::catalog::Persistence::Temporary(_)) {
        refuse_read_only(access, "nextval")?;
    }
    let sequence = &*lock(access, relation, sequence)?;
    let mut session = access.sequences.lock();
    session.last_used = Some(relation.oid);
    if let Some(known) = session.known.get_mut(&relation.oid)
        && known.generation == sequence.generation
        && known.last != known.cached
    {
        known.last += known.increment;
        return Ok(Datum::I64(known.last));
    }
    let (first, last) = access.engine.sequences.next(&access.engine, sequence, &relation.name)?;
    let known =
        Known { generation: sequence.generation, last: first, cached: last, increment: sequence.increment };
    session.known.insert(relation.oid, known);
    Ok(Datum::I64(first))
}

fn currval(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let (relation, sequence) = find(access, args)?;
    lock(access, relation, sequence)?;
    match access.sequences.lock().known.get(&relation.oid) {
        Some(known) => Ok(Datum::I64(known.last)),
        None => Err(PgError::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("currval of sequence \"{}\" is not yet defined in this session", relation.name),
        )),
    }
}

fn parameters(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let (_, sequence) = find(access(context)?, args)?;
    let numbers = [
        ("start_value", sequence.start),
        ("minimum_value", sequence.min),
        ("maximum_value", sequence.max),
        ("increment", sequence.increment),
    ];
    let number = TypeRef::plain(oids::INT8);
    let mut columns: Vec<(EcoString, TypeRef)> =
        numbers.iter().map(|(name, _)| (EcoString::from(*name), number)).collect();
    let mut fields: Vec<Datum> = numbers.iter().map(|(_, value)| Datum::I64(*value)).collect();
    columns.push(("cycle_option".into(), TypeRef::plain(oids::BOOL)));
    fields.push(Datum::Bool(sequence.cycle));
    columns.push(("cache_size".into(), number));
    fields.push(Datum::I64(sequence.cache));
    columns.push(("data_type".into(), TypeRef::plain(oids::OID)));
    fields.push(Datum::I64(i64::from(sequence.ty)));
    let record = RecordValue { row_type: oids::RECORD, columns: columns.into(), fields };
    Ok(Datum::Record(std::sync::Arc::new(record)))
}

fn lastval(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let session = access.sequences.lock();
    let last = session
        .last_used
        .filter(|oid| access.catalog.relations.contains_key(oid))
        .and_then(|oid| session.known.get(&oid));
    last.map(|known| Datum::I64(known.last)).ok_or_else(|| {
        PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "lastval is not yet defined in this session")
    })
}

fn setval(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let (relation, sequence) = find(access, args)?;
    if !matches!(relation.persistence, crate::catalog::Persistence::Temporary(_)) {
        refuse_read_only(access, "setval")?;
    }
    let sequence = &*lock(access, relation, sequence)?;
    let Some(Datum::I64(value)) = args.get(1) else { return Ok(Datum::Null) };
    let called = !matches!(args.get(2), Some(Datum::Bool(false)));
    if !(sequence.min..=sequence.max).contains(value) {
        let message = format!(
            "setval: value {value} is out of bounds for sequence \"{}\" ({}..{})",
            relation.name, sequence.min, sequence.max
        );
        return Err(PgError::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    let mut session = access.sequences.lock();
    if called {
        let known = Known {
            generation: sequence.generation,
            last: *value,
            cached: *value,
            increment: sequence.increment,
        };
        session.known.insert(relation.oid, known);
    } else if let Some(known) = session.known.get_mut(&relation.oid) {
        known.cached = known.last;
    }
    access.engine.sequences.set(&access.engine, sequence, *value, called)?;
    Ok(Datum::I64(*value))
}

fn last_value(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let Ok((_, sequence)) = find(access, args) else { return Ok(Datum::Null) };
    let state = access.engine.sequences.peek(&access.engine, sequence)?;
    Ok(if state.called { Datum::I64(state.last) } else { Datum::Null })
}

fn serial_sequence(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let name = text_at(args, 0);
    let found = access.names.find_relation(name)?;
    let table = found.and_then(|oid| access.catalog.relations.get(&oid));
    let Some(table) = table else {
        return Err(PgError::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist")));
    };
    let column = text_at(args, 1);
    let Some(position) = table.column_position(column) else {
        return Err(PgError::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{column}\" of relation \"{}\" does not exist", table.name),
        ));
    };
    let owner = Some((table.oid, table.attnum(position)));
    let sequence = access.catalog.relations.values().find(
        |relation| matches!(&relation.kind, RelationKind::Sequence(sequence) if sequence.owner == owner),
    );
    Ok(sequence.map_or(Datum::Null, |sequence| {
        let schema = access.catalog.schema_name(sequence.schema).unwrap_or_default();
        Datum::text(format!("{}.{}", quote_identifier(schema), quote_identifier(&sequence.name)))
    }))
}
