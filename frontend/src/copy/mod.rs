//! COPY: options, the text and CSV reader, the binary form, loading in parallel, and writing.

mod binary;
mod column;
mod fields;
mod from;
mod load;
mod options;
mod to;

use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::CopyStmt;
use types::{Datum, PgError, Result, SqlState, TypeRef};

use crate::catalog::{ConstraintKind, Relation, RelationKind};
use crate::server::connection::Client;
use crate::session::Session;
use crate::session::names;
use crate::session::prepared::Source;
use crate::statements;
use load::{LoadPlan, Target};
use options::{CopyOptions, Force, Format};
use to::CopyOut;

/// Runs COPY.
///
/// # Errors
/// The statement's.
pub fn run(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    statement: &CopyStmt,
) -> Result<String> {
    if statement.is_program || !statement.filename.is_empty() {
        let direction = if statement.is_from { "from" } else { "to" };
        let what = if statement.is_program { "a program" } else { "a file of the server" };
        return Err(PgError::not_supported(format!("COPY {direction} {what}")));
    }
    let options = CopyOptions::read(&statement.options, statement.is_from)?;
    let count = match (&statement.relation, statement.is_from) {
        (Some(_), true) => copy_from(session, client, statement, options)?,
        (Some(_), false) => copy_table_to(session, client, statement, &options)?,
        (None, _) => copy_query_to(session, client, source, &options)?,
    };
    Ok(format!("COPY {count}"))
}

fn copy_from(
    session: &mut Session,
    client: &mut Client,
    statement: &CopyStmt,
    options: CopyOptions,
) -> Result<u64> {
    if statement.where_clause.is_some() {
        return Err(PgError::not_supported("COPY FROM ... WHERE"));
    }
    let relation = target_relation(session, statement)?;
    if !matches!(relation.kind, RelationKind::Table) {
        return Err(PgError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("cannot copy to view \"{}\"", relation.name),
        ));
    }
    if relation.constraints.iter().any(|constraint| matches!(constraint.kind, ConstraintKind::Check { .. })) {
        return Err(PgError::not_supported("COPY FROM into a table with CHECK constraints"));
    }
    let fields = column_list(&relation, statement)?;
    for (force, name) in [(&options.force_not_null, "FORCE_NOT_NULL"), (&options.force_null, "FORCE_NULL")] {
        check_force(&relation, &fields, force, name)?;
    }
    let mut targets = Vec::with_capacity(relation.columns.len());
    for (position, column) in relation.columns.iter().enumerate() {
        let field = fields.iter().position(|field| *field == position);
        let wanted = field.is_none() || options.default.is_some();
        let default =
            if wanted { statements::default_value(session, &relation, position)? } else { Datum::Null };
        targets.push(Target {
            name: column.name.to_string(),
            ty: column.ty,
            not_null: column.not_null,
            default,
            field,
        });
    }
    let silent = options.silent;
    let access = session.access()?;
    let schema = names::schema_name(&access.catalog, relation.schema).unwrap_or_default();
    let plan = LoadPlan { options, targets, fields, schema, table: relation.name.to_string(), access };
    if let Some(open) = &mut session.transaction {
        open.used = true;
    }
    let outcome = from::run(session, client, plan, relation.table_id())?;
    if outcome.skipped > 0 && !silent {
        let (rows, verb) = if outcome.skipped == 1 { ("row", "was") } else { ("rows", "were") };
        session.notice(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("{} {rows} {verb} skipped due to data type incompatibility", outcome.skipped),
        );
    }
    Ok(outcome.rows)
}

fn target_relation(session: &Session, statement: &CopyStmt) -> Result<Arc<Relation>> {
    let name = statement.relation.as_ref().ok_or_else(|| PgError::internal("a COPY without a relation"))?;
    statements::resolve(session, name)
}

/// Returns the positions of the columns that the statement lists; all when it lists none.
fn column_list(relation: &Relation, statement: &CopyStmt) -> Result<Vec<usize>> {
    if statement.attlist.is_empty() {
        return Ok((0..relation.columns.len()).collect());
    }
    let mut fields = Vec::new();
    for name in &statement.attlist {
        let Some(NodeEnum::String(name)) = &name.node else { continue };
        let position =
            relation.columns.iter().position(|column| column.name == name.sval).ok_or_else(|| {
                PgError::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{}\" of relation \"{}\" does not exist", name.sval, relation.name),
                )
            })?;
        if fields.contains(&position) {
            return Err(PgError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", name.sval),
            ));
        }
        fields.push(position);
    }
    Ok(fields)
}

fn check_force(relation: &Relation, fields: &[usize], force: &Force, option: &str) -> Result<()> {
    let Force::Columns(names) = force else { return Ok(()) };
    for name in names {
        let position = relation.columns.iter().position(|column| column.name == *name).ok_or_else(|| {
            PgError::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{name}\" of relation \"{}\" does not exist", relation.name),
            )
        })?;
        if !fields.contains(&position) {
            return Err(PgError::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("{option} column \"{name}\" not referenced by COPY"),
            ));
        }
    }
    Ok(())
}

/// COPY table TO: the query over its columns.
fn copy_table_to(
    session: &mut Session,
    client: &mut Client,
    statement: &CopyStmt,
    options: &CopyOptions,
) -> Result<u64> {
    let relation = target_relation(session, statement)?;
    if matches!(relation.kind, RelationKind::View { .. }) {
        return Err(PgError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("cannot copy from view \"{}\"", relation.name),
        )
        .with_hint("Try the COPY (SELECT ...) TO variant."));
    }
    let fields = column_list(&relation, statement)?;
    check_force(&relation, &fields, &options.force_quote, "FORCE_QUOTE")?;
    let access = session.access()?;
    let quote = crate::session::settings::quote_identifier;
    let columns: Vec<String> =
        fields.iter().map(|position| quote(&relation.columns[*position].name)).collect();
    let schema = names::schema_name(&access.catalog, relation.schema).unwrap_or_default();
    let sql = format!("SELECT {} FROM {}.{}", columns.join(", "), quote(&schema), quote(&relation.name));
    let source = Source::new(crate::parser::parse(&sql)?, 0);
    write(session, client, &source, options)
}

fn copy_query_to(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    options: &CopyOptions,
) -> Result<u64> {
    write(session, client, &source.inner(), options)
}

fn write(session: &mut Session, client: &mut Client, source: &Source, options: &CopyOptions) -> Result<u64> {
    let planned = statements::plan(session, source, &[])?;
    let access = session.access()?;
    let columns: Vec<(String, TypeRef)> =
        planned.columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
    if options.format == Format::Binary && columns.is_empty() {
        return Err(PgError::not_supported("COPY without columns in binary format"));
    }
    let mut out = CopyOut::begin(&mut client.output, options, &columns, &access);
    statements::execute_plan(session, &planned, &[], &mut out)?;
    Ok(out.finish())
}
