//! Queries that statements run for themselves.

use std::ops::ControlFlow;

use executor::batch::Batch;
use executor::execute::ResultSink;
use types::{Datum, PgError, Result, TypeRef};

use super::query;
use crate::catalog::{Catalog, Relation};
use crate::session::Session;
use crate::session::settings::quote_identifier;
use executor::convert::datum_at;

/// Runs a SELECT over the newest committed rows and returns what it gives.
///
/// # Errors
/// Those of the query.
pub(super) fn rows(session: &mut Session, sql: &str) -> Result<Vec<Vec<Datum>>> {
    let parsed = crate::parser::parse(sql)?;
    let statement = parsed.statements.first().ok_or_else(|| PgError::internal("an empty query"))?;
    let access = session.access()?;
    let analyzed = query::analyze(&access, &statement.node, &[], true)?;
    let planned = query::plan_statement(session, &analyzed.statement, &[])?;
    let mut sink = Rows { types: planned.columns.iter().map(|column| column.ty).collect(), rows: Vec::new() };
    session.over_newest_rows(|session| query::execute_plan(session, &planned, &[], &mut sink))?;
    Ok(sink.rows)
}

struct Rows {
    types: Vec<TypeRef>,
    rows: Vec<Vec<Datum>>,
}

impl ResultSink for Rows {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        let batch = batch.compact();
        for lane in 0..batch.len {
            let row = batch.columns.iter().zip(&self.types).map(|(vector, ty)| datum_at(vector, lane, *ty));
            self.rows.push(row.collect::<Result<_>>()?);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Returns a relation's qualified name as SQL.
pub(super) fn qualified(catalog: &Catalog, relation: &Relation) -> String {
    let schema = catalog.schema_name(relation.schema).unwrap_or_default();
    format!("{}.{}", quote_identifier(schema), quote_identifier(&relation.name))
}
