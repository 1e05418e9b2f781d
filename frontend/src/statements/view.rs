//! CREATE VIEW. A view is kept as its text, with names qualified and `*` written out.

use std::sync::Arc;

use executor::context::SessionAccess;
use pg_query::NodeEnum;
use pg_query::protobuf::{RangeVar, Token, ViewCheckOption, ViewStmt};
use storage::TableLockMode;
use types::{PgError, Result, SqlState, TypeRef, oids};

use super::variable::constant_text;
use super::{query, table, view_text};
use crate::analyzer::ddl::options;
use crate::analyzer::{AnalyzerContext, Notes};
use crate::catalog::{Catalog, CheckOption, ColumnInfo, ObjectRef, Relation, RelationKind};
use crate::query::OutputColumn;
use crate::session::Session;
use crate::session::access::Access;
use crate::session::catalog_claims::Wanted;
use crate::session::names::Found;
use crate::session::prepared::Source;
use crate::session::settings::quote_identifier;

/// CREATE VIEW.
pub(super) fn create(session: &mut Session, source: &Source, statement: &ViewStmt) -> Result<String> {
    let Some(name) = &statement.view else { return Err(PgError::internal("CREATE VIEW without a name")) };
    let node = statement.query.as_ref().and_then(|node| node.node.as_ref());
    let node = node.ok_or_else(|| PgError::internal("CREATE VIEW without a query"))?;
    if matches!(node, NodeEnum::SelectStmt(select) if crate::analyzer::into::into_of(select).is_some()) {
        let message = "views must not contain SELECT INTO";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    session.lock_texts(true)?;
    let (access, analyzed) = loop {
        let access = session.access()?;
        let analyzed = query::analyze(&access, node, &[], true)?;
        if !session.lock_wanted(&locks(session, statement.replace, name, &analyzed.notes)?)? {
            break (access, analyzed);
        }
    };
    let crate::query::Statement::Query(select) = analyzed.statement else {
        let message = "views must not contain data-modifying statements in WITH";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    };
    let mut options = options::view_options(&statement.options)?;
    let check_option = check_option(statement, &mut options);
    let aliases: Vec<String> = statement.aliases.iter().filter_map(constant_text).collect();
    if aliases.len() > select.output.len() {
        let message = "CREATE VIEW specifies more column names than columns";
        return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
    }
    let columns = columns(&select.output, &aliases)?;
    let mut definition =
        definition(source, &analyzed.notes, &access.catalog, statement.with_check_option > 1)?;
    if is_recursive(source.text()) {
        let list: Vec<String> = aliases.iter().map(|alias| quote_identifier(alias)).collect();
        let (list, name) = (list.join(", "), quote_identifier(&name.relname));
        definition = format!("WITH RECURSIVE {name}({list}) AS ({definition}) SELECT {list} FROM {name}");
    }
    let mut name = name.clone();
    if name.relpersistence != "t" && uses_temporary(&access.catalog, &analyzed.notes) {
        name.relpersistence = "t".to_owned();
        session.notice(
            SqlState::SUCCESSFUL_COMPLETION,
            format!("view \"{}\" will be a temporary view", name.relname),
        );
    }
    let existing = match table::lookup(session, &name)? {
        Some(Found::User(relation)) if statement.replace => Some(relation),
        Some(_) | None => None,
    };
    let base = match existing {
        Some(existing) => {
            check_replace(&existing, &columns)?;
            Relation::clone(&existing)
        }
        None => {
            let Some(place) = table::place(session, &name, None, false, true)? else {
                return Err(PgError::internal("a view name that is neither free nor taken"));
            };
            Relation {
                oid: session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?,
                name: name.relname.as_str().into(),
                schema: place.schema,
                persistence: place.persistence,
                ..Relation::default()
            }
        }
    };
    let kind = RelationKind::View { definition: definition.into(), check_option };
    let relation = Relation { kind, columns, options, uses: uses(&analyzed.notes), ..base };
    if check_option.is_some() {
        require_updatable(&access, &relation)?;
    }
    table::make(session, relation)?;
    Ok("CREATE VIEW".to_owned())
}

/// Returns how a new view locks what it is made from, and the view that it replaces.
fn locks(session: &Session, replace: bool, name: &RangeVar, notes: &Notes) -> Result<Vec<Wanted>> {
    let catalog = &session.open()?.catalog;
    let mut used: Vec<_> = notes.uses.iter().map(|used| used.oid).collect();
    used.dedup();
    let used = used.iter().filter_map(|oid| catalog.relations.get(oid));
    let mut wanted: Vec<Wanted> =
        used.map(|relation| Wanted::lock(relation, TableLockMode::AccessShare)).collect();
    if replace && let Some(Found::User(relation)) = table::lookup(session, name)? {
        wanted.push(Wanted::change(&relation, TableLockMode::AccessExclusive));
    }
    Ok(wanted)
}

/// WITH CHECK OPTION is for views that can be changed.
fn require_updatable(access: &Access, relation: &Relation) -> Result<()> {
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    match crate::analyzer::updatable_columns(&Arc::new(relation.clone()), &context) {
        Err(refusal) if refusal.sqlstate() == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => {
            let message = "WITH CHECK OPTION is supported only on automatically updatable views";
            let why = refusal.fields().detail.clone().unwrap_or_default();
            Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_hint(why))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn check_option(statement: &ViewStmt, options: &mut Vec<ecow::EcoString>) -> Option<CheckOption> {
    let written = match statement.with_check_option() {
        ViewCheckOption::LocalCheckOption => Some("local"),
        ViewCheckOption::CascadedCheckOption => Some("cascaded"),
        ViewCheckOption::Undefined | ViewCheckOption::NoCheckOption => None,
    };
    if let Some(written) = written {
        options.push(format!("check_option={written}").into());
    }
    CheckOption::of(options)
}

/// Returns what a view depends on.
pub(super) fn uses(notes: &Notes) -> Vec<ObjectRef> {
    notes.uses.iter().copied().filter(|used| used.oid >= 16_384).collect()
}

/// Says whether a query reads temporary relations.
pub(super) fn uses_temporary(catalog: &Catalog, notes: &Notes) -> bool {
    use crate::catalog::Persistence;
    let temporary = |relation: &Arc<Relation>| matches!(relation.persistence, Persistence::Temporary(_));
    notes.ranges.iter().any(|note| catalog.relations.get(&note.relation).is_some_and(temporary))
}

/// Returns the columns of a view.
fn columns(output: &[OutputColumn], aliases: &[String]) -> Result<Vec<ColumnInfo>> {
    let mut columns: Vec<ColumnInfo> = Vec::with_capacity(output.len());
    for (position, column) in output.iter().enumerate() {
        let name = aliases.get(position).map_or(column.name.as_str(), String::as_str);
        if columns.iter().any(|known| known.name == name) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        let ty = if column.ty.oid == oids::UNKNOWN { TypeRef::plain(oids::TEXT) } else { column.ty };
        if matches!(ty.oid, oids::RECORD | oids::VOID) {
            let message = format!(
                "column \"{name}\" has pseudo-type {}",
                crate::catalog::type_names::type_name(ty.oid)
            );
            return Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        columns.push(ColumnInfo::new(name, ty));
    }
    Ok(columns)
}

/// Returns the text of a view's query: what follows the first AS that stands for itself, up to a closing WITH clause.
pub(super) fn definition(source: &Source, notes: &Notes, catalog: &Catalog, cut: bool) -> Result<String> {
    let text = source.text();
    let missing = || PgError::not_supported("CREATE VIEW without AS");
    let scan = pg_query::scan(text).map_err(|_| missing())?;
    let position =
        scan.tokens.iter().position(|token| token.token == Token::As as i32).ok_or_else(missing)?;
    let offset = usize::try_from(scan.tokens[position].end).map_err(|_| missing())?;
    let mut end = text.trim_end().trim_end_matches(';').len();
    if cut {
        let with = |token: &&pg_query::protobuf::ScanToken| {
            token.token == Token::With as i32 || token.token == Token::WithLa as i32
        };
        let last = scan.tokens.iter().rev().find(with);
        end = last.and_then(|token| usize::try_from(token.start).ok()).unwrap_or(end);
    }
    let query = text.get(offset..end).ok_or_else(missing)?;
    let blank = query.len() - query.trim_start().len();
    Ok(view_text::kept(query.trim(), source.text_start() + offset + blank, notes, catalog))
}

/// Says whether a statement is CREATE RECURSIVE VIEW: the grammar puts the query into WITH RECURSIVE.
fn is_recursive(text: &str) -> bool {
    let Ok(scan) = pg_query::scan(text) else { return false };
    let mut words =
        scan.tokens.iter().map(|token| token.token).take_while(|token| *token != Token::View as i32);
    words.any(|token| token == Token::Recursive as i32)
}

/// As `checkViewColumns`: a replaced view keeps its columns and may get more.
fn check_replace(existing: &Relation, columns: &[ColumnInfo]) -> Result<()> {
    let bad = |message: String| Err(PgError::new(SqlState::INVALID_TABLE_DEFINITION, message));
    if !matches!(existing.kind, RelationKind::View { .. }) {
        return Err(PgError::new(
            SqlState::WRONG_OBJECT_TYPE,
            format!("\"{}\" is not a view", existing.name),
        ));
    }
    if columns.len() < existing.columns.len() {
        return bad("cannot drop columns from view".to_owned());
    }
    for (old, new) in existing.columns.iter().zip(columns) {
        if old.name != new.name {
            let message = format!("cannot change name of view column \"{}\" to \"{}\"", old.name, new.name);
            return bad(message).map_err(|error| {
                error.with_hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.")
            });
        }
        if old.ty != new.ty {
            return bad(format!(
                "cannot change data type of view column \"{}\" from {} to {}",
                old.name,
                crate::catalog::type_names::type_name(old.ty.oid),
                crate::catalog::type_names::type_name(new.ty.oid)
            ));
        }
    }
    Ok(())
}
