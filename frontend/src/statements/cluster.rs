//! CLUSTER: the rows of a table written anew in the order of an index, which is remembered.

use std::sync::Arc;

use executor::context::SessionAccess;
use executor::expr::{ColumnId, Expr};
use executor::plan::SortKey;
use pg_query::NodeEnum;
use pg_query::protobuf::{ClusterStmt, RangeVar};
use storage::TableLockMode;
use types::{Oid, PgError, Result, SqlState};

use super::table::{self, resolve, rewrite_ordered};
use crate::analyzer::{self, AnalyzerContext, ExpressionUse};
use crate::catalog::{Index, IndexKeySource, Relation};
use crate::session::Session;
use crate::session::catalog_claims::Wanted;

/// CLUSTER.
pub(super) fn run(session: &mut Session, statement: &ClusterStmt) -> Result<String> {
    for option in &statement.params {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        if option.defname == "verbose" {
            super::explain::flag(option)?;
        } else {
            let message = format!("unrecognized CLUSTER option \"{}\"", option.defname);
            return Err(
                PgError::new(SqlState::SYNTAX_ERROR, message).at(usize::try_from(option.location).ok())
            );
        }
    }
    match &statement.relation {
        Some(name) => {
            table::lock_changed(session, name, TableLockMode::AccessExclusive)?;
            let relation = clustered_table(session, name)?;
            let index = match statement.indexname.as_str() {
                "" => relation.indexes.iter().find(|index| index.clustered).map(Arc::clone).ok_or_else(
                    || {
                        let message =
                            format!("there is no previously clustered index for table \"{}\"", relation.name);
                        PgError::new(SqlState::UNDEFINED_OBJECT, message)
                    },
                )?,
                name => named(&relation, name)?,
            };
            session.require_unused(&relation, "CLUSTER")?;
            check(&index)?;
            one(session, &relation, index.oid)?;
        }
        None => {
            session.prevent_block("CLUSTER")?;
            let relations: Vec<Arc<Relation>> = session.open()?.catalog.relations.values().cloned().collect();
            for relation in relations {
                if !relation.indexes.iter().any(|index| index.clustered) {
                    continue;
                }
                session.lock_wanted(&[Wanted::change(&relation, TableLockMode::AccessExclusive)])?;
                let relation = session.open()?.catalog.relations.get(&relation.oid).cloned();
                let Some(relation) = relation else { continue };
                if let Some(index) = relation.indexes.iter().find(|index| index.clustered) {
                    one(session, &relation, index.oid)?;
                }
            }
        }
    }
    Ok("CLUSTER".to_owned())
}

fn clustered_table(session: &Session, name: &RangeVar) -> Result<Arc<Relation>> {
    let refuse = |name: &str| {
        let message = format!("\"{name}\" is not a table or materialized view");
        Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message))
    };
    if let Some((_, index)) = table::index_named(session, name)? {
        return refuse(&index.name);
    }
    let relation = resolve(session, name)?;
    if relation.kind.is_stored() { Ok(relation) } else { refuse(&relation.name) }
}

/// Finds an index of a table.
///
/// # Errors
/// `42704`.
pub fn named(relation: &Relation, name: &str) -> Result<Arc<Index>> {
    let index = relation.indexes.iter().find(|index| index.name == name).map(Arc::clone);
    index.ok_or_else(|| {
        let message = format!("index \"{name}\" for table \"{}\" does not exist", relation.name);
        PgError::new(SqlState::UNDEFINED_OBJECT, message)
    })
}

/// Says a table can be clustered on an index (`check_index_is_clusterable`).
///
/// # Errors
/// `0A000`.
pub fn check(index: &Index) -> Result<()> {
    let refuse = |message: String| Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    if !matches!(index.method.as_str(), "btree" | "gist") {
        return refuse(format!(
            "cannot cluster on index \"{}\" because access method does not support clustering",
            index.name
        ));
    }
    if index.predicate.is_some() {
        return refuse(format!("cannot cluster on partial index \"{}\"", index.name));
    }
    Ok(())
}

/// Returns a relation that remembers to be clustered on an index (0: on none).
pub fn marked(relation: &Relation, on: Oid) -> Relation {
    let mut marked = relation.clone();
    for index in &mut marked.indexes {
        if index.clustered != (index.oid == on) {
            *index = Arc::new(Index { clustered: index.oid == on, ..Index::clone(index) });
        }
    }
    marked
}

fn one(session: &mut Session, relation: &Arc<Relation>, on: Oid) -> Result<()> {
    let Some(index) = relation.index(on).map(Arc::clone) else { return Ok(()) };
    let access = session.access()?;
    let order = |ids: &[ColumnId]| -> Result<Vec<SortKey>> {
        if index.method != "btree" {
            return Ok(Vec::new());
        }
        let context = AnalyzerContext {
            catalog: &access.catalog,
            search_path: &[],
            param_types: &[],
            fixed_params: true,
            io: access.io(),
        };
        let mut keys = Vec::with_capacity(index.keys.len());
        for key in &index.keys {
            let expr = match &key.source {
                IndexKeySource::Column(position) => {
                    Expr::column(ids[*position], relation.columns[*position].ty)
                }
                IndexKeySource::Expression { definition, .. } => {
                    analyzer::expression(definition, ExpressionUse::Index, relation, ids, &context)?
                }
            };
            keys.push(SortKey { expr, descending: key.descending, nulls_first: key.nulls_first });
        }
        Ok(keys)
    };
    rewrite_ordered(session, relation, marked(relation, on), &order)
}
