//! Table definitions: columns, defaults and constraints of CREATE TABLE and ALTER TABLE, checked and named as PostgreSQL
//! checks and names them.
//!
//! A [`Builder`] holds the relation as it grows. Columns come first; constraints are collected as they are met and made in
//! PostgreSQL's order: defaults, checks, NOT NULL, keys with their indexes, foreign keys.

pub mod attributes;
mod columns;
mod constraints;
pub mod exclusion;
pub mod expressions;
mod foreign;
pub mod index;
mod like;
pub mod names;
pub mod options;
pub mod sequence;

use ecow::EcoString;
use pg_query::NodeEnum;
use pg_query::protobuf::{Constraint as RawConstraint, CreateStmt};
use types::{Oid, PgError, Result, SqlState};

use super::AnalyzerContext;
use super::state::at;
use crate::catalog::{ObjectRef, Relation};

/// Grows a relation.
pub struct Builder<'a, 'c> {
    /// The relation.
    pub relation: Relation,
    /// Sequences of serial and identity columns, owned by the relation.
    pub sequences: Vec<Relation>,
    /// Comments that LIKE ... INCLUDING COMMENTS copies.
    pub comments: Vec<(ObjectRef, EcoString)>,
    /// Gives new oids.
    pub allocate: &'a mut dyn FnMut() -> Oid,
    /// What names depend on.
    pub context: &'a AnalyzerContext<'c>,
    /// What was written, waiting for its turn.
    pending: Pending,
}

/// Constraints that were met and not made yet.
#[derive(Default)]
struct Pending {
    defaults: Vec<(usize, columns::Default)>,
    checks: Vec<constraints::Check>,
    not_nulls: Vec<constraints::NotNull>,
    keys: Vec<constraints::Key>,
    exclusions: Vec<RawConstraint>,
    indexes: Vec<like::CopiedIndex>,
    foreign: Vec<foreign::Foreign>,
}

impl<'a, 'c> Builder<'a, 'c> {
    /// Returns a builder over a relation, perhaps one with columns and constraints already.
    pub fn new(
        relation: Relation,
        allocate: &'a mut dyn FnMut() -> Oid,
        context: &'a AnalyzerContext<'c>,
    ) -> Self {
        Self {
            relation,
            sequences: Vec::new(),
            comments: Vec::new(),
            allocate,
            context,
            pending: Pending::default(),
        }
    }

    /// Adds a constraint of the table (ALTER TABLE ... ADD CONSTRAINT).
    ///
    /// # Errors
    /// PostgreSQL's for wrong definitions.
    pub fn add_constraint(&mut self, raw: &RawConstraint) -> Result<()> {
        self.constraint(raw, None, &[])
    }

    /// Makes everything that waits.
    ///
    /// # Errors
    /// PostgreSQL's for wrong definitions.
    pub fn finish(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        for (column, default) in pending.defaults {
            self.make_default(column, default)?;
        }
        for check in pending.checks {
            self.make_check(check)?;
        }
        let (named, unnamed): (Vec<_>, Vec<_>) =
            pending.not_nulls.into_iter().partition(|constraint| !constraint.name.is_empty());
        for constraint in named.into_iter().chain(unnamed) {
            self.make_not_null(constraint)?;
        }
        let (primary, unique): (Vec<_>, Vec<_>) = pending.keys.into_iter().partition(|key| key.primary);
        for key in primary.into_iter().chain(unique) {
            self.make_key(key)?;
        }
        for exclusion in &pending.exclusions {
            self.make_exclusion(exclusion)?;
        }
        for index in pending.indexes {
            self.make_copied_index(index)?;
        }
        for foreign in pending.foreign {
            self.make_foreign(foreign)?;
        }
        Ok(())
    }

    /// Says whether a relation of this schema has the name, or will have.
    fn is_relation_name_taken(&self, name: &str) -> bool {
        self.context.catalog.is_relation_name_taken(self.relation.schema, name)
            || self.relation.name == name
            || self.relation.indexes.iter().any(|index| index.name == name)
            || self.sequences.iter().any(|sequence| sequence.name == name)
    }

    /// Says whether a constraint of this schema has the name, or will have.
    fn is_constraint_name_taken(&self, name: &str) -> bool {
        self.relation.constraints.iter().any(|constraint| constraint.name == name)
            || self.context.catalog.is_constraint_name_taken(self.relation.schema, name)
    }
}

/// Analyzes CREATE TABLE into a finished builder.
///
/// # Errors
/// PostgreSQL's for wrong definitions; `0A000` for what Surus has not yet, named.
pub fn create_table<'a, 'c>(
    statement: &CreateStmt,
    relation: Relation,
    allocate: &'a mut dyn FnMut() -> Oid,
    context: &'a AnalyzerContext<'c>,
) -> Result<Builder<'a, 'c>> {
    refuse(statement)?;
    let mut builder = Builder::new(relation, allocate, context);
    builder.relation.options = options::table_options(&statement.options)?;
    for node in statement.table_elts.iter().filter_map(|node| node.node.as_ref()) {
        match node {
            NodeEnum::ColumnDef(column) => builder.column(column)?,
            NodeEnum::TableLikeClause(like) => builder.like(like)?,
            NodeEnum::Constraint(constraint) => builder.constraint(constraint, None, &[])?,
            _ => return Err(PgError::not_supported("this element of CREATE TABLE")),
        }
    }
    builder.finish()?;
    Ok(builder)
}

/// Refuses what CREATE TABLE cannot do yet.
fn refuse(statement: &CreateStmt) -> Result<()> {
    let feature = if statement.partspec.is_some() || statement.partbound.is_some() {
        "table partitioning"
    } else if !statement.inh_relations.is_empty() {
        "table inheritance"
    } else if statement.of_typename.is_some() {
        "CREATE TABLE ... OF"
    } else {
        if !statement.tablespacename.is_empty() {
            options::check_tablespace(&statement.tablespacename)?;
        }
        return options::check_table_method(&statement.access_method);
    };
    Err(PgError::not_supported(feature))
}

/// Returns the constraints that are written with a column, with their attributes folded in.
fn constraint_nodes(nodes: &[pg_query::protobuf::Node]) -> Result<Vec<RawConstraint>> {
    use pg_query::protobuf::ConstrType;
    let mut constraints: Vec<RawConstraint> = Vec::new();
    let (mut saw_deferrability, mut saw_initially) = (false, false);
    for node in nodes {
        let Some(NodeEnum::Constraint(raw)) = &node.node else { continue };
        let kind = ConstrType::try_from(raw.contype).unwrap_or(ConstrType::Undefined);
        let location = at(raw.location);
        let misplaced = |what: &str| {
            super::state::error(SqlState::SYNTAX_ERROR, format!("misplaced {what} clause"), location)
        };
        let takes = constraints.last().is_some_and(|last| {
            matches!(
                ConstrType::try_from(last.contype),
                Ok(ConstrType::ConstrPrimary
                    | ConstrType::ConstrUnique
                    | ConstrType::ConstrExclusion
                    | ConstrType::ConstrForeign)
            )
        });
        let twice = |what: &str| {
            super::state::error(
                SqlState::SYNTAX_ERROR,
                format!("multiple {what} clauses not allowed"),
                location,
            )
        };
        match kind {
            ConstrType::ConstrAttrDeferrable | ConstrType::ConstrAttrNotDeferrable => {
                let what =
                    if kind == ConstrType::ConstrAttrDeferrable { "DEFERRABLE" } else { "NOT DEFERRABLE" };
                if !takes {
                    return Err(misplaced(what));
                }
                if saw_deferrability {
                    return Err(twice("DEFERRABLE/NOT DEFERRABLE"));
                }
                saw_deferrability = true;
                if let Some(last) = constraints.last_mut() {
                    last.deferrable = kind == ConstrType::ConstrAttrDeferrable;
                    if !last.deferrable && saw_initially && last.initdeferred {
                        return Err(deferred_must_be_deferrable(location));
                    }
                }
            }
            ConstrType::ConstrAttrDeferred | ConstrType::ConstrAttrImmediate => {
                let deferred = kind == ConstrType::ConstrAttrDeferred;
                if !takes {
                    return Err(misplaced(if deferred {
                        "INITIALLY DEFERRED"
                    } else {
                        "INITIALLY IMMEDIATE"
                    }));
                }
                if saw_initially {
                    return Err(twice("INITIALLY IMMEDIATE/DEFERRED"));
                }
                saw_initially = true;
                if let Some(last) = constraints.last_mut() {
                    last.initdeferred = deferred;
                    if deferred && !saw_deferrability {
                        last.deferrable = true;
                    } else if deferred && !last.deferrable {
                        return Err(deferred_must_be_deferrable(location));
                    }
                }
            }
            ConstrType::ConstrAttrEnforced | ConstrType::ConstrAttrNotEnforced => {
                let enforced = kind == ConstrType::ConstrAttrEnforced;
                let fits = constraints.last().is_some_and(|last| {
                    matches!(
                        ConstrType::try_from(last.contype),
                        Ok(ConstrType::ConstrCheck | ConstrType::ConstrForeign)
                    )
                });
                if !fits {
                    return Err(misplaced(if enforced { "ENFORCED" } else { "NOT ENFORCED" }));
                }
                if let Some(last) = constraints.last_mut() {
                    last.is_enforced = enforced;
                    last.skip_validation |= !enforced;
                }
            }
            _ => {
                (saw_deferrability, saw_initially) = (false, false);
                constraints.push(RawConstraint::clone(raw));
            }
        }
    }
    Ok(constraints)
}

fn deferred_must_be_deferrable(location: super::state::Location) -> PgError {
    let message = "constraint declared INITIALLY DEFERRED must be DEFERRABLE";
    super::state::error(SqlState::SYNTAX_ERROR, message, location)
}
