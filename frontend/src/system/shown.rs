//! Kept expressions as a session sees them: names qualified by its search path, in the plain or the pretty form.

use std::sync::Arc;

use executor::context::SessionAccess;
use executor::expr::ColumnId;
use types::Oid;

use crate::analyzer::ddl::expressions;
use crate::analyzer::{AnalyzerContext, ExpressionUse, expression};
use crate::catalog::deparse::Deparse;
use crate::catalog::{Constraint, ConstraintKind, Index, IndexKeySource, Relation};
use crate::session::access::Access;
use crate::session::settings::quote_identifier;

/// Returns a kept expression of a table; as it is kept when it cannot be printed again.
pub fn shown(access: &Access, table: Oid, text: &str, pretty: bool) -> String {
    match access.catalog.relations.get(&table) {
        Some(table) => shown_in(access, table, text, pretty),
        None => text.to_owned(),
    }
}

/// Returns for each column of a view whether it can be assigned to; `None` when the view cannot be changed.
pub fn updatable_columns(access: &Access, view: &Arc<Relation>) -> Option<Vec<bool>> {
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    crate::analyzer::updatable_columns(view, &context).ok()
}

fn shown_in(access: &Access, table: &Relation, text: &str, pretty: bool) -> String {
    let mut plain = table.clone();
    plain.columns.iter_mut().for_each(|column| column.generated = None);
    let ids = expressions::ids(&plain);
    let search_path: Vec<ecow::EcoString> = access.search_path().iter().map(ecow::EcoString::from).collect();
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &search_path,
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let Ok(expr) = expression(text, ExpressionUse::Index, &plain, &ids, &context) else {
        return text.to_owned();
    };
    let column = |id: ColumnId| {
        let position = ids.iter().position(|known| *known == id)?;
        plain.columns.get(position).map(|column| quote_identifier(&column.name))
    };
    let path = access.path();
    let deparse = Deparse {
        catalog: &access.catalog,
        path: &path,
        column: &column,
        stored: false,
        pretty,
        subquery: None,
    };
    deparse.expression(&expr).unwrap_or_else(|| text.to_owned())
}

/// Returns a constraint with its expression as it is shown.
pub fn constraint(access: &Access, table: &Relation, constraint: &Constraint, pretty: bool) -> Constraint {
    let mut shown = constraint.clone();
    if let ConstraintKind::Check { definition } = &mut shown.kind {
        *definition = shown_in(access, table, definition, pretty).into();
    }
    shown
}

/// Returns a table with the index of an exclusion constraint as it is shown.
pub fn excluding_table(
    access: &Access,
    table: &Relation,
    constraint: &Constraint,
    pretty: bool,
) -> Option<Relation> {
    let ConstraintKind::Exclusion { index: number } = &constraint.kind else { return None };
    let mut shown = table.clone();
    for known in &mut shown.indexes {
        if known.oid == *number {
            *known = Arc::new(index(access, table, known, pretty));
        }
    }
    Some(shown)
}

/// Returns an index with its expressions as they are shown.
pub fn index(access: &Access, table: &Relation, index: &Index, pretty: bool) -> Index {
    let mut shown = index.clone();
    for key in &mut shown.keys {
        if let IndexKeySource::Expression { definition, .. } = &mut key.source {
            let text = shown_in(access, table, definition, pretty);
            *definition = crate::analyzer::ddl::index::parenthesized(text.into());
        }
    }
    if let Some(predicate) = &mut shown.predicate {
        *predicate = shown_in(access, table, predicate, pretty).into();
    }
    shown
}
