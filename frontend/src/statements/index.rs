//! CREATE INDEX, REINDEX.

use std::sync::Arc;

use ecow::EcoString;
use pg_query::NodeEnum;
use pg_query::protobuf::{IndexStmt, RangeVar, ReindexObjectType, ReindexStmt};
use storage::TableLockMode;
use types::{PgError, Result, SqlState};

use super::table::{self, resolve};
use crate::analyzer::ddl::{index, names, options};
use crate::catalog::delta::name_taken;
use crate::catalog::{Index, Relation, RelationKind, unique_index_column};
use crate::session::Session;

/// The most columns of an index (`INDEX_MAX_KEYS`).
const KEYS_MAX: usize = 32;

/// CREATE INDEX.
pub(super) fn create(session: &mut Session, statement: &IndexStmt) -> Result<String> {
    if statement.concurrent {
        session.prevent_block("CREATE INDEX CONCURRENTLY")?;
    }
    let Some(name) = &statement.relation else { return Err(PgError::internal("CREATE INDEX on nothing")) };
    let mode = if statement.concurrent { TableLockMode::ShareUpdateExclusive } else { TableLockMode::Share };
    table::lock_indexed(session, name, mode)?;
    let tag = || Ok("CREATE INDEX".to_owned());
    let relation = resolve(session, name)?;
    match relation.kind {
        RelationKind::Table | RelationKind::Materialized { .. } => {}
        RelationKind::System
        | RelationKind::View { .. }
        | RelationKind::Sequence(_)
        | RelationKind::Composite => {
            let message = format!("cannot create index on relation \"{}\"", relation.name);
            return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
                .with_detail(format!("This operation is not supported for {}s.", relation.kind.noun())));
        }
    }
    session.require_unused(&relation, "CREATE INDEX")?;
    options::check_tablespace(&statement.table_space)?;
    let taken = |session: &Session, name: &str| -> Result<bool> {
        Ok(session.open()?.catalog.is_relation_name_taken(relation.schema, name))
    };
    if !statement.idxname.is_empty()
        && session.claim_name(relation.schema, &statement.idxname)?
        && taken(session, &statement.idxname)?
    {
        return Err(name_taken(&statement.idxname, relation.schema, false));
    }
    if !statement.idxname.is_empty() && taken(session, &statement.idxname)? {
        let message = format!("relation \"{}\" already exists", statement.idxname);
        if statement.if_not_exists {
            session.notice(SqlState::DUPLICATE_TABLE, format!("{message}, skipping"));
            return tag();
        }
        return Err(PgError::new(SqlState::DUPLICATE_TABLE, message));
    }
    let made = define(session, statement, &relation)?;
    if made.unique {
        super::constraint_check::unique(session, &relation, &made)?;
    }
    let mut changed = Relation::clone(&relation);
    changed.indexes.push(Arc::new(made));
    session.change_catalog(|catalog| {
        catalog.put_relation(Arc::new(changed));
        Ok(())
    })?;
    tag()
}

fn define(session: &mut Session, statement: &IndexStmt, relation: &Relation) -> Result<Index> {
    let method = index::Method::find(&statement.access_method)?;
    if statement.access_method == "rtree" {
        session.notice(
            SqlState::SUCCESSFUL_COMPLETION,
            "substituting access method \"gist\" for obsolete method \"rtree\"",
        );
    }
    let refuse = |what: &str| {
        let message = format!("access method \"{}\" does not support {what}", method.name);
        Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
    };
    if statement.index_params.len() + statement.index_including_params.len() > KEYS_MAX {
        let message = format!("cannot use more than {KEYS_MAX} columns in an index");
        return Err(PgError::new(SqlState::TOO_MANY_COLUMNS, message));
    }
    if statement.unique && !method.can_be_unique() {
        return refuse("unique indexes");
    }
    if !statement.index_including_params.is_empty() && !method.can_include() {
        return refuse("included columns");
    }
    if statement.index_params.len() > 1 && !method.can_be_multicolumn() {
        return refuse("multicolumn indexes");
    }
    let options = options::index_options(&statement.options, &method.name)?;
    let mut made = table::with_context(session, |context, allocate| {
        let mut used = Vec::new();
        let predicate = match statement.where_clause.as_ref().and_then(|node| node.node.as_ref()) {
            Some(node) => Some(index::predicate(node, relation, &mut used, context)?),
            None => None,
        };
        let mut keys = Vec::new();
        for node in &statement.index_params {
            if let Some(NodeEnum::IndexElem(element)) = &node.node {
                keys.push(index::key(relation, element, &method, &mut used, context)?);
            }
        }
        let include = index::include(relation, &statement.index_including_params)?;
        used.sort_unstable();
        used.dedup();
        Ok(Index {
            oid: allocate(),
            method: method.name.clone(),
            unique: statement.unique,
            nulls_not_distinct: statement.nulls_not_distinct,
            keys,
            include,
            predicate,
            expression_columns: used,
            ..Index::default()
        })
    })?;
    made.options = options;
    made.name = name(session, statement, relation, &made)?;
    Ok(made)
}

/// Returns the name that was given, or `table_columns_idx`; columns of an expression are told apart by numbers.
fn name(session: &Session, statement: &IndexStmt, relation: &Relation, made: &Index) -> Result<EcoString> {
    if !statement.idxname.is_empty() {
        return Ok(statement.idxname.as_str().into());
    }
    let mut parts: Vec<String> = Vec::new();
    for key in &made.keys {
        let part = index::name_part(relation, key);
        let unique = unique_index_column(part, |name| parts.iter().any(|part| part == name));
        parts.push(unique.to_string());
    }
    for position in &made.include {
        let part = &relation.columns[*position].name;
        let unique = unique_index_column(part, |name| parts.iter().any(|part| part == name));
        parts.push(unique.to_string());
    }
    let addition = names::columns_addition(parts.iter().map(String::as_str));
    let catalog = &session.open()?.catalog;
    // What others are about to make counts, too.
    Ok(names::choose(&relation.name, &addition, "idx", &|name| {
        catalog.is_relation_name_taken(relation.schema, name)
            || session.is_name_claimed(relation.schema, name).unwrap_or(false)
    }))
}

/// REINDEX: indexes here need no rebuilding; names and options are checked.
pub(super) fn reindex(session: &mut Session, statement: &ReindexStmt) -> Result<String> {
    let concurrently = reindex_options(statement)?;
    if concurrently {
        session.prevent_block("REINDEX CONCURRENTLY")?;
    }
    match ReindexObjectType::try_from(statement.kind).unwrap_or(ReindexObjectType::Undefined) {
        ReindexObjectType::ReindexObjectTable => {
            if let Some(name) = &statement.relation {
                reindexed_table(session, name, concurrently)?;
            }
        }
        ReindexObjectType::ReindexObjectIndex => {
            if let Some(name) = &statement.relation {
                table::find_index(session, name, "index")?;
                if !concurrently {
                    table::lock_named(session, name, TableLockMode::AccessExclusive)?;
                }
            }
        }
        ReindexObjectType::ReindexObjectSchema => {
            session.prevent_block("REINDEX SCHEMA")?;
            if session.open()?.catalog.schema_oid(&statement.name).is_none() {
                let message = format!("schema \"{}\" does not exist", statement.name);
                return Err(PgError::new(SqlState::INVALID_SCHEMA_NAME, message));
            }
        }
        kind @ (ReindexObjectType::ReindexObjectSystem | ReindexObjectType::ReindexObjectDatabase) => {
            let system = kind == ReindexObjectType::ReindexObjectSystem;
            session.prevent_block(if system { "REINDEX SYSTEM" } else { "REINDEX DATABASE" })?;
            if !statement.name.is_empty() && statement.name != crate::session::DATABASE {
                return Err(PgError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "can only reindex the currently open database",
                ));
            }
            if system && concurrently {
                return Err(PgError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "cannot reindex system catalogs concurrently",
                ));
            }
        }
        ReindexObjectType::Undefined => {}
    }
    Ok("REINDEX".to_owned())
}

fn reindexed_table(session: &mut Session, name: &RangeVar, concurrently: bool) -> Result<()> {
    let refuse = |name: &str| {
        let message = format!("\"{name}\" is not a table or materialized view");
        Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
    };
    if let Some((_, index)) = table::index_named(session, name)? {
        return refuse(&index.name);
    }
    let relation = resolve(session, name)?;
    if !relation.kind.is_stored() {
        return refuse(&relation.name);
    }
    if !concurrently {
        // Who plans a query looks at all indexes, which are locked while they are built.
        let is_indexed = !relation.indexes.is_empty();
        let mode = if is_indexed { TableLockMode::AccessExclusive } else { TableLockMode::Share };
        table::lock_named(session, name, mode)?;
    }
    if relation.indexes.is_empty() {
        let what = if concurrently { " that can be reindexed concurrently" } else { " to reindex" };
        let message = format!("table \"{}\" has no indexes{what}", relation.name);
        session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
    }
    Ok(())
}

/// Checks the options of REINDEX; returns whether it is to run concurrently.
fn reindex_options(statement: &ReindexStmt) -> Result<bool> {
    let mut concurrently = false;
    for option in &statement.params {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        match option.defname.as_str() {
            "concurrently" => concurrently = super::explain::flag(option)?,
            "verbose" => {
                super::explain::flag(option)?;
            }
            "tablespace" => {
                let name = option.arg.as_ref().and_then(|arg| super::constant_text(arg));
                options::check_tablespace(&name.unwrap_or_default())?;
            }
            other => {
                let message = format!("unrecognized REINDEX option \"{other}\"");
                return Err(
                    PgError::new(SqlState::SYNTAX_ERROR, message).at(usize::try_from(option.location).ok())
                );
            }
        }
    }
    Ok(concurrently)
}
