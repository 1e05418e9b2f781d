//! What a transaction has changed in the catalog, and how that comes onto what others have committed meanwhile.
//!
//! For each entry that it has changed, a delta knows what was there before. Nobody else changes such an entry as long as
//! the transaction is open; whoever finds that somebody has refuses to go on, so that no change is ever lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Oid, PgError, Result, SqlState};

use super::dependency::classes;
use super::{Catalog, ConstraintKind, ObjectRef, Relation, RelationKind};

/// The entries that a transaction has made, changed or removed. Of relations and schemas, what was there before.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Delta {
    schemas: BTreeMap<Oid, Option<EcoString>>,
    relations: BTreeMap<Oid, Option<Arc<Relation>>>,
    schema_facts: BTreeSet<Oid>,
    types: BTreeSet<Oid>,
    functions: BTreeSet<Oid>,
    roles: BTreeSet<Oid>,
    statistics: BTreeSet<Oid>,
    comments: BTreeSet<ObjectRef>,
    memberships: bool,
}

/// A name that is to be unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Of a relation or an index in a schema.
    Relation(Oid, EcoString),
    /// Of a schema.
    Schema(EcoString),
}

/// Returns the keys whose values differ.
fn differing<K: Ord + Copy, V>(
    before: &BTreeMap<K, V>,
    after: &BTreeMap<K, V>,
    same: impl Fn(&V, &V) -> bool,
) -> impl Iterator<Item = K> {
    let changed =
        |(key, value): (&K, &V)| before.get(key).is_none_or(|other| !same(value, other)).then_some(*key);
    let mut found: Vec<K> = after.iter().filter_map(changed).collect();
    found.extend(before.keys().filter(|key| !after.contains_key(key)));
    found.into_iter()
}

/// Puts the entries of `keys` in `own` in the place of those of `newest`.
fn merge<'a, K: Ord + Copy + 'a, V: Clone>(
    newest: &mut BTreeMap<K, V>,
    own: &BTreeMap<K, V>,
    keys: impl IntoIterator<Item = &'a K>,
) {
    for key in keys {
        match own.get(key) {
            Some(value) => newest.insert(*key, value.clone()),
            None => newest.remove(key),
        };
    }
}

/// Returns the names of a relation and its indexes.
fn names(relation: &Relation) -> impl Iterator<Item = &EcoString> {
    [&relation.name].into_iter().chain(relation.indexes.iter().map(|index| &index.name))
}

/// Returns the names of a relation of the newest catalog that are not those of this transaction, to which it was `before`
/// if it has changed it.
fn others_names<'a>(
    before: Option<&'a Option<Arc<Relation>>>,
    now: &'a Relation,
) -> impl Iterator<Item = &'a EcoString> {
    let is_own = move |name: &&EcoString| match before {
        None => false,
        Some(None) => true,
        Some(Some(before)) => names(before).any(|known| known == *name),
    };
    names(now).filter(move |name| !is_own(name))
}

/// Returns whether two entries that were read from different images are the same.
fn same_relation(one: &Arc<Relation>, other: &Arc<Relation>) -> bool {
    Arc::ptr_eq(one, other)
        || matches!(
            (postcard::to_stdvec(&**one), postcard::to_stdvec(&**other)),
            (Ok(one), Ok(other)) if one == other
        )
}

/// Returns whether indexes are all that a relation has got.
fn only_adds(before: &Arc<Relation>, after: &Relation) -> bool {
    let mut rest = after.clone();
    rest.indexes.retain(|index| before.index(index.oid).is_some());
    same_relation(before, &Arc::new(rest))
}

/// Returns a relation with the indexes that `own` has and `before` has not.
fn with_added(now: &Relation, before: &Relation, own: &Relation) -> Relation {
    let mut merged = now.clone();
    let is_new = |oid: Oid| before.index(oid).is_none() && now.index(oid).is_none();
    merged.indexes.extend(own.indexes.iter().filter(|index| is_new(index.oid)).cloned());
    merged.indexes.sort_by_key(|index| index.oid);
    merged
}

impl Delta {
    /// Returns what differs between two states of a transaction's catalog.
    pub fn between(before: &Catalog, after: &Catalog) -> Self {
        let with_old = |oid: Oid| (oid, before.relations.get(&oid).cloned());
        let with_name = |oid: Oid| (oid, before.schemas.get(&oid).cloned());
        Self {
            schemas: differing(&before.schemas, &after.schemas, PartialEq::eq).map(with_name).collect(),
            relations: differing(&before.relations, &after.relations, Arc::ptr_eq).map(with_old).collect(),
            schema_facts: differing(&before.schema_facts, &after.schema_facts, PartialEq::eq).collect(),
            types: differing(&before.types, &after.types, Arc::ptr_eq).collect(),
            functions: differing(&before.functions, &after.functions, Arc::ptr_eq).collect(),
            roles: differing(&before.roles, &after.roles, Arc::ptr_eq).collect(),
            statistics: differing(&before.statistics, &after.statistics, Arc::ptr_eq).collect(),
            comments: differing(&before.comments, &after.comments, PartialEq::eq).collect(),
            memberships: before.memberships != after.memberships,
        }
    }

    /// Adds what was changed after this.
    pub fn absorb(&mut self, later: Self) {
        for (oid, before) in later.schemas {
            self.schemas.entry(oid).or_insert(before);
        }
        for (oid, before) in later.relations {
            self.relations.entry(oid).or_insert(before);
        }
        self.schema_facts.extend(later.schema_facts);
        self.types.extend(later.types);
        self.functions.extend(later.functions);
        self.roles.extend(later.roles);
        self.statistics.extend(later.statistics);
        self.comments.extend(later.comments);
        self.memberships |= later.memberships;
    }

    /// Returns the changed relations.
    pub fn relations(&self) -> impl Iterator<Item = Oid> + '_ {
        self.relations.keys().copied()
    }

    /// Returns the entries of others, by class and oid, that this changes and `known` does not.
    ///
    /// True stands with those to which it only adds.
    pub fn entries(&self, known: &Self, after: &Catalog) -> Vec<((Oid, Oid), bool)> {
        let schemas =
            self.schemas.iter().filter(|(oid, before)| before.is_some() && !known.schemas.contains_key(oid));
        let facts = self.schema_facts.iter().filter(|oid| {
            !known.schema_facts.contains(oid) && self.schemas.get(oid).or(known.schemas.get(oid)).is_none()
        });
        let schemas = schemas.map(|(oid, _)| oid).chain(facts).map(|oid| ((classes::SCHEMA, *oid), false));
        let relations = self.relations.iter().filter(|(oid, _)| !known.relations.contains_key(oid));
        let relations = relations.filter_map(|(oid, before)| {
            let before = before.as_ref()?;
            let adds = after.relations.get(oid).is_some_and(|after| only_adds(before, after));
            Some(((classes::RELATION, *oid), adds))
        });
        schemas.chain(relations).collect()
    }

    /// Returns the entries of others, by class and oid, that this changes.
    pub fn held_entries(&self) -> Vec<(Oid, Oid)> {
        let schemas = self.schemas.iter().filter(|(_, before)| before.is_some());
        let relations = self.relations.iter().filter(|(_, before)| before.is_some());
        let schemas = schemas.map(|(oid, _)| (classes::SCHEMA, *oid));
        schemas.chain(relations.map(|(oid, _)| (classes::RELATION, *oid))).collect()
    }

    /// Returns the names that `after` has and what was there before had not.
    pub fn new_names(&self, after: &Catalog) -> Vec<Name> {
        let mut found = Vec::new();
        for (oid, before) in &self.relations {
            let Some(relation) = after.relations.get(oid) else { continue };
            let before = before.as_ref().filter(|before| before.schema == relation.schema);
            let known: Vec<&EcoString> = before.map_or_else(Vec::new, |before| names(before).collect());
            let new = names(relation).filter(|name| !known.contains(name));
            found.extend(new.map(|name| Name::Relation(relation.schema, name.clone())));
        }
        for (oid, before) in &self.schemas {
            if let Some(name) = after.schemas.get(oid).filter(|name| Some(*name) != before.as_ref()) {
                found.push(Name::Schema(name.clone()));
            }
        }
        found
    }

    /// Fails when somebody else has changed meanwhile what this changes and `known` does not.
    ///
    /// # Errors
    /// `XX000`, as where PostgreSQL finds a row of its catalogs changed.
    pub fn require_unchanged(&self, known: &Self, own: &Catalog, newest: &Catalog) -> Result<()> {
        for (oid, before) in self.relations.iter().filter(|(oid, _)| !known.relations.contains_key(oid)) {
            let Some(before) = before else { continue };
            let Some(now) = newest.relations.get(oid) else { return Err(concurrently("deleted")) };
            let both_add = || {
                let own = own.relations.get(oid);
                own.is_some_and(|own| only_adds(before, own)) && only_adds(before, now)
            };
            if !same_relation(before, now) && !both_add() {
                return Err(concurrently("updated"));
            }
        }
        for (oid, before) in self.schemas.iter().filter(|(oid, _)| !known.schemas.contains_key(oid)) {
            match (before, newest.schemas.get(oid)) {
                (Some(before), Some(now)) if before != now => return Err(concurrently("updated")),
                (Some(_), None) => return Err(concurrently("deleted")),
                (Some(_), Some(_)) | (None, _) => {}
            }
        }
        Ok(())
    }

    /// Fails when others have taken a name of `own` that `self` and `earlier` have not taken from them.
    ///
    /// # Errors
    /// `23505`
    pub fn require_free(&self, earlier: &Self, own: &Catalog, newest: &Catalog) -> Result<()> {
        for name in self.new_names(own) {
            match &name {
                Name::Relation(schema, name) => {
                    let taken = newest.relations.iter().find(|(oid, other)| {
                        let before = self.relations.get(oid).or_else(|| earlier.relations.get(oid));
                        other.schema == *schema && others_names(before, other).any(|known| known == name)
                    });
                    if let Some((_, other)) = taken {
                        let has_type = |relation: &Relation| {
                            relation.name == *name && !matches!(relation.kind, RelationKind::Sequence(_))
                        };
                        // A new relation has its type first, a renamed one has it last.
                        let new = self.relations.iter().filter(|(_, before)| before.is_none());
                        let mut mine = new.filter_map(|(oid, _)| own.relations.get(oid));
                        let both = has_type(other)
                            && mine.any(|relation| relation.schema == *schema && has_type(relation));
                        return Err(name_taken(name, *schema, both));
                    }
                }
                Name::Schema(name) => {
                    let mut others = newest.schemas.iter().filter(|(oid, _)| !self.schemas.contains_key(oid));
                    if others.any(|(oid, other)| other == name && !earlier.schemas.contains_key(oid)) {
                        return Err(schema_taken(name));
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the newest catalog with the changes that make `own` of an older one.
    ///
    /// # Errors
    /// When somebody else has changed the same: `XX000`; when a relation of another transaction has the name of an own one:
    /// `23505`; when something that an own one needs is gone: `3F000`, `42P01`.
    pub fn onto(&mut self, own: &Catalog, newest: &Catalog) -> Result<Catalog> {
        self.require_unchanged(&Self::default(), own, newest)?;
        self.require_free(&Self::default(), own, newest)?;
        let mut merged = newest.clone();
        merge(&mut merged.schemas, &own.schemas, self.schemas.keys());
        merge(&mut merged.relations, &own.relations, self.relations.keys());
        for (oid, before) in &mut self.relations {
            let (now, own) = (newest.relations.get(oid), own.relations.get(oid));
            if let (Some(known), Some(now), Some(own)) = (&before, now, own)
                && !same_relation(known, now)
            {
                merged.relations.insert(*oid, Arc::new(with_added(now, known, own)));
                *before = Some(Arc::clone(now));
            }
        }
        merge(&mut merged.schema_facts, &own.schema_facts, &self.schema_facts);
        merge(&mut merged.types, &own.types, &self.types);
        merge(&mut merged.functions, &own.functions, &self.functions);
        merge(&mut merged.statistics, &own.statistics, &self.statistics);
        merge(&mut merged.roles, &own.roles, &self.roles);
        merge(&mut merged.comments, &own.comments, &self.comments);
        if self.memberships {
            merged.memberships.clone_from(&own.memberships);
        }
        merged.next_oid = merged.next_oid.max(own.next_oid);
        merged.version = merged.version.max(own.version) + 1;
        self.require_whole(&merged)?;
        Ok(merged)
    }

    /// Fails when an own relation needs what others have dropped, or others need what this has.
    fn require_whole(&self, merged: &Catalog) -> Result<()> {
        let removes = self
            .relations
            .iter()
            .any(|(oid, before)| before.is_some() && !merged.relations.contains_key(oid))
            || self.schemas.keys().any(|oid| !merged.schemas.contains_key(oid));
        let concerned = merged
            .relations
            .values()
            .filter(|relation| removes || self.relations.contains_key(&relation.oid));
        for relation in concerned {
            if !merged.schemas.contains_key(&relation.schema) {
                let message = format!("schema with OID {} does not exist", relation.schema);
                return Err(PgError::new(SqlState::INVALID_SCHEMA_NAME, message));
            }
            if let Some(gone) =
                needs(relation).find(|oid| *oid >= 16_384 && !merged.relations.contains_key(oid))
            {
                let message = format!("relation with OID {gone} does not exist");
                return Err(PgError::new(SqlState::UNDEFINED_TABLE, message));
            }
        }
        Ok(())
    }
}

/// Returns the relations without which one cannot be.
fn needs(relation: &Relation) -> impl Iterator<Item = Oid> + '_ {
    let used = relation.uses.iter().filter(|used| used.class == classes::RELATION).map(|used| used.oid);
    let keys = relation.constraints.iter().filter_map(|constraint| match &constraint.kind {
        ConstraintKind::ForeignKey(key) => Some(key.table),
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::NotNull { .. }
        | ConstraintKind::Check { .. }
        | ConstraintKind::Exclusion { .. } => None,
    });
    let owner = match &relation.kind {
        RelationKind::Sequence(sequence) => sequence.owner.map(|(table, _)| table),
        RelationKind::Table
        | RelationKind::System
        | RelationKind::View { .. }
        | RelationKind::Materialized { .. }
        | RelationKind::Composite => None,
    };
    used.chain(keys).chain(owner)
}

/// Returns the error of an entry that another transaction has changed first (`simple_heap_update`).
fn concurrently(done: &str) -> PgError {
    PgError::new(SqlState::INTERNAL_ERROR, format!("tuple concurrently {done}"))
}

/// Returns the error of a schema whose name another transaction has taken first.
fn schema_taken(name: &str) -> PgError {
    let detail = format!("Key (nspname)=({name}) already exists.");
    taken("pg_namespace", "pg_namespace_nspname_index", detail)
}

/// Returns the error of a relation whose name another transaction has taken first; `types`: both have a row type.
pub fn name_taken(name: &str, schema: Oid, types: bool) -> PgError {
    let (table, index, column) = match types {
        true => ("pg_type", "pg_type_typname_nsp_index", "typ"),
        false => ("pg_class", "pg_class_relname_nsp_index", "rel"),
    };
    taken(table, index, format!("Key ({column}name, {column}namespace)=({name}, {schema}) already exists."))
}

fn taken(table: &str, index: &str, detail: String) -> PgError {
    let message = format!("duplicate key value violates unique constraint \"{index}\"");
    let mut error = PgError::new(SqlState::UNIQUE_VIOLATION, message).with_detail(detail);
    let fields = error.fields_mut();
    fields.schema = Some("pg_catalog".to_owned());
    fields.table = Some(table.to_owned());
    fields.constraint = Some(index.to_owned());
    error
}
