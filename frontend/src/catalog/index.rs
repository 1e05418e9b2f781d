//! Indexes of relations.

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Oid, TypeRef};

/// An index.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Index {
    /// `pg_class.oid`.
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// btree, hash, gin, gist, brin, spgist.
    pub method: EcoString,
    /// UNIQUE.
    pub unique: bool,
    /// PRIMARY KEY.
    pub primary: bool,
    /// NULLS NOT DISTINCT.
    pub nulls_not_distinct: bool,
    /// `pg_constraint.oid` of the constraint it serves, 0 for none.
    pub constraint: Oid,
    /// Key columns and expressions in order.
    pub keys: Vec<IndexKey>,
    /// The operator of each key, `pg_operator.oid`, for an exclusion constraint (and a key WITHOUT OVERLAPS).
    pub exclusion: Vec<Oid>,
    /// INCLUDE columns, as positions.
    pub include: Vec<usize>,
    /// WHERE, as SQL text.
    pub predicate: Option<EcoString>,
    /// Columns that expressions and the predicate use, as positions.
    pub expression_columns: Vec<usize>,
    /// `pg_class.reloptions`.
    pub options: Vec<EcoString>,
    /// Statistics targets of its columns, by position; those after the last are not set.
    pub statistics: Vec<Option<i16>>,
    /// Whether CLUSTER last used it (`pg_index.indisclustered`).
    pub clustered: bool,
}

/// A key of an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IndexKey {
    /// What is indexed.
    pub source: IndexKeySource,
    /// `pg_opclass.oid`.
    pub class: Oid,
    /// Whether the class is the type's default one.
    pub default_class: bool,
    /// Collation, 0 for none.
    pub collation: Oid,
    /// DESC
    pub descending: bool,
    /// NULLS FIRST
    pub nulls_first: bool,
}

/// What a key of an index is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum IndexKeySource {
    /// A column, as a position.
    Column(usize),
    /// An expression over the table's columns.
    Expression {
        /// SQL text.
        definition: EcoString,
        /// Name of the index's column.
        name: EcoString,
        /// Its type.
        ty: TypeRef,
    },
}

/// Returns the name of an index's column: a number is added to one that an earlier column has.
pub fn unique_index_column(name: &str, is_taken: impl Fn(&str) -> bool) -> EcoString {
    if !is_taken(name) {
        return name.into();
    }
    let mut number: u32 = 1;
    loop {
        let candidate = ecow::eco_format!("{name}{number}");
        if !is_taken(&candidate) {
            return candidate;
        }
        number += 1;
    }
}

impl Index {
    /// Returns whether it serves a key WITHOUT OVERLAPS.
    pub fn is_period(&self) -> bool {
        self.unique && !self.exclusion.is_empty()
    }
    /// Returns whether it keeps keys apart by themselves.
    pub fn is_plainly_unique(&self) -> bool {
        self.unique && self.exclusion.is_empty()
    }
    /// Returns the positions of all columns that the index depends on.
    pub fn columns_used(&self) -> Vec<usize> {
        let keys = self.keys.iter().filter_map(|key| match &key.source {
            IndexKeySource::Column(position) => Some(*position),
            IndexKeySource::Expression { .. } => None,
        });
        keys.chain(self.include.iter().copied()).chain(self.expression_columns.iter().copied()).collect()
    }
    /// Returns the positions of its key columns when all keys are columns.
    pub fn key_columns(&self) -> Option<Vec<usize>> {
        self.keys
            .iter()
            .map(|key| match &key.source {
                IndexKeySource::Column(position) => Some(*position),
                IndexKeySource::Expression { .. } => None,
            })
            .collect()
    }
}
