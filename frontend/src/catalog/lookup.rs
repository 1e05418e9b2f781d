//! Names to objects along the search path, over the user's catalog and the built-in rows.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ecow::EcoString;
use types::Oid;
use types::oids::{PG_CATALOG_NAMESPACE, PUBLIC_NAMESPACE};

use super::builtin::{Type, builtin};
use super::{Catalog, Relation, StatisticsObject};

impl Catalog {
    /// Returns a catalog with the schema `public` and nothing in it.
    pub fn initial() -> Self {
        const FIRST_USER_OID: Oid = 16_384;
        let schemas = [(PUBLIC_NAMESPACE, EcoString::from("public"))].into_iter().collect();
        Self { version: 1, next_oid: FIRST_USER_OID, schemas, ..Self::default() }
    }
    /// Returns a new oid.
    pub fn allocate_oid(&mut self) -> Oid {
        let oid = self.oids.fetch_max(self.next_oid, Ordering::Relaxed).max(self.next_oid);
        let oid = self.oids.fetch_add(1, Ordering::Relaxed).max(oid);
        self.next_oid = oid + 1;
        oid
    }
    /// Returns the oid of a schema.
    pub fn schema_oid(&self, name: &str) -> Option<Oid> {
        let user = self.schemas.iter().find(|(_, schema)| schema.as_str() == name).map(|(oid, _)| *oid);
        user.or_else(|| {
            let mut system = builtin().namespaces().iter().filter(|(oid, _)| *oid != PUBLIC_NAMESPACE);
            system.find(|(_, schema)| schema == name).map(|(oid, _)| *oid)
        })
    }
    /// Returns the name of a schema.
    pub fn schema_name(&self, oid: Oid) -> Option<&str> {
        let user = self.schemas.get(&oid).map(EcoString::as_str);
        user.or_else(|| {
            builtin().namespaces().iter().find(|(system, _)| *system == oid).map(|(_, name)| name.as_str())
        })
    }
    /// Returns a relation by oid.
    pub fn relation(&self, oid: Oid) -> Option<&Arc<Relation>> {
        self.relations.get(&oid).or_else(|| builtin().relation(oid))
    }
    /// Returns the relation `name` of one schema.
    pub fn relation_in(&self, schema: Oid, name: &str) -> Option<&Arc<Relation>> {
        self.relations.named(schema, name).or_else(|| builtin().relation_by_name(schema, name))
    }
    /// Returns the statistics object `name` of one schema.
    pub fn statistics_in(&self, schema: Oid, name: &str) -> Option<&Arc<StatisticsObject>> {
        self.statistics.values().find(|statistics| statistics.schema == schema && statistics.name == name)
    }
    /// Returns the schemas of the search path that exist, `pg_catalog` first unless the path places it.
    pub fn search_schemas(&self, search_path: &[EcoString]) -> Vec<Oid> {
        let mut schemas: Vec<Oid> = Vec::with_capacity(search_path.len() + 1);
        for name in search_path {
            if let Some(oid) = self.schema_oid(name).filter(|oid| !schemas.contains(oid)) {
                schemas.push(oid);
            }
        }
        if !schemas.contains(&PG_CATALOG_NAMESPACE) {
            let temporary = search_path.first().is_some_and(|name| name.starts_with("pg_temp_"));
            schemas.insert(usize::from(temporary && !schemas.is_empty()), PG_CATALOG_NAMESPACE);
        }
        schemas
    }
    /// Returns the relation `name` along the search path.
    pub fn find_relation(&self, search_path: &[EcoString], name: &str) -> Option<&Arc<Relation>> {
        self.search_schemas(search_path).into_iter().find_map(|schema| self.relation_in(schema, name))
    }
    /// Returns the type `name` along the search path.
    pub fn find_type(&self, search_path: &[EcoString], name: &str) -> Option<&'static Type> {
        self.search_schemas(search_path).into_iter().find_map(|schema| builtin().type_by_name(schema, name))
    }
    /// Adds or replaces a relation.
    pub fn put_relation(&mut self, relation: Arc<Relation>) {
        self.relations.insert(relation.oid, relation);
    }
    /// Removes a relation.
    pub fn drop_relation(&mut self, oid: Oid) -> Option<Arc<Relation>> {
        self.relations.remove(&oid)
    }
}
