//! ADD, DROP and ALTER COLUMN.

use std::sync::Arc;

use executor::expr::{Expr, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::{AlterTableCmd, ColumnDef, DropBehavior, Node};
use types::{Datum, PgError, Result, SqlState, TypeRef, oids};

use super::super::rewrite::{RowAges, rewrite, same};
use super::super::{drop_objects, put_sequences, with_context};
use super::constraints::hold;
use super::{current, position, put};
use crate::analyzer::ddl::{Builder, expressions};
use crate::analyzer::{AnalyzerContext, ExpressionUse, expression};
use crate::catalog::dependency;
use crate::catalog::{Catalog, ConstraintKind, Generated, Relation};
use crate::session::Session;

fn definition(command: &AlterTableCmd) -> Result<&ColumnDef> {
    match command.def.as_ref().and_then(|def| def.node.as_ref()) {
        Some(NodeEnum::ColumnDef(column)) => Ok(column),
        Some(_) | None => Err(PgError::internal("a column without a definition")),
    }
}

pub(super) fn not_in_state(message: String) -> PgError {
    PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message)
}

/// Returns the value that existing rows get in a new column.
fn initial_value(context: &AnalyzerContext<'_>, table: &Relation, at: usize) -> Result<Expr> {
    let column = &table.columns[at];
    if let Some(identity) = column.identity {
        let text = format!("nextval('{}'::regclass)", identity.sequence);
        return expression(&text, ExpressionUse::Default { column: at }, table, &[], context);
    }
    match (&column.default, column.generated) {
        (None, _) | (Some(_), Some(Generated::Virtual)) => Ok(Expr::constant(Datum::Null, column.ty)),
        (Some(text), Some(Generated::Stored)) => {
            let ids = expressions::ids(table);
            let mut plain = Relation::clone(table);
            plain.columns.iter_mut().for_each(|column| column.generated = None);
            expression(text, ExpressionUse::Generated { column: at }, &plain, &ids, context)
        }
        (Some(text), None) => expression(text, ExpressionUse::Default { column: at }, table, &[], context),
    }
}

/// ADD COLUMN.
pub(super) fn add(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let column = definition(command)?;
    if table.column_position(&column.colname).is_some() {
        let message = format!("column \"{}\" of relation \"{}\" already exists", column.colname, table.name);
        if command.missing_ok {
            session.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
            return Ok(());
        }
        return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    let known: Vec<_> = table.constraints.iter().map(|constraint| constraint.oid).collect();
    let (changed, sequences) = loop {
        let changed = with_context(session, |context, allocate| {
            let mut builder = Builder::new(Relation::clone(table), allocate, context);
            builder.column(column)?;
            builder.finish().map_err(|mut error| {
                error.fields_mut().location = None;
                error
            })?;
            Ok((builder.relation, builder.sequences))
        })?;
        if !super::super::lock_referenced(session, &changed.0, &known)? {
            break changed;
        }
    };
    put_sequences(session, sequences)?;
    if !table.kind.is_stored() {
        return put(session, changed);
    }
    let at = changed.columns.len() - 1;
    let mut values = same(table);
    let value = with_context(session, |context, _| initial_value(context, &changed, at))?;
    let is_same = changed.columns[at].generated != Some(Generated::Stored)
        && expressions::volatility(&value) != Volatility::Volatile;
    let ages = if is_same { RowAges::Kept } else { RowAges::New };
    values.push(value);
    rewrite(session, table, changed, values, ages)?;
    let changed = current(session, table.oid)?;
    for constraint in changed.constraints.iter().filter(|constraint| !known.contains(&constraint.oid)) {
        if constraint.validated && constraint.enforced {
            hold(session, &changed, constraint)?;
        }
    }
    Ok(())
}

/// DROP COLUMN.
pub(super) fn drop(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let name = command.name.as_str();
    let Some(position) = table.column_position(name) else {
        if matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid") {
            let message = format!("cannot drop system column \"{name}\"");
            return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
        if command.missing_ok {
            session.notice(SqlState::SUCCESSFUL_COMPLETION, format!("{message}, skipping"));
            return Ok(());
        }
        return Err(PgError::new(SqlState::UNDEFINED_COLUMN, message));
    };
    let cascade = command.behavior() == DropBehavior::DropCascade;
    drop_objects(session, &[dependency::column(table.oid, table.attnum(position))], cascade)
}

/// SET and DROP DEFAULT.
pub(super) fn default(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let at = position(table, &command.name)?;
    let column = &table.columns[at];
    let dropping = command.def.is_none();
    if column.identity.is_some() {
        let message =
            format!("column \"{}\" of relation \"{}\" is an identity column", column.name, table.name);
        let error = PgError::new(SqlState::SYNTAX_ERROR, message);
        return Err(if dropping {
            error.with_hint("Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.")
        } else {
            error
        });
    }
    if column.generated.is_some() {
        let message =
            format!("column \"{}\" of relation \"{}\" is a generated column", column.name, table.name);
        let word = if dropping { "DROP" } else { "SET" };
        let error = PgError::new(SqlState::SYNTAX_ERROR, message);
        return Err(if dropping && column.generated == Some(Generated::Virtual) {
            error
        } else {
            error.with_hint(format!("Use ALTER TABLE ... ALTER COLUMN ... {word} EXPRESSION instead."))
        });
    }
    let changed = match command.def.as_deref() {
        None => {
            let mut changed = Relation::clone(table);
            changed.columns[at].default = None;
            changed
        }
        Some(node) => with_context(session, |context, allocate| {
            let mut builder = Builder::new(Relation::clone(table), allocate, context);
            builder.set_default(at, node).map_err(|mut error| {
                error.fields_mut().location = None;
                error
            })?;
            Ok(builder.relation)
        })?,
    };
    put(session, changed)
}

/// Adds the NOT NULL constraint of a column to `table` and holds its rows against it.
pub(super) fn make_not_null(
    session: &mut Session,
    table: &mut Relation,
    at: usize,
    _name: &str,
    _validate: bool,
) -> Result<()> {
    let known = |constraint: &crate::catalog::Constraint| matches!(&constraint.kind, ConstraintKind::NotNull { column } if *column == at);
    if table.constraints.iter().any(known) {
        return Ok(());
    }
    super::super::super::constraint_check::not_null(session, table, at)?;
    let before = table.clone();
    *table = with_context(session, |context, allocate| {
        let mut builder = Builder::new(before, allocate, context);
        builder.add_not_null(at);
        builder.finish()?;
        Ok(builder.relation)
    })?;
    Ok(())
}

/// SET NOT NULL.
pub(super) fn set_not_null(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    let mut changed = Relation::clone(table);
    let existing = changed
        .constraints
        .iter_mut()
        .find(|constraint| matches!(&constraint.kind, ConstraintKind::NotNull { column } if *column == at));
    match existing {
        Some(constraint) if constraint.validated => return Ok(()),
        Some(constraint) => {
            constraint.validated = true;
            super::super::super::constraint_check::not_null(session, table, at)?;
        }
        None => make_not_null(session, &mut changed, at, "", true)?,
    }
    put(session, changed)
}

/// Says a column may lose its NOT NULL.
pub(super) fn refuse_dropping_not_null(table: &Relation, at: usize) -> Result<()> {
    let column = &table.columns[at];
    if column.identity.is_some() {
        let message =
            format!("column \"{}\" of relation \"{}\" is an identity column", column.name, table.name);
        return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
    }
    if table.primary_key().is_some_and(|key| key.contains(&at)) {
        let message = format!("column \"{}\" is in a primary key", column.name);
        return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
    }
    Ok(())
}

/// DROP NOT NULL.
pub(super) fn drop_not_null(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    refuse_dropping_not_null(table, at)?;
    let mut changed = Relation::clone(table);
    changed.constraints.retain(
        |constraint| !matches!(&constraint.kind, ConstraintKind::NotNull { column } if *column == at),
    );
    changed.columns[at].not_null = false;
    put(session, changed)
}

/// ALTER COLUMN ... TYPE.
pub(super) fn set_type(session: &mut Session, table: &Arc<Relation>, command: &AlterTableCmd) -> Result<()> {
    let at = position(table, &command.name)?;
    let definition = definition(command)?;
    let (changed, value) = with_context(session, |context, allocate| {
        let builder = Builder::new(Relation::clone(table), allocate, context);
        let ty = builder.column_type(definition)?;
        let value = converted(context, table, at, ty, definition.raw_default.as_deref())?;
        let mut changed = Relation::clone(table);
        changed.columns[at].ty = ty;
        changed.columns[at].settings.storage = None;
        changed.columns[at].settings.compression = None;
        if changed.columns[at].generated.is_none()
            && let Some(default) = &table.columns[at].default
        {
            let usage = ExpressionUse::Default { column: at };
            expression(default, usage, &changed, &[], context).map_err(|error| {
                if error.sqlstate() != SqlState::DATATYPE_MISMATCH {
                    return error;
                }
                let message = format!(
                    "default for column \"{}\" cannot be cast automatically to type {}",
                    command.name,
                    crate::catalog::type_names::type_name(ty.oid)
                );
                PgError::new(SqlState::DATATYPE_MISMATCH, message)
            })?;
        }
        refuse_type_change(context.catalog, table, at)?;
        super::super::reanalyze::relation(context, &changed, &mut |_| {}).map(|changed| (changed, value))
    })?;
    if let Some(identity) = changed.columns[at].identity {
        super::identity::retype_sequence(session, identity.sequence, changed.columns[at].ty.oid)?;
    }
    if !table.kind.is_stored() {
        return put(session, changed);
    }
    let mut values = same(table);
    let is_same =
        definition.raw_default.is_none() && is_same_value(table.columns[at].ty, changed.columns[at].ty);
    values[at] = value;
    rewrite(session, table, changed, values, if is_same { RowAges::Kept } else { RowAges::New })?;
    let changed = current(session, table.oid)?;
    for constraint in
        changed.constraints.iter().filter(|constraint| constraint.validated && constraint.enforced)
    {
        if constraint.columns.contains(&at) {
            hold(session, &changed, constraint)?;
        }
    }
    for index in
        changed.indexes.iter().filter(|index| index.is_plainly_unique() && index.columns_used().contains(&at))
    {
        super::super::super::constraint_check::unique(session, &changed, index)?;
    }
    let excluding = |index: &&Arc<crate::catalog::Index>| {
        !index.exclusion.is_empty() && index.columns_used().contains(&at)
    };
    for index in changed.indexes.iter().filter(excluding) {
        super::super::super::constraint_check::exclusion(session, &changed, index)?;
    }
    Ok(())
}

/// A column that views or generated columns use keeps its type.
fn refuse_type_change(catalog: &Catalog, table: &Relation, at: usize) -> Result<()> {
    let unsupported = |message: &str, detail: String| {
        Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_detail(detail))
    };
    let name = &table.columns[at].name;
    for column in table.columns.iter().filter(|column| column.generated.is_some() && column.name != *name) {
        let used = column.default.as_deref().map(|text| dependency::columns_in(text, table));
        if used.is_some_and(|used| used.contains(&table.attnum(at))) {
            return unsupported(
                "cannot alter type of a column used by a generated column",
                format!("Column \"{name}\" is used by generated column \"{}\".", column.name),
            );
        }
    }
    let object = dependency::column(table.oid, table.attnum(at));
    if let Some(relation) = catalog.relations.values().find(|relation| relation.uses.contains(&object)) {
        return unsupported(
            "cannot alter type of a column used by a view or rule",
            format!(
                "rule _RETURN on {} {} depends on column \"{name}\"",
                relation.kind.noun(),
                relation.name
            ),
        );
    }
    Ok(())
}

/// Returns the value of a column in its new type.
fn converted(
    context: &AnalyzerContext<'_>,
    table: &Relation,
    at: usize,
    ty: types::TypeRef,
    using: Option<&Node>,
) -> Result<Expr> {
    let ids = expressions::ids(table);
    let column = &table.columns[at];
    let target = crate::catalog::type_names::type_name(ty.oid);
    let usage = ExpressionUse::Using { ty };
    let found = match using.and_then(|node| node.node.as_ref()) {
        Some(node) => crate::analyzer::node_expression(node, usage, table, &ids, context),
        None => {
            let text = crate::session::settings::quote_identifier(&column.name);
            expression(&text, usage, table, &ids, context).map(|value| (value.clone(), value))
        }
    };
    found.map(|(_, value)| value).map_err(|error| {
        if error.sqlstate() != SqlState::INTERNAL_ERROR {
            return error;
        }
        if using.is_some() {
            let message = format!(
                "result of USING clause for column \"{}\" cannot be cast automatically to type {target}",
                column.name
            );
            return PgError::new(SqlState::DATATYPE_MISMATCH, message)
                .with_hint("You might need to add an explicit cast.");
        }
        let message = format!("column \"{}\" cannot be cast automatically to type {target}", column.name);
        let shown = crate::catalog::type_names::format_type(ty.oid, Some(ty.typmod));
        PgError::new(SqlState::DATATYPE_MISMATCH, message).with_hint(format!(
            "You might need to specify \"USING {}::{shown}\".",
            crate::session::settings::quote_identifier(&column.name)
        ))
    })
}

/// SET EXPRESSION.
pub(super) fn set_expression(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    if table.columns[at].generated.is_none() {
        return Err(not_generated(table, at));
    }
    let is_check =
        |constraint: &crate::catalog::Constraint| matches!(constraint.kind, ConstraintKind::Check { .. });
    if table.columns[at].generated == Some(Generated::Virtual) && table.constraints.iter().any(is_check) {
        let message = "ALTER TABLE / SET EXPRESSION is not supported for virtual generated columns in tables with check constraints";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_detail(format!(
            "Column \"{}\" of relation \"{}\" is a virtual generated column.",
            command.name, table.name
        )));
    }
    let Some(node) = command.def.as_deref() else { return Err(PgError::internal("an empty expression")) };
    let (changed, value) = with_context(session, |context, allocate| {
        let mut builder = Builder::new(Relation::clone(table), allocate, context);
        builder.set_generated(at, node)?;
        let changed = builder.relation;
        let value = initial_value(context, &changed, at)?;
        Ok((changed, value))
    })?;
    let mut values = same(table);
    values[at] = value;
    rewrite(session, table, changed, values, RowAges::New)
}

/// Returns whether values of a type are the same in another one, so that PostgreSQL does not write a table anew.
fn is_same_value(from: TypeRef, to: TypeRef) -> bool {
    let is_longer = to.typmod < 0 || from.typmod >= 0 && to.typmod >= from.typmod;
    match (from.oid, to.oid) {
        (oids::TEXT | oids::VARCHAR, oids::TEXT | oids::VARCHAR) => is_longer,
        (oids::NUMERIC, oids::NUMERIC) => {
            // The lower eleven bits are the scale.
            is_longer && (to.typmod < 0 || (to.typmod - 4) & 0x7ff == (from.typmod - 4) & 0x7ff)
        }
        (from_oid, to_oid) => from_oid == to_oid && from.typmod == to.typmod,
    }
}

fn not_generated(table: &Relation, at: usize) -> PgError {
    let name = &table.columns[at].name;
    not_in_state(format!("column \"{name}\" of relation \"{}\" is not a generated column", table.name))
}

/// DROP EXPRESSION.
pub(super) fn drop_expression(
    session: &mut Session,
    table: &Arc<Relation>,
    command: &AlterTableCmd,
) -> Result<()> {
    let at = position(table, &command.name)?;
    match table.columns[at].generated {
        None if command.missing_ok => {
            let message = format!(
                "column \"{}\" of relation \"{}\" is not a generated column, skipping",
                command.name, table.name
            );
            session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            Ok(())
        }
        None => Err(not_generated(table, at)),
        Some(Generated::Virtual) => {
            let message = "ALTER TABLE / DROP EXPRESSION is not supported for virtual generated columns";
            Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_detail(format!(
                "Column \"{}\" of relation \"{}\" is a virtual generated column.",
                command.name, table.name
            )))
        }
        Some(Generated::Stored) => {
            let mut changed = Relation::clone(table);
            changed.columns[at].generated = None;
            changed.columns[at].default = None;
            put(session, changed)
        }
    }
}
