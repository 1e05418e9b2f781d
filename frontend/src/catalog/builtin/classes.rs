//! The rows of `pg_am` and `pg_opclass`: which operator class an index key has.

use std::collections::HashSet;
use std::sync::LazyLock;

use ::types::{Oid, oids};
use datasets::catalog as rows;
use ecow::EcoString;

use super::builtin;
use super::types::TypeKind;

/// A row of `pg_opclass`.
#[derive(Debug, Clone)]
pub struct OperatorClass {
    /// `pg_opclass.oid`.
    pub oid: Oid,
    /// `pg_am.oid`.
    pub method: Oid,
    /// Name.
    pub name: EcoString,
    /// `pg_opfamily.oid`.
    pub family: Oid,
    /// Type that is indexed.
    pub input: Oid,
    /// Whether it is the type's default class.
    pub default: bool,
    /// Type that the index stores, 0 for that of the column.
    pub key: Oid,
}

static CLASSES: LazyLock<Vec<OperatorClass>> = LazyLock::new(|| {
    rows::rows(rows::PG_OPCLASS)
        .map(|row| OperatorClass {
            oid: row.oid("oid"),
            method: row.oid("opcmethod"),
            name: row.text("opcname").as_ref().into(),
            family: row.oid("opcfamily"),
            input: row.oid("opcintype"),
            default: row.bool("opcdefault"),
            key: row.oid("opckeytype"),
        })
        .collect()
});

/// Returns `pg_am.oid` of an index access method.
pub fn index_method(name: &str) -> Option<Oid> {
    rows::rows(rows::PG_AM)
        .find(|row| row.text("amname") == name && row.char("amtype") == 'i')
        .map(|row| row.oid("oid"))
}

/// Returns an operator class by oid.
pub fn operator_class(oid: Oid) -> Option<&'static OperatorClass> {
    CLASSES.iter().find(|class| class.oid == oid)
}

/// Returns an operator class by method and name.
pub fn operator_class_by_name(method: Oid, name: &str) -> Option<&'static OperatorClass> {
    CLASSES.iter().find(|class| class.method == method && class.name == name)
}

/// Says whether an operator is a member of an operator family.
pub fn is_in_family(family: Oid, operator: Oid) -> bool {
    static MEMBERS: LazyLock<HashSet<(Oid, Oid)>> = LazyLock::new(|| {
        let members = rows::rows(rows::PG_AMOP).filter(|row| row.char("amoppurpose") == 's');
        members.map(|row| (row.oid("amopfamily"), row.oid("amopopr"))).collect()
    });
    MEMBERS.contains(&(family, operator))
}

/// Returns the name of an operator family.
pub fn operator_family_name(family: Oid) -> Option<String> {
    let mut families = rows::rows(rows::PG_OPFAMILY).filter(|row| row.oid("oid") == family);
    families.next().map(|row| row.text("opfname").into_owned())
}

/// Returns the default operator class of a type (`GetDefaultOpClass`).
pub fn default_operator_class(method: Oid, ty: Oid) -> Option<&'static OperatorClass> {
    let base = base_type(ty);
    let classes = || CLASSES.iter().filter(|class| class.method == method && class.default);
    if let Some(exact) = classes().find(|class| class.input == base) {
        return Some(exact);
    }
    classes().find(|class| accepts(class.input, base))
}

/// Says whether an operator class over `input` takes values of `ty` without conversion.
pub fn accepts(input: Oid, ty: Oid) -> bool {
    let ty = base_type(ty);
    if input == ty {
        return true;
    }
    let Some(row) = builtin().type_by_oid(ty) else { return false };
    match input {
        oids::ANYARRAY => row.is_array,
        oids::ANYENUM => row.kind == TypeKind::Enum,
        oids::ANYRANGE => row.kind == TypeKind::Range,
        oids::ANYMULTIRANGE => row.kind == TypeKind::Multirange,
        oids::RECORD => row.kind == TypeKind::Composite,
        _ => builtin().cast(ty, input).is_some_and(|cast| {
            matches!(cast.method, super::CastMethod::Binary) && cast.context == super::CastContext::Implicit
        }),
    }
}

/// Returns what a domain is over.
fn base_type(mut ty: Oid) -> Oid {
    while let Some(row) = builtin().type_by_oid(ty) {
        if row.kind != TypeKind::Domain {
            break;
        }
        ty = row.base;
    }
    ty
}
