//! The kept expressions of a table after its columns changed: analyzed again, printed again.

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::ColumnId;
use types::{PgError, Result};

use crate::analyzer::ddl::{exclusion, expressions, index};
use crate::analyzer::{AnalyzerContext, ExpressionUse, shown_expression};
use crate::catalog::deparse::Deparse;
use crate::catalog::{ConstraintKind, Index, IndexKeySource, Relation, StatisticsObject};
use crate::session::settings::quote_identifier;
use types::oids::PG_CATALOG_NAMESPACE;

/// Returns a relation whose expressions are analyzed against its columns, then printed with the names that `rename`
/// gives to its columns.
///
/// # Errors
/// When an expression does not fit the columns any more.
pub(super) fn relation(
    context: &AnalyzerContext<'_>,
    old: &Relation,
    rename: &mut dyn FnMut(&mut Relation),
) -> Result<Relation> {
    let mut new = old.clone();
    rename(&mut new);
    let again = Again { context, old, names: new.clone(), ids: expressions::ids(old) };
    for (at, column) in old.columns.iter().enumerate() {
        if let (Some(text), Some(_)) = (&column.default, column.generated) {
            new.columns[at].default = Some(again.print(text, ExpressionUse::Generated { column: at })?);
        }
    }
    for constraint in &mut new.constraints {
        if let ConstraintKind::Check { definition } = &mut constraint.kind {
            *definition = again.print(definition, ExpressionUse::Check)?;
        }
    }
    for known in &mut new.indexes {
        let mut changed = Index::clone(known);
        let method = index::Method::find(&changed.method)?;
        for key in &mut changed.keys {
            match &mut key.source {
                IndexKeySource::Column(position) => {
                    if key.default_class {
                        let fresh = index::column_key(old, *position, &method)?;
                        (key.class, key.collation) = (fresh.class, fresh.collation);
                    }
                }
                IndexKeySource::Expression { definition, .. } => {
                    let inner = again.print(definition, ExpressionUse::Index)?;
                    *definition = index::parenthesized(inner);
                }
            }
        }
        if !changed.exclusion.is_empty() {
            changed.exclusion = exclusion::again(old, &changed, context)?;
        }
        if let Some(predicate) = &mut changed.predicate {
            *predicate = again.print(predicate, ExpressionUse::Predicate)?;
        }
        *known = Arc::new(changed);
    }
    Ok(new)
}

/// Returns the statistics objects of a table that have expressions, printed as [`relation`] prints.
///
/// # Errors
/// As [`relation`].
pub(super) fn statistics(
    context: &AnalyzerContext<'_>,
    old: &Relation,
    rename: &mut dyn FnMut(&mut Relation),
) -> Result<Vec<StatisticsObject>> {
    let mut names = old.clone();
    rename(&mut names);
    let again = Again { context, old, names, ids: expressions::ids(old) };
    let mut changed = Vec::new();
    for known in context.catalog.statistics.values() {
        if known.table == old.oid && !known.expressions.is_empty() {
            let mut known = StatisticsObject::clone(known);
            for text in &mut known.expressions {
                *text = again.print(text, ExpressionUse::Statistics)?;
            }
            changed.push(known);
        }
    }
    Ok(changed)
}

struct Again<'a> {
    context: &'a AnalyzerContext<'a>,
    old: &'a Relation,
    names: Relation,
    ids: Vec<ColumnId>,
}

impl Again<'_> {
    fn print(&self, text: &str, usage: ExpressionUse) -> Result<EcoString> {
        let mut plain = self.old.clone();
        plain.columns.iter_mut().for_each(|column| column.generated = None);
        let (expr, _) = shown_expression(text, usage, &plain, &self.ids, self.context).map_err(
            |mut error: PgError| {
                error.fields_mut().location = None;
                error
            },
        )?;
        let column = |id: ColumnId| {
            let position = self.ids.iter().position(|known| *known == id)?;
            self.names.columns.get(position).map(|column| quote_identifier(&column.name))
        };
        let deparse = Deparse {
            catalog: self.context.catalog,
            path: &[PG_CATALOG_NAMESPACE],
            column: &column,
            stored: true,
            pretty: false,
            subquery: None,
        };
        Ok(deparse.expression(&expr).map_or_else(|| text.into(), EcoString::from))
    }
}
