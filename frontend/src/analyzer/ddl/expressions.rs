//! Expressions that are kept with a table: analyzed where they stand, kept as the text PostgreSQL prints.

use datasets::catalog as rows;
use ecow::EcoString;
use executor::expr::{ColumnId, Expr, ExprKind, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use types::oids::PG_CATALOG_NAMESPACE;
use types::{Oid, PgError, Result};

use super::super::AnalyzerContext;
use crate::catalog::Relation;
use crate::catalog::deparse::Deparse;
use crate::session::settings::quote_identifier;

/// Returns ids for the columns of a relation.
pub fn ids(relation: &Relation) -> Vec<ColumnId> {
    (1..).take(relation.columns.len()).map(ColumnId).collect()
}

/// `text || anynonarray` and the reverse.
const TEXTANYCAT: Oid = 2003;
const ANYTEXTCAT: Oid = 2004;

/// Says whether the output function of a type is immutable.
fn output_is_immutable(ty: Oid) -> bool {
    let output = rows::rows(rows::PG_TYPE).find(|row| row.oid("oid") == ty).map(|row| row.oid("typoutput"));
    let function = output.and_then(|output| rows::rows(rows::PG_PROC).find(|row| row.oid("oid") == output));
    function.is_some_and(|function| function.char("provolatile") == 'i')
}

/// Returns the volatility of an expression's functions.
pub fn volatility(expr: &Expr) -> Volatility {
    let mut found = Volatility::Immutable;
    expr.walk(&mut |expr| {
        let one = match &expr.kind {
            // These are SQL functions, which PostgreSQL looks into.
            ExprKind::Call { function, args, .. }
                if matches!(function.oid, TEXTANYCAT | ANYTEXTCAT)
                    && args.iter().all(|arg| output_is_immutable(arg.ty.oid)) =>
            {
                return;
            }
            ExprKind::Call { function, .. }
            | ExprKind::SetCall { function, .. }
            | ExprKind::ScalarArray { function, .. }
            | ExprKind::IsDistinct { equal: function, .. } => function.volatility,
            _ => return,
        };
        found = found.max(one);
    });
    found
}

/// Returns the positions of the columns that an expression uses.
pub fn columns_used(expr: &Expr, ids: &[ColumnId]) -> Vec<usize> {
    let mut used = Vec::new();
    expr.walk(&mut |expr| {
        if let ExprKind::Column(id) = expr.kind
            && let Some(position) = ids.iter().position(|known| *known == id)
            && !used.contains(&position)
        {
            used.push(position);
        }
    });
    used
}

/// Returns the text to keep: names of other schemas than `pg_catalog` are qualified, relations given by oid.
///
/// # Errors
/// When the statement cannot be printed: a bug of ours.
pub fn stored_text(
    expr: &Expr,
    node: &NodeEnum,
    relation: &Relation,
    ids: &[ColumnId],
    context: &AnalyzerContext<'_>,
) -> Result<EcoString> {
    let column = |id: ColumnId| {
        let position = ids.iter().position(|known| *known == id)?;
        relation.columns.get(position).map(|column| quote_identifier(&column.name))
    };
    let deparse = Deparse {
        catalog: context.catalog,
        path: &[PG_CATALOG_NAMESPACE],
        column: &column,
        stored: true,
        pretty: false,
        subquery: None,
    };
    match deparse.expression(expr) {
        Some(text) => Ok(text.into()),
        None => raw_text(node),
    }
}

/// Prints an expression as it was written.
fn raw_text(node: &NodeEnum) -> Result<EcoString> {
    use pg_query::protobuf::{ParseResult, RawStmt, ResTarget, SelectStmt};
    let val = Some(Box::new(Node { node: Some(node.clone()) }));
    let target = ResTarget { val, ..ResTarget::default() };
    let target = Node { node: Some(NodeEnum::ResTarget(Box::new(target))) };
    let mut select = SelectStmt { target_list: vec![target], ..SelectStmt::default() };
    select.op = pg_query::protobuf::SetOperation::SetopNone as i32;
    select.limit_option = pg_query::protobuf::LimitOption::Default as i32;
    let statement = Node { node: Some(NodeEnum::SelectStmt(Box::new(select))) };
    let raw = RawStmt { stmt: Some(Box::new(statement)), stmt_location: 0, stmt_len: 0 };
    let tree = ParseResult { version: 180_000, stmts: vec![raw] };
    let text = pg_query::deparse(&tree, pg_query::DeparseOptions::default());
    let text = text.map_err(|error| PgError::internal(error.to_string()))?;
    Ok(text.strip_prefix("SELECT ").unwrap_or(&text).into())
}
