//! The rows of `pg_sequence`, `pg_sequences` and `pg_matviews`.

use types::{Datum, Result};

use super::layout::{Maker, oid};
use crate::catalog::{Relation, RelationKind, Sequence};
use crate::session::USER;
use crate::session::access::Access;

fn sequences(access: &Access) -> impl Iterator<Item = (&Relation, &Sequence)> {
    access.catalog.relations.values().filter_map(|relation| match &relation.kind {
        RelationKind::Sequence(sequence) => Some((relation.as_ref(), sequence)),
        RelationKind::Table
        | RelationKind::System
        | RelationKind::View { .. }
        | RelationKind::Materialized { .. }
        | RelationKind::Composite => None,
    })
}

/// Adds the rows of `pg_sequence`.
pub fn rows(access: &Access, maker: &mut Maker<'_>) {
    for (relation, sequence) in sequences(access) {
        maker.add(&[
            ("seqrelid", oid(relation.oid)),
            ("seqtypid", oid(sequence.ty)),
            ("seqstart", Datum::I64(sequence.start)),
            ("seqincrement", Datum::I64(sequence.increment)),
            ("seqmax", Datum::I64(sequence.max)),
            ("seqmin", Datum::I64(sequence.min)),
            ("seqcache", Datum::I64(sequence.cache)),
            ("seqcycle", Datum::Bool(sequence.cycle)),
        ]);
    }
}

/// Adds the rows of `pg_sequences`.
///
/// # Errors
/// Those of the storage.
pub fn list(access: &Access, maker: &mut Maker<'_>) -> Result<()> {
    for (relation, sequence) in sequences(access) {
        let state = access.engine.sequences.peek(&access.engine, sequence)?;
        let schema = access.catalog.schema_name(relation.schema).unwrap_or_default();
        maker.add(&[
            ("schemaname", Datum::text(schema)),
            ("sequencename", Datum::text(relation.name.as_str())),
            ("sequenceowner", Datum::text(USER)),
            ("data_type", oid(sequence.ty)),
            ("start_value", Datum::I64(sequence.start)),
            ("min_value", Datum::I64(sequence.min)),
            ("max_value", Datum::I64(sequence.max)),
            ("increment_by", Datum::I64(sequence.increment)),
            ("cycle", Datum::Bool(sequence.cycle)),
            ("cache_size", Datum::I64(sequence.cache)),
            ("last_value", if state.called { Datum::I64(state.last) } else { Datum::Null }),
        ]);
    }
    Ok(())
}

/// Adds the rows of `pg_matviews`.
pub fn materialized(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        if let RelationKind::Materialized { definition, populated } = &relation.kind {
            let schema = access.catalog.schema_name(relation.schema).unwrap_or_default();
            maker.add(&[
                ("schemaname", Datum::text(schema)),
                ("matviewname", Datum::text(relation.name.as_str())),
                ("matviewowner", Datum::text(USER)),
                ("hasindexes", Datum::Bool(!relation.indexes.is_empty())),
                ("ispopulated", Datum::Bool(*populated)),
                ("definition", Datum::text(format!("{definition};"))),
            ]);
        }
    }
}
