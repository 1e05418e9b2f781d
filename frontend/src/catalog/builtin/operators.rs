//! The rows of `pg_operator`, and from `pg_opclass`, `pg_amop` and `pg_amproc` the default operators of each type.

use std::collections::HashMap;

use datasets::catalog as rows;
use ecow::EcoString;
use types::Oid;

/// `pg_am.oid` of btree.
pub(crate) const BTREE: Oid = 403;
/// `pg_am.oid` of hash.
const HASH: Oid = 405;

/// A row of `pg_operator`.
#[derive(Debug, Clone)]
pub struct Operator {
    /// `pg_operator.oid`
    pub oid: Oid,
    /// Symbol.
    pub name: EcoString,
    /// Schema.
    pub namespace: Oid,
    /// Left type, 0 for a prefix operator.
    pub left: Oid,
    /// Right type.
    pub right: Oid,
    /// Result type.
    pub result: Oid,
    /// Function.
    pub function: Oid,
    /// Commutator, 0 for none.
    pub commutator: Oid,
    /// Negator, 0 for none.
    pub negator: Oid,
}

/// The default order and equality of a type; an oid is 0 where the type has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultOperators {
    /// `=`
    pub equal: Oid,
    /// `<`
    pub less: Oid,
    /// `>`
    pub greater: Oid,
    /// The btree family.
    pub family: Oid,
}

/// The place of an operator in a btree family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyMember {
    /// `pg_opfamily.oid`
    pub family: Oid,
    /// 1 `<`, 2 `<=`, 3 `=`, 4 `>=`, 5 `>`.
    pub strategy: i64,
    /// Left type.
    pub left: Oid,
    /// Right type.
    pub right: Oid,
}

pub(super) fn load() -> HashMap<Oid, Operator> {
    let rows = rows::rows(rows::PG_OPERATOR).map(|row| {
        let operator = Operator {
            oid: row.oid("oid"),
            name: row.text("oprname").as_ref().into(),
            namespace: row.oid("oprnamespace"),
            left: row.oid("oprleft"),
            right: row.oid("oprright"),
            result: row.oid("oprresult"),
            function: row.oid("oprcode"),
            commutator: row.oid("oprcom"),
            negator: row.oid("oprnegate"),
        };
        (operator.oid, operator)
    });
    rows.collect()
}

/// Reads the default classes: btree first, hash equality for types that btree does not know.
pub(super) fn load_defaults() -> HashMap<Oid, DefaultOperators> {
    let mut members: HashMap<(Oid, Oid, Oid, i64), Oid> = HashMap::new();
    for row in rows::rows(rows::PG_AMOP) {
        let key = (
            row.oid("amopfamily"),
            row.oid("amoplefttype"),
            row.oid("amoprighttype"),
            row.int("amopstrategy"),
        );
        members.insert(key, row.oid("amopopr"));
    }
    let mut defaults: HashMap<Oid, DefaultOperators> = HashMap::new();
    for method in [BTREE, HASH] {
        for row in rows::rows(rows::PG_OPCLASS) {
            let (family, ty) = (row.oid("opcfamily"), row.oid("opcintype"));
            if row.oid("opcmethod") != method || !row.bool("opcdefault") {
                continue;
            }
            let member = |strategy| members.get(&(family, ty, ty, strategy)).copied().unwrap_or(0);
            let found = if method == BTREE {
                DefaultOperators { equal: member(3), less: member(1), greater: member(5), family }
            } else {
                DefaultOperators { equal: member(1), ..DefaultOperators::default() }
            };
            defaults.entry(ty).or_insert(found);
        }
    }
    defaults
}

pub(super) fn load_families() -> HashMap<Oid, Vec<FamilyMember>> {
    let mut families: HashMap<Oid, Vec<FamilyMember>> = HashMap::new();
    for row in rows::rows(rows::PG_AMOP).filter(|row| row.oid("amopmethod") == BTREE) {
        families.entry(row.oid("amopopr")).or_default().push(FamilyMember {
            family: row.oid("amopfamily"),
            strategy: row.int("amopstrategy"),
            left: row.oid("amoplefttype"),
            right: row.oid("amoprighttype"),
        });
    }
    families
}

/// Reads support function 3 (`in_range`) of the btree families.
pub(super) fn load_in_range() -> HashMap<(Oid, Oid, Oid), Oid> {
    const IN_RANGE: i64 = 3;
    let btree: std::collections::HashSet<Oid> = rows::rows(rows::PG_OPFAMILY)
        .filter(|row| row.oid("opfmethod") == BTREE)
        .map(|row| row.oid("oid"))
        .collect();
    rows::rows(rows::PG_AMPROC)
        .filter(|row| row.int("amprocnum") == IN_RANGE && btree.contains(&row.oid("amprocfamily")))
        .map(|row| {
            let key = (row.oid("amprocfamily"), row.oid("amproclefttype"), row.oid("amprocrighttype"));
            (key, row.oid("amproc"))
        })
        .collect()
}
