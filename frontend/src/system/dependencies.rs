//! The rows of `pg_depend` for the user's objects.

use std::collections::HashSet;

use types::{Datum, Oid, oids};

use super::layout::{Maker, oid};
use super::relations::{default_oid, rule_oid, text};
use crate::catalog::dependency::{self, DependencyKind, classes};
use crate::catalog::{ConstraintKind, ObjectRef, RelationKind};
use crate::session::access::Access;

/// Adds them.
pub(super) fn add(access: &Access, maker: &mut Maker<'_>) {
    let catalog = &access.catalog;
    let constraints = catalog.relations.values().flat_map(|relation| &relation.constraints);
    let checks: HashSet<Oid> = constraints
        .filter(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. }))
        .map(|constraint| constraint.oid)
        .collect();
    let is_view = |oid: Oid| {
        let kind = catalog.relations.get(&oid).map(|relation| &relation.kind);
        matches!(kind, Some(RelationKind::View { .. } | RelationKind::Materialized { .. }))
    };
    let place = |object: ObjectRef| {
        // Defaults have no oid in the catalog.
        let default = catalog.relations.get(&object.oid).filter(|_| object.class == classes::DEFAULT);
        let position = default.and_then(|relation| Some((relation, relation.position_of(object.column)?)));
        match position {
            Some((relation, position)) => (default_oid(relation, position), 0),
            None => (object.oid, i32::from(object.column)),
        }
    };
    for (object, on, kind) in dependency::edges(catalog) {
        // What PostgreSQL pins has no rows.
        if on.oid < FIRST_USER_OID && on.oid != oids::PUBLIC_NAMESPACE {
            continue;
        }
        let ((mut number, part), (on_number, on_part)) = (place(object), place(on));
        let mut class = object.class;
        if class == classes::RELATION && is_view(object.oid) && on.class != classes::SCHEMA {
            // What a view's query needs its rule depends on.
            number = catalog.relations.get(&object.oid).map_or(number, |view| rule_oid(view));
            class = REWRITE;
        }
        // An expression needs what its constraint goes along with, too.
        let kinds: &[&str] = match kind {
            DependencyKind::Auto if checks.contains(&object.oid) && on.column != 0 => &["a", "n"],
            DependencyKind::Auto => &["a"],
            DependencyKind::Normal => &["n"],
            DependencyKind::Internal => &["i"],
        };
        for kind in kinds {
            maker.add(&[
                ("classid", oid(class)),
                ("objid", oid(number)),
                ("objsubid", Datum::I32(part)),
                ("refclassid", oid(on.class)),
                ("refobjid", oid(on_number)),
                ("refobjsubid", Datum::I32(on_part)),
                ("deptype", text(kind)),
            ]);
        }
    }
}

/// `pg_rewrite`
const REWRITE: Oid = 2618;
/// Lesser oids are PostgreSQL's own.
const FIRST_USER_OID: Oid = 16_384;
