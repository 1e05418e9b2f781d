//! Names of relations: the search path, the user's relations, the system's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use datasets::catalog::{self, PG_CLASS, PG_NAMESPACE};
use types::{Oid, oids};

use super::Session;
use super::temporary::is_temporary_schema;
use crate::catalog::{Catalog, Relation};

/// Built-in schemas by name.
pub static SYSTEM_SCHEMAS: LazyLock<BTreeMap<String, Oid>> = LazyLock::new(|| {
    catalog::rows(PG_NAMESPACE)
        .map(|row| (row.text("nspname").into_owned(), row.oid("oid")))
        .filter(|(_, oid)| *oid != oids::PUBLIC_NAMESPACE)
        .collect()
});

/// A built-in relation.
#[derive(Debug, Clone)]
pub struct SystemRelation {
    /// `pg_class.oid`.
    pub oid: Oid,
    /// `pg_class.relnamespace`.
    pub schema: Oid,
    /// `pg_class.relname`.
    pub name: String,
    /// `pg_class.relkind`.
    pub kind: char,
}

/// Built-in relations by schema and name.
pub static SYSTEM_RELATIONS: LazyLock<HashMap<(Oid, String), SystemRelation>> = LazyLock::new(|| {
    catalog::rows(PG_CLASS)
        .map(|row| {
            let (schema, name) = (row.oid("relnamespace"), row.text("relname").into_owned());
            (
                (schema, name.clone()),
                SystemRelation { oid: row.oid("oid"), schema, name, kind: row.char("relkind") },
            )
        })
        .collect()
});

/// What a name stands for.
#[derive(Debug, Clone)]
pub enum Found {
    /// A relation of the user.
    User(Arc<Relation>),
    /// A relation of the system.
    System(SystemRelation),
}

/// Returns the oid of a schema.
pub fn schema_oid(catalog: &Catalog, name: &str) -> Option<Oid> {
    let user = catalog.schemas.iter().find(|(_, schema)| schema.as_str() == name).map(|(oid, _)| *oid);
    user.or_else(|| SYSTEM_SCHEMAS.get(name).copied())
}

/// Returns the name of a schema.
pub fn schema_name(catalog: &Catalog, oid: Oid) -> Option<String> {
    match catalog.schemas.get(&oid) {
        Some(name) => Some(name.to_string()),
        None => SYSTEM_SCHEMAS.iter().find(|(_, schema)| **schema == oid).map(|(name, _)| name.clone()),
    }
}

/// Returns the schemas that names without schema are looked for in, in order, `pg_catalog` first unless it is named.
pub fn effective_path(catalog: &Catalog, search_path: &[String]) -> Vec<Oid> {
    let mut path: Vec<Oid> = search_path.iter().filter_map(|name| schema_oid(catalog, name)).collect();
    if !path.contains(&oids::PG_CATALOG_NAMESPACE) {
        let temporary = search_path.first().is_some_and(|name| is_temporary_schema(name));
        path.insert(usize::from(temporary && !path.is_empty()), oids::PG_CATALOG_NAMESPACE);
    }
    path
}

/// Returns the schema that new relations go to.
pub fn creation_schema(catalog: &Catalog, search_path: &[String]) -> Option<Oid> {
    let permanent = search_path.iter().filter(|name| !is_temporary_schema(name));
    permanent.into_iter().find_map(|name| schema_oid(catalog, name))
}

/// Finds a relation in a schema.
pub fn find_in(catalog: &Catalog, schema: Oid, name: &str) -> Option<Found> {
    match catalog.relations.named(schema, name) {
        Some(relation) => Some(Found::User(Arc::clone(relation))),
        None => SYSTEM_RELATIONS.get(&(schema, name.to_owned())).cloned().map(Found::System),
    }
}

/// Finds a relation by an optional schema and the search path.
pub fn find(catalog: &Catalog, search_path: &[String], schema: &str, name: &str) -> Option<Found> {
    if schema.is_empty() {
        effective_path(catalog, search_path).into_iter().find_map(|schema| find_in(catalog, schema, name))
    } else if schema == "pg_temp" {
        let temporary = search_path.iter().find(|name| is_temporary_schema(name))?;
        find_in(catalog, schema_oid(catalog, temporary)?, name)
    } else {
        find_in(catalog, schema_oid(catalog, schema)?, name)
    }
}

impl Session {
    /// Returns the names of `search_path`, with `"$user"` replaced.
    pub fn search_path(&self) -> Vec<String> {
        let path = self.view().search_path.clone();
        let temporary = self.temporary_schema_name();
        let has_temporary =
            self.transaction.as_ref().is_some_and(|open| open.catalog.schema_oid(&temporary).is_some());
        let named = path.into_iter().map(|name| match name.as_str() {
            "$user" => super::USER.to_owned(),
            "pg_temp" => temporary.clone(),
            _ => name,
        });
        let named: Vec<String> = named.collect();
        let first = (has_temporary && !named.contains(&temporary)).then(|| temporary.clone());
        first.into_iter().chain(named).collect()
    }
}
