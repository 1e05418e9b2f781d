//! The indexes that the storage keeps follow those of the catalog.

use std::sync::Arc;

use types::{PgError, Result};

use super::Open;
use crate::catalog::{Catalog, Relation};

/// Makes the storage keep the indexes that a changed catalog has, and no others.
pub(super) fn follow(open: &Open, catalog: &Catalog) -> Result<()> {
    for (oid, relation) in catalog.relations.iter() {
        let before = open.catalog.relations.get(oid);
        if !relation.kind.is_stored() || before.is_some_and(|before| Arc::ptr_eq(before, relation)) {
            continue;
        }
        let table = relation.table_id();
        let mut storage = open.storage.lock();
        let Ok((_, kept)) = storage.shape(table) else { continue };
        let wanted = crate::statements::stored_indexes(relation);
        let same = |one: &storage::IndexDefinition, other: &storage::IndexDefinition| {
            one.id == other.id && one.unique == other.unique && one.columns == other.columns
        };
        for gone in kept.iter().filter(|kept| !wanted.iter().any(|wanted| same(wanted, kept))) {
            storage.drop_index(table, gone.id)?;
        }
        for new in wanted.into_iter().filter(|wanted| !kept.iter().any(|kept| same(wanted, kept))) {
            storage.create_index(table, new).map_err(|error| not_built(error, relation, catalog))?;
        }
    }
    Ok(())
}

/// Returns the error of an index that could not be built.
fn not_built(error: storage::StorageError, relation: &Relation, catalog: &Catalog) -> PgError {
    let storage::StorageError::DuplicateKey { index, .. } = &error else { return error.into() };
    let message = format!("could not create unique index \"{index}\"");
    let mut error = PgError::from(error);
    let fields = error.fields_mut();
    fields.message = message;
    fields.schema = super::names::schema_name(catalog, relation.schema);
    fields.table = Some(relation.name.to_string());
    fields.detail = fields.detail.take().map(|detail| detail.replace(" already exists.", " is duplicated."));
    error
}
