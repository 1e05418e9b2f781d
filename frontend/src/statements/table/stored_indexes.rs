//! The indexes of a relation as the storage keeps them.

use storage::{IndexColumn, IndexDefinition, IndexId};

use crate::catalog::{Index, IndexKeySource, Relation};

/// Returns the indexes of a relation that the storage keeps: those over whole columns. A partial index is kept over all
/// rows, and not as unique; a deferrable constraint's index is not unique there either, because its keys may repeat for
/// a while.
pub fn of(relation: &Relation) -> Vec<IndexDefinition> {
    relation.indexes.iter().filter_map(|index| definition(relation, index)).collect()
}

/// Returns an index as the storage keeps it; `None` when it does not.
pub fn definition(relation: &Relation, index: &Index) -> Option<IndexDefinition> {
    if !matches!(index.method.as_str(), "btree" | "hash") {
        return None;
    }
    let columns = index.keys.iter().map(|key| match &key.source {
        IndexKeySource::Column(column) => Some(IndexColumn {
            column: *column,
            ty: relation.columns.get(*column)?.ty.oid,
            descending: key.descending,
            nulls_first: key.nulls_first,
        }),
        IndexKeySource::Expression { .. } => None,
    });
    let deferrable = relation
        .constraints
        .iter()
        .any(|constraint| constraint.oid == index.constraint && constraint.deferrable);
    Some(IndexDefinition {
        id: IndexId(u64::from(index.oid)),
        name: index.name.to_string(),
        columns: columns.collect::<Option<Vec<_>>>()?,
        unique: index.unique && !deferrable && index.predicate.is_none(),
        nulls_distinct: !index.nulls_not_distinct,
    })
}
