//! Relations: tables, views, sequences, their columns, constraints and indexes.
//!
//! Columns are referred to by position in [`Relation::columns`], which holds the live columns only and is the order of
//! the storage's columns. A column keeps its `attnum` for ever; positions move when a column before it is dropped.

use std::sync::Arc;

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Oid, TypeRef};

use super::{ColumnSettings, Index, ReplicaIdentity};

/// A table, view, sequence or system relation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Relation {
    /// `pg_class.oid`.
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
    /// Indexes, those of constraints included.
    pub indexes: Vec<Arc<Index>>,
    /// The storage's table id (`pg_class.relfilenode`): another one after a rewrite.
    pub file: Oid,
    /// How long it lives.
    pub persistence: Persistence,
    /// Role that owns it; 0 stands for the bootstrap superuser.
    pub owner: Oid,
    /// `pg_type.oid` of the row type, 0 for none.
    pub row_type: Oid,
    /// Highest `attnum` ever given (0 when no column was ever dropped: then it is the number of columns).
    pub last_attnum: i16,
    /// `pg_class.reloptions`.
    pub options: Vec<EcoString>,
    /// Granted privileges, as `pg_class.relacl` has them; `None`: the defaults.
    pub acl: Option<Vec<EcoString>>,
    /// What it is made from, for views and materialized views.
    pub uses: Vec<ObjectRef>,
    /// REPLICA IDENTITY.
    pub replica_identity: ReplicaIdentity,
}

/// Kinds of relations.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub enum RelationKind {
    /// Rows in the storage.
    #[default]
    Table,
    /// Rows made by the session from the catalog (pg_class, ...); `relation oid` is the key.
    System,
    /// A view by its SQL text, with every relation name qualified and `*` written out.
    View {
        /// The SELECT.
        definition: EcoString,
        /// WITH CHECK OPTION.
        check_option: Option<CheckOption>,
    },
    /// A materialized view: rows in the storage, made by its SELECT.
    Materialized {
        /// The SELECT.
        definition: EcoString,
        /// Whether it can be read.
        populated: bool,
    },
    /// A sequence; its value lives in the engine (`session::sequences`).
    Sequence(Sequence),
    /// The row type of CREATE TYPE ... AS.
    Composite,
}

impl RelationKind {
    /// Returns `pg_class.relkind`.
    pub fn letter(&self) -> char {
        match self {
            Self::Table | Self::System => 'r',
            Self::View { .. } => 'v',
            Self::Materialized { .. } => 'm',
            Self::Sequence(_) => 'S',
            Self::Composite => 'c',
        }
    }
    /// Says whether its rows are in the storage.
    pub fn is_stored(&self) -> bool {
        match self {
            Self::Table | Self::Materialized { .. } => true,
            Self::System | Self::View { .. } | Self::Sequence(_) | Self::Composite => false,
        }
    }
    /// Returns what messages call it.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Table | Self::System => "table",
            Self::View { .. } => "view",
            Self::Materialized { .. } => "materialized view",
            Self::Sequence(_) => "sequence",
            Self::Composite => "composite type",
        }
    }
}

/// WITH CHECK OPTION of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckOption {
    /// LOCAL
    Local,
    /// CASCADED
    Cascaded,
}

impl CheckOption {
    /// Returns what a view's options say.
    pub fn of(options: &[EcoString]) -> Option<Self> {
        options.iter().find_map(|option| match option.as_str() {
            "check_option=local" => Some(Self::Local),
            "check_option=cascaded" => Some(Self::Cascaded),
            _ => None,
        })
    }
}

/// How long a relation lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Persistence {
    /// Until it is dropped.
    #[default]
    Permanent,
    /// As permanent ones; the word is kept.
    Unlogged,
    /// Until its session ends.
    Temporary(OnCommit),
}

/// ON COMMIT of a temporary table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnCommit {
    /// PRESERVE ROWS
    Preserve,
    /// DELETE ROWS
    Delete,
    /// DROP
    Drop,
}

impl Persistence {
    /// Returns `pg_class.relpersistence`.
    pub fn letter(self) -> &'static str {
        match self {
            Self::Permanent => "p",
            Self::Unlogged => "u",
            Self::Temporary(_) => "t",
        }
    }
}

/// Parameters of a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// smallint, integer or bigint.
    pub ty: Oid,
    /// START
    pub start: i64,
    /// INCREMENT
    pub increment: i64,
    /// MAXVALUE
    pub max: i64,
    /// MINVALUE
    pub min: i64,
    /// CACHE
    pub cache: i64,
    /// CYCLE
    pub cycle: bool,
    /// OWNED BY: the table and the `attnum` of its column.
    pub owner: Option<(Oid, i16)>,
    /// Whether it belongs to an identity column (an internal dependency).
    pub identity: bool,
    /// Changes with each ALTER that sets the value, and tells the value's version apart.
    pub generation: Oid,
    /// The value that RESTART or CREATE set, and whether it was handed out.
    pub initial: (i64, bool),
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
    /// DEFAULT, or the expression of a generated column, as SQL text. Relations in it are given by oid
    /// (`'16385'::regclass`).
    pub default: Option<EcoString>,
    /// `pg_attribute.attnum`; 0: position + 1.
    pub attnum: i16,
    /// GENERATED ... AS IDENTITY; the value comes from the sequence.
    pub identity: Option<Identity>,
    /// GENERATED ALWAYS AS (`default`).
    pub generated: Option<Generated>,
    /// SET STORAGE and the like.
    pub settings: ColumnSettings,
}

impl ColumnInfo {
    /// Returns a column without default and constraints.
    pub fn new(name: impl Into<EcoString>, ty: TypeRef) -> Self {
        Self {
            name: name.into(),
            ty,
            not_null: false,
            default: None,
            attnum: 0,
            identity: None,
            generated: None,
            settings: ColumnSettings::default(),
        }
    }
}

/// GENERATED ... AS IDENTITY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// ALWAYS, not BY DEFAULT.
    pub always: bool,
    /// The sequence's oid.
    pub sequence: Oid,
}

/// Kinds of generated columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generated {
    /// Computed at write.
    Stored,
    /// Computed at read; the storage holds NULL.
    Virtual,
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
    /// DEFERRABLE.
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    pub deferred: bool,
    /// Not NOT VALID.
    pub validated: bool,
    /// Not NOT ENFORCED.
    pub enforced: bool,
    /// NO INHERIT.
    pub no_inherit: bool,
    /// Columns that a CHECK uses, as positions.
    pub columns: Vec<usize>,
}

impl Constraint {
    /// Returns an ordinary constraint: enforced, valid, not deferrable.
    pub fn new(oid: Oid, name: EcoString, kind: ConstraintKind) -> Self {
        Self {
            oid,
            name,
            kind,
            deferrable: false,
            deferred: false,
            validated: true,
            enforced: true,
            no_inherit: false,
            columns: Vec::new(),
        }
    }
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
    /// UNIQUE; NULLS NOT DISTINCT stands with the index.
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
    /// FOREIGN KEY.
    ForeignKey(Box<ForeignKey>),
    /// EXCLUDE; everything stands with the index.
    Exclusion {
        /// `pg_class.oid` of the index.
        index: Oid,
    },
}

/// A foreign key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ForeignKey {
    /// Referencing columns, as positions.
    pub columns: Vec<usize>,
    /// The referenced table (perhaps this one).
    pub table: Oid,
    /// Referenced columns, by `attnum`, one for each of `columns`.
    pub referenced: Vec<i16>,
    /// The unique index of the referenced table.
    pub index: Oid,
    /// ON UPDATE
    pub on_update: ForeignKeyAction,
    /// ON DELETE
    pub on_delete: ForeignKeyAction,
    /// ON DELETE SET NULL or SET DEFAULT (columns), as positions; empty: all.
    pub delete_columns: Vec<usize>,
    /// MATCH FULL, not MATCH SIMPLE.
    pub full: bool,
}

impl ForeignKey {
    /// Returns whether the last column is a PERIOD: the key of the referenced table is one WITHOUT OVERLAPS.
    pub fn has_period(&self, referenced: &Relation) -> bool {
        referenced.index(self.index).is_some_and(|index| index.is_period())
    }
}

/// What happens to referencing rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForeignKeyAction {
    /// NO ACTION
    NoAction,
    /// RESTRICT
    Restrict,
    /// CASCADE
    Cascade,
    /// SET NULL
    SetNull,
    /// SET DEFAULT
    SetDefault,
}

/// An object by its class's `pg_class.oid`, its oid and, for a column, its `attnum`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `pg_depend.classid`.
    pub class: Oid,
    /// `pg_depend.objid`.
    pub oid: Oid,
    /// `pg_depend.objsubid`; 0 for the whole object.
    pub column: i16,
}

impl Relation {
    /// Returns the storage's table id.
    pub fn table_id(&self) -> storage::TableId {
        storage::TableId(u64::from(if self.file == 0 { self.oid } else { self.file }))
    }
    /// Returns the `attnum` of the column at a position.
    pub fn attnum(&self, position: usize) -> i16 {
        let given = self.columns.get(position).map_or(0, |column| column.attnum);
        if given == 0 { i16::try_from(position + 1).unwrap_or(i16::MAX) } else { given }
    }
    /// Returns the position of the column with an `attnum`.
    pub fn position_of(&self, attnum: i16) -> Option<usize> {
        (0..self.columns.len()).find(|position| self.attnum(*position) == attnum)
    }
    /// Returns the position of a column.
    pub fn column_position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
    /// Returns the highest `attnum` that was ever given.
    pub fn attnum_max(&self) -> i16 {
        let live = (0..self.columns.len()).map(|position| self.attnum(position)).max();
        live.unwrap_or(0).max(self.last_attnum)
    }
    /// Returns an index by oid.
    pub fn index(&self, oid: Oid) -> Option<&Arc<Index>> {
        self.indexes.iter().find(|index| index.oid == oid)
    }
    /// Returns the columns of the primary key, as positions.
    pub fn primary_key(&self) -> Option<&[usize]> {
        self.constraints.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } => Some(columns.as_slice()),
            ConstraintKind::Unique { .. }
            | ConstraintKind::NotNull { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::Exclusion { .. }
            | ConstraintKind::ForeignKey(_) => None,
        })
    }
    /// Returns the foreign keys.
    pub fn foreign_keys(&self) -> impl Iterator<Item = (&Constraint, &ForeignKey)> {
        self.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::ForeignKey(key) => Some((constraint, key.as_ref())),
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::NotNull { .. }
            | ConstraintKind::Exclusion { .. }
            | ConstraintKind::Check { .. } => None,
        })
    }
}
