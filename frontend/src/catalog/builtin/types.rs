//! The rows of `pg_type`.

use std::collections::HashMap;

use datasets::catalog as rows;
use ecow::EcoString;
use types::Oid;

/// `pg_type.typtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeKind {
    /// A plain type (arrays included).
    Base,
    /// A row type.
    Composite,
    /// A domain.
    Domain,
    /// An enumeration.
    Enum,
    /// A pseudo-type.
    Pseudo,
    /// A range.
    Range,
    /// A multirange.
    Multirange,
}

/// A row of `pg_type`.
#[derive(Debug, Clone)]
pub struct Type {
    /// `pg_type.oid`
    pub oid: Oid,
    /// Name.
    pub name: EcoString,
    /// Schema.
    pub namespace: Oid,
    /// `typlen`
    pub len: i16,
    /// Kind.
    pub kind: TypeKind,
    /// `typcategory`
    pub category: char,
    /// Preferred within its category.
    pub preferred: bool,
    /// Element type of what can be subscripted, 0 for others.
    pub element: Oid,
    /// Whether it is a true array (subscripted by `array_subscript_handler`).
    pub is_array: bool,
    /// Array of this type, 0 for none.
    pub array: Oid,
    /// Base type of a domain.
    pub base: Oid,
    /// `pg_type.typtypmod`: the modifier that a domain gives its base type.
    pub base_modifier: i32,
    /// Function that reads type modifiers, 0 for none.
    pub modifier_input: Oid,
    /// Function that prints type modifiers, 0 for none.
    pub modifier_output: Oid,
    /// Collation, 0 for none.
    pub collation: Oid,
    /// Relation of a row type.
    pub relation: Oid,
}

pub(super) fn load() -> HashMap<Oid, Type> {
    let rows = rows::rows(rows::PG_TYPE).map(|row| {
        let ty = Type {
            oid: row.oid("oid"),
            name: row.text("typname").as_ref().into(),
            namespace: row.oid("typnamespace"),
            len: i16::try_from(row.int("typlen")).unwrap_or(-1),
            kind: match row.char("typtype") {
                'c' => TypeKind::Composite,
                'd' => TypeKind::Domain,
                'e' => TypeKind::Enum,
                'p' => TypeKind::Pseudo,
                'r' => TypeKind::Range,
                'm' => TypeKind::Multirange,
                _ => TypeKind::Base,
            },
            category: row.char("typcategory"),
            preferred: row.bool("typispreferred"),
            element: row.oid("typelem"),
            is_array: row.int("typlen") == -1
                && row.oid("typelem") != 0
                && (row.char("typcategory") == 'A' || row.oid("oid") == types::oids::RECORD_ARRAY),
            array: row.oid("typarray"),
            base: row.oid("typbasetype"),
            base_modifier: row.parse("typtypmod").unwrap_or(-1),
            modifier_input: row.oid("typmodin"),
            modifier_output: row.oid("typmodout"),
            collation: row.oid("typcollation"),
            relation: row.oid("typrelid"),
        };
        (ty.oid, ty)
    });
    rows.collect()
}
