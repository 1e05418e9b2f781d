//! LIKE: columns and what else a table has, copied from another one (`transformTableLikeClause`).

use std::sync::Arc;

use pg_query::protobuf::{RangeVar, TableLikeClause};
use types::{PgError, Result, SqlState};

use super::super::state::{at, error};
use super::columns::{Default, is_system_column};
use super::constraints::NotNull;
use super::{Builder, index, names};
use crate::catalog::{
    ColumnInfo, Constraint, ConstraintKind, Identity, Index, IndexKeySource, ObjectRef, Relation,
    RelationKind,
};

const COMMENTS: u32 = 1;
const COMPRESSION: u32 = 1 << 1;
const CONSTRAINTS: u32 = 1 << 2;
const DEFAULTS: u32 = 1 << 3;
const GENERATED: u32 = 1 << 4;
const IDENTITY: u32 = 1 << 5;
const INDEXES: u32 = 1 << 6;
const STORAGE: u32 = 1 << 8;

/// `pg_class.oid` of `pg_class`, the class of relations and columns.
const PG_CLASS: types::Oid = 1259;

/// An index of another table that waits; its positions are already those of the new table.
pub(super) struct CopiedIndex {
    index: Index,
    constraint: Option<Constraint>,
}

impl Builder<'_, '_> {
    fn like_source(&self, name: &RangeVar) -> Result<Arc<Relation>> {
        let catalog = self.context.catalog;
        let found = if name.schemaname.is_empty() {
            catalog.find_relation(self.context.search_path, &name.relname)
        } else {
            let schema = catalog.schema_oid(&name.schemaname);
            schema.and_then(|schema| catalog.relation_in(schema, &name.relname))
        };
        found.cloned().ok_or_else(|| {
            let message = format!("relation \"{}\" does not exist", name.relname);
            error(SqlState::UNDEFINED_TABLE, message, at(name.location))
        })
    }

    pub(super) fn like(&mut self, like: &TableLikeClause) -> Result<()> {
        let name = like.relation.as_ref().ok_or_else(|| PgError::internal("LIKE of nothing"))?;
        let source = self.like_source(name)?;
        if matches!(source.kind, RelationKind::Sequence(_)) {
            let message = format!("relation \"{}\" is invalid in LIKE clause", source.name);
            let refusal = error(SqlState::WRONG_OBJECT_TYPE, message, at(name.location));
            return Err(refusal.with_detail("This operation is not supported for sequences."));
        }
        let has = |bit: u32| like.options & bit != 0;
        let first = self.relation.columns.len();
        for (position, column) in source.columns.iter().enumerate() {
            self.like_column(&source, position, column, like.options)?;
        }
        for constraint in &source.constraints {
            match &constraint.kind {
                ConstraintKind::NotNull { column } => {
                    let mut copy = NotNull::unnamed(first + column);
                    copy.name = constraint.name.clone();
                    self.pending.not_nulls.push(copy);
                }
                ConstraintKind::Check { definition } if has(CONSTRAINTS) => {
                    if self.relation.constraints.iter().any(|known| known.name == constraint.name) {
                        let message = format!("check constraint \"{}\" already exists", constraint.name);
                        return Err(PgError::new(SqlState::DUPLICATE_OBJECT, message));
                    }
                    self.copy_check(constraint.name.clone(), definition.clone(), constraint, first);
                }
                ConstraintKind::Check { .. }
                | ConstraintKind::PrimaryKey { .. }
                | ConstraintKind::Unique { .. }
                | ConstraintKind::Exclusion { .. }
                | ConstraintKind::ForeignKey(_) => {}
            }
        }
        if has(INDEXES) {
            for index in &source.indexes {
                self.like_index(&source, index, first);
            }
        }
        Ok(())
    }

    fn like_column(
        &mut self,
        source: &Relation,
        position: usize,
        column: &ColumnInfo,
        options: u32,
    ) -> Result<()> {
        if self.relation.columns.iter().any(|known| known.name == column.name) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        if is_system_column(&column.name) {
            let message = format!("column name \"{}\" conflicts with a system column name", column.name);
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        let attnum = self.relation.attnum_max() + 1;
        self.relation.last_attnum = attnum;
        let mut copy = ColumnInfo { attnum, ..ColumnInfo::new(column.name.clone(), column.ty) };
        if options & STORAGE != 0 {
            copy.settings.storage = column.settings.storage;
        }
        if options & COMPRESSION != 0 {
            copy.settings.compression = column.settings.compression;
        }
        let here = self.relation.columns.len();
        if column.generated.is_some() && options & GENERATED != 0 {
            copy.generated = column.generated;
            copy.default = column.default.clone();
        } else if column.generated.is_none()
            && options & DEFAULTS != 0
            && let Some(default) = &column.default
        {
            self.pending.defaults.push((here, Default::Text(default.clone())));
        }
        self.relation.columns.push(copy);
        if let Some(identity) = column.identity
            && options & IDENTITY != 0
        {
            self.like_identity(here, identity);
        }
        if options & COMMENTS != 0 {
            let object = ObjectRef { class: PG_CLASS, oid: source.oid, column: source.attnum(position) };
            if let Some(comment) = self.context.catalog.comments.get(&object) {
                let object = ObjectRef { class: PG_CLASS, oid: self.relation.oid, column: attnum };
                self.comments.push((object, comment.clone()));
            }
        }
        Ok(())
    }

    fn like_identity(&mut self, position: usize, identity: Identity) {
        let Some(source) = self.context.catalog.relations.get(&identity.sequence) else { return };
        let RelationKind::Sequence(sequence) = &source.kind else { return };
        let mut sequence = sequence.clone();
        let oid = (self.allocate)();
        sequence.owner = Some((self.relation.oid, self.relation.attnum(position)));
        sequence.generation = oid;
        sequence.initial = (sequence.start, false);
        let (table, column) = (self.relation.name.clone(), self.relation.columns[position].name.clone());
        let name = names::choose(&table, &column, "seq", &|name| self.is_relation_name_taken(name));
        let mut relation = super::sequence::sequence_relation(oid, &name, self.relation.schema, sequence);
        relation.persistence = self.relation.persistence;
        relation.owner = self.relation.owner;
        self.sequences.push(relation);
        self.relation.columns[position].identity = Some(Identity { always: identity.always, sequence: oid });
    }

    fn like_index(&mut self, source: &Relation, index: &Index, first: usize) {
        let mut copy = index.clone();
        for key in &mut copy.keys {
            if let IndexKeySource::Column(position) = &mut key.source {
                *position += first;
            }
        }
        copy.expression_columns.iter_mut().for_each(|position| *position += first);
        copy.include.iter_mut().for_each(|position| *position += first);
        let constraint = source.constraints.iter().find(|constraint| constraint.oid == index.constraint);
        self.pending.indexes.push(CopiedIndex { index: copy, constraint: constraint.cloned() });
    }

    pub(super) fn make_copied_index(&mut self, copied: CopiedIndex) -> Result<()> {
        let CopiedIndex { mut index, constraint } = copied;
        if index.primary && self.relation.primary_key().is_some() {
            let message =
                format!("multiple primary keys for table \"{}\" are not allowed", self.relation.name);
            return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        if let Some(constraint) = constraint.as_ref().filter(|_| !index.unique) {
            index.name = ecow::EcoString::new();
            return self.add_exclusion(index, constraint.deferrable, constraint.deferred);
        }
        let label = if index.exclusion.is_empty() { "key" } else { "excl" };
        let taken = |name: &str| {
            self.is_relation_name_taken(name) || constraint.is_some() && self.is_constraint_name_taken(name)
        };
        let included = index.include.iter().map(|position| self.relation.columns[*position].name.as_str());
        let parts = index.keys.iter().map(|key| index::name_part(&self.relation, key)).chain(included);
        let addition = names::columns_addition(parts);
        index.name = match (index.primary, &constraint) {
            (true, _) => names::choose(&self.relation.name, "", "pkey", &taken),
            (false, Some(_)) => names::choose(&self.relation.name, &addition, label, &taken),
            (false, None) => names::choose(&self.relation.name, &addition, "idx", &taken),
        };
        index.oid = (self.allocate)();
        if let Some(constraint) = constraint {
            index.constraint = (self.allocate)();
            let columns = index.key_columns().unwrap_or_default();
            let kind = if index.primary {
                ConstraintKind::PrimaryKey { columns, index: index.oid }
            } else {
                ConstraintKind::Unique { columns, index: index.oid }
            };
            let made = Constraint {
                deferrable: constraint.deferrable,
                deferred: constraint.deferred,
                no_inherit: true,
                ..Constraint::new(index.constraint, index.name.clone(), kind)
            };
            self.relation.constraints.push(made);
        }
        self.relation.indexes.push(Arc::new(index));
        Ok(())
    }
}
