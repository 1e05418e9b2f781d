//! The catalog: PostgreSQL's built-in rows, and the schemas and relations of this database.
//!
//! One immutable structure; a transaction overlays its own DDL on a clone (the relations are shared) and publishes
//! it at commit. Serializable: the image is stored with the data.

pub mod builtin;
mod lookup;
pub mod type_names;

use std::collections::BTreeMap;
use std::sync::Arc;

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Oid, TypeRef};

/// The user's part of the catalog at one version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// Grows with every published change.
    pub version: u64,
    /// The next oid to hand out (from 16384).
    pub next_oid: Oid,
    /// Schemas by oid, `public` included.
    pub schemas: BTreeMap<Oid, EcoString>,
    /// Relations by oid (user's only; system relations come from the built-in rows).
    pub relations: BTreeMap<Oid, Arc<Relation>>,
}

/// A table, view or system relation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Relation {
    /// `pg_class.oid`; also the storage's table id for stored tables.
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// `pg_namespace.oid`.
    pub schema: Oid,
    /// What it is.
    pub kind: RelationKind,
    /// Columns in order.
    pub columns: Vec<ColumnInfo>,
    /// Constraints, the primary key among them.
    pub constraints: Vec<Constraint>,
}

/// Kinds of relations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum RelationKind {
    /// Rows in the storage.
    Table,
    /// Rows made by the session from the catalog (pg_class, ...); `relation oid` is the key.
    System,
    /// A view by its SQL text (search path at creation: fully qualified when needed).
    View {
        /// The SELECT.
        definition: EcoString,
    },
}

/// A column of a relation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Name.
    pub name: EcoString,
    /// Type with modifier and collation.
    pub ty: TypeRef,
    /// NOT NULL.
    pub not_null: bool,
    /// DEFAULT as SQL text (deparsed as PostgreSQL prints it where possible).
    pub default: Option<EcoString>,
}

/// A table constraint.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Constraint {
    /// `pg_constraint.oid`.
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// What it demands.
    pub kind: ConstraintKind,
}

/// Kinds of constraints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ConstraintKind {
    /// PRIMARY KEY over column positions, with the oid of its index.
    PrimaryKey {
        /// Columns, as positions.
        columns: Vec<usize>,
        /// `pg_class.oid` of the index.
        index: Oid,
    },
    /// UNIQUE.
    Unique {
        /// Columns, as positions.
        columns: Vec<usize>,
        /// `pg_class.oid` of the index.
        index: Oid,
    },
    /// NOT NULL (PostgreSQL 18 keeps them as constraints).
    NotNull {
        /// The column, as a position.
        column: usize,
    },
    /// CHECK by its SQL text.
    Check {
        /// The condition.
        definition: EcoString,
    },
}
