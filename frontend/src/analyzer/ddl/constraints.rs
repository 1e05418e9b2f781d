//! CHECK, NOT NULL, PRIMARY KEY and UNIQUE.

use std::sync::Arc;

use ecow::EcoString;
use pg_query::protobuf::{ConstrType, Constraint as RawConstraint, Node};
use types::{PgError, Result, SqlState};

use super::super::coerce::base_type;
use super::super::state::{Location, at, error, unsupported};
use super::super::{ExpressionUse, raw};
use super::index::{self, Method};
use super::{Builder, exclusion, expressions, foreign, names, options};
use crate::catalog::builtin::{TypeKind, builtin};
use crate::catalog::{Constraint, ConstraintKind, Index};

/// A CHECK that waits.
pub(super) struct Check {
    pub(super) raw: RawConstraint,
}

/// A NOT NULL that waits.
pub(super) struct NotNull {
    position: usize,
    /// Its name; empty for a generated one.
    pub(super) name: EcoString,
    no_inherit: bool,
    validated: bool,
    /// Not written, but part of something else.
    implied: bool,
}

impl NotNull {
    pub(super) fn unnamed(position: usize) -> Self {
        Self { position, name: EcoString::new(), no_inherit: false, validated: true, implied: true }
    }
    pub(super) fn of(position: usize, raw: &RawConstraint) -> Self {
        let name = raw.conname.as_str().into();
        let (no_inherit, validated) = (raw.is_no_inherit, !raw.skip_validation);
        Self { position, name, no_inherit, validated, implied: false }
    }
}

/// A PRIMARY KEY or UNIQUE that waits.
pub(super) struct Key {
    pub(super) primary: bool,
    name: EcoString,
    columns: Vec<usize>,
    include: Vec<usize>,
    nulls_not_distinct: bool,
    deferrable: bool,
    deferred: bool,
    /// WITHOUT OVERLAPS.
    period: bool,
    options: Vec<EcoString>,
}

impl Builder<'_, '_> {
    /// Notes a constraint of the table, or of one column.
    pub(super) fn constraint(
        &mut self,
        raw: &RawConstraint,
        column: Option<usize>,
        _: &[Node],
    ) -> Result<()> {
        match ConstrType::try_from(raw.contype).unwrap_or(ConstrType::Undefined) {
            ConstrType::ConstrCheck => self.pending.checks.push(Check { raw: raw.clone() }),
            ConstrType::ConstrNotnull => {
                for name in raw::strings(&raw.keys) {
                    let position = self.relation.column_position(name).ok_or_else(|| {
                        let message = format!(
                            "column \"{name}\" of relation \"{}\" does not exist",
                            self.relation.name
                        );
                        PgError::new(SqlState::UNDEFINED_COLUMN, message)
                    })?;
                    self.pending.not_nulls.push(NotNull::of(position, raw));
                }
            }
            ConstrType::ConstrPrimary => self.key(raw, column, true)?,
            ConstrType::ConstrUnique => self.key(raw, column, false)?,
            ConstrType::ConstrForeign => {
                self.pending.foreign.push(foreign::Foreign { raw: raw.clone(), column });
            }
            ConstrType::ConstrExclusion => self.pending.exclusions.push(raw.clone()),
            ConstrType::Undefined
            | ConstrType::ConstrNull
            | ConstrType::ConstrDefault
            | ConstrType::ConstrIdentity
            | ConstrType::ConstrGenerated
            | ConstrType::ConstrAttrDeferrable
            | ConstrType::ConstrAttrNotDeferrable
            | ConstrType::ConstrAttrDeferred
            | ConstrType::ConstrAttrImmediate
            | ConstrType::ConstrAttrEnforced
            | ConstrType::ConstrAttrNotEnforced => {
                return Err(PgError::internal("a constraint in a place where it cannot be"));
            }
        }
        Ok(())
    }

    /// Returns the positions of the columns that a key names.
    fn key_columns(&self, raw: &RawConstraint, column: Option<usize>, primary: bool) -> Result<Vec<usize>> {
        if let Some(column) = column {
            return Ok(vec![column]);
        }
        let mut positions = Vec::new();
        for name in raw::strings(&raw.keys) {
            let location = at(raw.location);
            let message = || format!("column \"{name}\" named in key does not exist");
            if raw::strings(&raw.keys).iter().filter(|other| **other == name).count() > 1 {
                let what = if primary { "primary key" } else { "unique" };
                let message = format!("column \"{name}\" appears twice in {what} constraint");
                return Err(error(SqlState::DUPLICATE_COLUMN, message, location));
            }
            let found = self.relation.column_position(name);
            let position = found.ok_or_else(|| error(SqlState::UNDEFINED_COLUMN, message(), location))?;
            if positions.contains(&position) {
                let what = if primary { "primary key" } else { "unique" };
                let message = format!("column \"{name}\" appears twice in {what} constraint");
                return Err(error(SqlState::DUPLICATE_COLUMN, message, location));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    /// Says that the last column of a key WITHOUT OVERLAPS is of ranges, and not the only one.
    fn check_period(&self, columns: &[usize], location: Location) -> Result<()> {
        let Some((last, [_, ..])) = columns.split_last() else {
            let message = "constraint using WITHOUT OVERLAPS needs at least two columns";
            return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
        };
        let column = &self.relation.columns[*last];
        let kind = builtin().type_by_oid(base_type(column.ty.oid)).map(|ty| ty.kind);
        if !matches!(kind, Some(TypeKind::Range | TypeKind::Multirange)) {
            let message =
                format!("column \"{}\" in WITHOUT OVERLAPS is not a range or multirange type", column.name);
            return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
        }
        Ok(())
    }

    fn key(&mut self, raw: &RawConstraint, column: Option<usize>, primary: bool) -> Result<()> {
        let location: Location = at(raw.location);
        if !raw.indexname.is_empty() {
            return Err(unsupported("constraints USING INDEX", location));
        }
        if primary
            && (self.relation.primary_key().is_some() || self.pending.keys.iter().any(|key| key.primary))
        {
            let message =
                format!("multiple primary keys for table \"{}\" are not allowed", self.relation.name);
            // ALTER TABLE finds out too late to know the place.
            let location = location.filter(|_| self.relation.primary_key().is_none());
            return Err(error(SqlState::INVALID_TABLE_DEFINITION, message, location));
        }
        let columns = self.key_columns(raw, column, primary)?;
        if raw.without_overlaps {
            self.check_period(&columns, location)?;
        }
        for position in &columns {
            let column = &self.relation.columns[*position];
            if column.generated == Some(crate::catalog::Generated::Virtual) {
                let what = if primary { "primary keys" } else { "unique constraints" };
                let message = format!("{what} on virtual generated columns are not supported");
                return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
        }
        let include = index::include(&self.relation, &raw.including)?;
        let key = Key {
            primary,
            name: raw.conname.as_str().into(),
            columns,
            include,
            nulls_not_distinct: raw.nulls_not_distinct,
            deferrable: raw.deferrable,
            deferred: raw.initdeferred,
            period: raw.without_overlaps,
            options: options::index_options(&raw.options, "btree")?,
        };
        let same = self.pending.keys.iter_mut().find(|known| {
            known.columns == key.columns
                && known.include == key.include
                && known.nulls_not_distinct == key.nulls_not_distinct
                && known.deferrable == key.deferrable
                && known.deferred == key.deferred
                && known.period == key.period
        });
        match same {
            // As transformIndexConstraints: one index serves both, unless both have names.
            Some(known) if known.name.is_empty() || key.name.is_empty() => {
                if known.name.is_empty() {
                    known.name = key.name;
                }
                known.primary |= key.primary;
            }
            Some(_) | None => self.pending.keys.push(key),
        }
        Ok(())
    }

    /// Adds a NOT NULL with a generated name.
    pub fn add_not_null(&mut self, position: usize) {
        self.pending.not_nulls.push(NotNull::unnamed(position));
    }

    pub(super) fn rename_not_null(&mut self, position: usize, name: &str) -> Result<()> {
        for constraint in &mut self.pending.not_nulls {
            if constraint.position == position {
                if !constraint.name.is_empty() && constraint.name != name {
                    let message = format!(
                        "conflicting not-null constraint names \"{}\" and \"{name}\"",
                        constraint.name
                    );
                    return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
                }
                constraint.name = name.into();
            }
        }
        Ok(())
    }

    pub(super) fn make_check(&mut self, check: Check) -> Result<()> {
        let raw = check.raw;
        let node = raw::inner(&raw.raw_expr).ok_or_else(|| PgError::internal("an empty check"))?;
        let ids = expressions::ids(&self.relation);
        let (expr, _) =
            super::super::node_expression(node, ExpressionUse::Check, &self.relation, &ids, self.context)?;
        let definition = expressions::stored_text(&expr, node, &self.relation, &ids, self.context)?;
        let used = expressions::columns_used(&expr, &ids);
        let name: EcoString = if raw.conname.is_empty() {
            let column = match used.as_slice() {
                [only] => self.relation.columns[*only].name.clone(),
                _ => EcoString::new(),
            };
            names::choose(&self.relation.name, &column, "check", &|name| self.is_constraint_name_taken(name))
        } else {
            let taken = self.relation.constraints.iter().any(|known| known.name == raw.conname.as_str());
            let known = self.context.catalog.relation(self.relation.oid);
            let stored = known.is_some_and(|known| {
                known.constraints.iter().any(|known| known.name == raw.conname.as_str())
            });
            if stored {
                return Err(self.constraint_exists(&raw.conname));
            }
            if taken {
                let message = format!("check constraint \"{}\" already exists", raw.conname);
                return Err(PgError::new(SqlState::DUPLICATE_OBJECT, message));
            }
            raw.conname.as_str().into()
        };
        let constraint = Constraint {
            validated: !raw.skip_validation && raw.is_enforced,
            enforced: raw.is_enforced,
            no_inherit: raw.is_no_inherit,
            columns: used,
            ..Constraint::new((self.allocate)(), name, ConstraintKind::Check { definition })
        };
        self.relation.constraints.push(constraint);
        Ok(())
    }

    /// Copies a CHECK by its text.
    pub(super) fn copy_check(
        &mut self,
        name: EcoString,
        definition: EcoString,
        like: &Constraint,
        first: usize,
    ) {
        let constraint = Constraint {
            validated: true,
            enforced: like.enforced,
            no_inherit: like.no_inherit,
            columns: like.columns.iter().map(|position| position + first).collect(),
            ..Constraint::new((self.allocate)(), name, ConstraintKind::Check { definition })
        };
        self.relation.constraints.push(constraint);
    }

    pub(super) fn make_not_null(&mut self, constraint: NotNull) -> Result<()> {
        let position = constraint.position;
        let known =
            self.relation.constraints.iter().find(
                |known| matches!(&known.kind, ConstraintKind::NotNull { column } if *column == position),
            );
        if let Some(known) = known {
            if !constraint.name.is_empty() && known.name != constraint.name {
                let message = format!(
                    "cannot create not-null constraint \"{}\" on column \"{}\" of table \"{}\"",
                    constraint.name, self.relation.columns[position].name, self.relation.name
                );
                return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).with_detail(
                    format!("A not-null constraint named \"{}\" already exists for this column.", known.name),
                ));
            }
            if constraint.no_inherit != known.no_inherit && !constraint.implied {
                let message = format!(
                    "cannot change NO INHERIT status of NOT NULL constraint \"{}\" on relation \"{}\"",
                    known.name, self.relation.name
                );
                return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message).with_hint(
                    "You might need to make the existing constraint inheritable using ALTER TABLE ... ALTER CONSTRAINT ... INHERIT.",
                ));
            }
            if constraint.validated && !known.validated {
                let message = format!(
                    "incompatible NOT VALID constraint \"{}\" on relation \"{}\"",
                    known.name, self.relation.name
                );
                return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
                    .with_hint("You might need to validate it using ALTER TABLE ... VALIDATE CONSTRAINT."));
            }
            return Ok(());
        }
        let name = if constraint.name.is_empty() {
            let column = self.relation.columns[position].name.clone();
            names::choose(&self.relation.name, &column, "not_null", &|name| {
                self.is_constraint_name_taken(name)
            })
        } else {
            if self.relation.constraints.iter().any(|known| known.name == constraint.name) {
                return Err(self.constraint_exists(&constraint.name));
            }
            constraint.name
        };
        self.relation.columns[position].not_null = true;
        let made = Constraint {
            no_inherit: constraint.no_inherit,
            validated: constraint.validated,
            ..Constraint::new((self.allocate)(), name, ConstraintKind::NotNull { column: position })
        };
        self.relation.constraints.push(made);
        Ok(())
    }

    pub(super) fn constraint_exists(&self, name: &str) -> PgError {
        let message = format!("constraint \"{name}\" for relation \"{}\" already exists", self.relation.name);
        PgError::new(SqlState::DUPLICATE_OBJECT, message)
    }

    pub(super) fn make_key(&mut self, key: Key) -> Result<()> {
        let Key { primary, columns, include, .. } = key;
        if primary {
            for position in &columns {
                self.make_not_null(NotNull::unnamed(*position))?;
            }
        }
        let method = Method::find(if key.period { "gist" } else { "btree" })?;
        let exclusion = if key.period { exclusion::period_operators(self, &columns)? } else { Vec::new() };
        let keys = columns
            .iter()
            .map(|position| index::column_key(&self.relation, *position, &method))
            .collect::<Result<Vec<_>>>()?;
        let taken = |name: &str| self.is_relation_name_taken(name) || self.is_constraint_name_taken(name);
        let name = if !key.name.is_empty() {
            if self.is_relation_name_taken(&key.name) {
                let message = format!("relation \"{}\" already exists", key.name);
                return Err(PgError::new(SqlState::DUPLICATE_TABLE, message));
            }
            if self.relation.constraints.iter().any(|known| known.name == key.name) {
                return Err(self.constraint_exists(&key.name));
            }
            key.name
        } else if primary {
            names::choose(&self.relation.name, "", "pkey", &taken)
        } else {
            let parts = columns.iter().chain(&include).map(|at| self.relation.columns[*at].name.as_str());
            names::choose(&self.relation.name, &names::columns_addition(parts), "key", &taken)
        };
        let (oid, constraint) = ((self.allocate)(), (self.allocate)());
        self.relation.indexes.push(Arc::new(Index {
            oid,
            name: name.clone(),
            method: method.name,
            unique: true,
            primary,
            nulls_not_distinct: key.nulls_not_distinct,
            constraint,
            keys,
            exclusion,
            include,
            options: key.options,
            ..Index::default()
        }));
        let kind = if primary {
            ConstraintKind::PrimaryKey { columns, index: oid }
        } else {
            ConstraintKind::Unique { columns, index: oid }
        };
        let made = Constraint {
            deferrable: key.deferrable,
            deferred: key.deferred,
            no_inherit: true,
            ..Constraint::new(constraint, name, kind)
        };
        self.relation.constraints.push(made);
        Ok(())
    }
}
