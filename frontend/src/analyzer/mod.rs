//! The analyzer: raw statements to typed query trees.
//!
//! It follows `parse_analyze`: names are resolved over nested query levels, types by the manual's chapter "Type
//! Conversion" over PostgreSQL's own catalog rows. Aggregates and window calls are lifted out of expressions as they
//! are met; what stands above grouping is rewritten to the ids of the group keys at the end of its level.

mod aggregates;
mod candidates;
mod coerce;
mod columns;
pub mod ddl;
mod dml;
mod expr;
mod from;
mod functions;
mod grouping;
mod joins;
mod json;
mod literal;
mod operators;
mod polymorphic;
mod raw;
mod registry;
mod select;
mod setops;
mod special;
mod state;
mod sublinks;
mod subscripts;
mod targets;
mod typename;
mod walk;
mod windows;
mod with;

use ecow::EcoString;
use executor::expr::{ColumnId, Expr};
use pg_query::NodeEnum;
use types::io::IoContext;
use types::oids;
use types::{Oid, PgError, Result, SqlState};

use crate::catalog::{Catalog, Relation};
use crate::query::Statement;
use state::{Analyzer, Clause};

pub use dml::copy::{COPY_WORKING, copy_plan};
pub use registry::name_parts;
pub use typename::from_text as type_from_text;

/// What names and literals of a statement depend on.
pub struct AnalyzerContext<'a> {
    /// The catalog as the transaction sees it.
    pub catalog: &'a Catalog,
    /// `search_path`, without the implicit `pg_catalog`.
    pub search_path: &'a [EcoString],
    /// Types of `$1`, `$2`, ... as the client gave them; `None` (and more of them) are inferred.
    pub param_types: &'a [Option<Oid>],
    /// Whether parameters beyond `param_types` are an error.
    pub fixed_params: bool,
    /// Settings of text input.
    pub io: &'a IoContext,
}

/// An analyzed statement.
#[derive(Debug)]
pub struct Analyzed {
    /// The statement.
    pub statement: Statement,
    /// Types of all parameters.
    pub param_types: Vec<Oid>,
}

/// Analyzes SELECT, VALUES, INSERT, UPDATE or DELETE.
///
/// # Errors
/// PostgreSQL's, with byte offsets into the text that was parsed; `0A000` for what Surus has not yet.
pub fn analyze(statement: &NodeEnum, context: &AnalyzerContext<'_>) -> Result<Analyzed> {
    let mut analyzer = Analyzer::new(context);
    let statement = match statement {
        NodeEnum::SelectStmt(select) => Statement::Query(analyzer.nested_query(select, false)?),
        node => match analyzer.modify(node)? {
            Some(modify) => Statement::Modify(Box::new(modify)),
            None => return Err(PgError::not_supported("this statement")),
        },
    };
    let mut param_types = Vec::with_capacity(analyzer.params.len());
    for (number, ty) in (1..).zip(&analyzer.params) {
        match ty {
            Some(ty) if *ty != oids::UNKNOWN => param_types.push(*ty),
            _ => {
                let message = format!("could not determine data type of parameter ${number}");
                return Err(PgError::new(SqlState::INDETERMINATE_DATATYPE, message));
            }
        }
    }
    Ok(Analyzed { statement, param_types })
}

/// Analyzes a list of expressions without columns, given as SQL text.
fn expression_list(context: &AnalyzerContext<'_>, text: &str) -> Result<Vec<Expr>> {
    let parsed = crate::parser::parse(&format!("SELECT {text}"))?;
    let Some(NodeEnum::SelectStmt(select)) = parsed.statements.first().map(|statement| &statement.node)
    else {
        return Err(PgError::internal("an expression list that is not one"));
    };
    let mut analyzer = Analyzer::new(context);
    let targets = analyzer.on_new_level(|analyzer| analyzer.targets(&select.target_list))?;
    Ok(targets.into_iter().map(|target| target.expr).collect())
}

/// What an expression of a table definition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpressionUse {
    /// DEFAULT: no columns; the result is converted to the type by assignment.
    Default {
        /// Position of the column.
        column: usize,
    },
    /// CHECK: a condition over the table's columns.
    Check,
    /// WHERE of COPY FROM: a condition over the table's columns.
    CopyWhere,
    /// A value over the table's columns, of an index.
    Key,
    /// GENERATED ALWAYS AS: a value over the table's columns, converted to the column's type by assignment.
    Generated {
        /// Position of the column.
        column: usize,
    },
}

/// Analyzes the text of a DEFAULT or CHECK expression of `relation`. Columns appear as `ids[i]`.
///
/// # Errors
/// PostgreSQL's; positions are offsets into `text`.
pub fn expression(
    text: &str,
    usage: ExpressionUse,
    relation: &Relation,
    ids: &[ColumnId],
    context: &AnalyzerContext<'_>,
) -> Result<Expr> {
    const PREFIX: &str = "SELECT ";
    let parsed = crate::parser::parse(&format!("{PREFIX}{text}"))?;
    let found = match parsed.statements.first().map(|statement| &statement.node) {
        Some(NodeEnum::SelectStmt(select)) => select.target_list.first(),
        _ => None,
    };
    let Some(NodeEnum::ResTarget(target)) = found.and_then(|target| target.node.as_ref()) else {
        return Err(PgError::internal("an expression that is not one"));
    };
    let node = raw::inner(&target.val).ok_or_else(|| PgError::internal("an empty expression"))?;
    node_expression(node, usage, relation, ids, context).map_err(|mut error| {
        let fields = error.fields_mut();
        fields.location = fields.location.map(|location| location.saturating_sub(PREFIX.len()));
        error
    })
}

/// As [`expression`], for an expression that is parsed; positions are those of the tree.
fn node_expression(
    node: &NodeEnum,
    usage: ExpressionUse,
    relation: &Relation,
    ids: &[ColumnId],
    context: &AnalyzerContext<'_>,
) -> Result<Expr> {
    Analyzer::new(context).table_expression(node, usage, relation, ids)
}

impl Analyzer<'_> {
    /// Analyzes a DEFAULT or CHECK expression.
    fn table_expression(
        &mut self,
        node: &NodeEnum,
        usage: ExpressionUse,
        relation: &Relation,
        ids: &[ColumnId],
    ) -> Result<Expr> {
        self.on_new_level(|analyzer| match usage {
            ExpressionUse::Check
            | ExpressionUse::CopyWhere
            | ExpressionUse::Key
            | ExpressionUse::Generated { .. } => {
                let columns = relation.columns.iter().zip(ids).zip(1_i16..).map(|((column, id), number)| {
                    (column.name.clone(), Expr::column(*id, column.ty), Some((relation.oid, number)))
                });
                let item = analyzer.item_over(&relation.name, columns.collect(), None)?;
                analyzer.level().items.push(item);
                if usage == ExpressionUse::CopyWhere {
                    return analyzer.condition(node, Clause::CopyWhere);
                }
                if usage == ExpressionUse::Key {
                    let expr = analyzer.within(Clause::Index, |analyzer| analyzer.expr(node))?;
                    return analyzer.resolved(expr, raw::location(node));
                }
                if let ExpressionUse::Generated { column } = usage {
                    let info = relation.columns.get(column);
                    let info =
                        info.ok_or_else(|| PgError::internal("a generated column that is not there"))?;
                    let expr = analyzer.within(Clause::Generated, |analyzer| analyzer.expr(node))?;
                    return analyzer.assign_default(expr, info, raw::location(node));
                }
                analyzer.within(Clause::Check, |analyzer| {
                    let expr = analyzer.expr(node)?;
                    analyzer.coerce_to_boolean(expr, "CHECK", raw::location(node))
                })
            }
            ExpressionUse::Default { column } => {
                let column = relation
                    .columns
                    .get(column)
                    .ok_or_else(|| PgError::internal("a default of no column"))?;
                let expr = analyzer.within(Clause::Default, |analyzer| analyzer.expr(node))?;
                analyzer.assign_default(expr, column, raw::location(node))
            }
        })
    }
}
