//! The catalog: PostgreSQL's built-in rows, and the schemas and relations of this database.
//!
//! One immutable structure; a transaction overlays its own DDL on a clone (the relations are shared) and publishes
//! it at commit. Serializable: the image is stored with the data.

pub mod builtin;
pub mod delta;
pub mod deparse;
pub mod dependency;
mod index;
mod lookup;
mod object;
mod relation;
mod relations;
mod storage_settings;
pub mod type_names;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::Oid;

pub use index::{Index, IndexKey, IndexKeySource, unique_index_column};
pub use object::{
    EnumLabel, FunctionArgument, Membership, Role, SchemaFacts, StatisticsObject, UserFunction, UserType,
    UserTypeKind,
};
pub use relation::{
    CheckOption, ColumnInfo, Constraint, ConstraintKind, ForeignKey, ForeignKeyAction, Generated, Identity,
    ObjectRef, OnCommit, Persistence, Relation, RelationKind, Sequence,
};
pub use relations::Relations;
pub use storage_settings::{ColumnSettings, ReplicaIdentity};

/// The user's part of the catalog at one version.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// Grows with every published change.
    pub version: u64,
    /// An oid from which on none was handed out when it was stored (from 16384).
    pub next_oid: Oid,
    /// The next oid to hand out, of all transactions.
    #[serde(skip)]
    pub oids: Arc<AtomicU32>,
    /// Schemas by oid, `public` included.
    pub schemas: BTreeMap<Oid, EcoString>,
    /// Relations by oid (user's only; system relations come from the built-in rows).
    pub relations: Relations,
    /// Owners and privileges of schemas that have any.
    pub schema_facts: BTreeMap<Oid, SchemaFacts>,
    /// The user's types by oid.
    pub types: BTreeMap<Oid, Arc<UserType>>,
    /// The user's functions by oid.
    pub functions: BTreeMap<Oid, Arc<UserFunction>>,
    /// Objects of CREATE STATISTICS by oid; they follow the others in the stored form.
    #[serde(skip)]
    pub statistics: BTreeMap<Oid, Arc<StatisticsObject>>,
    /// The user's roles by oid.
    pub roles: BTreeMap<Oid, Arc<Role>>,
    /// Memberships in roles.
    pub memberships: Vec<Membership>,
    /// Comments (`pg_description`).
    pub comments: BTreeMap<ObjectRef, EcoString>,
}
