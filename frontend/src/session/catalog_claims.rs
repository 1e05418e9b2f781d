//! What a statement locks before it looks at what it is going to change in the catalog.
//!
//! A statement finds an object by its name, locks it as PostgreSQL does, and finds it again in the newest catalog: when the
//! name stands for another object now, it begins anew. A lock on a relation keeps others from what contradicts it, the
//! claim of its entry from changing the same entry, which here holds more than in PostgreSQL (indexes and constraints are
//! entries of their own there).

use std::sync::Arc;

use storage::{Acquired, TableLockMode, WaitPolicy};
use types::{Oid, Result};

use super::Session;
use crate::catalog::dependency::classes;
use crate::catalog::{Catalog, Index, ObjectRef, Relation};

/// How a relation is locked.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its number in the storage.
    pub table: storage::TableId,
    /// The mode.
    pub mode: TableLockMode,
    /// Its entry in the catalog, when that is going to be changed.
    pub entry: Option<Claim>,
}

/// A relation whose entry changes.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// `pg_class.oid`.
    pub oid: Oid,
    /// Whether indexes are all that it gets.
    pub adds: bool,
}

impl Wanted {
    /// Locks a relation.
    pub fn lock(relation: &Relation, mode: TableLockMode) -> Self {
        Self { table: relation.table_id(), mode, entry: None }
    }

    /// Locks a relation that is to change.
    pub fn change(relation: &Relation, mode: TableLockMode) -> Self {
        Self { entry: Some(Claim { oid: relation.oid, adds: false }), ..Self::lock(relation, mode) }
    }

    /// Locks a table that gets an index.
    pub fn add(relation: &Relation, mode: TableLockMode) -> Self {
        Self { entry: Some(Claim { oid: relation.oid, adds: true }), ..Self::lock(relation, mode) }
    }

    /// Locks an index that is to change, and takes the entry of its table.
    pub fn change_index(table: &Relation, index: &Index, mode: TableLockMode) -> Self {
        let own = storage::TableId(u64::from(index.oid));
        Self { table: own, ..Self::change(table, mode) }
    }
}

impl Session {
    /// Returns whether others have committed changes of the catalog since the statement looked at it.
    fn is_catalog_old(&self) -> Result<bool> {
        let newest = self.engine.store.newest_catalog_image();
        Ok(!Arc::ptr_eq(&newest, &self.open()?.catalog_image))
    }

    /// Looks at the newest catalog if it is another one, or after a wait. Returns whether it did.
    pub(super) fn follow_catalog(&mut self, waited: bool) -> Result<bool> {
        let moved = waited || self.is_catalog_old()?;
        if moved {
            self.refresh_after_wait()?;
        }
        Ok(moved)
    }

    /// Locks relations. Returns whether the catalog is another one now: then the caller finds them again.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_wanted(&mut self, wanted: &[Wanted]) -> Result<bool> {
        let mut waited = false;
        {
            let mut storage = self.open()?.storage.lock();
            for wanted in wanted {
                let acquired = storage.lock_table(wanted.table, wanted.mode, WaitPolicy::Wait)?;
                waited |= acquired == Acquired::AfterWaiting;
                if let Some(Claim { oid, adds }) = wanted.entry {
                    let acquired = storage.lock_entry((classes::RELATION, oid), adds, WaitPolicy::Wait)?;
                    waited |= acquired == Acquired::AfterWaiting;
                }
            }
        }
        self.follow_catalog(waited)
    }

    /// Locks a relation that is going to change, as `find` finds it in the newest catalog.
    ///
    /// # Errors
    /// Those of `find`, and what ends a wait.
    pub fn lock_to_change(
        &mut self,
        mode: TableLockMode,
        find: &dyn Fn(&Self) -> Result<Arc<Relation>>,
    ) -> Result<Arc<Relation>> {
        loop {
            let relation = find(self)?;
            let held = self.open()?.storage.lock().locks_len();
            if !self.lock_wanted(&[Wanted::change(&relation, mode)])? {
                return Ok(relation);
            }
            let again = find(self)?;
            if again.oid == relation.oid && again.table_id() == relation.table_id() {
                return Ok(again);
            }
            self.open()?.storage.lock().unlock_objects_to(held);
        }
    }

    /// Locks a schema. Returns whether the catalog is another one now.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_schema(&mut self, schema: Oid, mode: TableLockMode) -> Result<bool> {
        let object = (classes::SCHEMA, schema);
        let acquired = self.open()?.storage.lock().lock_object(object, mode, WaitPolicy::Wait)?;
        self.follow_catalog(acquired == Acquired::AfterWaiting)
    }

    /// Takes a schema's entry, which is going to change. Returns whether the catalog is another one now.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn claim_schema(&mut self, schema: Oid) -> Result<bool> {
        let acquired =
            self.open()?.storage.lock().lock_entry((classes::SCHEMA, schema), false, WaitPolicy::Wait)?;
        self.follow_catalog(acquired == Acquired::AfterWaiting)
    }

    /// Takes the entries of relations that change with something else. Returns whether the catalog is another one now.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn claim_relations(&mut self, relations: impl IntoIterator<Item = Oid>) -> Result<bool> {
        let mut waited = false;
        {
            let mut storage = self.open()?.storage.lock();
            for oid in relations {
                let acquired = storage.lock_entry((classes::RELATION, oid), false, WaitPolicy::Wait)?;
                waited |= acquired == Acquired::AfterWaiting;
            }
        }
        self.follow_catalog(waited)
    }

    /// Keeps others from renaming schemas, which texts of views name, or (not `shared`) from making such texts.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_texts(&mut self, shared: bool) -> Result<()> {
        let acquired = self.open()?.storage.lock().lock_catalog(shared, WaitPolicy::Wait)?;
        self.follow_catalog(acquired == Acquired::AfterWaiting).map(|_| ())
    }

    /// Locks what goes with objects that are dropped. Returns whether the catalog is another one now.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn lock_dropped(&mut self, objects: &[ObjectRef]) -> Result<bool> {
        let catalog = Arc::clone(&self.open()?.catalog);
        let mut moved = false;
        for object in objects {
            match object.class {
                classes::SCHEMA => moved |= self.lock_schema(object.oid, TableLockMode::AccessExclusive)?,
                classes::RELATION | classes::CONSTRAINT | classes::DEFAULT => {
                    moved |= self.lock_wanted(&concerned(&catalog, *object))?;
                }
                _ => {}
            }
        }
        Ok(moved)
    }
}

/// Returns the relations that change with an object that is dropped.
fn concerned(catalog: &Catalog, object: ObjectRef) -> Vec<Wanted> {
    let mode = TableLockMode::AccessExclusive;
    if object.class != classes::CONSTRAINT
        && let Some(relation) = catalog.relations.get(&object.oid)
    {
        return vec![Wanted::change(relation, mode)];
    }
    let mut wanted = Vec::new();
    for relation in catalog.relations.values() {
        if object.class == classes::RELATION && relation.index(object.oid).is_some() {
            wanted.push(Wanted::change(relation, mode));
            wanted.push(Wanted { table: storage::TableId(u64::from(object.oid)), mode, entry: None });
        }
        if object.class == classes::CONSTRAINT
            && relation.constraints.iter().any(|constraint| constraint.oid == object.oid)
        {
            wanted.push(Wanted::change(relation, mode));
            let keys = relation.foreign_keys().filter(|(constraint, _)| constraint.oid == object.oid);
            let referenced = keys.filter_map(|(_, key)| catalog.relations.get(&key.table));
            wanted.extend(referenced.map(|table| Wanted::lock(table, mode)));
        }
    }
    wanted
}
