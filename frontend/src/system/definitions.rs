//! Facts about catalog objects that relations and functions share: names, visibility, indexes, SQL text.

use std::sync::Arc;

use datasets::catalog::{self as rows, PG_AUTHID};
use types::Oid;

use crate::catalog::{Catalog, Constraint, ConstraintKind, Relation};
use crate::session::access::Access;
use crate::session::names::{self, Found, SYSTEM_RELATIONS};
use crate::session::settings::quote_identifier;

/// An index of a user's table: the storage form of a key constraint.
pub struct Index<'a> {
    /// `pg_class.oid`.
    pub oid: Oid,
    /// The table.
    pub table: &'a Arc<Relation>,
    /// The constraint.
    pub constraint: &'a Constraint,
    /// Columns, as positions in the table.
    pub columns: &'a [usize],
    /// Whether it is the primary key.
    pub primary: bool,
}

/// Returns all indexes of the user's tables.
pub fn indexes(catalog: &Catalog) -> impl Iterator<Item = Index<'_>> {
    catalog.relations.values().flat_map(|table| {
        table.constraints.iter().filter_map(move |constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, index } => {
                Some(Index { oid: *index, table, constraint, columns, primary: true })
            }
            ConstraintKind::Unique { columns, index } => {
                Some(Index { oid: *index, table, constraint, columns, primary: false })
            }
            ConstraintKind::NotNull { .. } | ConstraintKind::Check { .. } => None,
        })
    })
}

impl Index<'_> {
    /// Returns the names of its columns, quoted.
    pub fn column_names(&self) -> Vec<String> {
        column_names(self.table, self.columns)
    }
    /// Returns CREATE INDEX, as `pg_get_indexdef`.
    pub fn definition(&self, catalog: &Catalog) -> String {
        let schema = names::schema_name(catalog, self.table.schema).unwrap_or_default();
        format!(
            "CREATE UNIQUE INDEX {} ON {}.{} USING btree ({})",
            quote_identifier(&self.constraint.name),
            quote_identifier(&schema),
            quote_identifier(&self.table.name),
            self.column_names().join(", ")
        )
    }
}

/// Returns the names of columns, quoted.
fn column_names(table: &Relation, columns: &[usize]) -> Vec<String> {
    columns
        .iter()
        .filter_map(|position| table.columns.get(*position))
        .map(|column| quote_identifier(&column.name))
        .collect()
}

/// Returns a constraint's SQL, as `pg_get_constraintdef`.
pub fn constraint_definition(table: &Relation, constraint: &Constraint) -> String {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { columns, .. } => {
            format!("PRIMARY KEY ({})", column_names(table, columns).join(", "))
        }
        ConstraintKind::Unique { columns, .. } => {
            format!("UNIQUE ({})", column_names(table, columns).join(", "))
        }
        ConstraintKind::NotNull { column } => {
            format!("NOT NULL {}", column_names(table, &[*column]).join(""))
        }
        ConstraintKind::Check { definition } => format!("CHECK ({definition})"),
    }
}

/// Returns schema and name of a relation or index.
pub fn relation_schema_and_name(access: &Access, oid: Oid) -> Option<(Oid, String)> {
    if let Some(relation) = access.catalog.relations.get(&oid) {
        return Some((relation.schema, relation.name.to_string()));
    }
    if let Some(index) = indexes(&access.catalog).find(|index| index.oid == oid) {
        return Some((index.table.schema, index.constraint.name.to_string()));
    }
    let system = SYSTEM_RELATIONS.values().find(|relation| relation.oid == oid)?;
    Some((system.schema, system.name.clone()))
}

/// Returns the oid of a relation or index by schema and name.
pub fn relation_oid_in(access: &Access, schema: Oid, name: &str) -> Option<Oid> {
    match names::find_in(&access.catalog, schema, name) {
        Some(Found::User(relation)) => Some(relation.oid),
        Some(Found::System(relation)) => Some(relation.oid),
        None => indexes(&access.catalog)
            .find(|index| index.table.schema == schema && index.constraint.name == name)
            .map(|index| index.oid),
    }
}

/// Says whether the search path finds a relation by its bare name.
pub fn relation_is_visible(access: &Access, oid: Oid) -> bool {
    let Some((_, name)) = relation_schema_and_name(access, oid) else { return false };
    let found = access.path().into_iter().find_map(|schema| relation_oid_in(access, schema, &name));
    found == Some(oid)
}

/// Returns the name of a role.
pub fn role_name(oid: Oid) -> Option<String> {
    rows::rows(PG_AUTHID).find(|row| row.oid("oid") == oid).map(|row| row.text("rolname").into_owned())
}

/// Returns the oid of a role.
pub fn role_oid(name: &str) -> Option<Oid> {
    rows::rows(PG_AUTHID).find(|row| row.text("rolname") == name).map(|row| row.oid("oid"))
}
