//! COPY: options, the text and CSV reader, the binary form, loading in parallel, and writing.

mod binary;
mod column;
mod fields;
mod from;
mod load;
mod options;
mod place;
mod to;

use std::sync::Arc;

use executor::plan::Plan;
use pg_query::NodeEnum;
use pg_query::protobuf::CopyStmt;
use storage::{TableLockMode, WaitPolicy};
use types::{Datum, PgError, Result, SqlState, TypeRef};

use crate::catalog::{Persistence, Relation, RelationKind};
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
    let options = CopyOptions::read(&statement.options, statement.is_from)?;
    let count = match (&statement.relation, statement.is_from) {
        (Some(_), true) => copy_from(session, client, statement, options)?,
        (Some(_), false) => copy_table_to(session, client, statement, &options)?,
        (None, _) => {
            let inner = source.inner();
            check_query(inner.node()?)?;
            write(session, client, &inner, statement, &options)?
        }
    };
    Ok(format!("COPY {count}"))
}

fn copy_from(
    session: &mut Session,
    client: &mut Client,
    statement: &CopyStmt,
    options: CopyOptions,
) -> Result<u64> {
    let find = |session: &Session| target_relation(session, statement);
    let relation = session.lock_relation(TableLockMode::RowExclusive, WaitPolicy::Wait, &find)?;
    if matches!(relation.kind, RelationKind::Sequence(_)) {
        let message = format!("cannot copy to sequence \"{}\"", relation.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    }
    if !matches!(relation.kind, RelationKind::Table) {
        return Err(PgError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("cannot copy to view \"{}\"", relation.name),
        )
        .with_hint("To enable copying to a view, provide an INSTEAD OF INSERT trigger."));
    }
    if !matches!(relation.persistence, Persistence::Temporary(_)) {
        statements::refuse_write(session, "COPY FROM")?;
    }
    if options.freeze && !session.open()?.in_block() {
        let message = "cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction";
        return Err(PgError::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, message));
    }
    let fields = column_list(&relation, statement)?;
    let fields = without_generated(&relation, statement, fields)?;
    let plan = copy_plan(session, &relation, &fields, statement)?;
    for (force, name) in [(&options.force_not_null, "FORCE_NOT_NULL"), (&options.force_null, "FORCE_NULL")] {
        check_force(&relation, &fields, force, name)?;
    }
    let mut targets = Vec::with_capacity(relation.columns.len());
    for (position, column) in relation.columns.iter().enumerate() {
        let field = fields.iter().position(|field| *field == position);
        // What each row computes for itself is left to the plan.
        let computed = field.is_none() && (plan.is_some() || column.generated.is_some());
        let wanted = !computed && (field.is_none() || options.default.is_some());
        let default =
            if wanted { statements::default_value(session, &relation, position)? } else { Datum::Null };
        targets.push(Target {
            name: column.name.to_string(),
            ty: column.ty,
            not_null: column.not_null && !computed && plan.is_none(),
            default,
            has_default: column.default.is_some() || column.identity.is_some(),
            field,
        });
    }
    let silent = options.silent;
    let access = session.access()?;
    let schema = names::schema_name(&access.catalog, relation.schema).unwrap_or_default();

    let table = relation.name.to_string();
    let keep_lines = plan.is_some();
    let load = LoadPlan { options, targets, fields, schema, table, access, keep_lines };
    session.begin_serializable()?;
    if let Some(open) = &mut session.transaction {
        open.used = true;
    }
    let mut held = from::HeldRows::default();
    let directory = session.engine.store.directory();
    let input = match statement.filename.as_str() {
        "" => place::Input::Client(client),
        name => place::Input::open(name, statement.is_program, directory)?,
    };
    let outcome = from::run(session, input, load, relation.table_id(), plan.is_some().then_some(&mut held))?;
    let rows = match plan {
        Some(plan) => store_held(session, &plan, held, &relation)?,
        None => outcome.rows,
    };
    for skipped in &outcome.told {
        let message = format!("skipping row due to data type incompatibility at line {skipped}");
        session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
    }
    if outcome.skipped > 0 && !silent {
        let (rows, verb) = if outcome.skipped == 1 { ("row", "was") } else { ("rows", "were") };
        session.notice(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("{} {rows} {verb} skipped due to data type incompatibility", outcome.skipped),
        );
    }
    Ok(rows)
}

/// Refuses generated columns in a column list, and leaves them out where all columns are meant.
fn without_generated(relation: &Relation, statement: &CopyStmt, fields: Vec<usize>) -> Result<Vec<usize>> {
    let is_generated =
        |position: &usize| relation.columns.get(*position).is_some_and(|column| column.generated.is_some());
    if let (false, Some(position)) = (statement.attlist.is_empty(), fields.iter().find(|at| is_generated(at)))
    {
        let name = relation.columns.get(*position).map_or("", |column| column.name.as_str());
        return Err(PgError::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            format!("column \"{name}\" is a generated column"),
        )
        .with_detail("Generated columns cannot be used in COPY."));
    }
    Ok(fields.into_iter().filter(|position| !is_generated(position)).collect())
}

/// Returns the plan of a COPY FROM whose rows must be looked at one by one, if they must.
fn copy_plan(
    session: &mut Session,
    relation: &Arc<Relation>,
    fields: &[usize],
    statement: &CopyStmt,
) -> Result<Option<Plan>> {
    use executor::context::SessionAccess;
    let mut volatile = false;
    for position in (0..relation.columns.len()).filter(|position| !fields.contains(position)) {
        let column = relation.columns.get(position);
        volatile |= column.is_some_and(|column| column.identity.is_some())
            || statements::default_value(session, relation, position).is_err();
    }
    let access = session.access()?;
    let search_path: Vec<ecow::EcoString> = access.search_path().iter().map(ecow::EcoString::from).collect();
    let context = crate::analyzer::AnalyzerContext {
        catalog: &access.catalog,
        search_path: &search_path,
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let filter = statement.where_clause.as_ref().and_then(|node| node.node.as_ref());
    crate::analyzer::copy_plan(relation, fields, filter, volatile, &context)
}

/// Runs the plan over the rows of the data. An error is placed at the line of its row.
fn store_held(session: &mut Session, plan: &Plan, held: from::HeldRows, relation: &Relation) -> Result<u64> {
    let context = session.context(&[])?;
    let from::HeldRows { batches, lines } = held;
    let stored = executor::execute::execute_over(plan, crate::analyzer::COPY_WORKING, batches, &context);
    stored.map(i64::unsigned_abs).map_err(|(error, row)| {
        let line = row.and_then(|row| lines.get(usize::try_from(row).ok()?));
        match line {
            Some((line, _))
                if matches!(error.sqlstate(), SqlState::UNIQUE_VIOLATION | SqlState::EXCLUSION_VIOLATION) =>
            {
                error.with_context(format!("COPY {}, line {line}", relation.name))
            }
            Some((line, Some(text))) => {
                error.with_context(format!("COPY {}, line {line}: \"{text}\"", relation.name))
            }
            Some((line, None)) => error.with_context(format!("COPY {}, line {line}", relation.name)),
            None => error,
        }
    })
}

/// Refuses statements that have no rows to copy.
fn check_query(node: &NodeEnum) -> Result<()> {
    let returns = match node {
        NodeEnum::SelectStmt(select) if crate::analyzer::into::into_of(select).is_some() => {
            let message = "COPY (SELECT INTO) is not supported";
            return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        NodeEnum::InsertStmt(statement) => statement.returning_clause.is_some(),
        NodeEnum::UpdateStmt(statement) => statement.returning_clause.is_some(),
        NodeEnum::DeleteStmt(statement) => statement.returning_clause.is_some(),
        NodeEnum::MergeStmt(statement) => statement.returning_clause.is_some(),
        _ => true,
    };
    if returns {
        return Ok(());
    }
    Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, "COPY query must have a RETURNING clause"))
}

fn target_relation(session: &Session, statement: &CopyStmt) -> Result<Arc<Relation>> {
    let name = statement.relation.as_ref().ok_or_else(|| PgError::internal("a COPY without a relation"))?;
    if let Some((_, index)) = statements::index_named(session, name)? {
        let message = format!("cannot open relation \"{}\"", index.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
            .with_detail("This operation is not supported for indexes."));
    }
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
    if matches!(relation.kind, RelationKind::Sequence(_)) {
        let message = format!("cannot copy from sequence \"{}\"", relation.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message));
    }
    let fields = without_generated(&relation, statement, column_list(&relation, statement)?)?;
    check_force(&relation, &fields, &options.force_quote, "FORCE_QUOTE")?;
    let access = session.access()?;
    let quote = crate::session::settings::quote_identifier;
    let columns: Vec<String> =
        fields.iter().map(|position| quote(&relation.columns[*position].name)).collect();
    let schema = names::schema_name(&access.catalog, relation.schema).unwrap_or_default();
    let sql = format!("SELECT {} FROM {}.{}", columns.join(", "), quote(&schema), quote(&relation.name));
    let source = Source::new(crate::parser::parse(&sql)?, 0);
    write(session, client, &source, statement, options)
}

fn write(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    statement: &CopyStmt,
    options: &CopyOptions,
) -> Result<u64> {
    let planned = statements::plan(session, source, &[])?;
    statements::refuse_plan(session, &planned, source.node()?)?;
    let access = session.access()?;
    let columns: Vec<(String, TypeRef)> =
        planned.columns.iter().map(|column| (column.name.clone(), column.ty)).collect();
    if options.format == Format::Binary && columns.is_empty() {
        return Err(PgError::not_supported("COPY without columns in binary format"));
    }
    let target = match statement.filename.as_str() {
        "" => place::Target::Client(&mut client.output),
        name => place::Target::open(name, statement.is_program)?,
    };
    let mut out = CopyOut::begin(target, options, &columns, &access)?;
    statements::execute_plan(session, &planned, &[], &mut out)?;
    out.finish()
}
