//! The rows of `pg_constraint`.

use executor::context::SessionAccess;
use types::{Datum, Oid, oids};

use super::definitions::{Index, constraint_definition, index_attnums};
use super::layout::{Maker, array, oid};
use super::relations::{flag, text};
use crate::analyzer::AnalyzerContext;
use crate::catalog::builtin::builtin;
use crate::catalog::{ConstraintKind, ForeignKey, ForeignKeyAction, Relation};
use crate::session::access::Access;

/// A table of a foreign key.
#[derive(Clone, Copy)]
enum Side {
    Referencing,
    Referenced,
}

/// Adds the rows of `pg_constraint`.
pub(super) fn rows(access: &Access, maker: &mut Maker<'_>) {
    for relation in access.catalog.relations.values() {
        for constraint in &relation.constraints {
            let number = |position: &usize| Datum::I16(relation.attnum(*position));
            let (kind, index, columns): (&str, Oid, Vec<Datum>) = match &constraint.kind {
                ConstraintKind::PrimaryKey { columns, index } => {
                    ("p", *index, columns.iter().map(number).collect())
                }
                ConstraintKind::Unique { columns, index } => {
                    ("u", *index, columns.iter().map(number).collect())
                }
                ConstraintKind::Exclusion { index } => {
                    let numbers = relation.index(*index).map_or_else(Vec::new, |index| {
                        let index = Index { oid: index.oid, table: relation, index };
                        index_attnums(&index).into_iter().map(Datum::I16).collect()
                    });
                    ("x", *index, numbers)
                }
                ConstraintKind::NotNull { column } => ("n", 0, vec![number(column)]),
                ConstraintKind::Check { .. } => ("c", 0, constraint.columns.iter().map(number).collect()),
                ConstraintKind::ForeignKey(key) => ("f", key.index, key.columns.iter().map(number).collect()),
            };
            let mut keys = relation.foreign_keys();
            let foreign = keys.find(|(known, _)| known.oid == constraint.oid).map(|(_, key)| key);
            let numbers =
                |list: &[i16]| array(oids::INT2, list.iter().map(|number| Datum::I16(*number)).collect());
            let own_index = if foreign.is_some() { None } else { relation.index(index) };
            let referenced = foreign.and_then(|key| access.catalog.relations.get(&key.table));
            let period = own_index.is_some_and(|index| index.is_period())
                || foreign.zip(referenced).is_some_and(|(key, table)| key.has_period(table));
            let exclusion = own_index.map_or(&[][..], |index| &index.exclusion);
            let exclusion = match exclusion {
                [] => Datum::Null,
                operators => array(oids::OID, operators.iter().map(|operator| oid(*operator)).collect()),
            };
            let equality = |left: Side, right: Side| match foreign.zip(referenced) {
                Some((key, referenced)) => equality(access, (relation, referenced), key, [left, right]),
                None => Datum::Null,
            };
            let check = matches!(constraint.kind, ConstraintKind::Check { .. });
            let definition = constraint_definition(&access.catalog, &[], relation, constraint);
            maker.add(&[
                ("oid", oid(constraint.oid)),
                ("conname", text(&constraint.name)),
                ("connamespace", oid(relation.schema)),
                ("contype", text(kind)),
                ("condeferrable", flag(constraint.deferrable)),
                ("condeferred", flag(constraint.deferred)),
                ("conenforced", flag(constraint.enforced)),
                ("convalidated", flag(constraint.validated)),
                ("conrelid", oid(relation.oid)),
                ("contypid", oid(0)),
                ("conindid", oid(index)),
                ("conparentid", oid(0)),
                ("confrelid", oid(foreign.map_or(0, |key| key.table))),
                ("confupdtype", text(foreign.map_or(" ", |key| action_letter(key.on_update)))),
                ("confdeltype", text(foreign.map_or(" ", |key| action_letter(key.on_delete)))),
                ("confmatchtype", text(foreign.map_or(" ", |key| if key.full { "f" } else { "s" }))),
                ("conislocal", flag(true)),
                ("coninhcount", Datum::I16(0)),
                ("connoinherit", flag(index != 0 || constraint.no_inherit)),
                ("conperiod", flag(period)),
                ("conexclop", exclusion),
                ("conpfeqop", equality(Side::Referenced, Side::Referencing)),
                ("conppeqop", equality(Side::Referenced, Side::Referenced)),
                ("conffeqop", equality(Side::Referencing, Side::Referencing)),
                ("conkey", array(oids::INT2, columns)),
                ("confkey", foreign.map_or(Datum::Null, |key| numbers(&key.referenced))),
                ("conbin", if check { text(&definition) } else { Datum::Null }),
            ]);
        }
    }
}

fn action_letter(action: ForeignKeyAction) -> &'static str {
    match action {
        ForeignKeyAction::NoAction => "a",
        ForeignKeyAction::Restrict => "r",
        ForeignKeyAction::Cascade => "c",
        ForeignKeyAction::SetNull => "n",
        ForeignKeyAction::SetDefault => "d",
    }
}

/// Returns the operators that compare the columns of two sides of a foreign key.
fn equality(
    access: &Access,
    (relation, referenced): (&Relation, &Relation),
    key: &ForeignKey,
    sides: [Side; 2],
) -> Datum {
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let (period, last) = (key.has_period(referenced), key.columns.len().saturating_sub(1));
    let operators = key.columns.iter().zip(&key.referenced).enumerate().filter_map(|(at, (own, attnum))| {
        let name = if period && at == last { "&&" } else { "=" };
        let target = referenced.columns.get(referenced.position_of(*attnum)?)?.ty.oid;
        let own = relation.columns.get(*own)?.ty.oid;
        // Where the key's operators do not know the referencing type, its values are coerced.
        let mixed = crate::analyzer::operator(name, target, own, &context)?;
        let known = builtin().operator(mixed).is_some_and(|operator| operator.right == own);
        let ty = |side: Side| match side {
            Side::Referencing if known => own,
            Side::Referencing | Side::Referenced => target,
        };
        crate::analyzer::operator(name, ty(sides[0]), ty(sides[1]), &context)
    });
    array(oids::OID, operators.map(oid).collect())
}
