//! What a transaction has changed in the catalog, and how that comes onto what others have committed meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use types::{Oid, PgError, Result, SqlState};

use super::{Catalog, ObjectRef, Relation};

/// The entries that a transaction has made, changed or removed.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    schemas: BTreeSet<Oid>,
    relations: BTreeSet<Oid>,
    schema_facts: BTreeSet<Oid>,
    types: BTreeSet<Oid>,
    functions: BTreeSet<Oid>,
    roles: BTreeSet<Oid>,
    comments: BTreeSet<ObjectRef>,
    memberships: bool,
}

/// Adds the keys whose values differ.
fn differing<K: Ord + Copy, V>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    same: impl Fn(&V, &V) -> bool,
    found: &mut BTreeSet<K>,
) {
    let changed =
        |(key, value): (&K, &V)| before.get(key).is_none_or(|other| !same(value, other)).then_some(*key);
    found.extend(after.iter().filter_map(changed));
    found.extend(before.keys().filter(|key| !after.contains_key(key)));
}

/// Puts the entries of `keys` in `own` in the place of those of `newest`.
fn merge<K: Ord + Copy, V: Clone>(newest: &mut BTreeMap<K, V>, own: &BTreeMap<K, V>, keys: &BTreeSet<K>) {
    for key in keys {
        match own.get(key) {
            Some(value) => newest.insert(*key, value.clone()),
            None => newest.remove(key),
        };
    }
}

impl Delta {
    /// Adds what differs between two states of a transaction's catalog.
    pub fn note(&mut self, before: &Catalog, after: &Catalog) {
        differing(&before.schemas, &after.schemas, PartialEq::eq, &mut self.schemas);
        differing(&before.relations, &after.relations, Arc::ptr_eq, &mut self.relations);
        differing(&before.schema_facts, &after.schema_facts, PartialEq::eq, &mut self.schema_facts);
        differing(&before.types, &after.types, Arc::ptr_eq, &mut self.types);
        differing(&before.functions, &after.functions, Arc::ptr_eq, &mut self.functions);
        differing(&before.roles, &after.roles, Arc::ptr_eq, &mut self.roles);
        differing(&before.comments, &after.comments, PartialEq::eq, &mut self.comments);
        self.memberships |= before.memberships != after.memberships;
    }

    /// Returns whether only relations were changed, all of which `is_own` accepts, and schemas named so.
    pub fn is_within(&self, is_own: impl Fn(Oid) -> bool) -> bool {
        let nothing = [&self.schema_facts, &self.types, &self.functions, &self.roles];
        nothing.iter().all(|keys| keys.is_empty())
            && !self.memberships
            && self.relations.iter().chain(&self.schemas).all(|oid| is_own(*oid))
    }

    /// Returns the changed relations.
    pub fn relations(&self) -> impl Iterator<Item = Oid> + '_ {
        self.relations.iter().copied()
    }

    /// Returns the newest catalog with the changes that make `own` of an older one.
    ///
    /// # Errors
    /// `23505` when a relation of another transaction has the name of an own one, `3F000` when the schema of one is gone.
    pub fn onto(&self, own: &Catalog, newest: &Catalog) -> Result<Catalog> {
        let mut merged = newest.clone();
        let is_new = |oid: &&Oid| !newest.relations.contains_key(oid);
        for relation in self.relations.iter().filter(is_new).filter_map(|oid| own.relations.get(oid)) {
            self.require_free(newest, relation)?;
        }
        merge(&mut merged.schemas, &own.schemas, &self.schemas);
        merge(&mut merged.relations, &own.relations, &self.relations);
        merge(&mut merged.schema_facts, &own.schema_facts, &self.schema_facts);
        merge(&mut merged.types, &own.types, &self.types);
        merge(&mut merged.functions, &own.functions, &self.functions);
        merge(&mut merged.roles, &own.roles, &self.roles);
        merge(&mut merged.comments, &own.comments, &self.comments);
        if self.memberships {
            merged.memberships.clone_from(&own.memberships);
        }
        merged.next_oid = merged.next_oid.max(own.next_oid);
        merged.version = merged.version.max(own.version) + 1;
        Ok(merged)
    }

    /// Fails when a new relation cannot be among those of the newest catalog.
    fn require_free(&self, newest: &Catalog, relation: &Relation) -> Result<()> {
        if !newest.schemas.contains_key(&relation.schema) && !self.schemas.contains(&relation.schema) {
            let message = format!("schema with OID {} does not exist", relation.schema);
            return Err(PgError::new(SqlState::INVALID_SCHEMA_NAME, message));
        }
        let indexes = relation.indexes.iter().map(|index| &index.name);
        for name in indexes.chain([&relation.name]) {
            let mut others = newest.relations.iter().filter(|(oid, _)| !self.relations.contains(oid));
            let has_name = |other: &Relation| {
                other.schema == relation.schema
                    && (other.name == *name || other.indexes.iter().any(|index| index.name == *name))
            };
            if others.any(|(_, other)| has_name(other)) {
                return Err(name_taken(name, relation.schema, false));
            }
        }
        Ok(())
    }
}

/// Returns the error of a relation whose name another transaction has taken first; `types`: both have a row type.
pub fn name_taken(name: &str, schema: Oid, types: bool) -> PgError {
    let (table, index, column) = match types {
        true => ("pg_type", "pg_type_typname_nsp_index", "typ"),
        false => ("pg_class", "pg_class_relname_nsp_index", "rel"),
    };
    let message = format!("duplicate key value violates unique constraint \"{index}\"");
    let mut error = PgError::new(SqlState::UNIQUE_VIOLATION, message)
        .with_detail(format!("Key ({column}name, {column}namespace)=({name}, {schema}) already exists."));
    let fields = error.fields_mut();
    fields.schema = Some("pg_catalog".to_owned());
    fields.table = Some(table.to_owned());
    fields.constraint = Some(index.to_owned());
    error
}
