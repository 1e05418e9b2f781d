//! FOREIGN KEY: the referenced key, the actions, whether the types can be compared (`ATAddForeignKeyConstraint`).

use std::sync::Arc;

use ecow::EcoString;
use pg_query::protobuf::{Constraint as RawConstraint, RangeVar};
use types::errors::integrity as errors;
use types::{Oid, PgError, Result, SqlState};

use super::super::coerce::{base_type, can_coerce_one};
use super::super::raw;
use super::super::state::{at, error};
use super::{Builder, names};
use crate::catalog::builtin::{CastContext, builtin};
use crate::catalog::type_names::format_type;
use crate::catalog::{
    Constraint, ConstraintKind, ForeignKey, ForeignKeyAction, Generated, Persistence, Relation, RelationKind,
};

/// A FOREIGN KEY that waits.
pub(super) struct Foreign {
    pub(super) raw: RawConstraint,
    pub(super) column: Option<usize>,
}

impl Builder<'_, '_> {
    fn referenced(&self, name: &RangeVar) -> Result<Arc<Relation>> {
        let catalog = self.context.catalog;
        let own = self.relation.name == name.relname.as_str()
            && (name.schemaname.is_empty() && catalog.relation(self.relation.oid).is_none()
                || catalog.schema_oid(&name.schemaname) == Some(self.relation.schema));
        let found = if name.schemaname.is_empty() {
            catalog.find_relation(self.context.search_path, &name.relname)
        } else {
            let schema = catalog.schema_oid(&name.schemaname);
            schema.and_then(|schema| catalog.relation_in(schema, &name.relname))
        };
        match found {
            Some(found) if found.oid == self.relation.oid => Ok(Arc::new(self.relation.clone())),
            Some(found) if !own => Ok(Arc::clone(found)),
            _ if own => Ok(Arc::new(self.relation.clone())),
            _ => {
                let shown = if name.schemaname.is_empty() {
                    name.relname.clone()
                } else {
                    format!("{}.{}", name.schemaname, name.relname)
                };
                let message = format!("relation \"{shown}\" does not exist");
                Err(PgError::new(SqlState::UNDEFINED_TABLE, message))
            }
        }
    }

    fn foreign_columns(&self, of: &Relation, names: &[&str]) -> Result<Vec<usize>> {
        let mut positions = Vec::new();
        for name in names {
            let position = of.column_position(name).ok_or_else(|| {
                let message =
                    format!("column \"{name}\" referenced in foreign key constraint does not exist");
                PgError::new(SqlState::UNDEFINED_COLUMN, message)
            })?;
            positions.push(position);
        }
        Ok(positions)
    }

    pub(super) fn make_foreign(&mut self, foreign: Foreign) -> Result<()> {
        let raw = foreign.raw;
        let table = raw.pktable.as_ref().ok_or_else(|| PgError::internal("a foreign key to nothing"))?;
        let referenced = self.referenced(table)?;
        self.check_referenced(&referenced)?;
        let columns = match foreign.column {
            Some(position) => vec![position],
            None => self.foreign_columns(&self.relation, &raw::strings(&raw.fk_attrs))?,
        };
        let period = raw.fk_with_period || raw.pk_with_period;
        if period && !raw.fk_with_period {
            return Err(errors::period_not_referencing());
        }
        let delete_columns = self.delete_columns(&raw, &columns)?;
        let targets = raw::strings(&raw.pk_attrs);
        let (index, targets) = if targets.is_empty() {
            let (index, targets) = primary_key(&referenced)?;
            if is_period(&referenced, index) && !period {
                return Err(errors::period_not_referencing());
            }
            (index, targets)
        } else {
            let targets = self.foreign_columns(&referenced, &targets)?;
            if period && !raw.pk_with_period {
                return Err(errors::period_not_referenced());
            }
            (unique_index(&referenced, &targets, period)?, targets)
        };
        if is_period(&referenced, index) && !period {
            return Err(errors::period_needed());
        }
        let (on_update, on_delete) = (action(&raw.fk_upd_action), action(&raw.fk_del_action));
        for position in &columns {
            self.check_generated(*position, on_update, on_delete)?;
        }
        for (event, action) in [("UPDATE", on_update), ("DELETE", on_delete)] {
            if period && action != ForeignKeyAction::NoAction {
                return Err(errors::period_action(event));
            }
        }
        if targets.len() != columns.len() {
            let message = "number of referencing and referenced columns for foreign key disagree";
            return Err(PgError::new(SqlState::INVALID_FOREIGN_KEY, message));
        }
        let name: EcoString = if raw.conname.is_empty() {
            let parts = columns.iter().map(|position| self.relation.columns[*position].name.as_str());
            let addition = names::columns_addition(parts);
            names::choose(&self.relation.name, &addition, "fkey", &|name| self.is_constraint_name_taken(name))
        } else {
            if self.relation.constraints.iter().any(|known| known.name == raw.conname.as_str()) {
                return Err(self.constraint_exists(&raw.conname));
            }
            raw.conname.as_str().into()
        };
        if raw.fk_matchtype == "p" {
            return Err(error(
                SqlState::FEATURE_NOT_SUPPORTED,
                "MATCH PARTIAL not yet implemented",
                at(raw.location),
            ));
        }
        self.check_types(&name, &referenced, &columns, &targets)?;
        if period && !is_period(&referenced, index) {
            return Err(errors::no_overlaps_operator());
        }
        let key = ForeignKey {
            columns,
            table: referenced.oid,
            referenced: targets.iter().map(|position| referenced.attnum(*position)).collect(),
            index,
            on_update,
            on_delete,
            delete_columns,
            full: raw.fk_matchtype == "f",
        };
        let made = Constraint {
            deferrable: raw.deferrable,
            deferred: raw.initdeferred,
            validated: (!raw.skip_validation || raw.initially_valid) && raw.is_enforced,
            enforced: raw.is_enforced,
            no_inherit: true,
            ..Constraint::new((self.allocate)(), name, ConstraintKind::ForeignKey(Box::new(key)))
        };
        self.relation.constraints.push(made);
        Ok(())
    }

    fn check_referenced(&self, referenced: &Relation) -> Result<()> {
        if matches!(referenced.kind, RelationKind::System) {
            let message = format!("permission denied: \"{}\" is a system catalog", referenced.name);
            return Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        if !matches!(referenced.kind, RelationKind::Table) {
            let message = format!("referenced relation \"{}\" is not a table", referenced.name);
            return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
        }
        let invalid = |message: &str| Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
        let temporary = |persistence| matches!(persistence, Persistence::Temporary(_));
        match (self.relation.persistence, referenced.persistence) {
            (Persistence::Permanent, other) if other != Persistence::Permanent => {
                invalid("constraints on permanent tables may reference only permanent tables")
            }
            (Persistence::Unlogged, other) if temporary(other) => {
                invalid("constraints on unlogged tables may reference only permanent or unlogged tables")
            }
            (own, other) if temporary(own) && !temporary(other) => {
                invalid("constraints on temporary tables may reference only temporary tables")
            }
            (_, _) => Ok(()),
        }
    }

    /// Returns the columns that ON DELETE SET NULL or SET DEFAULT names.
    fn delete_columns(&self, raw: &RawConstraint, columns: &[usize]) -> Result<Vec<usize>> {
        let mut delete_columns = Vec::new();
        for name in raw::strings(&raw.fk_del_set_cols) {
            let position = self.foreign_columns(&self.relation, &[name])?;
            if !columns.contains(&position[0]) {
                let message = format!(
                    "column \"{name}\" referenced in ON DELETE SET action must be part of foreign key"
                );
                return Err(PgError::new(SqlState::INVALID_COLUMN_REFERENCE, message));
            }
            delete_columns.extend(position);
        }
        Ok(delete_columns)
    }

    fn check_generated(
        &self,
        position: usize,
        update: ForeignKeyAction,
        delete: ForeignKeyAction,
    ) -> Result<()> {
        let generated = self.relation.columns[position].generated;
        let refuse = |event: &str, action: ForeignKeyAction| {
            let action = match action {
                ForeignKeyAction::SetNull => "SET NULL",
                ForeignKeyAction::SetDefault => "SET DEFAULT",
                ForeignKeyAction::Cascade if event == "UPDATE" => "CASCADE",
                _ => return Ok(()),
            };
            let message =
                format!("invalid ON {event} action for foreign key constraint containing generated column");
            let _ = action;
            Err(PgError::new(SqlState::SYNTAX_ERROR, message))
        };
        match generated {
            None => Ok(()),
            Some(Generated::Virtual) => Err(PgError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "foreign key constraints on virtual generated columns are not supported",
            )),
            Some(Generated::Stored) => {
                refuse("UPDATE", update)?;
                refuse("DELETE", delete)
            }
        }
    }

    fn check_types(
        &self,
        name: &str,
        referenced: &Relation,
        columns: &[usize],
        targets: &[usize],
    ) -> Result<()> {
        for (own, target) in columns.iter().zip(targets) {
            let (own, target) = (&self.relation.columns[*own], &referenced.columns[*target]);
            if !comparable(target.ty.oid, own.ty.oid) {
                let message = format!("foreign key constraint \"{name}\" cannot be implemented");
                let detail = format!(
                    "Key columns \"{}\" of the referencing table and \"{}\" of the referenced table are of incompatible types: {} and {}.",
                    own.name,
                    target.name,
                    format_type(own.ty.oid, None),
                    format_type(target.ty.oid, None)
                );
                return Err(PgError::new(SqlState::DATATYPE_MISMATCH, message).with_detail(detail));
            }
        }
        Ok(())
    }
}

/// Says whether the referenced key's equality takes a referencing value.
fn comparable(key: Oid, own: Oid) -> bool {
    let (key, own) = (base_type(key), base_type(own));
    if key == own {
        return true;
    }
    let exact = |operator: &&crate::catalog::builtin::Operator| operator.left == key && operator.right == own;
    builtin().operators_by_name("=").any(|operator| exact(&operator))
        || can_coerce_one(own, key, CastContext::Implicit)
}

/// Reads an action's letter.
fn action(letter: &str) -> ForeignKeyAction {
    match letter {
        "r" => ForeignKeyAction::Restrict,
        "c" => ForeignKeyAction::Cascade,
        "n" => ForeignKeyAction::SetNull,
        "d" => ForeignKeyAction::SetDefault,
        _ => ForeignKeyAction::NoAction,
    }
}

/// Says whether a key is one WITHOUT OVERLAPS.
fn is_period(referenced: &Relation, index: Oid) -> bool {
    referenced.index(index).is_some_and(|index| index.is_period())
}

fn primary_key(referenced: &Relation) -> Result<(Oid, Vec<usize>)> {
    for constraint in &referenced.constraints {
        if let ConstraintKind::PrimaryKey { columns, index } = &constraint.kind {
            if constraint.deferrable {
                let message = format!(
                    "cannot use a deferrable primary key for referenced table \"{}\"",
                    referenced.name
                );
                return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
            }
            return Ok((*index, columns.clone()));
        }
    }
    let message = format!("there is no primary key for referenced table \"{}\"", referenced.name);
    Err(PgError::new(SqlState::UNDEFINED_OBJECT, message))
}

/// Finds the unique index over exactly these columns, in any order; `period`: one WITHOUT OVERLAPS of the last of them.
fn unique_index(referenced: &Relation, targets: &[usize], period: bool) -> Result<Oid> {
    let mut sorted = targets.to_vec();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        let message = "foreign key referenced-columns list must not contain duplicates";
        return Err(PgError::new(SqlState::INVALID_FOREIGN_KEY, message));
    }
    let mut deferrable = false;
    for index in referenced.indexes.iter().filter(|index| index.unique && index.predicate.is_none()) {
        let Some(mut columns) = index.key_columns() else { continue };
        if period && (!index.is_period() || columns.last() != targets.last()) {
            continue;
        }
        columns.sort_unstable();
        if columns != sorted {
            continue;
        }
        let constraint = referenced.constraints.iter().find(|known| known.oid == index.constraint);
        if constraint.is_some_and(|constraint| constraint.deferrable) {
            deferrable = true;
            continue;
        }
        return Ok(index.oid);
    }
    if deferrable {
        let message =
            format!("cannot use a deferrable unique constraint for referenced table \"{}\"", referenced.name);
        return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    let message = format!(
        "there is no unique constraint matching given keys for referenced table \"{}\"",
        referenced.name
    );
    Err(PgError::new(SqlState::INVALID_FOREIGN_KEY, message))
}
