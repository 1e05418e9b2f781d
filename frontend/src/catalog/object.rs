//! Objects beside relations: types, functions, roles.

use ecow::EcoString;
use serde::{Deserialize, Serialize};
use types::{Oid, TypeRef};

use super::relation::Constraint;

/// A schema's facts beside its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaFacts {
    /// Role that owns it; 0 stands for the bootstrap superuser.
    pub owner: Oid,
    /// `pg_namespace.nspacl`; `None`: the defaults.
    pub acl: Option<Vec<EcoString>>,
}

/// A type of the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserType {
    /// `pg_type.oid`.
    pub oid: Oid,
    /// `pg_type.oid` of its array type.
    pub array: Oid,
    /// Name.
    pub name: EcoString,
    /// `pg_namespace.oid`.
    pub schema: Oid,
    /// Role that owns it; 0 stands for the bootstrap superuser.
    pub owner: Oid,
    /// What it is.
    pub kind: UserTypeKind,
}

/// Kinds of the user's types.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum UserTypeKind {
    /// An enumeration: labels in their order.
    Enum {
        /// The labels.
        labels: Vec<EnumLabel>,
    },
    /// A row type; its columns are those of the relation.
    Composite {
        /// `pg_class.oid`.
        relation: Oid,
    },
    /// A domain.
    Domain {
        /// What it is made from.
        base: TypeRef,
        /// DEFAULT, as SQL text.
        default: Option<EcoString>,
        /// CHECK (over `VALUE`) and NOT NULL constraints; the column of a NOT NULL is 0.
        constraints: Vec<Constraint>,
    },
}

/// A label of an enumeration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnumLabel {
    /// `pg_enum.oid`.
    pub oid: Oid,
    /// The label.
    pub label: EcoString,
    /// `pg_enum.enumsortorder`.
    pub order: f32,
}

/// A function of the user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserFunction {
    /// `pg_proc.oid`.
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// `pg_namespace.oid`.
    pub schema: Oid,
    /// Role that owns it; 0 stands for the bootstrap superuser.
    pub owner: Oid,
    /// Arguments in order, OUT ones included.
    pub arguments: Vec<FunctionArgument>,
    /// Result type.
    pub result: Oid,
    /// RETURNS SETOF or TABLE.
    pub set: bool,
    /// LANGUAGE; `sql` is the one that runs.
    pub language: EcoString,
    /// The body's text (`pg_proc.prosrc`), or the text of a BEGIN ATOMIC or RETURN body.
    pub body: EcoString,
    /// Whether the body is BEGIN ATOMIC or RETURN.
    pub standard_body: bool,
    /// `i`, `s` or `v`.
    pub volatility: char,
    /// STRICT
    pub strict: bool,
    /// PROCEDURE, not FUNCTION.
    pub procedure: bool,
    /// `s`, `r` or `u`.
    pub parallel: char,
    /// SECURITY DEFINER
    pub security_definer: bool,
    /// LEAKPROOF
    pub leakproof: bool,
    /// COST
    pub cost: f32,
    /// ROWS
    pub rows: f32,
}

/// An object of CREATE STATISTICS. Nothing is computed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticsObject {
    /// `pg_statistic_ext.oid`.
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// `pg_namespace.oid`.
    pub schema: Oid,
    /// Role that owns it; 0 stands for the bootstrap superuser.
    pub owner: Oid,
    /// The table.
    pub table: Oid,
    /// Its columns, as ascending `attnum`s.
    pub columns: Vec<i16>,
    /// Expressions, as SQL text.
    pub expressions: Vec<EcoString>,
    /// The `attnum`s that the expressions use.
    pub used: Vec<i16>,
    /// `stxkind`: `d`, `f`, `m` and `e`.
    pub kinds: EcoString,
    /// SET STATISTICS.
    pub target: Option<i16>,
}

/// An argument of a function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionArgument {
    /// Name, empty for none.
    pub name: EcoString,
    /// Type.
    pub ty: Oid,
    /// `i`, `o`, `b`, `v` or `t`.
    pub mode: char,
    /// DEFAULT, as SQL text.
    pub default: Option<EcoString>,
}

/// A role of the user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Role {
    /// `pg_authid.oid`.
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// SUPERUSER
    pub superuser: bool,
    /// INHERIT
    pub inherit: bool,
    /// CREATEROLE
    pub create_role: bool,
    /// CREATEDB
    pub create_database: bool,
    /// LOGIN
    pub login: bool,
    /// REPLICATION
    pub replication: bool,
    /// BYPASSRLS
    pub bypass_rls: bool,
    /// CONNECTION LIMIT
    pub connection_limit: i32,
    /// PASSWORD, as a SCRAM verifier.
    pub password: Option<EcoString>,
    /// VALID UNTIL, as text.
    pub valid_until: Option<EcoString>,
}

/// A membership in a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// `pg_auth_members.oid`.
    pub oid: Oid,
    /// The group.
    pub role: Oid,
    /// The member.
    pub member: Oid,
    /// Who granted it.
    pub grantor: Oid,
    /// WITH ADMIN
    pub admin: bool,
    /// WITH INHERIT
    pub inherit: bool,
    /// WITH SET
    pub set: bool,
}
