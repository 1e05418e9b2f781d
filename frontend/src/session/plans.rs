//! Plans of prepared statements, kept from one execution to the next.
//!
//! What is kept was made of one catalog and one search path, and is void when either is another. A plan does not know
//! the values of parameters. Statements on the short path keep theirs; of others, only those without parameters do, as
//! long as their tables have about the size for which they were planned: with the values of its parameters, a plan is
//! better by more than planning costs (`plan_cache_mode` decides otherwise).

use std::sync::Arc;

use pg_query::NodeEnum;
use storage::TableId;
use types::{Datum, PgError, Result, SqlState};

use super::Session;
use super::locks::views_of;
use super::prepared::Prepared;
use super::view::PlanCacheMode;
use crate::analyzer::Analyzed;
use crate::catalog::Catalog;
use crate::server::output::FieldDescription;
use crate::statements::query::{self, Planned};

/// Tuning constants: a plan is made again when a table has this many times the rows, or this part of them, and more than
/// a few.
const ROWS_FACTOR: u64 = 2;
const ROWS_FEW: u64 = 1000;

/// What is kept of a prepared statement.
pub struct CachedPlan {
    catalog: Arc<Catalog>,
    search_path: Vec<String>,
    analyzed: Arc<Analyzed>,
    planned: Option<Arc<Planned>>,
    /// Rows of the plan's tables when it was made.
    rows: Vec<u64>,
}

impl std::fmt::Debug for CachedPlan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CachedPlan").field("planned", &self.planned.is_some()).finish_non_exhaustive()
    }
}

impl Session {
    /// Plans a prepared statement for an execution with `params`, and locks its tables; `None` when it is not one that is
    /// planned.
    ///
    /// # Errors
    /// The analyzer's and the optimizer's, `0A000` when the result has other columns than it had.
    pub fn plan_prepared(&mut self, prepared: &Prepared, params: &[Datum]) -> Result<Option<Arc<Planned>>> {
        let Some(source) = &prepared.source else { return Ok(None) };
        let node = source.node()?;
        if !is_planned(node) {
            return Ok(None);
        }
        if query::has_current_of(node) {
            return query::plan(self, source, params).map(|planned| Some(Arc::new(planned)));
        }
        prepared.runs.count(!params.is_empty(), self.view().plan_cache_mode);
        loop {
            let planned = self.plan_of(prepared, params)?;
            if !self.lock_planned(&planned)? {
                return Ok(Some(planned));
            }
        }
    }

    /// Looks whether the result columns of a prepared statement, or of the one that an EXECUTE runs, are what they were.
    ///
    /// # Errors
    /// The analyzer's, `0A000` when they are not.
    pub fn revalidate(&mut self, prepared: &Prepared) -> Result<()> {
        let Some(source) = &prepared.source else { return Ok(()) };
        if self.is_failed() || prepared.columns.is_none() {
            return Ok(());
        }
        let node = source.node()?;
        if let NodeEnum::ExecuteStmt(statement) = node {
            let inner = self.find_prepared(&statement.name)?;
            let text = inner.source.as_ref().map(|source| Arc::clone(&source.parsed.text));
            // Where an error says that it is, counts in the inner text.
            let outer = std::mem::replace(&mut self.current_sql, text);
            self.revalidate(&inner)?;
            self.current_sql = outer;
            return Ok(());
        }
        if !is_planned(node) || query::has_current_of(node) {
            return Ok(());
        }
        if self.transaction.is_none() {
            self.begin_statement()?;
        }
        let access = self.access()?;
        let kept = prepared.plan.lock().as_ref().is_some_and(|kept| {
            Arc::ptr_eq(&kept.catalog, &access.catalog) && kept.search_path == access.search_path()
        });
        if kept { Ok(()) } else { self.analyze_again(prepared).map(|_| ()) }
    }

    /// Returns a plan that is up to date.
    fn plan_of(&mut self, prepared: &Prepared, params: &[Datum]) -> Result<Arc<Planned>> {
        let access = self.access()?;
        let mode = self.view().plan_cache_mode;
        let kept = prepared.plan.lock().clone().filter(|kept| {
            Arc::ptr_eq(&kept.catalog, &access.catalog) && kept.search_path == access.search_path()
        });
        if let Some(kept) = &kept
            && let Some(planned) = &kept.planned
            && (mode != PlanCacheMode::Custom || params.is_empty())
            && (planned.point.is_some() || self.has_same_size(planned, &kept.rows)?)
        {
            return Ok(Arc::clone(planned));
        }
        let analyzed = match &kept {
            Some(kept) => Arc::clone(&kept.analyzed),
            None => Arc::new(self.analyze_again(prepared)?),
        };
        let custom = mode == PlanCacheMode::Custom && !params.is_empty();
        let mut planned = None;
        if !custom {
            let generic = Arc::new(plan_analyzed(self, &analyzed, &[])?);
            if generic.point.is_some() || params.is_empty() || mode == PlanCacheMode::Generic {
                planned = Some(generic);
            }
        }
        let rows = match &planned {
            Some(planned) => self.rows_of(planned)?,
            None => Vec::new(),
        };
        let kept = CachedPlan {
            catalog: Arc::clone(&access.catalog),
            search_path: access.search_path().to_vec(),
            analyzed: Arc::clone(&analyzed),
            planned: planned.clone(),
            rows,
        };
        *prepared.plan.lock() = Some(Arc::new(kept));
        match planned {
            Some(planned) => Ok(planned),
            None => Ok(Arc::new(plan_analyzed(self, &analyzed, params)?)),
        }
    }

    /// Analyzes a prepared statement once more.
    fn analyze_again(&mut self, prepared: &Prepared) -> Result<Analyzed> {
        let access = self.access()?;
        let source = prepared.source.as_ref().ok_or_else(|| PgError::internal("an empty statement"))?;
        let types: Vec<_> = prepared.param_types.iter().map(|oid| (*oid != 0).then_some(*oid)).collect();
        let analyzed = query::analyze(&access, source.node()?, &types, false)?;
        let columns = query::result_columns(&analyzed.statement);
        if !same_row(prepared.columns.as_deref(), columns.as_deref()) {
            return Err(PgError::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cached plan must not change result type",
            ));
        }
        Ok(analyzed)
    }

    fn rows_of(&self, planned: &Planned) -> Result<Vec<u64>> {
        let storage = self.open()?.storage.lock();
        let rows = |table: u64| storage.scan(TableId(table)).map_or(0, |scan| scan.row_estimate());
        Ok(planned.locks.iter().map(|(table, _)| rows(*table)).collect())
    }

    /// Returns whether the tables of a plan have about as many rows as when it was made.
    fn has_same_size(&self, planned: &Planned, before: &[u64]) -> Result<bool> {
        let now = self.rows_of(planned)?;
        Ok(now.iter().zip(before).all(|(now, before)| {
            let (less, more) = (*now.min(before), *now.max(before));
            more <= ROWS_FEW || more < less.saturating_mul(ROWS_FACTOR)
        }))
    }
}

/// Plans an analyzed statement as [`query::plan_statement`]; what locks its tables locks the views that it reads, too.
///
/// # Errors
/// The optimizer's.
pub fn plan_analyzed(session: &mut Session, analyzed: &Analyzed, params: &[Datum]) -> Result<Planned> {
    let mut planned = query::plan_statement(session, &analyzed.statement, params)?;
    planned.locks.extend(views_of(&session.open()?.catalog, &analyzed.notes));
    Ok(planned)
}

/// Returns whether a statement is one that Bind and EXECUTE plan.
fn is_planned(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::SelectStmt(select) => crate::analyzer::into::into_of(select).is_none(),
        NodeEnum::InsertStmt(_) | NodeEnum::UpdateStmt(_) | NodeEnum::DeleteStmt(_) => true,
        _ => false,
    }
}

/// Returns whether two results have the same columns, as `equalRowTypes`.
fn same_row(before: Option<&[FieldDescription]>, now: Option<&[FieldDescription]>) -> bool {
    match (before, now) {
        (None, None) => true,
        (Some(before), Some(now)) => {
            before.len() == now.len()
                && before.iter().zip(now).all(|(before, now)| before.name == now.name && before.ty == now.ty)
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}
