//! ADD, DROP, VALIDATE and ALTER CONSTRAINT.

use std::sync::Arc;

use ecow::EcoString;
use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, Constraint as RawConstraint, DropBehavior};
use types::{PgError, Result, SqlState};

use super::super::super::constraint_check;
use super::super::rewrite::{RowAges, rewrite, same};
use super::super::{drop_objects, index_named, with_context};
use super::{current, put};
use crate::analyzer::ddl::Builder;
use crate::catalog::dependency::{classes, whole};
use crate::catalog::{Constraint, ConstraintKind, Index, Relation};
use crate::session::Session;

fn raw(command: &AlterTableCmd) -> Result<&RawConstraint> {
    match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::Constraint(raw)) => Ok(raw),
        Some(_) | None => Err(PgError::internal("ADD CONSTRAINT without one")),
    }
}

/// Says whether a command adds a foreign key.
pub(super) fn is_foreign(command: &AlterTableCmd) -> bool {
    raw(command).is_ok_and(|raw| raw.contype() == pg_query::protobuf::ConstrType::ConstrForeign)
}

/// ADD CONSTRAINT.
pub(super) fn add(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let raw = raw(command)?;
    if !raw.indexname.is_empty() {
        return add_by_index(session, table, raw)
            .map_err(|error| error.at(usize::try_from(raw.location).ok()));
    }
    let known: Vec<_> = table.constraints.iter().map(|constraint| constraint.oid).collect();
    let changed = loop {
        let changed = with_context(session, |context, allocate| {
            let mut builder = Builder::new(Relation::clone(table), allocate, context);
            builder
                .add_constraint(raw)
                .and_then(|()| builder.finish())
                .map_err(|error| without_place(raw, error))?;
            Ok(builder.relation)
        })?;
        if !super::super::lock_referenced(session, &changed, &known)? {
            break changed;
        }
    };
    let primary = changed.primary_key() != table.primary_key();
    put(session, changed.clone())?;
    for constraint in changed.constraints.iter().filter(|constraint| !known.contains(&constraint.oid)) {
        if constraint.validated && constraint.enforced {
            hold(session, &changed, constraint)?;
        }
    }
    if primary {
        // The storage keeps the primary key of a file.
        let table = current(session, changed.oid)?;
        let same = same(&table);
        rewrite(session, &table, Relation::clone(&table), same, RowAges::Kept)?;
    }
    Ok(())
}

/// ALTER TABLE finds out about expressions and missing columns when it does not know the place any more.
fn without_place(raw: &RawConstraint, mut error: PgError) -> PgError {
    use pg_query::protobuf::ConstrType;
    if raw.contype() == ConstrType::ConstrCheck || error.sqlstate() == SqlState::UNDEFINED_COLUMN {
        error.fields_mut().location = None;
    }
    error
}

/// Holds existing rows against a constraint.
pub(super) fn hold(session: &mut Session, table: &Relation, constraint: &Constraint) -> Result<()> {
    match &constraint.kind {
        ConstraintKind::PrimaryKey { index, .. } | ConstraintKind::Unique { index, .. } => {
            match table.index(*index) {
                Some(index) if index.is_period() => constraint_check::exclusion(session, table, index),
                Some(index) => constraint_check::unique(session, table, index),
                None => Ok(()),
            }
        }
        ConstraintKind::Exclusion { index } => match table.index(*index) {
            Some(index) => constraint_check::exclusion(session, table, index),
            None => Ok(()),
        },
        ConstraintKind::NotNull { column } => constraint_check::not_null(session, table, *column),
        ConstraintKind::Check { definition } => {
            constraint_check::check(session, table, &constraint.name, definition)
        }
        ConstraintKind::ForeignKey(key) => constraint_check::foreign(session, table, &constraint.name, key),
    }
}

/// ADD PRIMARY KEY / UNIQUE USING INDEX.
fn add_by_index(session: &mut Session, table: &Arc<Relation>, raw: &RawConstraint) -> Result<()> {
    use pg_query::protobuf::{ConstrType, RangeVar};
    let name = RangeVar { relname: raw.indexname.clone(), ..RangeVar::default() };
    let found = index_named(session, &name)?.filter(|(owner, _)| owner.schema == table.schema);
    let Some((owner, index)) = found else {
        let message = format!("index \"{}\" does not exist", raw.indexname);
        return Err(PgError::new(SqlState::UNDEFINED_OBJECT, message));
    };
    let wrong = |message: String| Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    let primary = raw.contype() == ConstrType::ConstrPrimary;
    if owner.oid != table.oid {
        return wrong(format!("index \"{}\" does not belong to table \"{}\"", index.name, table.name));
    }
    if index.constraint != 0 {
        return wrong(format!("index \"{}\" is already associated with a constraint", index.name));
    }
    let cannot = "Cannot create a primary key or unique constraint using such an index.";
    let unfit = |message: String| Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message).with_detail(cannot));
    if !index.unique {
        return unfit(format!("\"{}\" is not a unique index", index.name));
    }
    let Some(columns) = index.key_columns() else {
        return unfit(format!("index \"{}\" contains expressions", index.name));
    };
    if index.predicate.is_some() {
        return unfit(format!("\"{}\" is a partial index", index.name));
    }
    if primary && table.primary_key().is_some() {
        let message = format!("multiple primary keys for table \"{}\" are not allowed", table.name);
        return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    let name =
        if raw.conname.is_empty() { index.name.clone() } else { EcoString::from(raw.conname.as_str()) };
    if name != index.name {
        let message = format!(
            "ALTER TABLE / ADD CONSTRAINT USING INDEX will rename index \"{}\" to \"{name}\"",
            index.name
        );
        session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
    }
    let oid = session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?;
    let mut changed = Relation::clone(table);
    if primary {
        for column in &columns {
            super::columns::make_not_null(session, &mut changed, *column, "", true)?;
        }
    }
    for known in &mut changed.indexes {
        if known.oid == index.oid {
            let own = Index { constraint: oid, primary, name: name.clone(), ..Index::clone(known) };
            *known = Arc::new(own);
        }
    }
    let kind = if primary {
        ConstraintKind::PrimaryKey { columns, index: index.oid }
    } else {
        ConstraintKind::Unique { columns, index: index.oid }
    };
    changed.constraints.push(Constraint {
        deferrable: raw.deferrable,
        deferred: raw.initdeferred,
        no_inherit: true,
        ..Constraint::new(oid, name, kind)
    });
    put(session, changed)?;
    if primary {
        let table = current(session, table.oid)?;
        let same = same(&table);
        rewrite(session, &table, Relation::clone(&table), same, RowAges::Kept)?;
    }
    Ok(())
}

fn missing(table: &Relation, name: &str) -> PgError {
    let message = format!("constraint \"{name}\" of relation \"{}\" does not exist", table.name);
    PgError::new(SqlState::UNDEFINED_OBJECT, message)
}

/// DROP CONSTRAINT.
pub(super) fn drop(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let found = table.constraints.iter().find(|constraint| constraint.name == command.name.as_str());
    let Some(constraint) = found else {
        if command.missing_ok {
            let message = format!(
                "constraint \"{}\" of relation \"{}\" does not exist, skipping",
                command.name, table.name
            );
            session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        }
        return Err(missing(table, &command.name));
    };
    if let ConstraintKind::NotNull { column } = constraint.kind {
        super::columns::refuse_dropping_not_null(table, column)?;
    }
    let primary = matches!(constraint.kind, ConstraintKind::PrimaryKey { .. });
    let cascade = command.behavior() == DropBehavior::DropCascade;
    drop_objects(session, &[whole(classes::CONSTRAINT, constraint.oid)], cascade)?;
    if primary {
        let table = current(session, table.oid)?;
        let same = same(&table);
        rewrite(session, &table, Relation::clone(&table), same, RowAges::Kept)?;
    }
    Ok(())
}

/// VALIDATE CONSTRAINT.
pub(super) fn validate(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let found = table.constraints.iter().position(|constraint| constraint.name == command.name.as_str());
    let at = found.ok_or_else(|| missing(table, &command.name))?;
    let constraint = &table.constraints[at];
    match constraint.kind {
        ConstraintKind::PrimaryKey { .. }
        | ConstraintKind::Unique { .. }
        | ConstraintKind::Exclusion { .. } => {
            let message =
                format!("cannot validate constraint \"{}\" of relation \"{}\"", constraint.name, table.name);
            return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
                .with_detail("This operation is not supported for this type of constraint."));
        }
        ConstraintKind::NotNull { .. } | ConstraintKind::Check { .. } | ConstraintKind::ForeignKey(_) => {}
    }
    if !constraint.enforced {
        let message = "cannot validate NOT ENFORCED constraint";
        return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    if constraint.validated {
        return Ok(());
    }
    hold(session, table, constraint)?;
    let mut changed = Relation::clone(table);
    changed.constraints[at].validated = true;
    put(session, changed)
}

/// ALTER CONSTRAINT.
pub(super) fn change(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let Some(NodeEnum::AtalterConstraint(change)) = command.def.as_ref().and_then(|def| def.node.as_ref())
    else {
        return Err(PgError::internal("ALTER CONSTRAINT without a change"));
    };
    let found = table.constraints.iter().position(|constraint| constraint.name == change.conname.as_str());
    let at = found.ok_or_else(|| missing(table, &change.conname))?;
    let is_foreign = matches!(table.constraints[at].kind, ConstraintKind::ForeignKey(_));
    let wrong = |message: String| Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    if change.alter_deferrability && !is_foreign {
        return wrong(format!(
            "constraint \"{}\" of relation \"{}\" is not a foreign key constraint",
            change.conname, table.name
        ));
    }
    if change.alter_enforceability && !is_foreign {
        return wrong(format!(
            "cannot alter enforceability of constraint \"{}\" of relation \"{}\"",
            change.conname, table.name
        ));
    }
    if change.alter_inheritability && !matches!(table.constraints[at].kind, ConstraintKind::NotNull { .. }) {
        return wrong(format!(
            "constraint \"{}\" of relation \"{}\" is not a not-null constraint",
            change.conname, table.name
        ));
    }
    let mut changed = Relation::clone(table);
    let constraint = &mut changed.constraints[at];
    if change.alter_deferrability {
        constraint.deferrable = change.deferrable;
        constraint.deferred = change.initdeferred;
    }
    if change.alter_enforceability {
        constraint.enforced = change.is_enforced;
        constraint.validated = change.is_enforced;
    }
    if change.alter_inheritability {
        constraint.no_inherit = change.noinherit;
    }
    let constraint = constraint.clone();
    put(session, changed.clone())?;
    if change.alter_enforceability && change.is_enforced {
        hold(session, &changed, &constraint)?;
    }
    Ok(())
}
