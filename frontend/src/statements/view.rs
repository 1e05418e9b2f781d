//! CREATE VIEW. A view is kept as its text, with names looked up along the search path of its creation.

use std::sync::Arc;

use pg_query::protobuf::ViewStmt;
use types::{PgError, Result, SqlState, TypeRef, oids};

use super::query;
use super::table;
use super::variable::constant_text;
use crate::catalog::{ColumnInfo, Relation, RelationKind};
use crate::session::Session;
use crate::session::names::{self, Found};
use crate::session::prepared::Source;

/// CREATE VIEW.
pub(super) fn create(session: &mut Session, source: &Source, statement: &ViewStmt) -> Result<String> {
    let Some(name) = &statement.view else { return Err(PgError::internal("CREATE VIEW without a name")) };
    if statement.with_check_option > 1 || !statement.options.is_empty() {
        return Err(PgError::not_supported("CREATE VIEW with options"));
    }
    if session.search_path() != [crate::session::USER, "public"] {
        return Err(PgError::not_supported("CREATE VIEW with another search_path than the default one"));
    }
    let node = statement.query.as_ref().and_then(|node| node.node.as_ref());
    let node = node.ok_or_else(|| PgError::internal("CREATE VIEW without a query"))?;
    let access = session.access()?;
    let analyzed = query::analyze(&access, node, &[], true)?;
    let crate::query::Statement::Query(analyzed) = analyzed.statement else {
        return Err(PgError::not_supported("a view over a data-modifying statement"));
    };
    let aliases: Vec<String> = statement.aliases.iter().filter_map(constant_text).collect();
    if aliases.len() > analyzed.output.len() {
        return Err(PgError::new(
            SqlState::SYNTAX_ERROR,
            "CREATE VIEW specifies more column names than columns",
        ));
    }
    if !aliases.is_empty() {
        return Err(PgError::not_supported("CREATE VIEW with column names"));
    }
    let mut columns: Vec<ColumnInfo> = Vec::new();
    for column in &analyzed.output {
        if columns.iter().any(|known| known.name == column.name) {
            return Err(PgError::new(
                SqlState::DUPLICATE_COLUMN,
                format!("column \"{}\" specified more than once", column.name),
            ));
        }
        let ty = if column.ty.oid == oids::UNKNOWN { TypeRef::plain(oids::TEXT) } else { column.ty };
        columns.push(ColumnInfo::new(column.name.clone(), ty));
    }
    session.claim_catalog()?;
    let existing = match table::lookup(session, name)? {
        Some(Found::User(relation)) if statement.replace => Some(relation),
        _ => None,
    };
    let (oid, schema) = match existing {
        Some(existing) => {
            check_replace(&existing, &columns)?;
            (existing.oid, existing.schema)
        }
        None => {
            let Some(schema) = table::free_name(session, name, false)? else {
                return Err(PgError::internal("a view name that is neither free nor taken"));
            };
            (session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?, schema)
        }
    };
    let definition = definition(source)?;
    let kind = RelationKind::View { definition: definition.into(), check_option: None };
    let relation =
        Relation { oid, name: name.relname.as_str().into(), schema, kind, columns, ..Relation::default() };
    session.change_catalog(|catalog| {
        catalog.put_relation(Arc::new(relation));
        Ok(())
    })?;
    let _ = names::schema_oid;
    Ok("CREATE VIEW".to_owned())
}

/// Returns the text of the view's query: what follows the first AS that stands for itself.
fn definition(source: &Source) -> Result<String> {
    let text = source.text();
    let missing = || PgError::internal("CREATE VIEW without AS");
    let scan = pg_query::scan(text).map_err(|_| missing())?;
    let token = scan.tokens.iter().find(|token| token.token == pg_query::protobuf::Token::As as i32);
    let end = token.and_then(|token| usize::try_from(token.end).ok()).ok_or_else(missing)?;
    Ok(text.get(end..).ok_or_else(missing)?.trim().to_owned())
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
            return bad(format!("cannot change name of view column \"{}\" to \"{}\"", old.name, new.name));
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
