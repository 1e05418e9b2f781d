//! Temporary relations: they live in a schema of their session, `pg_temp_<process id>`, which names are looked for in
//! first; ON COMMIT is done before a transaction commits, and the schema goes with its session.

use std::sync::Arc;

use ecow::EcoString;
use storage::{Acquired, WaitPolicy};
use types::{Oid, Result};

use super::Session;
use super::engine::Engine;
use crate::catalog::{Catalog, OnCommit, Persistence, Relation, RelationKind};

/// Says whether a schema is one of temporary relations.
pub fn is_temporary_schema(name: &str) -> bool {
    name.starts_with("pg_temp_")
}

impl Session {
    /// Returns the name of this session's schema of temporary relations.
    pub fn temporary_schema_name(&self) -> String {
        format!("pg_temp_{}", self.backend.process_id)
    }

    /// Returns the schema of temporary relations; makes it when there is none yet.
    ///
    /// # Errors
    /// When the catalog cannot be changed.
    pub fn temporary_schema(&mut self) -> Result<Oid> {
        let name = self.temporary_schema_name();
        if let Some(oid) = self.open()?.catalog.schema_oid(&name) {
            return Ok(oid);
        }
        self.change_catalog(|catalog| {
            let oid = catalog.allocate_oid();
            catalog.schemas.insert(oid, EcoString::from(name));
            Ok(oid)
        })
    }

    /// Does what ON COMMIT of temporary tables says.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn before_commit(&mut self) -> Result<()> {
        let Some(open) = &self.transaction else { return Ok(()) };
        let catalog = Arc::clone(&open.catalog);
        let Some(schema) = catalog.schema_oid(&self.temporary_schema_name()) else { return Ok(()) };
        let own: Vec<Arc<Relation>> =
            catalog.relations.values().filter(|relation| relation.schema == schema).cloned().collect();
        for relation in own {
            match relation.persistence {
                Persistence::Temporary(OnCommit::Delete) => {
                    let mut storage = self.open()?.storage.lock();
                    let table = relation.table_id();
                    storage.advance_command();
                    if storage.scan(table)?.row_count() > 0 {
                        storage.truncate(table)?;
                    }
                }
                Persistence::Temporary(OnCommit::Drop) => {
                    self.drop_temporary(&relation)?;
                }
                Persistence::Temporary(OnCommit::Preserve)
                | Persistence::Permanent
                | Persistence::Unlogged => {}
            }
        }
        Ok(())
    }

    fn drop_temporary(&mut self, relation: &Relation) -> Result<()> {
        if relation.kind.is_stored() {
            self.open()?.storage.lock().drop_table(relation.table_id())?;
        }
        let oid = relation.oid;
        self.change_catalog(|catalog| {
            drop_with_sequences(catalog, oid);
            Ok(())
        })
    }

    /// Drops the session's temporary relations: the session ends.
    pub fn close(&mut self) {
        self.rollback();
        let _ = self.drop_all_temporary();
        self.rollback();
    }

    /// Drops the session's temporary relations, within the transaction.
    ///
    /// # Errors
    /// What ends a wait.
    pub fn drop_temporary_relations(&mut self) -> Result<()> {
        let name = self.temporary_schema_name();
        let Some(schema) = self.open()?.catalog.schema_oid(&name) else { return Ok(()) };
        let catalog = Arc::clone(&self.open()?.catalog);
        if catalog.relations.values().any(|relation| relation.schema == schema) {
            for relation in catalog.relations.values().filter(|relation| relation.schema == schema) {
                self.drop_temporary(relation)?;
            }
        }
        Ok(())
    }

    fn drop_all_temporary(&mut self) -> Result<()> {
        self.begin_statement()?;
        let name = self.temporary_schema_name();
        if self.open()?.catalog.schema_oid(&name).is_none() {
            return Ok(());
        }
        self.backend.cancel.reset();
        if !self.engine.store.prepared_transactions().is_empty()
            && self.open()?.storage.lock().lock_publication(WaitPolicy::NoWait)? == Acquired::No
        {
            // Who ends the prepared transaction drops what is left behind.
            return Ok(());
        }
        let catalog = Arc::clone(&self.open()?.catalog);
        let Some(schema) = catalog.schema_oid(&name) else { return Ok(()) };
        for relation in catalog.relations.values().filter(|relation| relation.schema == schema) {
            self.drop_temporary(relation)?;
        }
        self.change_catalog(|catalog| {
            catalog.schemas.remove(&schema);
            Ok(())
        })?;
        self.commit().map(|_| ())
    }
}

/// Removes a relation and the sequences that belong to it.
fn drop_with_sequences(catalog: &mut Catalog, oid: Oid) {
    catalog.relations.remove(&oid);
    catalog.relations.retain(|_, relation| match &relation.kind {
        RelationKind::Sequence(sequence) => sequence.owner.is_none_or(|(table, _)| table != oid),
        RelationKind::Table
        | RelationKind::System
        | RelationKind::View { .. }
        | RelationKind::Materialized { .. }
        | RelationKind::Composite => true,
    });
}

/// Drops what sessions left behind that ended with the server, or while a prepared transaction had changed the catalog.
/// As long as that is so, nothing is done.
///
/// # Errors
/// Those of the storage.
pub fn drop_left_behind(engine: &Engine) -> Result<()> {
    let mut storage = engine.store.begin();
    if storage.lock_publication(WaitPolicy::NoWait)? == Acquired::No {
        return Ok(());
    }
    storage.refresh_tables();
    let live = engine.backends.list();
    let is_live = |name: &str| {
        let process_id = name.rsplit('_').next().and_then(|process_id| process_id.parse::<i32>().ok());
        live.iter().any(|backend| Some(backend.process_id) == process_id)
    };
    let mut catalog = Catalog::clone(&*engine.catalog(&storage.catalog_image())?);
    let schemas: Vec<Oid> = catalog
        .schemas
        .iter()
        .filter(|(_, name)| is_temporary_schema(name) && !is_live(name))
        .map(|(oid, _)| *oid)
        .collect();
    if schemas.is_empty() {
        return Ok(());
    }
    for relation in catalog.relations.values().filter(|relation| schemas.contains(&relation.schema)) {
        if relation.kind.is_stored() {
            storage.drop_table(relation.table_id())?;
        }
    }
    catalog.relations.retain(|_, relation| !schemas.contains(&relation.schema));
    schemas.iter().for_each(|schema| drop(catalog.schemas.remove(schema)));
    catalog.version += 1;
    storage.set_catalog_image(super::engine::encode(&catalog)?);
    storage.commit()?;
    Ok(())
}
